// What is ours: venues with their switches, orders, fills, balances, limits.
import { ask } from "../actions.js";
import { el, keyed } from "../dom.js";
import { count, percent, span } from "../format.js";
import { BALANCES, FILLS, LIMITS, ORDERS } from "../parts/columns.js";
import { Grid } from "../parts/grid.js";
import { Lights } from "../parts/lights.js";
import { head, panel } from "../parts/panel.js";
import { go, where } from "../router.js";

const TABS = [
  ["orders", "Orders", ORDERS, (o) => o.cl_ord_id, "No order yet.", ["sent", true]],
  ["fills", "Fills", FILLS, (f) => `${f.cl_ord_id}\n${f.trade_id}`, "No fill yet.", ["at", true]],
  ["balances", "Balances", BALANCES, (b) => `${b.account}\n${b.asset}`, "No balance is known yet.", ["account", false]],
  ["limits", "Limits", LIMITS, (l) => `${l.name}\n${l.scope}`, "No limit is set.", ["share", true]],
  ["venues", "Venues"],
];

const topicOf = (tab) => (TABS.some(([name]) => name === tab) ? tab : TABS[0][0]);

export const account = {
  id: "account",
  label: "Account",
  needs: ([tab]) => [{ topic: topicOf(tab), every_ms: 250 }],
  make: (root, app) => new Account(root, app),
};

class Account {
  constructor(root, app) {
    this.app = app;
    this.tabs = el(
      "nav",
      { class: "segments", "aria-label": "Of the account" },
      TABS.map(([name, label]) => el("a", { class: "segment", href: `#/account/${name}`, data: { tab: name } }, label)),
    );
    this.body = el("div", { class: "panels" });
    root.append(head("Account", null, this.tabs), this.body);
    this.params(where().slice(1));
  }

  params([tab]) {
    this.tab = topicOf(tab);
    for (const link of this.tabs.children) {
      if (link.dataset.tab === this.tab) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    }
    this.part?.close();
    const [, label, columns, key, empty, sorted] = TABS.find(([name]) => name === this.tab);
    const open = this.tab === "orders" || this.tab === "fills" ? (row) => row.deal && go(["deals", String(row.deal)]) : null;
    this.part = columns ? new Grid({ label, columns, key, empty, sorted, open, tall: 22, changed: this.app.changed }) : new Venues(this.app);
    this.body.replaceChildren(panel(label, { wide: "span-12" }, this.part.root));
    this.version = -1;
  }

  draw() {
    const table = this.app.feed.table(this.tab);
    if (table.version !== this.version) {
      this.version = table.version;
      this.part.set(table.list());
    }
    this.part.draw();
  }

  close() {
    this.part.close();
  }
}

/** Each venue with its links and rate limits, and a switch. */
class Venues {
  constructor(app) {
    this.lights = new Lights({ tools: app.session.mayTrade ? (name) => this.switch(name) : null });
    this.links = el("tbody");
    const names = ["Venue", "Link", "Up", "Messages", "Per second", "Gaps", "Reconnects", "Transit"];
    this.root = el(
      "div",
      { class: "venues" },
      this.lights.root,
      el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Links" }, el("table", { class: "plain" }, el("thead", {}, el("tr", {}, names.map((name) => el("th", { scope: "col" }, name)))), this.links)),
    );
    this.rows = [];
    this.switches = new Map();
  }

  switch(name) {
    const off = el("button", { type: "button", class: "button small", on: { click: () => ask("venueOff", name) } }, "Take out");
    const on = el("button", { type: "button", class: "button small", on: { click: () => ask("venueOn", name) } }, "Trade there");
    off.setAttribute("aria-label", `Take ${name} out`);
    on.setAttribute("aria-label", `Trade at ${name} again`);
    this.switches.set(name, { off, on });
    return el("div", { class: "lights-tools" }, off, on);
  }

  set(rows) {
    this.rows = rows;
  }

  draw() {
    this.lights.draw(this.rows);
    for (const venue of this.rows) {
      const tools = this.switches.get(venue.name);
      if (!tools) continue;
      tools.off.hidden = venue.mode !== "active";
      tools.on.hidden = venue.mode === "active";
    }
    const links = this.rows.flatMap((venue) => venue.links.map((link) => ({ venue, link })));
    keyed(
      this.links,
      links,
      ({ venue, link }) => `${venue.name}/${link.name}`,
      () => el("tr", {}, Array.from({ length: 8 }, () => el("td"))),
      (node, { venue, link }) => {
        const rate = link.role === "rest" ? `${percent(Math.min(1, ...Object.values(venue.headroom)))} rate free` : count(link.messages_per_s);
        const texts = [venue.name, link.name, link.up ? "up" : "down", count(link.messages), rate, count(link.gaps), count(link.reconnects), span(link.transit_us)];
        texts.forEach((text, i) => {
          if (node.children[i].textContent !== text) node.children[i].textContent = text;
        });
        node.children[2].dataset.state = link.up ? "good" : "bad";
      },
    );
  }

  close() {}
}
