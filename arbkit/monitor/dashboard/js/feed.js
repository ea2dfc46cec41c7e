// The WebSocket: what is subscribed, the tables it fills, and coming back after it was lost.
import { KEYS, Table } from "./table.js";

const WAITS_MS = [500, 1000, 2000, 4000, 8000, 15_000];
const SILENT_MS = 15_000;

export class Feed {
  /** `changed()` after each message or change of `state`; `refused()` if the server does not know the session. */
  constructor({ changed, refused, check }) {
    this.tables = Object.fromEntries(Object.keys(KEYS).map((topic) => [topic, new Table(topic)]));
    this.changed = changed;
    this.refused = refused;
    this.check = check;
    /** connecting, open or lost. */
    this.state = "connecting";
    /** When the connection was lost, in ms since 1970. */
    this.lostAt = null;
    this.nextTryAt = null;
    this.tries = 0;
    this.wanted = new Map();
    this.socket = null;
    this.heardAt = 0;
    /** What the server said to a message it did not take. */
    this.said = "";
    /** Milliseconds spent on reading messages, and how many there were. */
    this.readMs = 0;
    this.read = 0;
    this.listeners = [];
    setInterval(() => this.listen(), 1000);
  }

  table(topic) {
    return this.tables[topic];
  }

  /** Calls `then(topic)` after each message, before anything is drawn. */
  onMessage(then) {
    this.listeners.push(then);
  }

  /** Subscribes to these and ends all others: `[{ topic, symbols, depth, every_ms }]`; the last one of a topic counts. */
  want(asked) {
    const before = this.wanted;
    this.wanted = new Map(asked.map((one) => [one.topic, JSON.stringify({ do: "subscribe", ...one })]));
    if (this.state !== "open") return;
    for (const topic of before.keys()) {
      if (!this.wanted.has(topic)) this.socket.send(JSON.stringify({ do: "unsubscribe", topic }));
    }
    for (const [topic, text] of this.wanted) if (before.get(topic) !== text) this.socket.send(text);
  }

  connect() {
    clearTimeout(this.timer);
    this.nextTryAt = null;
    const scheme = location.protocol === "https:" ? "wss:" : "ws:";
    const socket = new WebSocket(`${scheme}//${location.host}/api/v1/ws`);
    this.socket = socket;
    this.heardAt = Date.now();
    socket.onopen = () => {
      this.state = "open";
      this.tries = 0;
      this.lostAt = null;
      for (const text of this.wanted.values()) socket.send(text);
      this.changed();
    };
    socket.onmessage = (event) => this.take(event.data);
    socket.onclose = () => this.lose(socket);
    this.changed();
  }

  take(data) {
    const began = performance.now();
    const message = JSON.parse(data);
    this.heardAt = Date.now();
    if (message.kind === "error") this.said = message.error;
    else {
      this.tables[message.topic]?.take(message);
      for (const then of this.listeners) then(message.topic);
    }
    this.readMs += performance.now() - began;
    this.read += 1;
    this.changed();
  }

  async lose(socket) {
    if (socket !== this.socket) return;
    this.socket = null;
    this.state = "lost";
    this.lostAt ??= this.heardAt;
    const wait = WAITS_MS[Math.min(this.tries, WAITS_MS.length - 1)];
    this.tries += 1;
    this.nextTryAt = Date.now() + wait;
    this.timer = setTimeout(() => this.connect(), wait);
    this.changed();
    if ((await this.check()) === "refused") {
      clearTimeout(this.timer);
      this.refused();
    }
  }

  /** The status comes every second: a socket that is open and says nothing is lost as well. */
  listen() {
    if (this.socket && Date.now() - this.heardAt > SILENT_MS) {
      const silent = this.socket;
      silent.onclose = null;
      silent.close();
      this.lose(silent);
    } else if (this.state === "lost") this.changed();
  }
}
