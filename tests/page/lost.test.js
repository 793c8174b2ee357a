// @ts-check
// What the page does when something under it is lost: the WebGPU device, or the worker that reads logs.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { closeBrowsers, drop, launch, MODES, runsOpen, settled, shown, withPage } from "./lib/browser.js";
import { log } from "./lib/logs.js";
import { output } from "./lib/paths.js";
import { ink } from "./lib/picture.js";
import { serve } from "./lib/site.js";
import { until } from "./lib/waiting.js";

after(closeBrowsers);

const LOGS = { "a.jsonl": log({ name: "first", rate: 90_000, floor: 2.9, seed: 2 }), "b.jsonl": log({ name: "second", seed: 3, lr: 0.02 }) };
const QUERY = "?runs=a.jsonl,b.jsonl";

describe("a lost device", { skip: !MODES.includes("webgpu") && "WebGPU is not asked for" }, () => {
  /** @type {import("playwright-core").Browser} */
  let browser;
  /** @type {Awaited<ReturnType<typeof serve>>} */
  let site;
  before(async () => {
    browser = await launch("webgpu");
    site = await serve(LOGS);
    writeFileSync(output("keep-device.js"), KEEP_DEVICE);
  });
  after(() => site?.close());

  /** @param {import("playwright-core").Page} page */
  const fallsBack = async (page) => {
    await page.evaluate(() => /** @type {any} */ (window).device.destroy());
    await until(page, "another renderer", () => /** @type {any} */ (window).blueberry.renderer() === "Canvas 2D");
    assert.match(await page.locator("#status").innerText(), /the WebGPU device was lost/);
  };
  const options = { init: output("keep-device.js"), forgive: /device|destroyed|lost/i };

  test("the curves are drawn on by Canvas 2D, and the page says so", () => withPage(browser, site.url, async (page) => {
    await runsOpen(page, 2);
    assert.equal(await page.evaluate(() => /** @type {any} */ (window).blueberry.renderer()), "WebGPU");
    await fallsBack(page);
    await settled(page);
    assert.match(await page.locator("#drawn-by").innerText(), /Canvas 2D: the WebGPU device was lost/);
    const pixels = await ink(page, ".large .plot");
    assert.ok(pixels > 300, `the curves are there: ${pixels} pixels`);
    await page.keyboard.press("Home");
    await page.keyboard.press(".");
    await settled(page);
    assert.ok((await shown(page)).t > 0, "and the replay goes on");
  }, { query: QUERY, ...options }));

  test("before a run is open there is no device to lose", () => withPage(browser, site.url, async (page) => {
    assert.equal(await page.evaluate(() => "device" in window), false);
    await drop(page, [{ name: "a.jsonl", text: LOGS["a.jsonl"] }]);
    await runsOpen(page, 1);
    assert.equal(await page.evaluate(() => "device" in window), true);
    await fallsBack(page);
    await settled(page);
    assert.ok((await ink(page, ".large .plot")) > 300);
  }, options));
});

/** Keeps the device that the page asks for where a test can destroy it. */
const KEEP_DEVICE = `
  if ("GPUAdapter" in window) {
    const ask = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (...wanted) {
      window.device = await ask.apply(this, wanted);
      return window.device;
    };
  }
`;

describe("a lost worker", () => {
  /** @type {import("playwright-core").Browser} */
  let browser;
  /** @type {Awaited<ReturnType<typeof serve>>} */
  let site;
  before(async () => {
    browser = await launch("2d");
    site = await serve(LOGS);
  });
  after(() => site?.close());

  /** Makes the next log that is opened break the worker down, as one does for which the memory is too small. @param {import("playwright-core").Page} page */
  const breakNext = (page) => page.workers()[0].evaluate(() => {
    Blob.prototype.slice = () => {
      throw new WebAssembly.RuntimeError("memory access out of bounds");
    };
  });

  test("another one is started, what was open is opened again, and what broke it is named", () => withPage(browser, site.url, async (page) => {
    await runsOpen(page, 2);
    await page.keyboard.press("n");
    await page.locator('[aria-label="Playhead"]').fill("5000");
    await settled(page);
    const before = await shown(page);
    await breakNext(page);
    await drop(page, [{ name: "large.jsonl", text: LOGS["a.jsonl"] }]);
    await until(page, "a word on the log that broke the worker", () => /** @type {any} */ (window).blueberry.shown.problems.length > 0);
    await runsOpen(page, 2);
    const { runs, problems, t, state } = await shown(page);
    assert.deepEqual(runs.map((/** @type {any} */ run) => run.name), ["first", "second"]);
    assert.match(`${problems[0].file}: ${problems[0].text}`, /large\.jsonl: the reader broke down over it/);
    assert.equal(t, before.t, "the playhead stays");
    assert.deepEqual(state.runs.map((/** @type {any} */ run) => run.val_loss), before.state.runs.map((/** @type {any} */ run) => run.val_loss));
    await drop(page, [{ name: "third.jsonl", text: log({ name: "third", steps: 60 }) }]);
    await runsOpen(page, 3);
    assert.equal(page.workers().length, 1, "the old worker is gone");
  }, { query: QUERY }));
});
