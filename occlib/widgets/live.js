// The browser's half of live.py: values of controls go to Python, a picture and words come back. Python is
// asked again only when it has answered, so that a fast hand gets fewer pictures but no late ones.

const FRAME = 60; // ms that a picture stays at least while it plays

function render({ model, el }) {
  const fields = model.get("controls").map(({ label, options, ...attributes }) => {
    const input = options
      ? element("select", {}, options.map((name) => element("option", {}, [name])))
      : element("input", attributes);
    input.setAttribute("aria-label", label);
    const { min, max } = attributes;
    const read = () => (options ? input.value : Math.min(Math.max(Number(input.value), min), max));
    const reading = element("span", { "aria-hidden": "true" }); // the slider says it itself
    const row = element("label", {}, [element("span", {}, [label]), input, reading]);
    const write = (value) => {
      input.value = value;
      if (attributes.type === "range") reading.textContent = read();
    };
    // A number that is typed is taken when it is whole: "1" may become "12".
    input.addEventListener(attributes.type === "number" ? "change" : "input", () => {
      write(read());
      change();
    });
    return { row, read, write, input };
  });
  const play = button("Play", () => { playing ? stop() : start(); });
  const press = (index) => () => model.send({ press: index });
  const buttons = model.get("buttons").map((label, index) => button(label, press(index)));
  if (model.get("plays")) buttons.unshift(play);
  const picture = element("img");
  const words = element("p", { role: "status" });
  const root = element("div", { class: "occlib-live" }, [
    element("div", { class: "controls" }, [
      ...fields.map(({ row }) => row), element("div", { class: "buttons" }, buttons),
    ]),
    element("div", { class: "shown" }, [picture, words]),
  ]);
  keepKeys(root);
  el.append(root);

  let waiting = false; // for an answer
  let changed = false; // since Python was asked
  let playing = false;

  function change() {
    const values = fields.map(({ read }) => read());
    changed = String(values) !== String(model.get("values"));
    if (!changed || waiting) return;
    [waiting, changed] = [true, false];
    model.set("values", values);
    model.save_changes();
  }

  function start() {
    const { input } = fields[0];
    playing = true;
    play.textContent = "Pause";
    if (input.value === input.max) fields[0].write(input.min);
    else input.stepUp();
    next();
  }

  function stop() {
    playing = false;
    play.textContent = "Play";
  }

  function next() {
    fields[0].write(fields[0].read());
    change();
  }

  function showAnswer() {
    const shown = model.get("picture");
    picture.hidden = !shown.byteLength;
    if (shown.byteLength) show(picture, shown, "image/jpeg");
    picture.alt = model.get("alt");
    words.textContent = model.get("words");
    waiting = false;
    if (changed) change();
    else model.get("values").forEach((value, index) => fields[index].write(value));
    if (!playing) return;
    const { input } = fields[0];
    if (input.value === input.max) stop();
    else setTimeout(() => { if (playing) { input.stepUp(); next(); } }, FRAME);
  }

  model.on("change:answers", showAnswer);
  showAnswer();
  return () => {
    stop();
    model.off("change:answers", showAnswer);
  };
}

export default { render };
