// A histogram with its quantiles. Buckets are log-spaced, as the counters have them.
import { el, say } from "../dom.js";
import { count, span } from "../format.js";

export class Histogram {
  constructor(title, note = "") {
    this.title = title;
    this.bars = el("div", { class: "histogram-bars", role: "img" });
    this.low = el("span");
    this.high = el("span");
    this.numbers = ["p50", "p95", "p99"].map((name) => {
      const value = el("dd");
      return { value, root: el("div", {}, el("dt", {}, name), value) };
    });
    this.many = el("span", { class: "small faint" });
    this.root = el(
      "article",
      { class: "panel histogram" },
      el("header", { class: "panel-head" }, el("h2", {}, title), this.many),
      note && el("p", { class: "small faint" }, note),
      el("dl", { class: "quantiles" }, this.numbers.map((one) => one.root)),
      this.bars,
      el("div", { class: "histogram-axis small faint", "aria-hidden": true }, this.low, this.high),
    );
  }

  fill(row) {
    if (this.row === row) return;
    this.row = row;
    const values = [row.p50_us, row.p95_us, row.p99_us].map((us) => (row.count ? span(us) : "–"));
    this.numbers.forEach((one, i) => say(one.value, values[i]));
    say(this.many, `${count(row.count)} measured`);
    const first = row.counts.findIndex((n) => n > 0);
    const last = row.counts.findLastIndex((n) => n > 0);
    const from = Math.max(0, first - 1);
    const to = first === -1 ? -1 : Math.min(row.counts.length - 1, Math.max(last + 1, from + 11));
    const shown = row.counts.slice(from, to + 1);
    const most = Math.max(1, ...shown);
    while (this.bars.children.length > shown.length) this.bars.lastElementChild.remove();
    while (this.bars.children.length < shown.length) this.bars.append(el("i"));
    shown.forEach((n, i) => {
      const bar = this.bars.children[i];
      const height = n ? Math.max(2, Math.round((n / most) * 100)) : 0;
      if (bar.height === height) return;
      bar.height = height;
      bar.style.height = `${height}%`;
    });
    say(this.low, shown.length ? span(from ? row.bounds_us[from - 1] : 0) : "");
    say(this.high, shown.length ? (to < row.bounds_us.length ? span(row.bounds_us[to]) : `over ${span(row.bounds_us.at(-1))}`) : "nothing measured yet");
    this.bars.setAttribute("aria-label", `${this.title}: median ${values[0]}, 95% below ${values[1]}, 99% below ${values[2]}`);
  }
}
