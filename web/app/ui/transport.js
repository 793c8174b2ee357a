// @ts-check
// Play, pause, scrub, reverse, and the lane on which the runs stand.

import { button, choice, fill, h, refill } from "../core/dom.js";
import { onAxis, value } from "../core/format.js";
import { furthest, on, runOf, set, shown, visible } from "../core/store.js";
import { runColorName } from "../draw/theme.js";
import { changeClock, play, seek, SPEEDS } from "./player.js";

const CLOCKS = /** @type {[string, string][]} */ ([["tokens", "tokens"], ["train_s", "train s"], ["wall_s", "wall s"], ["step", "steps"]]);
const STEPS = 10_000;

export function transport() {
  const reverse = button("◀", () => play(-1), { "aria-label": "Play in reverse", "data-key": "reverse" });
  const forward = button("▶", () => play(1), { class: "play primary", "aria-label": "Play", "data-key": "play" });
  const speed = h("select", { "aria-label": "Speed", onchange: () => set({ speed: Number(speed.value) }) },
    SPEEDS.map((one) => h("option", { value: one }, `${one}×`)));
  const slider = h("input", { type: "range", min: 0, max: STEPS, value: 0, step: 1, "aria-label": "Playhead", oninput: () => seek((slider.value / STEPS) * furthest()) });
  const track = h("div", { class: "track", "aria-hidden": "true" });
  const clock = h("div", { class: "clock" });
  const clocks = h("div");
  const leader = h("p", { class: "leader", id: "leader" });
  const bar = h(
    "section", { class: "transport", "aria-label": "Replay" },
    h("div", { class: "buttons" }, reverse, forward, speed, clocks),
    h("div", { class: "lane" }, track, slider),
    clock, leader,
  );
  on(["playing"], () => showPlaying(reverse, forward));
  on(["speed"], () => { speed.value = String(nearest(shown.speed)); });
  on(["clock", "runs"], () => refill(clocks, [shown.clock, offered()], () => choice("Playhead in", offered(), shown.clock, changeClock)));
  on(["state", "t", "clock", "runs"], () => {
    showTime(clock, slider);
    showTrack(track);
    refill(leader, leaderFacts(), () => leaderWords());
  });
  speed.value = String(nearest(shown.speed));
  return bar;
}

/** @param {number} speed */
function nearest(speed) {
  return SPEEDS.reduce((best, one) => (Math.abs(one - speed) < Math.abs(best - speed) ? one : best));
}

/** The units that some run has. */
function offered() {
  return CLOCKS.filter(([axis]) => visible().some((run) => run.axes.includes(axis)));
}

/** @param {Element} reverse @param {Element} forward */
function showPlaying(reverse, forward) {
  const back = shown.playing < 0;
  const on = shown.playing > 0;
  fill(forward, on ? "❚❚" : "▶");
  forward.setAttribute("aria-label", on ? "Pause" : "Play");
  fill(reverse, back ? "❚❚" : "◀");
  reverse.setAttribute("aria-label", back ? "Pause" : "Play in reverse");
}

/** @param {Element} clock @param {any} slider */
function showTime(clock, slider) {
  const words = onAxis(shown.clock, shown.t);
  refill(clock, [words, furthest(), shown.clock], () => [words, h("small", {}, `of ${onAxis(shown.clock, furthest())}`)]);
  const at = String(Math.round((shown.t / (furthest() || 1)) * STEPS));
  if (slider.value !== at) slider.value = at;
  slider.setAttribute("aria-valuetext", `${words} of ${onAxis(shown.clock, furthest())}`);
}

/** Runners at how far each run has come; marks where the lead changed. @param {HTMLElement} track */
function showTrack(track) {
  const { runs, changes, leader } = shown.state ?? { runs: [], changes: [], leader: null };
  const ids = runs.map((/** @type {any} */ run) => run.id);
  refill(track, [ids, changes, furthest()], () => [
    ...changes.map((/** @type {any} */ change) => place(h("span", { class: "change" }), change.at / (furthest() || 1), change.to)),
    ...ids.map((/** @type {number} */ id) => h("span", { class: "runner", "data-run": id })),
  ]);
  for (const run of runs) {
    const runner = track.querySelector(`.runner[data-run="${run.id}"]`);
    if (!runner) continue;
    place(runner, (run.at[shown.clock] ?? 0) / (furthest() || 1), run.id);
    runner.classList.toggle("leads", run.id === leader);
  }
}

/** @param {any} mark @param {number} share @param {number} id */
function place(mark, share, id) {
  mark.style.left = `${Math.min(1, Math.max(0, share)) * 100}%`;
  mark.style.color = `var(${runColorName(runOf(id)?.color ?? 0)})`;
  return mark;
}

function leaderFacts() {
  const { state } = shown;
  return state ? [state.leader, state.changes.length, state.runs.map((/** @type {any} */ run) => [run.id, run.val_loss])] : null;
}

function leaderWords() {
  const { state } = shown;
  if (!state) return [];
  const told = state.runs.filter((/** @type {any} */ run) => run.val_loss !== null);
  if (state.leader === null) return [told.length > 0 ? "No validation loss is a number." : "No validation loss yet."];
  const leads = state.runs.find((/** @type {any} */ run) => run.id === state.leader);
  const rest = told.filter((/** @type {any} */ run) => run.id !== state.leader && typeof run.val_loss === "number");
  const second = rest.sort((/** @type {any} */ a, /** @type {any} */ b) => a.val_loss - b.val_loss)[0];
  const ahead = second ? `, ${(second.val_loss - leads.val_loss).toFixed(4)} below ${runOf(second.id)?.name}` : "";
  const changes = state.changes.length > 0 ? ` · lead changes so far: ${state.changes.length}` : "";
  return [h("b", {}, runOf(leads.id)?.name ?? ""), ` leads at ${value("val_loss", leads.val_loss)}${ahead}${changes}`];
}

