// The address names the page and what it shows: #/spreads/BTC-USDT/okx/binance.

/** The parts of the present address; the first is the page. */
export function where() {
  const parts = location.hash.replace(/^#\/?/, "").split("/").filter(Boolean);
  try {
    return parts.map(decodeURIComponent);
  } catch {
    return [];
  }
}

export const address = (...parts) => `#/${parts.filter(Boolean).map(encodeURIComponent).join("/")}`;

/** Goes there. `replace`: a page completes its own address, without a step in the history. */
export function go(parts, { replace = false } = {}) {
  const to = address(...parts);
  if (to === location.hash || (replace && where()[0] !== parts[0])) return; // another page was asked for meanwhile
  if (replace) {
    history.replaceState(null, "", to);
    window.dispatchEvent(new HashChangeEvent("hashchange"));
  } else location.hash = to;
}
