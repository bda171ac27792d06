/** A place → the one HTTP request that answers it, and the same request as a curl command. Pure functions. */

import { formatCrop } from "./address.js";

/** @typedef {import("./address.js").Place} Place */
/**
 * @typedef {object} Question
 * @property {"GET"|"POST"} method
 * @property {string} path        below the API's address, with its query
 * @property {object} [json]      the body
 * @property {"body"|"field"} [upload] where the uploaded picture goes: alone, or base64 in the JSON's `image`
 */

const PAGE = 48; // fills a wide screen
const LONG_PAGE = 96; // the API allows 100

/** @param {Place} where @param {{explain?: boolean}} [options] @returns {Question} */
export function questionFor(where, { explain = false } = {}) {
  const limit = where.more ? LONG_PAGE : PAGE;
  const steered = where.plus.length > 0 || where.minus.length > 0;
  const awkward = Boolean(where.image) && where.tags.some((tag) => tag.includes(",")); // the parameter is comma-separated
  if (steered || awkward || (where.image && where.crop)) return byJson(where, limit, explain);
  const parameters = new URLSearchParams({ limit: String(limit) });
  if (where.tags.length) parameters.set("tags", where.tags.join(","));
  if (explain) parameters.set("explain", "true");
  if (where.image)
    return { method: "GET", path: `/images/${encodeURIComponent(where.image)}/similar?${parameters}` };
  if (where.crop) parameters.set("crop", formatCrop(where.crop));
  return { method: "POST", path: `/search?${parameters}`, upload: "body" };
}

/** @param {Place} where @param {number} limit @param {boolean} explain @returns {Question} */
function byJson(where, limit, explain) {
  /** @type {Record<string, unknown>} */
  const json = { limit };
  if (where.image) json.image_id = where.image;
  if (where.crop) json.crop = where.crop;
  if (where.plus.length) json.positive = where.plus;
  if (where.minus.length) json.negative = where.minus;
  if (where.tags.length) json.tags = where.tags;
  if (explain) json.explain = true;
  return { method: "POST", path: "/search", json, ...(where.upload ? { upload: "field" } : {}) };
}

/** The same question as a part of a visit, whose answers all come from one model. @param {Question} question @param {string} session_id @returns {Question} */
export function within(question, session_id) {
  if (question.json) return { ...question, json: { ...question.json, session_id } };
  return { ...question, path: `${question.path}&session_id=${encodeURIComponent(session_id)}` };
}

/** One argument for a POSIX shell, whatever is in it. @param {string} text */
export function quoted(text) {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/**
 * @param {Question} question
 * @param {string} api    absolute address of the API
 * @param {{name: string, type: string}} [file] the uploaded picture, when there is one
 * @param {boolean} [keyed] the API wants a key: the shell's variable LOOKALIKE_KEY, so that none lands in its history
 */
export function curl(question, api, file = { name: "picture.jpg", type: "image/jpeg" }, keyed = false) {
  const address = `${keyed ? '-H "x-api-key: $LOOKALIKE_KEY" ' : ""}${quoted(api + question.path)}`;
  const asJson = `-H ${quoted("content-type: application/json")}`;
  const name = quoted(file.name);
  if (question.upload === "body")
    return `curl --data-binary ${quoted(`@${file.name}`)} -H ${quoted(`content-type: ${file.type}`)} ${address}`;
  if (question.upload === "field") {
    const rest = JSON.stringify(question.json).slice(1);
    return `{ printf '{"image":"'; base64 < ${name.startsWith("'-") ? quoted(`./${file.name}`) : name} | tr -d '\\n'; printf '%s' ${quoted(`",${rest}`)}; } | curl ${asJson} --data-binary @- ${address}`;
  }
  if (question.json)
    return `curl ${asJson} --data-binary ${quoted(JSON.stringify(question.json))} ${address}`;
  return `curl ${address}`;
}
