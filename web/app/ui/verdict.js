// @ts-check
// What the judge says of the chosen run, computed here from its log.

import { button, h, note } from "../core/dom.js";
import { whole } from "../core/opening.js";
import { runOf, set, shown } from "../core/store.js";

const WORDS = /** @type {Record<string, [string, string]>} */ ({
  pass: ["holds", "ahead"],
  fail: ["broken", "behind"],
  "cannot-tell": ["cannot tell", "warn"],
  "not-applicable": ["not asked", "note"],
});
const STATUS = /** @type {Record<string, [string, string]>} */ ({
  eligible: ["eligible", "ahead"],
  ineligible: ["not eligible", "behind"],
  undecided: ["undecided", "warn"],
});
let category = "";
/** @type {{ id: string, name: string }[]} */
let categories = [];

/** @param {import("../core/opening.js").Opener} opener @returns {Promise<import("../core/dom.js").View>} */
export async function verdictView(opener) {
  const run = runOf(shown.chosen);
  const source = run && opener.sources.get(run.id);
  if (!run || !source) return note("Choose a run.");
  if (!run.judged) return note(`${run.name} is no run.jsonl: the judge reads only those.`);
  if (categories.length === 0) categories = await opener.call("categories");
  category = category || categories[0].id;
  const blob = source.grows && source.url ? (await whole(source.url)).blob : source.blob;
  const verdict = await opener.call("verdict", run.name, blob, category);
  const [words, shade] = STATUS[verdict.status] ?? [verdict.status, ""];
  const again = () => set({ tab: "verdict" });
  return [[run.name, category, verdict], () => [
    h(
      "div", { class: "row body" }, picker(), h("strong", {}, run.name), h("span", { class: `badge ${shade}` }, words),
      button("Judge again", again, { "data-key": "judge" }),
    ),
    h("p", { class: "note body" }, "The verdict on this log alone: what only a whole submission has cannot be told here."),
    h("div", { role: "list" }, [...verdict.findings].sort((a, b) => rank(a) - rank(b)).map(finding)),
  ]];
}

function picker() {
  const options = categories.map(({ id, name }) => h("option", { value: id, selected: id === category }, name));
  const choose = () => {
    category = select.value;
    set({ tab: "verdict" });
  };
  const select = h("select", { "aria-label": "Category", "data-key": "category", onchange: choose }, options);
  return select;
}

/** What is wrong comes first. @param {any} finding */
function rank({ answer }) {
  return ["fail", "cannot-tell", "pass", "not-applicable"].indexOf(answer);
}

/** @param {any} one */
function finding(one) {
  const [words, shade] = WORDS[one.answer] ?? [one.answer, ""];
  const why = one.evidence ?? one.missing ?? one.why ?? "";
  const line = one.line ? ` (line ${one.line})` : "";
  return h("div", { class: "finding", role: "listitem" }, h("span", { class: shade }, words), h("strong", {}, one.rule), h("span", { class: "why" }, why + line));
}
