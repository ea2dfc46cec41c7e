// A table of rows with a fixed height. Only the rows that are seen exist; their cells are changed in place.
import { el, mark, say } from "../dom.js";

const SPARE = 4;
let made = 0;

/** Columns: `{ name, label, text(row), state?(row), sort?(row), width?, end?, hide?, title? }`. `width` is a track of a CSS
 * grid, `end` puts numbers to the right, `hide` is the least width of the grid at which the column is shown. */
export class Grid {
  /** `key(row)` names a row. `open(row)`: at a click or Enter. `sorted`: `[name, descending]` at first; null = as given.
   * `tall`: rows that are seen at most. `empty`: the text without rows. */
  constructor({ label, columns, key, empty, open = null, sorted = null, tall = 12, row = 32, changed }) {
    made += 1;
    this.id = `grid-${made}`;
    this.all = columns;
    this.key = key;
    this.open = open;
    this.sorted = sorted;
    this.tall = tall;
    this.height = row;
    this.changed = changed;
    this.rows = [];
    this.pool = [];
    this.active = null;
    this.chosen = null;
    this.width = 0;
    this.top = 0;
    this.seen = tall * row;
    this.fixed = false;
    this.head = el("div", { class: "grid-head", role: "row" });
    this.space = el("div", { class: "grid-space", role: "rowgroup" });
    this.empty = el("p", { class: "grid-empty" }, empty);
    this.box = el(
      "div",
      { class: "grid", role: open ? "grid" : "table", "aria-label": label, tabindex: 0 },
      el("div", { role: "rowgroup", class: "grid-heads" }, this.head),
      this.space,
    );
    this.root = el("div", { class: "grid-root" }, this.box, this.empty);
    this.box.addEventListener("scroll", () => this.scrolled(), { passive: true });
    this.space.addEventListener("click", (event) => this.clicked(event));
    this.box.addEventListener("keydown", (event) => this.pressed(event));
    this.space.addEventListener("pointerover", ({ target }) => {
      if (target.scrollWidth > target.clientWidth) target.title = target.textContent; // it is cut
      else target.removeAttribute("title");
    });
    this.watch = new ResizeObserver(() => {
      if (this.box.clientWidth === this.width && this.box.clientHeight === this.seen) return;
      this.measure();
      changed();
    });
    this.watch.observe(this.box);
    this.inSight = true;
    this.sight = new IntersectionObserver((entries) => {
      this.inSight = entries.at(-1).isIntersecting; // several may come at once
      if (this.inSight) changed();
    });
    this.sight.observe(this.root);
    if (open) this.box.classList.add("opens");
    this.lay();
  }

  measure() {
    this.seen = this.box.clientHeight;
    if (this.box.clientWidth !== this.width) {
      this.width = this.box.clientWidth;
      this.lay();
    }
  }

  /** The columns for this width. */
  lay() {
    const columns = this.all.filter((one) => !one.hide || this.width >= one.hide);
    if (this.columns && columns.length === this.columns.length) return;
    this.columns = columns;
    for (const row of this.pool) row.node.remove();
    this.pool = [];
    this.tracks = columns.map((one) => one.width ?? "minmax(0, 1fr)").join(" ");
    this.head.style.gridTemplateColumns = this.tracks;
    this.head.replaceChildren(
      ...columns.map((one) => {
        const cell = el("div", { role: "columnheader", class: one.end ? "end" : null });
        if (!one.sort) cell.append(el("span", { title: one.title ?? null }, one.label));
        else
          cell.append(
            el("button", { type: "button", title: one.title ?? null, on: { click: () => this.sortBy(one.name) } }, one.label),
          );
        return cell;
      }),
    );
    this.box.setAttribute("aria-colcount", columns.length);
    this.showSort();
  }

  sortBy(name) {
    const down = this.sorted?.[0] === name ? !this.sorted[1] : true;
    this.sorted = [name, down];
    this.showSort();
    this.arrange();
    this.changed();
  }

  showSort() {
    this.columns.forEach((one, i) => {
      if (!one.sort) return;
      const by = this.sorted?.[0] === one.name ? (this.sorted[1] ? "descending" : "ascending") : "none";
      this.head.children[i].setAttribute("aria-sort", by);
    });
  }

  /** The rows to show; they are sorted here. */
  set(rows) {
    this.given = rows;
    this.arrange();
  }

