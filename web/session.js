/** Who is visiting: a random name for one visit in one tab, which names nobody. */

const STORED = "session"; // in sessionStorage
const IDLE = 30 * 60_000; // ms; after such a pause it is another visit
const NAME = /^[A-Za-z0-9_-]{8,64}$/; // what the API accepts

export class Session {
  /** @type {{id: string, seen: number}} */
  #here = { id: "", seen: 0 }; // where storage is forbidden, a visit ends with the page

  /** Asking for it is a sign of life. @returns {string} */
  current() {
    const { id, seen } = this.#stored();
    const now = Date.now();
    const goesOn = NAME.test(id) && now - seen < IDLE;
    this.#keep({ id: goesOn ? id : uuid(), seen: now });
    return this.#here.id;
  }

  #stored() {
    try {
      return JSON.parse(sessionStorage.getItem(STORED) ?? "null") ?? this.#here;
    } catch {
      return this.#here;
    }
  }

  /** @param {{id: string, seen: number}} visit */
  #keep(visit) {
    this.#here = visit;
    try {
      sessionStorage.setItem(STORED, JSON.stringify(visit));
    } catch {
      // Full or forbidden.
    }
  }
}

/** Version 4. `crypto.randomUUID` is not there on a plain-HTTP page of a local network. */
export function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
