// The matrix of venue pairs: rows buy, columns sell, each cell the net edge. Cells are made once and changed in place.
import { el, say } from "../dom.js";
import { bps, count } from "../format.js";

const STEPS = [0, 0.0003, 0.0008, 0.002];

/** 0 = no edge above zero, 1 to 4 = its heat. */
export function heat(net) {
  if (net === null || net === undefined || net <= 0) return 0;
  let level = 0;
  for (const step of STEPS) if (net >= step) level += 1;
  return level;
}

export class Heat {
  /** `open(buy, sell)` at a click or Enter. */
  constructor({ open }) {
    this.open = open;
    this.venues = [];
    this.cells = new Map();
    this.chosen = null;
    this.table = el("table", { class: "heat", role: "grid", "aria-label": "Net edge by venue of the purchase and venue of the sale, in basis points" });
    this.root = el("div", { class: "heat-box" }, this.table);
    this.table.addEventListener("click", (event) => this.clicked(event));
    this.table.addEventListener("keydown", (event) => this.pressed(event));
  }

  lay(venues) {
    this.venues = venues;
    this.cells.clear();
    const head = el(
      "tr",
      {},
      el("th", { scope: "col", class: "heat-corner" }, el("span", {}, "buy at"), el("span", {}, "sell at")),
      venues.map((venue) => el("th", { scope: "col" }, el("span", {}, venue))),
    );
    const rows = venues.map((buy) =>
      el(
        "tr",
        {},
        el("th", { scope: "row" }, buy),
        venues.map((sell) => {
          if (buy === sell) return el("td", { class: "heat-none", "aria-label": "the same venue" });
          const button = el("button", { type: "button", tabindex: -1, data: { buy, sell } }, "–");
          this.cells.set(`${buy}\n${sell}`, button);
          return el("td", {}, button);
        }),
      ),
    );
    this.table.style.minWidth = `${90 + venues.length * 47}px`;
    this.table.replaceChildren(el("thead", {}, head), el("tbody", {}, rows));
    this.cells.values().next().value?.setAttribute("tabindex", 0);
  }

  /** `rows`: of one symbol. `venues`: in their order. */
  set(rows, venues) {
    if (venues.length !== this.venues.length || venues.some((name, i) => name !== this.venues[i])) this.lay(venues);
    this.rows = rows;
  }

  draw() {
    const seen = new Set();
    for (const row of this.rows ?? []) {
      const key = `${row.buy}\n${row.sell}`;
      const cell = this.cells.get(key);
      if (!cell) continue;
      seen.add(key);
      say(cell, bps(row.net));
      this.warm(cell, row.net === null ? "none" : String(heat(row.net)));
      if (cell.row !== row) cell.row = row;
    }
    for (const [key, cell] of this.cells) {
      if (!seen.has(key)) {
        say(cell, "–");
        this.warm(cell, "none");
        cell.row = null;
      }
      const chosen = key === this.chosen;
      if (cell.chosen !== chosen) {
        cell.chosen = chosen;
        cell.setAttribute("aria-pressed", chosen);
      }
    }
  }

  warm(cell, level) {
    if (cell.level === level) return;
    cell.level = level;
    cell.dataset.heat = level;
  }

  choose(buy, sell) {
    this.chosen = buy && sell ? `${buy}\n${sell}` : null;
  }

  clicked(event) {
    const { buy, sell } = event.target.closest("button")?.dataset ?? {};
    if (buy) this.open(buy, sell);
  }

  pressed(event) {
    const { buy, sell } = event.target.dataset;
    const step = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] }[event.key];
    if (!buy || !step) return;
    event.preventDefault();
    const at = [this.venues.indexOf(buy), this.venues.indexOf(sell)];
    for (let i = 0; i < 2; i += 1) {
      at[0] += step[0];
      at[1] += step[1];
      const next = this.cells.get(`${this.venues[at[0]]}\n${this.venues[at[1]]}`);
      if (!next) continue; // the diagonal: one step more
      event.target.tabIndex = -1;
      next.tabIndex = 0;
      next.focus();
      return;
    }
  }
}

/** A sentence about a pair. */
export function pairText(row) {
  if (!row || row.net === null) return "No edge: a book of the pair is not trusted.";
  return `Gross ${bps(row.gross)} bp, net of fees ${bps(row.net)} bp, on ${count(row.notional)} in the best levels.`;
}

