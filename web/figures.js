/** The key figures: one number each, its interval, and what it is made of. */

import { el } from "./dom.js";
import { amount, interval, whole } from "./series.js";
import { counted, number } from "./words.js";

/** @typedef {import("./series.js").Measured} Measured */
/** @typedef {import("./series.js").Row} Row */

/** @type {{name: string, title: string, of: (row: Row) => string}[]} */
const FIGURES = [
  {
    name: "ctr",
    title: "Click-through rate",
    of: (row) => `${number(row.events)} of ${counted(row.of, "suggestion")} seen`,
  },
  {
    name: "queries",
    title: "Answers with a click",
    of: (row) => `${number(row.events)} of ${counted(row.of, "answer")}`,
  },
  {
    name: "spent",
    title: "Time spent per session",
    of: (row) => `on suggestions, in ${counted(row.of, "session")}`,
  },
  {
    name: "coverage",
    title: "Catalogue suggested",
    of: (row) => `${number(row.events)} of ${counted(row.of, "picture")}`,
  },
  {
    name: "sponsored",
    title: "Sponsored",
    of: (row) => `${number(row.events)} of ${counted(row.of, "suggestion")} seen`,
  },
];

export class KeyFigures {
  #cards = new Map(FIGURES.map((figure) => [figure.name, card(figure.title)]));
  element = el("dl", { class: "figures" }, ...[...this.#cards.values()].map(({ element }) => element));

  /** @param {Record<string, Measured>} found by the names above */
  show(found) {
    for (const { name, of } of FIGURES) {
      const { rows, unit } = found[name];
      const row = whole(rows);
      const shown = this.#cards.get(name);
      if (!shown) continue;
      put(shown.value, amount(row?.value, unit));
      put(shown.between, row ? interval(row, unit) || "no interval yet" : "");
      put(shown.made, row ? of(row) : "");
    }
  }
}

/** @param {string} title */
function card(title) {
  const value = el("dd", { class: "figure-value" });
  const between = el("dd", { class: "figure-between" });
  const made = el("dd", { class: "figure-made" });
  const element = el("div", { class: "figure" }, el("dt", { textContent: title }), value, between, made);
  return { element, value, between, made };
}

/** What changed says so for a moment. @param {HTMLElement} element @param {string} text */
function put(element, text) {
  if (element.textContent === text) return;
  const isNews = element.textContent !== "" && element.classList.contains("figure-value");
  element.textContent = text;
  if (isNews)
    element.animate([{ color: "var(--accent)" }, {}], {
      duration: stillness() ? 0 : 1200,
      easing: "ease-out",
    });
}

function stillness() {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}
