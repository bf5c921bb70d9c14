// The browser's half of before_after.py. One invisible slider lies over both pictures: mouse, finger and keys
// move the border with it.

function render({ model, el }) {
  const [before, after] = model.get("labels");
  const slider = element("input", {
    type: "range", min: "0", max: "100", value: model.get("start"),
    "aria-label": `Border between ${before} and ${after}`,
  });
  const pictures = [element("img", { alt: after }), element("img", { alt: before, class: "before" })];
  const root = element("div", { class: "occlib-before-after" }, [
    element("div", { class: "names" }, [element("span", {}, [before]), element("span", {}, [after])]),
    element("div", { class: "pictures" }, [...pictures, slider, element("span", { class: "border" })]),
  ]);
  const move = () => {
    root.style.setProperty("--border", `${slider.value}%`);
    slider.setAttribute("aria-valuetext", `${slider.value} % ${before}`);
  };
  slider.addEventListener("input", move);
  keepKeys(root);
  el.append(root);
  show(pictures[0], model.get("after"), "image/jpeg");
  show(pictures[1], model.get("before"), "image/jpeg");
  move();
}

export default { render };
