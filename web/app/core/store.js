// @ts-check
// What the person chose and what the runs say, in one place; parts of the page are told when it changes.

import { costs } from "./client.js";

/**
 * @typedef {object} Run
 * @property {number} id
 * @property {string} name
 * @property {string} about
 * @property {string} status
 * @property {string} format
 * @property {string} digest
 * @property {string | null} url where it can be had again, relative to the page
 * @property {boolean} hidden
 * @property {boolean} live
 * @property {boolean} grows whether it was followed: neither its digest nor what was first read of it is of the whole log
 * @property {number} color
 * @property {string[]} axes
 * @property {Record<string, number>} ends furthest position on each axis
 * @property {boolean} judged whether it is an own log, which the judge reads
 *
 * @typedef {object} Shown
 * @property {Run[]} runs
 * @property {string} axis of the charts: tokens, step, train_s, wall_s
 * @property {boolean} xlog
 * @property {string[]} ylog metrics with a logarithmic axis
 * @property {number} smooth tokens (or the axis' unit) over which the weight of a value falls to 1/e; 0 is raw
 * @property {[number, number] | null} zoom
 * @property {string} clock the playhead's axis: tokens, train_s or wall_s
 * @property {number} t playhead
 * @property {number} speed
 * @property {number} playing 1 forward, -1 in reverse, 0 not
 * @property {string} against what splits are compared with: a run's id, `best` or `segments`
 * @property {number | null} chosen the run whose splits are shown
 * @property {number[]} targets losses of the splits
 * @property {number | null} cross crosshair on the charts' axis
 * @property {string} tab
 * @property {any} state the race at the playhead, from the worker
 * @property {{ file: string, line: number | null, text: string }[]} problems
 */

/** @type {Shown} */
export const shown = {
  runs: [],
  axis: "tokens",
  xlog: false,
  ylog: [],
  smooth: 0,
  zoom: null,
  clock: "tokens",
  t: 0,
  speed: 60,
  playing: 0,
  against: "best",
  chosen: null,
  targets: [6, 5, 4.5, 4, 3.5, 3],
  cross: null,
  tab: "compare",
  state: null,
  problems: [],
};

/** @type {Set<(changed: Set<string>) => void>} */
const listeners = new Set();
/** @type {Set<string>} */
let changed = new Set();

/** Changes some of it; listeners run once before the next frame. @param {Partial<Shown>} patch */
export function set(patch) {
  Object.assign(shown, patch);
  const first = changed.size === 0;
  for (const key of Object.keys(patch)) changed.add(key);
  if (first && changed.size > 0) queueMicrotask(tell);
}

function tell() {
  const what = changed;
  changed = new Set();
  const start = performance.now();
  for (const listener of listeners) listener(what);
  costs.page += performance.now() - start;
}

/** Calls `act` after any of `keys` changed. @param {string[]} keys @param {() => void} act */
export function on(keys, act) {
  listeners.add((changed) => {
    if (keys.some((key) => changed.has(key))) act();
  });
}

/** The runs that are drawn. */
export function visible() {
  return shown.runs.filter((run) => !run.hidden);
}

/** @param {number | null} id */
export function runOf(id) {
  return shown.runs.find((run) => run.id === id) ?? null;
}

const AXES = ["tokens", "step", "train_s", "wall_s"];

/** The axes that a visible run has. */
export function axesThere() {
  return AXES.filter((axis) => visible().some((run) => run.axes.includes(axis)));
}

/** Charts over another axis. What was shown or pointed at on the axis before means nothing on it. @param {string} axis */
export function showAxis(axis) {
  set({ axis, zoom: null, cross: null });
}

/** The furthest position of the playhead. */
export function furthest() {
  return Math.max(0, ...visible().map((run) => run.ends[shown.clock] ?? 0));
}
