// The box that each part of a page is in.
import { el } from "../dom.js";

/** `tools` stand at the right of the title. */
export function panel(title, { wide = "", note = null, tools = null } = {}, ...content) {
  return el(
    "section",
    { class: `panel ${wide}`, "aria-label": title },
    el("header", { class: "panel-head" }, el("h2", {}, title), note, tools && el("div", { class: "right" }, tools)),
    ...content,
  );
}

/** A number with its name, and a line below it. */
export class Tile {
  constructor(label) {
    this.value = el("dd", { class: "tile-value" }, "–");
    this.note = el("dd", { class: "tile-note" });
    this.root = el("div", { class: "tile" }, el("dt", {}, label), this.value, this.note);
  }
}

/** The head of a page. */
export function head(title, text, ...right) {
  return el(
    "div",
    { class: "page-head" },
    el("h1", { tabindex: -1 }, title),
    text && el("p", {}, text),
    el("div", { class: "right" }, right),
  );
}
