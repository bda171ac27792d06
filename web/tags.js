/** The tags of one picture: each filters when clicked, and they can be added and removed. */

import { button, el, icon } from "./dom.js";

/** @param {string} tag @param {(tag: string) => void} filter @param {...Node} more what can be done with the tag besides */
function chip(tag, filter, ...more) {
  const text = button(tag, () => filter(tag), {
    class: "chip-text",
    title: `Show everything tagged ${tag}`,
  });
  return el("li", { class: more.length ? "chip" : "chip is-fixed" }, text, ...more);
}

/** @param {Node[]} items */
function list(items) {
  return el("ul", { class: "chips", role: "list", "aria-label": "Tags" }, ...items);
}

/** Tags that nobody changes here. @param {string[]} tags @param {(tag: string) => void} filter */
export function tagList(tags, filter) {
  return tags.length ? [list(tags.map((tag) => chip(tag, filter)))] : [];
}

/** @param {string[]} tags @param {{filter: (tag: string) => void, change: (tags: string[]) => void}} acts */
export function tagEditor(tags, { filter, change }) {
  const chips = tags.map((tag) =>
    chip(
      tag,
      filter,
      button(
        `Remove the tag ${tag}`,
        () => change(tags.filter((each) => each !== tag)),
        { class: "chip-close" },
        icon("close"),
      ),
    ),
  );
  const input = el("input", {
    class: "tag-input",
    name: "tag",
    placeholder: "Add a tag",
    "aria-label": "Add a tag",
    autocomplete: "off",
    maxLength: 60,
  });
  const form = el(
    "form",
    {
      on: {
        submit: (/** @type {Event} */ event) => {
          event.preventDefault();
          const tag = input.value.trim();
          if (tag && !tags.includes(tag)) change([...tags, tag]);
          input.value = "";
        },
      },
    },
    input,
  );
  return list([...chips, el("li", {}, form)]);
}

/**
 * Chips that switch a filter on and off, the most used first; the chosen ones are always there.
 * @param {Iterable<import("./api.js").Picture>} pictures @param {string[]} chosen @param {(tags: string[]) => void} change @param {number} [most]
 */
export function tagFilter(pictures, chosen, change, most = 14) {
  /** @type {Map<string, number>} */
  const uses = new Map();
  for (const { tags } of pictures) for (const tag of tags ?? []) uses.set(tag, (uses.get(tag) ?? 0) + 1);
  const common = [...uses].sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])).map(([tag]) => tag);
  const shown = [...chosen, ...common.filter((tag) => !chosen.includes(tag)).slice(0, most)];
  return shown.map((tag) => {
    const on = chosen.includes(tag);
    const next = on ? chosen.filter((each) => each !== tag) : [...chosen, tag];
    return button(tag, () => change(next), { class: "tag", "aria-pressed": on });
  });
}
