// @ts-check
// Draws lists on a 2D canvas, where the browser has no WebGPU.
//
// While a playhead moves nothing changes but how far each curve was replayed. So the curves are traced once; and where all
// reach equally far, a frame is two pictures side by side: everything as replayed, and everything as still ahead.

import { AHEAD, BAND, COLOR, LINE, NUMBERS, REACH } from "./items.js";

/** @typedef {import("./renderer.js").Renderer} Renderer */
/** @typedef {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} Context */
/**
 * @typedef {object} Pane
 * @property {CanvasRenderingContext2D} context
 * @property {Float32Array} points
 * @property {Float32Array} items the list that was drawn last
 * @property {number[]} size width, height and ratio of then
 * @property {Path2D[]} paths of that list
 * @property {OffscreenCanvas[] | null} layers the replayed picture and the one ahead, once they are worth it
 */

/** @implements {Renderer} */
export class Canvas2D {
  constructor() {
    this.name = "Canvas 2D";
    /** @type {Pane[]} */
    this.panes = [];
  }

  isLost() {
    return false;
  }

  /** @param {HTMLCanvasElement} canvas */
  addCanvas(canvas) {
    const context = canvas.getContext("2d");
    if (!context) throw new Error("this browser draws on no canvas");
    this.panes.push({ context, points: new Float32Array(), items: new Float32Array(), size: [], paths: [], layers: null });
    return this.panes.length - 1;
  }

  /** @param {number} pane @param {Float32Array} points */
  setPoints(pane, points) {
    Object.assign(this.panes[pane], { points, size: [] });
  }

  /** @param {number} at @param {number} width @param {number} height @param {number} ratio @param {Float32Array} items */
  draw(at, width, height, ratio, items) {
    const pane = this.panes[at];
    const { context } = pane;
    const size = [width, height, ratio];
    const moved = size.every((length, index) => length === pane.size[index]) && differOnlyInReach(pane.items, items);
    if (!moved) Object.assign(pane, { items: items.slice(), size, paths: each(items, (item) => trace(pane.points, item)), layers: null });
    fit(context.canvas, width, height, ratio);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    const reach = commonReach(items);
    if (moved && reach !== null) drawLayers(pane, reach);
    else each(items, (item, index) => drawItem(context, pane.paths[index], item, width, height));
    return true;
  }
}

/** @template T @param {Float32Array} items @param {(item: Float32Array, index: number) => T} act @returns {T[]} */
function each(items, act) {
  const results = [];
  for (let at = 0; at + NUMBERS <= items.length; at += NUMBERS) results.push(act(items.subarray(at, at + NUMBERS), at / NUMBERS));
  return results;
}

/** @param {Float32Array} before @param {Float32Array} now */
function differOnlyInReach(before, now) {
  return before.length === now.length && now.every((number, at) => number === before[at] || at % NUMBERS === REACH);
}

/** How far all items reach; null where they differ. @param {Float32Array} items */
function commonReach(items) {
  for (let at = REACH; at < items.length; at += NUMBERS) if (items[at] !== items[REACH]) return null;
  return items.length > 0 ? items[REACH] : null;
}

/** @param {Pane} pane @param {number} reach */
function drawLayers(pane, reach) {
  const { context, size: [width, height] } = pane;
  pane.layers ??= [COLOR, AHEAD].map((color) => layer(pane, color));
  const [replayed, ahead] = pane.layers;
  sides(context, reach, width, height, () => context.drawImage(replayed, 0, 0, width, height), () => context.drawImage(ahead, 0, 0, width, height));
}

/** All items in one of their two colours. @param {Pane} pane @param {number} color */
function layer({ context, items, size: [, , ratio], paths }, color) {
  const canvas = new OffscreenCanvas(context.canvas.width, context.canvas.height);
  const picture = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
  picture.scale(ratio, ratio);
  each(items, (item, index) => paint(picture, paths[index], item, css(item, color)));
  return canvas;
}

/**
 * Draws one thing up to `reach` and another behind it.
 * @param {Context} context @param {number} reach @param {number} width @param {number} height @param {() => void} replayed @param {() => void} ahead
 */
function sides(context, reach, width, height, replayed, ahead) {
  const part = (/** @type {number} */ from, /** @type {number} */ to, /** @type {() => void} */ draw) => {
    if (to <= from) return;
    context.save();
    if (from > 0 || to < width) {
      context.beginPath();
      context.rect(from, 0, to - from, height);
      context.clip();
    }
    draw();
    context.restore();
  };
  part(0, Math.min(reach, width), replayed);
  part(Math.max(reach, 0), width, ahead);
}

/** @param {HTMLCanvasElement} canvas @param {number} width @param {number} height @param {number} ratio */
function fit(canvas, width, height, ratio) {
  const [w, h] = [Math.max(1, Math.round(width * ratio)), Math.max(1, Math.round(height * ratio))];
  if (canvas.width !== w) canvas.width = w;
  if (canvas.height !== h) canvas.height = h;
}

/** @param {Context} context @param {Path2D} path @param {Float32Array} item @param {number} width @param {number} height */
export function drawItem(context, path, item, width, height) {
  const side = (/** @type {number} */ color) => () => paint(context, path, item, css(item, color));
  sides(context, item[REACH], width, height, side(COLOR), side(AHEAD));
}

/** @param {Float32Array} item @param {number} at */
function css(item, at) {
  const byte = (/** @type {number} */ part) => Math.round(part * 255);
  return `rgb(${byte(item[at])} ${byte(item[at + 1])} ${byte(item[at + 2])} / ${item[at + 3]})`;
}

/** @param {Context} context @param {Path2D} path @param {Float32Array} item @param {string} color */
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

/** The outline of an item. @param {Float32Array} points @param {Float32Array} item */
export function trace(points, item) {
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
