// The columns of the rows that more than one page shows.
import { amount, clock, count, exact, gainState, NONE, pairName, signed, span } from "../format.js";

const ended = (row) => (row.closed_us ?? null) !== null;

/** How a deal stands, as one word and its state. */
export function dealState(deal) {
  const text = deal.outcome ?? deal.state;
  return [text, { held: "bad", open: "warn", hedged: "good", completed: "" }[text] ?? (ended(deal) ? "" : "warn")];
}

export const DEALS = [
  { name: "opened", label: "Began", width: "62px", text: (d) => clock(d.opened_us), sort: (d) => d.opened_us },
  { name: "pair", label: "Pair", width: "minmax(112px, 2fr)", text: (d) => pairName(d.pair), sort: (d) => d.pair },
  { name: "state", label: "State", width: "72px", text: (d) => dealState(d)[0], state: (d) => dealState(d)[1], sort: (d) => dealState(d)[0] },
  { name: "expected", label: "Expected", width: "84px", end: true, hide: 520, text: (d) => signed(d.expected, 4), sort: (d) => Number(d.expected) },
  { name: "realised", label: "Earned", width: "64px", end: true, text: (d) => signed(d.realised, 4), state: (d) => gainState(d.realised), sort: (d) => (d.realised === null ? null : Number(d.realised)) },
  { name: "took", label: "Took", width: "72px", end: true, hide: 600, text: (d) => (ended(d) ? span(d.closed_us - d.opened_us) : NONE), sort: (d) => (ended(d) ? d.closed_us - d.opened_us : null) },
];

const STATUS = { filled: "good", rejected: "bad", unknown: "bad", expired: "warn", canceled: "warn" };
export const fees = (map) => Object.entries(map).map(([asset, value]) => `${exact(value)} ${asset}`).join(", ") || "0";

export const ORDERS = [
  { name: "sent", label: "Sent", width: "62px", text: (o) => clock(o.sent_us), sort: (o) => o.sent_us },
  { name: "instrument", label: "Instrument", width: "minmax(112px, 1.4fr)", text: (o) => o.instrument, sort: (o) => o.instrument },
  { name: "purpose", label: "Purpose", width: "76px", hide: 700, text: (o) => o.purpose, sort: (o) => o.purpose },
  { name: "side", label: "Side", width: "40px", text: (o) => o.side, sort: (o) => o.side },
  { name: "qty", label: "Quantity", width: "minmax(84px, 1fr)", end: true, hide: 560, text: (o) => exact(o.qty), sort: (o) => Number(o.qty) },
  { name: "px", label: "Limit", width: "minmax(84px, 1fr)", end: true, hide: 460, text: (o) => exact(o.px), sort: (o) => Number(o.px) },
  { name: "filled", label: "Filled", width: "minmax(84px, 1fr)", end: true, hide: 640, text: (o) => exact(o.filled), sort: (o) => Number(o.filled) },
  { name: "status", label: "Status", width: "84px", text: (o) => o.status.toLowerCase().replaceAll("_", " "), state: (o) => STATUS[o.status.toLowerCase()] ?? "", sort: (o) => o.status },
  { name: "ack", label: "Ack", width: "76px", end: true, hide: 760, text: (o) => span(o.stages.ack ?? (o.acked_us === null ? null : o.acked_us - o.sent_us)), sort: (o) => o.stages.ack },
  { name: "text", label: "Said by the venue", width: "minmax(90px, 1.4fr)", hide: 980, text: (o) => o.text },
  { name: "cl_ord_id", label: "Client id", width: "150px", hide: 860, text: (o) => o.cl_ord_id },
];

export const FILLS = [
  { name: "at", label: "Time", width: "62px", text: (f) => clock(f.at_us), sort: (f) => f.at_us },
  { name: "instrument", label: "Instrument", width: "minmax(112px, 1.4fr)", text: (f) => f.instrument, sort: (f) => f.instrument },
  { name: "side", label: "Side", width: "40px", text: (f) => f.side, sort: (f) => f.side },
  { name: "qty", label: "Quantity", width: "minmax(84px, 1fr)", end: true, hide: 460, text: (f) => exact(f.qty), sort: (f) => Number(f.qty) },
  { name: "px", label: "Price", width: "minmax(84px, 1fr)", end: true, text: (f) => exact(f.px), sort: (f) => Number(f.px) },
  { name: "fees", label: "Fees", width: "minmax(120px, 1fr)", end: true, hide: 560, text: (f) => fees(f.fees) },
  { name: "maker", label: "Maker", width: "60px", hide: 640, text: (f) => (f.maker ? "maker" : "taker") },
  { name: "deal", label: "Deal", width: "80px", hide: 720, text: (f) => String(f.deal) },
  { name: "cl_ord_id", label: "Client id", width: "150px", hide: 860, text: (f) => f.cl_ord_id },
];

