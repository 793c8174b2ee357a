// @ts-check
// The leaderboard and how its records fell over time; a record's logs can be replayed from it.

import { button, h, s } from "../core/dom.js";
import { time } from "../core/format.js";
import { linkedRuns } from "../core/link.js";

/** @type {Promise<[any, any]> | null} */
let loaded = null;

/** The leaderboard, and the logs of each record that are published with the page. */
function load() {
  const json = (/** @type {string} */ name) => fetch(name).then((response) => (response.ok ? response.json() : {})).catch(() => ({}));
  loaded ??= Promise.all([json("leaderboard.json"), json("records.json")]);
  return loaded;
}

/** The record of each category, where its log is published with the page. @returns {Promise<{ words: string, log: import("../core/link.js").Linked }[]>} */
export async function records() {
  const [{ categories = [] }, logs] = await load();
  return categories.flatMap((/** @type {any} */ { name, record }) => linked(logs[record] ?? []).slice(0, 1).map((log) => ({ words: `record: ${name}`, log })));
}

/** @param {string[]} logs */
function linked(logs) {
  return linkedRuns(new URLSearchParams({ runs: logs.join(",") }), document.baseURI).runs;
}

/** @param {import("../core/opening.js").Opener} opener */
export async function leaderboardView(opener) {
  const [{ categories = [] }, logs] = await load();
  if (categories.length === 0) return h("p", { class: "note body" }, "No records are published with this page yet.");
  return categories.map((/** @type {any} */ category) => categoryView(category, logs, opener));
}

/** @param {any} category @param {any} logs @param {import("../core/opening.js").Opener} opener */
function categoryView(category, logs, opener) {
  const { ranked = [], pending = [], reference, metric, progression = [] } = category;
  const rows = [...ranked, ...pending].map((/** @type {any} */ row) => line(row, metric, logs[row.id] ?? [], opener));
  const head = ["Rank", "Title", "Author", "Figure", "Date", "Status", "Replay"].map((words) => h("th", { scope: "col" }, words));
  return h(
    "section", { class: "body" },
    h("h3", {}, category.name),
    h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": category.name }, h("table", {}, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows, reference && referenceLine(reference)))),
    progressionView(progression, metric),
  );
}

/** @param {any} row @param {string} metric @param {string[]} logs @param {import("../core/opening.js").Opener} opener */
function line(row, metric, logs, opener) {
  const watch = () => void opener.links(linked(logs));
  const mean = (row.verified ?? row.claimed)?.figure?.mean;
  const cells = [row.rank ?? "–", row.title, row.author, figure(mean, metric), row.date, status(row)];
  return h("tr", {}, cells.map((cell) => h("td", {}, cell ?? "–")), h("td", {}, logs.length > 0 ? button("Watch", watch, { "aria-label": `Watch ${row.title}` }) : "–"));
}

/** What is odd about an entry, in the words of LEADERBOARD.md. @type {Record<string, (record: string) => string>} */
const FLAGS = {
  "built-on-revoked": (record) => `built on ${record}, which was revoked`,
  "unknown-parent": (record) => `built on ${record}, which is not here`,
  "same-logs": (record) => `has a log of ${record}`,
  "better-beside": (record) => `better than ${record} in runs beside it`,
  "not-compared": (record) => `not compared with ${record}`,
  "same-recipe": (record) => `has the source and settings of ${record}`,
};

/** @param {any} row */
function status(row) {
  const odd = (row.flags ?? []).map((/** @type {any} */ { flag, record }) => FLAGS[flag]?.(record));
  const short = row.short_of && `not shown to be better than ${row.short_of}`;
  const looked = (row.looked_at ?? []).map((/** @type {string} */ rule) => `${rule} looked at`);
  return [row.status, short, ...looked, ...odd].filter(Boolean).join("; ");
}

/** What others published stands without a rank. @param {any} reference */
function referenceLine({ clock_s, val_loss, hardware, note }) {
  const title = hardware ? `the reference (${hardware})` : "the reference";
  const cells = ["–", title, "", `${time(clock_s)}, ${val_loss.toFixed(3)}`, "", note ? `unverified; ${note}` : "unverified", ""];
  return h("tr", {}, cells.map((cell) => h("td", { class: "note" }, cell)));
}

/** @param {number | null | undefined} mean @param {string} metric */
function figure(mean, metric) {
  if (mean === null || mean === undefined) return "–";
  return metric === "val-loss" ? mean.toFixed(4) : time(mean);
}

/** The record over the dates, as steps. @param {any[]} milestones @param {string} metric */
function progressionView(milestones, metric) {
  const points = milestones.map(({ date, figure }) => ({ x: Date.parse(date), y: figure })).filter(({ x, y }) => Number.isFinite(x) && typeof y === "number");
  if (points.length < 2) return null;
  const at = (/** @type {number} */ value, /** @type {number[]} */ all, /** @type {number} */ size) => 8 + ((value - Math.min(...all)) / (Math.max(...all) - Math.min(...all) || 1)) * (size - 16);
  const [xs, ys] = [points.map(({ x }) => x), points.map(({ y }) => y)];
  const path = points.map(({ x, y }, index) => {
    const [px, py] = [at(x, xs, 600), 130 - at(y, ys, 130)];
    return index === 0 ? `M${px},${py}` : `H${px}V${py}`;
  });
  const words = `The record went from ${figure(ys[0], metric)} to ${figure(ys[ys.length - 1], metric)} in ${points.length - 1} steps.`;
  return h("div", { class: "progress" }, h("p", { class: "note" }, words), s("svg", { viewBox: "0 0 600 130", role: "img", "aria-label": words }, s("path", { d: path.join(""), fill: "none", stroke: "var(--gold)", "stroke-width": 2 })));
}
