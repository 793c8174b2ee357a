// @ts-check
// After the first load the page needs no network, and it never asks another host.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { after, before, describe, test } from "node:test";
import { closeBrowsers, drop, launch, runsOpen, withPage } from "./lib/browser.js";
import { log } from "./lib/logs.js";
import { PAGE } from "./lib/paths.js";
import { serve } from "./lib/site.js";
import { PATIENCE_MS, until, within } from "./lib/waiting.js";

after(closeBrowsers);

/** The same page as another build: its files have moved, and are no more where they were. @param {Record<string, import("./lib/site.js").Answer>} texts */
function deploy(texts) {
  const folder = readdirSync(PAGE).find((name) => name.startsWith("app-")) ?? "";
  for (const name of ["index.html", "sw.js"]) texts[name] = readFileSync(join(PAGE, name), "utf8").replaceAll(folder, `${folder}-new`);
  for (const entry of readdirSync(join(PAGE, folder), { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = relative(PAGE, join(entry.parentPath, entry.name));
    texts[path.replace(folder, `${folder}-new`)] = readFileSync(join(PAGE, path));
    texts[path] = (response) => void response.writeHead(404).end();
  }
}

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

  /** Waits until so many builds are kept. @param {import("playwright-core").Page} page @param {number} count */
  const kept = (page, count) => within(`${count} kept builds`, page.evaluate(async (count) => {
    while ((await caches.keys()).length !== count) await new Promise((resolve) => setTimeout(resolve, 50));
  }, count));

  test("a new build leaves open pages what is theirs, and takes over when they are closed", async () => {
    const other = await serve();
    const { url, texts } = other;
    try {
      await withPage(browser, url, async (page) => {
        await until(page, "the service worker to take over", () => navigator.serviceWorker.controller !== null);
        await drop(page, [{ name: "a.jsonl", text: log({ name: "old tab", steps: 50 }) }]);
        await runsOpen(page, 1);
        deploy(texts);
        await page.evaluate(() => navigator.serviceWorker.ready.then((registration) => registration.update()));
        await kept(page, 2);
        await within("the new build to wait", page.evaluate(async () => {
          const registration = await navigator.serviceWorker.ready;
          while (!registration.waiting) await new Promise((resolve) => setTimeout(resolve, 50));
        }));
        await page.getByRole("tab", { name: "Verdict" }).click();
        await page.waitForSelector(".finding");
        const next = await page.context().newPage();
        await page.close();
        // The browser takes its time to notice that the older one is used no more.
        const folders = async () => {
          await next.goto("about:blank");
          await new Promise((resolve) => setTimeout(resolve, 500));
          await next.goto(url);
          return next.evaluate(() => caches.keys());
        };
        const start = Date.now();
        let left = await folders();
        while (left.length > 1 && Date.now() - start < PATIENCE_MS) left = await folders();
        assert.match(String(left), /^[^,]*-new\/$/, "the older build is forgotten");
        await other.close();
        await next.reload();
        await until(next, "the new build to start without a network", () => "blueberry" in window);
      }, { serviceWorkers: "allow", forgive: /ERR_CONNECTION|Failed to load resource/ });
    } finally {
      await other.close();
    }
  });

  test("the page opens again and reads a log", () => withPage(browser, site.url, async (page) => {
    await within("the service worker to be ready", page.evaluate(() => navigator.serviceWorker.ready.then(() => true)));
    await kept(page, 1);
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
