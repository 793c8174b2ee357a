// @ts-check
// Every kind of log, by drop and by link, drawn by WebGPU and by Canvas 2D.

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { closeBrowsers, drop, dropPaths, launch, MODES, runsOpen, shown, withPage } from "./lib/browser.js";
import { log } from "./lib/logs.js";
import { FOREIGN } from "./lib/paths.js";
import { ink } from "./lib/picture.js";
import { serve } from "./lib/site.js";
import { until } from "./lib/waiting.js";
import { zstd } from "./lib/zstd.js";

after(closeBrowsers);

const OWN = { "own.jsonl": log({ name: "own" }) };
/** Its one series is none that a chart of this page is of. */
const FOREIGN_SERIES = "strict_run_1.tfevents";
/** What the logs say themselves: the last validation loss, where there is one. */
const LAST = /** @type {Record<string, number>} */ ({
  "100M_RTX4090_Xeon8473C.json": 3.7108096933364867,
  "8M_RTX4090_Xeon8473C.json": 4.838702368736267,
  "modded_2024-06-06_AdamW.log": 3.275959,
  "modded_2024-10-10_Muon.nosrc.txt": 3.2785,
  "modded_2024-10-13_llmc_main.log": 3.2722,
  "modded_2026-07-17_baseline_1.nosrc.txt": 3.2821,
});

