// @ts-check
// Grid lines and their numbers, over the curves.

import { fill, s } from "../core/dom.js";

/** Room for numbers at the left and at the bottom, in pixels; the worker leaves it free of curves. */
export const MARGIN = { left: 50, right: 10, top: 10, bottom: 22 };

/** @typedef {{ px: number, label: string }} Tick */

/**
 * @param {SVGElement} overlay @param {number} width @param {number} height
 * @param {Tick[]} x @param {Tick[]} y @param {number[]} bars pixels of the splits' losses
 */
export function drawAxes(overlay, width, height, x, y, bars) {
  overlay.setAttribute("viewBox", `0 0 ${width} ${height}`);
  const bottom = height - MARGIN.bottom;
  const right = width - MARGIN.right;
  fill(
    overlay,
    y.map(({ px }) => s("line", { x1: MARGIN.left, x2: right, y1: px, y2: px })),
    x.map(({ px }) => s("line", { x1: px, x2: px, y1: MARGIN.top, y2: bottom })),
    bars.map((px) => s("line", { class: "bar", x1: MARGIN.left, x2: right, y1: px, y2: px })),
    y.map(({ px, label }) => s("text", { x: MARGIN.left - 7, y: px + 4, "text-anchor": "end" }, label)),
    x.map(({ px, label }) => s("text", { x: px, y: height - 7, "text-anchor": anchor(px, width) }, label)),
  );
}

/** Numbers at the ends stay inside. @param {number} px @param {number} width */
function anchor(px, width) {
  if (px > width - 24) return "end";
  return "middle";
}
