// Runs before the first paint, so the remembered theme does not flash. `theme.js` changes it.
(() => {
  try {
    const theme = localStorage.getItem("arbkit.theme");
    if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
  } catch {
    // no storage: the theme of the system
  }
})();
