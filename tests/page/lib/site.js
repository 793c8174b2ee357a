// @ts-check
// A plain host for the built page and some logs: what any static host does, and nothing more.

import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { LOGS, PAGE, SMALL } from "./paths.js";

const TYPES = /** @type {Record<string, string>} */ ({ ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".wasm": "application/wasm", ".svg": "image/svg+xml", ".webmanifest": "application/manifest+json" });

/** @typedef {string | Buffer | ((response: import("node:http").ServerResponse) => void)} Answer what a file holds, or how it is answered */

/**
 * @param {Record<string, Answer>} [texts] further files by path, as `logs/a.jsonl`
 * @returns {Promise<{ url: string, texts: Record<string, Answer>, close: () => Promise<void> }>}
 */
export async function serve(texts = {}) {
  const server = createServer((request, response) => {
    const path = decodeURIComponent(new URL(request.url ?? "/", "http://x").pathname).slice(1) || "index.html";
    const text = texts[path];
    if (typeof text === "function") return text(response);
    if (path in texts) return void response.writeHead(200, { "content-type": TYPES[extname(path)] ?? "application/octet-stream" }).end(text);
    const file = fileOf(path);
    if (!file) return void response.writeHead(404).end();
    response.writeHead(200, { "content-type": TYPES[extname(file)] ?? "application/octet-stream", "cache-control": "no-cache" });
    createReadStream(file).pipe(response);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(null)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const close = () => new Promise((/** @type {(value: void) => void} */ resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
  return { url: `http://127.0.0.1:${port}/`, texts, close };
}

/** @param {string} path */
function fileOf(path) {
  const clean = normalize(path);
  if (clean.startsWith("..")) return null;
  const file = clean === "small.jsonl" ? SMALL : clean.startsWith("assets/") ? join(LOGS, clean.slice(7)) : join(PAGE, clean);
  return existsSync(file) && statSync(file).isFile() ? file : null;
}
