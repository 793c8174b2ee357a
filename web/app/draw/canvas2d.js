// @ts-check
// Draws lists on a 2D canvas, where the browser has no WebGPU.

import { BAND, LINE, NUMBERS } from "./items.js";

/** @typedef {import("./renderer.js").Renderer} Renderer */

/** @implements {Renderer} */
export class Canvas2D {
  constructor() {
    this.name = "Canvas 2D";
    /** @type {{ context: CanvasRenderingContext2D, points: Float32Array }[]} */
    this.panes = [];
  }

  isLost() {
    return false;
  }

  /** @param {HTMLCanvasElement} canvas */
  addCanvas(canvas) {
    const context = canvas.getContext("2d");
    if (!context) throw new Error("this browser draws on no canvas");
    this.panes.push({ context, points: new Float32Array() });
    return this.panes.length - 1;
  }

  /** @param {number} pane @param {Float32Array} points */
  setPoints(pane, points) {
    this.panes[pane].points = points;
  }

  /** @param {number} pane @param {number} width @param {number} height @param {number} ratio @param {Float32Array} items */
  draw(pane, width, height, ratio, items) {
    const { context, points } = this.panes[pane];
    fit(context.canvas, width, height, ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    for (let at = 0; at + NUMBERS <= items.length; at += NUMBERS) {
      drawItem(context, points, items.subarray(at, at + NUMBERS), width, height);
    }
    return true;
  }
}

/** @param {HTMLCanvasElement} canvas @param {number} width @param {number} height @param {number} ratio */
function fit(canvas, width, height, ratio) {
  const [w, h] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
}

/**
 * @param {CanvasRenderingContext2D} context @param {Float32Array} points @param {Float32Array} item
 * @param {number} width @param {number} height
 */
export function drawItem(context, points, item, width, height) {
  const path = trace(points, item);
  const reach = item[4];
  const part = (/** @type {number} */ from, /** @type {number} */ to, /** @type {number} */ color) => {
    if (to <= from) return;
    context.save();
    if (from > 0 || to < width) {
      context.beginPath();
      context.rect(from, 0, to - from, height);
      context.clip();
    }
    paint(context, path, item, css(item, color));
    context.restore();
  };
  part(0, Math.min(reach, width), 5);
  part(Math.max(reach, 0), width, 9);
}

/** @param {Float32Array} item @param {number} at */
function css(item, at) {
  const byte = (/** @type {number} */ part) => Math.round(part * 255);
  return `rgb(${byte(item[at])} ${byte(item[at + 1])} ${byte(item[at + 2])} / ${item[at + 3]})`;
}

/** @param {CanvasRenderingContext2D} context @param {Path2D} path @param {Float32Array} item @param {string} color */
function paint(context, path, item, color) {
  if (item[0] !== LINE) {
    context.fillStyle = color;
    context.fill(path);
    return;
  }
  context.strokeStyle = color;
  context.lineWidth = item[3];
  context.lineJoin = "round";
  context.lineCap = item[13] > 0 ? "butt" : "round";
  context.setLineDash(item[13] > 0 ? [...item.subarray(13, item[15] > 0 ? 17 : 15)] : []);
  context.stroke(path);
}

/** @param {Float32Array} points @param {Float32Array} item */
function trace(points, item) {
  const path = new Path2D();
  const [kind, first, count] = item;
  for (let at = first * 4, end = (first + count) * 4; at < end; at += 4) {
    const [a, b, c, d] = [points[at], points[at + 1], points[at + 2], points[at + 3]];
    if (kind === LINE && d > 0.5) path.lineTo(a, b);
    else if (kind === LINE) path.moveTo(a, b);
    else if (kind === BAND) path.rect(a, c - 0.5, b - a, d - c + 1);
    else {
      path.moveTo(a + c, b);
      path.arc(a, b, c, 0, 2 * Math.PI);
    }
  }
  return path;
}
