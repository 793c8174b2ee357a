// @ts-check
// One loop for all drawing: asks the worker for what is out of date, one round at a time, then draws. While an answer
// is under way, newer wishes replace older ones, so a slow machine drops frames instead of falling behind.

import { costs } from "./client.js";
import { on, set, shown, visible } from "./store.js";

/** @typedef {{ request: () => (object | null), accept: (drawn: any) => void, draw: () => void }} Drawn */

/** @type {Drawn[]} */
const charts = [];
/** @type {import("./client.js").Call} */
let ask;
const stale = { curves: true, state: true, picture: true };
let busy = false;
let waiting = false;
/** @type {(error: unknown) => void} */
let complain = () => {};

/** @param {import("./client.js").Call} call @param {(error: unknown) => void} onError */
export function startFrames(call, onError) {
  ask = call;
  complain = onError;
  on(["runs", "axis", "xlog", "ylog", "smooth", "zoom", "targets"], () => invalidate("curves", "state"));
  on(["t", "clock", "against"], () => invalidate("state"));
  on(["cross", "theme"], () => invalidate("picture"));
}

/** @param {Drawn} chart */
export function addChart(chart) {
  charts.push(chart);
  invalidate("curves");
}

/** @param {...("curves" | "state" | "picture")} what */
export function invalidate(...what) {
  for (const name of what) stale[name] = true;
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    void round();
  });
}

async function round() {
  if (busy || !ask) return;
  busy = true;
  try {
    const [curves, state] = [stale.curves, stale.state];
    stale.curves = stale.state = stale.picture = false;
    const answers = await Promise.all([state ? askState() : null, ...(curves ? charts.map(askChart) : [])]);
    if (answers[0]) set({ state: answers[0] });
    const start = performance.now();
    for (const chart of charts) chart.draw();
    costs.page += performance.now() - start;
  } catch (error) {
    complain(error);
  } finally {
    busy = false;
    if (stale.curves || stale.state || stale.picture) invalidate();
  }
}

/** @param {Drawn} chart */
async function askChart(chart) {
  const request = chart.request();
  if (request) chart.accept(await ask("chart", request));
}

/** What the race at the playhead depends on. */
export function raceRequest() {
  return {
    runs: visible().map((run) => run.id),
    clock: shown.clock,
    t: shown.t,
    against: shown.against,
    targets: shown.targets,
  };
}

function askState() {
  return visible().length > 0 ? ask("state", raceRequest()) : null;
}

/** Resolves when everything shown is up to date; for tests and for exports. */
export async function settled() {
  do {
    await new Promise((resolve) => requestAnimationFrame(() => resolve(null)));
  } while (busy || waiting || stale.curves || stale.state || stale.picture);
}
