// The edges that this page has seen, a point a second and pair, for the chart of one pair.
const EVERY_US = 1_000_000;
const POINTS = 3600;
const PAIRS = 400;

class Trail {
  constructor() {
    this.points = [];
    this.version = 1;
  }

  add(at_us, row) {
    const last = this.points.at(-1);
    if (last && at_us - last.at_us < EVERY_US) return;
    if (last && at_us - last.at_us > 10 * EVERY_US) this.points.push({ at_us: last.at_us + EVERY_US, net: null, gross: null });
    this.points.push({ at_us, net: row.net, gross: row.gross });
    if (this.points.length > POINTS) this.points.splice(0, this.points.length - POINTS);
    this.version += 1;
  }

  /** For a chart: seconds, net and gross in basis points. */
  data() {
    const bp = (share) => (share === null ? null : share * 1e4);
    return [this.points.map((p) => p.at_us / 1e6), this.points.map((p) => bp(p.net)), this.points.map((p) => bp(p.gross))];
  }
}

export class Trails {
  constructor(feed) {
    this.trails = new Map();
    feed.onMessage((topic) => {
      if (topic === "spreads") this.take(feed.table("spreads"));
    });
  }

  take(table) {
    if (this.last && table.at_us - this.last < EVERY_US) return;
    this.last = table.at_us;
    for (const [key, row] of table.rows) {
      let trail = this.trails.get(key);
      if (!trail) {
        if (this.trails.size >= PAIRS) this.trails.delete(this.trails.keys().next().value);
        this.trails.set(key, (trail = new Trail()));
      }
      trail.add(table.at_us, row);
    }
  }

  of(symbol, buy, sell) {
    return this.trails.get(`${symbol}\n${buy}\n${sell}`);
  }
}