for (const mode of MODES) {
  describe(`logs, drawn by ${mode}`, () => {
    /** @type {import("playwright-core").Browser} */
    let browser;
    /** @type {Awaited<ReturnType<typeof serve>>} */
    let site;
    before(async () => {
      browser = await launch(mode);
      site = await serve({ ...OWN, "packed.jsonl.zst": zstd(log({ name: "by link" })), "long.jsonl": log({ name: "long", steps: 60_000, tokens: 16_384, every: 1000 }) });
    });
    after(() => site?.close());

    /** @param {import("playwright-core").Page} page */
    async function check(page, /** @type {string} */ name) {
      const { runs, state } = await shown(page);
      assert.ok(runs.length >= 1, `${name} gives a run`);
      assert.equal(await page.evaluate(() => /** @type {any} */ (window).blueberry.renderer()), mode === "webgpu" ? "WebGPU" : "Canvas 2D");
      assert.ok((await page.locator("#drawn-by").innerText()).includes(mode === "webgpu" ? "WebGPU" : "Canvas 2D"));
      const pixels = await ink(page, ".large .plot");
      const absent = page.locator(".large .absent");
      if (name === FOREIGN_SERIES) {
        assert.equal(await absent.innerText(), "Not in these logs: training loss, validation loss.");
        assert.equal(pixels, 0, "a log without a loss has no curve of one");
      } else {
        assert.equal(await absent.isVisible(), false);
        assert.ok(pixels > 300, `${name} is drawn: ${pixels} pixels`);
      }
      if (name in LAST) assert.equal(state.runs[0].val_loss, LAST[name]);
    }

    test("an own log by drop", async () => {
      await withPage(browser, site.url, async (page) => {
        await drop(page, [{ name: "own.jsonl", text: OWN["own.jsonl"] }]);
        await runsOpen(page, 1);
        await check(page, "own.jsonl");
        const { runs, problems } = await shown(page);
        assert.equal(runs[0].name, "own");
        assert.equal(runs[0].ends.step, 400);
        assert.deepEqual(problems, []);
      });
    });

    test("a packed log, by drop and by link", async () => {
      const folder = mkdtempSync(join(tmpdir(), "blueberry-"));
      try {
        writeFileSync(join(folder, "a.jsonl.gz"), gzipSync(log({ name: "by gzip", seed: 2 })));
        writeFileSync(join(folder, "b.jsonl.zst"), zstd(log({ name: "by zstd", seed: 3 })));
        await withPage(browser, site.url, async (page) => {
          await runsOpen(page, 1);
          await dropPaths(page, [join(folder, "a.jsonl.gz"), join(folder, "b.jsonl.zst")]);
          await runsOpen(page, 3);
          const { runs, problems } = await shown(page);
          assert.deepEqual(runs.map((/** @type {any} */ run) => [run.name, run.ends.step]), [["by link", 400], ["by gzip", 400], ["by zstd", 400]]);
          assert.deepEqual(problems, []);
          await check(page, "packed");
        }, { query: "?runs=packed.jsonl.zst" });
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    test("a long log, which several workers read, is the short one made longer", async () => {
      const made = { name: "long", steps: 60_000, tokens: 16_384, every: 1000 };
      const text = log(made);
      assert.ok(text.length > 3 * 4 * 2 ** 20, "longer than three parts");
      await withPage(browser, site.url, async (page) => {
        await runsOpen(page, 1);
        const { runs, problems } = await shown(page);
        assert.deepEqual([runs[0].name, runs[0].rows, runs[0].status, problems], ["long", made.steps, "completed", []]);
        const at = 43_210;
        await page.evaluate((cross) => /** @type {any} */ (window).blueberry.set({ axis: "step", cross }), at);
        const line = text.split("\n").map((one) => one && JSON.parse(one)).find((one) => one.event === "step" && one.step === at);
        const words = page.locator("#readout", { hasText: "43,210" });
        await words.waitFor();
        assert.match(await words.innerText(), new RegExp(`train ${line.loss.toFixed(4)} .* norm ${line.grad_norm.toPrecision(4)}`));
      }, { query: "?runs=long.jsonl" });
    });

    test("a folder by drop, with folders in it and with what is no log", async () => {
      const folder = mkdtempSync(join(tmpdir(), "blueberry-"));
      try {
        const one = (/** @type {string} */ name, /** @type {number} */ seed) => log({ name, seed, steps: 60 });
        mkdirSync(join(folder, "runs/deeper"), { recursive: true });
        writeFileSync(join(folder, "runs/a.jsonl"), one("shallow", 2));
        writeFileSync(join(folder, "runs/deeper/run.jsonl"), one("deep", 3));
        writeFileSync(join(folder, "runs/deeper/weights.safetensors"), new Uint8Array(9999));
        writeFileSync(join(folder, "loose.jsonl"), one("loose", 4));
        await withPage(browser, site.url, async (page) => {
          await dropPaths(page, [join(folder, "runs"), join(folder, "loose.jsonl")]);
          await runsOpen(page, 3);
          const { runs, problems } = await shown(page);
          assert.deepEqual(runs.map((/** @type {any} */ run) => run.name).sort(), ["deep", "loose", "shallow"]);
          assert.deepEqual(problems, [], "what is no log is passed over");
        });
      } finally {
        rmSync(folder, { recursive: true });
      }
    });

    test("an own log by link", async () => {
      await withPage(browser, site.url, async (page) => {
        await runsOpen(page, 1);
        await check(page, "own.jsonl");
      }, { query: "?runs=own.jsonl" });
    });

    test("the log of the format's own tests", async () => {
      await withPage(browser, site.url, async (page) => {
        await runsOpen(page, 1);
        const { runs } = await shown(page);
        assert.equal(runs[0].name, "tiny-1");
        assert.equal(runs[0].status, "completed");
      }, { query: "?runs=small.jsonl" });
    });

    for (const name of FOREIGN) {
      test(`${name} by link`, async () => {
        await withPage(browser, site.url, async (page) => {
          await until(page, `a run of ${name}`, () => /** @type {any} */ (window).blueberry.shown.runs.length > 0);
          await runsOpen(page, (await shown(page)).runs.length);
          await check(page, name);
        }, { query: `?runs=assets/${name}` });
      });
    }

    test("all foreign logs by drop, together", { skip: FOREIGN.length === 0 && "the logs are not on this machine" }, async () => {
      await withPage(browser, site.url, async (page) => {
        await drop(page, FOREIGN.map((name) => ({ name, url: `assets/${name}` })));
        await until(page, "a run of each log", (least) => /** @type {any} */ (window).blueberry.shown.runs.length >= least, FOREIGN.length, 60_000);
        const { runs } = await shown(page);
        await runsOpen(page, runs.length);
        const looks = await page.locator(".runs .swatch line").evaluateAll((lines) => lines.map((line) => `${line.getAttribute("stroke")} ${line.getAttribute("stroke-dasharray")}`));
        assert.equal(looks.length, runs.length);
        assert.equal(new Set(looks).size, runs.length, `no two runs look alike: ${looks}`);
        await check(page, "all");
      });
    });
  });
}
