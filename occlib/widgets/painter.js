// The browser's half of painter.py: strokes and photos go to Python, pictures and words come back.

const WAIT = 250; // ms without a new stroke before Python is asked: dabs may follow fast
const MOST_BYTES = 8e6; // what Jupyter carries in one message, with room to spare
const HELP =
  "Keys, once the photo has the focus: arrows move the brush (with Shift by one pixel), Space puts a dab, " +
  "[ and ] change the size, E rubs out, Z undoes.";

function element(tag, attributes = {}, children = []) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function draw(context, strokes) {
  context.lineCap = context.lineJoin = "round";
  for (const { points, color, width } of strokes) {
    context.globalCompositeOperation = color ? "source-over" : "destination-out";
    context.strokeStyle = color || "#000";
    context.lineWidth = width;
    context.beginPath();
    context.moveTo(...points[0]);
    for (const point of points.length > 1 ? points.slice(1) : points) context.lineTo(...point);
    context.stroke();
  }
}

function show(image, bytes, type) {
  URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(new Blob([bytes], { type }));
}

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

  const button = (label, act, attributes = {}) => {
    const made = element("button", { type: "button", ...attributes }, [label]);
    made.addEventListener("click", act);
    return made;
  };
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
  root.addEventListener("keydown", (event) => {
    // Jupyter would take plain letters for commands: insert a cell, delete it, ...
    if (!event.ctrlKey && !event.metaKey) event.stopPropagation();
  });
  el.append(root);

  const context = canvas.getContext("2d");
  const overlay = document.createElement("canvas");
  const photo = new Image();
  let strokes = model.get("strokes");
  let current = null; // the stroke under the pen
  let brush = null; // where the brush is, [x, y] in pixels of the photo
  let rubbing = false;
  let timer = 0;
  let stream = null;

  function redraw() {
    overlay.width = canvas.width; // empties it
    draw(overlay.getContext("2d"), current ? [...strokes, current] : strokes);
    context.drawImage(photo, 0, 0);
    context.drawImage(overlay, 0, 0);
    if (!brush) return;
    for (const [shade, width] of [["#fff", 3], ["#000", 1]]) { // a ring that is seen on every photo
      context.strokeStyle = shade;
      context.lineWidth = width;
      context.beginPath();
      context.arc(...brush, size.value / 2, 0, 2 * Math.PI);
      context.stroke();
    }
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

  function stroke(points) {
    return { points, color: rubbing ? "" : color.value, width: Number(size.value) };
  }

  function place(event) {
    const box = canvas.getBoundingClientRect();
    const scale = canvas.width / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    brush = place(event);
    current = stroke([brush]);
    redraw();
  });
  canvas.addEventListener("pointermove", (event) => {
    brush = place(event);
    if (current) {
      const [x, y] = current.points[current.points.length - 1];
      if (Math.hypot(brush[0] - x, brush[1] - y) >= 1) current.points.push(brush);
    }
    redraw();
  });
  for (const name of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(name, () => {
      if (!current) return;
      const done = current;
      current = null;
      change([...strokes, done]);
    });
  }
  canvas.addEventListener("pointerleave", () => { brush = null; redraw(); });

  const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const arrow = ARROWS[event.key];
    const within = (value, end) => Math.min(Math.max(value, 0), end);
    brush ??= [canvas.width / 2, canvas.height / 2];
    if (arrow) {
      const step = event.shiftKey ? 1 : Math.max(2, size.value / 4);
      const [x, y] = [brush[0] + step * arrow[0], brush[1] + step * arrow[1]];
      brush = [within(x, canvas.width), within(y, canvas.height)];
    } else if (event.key === " ") change([...strokes, stroke([brush])]);
    else if (event.key === "[") size.value = Number(size.value) - 4;
    else if (event.key === "]") size.value = Number(size.value) + 4;
    else if (event.key.toLowerCase() === "e") rubOut(!rubbing);
    else if (event.key.toLowerCase() === "z") change(strokes.slice(0, -1));
    else return;
    event.preventDefault();
    redraw();
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
