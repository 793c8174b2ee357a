// @ts-check
// The address: which runs, and what is shown of them. Only files of this page's own host can be named.

import { set, shown } from "./store.js";

const MOST_RUNS = 100;
const METRICS = ["train_loss", "lr", "tokens_per_s", "mfu", "grad_norm", "memory_bytes"];
const AXES = ["tokens", "step", "train_s", "wall_s"];

/** @typedef {{ name: string, url: string, digest?: string }} Linked `digest` is that of the log when the link was made */

/**
 * The logs that an address names, as far as they may be loaded.
 * @param {URLSearchParams} query @param {string} base @returns {{ runs: Linked[], refused: { name: string, why: string }[] }}
 */
export function linkedRuns(query, base) {
  const names = (query.get("runs") ?? "").split(",").filter(Boolean);
  const digests = (query.get("digests") ?? "").split(",");
  /** @type {Linked[]} */
  const runs = [];
  /** @type {{ name: string, why: string }[]} */
  const refused = [];
  for (const [index, name] of names.slice(0, MOST_RUNS).entries()) {
    const why = refusal(name, base);
    if (why) refused.push({ name, why });
    else runs.push({ name: decodeURIComponent(name.split(/[?#]/)[0].split("/").pop() || name), url: new URL(name, base).href, digest: digests[index] });
  }
  if (names.length > MOST_RUNS) refused.push({ name: `${names.length - MOST_RUNS} more`, why: `a link may name ${MOST_RUNS} runs` });
  return { runs, refused };
}

/** Why a log may not be loaded; empty where it may. @param {string} name @param {string} base */
function refusal(name, base) {
  try {
    decodeURIComponent(name);
    const url = new URL(name, base);
    if (url.origin === new URL(base).origin) return "";
    return "it is on another host, from which this page loads nothing; download the log and drop it here";
  } catch {
    return "it is no address";
  }
}

/** Takes over what an address says of the view; what makes no sense is left as it is. @param {URLSearchParams} query */
export function applyView(query) {
  const one = (/** @type {string} */ key, /** @type {string[]} */ allowed) => allowed.find((value) => value === query.get(key));
  const number = (/** @type {string} */ key, /** @type {number} */ least) => {
    const value = Number(query.get(key) || NaN);
    return Number.isFinite(value) && value >= least ? value : undefined;
  };
  const zoom = (query.get("zoom") ?? "").split("_").map(Number);
  const bars = (query.get("splits") ?? "").split("_").map(Number).filter((bar) => bar > 0 && bar < 1e6);
  const patch = {
    axis: one("axis", AXES),
    clock: one("clock", AXES),
    xlog: query.has("xlog") ? query.get("xlog") === "1" : undefined,
    ylog: query.has("ylog") ? (query.get("ylog") ?? "").split(",").filter((metric) => METRICS.includes(metric)) : undefined,
    smooth: number("smooth", 0),
    zoom: zoom.length === 2 && zoom.every(Number.isFinite) && zoom[0] < zoom[1] ? /** @type {[number, number]} */ (zoom) : undefined,
    t: number("t", 0),
    targets: bars.length > 0 && bars.length <= 20 ? bars.sort((a, b) => b - a) : undefined,
    against: one("against", ["best", "segments"]),
  };
  set(Object.fromEntries(Object.entries(patch).filter(([, value]) => value !== undefined)));
}

/**
 * The runs in an order that a link keeps: logs that it names come first, and those that a person brings may come in any order.
 */
function places() {
  const [linked, local] = [shown.runs.filter(({ url }) => url), shown.runs.filter(({ url }) => !url)];
  return [...linked, ...local.sort((a, b) => (a.digest < b.digest ? -1 : a.digest > b.digest ? 1 : a.id - b.id))];
}

/** Takes over what an address says of its runs, by their places: none of them may be missing. @param {URLSearchParams} query */
export function applyRuns(query) {
  const order = places();
  const linked = new Set(order.flatMap(({ url }) => url ?? []));
  const named = (query.get("runs") ?? "").split(",").filter(Boolean);
  if (linked.size < new Set(named).size) return;
  const at = (/** @type {string | null} */ place) => (/^\d+$/.test(place ?? "") ? order[Number(place)] : undefined);
  const hidden = new Set((query.get("hidden") ?? "").split("_").flatMap((place) => at(place) ?? []));
  if (hidden.size > 0) set({ runs: shown.runs.map((run) => (hidden.has(run) ? { ...run, hidden: true } : run)) });
  const [chosen, rival] = [at(query.get("chosen")), at(query.get("against"))];
  if (chosen) set({ chosen: chosen.id });
  if (rival && rival.id !== shown.chosen) set({ against: String(rival.id) });
}

/** The address of what is shown. Runs that were dropped here are named by digest: who opens the link is asked for them. */
export function linkOf() {
  const { runs, axis, clock, xlog, ylog, smooth, zoom, t, targets, against, chosen } = shown;
  const base = document.baseURI.split(/[?#]/)[0];
  /** @type {Map<string, string>} a log may hold several runs */
  const urls = new Map(runs.flatMap((run) => (run.url ? [[relative(run.url, base), run.grows ? "" : run.digest]] : [])));
  const order = places();
  const hidden = order.flatMap((run, place) => (run.hidden ? [place] : []));
  const placeOf = (/** @type {number} */ id) => order.findIndex((run) => run.id === id);
  const local = [...new Set(runs.flatMap((run) => (run.url ? [] : [`${run.digest}~${entry(encodeURIComponent(run.name))}`])))];
  const parts = [
    ["runs", [...urls.keys()].map(entry).join(",")],
    ["digests", [...urls.values()].join(",")],
    ["files", local.join(",")],
    ["axis", axis], ["clock", clock], ["xlog", xlog ? "1" : ""], ["ylog", ylog.join(",") || "none"],
    ["smooth", String(smooth)], ["zoom", zoom ? zoom.join("_") : ""], ["t", String(t)],
    ["splits", targets.join("_")], ["against", ["best", "segments"].includes(against) ? against : String(placeOf(Number(against)))],
    ["hidden", hidden.join("_")], ["chosen", chosen === null ? "" : String(placeOf(chosen))],
  ];
  return `${base}?${parts.filter(([, value]) => value !== "").map(([key, value]) => `${key}=${value}`).join("&")}`;
}

/** @param {string} url @param {string} base */
function relative(url, base) {
  const folder = new URL("./", base).href;
  const { pathname, search } = new URL(url);
  return url.startsWith(folder) ? url.slice(folder.length) : pathname + search;
}

/**
 * A text in a list of the query. Its commas are escaped once more than the rest: a query is decoded as a whole, before the
 * list is parted at its own. @param {string} text
 */
function entry(text) {
  return encodeURIComponent(text.replaceAll(",", "%2C")).replaceAll("%2F", "/");
}

/** Files that a link names by digest and that only a person can bring. @param {URLSearchParams} query */
export function wantedFiles(query) {
  const parts = (query.get("files") ?? "").split(",").filter(Boolean).slice(0, MOST_RUNS);
  return parts.flatMap((part) => {
    const [, digest, name] = /^([0-9a-f]{16})~?(.*)$/s.exec(part) ?? [];
    return digest ? [{ digest, name: safely(name) }] : [];
  });
}

/** @param {string} text */
function safely(text) {
  try {
    return decodeURIComponent(text).slice(0, 200);
  } catch {
    return "";
  }
}
