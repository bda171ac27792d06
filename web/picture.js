/** Look-alikes of one picture (or of a mix): the anchor beside its answer. */

import { format, isBrowsing, isMetrics, question, subject } from "./address.js";
import { Anchor } from "./anchor.js";
import { el } from "./dom.js";
import { edited } from "./edits.js";
import { explainPanel } from "./explain.js";
import { Results } from "./results.js";
import { again, failure, panel } from "./states.js";
import { trailOf } from "./trail.js";
import { fileName } from "./words.js";

/** @typedef {import("./address.js").Place} Place */
/** @typedef {import("./address.js").Crop} Crop */
/** @typedef {import("./journey.js").Arrival} Arrival */
/** @typedef {import("./api.js").Answer} Answer */

export class PictureView {
  #asked = new AbortController();
  #asking = ""; // the question whose answer is shown or awaited
  #openedWhy = false;
  #uploadShown = false;
  #trail = trailOf([]);

  /** @param {import("./app.js").App} app @param {Place} where */
  constructor(app, where) {
    this.app = app;
    this.where = where;
    this.anchor = new Anchor({
      crop: (crop, by) => this.#cropped(crop, by),
      filter: (tag) => app.journey.go({ tags: [tag] }, { trail: [] }),
      change: app.config.edits ? (changes) => this.#change(changes) : null,
      renew: (id) => app.album.renewed(id),
    });
    this.results = new Results(app, where, (id) => this.#openWhy(id));
    this.why = explainPanel(() => this.#closeWhy());
    const hasAnchor = Boolean(where.image || where.upload);
    const beside = hasAnchor ? this.anchor.element : heading("Look-alikes of a mix");
    const parts = [this.#trail, beside, this.results.element, this.why.element];
    this.element = el("div", { class: hasAnchor ? "picture" : "picture is-mix" }, ...parts);
  }

  get grid() {
    return this.results.grid;
  }

  get title() {
    const key = this.app.album.known(this.where.image)?.key;
    return key ? `${fileName(key)} · Lookalike` : "Look-alikes · Lookalike";
  }

  /** What is put into the trail when the visitor goes on. @returns {import("./journey.js").Stop|null} */
  get stop() {
    const picture = this.app.album.known(this.where.image);
    if (!picture) return null;
    const { image_id: id, key, thumbnail_url: thumbnail } = picture;
    return { id, href: format({ ...this.where, why: "" }), name: fileName(key), thumbnail };
  }

  /** @param {Place} where @returns {boolean} whether this view can show that place too */
  shows(where) {
    return !isBrowsing(where) && !isMetrics(where) && subject(where) === subject(this.where);
  }

  /** @param {Place} where @param {Arrival} arrival */
  async arrive(where, arrival) {
    const again = this.#asking !== "";
    this.where = where;
    this.#begin(arrival);
    if (!arrival.back && !again) window.scrollTo(0, 0);
    const answer = await this.#answer(arrival);
    if (!answer || where !== this.where) return;
    if (arrival.back) this.#restore(arrival);
    else if (again && this.results.element.getBoundingClientRect().top < 0)
      this.results.element.scrollIntoView();
    await this.#explain(answer);
  }

  leave() {
    this.#asked.abort();
    this.grid.end();
    this.anchor.end();
    this.why.hide();
  }

  /** Everything that can be shown before the answer. @param {Arrival} arrival */
  #begin({ trail }) {
    const shown = trailOf(trail);
    this.#trail.replaceWith(shown);
    this.#trail = shown;
    this.results.expect(this.where);
    this.anchor.showCrop(this.where.crop);
    const known = this.app.album.known(this.where.image);
    if (known) this.anchor.show(known);
  }

  /** @param {Arrival} arrival @returns {Promise<Answer|null>} null when it failed, or something else is wanted by now */
  async #answer(arrival) {
    const { where } = this;
    const asking = question(where);
    const wanted = () => question(this.where) === asking;
    if (this.#asking !== asking) this.#asked.abort();
    this.#asking = asking;
    this.#asked = new AbortController();
    try {
      if (where.upload && !(await this.#showUpload())) return null;
      if (!this.app.album.answered(where)) this.results.wait();
      const answer = await this.app.album.answer(where, { signal: this.#asked.signal });
      if (!wanted()) return null;
      await this.results.show(answer);
      this.#meetAnchor(answer);
      return answer;
    } catch (error) {
      if (wanted() && !(error instanceof DOMException)) this.#failed(error, arrival);
      return null;
    }
  }

  /** @returns {Promise<boolean>} whether this browser still has it */
  async #showUpload() {
    if (this.#uploadShown) return true;
    const upload = await this.app.album.uploads.find(this.where.upload);
    this.#uploadShown = Boolean(upload);
    if (upload) this.anchor.showUpload(upload);
    else this.#gone();
    return this.#uploadShown;
  }

  #gone() {
    const text =
      "A picture you search with stays in this browser and is forgotten after a while. Drop it again to search with it.";
    const act = { label: "Choose the picture", act: () => this.app.pick() };
    this.#withoutAnchor(panel("This picture is gone", text, { act }));
  }

  /** @param {unknown} error @param {Arrival} arrival */
  #failed(error, arrival) {
    const anew = () => {
      this.#asking = "";
      this.arrive(this.where, arrival);
    };
    if (/** @type {any} */ (error).status !== 404) return this.results.showInstead(failure(error, anew));
    const act = { label: "Show the whole catalogue", act: () => this.app.journey.go({}, { trail: [] }) };
    this.#withoutAnchor(
      panel("This picture is not in the catalogue", "It may have been removed since.", { act }),
    );
  }

  /** @param {HTMLElement} instead */
  #withoutAnchor(instead) {
    this.element.className = "picture is-mix is-gone";
    this.anchor.element.replaceWith(heading("Look-alikes"));
    this.results.showInstead(instead);
  }

  /** @param {Answer} answer */
  async #meetAnchor(answer) {
    const { image } = this.where;
    if (!image) return;
    const { album } = this.app;
    const anchor = answer.anchor ?? (await album.whole(image).catch(() => null));
    if (!anchor || image !== this.where.image) return;
    const picture = album.known(image) ?? anchor;
    this.anchor.show(picture);
    document.title = this.title;
    this.anchor.showCopies(await album.all(picture.duplicate_ids ?? []));
  }

  /** @param {Arrival} arrival */
  #restore({ scroll, focus }) {
    window.scrollTo(0, scroll);
    this.grid.refresh();
    if (focus) this.grid.focus(focus);
  }

