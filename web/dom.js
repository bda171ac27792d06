/** Building elements. Data only ever becomes text or a property, never HTML. */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, any>} [properties] `class`, `data`, `on` and `aria-*` are understood; the rest are DOM properties
 * @param {...(Node|string|null|undefined|false)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function el(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name === "class") made.className = value;
    else if (name === "data") Object.assign(made.dataset, value);
    else if (name === "on")
      for (const [event, act] of Object.entries(value)) made.addEventListener(event, act);
    else if (name === "role" || name.startsWith("aria-")) made.setAttribute(name, String(value));
    else /** @type {any} */ (made)[name] = value;
  }
  made.append(.../** @type {(Node|string)[]} */ (children.filter((child) => child || child === "0")));
  return made;
}

/** @param {string} label @param {() => void} act @param {Record<string, any>} [properties] @param {...(Node|string)} children shown instead of the label */
export function button(label, act, properties = {}, ...children) {
  const shown = children.length ? children : [label];
  const named = children.length ? { "aria-label": label, title: label } : {};
  return el("button", { type: "button", ...named, ...properties, on: { click: act } }, ...shown);
}

/** The title of a dialog beside its close button. @param {string} id of the title @param {string} title @param {() => void} close */
export function dialogHead(id, title, close) {
  const cross = button("Close", close, { class: "icon-button" }, icon("close"));
  return el("header", { class: "drawer-head" }, el("h2", { id, textContent: title }), cross);
}

const ICONS = {
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  close: "M4 4l8 8M12 4l-8 8",
  why: "M6 6.2a2 2 0 1 1 2.7 1.9c-.5.2-.7.6-.7 1.1v.5M8 12.2v.1",
  image: "M2.5 3.5h11v9h-11zM2.5 11l3-3 2.5 2.5 2.5-3 3 3.5",
  upload: "M8 10.5V3M5 5.8 8 2.8l3 3M3 10v3h10v-3",
  crop: "M4.5 1.5v10h10M1.5 4.5h10v10",
  theme: "M8 2.5a5.5 5.5 0 1 0 0 11zM8 2.5a5.5 5.5 0 0 1 0 11",
  keys: "M2 4.5h12v7H2zM4.5 7h.1M7 7h.1M9.5 7h.1M11.8 7h.1M5 9.4h6",
  open: "M9 3h4v4M13 3 7.5 8.5M6.5 4H3v9h9V9.5",
  copy: "M5.5 5.5h7v7h-7zM3.5 10.5v-7h7",
  block: "M8 2.5a5.5 5.5 0 1 0 0 11 5.5 5.5 0 0 0 0-11M4.2 4.2l7.6 7.6",
  stack: "M5.5 5.5h8v8h-8zM2.5 10.5v-8h8",
  chevron: "M6 3.5 10.5 8 6 12.5",
  metrics: "M2.5 13.5h11M4.5 11V8M8 11V3.5M11.5 11V6",
  key: "M5.5 7.5a3 3 0 1 0 0 6 3 3 0 0 0 0-6M7.7 8.3 13.5 2.5M10.5 5.5l2.2 2.2",
  warning: "M8 2.5 14 13H2zM8 6.5v3M8 11.3v.1",
};

/** @param {keyof typeof ICONS} name */
export function icon(name) {
  const svg = shape("svg", { viewBox: "0 0 16 16", class: "icon", "aria-hidden": "true" });
  svg.append(shape("path", { d: ICONS[name] }));
  return svg;
}

/** A part of a drawing. @param {string} tag of SVG @param {Record<string, string|number>} attributes @param {...(Node|string)} children */
export function shape(tag, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, String(value));
  made.append(...children);
  return made;
}

/** The picture's mean colour as a background, so that nothing flashes before it loads. @param {HTMLElement} element @param {string|undefined} colour six hex digits */
export function paint(element, colour) {
  if (colour && /^[0-9a-f]{6}$/i.test(colour)) element.style.backgroundColor = `#${colour}`;
}
