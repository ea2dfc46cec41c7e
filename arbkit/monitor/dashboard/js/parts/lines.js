// Lines of the log, the newest first.
import { el, keyed, mark, say } from "../dom.js";
import { clock } from "../format.js";

const STATES = { alarm: "bad", fault: "warn", healed: "good", deal: "", note: "faint" };

export class Lines {
  constructor({ label, empty, most = 60 }) {
    this.most = most;
    this.list = el("ol", { class: "lines", "aria-label": label, tabindex: 0 });
    this.empty = el("p", { class: "empty" }, empty);
    this.root = el("div", {}, this.list, this.empty);
  }

  /** `rows`: the oldest first. */
  draw(rows) {
    const shown = rows.slice(-this.most).reverse();
    this.empty.hidden = shown.length > 0;
    keyed(
      this.list,
      shown,
      (line) => line.n,
      (line) => el("li", {}, el("time", {}, clock(line.at_us)), el("span", { class: "line-kind" }), el("span", { class: "line-text" })),
      (node, line) => {
        if (node.line === line) return;
        node.line = line;
        say(node.children[1], line.kind);
        mark(node.children[1], STATES[line.kind] ?? "faint");
        say(node.children[2], line.text.replace(/^\d\d:\d\d:\d\d +/, "")); // the time stands before it
      },
    );
  }
}
