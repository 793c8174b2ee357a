// @ts-check
// The leaderboard and how its records fell over time; a record's logs can be opened from it.

import { button, h, s } from "../core/dom.js";
import { linkedRuns } from "../core/link.js";

/** @type {Promise<any> | null} */
let loaded = null;

function load() {
  loaded ??= fetch("leaderboard.json").then((response) => (response.ok ? response.json() : {})).catch(() => ({}));
  return loaded;
}

/** @param {import("../core/opening.js").Opener} opener */
export async function leaderboardView(opener) {
  const categories = (await load()).categories ?? [];
  if (categories.length === 0) return h("p", { class: "note body" }, "No records are published with this page yet.");
  return categories.map((/** @type {any} */ category) => categoryView(category, opener));
}

/** @param {any} category @param {import("../core/opening.js").Opener} opener */
function categoryView(category, opener) {
  const rows = category.rows ?? category.entries ?? [];
  const head = ["", "Title", "Author", "Figure", "Date", "Status", ""].map((words) => h("th", { scope: "col" }, words));
  return h(
    "section", { class: "body" },
    h("h3", {}, category.name ?? category.id),
    rows.length === 0
      ? h("p", { class: "note" }, "No record yet.")
      : h("div", { class: "scroll" }, h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows.map((/** @type {any} */ row) => line(row, opener))))),
    progression(category.progression ?? []),
  );
}

/** @param {any} row @param {import("../core/opening.js").Opener} opener */
function line(row, opener) {
  const logs = (row.logs_urls ?? row.runs ?? []).filter((/** @type {unknown} */ url) => typeof url === "string");
  const watch = () => void opener.links(linkedRuns(new URLSearchParams({ runs: logs.join(",") }), document.baseURI).runs);
  const cells = [row.rank ?? "–", row.title, row.author, figure(row), row.date, row.status];
  return h("tr", {}, cells.map((cell) => h("td", {}, cell ?? "")), h("td", {}, logs.length > 0 && button("Watch", watch, { "aria-label": `Watch ${row.title}` })));
}

/** @param {any} row */
function figure(row) {
  const value = row.figure?.text ?? row.figure?.mean ?? row.figure;
  return typeof value === "number" ? value.toFixed(3) : value;
}

/** The record over the dates, as steps. @param {any[]} milestones */
function progression(milestones) {
  const points = milestones
    .map((one) => ({ x: Date.parse(one.date), y: Number(one.figure?.mean ?? one.figure ?? one.value) }))
    .filter(({ x, y }) => Number.isFinite(x) && Number.isFinite(y));
  if (points.length < 2) return null;
  const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)];
  const at = (/** @type {number} */ value, /** @type {number[]} */ all, /** @type {number} */ size) => 8 + ((value - Math.min(...all)) / (Math.max(...all) - Math.min(...all) || 1)) * (size - 16);
  const steps = points.map(({ x, y }, index) => `${index === 0 ? "M" : "H"}${at(x, xs, 600)}${index === 0 ? "," : "V"}${130 - at(y, ys, 130)}`);
  return h("div", { class: "progress" }, s("svg", { viewBox: "0 0 600 130", role: "img", "aria-label": `The record over time, ${points.length} steps` }, s("path", { d: steps.join(""), fill: "none", stroke: "var(--gold)", "stroke-width": 2 })));
}
