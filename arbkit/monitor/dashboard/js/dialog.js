// Dialogs. The browser's own <dialog> keeps the focus inside, closes at Escape and gives the focus back.
import { el, say } from "./dom.js";

function open(dialog, first) {
  document.body.append(dialog);
  dialog.addEventListener("close", () => dialog.remove());
  dialog.showModal();
  first.focus();
}

let made = 0;

/** Asks before something is done. `act(reason)` does it; what it raises is shown, and the dialog stays.
 * `reasons`: whether the person is asked for one. */
export function confirm({ title, what, button, danger = false, reasons = true, act }) {
  made += 1;
  const titleId = `dialog-${made}`;
  const whatId = `dialog-what-${made}`;
  const wrong = el("p", { class: "dialog-wrong", role: "alert" });
  const why = el("input", { class: "field", id: `dialog-why-${made}`, maxlength: 200, autocomplete: "off" });
  const cancel = el("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, "Cancel");
  const yes = el("button", { class: `button full ${danger ? "danger" : "primary"}`, type: "submit" }, button);
  const form = el(
    "form",
    {
      on: {
        submit: async (event) => {
          event.preventDefault();
          yes.disabled = true;
          say(wrong, "");
          try {
            await act(why.value.trim());
            dialog.close();
          } catch (error) {
            say(wrong, error.message);
            yes.disabled = false;
          }
        },
      },
    },
    el("h2", { id: titleId }, title),
    el("ul", { id: whatId, class: "dialog-what" }, what.map((line) => el("li", {}, line))),
    reasons && el("label", { class: "dialog-label", for: why.id }, "Reason, for the journal (optional)"),
    reasons && why,
    wrong,
    el("div", { class: "dialog-buttons" }, cancel, yes),
  );
  const dialog = el("dialog", { class: "dialog", "aria-labelledby": titleId, "aria-describedby": whatId }, form);
  open(dialog, cancel);
}

/** Shows something until it is closed. */
export function show(title, ...content) {
  made += 1;
  const titleId = `dialog-${made}`;
  const close = el("button", { class: "button", type: "button", on: { click: () => dialog.close() } }, "Close");
  const dialog = el(
    "dialog",
    { class: "dialog", "aria-labelledby": titleId },
    el("h2", { id: titleId }, title),
    ...content,
    el("div", { class: "dialog-buttons" }, close),
  );
  open(dialog, close);
}

export const isOpen = () => document.querySelector("dialog[open]") !== null;
