/** Which tiles of a grid were seen: at least half of one, its picture there, for a second in the foreground. */

const LONG_ENOUGH = 1000; // ms
const HALF = 0.499; // 0.5, less what rounding to pixels takes
const BEAT = 100; // ms
const LONGEST_BEAT = 250; // a page that slept was not looked at meanwhile
const COVERED = "-60px 0px 0px 0px"; // by the header

export class Seeing {
  /** @type {Map<Element, number>} tiles in sight, and for how many ms */
  #inSight = new Map();
  #timer = 0;
  #last = 0;
  #seen;

  /** @param {HTMLElement} grid @param {(tile: Element) => void} seen may be told of a tile again, once it was out of sight */
  constructor(grid, seen) {
    this.#seen = seen;
    this.#sight = new IntersectionObserver((entries) => this.#moved(entries), {
      rootMargin: COVERED,
      threshold: HALF,
    });
    this.#tiles = new MutationObserver((changes) => this.#changed(changes));
    this.#tiles.observe(grid, { childList: true });
    for (const tile of grid.children) this.#sight.observe(tile);
  }

  #sight;
  #tiles;

  end() {
    this.#sight.disconnect();
    this.#tiles.disconnect();
    clearInterval(this.#timer);
    this.#inSight.clear();
  }

  /** The grid builds tiles as they come near and drops them as they go. @param {MutationRecord[]} changes */
  #changed(changes) {
    for (const { addedNodes, removedNodes } of changes) {
      for (const tile of removedNodes) this.#forget(/** @type {Element} */ (tile));
      for (const tile of addedNodes) this.#sight.observe(/** @type {Element} */ (tile));
    }
  }

  /** @param {Element} tile */
  #forget(tile) {
    this.#inSight.delete(tile);
    if (!tile.isConnected) this.#sight.unobserve(tile); // one that was only moved is in the grid again
  }

  /** @param {IntersectionObserverEntry[]} entries */
  #moved(entries) {
    this.#beat(); // what was in sight until now was so without what came
    for (const { target, intersectionRatio } of entries) {
      if (intersectionRatio < HALF) this.#inSight.delete(target);
      else if (!this.#inSight.has(target)) this.#inSight.set(target, 0);
    }
    if (this.#inSight.size) this.#timer ||= window.setInterval(() => this.#beat(), BEAT);
  }

  #beat() {
    const now = performance.now();
    const passed = Math.min(LONGEST_BEAT, now - this.#last);
    this.#last = now;
    if (!document.hidden) for (const tile of this.#inSight.keys()) this.#look(tile, passed);
    if (this.#inSight.size) return;
    clearInterval(this.#timer);
    this.#timer = 0;
  }

  /** @param {Element} tile @param {number} passed ms */
  #look(tile, passed) {
    if (!tile.querySelector(".is-loaded")) return;
    const looked = (this.#inSight.get(tile) ?? 0) + passed;
    this.#inSight.set(tile, looked);
    if (looked < LONG_ENOUGH) return;
    this.#inSight.delete(tile);
    this.#seen(tile);
  }
}
