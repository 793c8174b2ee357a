// @ts-check
// The worker from the page's side: every method of the session, as a promise.

/** @typedef {(method: string, ...args: unknown[]) => Promise<any>} Call */

/** Milliseconds that were spent since somebody set them to 0: in the worker, and in drawing. For benchmarks. */
export const costs = { worker: 0, page: 0 };

/** Starts the worker. @returns {Call} */
export function connect() {
  const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: "runs" });
  /** @type {Map<number, { resolve: (value: any) => void, reject: (error: Error) => void }>} */
  const waiting = new Map();
  let last = 0;
  /** @param {Error} error */
  const failAll = (error) => {
    for (const { reject } of waiting.values()) reject(error);
    waiting.clear();
  };
  worker.addEventListener("message", ({ data }) => {
    const call = waiting.get(data.id);
    waiting.delete(data.id);
    costs.worker += data.took;
    if ("error" in data) call?.reject(new Error(data.error));
    else call?.resolve(data.value);
  });
  worker.addEventListener("error", (event) => failAll(new Error(event.message || "the worker could not be started")));
  return (method, ...args) =>
    new Promise((resolve, reject) => {
      const id = ++last;
      waiting.set(id, { resolve, reject });
      worker.postMessage({ id, method, args });
    });
}
