/** Rows of GET /v1/metrics → what a plot shows, and as a person would say it. Pure functions. */

import { counted, number } from "./words.js";

/** @typedef {"share"|"ms"} Unit */
/**
 * @typedef {object} Row
 * @property {string|null} period its first day; null: all of the time
 * @property {string|null} group  null: all of them
 * @property {number|null} value  null: nothing to divide by
 * @property {number|null} low    of the 95 % interval; null with fewer than two sessions
 * @property {number|null} high
 * @property {number} events
 * @property {number} of
 * @property {number} sessions
 */
/** @typedef {{value: number|null, low: number|null, high: number|null}} Estimate */
/** @typedef {{unit: Unit, interval: string|null, since: string, as_of: string, rows: Row[], trial: import("./trial.js").Trial|null}} Measured */
/** @typedef {{name: string, short: string, row: Row|null}} Item one mark of a plot */

const DAY = 86_400_000; // ms
const MINUTE = 60_000;
const FEWEST = 10; // periods of a drawing: what was before anything happened is not all shown

const dayOf = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", timeZone: "UTC" });
const monthOf = new Intl.DateTimeFormat("en", { month: "short", timeZone: "UTC" });
const monthAndYear = new Intl.DateTimeFormat("en", { month: "long", year: "numeric", timeZone: "UTC" });

/** @param {Row[]} rows @returns {Row|null} the one of everything */
export function whole(rows) {
  return rows.find(({ period, group }) => period === null && group === null) ?? null;
}

/** @param {Row[]} rows @param {(group: string) => string} [named] @returns {Item[]} */
export function byGroup(rows, named = (group) => group) {
  const groups = rows.filter(({ period, group }) => period === null && group !== null);
  return groups.map((row) => ({ name: named(`${row.group}`), short: `${row.group}`, row }));
}

/** In the order of the answer; of many places only some are named. @param {Row[]} rows @returns {Item[]} */
export function byPlace(rows) {
  const places = byGroup(rows, (place) => `Place ${place}`).sort((a, b) => Number(a.short) - Number(b.short));
  const every = places.length > 50 ? 10 : places.length > 12 ? 5 : 1;
  const isNamed = (/** @type {string} */ place) => place === "1" || Number(place) % every === 0;
  return places.map((item) => ({ ...item, short: isNamed(item.short) ? item.short : "" }));
}

/** Every period since something happened, also those in which nothing did. @param {Measured} measured @param {string} interval @returns {Item[]} */
export function overTime({ rows, since, as_of }, interval) {
  const found = new Map(rows.filter((row) => row.group === null).map((row) => [row.period, row]));
  found.delete(null);
  const all = new Set([
    ...periods(since, as_of, interval),
    .../** @type {Map<string, Row>} */ (found).keys(),
  ]);
  const order = [...all].sort();
  const first = order.findIndex((period) => found.get(period)?.of);
  const shown = order.slice(Math.max(0, Math.min(first, order.length - FEWEST)));
  return shown.map((period) => ({
    name: periodName(period, interval),
    short: (interval === "month" ? monthOf : dayOf).format(new Date(period)),
    row: found.get(period) ?? null,
  }));
}

/** @param {string} since @param {string} until @param {string} interval @returns {string[]} first days */
function periods(since, until, interval) {
  const names = [];
  const at = new Date(since.slice(0, 10));
  if (interval === "week") at.setTime(at.valueOf() - ((at.getUTCDay() + 6) % 7) * DAY); // ISO weeks begin on Monday
  if (interval === "month") at.setUTCDate(1);
  while (at <= new Date(until) && names.length < 400) {
    names.push(at.toISOString().slice(0, 10));
    if (interval === "month") at.setUTCMonth(at.getUTCMonth() + 1);
    else at.setTime(at.valueOf() + (interval === "week" ? 7 : 1) * DAY);
  }
  return names;
}

/** @param {string} period @param {string} interval */
function periodName(period, interval) {
  const date = new Date(period);
  if (interval === "month") return monthAndYear.format(date);
  return interval === "week" ? `Week of ${dayOf.format(date)}` : dayOf.format(date);
}

/** @param {number|null|undefined} value @param {Unit} unit */
export function amount(value, unit) {
  if (value === null || value === undefined) return "–";
  return unit === "share" ? percent(value) : spent(value);
}

/** @param {number} share */
function percent(share) {
  const value = share * 100;
  const places = value === 0 || value >= 1 ? 1 : 2;
  return `${value === 100 ? 100 : value.toFixed(places)}%`;
}

/** @param {number} ms */
function spent(ms) {
  if (ms < 100 * 1000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 100 * MINUTE) return `${(ms / MINUTE).toFixed(1)} min`;
  return `${number(Math.round(ms / MINUTE / 6) / 10)} h`;
}

/** @param {number} value of an axis @param {Unit} unit */
export function tick(value, unit) {
  if (unit === "share") return `${Number((value * 100).toFixed(2))}%`;
  return value >= MINUTE && value % MINUTE === 0
    ? `${value / MINUTE} min`
    : `${Number((value / 1000).toFixed(2))} s`;
}

/** @param {Estimate} row @param {Unit} unit @returns {string} "" where there is none */
export function interval({ low, high }, unit) {
  return low === null || high === null ? "" : `${amount(low, unit)} to ${amount(high, unit)}`;
}

/** @param {Row} row @param {Unit} unit what the value was made of */
export function basis({ events, of, sessions }, unit) {
  return unit === "share"
    ? `${number(events)} of ${number(of)}, ${counted(sessions, "session")}`
    : `${spent(events)} in ${counted(of, "session")}`;
}

/** @param {Item} item @param {Unit} unit */
export function sentence({ name, row }, unit) {
  if (!row || row.value === null) return `${name}: nothing`;
  const between = interval(row, unit);
  return `${name}: ${amount(row.value, unit)}${between && ` (${between})`} · ${basis(row, unit)}`;
}

/**
 * An axis from 0 to a round number. One wide interval of a quiet day must not flatten all the rest:
 * a tenth of them may run off the top, and say in the table how far.
 * @param {Estimate[]} rows @param {Unit} unit @returns {{top: number, ticks: number[]}}
 */
export function axis(rows, unit) {
  const values = rows.flatMap(({ value }) => (value === null ? [] : [value]));
  const highs = rows.flatMap(({ high }) => (high === null ? [] : [high])).sort((a, b) => a - b);
  const most = Math.max(
    ...values.map((value) => value * 1.05),
    highs[Math.floor(highs.length * 0.9)] ?? 0,
    0,
  );
  const base = unit === "share" ? 0.01 : most > 2 * MINUTE ? MINUTE : 1000;
  const step = round((most || 10 * base) / 4 / base) * base;
  const top = Math.ceil((most || 10 * base) / step - 1e-9) * step;
  const end = unit === "share" ? Math.min(1, top) : top;
  const ticks = Array.from({ length: Math.floor(end / step + 1e-9) + 1 }, (_, i) => i * step);
  return { top: end, ticks };
}

/** The next of 1, 2, 2.5, 5, 10, 20 … @param {number} step */
export function round(step) {
  const power = 10 ** Math.floor(Math.log10(step));
  return power * ([1, 2, 2.5, 5].find((each) => each >= step / power - 1e-9) ?? 10);
}
