/** The panel beside the look-alikes: what they are look-alikes of, large, and what can be done with it. */

import { CropBox } from "./crop.js";
import { button, el, icon, paint } from "./dom.js";
import { loadedOriginal, originalLink } from "./originals.js";
import { tagEditor, tagList } from "./tags.js";
import { byteSize, counted, dayOf, fileName, folderOf, number } from "./words.js";

/** @typedef {import("./api.js").Picture} Picture */
/** @typedef {import("./address.js").Crop} Crop */
/**
 * @typedef {object} AnchorActs
 * @property {(crop: Crop|null, by: "hand"|"keys") => void} crop
 * @property {(tag: string) => void} filter
 * @property {((changes: object) => void)|null} change null where nothing can be changed
 * @property {(id: string) => Promise<Picture>} renew asks for the picture again: its link may have ended
 */

const SHOWN_BY_BROWSERS = new Set(["JPEG", "MPO", "PNG", "WEBP", "GIF", "AVIF", "BMP"]);

export class Anchor {
  #name = el("h1", { class: "anchor-name" });
  #folder = el("p", { class: "anchor-folder" });
  #facts = el("p", { class: "anchor-facts" });
  #state = el("p", { class: "anchor-state", hidden: true });
  #image = el("img", { class: "anchor-image", alt: "", draggable: false });
  #tags = el("div", { class: "anchor-tags" });
  #acts = el("div", { class: "anchor-acts" });
  #copies = el("section", { class: "anchor-copies", hidden: true, "aria-label": "Duplicates" });
  /** @type {Picture|null} */
  #picture = null;

  /** @param {AnchorActs} acts */
  constructor(acts) {
    this.#on = acts;
    this.#crop = new CropBox(acts.crop);
    this.#frame = el("div", { class: "anchor-frame" }, this.#image, this.#crop.element);
    this.#image.addEventListener("error", () => this.#frame.classList.add("is-missing"));
    this.element = el(
      "aside",
      { class: "anchor", "aria-label": "The picture" },
      this.#frame,
      el(
        "div",
        { class: "anchor-words" },
        this.#name,
        this.#folder,
        this.#facts,
        this.#state,
        this.#acts,
        this.#tags,
        this.#copies,
      ),
    );
  }

  #on;
  #crop;
  #frame;

  /** @param {Crop|null} crop */
  showCrop(crop) {
    this.#crop.show(crop);
    this.#frame.classList.toggle("is-cropped", Boolean(crop));
    const label = this.#acts.querySelector(".crop-button span");
    if (label) label.textContent = crop ? "Whole" : "Crop";
  }

  /** @param {Picture} picture whatever is known of it so far */
  show(picture) {
    const before = this.#picture;
    this.#picture = picture;
    if (before?.image_id !== picture.image_id) this.#load(picture);
    this.#words(picture);
    const { change, filter, renew } = this.#on;
    const block = change ? [this.#blockButton(picture, change)] : [];
    this.#acts.replaceChildren(this.#cropButton(), originalLink(picture, renew), ...block);
    const tags = picture.tags ?? [];
    const row = change
      ? [tagEditor(tags, { filter, change: (now) => change({ tags: now }) })]
      : tagList(tags, filter);
    this.#tags.replaceChildren(...row);
  }

  /** A picture that is only in this browser. @param {{name: string, blob: Blob}} upload */
  showUpload({ name, blob }) {
    this.#image.alt = name;
    this.#image.src = URL.createObjectURL(blob);
    this.#image.addEventListener(
      "load",
      () => {
        this.#shape(this.#image.naturalWidth, this.#image.naturalHeight);
        this.#facts.textContent = `${number(this.#image.naturalWidth)} × ${number(this.#image.naturalHeight)} · ${byteSize(blob.size)}`;
      },
      { once: true },
    );
    this.#name.textContent = name;
    this.#folder.textContent = "Your picture: searched with, and not kept in the catalogue";
    this.#acts.replaceChildren(this.#cropButton());
  }

