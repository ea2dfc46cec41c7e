// What is around the pages: navigation, the state of the run at the top, the kill switch, and notices.
import { ask } from "./actions.js";
import { el, icon, mark, say } from "./dom.js";
import { clock, gainState, signed, span } from "./format.js";
import { switchTheme } from "./theme.js";

const MODES = { active: "good", reducing: "warn", halted: "bad" };

export class Shell {
  constructor(root, { app, pages, help }) {
    this.app = app;
    this.kind = el("span", { class: "badge kind" });
    this.mode = el("span", { class: "badge" });
    this.gain = el("span", { class: "top-gain" });
    this.asset = el("small");
    this.gainBox = el("span", { class: "top-gain" }, this.gain, " ", this.asset);
    this.link = el("span", { class: "badge wide" });
    this.facts = el("span", { class: "top-fact extra" });
    this.utc = el("span", { class: "top-fact extra" });
    this.notices = el("div", { class: "notice", role: "status", "aria-live": "polite" });
    this.lost = this.notice("bad", "Try now", () => app.feed.connect());
    this.halted = this.notice("bad", app.session.mayTrade && "Resume", () => ask("resume"));
    this.parts = this.notice("warn");
    this.main = el("main", { class: "main", id: "main", tabindex: -1 });
    this.links = pages.map((page) => el("a", { href: `#/${page.id}` }, icon(page.id), el("span", {}, page.label)));
    this.scope = el("span");
    const out = el("button", { type: "button", class: "link", on: { click: () => app.logout() } }, "Log out");
    const tool = (label, name, then) => el("button", { type: "button", class: "button plain", "aria-label": label, title: label, on: { click: then } }, icon(name));
    root.replaceChildren(
      el(
        "nav",
        { class: "nav", "aria-label": "Pages" },
        el("a", { class: "brand", href: "#/overview" }, el("img", { src: "icon.svg", alt: "", width: 26, height: 26 }), el("span", {}, "arbkit")),
        el("ul", {}, this.links.map((link) => el("li", {}, link))),
        el("div", { class: "nav-foot" }, this.scope, el("span", {}, "All times are UTC."), out),
      ),
      el(
        "header",
        { class: "top" },
        el("div", { class: "top-facts" }, this.kind, this.mode, this.gainBox, this.facts),
        el(
          "div",
          { class: "top-tools" },
          this.utc,
          this.link,
          tool("Dark or light", "theme", switchTheme),
          el("span", { class: "wide" }, tool("Keys", "help", help)),
          app.session.mayTrade && el("button", { type: "button", class: "button danger", id: "kill", on: { click: () => ask("kill") } }, icon("stop"), "Kill switch"),
        ),
      ),
      this.notices,
      this.main,
    );
    this.root = root;
    say(this.scope, app.session.mayTrade ? "May trade" : "Read only");
  }

  notice(state, button = null, then = null) {
    const text = el("span");
    const more = el("span", { "aria-hidden": true }); // changes each second: not for a reader
    const node = el("div", { data: { state }, hidden: true }, text, more, button && el("button", { type: "button", class: "button small", on: { click: then } }, button));
    this.notices.append(node);
    return { node, text, more };
  }

  /** Shows the page in the navigation and the title. */
  at(page) {
    for (const link of this.links) {
      if (link.getAttribute("href") === `#/${page.id}`) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    document.title = `${page.label}, arbkit`;
  }

  draw() {
    const { feed, session } = this.app;
    const status = feed.table("status").one;
    const lost = feed.state === "lost";
    if (this.root.dataset.link !== feed.state) this.root.dataset.link = feed.state;
    say(this.link, { open: "connected", lost: "connection lost", connecting: "connecting" }[feed.state]);
    mark(this.link, { open: "good", lost: "bad", connecting: "warn" }[feed.state]);
    this.lost.node.hidden = !lost;
    if (lost) {
      const wait = Math.max(0, Math.round((feed.nextTryAt - Date.now()) / 1000));
      say(this.lost.text, `Connection lost since ${clock(feed.lostAt * 1000)} UTC, data below is old.`);
      say(this.lost.more, feed.nextTryAt ? `Next try ${wait ? `in ${wait} s` : "now"}.` : "");
    }
    if (!status) return;
    say(this.kind, status.kind);
    mark(this.kind, status.kind === "live" ? "warn" : "");
    say(this.mode, status.stopping ? `${status.mode}, stopping` : status.mode);
    mark(this.mode, MODES[status.mode]);
    say(this.gain, signed(status.marked));
    mark(this.gain, gainState(status.marked));
    say(this.asset, status.asset);
    say(this.utc, `${clock(status.at_us)} UTC`);
    say(this.facts, `up ${span(status.at_us - status.began_us)}`);
    const away = status.mode !== "active";
    this.halted.node.hidden = !away;
    if (away) {
      const what = status.mode === "halted" ? "Halted: only cancels and queries are sent." : "Reducing: open deals are finished, none is begun.";
      say(this.halted.text, `${what} ${status.why}`);
      mark(this.halted.node, MODES[status.mode]);
    }
    const scopes = Object.entries(status.restricted);
    this.parts.node.hidden = !scopes.length;
    if (scopes.length) say(this.parts.text, `Restricted: ${scopes.map(([scope, why]) => (why ? `${scope} (${why})` : scope)).join("; ")}`);
    if (!session.mayTrade) mark(this.scope, "warn");
  }
}
