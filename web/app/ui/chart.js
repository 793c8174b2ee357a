// @ts-check
// A chart: curves on a canvas, axes over it, and the hand on it (wheel, drag, pinch, keys, crosshair).

import { fill, h, s } from "../core/dom.js";
import { WORDS } from "../core/format.js";
import { invalidate } from "../core/frame.js";
import { furthest, runOf, set, shown, visible } from "../core/store.js";
import { drawAxes, MARGIN } from "../draw/axes.js";
import { compose } from "../draw/items.js";
import { color, look } from "../draw/theme.js";
import { Hand } from "./hand.js";

/** @typedef {import("../draw/renderer.js").Renderer} Renderer */

export class Chart {
  /** @param {string[]} metrics @param {() => Renderer} renderer */
  constructor(metrics, renderer) {
    this.metrics = metrics;
    this.renderer = renderer;
    /** @type {any} */
    this.drawn = null;
    this.size = { width: 0, height: 0 };
    this.canvas = h("canvas", { "aria-hidden": "true" });
    this.axes = s("svg", { class: "axes", "aria-hidden": "true" });
    this.cross = h("div", { class: "cross", hidden: true });
    this.head = h("div", { class: "head", hidden: true });
    this.brush = h("div", { class: "brush", hidden: true });
    this.absent = h("p", { class: "absent", hidden: true });
    this.words = h("p", { class: "unseen", id: `words-${metrics[0]}` });
    this.name = metrics.map((metric) => WORDS[metric]).join(" and ");
    this.plot = h(
      "div",
      { class: "plot", tabindex: "0", role: "application", "aria-roledescription": "chart", "aria-label": `${this.name}. Arrow keys move the crosshair, plus and minus zoom, 0 shows all.`, "aria-describedby": this.words.id },
      this.axes, this.canvas, this.head, this.cross, this.brush, this.absent,
    );
    this.element = h("div", { class: "chart" }, this.plot, this.words);
    this.pane = renderer().addCanvas(this.canvas);
    this.hand = new Hand(this);
    new ResizeObserver(() => this.resize()).observe(this.plot);
  }

  /** A canvas belongs to one renderer for good: another one gets a new canvas. */
  changeRenderer() {
    const canvas = h("canvas", { "aria-hidden": "true" });
    this.canvas.replaceWith(canvas);
    this.canvas = canvas;
    this.pane = this.renderer().addCanvas(canvas);
    if (this.drawn) this.renderer().setPoints(this.pane, this.drawn.points);
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.plot;
    if (width === this.size.width && height === this.size.height) return;
    this.size = { width, height };
    invalidate("curves");
  }

  /** What the worker needs to make the curves; null while there is no room. */
  request() {
    const { width, height } = this.size;
    if (width < MARGIN.left + MARGIN.right + 20 || height < 40) return null;
    const { axis, xlog, smooth, zoom, targets } = shown;
    return {
      metrics: this.metrics,
      runs: visible().map((run) => run.id),
      axis, xlog, smooth, zoom,
      ylog: shown.ylog.includes(this.metrics[0]),
      bars: this.metrics.includes("val_loss") ? targets : [],
      width, height,
      margin: MARGIN,
    };
  }

  /** @param {any} drawn */
  accept(drawn) {
    this.drawn = drawn;
    this.renderer().setPoints(this.pane, drawn.points);
    drawAxes(this.axes, this.size.width, this.size.height, drawn.x_ticks, drawn.y_ticks, drawn.bars);
    this.absent.hidden = !drawn.absent;
    fill(this.absent, drawn.absent);
  }

  /** For who cannot see it. @param {string} words */
  tell(words) {
    fill(this.words, words);
  }

  draw() {
    if (!this.drawn) return;
    const { width, height } = this.size;
    const items = this.items();
    this.renderer().draw(this.pane, width, height, devicePixelRatio || 1, items);
    this.place(this.cross, shown.cross);
    this.place(this.head, this.headAt());
  }

