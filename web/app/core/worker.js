// @ts-check
// Everything that takes time: logs are read, thinned out and judged here, so that the page never waits.

import init, { Session } from "../replay.js";
import { digest } from "./digest.js";

const scope = /** @type {any} */ (self);
/** @type {Promise<any>} */
const session = init({ module_or_path: new URL("../replay_bg.wasm", import.meta.url) }).then(() => new Session());

/** What is more than one call of the session. @type {Record<string, (session: any, ...args: any[]) => any>} */
const METHODS = {
  async open(session, name, blob) {
    const opened = JSON.parse(session.open(name, blob));
    return { ...opened, digest: await digest(blob) };
  },
  follow: (session, name) => session.follow(name),
  push: (session, id, bytes) => JSON.parse(session.push(id, new Uint8Array(bytes))),
  chart(session, request) {
    const chart = session.chart(JSON.stringify(request));
    const drawn = { ...JSON.parse(chart.about()), points: chart.points() };
    chart.free();
    return drawn;
  },
  close: (session, id) => session.close(id),
  digest: (session, blob) => digest(blob),
  verdict: (session, name, blob, category) => JSON.parse(session.verdict(name, blob, category)),
};

/** @param {any} session @param {string} method @param {unknown[]} args */
function call(session, method, args) {
  if (method in METHODS) return METHODS[method](session, ...args);
  return JSON.parse(session.ask(method, JSON.stringify(args[0] ?? null)));
}

scope.addEventListener("message", async (/** @type {MessageEvent} */ { data: { id, method, args } }) => {
  const ready = await session.catch((/** @type {unknown} */ error) => error);
  const start = performance.now();
  try {
    if (ready instanceof Error) throw ready;
    const value = await call(ready, method, args);
    scope.postMessage({ id, value, took: performance.now() - start }, value?.points ? [value.points.buffer] : []);
  } catch (error) {
    scope.postMessage({ id, error: String(error instanceof Error ? error.message : error), took: performance.now() - start });
  }
});
