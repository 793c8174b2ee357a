// @ts-check
// Bringing logs in: dropped files and folders, the file picker, links, the leaderboard.

import { follow } from "./follow.js";
import { furthest, set, shown } from "./store.js";

const MOST_FILES = 200;
const MOST_BYTES = 1.5 * 2 ** 30;
const TOO_LONG = "the log is longer than this page reads (1.5 GiB)";
const MOST_RUNS = 150;
/** What a folder may hold beside logs is passed over without a word. */
const LOG = /\.(jsonl|log|txt|json|csv|tfevents)(\.(zst|gz))?$|tfevents/i;

/** @typedef {{ name: string, blob: Blob, url: string | null, grows?: boolean }} Source `blob` is only the begin of what grows */

export class Opener {
  /** @param {import("./client.js").Call} call @param {(text: string, bad?: boolean) => void} say @param {() => Promise<void>} drawer finds who draws */
  constructor(call, say, drawer) {
    this.call = call;
    this.say = say;
    this.drawer = drawer;
    /** @type {Map<number, Source>} */
    this.sources = new Map();
    /** @type {{ digest: string, name: string }[]} files that a link wants */
    this.wanted = [];
    /** How often the worker was started again: what followed a run of an older one ends. */
    this.age = 0;
    /** Whether it was, and what was open is not yet open again. */
    this.reopening = false;
  }

  /** @param {Iterable<File>} files */
  async files(files) {
    const all = [...files];
    for (const file of all.slice(0, MOST_FILES)) await this.open({ name: file.name, blob: file, url: null });
    if (all.length > MOST_FILES) this.trouble(`${all.length} files`, null, `only the first ${MOST_FILES} were opened`);
    this.done();
  }

  /** Files and folders from a drop. @param {DataTransfer} transfer */
  async dropped(transfer) {
    const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => !!entry);
    const loose = [...transfer.files];
    /** @type {File[]} */
    const files = [];
    for (const entry of entries) if (entry?.isDirectory) await collect(entry, files);
    const folders = new Set(entries.flatMap((entry) => (entry?.isDirectory ? [entry.name] : [])));
    await this.files([...loose.filter((file) => !folders.has(file.name)), ...files]);
  }

  /** Logs of this host. @param {import("./link.js").Linked[]} runs */
  async links(runs) {
    for (const run of runs) {
      try {
        await this.link(run);
      } catch (error) {
        this.trouble(run.name, null, message(error));
      }
    }
    this.done();
  }

  /** @param {import("./link.js").Linked} run */
  async link(run) {
    this.say(`Loading ${run.name}…`);
    const { blob, grows } = await whole(run.url);
    if (grows && isOwn(await blob.slice(0, 64).text())) {
      await follow(this, run, blob);
      return;
    }
    await this.open({ name: run.name, blob, url: run.url });
    if (run.digest && run.digest !== (await this.call("digest", blob))) {
      this.trouble(run.name, null, "the log is not the one that this link was made from");
    }
  }

  /** @param {Source} source */
  async open(source) {
    this.say(`Reading ${source.name}…`);
    try {
      if (source.blob.size > MOST_BYTES) throw new Error(`${(source.blob.size / 2 ** 30).toFixed(1)} GiB is more than this page reads (1.5 GiB); cut the log or compress it`);
      if (shown.runs.length >= MOST_RUNS) throw new Error(`${MOST_RUNS} runs are open, which is the most; close some first`);
      const [opened] = await Promise.all([this.call("open", source.name, source.blob), this.drawer()]);
      this.add(opened, source);
    } catch (error) {
      this.trouble(source.name, null, message(error));
    }
  }

  /** @param {any} opened what the worker found @param {Source} source */
  add(opened, source) {
    const colors = freeColors();
    const room = MOST_RUNS - shown.runs.length;
    const runs = opened.runs.slice(0, room).map((/** @type {any} */ facts) => ({
      ...facts, digest: opened.digest, url: source.url, grows: source.grows ?? false, hidden: false, live: false, color: colors.next().value,
    }));
    for (const run of runs) this.sources.set(run.id, source);
    this.wanted = this.wanted.filter(({ digest }) => digest !== opened.digest);
    const wasAtEnd = shown.runs.length === 0 || shown.t >= furthest();
    set({ runs: [...shown.runs, ...runs], chosen: shown.chosen ?? runs[0]?.id ?? null });
    if (wasAtEnd) set({ t: furthest() });
    for (const { line, text } of opened.problems) this.trouble(source.name, line, text);
    if (opened.runs.length > runs.length) this.trouble(source.name, null, `only ${runs.length} of its ${opened.runs.length} runs are shown`);
    for (const { id } of opened.runs.slice(room)) void this.call("close", id);
    return runs;
  }

  /** @param {number} id */
  async close(id) {
    this.sources.delete(id);
    const runs = shown.runs.filter((run) => run.id !== id);
    set({ runs, chosen: shown.chosen === id ? (runs[0]?.id ?? null) : shown.chosen });
    if (shown.t > furthest()) set({ t: furthest() });
    await this.call("close", id);
    this.done();
  }

  /** Opens everything again, after the worker broke down. What broke it was not open yet. */
  async reopen() {
    const sources = [...new Set(this.sources.values())];
    const { t } = shown;
    this.age += 1;
    this.reopening = true;
    this.sources.clear();
    // The new worker counts runs from 0 again, so nothing may name an old one.
    set({ runs: [], state: null, chosen: null, against: "best" });
    for (const source of sources) {
      const { name, url } = source;
      if (url && source.grows) await this.links([{ name, url }]);
      else await this.open(source);
    }
    this.reopening = false;
    set({ runs: shown.runs, t: Math.min(t, furthest()) });
    this.done();
  }

  /** @param {string} file @param {number | null} line @param {string} text */
  trouble(file, line, text) {
    set({ problems: [...shown.problems, { file, line, text }] });
    if (line === null) this.say(`${file}: ${text}`, true);
  }

  done() {
    const { runs, problems } = shown;
    if (!document.getElementById("status")?.classList.contains("bad")) {
      this.say(`${runs.length} ${runs.length === 1 ? "run" : "runs"} open${problems.length > 0 ? `, ${problems.length} remarks` : ""}`);
    }
  }
}

