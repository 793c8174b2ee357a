// @ts-check
// The page: puts its parts together and keeps them in step.

import { connect, costs } from "./core/client.js";
import { button, choice, fill, h, refill } from "./core/dom.js";
import { short, WORDS } from "./core/format.js";
import { addChart, invalidate, settled, startFrames } from "./core/frame.js";
import { applyRuns, applyView, linkedRuns, wantedFiles } from "./core/link.js";
import { message, Opener } from "./core/opening.js";
import { axesThere, furthest, on, set, showAxis, shown } from "./core/store.js";
import { Canvas2D } from "./draw/canvas2d.js";
import { choose } from "./draw/renderer.js";
import { applyTheme, onSystemTheme } from "./draw/theme.js";
import { Chart } from "./ui/chart.js";
import { details } from "./ui/details.js";
import { help, listenToKeys } from "./ui/help.js";
import { leaderboardView } from "./ui/leaderboard.js";
import { changeClock, startPlayer } from "./ui/player.js";
import { readout } from "./ui/readout.js";
import { legend, runsPanel } from "./ui/runs.js";
import { splitsPanel } from "./ui/splits.js";
import { takeAway } from "./ui/take.js";
import { transport } from "./ui/transport.js";

/** @type {Record<string, string>} */
const AXIS_WORDS = { tokens: "tokens", step: "steps", train_s: "train s", wall_s: "wall s" };
const WATCH_MS = 500;
/** Most complaints in the box; the remarks list more. */
const MOST_TOLD = 20;
const SMALL = ["lr", "tokens_per_s", "mfu", "grad_norm", "memory_bytes"];
/** When the page is kept for later: behind the first view, all of which it loads once more. */
const KEPT_AFTER_MS = 2000;
const query = new URLSearchParams(location.search);
const isEmbedded = query.get("embed") === "1";
const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const status = /** @type {HTMLElement} */ (document.getElementById("status"));

const call = connect(() => void opener.reopen());
/** @type {Opener} */
const opener = new Opener(call, say, drawer);
/** @type {import("./draw/renderer.js").Renderer} there as soon as a run is */
let renderer;
let drawnBy = "";
/** @type {Promise<void> | null} */
let looked = null;
/** @type {Chart[]} */
const charts = [];
const picker = h("input", { type: "file", multiple: true, hidden: true, id: "picker", "aria-label": "Logs", onchange: () => void opened() });

/** Who draws is looked for with the first log: until then nothing is drawn, and WebGPU's module is not loaded. */
function drawer() {
  looked ??= choose(query.get("renderer")).then(({ renderer: found, why }) => {
    [renderer, drawnBy] = [found, why];
    watchDevice();
  });
  return looked;
}

/** @param {string} text @param {boolean} [bad] */
function say(text, bad = false) {
  status.classList.toggle("bad", bad);
  fill(status, text);
  if (bad) toast(text);
}

/** What went wrong stays until it was read, all of it in one box. @param {string} text */
function toast(text) {
  let list = document.querySelector(".toast ul");
  if (!list) {
    list = h("ul");
    const box = h("div", { class: "toast", role: "alert" }, list, button("✕", () => box.remove(), { class: "plain", "aria-label": "Dismiss" }));
    document.getElementById("layers")?.append(box);
  }
  if (list?.lastElementChild?.textContent === text) return;
  list?.append(h("li", {}, text));
  if (list && list.children.length > MOST_TOLD) list.firstElementChild?.remove();
}

async function opened() {
  status.classList.remove("bad");
  await bring(() => opener.files(picker.files ?? []));
  picker.value = "";
}

/** A link's playhead is within reach once all of its runs are open, those that a person has to bring included. @param {() => Promise<void>} open */
async function bring(open) {
  const wanted = opener.wanted.length > 0;
  await open();
  if (wanted && opener.wanted.length === 0) restore();
}

/** What a link says of the view, as far as the runs that are open have it. */
function restore() {
  applyView(query);
  applyRuns(query);
  fit();
}

const acts = {
  open: () => picker.click(),
  take: () => {
    const isOpen = shown.runs.length > 0;
    const drawn = charts.filter((chart) => isOpen && chart.drawn && !chart.drawn.absent);
    if (drawn.length > 0) takeAway(drawn, call);
    else if (isOpen) say("Nothing is in view to take away: show all of the axis (0) or another one (x).", true);
    else say("Nothing is shown yet: open a log first.", true);
  },
  theme: () => {
    const next = document.documentElement.dataset.theme === "light" ? "dark" : "light";
    remember("theme", next);
    applyTheme(next);
    invalidate("picture");
  },
  toggleLog: () => toggleLog("train_loss"),
};

