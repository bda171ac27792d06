/** The HTTP API, and what can go wrong with it in one sentence each. */

import { isRefusal } from "./apikey.js";
import { within } from "./query.js";

/** @typedef {import("./query.js").Question} Question */

/**
 * @typedef {object} Sponsorship
 * @property {string} campaign
 * @property {string|null} starts
 * @property {string|null} ends
 */
/**
 * @typedef {object} Picture An image of the catalogue or of an answer, as the API sends it.
 * @property {string} image_id
 * @property {string} key
 * @property {number} width
 * @property {number} height
 * @property {string} colour
 * @property {string} url
 * @property {string} thumbnail_url
 * @property {string[]} tags
 * @property {string} [status]
 * @property {string} [reason]
 * @property {string} [detail]
 * @property {number} [bytes]
 * @property {string} [format]
 * @property {string} [group]
 * @property {boolean} [blocked]
 * @property {string} [uploaded_at]
 * @property {Sponsorship|null} [sponsored]
 * @property {number} [score]
 * @property {number} [position]
 * @property {string} [slot]
 * @property {number} [duplicates]
 * @property {string[]} [duplicate_ids]
 * @property {{stage: string, effect: string, why: string}[]} [explain]
 */
/**
 * @typedef {object} Answer
 * @property {string} query_id   signed, and then it can be told what became of the results
 * @property {string} session_id of the visit that asked
 * @property {number} asked      when, in ms
 * @property {string} model
 * @property {Picture[]} results
 * @property {Picture} [anchor]
 * @property {{total: number}} [took_ms]
 * @property {{image_id: string, key: string, stage: string, why: string}[]} [removed]
 */

/** An answer that is no answer: `message` is a sentence for the visitor. */
export class Problem extends Error {
  /** @param {number} status 0 when nothing answered @param {string} sentence @param {{retryAfter?: number|null, type?: string}} [more] seconds; the problem's URI */
  constructor(status, sentence, { retryAfter = null, type = "" } = {}) {
    super(sentence);
    this.status = status;
    this.retryAfter = retryAfter;
    this.type = type;
  }
}

export class Api {
  /** @param {string} address of the API, e.g. "/v1" @param {import("./apikey.js").ApiKey} key @param {import("./session.js").Session} session */
  constructor(address, key, session) {
    this.address = new URL(address, document.baseURI).href.replace(/\/$/, "");
    this.key = key;
    this.session = session;
  }

