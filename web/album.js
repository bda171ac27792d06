/** What has been seen of the catalogue and of answers, so that going back is instant. */

import { question } from "./address.js";
import { questionFor } from "./query.js";

/** @typedef {import("./api.js").Picture} Picture */
/** @typedef {import("./api.js").Answer} Answer */
/** @typedef {import("./address.js").Place} Place */

const PICTURES = 20_000;
const ANSWERS = 40;

export class Album {
  /** @type {Map<string, Picture>} */
  #pictures = new Map();
  /** @type {Map<string, Answer>} */
  #answers = new Map();

  /** @param {import("./api.js").Api} api @param {import("./uploads.js").Uploads} uploads */
  constructor(api, uploads) {
    this.api = api;
    this.uploads = uploads;
  }

  /** @param {Picture[]} pictures */
  learn(pictures) {
    for (const picture of pictures) {
      // A result knows its score, a catalogue entry its size: keep what either said of the picture itself.
      const { score: _s, position: _p, slot: _l, explain: _e, ...itself } = picture;
      this.#pictures.set(picture.image_id, { ...this.#pictures.get(picture.image_id), ...itself });
    }
    trim(this.#pictures, PICTURES);
  }

  /** @param {string} id */
  known(id) {
    return this.#pictures.get(id);
  }

  /** @param {string} id @returns {Promise<Picture>} with everything the API says of it */
  async whole(id) {
    const known = this.#pictures.get(id);
    return known?.bytes !== undefined ? known : this.renewed(id);
  }

  /** Asked for anew: what was known of it has aged. @param {string} id @returns {Promise<Picture>} */
  async renewed(id) {
    this.learn([await this.api.image(id)]);
    return /** @type {Picture} */ (this.#pictures.get(id));
  }

  /** As many of these as still exist. @param {string[]} ids */
  async all(ids) {
    const found = await Promise.allSettled(ids.map((id) => this.#pictures.get(id) ?? this.whole(id)));
    return found.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
  }

  /** @param {Place} where @param {boolean} explain */
  answered(where, explain = false) {
    return this.#answers.get(name(where, explain));
  }

  /** @param {Place} where @param {{explain?: boolean, signal?: AbortSignal}} [options] */
  async answer(where, { explain = false, signal } = {}) {
    const before = this.answered(where, explain);
    if (before) return before;
    const upload = where.upload ? await this.uploads.find(where.upload) : null;
    const asking = this.answered(where)?.session_id; // what explains an answer is of the same visit
    const answer = await this.api.ask(questionFor(where, { explain }), upload?.blob, signal, asking);
    this.learn(answer.anchor ? [...answer.results, answer.anchor] : answer.results);
    this.#answers.set(name(where, explain), answer);
    trim(this.#answers, ANSWERS);
    return answer;
  }

  /** A person changed a picture: what was answered before may be wrong now. @param {Picture} picture */
  changed(picture) {
    this.learn([picture]);
    this.#answers.clear();
  }
}

/** @param {Place} where @param {boolean} explain */
function name(where, explain) {
  return `${explain ? "explained " : ""}${question(where)}`;
}

/** @param {Map<string, unknown>} map @param {number} most oldest out first */
function trim(map, most) {
  for (const key of map.keys()) {
    if (map.size <= most) return;
    map.delete(key);
  }
}
