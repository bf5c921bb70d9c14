// The browser's half of painter.py: strokes and photos go to Python, pictures and words come back. The brush,
// `element` and the like are in brush.js.

const WAIT = 250; // ms without a new stroke before Python is asked: dabs may follow fast
const MOST_BYTES = 8e6; // what Jupyter carries in one message, with room to spare
const HELP =
  "Keys, once the photo has the focus: arrows move the brush (with Shift by one pixel), Space puts it down and " +
  "lifts it, [ and ] change the size, E rubs out, Z undoes.";

function render({ model, el }) {
  const canvas = element("canvas", {
    tabindex: "0", role: "application", "aria-label": `Photo to paint on. ${HELP}`,
  });
  const color = element("input", { type: "color", value: model.get("color") });
  const size = element("input", { type: "range", min: "2", max: "120", value: "40" });
  const file = element("input", { type: "file", accept: "image/*" });
  const status = element("p", { class: "status", role: "status" });
  const result = element("img");
  const video = element("video", { playsinline: "", "aria-label": "What the webcam sees" });
  video.muted = true;

  const eraser = button("Rub out", () => rubOut(!rubbing), { "aria-pressed": "false" });
  const tools = [
    element("label", {}, ["Colour ", color]),
    button("Skin colour", () => { color.value = model.get("skin"); rubOut(false); }),
    element("label", {}, ["Size ", size]),
    eraser,
    button("Undo", () => change(strokes.slice(0, -1))),
    button("Clear", () => change([])),
  ];
  const sources = [
    element("label", {}, ["Photo ", file]),
    button("Webcam", () => openCamera()),
  ];
  const camera = element("div", { class: "camera", hidden: "" }, [
    video,
    element("div", { class: "row" }, [
      button("Take the picture", () => take()), button("Close the camera", () => closeCamera()),
    ]),
  ]);
  const names = model.get("legend").map(([name, shade]) => {
    const patch = element("span", { class: "patch" });
    patch.style.background = shade;
    return element("span", {}, [patch, name]);
  });
  const panels = ["parse map", "face mask (white = occluded)", "confidence (yellow = sure)"];
  const root = element("div", { class: "occlib-painter" }, [
    element("div", { class: "paint" }, [
      canvas, element("div", { class: "row" }, tools), element("div", { class: "row" }, sources), camera,
      element("p", { class: "help" }, [HELP]),
    ]),
    element("div", { class: "found" }, [
      status, result,
      element("div", { class: "panels" }, panels.map((name) => element("span", {}, [name]))),
      element("div", { class: "legend" }, names),
    ]),
  ]);
  keepKeys(root);
  el.append(root);

  const context = canvas.getContext("2d");
  const overlay = document.createElement("canvas");
  const photo = new Image();
  let strokes = model.get("strokes");
  let rubbing = false;
  let timer = 0;
  let stream = null;

  function redraw() {
    overlay.width = canvas.width; // empties it
    draw(overlay.getContext("2d"), brush.stroke ? [...strokes, brush.stroke] : strokes);
    context.drawImage(photo, 0, 0);
    context.drawImage(overlay, 0, 0);
    if (brush.at) ring(context, brush.at, size.value);
  }

  function change(changed) {
    strokes = changed;
    redraw();
    clearTimeout(timer);
    timer = setTimeout(() => {
      status.textContent = "Looking …";
      model.set("strokes", strokes);
      model.save_changes();
    }, WAIT);
  }

  function rubOut(on) {
    rubbing = on;
    eraser.setAttribute("aria-pressed", String(on));
  }

  const resize = (by) => { size.value = Number(size.value) + by; };
  const brush = follow(canvas, {
    begin: () => ({ color: rubbing ? "" : color.value, width: Number(size.value) }),
    add: (stroke) => change([...strokes, stroke]),
    move: redraw,
    extent: () => [canvas.width, canvas.height],
    step: () => Math.max(2, size.value / 4),
    keys: {
      "[": () => resize(-4),
      "]": () => resize(4),
      e: () => rubOut(!rubbing),
      z: () => change(strokes.slice(0, -1)),
    },
  });
  size.addEventListener("input", redraw);
  color.addEventListener("input", () => rubOut(false));

  async function send(blob) {
    if (blob.size > MOST_BYTES) {
      const found = `This file has ${(blob.size / 1e6).toFixed(0)} MB`;
      status.textContent = `${found}, at most ${MOST_BYTES / 1e6} are possible: shrink it first.`;
      return;
    }
    status.textContent = "Looking …";
    model.send({ kind: "photo" }, undefined, [await blob.arrayBuffer()]);
  }

  file.addEventListener("change", () => {
    if (file.files.length) send(file.files[0]);
    file.value = ""; // so that the same file can be chosen again
  });

  async function openCamera() {
    if (!navigator.mediaDevices) {
      status.textContent = "No camera here: browsers lend it to https:// and localhost pages only.";
      return;
    }
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" } });
    } catch (error) {
      const refused = error.name === "NotAllowedError";
      status.textContent = refused ? "The browser may not use the camera." : "No camera was found.";
      return;
    }
    video.srcObject = stream;
    camera.hidden = false;
    await video.play();
  }

  function closeCamera() {
    for (const track of stream?.getTracks() ?? []) track.stop();
    stream = null;
    camera.hidden = true;
  }

  function take() {
    if (!video.videoWidth) return; // it has not started yet
    const still = element("canvas", { width: video.videoWidth, height: video.videoHeight });
    still.getContext("2d").drawImage(video, 0, 0);
    closeCamera();
    still.toBlob(send, "image/jpeg", 0.92);
  }

  photo.addEventListener("load", () => {
    [canvas.width, canvas.height] = [photo.naturalWidth, photo.naturalHeight];
    overlay.height = canvas.height;
    redraw();
  });
  const showPhoto = () => { show(photo, model.get("photo"), "image/png"); };
  const showStrokes = () => { strokes = model.get("strokes"); redraw(); };
  const showAnswer = () => {
    show(result, model.get("result"), "image/jpeg");
    result.alt = `Parse map, face mask and confidence: ${model.get("words")}`;
    status.textContent = model.get("words");
  };
  const followed = { "change:photo": showPhoto, "change:strokes": showStrokes, "change:answers": showAnswer };
  for (const [name, act] of Object.entries(followed)) model.on(name, act);
  showPhoto();
  showAnswer();
  return () => {
    closeCamera();
    for (const [name, act] of Object.entries(followed)) model.off(name, act);
  };
}

export default { render };
