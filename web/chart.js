/** A card with one drawing: what it says, what is pointed at in words, and the same as a table. */

import { button, el, shape } from "./dom.js";
import { amount, basis, interval } from "./series.js";

/** @typedef {import("./series.js").Item} Item */
/** @typedef {import("./series.js").Unit} Unit */
/** @typedef {import("./plots.js").Drawing} Drawing */
/** @typedef {(frame: import("./plots.js").Frame) => Drawing} Draw */

let charts = 0;

export class Chart {
  #number = ++charts;
  #readout = el("p", { class: "chart-readout" });
  #svg = shape("svg", { class: "plot", role: "img" });
  #table = el("table", {});
  #drawn = ""; // what is drawn already
  /** @type {Draw|null} */
  #draw = null;
  /** @type {import("./plots.js").Mark[]} */
  #marks = [];
  #summary = "";
  #unit;
  #isTable = false;

  /** @param {{title: string, about: string, unit: Unit, first: string, height?: number, wide?: boolean}} options `first`: what the table's first column names */
  constructor({ title, about, unit, first, height = 220, wide = false }) {
    const id = `chart-${this.#number}`;
    this.#unit = unit;
    this.height = height;
    this.#svg.setAttribute("aria-labelledby", `${id}-title ${id}-text`);
    this.#title = shape("title", { id: `${id}-title` }, title);
    this.#text = shape("desc", { id: `${id}-text` });
    this.#columns = [first, unit === "share" ? "Share" : "Mean", "95% interval", "Made of"];
    this.#switch = button("Show as table", () => this.#toggle(), {
      class: "text-button",
      "aria-pressed": false,
    });
    this.#place = el("div", { class: "chart-place" }, this.#svg);
    this.#scroll = el("div", { class: "chart-table unseen" }, this.#table);
    const head = el("header", { class: "chart-head" }, el("h2", { id, textContent: title }), this.#switch);
    const note = el("p", { class: "quiet chart-about", textContent: about });
    this.element = el(
      "section",
      { class: wide ? "chart is-wide" : "chart", "aria-labelledby": id },
      head,
      note,
      this.#readout,
      this.#place,
      this.#scroll,
    );
    this.#sizes = new ResizeObserver(() => this.#redraw());
    this.#sizes.observe(this.#place);
    for (const kind of ["pointermove", "pointerdown"])
      this.#svg.addEventListener(kind, (event) => this.#point(/** @type {PointerEvent} */ (event)));
    this.#svg.addEventListener("pointerleave", () => this.#unpoint());
  }

  #title;
  #text;
  #columns;
  #switch;
  #place;
  #scroll;
  #sizes;

  /** @param {Item[]} items @param {string} summary said while nothing is pointed at @param {(items: Item[], frame: import("./plots.js").Frame) => Drawing} draw */
  show(items, summary, draw) {
    const look = JSON.stringify([items, summary, this.height]);
    if (look === this.#drawn) return;
    this.#drawn = look;
    this.#summary = summary;
    this.#text.textContent = summary;
    this.#draw = (frame) => draw(items, frame);
    this.#fill(items);
    this.#redraw();
  }

  end() {
    this.#sizes.disconnect();
  }

  #redraw() {
    const width = this.#place.clientWidth;
    this.#place.style.height = `${this.height}px`;
    if (!this.#draw || !width) return;
    const { shapes, marks } = this.#draw({ width, height: this.height, unit: this.#unit });
    this.#marks = marks;
    this.#svg.setAttribute("viewBox", `0 0 ${width} ${this.height}`);
    this.#svg.replaceChildren(this.#title, this.#text, ...shapes);
    this.#unpoint();
  }

  /** @param {Item[]} items */
  #fill(items) {
    const head = el(
      "tr",
      {},
      ...this.#columns.map((words) => el("th", { scope: "col", textContent: words })),
    );
    const rows = items.map(({ name, row }) => {
      const cells = row
        ? [amount(row.value, this.#unit), interval(row, this.#unit), basis(row, this.#unit)]
        : ["–", "", ""];
      const named = el("th", { scope: "row", dir: "auto", textContent: name });
      return el("tr", {}, named, ...cells.map((textContent) => el("td", { textContent })));
    });
    const caption = el("caption", { class: "unseen", textContent: this.#title.textContent });
    this.#table.replaceChildren(caption, el("thead", {}, head), el("tbody", {}, ...rows));
  }

  #toggle() {
    this.#isTable = !this.#isTable;
    this.#switch.textContent = this.#isTable ? "Show as drawing" : "Show as table";
    this.#switch.setAttribute("aria-pressed", String(this.#isTable));
    this.#place.hidden = this.#readout.hidden = this.#isTable;
    this.#scroll.classList.toggle("unseen", !this.#isTable);
    this.#scroll.tabIndex = this.#isTable ? 0 : -1; // it scrolls
    this.#scroll.style.height = this.#isTable ? `${this.height + this.#readoutHeight}px` : "";
  }

  #readoutHeight = 28;

  /** @param {PointerEvent} event */
  #point({ offsetX, offsetY }) {
    const apart = (/** @type {import("./plots.js").Mark} */ { x, y }) =>
      Math.hypot(x - offsetX, (y - offsetY) / 4);
    const nearest = this.#marks.reduce(
      (best, mark) => (best && apart(best) <= apart(mark) ? best : mark),
      this.#marks[0],
    );
    if (!nearest) return;
    this.#readout.textContent = nearest.words;
    this.#readout.classList.add("is-pointed");
    this.#svg.querySelector(".plot-pointed")?.remove();
    this.#svg.append(shape("circle", { class: "plot-pointed", cx: nearest.x, cy: nearest.y, r: 8 }));
  }

  #unpoint() {
    this.#readout.textContent = this.#summary;
    this.#readout.classList.remove("is-pointed");
    this.#svg.querySelector(".plot-pointed")?.remove();
  }
}
