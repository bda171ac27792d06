/** The answer of a search: its heading, its filters, and the grid of look-alikes. */

import { isBrowsing } from "./address.js";
import { button, el, icon } from "./dom.js";
import { Grid } from "./grid.js";
import { curl, questionFor } from "./query.js";
import { panel } from "./states.js";
import { steered, steeringChips } from "./steering.js";
import { tagFilter } from "./tags.js";
import { item, tileBuilder } from "./tile.js";
import { counted } from "./words.js";

/** @typedef {import("./address.js").Place} Place */
/** @typedef {import("./api.js").Answer} Answer */
/** @typedef {import("./api.js").Picture} Picture */

const TAGS = 10; // offered as filters

export class Results {
  #heading = el("h2", { class: "results-title", tabIndex: -1 });
  #steering = el("div", {});
  #tags = el("div", { class: "tag-row", role: "group", "aria-label": "Tags" });
  #body = el("div", { class: "results-body" });

  /** @param {import("./app.js").App} app @param {Place} where @param {(id: string) => void} why asks for the explanation of a result */
  constructor(app, where, why) {
    this.app = app;
    this.where = where;
    this.#why = why;
    this.grid = new Grid({
      label: "Look-alikes",
      build: tileBuilder({ acts: ["plus", "minus", "why"] }),
      act: (what, { picture }) => this.#act(what, picture),
    });
    const title = "This search, for a shell";
    const copy = button(
      "",
      () => this.#copy(),
      { class: "button", "aria-label": null, title },
      icon("copy"),
      el("span", { textContent: "Copy as curl" }),
    );
    const line = el("div", { class: "results-line" }, this.#heading, this.#tags, copy);
    const bar = el("div", { class: "results-bar" }, line, this.#steering);
    this.element = el("section", { class: "results", "aria-label": "Look-alikes" }, bar, this.#body);
  }

  #why;

  /** The question is known, its answer not yet. @param {Place} where */
  expect(where) {
    this.where = where;
    const { album } = this.app;
    const ids = [...where.plus, ...where.minus];
    const known = (/** @type {string} */ id) => album.known(id);
    const chips = () =>
      this.#steering.replaceChildren(
        ...(ids.length ? [steeringChips(where, known, (next) => this.#steer(next))] : []),
      );
    chips();
    if (ids.every(known)) return;
    album.all(ids).then(() => {
      if (where === this.where) chips(); // came by a link: only now do we know their names
    });
  }

  wait() {
    this.element.classList.add("is-waiting");
    this.element.setAttribute("aria-busy", "true");
  }

  /** @param {Answer} answer */
  async show(answer) {
    const { results } = answer;
    const found = counted(results.length, "look-alike");
    this.#heading.textContent = results.length ? found : "No good match";
    this.app.notices.whisper(results.length ? `${found} found.` : "No good match.");
    const filter = (/** @type {string[]} */ tags) => this.app.journey.go({ ...this.where, tags, why: "" });
    this.#tags.replaceChildren(...tagFilter(results, this.where.tags, filter, TAGS));
    this.#settled();
    if (results.length === 0) return this.#body.replaceChildren(this.#noMatch());
    this.#body.replaceChildren(this.grid.element, ...this.#moreButton(results.length));
    this.grid.show(await this.#items(results));
    this.app.interactions.show(answer, this.grid.element);
  }

  /** Something else is shown where the look-alikes would be. @param {HTMLElement} panel */
  showInstead(panel) {
    this.#settled();
    this.#heading.textContent = "";
    this.#body.replaceChildren(panel);
  }

  #settled() {
    this.element.classList.remove("is-waiting");
    this.element.removeAttribute("aria-busy");
  }

  /** Results, each spread-out stack followed by its duplicates. @param {Picture[]} results */
  async #items(results) {
    /** @type {Map<string, Picture[]>} */
    const copies = new Map();
    for (const { image_id, duplicate_ids } of results) {
      if (duplicate_ids?.length && this.where.stacks.includes(image_id)) {
        copies.set(image_id, await this.app.album.all(duplicate_ids));
      }
    }
    return results.flatMap((result) => {
      const inside = copies.get(result.image_id);
      const { image_id: inStackOf } = result;
      const spread = (inside ?? []).map((copy) => item(copy, { inStackOf }));
      return [item(result, { open: Boolean(inside) }), ...spread];
    });
  }

  /** @param {number} shown */
  #moreButton(shown) {
    if (this.where.more || shown < 48) return [];
    const act = () => this.app.journey.go({ ...this.where, more: true }, { replace: true });
    return [el("p", { class: "more" }, button("Show more", act, { class: "button" }))];
  }

  #noMatch() {
    const { image, upload, tags, crop, plus, minus } = this.where;
    const narrowed = Boolean(tags.length || crop || plus.length || minus.length);
    const title = "Nothing looks enough like it";
    if (!narrowed) return panel(title, "No picture of the catalogue is similar enough to be worth showing.");
    const whole = () => this.app.journey.go({ image, upload });
    const act = image || upload ? { label: "Search by the whole picture", act: whole } : undefined;
    return panel(title, "Try without the tags, the box or the steering.", { act });
  }

  /** @param {Place} next */
  #steer(next) {
    this.app.journey.go({ ...next, stacks: [] }, isBrowsing(next) ? { trail: [] } : {});
  }

  /** @param {string} what @param {Picture} picture */
  #act(what, { image_id, duplicates }) {
    const { stacks } = this.where;
    if (what === "plus" || what === "minus") this.#steer(steered(this.where, what, image_id));
    if (what === "why") this.#why(image_id);
    if (what !== "stack" || !duplicates) return;
    const others = stacks.filter((each) => each !== image_id);
    const next = others.length < stacks.length ? others : [...stacks, image_id];
    this.app.journey.go({ ...this.where, stacks: next }, { replace: true });
  }

  async #copy() {
    const { album, notices } = this.app;
    const upload = this.where.upload ? await album.uploads.find(this.where.upload) : null;
    const file = upload ? { name: upload.name, type: upload.blob.type } : undefined;
    const keyed = album.api.key.isWanted;
    const command = curl(questionFor(this.where), album.api.address, file, keyed);
    const where = keyed ? "Paste it into a shell where LOOKALIKE_KEY is your key." : "Paste it into a shell.";
    try {
      await navigator.clipboard.writeText(command);
      notices.say(`Copied. ${where}`);
    } catch {
      notices.say(command, { stay: true }); // the clipboard may be forbidden; the eye may not
    }
  }
}
