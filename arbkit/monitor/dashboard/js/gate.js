// What somebody sees who is not logged in.
import { el } from "./dom.js";

export function gate(root, why) {
  root.replaceChildren(
    el(
      "main",
      { class: "gate-card", id: "main" },
      el("img", { src: "icon.svg", alt: "", width: 40, height: 40 }),
      el("h1", {}, "Not logged in"),
      why && el("p", { class: "wrong", role: "alert" }, why),
      el("p", { class: "soft" }, "This page shows a running desk. Each run makes its own keys, so there is no password. For an address that logs you in, run this on the machine of the desk:"),
      el("pre", { tabindex: 0 }, "arbkit dashboard"),
      el("p", { class: "soft small" }, "The address works once. `arbkit dashboard --read` makes one that can only look."),
    ),
  );
  root.hidden = false;
}
