// What every widget's half in the browser is made of. `script` of live.py puts this file in front of it.

function element(tag, attributes = {}, children = []) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function button(label, act, attributes = {}) {
  const made = element("button", { type: "button", ...attributes }, [label]);
  made.addEventListener("click", act);
  return made;
}

function show(image, bytes, type) {
  URL.revokeObjectURL(image.src);
  image.src = URL.createObjectURL(new Blob([bytes], { type }));
}

function keepKeys(root) {
  root.addEventListener("keydown", (event) => {
    // Jupyter would take plain letters for commands: insert a cell, delete it, ...
    if (!event.ctrlKey && !event.metaKey) event.stopPropagation();
  });
}
