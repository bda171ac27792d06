/** The way the visitor came: from the catalogue, picture by picture. */

import { isBrowsing, subject } from "./address.js";
import { el, icon } from "./dom.js";

/** @typedef {import("./journey.js").Stop} Stop */

/** @param {Stop[]} trail */
export function trailOf(trail) {
  const stops = trail.map(({ href, name, thumbnail }) =>
    el("a", { class: "trail-stop", href, title: name }, el("img", { alt: name, src: thumbnail })),
  );
  const home = el("a", { class: "trail-home", href: "./" }, "Catalogue");
  const steps = stops.flatMap((stop) => [icon("chevron"), stop]);
  return el("nav", { class: "trail", "aria-label": "What you looked at" }, home, ...steps);
}

/** The trail at the next place; going back along it shortens it. @param {Stop[]} trail @param {Stop|null} left @param {import("./address.js").Place} next */
export function trailTo(trail, left, next) {
  if (isBrowsing(next)) return [];
  const goesOn = left && subject(next) !== left.id;
  const whole = goesOn ? [...trail.filter(({ id }) => id !== left.id), left] : trail;
  const seen = whole.findIndex(({ id }) => id === next.image);
  return seen < 0 ? whole : whole.slice(0, seen);
}
