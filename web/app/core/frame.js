// @ts-check
// One loop for all drawing: asks the worker for what is out of date, one round at a time, then draws. While an answer
// is under way, newer wishes replace older ones, so a slow machine drops frames instead of falling behind.

import { costs } from "./client.js";
import { on, set, shown, visible } from "./store.js";

/** @typedef {{ metrics: string[], request: () => (object | null), accept: (drawn: any) => void, draw: () => void, tell: (words: string) => void }} Drawn */

/** @type {Drawn[]} */
const charts = [];
/** @type {import("./client.js").Call} */
let ask;
const stale = { curves: true, state: true, picture: true };
let busy = false;
let waiting = false;
/** How often something became out of date, and how many of those are drawn. */
let [wishes, drawn] = [0, 0];
/** @type {(error: unknown) => void} */
let complain = () => {};

/** @param {import("./client.js").Call} call @param {(error: unknown) => void} onError */
export function startFrames(call, onError) {
  ask = call;
  complain = onError;
  on(["runs", "axis", "xlog", "ylog", "smooth", "zoom", "targets"], () => invalidate("curves", "state"));
  on(["t", "clock", "against", "chosen", "playing"], () => invalidate("state"));
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
  wishes += what.length;
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
  const granted = wishes;
  try {
    const { curves, state } = stale;
    stale.curves = stale.state = stale.picture = false;
    // The worker answers in order: each chart is drawn when it is there, and no chart waits for those behind it. The first
    // chart is what a person looks at.
    const [first, ...others] = curves ? charts : [];
    await Promise.all([first && askChart(first), state ? askState() : null, ...others.map(askChart)]);
    // With the state that came behind it.
    timed(() => (curves ? charts.slice(0, 1) : charts).forEach((chart) => chart.draw()));
  } catch (error) {
    complain(error);
  } finally {
    busy = false;
    drawn = granted;
    if (stale.curves || stale.state || stale.picture) invalidate();
  }
}

/** @param {Drawn} chart */
async function askChart(chart) {
  const request = chart.request();
  if (!request) return;
  const answer = await ask("chart", request);
  timed(() => {
    chart.accept(answer);
    chart.draw();
  });
  costs.curve_at ||= performance.now();
}

/** @param {() => void} act */
function timed(act) {
  const start = performance.now();
  act();
  costs.page += performance.now() - start;
}

/** What the race at the playhead depends on. */
export function raceRequest() {
  return {
    runs: visible().map((run) => run.id),
    clock: shown.clock,
    t: shown.t,
    against: shown.against,
    targets: shown.targets,
    chosen: shown.chosen,
  };
}

async function askState() {
  if (visible().length === 0) {
    // The last state is of runs that are hidden or closed.
    if (shown.state) set({ state: null });
    for (const chart of charts) chart.tell("");
    return;
  }
  // While a replay plays, nobody could follow the words.
  const [state] = await Promise.all([ask("state", raceRequest()), shown.playing ? null : askWords()]);
  if (state) set({ state });
}

/** The charts for who cannot see them, as far as the playhead has come. */
async function askWords() {
  const { runs, clock, t } = raceRequest();
  const { axis, zoom } = shown;
  const words = await ask("words", { runs, charts: charts.map((chart) => chart.metrics), axis, to: zoom?.[1], clock, t });
  timed(() => charts.forEach((chart, index) => chart.tell(words[index] ?? "")));
}

/**
 * Resolves when everything that was shown before the call is up to date; for tests and for exports. While a replay plays
 * there is always something newer to draw, which is not waited for.
 */
export async function settled() {
  await frame();
  const wanted = wishes;
  while (shown.playing ? drawn < wanted : busy || waiting || stale.curves || stale.state || stale.picture) await frame();
}

function frame() {
  return new Promise((resolve) => requestAnimationFrame(resolve));
}
