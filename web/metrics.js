/** What people do with look-alikes, in figures and drawings that move while they are open. */

import { format, INTERVALS, isMetrics } from "./address.js";
import { Chart } from "./chart.js";
import { el } from "./dom.js";
import { KeyFigures } from "./figures.js";
import { bars, dots, line } from "./plots.js";
import { byGroup, byPlace, overTime, sentence, whole } from "./series.js";
import { failure, panel } from "./states.js";
import { TrialPanel } from "./trial.js";
import { counted } from "./words.js";

/** @typedef {import("./address.js").Place} Place */
/** @typedef {import("./series.js").Measured} Measured */

/** @type {Record<string, Record<string, string>>} */
const ASKED = {
  ctr: { metric: "ctr", group_by: "model" },
  positions: { metric: "ctr", group_by: "position" },
  spent: { metric: "time_spent" },
  queries: { metric: "query_ctr" },
  coverage: { metric: "coverage" },
  sponsored: { metric: "sponsored_share" },
  trial: { metric: "trial" },
};
const NEAR = 4000; // ms between looks at a log on this machine
const FAR = 120_000; // in a deployment, where rows take a minute to arrive and each count is paid for
const REST = 5; // times what the last look took: counting a long log must not keep a machine busy
const TOLD_SOON = 1500; // ms that what was just done here may take to be told
const MODEL = 58; // px of a drawing for each
const WORDS = { day: "Day", week: "Week", month: "Month" };
/** @type {Record<string, string>} */
const WINDOWS = { day: "the last 30 days", week: "the last 26 weeks", month: "the last 12 months" };
const clock = new Intl.DateTimeFormat("en", {
  hour: "2-digit",
  minute: "2-digit",
  second: "2-digit",
  hour12: false,
});

export class MetricsView {
  grid = null;
  title = "Metrics · Lookalike";
  #stop = new AbortController();
  #timer = 0;
  #asking = 0; // counts refreshes: only the last one is shown
  #when = el("p", { class: "quiet metrics-when" });
  #switch = el("nav", { class: "statuses", "aria-label": "By" });
  #lead = el("p", { class: "quiet" });
  #body = el("div", { class: "metrics-body" });
  #figures = new KeyFigures();
  #trial = new TrialPanel();
  #charts = charts();

