/** How long a picture opened from a suggestion was looked at: foreground time alone. */

/** @typedef {import("./interactions.js").Suggestion} Suggestion */

const LONGEST = 30 * 60_000; // ms of one opening; the API believes no more either

export class Dwell {
  /** @type {Suggestion|null} */
  #on = null;
  #since = 0; // of performance.now(); 0 while nobody looks
  #left = 0; // ms that may still be told of this opening
  #tell;

  /** @param {(on: Suggestion, ms: number) => void} tell called each time that the looking stops */
  constructor(tell) {
    this.#tell = tell;
  }

  /** What is open now: the same one goes on, another one (or none) ends it. @param {Suggestion|null} on */
  open(on) {
    if (on?.query_id === this.#on?.query_id && on?.image_id === this.#on?.image_id) return;
    this.pause();
    this.#on = on;
    this.#left = LONGEST;
    this.resume();
  }

  resume() {
    if (this.#on && !this.#since && !document.hidden) this.#since = performance.now();
  }

  /** Tells what came together: a page that is hidden may never be heard of again. */
  pause() {
    if (!this.#on || !this.#since) return;
    const ms = Math.min(this.#left, Math.round(performance.now() - this.#since));
    this.#since = 0;
    this.#left -= ms;
    if (ms > 0) this.#tell(this.#on, ms);
  }
}
