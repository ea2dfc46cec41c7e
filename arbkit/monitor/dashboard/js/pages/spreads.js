// The matrix of venue pairs of one symbol, the best pair of each symbol, and one pair over time.
import { el, say } from "../dom.js";
import { bps, count } from "../format.js";
import { Chart } from "../parts/chart.js";
import { Grid } from "../parts/grid.js";
import { Heat, pairText } from "../parts/heat.js";
import { head, panel } from "../parts/panel.js";
import { go, where } from "../router.js";
import { Best } from "../best.js";

const BEST = [
  { name: "symbol", label: "Symbol", width: "minmax(84px, 1fr)", text: (s) => s.symbol, sort: (s) => s.symbol },
  { name: "buy", label: "Buy at", width: "minmax(64px, 1fr)", text: (s) => s.buy, sort: (s) => s.buy },
  { name: "sell", label: "Sell at", width: "minmax(64px, 1fr)", text: (s) => s.sell, sort: (s) => s.sell },
  { name: "gross", label: "Gross", width: "60px", end: true, hide: 380, title: "basis points", text: (s) => bps(s.gross), sort: (s) => s.gross },
  { name: "net", label: "Net", width: "60px", end: true, title: "basis points, net of the taker fees", text: (s) => bps(s.net), state: (s) => (s.net > 0 ? "good" : "faint"), sort: (s) => s.net },
  { name: "notional", label: "Size", width: "76px", end: true, hide: 460, title: "what the best levels carry, in the quote asset", text: (s) => count(s.notional), sort: (s) => s.notional },
];

export const spreads = {
  id: "spreads",
  label: "Spreads",
  needs: ([symbol]) => (symbol ? [{ topic: "spreads", symbols: [symbol], every_ms: 100 }] : []),
  make: (root, app) => new Spreads(root, app),
};

class Spreads {
  constructor(root, app) {
    this.app = app;
    const { changed } = app;
    this.best = new Best(changed);
    this.symbol = el("h2");
    this.heat = new Heat({ open: (buy, sell) => go(["spreads", this.at.symbol, buy, sell]) });
    this.about = el("p", { class: "small soft heat-about" });
    this.table = new Grid({ label: "Best pair of each symbol", columns: BEST, key: (s) => s.symbol, empty: "No symbol is listed at two venues yet.", tall: 16, sorted: ["net", true], open: (s) => go(["spreads", s.symbol, s.buy, s.sell]), changed });
    this.chart = new Chart({
      label: "Edge of the pair",
      lines: [
        { label: "Net, bp", colour: "accent", fill: "accent-wash", text: (v) => bps(v / 1e4) },
        { label: "Gross, bp", colour: "soft", dash: [4, 3], text: (v) => bps(v / 1e4) },
      ],
      axis: (value) => value.toFixed(Math.abs(value) < 10 ? 1 : 0),
      changed,
    });
    this.pair = el("h2");
    root.append(
      head("Spreads", "Edge of a purchase at one venue and a sale at another: best prices, net of the taker fees, in basis points."),
      el(
        "div",
        { class: "panels" },
        el(
          "section",
          { class: "panel span-8", "aria-label": "Venue pairs" },
          el("header", { class: "panel-head" }, this.symbol, el("div", { class: "right" }, scale())),
          this.heat.root,
          this.about,
        ),
        panel("Best pair of each symbol", { wide: "span-4" }, this.table.root),
        el("section", { class: "panel span-12", "aria-label": "One pair over time" }, el("header", { class: "panel-head" }, this.pair, el("span", { class: "small faint" }, "since this page was opened")), this.chart.root),
      ),
    );
    this.params(where().slice(1));
  }

  /** What of the address is chosen; the best symbol and pair where it says nothing. */
  params([symbol, buy, sell]) {
    this.at = { symbol, buy, sell };
    this.heat.choose(buy, sell);
    this.table.choose(symbol ?? null);
    this.plotted = 0;
  }

  rows() {
    return this.app.feed.table("spreads").list().filter((row) => row.symbol === this.at.symbol);
  }

  draw(fresh) {
    const { feed } = this.app;
    const { at } = this;
    if (this.best.fresh()) {
      this.table.set(this.best.rows);
      const best = this.best.rows.reduce((a, b) => ((b.net ?? -1) > (a?.net ?? -1) ? b : a), this.best.rows[0]);
      if (!at.symbol && best) return go(["spreads", best.symbol, best.buy, best.sell], { replace: true });
    }
    say(this.symbol, at.symbol ?? "No symbol");
    if (fresh("spreads")) {
      const rows = this.rows();
      const venues = [...new Set(rows.flatMap((row) => [row.buy, row.sell]))].sort();
      this.heat.set(rows, venues);
    }
    this.heat.draw();
    this.table.draw();
    const row = feed.table("spreads").rows.get(`${at.symbol}\n${at.buy}\n${at.sell}`);
    say(this.about, at.buy ? `Buy at ${at.buy}, sell at ${at.sell}. ${pairText(row)}` : "Choose a cell for its history.");
    say(this.pair, at.buy ? `${at.symbol}: buy at ${at.buy}, sell at ${at.sell}` : "No pair is chosen");
    const trail = this.app.trails.of(at.symbol, at.buy, at.sell);
    if (trail && trail.version !== this.plotted) {
      this.plotted = trail.version;
      this.chart.set(trail.data());
    } else if (!trail && this.plotted === 0) {
      this.plotted = -1;
      this.chart.set([[], [], []]);
    }
    this.chart.draw();
  }

  close() {
    this.best.close();
    this.table.close();
    this.chart.close();
  }
}

function scale() {
  const steps = [["none", "no book"], ["0", "≤ 0"], ["1", "> 0"], ["2", "3"], ["3", "8"], ["4", "20 bp"]];
  return el("ul", { class: "heat-scale" }, steps.map(([level, label]) => el("li", {}, el("i", { data: { heat: level } }), label)));
}

