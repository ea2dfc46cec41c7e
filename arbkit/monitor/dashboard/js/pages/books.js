// The ladders of one symbol side by side, and the best prices of all books.
import { el, keyed } from "../dom.js";
import { count, price, quantity, span, symbolOf, venueOf, width } from "../format.js";
import { Grid } from "../parts/grid.js";
import { Ladder } from "../parts/ladder.js";
import { head, panel } from "../parts/panel.js";
import { go, where } from "../router.js";

const DEPTH = 8;
const wide = (b) => (b.bid_px && b.ask_px ? b.ask_px / b.bid_px - 1 : null);

const BOOKS = [
  { name: "venue", label: "Venue", width: "minmax(70px, 1fr)", text: (b) => venueOf(b.instrument), sort: (b) => venueOf(b.instrument) },
  { name: "symbol", label: "Symbol", width: "minmax(84px, 1fr)", text: (b) => symbolOf(b.instrument), sort: (b) => symbolOf(b.instrument) },
  { name: "state", label: "State", width: "72px", hide: 440, text: (b) => b.state, state: (b) => (b.state === "synced" ? "good" : b.state === "syncing" ? "warn" : "bad"), sort: (b) => b.state },
  { name: "bid_qty", label: "Bid size", width: "minmax(76px, 1fr)", end: true, hide: 640, text: (b) => quantity(b.bid_qty), sort: (b) => b.bid_qty },
  { name: "bid_px", label: "Bid", width: "minmax(74px, 1fr)", end: true, text: (b) => price(b.bid_px), sort: (b) => b.bid_px },
  { name: "ask_px", label: "Ask", width: "minmax(74px, 1fr)", end: true, text: (b) => price(b.ask_px), sort: (b) => b.ask_px },
  { name: "ask_qty", label: "Ask size", width: "minmax(76px, 1fr)", end: true, hide: 640, text: (b) => quantity(b.ask_qty), sort: (b) => b.ask_qty },
  { name: "wide", label: "Spread, bp", width: "80px", end: true, hide: 560, text: (b) => width(wide(b)), sort: wide },
  { name: "age", label: "Age", width: "72px", end: true, hide: 460, text: (b) => span(b.age_us), sort: (b) => b.age_us },
  { name: "levels", label: "Levels", width: "64px", end: true, hide: 780, text: (b) => count(b.levels), sort: (b) => b.levels },
  { name: "updates", label: "Updates", width: "84px", end: true, hide: 860, text: (b) => count(b.updates), sort: (b) => b.updates },
  { name: "reason", label: "Why it is not trusted", width: "minmax(120px, 2fr)", hide: 980, text: (b) => b.reason },
];

export const books = {
  id: "books",
  label: "Books",
  needs: ([symbol]) => [
    { topic: "books", every_ms: 100 },
    ...(symbol ? [{ topic: "ladders", symbols: [symbol], depth: DEPTH, every_ms: 100 }] : []),
  ],
  make: (root, app) => new Books(root, app),
};

class Books {
  constructor(root, app) {
    this.app = app;
    this.ladders = el("div", { class: "ladders", role: "region", "aria-label": "Ladders", tabindex: 0 });
    this.pick = el("select", { class: "field", id: "books-symbol", on: { change: () => go(["books", this.pick.value]) } });
    this.find = el("input", { class: "field", id: "books-find", type: "search", placeholder: "Filter", "aria-label": "Filter the books", autocomplete: "off", on: { input: () => this.filter() } });
    this.table = new Grid({ label: "Best prices of all books", columns: BOOKS, key: (b) => b.instrument, empty: "No book fits.", tall: 16, sorted: ["symbol", false], open: (b) => go(["books", symbolOf(b.instrument)]), changed: app.changed });
    this.seen = new IntersectionObserver((entries) => {
      for (const entry of entries) entry.target.inSight = entry.isIntersecting;
      app.changed();
    });
    root.append(
      head("Books", null, el("label", { for: "books-symbol", class: "small soft" }, "Symbol"), this.pick),
      this.ladders,
      el("div", { class: "panels" }, panel("All books", { wide: "span-12", tools: this.find }, this.table.root)),
    );
    this.params(where().slice(1));
  }

  params([symbol]) {
    this.symbol = symbol ?? null;
    if (this.symbol) this.pick.value = this.symbol;
    this.filled = false;
  }

  filter() {
    const text = this.find.value.trim().toLowerCase();
    const rows = this.app.feed.table("books").list();
    this.table.set(text ? rows.filter((row) => row.instrument.toLowerCase().includes(text) || row.state.includes(text)) : rows);
    this.app.changed();
  }

  symbols(rows) {
    const first = rows.length ? symbolOf(rows[0].instrument) : null;
    const names = [...new Set(rows.map((row) => symbolOf(row.instrument)))].sort();
    if (names.join() === this.named) return;
    this.named = names.join();
    this.pick.replaceChildren(...names.map((name) => el("option", { value: name }, name)));
    if (this.symbol) this.pick.value = this.symbol;
    else if (first) go(["books", first], { replace: true });
  }

  draw(fresh) {
    const { feed } = this.app;
    const tops = feed.table("books");
    const moved = fresh("books");
    if (moved) {
      this.symbols(tops.list());
      this.filter();
    }
    if (this.symbol && (fresh("ladders") || moved || !this.filled)) this.fill(tops, feed.table("ladders"));
    this.table.draw();
  }

  fill(tops, ladders) {
    this.filled = true;
    const names = tops.list().map((row) => row.instrument).filter((name) => symbolOf(name) === this.symbol).sort();
    keyed(
      this.ladders,
      names,
      (name) => name,
      (name) => {
        const ladder = new Ladder(name, DEPTH);
        ladder.root.ladder = ladder;
        ladder.root.inSight = true;
        this.seen.observe(ladder.root);
        return ladder.root;
      },
      (node, name) => {
        if (node.inSight) node.ladder.fill(ladders.rows.get(name), tops.rows.get(name));
      },
    );
  }

  close() {
    this.seen.disconnect();
    this.table.close();
  }
}
