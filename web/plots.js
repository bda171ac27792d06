/** Drawings of rates with their 95 % intervals, in pixels of the place they are drawn for. */

import { shape } from "./dom.js";
import { amount, axis, sentence, tick } from "./series.js";

/** @typedef {import("./series.js").Item} Item */
/** @typedef {import("./series.js").Row} Row */
/** @typedef {import("./series.js").Unit} Unit */
/** @typedef {{width: number, height: number, unit: Unit, label?: number}} Frame in px; `label`: that each name along the axis needs */
/** @typedef {{x: number, y: number, words: string}} Mark where something may be pointed at */
/** @typedef {{shapes: SVGElement[], marks: Mark[]}} Drawing */

const LEFT = 46; // px for the numbers of the axis
const RIGHT = 10;
const TOP = 10;
const BOTTOM = 26;
const LABEL = 58; // px that a date along the axis needs
const EDGE = 4; // px beside rows, whose names are above them
const WIDEST_BAR = 34;
const DOT = 3.2;
const LETTER = 7.1; // px, of the font in a drawing

/** A line through what there is, its band around it; nothing is drawn across a gap. @param {Item[]} items @param {Frame} frame @returns {Drawing} */
export function line(items, frame) {
  const { x, y, base } = grid(items, frame);
  const marks = marksOf(items, x, y, frame.unit);
  const runs = runsOf(items);
  const bands = runs.map((run) => band(run, items, x, y));
  const lines = runs.map((run) =>
    shape("path", { class: "plot-line", d: path(run.map((i) => [x(i), y(known(items[i]).value)])) }),
  );
  const dots = marks.map((mark) => shape("circle", { class: "plot-dot", cx: mark.x, cy: mark.y, r: DOT }));
  return { shapes: [...base, ...bands, ...lines, ...dots], marks };
}

/** @param {Item[]} items @param {Frame} frame @returns {Drawing} */
export function bars(items, frame) {
  const { x, y, base, step } = grid(items, frame);
  const width = Math.min(WIDEST_BAR, Math.max(2, step * 0.68));
  const shapes = items.flatMap(({ row }, i) => {
    if (!row || row.value === null) return [];
    const top = y(row.value);
    const bar = { x: x(i) - width / 2, y: top, width, height: y(0) - top, rx: Math.min(3, width / 4) };
    return [shape("rect", { class: "plot-bar", ...bar }), ...whisker(row, x(i), y)];
  });
  return { shapes: [...base, ...shapes], marks: marksOf(items, x, y, frame.unit) };
}

/** One row each: its name, and a dot with its interval on an axis that they share. @param {Item[]} items @param {Frame} frame @returns {Drawing} */
export function dots(items, { width, height, unit }) {
  const { top, ticks } = axis(rowsOf(items), unit);
  const x = (/** @type {number} */ value) =>
    EDGE + (Math.max(0, Math.min(value, top)) / top) * (width - 2 * EDGE - 18);
  const each = (height - BOTTOM) / Math.max(1, items.length);
  const base = ticks.flatMap((value) => [
    shape("line", { class: "plot-rule", x1: x(value), x2: x(value), y1: 0, y2: height - BOTTOM }),
    text(value ? "middle" : "start", value ? x(value) : 0, height - 8, tick(value, unit)),
  ]);
  /** @type {Mark[]} */
  const marks = [];
  const shapes = items.flatMap((item, i) => {
    const y = each * (i + 0.5) + 11;
    const name = text("start", EDGE, y - 17, shortened(item.name, width - 90), "plot-name");
    const value = text("end", width - EDGE, y - 17, amount(item.row?.value, unit), "plot-value");
    if (!item.row || item.row.value === null) return [name, value];
    marks.push({ x: x(item.row.value), y, words: sentence(item, unit) });
    return [name, value, ...span(item.row, x, y), dot(x(item.row.value), y, i)];
  });
  return { shapes: [...base, ...shapes], marks };
}

/** A difference of shares in percentage points, on an axis with 0 in its middle. @param {import("./series.js").Estimate} difference @param {number} width @param {number} height @returns {SVGElement[]} */
export function difference({ value, low, high }, width, height) {
  if (value === null) return [];
  const furthest = Math.max(-(low ?? 0), high ?? 0);
  const { top } = axis([{ value: Math.abs(value), low: 0, high: furthest }], "share");
  const x = (/** @type {number} */ at) => width / 2 + (at / top) * (width / 2 - 26);
  const floor = height - BOTTOM;
  const rules = [-top, 0, top].flatMap((at) => [
    shape("line", { class: at ? "plot-rule" : "plot-zero", x1: x(at), x2: x(at), y1: 0, y2: floor }),
    text("middle", x(at), height - 8, `${["−", "", "+"][Math.sign(at) + 1]}${points(Math.abs(at))}`),
  ]);
  return [...rules, ...span({ low, high }, x, floor / 2 + 2), dot(x(value), floor / 2 + 2, 1)];
}

