// @ts-check
// The worker from the page's side: every method of the session, as a promise.

/** @typedef {(method: string, ...args: unknown[]) => Promise<any>} Call */

/**
 * Milliseconds that were spent since somebody set them to 0: in the worker, and on the page in drawing and in telling its
 * parts what changed; and when the first curve was drawn. For benchmarks.
 */
export const costs = { worker: 0, page: 0, curve_at: 0 };

/**
 * Starts the worker, and another where it broke down; what was open is gone then.
 * @param {() => void} [onCrash] @returns {Call}
 */
export function connect(onCrash = () => {}) {
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
  const waiting = new Map();
  let last = 0;
  let worker = start();

  function start() {
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "runs" });
    worker.addEventListener("message", ({ data }) => accept(data));
    worker.addEventListener("error", (event) => failAll(new Error(event.message || "the worker could not be started")));
    return worker;
  }

  /** @param {any} data */
  function accept(data) {
    const call = waiting.get(data.id);
    waiting.delete(data.id);
    costs.worker += data.took;
    if (!("error" in data)) call?.resolve(data.value);
    else if (data.fatal) {
      call?.reject(new Error(`the reader broke down over it, mostly for want of memory (${data.error})`));
      restart();
    } else call?.reject(new Error(data.error));
  }

  function restart() {
    worker.terminate();
    worker = start();
    failAll(new Error("the reader was started again"));
    onCrash();
  }

  /** @param {Error} error */
  function failAll(error) {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  }

  return (method, ...args) =>
    new Promise((resolve, reject) => {
      const id = ++last;
      waiting.set(id, { resolve, reject });
      worker.postMessage({ id, method, args });
    });
}
