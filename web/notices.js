/** Calm messages at the edge of the page, also said aloud. */

import { button, el, icon } from "./dom.js";

const STAY = 9000; // ms; a sentence and its button can be read and reached

export class Notices {
  #host = /** @type {HTMLElement} */ (document.querySelector(".notices"));
  #live = /** @type {HTMLElement} */ (document.querySelector("#live"));

  /** @param {string} sentence @param {{bad?: boolean, action?: {label: string, act: () => void}, stay?: boolean}} [options] @returns {() => void} takes it away */
  say(sentence, { bad = false, action, stay = false } = {}) {
    const notice = el(
      "div",
      { class: bad ? "notice is-bad" : "notice", role: bad ? "alert" : "status" },
      bad ? icon("warning") : null,
      el("p", { textContent: sentence }),
    );
    const close = () => notice.remove();
    if (action)
      notice.append(
        button(
          action.label,
          () => {
            close();
            action.act();
          },
          { class: "text-button" },
        ),
      );
    notice.append(button("Dismiss", close, { class: "icon-button" }, icon("close")));
    for (const same of this.#host.children)
      if (same.querySelector("p")?.textContent === sentence) same.remove();
    this.#host.append(notice);
    if (!stay) setTimeout(close, STAY);
    return close;
  }

  /** @param {unknown} error @param {() => void} [again] offered, for what may pass */
  failed(error, again) {
    const action = again && { label: "Try again", act: again };
    this.say(error instanceof Error ? error.message : String(error), { bad: true, action });
  }

  /** For screen readers only. @param {string} sentence */
  whisper(sentence) {
    this.#live.textContent = sentence;
  }
}
