/** Pictures to search by: kept in this browser only, so that Back and reload find them again. */

/** @typedef {{key: string, name: string, blob: Blob}} Upload */

const DATABASE = "lookalike";
const STORE = "uploads";
const KEPT = 20; // the oldest goes first
export const LARGEST_BODY = 4.5e6; // bytes; what one API call may carry through Lambda
const SHRUNK_SIDE = 2000; // px; far more than the encoder looks at, and room for a crop

export class Uploads {
  /** @type {Map<string, Upload>} */
  #here = new Map();
  /** @type {Promise<IDBDatabase|null>} */
  #database = opened();

  /** @param {Blob} blob @param {string} name @returns {Promise<string>} the key it is kept under */
  async keep(blob, name) {
    const upload = {
      key: `${Date.now().toString(36)}-${Math.random().toString(36).slice(2, 8)}`,
      name,
      blob,
    };
    this.#here.set(upload.key, upload);
    const database = await this.#database;
    if (database) await tidied(database, upload).catch(() => {}); // private windows may refuse; memory will do
    return upload.key;
  }

  /** @param {string} key @returns {Promise<Upload|null>} null when this browser no longer has it */
  async find(key) {
    const here = this.#here.get(key);
    if (here) return here;
    const database = await this.#database;
    const found = database
      ? await settled(database.transaction(STORE).objectStore(STORE).get(key)).catch(() => null)
      : null;
    if (found) this.#here.set(key, found);
    return found ?? null;
  }
}

/** A file small enough to send: a large photo is redrawn smaller. @param {File} file @returns {Promise<Blob>} */
export async function sendable(file) {
  const type = file.type.startsWith("image/") ? file.type : "image/jpeg"; // the server looks at the bytes, not at this
  if (file.size <= LARGEST_BODY) return new Blob([file], { type });
  const bitmap = await createImageBitmap(file).catch(() => null);
  if (!bitmap) throw new Error(`${file.name} is too large to send, and this browser cannot make it smaller.`);
  const scale = Math.min(1, SHRUNK_SIDE / Math.max(bitmap.width, bitmap.height));
  const canvas = new OffscreenCanvas(
    Math.max(1, Math.round(bitmap.width * scale)),
    Math.max(1, Math.round(bitmap.height * scale)),
  );
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = "white"; // as the server does with transparency
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  return canvas.convertToBlob({ type: "image/jpeg", quality: 0.9 });
}

/** @returns {Promise<IDBDatabase|null>} */
function opened() {
  return new Promise((resolve) => {
    try {
      const request = indexedDB.open(DATABASE, 1);
      request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: "key" });
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => resolve(null);
    } catch {
      resolve(null);
    }
  });
}

/** @param {IDBDatabase} database @param {Upload} upload */
async function tidied(database, upload) {
  const store = database.transaction(STORE, "readwrite").objectStore(STORE);
  await settled(store.put(upload));
  const keys = await settled(store.getAllKeys());
  await Promise.all(keys.slice(0, -KEPT).map((key) => settled(store.delete(key)))); // keys begin with the time
}

/** @template T @param {IDBRequest<T>} request @returns {Promise<T>} */
function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
