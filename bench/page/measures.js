// @ts-check
// The measurements. Each runs in the browser, on a page of its own, the two drawers in turns.

import { readFileSync } from "node:fs";
import { runsOpen, settled } from "../../tests/page/lib/browser.js";
import { log } from "../../tests/page/lib/logs.js";
import { until } from "../../tests/page/lib/waiting.js";
import { columns, share } from "./columns.js";

/** @typedef {import("playwright-core").Browser} Browser */
/** @typedef {import("playwright-core").Page} Page */
/** @typedef {Awaited<ReturnType<typeof import("../../tests/page/lib/site.js").serve>>} Site */

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

/** What is said of many values; of a few, the 99th percentile is the largest of them. @param {number[]} values */
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
 * 166,650 points (three runs of 55,550), from data in memory to a drawn chart, the first time on a fresh page: of the same
 * logs, read by our worker and as uPlot's columns.
 * @param {Browser} browser @param {Site} site @param {number} rounds
 */
export async function cold(browser, site, rounds) {
  const { url } = site;
  const logs = [1, 2, 3].map((seed) => log({ name: `run ${seed}`, seed, steps: 55_550, tokens: 16_384, every: 60_000 }));
  const addresses = share(site, "cold", columns(logs));
  /** @type {Record<string, number[]>} */
  const took = { ours_ms: [], ours_main_thread_ms: [], uplot_ms: [] };
  for (let round = 0; round < rounds; round++) {
    const ours = await onPage(browser, url, (page) => coldOurs(page, logs));
    took.ours_ms.push(ours.total);
    took.ours_main_thread_ms.push(ours.main);
    took.uplot_ms.push(await onPage(browser, url, async (page) => {
      await addUplot(page, url);
      return coldUplot(page, addresses);
    }));
  }
  return Object.fromEntries(Object.entries(took).map(([name, values]) => [name, summary(values)]));
}

/** @param {Page} page @param {string[]} logs */
async function coldOurs(page, logs) {
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

/** @param {Page} page @param {string[]} addresses of the columns @returns {Promise<number>} */
function coldUplot(page, addresses) {
  return page.evaluate(async ({ addresses, width, height }) => {
    const data = await Promise.all(addresses.map(async (address) => new Float64Array(await (await fetch(address)).arrayBuffer())));
    const series = [{}, ...["red", "green", "blue"].map((stroke) => ({ stroke }))];
    return new Promise((resolve) => {
      const start = performance.now();
      new /** @type {any} */ (window).uPlot({ width, height, scales: { x: { time: false } }, series, hooks: { draw: [() => resolve(performance.now() - start)] } }, data, document.body);
    });
  }, { addresses, ...CHART });
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
 * the loss, of the same logs, cut at the playhead and drawn again.
 * @param {Browser} browser @param {Site} site @param {string[]} paths @param {number} frames
 */
export async function scrub(browser, site, paths, frames) {
  const { url } = site;
  const ours = await onPage(browser, url, async (page) => {
    await page.setInputFiles("#picker", paths);
    await runsOpen(page, paths.length, 300_000);
    await settled(page);
    return page.evaluate(scrubOurs, frames);
  });
  const addresses = share(site, "scrub", columns(texts(paths)));
  const uplot = await onPage(browser, url, async (page) => {
    await addUplot(page, url);
    return page.evaluate(scrubUplot, { frames, addresses, ...CHART });
  });
  return { ours: summary(ours.frame), ours_page_only: summary(ours.page), uplot: summary(uplot) };
}

/** @param {string[]} paths */
function* texts(paths) {
  for (const path of paths) yield readFileSync(path, "utf8");
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

/** Runs in the page. @param {{ frames: number, addresses: string[], width: number, height: number }} options */
async function scrubUplot({ frames, addresses, width, height }) {
  const data = await Promise.all(addresses.map(async (address) => new Float64Array(await (await fetch(address)).arrayBuffer())));
  const [x, ...losses] = data;
  const rows = x.length;
  let done = () => {};
  const series = [{}, ...losses.map((_, run) => ({ stroke: `hsl(${run * 45} 70% 50%)` }))];
  const scales = { x: { time: false, range: [0, x[rows - 1]] }, y: { range: [3, 11] } };
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
