// @ts-check
// Everything that takes time: logs are read, thinned out and judged here, so that the page never waits.

import init, { Session } from "../replay.js";
import { digest } from "./digest.js";

const scope = /** @type {any} */ (self);
/** @type {Promise<any>} */
const session = init({ module_or_path: new URL("../replay_bg.wasm", import.meta.url) }).then(() => new Session());

/** How the first line of an own log begins. */
const OWN = '{"event":"run"';
const PART_BYTES = 4 * 2 ** 20;
/** Taking parts in costs little, so one reader more than there are free cores is not one too many. */
const READERS = Math.max(2, Math.min(4, (navigator.hardwareConcurrency || 2) - 1));
const MOST_JUDGED_BYTES = 256 * 2 ** 20;
const MOST_PACKED_BYTES = 512 * 2 ** 20;
/** The first bytes of gzip and of zstd. */
const PACKED = ["1f8b", "28b52ffd"];

/** Modules that are loaded when they are first used. @type {Map<string, Promise<any>>} */
const modules = new Map();

/** @param {"judge" | "unpack"} name */
function load(name) {
  let module = modules.get(name);
  if (!module) {
    module = import(`../${name}.js`).then(async (module) => {
      await module.default({ module_or_path: new URL(`../${name}_bg.wasm`, import.meta.url) });
      return module;
    });
    modules.set(name, module);
  }
  return module;
}

/** The log itself, where it comes packed. @param {Blob} blob */
async function plain(blob) {
  const begin = Array.from(new Uint8Array(await blob.slice(0, 4).arrayBuffer()), (byte) => byte.toString(16).padStart(2, "0")).join("");
  if (!PACKED.some((magic) => begin.startsWith(magic))) return blob;
  if (blob.size > MOST_PACKED_BYTES) throw new Error("more than 512 MiB packed is more than this page unpacks");
  return new Blob([(await load("unpack")).unpack(new Uint8Array(await blob.arrayBuffer()))]);
}

/** Whether it begins as an own log does. @param {Blob} blob */
async function isOwn(blob) {
  return (await blob.slice(0, OWN.length).text()) === OWN;
}

/** An own log; of a long one, workers of their own read parts meanwhile. @param {any} session @param {string} name @param {Blob} blob */
async function openOwn(session, name, blob) {
  const id = session.begin(name);
  const count = Math.min(READERS, Math.ceil(blob.size / PART_BYTES) - 1);
  const readers = Array.from({ length: Math.max(0, count) }, (_, turn) => reader(blob, turn, count));
  try {
    session.feed(id, new Uint8Array(await blob.slice(0, PART_BYTES).arrayBuffer()));
    session.expect(id, blob.size);
    for (let at = PART_BYTES, turn = 0; at < blob.size; at += PART_BYTES, turn++) {
      const { pieces, columns, text } = await readers[turn % readers.length].next();
      session.feed_part(id, pieces, columns, text);
    }
    return session.finish(id);
  } catch (error) {
    if (!(error instanceof WebAssembly.RuntimeError)) session.close(id);
    throw error;
  } finally {
    for (const reader of readers) reader.end();
  }
}

/** Reads every part of a log whose turn it has, behind the first. @param {Blob} blob @param {number} turn @param {number} turns */
function reader(blob, turn, turns) {
  const worker = new Worker(new URL("./reader.js", import.meta.url), { type: "module", name: "reader" });
  /** @type {any[]} */
  const come = [];
  let wake = () => {};
  const arrive = (/** @type {any} */ data) => {
    come.push(data);
    wake();
  };
  worker.addEventListener("message", ({ data }) => arrive(data));
  worker.addEventListener("error", ({ message }) => arrive({ error: message || "the reader could not be started" }));
  worker.postMessage({ blob, from: PART_BYTES * (1 + turn), by: PART_BYTES * turns, bytes: PART_BYTES });
  return {
    async next() {
      while (come.length === 0) await new Promise((resolve) => { wake = () => resolve(null); });
      const part = come.shift();
      if (part.error) throw new Error(part.error);
      worker.postMessage("taken");
      return part;
    },
    end: () => worker.terminate(),
  };
}

/** What is more than one call of the session. @type {Record<string, (session: any, ...args: any[]) => any>} */
const METHODS = {
  async open(session, name, blob) {
    const log = await plain(blob);
    const opened = (await isOwn(log)) ? await openOwn(session, name, log) : session.open(name, log);
    return { ...JSON.parse(opened), digest: await digest(blob) };
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
  categories: async () => JSON.parse((await load("judge")).categories()),
  async verdict(session, name, blob, category) {
    if (blob.size > MOST_JUDGED_BYTES) throw new Error(`${name} is too long to be judged in a page; use \`blueberry check\``);
    return JSON.parse((await load("judge")).verdict(name, new Uint8Array(await blob.arrayBuffer()), category));
  },
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
    // After a trap (memory ran out) nothing in the module can be trusted: the page starts another worker.
    const fatal = error instanceof WebAssembly.RuntimeError;
    scope.postMessage({ id, error: String(error instanceof Error ? error.message : error), fatal, took: performance.now() - start });
  }
});
