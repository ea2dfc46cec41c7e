// What a person wants to know first: does it trade, why not, what did it bring, what is open, what went wrong.
import { ask } from "../actions.js";
import { el, say } from "../dom.js";
import { count, gainState, signed, span } from "../format.js";
import { Chart } from "../parts/chart.js";
import { DEALS, EXPOSURE, LOOKED } from "../parts/columns.js";
import { Grid } from "../parts/grid.js";
import { Lights } from "../parts/lights.js";
import { Lines } from "../parts/lines.js";
import { head, panel, Tile } from "../parts/panel.js";
import { go } from "../router.js";

const WHOLE = 24 * 3600;
const SPANS = [["15 min", 900], ["1 h", 3600], ["6 h", 6 * 3600], ["24 h", WHOLE]];

export const overview = {
  id: "overview",
  label: "Overview",
  needs: () => [
    { topic: "venues", every_ms: 500 },
    { topic: "opportunities", every_ms: 1000 },
    { topic: "deals", every_ms: 250 },
    { topic: "exposure", every_ms: 500 },
    { topic: "pnl", every_ms: 1000 },
    { topic: "log", every_ms: 250 },
  ],
  make: (root, app) => new Overview(root, app),
};

class Overview {
  constructor(root, app) {
    this.app = app;
    this.span = 3600;
    const { changed } = app;
    this.tiles = Object.fromEntries(
      [["gain", "Gain of this run"], ["deals", "Deals closed"], ["open", "Open deals"], ["unresolved", "Unresolved orders"], ["books", "Trusted books"], ["up", "Running for"]].map(
        ([name, label]) => [name, new Tile(label)],
      ),
    );
    this.chart = new Chart({
      label: "Gain over time",
      lines: [
        { label: "Marked", colour: "accent", fill: "accent-wash", text: (value) => signed(value) },
        { label: "Booked", colour: "line-strong", dash: [4, 3], text: (value) => signed(value) },
      ],
      axis: (value) => signed(value, Math.abs(value) < 10 ? 1 : 0),
      changed,
    });
    const spans = SPANS.map(([label, s]) =>
      el("button", { type: "button", class: "segment", "aria-pressed": String(s === this.span), on: { click: (event) => this.zoom(event.target, s) } }, label),
    );
    this.spans = el("div", { class: "segments", role: "group", "aria-label": "Time span" }, spans);
    this.lights = new Lights();
    this.idle = el("p", { class: "idle" });
    this.pairs = new Grid({ label: "Pairs and why they are not traded", columns: LOOKED, key: (o) => o.pair, empty: "No pair was looked at yet.", tall: 7, sorted: ["taken", true], changed });
    this.open = new Grid({ label: "Open deals", columns: DEALS, key: (d) => d.id, empty: "No deal is open.", tall: 5, open: (d) => go(["deals", d.id]), sorted: ["opened", true], changed });
    this.exposure = new Grid({ label: "Exposure", columns: EXPOSURE, key: (e) => e.asset, empty: "Nothing is open and nothing was left.", tall: 6, sorted: ["value", true], changed });
    this.alarms = new Lines({ label: "Alarms", empty: "No alarm since the start.", most: 20 });
    this.log = new Lines({ label: "Log", empty: "No line yet." });
    root.append(
      head("Overview", null, app.session.mayTrade && this.controls()),
      el("dl", { class: "tiles" }, Object.values(this.tiles).map((tile) => tile.root)),
      el(
        "div",
        { class: "panels" },
        panel("Gain", { wide: "span-8", tools: this.spans }, this.chart.root),
        panel("Venues", { wide: "span-4" }, this.lights.root),
        panel("Why not trading", { wide: "span-8" }, this.idle, this.pairs.root),
        panel("Exposure and leftovers", { wide: "span-4" }, this.exposure.root),
        panel("Open deals", { wide: "span-6" }, this.open.root),
        panel("Alarms", { wide: "span-6" }, this.alarms.root),
        panel("Log", { wide: "span-12" }, this.log.root),
      ),
    );
  }

  controls() {
    const button = (label, name) => el("button", { type: "button", class: "button", on: { click: () => ask(name) } }, label);
    this.resume = button("Resume", "resume");
    this.reduce = button("Only finish", "reduce");
    this.resolve = button("Ask for unresolved", "resolve");
    return [this.resume, this.reduce, this.resolve];
  }

  zoom(button, s) {
    this.span = s;
    for (const one of this.spans.children) one.setAttribute("aria-pressed", String(one === button));
    this.plot();
    this.app.changed();
  }

  plot() {
    const points = this.app.feed.table("pnl").list();
    const since = (points.at(-1)?.at_us ?? 0) - this.span * 1e6;
    const seen = this.span === WHOLE ? points : points.filter((point) => point.at_us >= since);
    const value = (text) => (text === null ? null : Number(text));
    this.chart.set([seen.map((p) => p.at_us / 1e6), seen.map((p) => value(p.marked)), seen.map((p) => value(p.booked))]);
    const last = seen.at(-1);
    this.chart.label(last ? `Gain over time, now ${signed(last.marked)}` : "Gain over time, no points yet");
  }

  draw(fresh) {
    const { feed } = this.app;
    if (fresh("status")) this.status(feed.table("status").one);
    if (fresh("venues")) this.lights.draw(feed.table("venues").list());
    if (fresh("pnl")) this.plot();
    if (fresh("opportunities")) this.pairs.set(feed.table("opportunities").list());
    if (fresh("exposure")) this.exposure.set(feed.table("exposure").list());
    if (fresh("deals")) this.open.set(feed.table("deals").list().filter((deal) => deal.closed_us === null));
    if (fresh("log")) {
      const lines = feed.table("log").list();
      this.log.draw(lines);
      this.alarms.draw(lines.filter((line) => line.kind === "alarm"));
    }
    for (const part of [this.chart, this.pairs, this.open, this.exposure]) part.draw();
  }

  status(status) {
    if (!status) return;
    const { gain, deals, open, unresolved, books, up } = this.tiles;
    const tile = (one, value, note, state = "") => {
      say(one.value, value);
      say(one.note, note);
      if (one.value.dataset.state !== state) one.value.dataset.state = state;
    };
    const closed = Object.entries(status.deals);
    tile(gain, `${signed(status.marked)}`, status.marked === null ? "a price is missing" : `${status.asset} at present prices`, gainState(status.marked));
    tile(deals, count(closed.reduce((sum, [, n]) => sum + n, 0)), closed.map(([name, n]) => `${count(n)} ${name}`).join(", ") || "none yet");
    tile(open, count(status.open_deals), status.held ? `${status.held} held` : "none held", status.held ? "bad" : "");
    tile(unresolved, count(status.unresolved), status.unresolved ? "full exposure until proved" : "all outcomes are proved", status.unresolved ? "bad" : "");
    tile(books, `${status.trusted} of ${status.books}`, `${count(status.messages)} messages`, status.trusted < status.books ? "warn" : "");
    tile(up, span(status.at_us - status.began_us), `arbkit ${status.version}`);
    say(this.idle, status.idle || "Nothing is in the way: it trades when an edge is large enough.");
    this.idle.dataset.state = status.idle ? "warn" : "good";
    if (this.resume) {
      this.resume.hidden = status.mode === "active";
      this.reduce.hidden = status.mode !== "active";
      this.resolve.hidden = !status.unresolved;
    }
  }

  close() {
    for (const part of [this.chart, this.pairs, this.open, this.exposure]) part.close();
  }
}
