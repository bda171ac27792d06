/** The page: puts the parts together and shows the place that the address names. */

import { isBrowsing, isMetrics, parse, place as placeOf } from "./address.js";
import { AddDialog } from "./add.js";
import { Album } from "./album.js";
import { Api } from "./api.js";
import { ApiKey } from "./apikey.js";
import { Browse } from "./browse.js";
import { configured } from "./config.js";
import { furnish, markTab } from "./header.js";
import { filePicker, watchIntake } from "./intake.js";
import { Interactions } from "./interactions.js";
import { Journey } from "./journey.js";
import { KeyDialog } from "./keydialog.js";
import { MetricsView } from "./metrics.js";
import { Notices } from "./notices.js";
import { PictureView } from "./picture.js";
import { ProgressWatch, sentence, share } from "./progress.js";
import { Session } from "./session.js";
import { again } from "./states.js";
import { Sweeps } from "./sweep.js";
import { trailTo } from "./trail.js";
import { sendable, Uploads } from "./uploads.js";
import { counted } from "./words.js";

/** @typedef {import("./address.js").Place} Place */

const TYPING = 250; // ms without a key before the filter acts
const LOOKS = [3000, 8000, 20_000, 60_000]; // ms after adding pictures, where nobody tells when they are indexed

const find = (/** @type {string} */ selector) =>
  /** @type {HTMLElement} */ (document.querySelector(selector));

export class App {
  /** @type {Browse|PictureView|MetricsView|null} */
  view = null;
  indexed = 0; // where no progress is told
  notices = new Notices();
  main = find("main");
  filter = /** @type {HTMLInputElement} */ (find("#filter"));
  #pick = filePicker("Picture to search by", false, ([file]) => this.searchBy(file));

  /** @param {import("./config.js").Config} config */
  constructor(config) {
    this.config = config;
    const asking = new KeyDialog((key) => api.opens(key));
    const key = new ApiKey(config.api_key, (rejected) => asking.ask(rejected));
    const session = new Session();
    /** @type {Api} */
    const api = new Api(config.api, key, session);
    document.body.append(asking.element);
    this.interactions = new Interactions(api.address, session);
    this.album = new Album(api, new Uploads());
    this.sweeps = new Sweeps(this.album);
    this.progress = new ProgressWatch(config.local);
    this.add = new AddDialog(api, () => this.#added());
    this.journey = new Journey((place, arrival) => this.#arrive(place, arrival));
    furnish(this, this.#pick);
    this.#listen();
    if (!config.local)
      api.health().then(
        ({ indexed }) => {
          this.indexed = indexed;
          if (this.view instanceof Browse) this.view.recount();
        },
        () => {},
      );
    this.journey.start();
  }

  pick() {
    this.#pick.click();
  }

  /** Searches first and goes there after: an unreadable file leaves the visitor where they were. @param {File} file */
  async searchBy(file) {
    const done = this.#waiting();
    try {
      const key = await this.album.uploads.keep(await sendable(file), file.name || "Pasted picture");
      const place = placeOf({ upload: key });
      await this.album.answer(place);
      this.journey.go(place, { trail: [] });
    } catch (error) {
      this.notices.failed(
        error,
        again(error, () => this.searchBy(file)),
      );
    } finally {
      done();
    }
  }

  /** A person changed a picture. @param {import("./api.js").Picture} picture */
  changed(picture) {
    this.album.changed(picture);
    this.sweeps.forget();
    this.progress.soon();
  }

  #added() {
    this.progress.soon();
    if (this.config.local) return;
    for (const pause of LOOKS)
      setTimeout(() => {
        this.sweeps.changed();
        if (this.view instanceof Browse) this.view.look();
      }, pause);
  }

  /** @param {Place} place @param {import("./journey.js").Arrival} arrival */
  #arrive(place, arrival) {
    if (arrival.popped || document.activeElement !== this.filter) this.filter.value = place.prefix;
    const clicked = arrival.back
      ? null
      : document.querySelector(`main a[data-image="${CSS.escape(place.image)}"] img`);
    const from = clicked?.getBoundingClientRect();
    if (!this.view?.shows(place)) this.#change(place);
    const view = /** @type {Browse|PictureView|MetricsView} */ (this.view);
    this.interactions.open(this.journey.opened);
    view.arrive(place, arrival);
    if (from && view instanceof PictureView) view.anchor.flyFrom(from);
    document.title = view.title;
    if (!arrival.back && !document.activeElement?.closest("main, header"))
      this.main.focus({ preventScroll: true });
  }

  /** @param {Place} place */
  #change(place) {
    this.view?.leave();
    this.interactions.end();
    this.view = this.#viewOf(place);
    this.main.replaceChildren(this.view.element);
    markTab(isMetrics(place));
  }

  /** @param {Place} place */
  #viewOf(place) {
    if (isMetrics(place)) return new MetricsView(this, place);
    return isBrowsing(place) ? new Browse(this, place) : new PictureView(this, place);
  }

  #listen() {
    document.addEventListener("click", (event) => this.#click(event));
    watchIntake({
      hint: find(".drop-hint"),
      take: (files) => (this.add.isOpen ? this.add.take(files) : this.searchBy(files[0])),
    });
    this.progress.addEventListener("progress", (event) =>
      this.#progressed(/** @type {CustomEvent} */ (event).detail),
    );
    let timer = 0;
    this.filter.addEventListener("input", () => {
      clearTimeout(timer);
      if (isBrowsing(this.journey.place)) timer = window.setTimeout(() => this.#filtered(), TYPING);
    });
    find(".filter").addEventListener("submit", (event) => {
      event.preventDefault();
      clearTimeout(timer);
      this.#filtered();
    });
  }

  #filtered() {
    const now = this.journey.place;
    const prefix = this.filter.value;
    if (!isBrowsing(now)) this.journey.go({ prefix }, { trail: [] });
    else if (prefix !== now.prefix) this.journey.go({ ...now, prefix }, { replace: Boolean(now.prefix) });
  }

  /** Links within the page become steps of the journey; every other click is the browser's. @param {MouseEvent} event */
  #click(event) {
    const link = /** @type {HTMLAnchorElement|null} */ (
      /** @type {Element} */ (event.target).closest("a[href]")
    );
    const plain = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey && !event.altKey;
    if (!link || !plain || event.defaultPrevented || link.target || link.hash) return;
    if (link.origin !== location.origin || link.pathname !== new URL("./", document.baseURI).pathname) return;
    event.preventDefault();
    const next = parse(link.search);
    const left = this.view instanceof PictureView ? this.view.stop : null;
    const trail = trailTo(this.journey.trail, left, next);
    const opened = this.interactions.suggested(link) ?? undefined; // else: whatever was, while it stays
    this.journey.go(next, { trail, opened });
  }

  /** @param {import("./progress.js").Progress|null} before */
  #progressed(before) {
    const now = /** @type {import("./progress.js").Progress} */ (this.progress.now);
    const line = find(".progress-line");
    line.hidden = !this.progress.busy;
    find(".progress-done").style.transform = `scaleX(${share(now)})`;
    if (before && before.indexed !== now.indexed) this.sweeps.changed();
    if (before && before.pending > 0 && now.pending === 0)
      this.notices.whisper(`Indexing is done: ${counted(now.indexed, "picture")}.`);
    if (!before && now.pending > 0) this.notices.whisper(sentence(now));
  }

  #waiting() {
    document.body.classList.add("is-searching");
    this.notices.whisper("Searching…");
    return () => document.body.classList.remove("is-searching");
  }
}

new App(await configured());
