// A line chart over time: uPlot in the colours of the theme, sized by its box, drawn only if it has new points.
import { el } from "../dom.js";
import { moment } from "../format.js";
import { colour, onTheme } from "../theme.js";

const { uPlot } = window;
const MINUTE = 60;
const HOUR = 3600;
const DAY = 86_400;
const STEPS_S = [1, 2, 5, 10, 15, 30, ...[1, 2, 5, 10, 15, 30].map((n) => n * MINUTE), ...[1, 2, 3, 6, 12].map((n) => n * HOUR), ...[1, 2, 7, 14, 28].map((n) => n * DAY)];

export class Chart {
  /** `lines`: `[{ label, colour (a token), text(value), fill? }]`. `zero`: zero is always in sight. */
  constructor({ label, lines, height = 220, axis, zero = true, changed }) {
    this.lines = lines;
    this.height = height;
    this.axis = axis;
    this.zero = zero;
    this.data = [[], ...lines.map(() => [])];
    this.stale = false;
    this.width = 0;
    this.box = el("div", { class: "chart-box", role: "img", "aria-label": label });
    this.empty = el("p", { class: "chart-empty" }, "No points yet.");
    this.root = el("div", { class: "chart" }, this.box, this.empty);
    this.root.style.minHeight = `${height}px`;
    this.watch = new ResizeObserver(([entry]) => {
      const width = Math.floor(entry.contentRect.width);
      if (width === this.width) return;
      this.width = width;
      this.stale = true;
      changed();
    });
    this.watch.observe(this.root);
    this.unthemed = onTheme(() => {
      this.end();
      this.stale = true;
      changed();
    });
  }

  /** `[times in s, values of the first line, ...]`; null is a gap. */
  set(data) {
    this.data = data;
    this.stale = true;
  }

  label(text) {
    this.box.setAttribute("aria-label", text);
  }

  draw() {
    if (!this.stale || !this.width) return;
    this.stale = false;
    const some = this.data[0].length > 1;
    this.empty.hidden = some;
    this.box.hidden = !some;
    if (!some) return;
    if (!this.plot) this.begin();
    else if (this.plot.width !== this.width) this.plot.setSize({ width: this.width, height: this.height });
    this.plot.setData(this.data);
  }

  begin() {
    const soft = colour("faint");
    const line = colour("line");
    const font = `11.5px ${getComputedStyle(document.body).fontFamily}`;
    const axis = { stroke: soft, font, grid: { stroke: line, width: 1 }, ticks: { show: false } };
    this.plot = new uPlot(
      {
        width: this.width,
        height: this.height,
        tzDate: (s) => uPlot.tzDate(new Date(s * 1000), "Etc/UTC"),
        padding: [10, 10, 0, 0],
        legend: { live: true },
        cursor: { points: { size: 6 }, drag: { x: true, y: false } },
        scales: { y: { range: (_, low, high) => this.range(low, high) } },
        axes: [
          { ...axis, space: 76, size: 30, incrs: STEPS_S, values: (_, ticks) => times(ticks), grid: { show: false } },
          { ...axis, size: 58, values: (_, ticks) => ticks.map(this.axis) },
        ],
        series: [
          { label: "Time", value: told((s) => `${moment(s * 1e6)} UTC`) },
          ...this.lines.map((one) => ({
            label: one.label,
            stroke: colour(one.colour),
            width: 1.6,
            dash: one.dash,
            fill: one.fill ? colour(one.fill) : undefined,
            points: { show: false },
            value: told(one.text),
          })),
        ],
      },
      this.data,
      this.box,
    );
  }

  range(low, high) {
    if (low === null) return [0, 1];
    const from = this.zero ? Math.min(0, low) : low;
    const to = this.zero ? Math.max(0, high) : high;
    const more = (to - from || 1) * 0.06;
    return [from === 0 ? 0 : from - more, to === 0 ? 0 : to + more];
  }

  end() {
    this.plot?.destroy();
    this.plot = null;
  }

  close() {
    this.watch.disconnect();
    this.unthemed();
    this.end();
  }
}

/** For the legend: the point below the mouse, else the newest one. */
function told(text) {
  return ({ data }, value, line, at) => {
    const shown = at === null ? data[line].at(-1) : value;
    return shown === null || shown === undefined ? "" : text(shown);
  };
}

/** Seconds only where minutes would be told twice, days only where there are some. */
function times(ticks) {
  const step = ticks.length > 1 ? ticks[1] - ticks[0] : 60;
  const cut = step < MINUTE ? [11, 19] : step < DAY ? [11, 16] : [5, 10];
  return ticks.map((s) => new Date(s * 1000).toISOString().slice(...cut));
}
