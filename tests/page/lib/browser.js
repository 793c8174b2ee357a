// @ts-check
// A real Chromium, once with WebGPU on a software device and once without, and pages that notice every complaint.

import assert from "node:assert/strict";
import { chromium } from "playwright-core";
import { CHROMIUM } from "./paths.js";
import { PATIENCE_MS, until, within } from "./waiting.js";

const WEBGPU = ["--enable-unsafe-webgpu", "--enable-features=Vulkan", "--use-vulkan=swiftshader", "--use-angle=swiftshader"];
/** What a whole test may take. */
const TEST_MS = 120_000;

/** What the browser says of itself: of a device that it has not, and of a service worker that most tests do without. */
const EXPECTED = /^No available adapters\.$|^Service Worker registration blocked by Playwright$/;

/** @typedef {"webgpu" | "2d"} Mode */
/** @type {Mode[]} */
export const MODES = process.env.BLUEBERRY_PAGE_MODE ? [/** @type {Mode} */ (process.env.BLUEBERRY_PAGE_MODE)] : ["webgpu", "2d"];

/** One of each kind for all tests of this process. @type {Map<Mode, Promise<import("playwright-core").Browser>>} */
const browsers = new Map();

/** The browser that draws so. All tests share it, so it is closed by `closeBrowsers` alone. @param {Mode} mode */
export function launch(mode) {
  const running = browsers.get(mode) ?? chromium.launch({
    executablePath: CHROMIUM,
    headless: true,
    timeout: 60_000,
    args: ["--no-sandbox", ...(mode === "webgpu" ? WEBGPU : ["--disable-features=WebGPU", "--disable-gpu"])],
  });
  browsers.set(mode, running);
  return running;
}

/** Behind the last test of this process. */
export async function closeBrowsers() {
  const running = [...browsers.values()];
  browsers.clear();
  for (const browser of running) await within("a browser to close", browser.then((browser) => browser.close()), 10_000).catch(() => {});
}

/**
 * A page whose console stayed clean and which asked no other host.
 * @param {import("playwright-core").Browser} browser @param {string} site
 * @param {(page: import("playwright-core").Page) => Promise<void>} act
 * @param {import("playwright-core").BrowserContextOptions & { query?: string, forgive?: RegExp, init?: string, takes?: number }} [options]
 */
export async function withPage(browser, site, act, { query = "", forgive, init, takes = TEST_MS, ...options } = {}) {
  const context = await browser.newContext({ viewport: { width: 1360, height: 900 }, acceptDownloads: true, serviceWorkers: "block", ...options });
  context.setDefaultTimeout(PATIENCE_MS);
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
    await until(page, "the page to start", () => "blueberry" in window);
    await within("this test to end", act(page), takes);
    assert.deepEqual(complaints, [], "the console is clean and no other host was asked");
  } finally {
    await context.close();
  }
}

/** Waits until this many runs are open and drawn. @param {import("playwright-core").Page} page @param {number} count @param {number} [ms] */
export async function runsOpen(page, count, ms = 60_000) {
  await until(page, `${count} open runs`, (count) => /** @type {any} */ (window).blueberry?.shown.runs.length === count, count, ms);
  await within("the linked runs to be read", page.evaluate(() => /** @type {any} */ (window).blueberry.ready), ms);
  await settled(page);
}

/** Waits until what is shown is up to date. @param {import("playwright-core").Page} page */
export function settled(page) {
  return within("the page to have drawn what it shows", page.evaluate(() => /** @type {any} */ (window).blueberry.settled()));
}

/** Escapes from the open dialog. The browser closes it behind the key, so a next key could come before. @param {import("playwright-core").Page} page */
export async function closeDialog(page) {
  await page.keyboard.press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
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

/**
 * Drops files and folders of this machine, as a file manager does.
 * @param {import("playwright-core").Page} page @param {string[]} paths
 */
export async function dropPaths(page, paths) {
  const client = await page.context().newCDPSession(page);
  const data = { items: [], files: paths, dragOperationsMask: 1 };
  for (const type of /** @type {const} */ (["dragEnter", "dragOver", "drop"])) {
    await within(`the event ${type}`, client.send("Input.dispatchDragEvent", { type, x: 300, y: 300, data }), 10_000);
  }
}