  arrange() {
    const rows = (this.given ?? []).slice();
    const by = this.sorted && this.all.find((one) => one.name === this.sorted[0]);
    if (by) {
      const down = this.sorted[1] ? -1 : 1;
      const value = by.sort;
      rows.sort((a, b) => down * compare(value(a), value(b)));
    }
    this.rows = rows;
  }

  choose(key) {
    this.chosen = key;
  }

  draw() {
    const { rows, height, space } = this;
    const size = rows.length * height;
    if (this.size !== size) {
      this.size = size;
      space.style.height = `${size}px`;
      this.box.style.height = `${Math.min(rows.length, this.tall) * height + 33}px`;
      this.empty.hidden = rows.length > 0;
      this.box.setAttribute("aria-rowcount", rows.length + 1);
      this.seen = Math.min(rows.length, this.tall) * height + 33;
    }
    if (this.active !== null && !(this.active < rows.length)) this.active = null;
    if (!this.inSight) return;
    const first = Math.max(0, Math.floor(this.top / height) - SPARE);
    const last = Math.min(rows.length, Math.ceil((this.top + this.seen) / height) + SPARE);
    while (this.pool.length < last - first) this.pool.push(this.make());
    const pool = this.pool;
    for (let i = 0; i < pool.length; i += 1) pool[i].used = false;
    for (let at = first; at < last; at += 1) {
      const slot = pool[at % pool.length];
      slot.used = true;
      this.fill(slot, rows[at], at);
    }
    for (const slot of pool) {
      if (slot.used || slot.at === -1) continue;
      slot.at = -1;
      slot.node.hidden = true;
    }
  }

  make() {
    const cells = this.columns.map((one) => el("div", { role: this.open ? "gridcell" : "cell", class: one.end ? "end" : null }));
    const node = el("div", { class: "grid-row", role: "row" }, cells);
    node.style.gridTemplateColumns = this.tracks;
    this.space.append(node);
    return { node, cells, at: -1, used: false };
  }

  fill(slot, row, at) {
    const { node, cells } = slot;
    if (slot.at !== at) {
      if (slot.at === -1) node.hidden = false;
      slot.at = at;
      node.style.transform = `translateY(${at * this.height}px)`;
      node.setAttribute("aria-rowindex", at + 2);
      node.id = `${this.id}-${at}`;
    }
    slot.row = row;
    const chosen = this.chosen !== null && this.key(row) === this.chosen;
    if (slot.chosen !== chosen) {
      slot.chosen = chosen;
      node.classList.toggle("chosen", chosen);
      if (this.open) node.setAttribute("aria-selected", chosen);
    }
    const active = at === this.active;
    if (slot.active !== active) {
      slot.active = active;
      node.classList.toggle("active", active);
    }
    for (let i = 0; i < cells.length; i += 1) {
      const column = this.columns[i];
      say(cells[i], column.text(row));
      if (column.state) mark(cells[i], column.state(row));
    }
  }

  scrolled() {
    if (this.box.scrollTop === this.top) return;
    this.top = this.box.scrollTop;
    this.changed();
  }

  clicked(event) {
    const node = event.target.closest(".grid-row");
    const slot = this.pool.find((one) => one.node === node);
    if (slot && this.open) this.open(slot.row);
  }

  pressed(event) {
    if (event.target !== this.box || !this.open) return;
    const last = this.rows.length - 1;
    const at = this.active ?? -1;
    const page = Math.max(1, Math.floor(this.seen / this.height) - 2);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: last, PageDown: at + page, PageUp: at - page }[event.key];
    if (event.key === "Enter" && at >= 0) this.open(this.rows[at]);
    else if (to !== undefined && last >= 0) this.moveTo(Math.max(0, Math.min(last, to)));
    else return;
    event.preventDefault();
  }

  moveTo(at) {
    this.active = at;
    const from = at * this.height;
    const room = this.seen - 33;
    if (from < this.top) this.box.scrollTop = from;
    else if (from + this.height > this.top + room) this.box.scrollTop = from + this.height - room;
    this.top = this.box.scrollTop;
    this.box.setAttribute("aria-activedescendant", `${this.id}-${at}`);
    this.changed();
  }

  close() {
    this.watch.disconnect();
    this.sight.disconnect();
  }
}

/** Numbers, texts, and what is not there last. */
function compare(a, b) {
  const none = (value) => value === null || value === undefined;
  if (none(a) || none(b)) return none(a) === none(b) ? 0 : none(a) ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}
