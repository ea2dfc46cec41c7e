// Puts the page together: session, feed, shell, the page of the address, and the one frame that draws.
import { ask } from "./actions.js";
import { Feed } from "./feed.js";
import { Frame } from "./frame.js";
import { gate } from "./gate.js";
import { bind } from "./keys.js";
import { account } from "./pages/account.js";
import { books } from "./pages/books.js";
import { deals } from "./pages/deals.js";
import { history } from "./pages/history.js";
import { latency } from "./pages/latency.js";
import { overview } from "./pages/overview.js";
import { spreads } from "./pages/spreads.js";
import { go, where } from "./router.js";
import { call, Session } from "./session.js";
import { Shell } from "./shell.js";
import { switchTheme } from "./theme.js";
import { Trails } from "./trails.js";

const PAGES = [overview, spreads, deals, books, account, latency, history];
const ALWAYS = [{ topic: "status", every_ms: 500 }];

const appRoot = document.getElementById("app");
const gateRoot = document.getElementById("gate");

class App {
  constructor(session) {
    this.session = session;
    this.frame = new Frame(() => this.draw());
    this.changed = () => this.frame.mark();
    this.feed = new Feed({ changed: this.changed, refused: () => leave(this.session), check: () => session.check() });
    this.trails = new Trails(this.feed);
    this.page = null;
    this.view = null;
    this.seen = {};
    const keys = PAGES.map((page, i) => [String(i + 1), page.label, () => go([page.id])]);
    const help = bind(
      [...keys, ["t", "Dark or light", switchTheme], ...(session.mayTrade ? [["k", "Kill switch (asks first)", () => ask("kill")]] : [])],
      () => [`Drawing takes ${this.frame.quantile(0.95).toFixed(1)} ms (95% of ${this.frame.frames} frames are faster).`],
    );
    this.shell = new Shell(appRoot, { app: this, pages: PAGES, help });
    window.addEventListener("hashchange", () => this.route());
  }

  begin() {
    appRoot.hidden = false;
    gateRoot.hidden = true;
    this.route();
    this.feed.connect();
  }

  route() {
    if (location.hash.startsWith("#token=")) return void location.reload();
    const [id, ...params] = where();
    const page = PAGES.find((one) => one.id === id) ?? overview;
    this.feed.want([...ALWAYS, ...page.needs(params)]);
    if (page === this.page) this.view.params?.(params);
    else this.open(page);
    this.changed();
  }

  open(page) {
    this.view?.close();
    this.seen = {};
    this.shell.main.replaceChildren();
    const first = this.page === null;
    this.page = page;
    this.view = page.make(this.shell.main, this);
    this.shell.at(page);
    window.scrollTo(0, 0);
    if (!first) this.shell.main.focus({ preventScroll: true });
  }

  async logout() {
    try {
      await call("logout", {});
    } catch {
      // the server is gone, and the session with it
    }
    location.reload();
  }

  draw() {
    this.shell.draw();
    this.view?.draw((topic) => {
      const { version } = this.feed.table(topic);
      if (this.seen[topic] === version) return false;
      this.seen[topic] = version;
      return true;
    });
  }
}

let app = null;

function leave(session) {
  app = null;
  appRoot.hidden = true;
  appRoot.replaceChildren();
  gate(gateRoot, session.why || "The run that this page was logged in to is over, or it was started again.");
}

const session = new Session();
if (await session.begin()) {
  app = new App(session);
  app.begin();
  // for the console and for tests that measure
  globalThis.arbkit = app;
} else gate(gateRoot, session.why);
