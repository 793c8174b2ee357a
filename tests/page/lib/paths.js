// @ts-check
// Where things lie.

import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = join(dirname(fileURLToPath(import.meta.url)), "../../..");
export const PAGE = process.env.BLUEBERRY_PAGE ?? join(ROOT, "web/dist");
export const LOGS = join(process.env.BLUEBERRY_ASSETS ?? join(ROOT, "../shared/assets"), "logs");
export const SMALL = join(ROOT, "crates/runlog/tests/small.jsonl");
export const CHROMIUM = process.env.CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => existsSync(path));

/** Foreign logs, where this machine has them. */
export const FOREIGN = existsSync(LOGS) ? readdirSync(LOGS).sort() : [];

/** Screenshots and downloads of the tests, kept for a look. @param {string} name */
export function output(name) {
  const folder = process.env.BLUEBERRY_PAGE_OUT ?? join(ROOT, "target/page-tests");
  mkdirSync(folder, { recursive: true });
  return join(folder, name);
}

/** A picture that is kept with the tests. @param {string} name */
export function baseline(name) {
  return join(ROOT, `tests/page/baselines/${name}.png`);
}
