// One book as a ladder: asks above, bids below, the size of a level as a bar behind it.
import { el, mark, say } from "../dom.js";
import { NONE, price, quantity, span, venueOf, width } from "../format.js";

export class Ladder {
  constructor(instrument, depth) {
    this.depth = depth;
    this.light = el("span", { class: "dot" });
    this.state = el("span", { class: "small" });
    this.age = el("span", { class: "small faint ladder-age" });
    this.middle = el("div", { class: "ladder-middle" });
    this.asks = Array.from({ length: depth }, () => new Level("ask"));
    this.bids = Array.from({ length: depth }, () => new Level("bid"));
    const body = el(
      "div",
      { class: "ladder-body", role: "table", "aria-label": `Levels of ${instrument}` },
      el("div", { class: "ladder-row ladder-names", role: "row" }, el("span", { role: "columnheader" }, "Price"), el("span", { role: "columnheader" }, "Size")),
      [...this.asks].reverse().map((level) => level.root),
      el("div", { role: "row", class: "ladder-middle-row" }, el("div", { role: "cell" }, this.middle)),
      this.bids.map((level) => level.root),
    );
    this.root = el("article", { class: "panel ladder" }, el("header", { class: "panel-head" }, this.light, el("h2", {}, venueOf(instrument)), this.state, this.age), body);
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
    this.state.title = book?.reason ?? "";
    const most = Math.max(1e-12, ...(row ? [...row.asks, ...row.bids].map(([, size]) => size) : []));
    for (let i = 0; i < this.depth; i += 1) {
      this.asks[i].fill(row?.asks[i], most);
      this.bids[i].fill(row?.bids[i], most);
    }
    const [ask, bid] = [row?.asks[0]?.[0], row?.bids[0]?.[0]];
    say(this.middle, ask && bid ? `spread ${width(ask / bid - 1)} bp` : book?.reason || NONE);
  }
}

class Level {
  constructor(side) {
    this.price = el("span", { role: "cell" });
    this.size = el("span", { role: "cell" });
    this.bar = el("i", { class: `ladder-bar ${side}`, "aria-hidden": true });
    this.root = el("div", { class: "ladder-row", role: "row" }, this.bar, this.price, this.size);
    this.share = -1;
  }

  fill(level, most) {
    say(this.price, level ? price(level[0]) : "");
    say(this.size, level ? quantity(level[1]) : "");
    const share = level ? Math.max(1, Math.round((level[1] / most) * 100)) : 0;
    if (share !== this.share) {
      this.share = share;
      this.bar.style.transform = `scaleX(${share / 100})`;
    }
  }
}
