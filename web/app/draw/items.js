// @ts-check
// Draw lists: which parts of a chart's points are drawn how. Both renderers draw the same list.

/** Numbers of an item: kind, first point, count, width, reach, colour, colour ahead, dash; see crates/curves. */
export const NUMBERS = 17;
/** Places in it. */
export const REACH = 4;
export const COLOR = 5;
export const AHEAD = 9;
/** What an item is. */
export const LINE = 0;
export const BAND = 1;
export const MARK = 2;

/** Dashes tell runs apart without colour, and mark which of eight colours is meant. */
export const DASHES = [[0, 0, 0, 0], [9, 4, 0, 0], [2.5, 3, 0, 0], [9, 3, 2.5, 3], [15, 4, 0, 0], [5, 3, 0, 0], [15, 3, 2.5, 3], [4, 2, 1.5, 2]];

/**
 * A part of a chart's points, as the worker makes it.
 * @typedef {object} Span
 * @property {number} run its id
 * @property {string} metric
 * @property {"line" | "band" | "mark"} kind
 * @property {number} first
 * @property {number} count
 * @property {boolean} raw whether it is unsmoothed
 *
 * @typedef {object} Look
 * @property {number[]} color red, green, blue, 0 to 1
 * @property {number[]} dash
 */

/**
 * The list for one chart.
 * @param {Span[]} spans @param {(run: number) => Look} look @param {(run: number) => number} reach pixels of what was replayed
 * @param {number[]} ground colour behind
 */
export function compose(spans, look, reach, ground) {
  const numbers = new Float32Array(spans.length * NUMBERS);
  [...spans].sort((a, b) => order(a) - order(b)).forEach((span, index) => {
    const { color, dash } = look(span.run);
    numbers.set(item(span, color, dash, reach(span.run), ground), index * NUMBERS);
  });
  return numbers;
}

/** Bands lie under lines, marks on them. @param {Span} span */
function order(span) {
  return { band: 0, line: 1, mark: 2 }[span.kind];
}

/** @param {Span} span @param {number[]} color @param {number[]} dash @param {number} reach @param {number[]} ground */
function item(span, color, dash, reach, ground) {
  const mixed = (/** @type {number} */ share) => color.map((part, index) => ground[index] + (part - ground[index]) * share);
  // Mixed with the ground instead of transparent: joints of a line overlap.
  const ahead = mixed(0.22);
  const { first, count } = span;
  if (span.kind === "band") return [BAND, first, count, 1, reach, ...color, 0.2, ...color, 0.05, 0, 0, 0, 0];
  if (span.kind === "mark") return [MARK, first, count, 0, reach, ...color, 1, ...ahead, 1, 0, 0, 0, 0];
  // Evaluations are what is raced for: the training loss behind them is thinner and paler.
  if (span.metric === "train_loss") return [LINE, first, count, 1.3, reach, ...mixed(0.62), 1, ...mixed(0.16), 1, ...dash];
  return [LINE, first, count, span.metric === "val_loss" ? 2 : 1.6, reach, ...color, 1, ...ahead, 1, ...dash];
}
