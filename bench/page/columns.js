// @ts-check
// What uPlot draws: the columns of the same logs that the page reads, taken out of their lines before any clock starts.

import assert from "node:assert/strict";

const STEP = '{"event":"step"';

/**
 * The positions of logs that were all written at the same ones, then the losses of each. One text is asked for at a time:
 * a long one is some hundred megabytes.
 * @param {Iterable<string>} texts
 */
export function columns(texts) {
  /** @type {Float64Array[]} */
  const all = [];
  for (const text of texts) {
    const { tokens, loss } = steps(text);
    all[0] ??= tokens;
    assert.deepEqual(tokens, all[0], "one axis for all curves");
    all.push(loss);
  }
  return all;
}

/** @param {string} text */
function steps(text) {
  /** @type {{ tokens: number[], loss: number[] }} */
  const { tokens, loss } = { tokens: [], loss: [] };
  for (let from = 0, to; (to = text.indexOf("\n", from)) >= 0; from = to + 1) {
    if (!text.startsWith(STEP, from)) continue;
    const step = JSON.parse(text.slice(from, to));
    tokens.push(step.tokens);
    loss.push(step.loss);
  }
  return { tokens: Float64Array.from(tokens), loss: Float64Array.from(loss) };
}

/**
 * Lays columns beside the page, from where it can load them as they are; gives their addresses.
 * @param {{ url: string, texts: Record<string, any> }} site @param {string} name @param {Float64Array[]} all
 */
export function share(site, name, all) {
  return all.map((column, index) => {
    const path = `columns/${name}-${index}`;
    site.texts[path] = Buffer.from(column.buffer);
    return site.url + path;
  });
}