/**
 * A log that may come in parts, and whether its server says that it may grow.
 * @param {string} url @returns {Promise<{ blob: Blob, grows: boolean }>}
 */
export async function whole(url) {
  /** @type {Blob[]} */
  const parts = [];
  for (let at = 0; ; ) {
    const response = await fetch(url, { redirect: "error", cache: "no-store", headers: at > 0 ? { Range: `bytes=${at}-` } : {} });
    if (!response.ok) throw new Error(`the server answers ${response.status} ${response.statusText}`);
    if (at > 0 && response.status !== 206) throw new Error("the server gives the begin of the log again instead of its rest");
    const all = Number(response.headers.get("content-range")?.split("/")[1] ?? response.headers.get("content-length"));
    if (all > MOST_BYTES) {
      void response.body?.cancel();
      throw new Error(TOO_LONG);
    }
    const part = await response.blob();
    parts.push(part);
    at += part.size;
    // Not every server says beforehand how much it is.
    if (at > MOST_BYTES) throw new Error(TOO_LONG);
    if (response.status === 200 || part.size === 0 || !(at < all)) return { blob: new Blob(parts), grows: response.headers.has("blueberry-follow") };
  }
}

/** Places in the palette that no open run has. */
function* freeColors() {
  const taken = new Set(shown.runs.map((run) => run.color));
  for (let color = 0; ; color++) if (!taken.has(color)) yield color;
}

/** @param {string} begin */
function isOwn(begin) {
  return begin.trimStart().startsWith('{"event":"run"');
}

/** @param {any} entry @param {File[]} files */
async function collect(entry, files, depth = 0) {
  if (files.length > MOST_FILES || depth > 8) return;
  if (entry.isFile) {
    if (LOG.test(entry.name)) files.push(await new Promise((resolve, reject) => entry.file(resolve, reject)));
    return;
  }
  const reader = entry.createReader();
  for (;;) {
    const part = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (part.length === 0) return;
    for (const one of part) await collect(one, files, depth + 1);
  }
}

/** @param {unknown} error */
export function message(error) {
  return error instanceof Error ? error.message : String(error);
}
