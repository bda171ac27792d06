/** How far indexing is: asked each second while there is something to do, seldom otherwise. */

import { answered } from "./api.js";
import { duration, number } from "./words.js";

/**
 * @typedef {object} Progress
 * @property {number} indexed
 * @property {number} rejected
 * @property {number} pending
 * @property {number|null} rate         pictures per second
 * @property {number|null} seconds_left
 * @property {string} model
 * @property {{model: string, done: number, total: number}|null} filling the next model's index
 * @property {string} pictures          the folder
 * @property {number} dead_letters
 */

const BUSY = 1000; // ms
const IDLE = 8000;

export class ProgressWatch extends EventTarget {
  /** @type {Progress|null} */
  now = null;
  #timer = 0;
  #failures = 0;

  /** @param {boolean} local only the laptop tells its progress */
  constructor(local) {
    super();
    if (!local) return;
    this.#ask();
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.#ask();
    });
  }

  get busy() {
    return Boolean(this.now && (this.now.pending > 0 || this.now.filling));
  }

  /** Something was just changed: look sooner. */
  soon() {
    if (!this.now) return;
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#ask(), BUSY);
  }

  async #ask() {
    clearTimeout(this.#timer);
    try {
      const before = this.now;
      this.now = await (await answered(new URL("local/progress", document.baseURI).href)).json();
      this.#failures = 0;
      this.dispatchEvent(new CustomEvent("progress", { detail: before }));
    } catch {
      this.#failures += 1; // the rest of the page will say so, should anything be asked of it
    }
    const pause = this.busy ? BUSY : IDLE;
    if (!document.hidden)
      this.#timer = window.setTimeout(() => this.#ask(), pause * Math.min(8, 1 + this.#failures));
  }
}

/** @param {Progress} now @returns {number} 0–1 */
export function share(now) {
  if (now.filling) return now.filling.total ? now.filling.done / now.filling.total : 0;
  const all = now.indexed + now.rejected + now.pending;
  return all ? (now.indexed + now.rejected) / all : 1;
}

/** @param {Progress} now @returns {string} "" when there is nothing to do */
export function sentence(now) {
  if (now.filling && now.pending === 0)
    return `Preparing model ${now.filling.model} · ${number(now.filling.done)} of ${number(now.filling.total)}`;
  if (now.pending === 0) return "";
  const all = now.indexed + now.rejected + now.pending;
  return [
    `Indexing ${number(now.indexed)} of ${number(all)}`,
    now.rate ? `${number(Math.round(now.rate))} a second` : "",
    now.seconds_left !== null && now.seconds_left !== undefined ? `${duration(now.seconds_left)} left` : "",
  ]
    .filter(Boolean)
    .join(" · ");
}
