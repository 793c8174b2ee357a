// @ts-check
// Everybody's page: the accessibility tree by axe-core, keys for everything, phone width, dark and light, still pictures.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, describe, test } from "node:test";
import { closeBrowsers, closeDialog, launch, MODES, runsOpen, settled, shown, withPage } from "./lib/browser.js";
import { log } from "./lib/logs.js";
import { output } from "./lib/paths.js";
import { serve } from "./lib/site.js";
import { nearest } from "./lib/vision.js";
import { until, within } from "./lib/waiting.js";

after(closeBrowsers);

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const LOGS = { "a.jsonl": log({ name: "first", rate: 90_000, floor: 2.9, seed: 2 }), "b.jsonl": log({ name: "second", seed: 3, lr: 0.02 }) };
const PHONE = { width: 360, height: 740 };

/** @param {import("./lib/browser.js").Mode} mode */
const everybodys = (mode) => () => {
  /** @type {import("playwright-core").Browser} */
  let browser;
  /** @type {Awaited<ReturnType<typeof serve>>} */
  let site;
  before(async () => {
    browser = await launch(mode);
    site = await serve(LOGS);
  });
  after(() => site?.close());

  /** @param {import("playwright-core").Page} page */
  async function clean(page) {
    const found = await within("axe to look at the page", page.evaluate(async () => {
      const { violations } = await /** @type {any} */ (window).axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] });
      return violations.map((/** @type {any} */ one) => `${one.id}: ${one.nodes.map((/** @type {any} */ node) => `${node.target} ${node.failureSummary}`).join("; ")}`);
    }));
    assert.deepEqual(found, []);
  }

  /** @param {string} query @param {object} options @param {(page: import("playwright-core").Page) => Promise<void>} act */
  async function withAxe(query, options, act) {
    await withPage(browser, site.url, async (page) => {
      if (query.includes("runs=")) await runsOpen(page, 2);
      await act(page);
    }, { query, init: AXE, ...options });
  }

  for (const theme of ["dark", "light"]) {
    test(`axe finds nothing on the start page, ${theme}`, () => withAxe(`?theme=${theme}`, {}, async (page) => {
      await page.waitForSelector("#board > *");
      await page.screenshot({ path: output(`start-${theme}-${mode}.png`), fullPage: true });
      await clean(page);
    }));

    test(`axe finds nothing with runs open, ${theme}`, () => withAxe(`?runs=a.jsonl,b.jsonl&theme=${theme}`, {}, async (page) => {
      await page.getByRole("button", { name: "Hide second" }).click();
      await settled(page);
      for (const tab of ["Settings", "Samples", "Verdict", "Leaderboard", "Remarks"]) {
        await page.getByRole("tab", { name: tab }).click();
        await settled(page);
        await until(page, `the tab ${tab} to be filled`, () => document.querySelector("#details")?.getAttribute("aria-busy") === "false");
        await clean(page);
      }
    }));

    test(`axe finds nothing at phone width, ${theme}`, () => withAxe(`?runs=a.jsonl,b.jsonl&theme=${theme}`, { viewport: PHONE }, async (page) => {
      await clean(page);
      await page.screenshot({ path: output(`phone-${theme}-${mode}.png`), fullPage: true });
      const cut = await page.locator("#leader").evaluate((line) => line.scrollWidth > line.clientWidth);
      assert.equal(cut, false, "who leads is told in full");
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= PHONE.width, `nothing is wider than the phone: ${wide}`);
      assert.ok(await page.locator("#status", { hasText: "2 runs open" }).isVisible(), "what the page says is seen");
    }));
  }

  test("axe finds nothing in the overlays", () => withAxe("?runs=a.jsonl,b.jsonl", {}, async (page) => {
    for (const key of ["?", "e"]) {
      await page.keyboard.press(key);
      await page.waitForSelector("dialog[open]");
      await clean(page);
      await closeDialog(page);
    }
  }));

  test("the keys do everything", () => withAxe("?runs=a.jsonl,b.jsonl", {}, async (page) => {
    const press = async (/** @type {string[]} */ ...keys) => {
      for (const key of keys) await page.keyboard.press(key);
      await settled(page);
      return shown(page);
    };
    assert.equal((await press("Home")).t, 0);
    assert.ok((await press(".", ".")).t > 0);
    assert.equal((await press(",", ",")).t, 0);
    assert.equal((await press("]")).speed, 200);
    assert.equal((await press("[", "[")).speed, 20);
    assert.equal((await press("k")).playing, 1);
    assert.equal((await press("k")).playing, 0);
    assert.equal((await press("x")).axis, "step");
    assert.deepEqual((await press("y")).ylog, []);
    const { chosen } = await shown(page);
    assert.notEqual((await press("n")).chosen, chosen);
    await page.keyboard.press("?");
    assert.ok(await page.locator("#help").isVisible());
    await closeDialog(page);
    await page.locator(".large .plot").focus();
    const { cross } = await press("ArrowRight");
    assert.ok(cross > 0);
    const { zoom } = await press("+", "+");
    assert.ok(zoom[0] < cross && cross < zoom[1]);
    await press("+", "+", ...Array(9).fill("PageUp"));
    assert.equal((await shown(page)).zoom[0], 0, "as far as there is more");
    assert.equal((await press("0")).zoom, null);
    await page.getByRole("tab", { name: "Settings" }).focus();
    assert.equal((await press("ArrowRight")).tab, "samples");
    await page.getByRole("button", { name: "Close first" }).focus();
    await press("Enter");
    const focused = () => page.evaluate(() => document.activeElement?.getAttribute("data-key"));
    assert.match(String(await focused()), /^close /, "on the run that follows");
    await press("Enter");
    await page.locator(".start").waitFor();
    assert.equal(await focused(), "open-first", "on the start page, how one goes on");
  }));

  test("every control can be reached by Tab and shows that it is", () => withAxe("?runs=a.jsonl,b.jsonl", {}, async (page) => {
    const controls = await page.locator("button:visible:not([tabindex='-1']):not(:disabled), select:visible, input:visible, .plot:visible").count();
    const reached = new Set();
    for (let turn = 0; turn < controls + 12; turn++) {
      await page.keyboard.press("Tab");
      const seen = await page.evaluate(() => {
        const element = /** @type {HTMLElement} */ (document.activeElement);
        const all = [...document.querySelectorAll("*")];
        return { index: all.indexOf(element), outline: getComputedStyle(element).outlineStyle, tag: element.tagName };
      });
      if (seen.tag !== "BODY") {
        reached.add(seen.index);
        assert.notEqual(seen.outline, "none", `${seen.tag} shows its focus`);
      }
    }
    assert.ok(reached.size >= controls, `${reached.size} of ${controls} controls`);
  }));

  test("each chart is said in words: values and trend", () => withAxe("?runs=a.jsonl,b.jsonl", {}, async (page) => {
    const words = await page.locator(".chart .unseen").allTextContents();
    assert.match(words[0], /first: Training loss \d\.\d+ at 105M, (falling|rising|level)\./);
    assert.match(words[0], /second: Validation loss/);
    assert.equal(words.length, 6);
    const described = await page.locator(".plot").evaluateAll((plots) => plots.map((plot) => document.getElementById(plot.getAttribute("aria-describedby") ?? "")?.textContent));
    assert.deepEqual(described, words, "each chart names its words");
    await page.keyboard.press("Home");
    await settled(page);
    for (const text of await page.locator(".chart .unseen").allTextContents()) assert.doesNotMatch(text, /at 105M/, "the end is not given away");
  }));

  for (const theme of ["dark", "light"]) {
    test(`the colours of runs are told apart without full colour vision, ${theme}`, () => withAxe(`?theme=${theme}`, {}, async (page) => {
      const colors = await page.evaluate(() => [0, 1, 2, 3, 4, 5, 6, 7].map((run) => getComputedStyle(document.documentElement).getPropertyValue(`--run-${run}`).trim()));
      const { sight, pair, distance } = nearest(colors);
      assert.ok(distance > 15, `${pair.join(" and ")} are ${distance.toFixed(1)} apart, ${sight}`);
    }));
  }

  test("dark and light follow the system, unless one was chosen", () => withAxe("?runs=a.jsonl,b.jsonl", { colorScheme: "dark" }, async (page) => {
    const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
    assert.equal(await theme(), "dark");
    await page.emulateMedia({ colorScheme: "light" });
    await until(page, "the light theme", () => document.documentElement.dataset.theme === "light");
    await page.keyboard.press("t");
    assert.equal(await theme(), "dark");
    await page.emulateMedia({ colorScheme: "dark" });
    await page.emulateMedia({ colorScheme: "light" });
    await settled(page);
    assert.equal(await theme(), "dark");
  }));

  test("runs differ in more than colour", () => withAxe("?runs=a.jsonl,b.jsonl", {}, async (page) => {
    const dashes = await page.locator(".runs .swatch line").evaluateAll((lines) => lines.map((line) => line.getAttribute("stroke-dasharray")));
    assert.equal(new Set(dashes).size, 2);
  }));

  test("with reduced motion nothing moves by itself", () => withAxe("?runs=a.jsonl,b.jsonl", { reducedMotion: "reduce" }, async (page) => {
    const moving = await page.evaluate(() => [...document.querySelectorAll("*")].filter((one) => {
      const style = getComputedStyle(one);
      return style.animationName !== "none" || style.transitionDuration.split(",").some((time) => parseFloat(time) > 0);
    }).length);
    assert.equal(moving, 0);
  }));
};

for (const mode of MODES) describe(`everybody's page, drawn by ${mode}`, everybodys(mode));
