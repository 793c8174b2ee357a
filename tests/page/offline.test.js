// @ts-check
// After the first load the page needs no network, and it never asks another host.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { closeBrowsers, drop, launch, runsOpen, withPage } from "./lib/browser.js";
import { log } from "./lib/logs.js";
import { serve } from "./lib/site.js";
import { until, within } from "./lib/waiting.js";

after(closeBrowsers);

describe("without a network", () => {
  /** @type {import("playwright-core").Browser} */
  let browser;
  /** @type {Awaited<ReturnType<typeof serve>>} */
  let site;
  before(async () => {
    browser = await launch("2d");
    site = await serve();
  });
  after(() => site?.close());

  test("the page opens again and reads a log", () => withPage(browser, site.url, async (page) => {
    await within("the service worker to be ready", page.evaluate(() => navigator.serviceWorker.ready.then(() => true)));
    await until(page, "the page to be kept", async () => (await caches.keys()).length === 1);
    assert.match((await page.evaluate(() => caches.keys()))[0], /^page \/ app-/, "under the path of this page: others of the host keep theirs");
    await until(page, "the service worker to take over", () => navigator.serviceWorker.controller !== null);
    await site.close();
    await page.reload();
    await until(page, "the page to start without a network", () => "blueberry" in window);
    await drop(page, [{ name: "a.jsonl", text: log({ name: "offline", steps: 50 }) }]);
    await runsOpen(page, 1);
    assert.equal(await page.locator(".runs .name").innerText(), "offline");
  }, { serviceWorkers: "allow", forgive: /ERR_CONNECTION|Failed to load resource/ }));
});
