/** What the visitor does with answers: suggestions seen, clicked, and looked at once opened. */

import { Dwell } from "./dwell.js";
import { Outbox } from "./outbox.js";
import { Seeing } from "./seeing.js";
import { uuid } from "./session.js";

/** @typedef {import("./api.js").Answer} Answer */
/** @typedef {import("./outbox.js").AnswerName & {image_id: string, position: number}} Suggestion one result of one answer */

const UNSIGNED = 36; // characters of a plain UUID, which no interaction can use

export class Interactions {
  /** @type {Answer|null} whose results the grid holds */
  #answer = null;
  /** @type {HTMLElement|null} */
  #grid = null;
  /** @type {Seeing|null} */
  #seeing = null;
  /** @type {WeakMap<Answer, Set<string>>} ids already seen; going back to an answer shows it no second time */
  #seen = new WeakMap();
  #dwell = new Dwell((on, dwell_ms) => this.#tell("dwell", on, { dwell_ms }));

  /** @param {string} api its address @param {import("./session.js").Session} session */
  constructor(api, session) {
    this.session = session;
    this.outbox = new Outbox(`${api}/interactions`);
    const clicked = (/** @type {Event} */ event) => this.#clicked(/** @type {MouseEvent} */ (event));
    for (const kind of ["click", "auxclick"]) document.addEventListener(kind, clicked, { capture: true });
    document.addEventListener("visibilitychange", () => (document.hidden ? this.#leave() : this.#comeBack()));
    addEventListener("pagehide", () => this.#leave());
    addEventListener("pageshow", () => this.#comeBack());
  }

  /** The results of this answer are in the grid from now on. @param {Answer} answer @param {HTMLElement} grid */
  show(answer, grid) {
    if (answer === this.#answer && grid === this.#grid) return;
    this.end();
    if (answer.query_id.length <= UNSIGNED) return;
    this.#answer = answer;
    this.#grid = grid;
    this.#seeing = new Seeing(grid, (tile) => this.#see(this.#suggestion(tile)));
  }

  /** The grid shows no answer any more. */
  end() {
    this.#seeing?.end();
    this.#seeing = this.#answer = this.#grid = null;
  }

  /** What a link leads to, where that is a result. @param {Element} link @returns {Suggestion|null} */
  suggested(link) {
    return link.matches(".tile-link") ? this.#suggestion(link.closest("[data-tile]")) : null;
  }

  /** The picture that is open now was opened from this, or from none. @param {Suggestion|null} suggestion */
  open(suggestion) {
    this.#dwell.open(suggestion);
  }

  /** Everything so far is told now. */
  flush() {
    return this.outbox.flush();
  }

  /** A duplicate out of a stack has a tile, and is no result. @param {Element|null} tile @returns {Suggestion|null} */
  #suggestion(tile) {
    const image_id = /** @type {HTMLElement|null} */ (tile)?.dataset.tile ?? "";
    const result = this.#answer?.results.find((each) => each.image_id === image_id);
    if (!this.#answer || !result?.position || !this.#grid?.contains(tile)) return null;
    const { query_id, session_id, asked } = this.#answer;
    return { query_id, session_id, asked, image_id, position: result.position };
  }

  /** @param {Suggestion|null} suggestion */
  #see(suggestion) {
    if (!suggestion || !this.#answer) return;
    const seen = this.#seen.get(this.#answer) ?? new Set();
    this.#seen.set(this.#answer, seen);
    if (!seen.has(suggestion.image_id)) this.#tell("impression", suggestion);
    seen.add(suggestion.image_id);
  }

  /** Also a click that opens another tab. @param {MouseEvent} event */
  #clicked(event) {
    const link = /** @type {Element} */ (event.target).closest("a");
    const suggestion = link && event.button < 2 ? this.suggested(link) : null;
    if (!suggestion) return;
    this.#see(suggestion); // whoever clicks sooner than after a second has seen it all the same
    this.#tell("click", suggestion);
  }

  /** @param {"impression"|"click"|"dwell"} type @param {Suggestion} about @param {{dwell_ms?: number}} [more] */
  #tell(type, { image_id, position, ...answer }, more = {}) {
    this.session.current();
    const occurred_at = new Date().toISOString();
    this.outbox.add(answer, { event_id: uuid(), type, image_id, position, occurred_at, ...more });
  }

  #leave() {
    this.#dwell.pause();
    this.outbox.leave();
  }

  #comeBack() {
    this.#dwell.resume();
    this.outbox.comeBack();
  }
}
