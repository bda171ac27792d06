/** Going from place to place: the browser's history, and where the page was scrolled at each stop. */

import { format, parse } from "./address.js";

/** @typedef {import("./address.js").Place} Place */
/** @typedef {import("./interactions.js").Suggestion} Suggestion */
/** @typedef {{id: string, href: string, name: string, thumbnail: string}} Stop  one picture of the trail */
/**
 * @typedef {object} Arrival
 * @property {number} scroll  where the page was scrolled when it was left
 * @property {string} focus   the tile that had the focus then
 * @property {boolean} back   the visitor was here before, or has not moved: scroll and focus count
 * @property {boolean} popped by the browser's Back or Forward
 * @property {Stop[]} trail
 */

const SCROLLS = "scrolls"; // sessionStorage: entry key → {scroll, focus}, so that a reload finds its way too
const TRAIL = 7;

export class Journey {
  /** @type {Map<string, {scroll: number, focus: string}>} */
  #memory = new Map(remembered());
  #act;

  /** @param {(place: Place, arrival: Arrival) => void} act called at every arrival */
  constructor(act) {
    this.#act = act;
    history.scrollRestoration = "manual";
    if (!history.state?.key) history.replaceState({ key: newKey(), depth: 0, trail: [] }, "");
    this.key = history.state.key;
    this.place = parse(location.search);
    addEventListener("popstate", () => this.#popped());
    addEventListener("pagehide", () => this.#save());
  }

  /** @returns {Stop[]} what was looked at on the way here */
  get trail() {
    return history.state?.trail ?? [];
  }

  start() {
    this.#arrive(true);
  }

  /** @returns {Suggestion|null} what the picture of this place was opened from; also after going back, or a reload */
  get opened() {
    return history.state?.opened ?? null;
  }

  /** Steps about the same picture leave it open. @param {Partial<Place>} where @param {{replace?: boolean, trail?: Stop[], opened?: Suggestion|null}} [options] */
  go(where, { replace = false, trail = this.trail, opened = this.#stillOpen(where) } = {}) {
    this.#remember();
    const { depth = 0 } = history.state ?? {};
    const state = {
      key: replace ? this.key : newKey(),
      depth: replace ? depth : depth + 1,
      trail: trail.slice(-TRAIL),
      opened,
    };
    history[replace ? "replaceState" : "pushState"](state, "", format(where));
    this.#arrive(replace);
  }

  /** One step back, or to the whole catalogue for a visitor who came by a link. */
  back() {
    if ((history.state?.depth ?? 0) > 0) history.back();
    else if (format(this.place) !== "./") this.go({}, { replace: true });
  }

  /** @param {Partial<Place>} where */
  #stillOpen(where) {
    return where.image && where.image === this.place.image ? this.opened : null;
  }

  #popped() {
    this.#remember();
    if (!history.state?.key) history.replaceState({ key: newKey(), depth: 0, trail: [] }, "");
    this.#arrive(true, true);
  }

  /** @param {boolean} back @param {boolean} [popped] */
  #arrive(back, popped = false) {
    this.key = history.state.key;
    this.place = parse(location.search);
    const { scroll = 0, focus = "" } = (back && this.#memory.get(this.key)) || {};
    this.#act(this.place, { scroll, focus, back, popped, trail: this.trail });
  }

  #remember() {
    const tile = /** @type {HTMLElement|null} */ (document.activeElement?.closest("[data-tile]") ?? null);
    this.#memory.delete(this.key);
    this.#memory.set(this.key, { scroll: window.scrollY, focus: tile?.dataset.tile ?? "" });
  }

  #save() {
    this.#remember();
    try {
      sessionStorage.setItem(SCROLLS, JSON.stringify([...this.#memory].slice(-50)));
    } catch {
      // Full or forbidden: a reload then starts at the top.
    }
  }
}

/** @returns {[string, {scroll: number, focus: string}][]} */
function remembered() {
  try {
    return JSON.parse(sessionStorage.getItem(SCROLLS) ?? "[]");
  } catch {
    return [];
  }
}

function newKey() {
  return Math.random().toString(36).slice(2);
}
