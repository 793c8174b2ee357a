// @ts-check
// A run that is still training: its log is read on from the end of its last whole line, so that neither a torn line nor
// one that a resumed run cuts off is ever taken for news.

import { message } from "./opening.js";
import { furthest, set, shown } from "./store.js";

const EVERY_MS = 500;
const NEWLINE = 10;

/** @param {import("./opening.js").Opener} opener @param {{ name: string, url: string }} run @param {Blob} begin */
export async function follow(opener, run, begin) {
  const id = await opener.call("follow", run.name);
  const first = new Uint8Array(await begin.arrayBuffer());
  const whole = first.subarray(0, first.lastIndexOf(NEWLINE) + 1);
  const opened = await opener.call("push", id, whole.slice().buffer);
  const digest = await opener.call("digest", begin);
  await opener.drawer();
  opener.add({ ...opened, digest }, { name: run.name, blob: begin, url: run.url, grows: true });
  update(id, {});
  void poll(opener, run, id, whole.length, opened.problems.length);
}

/**
 * @param {import("./opening.js").Opener} opener @param {{ name: string, url: string }} run @param {number} id
 * @param {number} at bytes that were read @param {number} reported problems of those, which were told already
 */
async function poll(opener, run, id, at, reported) {
  let misses = 0;
  const { age } = opener;
  const isOpen = () => opener.age === age && shown.runs.some((one) => one.id === id);
  while (isOpen()) {
    const calm = shown.runs.find((one) => one.id === id)?.live ? Math.min(8, 1 + misses) : 8;
    await new Promise((resolve) => setTimeout(resolve, EVERY_MS * calm));
    /** @type {Awaited<ReturnType<typeof newLines>>} */
    let bytes;
    try {
      bytes = await newLines(run.url, at);
    } catch {
      // The server may be restarted; the page asks again, less often.
      misses += 1;
      if (misses === 1 && isOpen()) opener.say(`${run.name}: no answer, asking again`, true);
      continue;
    }
    if (!isOpen()) return;
    if (misses > 0) opener.say(`${run.name}: there are answers again`);
    misses = 0;
    try {
      if (bytes === "shorter") throw new Error("the log was replaced by a shorter one; open it again");
      if (bytes.length === 0) continue;
      at += bytes.length;
      const opened = await opener.call("push", id, bytes.buffer);
      update(id, opened.runs[0]);
      for (const { line, text } of opened.problems.slice(reported)) opener.trouble(run.name, line, text);
      reported = opened.problems.length;
    } catch (error) {
      if (!isOpen()) return;
      update(id, { live: false });
      opener.trouble(run.name, null, `${message(error)}; it is not followed any more`);
      return;
    }
  }
}

/**
 * The whole lines behind `at`.
 * @param {string} url @param {number} at @returns {Promise<Uint8Array<ArrayBuffer> | "shorter">}
 */
async function newLines(url, at) {
  const response = await fetch(url, { headers: { Range: `bytes=${Math.max(0, at - 1)}-` }, cache: "no-store", redirect: "error" });
  if (response.status === 416) {
    return Number(response.headers.get("content-range")?.split("/")[1]) < at ? "shorter" : new Uint8Array();
  }
  if (response.status !== 206) throw new Error(`the server answers ${response.status}`);
  // The byte before is the last line's newline: asked for too, so that there is always an answer, and no news is no error.
  const bytes = new Uint8Array(await response.arrayBuffer()).subarray(at > 0 ? 1 : 0);
  return bytes.slice(0, bytes.lastIndexOf(NEWLINE) + 1);
}

/** @param {number} id @param {any} facts what the worker says, and `live` where that does not tell */
function update(id, facts) {
  const wasAtEnd = shown.t >= furthest();
  const runs = shown.runs.map((run) => (run.id === id ? { ...run, live: isLive({ ...run, ...facts }), ...facts } : run));
  set({ runs });
  if (wasAtEnd) set({ t: furthest() });
}

/** @param {import("./store.js").Run} run */
function isLive(run) {
  return run.status === "unfinished" || run.status === "interrupted";
}
