// @ts-check
// The list of runs: colour and dash, where each stands, and what can be done with it.

import { button, fill, h, refill, s } from "../core/dom.js";
import { value } from "../core/format.js";
import { furthest, on, set, shown, visible } from "../core/store.js";
import { runColorName, runDash } from "../draw/theme.js";

/** A sample of a run's line. @param {number} index */
export function swatch(index) {
  const dash = runDash(index);
  const line = s("line", { x1: 1, y1: 6, x2: 27, y2: 6, "stroke-width": 2.5, stroke: `var(${runColorName(index)})` });
  if (dash[0] > 0) line.setAttribute("stroke-dasharray", (dash[2] > 0 ? dash : dash.slice(0, 2)).join(" "));
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
    if (wasAtEnd || shown.t > furthest()) set({ t: furthest() });
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
      button("✕", () => acts.close(run.id), { "aria-label": `Close ${run.name}`, "data-key": `close ${run.id}` }),
    ),
  );
}

/** @param {Element} list */
function showNow(list) {
  for (const place of list.querySelectorAll(".now")) {
    const id = Number(place.getAttribute("data-run"));
    const row = shown.state?.runs.find((/** @type {any} */ run) => run.id === id);
    const now = row?.val_loss ?? row?.train_loss;
    const words = now === null || now === undefined ? "" : value("val_loss", now);
    if (place.textContent !== words) fill(place, words);
  }
}
