/** The key of a deployed API: asked for once, kept in this browser, given to the API and to nothing else. */

const STORED = "api-key"; // in localStorage

export class ApiKey {
  #wanted;
  #ask;
  #here = ""; // where storage is forbidden, it lasts until the page is closed
  #rejected = false; // the last one was no good
  /** @type {Promise<string>|null} */
  #asked = null;

  /**
   * @param {boolean|null} wanted null: not known yet
   * @param {(rejected: boolean) => Promise<string>} ask a good key, or a Problem is thrown
   */
  constructor(wanted, ask) {
    this.#wanted = wanted ?? (this.kept ? true : null);
    this.#ask = ask;
  }

  /** @returns {boolean} */
  get isWanted() {
    return this.#wanted === true;
  }

  /** What this browser has, "" for none. Another tab may have changed it, so it is read each time. */
  get kept() {
    try {
      return localStorage.getItem(STORED) ?? this.#here;
    } catch {
      return this.#here;
    }
  }

  /** The key to send; calls that wait for the visitor share one question. @returns {Promise<string>} "" where none is wanted */
  async given() {
    if (this.#wanted === false) return "";
    if (this.kept || !this.#wanted) return this.kept;
    this.#asked ??= this.#ask(this.#rejected)
      .then((key) => this.#keep(key))
      .finally(() => {
        this.#asked = null;
      });
    return this.#asked;
  }

  /**
   * The API refused a call, which others than the key may be the reason of: only one that opens nothing is no good.
   * @param {string} key that was sent @param {() => Promise<unknown>} opens throws a Problem when the key does not open the API
   * @returns {Promise<boolean>} whether to try again, with another key
   */
  async refused(key, opens) {
    if (this.#wanted === false) return false;
    if (key && key === this.kept && !(await isRefused(opens))) return false;
    if (key === this.kept) this.forget();
    this.#wanted = true;
    this.#rejected = Boolean(key);
    return true;
  }

  forget() {
    this.#here = "";
    try {
      localStorage.removeItem(STORED);
    } catch {
      // Then it was never kept there.
    }
  }

  /** @param {string} key */
  #keep(key) {
    this.#rejected = false;
    try {
      localStorage.setItem(STORED, key);
    } catch {
      this.#here = key;
    }
    return key;
  }
}

const KEY_WANTED = "urn:lookalike:errors:api-key-wanted";

/** Whether the key may be at fault: a gateway that says why is believed. @param {unknown} error */
export function isRefusal(error) {
  const { status, type } = /** @type {any} */ (error);
  return [401, 403].includes(status) && (!type || type === KEY_WANTED);
}

/** @param {() => Promise<unknown>} opens */
function isRefused(opens) {
  return opens().then(() => false, isRefusal);
}