/** @param {number} share */
function points(share) {
  return Number((share * 100).toFixed(2));
}

/** Axes for marks from left to right. @param {Item[]} items @param {Frame} frame */
function grid(items, { width, height, unit, label = LABEL }) {
  const { top, ticks } = axis(rowsOf(items), unit);
  const step = (width - LEFT - RIGHT) / Math.max(1, items.length);
  const floor = height - BOTTOM;
  const x = (/** @type {number} */ i) => LEFT + step * (i + 0.5);
  const y = (/** @type {number|null} */ value) =>
    floor - (Math.max(0, Math.min(value ?? 0, top)) / top) * (floor - TOP);
  const rules = ticks.flatMap((value) => [
    shape("line", {
      class: value ? "plot-rule" : "plot-zero",
      x1: LEFT,
      x2: width - RIGHT,
      y1: y(value),
      y2: y(value),
    }),
    text("end", LEFT - 9, y(value) + 4, tick(value, unit)),
  ]);
  const every = Math.max(1, Math.ceil(label / step));
  const last = items.length - 1;
  const named = items.flatMap(({ short }, i) =>
    (last - i) % every === 0 ? [text("middle", x(i), height - 7, short)] : [],
  );
  return { x, y, step, base: [...rules, ...named] };
}

/** @param {Item[]} items @returns {Row[]} */
function rowsOf(items) {
  return items.flatMap(({ row }) => (row ? [row] : []));
}

/** @param {Item} item that has a value */
function known({ row }) {
  return /** @type {Row & {value: number}} */ (row);
}

/** @param {Item[]} items @returns {number[][]} indexes of neighbours that have a value */
function runsOf(items) {
  /** @type {number[][]} */
  const runs = [];
  items.forEach(({ row }, i) => {
    if (!row || row.value === null) return;
    if (runs.at(-1)?.at(-1) === i - 1) runs.at(-1)?.push(i);
    else runs.push([i]);
  });
  return runs;
}

/** Where an interval is not known, the band closes on the line. @param {number[]} run @param {Item[]} items @param {(i: number) => number} x @param {(value: number|null) => number} y */
function band(run, items, x, y) {
  const edge = (/** @type {"low"|"high"} */ side) =>
    run.map((i) => [x(i), y(known(items[i])[side] ?? known(items[i]).value)]);
  const outline = path([...edge("high"), ...edge("low").reverse()]);
  return shape("path", { class: run.length > 1 ? "plot-band" : "plot-band is-alone", d: `${outline}Z` });
}

/** @param {Item[]} items @param {(i: number) => number} x @param {(value: number|null) => number} y @param {Unit} unit @returns {Mark[]} */
function marksOf(items, x, y, unit) {
  return items.flatMap((item, i) =>
    item.row && item.row.value !== null
      ? [{ x: x(i), y: y(item.row.value), words: sentence(item, unit) }]
      : [],
  );
}

/** @param {Row} row @param {number} x @param {(value: number|null) => number} y */
function whisker({ low, high }, x, y) {
  if (low === null || high === null) return [];
  return [shape("line", { class: "plot-span", x1: x, x2: x, y1: y(high), y2: y(low) })];
}

/** @param {{low: number|null, high: number|null}} row @param {(value: number) => number} x @param {number} y */
function span({ low, high }, x, y) {
  if (low === null || high === null) return [];
  return [shape("line", { class: "plot-span is-wide", x1: x(low), x2: x(high), y1: y, y2: y })];
}

/** @param {number} x @param {number} y @param {number} nth told apart by more than its place */
function dot(x, y, nth) {
  return shape("circle", { class: nth % 2 ? "plot-dot is-ring" : "plot-dot", cx: x, cy: y, r: 5.5 });
}

/** @param {"start"|"middle"|"end"} anchor @param {number} x @param {number} y @param {string} words @param {string} [kind] */
function text(anchor, x, y, words, kind = "plot-text") {
  return shape("text", { class: kind, "text-anchor": anchor, x, y }, words);
}

/** Both ends of a version tell it from others. @param {string} name @param {number} width px */
function shortened(name, width) {
  const most = Math.max(8, Math.floor(width / LETTER));
  const half = Math.floor((most - 1) / 2);
  return name.length <= most ? name : `${name.slice(0, half)}…${name.slice(-half)}`;
}

/** @param {number[][]} points */
function path(points) {
  return points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");
}
