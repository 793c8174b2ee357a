// @ts-check
// The keys, and the overlay that lists them.

import { button, h } from "../core/dom.js";
import { axesThere, furthest, set, showAxis, shown } from "../core/store.js";
import { changeSpeed, play, seek } from "./player.js";

/** @typedef {[string[], string, () => void]} Key keys, words, what it does */

/** @param {{ open: () => void, take: () => void, theme: () => void, toggleLog: () => void }} acts @returns {Key[]} */
function keys(acts) {
  const step = () => furthest() / 100;
  return [
    [[" ", "k"], "Play or pause", () => play(1)],
    [["r"], "Play in reverse or pause", () => play(-1)],
    [[",", "j"], "Playhead back by 1 %", () => seek(shown.t - step())],
    [[".", "l"], "Playhead on by 1 %", () => seek(shown.t + step())],
    [["Home"], "Playhead to the start", () => seek(0)],
    [["End"], "Playhead to the end", () => seek(furthest())],
    [["["], "Slower", () => changeSpeed(-1)],
    [["]"], "Faster", () => changeSpeed(1)],
    [["x"], "Next axis of the charts", nextAxis],
    [["y"], "Loss axis linear or logarithmic", acts.toggleLog],
    [["0"], "Show all of the axis", () => set({ zoom: null })],
    [["n"], "Splits of the next run", nextRun],
    [["o"], "Open logs", acts.open],
    [["e"], "Take away what is seen", acts.take],
    [["t"], "Dark or light", acts.theme],
    [["?"], "These keys", () => help(acts)],
  ];
}

function nextAxis() {
  const axes = axesThere();
  if (axes.length > 0) showAxis(axes[(axes.indexOf(shown.axis) + 1) % axes.length]);
}

function nextRun() {
  const { runs, chosen } = shown;
  const at = runs.findIndex((run) => run.id === chosen);
  if (runs.length > 0) set({ chosen: runs[(at + 1) % runs.length].id });
}

/** @param {Parameters<typeof keys>[0]} acts */
export function listenToKeys(acts) {
  document.addEventListener("keydown", (event) => {
    const target = /** @type {HTMLElement} */ (event.target);
    const typing = target.closest("input[type='text'], input[type='number'], textarea, select, dialog");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (event.key === " " && target.closest("button, a")) return;
    const found = keys(acts).find(([names]) => names.includes(event.key));
    if (!found) return;
    event.preventDefault();
    found[2]();
  });
}

/** @param {Parameters<typeof keys>[0]} acts */
export function help(acts) {
  const row = (/** @type {Key} */ [names, words]) => h("div", {}, h("dt", {}, names.map((name) => [h("kbd", {}, name === " " ? "Space" : name), " "]).flat()), h("dd", {}, words));
  const onChart = /** @type {[string, string][]} */ ([["← →", "Move the crosshair"], ["+ −", "Zoom at the crosshair"], ["PgUp PgDn", "Move what is shown"], ["0", "Show all"]]);
  const dialog = h(
    "dialog", { "aria-labelledby": "help-title", id: "help", onclose: () => dialog.remove() },
    h("header", {}, h("h2", { id: "help-title" }, "Keys"), button("Close", () => dialog.close())),
    h(
      "div", { class: "body" },
      h("dl", { class: "keys" }, keys(acts).map(row)),
      h("h3", {}, "With a chart in focus"),
      h("dl", { class: "keys" }, onChart.map(([names, words]) => h("div", {}, h("dt", {}, names), h("dd", {}, words)))),
      h("p", { class: "note" }, "With the mouse: wheel zooms, drag shows a part, Shift and drag moves it, double click shows all."),
    ),
  );
  document.getElementById("layers")?.append(dialog);
  dialog.showModal();
}