  /** @param {import("./app.js").App} app @param {Place} where */
  constructor(app, where) {
    this.app = app;
    this.where = where;
    const title = el("div", {}, el("h1", { textContent: "Metrics" }), this.#lead);
    const tools = el("div", { class: "metrics-tools" }, this.#switch, this.#when);
    this.element = el(
      "section",
      { class: "metrics" },
      el("header", { class: "metrics-head" }, title, tools),
      this.#body,
    );
    const { time, models, places, duration } = this.#charts;
    const drawings = [this.#trial, time, models, places, duration].map(({ element }) => element);
    this.#all = [this.#figures.element, el("div", { class: "charts" }, ...drawings)];
    const signal = this.#stop.signal;
    document.addEventListener("visibilitychange", () => this.#wake(), { signal });
  }

  #all;

  /** @param {Place} where */
  shows(where) {
    return isMetrics(where);
  }

  /** @param {Place} where @param {import("./journey.js").Arrival} arrival */
  async arrive(where, { scroll, back }) {
    this.where = where;
    this.#lead.textContent = `What people did with the look-alikes they were shown, in ${WINDOWS[where.metrics]}.`;
    this.#switch.replaceChildren(...INTERVALS.map((each) => this.#choice(each)));
    const told = this.app.interactions.flush();
    await Promise.race([told, new Promise((resolve) => setTimeout(resolve, TOLD_SOON))]);
    await this.#refresh();
    if (back) window.scrollTo(0, scroll);
  }

  leave() {
    this.#stop.abort();
    clearTimeout(this.#timer);
    for (const part of [this.#trial, ...Object.values(this.#charts)]) part.end();
  }

  /** @param {string} interval */
  #choice(interval) {
    const current = interval === this.where.metrics ? "page" : undefined;
    return el(
      "a",
      { href: format({ metrics: interval }), "aria-current": current },
      WORDS[/** @type {"day"} */ (interval)],
    );
  }

  #wake() {
    clearTimeout(this.#timer);
    if (!document.hidden && this.#asking) this.#refresh();
  }

  async #refresh() {
    clearTimeout(this.#timer);
    const asking = ++this.#asking;
    const began = performance.now();
    this.#when.textContent ||= "Counting…";
    const isWanted = () => asking === this.#asking && !this.#stop.signal.aborted;
    try {
      const found = await this.#measured();
      if (isWanted()) this.#show(found);
    } catch (error) {
      if (isWanted()) this.#failed(error);
    }
    const pause = Math.max(this.app.config.local ? NEAR : FAR, REST * (performance.now() - began));
    if (isWanted() && !document.hidden) this.#timer = window.setTimeout(() => this.#refresh(), pause);
  }

  /** @returns {Promise<Record<string, Measured>>} */
  async #measured() {
    const { signal } = this.#stop;
    const interval = this.where.metrics;
    const ask = async (/** @type {[string, Record<string, string>]} */ [name, wanted]) =>
      /** @type {const} */ ([name, await this.app.album.api.metrics({ ...wanted, interval }, signal)]);
    return Object.fromEntries(await Promise.all(Object.entries(ASKED).map(ask)));
  }

  /** @param {Record<string, Measured>} found */
  #show(found) {
    this.#when.textContent = `Counted at ${clock.format(new Date(found.ctr.as_of))}`;
    if (!whole(found.ctr.rows)?.of) return this.#nothing();
    if (this.#figures.element.parentElement !== this.#body) this.#body.replaceChildren(...this.#all);
    this.#figures.show(found);
    this.#trial.show(found.trial.trial, found.trial.rows);
    this.#draw(found);
  }

  /** @param {Record<string, Measured>} found */
  #draw({ ctr, positions, spent }) {
    const interval = this.where.metrics;
    const { time, models, places, duration } = this.#charts;
    time.show(overTime(ctr, interval), summary(ctr), line);
    const versions = byGroup(ctr.rows);
    models.height = Math.max(220, versions.length * MODEL + 26);
    models.show(versions, `${counted(versions.length, "model")} answered.`, dots);
    const seen = byPlace(positions.rows);
    places.show(seen, `${counted(seen.length, "place")} seen so far.`, (items, frame) =>
      bars(items, { ...frame, label: 0 }),
    );
    duration.show(overTime(spent, interval), summary(spent), bars);
  }

  #nothing() {
    const text =
      "Open a picture and look at its look-alikes for a second: each one seen counts as a suggestion, and each one opened as a click. The figures appear here by themselves.";
    const act = { label: "Show the pictures", act: () => this.app.journey.go({}, { trail: [] }) };
    if (!this.#body.querySelector(".panel")) this.#body.replaceChildren(panel("No data yet", text, { act }));
  }

  /** What is shown stays, and says that it has aged. @param {unknown} error */
  #failed(error) {
    const words = error instanceof Error ? error.message : String(error);
    if (this.#figures.element.isConnected) this.#when.textContent = `Not up to date: ${words}`;
    else {
      this.#when.textContent = "";
      this.#body.replaceChildren(failure(error, () => this.#refresh()));
    }
  }
}

/** @param {Measured} measured */
function summary({ rows, unit }) {
  const row = whole(rows);
  return row ? sentence({ name: "In all", short: "", row }, unit) : "";
}

function charts() {
  return {
    time: new Chart({
      title: "Click-through rate",
      about: "Of the suggestions seen, the share that was opened. The band is the 95% interval.",
      unit: "share",
      first: "Period",
      height: 240,
      wide: true,
    }),
    models: new Chart({
      title: "By model",
      about: "The click-through rate that each encoder's answers got, with its 95% interval.",
      unit: "share",
      first: "Model",
    }),
    places: new Chart({
      title: "By place in the answer",
      about: "People look at the first places most, whatever is there: training takes that out.",
      unit: "share",
      first: "Place",
    }),
    duration: new Chart({
      title: "Time spent",
      about: "On pictures opened from suggestions, for each session, while the page was in front.",
      unit: "ms",
      first: "Period",
      wide: true,
    }),
  };
}
