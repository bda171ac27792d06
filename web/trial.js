/** Two models side by side: what each gets, whether the difference is one, whether the split was fair. */

import { el, icon, shape } from "./dom.js";
import { difference, dots } from "./plots.js";
import { amount } from "./series.js";
import { counted, dayOf, number } from "./words.js";

/** @typedef {import("./series.js").Estimate} Estimate */
/** @typedef {import("./series.js").Row} Row */
/**
 * @typedef {object} Trial
 * @property {string} live
 * @property {string} challenger
 * @property {number} share of the sessions that are to get the challenger
 * @property {string} since
 * @property {{live: number, challenger: number}} sessions
 * @property {number|null} p_value of the split: how often chance alone would be that far off
 * @property {boolean} balanced
 * @property {{live: Estimate, challenger: Estimate, difference: Estimate}} ctr
 */

const SIDES = 128; // px
const DIFFERENCE = 72;

export class TrialPanel {
  element = el("section", { class: "chart is-wide trial", "aria-labelledby": "trial-title", hidden: true });
  #shown = "";
  /** @type {Trial|null} */
  #trial = null;
  /** @type {Row[]} */
  #rows = [];
  #sizes = new ResizeObserver(() => this.#draw());
  #sides = shape("svg", { class: "plot", "aria-hidden": "true" });
  #apart = shape("svg", { class: "plot", "aria-hidden": "true" });

  constructor() {
    this.#sizes.observe(this.element);
  }

  /** @param {Trial|null} trial @param {Row[]} rows CTR by model since it began */
  show(trial, rows) {
    const look = JSON.stringify([trial, rows]);
    if (look === this.#shown) return;
    this.#shown = look;
    this.#trial = trial;
    this.#rows = rows;
    this.element.hidden = !trial;
    if (!trial) return;
    this.element.replaceChildren(...this.#words(trial), this.#drawings(trial));
    this.#draw();
  }

  end() {
    this.#sizes.disconnect();
  }

  /** @param {Trial} trial */
  #words(trial) {
    const title = el("h2", { id: "trial-title", textContent: "A model is on trial" });
    const share = Math.round(trial.share * 100);
    const about = `${share}% of the sessions are answered by ${trial.challenger}, the others by ${trial.live}, since ${dayOf(trial.since)}.`;
    return [
      el("header", { class: "chart-head" }, title),
      el("p", { class: "quiet chart-about", textContent: about }),
    ];
  }

  /** @param {Trial} trial */
  #drawings(trial) {
    const { text, kind } = verdict(trial.ctr.difference);
    const split = splitWords(trial);
    const fair = el(
      "p",
      { class: trial.balanced ? "trial-split" : "trial-split is-bad" },
      trial.balanced ? null : icon("warning"),
      split,
    );
    const sides = el(
      "div",
      {},
      el("h3", { textContent: "Click-through rate" }),
      this.#sides,
      this.#table(trial),
    );
    const apart = el(
      "div",
      {},
      el("h3", { textContent: "Difference, in percentage points" }),
      this.#apart,
      el("p", { class: `trial-verdict ${kind}`, textContent: text }),
      fair,
    );
    return el("div", { class: "trial-parts" }, sides, apart);
  }

  /** The same for who does not see it. @param {Trial} trial */
  #table({ live, challenger, ctr, sessions }) {
    const row = (/** @type {string} */ name, /** @type {Estimate} */ one, /** @type {number} */ count) =>
      el(
        "tr",
        {},
        el("th", { scope: "row", textContent: name }),
        el("td", { textContent: withInterval(one) }),
        el("td", { textContent: counted(count, "session") }),
      );
    const rows = [
      row(`${live}, live`, ctr.live, sessions.live),
      row(`${challenger}, on trial`, ctr.challenger, sessions.challenger),
    ];
    const caption = el("caption", { textContent: "Click-through rate" });
    return el("div", { class: "unseen" }, el("table", {}, caption, el("tbody", {}, ...rows)));
  }

  #draw() {
    const width = this.#sides.parentElement?.clientWidth ?? 0;
    if (!this.#trial || !width) return;
    const { live, challenger, ctr, sessions } = this.#trial;
    const side = (
      /** @type {string} */ name,
      /** @type {string} */ word,
      /** @type {Estimate} */ one,
      /** @type {number} */ count,
    ) => {
      const row = this.#rows.find((each) => each.group === name && each.period === null);
      const { events = 0, of = 0 } = row ?? {};
      return {
        name: `${name} · ${word}`,
        short: name,
        row: { period: null, group: name, ...one, events, of, sessions: count },
      };
    };
    const items = [
      side(live, "live", ctr.live, sessions.live),
      side(challenger, "on trial", ctr.challenger, sessions.challenger),
    ];
    put(this.#sides, width, SIDES, dots(items, { width, height: SIDES, unit: "share" }).shapes);
    put(this.#apart, width, DIFFERENCE, difference(ctr.difference, width, DIFFERENCE));
  }
}

/** @param {SVGElement} svg @param {number} width @param {number} height @param {SVGElement[]} shapes */
function put(svg, width, height, shapes) {
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.style.height = `${height}px`;
  svg.replaceChildren(...shapes);
}

/** @param {Estimate} one */
function withInterval({ value, low, high }) {
  if (low === null || high === null) return amount(value, "share");
  return `${amount(value, "share")} (${amount(low, "share")} to ${amount(high, "share")})`;
}

/** @param {Estimate} difference @returns {{text: string, kind: string}} */
function verdict({ value, low, high }) {
  if (value === null || low === null || high === null)
    return { text: "Too few sessions to tell the two apart yet.", kind: "" };
  const points = `${signed(value)} points (${signed(low)} to ${signed(high)})`;
  if (low > 0) return { text: `The model on trial is clicked more: ${points}.`, kind: "is-good" };
  if (high < 0) return { text: `The model on trial is clicked less: ${points}.`, kind: "is-bad" };
  return { text: `No difference that chance could not make: ${points}.`, kind: "" };
}

/** Of shares, in percentage points. @param {number} difference */
function signed(difference) {
  const points = (difference * 100).toFixed(1);
  return difference > 0 ? `+${points}` : points.replace("-", "−");
}

/** @param {Trial} trial */
function splitWords({ sessions, share, p_value, balanced }) {
  const all = sessions.live + sessions.challenger;
  if (!all) return "No session has been seen yet.";
  const got = `${number(sessions.challenger)} of ${counted(all, "session")} got it`;
  const wanted = `${Math.round(share * 100)}% should have`;
  const p =
    p_value === null
      ? ""
      : p_value < 0.001
        ? "p\u00a0<\u00a00.001"
        : `p\u00a0=\u00a0${p_value.toPrecision(2)}`;
  const chance = p && ` (${p})`;
  if (balanced) return `The split is as it should be: ${got}, ${wanted}${chance}.`;
  return `The split is not as it should be: ${got}, ${wanted}${chance}. Trust no comparison until the cause is known.`;
}
