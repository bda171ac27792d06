/** The catalogue as a grid that fills while it is being indexed. */

import { format, isBrowsing } from "./address.js";
import { el } from "./dom.js";
import { Filters } from "./filters.js";
import { Grid } from "./grid.js";
import { rejectedList } from "./rejected.js";
import { failure, panel } from "./states.js";
import { item, tileBuilder } from "./tile.js";
import { steered } from "./steering.js";
import { statusWord } from "./words.js";

/** @typedef {import("./address.js").Place} Place */
/** @typedef {import("./journey.js").Arrival} Arrival */

const ROUND = 250; // ms between pages that brought nothing new while indexing goes on
const FEW = 20; // new pictures that may be put before those already shown
const DEEPEST = 60; // pages read to get back to where a reload left

export class Browse {
  #body = el("div", { class: "browse-body" });
  #stop = new AbortController();
  #timer = 0;
  #reading = false;
  #resting = false; // after a failure nothing is asked until the visitor, or the server's pause, says so

  /** @param {import("./app.js").App} app @param {Place} where */
  constructor(app, where) {
    this.app = app;
    this.where = where;
    this.sweep = app.sweeps.of(where);
    this.filters = new Filters(app);
    this.grid = new Grid({
      label: "Pictures",
      build: tileBuilder({ acts: ["plus"] }),
      nearEnd: () => this.#more(),
      act: (what, { picture }) => this.#act(what, picture.image_id),
    });
    this.element = el(
      "section",
      { class: "browse" },
      el("h1", { class: "unseen", textContent: "Catalogue" }),
      this.filters.element,
      this.#body,
    );
    app.progress.addEventListener(
      "progress",
      (event) => this.#progressed(/** @type {CustomEvent} */ (event).detail),
      { signal: this.#stop.signal },
    );
  }

  get title() {
    return "Lookalike";
  }

  /** @param {Place} where @returns {boolean} whether this view can show that place too */
  shows(where) {
    return isBrowsing(where);
  }

  /** @param {Place} where @param {Arrival} arrival */
  async arrive(where, { scroll, focus, back }) {
    if (format(where) !== format(this.where)) this.sweep = this.app.sweeps.of(where);
    this.where = where;
    this.#show();
    if (!back) window.scrollTo(0, 0);
    const place = this.where;
    this.#resting = false;
    for (let page = 0; page < DEEPEST && !this.#reaches(scroll) && !this.sweep.complete; page++) {
      await this.#read();
      if (this.#resting) break;
    }
    if (place !== this.where || !back) return;
    window.scrollTo(0, scroll);
    this.grid.refresh();
    if (focus) this.grid.focus(focus);
  }

  leave() {
    this.#stop.abort();
    clearTimeout(this.#timer);
    this.grid.end();
  }

  /** @param {number} scroll */
  #reaches(scroll) {
    return (
      this.sweep.pictures.length > 0 && document.documentElement.scrollHeight >= scroll + window.innerHeight
    );
  }

  /** @param {import("./progress.js").Progress|null} before */
  #progressed(before) {
    this.filters.show(this.where, this.sweep);
    this.grid.refresh();
    const came = before ? (this.app.progress.now?.indexed ?? 0) - before.indexed : 0;
    if (this.sweep.pictures.length === 0) {
      this.#showEmpty();
      this.#more();
    } else if (came > 0 && came <= FEW && !this.app.progress.busy) this.#readHead();
  }

  async #readHead() {
    const { sweep } = this;
    const fresh = await sweep.head().catch(() => []);
    this.app.album.learn(fresh);
    if (fresh.length && sweep === this.sweep && !this.#stop.signal.aborted) this.#show();
  }

  /** More is wanted near the end of the grid. */
  async #more() {
    if (this.#reading || this.#resting || this.sweep.complete || this.#stop.signal.aborted) return;
    const fresh = await this.#read();
    if (fresh > 0 || this.#resting) return; // showing them asks again where the end is still near
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.grid.refresh(), ROUND);
  }

  async #read() {
    const { sweep } = this;
    this.#reading = true;
    try {
      const fresh = await sweep.next();
      this.app.album.learn(fresh);
      this.#reading = false;
      if (sweep === this.sweep && !this.#stop.signal.aborted) this.#show();
      return fresh.length;
    } catch (error) {
      if (sweep === this.sweep) this.#failed(error);
      return 0;
    } finally {
      this.#reading = false;
    }
  }

  /** @param {unknown} error */
  #failed(error) {
    if (this.#stop.signal.aborted) return;
    this.#resting = true;
    const again = () => {
      this.#resting = false;
      if (this.sweep.pictures.length === 0) this.#body.replaceChildren();
      this.#more();
    };
    if (this.sweep.pictures.length === 0) return this.#body.replaceChildren(failure(error, again));
    const { retryAfter } = /** @type {import("./api.js").Problem} */ (error);
    clearTimeout(this.#timer);
    if (retryAfter) this.#timer = window.setTimeout(again, retryAfter * 1000);
    else this.app.notices.failed(error, again);
  }

  /** The size of the catalogue is known by now. */
  recount() {
    this.filters.show(this.where, this.sweep);
  }

  /** Pictures were added where nothing tells of progress: whether they are there by now. */
  look() {
    if (this.sweep.pictures.length) this.#readHead();
    else {
      this.sweep.changed();
      this.#more();
    }
  }

  #show() {
    const { pictures } = this.sweep;
    this.filters.show(this.where, this.sweep);
    if (pictures.length === 0) this.#showEmpty();
    else if (this.where.status === "rejected") this.#body.replaceChildren(rejectedList(pictures));
    else {
      if (this.grid.element.parentElement !== this.#body) this.#body.replaceChildren(this.grid.element);
      this.grid.show(pictures.map((picture) => item(picture)));
    }
    if (this.where.status === "rejected" && !this.sweep.complete) this.#more();
  }

  /** Until the first page has come, what was there before stays. */
  #showEmpty() {
    if (!this.sweep.complete) return;
    const shown = this.#empty();
    if (shown.textContent !== this.#body.textContent) this.#body.replaceChildren(shown);
  }

  #empty() {
    const { prefix, tags, status } = this.where;
    const whole = { label: "Show the whole catalogue", act: () => this.app.journey.go({}) };
    if (status === "rejected") {
      const text = "Files that cannot be read are listed here with the reason.";
      return panel("Every picture could be read", text, { act: whole });
    }
    if (prefix || tags.length) {
      const text = "No picture has this start of the name and these tags.";
      return panel("Nothing matches", text, { act: whole });
    }
    if (status !== "visible") {
      return panel("None", `No picture is ${statusWord(status).toLowerCase()}.`, { act: whole });
    }
    return this.#emptyCatalogue();
  }

  #emptyCatalogue() {
    if (this.app.progress.busy) {
      return panel("The first pictures are on their way", "They appear here as soon as they are indexed.");
    }
    const { uploads, local } = this.app.config;
    const folder = this.app.progress.now?.pictures ?? (local ? "" : "the images bucket");
    const how = folder ? `Put pictures into ${folder}` : "Add pictures";
    const act = uploads ? { label: "Add pictures", act: () => this.app.add.open() } : undefined;
    return panel("No pictures yet", `${how}, and they appear here by themselves.`, { act });
  }

  /** @param {string} what @param {string} id */
  #act(what, id) {
    if (what === "plus") this.app.journey.go({ plus: steered(this.where, "plus", id).plus }, { trail: [] });
  }
}
