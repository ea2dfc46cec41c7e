// Dark and light: that of the system until somebody chooses, then the choice, remembered in this browser.
const KEY = "arbkit.theme";
const system = matchMedia("(prefers-color-scheme: dark)");

export function isDark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : system.matches;
}

/** Calls `then` at each change, by a person or the system, until the function that it gives back is called. */
export function onTheme(then) {
  const ended = new AbortController();
  const { signal } = ended;
  system.addEventListener("change", then, { signal });
  document.addEventListener("arbkit:theme", then, { signal });
  return () => ended.abort();
}

export function switchTheme() {
  const theme = isDark() ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // not remembered
  }
  document.dispatchEvent(new Event("arbkit:theme"));
}

/** The present colour of a token, as canvas takes it. */
export function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
}
