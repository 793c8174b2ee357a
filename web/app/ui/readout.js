// @ts-check
// What the crosshair says: exact values of all runs at one position.

import { fill, h } from "../core/dom.js";
import { onAxis, value, WORDS } from "../core/format.js";
import { on, runOf, shown, visible } from "../core/store.js";
import { swatch } from "./runs.js";

/** @param {import("../core/client.js").Call} call @param {(error: unknown) => void} complain */
export function readout(call, complain) {
  const line = h("div", { class: "readout", id: "readout", role: "status", "aria-live": "polite" });
  let busy = false;
  const redraw = async () => {
    if (busy) return;
    busy = true;
    const asked = shown.cross;
    try {
      fill(line, asked === null ? hint() : await values(call, asked));
    } catch (error) {
      complain(error);
    }
    busy = false;
    if (shown.cross !== asked) void redraw();
  };
  on(["cross", "runs", "axis", "smooth"], () => void redraw());
  void redraw();
  return line;
}

function hint() {
  return [h("span", { class: "at" }, "Point at a chart for exact values; wheel or drag to zoom, double click for all.")];
}

/** @param {import("../core/client.js").Call} call @param {number} x */
async function values(call, x) {
  const runs = visible().map((run) => run.id);
  /** @type {Row[]} */
  const rows = await call("values", { runs, axis: shown.axis, x });
  const head = h("span", { class: "at" }, `${WORDS[shown.axis]} ${onAxis(shown.axis, x)}`);
  return [head, ...rows.map(one)];
}

/** @typedef {{ id: number, values: Record<string, number | null>, end: number | null }} Row `end` where that lies before */

/** @param {Row} row */
function one({ id, values, end }) {
  const words = Object.entries(values).filter(([, one]) => one !== null).map(([metric, one]) => `${short(metric)} ${value(metric, one)}`);
  const run = runOf(id);
  const told = end === null ? words.join(" · ") || "nothing yet" : `its log ends at ${onAxis(shown.axis, end)}`;
  return h("span", {}, swatch(run?.color ?? 0), ` ${run?.name ?? ""}: ${told}`);
}

/** @param {string} metric */
function short(metric) {
  const words = /** @type {Record<string, string>} */ ({ train_loss: "train", val_loss: "val", tokens_per_s: "tok/s", grad_norm: "norm", memory_bytes: "mem", mfu: "MFU", lr: "lr" });
  return words[metric] ?? metric;
}
