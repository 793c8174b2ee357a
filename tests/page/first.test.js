// @ts-check
// The first view: what a browser loads before a log is open, compressed as a host would.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { closeBrowsers, drop, launch, MODES, runsOpen, withPage } from "./lib/browser.js";
import { log } from "./lib/logs.js";
import { serve } from "./lib/site.js";

after(closeBrowsers);

/** What the first view may weigh, as for `cargo xtask web`. */
const MOST_BYTES = 300_000;
/** What is loaded when it is used. */
const LATER = /(curves|judge|unpack|steps)(_bg\.wasm|\.js)$|(webgpu|reader)\.js$/;

for (const mode of MODES) {
  describe(`the first view, ${mode}`, () => {
    /** @type {import("playwright-core").Browser} */
    let browser;
    /** @type {Awaited<ReturnType<typeof serve>>} */
    let site;
    before(async () => {
      browser = await launch(mode);
      site = await serve();
    });
    after(() => site?.close());

    test("weighs little, and what is heavy is loaded when it is used", () => withPage(browser, site.url, async (page) => {
      /** @type {Set<string>} */
      const loaded = new Set();
      // Workers load too, so the context is listened to.
      page.context().on("request", (request) => loaded.add(request.url()));
      await page.reload();
      await page.waitForSelector("#board > *");
      await page.waitForLoadState("networkidle");
      const names = [...loaded];
      const weighed = await Promise.all(names.map(async (name) => gzipSync(new Uint8Array(await (await fetch(name)).arrayBuffer()), { level: 9 }).length));
      const bytes = weighed.reduce((sum, one) => sum + one, 0);
      assert.ok(names.some((name) => name.endsWith("replay_bg.wasm")), `the reader is part of it: ${names}`);
      assert.deepEqual(names.filter((name) => LATER.test(name)), []);
      assert.ok(bytes <= MOST_BYTES, `${bytes} bytes: ${names.map((name, at) => `${name} ${weighed[at]}`)}`);
      await drop(page, [{ name: "a.jsonl", text: log({ name: "first" }) }]);
      await runsOpen(page, 1);
      assert.equal([...loaded].some((name) => name.endsWith("curves_bg.wasm")), mode === "webgpu");
    }));
  });
}
