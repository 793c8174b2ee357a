// @ts-check
// A run that trains while it is watched: its points appear within two seconds (the median), through a torn line, a kill and
// a resume; and what else is its server's: parts of a long log, a bare address, no frame.

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
/** What a followed run is promised, as medians: between a line in the log and its point on the page, and between two questions. */
const [SEEN_MS, ASKS_MS] = [2000, 1000];
/** What is seen later was forgotten and not slow: two of the longest pauses that the page makes, which are 4 s. */
const FORGOTTEN_MS = 8000;

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

  /**
   * @param {string} run @param {(page: Page, site: string, server: import("node:child_process").ChildProcess) => Promise<void>} act
   * @param {Parameters<typeof withPage>[3]} [options]
   */
  async function watched(run, act, options) {
    const server = spawn(VIEW, [PAGE, "0", run], { stdio: ["ignore", "pipe", "inherit"] });
    try {
      const line = new Promise((resolve) => server.stdout.once("data", (line) => resolve(String(line).trim())));
      const [site, query] = (await within("the server's address", line)).split("?");
      await withPage(browser, site, (page) => act(page, site, server), { query: `?${query}`, forgive: /ERR_CONNECTION/, ...options });
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

  /** @param {number[]} values @param {number} share */
  const quantile = (values, share) => [...values].sort((a, b) => a - b)[Math.floor(share * values.length)];

  /** Of a handful of points the 95th percentile is the last one. @param {number[]} late */
  function inTime(late) {
    const words = `points were ${late.map(Math.round)} ms late`;
    assert.ok(quantile(late, 0.5) <= SEEN_MS, words);
    assert.ok(quantile(late, 0.95) <= FORGOTTEN_MS, words);
  }

  /** A run's folder with a log of these lines. @param {string} name @param {string[]} lines */
  function runOf(name, lines) {
    const folder = join(place, name);
    const path = join(folder, "run.jsonl");
    mkdirSync(folder);
    writeFileSync(path, lines.map((line) => `${line}\n`).join(""));
    return { folder, path };
  }

  /** @param {Page} page @param {number} step */
  const reached = (page, step) =>
    until(page, `step ${step} and no other`, (step) => /** @type {any} */ (window).blueberry.shown.runs[0]?.ends.step === step, step, 10_000);

  /** Waits until the page has asked so often again: by then it has seen what is there. @param {Page} page @param {number} times */
  async function askedAgain(page, times) {
    const count = () => performance.getEntriesByType("resource").filter(({ name }) => name.endsWith(".jsonl")).length;
    const before = await page.evaluate(count);
    await until(page, `${times} more questions for the log`, (least) => performance.getEntriesByType("resource").filter(({ name }) => name.endsWith(".jsonl")).length >= least, before + times);
  }

  test("half of the points appear within two seconds and none is forgotten, through a torn line and a resume", async () => {
    const all = lines({ name: "live", steps: 200, every: 20 });
    const upTo = (/** @type {number} */ step) => all.findIndex((line) => JSON.parse(line).step > step);
    const { folder, path } = runOf("live", all.slice(0, upTo(50)));
    const write = (/** @type {string[]} */ part) => appendFileSync(path, part.map((line) => `${line}\n`).join(""));
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
      inTime(late);
      const asked = await pauses(page);
      assert.ok(quantile(asked, 0.5) <= ASKS_MS, `the page asked every ${asked.map(Math.round)} ms`);
      write(all.slice(upTo(120)));
      await until(page, "the run to be completed", () => /** @type {any} */ (window).blueberry.shown.runs[0].status === "completed");
      assert.equal((await shown(page)).runs[0].live, false);
    });
  });

  test("a remark is made once, a server that comes back is noticed, and a log that was cut trains no more", async () => {
    const all = lines({ name: "worn", steps: 200, every: 20 });
    const upTo = (/** @type {number} */ step) => all.findIndex((line) => JSON.parse(line).step > step);
    const { folder, path } = runOf("worn", [...all.slice(0, upTo(30)), "{broken", ...all.slice(upTo(30), upTo(60))]);
    await watched(folder, async (page) => {
      const remarks = async () => (await shown(page)).problems.map((/** @type {any} */ { line }) => line);
      const says = (/** @type {string} */ words) =>
        until(page, `the words "${words}"`, (words) => document.querySelector("#status")?.textContent?.includes(words), words);
      await runsOpen(page, 1);
      assert.deepEqual(await remarks(), [upTo(30) + 1]);
      appendFileSync(path, all.slice(upTo(60), upTo(70)).map((line) => `${line}\n`).join(""));
      await reached(page, 70);
      await askedAgain(page, 1);
      assert.deepEqual(await remarks(), [upTo(30) + 1], "what was wrong before is not wrong again");

      await page.getByRole("button", { name: "Hide worn" }).click();
      assert.equal((await shown(page)).runs[0].hidden, true, "also of a run that changed since it was listed");

      await page.route("**/*.jsonl", (route) => route.abort("connectionrefused"));
      await says("no answer, asking again");
      await page.unroute("**/*.jsonl");
      await says("there are answers again");

      const { size } = statSync(path);
      appendFileSync(path, `{"event":"note","text":"${"x".repeat(5 * 2 ** 20)}"}\n`);
      await says("it is not followed any more");
      assert.equal((await shown(page)).runs[0].live, false);
      truncateSync(path, size);
      await page.reload();
      await runsOpen(page, 1);

      truncateSync(path, 100);
      await says("replaced by a shorter one");
      assert.equal((await shown(page)).runs[0].live, false);
    }, { forgive: /ERR_CONNECTION|416/ });
  });

  test("the verdict is on the whole log, also where it comes in parts", async () => {
    const { folder, path } = runOf("long", lines({ name: "long", steps: 90_000, tokens: 16_384, every: 1000 }));
    assert.ok(statSync(path).size > 16 * 2 ** 20, "longer than one answer of the server");
    await watched(folder, async (page) => {
      const findings = async () => {
        await until(page, "the verdict", () => document.querySelector("#details[aria-busy=false] .finding"));
        return page.locator(".finding").allInnerTexts();
      };
      await runsOpen(page, 1);
      await page.getByRole("tab", { name: "Verdict" }).click();
      const served = await findings();
      await page.setInputFiles("#picker", path);
      await runsOpen(page, 2);
      await page.evaluate(() => {
        const { set, shown } = /** @type {any} */ (window).blueberry;
        set({ chosen: shown.runs[1].id });
      });
      assert.deepEqual(served, await findings(), "as on the file itself");
    });
  });

  test("the page is kept though the bare address leads to the runs, and it offers no frame that its server forbids", async () => {
    const { folder } = runOf("kept", lines({ name: "kept", steps: 60 }));
    await watched(folder, async (page, site, server) => {
      await runsOpen(page, 1);
      await page.keyboard.press("e");
      await page.getByRole("button", { name: "HTML for another page" }).click();
      await until(page, "a word on frames", () => document.querySelector("#take [role=status]")?.textContent?.includes("forbids other pages"));
      assert.equal(await page.locator("#to-copy").isVisible(), false);
      await within("the service worker to be ready", page.evaluate(() => navigator.serviceWorker.ready.then(() => true)));
      await until(page, "the service worker to take over", () => navigator.serviceWorker.controller !== null);
      server.kill();
      await within("the server to be gone", new Promise((resolve) => server.once("exit", resolve)));
      await page.goto(site);
      await page.waitForSelector(".start");
    }, { serviceWorkers: "allow", forgive: /ERR_CONNECTION|Failed to load resource/ });
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
        inTime(late);
      }, { takes: 400_000 });
    } finally {
      trainer.kill("SIGKILL");
    }
  });
});
