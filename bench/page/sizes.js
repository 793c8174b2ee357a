// @ts-check
// What the page weighs, compressed as a host would.

import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { brotliCompressSync, gzipSync } from "node:zlib";
import { PAGE } from "../../tests/page/lib/paths.js";

/** Loaded only when used. @param {string} name */
const isLater = (name) => /(^|\/)(curves[^/]*|judge[^/]*|unpack[^/]*|steps[^/]*|(webgpu|reader)\.js|sw\.js)$/.test(name);

export function sizes() {
  const files = readdirSync(PAGE, { recursive: true }).map((name) => join(PAGE, String(name))).filter((path) => statSync(path).isFile());
  const weighed = files.map((path) => {
    const bytes = readFileSync(path);
    return { name: relative(PAGE, path).replace(/^app-[0-9a-f]+/, "app"), bytes: bytes.length, gzip: gzipSync(bytes, { level: 9 }).length, brotli: brotliCompressSync(bytes).length };
  });
  const sum = (/** @type {boolean} */ later, /** @type {"gzip" | "brotli"} */ how) => weighed.filter(({ name }) => isLater(name) === later).reduce((all, one) => all + one[how], 0);
  return { first_view_gzip: sum(false, "gzip"), first_view_brotli: sum(false, "brotli"), later_gzip: sum(true, "gzip"), files: weighed };
}
