// @ts-check
// Reads parts of a long log, every so manieth of them, ahead of the worker that takes them in.

import init, { Part } from "../steps.js";

const PARTS_AHEAD = 2;
const scope = /** @type {any} */ (self);
let room = PARTS_AHEAD;
let wake = () => {};

/** @param {{ blob: Blob, from: number, by: number, bytes: number }} task where the first part is, how far on the next, and how long each */
async function read({ blob, from, by, bytes }) {
  const part = (/** @type {number} */ at) => blob.slice(at, at + bytes).arrayBuffer();
  const ready = init({ module_or_path: new URL("../steps_bg.wasm", import.meta.url) });
  let next = part(from);
  await ready;
  for (let at = from; at < blob.size; at += by) {
    const log = new Uint8Array(await next);
    // The browser reads on while this worker parses.
    next = part(at + by);
    next.catch(() => {});
    while (room === 0) await new Promise((resolve) => { wake = () => resolve(null); });
    room -= 1;
    const read = new Part(log);
    const [pieces, columns, text] = [read.pieces(), read.columns(), read.text()];
    read.free();
    scope.postMessage({ pieces, columns, text }, [pieces.buffer, columns.buffer, text.buffer]);
  }
}

scope.addEventListener("message", (/** @type {MessageEvent} */ { data }) => {
  if (data === "taken") {
    room += 1;
    wake();
    return;
  }
  read(data).catch((error) => scope.postMessage({ error: String(error instanceof Error ? error.message : error) }));
});