  items() {
    const reach = (/** @type {number} */ id) => this.reach(id);
    const paint = (/** @type {number} */ id) => look(runOf(id)?.color ?? 0);
    return compose(this.drawn.spans, paint, reach, color("--panel"));
  }

  /** Up to which pixel a run was replayed. @param {number} id */
  reach(id) {
    if (shown.t >= furthest()) return 1e6;
    if (shown.axis === shown.clock) return this.toPixel(shown.t);
    const at = shown.state?.runs.find((/** @type {any} */ run) => run.id === id)?.at[shown.axis];
    return at === null || at === undefined ? 0 : this.toPixel(at);
  }

  headAt() {
    return shown.axis === shown.clock && shown.t < furthest() ? shown.t : null;
  }

  /** @param {HTMLElement} line @param {number | null} x */
  place(line, x) {
    const px = x === null || !this.current ? -1 : this.toPixel(x);
    line.hidden = px < MARGIN.left - 0.5 || px > this.size.width - MARGIN.right + 0.5;
    if (!line.hidden) line.style.transform = `translateX(${px}px)`;
  }

  get inner() {
    return Math.max(1, this.size.width - MARGIN.left - MARGIN.right);
  }

  /** @param {number} x */
  scale(x) {
    return this.drawn?.xlog ? Math.log(Math.max(x, this.drawn.whole[0] / 1e3)) : x;
  }

  /** Whether positions on the drawn curves are positions on the axis that is wanted: another one may be on its way. */
  get current() {
    return this.drawn !== null && this.drawn.axis === shown.axis;
  }

  /** What is to be shown, which may be newer than what is drawn: one move of the hand builds on the other. */
  get ends() {
    return (shown.zoom ?? this.drawn.whole).map((/** @type {number} */ end) => this.scale(end));
  }

  /** Pixels of a position on the charts' axis. @param {number} x */
  toPixel(x) {
    if (!this.drawn) return 0;
    const [from, to] = this.ends;
    return MARGIN.left + ((this.scale(x) - from) / (to - from || 1)) * this.inner;
  }

  /** The position at a pixel. @param {number} px */
  toAxis(px) {
    if (!this.drawn) return 0;
    const [from, to] = this.ends;
    const at = from + ((px - MARGIN.left) / this.inner) * (to - from);
    return this.drawn.xlog ? Math.exp(at) : at;
  }

  /** Shows from pixel to pixel. @param {number} fromPx @param {number} toPx */
  zoomTo(fromPx, toPx) {
    if (!this.current) return;
    const [first, last] = this.drawn.whole;
    const from = Math.max(first, this.toAxis(fromPx));
    const to = Math.min(last, this.toAxis(toPx));
    if (!(to - from > (last - first) * 1e-9)) return;
    set({ zoom: from <= first && to >= last ? null : [from, to] });
  }

  /** @param {number} factor below 1 is closer @param {number} atPx */
  zoomBy(factor, atPx) {
    this.zoomTo(atPx - (atPx - MARGIN.left) * factor, atPx + (MARGIN.left + this.inner - atPx) * factor);
  }

  /** Moves what is shown, without changing how much, as far as there is more. @param {number} px */
  pan(px) {
    if (!this.current || !shown.zoom) return;
    const { whole: [first, last] } = this.drawn;
    const room = [first, last].map((end, side) => this.toPixel(end) - MARGIN.left - side * this.inner);
    const by = Math.max(Math.min(0, room[0]), Math.min(Math.max(0, room[1]), px));
    if (by === 0) return;
    const [from, to] = [0, this.inner].map((edge) => this.toAxis(MARGIN.left + edge + by));
    set({ zoom: [Math.max(first, from), Math.min(last, to)] });
  }

  /** @param {number} px */
  pointAt(px) {
    if (!this.current) return;
    const inside = px >= MARGIN.left && px <= MARGIN.left + this.inner;
    // A logarithm and back ends a little beyond the last position.
    const [first, last] = this.drawn.whole;
    set({ cross: inside ? Math.min(last, Math.max(first, this.toAxis(px))) : null });
  }
}
