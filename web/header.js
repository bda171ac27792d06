/** The tools at the top of the page. */

import { format } from "./address.js";
import { button, el, icon } from "./dom.js";
import { keyboard } from "./keyboard.js";
import { keptDialog } from "./keydialog.js";

/** @typedef {import("./app.js").App} App */

const find = (/** @type {string} */ selector) =>
  /** @type {HTMLElement} */ (document.querySelector(selector));

/** @param {App} app @param {HTMLElement} picker of a file to search by */
export function furnish(app, picker) {
  const search = button(
    "",
    () => app.pick(),
    {
      class: "button is-primary",
      "aria-label": null,
      title: "Drop or paste a picture anywhere, or choose one",
    },
    icon("image"),
    el("span", { textContent: "Search by picture" }),
  );
  const add = button(
    "Add pictures to the catalogue",
    () => app.add.open(),
    { class: "button" },
    icon("upload"),
    el("span", { textContent: "Add" }),
  );
  const theme = button("Light or dark", toggleTheme, { class: "icon-button" }, icon("theme"));
  const keys = keyboard({
    back: () => app.journey.back(),
    filter: () => app.filter.select(),
    grid: () => app.view?.grid?.focusFirst(),
  });
  const help = button("Keyboard shortcuts", keys.open, { class: "icon-button is-keys" }, icon("keys"));
  const adding = app.config.uploads ? [add] : [];
  find(".tools").append(search, ...adding, theme, ...lock(app), help, picker);
  if (app.config.metrics) find(".lead").append(metricsTab());
  document.body.append(app.add.element, keys.element);
}

/** @param {boolean} here whether the metrics are what is shown */
export function markTab(here) {
  const tab = document.querySelector(".tab");
  if (here) tab?.setAttribute("aria-current", "page");
  else tab?.removeAttribute("aria-current");
}

function metricsTab() {
  const href = format({ metrics: "day" });
  const properties = {
    class: "tab",
    href,
    "aria-label": "Metrics",
    title: "What people do with look-alikes",
  };
  return el("a", properties, icon("metrics"), el("span", { textContent: "Metrics" }));
}

/** Where a key is wanted, it can be forgotten. @param {App} app */
function lock(app) {
  const { key } = app.album.api;
  if (!key.isWanted) return [];
  const anew = () => location.reload(); // the address holds where the visitor is
  const kept = keptDialog(() => {
    key.forget();
    anew();
  });
  document.body.append(kept);
  const act = () => (key.kept ? kept.showModal() : key.given().then(anew, () => {}));
  return [button("The key of this catalogue", act, { class: "icon-button" }, icon("key"))];
}

function toggleTheme() {
  const root = document.documentElement;
  const dark = root.dataset.theme
    ? root.dataset.theme === "dark"
    : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try {
    localStorage.setItem("theme", root.dataset.theme);
  } catch {
    // Then it lasts until the page is closed.
  }
}
