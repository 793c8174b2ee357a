// @ts-check
// Splits as a speedrun timer shows them: when the chosen run got under each loss, against a comparison.

import { button, fill, h, refill } from "../core/dom.js";
import { short, signed, time, WORDS } from "../core/format.js";
import { on, runOf, set, shown, visible } from "../core/store.js";
import { records } from "./leaderboard.js";

const PACES = /** @type {Record<string, [string, string, string]>} */ ({
  ahead_gaining: ["ahead", "▲", "ahead and gaining"],
  ahead_losing: ["ahead-less", "▽", "ahead but losing"],
  behind_gaining: ["behind-less", "△", "behind but gaining"],
  behind_losing: ["behind", "▼", "behind and losing"],
});

/** Why there is nothing to compare with. */
const ALONE = "No personal best: no other run that is shown, of the same user, has got under a loss. Choose another comparison above.";

/** What splits are counted in. */
const COUNTED = ["tokens", "train_s", "wall_s"];

/** The records that a person can compare with. @type {Awaited<ReturnType<typeof records>>} */
let published = [];
/** What was chosen last. */
let asked = "";

/** @param {import("../core/opening.js").Opener} opener */
export function splitsPanel(opener) {
  const against = h("select", { "aria-label": "Compare with", onchange: () => void compare(against.value, opener) });
  const title = h("h2", {}, "Splits");
  const body = h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of splits" });
  const totals = h("dl", { class: "totals" });
  const panel = h(
    "section", { class: "panel", "aria-label": "Splits" },
    h("header", {}, title, h("label", { class: "note" }, "against ", against), button("Edit", editTargets, { "aria-label": "Edit the losses of the splits", "data-key": "edit-splits" })),
    body, totals,
  );
  on(["runs", "against", "chosen"], () => fillAgainst(against, title, opener));
  void records().then((found) => {
    published = found;
    fillAgainst(against, title, opener);
  });
  on(["state", "chosen", "against"], () => redraw(body, totals));
  return panel;
}

/** A record that is not open is opened first. @param {string} against @param {import("../core/opening.js").Opener} opener */
async function compare(against, opener) {
  asked = against;
  const record = published.find(({ log }) => log.url === against);
  if (!record) return set({ against });
  await opener.links([record.log]);
  const run = shown.runs.find((run) => run.url === record.log.url);
  // Another may have been chosen meanwhile.
  set({ against: run && asked === against ? String(run.id) : shown.against });
}

/** @param {any} select @param {Element} title @param {import("../core/opening.js").Opener} opener */
function fillAgainst(select, title, opener) {
  const chosen = runOf(shown.chosen);
  fill(title, chosen ? `Splits of ${chosen.name}` : "Splits");
  const others = visible().filter((run) => run.id !== shown.chosen).map((run) => [String(run.id), run.name]);
  const closed = published.filter(({ log }) => !shown.runs.some((run) => run.url === log.url));
  const options = [["best", "personal best"], ["segments", "best segments"], ...others, ...closed.map(({ words, log }) => [log.url, words])];
  refill(select, options, () => options.map(([value, words]) => h("option", { value }, words)));
  if (!options.some(([value]) => value === shown.against)) {
    set({ against: "best" });
    opener.say("Splits are compared with the personal best again.");
  }
  select.value = shown.against;
}

/** @param {Element} body @param {Element} totals */
function redraw(body, totals) {
  const run = shown.state?.runs.find((/** @type {any} */ run) => run.id === shown.chosen);
  // Another run was chosen, and its splits are on their way.
  if (run && !run.splits) return;
  const chosen = runOf(shown.chosen);
  // What a log of steps alone crosses, it crosses at no time.
  const isCounted = COUNTED.some((axis) => chosen?.axes.includes(axis));
  const splits = isCounted ? run?.splits : null;
  const words = chosen?.hidden ? `${chosen.name} is hidden.`
    : run && !isCounted ? "This log has neither times nor tokens, in which splits are counted." : "Choose a run.";
  const isAlone = splits && shown.against === "best" && splits.personal_best === null;
  refill(body, splits ? [splits.rows, shown.state.clock, isAlone] : words, () => (splits
    ? [table(splits.rows, WORDS[shown.state.clock]), isAlone && h("p", { class: "note body" }, ALONE)]
    : h("p", { class: "note body" }, words)));
  const facts = splits ? [splits.live_delta_s, splits.best_possible_s, splits.possible_save_s, shown.state.sum_of_best_s] : null;
  refill(totals, facts, () => (splits ? sums(splits) : []));
}

