/** Originals: links into a bucket are signed and end after a while, and then the record is asked for again. */

import { el, icon } from "./dom.js";

/** @typedef {import("./api.js").Picture} Picture */
/** @typedef {(id: string) => Promise<Picture>} Renew asks the API for the picture anew */

const SOON = 60_000; // ms; a link that is about to end is no link to follow

/** A link may end before it says so, with the credentials that signed it. @param {Picture} picture @param {Renew} renew @returns {Promise<string>} its address, loaded */
export async function loadedOriginal({ image_id: id, url }, renew) {
  if (!isExpired(url)) {
    const trying = decoded(url);
    if (endOf(url) === null) return trying;
    const loaded = await trying.catch(() => "");
    if (loaded) return loaded;
  }
  return decoded((await renew(id)).url);
}

/** @param {Picture} picture @param {Renew} renew */
export function originalLink({ image_id: id, url }, renew) {
  const link = el(
    "a",
    { class: "button", href: url, target: "_blank", rel: "noopener" },
    icon("open"),
    el("span", { textContent: "Original" }),
  );
  const ahead = async () => {
    if (isExpired(link.href)) link.href = (await renew(id)).url;
  };
  const early = () => ahead().catch(() => {}); // a click then tries again
  link.addEventListener("pointerenter", early);
  link.addEventListener("focus", early);
  link.addEventListener("click", (event) => {
    if (!isExpired(link.href)) return;
    event.preventDefault();
    early().then(() => window.open(link.href, "_blank", "noopener"));
  });
  return link;
}

/** @param {string} url @param {number} [now] ms @returns {boolean} false for links that never end, as a laptop's */
export function isExpired(url, now = Date.now()) {
  const end = endOf(url);
  return end !== null && now > end - SOON;
}

/** Signature versions 4 and 2 say it each in their way. @param {string} url @returns {number|null} ms; null: it never ends */
function endOf(url) {
  const { searchParams: given } = new URL(url, document.baseURI);
  const begin = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(given.get("X-Amz-Date") ?? "");
  if (begin) {
    const [, year, month, day, hour, minute, second] = begin.map(Number);
    return Date.UTC(year, month - 1, day, hour, minute, second) + Number(given.get("X-Amz-Expires")) * 1000;
  }
  const end = Number(given.get("Expires"));
  return given.has("Signature") && end > 0 ? end * 1000 : null;
}

/** @param {string} url */
async function decoded(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return url;
}
