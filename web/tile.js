/** One tile of a grid: the picture, and what can be done with it. */

import { format } from "./address.js";
import { el, icon, paint } from "./dom.js";
import { counted, fileName, similarity } from "./words.js";

/** @typedef {import("./api.js").Picture} Picture */

const QUICK = 120; // ms; a picture out of the cache

/**
 * @typedef {object} Item What a grid needs to know of a tile.
 * @property {string} tile   its name in the grid; a picture may be there twice, once in a stack
 * @property {string} look   changes when the tile must be drawn anew
 * @property {Picture} picture
 * @property {number} width
 * @property {number} height
 * @property {boolean} open  its stack is spread out
 * @property {boolean} inStack it is one of the spread-out
 */

/** @param {Picture} picture @param {{open?: boolean, inStackOf?: string}} [options] @returns {Item} */
export function item(picture, { open = false, inStackOf = "" } = {}) {
  return {
    tile: inStackOf ? `${inStackOf}/${picture.image_id}` : picture.image_id,
    look: [
      open,
      inStackOf,
      picture.duplicates ?? 0,
      picture.score ?? "",
      picture.slot ?? "",
      picture.position ?? "",
    ].join("|"),
    picture,
    width: picture.width,
    height: picture.height,
    open,
    inStack: Boolean(inStackOf),
  };
}

/** @param {{acts: string[]}} options which of plus, minus and why to offer @returns {(item: Item) => HTMLElement} */
export function tileBuilder({ acts }) {
  return (shown) => {
    const { picture } = shown;
    const name = fileName(picture.key);
    const link = el(
      "a",
      {
        class: "tile-link",
        href: format({ image: picture.image_id }),
        "aria-label": spoken(shown, name),
        data: { image: picture.image_id },
      },
      photo(picture, name),
    );
    paint(link, picture.colour);
    const tile = el("li", { class: classes(shown) }, link);
    if (picture.slot === "sponsored")
      tile.append(el("span", { class: "tile-flag", textContent: "Sponsored" }));
    tile.append(caption(picture, name), actions(acts, name));
    if (picture.duplicates) tile.append(stackButton(shown, name));
    return tile;
  };
}

/** @param {Item} shown */
function classes({ picture, open, inStack }) {
  return ["tile", picture.duplicates && !open && "is-stack", open && "is-open", inStack && "in-stack"]
    .filter(Boolean)
    .join(" ");
}

/** @param {Picture} picture @param {string} name */
function photo(picture, name) {
  const image = el("img", { alt: name, loading: "lazy", decoding: "async", draggable: false });
  const asked = performance.now();
  image.addEventListener(
    "load",
    () => {
      if (performance.now() - asked < QUICK) image.style.transition = "none"; // a fade is for what was waited for
      image.classList.add("is-loaded");
    },
    { once: true },
  );
  image.addEventListener("error", () => image.classList.add("is-missing"), { once: true });
  image.src = picture.thumbnail_url;
  return image;
}

/** @param {Picture} picture @param {string} name */
function caption(picture, name) {
  const score =
    picture.score === undefined
      ? null
      : el("span", {
          class: "tile-score",
          textContent: similarity(picture.score),
          title: "Similarity, at most 1",
        });
  return el("div", { class: "tile-caption", "aria-hidden": "true" }, el("bdi", { textContent: name }), score);
}

/** @type {Record<string, (name: string) => string>} */
const LABELS = {
  plus: (name) => `More like ${name}`,
  minus: (name) => `Less like ${name}`,
  why: (name) => `Why is ${name} here?`,
};
/** @type {Record<string, string>} */
const HINTS = { plus: "More like this", minus: "Less like this", why: "Why this rank?" };

/** @param {string[]} acts @param {string} name */
function actions(acts, name) {
  const buttons = acts.map((act) =>
    el(
      "button",
      { type: "button", "aria-label": LABELS[act](name), title: HINTS[act], data: { act } },
      icon(/** @type {any} */ (act)),
    ),
  );
  return el("div", { class: "tile-actions" }, ...buttons);
}

/** @param {Item} shown @param {string} name */
function stackButton({ picture, open }, name) {
  const count = picture.duplicates ?? 0;
  const label = `Stack of ${count + 1}: ${open ? "fold" : "show"} ${counted(count, "duplicate")} of ${name}`;
  return el(
    "button",
    {
      type: "button",
      class: "tile-stack",
      "aria-label": label,
      "aria-expanded": open,
      title: open ? "Fold" : `${counted(count, "duplicate")}`,
      data: { act: "stack" },
    },
    icon("stack"),
    el("span", { textContent: String(count + 1) }),
  );
}

/** What a screen reader says for the tile. @param {Item} shown @param {string} name */
function spoken({ picture, inStack }, name) {
  return [
    name,
    picture.slot === "sponsored" && "sponsored",
    picture.score !== undefined && `similarity ${similarity(picture.score)}`,
    picture.duplicates && counted(picture.duplicates, "duplicate"),
    inStack && "a duplicate",
  ]
    .filter(Boolean)
    .join(", ");
}
