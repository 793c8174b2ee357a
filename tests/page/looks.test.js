// @ts-check
// Pictures: WebGPU and Canvas 2D draw the same, and the page is kept for a look.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { launch, MODES, runsOpen, settled, withPage } from "./lib/browser.js";
import { lines, log } from "./lib/logs.js";
import { output } from "./lib/paths.js";
import { difference } from "./lib/picture.js";
import { serve } from "./lib/site.js";

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

describe("pictures", { skip: MODES.length < 2 && "only one renderer is asked for" }, () => {
  /** @type {Record<string, import("playwright-core").Browser>} */
  const browsers = {};
  /** @type {Awaited<ReturnType<typeof serve>>} */
  let site;
  before(async () => {
    for (const mode of MODES) browsers[mode] = await launch(mode);
    site = await serve(LOGS);
  });
  after(async () => {
    for (const browser of Object.values(browsers)) await browser.close();
    await site?.close();
  });

  for (const [name, { query, size }] of Object.entries(VIEWS)) {
    test(`${name}: both renderers draw the same`, async () => {
      /** @type {Buffer[]} */
      const shots = [];
      for (const mode of MODES) {
        await withPage(browsers[mode], site.url, async (page) => {
          await runsOpen(page, query.split(/[=&]/)[1].split(",").length);
          await settled(page);
          await page.waitForTimeout(200);
          const shot = await page.locator(".large .plot").screenshot({ animations: "disabled" });
          shots.push(shot);
          writeFileSync(output(`look-${name}-${mode}.png`), await page.screenshot({ fullPage: true }));
          if (shots.length < 2) return;
          const { apart, pixels } = await difference(page, shots[0], shots[1], CHANNEL);
          assert.ok(pixels > 20_000, "there is a picture");
          assert.ok(apart <= SHARE, `${(apart * 100).toFixed(3)} % of the pixels differ`);
        }, { query, viewport: size ?? { width: 1360, height: 900 } });
      }
    });
  }
});
