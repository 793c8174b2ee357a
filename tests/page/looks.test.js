// @ts-check
// Pictures: WebGPU and Canvas 2D draw the same, and what they drew before; the page is kept for a look.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { closeBrowsers, launch, MODES, runsOpen, settled, shown, withPage } from "./lib/browser.js";
import { lines, log } from "./lib/logs.js";
import { baseline, output } from "./lib/paths.js";
import { difference } from "./lib/picture.js";
import { serve } from "./lib/site.js";
import { until } from "./lib/waiting.js";

after(closeBrowsers);

/** Losses that are no numbers, which must be seen. */
function withGaps() {
  return `${lines({ name: "gaps", seed: 5, floor: 3.6 }).map((line, index) => (index % 90 === 50 ? line.replace(/"loss":[\d.]+/, '"loss":"NaN"') : line)).join("\n")}\n`;
}

const LOGS = { "a.jsonl": log({ name: "record", rate: 120_000, floor: 3.05, seed: 2 }), "b.jsonl": log({ name: "challenger", floor: 2.95, seed: 3, lr: 0.02 }), "c.jsonl": withGaps() };
const VIEWS = /** @type {Record<string, { query: string, size?: { width: number, height: number } }>} */ ({
  whole: { query: "?runs=a.jsonl,b.jsonl,c.jsonl&theme=dark" },
  light: { query: "?runs=a.jsonl,b.jsonl,c.jsonl&theme=light&axis=train_s&clock=train_s" },
  early: { query: "?runs=a.jsonl,b.jsonl&theme=dark&t=30000000" },
  close: { query: "?runs=a.jsonl,c.jsonl&theme=dark&zoom=20000000_60000000&smooth=0&ylog=none" },
  phone: { query: "?runs=a.jsonl,b.jsonl&theme=dark", size: { width: 360, height: 740 } },
});
/** Where soft edges differ, a pixel's colour may; where a shape differs, a pixel beside it does too. */
const CHANNEL = 56;
const SHARE = 0.004;
/** The curves alone at a size of their own: no font and no layout of another machine is in these pictures. */
const BASELINE = { width: 520, height: 240 };

describe("pictures", () => {
  /** @type {Record<string, import("playwright-core").Browser>} */
  const browsers = {};
  /** @type {Awaited<ReturnType<typeof serve>>} */
  let site;
  before(async () => {
    for (const mode of MODES) browsers[mode] = await launch(mode);
    site = await serve(LOGS);
  });
  after(() => site?.close());

  /** @param {import("playwright-core").Page} page @param {Buffer} one @param {Buffer} other @param {string} what */
  async function alike(page, one, other, what) {
    const { apart, pixels } = await difference(page, one, other, CHANNEL);
    assert.ok(pixels > 20_000, "there is a picture");
    assert.ok(apart <= SHARE, `${what}: ${(apart * 100).toFixed(3)} % of the pixels differ`);
  }

  /** The canvas with the curves, and nothing over it. @param {import("playwright-core").Page} page */
  async function curves(page) {
    await page.locator(".large .plot").evaluate((plot, { width, height }) => {
      Object.assign(/** @type {HTMLElement} */ (plot).style, { width: `${width}px`, height: `${height}px` });
      for (const part of /** @type {NodeListOf<HTMLElement>} */ (plot.querySelectorAll(":scope > :not(canvas)"))) part.style.visibility = "hidden";
    }, BASELINE);
    await until(page, "the chart to take another size", (width) => document.querySelector(".large canvas")?.clientWidth === width, BASELINE.width);
    await settled(page);
    return page.locator(".large canvas").screenshot({ animations: "disabled" });
  }

  for (const [name, { query, size }] of Object.entries(VIEWS)) {
    test(`${name}: both renderers draw the same, and what they drew before`, async () => {
      /** @type {Buffer[]} */
      const shots = [];
      for (const mode of MODES) {
        await withPage(browsers[mode], site.url, async (page) => {
          await runsOpen(page, query.split(/[=&]/)[1].split(",").length);
          await settled(page);
          writeFileSync(output(`look-${name}-${mode}.png`), await page.screenshot({ fullPage: true }));
          shots.push(await page.locator(".large .plot").screenshot({ animations: "disabled" }));
          if (shots.length === 2) await alike(page, shots[0], shots[1], "WebGPU and Canvas 2D");
          if (size) return;
          const drawn = await curves(page);
          writeFileSync(output(`curves-${name}-${mode}.png`), drawn);
          if (process.env.BLUEBERRY_PAGE_BASELINES === "write") writeFileSync(baseline(name), drawn);
          await alike(page, readFileSync(baseline(name)), drawn, `${baseline(name)} and now (BLUEBERRY_PAGE_BASELINES=write takes these over)`);
        }, { query, viewport: size ?? { width: 1360, height: 900 } });
      }
    });
  }

  test("a playhead that moves draws what is drawn afresh", { skip: !MODES.includes("2d") && "Canvas 2D is not asked for" }, () =>
    withPage(browsers["2d"], site.url, async (page) => {
      await runsOpen(page, 2);
      const shot = () => page.locator(".large canvas").screenshot({ animations: "disabled" });
      const change = async (/** @type {object} */ patch) => {
        await page.evaluate((patch) => /** @type {any} */ (window).blueberry.set(patch), patch);
        await settled(page);
        return shot();
      };
      const [t, smooth] = [31e6, (await shown(page)).smooth];
      await change({ t: 50e6 });
      const moved = await change({ t });
      const afresh = await change({ smooth });
      const { apart, pixels } = await difference(page, moved, afresh, 3);
      // In the one column of pixels that the playhead cuts, what overlaps is softened one by one or together.
      const column = 1 / (await page.locator(".large canvas").evaluate((canvas) => canvas.clientWidth));
      assert.ok(pixels > 20_000 && apart <= column, `${apart} of ${pixels} pixels differ`);
      const far = await change({ t: 90e6 });
      assert.ok((await difference(page, far, afresh, 3)).apart > 0, "what was replayed shows");
    }, { query: VIEWS.early.query }));
});
