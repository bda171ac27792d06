/** A box drawn on a picture, by mouse, finger or keyboard. */

import { el } from "./dom.js";

/** @typedef {import("./address.js").Crop} Crop */

const SMALLEST = 0.04; // of a side; less is a slip of the hand
const STEP = 0.02; // of a side, for one press of an arrow key
const PAUSE = 450; // ms after the last key before the search starts
const CORNERS = ["nw", "ne", "sw", "se"];
const FIRST = { x: 0.2, y: 0.2, w: 0.6, h: 0.6 };

export class CropBox {
  /** @type {Crop|null} */
  #box = null;
  #timer = 0;

  /** @param {(crop: Crop|null, by: "hand"|"keys") => void} chosen called when a box is finished, moved or cleared */
  constructor(chosen) {
    this.#chosen = chosen;
    this.#frame = el(
      "div",
      {
        class: "crop-box",
        tabIndex: 0,
        role: "group",
        hidden: true,
        "aria-roledescription": "crop box",
        on: { keydown: (/** @type {KeyboardEvent} */ event) => this.#key(event) },
      },
      ...CORNERS.map((corner) => el("span", { class: `crop-corner is-${corner}`, data: { corner } })),
    );
    this.element = el(
      "div",
      {
        class: "crop-surface",
        on: { pointerdown: (/** @type {PointerEvent} */ event) => this.#down(event) },
      },
      this.#frame,
    );
  }

  #chosen;
  #frame;

  /** @param {Crop|null} box */
  show(box) {
    this.#box = box;
    this.#frame.hidden = !box;
    if (!box) return;
    const style = this.#frame.style;
    [style.left, style.top, style.width, style.height] = [box.x, box.y, box.w, box.h].map(
      (side) => `${side * 100}%`,
    );
    this.#frame.setAttribute(
      "aria-label",
      `Searching by a part: ${percent(box.w)} wide, ${percent(box.h)} high, from ${percent(box.x)} right and ${percent(box.y)} down. Arrow keys move it, Shift and arrow keys resize it, Escape clears it.`,
    );
  }

  /** A first box, for those who cannot or will not drag. */
  begin() {
    if (!this.#box) this.#choose(FIRST, "keys");
    this.#frame.focus();
  }

  /** @param {Crop|null} box @param {"hand"|"keys"} by */
  #choose(box, by) {
    clearTimeout(this.#timer);
    this.show(box);
    this.#chosen(box, by);
  }

  /** @param {PointerEvent} event */
  #down(event) {
    const target = /** @type {HTMLElement} */ (event.target);
    const onBox = this.#frame.contains(target);
    if (event.button !== 0 || (event.pointerType === "touch" && !onBox)) return; // a finger beside the box scrolls
    event.preventDefault();
    const start = this.#point(event);
    const before = this.#box;
    const corner = target.dataset.corner ?? "";
    const drag =
      onBox && before ? (corner ? resizing(before, corner) : moving(before, start)) : drawing(start);
    this.#follow(event.pointerId, drag, before, onBox);
  }

  /** @param {number} pointer @param {(to: {x: number, y: number}) => Crop} drag @param {Crop|null} before @param {boolean} onBox */
  #follow(pointer, drag, before, onBox) {
    const stop = new AbortController();
    this.element.setPointerCapture(pointer);
    this.element.addEventListener("pointermove", (event) => this.show(drag(this.#point(event))), {
      signal: stop.signal,
    });
    const end = (/** @type {boolean} */ kept) => {
      stop.abort();
      const box = this.#box;
      const drawn = kept && box && box !== before && box.w >= SMALLEST && box.h >= SMALLEST;
      if (drawn) this.#choose(box, "hand");
      else if (kept && !onBox && before)
        this.#choose(null, "hand"); // a click beside the box clears it
      else this.show(before);
      if (this.#box) this.#frame.focus({ preventScroll: true });
    };
    this.element.addEventListener("pointerup", () => end(true), { signal: stop.signal });
    this.element.addEventListener("pointercancel", () => end(false), { signal: stop.signal });
  }

  /** @param {PointerEvent} event */
  #point({ clientX, clientY }) {
    const { left, top, width, height } = this.element.getBoundingClientRect();
    return { x: clamp((clientX - left) / width), y: clamp((clientY - top) / height) };
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    const arrows = {
      ArrowLeft: [-STEP, 0],
      ArrowRight: [STEP, 0],
      ArrowUp: [0, -STEP],
      ArrowDown: [0, STEP],
    };
    const by = arrows[/** @type {keyof typeof arrows} */ (event.key)];
    if (event.key === "Escape") this.#choose(null, "keys");
    else if (by && this.#box) this.#nudge(event.shiftKey ? resized(this.#box, by) : moved(this.#box, by));
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  /** @param {Crop} box */
  #nudge(box) {
    this.show(box);
    clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => this.#chosen(this.#box, "keys"), PAUSE);
  }
}

/** @param {{x: number, y: number}} from */
function drawing(from) {
  return (/** @type {{x: number, y: number}} */ to) => between(from.x, from.y, to.x, to.y);
}

/** @param {Crop} box @param {{x: number, y: number}} from */
function moving(box, from) {
  return (/** @type {{x: number, y: number}} */ to) => moved(box, [to.x - from.x, to.y - from.y]);
}

/** The corner across stays where it is. @param {Crop} box @param {string} corner */
function resizing(box, corner) {
  const x = corner.includes("w") ? box.x + box.w : box.x;
  const y = corner.includes("n") ? box.y + box.h : box.y;
  return (/** @type {{x: number, y: number}} */ to) => between(x, y, to.x, to.y);
}

/** @param {number} x @param {number} y @param {number} u @param {number} v @returns {Crop} */
function between(x, y, u, v) {
  return { x: Math.min(x, u), y: Math.min(y, v), w: Math.abs(u - x), h: Math.abs(v - y) };
}

/** @param {Crop} box @param {number[]} by @returns {Crop} */
function moved(box, [dx, dy]) {
  return { ...box, x: clamp(box.x + dx, 1 - box.w), y: clamp(box.y + dy, 1 - box.h) };
}

/** @param {Crop} box @param {number[]} by @returns {Crop} */
function resized(box, [dx, dy]) {
  return {
    ...box,
    w: Math.max(SMALLEST, clamp(box.w + dx, 1 - box.x)),
    h: Math.max(SMALLEST, clamp(box.h + dy, 1 - box.y)),
  };
}

/** @param {number} value @param {number} [most] */
function clamp(value, most = 1) {
  return Math.min(most, Math.max(0, value));
}

/** @param {number} fraction */
function percent(fraction) {
  return `${Math.round(fraction * 100)} %`;
}
