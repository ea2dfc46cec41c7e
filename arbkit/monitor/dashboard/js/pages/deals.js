// Open and newly closed deals; of one of them its legs, orders, time, and expected against earned.
import { ask } from "../actions.js";
import { el } from "../dom.js";
import { amount, exact, gainState, moment, NONE, pairName, signed, span } from "../format.js";
import { DEALS, dealState, fees, ORDERS } from "../parts/columns.js";
import { Grid } from "../parts/grid.js";
import { head, panel } from "../parts/panel.js";
import { timeline } from "../parts/timeline.js";
import { go, where } from "../router.js";
import { call } from "../session.js";

const PARTS = [
  ["slippage", "Slippage", "fills at other prices than the limit of the plan"],
  ["fees", "Fees", "other than expected"],
  ["latency", "Latency", "prices moved until the orders arrived"],
  ["unwind", "Unwind", "what it cost to make the deal whole"],
  ["leftovers", "Leftovers", "what was left, at its price then"],
];

export const deals = {
  id: "deals",
  label: "Deals",
  needs: () => [{ topic: "deals", every_ms: 250 }],
  make: (root, app) => new Deals(root, app),
};

class Deals {
  constructor(root, app) {
    this.app = app;
    const { changed } = app;
    this.splits = new Map();
    this.table = new Grid({ label: "Deals", columns: DEALS, key: (d) => d.id, empty: "No deal yet. Overview says why.", tall: 18, sorted: ["opened", true], open: (d) => go(["deals", d.id]), changed });
    this.detail = el("div", { class: "panel span-7", "aria-live": "off" });
    root.append(
      head("Deals", "Open ones, and those that closed a short while ago. History has all."),
      el("div", { class: "panels" }, panel("Deals", { wide: "span-5" }, this.table.root), this.detail),
    );
    this.params(where().slice(1));
  }

  params([id]) {
    this.id = id ?? null;
    this.shown = null;
    this.table.choose(this.id);
  }

  draw(fresh) {
    const { feed } = this.app;
    const table = feed.table("deals");
    if (fresh("deals")) this.table.set(table.list());
    this.table.draw();
    if (this.id === null && this.table.rows.length) this.id = this.table.rows[0].id;
    this.table.choose(this.id);
    const deal = this.id === null ? null : table.rows.get(this.id);
    if (deal !== this.shown || this.shown === null) this.show(deal ?? null, table.version > 0);
    this.orders?.draw();
  }

  show(deal, loaded) {
    if (this.shown === deal && this.empty === loaded) return;
    this.shown = deal;
    this.empty = loaded;
    this.orders?.close();
    this.orders = null;
    if (!deal) {
      const text = !loaded ? "Loading" : this.id === null ? "No deal yet." : `Deal ${this.id} is not among the newest. Look for it in the history.`;
      this.detail.replaceChildren(el("p", { class: "empty" }, text));
      return;
    }
    const [text, state] = dealState(deal);
    this.orders = new Grid({ label: "Orders of the deal", columns: ORDERS, key: (o) => o.cl_ord_id, empty: "No order yet.", tall: 8, sorted: ["sent", false], changed: this.app.changed });
    this.orders.set(deal.orders);
    this.detail.replaceChildren(
      el(
        "header",
        { class: "panel-head" },
        el("h2", {}, `${pairName(deal.pair)}, deal ${deal.id}`),
        el("span", { class: "badge", data: { state } }, text),
        el("div", { class: "right" }, this.app.session.mayTrade && deal.state === "held" && el("button", { type: "button", class: "button", on: { click: () => ask("release", deal.pair) } }, "Release")),
      ),
      deal.why ? el("p", { class: "idle", data: { state: deal.state === "held" ? "bad" : deal.closed_us === null ? "warn" : "" } }, deal.why) : "",
      facts(deal),
      this.split(deal),
      el("h3", { class: "part" }, "Time"),
      timeline(deal.orders),
      el("h3", { class: "part" }, "Legs"),
      legs(deal),
      el("h3", { class: "part" }, "Orders"),
      this.orders.root,
    );
    this.app.changed();
  }

  /** Expected against earned. The parts come from the history, once a closed deal is there. */
  split(deal) {
    const box = el("div", { class: "split" });
    const fill = (row) => {
      const line = (label, value, what, strong) =>
        el("div", { class: strong ? "strong" : null }, el("dt", { title: what }, label), el("dd", { data: { state: strong ? gainState(value) : "" } }, signed(value, 4)));
      box.replaceChildren(
        el(
          "dl",
          {},
          line("Expected", deal.expected, "net of fees, when it was begun"),
          row ? PARTS.map(([name, label, what]) => line(label, row[name], what)) : "",
          line("Earned", deal.realised, "net of fees", true),
        ),
      );
    };
    fill(this.splits.get(deal.id));
    if (deal.closed_us !== null && !this.splits.has(deal.id)) this.ask(deal, fill);
    return box;
  }

  async ask(deal, fill) {
    try {
      const { rows } = await call(`history/deals?since=${deal.opened_us}&until=${deal.opened_us + 1}&limit=20`);
      const row = rows.find((one) => one.id === deal.id);
      if (!row || row.closed_us === null) return;
      this.splits.set(deal.id, row);
      if (this.shown?.id === deal.id) fill(row);
    } catch {
      // without the parts
    }
  }

  close() {
    this.table.close();
    this.orders?.close();
  }
}

function facts(deal) {
  const took = deal.closed_us === null ? "open" : span(deal.closed_us - deal.opened_us);
  const all = [["Strategy", deal.strategy], ["Began", `${moment(deal.opened_us)} UTC`], ["Took", took], ["In", deal.asset]];
  return el("dl", { class: "facts" }, all.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

function legs(deal) {
  const names = ["Wave", "Side", "Instrument", "Quantity", "Limit", "Filled", "Average", "Fees"];
  return el(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": "Legs" },
    el(
      "table",
      { class: "plain" },
      el("thead", {}, el("tr", {}, names.map((name) => el("th", { scope: "col" }, name)))),
      el(
        "tbody",
        {},
        deal.legs.map((leg) =>
          el(
            "tr",
            {},
            [String(leg.wave + 1), leg.side, leg.instrument, exact(leg.qty), exact(leg.px), exact(leg.filled), leg.avg_px === null ? NONE : amount(leg.avg_px, 4), fees(leg.fees)].map((text) => el("td", {}, text)),
          ),
        ),
      ),
    ),
  );
}
