/** Numbers, names and reasons as a person would say them. Pure functions. */

const count = new Intl.NumberFormat("en");
const day = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", year: "numeric" });

/** @param {number} n @param {string} one @param {string} [many] */
export function counted(n, one, many = `${one}s`) {
  return `${count.format(n)} ${n === 1 ? one : many}`;
}

/** @param {number} n */
export function number(n) {
  return count.format(n);
}

/** @param {string} key the last part of a path */
export function fileName(key) {
  return key.slice(key.lastIndexOf("/") + 1) || key;
}

/** @param {string} key everything before the file name, without the last slash */
export function folderOf(key) {
  return key.slice(0, Math.max(0, key.lastIndexOf("/")));
}

/** @param {number} n */
export function byteSize(n) {
  if (n < 1000) return counted(n, "byte");
  const units = ["kB", "MB", "GB"];
  const power = Math.min(units.length, Math.floor(Math.log10(n) / 3));
  const value = n / 1000 ** power;
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[power - 1]}`;
}

/** @param {number} seconds */
export function duration(seconds) {
  if (seconds < 1) return "a moment";
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
}

/** @param {string} moment RFC 3339; "" when it is not a moment */
export function dayOf(moment) {
  const date = new Date(moment);
  return Number.isNaN(date.valueOf()) ? "" : day.format(date);
}

/** Cosine similarity: two places tell neighbours apart, three are noise to a person. @param {number} score */
export function similarity(score) {
  return score.toFixed(2);
}

/** @type {Record<string, string>} */
const REASONS = {
  empty: "The file is empty.",
  too_many_bytes: "The file is larger than Lookalike accepts.",
  too_many_pixels: "The picture has more pixels than Lookalike accepts.",
  unsupported_format: "This is not a kind of picture that Lookalike reads.",
  corrupt: "The file is damaged, or is not the picture its name says.",
  permission_denied: "Lookalike is not allowed to read this file.",
};

/** @param {string} reason from the API's closed set; a newer server may know more */
export function rejection(reason) {
  return REASONS[reason] ?? `It could not be read (${reason}).`;
}

/** @type {Record<string, string>} */
const STATUS_WORDS = {
  visible: "Shown",
  blocked: "Blocked",
  unsafe: "Unsafe",
  unmoderated: "Waiting for moderation",
  rejected: "Unreadable",
};

/** @param {string} status */
export function statusWord(status) {
  return STATUS_WORDS[status] ?? status;
}