  /** @param {Crop|null} crop @param {"hand"|"keys"} by small steps by keys are one step of history */
  #cropped(crop, by) {
    const replace = by === "keys" && Boolean(this.where.crop && crop);
    this.app.journey.go({ ...this.where, crop, stacks: [], why: "" }, { replace });
  }

  /** @param {string} id */
  #openWhy(id) {
    this.#openedWhy = true;
    this.app.journey.go({ ...this.where, why: id });
  }

  #closeWhy() {
    if (this.#openedWhy) this.app.journey.back();
    else this.app.journey.go({ ...this.where, why: "" }, { replace: true });
    this.#openedWhy = false;
  }

  /** @param {Answer} answer */
  async #explain(answer) {
    const { why } = this.where;
    if (!why) return this.why.hide();
    const picture = answer.results.find(({ image_id }) => image_id === why) ?? this.app.album.known(why);
    this.why.wait(picture);
    try {
      const explained = await this.app.album.answer(this.where, { explain: true });
      if (this.where.why === why) this.why.show(picture, explained, why);
    } catch (error) {
      this.#closeWhy();
      this.app.notices.failed(error, again(error, () => this.#openWhy(why)));
    }
  }

  /** @param {object} changes */
  async #change(changes) {
    const { image } = this.where;
    try {
      for await (const picture of edited(this.app.album.api, image, changes)) {
        this.app.changed(picture);
        if (this.where.image !== image || !this.element.isConnected) return;
        this.anchor.show(this.app.album.known(image) ?? picture);
      }
    } catch (error) {
      this.app.notices.failed(error, again(error, () => this.#change(changes)));
    }
  }
}

/** For screen readers, where no anchor names the page. @param {string} textContent */
function heading(textContent) {
  return el("h1", { class: "unseen", textContent });
}
