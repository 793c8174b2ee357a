// @ts-check
// The page driven as a person drives it: replay, zoom, crosshair, comparison, splits, tables, taking away.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { closeBrowsers, closeDialog, drop, launch, MODES, runsOpen, settled, shown, withPage } from "./lib/browser.js";
import { log } from "./lib/logs.js";
import { output } from "./lib/paths.js";
import { ink, inked } from "./lib/picture.js";
import { serve } from "./lib/site.js";
import { until } from "./lib/waiting.js";

after(closeBrowsers);

/** A slow start that wins in the end, and a fast start that does not. */
const LOGS = {
  "slow.jsonl": log({ name: "slow", rate: 90_000, floor: 2.9, seed: 2, lr: 0.01 }),
  "fast.jsonl": log({ name: "fast", rate: 130_000, floor: 3.4, seed: 3, lr: 0.03, user: "bob" }),
};
const QUERY = "?runs=slow.jsonl,fast.jsonl";
/** A file in whose name letters mean something in an address, and its address. */
const ODD = ["a+b&c,d %2C#.jsonl", "a+b&c%2Cd%20%252C%23.jsonl"];
/** A leaderboard with one record, and the log of it that is published with the page. */
const RECORDS = {
  "leaderboard.json": JSON.stringify({
    categories: [{
      id: "dash", name: "Any%", metric: "train-s", record: "dash/quick", pending: [], history: [],
      ranked: [
        { rank: 1, id: "dash/quick", title: "Quick", author: "alice", date: "2026-03-01", status: "verified", verified: { figure: { mean: 600 } } },
        { rank: 2, id: "dash/even", title: "Even", author: "dora", date: "2026-03-02", status: "verified", short_of: "dash/quick", verified: { figure: { mean: 610 } } },
        { rank: 1, id: "dash/swift", title: "Swift", author: "erin", date: "2026-03-03", status: "verified", looked_at: ["eval-time"], flags: [{ flag: "not-compared", record: "dash/quick" }], verified: { figure: { mean: 590 } } },
      ],
      reference: { clock_s: 9408, val_loss: 3.194, tokens: 5e8, hardware: "Example GPU", note: "did not reach 3.0" },
      progression: [["2026-01-01", 900], ["2026-02-01", 700], ["2026-03-01", 600]].map(([date, figure]) => ({ date, figure, record: "dash/x" })),
    }],
  }),
  "records.json": JSON.stringify({ "dash/quick": ["records/quick.jsonl"] }),
  "records/quick.jsonl": log({ name: "record", rate: 150_000, seed: 4, user: "carol" }),
};
const CHART = ".large .plot";