export const BALANCES = [
  { name: "account", label: "Account", width: "minmax(110px, 1.4fr)", text: (b) => b.account, sort: (b) => b.account },
  { name: "asset", label: "Asset", width: "64px", text: (b) => b.asset, sort: (b) => b.asset },
  { name: "total", label: "Total", width: "minmax(96px, 1fr)", end: true, text: (b) => exact(b.total), sort: (b) => Number(b.total) },
  { name: "free", label: "Free", width: "minmax(96px, 1fr)", end: true, hide: 480, text: (b) => exact(b.free), sort: (b) => Number(b.free) },
  { name: "value", label: "Value", width: "minmax(90px, 1fr)", end: true, hide: 420, text: (b) => amount(b.value), sort: (b) => (b.value === null ? null : Number(b.value)) },
];

const share = (limit) => (limit.most === null || Number(limit.most) === 0 ? null : Number(limit.used) / Number(limit.most));

export const LIMITS = [
  { name: "name", label: "Limit", width: "minmax(96px, 1.4fr)", text: (l) => l.name, sort: (l) => l.name },
  { name: "scope", label: "Of", width: "minmax(84px, 1.4fr)", text: (l) => l.scope || "everything", sort: (l) => l.scope },
  { name: "used", label: "Used", width: "minmax(74px, 1fr)", end: true, text: (l) => exact(l.used), sort: (l) => Number(l.used) },
  { name: "most", label: "At most", width: "minmax(80px, 1fr)", end: true, hide: 440, text: (l) => (l.most === null ? "no limit" : exact(l.most)), sort: (l) => (l.most === null ? null : Number(l.most)) },
  {
    name: "share",
    label: "Share",
    width: "56px",
    end: true,
    text: (l) => (share(l) === null ? NONE : `${Math.round(share(l) * 100)}%`),
    state: (l) => (share(l) === null ? "faint" : share(l) >= 1 ? "bad" : share(l) >= 0.8 ? "warn" : ""),
    sort: share,
  },
];

export const EXPOSURE = [
  { name: "asset", label: "Asset", width: "52px", text: (e) => e.asset, sort: (e) => e.asset },
  { name: "open", label: "Open deals", width: "minmax(74px, 1fr)", end: true, text: (e) => exact(e.open), sort: (e) => Number(e.open) },
  { name: "left", label: "Left over", width: "minmax(74px, 1fr)", end: true, text: (e) => exact(e.left), sort: (e) => Number(e.left) },
  { name: "value", label: "Value", width: "minmax(64px, 1fr)", end: true, text: (e) => amount(e.value), sort: (e) => Number(e.value) },
  { name: "cap", label: "Cap", width: "minmax(64px, 1fr)", end: true, hide: 400, text: (e) => (e.cap === null ? "none" : amount(e.cap, 0)), sort: (e) => Number(e.cap) },
];

export const LOOKED = [
  { name: "pair", label: "Pair", width: "minmax(112px, 1.3fr)", text: (o) => pairName(o.pair), sort: (o) => o.pair },
  { name: "reason", label: "Why not", width: "minmax(112px, 2fr)", text: (o) => (o.reason ? o.text || o.reason : "nothing is in the way"), state: (o) => (o.reason ? "" : "good"), sort: (o) => o.reason },
  { name: "seen", label: "Seen", width: "60px", end: true, hide: 460, text: (o) => count(o.seen), sort: (o) => o.seen },
  { name: "taken", label: "Taken", width: "60px", end: true, text: (o) => count(o.taken), sort: (o) => o.taken },
  { name: "dropped", label: "Dropped", width: "minmax(90px, 1fr)", hide: 640, text: (o) => Object.entries(o.dropped).map(([why, n]) => `${why} ${n}`).join(", ") || NONE },
];

