// What is in the database: filters, pages, and the rows that are seen as CSV.
import { el, say } from "../dom.js";
import { day, exact, gainState, moment, NONE, pairName, signed, span } from "../format.js";
import { Chart } from "../parts/chart.js";
import { fees } from "../parts/columns.js";
import { download } from "../parts/csv.js";
import { Grid } from "../parts/grid.js";
import { head, panel } from "../parts/panel.js";
import { where } from "../router.js";
import { call } from "../session.js";

const PAGE = 200;
const time = (name, label, hide) => ({ name, label, hide, width: "minmax(132px, 150px)", text: (r) => moment(r[name]), sort: (r) => r[name] });
const word = (name, label, width = "minmax(90px, 1fr)", hide) => ({ name, label, width, hide, text: (r) => (r[name] === null || r[name] === undefined || r[name] === "" ? NONE : String(r[name])), sort: (r) => r[name] });
const sum = (name, label, hide) => ({ name, label, width: "minmax(76px, 1fr)", end: true, hide, text: (r) => exact(r[name]), sort: (r) => (r[name] === null ? null : Number(r[name])) });
const gain = (name, label, hide) => ({ name, label, width: "minmax(78px, 1fr)", end: true, hide, text: (r) => signed(r[name], 4), state: (r) => (hide ? "" : gainState(r[name])), sort: (r) => (r[name] === null ? null : Number(r[name])) });
const feeMap = (value) => (Array.isArray(value) ? Object.fromEntries(value) : (value ?? {}));
const paid = (hide) => ({ name: "fees", label: "Fees", width: "minmax(110px, 1fr)", end: true, hide, text: (r) => fees(feeMap(r.fees)) });
const told = (fields) => Object.entries(fields ?? {}).map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`).join(", ");

/** Of each kind: its columns, the time of its rows (for the next page), and whether it has a span and filters. */
const KINDS = {
  deals: {
    label: "Deals",
    at: "opened_us",
    columns: [
      time("opened_us", "Began"),
      { name: "pair", label: "Pair", width: "minmax(96px, 2fr)", text: (r) => pairName((r.instruments ?? [r.pair]).join("+")) },
      word("outcome", "Outcome", "88px", 480),
      { name: "took", label: "Took", width: "76px", end: true, hide: 620, text: (r) => (r.closed_us === null ? NONE : span(r.closed_us - r.opened_us)), sort: (r) => (r.closed_us ?? r.opened_us) - r.opened_us },
      gain("expected", "Expected", 560),
      gain("realised", "Earned"),
      gain("slippage", "Slippage", 820),
      gain("fees", "Fees", 880),
      gain("latency", "Latency", 940),
      gain("unwind", "Unwind", 1000),
      gain("leftovers", "Leftovers", 1060),
      word("why", "Why", "minmax(90px, 1.5fr)", 1150),
    ],
  },
  orders: {
    label: "Orders",
    at: "sent_us",
    columns: [time("sent_us", "Sent"), word("instrument", "Instrument", "minmax(112px, 1.4fr)"), word("purpose", "Purpose", "76px", 680), word("side", "Side", "40px", 420), sum("qty", "Quantity", 560), sum("px", "Limit", 620), sum("filled", "Filled", 720), word("status", "Status", "76px"), paid(900), word("text", "Said by the venue", "minmax(90px, 1.4fr)", 1080), word("cl_ord_id", "Client id", "150px", 980)],
  },
  fills: {
    label: "Fills",
    at: "at_us",
    columns: [time("at_us", "Time"), word("instrument", "Instrument", "minmax(112px, 1.4fr)"), word("side", "Side", "40px", 420), sum("qty", "Quantity", 400), sum("px", "Price", 460), paid(640), word("trade_id", "Trade id", "100px", 800), word("cl_ord_id", "Client id", "150px", 920)],
  },
  balances: {
    label: "Balances",
    columns: [word("account", "Account"), word("asset", "Asset", "70px"), sum("total", "Total"), sum("before", "At the beginning", 480), time("at_us", "As of", 480)],
  },
  pnl: {
    label: "Gain by day",
    columns: [{ name: "day_us", label: "Day", width: "110px", text: (r) => day(r.day_us), sort: (r) => r.day_us }, word("asset", "Asset", "70px"), sum("deals", "Deals", 400), gain("realised", "Realised"), gain("marked", "Marked", 420), gain("change", "Change", 500)],
  },
  alarms: {
    label: "Alarms",
    at: "at_us",
    columns: [time("at_us", "Time"), word("event", "Event", "minmax(96px, 200px)"), { name: "fields", label: "What", width: "minmax(110px, 3fr)", text: (r) => told(r.fields) }],
  },
  runs: {
    label: "Runs",
    filters: false,
    columns: [time("at_us", "Began"), time("ended_us", "Ended"), word("mode", "Mode", "70px"), word("ending", "Ending", "minmax(90px, 1.4fr)"), word("exit", "Exit code", "80px"), word("code", "Version", "minmax(90px, 1fr)", 620)],
  },
};

export const history = {
  id: "history",
  label: "History",
  needs: () => [],
  make: (root, app) => new History(root, app),
};

class History {
  constructor(root, app) {
    this.app = app;
    this.pages = [];
    this.tabs = el(
      "nav",
      { class: "segments", "aria-label": "Kinds of the history" },
      Object.entries(KINDS).map(([name, { label }]) => el("a", { class: "segment", href: `#/history/${name}`, data: { tab: name } }, label)),
    );
    const field = (name, label, props) => {
      const input = el("input", { class: "field", id: `history-${name}`, autocomplete: "off", ...props });
      this[name] = input;
      return el("div", { class: "labelled" }, el("label", { for: input.id }, label), input);
    };
    this.form = el(
      "form",
      { class: "filters", on: { submit: (event) => { event.preventDefault(); this.first(); } } },
      field("since", "Since, UTC", { placeholder: "2026-11-30 14:00", size: 17 }),
      field("until", "Until, UTC", { placeholder: "2026-12-01", size: 17 }),
      field("symbol", "Symbol", { placeholder: "BTC-USDT", size: 12 }),
      field("venue", "Venue", { placeholder: "okx", size: 10 }),
      el("button", { class: "button primary", type: "submit" }, "Show"),
      el("button", { class: "button", type: "reset", on: { click: () => setTimeout(() => this.first()) } }, "Clear"),
    );
    this.wrong = el("p", { class: "wrong", role: "alert", hidden: true });
    this.about = el("span", { class: "small faint", role: "status" });
    this.newer = el("button", { class: "button small", type: "button", on: { click: () => this.back() } }, "Newer");
    this.older = el("button", { class: "button small", type: "button", on: { click: () => this.next() } }, "Older");
    this.csv = el("button", { class: "button small", type: "button", on: { click: () => this.save() } }, "CSV");
    this.body = el("div");
    this.chart = new Chart({ label: "Gain by day", lines: [{ label: "Realised", colour: "accent", fill: "accent-wash", text: (v) => signed(v) }], height: 180, axis: (v) => signed(v, 0), changed: app.changed });
    root.append(
      head("History", null, this.tabs),
      this.form,
      this.wrong,
      el("div", { class: "panels" }, panel("Rows", { wide: "span-12", note: this.about, tools: [this.newer, this.older, this.csv] }, this.chart.root, this.body)),
    );
    this.params(where().slice(1));
  }

  params([kind]) {
    this.kind = KINDS[kind] ? kind : "deals";
    for (const link of this.tabs.children) {
      if (link.dataset.tab === this.kind) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    const { label, columns, filters = true } = KINDS[this.kind];
    this.form.hidden = !filters;
    this.chart.root.hidden = this.kind !== "pnl";
    this.table?.close();
    this.table = new Grid({ label, columns, key: (row) => row, empty: "No row. Other filters may find some.", tall: 20, changed: this.app.changed });
    this.body.replaceChildren(this.table.root);
    this.first();
  }

  first() {
    this.pages = [];
    this.show(null);
  }

  next() {
    const { at } = KINDS[this.kind];
    this.pages.push(this.until_us ?? null);
    this.show(Math.min(...this.rows.map((row) => row[at])));
  }

  back() {
    this.show(this.pages.pop());
  }

  question(until_us) {
    const asked = new URLSearchParams();
    if (KINDS[this.kind].filters !== false) {
      const since = parsed("Since", this.since.value);
      const until = until_us ?? parsed("Until", this.until.value);
      if (since !== null) asked.set("since", since);
      if (until !== null) asked.set("until", until);
      if (this.symbol.value.trim()) asked.set("symbol", this.symbol.value.trim().toUpperCase());
      if (this.venue.value.trim()) asked.set("venue", this.venue.value.trim().toLowerCase());
    }
    asked.set("limit", PAGE);
    return `history/${this.kind}?${asked}`;
  }

  /** The newest rows before `until_us`; null = as the filter says. */
  async show(until_us) {
    this.until_us = until_us;
    const asked = (this.asked = Symbol(this.kind));
    say(this.about, "Loading");
    let found = { rows: [], more: false };
    let wrong = "";
    try {
      found = await call(this.question(until_us));
    } catch (error) {
      wrong = error.message;
    }
    if (this.asked !== asked) return;
    this.rows = found.rows;
    this.wrong.hidden = !wrong;
    say(this.wrong, wrong);
    say(this.about, `${this.rows.length} rows${found.more ? ", there are older ones" : ""}`);
    this.newer.disabled = !this.pages.length;
    this.older.disabled = !(found.more && KINDS[this.kind].at);
    this.csv.disabled = !this.rows.length;
    this.table.set(this.rows);
    if (this.kind === "pnl") this.plot();
    this.app.changed();
  }

  plot() {
    const asset = this.rows[0]?.asset;
    const days = this.rows.filter((row) => row.asset === asset).sort((a, b) => a.day_us - b.day_us);
    this.chart.set([days.map((row) => row.day_us / 1e6), days.map((row) => Number(row.realised))]);
  }

  save() {
    download(`arbkit-${this.kind}.csv`, this.table.rows);
  }

  draw() {
    this.table.draw();
    this.chart.draw();
  }

  close() {
    this.table.close();
    this.chart.close();
  }
}

/** Microseconds of `2026-11-30`, `2026-11-30 14:00` or `2026-11-30 14:00:05`, in UTC; null = empty. */
function parsed(name, text) {
  if (!text.trim()) return null;
  const [, date, time = "00:00"] = /^\s*(\d{4}-\d\d-\d\d)(?:[ T](\d\d:\d\d(?::\d\d)?))?\s*$/.exec(text) ?? [];
  const ms = date ? Date.parse(`${date}T${time}Z`) : Number.NaN;
  if (Number.isNaN(ms)) throw new Error(`${name}: "${text.trim()}" is no time. Write it as 2026-11-30 or 2026-11-30 14:00.`);
  return ms * 1000;
}
