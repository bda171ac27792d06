/** Justified rows: every picture whole, every row as wide as the page. Pure functions. */

/** @typedef {{left: number, top: number, width: number, height: number, row: number}} Box */
/** @typedef {{top: number, height: number, first: number, last: number}} Row  indexes of its first and last picture */

const NARROWEST = 0.45; // width ÷ height; a taller picture is shown cut
const WIDEST = 3.2;

/** Sides of a picture that may be 20,000 × 1. @param {{width: number, height: number}} picture */
export function ratioOf({ width, height }) {
  const ratio = width > 0 && height > 0 ? width / height : 1;
  return Math.min(WIDEST, Math.max(NARROWEST, ratio));
}

/**
 * Pictures go into a row until it would be lower than `target`; then the row is stretched or squeezed to fit exactly.
 * The last row keeps the target height: a single picture is not blown up.
 * @param {number[]} ratios @param {number} width of the page @param {number} target height of a row @param {number} gap
 * @returns {{boxes: Box[], rows: Row[], height: number}}
 */
export function justify(ratios, width, target, gap) {
  /** @type {Box[]} */
  const boxes = [];
  /** @type {Row[]} */
  const rows = [];
  let top = 0;
  let first = 0;
  while (first < ratios.length) {
    const { last, height } = nextRow(ratios, first, width, target, gap);
    placeRow(boxes, ratios, { top, height, first, last }, rows.length, gap);
    rows.push({ top, height, first, last });
    top += height + gap;
    first = last + 1;
  }
  return { boxes, rows, height: Math.max(0, top - gap) };
}

/** @param {number[]} ratios @param {number} first @param {number} width @param {number} target @param {number} gap */
function nextRow(ratios, first, width, target, gap) {
  let sum = 0;
  for (let last = first; last < ratios.length; last++) {
    const before = sum > 0 ? heightOf(sum, last - first, width, gap) : Infinity;
    sum += ratios[last];
    const height = heightOf(sum, last - first + 1, width, gap);
    if (height > target) continue;
    const without = before - target < target - height; // whichever is nearer to the height we want
    return without ? { last: last - 1, height: before } : { last, height };
  }
  return {
    last: ratios.length - 1,
    height: Math.min(target, heightOf(sum, ratios.length - first, width, gap)),
  };
}

/** @param {number} sum of the ratios @param {number} count @param {number} width @param {number} gap */
function heightOf(sum, count, width, gap) {
  return (width - gap * (count - 1)) / sum;
}

/** @param {Box[]} boxes @param {number[]} ratios @param {Row} row @param {number} number @param {number} gap */
function placeRow(boxes, ratios, row, number, gap) {
  let left = 0;
  for (let i = row.first; i <= row.last; i++) {
    const width = ratios[i] * row.height;
    boxes.push({ left, top: row.top, width, height: row.height, row: number });
    left += width + gap;
  }
}

/** Rows that touch top…bottom, found by halving. @param {Row[]} rows @param {number} top @param {number} bottom @returns {[number, number]} first picture and one past the last */
export function within(rows, top, bottom) {
  let low = 0;
  let high = rows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (rows[middle].top + rows[middle].height < top) low = middle + 1;
    else high = middle;
  }
  let end = low;
  while (end < rows.length && rows[end].top <= bottom) end++;
  return end === low ? [0, 0] : [rows[low].first, rows[end - 1].last + 1];
}

/** The picture one row up or down whose middle is nearest. @param {Box[]} boxes @param {Row[]} rows @param {number} from @param {-1|1} step */
export function beside(boxes, rows, from, step) {
  const row = rows[boxes[from].row + step];
  if (!row) return from;
  const middle = (/** @type {number} */ i) => boxes[i].left + boxes[i].width / 2;
  let best = row.first;
  for (let i = row.first; i <= row.last; i++) {
    if (Math.abs(middle(i) - middle(from)) < Math.abs(middle(best) - middle(from))) best = i;
  }
  return best;
}
