// @ts-check
// The page's speed, beside uPlot on the same data in the same browser. One command, after `cargo xtask web` and
// `npm ci` in tests/page:
//
//     node bench/page/run.js [--quick] [--out FILE]
//
// Prints a table and writes JSON with the hardware, the browser and the command.

import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { cpus, tmpdir, totalmem } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { closeBrowsers, launch } from "../../tests/page/lib/browser.js";
import { ROOT } from "../../tests/page/lib/paths.js";
import { serve } from "../../tests/page/lib/site.js";
import { writeLog } from "./big_log.js";
import { cold, firstCurve, scrub, splits } from "./measures.js";
import { sizes } from "./sizes.js";

const QUICK = process.argv.includes("--quick");
const MILLION = QUICK ? 100_000 : 1_000_000;
const OUT = process.argv.includes("--out") ? process.argv[process.argv.indexOf("--out") + 1] : join(ROOT, "bench/results", QUICK ? "page-quick.json" : "page.json");
const require = createRequire(join(ROOT, "tests/page/package.json"));
const uplot = join(dirname(require.resolve("uplot/package.json")), "dist");

const place = mkdtempSync(join(tmpdir(), "blueberry-bench-"));
const site = await serve({
  "uPlot.iife.js": readFileSync(join(uplot, "uPlot.iife.min.js")),
  "uPlot.css": readFileSync(join(uplot, "uPlot.min.css")),
});
try {
  const logs = Array.from({ length: 8 }, (_, index) => join(place, `run-${index}.jsonl`));
  logs.forEach((path, index) => writeLog(path, MILLION, index + 1));
  const results = { machine: machine(), command: ["node", "bench/page/run.js", ...process.argv.slice(2)].join(" "), rows: MILLION, sizes: sizes(), modes: /** @type {Record<string, unknown>} */ ({}), limits: LIMITS() };
  for (const mode of /** @type {const} */ (["webgpu", "2d"])) {
    const browser = await launch(mode);
    console.error(`-- ${mode}, Chromium ${browser.version()}`);
    results.machine.browser = `Chromium ${browser.version()}`;
    const measured = {
      cold_166650_points: await cold(browser, site, QUICK ? 3 : 9),
      first_curve: await firstCurve(browser, site.url, logs[0], QUICK ? 1 : 3),
      scrub_8_runs: await scrub(browser, site, logs, QUICK ? 40 : 200),
      splits_100_runs: await splits(browser, site.url, QUICK ? 40 : 300),
    };
    await closeBrowsers();
    results.modes[mode] = measured;
    console.error(JSON.stringify(measured, null, 2));
  }
  writeFileSync(OUT, `${JSON.stringify(results, null, 2)}\n`);
  console.log(`${OUT}`);
} finally {
  await site.close();
  rmSync(place, { recursive: true });
}

function machine() {
  const commit = execFileSync("git", ["-C", dirname(fileURLToPath(import.meta.url)), "rev-parse", "HEAD"]).toString().trim();
  return { cpu: cpus()[0]?.model ?? "unknown", cpus: cpus().length, memory_bytes: totalmem(), node: process.version, browser: "", commit };
}

/** What the numbers do not tell. */
function LIMITS() {
  return [
    "WebGPU ran on SwiftShader, a software device on the same cores: what a draw costs on a GPU is not told, and the GPU process's time is in none of these figures.",
    "A frame's cost is the JavaScript and WebAssembly time of page and worker together; rasterising and compositing, which both drawers leave to another process, are in neither.",
    "uPlot gets the same logs' columns ready in arrays; the time that the page takes to read a log stands apart, in first_curve.",
    "Where `count` is below a hundred, only the median and the least tell something: p99_ms is then the largest value.",
  ];
}
