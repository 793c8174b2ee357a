// @ts-check
// Reads a log a few parts ahead of the worker that takes it in, which can read nothing while it is busy.

const PART_BYTES = 4 * 2 ** 20;
const PARTS_AHEAD = 3;
const scope = /** @type {any} */ (self);
let wanted = PARTS_AHEAD;
let wake = () => {};

/** @param {Blob} blob @param {number} from */
async function read(blob, from) {
  for (let at = from; at < blob.size; at += PART_BYTES) {
    while (wanted === 0) await new Promise((resolve) => { wake = () => resolve(null); });
    wanted -= 1;
    const part = await blob.slice(at, at + PART_BYTES).arrayBuffer();
    scope.postMessage({ part }, [part]);
  }
}

scope.addEventListener("message", (/** @type {MessageEvent} */ { data }) => {
  if (data === "taken") {
    wanted += 1;
    wake();
    return;
  }
  read(data.blob, data.from).catch((error) => scope.postMessage({ error: String(error instanceof Error ? error.message : error) }));
});
