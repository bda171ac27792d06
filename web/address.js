/** The address holds all state: where the visitor is, as query parameters. Pure functions. */

/**
 * @typedef {object} Crop A box in fractions (0–1) of the upright picture, from its top left.
 * @property {number} x
 * @property {number} y
 * @property {number} w
 * @property {number} h
 */

/**
 * @typedef {object} Place
 * @property {string} image    id of the anchor; "" when there is none
 * @property {string} upload   key of a picture kept in this browser, see uploads.js
 * @property {string[]} plus   ids to look more like
 * @property {string[]} minus  ids to look less like
 * @property {string[]} tags   all of them must be there
 * @property {Crop|null} crop
 * @property {string} prefix   of the key; browsing only
 * @property {string} status   browsing only
 * @property {string[]} stacks ids whose duplicates are spread out
 * @property {string} why      id of the result whose rank is being explained
 * @property {boolean} more    a long answer is wanted
 * @property {string} metrics  how finely they are shown: one of INTERVALS; "" where pictures are shown
 */

export const STATUSES = ["visible", "blocked", "unsafe", "unmoderated", "rejected"];
export const INTERVALS = ["day", "week", "month"];
const LISTS = ["plus", "minus", "tags", "stacks"];
const TEXTS = ["image", "upload", "prefix", "why"];

/** @param {Partial<Place>} [given] @returns {Place} */
export function place(given = {}) {
  return {
    image: "",
    upload: "",
    plus: [],
    minus: [],
    tags: [],
    crop: null,
    prefix: "",
    status: "visible",
    stacks: [],
    why: "",
    more: false,
    metrics: "",
    ...given,
  };
}

/** @param {string} search the query part of an address; anything malformed is ignored @returns {Place} */
export function parse(search) {
  const parameters = new URLSearchParams(search);
  const found = /** @type {any} */ (place());
  for (const name of TEXTS) found[name] = parameters.get(name) ?? "";
  for (const name of LISTS) found[name] = [...new Set(parameters.getAll(name).filter(Boolean))];
  const status = parameters.get("status") ?? "";
  if (STATUSES.includes(status)) found.status = status;
  found.crop = parseCrop(parameters.get("crop") ?? "");
  found.more = parameters.has("more");
  const interval = parameters.get("metrics") ?? "";
  if (INTERVALS.includes(interval)) found.metrics = interval;
  return found;
}

/** @param {Partial<Place>} where @returns {string} "./" or "./?image=…": relative, so the page may live in any folder */
export function format(where) {
  const full = /** @type {any} */ (place(where));
  const parameters = new URLSearchParams();
  for (const name of TEXTS) if (full[name]) parameters.set(name, full[name]);
  for (const name of LISTS) for (const each of full[name]) parameters.append(name, each);
  if (full.status !== "visible") parameters.set("status", full.status);
  if (full.crop) parameters.set("crop", formatCrop(full.crop));
  if (full.more) parameters.set("more", "1");
  if (full.metrics) parameters.set("metrics", full.metrics);
  const search = parameters.toString();
  return search ? `./?${search}` : "./";
}

/** Browsing the catalogue, or looking at look-alikes of something? @param {Place} where */
export function isBrowsing(where) {
  return !isMetrics(where) && !where.image && !where.upload && where.plus.length === 0;
}

/** @param {Place} where */
export function isMetrics(where) {
  return where.metrics !== "";
}

/** What the look-alikes are of: the part of the view that stays while crop and steering change. @param {Place} where */
export function subject(where) {
  return where.image || where.upload || "mix";
}

/** Two places with the same question have the same answer. @param {Place} where */
export function question(where) {
  return format({ ...where, stacks: [], why: "" });
}

/** @param {Crop} crop */
export function formatCrop(crop) {
  return [crop.x, crop.y, crop.w, crop.h].map((side) => String(Number(side.toFixed(4)))).join(",");
}

/** @param {string} text @returns {Crop|null} */
function parseCrop(text) {
  const [x, y, w, h, ...rest] = text.split(",").map(Number);
  const inside = x >= 0 && y >= 0 && w > 0 && h > 0 && x + w <= 1.001 && y + h <= 1.001;
  return inside && rest.length === 0 ? { x, y, w, h } : null;
}
