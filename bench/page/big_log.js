// @ts-check
// Own logs of any length, written in parts.

import { appendFileSync, writeFileSync } from "node:fs";
import { lines } from "../../tests/page/lib/logs.js";

const PART = 20_000;
const TOKENS = 16_384;

/** A log of `rows` steps with an evaluation every hundredth of it. @param {string} path @param {number} rows @param {number} seed */
export function writeLog(path, rows, seed) {
  writeFileSync(path, `${lines({ name: `run ${seed}`, seed, steps: 1, tokens: TOKENS })[0]}\n`);
  let state = seed >>> 0;
  const noise = () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  const digits = (/** @type {number} */ value) => value.toFixed(5);
  for (let first = 1; first <= rows; first += PART) {
    let text = "";
    for (let step = first; step < Math.min(rows + 1, first + PART); step++) {
      const clean = 3.2 + 7.6 * Math.exp(-6 * Math.sqrt(step / rows)) + 0.01 * seed;
      const at = `"step":${step},"tokens":${step * TOKENS},"train_s":${digits(step * 0.15)},"wall_s":${digits(step * 0.151)}`;
      text += `{"event":"step",${at},"loss":${digits(clean + 0.12 * (noise() - 0.5))},"lr":${digits(0.01 * (1 - step / (rows + 1)))},"lr_adamw":0.001,"grad_norm":${digits(0.4 + noise())},"tokens_per_s":${digits(109_000 + 500 * noise())},"data_wait_s":0.0,"mfu":${digits(0.41 + 0.02 * noise())},"memory_bytes":9000000000}\n`;
      if (step % Math.ceil(rows / 100) === 0) text += `{"event":"eval",${at},"val_loss":${digits(clean)},"targets":1048576,"seconds":2.0,"ledger":{"tokens":${step * TOKENS},"sha256":"ee"}}\n`;
    }
    appendFileSync(path, text);
  }
}
