// Makes and changes elements. Data becomes text nodes and attributes, never markup.

/** `el("a", { class: "x", href: "#/", on: { click: f } }, "text", child)`. `null` and `false` make nothing. */
export function el(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, then] of Object.entries(value)) node.addEventListener(event, then);
    else if (name === "data") Object.assign(node.dataset, value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

const SVG = "http://www.w3.org/2000/svg";

/** A symbol of index.html. */
export function icon(name) {
  const node = document.createElementNS(SVG, "svg");
  node.setAttribute("class", "icon");
  node.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  node.append(use);
  return node;
}

/** Sets the text of a node that holds only text; the node is touched only if the text is another. */
export function say(node, text) {
  if (node.shown === text) return;
  node.shown = text;
  if (node.firstChild?.nodeType === Node.TEXT_NODE && !node.firstChild.nextSibling) node.firstChild.data = text;
  else node.textContent = text;
}

/** Sets the state that the style shows: good, warn, bad, faint or "". */
export function mark(node, state) {
  if (node.marked === state) return;
  node.marked = state;
  if (state) node.dataset.state = state;
  else delete node.dataset.state;
}

/** Keeps the children of `parent` equal to `items`, by key: made once, updated in place, moved only if the order is
 * another. `make(item)` returns an element, `update(element, item)` fills it. */
export function keyed(parent, items, key, make, update) {
  const known = (parent.keyed ??= new Map());
  const wanted = new Set();
  let at = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    wanted.add(name);
    let node = known.get(name);
    if (!node) known.set(name, (node = make(item)));
    update(node, item);
    if (node === at) at = at.nextElementSibling;
    else parent.insertBefore(node, at);
  }
  for (const [name, node] of known) {
    if (wanted.has(name)) continue;
    node.remove();
    known.delete(name);
  }
}
