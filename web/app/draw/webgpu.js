// @ts-check
// Draws lists by WebGPU: the second module, loaded where the browser has it.

import init, { Renderer as Curves } from "../curves.js";

/** @typedef {import("./renderer.js").Renderer} Renderer */

/** @implements {Renderer} */
export class WebGpu {
  /** @param {any} curves */
  constructor(curves) {
    this.curves = curves;
    this.name = "WebGPU";
    this.adapter = curves.adapter();
  }

  static async open() {
    await init({ module_or_path: new URL("../curves_bg.wasm", import.meta.url) });
    return new WebGpu(await Curves.open());
  }

  isLost() {
    return this.curves.is_lost();
  }

  /** @param {HTMLCanvasElement} canvas */
  addCanvas(canvas) {
    return this.curves.add_canvas(canvas);
  }

  /** @param {number} pane @param {Float32Array} points */
  setPoints(pane, points) {
    this.curves.set_points(pane, points);
  }

  /** @param {number} pane @param {number} width @param {number} height @param {number} ratio @param {Float32Array} items */
  draw(pane, width, height, ratio, items) {
    return this.curves.draw(pane, width, height, ratio, items);
  }
}
