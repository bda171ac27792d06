/** Adding pictures to the catalogue: a dialog apart from searching, so that neither is done by mistake. */

import { button, dialogHead, el, icon } from "./dom.js";
import { filePicker } from "./intake.js";

const TRIES = 4; // of one picture, while it is said when to try again

export class AddDialog {
  #list = el("ul", { class: "adding", role: "list", "aria-live": "polite" });

  /** @param {import("./api.js").Api} api @param {() => void} added */
  constructor(api, added) {
    this.#api = api;
    this.#added = added;
    const input = filePicker("Pictures to add", true, (files) => this.take(files));
    input.id = "add-files";
    const close = () => this.element.close();
    this.element = el(
      "dialog",
      { class: "sheet", "aria-labelledby": "add-title" },
      dialogHead("add-title", "Add to the catalogue", close),
      el("p", {
        class: "quiet",
        textContent:
          "The pictures you add become part of the catalogue and are found by everybody. To search with a picture without keeping it, use “Search by picture”.",
      }),
      input,
      button(
        "",
        () => input.click(),
        { class: "drop-zone", "aria-label": null, title: null },
        icon("upload"),
        el("span", { textContent: "Choose pictures, or drop them here" }),
      ),
      this.#list,
    );
  }

  #api;
  #added;

  open() {
    this.#list.replaceChildren();
    this.element.showModal();
  }

  get isOpen() {
    return this.element.open;
  }

  /** One after the other: a slow line stays usable. @param {File[]} files */
  async take(files) {
    const rows = files.map((file) => {
      const state = el("span", { class: "quiet", textContent: "Waiting" });
      this.#list.append(el("li", {}, el("bdi", { textContent: file.name }), state));
      return { file, state };
    });
    for (const { file, state } of rows) await this.#one(file, state);
    this.#added();
  }

  /** @param {File} file @param {HTMLElement} state */
  async #one(file, state) {
    state.textContent = "Sending…";
    try {
      await patiently(
        () => this.#api.add(file),
        () => {
          state.textContent = "Busy: trying again in a moment…";
        },
      );
      state.textContent = "Added: it appears in a few seconds.";
      state.className = "is-good";
    } catch (error) {
      state.textContent = /** @type {Error} */ (error).message;
      state.className = "is-bad";
    }
  }
}

/** A hundred pictures at once may be more than the API takes at once. @param {() => Promise<unknown>} send @param {() => void} waiting */
async function patiently(send, waiting) {
  for (let left = TRIES - 1; ; left--) {
    try {
      return await send();
    } catch (error) {
      const { retryAfter } = /** @type {import("./api.js").Problem} */ (error);
      if (!retryAfter || left === 0) throw error;
      waiting();
      await new Promise((resolve) => setTimeout(resolve, retryAfter * 1000));
    }
  }
}
