// @ts-check
// A real Chromium, once with WebGPU on a software device and once without, and pages that notice every complaint.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { CHROMIUM } from "./paths.js";

const WEBGPU = ["--enable-unsafe-webgpu", "--enable-features=Vulkan", "--use-vulkan=swiftshader", "--use-angle=swiftshader"];

/** What Chromium says of itself when it is asked for a device that it has not. */
const EXPECTED = /^No available adapters\.$/;

/** @typedef {"webgpu" | "2d"} Mode */
/** @type {Mode[]} */
export const MODES = process.env.BLUEBERRY_PAGE_MODE ? [/** @type {Mode} */ (process.env.BLUEBERRY_PAGE_MODE)] : ["webgpu", "2d"];

/** @param {Mode} mode */
export function launch(mode) {
  const args = ["--no-sandbox", ...(mode === "webgpu" ? WEBGPU : ["--disable-features=WebGPU", "--disable-gpu"])];
  return chromium.launch({ executablePath: CHROMIUM, headless: true, args });
}

/**
 * A page whose console stayed clean and which asked no other host.
 * @param {import("playwright-core").Browser} browser @param {string} site
 * @param {(page: import("playwright-core").Page) => Promise<void>} act
 * @param {import("playwright-core").BrowserContextOptions & { query?: string, forgive?: RegExp, init?: string }} [options]
 */
export async function withPage(browser, site, act, { query = "", forgive, init, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, acceptDownloads: true, ...options });
  if (init) await context.addInitScript({ path: init });
  const page = await context.newPage();
  /** @type {string[]} */
  const complaints = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !forgive?.test(message.text()) && !EXPECTED.test(message.text())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(String(error.stack ?? error)));
  context.on("request", (request) => {
    const url = request.url();
    if (!url.startsWith(site) && !/^(data|blob):/.test(url)) complaints.push(`asked another host: ${url}`);
  });
  try {
    await page.goto(site + query);
    await page.waitForFunction(() => "blueberry" in window);
    await act(page);
    assert.deepEqual(complaints, [], "the console is clean and no other host was asked");
  } finally {
    await context.close();
  }
}

/** Waits until this many runs are open and drawn. @param {import("playwright-core").Page} page @param {number} count */
export async function runsOpen(page, count) {
  await page.waitForFunction((count) => /** @type {any} */ (window).blueberry?.shown.runs.length === count, count, { timeout: 60_000 });
  await page.evaluate(() => /** @type {any} */ (window).blueberry.ready);
  await settled(page);
}

/** @param {import("playwright-core").Page} page */
export function settled(page) {
  return page.evaluate(() => /** @type {any} */ (window).blueberry.settled());
}

/** What the page's store holds. @param {import("playwright-core").Page} page @returns {Promise<any>} */
export function shown(page) {
  return page.evaluate(() => JSON.parse(JSON.stringify(/** @type {any} */ (window).blueberry.shown)));
}

/** Drops files as a person would. @param {import("playwright-core").Page} page @param {{ name: string, url?: string, text?: string }[]} files */
export async function drop(page, files) {
  await page.evaluate(async (files) => {
    const transfer = new DataTransfer();
    for (const { name, url, text } of files) {
      const part = url ? await (await fetch(url)).blob() : new Blob([text ?? ""]);
      transfer.items.add(new File([part], name));
    }
    document.body.dispatchEvent(new DragEvent("dragover", { bubbles: true, cancelable: true, dataTransfer: transfer }));
    document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: transfer }));
  }, files);
}