/** @param {string} metric */
function toggleLog(metric) {
  const ylog = shown.ylog.includes(metric) ? shown.ylog.filter((one) => one !== metric) : [...shown.ylog, metric];
  set({ ylog });
}

/** A browser may forbid pages to remember. @param {string} key @param {string} [value] */
function remember(key, value) {
  try {
    if (value !== undefined) localStorage.setItem(key, value);
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

function tools() {
  fill(
    /** @type {HTMLElement} */ (document.getElementById("tools")),
    button("Open…", acts.open),
    button("Take away", acts.take),
    button("◐", acts.theme, { "aria-label": "Dark or light", title: "Dark or light (t)" }),
    button("?", () => help(acts), { "aria-label": "Keys", title: "Keys (?)" }),
    picker,
  );
}

/** Before a run is open. */
function start() {
  const board = h("section", { class: "panel", "aria-label": "Leaderboard" }, h("header", {}, h("h2", {}, "Leaderboard")), h("div", { id: "board" }));
  void leaderboardView(opener).then((view) => fill(board.lastElementChild, view));
  const wanted = opener.wanted.map(({ digest, name }) => h("li", {}, `${name} (${digest})`));
  return h(
    "div", { class: "start" },
    h("h1", {}, "Training runs, replayed as a race."),
    h("p", { class: "lead" }, "Put logs side by side under one playhead, in tokens or in seconds: who leads, where the lead changed, and how far each is ahead at equal loss."),
    h(
      "div", { class: "drop" },
      h("p", { class: "row" }, button("Open logs…", acts.open, { class: "primary", "data-key": "open-first" }), "or drop files and folders anywhere on this page."),
      wanted.length > 0 && h("div", {}, h("p", {}, "This link shows files that are not on this host. Drop them here:"), h("ul", {}, wanted)),
      h("p", {}, "run.jsonl of blueberry (also .zst, .gz), the reference's JSON, modded-nanogpt text, llm.c main.log, TensorBoard events, CSV of W&B and Trackio. Nothing leaves this browser."),
    ),
    board,
  );
}

/** With runs open. */
function work() {
  const loss = new Chart(["train_loss", "val_loss"], () => renderer);
  charts.push(loss);
  const small = SMALL.map((metric) => smallChart(metric));
  for (const chart of charts) addChart(chart);
  return h(
    "div", {},
    h("h1", { class: "unseen" }, "Training runs as a race"),
    h(
      "div", { class: "work" },
      h("div", { class: "side" }, runsPanel({ close: (id) => void opener.close(id), open: acts.open }), splitsPanel(opener)),
      h(
        "div", { class: "stage" },
        h(
          "section", { class: "panel large", "aria-label": "Loss" },
          lossHeader(), loss.element, isEmbedded && legend(), readout(call, complain), h("p", { class: "note drawn-by", id: "drawn-by" }, drawnBy),
        ),
        h("div", { class: "small" }, small),
        details(opener),
      ),
    ),
    transport(),
  );
}

function lossHeader() {
  const place = h("div", { class: "row" });
  const smoothing = h("select", { "aria-label": "Smoothing", onchange: () => set({ smooth: Number(smoothing.value) }) });
  on(["smooth", "runs"], () => {
    const spans = [...new Set([0, ...[0, 1, 2, 3, 4, 5, 6].map((power) => 16_384 * 4 ** power), shown.smooth])].sort((a, b) => a - b);
    refill(smoothing, spans, () => spans.map((span) => h("option", { value: span }, span === 0 ? "raw" : `smooth ${short(span)}`)));
    smoothing.value = String(shown.smooth);
  });
  on(["axis", "xlog", "ylog", "runs"], () => {
    const has = axesThere().map((axis) => /** @type {[string, string]} */ ([axis, AXIS_WORDS[axis]]));
    const isLog = shown.ylog.includes("train_loss");
    refill(place, [has, shown.axis, shown.xlog, isLog], () => [
      choice("Axis", has, shown.axis, showAxis),
      button("log x", () => set({ xlog: !shown.xlog, zoom: null }), { "aria-pressed": String(shown.xlog), "data-key": "xlog" }),
      button("log y", acts.toggleLog, { "aria-pressed": String(isLog), "data-key": "ylog" }),
    ]);
  });
  const all = button("All", () => set({ zoom: null }), { "aria-label": "Show all of the axis", disabled: true });
  on(["zoom"], () => { all.disabled = shown.zoom === null; });
  return h("header", {}, h("h2", {}, "Loss"), smoothing, all, place);
}

/** @param {string} metric */
function smallChart(metric) {
  const chart = new Chart([metric], () => renderer);
  charts.push(chart);
  const log = button("log", () => toggleLog(metric), { "aria-pressed": "false", "aria-label": `${WORDS[metric]}, log axis` });
  on(["ylog"], () => log.setAttribute("aria-pressed", String(shown.ylog.includes(metric))));
  return h("section", { class: "panel", "aria-label": WORDS[metric] }, h("h3", {}, WORDS[metric], log), chart.element);
}

/** @param {unknown} error */
function complain(error) {
  say(message(error), true);
}

/** A device can be lost at any time, also while nothing moves; the curves are then drawn without it. */
function watchDevice() {
  if (renderer.name !== "WebGPU") return;
  const watch = setInterval(() => {
    if (!renderer.isLost()) return;
    clearInterval(watch);
    renderer = new Canvas2D();
    drawnBy = "Drawn by Canvas 2D: the WebGPU device was lost.";
    say(drawnBy, true);
    const place = document.getElementById("drawn-by");
    if (place) fill(place, drawnBy);
    for (const chart of charts) chart.changeRenderer();
    invalidate("picture");
  }, WATCH_MS);
}

/** Axis and playhead are those of a run that is shown: others may have been closed, hidden or linked to. */
function fit() {
  const axes = axesThere();
  if (axes.length === 0) return;
  if (!axes.includes(shown.axis)) showAxis(axes[0]);
  if (!axes.includes(shown.clock)) changeClock(axes[0]);
  if (shown.t > furthest()) set({ t: furthest() });
}

/** The first runs bring the view that suits them. */
function suit() {
  const run = shown.runs[0];
  fit();
  if (!query.has("smooth")) {
    const tokens = run.ends.tokens ?? (run.ends.step ?? 0) * 16_384;
    const power = Math.floor(Math.log(Math.max(1, tokens * 0.01) / 16_384) / Math.log(4));
    set({ smooth: run.rows < 200 || power < 0 ? 0 : 16_384 * 4 ** Math.min(6, power) });
  }
  set({ t: furthest() });
}

function listenToDrops() {
  addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("over");
  });
  addEventListener("dragleave", (event) => event.relatedTarget || document.body.classList.remove("over"));
  addEventListener("drop", (event) => {
    event.preventDefault();
    document.body.classList.remove("over");
    status.classList.remove("bad");
    const { dataTransfer } = event;
    if (dataTransfer) void bring(() => opener.dropped(dataTransfer)).catch(complain);
  });
}

