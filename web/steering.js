/** What the visitor wants more and less of, as chips that can be taken away. */

import { button, el, icon, paint } from "./dom.js";
import { fileName } from "./words.js";

/** @typedef {import("./address.js").Place} Place */
/** @typedef {import("./api.js").Picture} Picture */

/** Adds to one side and takes from the other; a second press takes it away again. @param {Place} where @param {"plus"|"minus"} side @param {string} id @returns {Place} */
export function steered(where, side, id) {
  const other = side === "plus" ? "minus" : "plus";
  const already = where[side].includes(id);
  const now = already ? where[side].filter((each) => each !== id) : [...where[side], id];
  return { ...where, [side]: now, [other]: where[other].filter((each) => each !== id), why: "" };
}

/** @param {Place} where @param {(id: string) => Picture|undefined} known @param {(place: Place) => void} go */
export function steeringChips(where, known, go) {
  const chip = (/** @type {"plus"|"minus"} */ side) => (/** @type {string} */ id) => {
    const picture = known(id);
    const name = picture ? fileName(picture.key) : "a picture";
    const word = side === "plus" ? "More like" : "Less like";
    const image = el("img", { alt: "", src: picture?.thumbnail_url });
    paint(image, picture?.colour);
    return el(
      "li",
      { class: `chip is-${side}` },
      icon(side),
      image,
      el(
        "span",
        { class: "chip-text" },
        el("span", { class: "unseen", textContent: `${word} ` }),
        el("bdi", { textContent: name }),
      ),
      button(
        `No longer ${word.toLowerCase()} ${name}`,
        () => go(steered(where, side, id)),
        { class: "chip-close" },
        icon("close"),
      ),
    );
  };
  return el(
    "ul",
    { class: "chips steering", role: "list", "aria-label": "Steering" },
    ...where.plus.map(chip("plus")),
    ...where.minus.map(chip("minus")),
  );
}
