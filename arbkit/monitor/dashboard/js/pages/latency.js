// Where time is lost: each stage as a histogram, and of each venue its ack, transit, clock and rate headroom.
import { el, keyed } from "../dom.js";
import { count, percent, span } from "../format.js";
import { Grid } from "../parts/grid.js";
import { Histogram } from "../parts/histogram.js";
import { head, panel } from "../parts/panel.js";

const STAGES = {
  tick_to_order: ["Tick to order", "from the socket read to the order at the transport"],
  decode: ["Decode", "frames to events"],
  book: ["Book", "the book takes an update"],
  decision: ["Decision", "the strategy"],
  durable: ["Durable", "from the write of the journal to the disk"],
  callback: ["Callback", "a turn of the loop"],
  ack: ["Order to report", "of all venues"],
};
const STAGE_ORDER = Object.keys(STAGES);

const worst = (venue, role) => Math.max(...venue.links.filter((link) => !role || link.role === role).map((link) => link.transit_us ?? -1), -1);
const least = (venue) => Math.min(1, ...Object.values(venue.headroom));
const rate = (venue) => venue.links.reduce((sum, link) => sum + link.messages_per_s, 0);

const VENUES = [
  { name: "name", label: "Venue", width: "minmax(84px, 1fr)", text: (v) => v.name, sort: (v) => v.name },
  { name: "latency", label: "Order to report", width: "minmax(70px, 1fr)", end: true, title: "as used for the edge", text: (v) => span(v.latency_us), sort: (v) => v.latency_us },
  { name: "transit", label: "Transit", width: "minmax(70px, 1fr)", end: true, title: "how much later than usual the last frame came, worst link", text: (v) => (worst(v) < 0 ? "–" : span(worst(v))), state: (v) => (worst(v) > 250_000 ? "bad" : ""), sort: worst },
  { name: "clock", label: "Clock", width: "minmax(70px, 1fr)", end: true, hide: 430, title: "the venue's clock minus ours", text: (v) => (v.clock_us === null ? "not known" : span(v.clock_us)), state: (v) => (v.clock_us === null ? "warn" : ""), sort: (v) => v.clock_us },
  { name: "error", label: "± at most", width: "minmax(70px, 1fr)", end: true, hide: 620, text: (v) => span(v.clock_error_us), sort: (v) => v.clock_error_us },
  { name: "headroom", label: "Rate free", width: "70px", end: true, title: "the free share of the tightest rate limit", text: (v) => percent(least(v)), state: (v) => (least(v) < 0.1 ? "bad" : least(v) < 0.3 ? "warn" : ""), sort: least },
  { name: "rate", label: "Messages/s", width: "84px", end: true, hide: 540, text: (v) => count(rate(v)), sort: rate },
  { name: "gaps", label: "Gaps", width: "56px", end: true, hide: 700, text: (v) => count(sum(v, "gaps")), sort: (v) => sum(v, "gaps") },
  { name: "reconnects", label: "Reconnects", width: "84px", end: true, hide: 780, text: (v) => count(sum(v, "reconnects")), sort: (v) => sum(v, "reconnects") },
  { name: "mishaps", label: "Mishaps", width: "66px", end: true, hide: 860, title: "refusals and faults that count against its health", text: (v) => count(v.mishaps), state: (v) => (v.mishaps ? "warn" : ""), sort: (v) => v.mishaps },
];
const sum = (venue, name) => venue.links.reduce((total, link) => total + link[name], 0);

export const latency = {
  id: "latency",
  label: "Latency",
  needs: () => [
    { topic: "latency", every_ms: 1000 },
    { topic: "venues", every_ms: 500 },
  ],
  make: (root, app) => new LatencyPage(root, app),
};

class LatencyPage {
  constructor(root, app) {
    this.app = app;
    this.stages = el("div", { class: "histograms" });
    this.acks = el("div", { class: "histograms" });
    this.ackTitle = el("h2", { class: "section" }, "Order to first report, by venue");
    this.table = new Grid({ label: "Venues", columns: VENUES, key: (v) => v.name, empty: "No venue yet.", tall: 20, sorted: ["name", false], changed: app.changed });
    root.append(
      head("Latency", "Since the start of the run. Buckets are log-spaced, five a decade."),
      el("div", { class: "panels" }, panel("Venues", { wide: "span-12" }, this.table.root)),
      el("h2", { class: "section" }, "Stages"),
      this.stages,
      this.ackTitle,
      this.acks,
    );
  }

  draw(fresh) {
    const { feed } = this.app;
    if (fresh("latency")) {
      const rows = feed.table("latency").list();
      const place = (row) => STAGE_ORDER.indexOf(row.stage);
      this.fill(this.stages, rows.filter((row) => !row.venue).sort((a, b) => place(a) - place(b)), (row) => STAGES[row.stage] ?? [row.stage, ""]);
      this.ackTitle.hidden = !rows.some((row) => row.venue);
      this.fill(this.acks, rows.filter((row) => row.venue).sort((a, b) => (a.venue < b.venue ? -1 : 1)), (row) => [row.venue, ""]);
    }
    if (fresh("venues")) this.table.set(feed.table("venues").list());
    this.table.draw();
  }

  fill(box, rows, names) {
    keyed(
      box,
      rows,
      (row) => `${row.stage}/${row.venue}`,
      (row) => {
        const made = new Histogram(...names(row));
        made.root.histogram = made;
        return made.root;
      },
      (node, row) => node.histogram.fill(row),
    );
  }

  close() {
    this.table.close();
  }
}