/** Where the browser allows it. */
function keep() {
  if ("serviceWorker" in navigator) void navigator.serviceWorker.register("sw.js").catch(() => {});
}

function boot() {
  const theme = () => query.get("theme") ?? remember("theme");
  applyTheme(theme());
  onSystemTheme(() => {
    if (theme()) return;
    applyTheme(null);
    invalidate("picture");
  });
  document.body.classList.toggle("embed", isEmbedded);
  set({ ylog: ["train_loss"] });
  applyView(query);
  opener.wanted = wantedFiles(query);
  tools();
  fill(main, start());
  startFrames(call, complain);
  startPlayer();
  listenToKeys(acts);
  listenToDrops();
  /** @type {Element | null} built with the first run, and kept */
  let stage = null;
  on(["runs"], () => {
    const isOpen = shown.runs.length > 0;
    const wasOpen = stage?.isConnected ?? false;
    // What was open is on its way.
    if (wasOpen && opener.reopening) return;
    if (isOpen && !wasOpen) {
      suit();
      fill(main, stage ??= work());
      set({ ...shown });
    } else if (isOpen) {
      fit();
    } else if (wasOpen) {
      set({ axis: "tokens", clock: "tokens", playing: 0, t: 0, zoom: null, cross: null });
      fill(main, start());
    }
  });
  const { runs, refused } = linkedRuns(query, document.baseURI);
  for (const { name, why } of refused) opener.trouble(name, null, why);
  if (runs.length > 0) for (const { digest, name } of opener.wanted) opener.trouble(name, null, `this link shows it too, but it is not on this host: drop it here (digest ${digest})`);
  // Once more when all are open: only then is a playhead near the end of the longest within reach.
  const ready = runs.length > 0 ? opener.links(runs).then(restore) : Promise.resolve();
  addEventListener("load", () => setTimeout(keep, KEPT_AFTER_MS));
  return ready;
}

const ready = boot();
// For tests and benchmarks: the page says when everything shown is up to date.
Object.assign(window, { blueberry: { ready, settled, shown, set, costs, renderer: () => renderer?.name ?? null } });
