/** What is shown where pictures would be: empty, failed, nothing alike. */

import { button, el, icon } from "./dom.js";

/**
 * @param {string} title @param {string} text
 * @param {{act?: {label: string, act: () => void}, bad?: boolean}} [options]
 */
export function panel(title, text, { act, bad = false } = {}) {
  return el(
    "section",
    { class: bad ? "panel is-bad" : "panel", role: bad ? "alert" : undefined },
    bad
      ? icon("warning")
      : el("div", { class: "panel-art", "aria-hidden": "true" }, el("i"), el("i"), el("i")),
    el("h2", { textContent: title }),
    el("p", { textContent: text }),
    act && button(act.label, act.act, { class: "button" }),
  );
}

/** A failed answer, which tries again by itself when the server said when. @param {unknown} error @param {() => void} again */
export function failure(error, again) {
  const wait = /** @type {any} */ (error).retryAfter;
  const made = panel("That did not work", error instanceof Error ? error.message : String(error), {
    bad: true,
    act: { label: "Try again", act: again },
  });
  if (!wait) return made;
  const note = el("p", { class: "quiet", textContent: `Trying again in ${wait} s.` });
  made.append(note);
  setTimeout(() => {
    if (made.isConnected) again();
  }, wait * 1000);
  return made;
}
