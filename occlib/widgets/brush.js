// A brush for a canvas, by mouse, pen, finger or keys.

function draw(context, strokes) {
  context.lineCap = context.lineJoin = "round";
  for (const { points, color, width } of strokes) {
    context.globalCompositeOperation = color ? "source-over" : "destination-out";
    context.strokeStyle = context.fillStyle = color || "#000";
    context.lineWidth = width;
    context.beginPath();
    if (points.length === 1) { // a dab: browsers draw no line that has no length
      context.arc(...points[0], width / 2, 0, 2 * Math.PI);
      context.fill();
      continue;
    }
    context.moveTo(...points[0]);
    for (const point of points.slice(1)) context.lineTo(...point);
    context.stroke();
  }
}

function ring(context, [x, y], diameter, thickness = 1) { // one that is seen on every photo
  for (const [shade, width] of [["#fff", 3], ["#000", 1]]) {
    context.strokeStyle = shade;
    context.lineWidth = width * thickness;
    context.beginPath();
    context.arc(x, y, diameter / 2, 0, 2 * Math.PI);
    context.stroke();
  }
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

// begin() -> {color, width} of a stroke that starts; add(stroke) takes it when it ends; move() follows the
// brush; extent() -> [width, height] of the photo that fills the canvas; step() -> its pixels for an arrow;
// keys: what else does something, by its name. Gives `at`, where the brush is in pixels of the photo, or null,
// and the stroke under it.
function follow(canvas, { begin, add, move, extent, step, keys }) {
  const brush = { at: null, stroke: null };

  function down(point) {
    brush.at = point;
    brush.stroke = { points: [point], ...begin() };
    move();
  }

  function go(point) {
    brush.at = point;
    if (brush.stroke) {
      const [x, y] = brush.stroke.points[brush.stroke.points.length - 1];
      if (Math.hypot(point[0] - x, point[1] - y) >= 1) brush.stroke.points.push(point);
    }
    move();
  }

  function up() {
    const done = brush.stroke;
    brush.stroke = null;
    if (done) add(done);
  }

  function place(event) {
    const box = canvas.getBoundingClientRect();
    const scale = extent()[0] / box.width;
    return [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.focus({ preventScroll: true });
    canvas.setPointerCapture(event.pointerId);
    down(place(event));
  });
  canvas.addEventListener("pointermove", (event) => go(place(event)));
  for (const name of ["pointerup", "pointercancel", "blur"]) canvas.addEventListener(name, up);
  canvas.addEventListener("pointerleave", () => {
    if (brush.stroke) return; // a key holds it down
    brush.at = null;
    move();
  });
  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const name = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const within = (value, end) => Math.min(Math.max(value, 0), end);
    const [width, height] = extent();
    brush.at ??= [width / 2, height / 2];
    if (ARROWS[name]) {
      const far = event.shiftKey ? 1 : step();
      const [x, y] = [brush.at[0] + far * ARROWS[name][0], brush.at[1] + far * ARROWS[name][1]];
      go([within(x, width), within(y, height)]);
    } else if (name === " ") brush.stroke ? up() : down(brush.at);
    else if (keys[name]) keys[name]();
    else return;
    event.preventDefault();
    move();
  });
  return brush;
}
