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
  if (/** @type {any} */ (error).status === 401) return locked(/** @type {Error} */ (error).message, again);
  const wait = /** @type {any} */ (error).retryAfter;
  const throttled = /** @type {any} */ (error).status === 429 && wait;
  const title = throttled ? "One moment" : "That did not work";
  const made = panel(title, error instanceof Error ? error.message : String(error), {
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

/** The visitor did not give the key. @param {string} text @param {() => void} again asks once more */
function locked(text, again) {
  return panel("A key is needed", text, { act: { label: "Enter the key", act: again } });
}

/** Trying again is offered for what may pass: nothing answered, the key, too much at once, their trouble. @param {unknown} error @param {() => void} act */
export function again(error, act) {
  const { status = -1 } = /** @type {any} */ (error);
  return [0, 401, 429].includes(status) || status >= 500 ? act : undefined;
}
