// @ts-check
// Keeps the whole page for when there is no network: also what a visit has not used, since it may be wanted then. What the
// page is made of never changes under its name, so it is taken from the cache; the page itself and the leaderboard are asked
// for first. Logs are never kept.
//
// A new build waits until no page of the older one is open: those still load parts of theirs, which the host may not have
// any more.

const FOLDER = "app/";
/** @type {string[]} */
const FILES = [/* files */];
const ASKED_FIRST = ["", "index.html", "leaderboard.json", "records.json"];

const worker = /** @type {any} */ (self);
const base = new URL("./", worker.location.href).href;
/** Pages at other paths of this host keep what is theirs. */
const OURS = `page ${new URL(base).pathname} `;
const CACHE = OURS + FOLDER;

worker.addEventListener("install", (/** @type {any} */ event) => {
  event.waitUntil(fill());
});

worker.addEventListener("activate", (/** @type {any} */ event) => {
  event.waitUntil(forgetOlder().then(() => worker.clients.claim()));
});

worker.addEventListener("fetch", (/** @type {any} */ event) => {
  const { request } = event;
  const name = nameOf(request.url);
  if (request.method !== "GET" || name === null) return;
  if (ASKED_FIRST.includes(name)) event.respondWith(askFirst(request, name));
  // Of any build: where a page of the older one is open, this one serves the newer page too.
  else if (/^app[^/]*\//.test(name)) event.respondWith(cacheFirst(request));
});

/** The path below the page, without its query; null for anything else. @param {string} url */
function nameOf(url) {
  return url.startsWith(base) ? new URL(url).pathname.slice(new URL(base).pathname.length) : null;
}

async function fill() {
  const cache = await caches.open(CACHE);
  await Promise.all(["./", "leaderboard.json", "records.json", ...FILES].map((name) => keep(cache, new URL(name, base).href)));
}

/** From the host, whatever the browser still has: an older page names files of an older build. @param {Cache} cache @param {string} url */
async function keep(cache, url) {
  const answer = await fetch(url, { cache: "reload" });
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  // Copied: `blueberry view` leads from "/" to its runs, and a browser opens no page by an answer that was led elsewhere.
  const { status, headers } = answer;
  await cache.put(url, new Response(await answer.blob(), { status, headers }));
}

async function forgetOlder() {
  const older = (await caches.keys()).filter((name) => name.startsWith(OURS) && name !== CACHE);
  await Promise.all(older.map((name) => caches.delete(name)));
}

/** @param {Request} request @param {string} name */
async function askFirst(request, name) {
  try {
    return await fetch(request, { cache: "no-cache" });
  } catch (error) {
    const kept = await caches.match(new URL(name === "index.html" ? "" : name, base).href);
    if (kept) return kept;
    throw error;
  }
}

/** @param {Request} request */
async function cacheFirst(request) {
  return (await caches.match(request.url)) ?? fetch(request);
}
