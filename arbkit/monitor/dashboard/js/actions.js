// What a person can do here, each with the words of its confirmation.
import { confirm } from "./dialog.js";
import { pairName } from "./format.js";
import { call } from "./session.js";

const ASK = {
  kill: () => ({
    title: "Stop all trading?",
    what: [
      "The mode becomes HALTED for everything: no new deal, and no new order.",
      "Open deals are not finished. Orders at the venues are watched until their end is known.",
      "It stays over restarts, until somebody resumes.",
    ],
    button: "Halt everything",
    danger: true,
  }),
  reduce: (scope) => ({
    title: scope ? `Only finish at ${scope}?` : "Only finish what is open?",
    what: ["The mode becomes REDUCING: open deals are finished and unwound, no new deal is begun."],
    button: "Reduce",
    path: "mode",
    body: { mode: "reducing", scope },
  }),
  resume: (scope) => ({
    title: scope ? `Resume ${scope}?` : "Resume trading?",
    what: ["The mode becomes ACTIVE: new deals may begin at once, within the limits."],
    button: "Resume",
    path: "mode",
    body: { mode: "active", scope },
  }),
  venueOff: (scope) => ({
    title: `Take ${scope} out?`,
    what: [
      `${scope} becomes REDUCING: no new deal uses it.`,
      "Open deals there are finished. Its books and balances are still followed.",
    ],
    button: "Take it out",
    path: "venue",
    body: { mode: "reducing", scope },
  }),
  venueOn: (scope) => ({
    title: `Trade at ${scope} again?`,
    what: [`${scope} becomes ACTIVE: new deals may use it as soon as it is ready.`],
    button: "Trade there",
    path: "venue",
    body: { mode: "active", scope },
  }),
  resolve: () => ({
    title: "Ask for unresolved orders now?",
    what: [
      "Each order whose outcome is not proved is asked for at its venue now.",
      "Nothing is sent again, and its exposure counts in full until there is a proof.",
    ],
    button: "Ask now",
    reasons: false,
  }),
  release: (scope) => ({
    title: `Release ${pairName(scope)}?`,
    what: [
      "The held deal of this pair is tried again at once: it may send orders at present prices.",
      "What it has left stays counted as exposure.",
    ],
    button: "Release",
    body: { scope },
  }),
};

/** Asks, and does it. `name`: one of the above. */
export function ask(name, scope = "") {
  const { title, what, button, danger, reasons, path = name, body = {} } = ASK[name](scope);
  confirm({ title, what, button, danger, reasons, act: (why) => call(`actions/${path}`, { ...body, ...(why && { why }) }) });
}
