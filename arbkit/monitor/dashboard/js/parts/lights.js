// The venues as lights, each with its reason as text.
import { el, keyed, mark, say } from "../dom.js";

/** good = it can trade, warn = it can only finish, bad = it cannot. */
export function venueState(venue) {
  if (venue.mode === "halted") return "bad";
  if (venue.why) return venue.links.some((link) => link.role === "public" && link.up) ? "warn" : "bad";
  return venue.mode === "active" ? "good" : "warn";
}

export function venueText(venue) {
  if (venue.mode !== "active") return venue.why ? `${venue.mode}: ${venue.why}` : venue.mode;
  return venue.why || "ready";
}

export class Lights {
  /** `tools(name)`: what stands at the right of a venue; null = nothing. */
  constructor({ tools = null } = {}) {
    this.tools = tools;
    this.root = el("ul", { class: "lights" });
  }

  /** Those that cannot trade come first. */
  draw(venues) {
    const order = { bad: 0, warn: 1, good: 2 };
    keyed(
      this.root,
      [...venues].sort((a, b) => order[venueState(a)] - order[venueState(b)]),
      (venue) => venue.name,
      (venue) => this.make(venue),
      (node, venue) => this.fill(node, venue),
    );
  }

  make(venue) {
    const light = el("span", { class: "dot" });
    const books = el("span", { class: "faint small lights-books" });
    const why = el("span", { class: "lights-why" });
    const node = el("li", {}, light, el("div", {}, el("span", { class: "lights-name" }, venue.name), why, books), this.tools?.(venue.name));
    node.parts = { light, books, why };
    return node;
  }

  fill(node, venue) {
    const state = venueState(venue);
    mark(node.parts.light, state);
    say(node.parts.books, `${venue.trusted}/${venue.books} books`);
    say(node.parts.why, venueText(venue));
    mark(node.parts.why, state === "good" ? "faint" : state);
    if (node.title !== venueText(venue)) node.title = venueText(venue);
  }
}
