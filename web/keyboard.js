/** Keys that work everywhere, and the list of all of them. */

import { dialogHead, el } from "./dom.js";

const KEYS = [
  ["← → ↑ ↓", "Move among the pictures"],
  ["Enter", "Look-alikes of the picture"],
  ["+   −", "More like it, less like it"],
  ["W", "Why is it at this rank?"],
  ["D", "Spread or fold its duplicates"],
  ["Esc", "Back"],
  ["/", "Filter by folder or name"],
  ["Ctrl V", "Search by a copied picture"],
  ["?", "This list"],
];
const CROP_KEYS = [
  ["← → ↑ ↓", "Move the crop box"],
  ["Shift ← → ↑ ↓", "Resize the crop box"],
  ["Esc", "Search by the whole picture"],
];

/** @param {{back: () => void, filter: () => void, grid: () => void}} acts @returns {{element: HTMLDialogElement, open: () => void}} */
export function keyboard({ back, filter, grid }) {
  const sheet = shortcuts();
  addEventListener("keydown", (event) => {
    if (
      event.defaultPrevented ||
      event.ctrlKey ||
      event.metaKey ||
      event.altKey ||
      document.querySelector("dialog[open]")
    )
      return;
    const typing = /** @type {Element} */ (event.target).matches?.("input, textarea, select");
    if (event.key === "Escape" && typing) /** @type {HTMLElement} */ (event.target).blur();
    else if (typing) return;
    else if (event.key === "Escape") back();
    else if (event.key === "/") filter();
    else if (event.key === "?") sheet.showModal();
    else if (event.key.startsWith("Arrow") && nowhere()) grid();
    else return;
    event.preventDefault();
  });
  return { element: sheet, open: () => sheet.showModal() };
}

/** Nothing that would want the key itself has the focus. */
function nowhere() {
  return document.activeElement === document.body || document.activeElement?.id === "main";
}

function shortcuts() {
  const rows = (/** @type {string[][]} */ keys) =>
    el(
      "dl",
      { class: "keys" },
      ...keys.map(([key, does]) =>
        el("div", {}, el("dt", {}, el("kbd", { textContent: key })), el("dd", { textContent: does })),
      ),
    );
  const sheet = el(
    "dialog",
    { class: "sheet", "aria-labelledby": "keys-title" },
    dialogHead("keys-title", "Keyboard", () => sheet.close()),
    rows(KEYS),
    el("h3", { textContent: "On the crop box" }),
    rows(CROP_KEYS),
  );
  return sheet;
}
