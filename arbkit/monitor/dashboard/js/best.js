// The best pair of each symbol. The subscription to `spreads` has all pairs of one symbol, so this is asked for.
import { call } from "./session.js";

const EVERY_MS = 1000;

export class Best {
  constructor(changed) {
    this.changed = changed;
    this.rows = [];
    this.version = 0;
    this.seen = -1;
    this.ask();
  }

  async ask() {
    try {
      this.rows = (await call("spreads")).rows;
      this.version += 1;
      this.changed();
    } catch {
      // the feed says that the connection is lost
    }
    if (!this.closed) this.timer = setTimeout(() => this.ask(), EVERY_MS);
  }

  fresh() {
    const is = this.version !== this.seen;
    this.seen = this.version;
    return is;
  }

  close() {
    this.closed = true;
    clearTimeout(this.timer);
  }
}
