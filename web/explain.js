/** "Why this rank?": what each stage of the ranking did to one result, and what was left out. */

import { dialogHead, el, paint } from "./dom.js";
import { counted, fileName, similarity } from "./words.js";

/** @typedef {import("./api.js").Answer} Answer */
/** @typedef {import("./api.js").Picture} Picture */

/** @param {() => void} close what closing means; the address knows that the panel is open */
export function explainPanel(close) {
  const body = el("div", { class: "drawer-body" });
  const dialog = el(
    "dialog",
    { class: "drawer", "aria-labelledby": "why-title" },
    dialogHead("why-title", "Why this rank?", close),
    body,
  );
  dialog.addEventListener("cancel", (event) => {
    event.preventDefault();
    close();
  });
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog) close();
  });
  return {
    element: dialog,
    /** @param {Picture|undefined} picture */
    wait(picture) {
      body.replaceChildren(
        ...(picture ? [subject(picture)] : []),
        el("p", { class: "quiet", textContent: "Asking the ranking…" }),
      );
      if (!dialog.open) dialog.showModal();
    },
    /** @param {Picture|undefined} picture @param {Answer} answer @param {string} id */
    show(picture, answer, id) {
      const result = answer.results.find((each) => each.image_id === id);
      const shown = result ?? picture;
      body.replaceChildren(...(shown ? [subject(shown)] : []), stages(result), leftOut(answer));
      if (!dialog.open) dialog.showModal();
    },
    hide() {
      if (dialog.open) dialog.close();
    },
  };
}

/** @param {Picture} picture */
function subject(picture) {
  const name = fileName(picture.key);
  const image = el("img", { alt: name, src: picture.thumbnail_url });
  paint(image, picture.colour);
  const place = picture.position === undefined ? "" : `Place ${picture.position}`;
  const score = picture.score === undefined ? "" : `similarity ${similarity(picture.score)}`;
  return el(
    "div",
    { class: "why-subject" },
    image,
    el(
      "div",
      {},
      el("strong", { dir: "auto", textContent: name }),
      el("p", { class: "quiet", textContent: [place, score].filter(Boolean).join(" · ") }),
    ),
  );
}

/** @param {Picture|undefined} result */
function stages(result) {
  if (!result?.explain)
    return el("p", { class: "quiet", textContent: "This picture is no longer in the answer." });
  const steps = result.explain.map(({ stage, effect, why }) =>
    el(
      "li",
      {},
      el(
        "div",
        { class: "why-step" },
        el("strong", { textContent: spaced(stage) }),
        el("span", { class: "why-effect", textContent: spaced(effect) }),
      ),
      el("p", { textContent: why }),
    ),
  );
  return el("ol", { class: "why-steps" }, ...steps);
}

/** @param {Answer} answer */
function leftOut(answer) {
  const removed = answer.removed ?? [];
  const rows = removed.map(({ image_id, key, stage, why }) =>
    el(
      "li",
      {},
      el("a", { href: `./?image=${encodeURIComponent(image_id)}`, dir: "auto", textContent: fileName(key) }),
      el("p", { class: "quiet", textContent: `${spaced(stage)}: ${why}` }),
    ),
  );
  return el(
    "details",
    { class: "why-removed" },
    el("summary", {
      textContent: removed.length
        ? `${counted(removed.length, "picture")} left out of this answer`
        : "Nothing was left out of this answer",
    }),
    el("ul", { role: "list" }, ...rows),
  );
}

/** @param {string} word the API's name for a stage or effect */
function spaced(word) {
  const text = word.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}
