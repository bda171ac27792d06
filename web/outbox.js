/** Events on their way to the API: kept until it has them, and sent again where that is not certain. */

/**
 * @typedef {object} Event One of POST /v1/interactions; the server counts each event_id once.
 * @property {string} event_id
 * @property {"impression"|"click"|"dwell"} type
 * @property {string} image_id
 * @property {number} position
 * @property {string} occurred_at
 * @property {number} [dwell_ms]
 */
/** @typedef {{query_id: string, session_id: string, asked: number}} AnswerName `asked`: when, in ms */
/** @typedef {AnswerName & {events: Event[]}} Parcel what is to be told of one answer */

const STORED = "outbox"; // in sessionStorage
const PAUSE = 3000; // ms that events are collected for
const LONGEST_PAUSE = 5 * 60_000; // between attempts, while nobody takes them
const PATIENCE = 30_000; // ms for one attempt
const LIFE = 24 * 3_600_000; // ms that the API believes a query_id
const MOST_EVENTS = 500; // the API takes no more at once
const MOST_BYTES = 60_000; // browsers send 64 KiB from a page that is being left
const MOST_KEPT = 2000;
const PASSING = new Set([403, 408, 429]); // a firewall, a slow line, a limit: not what was sent

export class Outbox {
  /** @type {Map<string, Parcel>} by query_id */
  #parcels = new Map();
  /** @type {Set<string>} ids of events that are being sent, or were by beacon, which never says whether they came */
  #underway = new Set();
  #timer = 0;
  #failures = 0;
  #sending = false;

  /** @param {string} address of POST /v1/interactions */
  constructor(address) {
    this.address = address;
    for (const parcel of stored()) this.#parcels.set(parcel.query_id, parcel);
    if (this.#parcels.size) this.#later();
  }

  /** @param {AnswerName} answer @param {Event} event */
  add({ query_id, session_id, asked }, event) {
    const parcel = this.#parcels.get(query_id) ?? { query_id, session_id, asked, events: [] };
    this.#parcels.set(query_id, parcel);
    parcel.events.push(event);
    this.#later();
  }

  /** Sends what there is, and waits until it was answered. */
  async flush() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (this.#sending) return;
    this.#sending = true;
    this.#tidy();
    const waiting = [...this.#parcels.values()];
    for (const parcel of waiting.flatMap(split)) {
      if (await this.#send(parcel)) this.#done(parcel);
      else break;
    }
    this.#sending = false;
    if (this.#parcels.size) this.#later();
  }

  /** The page may be gone for good: whatever is not underway goes by beacon. */
  leave() {
    this.#tidy();
    for (const parcel of this.#parcels.values()) {
      const events = parcel.events.filter(({ event_id }) => !this.#underway.has(event_id));
      if (events.length) for (const part of split({ ...parcel, events })) this.#beacon(part);
    }
    store([...this.#parcels.values()]);
  }

  /** The page is there still: what went by beacon is sent again, to hear whether it came. */
  comeBack() {
    if (this.#parcels.size) this.#later();
  }

  #later() {
    const pause = Math.min(LONGEST_PAUSE, PAUSE * 2 ** this.#failures);
    this.#timer ||= window.setTimeout(() => this.flush(), pause);
  }

  /** @param {Parcel} parcel @returns {Promise<boolean>} whether nothing more can be done for it */
  async #send(parcel) {
    for (const { event_id } of parcel.events) this.#underway.add(event_id);
    const status = await posted(this.address, bodyOf(parcel));
    const lost = status === 0 || status >= 500 || PASSING.has(status);
    this.#failures = lost ? this.#failures + 1 : 0;
    if (lost) for (const { event_id } of parcel.events) this.#underway.delete(event_id);
    return !lost;
  }

  /** @param {Parcel} parcel that is not to be sent again */
  #done({ query_id, events }) {
    const sent = new Set(events.map(({ event_id }) => event_id));
    for (const event_id of sent) this.#underway.delete(event_id);
    const kept = this.#parcels.get(query_id);
    if (!kept) return;
    kept.events = kept.events.filter(({ event_id }) => !sent.has(event_id));
    if (!kept.events.length) this.#parcels.delete(query_id);
  }

  /** A refused beacon is too large for what else is on its way: halves may not be. @param {Parcel} parcel */
  #beacon(parcel) {
    const { events } = parcel;
    if (beaconed(this.address, bodyOf(parcel))) {
      for (const { event_id } of events) this.#underway.add(event_id);
    } else if (events.length > 1) {
      for (const half of halves(events)) this.#beacon({ ...parcel, events: half });
    }
  }

  /** Nothing is kept for longer, or in greater number, than is of use. */
  #tidy() {
    let room = MOST_KEPT;
    for (const [query_id, parcel] of [...this.#parcels].reverse()) {
      const isKept = room > 0 && Date.now() - parcel.asked < LIFE;
      parcel.events = isKept ? parcel.events.slice(-room) : [];
      room -= parcel.events.length;
      if (!isKept) this.#parcels.delete(query_id);
    }
  }
}

/** Parcels that the API and a beacon can take. @param {Parcel} parcel @returns {Parcel[]} */
function split(parcel) {
  const { events } = parcel;
  if (events.length <= 1 || (events.length <= MOST_EVENTS && bodyOf(parcel).size <= MOST_BYTES))
    return [parcel];
  return halves(events).flatMap((half) => split({ ...parcel, events: half }));
}

/** @template T @param {T[]} list */
function halves(list) {
  const middle = Math.ceil(list.length / 2);
  return [list.slice(0, middle), list.slice(middle)];
}

/** A type that needs no permission of another origin, and no headers but its own. @param {Parcel} parcel */
function bodyOf({ query_id, session_id, events }) {
  return new Blob([JSON.stringify({ query_id, session_id, events })], { type: "text/plain" });
}

/** @param {string} address @param {Blob} body @returns {Promise<number>} the status; 0 when nothing answered */
async function posted(address, body) {
  try {
    const signal = AbortSignal.timeout(PATIENCE);
    // keepalive: goes on when the page is left meanwhile.
    return (await fetch(address, { method: "POST", body, keepalive: true, signal })).status;
  } catch {
    return 0;
  }
}

/** @param {string} address @param {Blob} body @returns {boolean} whether the browser took it upon itself */
function beaconed(address, body) {
  try {
    return navigator.sendBeacon(address, body);
  } catch {
    posted(address, body); // whether it came is asked at the next visit
    return true;
  }
}

/** @param {Parcel[]} parcels */
function store(parcels) {
  try {
    if (parcels.length) sessionStorage.setItem(STORED, JSON.stringify(parcels));
    else sessionStorage.removeItem(STORED);
  } catch {
    // Full or forbidden: the beacon has to do.
  }
}

/** @returns {Parcel[]} what an earlier page of this tab could not be sure of */
function stored() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(STORED) ?? "[]");
    return kept.filter((/** @type {any} */ each) => Array.isArray(each.events));
  } catch {
    return [];
  }
}
