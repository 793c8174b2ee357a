// @ts-check
// The list of runs: colour and dash, where each stands, and what can be done with it.

import { button, fill, focusKey, h, refill, s } from "../core/dom.js";
import { value, WORDS } from "../core/format.js";
import { furthest, on, set, shown, visible } from "../core/store.js";
import { dashes, runColorName } from "../draw/theme.js";

/** What a run is at the playhead, where that is not simply that it runs or has run. */
const PHASES = /** @type {Record<string, string>} */ ({ not_started: "not started", interrupted: "interrupted", diverged: "diverged", failed: "failed", no_axis: "not on this axis" });

/** A sample of a run's line. @param {number} index */
export function swatch(index) {
  const line = s("line", { x1: 1, y1: 6, x2: 27, y2: 6, "stroke-width": 2.5, stroke: `var(${runColorName(index)})` });
  if (dashes(index).length > 0) line.setAttribute("stroke-dasharray", dashes(index).join(" "));
  return s("svg", { class: "swatch", viewBox: "0 0 28 12", "aria-hidden": "true" }, line);
}

/** @param {{ close: (id: number) => void, open: () => void }} acts */
export function runsPanel(acts) {
  const list = h("ul", { class: "runs" });
  const panel = h(
    "section", { class: "panel", "aria-label": "Runs" },
    h("header", {}, h("h2", {}, "Runs"), button("Open…", acts.open, { "data-key": "open-more" })),
    list,
  );
  const redraw = () => {
    const { runs, chosen, axis } = shown;
    const facts = runs.map(({ id, name, about, hidden, live, status }) => [id, name, about, hidden, live, status, id === chosen]);
    refill(list, [facts, axis], () => runs.map((run) => row(run, acts)));
    showNow(list);
  };
  on(["runs", "chosen", "axis", "state"], redraw);
  return panel;
}

/** The names in a line, where there is no room for the list. */
export function legend() {
  const line = h("p", { class: "legend" });
  on(["runs"], () => {
    const named = visible().map(({ name, color }) => ({ name, color }));
    refill(line, named, () => named.map(({ name, color }) => h("span", {}, swatch(color), name)));
  });
  return line;
}

/** @param {import("../core/store.js").Run} run @param {{ close: (id: number) => void }} acts */
function row(run, acts) {
  const choose = () => set({ chosen: run.id });
  const hide = () => {
    const wasAtEnd = shown.t >= furthest();
    // By number: of a run that is followed, the one that this row was made of is replaced twice a second.
    set({ runs: shown.runs.map((one) => (one.id === run.id ? { ...one, hidden: !one.hidden } : one)) });
    if (wasAtEnd) set({ t: furthest() });
  };
  const close = () => {
    const at = shown.runs.findIndex(({ id }) => id === run.id);
    acts.close(run.id);
    const next = shown.runs[Math.min(at, shown.runs.length - 1)];
    focusKey(next ? `close ${next.id}` : "open-first");
  };
  const status = run.live ? h("span", { class: "live" }, "● training  ") : run.status ? `${run.status} · ` : "";
  return h(
    "li", { class: `${run.id === shown.chosen ? "chosen" : ""} ${run.hidden ? "off" : ""}` },
    swatch(run.color),
    h("div", {}, h("div", { class: "name", title: run.name }, run.name), h("div", { class: "about", title: run.about }, status, run.about)),
    h("span", { class: "now", "data-run": run.id }),
    h(
      "span", { class: "acts" },
      button("splits", choose, { "aria-pressed": String(run.id === shown.chosen), "aria-label": `Show splits of ${run.name}`, "data-key": `choose ${run.id}` }),
      button(run.hidden ? "show" : "hide", hide, { "aria-label": `${run.hidden ? "Show" : "Hide"} ${run.name}`, "data-key": `hide ${run.id}` }),
      button("✕", close, { "aria-label": `Close ${run.name}`, "data-key": `close ${run.id}` }),
    ),
  );
}

/** @param {Element} list */
function showNow(list) {
  for (const place of list.querySelectorAll(".now")) {
    const id = Number(place.getAttribute("data-run"));
    const row = shown.state?.runs.find((/** @type {any} */ run) => run.id === id);
    const metric = row?.val_loss === null ? "train_loss" : "val_loss";
    const now = row?.[metric] ?? null;
    refill(place, [now, metric, row?.phase], () => [
      now === null ? "" : h("span", { title: WORDS[metric] }, value(metric, now)),
      row && PHASES[row.phase] && h("small", {}, PHASES[row.phase]),
    ]);
  }
}
