/** Reads the catalogue page by page; while it grows, again from the start for what came in between. */

import { format } from "./address.js";

/** @typedef {import("./api.js").Picture} Picture */
/** @typedef {import("./address.js").Place} Place */

const PAGE = 100;
const SWEEPS = 6; // filters whose pictures are remembered

export class Sweep {
  /** @type {Picture[]} */
  pictures = [];
  /** Every page was read and nothing has changed since. */
  complete = false;
  /** @type {Set<string>} */
  #seen = new Set();
  /** @type {string|null} */
  #cursor = null;
  #stale = false; // something changed since this round began
  /** @type {Promise<Picture[]>|null} */
  #reading = null;

  /** @param {(limit: number, cursor: string|null) => Promise<{images: Picture[], next_cursor: string|null}>} read */
  constructor(read) {
    this.read = read;
  }

  /** The catalogue changed: one more round will find what is new. */
  changed() {
    this.#stale = true;
    this.complete = false;
  }

  /** Reads on; calls while it reads share one request. @returns {Promise<Picture[]>} what was not seen before */
  next() {
    if (this.complete) return Promise.resolve([]);
    this.#reading ??= this.#page().finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  /** A few pictures came to a catalogue that was read: the newest come first. @returns {Promise<Picture[]>} */
  async head() {
    const page = await this.read(PAGE, null);
    const fresh = this.#unseen(page.images);
    this.pictures.unshift(...fresh);
    return fresh;
  }

  async #page() {
    if (this.#cursor === null) this.#stale = false; // a new round sees every change so far
    const page = await this.read(PAGE, this.#cursor);
    this.#cursor = page.next_cursor;
    if (this.#cursor === null && !this.#stale) this.complete = true;
    const fresh = this.#unseen(page.images);
    this.pictures.push(...fresh);
    return fresh;
  }

  /** @param {Picture[]} images */
  #unseen(images) {
    const fresh = images.filter(({ image_id }) => !this.#seen.has(image_id));
    for (const { image_id } of fresh) this.#seen.add(image_id);
    return fresh;
  }
}

/** Sweeps by filter, so that Back finds every page that was read. */
export class Sweeps {
  /** @type {Map<string, Sweep>} */
  #sweeps = new Map();

  /** @param {import("./album.js").Album} album */
  constructor(album) {
    this.album = album;
  }

  /** @param {Place} where */
  of(where) {
    const name = format({ prefix: where.prefix, tags: where.tags, status: where.status });
    const sweep =
      this.#sweeps.get(name) ?? new Sweep((limit, cursor) => this.album.api.images(where, limit, cursor));
    this.#sweeps.delete(name);
    this.#sweeps.set(name, sweep);
    for (const oldest of this.#sweeps.keys()) if (this.#sweeps.size > SWEEPS) this.#sweeps.delete(oldest);
    return sweep;
  }

  /** New pictures came. */
  changed() {
    for (const sweep of this.#sweeps.values()) sweep.changed();
  }

  /** A person changed a picture: what was read may be wrong. */
  forget() {
    this.#sweeps.clear();
  }
}
