// @ts-check
// A run that trains while it is watched: points appear, through a torn line, a kill and a resume.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { launch, runsOpen, shown, withPage } from "./lib/browser.js";
import { lines } from "./lib/logs.js";
import { PAGE, ROOT } from "./lib/paths.js";

const VIEW = process.env.BLUEBERRY_VIEW ?? join(ROOT, "target/debug/examples/view");
const TRAIN = process.env.BLUEBERRY_BIN ?? "";

describe("a followed run", { skip: !existsSync(VIEW) && `no server at ${VIEW}: cargo build -p blueberry-view --example view` }, () => {
  /** @type {import("playwright-core").Browser} */
  let browser;
  /** @type {string} */
  let place;
  before(async () => {
    browser = await launch("2d");
    place = mkdtempSync(join(tmpdir(), "blueberry-"));
  });
  after(async () => {
    await browser?.close();
    if (place) rmSync(place, { recursive: true });
  });

  /** @param {string} run @param {(page: import("playwright-core").Page) => Promise<void>} act */
  async function watched(run, act) {
    const server = spawn(VIEW, [PAGE, "0", run], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      const url = await new Promise((resolve) => server.stdout.once("data", (line) => resolve(String(line).trim())));
      const [site, query] = url.split("?");
      await withPage(browser, site, act, { query: `?${query}`, forgive: /ERR_CONNECTION/ });
    } finally {
      server.kill();
    }
  }

  /** @param {import("playwright-core").Page} page @param {number} step */
  const reached = (page, step) =>
    page.waitForFunction((step) => /** @type {any} */ (window).blueberry.shown.runs[0]?.ends.step === step, step, { timeout: 10_000 });

  test("points appear as lines are written, through a torn line and a resume", async () => {
    const all = lines({ name: "live", steps: 200, every: 20 });
    const folder = join(place, "live");
    const path = join(folder, "run.jsonl");
    const write = (/** @type {string[]} */ part) => appendFileSync(path, part.map((line) => `${line}\n`).join(""));
    const upTo = (/** @type {number} */ step) => all.findIndex((line) => JSON.parse(line).step > step);
    mkdirSync(folder);
    writeFileSync(path, "");
    write(all.slice(0, upTo(50)));
    await watched(folder, async (page) => {
      await runsOpen(page, 1);
      await reached(page, 50);
      assert.equal((await shown(page)).runs[0].live, true);
      write(all.slice(upTo(50), upTo(80)));
      await reached(page, 80);
      assert.equal((await shown(page)).t, 80 * 262_144, "the playhead goes along");

      const whole = statSync(path).size;
      appendFileSync(path, all[upTo(80)].slice(0, 40));
      await page.waitForTimeout(1200);
      assert.equal((await shown(page)).runs[0].ends.step, 80, "a torn line is no point");

      truncateSync(path, whole);
      const back = JSON.parse(all[upTo(59)]);
      write([JSON.stringify({ event: "resume", step: 60, tokens: back.tokens, train_s: back.train_s, wall_s: back.wall_s, from_step: 60, from_sha256: "ff", torn_bytes: 40, downtime_s: 9 })]);
      write(all.slice(upTo(60), upTo(100)));
      await reached(page, 100);
      const { runs, problems } = await shown(page);
      assert.equal(runs[0].rows, 100, "steps that came again replaced the earlier ones");
      assert.ok(problems.every((/** @type {any} */ { text }) => /again|replaced/.test(text)), JSON.stringify(problems));
      write(all.slice(upTo(100)));
      await page.waitForFunction(() => /** @type {any} */ (window).blueberry.shown.runs[0].status === "completed");
      assert.equal((await shown(page)).runs[0].live, false);
    });
  });

  test("a real training run, killed and resumed", { skip: !existsSync(TRAIN) && "no trainer: set BLUEBERRY_BIN" }, async () => {
    const folder = join(place, "trained");
    const train = (/** @type {string[]} */ ...more) => spawn(TRAIN, ["train", "--device", "cpu", "--json", ...more], { stdio: "ignore", cwd: place });
    let trainer = train("--preset", "tiny", "--train-tokens", "400000", "--out", folder);
    const until = async (/** @type {() => boolean} */ ready) => {
      for (let turn = 0; turn < 600 && !ready(); turn++) await new Promise((resolve) => setTimeout(resolve, 200));
      assert.ok(ready());
    };
    try {
      await until(() => existsSync(join(folder, "run.jsonl")) && statSync(join(folder, "run.jsonl")).size > 3000);
      await watched(folder, async (page) => {
        await runsOpen(page, 1);
        const step = async () => (await shown(page)).runs[0].ends.step ?? 0;
        const before = await step();
        await page.waitForFunction((before) => /** @type {any} */ (window).blueberry.shown.runs[0].ends.step > before + 3, before, { timeout: 60_000 });
        await until(() => readdirSync(folder, { recursive: true }).some((name) => /checkpoint|step-/.test(String(name))));
        trainer.kill("SIGKILL");
        await new Promise((resolve) => trainer.once("exit", resolve));
        await page.waitForTimeout(1200);
        const stopped = await step();
        trainer = train("--resume", folder);
        await page.waitForFunction((stopped) => /** @type {any} */ (window).blueberry.shown.runs[0].ends.step > stopped, stopped, { timeout: 120_000 });
      });
    } finally {
      trainer.kill("SIGKILL");
    }
  });
});