for (const mode of MODES) {
  describe(`a person's hand, drawn by ${mode}`, () => {
    /** @type {import("playwright-core").Browser} */
    let browser;
    /** @type {Awaited<ReturnType<typeof serve>>} */
    let site;
    before(async () => {
      browser = await launch(mode);
      site = await serve({ ...LOGS, ...RECORDS, [ODD[0]]: log({ name: "odd", steps: 60 }) });
    });
    after(() => site?.close());

    /** @param {(page: import("playwright-core").Page) => Promise<void>} act @param {object} [options] */
    const onRuns = (act, options = {}) =>
      withPage(browser, site.url, async (page) => {
        await runsOpen(page, 2);
        await act(page);
      }, { query: QUERY, ...options });

    /** @param {import("playwright-core").Page} page */
    const box = async (page) => /** @type {{ x: number, y: number, width: number, height: number }} */ (await page.locator(CHART).boundingBox());

    test("play moves the playhead, pause stops it, reverse brings it back", () => onRuns(async (page) => {
      await page.keyboard.press("Home");
      await page.selectOption('[aria-label="Speed"]', "200");
      await page.getByRole("button", { name: "Play", exact: true }).click();
      await until(page, "the playhead to go on", () => /** @type {any} */ (window).blueberry.shown.t > 1e6);
      await page.getByRole("button", { name: "Pause" }).click();
      const { t } = await shown(page);
      await settled(page);
      assert.equal((await shown(page)).t, t, "paused");
      await page.getByRole("button", { name: "Play in reverse" }).click();
      await until(page, "the playhead to go back", (t) => /** @type {any} */ (window).blueberry.shown.t < t, t);
      await until(page, "the replay to stop at the start", () => /** @type {any} */ (window).blueberry.shown.playing === 0);
      assert.equal((await shown(page)).t, 0, "it stops at the start");
    }));

    test("scrubbing shows what was known then: leader, lead changes, splits", () => onRuns(async (page) => {
      await page.locator('[aria-label="Playhead in"]').getByRole("button", { name: "train s" }).click();
      await page.locator('[aria-label="Playhead"]').fill("450");
      await settled(page);
      const early = (await shown(page)).state;
      await page.keyboard.press("End");
      await settled(page);
      const { state: late, runs } = await shown(page);
      const [slow, fast] = runs.map((/** @type {any} */ run) => run.id);
      assert.deepEqual([early.leader, late.leader], [fast, slow]);
      assert.deepEqual(early.changes, [], "who leads first has it from nobody");
      assert.ok(late.changes.length > 0 && late.changes.length % 2 === 1, `${late.changes.length} changes`);
      assert.deepEqual([late.changes[0].from, late.changes[0].to], [fast, slow]);
      assert.equal(await page.locator(".lane .change").count(), late.changes.length);
      assert.ok((await page.locator("#leader").innerText()).endsWith(`lead changes so far: ${late.changes.length}`));
      assert.ok(early.runs[0].splits.rows.filter((/** @type {any} */ row) => row.time_s !== null).length < late.runs[0].splits.rows.filter((/** @type {any} */ row) => row.time_s !== null).length);
      assert.match(await page.locator("#leader").innerText(), /slow leads at 2\.9\d+, 0\.\d+ below fast/);
    }));

    test("splits compare with a run: signs, colours, gold, best possible", () => onRuns(async (page) => {
      await page.selectOption('[aria-label="Compare with"]', { label: "fast" });
      await settled(page);
      const rows = await page.locator(".splits tbody tr").allInnerTexts();
      assert.equal(rows.length, 6);
      assert.match(rows[0], /^6\.00\s+\d+:\d\d\.\d\s+[+−]/);
      assert.ok((await page.locator(".splits .gold").count()) > 0, "best segments are gold");
      assert.ok((await page.locator(".splits .behind, .splits .behind-less, .splits .ahead, .splits .ahead-less").count()) > 0);
      assert.match(await page.locator(".totals").innerText(), /Best possible time/);
    }));

    test("with a run that is hidden nothing is compared any more, and the page says so", () => onRuns(async (page) => {
      const against = page.locator('[aria-label="Compare with"]');
      await against.selectOption({ label: "fast" });
      await settled(page);
      await page.getByRole("button", { name: "Hide fast" }).click();
      await settled(page);
      assert.equal((await shown(page)).against, "best");
      assert.equal(await against.inputValue(), "best");
      assert.equal((await against.locator("option").allInnerTexts()).includes("fast"), false);
      assert.match(await page.locator("#status").innerText(), /compared with the personal best again/);
    }));

    test("what splits are of, what they are compared with, and why not", () => onRuns(async (page) => {
      const table = page.locator('[aria-label="Table of splits"]');
      assert.match(await table.innerText(), /Training time.*No personal best: no other run that is shown, of the same user/s);
      await page.locator('[aria-label="Playhead in"]').getByRole("button", { name: "wall s" }).click();
      await settled(page);
      assert.match(await table.innerText(), /Wall time/);
      await drop(page, [{ name: "again.jsonl", text: log({ name: "again", seed: 2, floor: 2.9, rate: 90_000 }) }]);
      await runsOpen(page, 3);
      assert.doesNotMatch(await table.innerText(), /No personal best/);
      assert.match(await table.innerText(), /±0:00\.0\s+level/, "the same run once more");
      await page.getByRole("button", { name: "Hide slow" }).click();
      await settled(page);
      assert.equal(await table.innerText(), "slow is hidden.");
    }));

    test("losses that are no numbers are called so", () => withPage(browser, site.url, async (page) => {
      await drop(page, [{ name: "bad.csv", text: "step,train_loss,val_loss\n1,9,\n2,8,nan\n" }]);
      await runsOpen(page, 1);
      assert.equal(await page.locator("#leader").innerText(), "No validation loss is a number.");
      assert.equal(await page.locator(".runs .now").innerText(), "NaN");
      assert.match(await page.locator(".large .chart .unseen").innerText(), /Validation loss not a number at 2\./);
    }));

    test("a log that ends early is not read behind its end, and a run that broke says so", () => onRuns(async (page) => {
      const broken = log({ name: "broken", steps: 100 }).replace('"status":"completed"', '"status":"diverged"');
      await drop(page, [{ name: "broken.jsonl", text: broken }]);
      await runsOpen(page, 3);
      await page.evaluate(() => /** @type {any} */ (window).blueberry.set({ cross: 9e7 }));
      await page.locator("#readout", { hasText: "broken: its log ends at 26.2M" }).waitFor();
      const now = page.locator(".runs li", { hasText: "broken" }).locator(".now");
      assert.match(await now.innerText(), /diverged/);
      await page.keyboard.press("Home");
      await settled(page);
      assert.doesNotMatch(await now.innerText(), /diverged/);
    }));

    test("axis and playhead stay with the runs that are shown, and without runs the page begins anew", () => onRuns(async (page) => {
      const steps = Array.from({ length: 50 }, (_, step) => `s:${step} trl:${(11 - step / 9).toFixed(4)}\n`);
      await drop(page, [{ name: "main.log", text: `s:0 tel:11.0000\n${steps.join("")}s:50 tel:5.5000\n` }]);
      await runsOpen(page, 3);
      for (const name of ["Hide slow", "Close fast"]) await page.getByRole("button", { name }).click();
      await settled(page);
      const { axis, clock, t } = await shown(page);
      assert.deepEqual([axis, clock, t], ["step", "step", 50]);
      assert.equal(await page.locator(".large .absent").isVisible(), false);
      for (const name of ["Close slow", "Close main.log"]) await page.getByRole("button", { name }).click();
      await page.locator(".start").waitFor();
      assert.equal(await page.locator(".transport").count(), 0);
      await drop(page, [{ name: "slow.jsonl", text: LOGS["slow.jsonl"] }]);
      await runsOpen(page, 1);
      assert.ok((await ink(page, CHART)) > 300, "and a log is drawn again");
      assert.equal((await shown(page)).axis, "tokens");
    }));

    test("a log of steps alone says why it has no splits", () => withPage(browser, site.url, async (page) => {
      const steps = Array.from({ length: 50 }, (_, step) => `s:${step} trl:${(11 - step / 9).toFixed(4)}\n`);
      await drop(page, [{ name: "main.log", text: `s:0 tel:11.0000\n${steps.join("")}s:50 tel:5.5000\n` }]);
      await runsOpen(page, 1);
      assert.match(await page.locator('[aria-label="Table of splits"]').innerText(), /neither times nor tokens/);
      assert.equal(await page.locator(".splits tr").count(), 0);
    }));

    test("the losses of the splits can be edited", () => onRuns(async (page) => {
      await page.getByRole("button", { name: "Edit the losses" }).click();
      await page.locator("#targets").fill("nonsense");
      await page.getByRole("button", { name: "Use these" }).click();
      assert.match(await page.locator("dialog [role=alert]").innerText(), /positive numbers/);
      await page.locator("#targets").fill("3.6, 7");
      await page.getByRole("button", { name: "Use these" }).click();
      await settled(page);
      assert.deepEqual((await shown(page)).targets, [7, 3.6]);
      assert.equal(await page.locator(".splits tbody tr").count(), 2);
      await page.getByRole("button", { name: "Edit the losses" }).click();
      await page.locator("#targets").fill("3.281, 3.279, 4");
      await page.getByRole("button", { name: "Use these" }).click();
      await settled(page);
      assert.deepEqual(await page.locator(".splits tbody th").allInnerTexts(), ["4.00", "3.281", "3.279"]);
    }));

    test("the wheel zooms at the pointer, a double click shows all", () => onRuns(async (page) => {
      const { x, y, width, height } = await box(page);
      await page.mouse.move(x + width * 0.75, y + height / 2);
      const before = await page.evaluate(() => /** @type {any} */ (window).blueberry.shown.cross);
      for (let turn = 0; turn < 4; turn++) await page.mouse.wheel(0, -200);
      await settled(page);
      const { zoom } = await shown(page);
      assert.ok(zoom && zoom[0] > 0 && zoom[0] < before && before < zoom[1], `${zoom} holds ${before}`);
      await page.mouse.dblclick(x + width / 2, y + height / 2);
      await settled(page);
      assert.equal((await shown(page)).zoom, null);
    }));

    test("a drag shows a part, and shift moves it", () => onRuns(async (page) => {
      const { x, y, width, height } = await box(page);
      const drag = async (/** @type {number} */ from, /** @type {number} */ to) => {
        await page.mouse.move(x + width * from, y + height / 2);
        await page.mouse.down();
        await page.mouse.move(x + width * ((from + to) / 2), y + height / 2);
        await page.mouse.move(x + width * to, y + height / 2);
        await page.mouse.up();
        await settled(page);
      };
      await drag(0.3, 0.6);
      const { zoom } = await shown(page);
      assert.ok(zoom && zoom[0] > 0);
      await page.keyboard.down("Shift");
      await drag(0.6, 0.5);
      await page.keyboard.up("Shift");
      const moved = (await shown(page)).zoom;
      assert.ok(moved[0] > zoom[0] && Math.abs(moved[1] - moved[0] - (zoom[1] - zoom[0])) < 1, `${moved} is ${zoom}, moved`);
    }));

    test("the right button is the browser's", () => onRuns(async (page) => {
      const { x, y, width, height } = await box(page);
      await page.mouse.move(x + width * 0.3, y + height / 2);
      await page.mouse.down({ button: "right" });
      await page.mouse.move(x + width * 0.6, y + height / 2);
      await page.mouse.up({ button: "right" });
      await settled(page);
      assert.equal((await shown(page)).zoom, null);
    }));

    test("two fingers pinch", () => onRuns(async (page) => {
      const { x, y, width, height } = await box(page);
      const client = await page.context().newCDPSession(page);
      const touch = (/** @type {string} */ type, /** @type {number[]} */ at) =>
        client.send("Input.dispatchTouchEvent", { type: /** @type {any} */ (type), touchPoints: at.map((px, id) => ({ x: x + px, y: y + height / 2, id })) });
      await touch("touchStart", [width * 0.5, width * 0.6]);
      for (let step = 1; step <= 5; step++) await touch("touchMove", [width * (0.5 - 0.03 * step), width * (0.6 + 0.03 * step)]);
      await touch("touchEnd", []);
      await settled(page);
      const { zoom } = await shown(page);
      assert.ok(zoom && zoom[1] - zoom[0] < 0.8 * 400 * 262_144, `${zoom} is closer`);
    }, { hasTouch: true }));

    test("a tap points, and what it points at stays when the finger lifts", () => onRuns(async (page) => {
      const { x, y, width, height } = await box(page);
      await page.touchscreen.tap(x + width / 2, y + height / 2);
      await until(page, "the readout of the crosshair", () => /slow: .*val/.test(document.querySelector("#readout")?.textContent ?? ""));
      assert.ok((await shown(page)).cross > 0);
      await page.touchscreen.tap(x + 10, y + height / 2);
      assert.equal((await shown(page)).cross, null, "a tap beside the curves takes it away");
    }, { hasTouch: true }));

    test("one crosshair on all charts, with the log's own values", () => onRuns(async (page) => {
      const { x, y, width, height } = await box(page);
      await page.mouse.move(x + width / 2, y + height / 2);
      await settled(page);
      await until(page, "the readout of the crosshair", () => /slow: .*val/.test(document.querySelector("#readout")?.textContent ?? ""));
      const { cross } = await shown(page);
      const step = Math.floor(cross / 262_144);
      const line = LOGS["slow.jsonl"].split("\n").map((one) => (one ? JSON.parse(one) : {})).find((one) => one.event === "step" && one.step === step);
      const words = await page.locator("#readout").innerText();
      assert.ok(words.includes(`train ${line.loss.toFixed(4)}`), "exact value");
      assert.ok(words.includes(`tok/s ${line.tokens_per_s.toLocaleString("en")}`), `all digits of ${line.tokens_per_s}: ${words}`);
      const lines = await page.locator(".cross:visible").count();
      assert.ok(lines >= 5, `${lines} charts show it`);
    }));

    test("axes: steps, seconds, logarithms", () => onRuns(async (page) => {
      for (const name of ["steps", "train s", "wall s"]) {
        await page.locator('[aria-label="Axis"]').getByRole("button", { name }).click();
        await settled(page);
        assert.ok((await page.locator(".large .axes text").count()) > 6, name);
      }
      await page.getByRole("button", { name: "log x" }).click();
      await settled(page);
      assert.equal((await shown(page)).xlog, true);
      await page.getByRole("button", { name: "log y" }).click();
      await settled(page);
      assert.deepEqual((await shown(page)).ylog, []);
    }));

    test("the table holds the settings that differ and no others", () => onRuns(async (page) => {
      const rows = await page.locator(".differs tbody tr").allInnerTexts();
      assert.deepEqual(rows.map((row) => row.split(/\s+/)), [["optim.lr", "0.01", "0.03"]]);
    }));

    test("samples stand side by side, as of the playhead", () => onRuns(async (page) => {
      await page.getByRole("tab", { name: "Samples" }).click();
      await page.waitForSelector(".samples blockquote");
      const texts = await page.locator(".samples blockquote").allInnerTexts();
      assert.ok(texts[0].includes("slow wrote this at step 400") && texts[1].includes("fast wrote this at step 400"), String(texts));
      const playhead = page.locator('[aria-label="Playhead"]');
      await playhead.fill("9000");
      await page.getByText("slow wrote this at step 300").waitFor();
      await page.locator(".samples").evaluate((samples) => samples.setAttribute("data-marked", ""));
      await playhead.fill("9500");
      await settled(page);
      await until(page, "the samples to be looked at", () => document.querySelector("#details")?.getAttribute("aria-busy") === "false");
      assert.equal(await page.locator(".samples[data-marked]").count(), 1, "what did not change was not built again");
    }));

    test("the judge speaks in the page", () => onRuns(async (page) => {
      await page.getByRole("tab", { name: "Verdict" }).click();
      await page.waitForSelector(".finding");
      assert.ok((await page.locator(".finding").count()) > 5);
      assert.match(await page.locator("#details").innerText(), /not eligible/);
    }));

    test("the verdict's category is chosen by keys, which stay on it", () => onRuns(async (page) => {
      await page.getByRole("tab", { name: "Verdict" }).click();
      await page.waitForSelector(".finding");
      const category = page.locator('[aria-label="Category"]');
      const first = await category.inputValue();
      await category.focus();
      await page.keyboard.press("ArrowDown");
      await until(page, "another verdict", () => document.querySelector("#details")?.getAttribute("aria-busy") === "false");
      assert.notEqual(await category.inputValue(), first);
      assert.equal(await page.evaluate(() => document.activeElement?.getAttribute("aria-label")), "Category");
    }));

    test("a run can be hidden and closed", () => onRuns(async (page) => {
      await page.getByRole("button", { name: "Hide fast" }).click();
      await settled(page);
      assert.equal((await shown(page)).state.runs.length, 1);
      await page.getByRole("button", { name: "Close fast" }).click();
      await runsOpen(page, 1);
      await until(page, "the runs to be counted anew", () => document.querySelector("#status")?.textContent === "1 run open");
    }));

    test("where every run is hidden, nothing is said of one", () => onRuns(async (page) => {
      for (const name of ["Hide slow", "Hide fast"]) await page.getByRole("button", { name }).click();
      await settled(page);
      assert.equal((await shown(page)).state, null);
      assert.equal(await page.locator("#leader").innerText(), "");
      assert.equal(await page.locator(".lane .runner, .lane .change, .splits tr").count(), 0);
      assert.deepEqual([...new Set(await page.locator(".chart .unseen").allTextContents())], [""]);
      await page.getByRole("button", { name: "Show slow" }).click();
      await settled(page);
      assert.match(await page.locator("#leader").innerText(), /slow leads/);
    }));

    test("the playhead stays within the runs that are shown, and at their end", () => onRuns(async (page) => {
      await drop(page, [{ name: "short.jsonl", text: log({ name: "short", steps: 100 }) }]);
      await runsOpen(page, 3);
      const { t: end } = await shown(page);
      for (const name of ["Hide slow", "Hide fast"]) await page.getByRole("button", { name }).click();
      assert.equal((await shown(page)).t, 100 * 262_144);
      await page.getByRole("button", { name: "Show slow" }).click();
      assert.equal((await shown(page)).t, end);
    }));

    test("PNG, SVG and CSV can be taken away", () => onRuns(async (page) => {
      await page.locator('[aria-label="Playhead"]').fill("4000");
      await settled(page);
      await page.keyboard.press("e");
      /** @param {string} name */
      const take = async (name) => {
        const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name }).click()]);
        const path = output(`${mode}-${file.suggestedFilename()}`);
        await file.saveAs(path);
        return readFileSync(path);
      };
      const picture = await take("Picture");
      const { width, height } = await box(page);
      const [wide, high] = [picture.readUInt32BE(16), picture.readUInt32BE(20)];
      assert.ok(wide >= 2 * Math.floor(width) && high > (wide / width) * height, `${wide} by ${high}, with names below`);
      const pixels = await inked(page, picture.toString("base64"));
      assert.ok(pixels > 4000 && pixels < (wide * high) / 2, `${pixels} pixels of curves, grid and words`);
      const drawing = (await take("Drawing")).toString();
      assert.match(drawing, /^<svg .*<path .*slow<\/text>/s);
      const marks = [...drawing.matchAll(/<line [^>]*stroke-width="2.5" stroke-dasharray="([^"]*)"/g)].map(([, dash]) => dash);
      assert.equal(new Set(marks).size, 2, "names have the dashes of their curves");
      const clips = [...drawing.matchAll(/<clipPath [^>]*><rect x="([\d.]+)" width="([\d.]+)"/g)].map(([, ...numbers]) => numbers.map(Number));
      assert.equal(clips.length, 2, "what was replayed, and what is ahead");
      const [[first, replayed], [playhead, ahead]] = clips;
      assert.ok(first === 0 && replayed > 0 && replayed === playhead && ahead > 0, `${clips} meet at the playhead`);
      assert.equal(drawing.split('clip-path="url(#').length, drawing.split("<path ").length, "every curve is cut there");
      assert.match(drawing, /<line [^>]*stroke-dasharray="1px, 5px"/, "bars of the splits are dotted");
      const table = (await take("Numbers")).toString().trim().split("\n");
      assert.equal(table[0], "run,metric,step,tokens,train_s,wall_s,value");
      assert.equal(table.length, 1 + 2 * (400 + 20), "every step and evaluation of both runs");
      await page.locator("#take select").selectOption({ label: "Tokens/s" });
      const rates = (await take("Numbers")).toString().trim().split("\n");
      assert.equal(rates.length, 1 + 2 * 400, "the chosen chart, not the first");
      assert.ok(rates.slice(1).every((row) => row.includes(',"tokens_per_s",')));
      await closeDialog(page);
      await page.keyboard.press("End");
      await settled(page);
      await page.keyboard.press("e");
      assert.doesNotMatch((await take("Drawing")).toString(), /clip/, "at the end nothing is ahead");
    }));

    test("many long names are wrapped below a drawing", () => withPage(browser, site.url, async (page) => {
      const names = Array.from({ length: 8 }, (_, index) => `${index} ${"wide name ".repeat(5)}`);
      await drop(page, names.map((name) => ({ name: `${name}.jsonl`, text: log({ name, steps: 30 }) })));
      await runsOpen(page, 8);
      await page.keyboard.press("e");
      const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Drawing" }).click()]);
      const path = output(`${mode}-names.svg`);
      await file.saveAs(path);
      const drawing = readFileSync(path, "utf8");
      const [, width, height] = /** @type {RegExpExecArray} */ (/ width="([\d.]+)" height="([\d.]+)"/.exec(drawing)).map(Number);
      const places = [...drawing.matchAll(/<text x="([\d.]+)" y="([\d.]+)"[^>]*>\d wide/g)].map(([, x, y]) => [Number(x), Number(y)]);
      assert.equal(places.length, 8);
      assert.ok(places.every(([x, y]) => x < width && y < height), `${places} lie within ${width} by ${height}`);
      assert.ok(new Set(places.map(([, y]) => y)).size > 1, "in more than one row");
    }));

    test("what can be shown in another page is, and what cannot says so where it was asked", async () => {
      const ask = async (/** @type {import("playwright-core").Page} */ page) => {
        await page.keyboard.press("e");
        await page.getByRole("button", { name: "HTML for another page" }).click();
      };
      await onRuns(async (page) => {
        await ask(page);
        await page.locator("#to-copy").waitFor();
        assert.match(await page.locator("#to-copy").inputValue(), /^<iframe src="http.*runs=slow\.jsonl,fast\.jsonl&amp;.*&amp;embed=1"/);
      });
      await withPage(browser, site.url, async (page) => {
        await drop(page, [{ name: "mine.jsonl", text: LOGS["slow.jsonl"] }]);
        await runsOpen(page, 1);
        await ask(page);
        assert.match(await page.locator("#take [role=status]").innerText(), /^Only logs that were opened by a link/);
      });
    });

    test("a hand that is quicker than the curves zooms on no axis but the one it sees", () => onRuns(async (page) => {
      const zoom = await page.evaluate((chart) => {
        const plot = /** @type {HTMLElement} */ (document.querySelector(chart));
        const press = (/** @type {string} */ key) => plot.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
        press("ArrowRight");
        press("x");
        press("+");
        press("ArrowRight");
        return { axis: /** @type {any} */ (window).blueberry.shown.axis, zoom: /** @type {any} */ (window).blueberry.shown.zoom, cross: /** @type {any} */ (window).blueberry.shown.cross };
      }, CHART);
      assert.deepEqual(zoom, { axis: "step", zoom: null, cross: null }, "the curves are still those over tokens");
      await settled(page);
      await page.locator(CHART).press("+");
      await settled(page);
      const [from, to] = (await shown(page)).zoom;
      assert.ok(from > 0 && to < 400, `steps ${from} to ${to}`);
      assert.equal(await page.locator(".large .absent").isVisible(), false, "curves are in view");
    }));

    test("a link brings runs, axis, smoothing, zoom and playhead back", () => onRuns(async (page) => {
      await page.keyboard.press("x");
      await page.locator('[aria-label="Playhead"]').fill("5000");
      await settled(page);
      await page.locator(CHART).press("+");
      await settled(page);
      assert.notEqual((await shown(page)).zoom, null, "there is a part to bring back");
      await page.keyboard.press("e");
      await page.getByRole("button", { name: "Link to this view" }).click();
      const link = await page.locator("#to-copy").inputValue();
      const before = await shown(page);
      await page.goto(link);
      await runsOpen(page, 2);
      const restored = await shown(page);
      for (const key of ["axis", "clock", "zoom", "t", "smooth", "ylog", "targets"]) assert.deepEqual(restored[key], before[key], key);
      assert.deepEqual(restored.runs.map((/** @type {any} */ run) => run.digest), before.runs.map((/** @type {any} */ run) => run.digest));
    }));

    test("a link brings back which runs are hidden, which is chosen and which it is compared with", () => withPage(browser, site.url, async (page) => {
      await drop(page, [{ name: "mine.jsonl", text: log({ name: "mine", steps: 60 }) }]);
      await runsOpen(page, 3);
      await page.getByRole("button", { name: "Show splits of fast" }).click();
      await page.getByLabel("Compare with").selectOption({ label: "mine" });
      await page.getByRole("button", { name: "Hide slow" }).click();
      await settled(page);
      await page.keyboard.press("e");
      await page.getByRole("button", { name: "Link to this view" }).click();
      await page.goto(await page.locator("#to-copy").inputValue());
      await runsOpen(page, 2);
      await drop(page, [{ name: "mine.jsonl", text: log({ name: "mine", steps: 60 }) }]);
      await runsOpen(page, 3);
      await settled(page);
      const { runs, chosen, against } = await shown(page);
      const told = [chosen, Number(against)].map((id) => runs.find((/** @type {any} */ run) => run.id === id).name);
      assert.deepEqual([told, runs.filter((/** @type {any} */ run) => run.hidden).map((/** @type {any} */ run) => run.name)], [["fast", "mine"], ["slow"]]);
    }, { query: QUERY }));

    test("a log in whose name letters mean something comes back by a link", () => withPage(browser, site.url, async (page) => {
      await runsOpen(page, 1);
      await page.keyboard.press("e");
      await page.getByRole("button", { name: "Link to this view" }).click();
      await page.goto(await page.locator("#to-copy").inputValue());
      await runsOpen(page, 1);
      const { runs, problems } = await shown(page);
      assert.deepEqual([runs[0].name, problems], ["odd", []]);
    }, { query: `?runs=${encodeURIComponent(ODD[1])}` }));

    test("a link to a file of this machine asks for it, and with it the view is back", () => withPage(browser, site.url, async (page) => {
      const [name, text] = ["mine, 100%~own", log({ name: "mine, 100%~own" })];
      await drop(page, [{ name: "mine.jsonl", text }]);
      await runsOpen(page, 1);
      const { smooth: own } = await shown(page);
      await page.selectOption('[aria-label="Smoothing"]', "65536");
      await page.locator('[aria-label="Playhead"]').fill("2500");
      await settled(page);
      const before = await shown(page);
      assert.notEqual(before.smooth, own, "another smoothing than the page's own choice");
      await page.keyboard.press("e");
      await page.getByRole("button", { name: "Link to this view" }).click();
      await page.goto(await page.locator("#to-copy").inputValue());
      await page.getByText(name).waitFor();
      assert.equal((await shown(page)).runs.length, 0);
      await drop(page, [{ name: "found-again.jsonl", text }]);
      await runsOpen(page, 1);
      await until(page, "the playhead to be back", (t) => /** @type {any} */ (window).blueberry.shown.t === t, before.t);
      const { smooth, problems } = await shown(page);
      assert.deepEqual([smooth, problems], [65_536, []]);
    }));

    test("a link says when a log is no longer the same, and names files that it cannot bring", () => onRuns(async (page) => {
      const { problems } = await shown(page);
      assert.deepEqual(problems.map((/** @type {any} */ { file }) => file), ["mine.jsonl", "slow.jsonl"]);
      assert.match(problems[0].text, /drop it here \(digest 0123456789abcdef\)/);
      assert.match(problems[1].text, /not the one that this link was made from/);
    }, { query: `${QUERY}&digests=0000000000000000,&files=0123456789abcdef~mine.jsonl` }));

    test("a record is raced against without its log being looked for", () => withPage(browser, site.url, async (page) => {
      await runsOpen(page, 2);
      await page.getByLabel("Compare with").selectOption({ label: "record: Any%" });
      await runsOpen(page, 3);
      const { runs, against, chosen, state } = await shown(page);
      const record = runs.find((/** @type {any} */ run) => run.name === "record");
      assert.equal(against, String(record.id));
      const first = (/** @type {any} */ state, /** @type {number} */ id) => state.runs.find((/** @type {any} */ run) => run.id === id).splits.rows[0];
      const words = await page.getByLabel("Compare with").locator("option").allInnerTexts();
      assert.deepEqual(words.filter((one) => one.startsWith("record")), ["record"], "an open record is a run like others");
      await page.evaluate((id) => /** @type {any} */ (window).blueberry.set({ chosen: id }), record.id);
      await settled(page);
      const lead = first(state, chosen).time_s - first((await shown(page)).state, record.id).time_s;
      assert.ok(lead > 0 && Math.abs(first(state, chosen).delta_s - lead) < 1e-6, `${first(state, chosen).delta_s} s behind the record, ${lead} s`);
    }, { query: QUERY }));

    test("the leaderboard shows who leads and how the record fell, and a record is watched from it", () => withPage(browser, site.url, async (page) => {
      const board = page.locator("#board");
      await board.getByRole("heading", { name: "Any%" }).waitFor();
      assert.match(await board.locator(".progress").first().innerText(), /The record went from 15:00.* to 10:00.* in 2 steps\./);
      assert.equal((await board.locator(".progress path").first().getAttribute("d"))?.match(/[MHV]/g)?.join(""), "MHVHV");
      const rows = await board.locator("tbody tr").allInnerTexts();
      assert.match(rows[0], /1\s+Quick\s+alice\s+10:00.*verified\s/s);
      assert.match(rows[1], /2\s+Even\s+dora\s+10:10.*verified; not shown to be better than dash\/quick/s);
      assert.match(rows[2], /1\s+Swift\s+erin\s+9:50.*verified; eval-time looked at; not compared with dash\/quick/s);
      assert.match(rows[3], /the reference \(Example GPU\)\s+2:36:48, 3\.194\s+unverified; did not reach 3\.0/s);
      await board.getByRole("button", { name: "Watch Quick" }).click();
      await runsOpen(page, 1);
      assert.equal((await shown(page)).runs[0].name, "record");
    }));

    test("what is empty says so: before a log, and where no curve is in view", async () => {
      const status = (/** @type {import("playwright-core").Page} */ page) => page.locator("#status").innerText();
      await withPage(browser, site.url, async (page) => {
        await page.keyboard.press("e");
        assert.match(await status(page), /open a log first/);
      });
      await withPage(browser, site.url, async (page) => {
        await runsOpen(page, 2);
        assert.equal(await page.locator(".large .absent").innerText(), "Nothing of these logs lies in this part of the axis.");
        await page.keyboard.press("e");
        assert.match(await status(page), /Nothing is in view/);
        await page.keyboard.press("0");
        await settled(page);
        assert.equal(await page.locator(".large .absent").isVisible(), false, "the curves are back");
      }, { query: `${QUERY}&axis=tokens&zoom=1e12_2e12` });
    });

    test("an embedded view has the chart and the transport only", () => withPage(browser, site.url, async (page) => {
      await runsOpen(page, 2);
      assert.equal(await page.locator(".top, .side, .details").filter({ visible: true }).count(), 0);
      assert.ok(await page.locator(".transport").isVisible());
      assert.match(await page.locator(".legend").innerText(), /slow\s*fast/);
    }, { query: `${QUERY}&embed=1` }));
  });
}
