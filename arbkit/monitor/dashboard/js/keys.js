// Keys without a modifier, where no field has the focus and no dialog is open.
import { isOpen, show } from "./dialog.js";
import { el } from "./dom.js";

/** `bindings`: `[[key, what it does, then]]`; `?` lists them. `more()`: lines below the list. */
export function bind(bindings, more) {
  const all = [...bindings, ["?", "This list", () => list(all, more())]];
  const byKey = new Map(all.map(([key, , then]) => [key, then]));
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || isOpen()) return;
    if (event.target.closest("input, select, textarea, [contenteditable]")) return;
    const then = byKey.get(event.key);
    if (!then) return;
    event.preventDefault();
    then();
  });
  return () => list(all, more());
}

function list(all, lines) {
  const rows = all.flatMap(([key, what]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, what)]);
  const grids = [
    ["↑ ↓ Home End", "Move in a table"],
    ["Enter", "Open the row"],
    ["Esc", "Close a dialog"],
  ].flatMap(([key, what]) => [el("dt", {}, el("kbd", {}, key)), el("dd", {}, what)]);
  show("Keys", el("dl", { class: "keys" }, rows, grids), ...lines.map((line) => el("p", { class: "small faint" }, line)));
}
