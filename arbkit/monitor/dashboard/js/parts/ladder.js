// One book as a ladder: asks above, bids below, the size of a level as a bar behind it. A side is two texts of many lines
// and one small canvas, because twelve ladders change ten times a second.
import { el, mark, say } from "../dom.js";
import { NONE, price, quantity, span, venueOf, width } from "../format.js";
import { colour, onTheme } from "../theme.js";

const LINE = 21;
const colours = { bid: "", ask: "" };

function readColours() {
  for (const side of Object.keys(colours)) colours[side] = colour(side);
}
onTheme(readColours);

export class Ladder {
  constructor(instrument, depth) {
    if (!colours.bid) readColours();
    this.light = el("span", { class: "dot" });
    this.state = el("span", { class: "small" });
    this.age = el("span", { class: "small faint ladder-age" });
    this.middle = el("div", { class: "ladder-middle" });
    this.asks = new Side("ask", depth);
    this.bids = new Side("bid", depth);
    this.root = el(
      "article",
      { class: "panel ladder", "aria-label": `Book of ${instrument}` },
      el("header", { class: "panel-head" }, this.light, el("h2", {}, venueOf(instrument)), this.state, this.age),
      el("div", { class: "ladder-names" }, el("span", {}, "Price"), el("span", {}, "Size")),
      this.asks.root,
      this.middle,
      this.bids.root,
    );
  }

  /** `row`: of the topic ladders; `book`: the top of the same book, with the reason; both may be missing. */
  fill(row, book) {
    const state = row?.state ?? book?.state ?? "no book";
    const light = state === "synced" ? "good" : state === "syncing" ? "warn" : "bad";
    say(this.state, state);
    mark(this.state, state === "synced" ? "faint" : light);
    mark(this.light, light);
    this.root.classList.toggle("untrusted", state !== "synced");
    say(this.age, row ? span(row.age_us) : "");
    if (this.root.title !== (book?.reason ?? "")) this.root.title = book?.reason ?? "";
    let most = 1e-12;
    for (const side of [row?.asks ?? [], row?.bids ?? []]) for (const [, size] of side) if (size > most) most = size;
    this.asks.fill(row?.asks ?? [], most);
    this.bids.fill(row?.bids ?? [], most);
    const [ask, bid] = [row?.asks[0]?.[0], row?.bids[0]?.[0]];
    say(this.middle, ask && bid ? `spread ${width(ask / bid - 1)} bp` : book?.reason || NONE);
  }
}

class Side {
  constructor(side, depth) {
    this.side = side;
    this.depth = depth;
    this.prices = el("span", { "aria-label": `${side} prices` });
    this.sizes = el("span", { "aria-label": `${side} sizes` });
    this.bars = el("canvas", { width: 100, height: depth * LINE, "aria-hidden": true }); // its width is stretched: percent
    this.root = el("div", { class: `ladder-side ${side}` }, this.bars, this.prices, this.sizes);
    this.root.style.height = `${depth * LINE}px`;
  }

  /** `levels`: the best first. The best ask is the lowest line of its side. */
  fill(levels, most) {
    const shown = Array.from({ length: this.depth }, (_, i) => levels[i]);
    if (this.side === "ask") shown.reverse();
    say(this.prices, shown.map((level) => (level ? price(level[0]) : "")).join("\n"));
    say(this.sizes, shown.map((level) => (level ? quantity(level[1]) : "")).join("\n"));
    this.draw(shown.map((level) => (level ? Math.max(1, Math.round((level[1] / most) * 100)) : 0)));
  }

  draw(shares) {
    const wanted = `${colours[this.side]} ${shares}`;
    if (wanted === this.drawn) return;
    this.drawn = wanted;
    const context = this.bars.getContext("2d");
    context.clearRect(0, 0, 100, this.depth * LINE);
    context.fillStyle = colours[this.side];
    shares.forEach((share, i) => context.fillRect(100 - share, i * LINE + 1, share, LINE - 2));
  }
}
