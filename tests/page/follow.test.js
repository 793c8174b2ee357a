// @ts-check
// A run that trains while it is watched: points appear within two seconds, through a torn line, a kill and a resume.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { closeBrowsers, launch, runsOpen, shown, withPage } from "./lib/browser.js";
import { lines } from "./lib/logs.js";
import { PAGE, ROOT } from "./lib/paths.js";
import { eventually, until, within } from "./lib/waiting.js";

after(closeBrowsers);

const VIEW = process.env.BLUEBERRY_VIEW ?? join(ROOT, "target/debug/examples/view");
const TRAIN = process.env.BLUEBERRY_BIN ?? "";
/** What a followed run is promised: between a line in the log and its point on the page, and between two questions. */
const [SEEN_MS, ASKS_MS] = [2000, 1000];

/** @typedef {import("playwright-core").Page} Page */

describe("a followed run", { skip: !existsSync(VIEW) && `no server at ${VIEW}: cargo build -p blueberry-view --example view` }, () => {
  /** @type {import("playwright-core").Browser} */
  let browser;
  /** @type {string} */
  let place;
  before(async () => {
    browser = await launch("2d");
    place = mkdtempSync(join(tmpdir(), "blueberry-"));
  });
  after(() => place && rmSync(place, { recursive: true }));

  /** @param {string} run @param {(page: Page) => Promise<void>} act @param {number} [takes] */
  async function watched(run, act, takes) {
    const server = spawn(VIEW, [PAGE, "0", run], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      const line = new Promise((resolve) => server.stdout.once("data", (line) => resolve(String(line).trim())));
      const [site, query] = (await within("the server's address", line)).split("?");
      await withPage(browser, site, act, { query: `?${query}`, forgive: /ERR_CONNECTION/, takes });
    } finally {
      server.kill();
    }
  }

  /** Notes when the page first shows each step, by the clock that this process has too. @param {Page} page */
  const noteSteps = (page) => page.evaluate(() => {
    const { shown } = /** @type {any} */ (window).blueberry;
    /** @type {Map<number, number>} */
    const seen = new Map();
    const look = () => {
      const step = shown.runs[0]?.ends.step ?? 0;
      if (!seen.has(step)) seen.set(step, performance.timeOrigin + performance.now());
      requestAnimationFrame(look);
    };
    look();
    Object.assign(window, { seen });
  });

  /** When the page first showed this step or a later one. @param {Page} page @param {number} step */
  async function seenAt(page, step) {
    await until(page, `step ${step} to be shown`, (step) => [.../** @type {any} */ (window).seen.keys()].some((one) => one >= step), step);
    return page.evaluate((step) => Math.min(...[.../** @type {any} */ (window).seen].flatMap(([one, at]) => (one >= step ? [at] : []))), step);
  }

  /** Milliseconds between the page's questions for the log. @param {Page} page @returns {Promise<number[]>} */
  const pauses = (page) => page.evaluate(() => {
    const asked = performance.getEntriesByType("resource").filter(({ name }) => name.endsWith(".jsonl")).map(({ startTime }) => startTime);
    return asked.slice(1).map((at, index) => at - asked[index]);
  });

  /** @param {number[]} values */
  const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

  /** @param {Page} page @param {number} step */
  const reached = (page, step) =>
    until(page, `step ${step} and no other`, (step) => /** @type {any} */ (window).blueberry.shown.runs[0]?.ends.step === step, step, 10_000);

  /** Waits until the page has asked so often again: by then it has seen what is there. @param {Page} page @param {number} times */
  async function askedAgain(page, times) {
    const count = () => performance.getEntriesByType("resource").filter(({ name }) => name.endsWith(".jsonl")).length;
    const before = await page.evaluate(count);
    await until(page, `${times} more questions for the log`, (least) => performance.getEntriesByType("resource").filter(({ name }) => name.endsWith(".jsonl")).length >= least, before + times);
  }

  test("points appear within two seconds, through a torn line and a resume", async () => {
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
      await noteSteps(page);
      /** @type {number[]} */
      const late = [];
      /** @param {number} from @param {number} to */
      const append = async (from, to) => {
        const at = Date.now();
        write(all.slice(upTo(from), upTo(to)));
        late.push((await seenAt(page, to)) - at);
      };
      for (let step = 50; step < 80; step += 6) await append(step, step + 6);
      assert.equal((await shown(page)).t, 80 * 262_144, "the playhead goes along");

      const whole = statSync(path).size;
      appendFileSync(path, all[upTo(80)].slice(0, 40));
      await askedAgain(page, 2);
      assert.equal((await shown(page)).runs[0].ends.step, 80, "a torn line is no point");

      truncateSync(path, whole);
      const back = JSON.parse(all[upTo(59)]);
      write([JSON.stringify({ event: "resume", step: 60, tokens: back.tokens, train_s: back.train_s, wall_s: back.wall_s, from_step: 60, from_sha256: "ff", torn_bytes: 40, downtime_s: 9 })]);
      await append(60, 100);
      const { runs, problems } = await shown(page);
      assert.equal(runs[0].rows, 100, "steps that came again replaced the earlier ones");
      assert.ok(problems.every((/** @type {any} */ { text }) => /again|replaced/.test(text)), JSON.stringify(problems));
      await append(100, 120);
      assert.ok(median(late) <= SEEN_MS, `points were ${late.map(Math.round)} ms late`);
      const asked = await pauses(page);
      assert.ok(median(asked) <= ASKS_MS, `the page asked every ${asked.map(Math.round)} ms`);
      write(all.slice(upTo(120)));
      await until(page, "the run to be completed", () => /** @type {any} */ (window).blueberry.shown.runs[0].status === "completed");
      assert.equal((await shown(page)).runs[0].live, false);
    });
  });

  test("a real training run, killed and resumed", { skip: !existsSync(TRAIN) && "no trainer: set BLUEBERRY_BIN" }, async () => {
    const folder = join(place, "trained");
    const path = join(folder, "run.jsonl");
    const train = (/** @type {string[]} */ ...more) => spawn(TRAIN, ["train", "--device", "cpu", "--json", ...more], { stdio: "ignore", cwd: place });
    /** The last step that is whole in the log. */
    const logged = () => {
      const whole = readFileSync(path, "utf8").split("\n").slice(0, -1).filter((line) => line.includes('"event":"step"'));
      return whole.length > 0 ? JSON.parse(whole[whole.length - 1]).step : 0;
    };
    let trainer = train("--preset", "tiny", "--train-tokens", "400000", "--out", folder);
    try {
      await eventually("the first lines of the log", () => existsSync(path) && statSync(path).size > 3000, 120_000);
      await watched(folder, async (page) => {
        await runsOpen(page, 1);
        await noteSteps(page);
        /** @type {number[]} */
        const late = [];
        /** Waits for a step behind `step`, and for the page to show it. @param {number} step */
        const next = async (step) => {
          await eventually(`a step behind ${step} in the log`, () => logged() > step, 60_000);
          const [at, there] = [Date.now(), logged()];
          late.push((await seenAt(page, there)) - at);
          return there;
        };
        let step = logged();
        for (let turn = 0; turn < 3; turn++) step = await next(step);
        await eventually("a checkpoint", () => readdirSync(folder, { recursive: true }).some((name) => /checkpoint|step-/.test(String(name))), 60_000);
        trainer.kill("SIGKILL");
        await within("the killed trainer to be gone", new Promise((resolve) => trainer.once("exit", resolve)));
        const stopped = logged();
        await seenAt(page, stopped);
        trainer = train("--resume", folder);
        for (let turn = 0; turn < 3; turn++) step = await next(turn === 0 ? stopped : step);
        assert.ok(median(late) <= SEEN_MS, `points were ${late.map(Math.round)} ms late`);
      }, 400_000);
    } finally {
      trainer.kill("SIGKILL");
    }
  });
});
