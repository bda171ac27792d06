/** Files that are no pictures to us, each with its reason in plain words. */

import { el, icon } from "./dom.js";
import { dayOf, fileName, folderOf, rejection } from "./words.js";

/** @param {import("./api.js").Picture[]} pictures */
export function rejectedList(pictures) {
  return el(
    "ul",
    { class: "rejected", role: "list", "aria-label": "Files that could not be read" },
    ...pictures.map(row),
  );
}

/** @param {import("./api.js").Picture} picture */
function row({ key, reason, detail, uploaded_at }) {
  const folder = folderOf(key);
  return el(
    "li",
    {},
    icon("warning"),
    el(
      "div",
      { class: "rejected-name" },
      el("strong", { dir: "auto", textContent: fileName(key) }),
      folder && el("span", { class: "quiet", dir: "auto", textContent: folder }),
    ),
    el(
      "div",
      { class: "rejected-why" },
      el("span", { textContent: rejection(reason ?? "") }),
      detail ? el("span", { class: "quiet", textContent: detail }) : null,
    ),
    el("time", { class: "quiet", dateTime: uploaded_at ?? "", textContent: dayOf(uploaded_at ?? "") }),
  );
}
