/** Asking the visitor for the API's key, trying it, and forgetting it. */

import { isRefusal } from "./apikey.js";
import { Problem } from "./api.js";
import { button, dialogHead, el } from "./dom.js";

const WHENCE = "Ask whoever runs Lookalike; they find it in API Gateway under API keys.";
const REJECTED = "This key was not accepted.";
const NO_KEY = /[^\x21-\x7e]/; // neither spaces nor anything that a header cannot carry

export class KeyDialog {
  #input = el("input", {
    id: "api-key",
    class: "key-input",
    type: "password",
    autocomplete: "off",
    spellcheck: false,
    required: true,
    "aria-describedby": "key-whence key-wrong",
  });
  #wrong = el("p", { id: "key-wrong", class: "key-wrong", role: "alert" });
  #send = el("button", { type: "submit", class: "button is-primary", textContent: "Continue" });
  #settle = (/** @type {string|null} */ _key) => {};

  /** @param {(key: string) => Promise<unknown>} opens throws a Problem when the key does not open the API */
  constructor(opens) {
    this.#opens = opens;
    const close = () => this.element.close();
    const show = button("Show", () => this.#reveal(show), { class: "text-button", title: "Show the key" });
    const form = el(
      "form",
      { on: { submit: (/** @type {Event} */ event) => this.#submitted(event) } },
      el("label", { htmlFor: "api-key", textContent: "API key" }),
      el("div", { class: "key-field" }, this.#input, show),
      this.#wrong,
      el("div", { class: "sheet-acts" }, this.#send),
    );
    this.element = el(
      "dialog",
      { class: "sheet is-key", "aria-labelledby": "key-title", "aria-describedby": "key-whence" },
      dialogHead("key-title", "This catalogue needs a key", close),
      el("p", { id: "key-whence", class: "quiet", textContent: WHENCE }),
      form,
      el("p", { class: "key-note", textContent: "It stays in this browser and is sent to the API only." }),
    );
    this.element.addEventListener("close", () => this.#settle(null));
  }

  #opens;

  /** @param {boolean} rejected the key before this one was no good @returns {Promise<string>} a key that opens the API */
  ask(rejected) {
    this.#input.value = "";
    this.#tell(rejected ? REJECTED : "");
    if (!this.element.open) this.element.showModal();
    this.#input.focus();
    return new Promise((resolve, reject) => {
      this.#settle = (key) => {
        this.#settle = () => {};
        this.#input.value = ""; // not left lying in the page
        if (key) resolve(key);
        else reject(new Problem(401, "The catalogue is shown to those who have its key."));
        this.element.close();
      };
    });
  }

  /** @param {Event} event */
  async #submitted(event) {
    event.preventDefault();
    const key = this.#input.value.trim();
    if (!key || this.#send.disabled) return;
    const settle = this.#settle; // closed and opened again meanwhile: this answer is no longer waited for
    this.#wait(true);
    const wrong = await this.#trouble(key);
    this.#wait(false);
    if (settle !== this.#settle) return;
    if (!wrong) return settle(key);
    this.#tell(wrong);
    this.#input.select();
  }

  /** @param {string} key @returns {Promise<string>} a sentence, "" for none */
  async #trouble(key) {
    if (NO_KEY.test(key)) return "A key has no spaces or special characters: was something else copied along?";
    try {
      await this.#opens(key);
      return "";
    } catch (error) {
      return isRefusal(error) ? REJECTED : /** @type {Error} */ (error).message;
    }
  }

  /** @param {boolean} waiting */
  #wait(waiting) {
    this.#send.disabled = waiting;
    this.#send.textContent = waiting ? "Checking…" : "Continue";
    if (waiting) this.#tell("");
  }

  /** @param {string} sentence */
  #tell(sentence) {
    this.#wrong.textContent = sentence;
    this.#input.setAttribute("aria-invalid", String(Boolean(sentence)));
  }

  /** @param {HTMLElement} switched */
  #reveal(switched) {
    const hidden = this.#input.type === "text";
    this.#input.type = hidden ? "password" : "text";
    switched.textContent = hidden ? "Show" : "Hide";
    switched.title = hidden ? "Show the key" : "Hide the key";
  }
}

/** What a visitor can do about the key that is kept. @param {() => void} forget @returns {HTMLDialogElement} */
export function keptDialog(forget) {
  const close = () => made.close();
  const made = el(
    "dialog",
    { class: "sheet is-key", "aria-labelledby": "kept-title" },
    dialogHead("kept-title", "The key of this catalogue", close),
    el("p", {
      class: "quiet",
      textContent:
        "It is kept in this browser and sent to the API only. On a computer that others use, forget it when you are done.",
    }),
    el(
      "div",
      { class: "sheet-acts" },
      button("Forget the key", forget, { class: "button" }),
      button("Keep it", close, { class: "button is-primary" }),
    ),
  );
  return made;
}
