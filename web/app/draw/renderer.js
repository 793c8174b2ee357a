// @ts-check
// Chooses who draws: WebGPU where the browser has it, else a 2D canvas. The page says which and why.

import { Canvas2D } from "./canvas2d.js";

/**
 * @typedef {object} Renderer
 * @property {string} name
 * @property {() => boolean} isLost
 * @property {(canvas: HTMLCanvasElement) => number} addCanvas
 * @property {(pane: number, points: Float32Array) => void} setPoints
 * @property {(pane: number, width: number, height: number, ratio: number, items: Float32Array) => boolean} draw
 */

/** @param {string | null} wanted `2d` for no WebGPU @returns {Promise<{ renderer: Renderer, why: string }>} */
export async function choose(wanted) {
  if (wanted === "2d") return { renderer: new Canvas2D(), why: "Drawn by Canvas 2D, as the address asks." };
  if (!("gpu" in navigator)) {
    return { renderer: new Canvas2D(), why: "Drawn by Canvas 2D: this browser has no WebGPU here." };
  }
  try {
    // Asked first: many browsers know WebGPU on machines that have nothing for it, and the module is large.
    if (!(await /** @type {any} */ (navigator).gpu.requestAdapter())) throw new Error("no adapter");
    const { WebGpu } = await import("./webgpu.js");
    const renderer = await WebGpu.open();
    return { renderer, why: `Drawn by WebGPU${renderer.adapter ? ` (${renderer.adapter})` : ""}.` };
  } catch (error) {
    return { renderer: new Canvas2D(), why: `Drawn by Canvas 2D: no WebGPU device (${reason(error)}).` };
  }
}

/** @param {unknown} error */
function reason(error) {
  return String(error instanceof Error ? error.message : error).split(/[\n;]/)[0];
}