/** @param {any[]} rows @param {string} clock what the times are of */
function table(rows, clock) {
  const next = rows.findIndex((row) => row.time_s === null && row.tokens === null);
  const head = ["Loss", clock, "±", "Segment", "Tokens", "±"].map((words) => h("th", { scope: "col" }, words));
  return h("table", { class: "splits" }, h("thead", {}, h("tr", {}, head)), h("tbody", {}, rows.map((row, index) => line(row, index === next))));
}

/** @param {any} row @param {boolean} isNext */
function line(row, isNext) {
  const [shade, arrow, words] = PACES[row.pace] ?? ["", "", ""];
  const gold = row.is_gold ? h("span", { class: "gold", title: "best segment of all runs" }, "★ ", time(row.segment_s)) : time(row.segment_s);
  const off = row.pace === null ? "±0:00.0" : signed(row.delta_s, nearest);
  const delta = row.delta_s === null ? "" : [`${off} ${arrow}`, h("span", { class: "unseen" }, words || "level")];
  return h(
    "tr", { class: isNext ? "next" : "" },
    h("th", { scope: "row", class: "num" }, loss(row.bar)),
    h("td", { class: "num" }, time(row.time_s)),
    h("td", { class: `num delta ${shade}` }, delta),
    h("td", { class: "num" }, row.segment_s === null ? "" : gold),
    h("td", { class: "num" }, short(row.tokens)),
    h("td", { class: "num" }, signed(row.delta_tokens, short)),
  );
}

/** A difference to the nearest tenth: what is level is told by the same measure. @param {number} seconds */
function nearest(seconds) {
  return time(seconds + 0.05);
}

/** With two digits, or all that it has: 3.281 and 3.279 are not the same. @param {number} bar */
function loss(bar) {
  const two = bar.toFixed(2);
  return Number(two) === bar ? two : String(bar);
}

/** @param {any} splits */
function sums(splits) {
  const rows = [
    ["Best possible time", time(splits.best_possible_s)],
    ["Sum of best segments", time(shown.state.sum_of_best_s)],
    ["Possible time save", time(splits.possible_save_s)],
  ];
  if (splits.live_delta_s !== null) rows.unshift(["Losing now", signed(splits.live_delta_s, time)]);
  return rows.map(([words, value]) => [h("dt", {}, words), h("dd", {}, value)]).flat();
}

/** Asks for other losses. */
function editTargets() {
  const input = h("input", { type: "text", id: "targets", value: shown.targets.join(", "), size: 40 });
  const wrong = h("p", { class: "note", role: "alert" });
  const dialog = h(
    "dialog", { "aria-labelledby": "targets-title", onclose: () => dialog.remove() },
    h("header", {}, h("h2", { id: "targets-title" }, "Losses of the splits")),
    h(
      "form", { class: "body", method: "dialog", onsubmit: (/** @type {Event} */ event) => accept(event) },
      h("p", {}, h("label", { for: "targets" }, "Validation losses, from high to low, at most 20: ")),
      h("p", {}, input), wrong,
      h("p", { class: "row" }, h("button", { class: "primary" }, "Use these"), button("Cancel", () => dialog.close())),
    ),
  );
  const accept = (/** @type {Event} */ event) => {
    const targets = parseTargets(input.value);
    if (targets) set({ targets });
    else {
      event.preventDefault();
      fill(wrong, "One to twenty positive numbers, separated by commas.");
    }
  };
  document.getElementById("layers")?.append(dialog);
  dialog.showModal();
  input.select();
}

/** @param {string} text @returns {number[] | null} */
export function parseTargets(text) {
  const numbers = text.split(/[\s,;]+/).filter(Boolean).map(Number);
  const fits = numbers.length >= 1 && numbers.length <= 20 && numbers.every((one) => one > 0 && one < 1e6);
  return fits ? [...new Set(numbers)].sort((a, b) => b - a) : null;
}
