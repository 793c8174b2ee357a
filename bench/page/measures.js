// @ts-check
// The measurements. Each runs in the browser, on a page of its own, the two drawers in turns.

import { runsOpen, settled } from "../../tests/page/lib/browser.js";
import { log } from "../../tests/page/lib/logs.js";
import { until } from "../../tests/page/lib/waiting.js";

/** @typedef {import("playwright-core").Browser} Browser */
/** @typedef {import("playwright-core").Page} Page */

const GONE_MS = 1000;
const SIZE = { width: 1360, height: 900 };
const CHART = { width: 1000, height: 400, margin: { left: 50, right: 10, top: 10, bottom: 22 } };

/** @param {Browser} browser @param {string} url @param {(page: Page) => Promise<any>} act */
async function onPage(browser, url, act) {
  const context = await browser.newContext({ viewport: SIZE, serviceWorkers: "block" });
  try {
    const page = await context.newPage();
    await page.goto(url);
    await until(page, "the page to start", () => "blueberry" in window);
    return await act(page);
  } finally {
    await context.close();
    // Its process gives some hundred megabytes back, which the next page need not wait for.
    await new Promise((resolve) => setTimeout(resolve, GONE_MS));
  }
}

/** @param {number[]} values */
function summary(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (/** @type {number} */ share) => Math.round(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] * 1000) / 1000;
  return { median_ms: at(0.5), p99_ms: at(0.99), least_ms: at(0), count: sorted.length };
}

/** uPlot is put beside the page's own script, which forbids nothing that comes from its host. @param {Page} page @param {string} url */
async function addUplot(page, url) {
  await page.addStyleTag({ url: `${url}uPlot.css` });
  await page.addScriptTag({ url: `${url}uPlot.iife.js` });
}

/**
 * 166,650 points (three runs of 55,550), from data in memory to a drawn chart, the first time on a fresh page.
 * @param {Browser} browser @param {string} url @param {number} rounds
 */
export async function cold(browser, url, rounds) {
  /** @type {Record<string, number[]>} */
  const took = { ours_ms: [], ours_main_thread_ms: [], uplot_ms: [] };
  for (let round = 0; round < rounds; round++) {
    const ours = await onPage(browser, url, (page) => coldOurs(page));
    took.ours_ms.push(ours.total);
    took.ours_main_thread_ms.push(ours.main);
    took.uplot_ms.push(await onPage(browser, url, async (page) => {
      await addUplot(page, url);
      return coldUplot(page);
    }));
  }
  return Object.fromEntries(Object.entries(took).map(([name, values]) => [name, summary(values)]));
}

/** @param {Page} page */
async function coldOurs(page) {
  const logs = [1, 2, 3].map((seed) => log({ name: `run ${seed}`, seed, steps: 55_550, tokens: 16_384, every: 60_000 }));
  const app = await appOf(page);
  return page.evaluate(async ({ logs, app, CHART }) => {
    const { connect } = await import(`${app}core/client.js`);
    const { compose } = await import(`${app}draw/items.js`);
    const { choose } = await import(`${app}draw/renderer.js`);
    const [call, { renderer }] = [connect(), await choose(null)];
    const runs = [];
    for (const text of logs) runs.push((await call("open", "log", new Blob([text]))).runs[0].id);
    const canvas = document.body.appendChild(document.createElement("canvas"));
    const start = performance.now();
    const pane = renderer.addCanvas(canvas);
    const asked = performance.now();
    const drawn = await call("chart", { ...CHART, metrics: ["train_loss"], runs, axis: "tokens", smooth: 0 });
    const answered = performance.now();
    renderer.setPoints(pane, drawn.points);
    renderer.draw(pane, CHART.width, CHART.height, 1, compose(drawn.spans, () => ({ color: [1, 0, 0], dash: [0, 0, 0, 0] }), () => 1e6, [0, 0, 0]));
    const end = performance.now();
    return { total: end - start, main: end - start - (answered - asked) };
  }, { logs, app, CHART });
}

/** @param {Page} page @returns {Promise<number>} */
function coldUplot(page) {
  return page.evaluate(({ width, height }) => {
    const x = Float64Array.from({ length: 55_550 }, (_, index) => (index + 1) * 16_384);
    const fall = (/** @type {number} */ seed) => Float64Array.from(x, (_, index) => 3.2 + 7.6 * Math.exp(-6 * Math.sqrt(index / x.length)) + 0.12 * Math.sin(index * seed * 12.9898));
    const data = [x, fall(1), fall(2), fall(3)];
    const series = [{}, ...["red", "green", "blue"].map((stroke) => ({ stroke }))];
    return new Promise((resolve) => {
      const start = performance.now();
      new /** @type {any} */ (window).uPlot({ width, height, scales: { x: { time: false } }, series, hooks: { draw: [() => resolve(performance.now() - start)] } }, data, document.body);
    });
  }, CHART);
}

/** Where the page's modules are. @param {Page} page @returns {Promise<string>} */
function appOf(page) {
  return page.evaluate(() => new URL("./", /** @type {HTMLScriptElement} */ (document.querySelector("script[type=module]")).src).href);
}

/**
 * A log of a million rows from the file picker to its curve, and to everything around it: how long, and how long the page
 * could not answer.
 * @param {Browser} browser @param {string} url @param {string} path @param {number} rounds
 */
