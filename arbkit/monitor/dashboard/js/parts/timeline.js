// Where the time of a deal's orders went: one lane an order, in the process (microseconds) and on the wire.
import { el } from "../dom.js";
import { span, venueOf } from "../format.js";

/** The stages in their order: name, label, what it is. */
export const STAGES = [
  ["wire_in", "Wire in", "from the venue's time stamp to the socket read"],
  ["decode", "Decode", "from the read to the events of its frames"],
  ["book", "Book", "the book takes the update"],
  ["decide", "Decide", "the strategy"],
  ["gate", "Gate", "plan, reservation, gate and rate tokens"],
  ["sign", "Sign", "journal, signature and encoding"],
  ["wire_out", "Wire out", "to the transport"],
  ["ack", "Ack", "from then to the venue's first report"],
  ["fill", "Fill", "from the first report to the last fill"],
];
const INSIDE = STAGES.slice(1, 7);

/** Two sets of lanes, and the numbers as a table, which is what a screen reader reads. */
export function timeline(orders) {
  const timed = orders.filter((order) => STAGES.some(([name]) => order.stages[name] !== null));
  if (!timed.length) return el("p", { class: "empty" }, "The time of these orders was not measured.");
  return el(
    "div",
    { class: "timeline" },
    lanes("In the process", timed, INSIDE, () => 0),
    lanes("From the venue and back", timed, [STAGES[0], ["inside", "In the process", "all stages of the lanes above"], STAGES[7], STAGES[8]], offset(timed)),
    numbers(timed),
  );
}

const inside = (stages) => INSIDE.reduce((sum, [name]) => sum + (stages[name] ?? 0), 0);
const length = (order, name) => (name === "inside" ? inside(order.stages) : (order.stages[name] ?? 0));

/** Orders of later waves begin later: by their time of sending. */
function offset(orders) {
  const began = (order) => order.sent_us - inside(order.stages) - (order.stages.wire_in ?? 0);
  const first = Math.min(...orders.map(began));
  return (order) => began(order) - first;
}

function lanes(title, orders, stages, from) {
  const ends = orders.map((order) => from(order) + stages.reduce((sum, [name]) => sum + length(order, name), 0));
  const whole = Math.max(...ends, 1);
  return el(
    "figure",
    { class: "lanes", "aria-hidden": true },
    el("figcaption", {}, el("h3", {}, title), legend(stages)),
    orders.map((order) => {
      const track = el("div", { class: "lane-track" });
      let at = from(order);
      for (const [name, label] of stages) {
        const us = length(order, name);
        if (us > 0) track.append(segment(name, label, at, us, whole));
        at += us;
      }
      return el("div", { class: "lane" }, el("span", { class: "lane-name" }, `${order.side} ${venueOf(order.instrument)}`), track, el("span", { class: "lane-sum" }, span(at - from(order))));
    }),
    el("div", { class: "lane lane-axis small faint" }, el("span"), el("div", {}, [0, 0.25, 0.5, 0.75, 1].map((share) => el("span", {}, share ? span(whole * share) : "0"))), el("span")),
  );
}

function segment(name, label, at, us, whole) {
  const node = el("i", { data: { stage: name }, title: `${label} ${span(us)}` });
  node.style.left = `${(at / whole) * 100}%`;
  node.style.width = `max(2px, ${(us / whole) * 100}%)`;
  return node;
}

function legend(stages) {
  return el("ul", { class: "legend" }, stages.map(([name, label]) => el("li", {}, el("i", { data: { stage: name } }), label)));
}

function numbers(orders) {
  return el(
    "div",
    { class: "scroll", tabindex: 0, role: "region", "aria-label": "Time by stage" },
    el(
      "table",
      { class: "plain" },
      el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Order"), STAGES.map(([, label, what]) => el("th", { scope: "col", title: what }, label)))),
      el(
        "tbody",
        {},
        orders.map((order) =>
          el("tr", {}, el("th", { scope: "row" }, `${order.side} ${venueOf(order.instrument)}`), STAGES.map(([name]) => el("td", {}, span(order.stages[name])))),
        ),
      ),
    ),
  );
}
