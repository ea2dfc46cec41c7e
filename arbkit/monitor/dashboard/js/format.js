// Numbers and times as a person reads them. Amounts come as exact text and stay exact until here.
export const NONE = "–";

const whole = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });
const cached = new Map();

function fixed(digits) {
  let made = cached.get(digits);
  if (!made) {
    made = new Intl.NumberFormat("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
    cached.set(digits, made);
  }
  return made;
}

export function count(value) {
  return value === null || value === undefined ? NONE : whole.format(value);
}

/** An amount with so many digits after the point. */
export function amount(value, digits = 2) {
  return value === null || value === undefined ? NONE : fixed(digits).format(Number(value));
}

/** The same with its sign; a zero has none. */
export function signed(value, digits = 2) {
  if (value === null || value === undefined) return NONE;
  const number = Number(value);
  const text = fixed(digits).format(Math.abs(number));
  if (!/[1-9]/.test(text)) return text;
  return (number < 0 ? "−" : "+") + text;
}

/** All digits of an exact amount, with commas and without zeros at the end. */
export function exact(value) {
  if (value === null || value === undefined) return NONE;
  const [, sign, digits, part = "", power = "0"] = /^(-?)(\d+)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(String(value)) ?? [];
  if (digits === undefined) return String(value);
  const point = digits.length + Number(power);
  const all = (digits + part).padEnd(point, "0").padStart(digits.length + part.length + Math.max(0, 1 - point), "0");
  const at = Math.max(point, 1);
  const whole = all.slice(0, at).replace(/^0+(?=\d)/, "").replace(/\B(?=(\d{3})+(?!\d))/g, ",");
  const after = all.slice(at).replace(/0+$/, "");
  return sign + whole + (after && `.${after}`);
}

/** A price, with the digits that matter. */
export function price(value) {
  if (value === null || value === undefined) return NONE;
  const size = Math.abs(value);
  const digits = size >= 100 ? 2 : size >= 1 ? 4 : size >= 0.01 ? 6 : 8;
  return fixed(digits).format(value);
}

export function quantity(value) {
  if (value === null || value === undefined) return NONE;
  const size = Math.abs(value);
  return fixed(size >= 1000 ? 0 : size >= 10 ? 2 : 4).format(value);
}

/** A share as basis points: 0.0012 is +12.0. */
export function bps(share, digits = 1) {
  return share === null || share === undefined ? NONE : signed(share * 10_000, digits);
}

/** The width of a book as basis points: 2.0. */
export function width(share) {
  if (share === null || share === undefined) return NONE;
  return fixed(share < 1e-4 ? 2 : 1).format(share * 10_000);
}

export function percent(share) {
  return share === null || share === undefined ? NONE : `${Math.round(share * 100)}%`;
}

/** A duration: 850 µs, 12.3 ms, 4.2 s, 3 min, 2 h 05 min, 3 d 4 h. */
export function span(us) {
  if (us === null || us === undefined) return NONE;
  const sign = us < 0 ? "−" : "";
  const size = Math.abs(us);
  if (size < 9.95) return `${sign}${size.toFixed(1)} µs`;
  if (size < 999.5) return `${sign}${size.toFixed(0)} µs`;
  if (size < 99_950) return `${sign}${(size / 1e3).toFixed(1)} ms`;
  if (size < 999_500) return `${sign}${(size / 1e3).toFixed(0)} ms`;
  if (size < 9_950_000) return `${sign}${(size / 1e6).toFixed(1)} s`;
  const s = Math.round(size / 1e6);
  if (s < 120) return `${sign}${s} s`;
  const min = Math.floor(s / 60);
  if (min < 60) return `${sign}${min} min`;
  const hours = Math.floor(min / 60);
  if (hours < 48) return `${sign}${hours} h ${two(min % 60)} min`;
  return `${sign}${Math.floor(hours / 24)} d ${hours % 24} h`;
}

const two = (number) => String(number).padStart(2, "0");

/** 14:03:22, in UTC as all times here. */
export function clock(us) {
  if (us === null || us === undefined) return NONE;
  const at = new Date(us / 1000);
  return `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
}

/** 2026-11-30 14:03:22. */
export function moment(us) {
  if (us === null || us === undefined) return NONE;
  return new Date(us / 1000).toISOString().slice(0, 19).replace("T", " ");
}

export function day(us) {
  return us === null || us === undefined ? NONE : new Date(us / 1000).toISOString().slice(0, 10);
}

/** A balanced short form: 1.2k, 3.4M. */
export function short(value) {
  if (value === null || value === undefined) return NONE;
  const size = Math.abs(Number(value));
  if (size >= 1e9) return `${(value / 1e9).toFixed(1)}G`;
  if (size >= 1e6) return `${(value / 1e6).toFixed(1)}M`;
  if (size >= 1e4) return `${(value / 1e3).toFixed(1)}k`;
  return size >= 100 ? whole.format(value) : fixed(1).format(value);
}

/** good above zero, bad below. */
export function gainState(value) {
  if (value === null || value === undefined) return "faint";
  const number = Number(value);
  return number > 0 ? "good" : number < 0 ? "bad" : "";
}

export const venueOf = (instrument) => instrument.slice(0, instrument.indexOf(":"));
export const symbolOf = (instrument) => instrument.slice(instrument.indexOf(":") + 1);

/** `okx:BTC-USDT+bybit:BTC-USDT` as "BTC-USDT okx / bybit". */
export function pairName(pair) {
  const parts = pair.split("+");
  const symbols = new Set(parts.map(symbolOf));
  if (symbols.size === 1) return `${symbolOf(parts[0])} ${parts.map(venueOf).join(" / ")}`;
  const venues = new Set(parts.map(venueOf));
  if (venues.size === 1) return `${venueOf(parts[0])} ${parts.map(symbolOf).join(" / ")}`;
  return parts.join(" / ");
}
