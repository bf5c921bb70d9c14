// The browser's half of contour_editor.py: strokes go to Python, the complete face and words come back. The
// brush, `element` and the like are in brush.js.

const WAIT = 80; // ms without a new stroke before Python is asked: dabs may follow fast
const ZOOM = 3; // pixels of the canvas for a pixel of the photo: thin lines need room
const HELP =
  "Keys, once the photo has the focus: arrows move the pen (with Shift by one pixel), Space puts it down and " +
  "lifts it, E changes between pen and rubber, [ and ] change the rubber's size, Z undoes.";

function render({ model, el }) {
  const canvas = element("canvas", {
    tabindex: "0", role: "application", "aria-label": `Contours to edit in the hole of a photo. ${HELP}`,
  });
  const size = element("input", { type: "range", min: "2", max: "60", value: "12" });
  const status = element("p", { class: "status", role: "status" });
  const result = element("img");
  const pen = button("Draw", () => rubOut(false), { "aria-pressed": "true" });
  const rubber = button("Rub out", () => rubOut(true), { "aria-pressed": "false" });
  const tools = [
    pen,
    rubber,
    element("label", {}, ["Rubber ", size]),
    button("Undo", () => change(strokes.slice(0, -1))),
    button("As N_cont drew them", () => change([])),
    button("No contours", () => change([...strokes, everywhere()])),
  ];
  const root = element("div", { class: "occlib-contour-editor" }, [
    element("div", { class: "edit" }, [
      canvas, element("div", { class: "row" }, tools), element("p", { class: "help" }, [HELP]),
    ]),
    element("div", { class: "made" }, [result, status]),
  ]);
  keepKeys(root);
  el.append(root);

  const context = canvas.getContext("2d");
  const overlay = document.createElement("canvas");
  const [photo, drawn, hole] = [new Image(), new Image(), new Image()];
  let strokes = model.get("strokes");
  let rubbing = false;
  let timer = 0;

  function everywhere() { // rubs out all there is
    const side = photo.naturalWidth;
    return { points: [[side / 2, side / 2]], color: "", width: 2 * side };
  }

  function redraw() {
    overlay.width = canvas.width; // empties it
    const lines = overlay.getContext("2d");
    lines.imageSmoothingEnabled = context.imageSmoothingEnabled = false;
    lines.scale(ZOOM, ZOOM);
    lines.drawImage(drawn, 0, 0);
    draw(lines, brush.stroke ? [...strokes, brush.stroke] : strokes);
    lines.globalCompositeOperation = "destination-in"; // there are no strokes outside of the hole
    lines.drawImage(hole, 0, 0);
    context.drawImage(photo, 0, 0, canvas.width, canvas.height);
    context.drawImage(overlay, 0, 0);
    const width = rubbing ? Number(size.value) : 4 * model.get("pen");
    if (brush.at) ring(context, brush.at.map((x) => ZOOM * x), ZOOM * width);
  }

  function change(changed) {
    strokes = changed;
    redraw();
    clearTimeout(timer);
    timer = setTimeout(() => {
      model.set("strokes", strokes);
      model.save_changes();
    }, WAIT);
  }

  function rubOut(on) {
    rubbing = on;
    pen.setAttribute("aria-pressed", String(!on));
    rubber.setAttribute("aria-pressed", String(on));
  }

  const resize = (by) => { size.value = Number(size.value) + by; };
  const brush = follow(canvas, {
    begin: () => ({
      color: rubbing ? "" : "#ffffff", width: rubbing ? Number(size.value) : model.get("pen"),
    }),
    add: (stroke) => change([...strokes, stroke]),
    move: redraw,
    extent: () => [photo.naturalWidth, photo.naturalHeight],
    step: () => 4,
    keys: {
      "[": () => resize(-2),
      "]": () => resize(2),
      e: () => rubOut(!rubbing),
      z: () => change(strokes.slice(0, -1)),
    },
  });
  size.addEventListener("input", redraw);

  for (const image of [photo, drawn, hole]) {
    image.addEventListener("load", () => {
      if (![photo, drawn, hole].every(({ complete, naturalWidth }) => complete && naturalWidth)) return;
      [canvas.width, canvas.height] = [ZOOM * photo.naturalWidth, ZOOM * photo.naturalHeight];
      overlay.height = canvas.height;
      redraw();
    });
  }
  const showStrokes = () => { strokes = model.get("strokes"); redraw(); };
  const showAnswer = () => {
    show(result, model.get("result"), "image/png");
    result.alt = `The complete face: ${model.get("words")}`;
    status.textContent = model.get("words");
  };
  const followed = { "change:strokes": showStrokes, "change:answers": showAnswer };
  for (const [name, act] of Object.entries(followed)) model.on(name, act);
  show(photo, model.get("photo"), "image/png");
  show(drawn, model.get("drawn"), "image/png");
  show(hole, model.get("hole"), "image/png");
  showAnswer();
  return () => {
    for (const [name, act] of Object.entries(followed)) model.off(name, act);
  };
}

export default { render };
