// The rows of one topic by their key, as the server last said them.

/** The fields that are the key of each topic, as in arbkit.monitor.api.shapes.TOPICS (a test compares them). */
export const KEYS = {
  status: [],
  venues: ["name"],
  books: ["instrument"],
  ladders: ["instrument"],
  spreads: ["symbol", "buy", "sell"],
  opportunities: ["pair"],
  deals: ["id"],
  orders: ["cl_ord_id"],
  fills: ["cl_ord_id", "trade_id"],
  balances: ["account", "asset"],
  exposure: ["asset"],
  pnl: ["at_us"],
  limits: ["name", "scope"],
  latency: ["stage", "venue"],
  log: ["n"],
};

const MOST = 50_000;

export class Table {
  constructor(topic) {
    this.topic = topic;
    this.fields = KEYS[topic];
    this.rows = new Map();
    this.version = 0;
    /** When the server made the newest message; null = none came yet. */
    this.at_us = null;
    this.listed = [];
    this.listedVersion = 0;
  }

  key(row) {
    const { fields } = this;
    if (fields.length === 1) return row[fields[0]];
    return fields.map((name) => row[name]).join("\n");
  }

  take(message) {
    if (message.kind === "snapshot") this.rows.clear();
    for (const row of message.rows) this.rows.set(this.key(row), row);
    for (const gone of message.gone ?? []) this.rows.delete(gone.length === 1 ? gone[0] : gone.join("\n"));
    if (this.rows.size > MOST) for (const key of [...this.rows.keys()].slice(0, this.rows.size - MOST)) this.rows.delete(key);
    this.at_us = message.at_us;
    this.version += 1;
  }

  /** The only row of `status`. */
  get one() {
    return this.rows.get("");
  }

  /** All rows as an array, made once a version. */
  list() {
    if (this.listedVersion !== this.version) {
      this.listed = [...this.rows.values()];
      this.listedVersion = this.version;
    }
    return this.listed;
  }
}
