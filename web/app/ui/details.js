// @ts-check
// What stands below the charts, one part at a time: comparison, samples, verdict, leaderboard, remarks.

import { button, h, note, refill } from "../core/dom.js";
import { onAxis } from "../core/format.js";
import { raceRequest } from "../core/frame.js";
import { message } from "../core/opening.js";
import { on, runOf, set, shown, visible } from "../core/store.js";
import { leaderboardView } from "./leaderboard.js";
import { swatch } from "./runs.js";
import { verdictView } from "./verdict.js";

const TABS = /** @type {[string, string][]} */ ([["compare", "Settings that differ"], ["samples", "Samples"], ["verdict", "Verdict"], ["leaderboard", "Leaderboard"], ["problems", "Remarks"]]);
/**
 * What of the store each is made of. A run that is followed changes twice a second, and a verdict reads the whole log.
 * @type {Record<string, string[]>}
 */
const NEWS = { compare: ["runs"], samples: ["state"], verdict: ["chosen"], leaderboard: [], problems: ["problems"] };
const MOST_PROBLEMS = 500;

/** @typedef {import("../core/dom.js").View} View */

/** @param {import("../core/opening.js").Opener} opener */
export function details(opener) {
  const tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "Details" });
  const body = h("div", { id: "details", role: "tabpanel", tabindex: "0" });
  const panel = h("section", { class: "panel details", "aria-label": "Details" }, tabs, body);
  const views = /** @type {Record<string, () => Promise<View> | View>} */ ({
    compare: () => compareView(opener.call),
    samples: () => samplesView(opener.call),
    verdict: () => verdictView(opener),
    leaderboard: async () => {
      const view = await leaderboardView(opener);
      return [null, () => view];
    },
    problems: problemsView,
  });
  const showTabs = () => refill(tabs, [shown.tab, shown.problems.length], () => TABS.map(([tab, words]) => tabButton(tab, words)));
  let round = 0;
  const redraw = async () => {
    const { tab } = shown;
    const mine = ++round;
    body.setAttribute("aria-label", TABS.find(([one]) => one === tab)?.[1] ?? "");
    body.setAttribute("aria-busy", "true");
    const show = (/** @type {View} */ [what, make]) => {
      if (mine === round) refill(body, [tab, what], make);
    };
    await Promise.resolve().then(views[tab]).then(show).catch((error) => show(note(message(error))));
    if (mine === round) body.setAttribute("aria-busy", "false");
  };
  on(["tab", "problems"], showTabs);
  on(["tab"], () => void redraw());
  for (const [tab, keys] of Object.entries(NEWS)) on(keys, () => { if (shown.tab === tab) void redraw(); });
  tabs.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => moveTab(event));
  showTabs();
  void redraw();
  return panel;
}

/** @param {string} tab @param {string} words */
function tabButton(tab, words) {
  const count = tab === "problems" && shown.problems.length > 0 ? ` (${shown.problems.length})` : "";
  const chosen = tab === shown.tab;
  return button(words + count, () => set({ tab }), { role: "tab", "aria-selected": String(chosen), "aria-controls": "details", tabindex: chosen ? "0" : "-1", "data-key": `tab ${tab}` });
}

/** @param {KeyboardEvent} event */
function moveTab(event) {
  const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
  if (!by) return;
  event.preventDefault();
  event.stopPropagation();
  const at = TABS.findIndex(([tab]) => tab === shown.tab);
  const tab = TABS[(at + by + TABS.length) % TABS.length][0];
  set({ tab });
  setTimeout(() => /** @type {HTMLElement | null} */ (document.querySelector(`[data-key="tab ${tab}"]`))?.focus(), 0);
}

/** @param {import("../core/client.js").Call} call @returns {Promise<View>} */
async function compareView(call) {
  const runs = visible().map(({ id, name, color }) => ({ id, name, color }));
  if (runs.length < 2) return note("Open a second run to see in which settings they differ.");
  const { rows, left_out: left } = await call("compare", { runs: runs.map(({ id }) => id) });
  if (rows.length === 0) return note("No setting differs, as far as these logs say.");
  const head = runs.map(({ name, color }) => h("th", { scope: "col" }, swatch(color), name));
  const cell = (/** @type {string | null} */ value) => h("td", { class: "num" }, value ?? "–");
  const line = (/** @type {any} */ row) => h("tr", {}, h("th", { scope: "row" }, row.key), row.values.map(cell));
  return [[runs, rows, left], () => [h(
    "div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Settings that differ, by run", "data-key": "compare" },
    h(
      "table", { class: "differs" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Setting"), head)),
      h("tbody", {}, rows.map(line)),
    ),
  ), left > 0 && h("p", { class: "note body" }, `… and ${left} more settings that differ.`)]];
}

/** @param {import("../core/client.js").Call} call @returns {Promise<View>} */
async function samplesView(call) {
  const rows = (await call("samples", raceRequest())).filter((/** @type {any} */ row) => row.of > 0);
  if (rows.length === 0) return note("These logs hold no samples of text.");
  const samples = rows.map((/** @type {any} */ { id, sample }) => {
    const run = runOf(id);
    const where = sample ? ` at ${onAxis(shown.clock, sample.at)}` : "";
    return { id, color: run?.color ?? 0, words: `${run?.name ?? ""}${where}`, sample };
  });
  return [samples, () => h("div", { class: "samples" }, samples.map(figure))];
}

/** @param {any} sample */
function figure({ id, color, words, sample }) {
  const text = sample ? [h("span", { class: "prompt" }, sample.prompt), sample.text] : "No sample up to here.";
  const quote = h("blockquote", { tabindex: "0", "data-key": `sample ${id}` }, text);
  return h("figure", {}, h("figcaption", { class: "row" }, swatch(color), words), quote);
}

/** @returns {View} */
function problemsView() {
  const { problems } = shown;
  if (problems.length === 0) return note("Everything in the open files could be read.");
  const listed = problems.slice(-MOST_PROBLEMS);
  const left = problems.length - listed.length;
  const one = (/** @type {any} */ { file, line, text }) => h("li", {}, `${file}${line === null ? "" : `, line ${line}`}: ${text}`);
  return [[left, listed], () => [
    left > 0 && h("p", { class: "note body" }, `The last ${listed.length} remarks; ${left} earlier ones are left out.`),
    h("ul", { class: "problems" }, listed.map(one)),
    h("p", { class: "body" }, button("Clear", () => set({ problems: [] }), { "data-key": "clear" })),
  ]];
}