  /** @param {Picture[]} copies pictures that are the same as this one */
  showCopies(copies) {
    this.#copies.hidden = copies.length === 0;
    const links = copies.map((copy) => {
      const name = fileName(copy.key);
      const image = el("img", { alt: name, loading: "lazy", src: copy.thumbnail_url });
      paint(image, copy.colour);
      return el(
        "a",
        {
          href: `./?image=${encodeURIComponent(copy.image_id)}`,
          title: copy.key,
          data: { image: copy.image_id },
        },
        image,
      );
    });
    const list = el("div", { class: "copies" }, ...links);
    const summary = el(
      "summary",
      {},
      el("span", { class: "copies-stack", "aria-hidden": "true" }),
      `${counted(copies.length, "duplicate")} in the catalogue`,
    );
    this.#copies.replaceChildren(el("details", { open: copies.length <= 4 }, summary, list));
  }

  /** The clicked tile grows into the anchor. @param {DOMRect} from where it was on the screen */
  flyFrom(from) {
    const to = this.#frame.getBoundingClientRect();
    if (!to.width || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const start = `translate(${from.left - to.left}px, ${from.top - to.top}px) scale(${from.width / to.width}, ${from.height / to.height})`;
    this.#frame.animate(
      [
        { transform: start, transformOrigin: "0 0" },
        { transform: "none", transformOrigin: "0 0" },
      ],
      { duration: 280, easing: "cubic-bezier(.2, .8, .2, 1)" },
    );
  }

  end() {
    if (this.#image.src.startsWith("blob:")) URL.revokeObjectURL(this.#image.src);
  }

  /** The thumbnail at once, the original when it has arrived. @param {Picture} picture */
  #load(picture) {
    this.#frame.classList.remove("is-missing");
    this.#shape(picture.width, picture.height);
    paint(this.#frame, picture.colour);
    this.#image.alt = fileName(picture.key);
    this.#image.src = picture.thumbnail_url;
    if (picture.format && !SHOWN_BY_BROWSERS.has(picture.format)) return;
    loadedOriginal(picture, this.#on.renew).then(
      (url) => {
        if (this.#picture?.image_id === picture.image_id) this.#image.src = url;
      },
      () => {},
    ); // the thumbnail stays
  }

  /** @param {number} width @param {number} height */
  #shape(width, height) {
    const ratio = Math.min(6, Math.max(0.2, (width || 1) / (height || 1)));
    this.#frame.style.aspectRatio = String(ratio);
    this.#frame.style.setProperty("--ratio", String(ratio));
  }

  /** @param {Picture} picture */
  #words(picture) {
    this.#name.textContent = fileName(picture.key);
    this.#folder.textContent = folderOf(picture.key);
    this.#folder.hidden = !folderOf(picture.key);
    this.#facts.textContent = [
      picture.width && `${number(picture.width)} × ${number(picture.height)}`,
      picture.format,
      picture.bytes && byteSize(picture.bytes),
      picture.uploaded_at && dayOf(picture.uploaded_at),
      picture.sponsored && `sponsored: ${picture.sponsored.campaign}`,
    ]
      .filter(Boolean)
      .join(" · ");
    this.#state.hidden = !picture.status || picture.status === "visible";
    this.#state.textContent = hidden(picture);
  }

  #cropButton() {
    const cropped = this.#frame.classList.contains("is-cropped");
    const act = () =>
      this.#frame.classList.contains("is-cropped") ? this.#on.crop(null, "hand") : this.#crop.begin();
    return button(
      "",
      act,
      {
        class: "button crop-button",
        "aria-label": null,
        title: "Search by a part: draw a box on the picture, or press here",
      },
      icon("crop"),
      el("span", { textContent: cropped ? "Whole" : "Crop" }),
    );
  }

  /** @param {Picture} picture @param {(changes: object) => void} change */
  #blockButton(picture, change) {
    const blocked = Boolean(picture.blocked);
    return button(
      "",
      () => change({ blocked: !blocked }),
      {
        class: "button",
        "aria-label": null,
        title: blocked ? "Show it among look-alikes again" : "Never show it among look-alikes",
      },
      icon("block"),
      el("span", { textContent: blocked ? "Unblock" : "Block" }),
    );
  }
}

/** Why it is not among look-alikes. @param {Picture} picture */
function hidden({ status, reason }) {
  if (status === "blocked") return "Blocked: it is not shown among look-alikes.";
  if (status === "unmoderated") return "Being checked: it is shown when that is done.";
  return `Not shown: ${reason || status}.`;
}