  /** @param {Question} question @param {Blob|null} [upload] @param {AbortSignal} [signal] @param {string} [session_id] @returns {Promise<Answer>} */
  async ask(question, upload = null, signal, session_id = this.session.current()) {
    const { method, path, ...asked } = within(question, session_id);
    const init = { method, signal, ...(await bodyOf(asked, upload)) };
    const answer = await (await this.#send(path, init)).json();
    return { ...answer, session_id, asked: Date.now() };
  }

  /** @param {string} id @returns {Promise<Picture>} */
  async image(id) {
    return (await this.#send(`/images/${encodeURIComponent(id)}`)).json();
  }

  /** @param {{prefix: string, tags: string[], status: string}} filter @param {number} limit @param {string|null} cursor @returns {Promise<{images: Picture[], next_cursor: string|null}>} */
  async images({ prefix, tags, status }, limit, cursor) {
    const parameters = new URLSearchParams({ limit: String(limit), status });
    if (prefix) parameters.set("prefix", prefix);
    for (const tag of tags) parameters.append("tag", tag);
    if (cursor) parameters.set("cursor", cursor);
    return (await this.#send(`/images?${parameters}`)).json();
  }

  /** @param {Record<string, string>} wanted @param {AbortSignal} signal @returns {Promise<import("./series.js").Measured>} */
  async metrics(wanted, signal) {
    return (await this.#send(`/metrics?${new URLSearchParams(wanted)}`, { signal })).json();
  }

  /** @param {string} id @param {object} changes @returns {Promise<Picture>} the image as it will be */
  async change(id, changes) {
    const init = {
      method: "PATCH",
      body: JSON.stringify(changes),
      headers: { "content-type": "application/json" },
    };
    return (await this.#send(`/images/${encodeURIComponent(id)}`, init)).json();
  }

  /** Adds a file to the catalogue: asks where it may go, then sends it there. @param {File} file */
  async add(file) {
    const wanted = { filename: file.name, content_type: typeOf(file) };
    const init = {
      method: "POST",
      body: JSON.stringify(wanted),
      headers: { "content-type": "application/json" },
    };
    const permit = await (await this.#send("/uploads", init)).json();
    const form = new FormData();
    for (const [name, value] of Object.entries(permit.fields))
      form.append(name, /** @type {string} */ (value));
    form.append("file", file); // last: what follows the file is ignored by S3
    await answered(new URL(permit.url, document.baseURI).href, { method: "POST", body: form });
    return permit;
  }

  /** @returns {Promise<{status: string, model: string, indexed: number}>} */
  async health() {
    return (await this.#send("/health")).json();
  }

  /** Throws a Problem when the key does not open the catalogue. @param {string} key */
  opens(key) {
    return answered(`${this.address}/images?limit=1`, keyed({}, key));
  }

  /** Waits for the visitor where a key is wanted and none is there, or it is no longer good. @param {string} path @param {RequestInit} [init] */
  async #send(path, init = {}) {
    for (;;) {
      const key = await this.key.given();
      try {
        return await answered(this.address + path, keyed(init, key));
      } catch (error) {
        if (!isRefusal(error) || !(await this.key.refused(key, () => this.opens(key)))) throw error;
      }
    }
  }
}

/** @param {RequestInit} init @param {string} key @returns {RequestInit} */
function keyed(init, key) {
  return key ? { ...init, headers: { .../** @type {any} */ (init.headers), "x-api-key": key } } : init;
}

const TYPES = ["jpeg", "png", "webp", "gif", "bmp", "tiff", "avif"];

/** Some systems do not know AVIF or WebP: then the name tells. @param {File} file */
function typeOf(file) {
  const ending = file.name.slice(file.name.lastIndexOf(".") + 1).toLowerCase();
  const type = (file.type || `image/${{ jpg: "jpeg", tif: "tiff" }[ending] ?? ending}`).replace(
    "image/x-ms-bmp",
    "image/bmp",
  );
  if (TYPES.some((known) => type === `image/${known}`)) return type;
  throw new Problem(415, "Not a JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF.");
}

const SILENCE = /^(localhost|127\.0\.0\.1|\[::1\])$/.test(location.hostname)
  ? "Lookalike does not answer. Is it still running?"
  : "Lookalike does not answer. Is this device online?";
/** In place of what a gateway says, which was not written for visitors. @type {Record<number, string>} */
const SENTENCES = {
  403: "This is not allowed here.",
  413: "The picture is too large to send.",
  429: "Many people are searching right now.",
  502: "Lookalike stumbled over this.",
  503: "Lookalike is busy at the moment.",
  504: "That took Lookalike too long.",
};
const PASSING = new Set([429, 503]); // gone by itself in a moment
const PAUSE = 5; // seconds, where the server did not say
const LONGEST_PAUSE = 120; // more is for the visitor to decide

/** @param {string} address @param {RequestInit} [init] @returns {Promise<Response>} a good answer, or a Problem is thrown */
export async function answered(address, init) {
  /** @type {Response} */
  let response;
  try {
    response = await fetch(address, init);
  } catch (error) {
    if (init?.signal?.aborted) throw error;
    throw new Problem(0, SILENCE);
  }
  if (response.ok) return response;
  throw await problemOf(response);
}

/** @param {Response} response */
async function problemOf(response) {
  const body = await response.json().catch(() => ({}));
  const fields = (body.errors ?? []).map((/** @type {any} */ e) =>
    `${String(e.pointer ?? "").replace(/^\//, "")} ${e.detail}`.trim(),
  );
  const retryAfter = pauseOf(response);
  const throttled = response.status === 429 && retryAfter; // no pause: a quota is used up, and the detail says so
  const sentence =
    (throttled && SENTENCES[429]) ||
    fields.join("; ") ||
    body.detail ||
    SENTENCES[response.status] ||
    body.title ||
    `The server answered ${response.status}.`;
  return new Problem(response.status, asSentence(sentence), { retryAfter, type: body.type });
}

/** @param {Response} response @returns {number|null} seconds until trying again is worthwhile */
function pauseOf({ status, headers }) {
  const told = Number(headers.get("retry-after")); // a date, which nobody sends us, is NaN
  if (told > 0) return told <= LONGEST_PAUSE ? told : null;
  return PASSING.has(status) ? PAUSE : null;
}

/** @param {string} text */
function asSentence(text) {
  const started = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(started) ? started : `${started}.`;
}

/** @param {Pick<Question, "json"|"upload">} question @param {Blob|null} upload @returns {Promise<RequestInit>} */
async function bodyOf(question, upload) {
  if (question.upload === "body" && upload) return { body: upload, headers: { "content-type": upload.type } };
  if (!question.json) return {};
  const image = question.upload && upload ? { image: await base64(upload) } : {};
  return {
    body: JSON.stringify({ ...question.json, ...image }),
    headers: { "content-type": "application/json" },
  };
}

/** @param {Blob} blob @returns {Promise<string>} */
function base64(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(String(reader.result).replace(/^[^,]*,/, ""));
    reader.onerror = () => reject(reader.error);
    reader.readAsDataURL(blob);
  });
}
