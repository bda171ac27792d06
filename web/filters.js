/** The bar above the catalogue: statuses, tags, and how much there is. */

import { format, STATUSES } from "./address.js";
import { el, icon } from "./dom.js";
import { sentence } from "./progress.js";
import { tagFilter } from "./tags.js";
import { counted, number, statusWord } from "./words.js";

/** @typedef {import("./address.js").Place} Place */
/** @typedef {import("./sweep.js").Sweep} Sweep */

const SET_ASIDE = "They failed again and again and wait for you: lookalike status lists them.";

export class Filters {
  #statuses = el("nav", { class: "statuses", "aria-label": "Status" });
  #tags = el("div", { class: "tag-row", role: "group", "aria-label": "Tags" });
  #count = el("p", { class: "count" });

  /** @param {import("./app.js").App} app */
  constructor(app) {
    this.app = app;
    this.where = app.journey.place;
    this.element = el("div", { class: "bar" }, this.#statuses, this.#tags, this.#count);
  }

  /** @param {Place} where @param {Sweep} sweep what was read of it */
  show(where, sweep) {
    const listed = STATUSES.filter((each) => each !== "unmoderated" || where.status === each);
    this.#replace(
      this.#statuses,
      listed.map((each) => this.#status(where, each)),
    );
    this.where = where; // chips that stay must act on the place of today
    const choose = (/** @type {string[]} */ tags) => this.app.journey.go({ ...this.where, tags });
    this.#replace(this.#tags, tagFilter(sweep.pictures, where.tags, choose));
    const { now } = this.app.progress;
    const working = now ? sentence(now) : "";
    const parts = [working || this.#size(where, sweep), this.#setAside(now?.dead_letters ?? 0)];
    this.#count.replaceChildren(...parts.filter((each) => each));
  }

  /** @param {Place} where @param {string} status */
  #status(where, status) {
    const unread = (status === "rejected" && this.app.progress.now?.rejected) || 0;
    const badge = unread ? el("span", { class: "badge", textContent: number(unread) }) : null;
    const current = status === where.status ? "page" : undefined;
    return el(
      "a",
      { href: format({ ...where, status }), "aria-current": current },
      statusWord(status),
      badge,
    );
  }

  /** @param {Place} where @param {Sweep} sweep */
  #size({ prefix, tags, status }, { pictures, complete }) {
    const filtered = Boolean(prefix || tags.length || status !== "visible");
    const known = filtered ? 0 : (this.app.progress.now?.indexed ?? this.app.indexed);
    if (known) return counted(known, "picture");
    return pictures.length ? `${number(pictures.length)}${complete ? "" : "+"} shown` : "";
  }

  /** @param {number} count */
  #setAside(count) {
    if (!count) return "";
    const words = `${counted(count, "change")} set aside`;
    return el("span", { class: "set-aside", title: SET_ASIDE }, icon("warning"), words);
  }

  /** Only what changed: nothing may lose the focus because a page was read. @param {HTMLElement} row @param {HTMLElement[]} wanted */
  #replace(row, wanted) {
    const look = (/** @type {Element} */ each) => each.outerHTML;
    if (wanted.map(look).join() === [...row.children].map(look).join()) return;
    const focused = row.contains(document.activeElement) ? document.activeElement?.textContent : null;
    row.replaceChildren(...wanted);
    wanted.find((each) => each.textContent === focused)?.focus();
  }
}
