// @ts-check
// What the page says to files and links that mean no good, and that it lives on.

import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { closeBrowsers, drop, launch, MODES, runsOpen, settled, shown, withPage } from "./lib/browser.js";
import { lines, log } from "./lib/logs.js";
import { serve } from "./lib/site.js";
import { until } from "./lib/waiting.js";

after(closeBrowsers);

const GOOD = log({ name: "good", steps: 60 });
const MARKUP = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>';

/** @param {import("./lib/browser.js").Mode} mode */
const hostile = (mode) => () => {
  /** @type {import("playwright-core").Browser} */
  let browser;
  /** @type {Awaited<ReturnType<typeof serve>>} */
  let site;
  before(async () => {
    browser = await launch(mode);
    const huge = (/** @type {import("node:http").ServerResponse} */ response) => void response.writeHead(200, { "content-length": 2 ** 31 }).write("{");
    site = await serve({ "good.jsonl": GOOD, "huge.jsonl": huge });
  });
  after(() => site?.close());

  /** Drops one bad file; then a good one must still open. @param {string} name @param {(page: import("playwright-core").Page) => Promise<void>} bad @param {RegExp} says @param {number} [runs] that the bad file gives */
  const lives = (name, bad, says, runs = 0) =>
    test(name, () => withPage(browser, site.url, async (page) => {
      await bad(page);
      await until(page, `a word on ${name}`, () => /** @type {any} */ (window).blueberry.shown.problems.length > 0, undefined, 60_000);
      const { problems } = await shown(page);
      assert.ok(problems.some((/** @type {any} */ { file, line, text }) => says.test(`${file}: ${line}: ${text}`)), JSON.stringify(problems.slice(0, 3)));
      await drop(page, [{ name: "good.jsonl", text: GOOD }]);
      await runsOpen(page, runs + 1);
      assert.equal((await shown(page)).runs.at(-1).name, "good");
    }));

  /** @param {string} text */
  const text = (text) => (/** @type {import("playwright-core").Page} */ page) => drop(page, [{ name: "bad.jsonl", text }]);

  lives("an empty file", text(""), /bad\.jsonl/);
  lives("a log cut in the middle of a line", text(GOOD.slice(0, -40)), /cut short|whole line/, 1);
  lives("a broken line in the middle", text([...lines({ steps: 30 }).slice(0, 10), "{broken", ...lines({ steps: 30 }).slice(10), ""].join("\n")), /11: /, 1);
  lives("a later format", text('{"event":"run","version":99}\n'), /version/i);
  lives("deep JSON", text(`${"[".repeat(100_000)}${"]".repeat(100_000)}`), /bad\.jsonl/);
  lives("deep JSON behind a good line", text(`${lines({})[0]}\n{"event":"step","a":${"[".repeat(50_000)}${"]".repeat(50_000)}}\n`), /recursion|depth|2: /i, 1);
  lives("binary", (page) => page.evaluate(() => {
    const bytes = new Uint8Array(300_000).map((_, index) => (index * 7919) % 256);
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], "bad.bin.jsonl"));
    document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: transfer }));
  }), /bad\.bin/);
  lives("one line of 500 MB", (page) => page.evaluate(() => {
    const part = new Uint8Array(25e6).fill(97);
    const transfer = new DataTransfer();
    transfer.items.add(new File(['{"event":"run","a":"', ...Array(20).fill(part)], "long.jsonl"));
    document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: transfer }));
  }), /long\.jsonl.*(bytes|line)/);
  lives("2 GB", (page) => page.evaluate(() => {
    const file = new File([new Uint8Array(10)], "huge.jsonl");
    Object.defineProperty(file, "size", { value: 2 * 2 ** 30 });
    const list = { length: 1, 0: file, item: () => file, [Symbol.iterator]: function* () { yield file; } };
    const event = new DragEvent("drop", { bubbles: true, cancelable: true });
    Object.defineProperty(event, "dataTransfer", { value: { items: [], files: list } });
    document.body.dispatchEvent(event);
  }), /huge\.jsonl.*2\.0 GiB is more than this page reads/);
  lives("a bomb of zeros in gzip", (page) => page.evaluate(async () => {
    const zeros = new Blob(Array(64).fill(new Uint8Array(1 << 20)));
    const packed = await new Response(zeros.stream().pipeThrough(new CompressionStream("gzip"))).blob();
    const transfer = new DataTransfer();
    transfer.items.add(new File([packed], "bomb.jsonl.gz"));
    document.body.dispatchEvent(new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: transfer }));
  }), /bomb/);

  test("of two logs with very many settings the first that differ are listed", () => withPage(browser, site.url, async (page) => {
    const first = JSON.parse(lines({ steps: 1 })[0]);
    const log = (/** @type {number} */ seed) => {
      const config = Object.fromEntries(Array.from({ length: 100_000 }, (_, key) => [`key-${key}`, seed]));
      return `${JSON.stringify({ ...first, run_id: `${seed}${"x".repeat(1_000_000)}`, config })}\n`;
    };
    await drop(page, [1, 2].map((seed) => ({ name: `${seed}.jsonl`, text: log(seed) })));
    await runsOpen(page, 2);
    await page.getByText("99500 more settings that differ").waitFor();
    assert.equal(await page.locator(".differs tbody tr").count(), 500);
    const names = (await shown(page)).runs.map((/** @type {any} */ run) => run.name.length);
    assert.deepEqual(names, [121, 121], "a name is cut");
  }));

  test("each of several bad files is named on the start page", () => withPage(browser, site.url, async (page) => {
    await drop(page, [1, 2, 3].map((file) => ({ name: `bad-${file}.jsonl`, text: "nothing" })));
    await until(page, "three remarks", () => /** @type {any} */ (window).blueberry.shown.problems.length === 3);
    const told = await page.locator(".toast li").allInnerTexts();
    assert.deepEqual(told.map((text) => text.split(":")[0]), ["bad-1.jsonl", "bad-2.jsonl", "bad-3.jsonl"]);
    await page.getByRole("button", { name: "Dismiss" }).click();
    assert.equal(await page.locator(".toast").count(), 0);
  }));

  test("runs for which there is no room are closed", () => withPage(browser, site.url, async (page) => {
    await page.evaluate(() => {
      const { postMessage } = Worker.prototype;
      /** @type {any} */ (window).closedRuns = [];
      Worker.prototype.postMessage = function (/** @type {any} */ message, /** @type {any} */ ...rest) {
        if (message.method === "close") /** @type {any} */ (window).closedRuns.push(message.args[0]);
        return postMessage.call(this, message, ...rest);
      };
    });
    const rows = Array.from({ length: 160 }, (_, run) => `run-${String(run).padStart(3, "0")},1,3\n`);
    await drop(page, [{ name: "many.csv", text: `run,step,loss\n${rows.join("")}` }]);
    await runsOpen(page, 150);
    assert.match((await shown(page)).problems[0].text, /only 150 of its 160 runs/);
    assert.equal(await page.evaluate(() => new Set(/** @type {any} */ (window).closedRuns).size), 10);
  }));

  test("markup in names is text", () => withPage(browser, site.url, async (page) => {
    const bad = log({ name: MARKUP, steps: 60, user: MARKUP });
    await drop(page, [{ name: `${MARKUP}.jsonl`, text: bad }, { name: `<b>x</b>.csv`, text: "nothing" }]);
    await runsOpen(page, 1);
    await page.getByRole("tab", { name: /Remarks/ }).click();
    await settled(page);
    assert.equal(await page.locator(".runs .name").innerText(), MARKUP);
    assert.equal(await page.locator("main img, main script, main b:not(.leader b), #layers img").count(), 0);
    await page.keyboard.press("e");
    const [file] = await Promise.all([page.waitForEvent("download"), page.getByRole("button", { name: "Drawing" }).click()]);
    const stream = await file.createReadStream();
    let drawing = "";
    for await (const part of stream) drawing += part;
    assert.ok(drawing.includes("&lt;img src=x") && !drawing.includes("<img"), "escaped in the drawing");
    assert.equal(await page.evaluate(() => "hacked" in window), false);
  }));

  for (const [name, link] of [["another host", "https://evil.example/run.jsonl"], ["another host without a scheme", "//evil.example/run.jsonl"], ["a script", "javascript:alert(1)"], ["a data address", "data:text"], ["a broken address", "%E0%A4%A"]]) {
    test(`a link to ${name} is refused`, () => withPage(browser, site.url, async (page) => {
      await until(page, "the link to be refused", () => /** @type {any} */ (window).blueberry.shown.problems.length > 0);
      const { problems } = await shown(page);
      assert.match(problems[0].text, /another host|no address/);
      assert.match(await page.locator(".toast").innerText(), /another host|no address/);
      await runsOpen(page, 1);
    }, { query: `?runs=${link},good.jsonl`, forgive: /404/ }));
  }

  test("a log that is not there is said not to be", () => withPage(browser, site.url, async (page) => {
    await runsOpen(page, 1);
    assert.match((await shown(page)).problems[0].text, /404/);
  }, { query: "?runs=missing.jsonl,good.jsonl", forgive: /404/ }));

  test("a log that is too long is refused before it is loaded", () => withPage(browser, site.url, async (page) => {
    await runsOpen(page, 1);
    assert.match((await shown(page)).problems[0].text, /longer than this page reads/);
  }, { query: "?runs=huge.jsonl,good.jsonl" }));

  test("of very many remarks the last are listed, and how many are not is said", () => withPage(browser, site.url, async (page) => {
    const text = [...lines({ steps: 30 }), ...Array(300).fill("{broken"), ""].join("\n");
    await drop(page, [1, 2, 3].map((file) => ({ name: `${file}.jsonl`, text })));
    await runsOpen(page, 3);
    await page.evaluate(() => /** @type {any} */ (window).blueberry.set({ tab: "problems" }));
    await until(page, "the remarks", () => document.querySelectorAll(".problems li").length === 500);
    const { problems } = await shown(page);
    assert.ok(problems.length > 500);
    assert.ok((await page.locator("#details").innerText()).includes(`${problems.length - 500} earlier ones are left out`));
  }));

  test("an address full of nonsense shows the page", () => withPage(browser, site.url, async (page) => {
    await runsOpen(page, 1);
    const { axis, zoom, smooth } = await shown(page);
    assert.equal(axis, "tokens");
    assert.equal(zoom, null);
    assert.ok(smooth >= 0);
  }, { query: "?runs=good.jsonl&axis=__proto__&zoom=5_-1&smooth=-7&t=NaN&clock=x&splits=a_b&ylog=%3Cb%3E" }));
};

for (const mode of MODES) describe(`hostile input, drawn by ${mode}`, hostile(mode));
