// @ts-check
// What stands below the charts, one part at a time: comparison, samples, verdict, leaderboard, remarks.

import { button, fill, h, refill } from "../core/dom.js";
import { onAxis } from "../core/format.js";
import { raceRequest } from "../core/frame.js";
import { message } from "../core/opening.js";
import { on, runOf, set, shown, visible } from "../core/store.js";
import { leaderboardView } from "./leaderboard.js";
import { swatch } from "./runs.js";
import { verdictView } from "./verdict.js";

const TABS = /** @type {[string, string][]} */ ([["compare", "Settings that differ"], ["samples", "Samples"], ["verdict", "Verdict"], ["leaderboard", "Leaderboard"], ["problems", "Remarks"]]);

/** @param {import("../core/opening.js").Opener} opener */
export function details(opener) {
  const tabs = h("div", { class: "tabs", role: "tablist", "aria-label": "Details" });
  const body = h("div", { id: "details", role: "tabpanel", tabindex: "0" });
  const panel = h("section", { class: "panel details", "aria-label": "Details" }, tabs, body);
  const views = /** @type {Record<string, () => Promise<any> | any>} */ ({
    compare: () => compareView(opener.call),
    samples: () => samplesView(opener.call),
    verdict: () => verdictView(opener),
    leaderboard: () => leaderboardView(opener),
    problems: () => problemsView(),
  });
  let round = 0;
  const redraw = async () => {
    refill(tabs, [shown.tab, shown.problems.length], () => TABS.map(([tab, words]) => tabButton(tab, words)));
    body.setAttribute("aria-label", TABS.find(([tab]) => tab === shown.tab)?.[1] ?? "");
    const mine = ++round;
    body.setAttribute("aria-busy", "true");
    try {
      const view = await views[shown.tab]();
      if (mine === round) fill(body, view);
    } catch (error) {
      fill(body, h("p", { class: "note body" }, message(error)));
    }
    if (mine === round) body.setAttribute("aria-busy", "false");
  };
  on(["tab", "problems"], () => void redraw());
  // A run that is followed changes twice a second, and a verdict reads the whole log.
  on(["runs"], () => { if (shown.tab !== "verdict") void redraw(); });
  on(["chosen"], () => { if (shown.tab === "verdict") void redraw(); });
  on(["t", "clock"], () => { if (shown.tab === "samples") void redraw(); });
  tabs.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => moveTab(event));
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

/** @param {import("../core/client.js").Call} call */
async function compareView(call) {
  const runs = visible().map((run) => run.id);
  if (runs.length < 2) return h("p", { class: "note body" }, "Open a second run to see in which settings they differ.");
  const { rows } = await call("compare", { runs });
  if (rows.length === 0) return h("p", { class: "note body" }, "No setting differs, as far as these logs say.");
  const head = runs.map((id) => h("th", { scope: "col" }, swatch(runOf(id)?.color ?? 0), runOf(id)?.name));
  return h(
    "div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Settings that differ, by run" },
    h(
      "table", { class: "differs" },
      h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Setting"), head)),
      h("tbody", {}, rows.map((/** @type {any} */ row) => h("tr", {}, h("th", { scope: "row" }, row.key), row.values.map((/** @type {string | null} */ value) => h("td", { class: "num" }, value ?? "–"))))),
    ),
  );
}

/** @param {import("../core/client.js").Call} call */
async function samplesView(call) {
  const rows = (await call("samples", raceRequest())).filter((/** @type {any} */ row) => row.of > 0);
  if (rows.length === 0) return h("p", { class: "note body" }, "These logs hold no samples of text.");
  return h("div", { class: "samples" }, rows.map(sample));
}

/** @param {any} row */
function sample({ id, sample }) {
  const run = runOf(id);
  const text = sample ? [h("span", { class: "prompt" }, sample.prompt), sample.text] : "No sample up to here.";
  const where = sample ? ` at ${onAxis(shown.clock, sample.at)}` : "";
  return h("figure", {}, h("figcaption", { class: "row" }, swatch(run?.color ?? 0), `${run?.name ?? ""}${where}`), h("blockquote", { tabindex: "0" }, text));
}

function problemsView() {
  if (shown.problems.length === 0) return h("p", { class: "note body" }, "Everything in the open files could be read.");
  const one = (/** @type {any} */ { file, line, text }) => h("li", {}, `${file}${line === null ? "" : `, line ${line}`}: ${text}`);
  return [h("ul", { class: "problems" }, shown.problems.slice(-500).map(one)), h("p", { class: "body" }, button("Clear", () => set({ problems: [] })))];
}
