/** The grid: thousands of tiles, of which only those near the screen exist. */

import { el } from "./dom.js";
import { beside, justify, ratioOf, within } from "./layout.js";

/** @typedef {import("./tile.js").Item} Item */

const GAP = 10; // room for the cards of a stack to show behind it
const MARGIN = 900; // px kept ready above and below the screen
const HEADER = 76; // px at the top that the header may cover

export class Grid {
  /** @type {Item[]} */
  #items = [];
  /** @type {Map<string, HTMLElement>} */
  #tiles = new Map();
  /** @type {ReturnType<typeof justify>} */
  #layout = { boxes: [], rows: [], height: 0 };
  #current = ""; // the one tile in the tab order
  #width = 0;
  #frame = 0;
  #stop = new AbortController();

  /** @param {{label: string, build: (item: Item) => HTMLElement, nearEnd?: () => void, act?: (what: string, item: Item) => void}} options */
  constructor({ label, build, nearEnd = () => {}, act = () => {} }) {
    this.#build = build;
    this.#nearEnd = nearEnd;
    this.#act = act;
    this.element = el("ul", { class: "grid", role: "list", "aria-label": label });
    this.#sizes = new ResizeObserver(() => this.#resized());
    this.#sizes.observe(this.element);
    addEventListener("scroll", () => this.#later(), { passive: true, signal: this.#stop.signal });
    this.element.addEventListener("keydown", (event) => this.#key(event));
    this.element.addEventListener("click", (event) => this.#click(event));
    this.element.addEventListener("focusin", (event) => this.#focused(event));
  }

  #build;
  #nearEnd;
  #act;
  #sizes;

  /** Shows these, reusing the tiles that stay. @param {Item[]} items */
  show(items) {
    this.#items = items;
    const seen = new Map(items.map((item) => [item.tile, item]));
    for (const [tile, element] of this.#tiles) {
      if (seen.get(tile)?.look !== element.dataset.look) this.#drop(tile);
    }
    this.#arrange();
  }

  get length() {
    return this.#items.length;
  }

  /** @param {string} tile @returns {boolean} whether it is there to be focused */
  focus(tile) {
    const index = this.#items.findIndex((item) => item.tile === tile);
    if (index >= 0) this.#moveTo(index);
    return index >= 0;
  }

  focusFirst() {
    if (this.#items.length) this.#moveTo(Math.max(0, this.#index(this.#current)));
  }

  end() {
    this.#stop.abort();
    this.#sizes.disconnect();
    cancelAnimationFrame(this.#frame);
  }

  /** After a scroll that no event told of yet. */
  refresh() {
    this.#render();
  }

  #resized() {
    if (Math.abs(this.element.clientWidth - this.#width) >= 1) this.#arrange();
  }

  #arrange() {
    this.#width = this.element.clientWidth;
    if (!this.#width) return;
    this.#layout = justify(this.#items.map(ratioOf), this.#width, targetHeight(this.#width), GAP);
    this.element.style.height = `${this.#layout.height}px`;
    this.#render();
  }

  #later() {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#render());
  }

  #render() {
    if (!this.element.isConnected) return;
    const top = -this.element.getBoundingClientRect().top;
    const bottom = top + window.innerHeight;
    const [first, end] = within(this.#layout.rows, top - MARGIN, bottom + MARGIN);
    const wanted = new Set();
    for (let i = first; i < end; i++) wanted.add(this.#items[i].tile);
    this.#keepCurrent(wanted, first, end);
    for (const tile of this.#tiles.keys()) if (!wanted.has(tile)) this.#drop(tile);
    this.#fill(wanted, first, end);
    if (bottom + MARGIN > this.#layout.height) this.#nearEnd();
  }

  /** The focused tile outlives scrolling; an unfocused one passes its place in the tab order on. @param {Set<string>} wanted @param {number} first @param {number} end */
  #keepCurrent(wanted, first, end) {
    const focused = this.#tiles.get(this.#current)?.contains(document.activeElement);
    if (focused && this.#index(this.#current) >= 0) wanted.add(this.#current);
    else if (!wanted.has(this.#current) && end > first) this.#setCurrent(this.#items[first].tile);
  }

  /** @param {Set<string>} wanted @param {number} first @param {number} end */
  #fill(wanted, first, end) {
    let after = this.element.firstElementChild;
    const extra = this.#index(this.#current);
    const indexes = Array.from({ length: end - first }, (_, i) => first + i);
    if (wanted.has(this.#current) && extra < first) indexes.unshift(extra);
    if (wanted.has(this.#current) && extra >= end) indexes.push(extra);
    for (const i of indexes) {
      const tile = this.#tiles.get(this.#items[i].tile) ?? this.#add(this.#items[i]);
      if (tile === after) after = after.nextElementSibling;
      else this.element.insertBefore(tile, after);
      this.#put(tile, i);
    }
  }

  /** @param {Item} item */
  #add(item) {
    const tile = this.#build(item);
    tile.dataset.tile = item.tile;
    tile.dataset.look = item.look;
    this.#tiles.set(item.tile, tile);
    setTabbable(tile, item.tile === this.#current);
    return tile;
  }

  /** @param {HTMLElement} tile @param {number} i */
  #put(tile, i) {
    const box = this.#layout.boxes[i];
    tile.style.width = `${box.width}px`;
    tile.style.height = `${box.height}px`;
    tile.style.transform = `translate(${box.left}px, ${box.top}px)`;
    tile.setAttribute("aria-posinset", String(i + 1));
    tile.setAttribute("aria-setsize", String(this.#items.length));
  }

  /** @param {string} tile */
  #drop(tile) {
    this.#tiles.get(tile)?.remove();
    this.#tiles.delete(tile);
  }

  /** @param {string} tile */
  #index(tile) {
    return this.#items.findIndex((item) => item.tile === tile);
  }

  /** @param {string} tile */
  #setCurrent(tile) {
    const before = this.#tiles.get(this.#current);
    if (before) setTabbable(before, false);
    this.#current = tile;
    const now = this.#tiles.get(tile);
    if (now) setTabbable(now, true);
  }

  /** @param {number} index */
  #moveTo(index) {
    const box = this.#layout.boxes[index];
    if (!box) return;
    const top = this.element.getBoundingClientRect().top + box.top;
    if (top < HEADER) window.scrollBy(0, top - HEADER);
    else if (top + box.height > window.innerHeight - 8)
      window.scrollBy(0, top + box.height - window.innerHeight + 16);
    this.#setCurrent(this.#items[index].tile);
    this.#render();
    if (!this.#tiles.has(this.#current)) this.#fill(new Set([this.#current]), index, index + 1);
    this.#tiles.get(this.#current)?.querySelector("a")?.focus({ preventScroll: true });
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const index = this.#index(this.#current);
    if (index < 0 || event.ctrlKey || event.metaKey || event.altKey) return;
    const { boxes, rows } = this.#layout;
    const last = this.#items.length - 1;
    /** @type {Record<string, number>} */
    const moves = {
      ArrowLeft: Math.max(0, index - 1),
      ArrowRight: Math.min(last, index + 1),
      Home: 0,
      End: last,
      ArrowUp: beside(boxes, rows, index, -1),
      ArrowDown: beside(boxes, rows, index, 1),
    };
    /** @type {Record<string, string>} */
    const acts = { "+": "plus", "=": "plus", "-": "minus", w: "why", d: "stack" };
    if (event.key in moves) this.#moveTo(moves[event.key]);
    else if (event.key in acts) this.#act(acts[event.key], this.#items[index]);
    else return;
    event.preventDefault();
  }

  /** @param {MouseEvent} event */
  #click(event) {
    const pressed = /** @type {HTMLElement|null} */ (
      /** @type {Element} */ (event.target).closest("[data-act]")
    );
    const tile = /** @type {HTMLElement|null} */ (pressed?.closest("[data-tile]") ?? null);
    const item = this.#items.find((each) => each.tile === tile?.dataset.tile);
    if (pressed && item) this.#act(pressed.dataset.act ?? "", item);
  }

  /** @param {FocusEvent} event */
  #focused(event) {
    const tile = /** @type {HTMLElement|null} */ (
      /** @type {Element} */ (event.target).closest("[data-tile]")
    );
    if (tile?.dataset.tile && tile.dataset.tile !== this.#current) this.#setCurrent(tile.dataset.tile);
  }
}

/** @param {HTMLElement} tile @param {boolean} tabbable */
function setTabbable(tile, tabbable) {
  for (const each of tile.querySelectorAll("a, button"))
    /** @type {HTMLElement} */ (each).tabIndex = tabbable ? 0 : -1;
}

/** @param {number} width of the grid */
function targetHeight(width) {
  if (width < 520) return 150;
  return width < 1300 ? 196 : 224;
}