export async function firstCurve(browser, url, path, rounds) {
  /** @type {{ curve: number, total: number, blocked: number, longest: number }[]} */
  const all = [];
  for (let round = 0; round < rounds; round++) {
    all.push(await onPage(browser, url, async (page) => {
      await page.evaluate(() => {
        const watch = /** @type {any} */ (window);
        watch.blueberry.costs.curve_at = 0;
        watch.tasks = [];
        new PerformanceObserver((list) => watch.tasks.push(...list.getEntries().map((entry) => entry.duration))).observe({ type: "longtask" });
        document.querySelector("#picker")?.addEventListener("change", () => (watch.start = performance.now()), { capture: true });
      });
      await page.setInputFiles("#picker", path);
      await runsOpen(page, 1);
      return page.evaluate(() => {
        const { start, tasks, blueberry } = /** @type {any} */ (window);
        return { curve: blueberry.costs.curve_at - start, total: performance.now() - start, blocked: tasks.reduce((/** @type {number} */ sum, /** @type {number} */ one) => sum + one - 50, 0), longest: Math.max(0, ...tasks) };
      });
    }));
  }
  return { drop_to_curve: summary(all.map(({ curve }) => curve)), drop_to_all_charts: summary(all.map(({ total }) => total)), main_thread_blocked: summary(all.map(({ blocked }) => blocked)), longest_task: summary(all.map(({ longest }) => longest)) };
}

/**
 * Eight runs of a million points, scrubbed: the CPU cost of a frame. Ours is the worker's answer (the race's state), the
 * drawing of all charts to the new playhead, and the splits, the lane and the rest that tell of it; uPlot's is the curves of
 * the loss cut at the playhead, drawn again.
 * @param {Browser} browser @param {string} url @param {string[]} paths @param {number} rows @param {number} frames
 */
export async function scrub(browser, url, paths, rows, frames) {
  const ours = await onPage(browser, url, async (page) => {
    await page.setInputFiles("#picker", paths);
    await runsOpen(page, paths.length, 300_000);
    await settled(page);
    return page.evaluate(scrubOurs, frames);
  });
  const uplot = await onPage(browser, url, async (page) => {
    await addUplot(page, url);
    return page.evaluate(scrubUplot, { frames, rows, runs: paths.length, ...CHART });
  });
  return { ours: summary(ours.frame), ours_page_only: summary(ours.page), uplot: summary(uplot) };
}

/** Runs in the page. @param {number} frames */
async function scrubOurs(frames) {
  const { set, shown, settled, costs } = /** @type {any} */ (window).blueberry;
  const end = Math.max(...shown.runs.map((/** @type {any} */ run) => run.ends.tokens));
  /** @type {number[]} */
  const [frame, page] = [[], []];
  for (let index = 0; index < frames; index++) {
    costs.page = costs.worker = 0;
    set({ t: (end * ((index * 37) % frames)) / frames });
    await settled();
    frame.push(costs.page + costs.worker);
    page.push(costs.page);
  }
  return { frame, page };
}

/** Runs in the page. @param {{ frames: number, rows: number, runs: number, width: number, height: number }} options */
async function scrubUplot({ frames, rows, runs, width, height }) {
  const x = Float64Array.from({ length: rows }, (_, index) => (index + 1) * 16_384);
  const fall = (/** @type {number} */ seed) => Float64Array.from(x, (_, index) => 3.2 + 7.6 * Math.exp(-6 * Math.sqrt(index / rows)) + 0.12 * Math.sin(index * seed * 12.9898));
  const data = [x, ...Array.from({ length: runs }, (_, run) => fall(run + 1))];
  let done = () => {};
  const series = [{}, ...Array.from({ length: runs }, (_, run) => ({ stroke: `hsl(${run * 45} 70% 50%)` }))];
  const scales = { x: { time: false, range: [0, rows * 16_384] }, y: { range: [3, 11] } };
  const plot = new /** @type {any} */ (window).uPlot({ width, height, scales, series, hooks: { draw: [() => done()] } }, data, document.body);
  const took = [];
  for (let index = 0; index < frames; index++) {
    await new Promise((resolve) => requestAnimationFrame(resolve));
    const seen = Math.max(2, Math.floor((rows * ((index * 37) % frames)) / frames));
    const part = data.map((column) => column.subarray(0, seen));
    took.push(await new Promise((resolve) => {
      const start = performance.now();
      done = () => resolve(performance.now() - start);
      plot.setData(part);
    }));
  }
  return took;
}

/** The state of a hundred runs, their splits found and the chosen run's handed over, in the worker, a frame. @param {Browser} browser @param {string} url @param {number} frames */
export async function splits(browser, url, frames) {
  const logs = Array.from({ length: 100 }, (_, seed) => log({ name: `run ${seed}`, seed: seed + 1, steps: 200, user: `user ${seed % 9}` }));
  return onPage(browser, url, async (page) => {
    const app = await appOf(page);
    const took = await page.evaluate(async ({ logs, app, frames }) => {
      const { connect } = await import(`${app}core/client.js`);
      const { costs } = /** @type {any} */ (window).blueberry;
      const call = connect();
      const runs = [];
      for (const text of logs) runs.push((await call("open", "log", new Blob([text]))).runs[0].id);
      const took = [];
      for (let index = 0; index <= frames; index++) {
        costs.worker = 0;
        await call("state", { runs, clock: "tokens", t: (index * 52_428_800) / frames, against: "segments", targets: [6, 5, 4.5, 4, 3.5, 3], chosen: runs[0] });
        if (index > 0) took.push(costs.worker);
      }
      return took;
    }, { logs, app, frames });
    return { state_with_json: summary(took) };
  });
}
