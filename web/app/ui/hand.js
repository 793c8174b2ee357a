// @ts-check
// The hand on a chart. Wheel zooms at the pointer; a drag chooses what to show; with Shift or the middle button it moves
// the picture; two fingers pinch; a tap points; a double click shows all. Keys do the same.

import { set, shown } from "../core/store.js";
import { MARGIN } from "../draw/axes.js";

const STEP_PX = 8;
const CLICK_PX = 4;

export class Hand {
  /** @param {import("./chart.js").Chart} chart */
  constructor(chart) {
    this.chart = chart;
    /** @type {Map<number, number>} fingers and buttons that are down, by pointer: where */
    this.down = new Map();
    /** @type {{ from: number, pan: boolean } | null} */
    this.drag = null;
    const { plot } = chart;
    plot.addEventListener("wheel", (/** @type {WheelEvent} */ event) => this.wheel(event), { passive: false });
    plot.addEventListener("pointerdown", (/** @type {PointerEvent} */ event) => this.press(event));
    plot.addEventListener("pointermove", (/** @type {PointerEvent} */ event) => this.move(event));
    plot.addEventListener("pointerup", (/** @type {PointerEvent} */ event) => this.lift(event));
    plot.addEventListener("pointercancel", (/** @type {PointerEvent} */ event) => this.drop(event));
    plot.addEventListener("pointerleave", (/** @type {PointerEvent} */ event) => this.leave(event));
    plot.addEventListener("dblclick", () => set({ zoom: null }));
    plot.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => this.key(event));
  }

  /** @param {{ clientX: number }} event */
  px(event) {
    return event.clientX - this.chart.plot.getBoundingClientRect().left;
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
      event.preventDefault();
      this.chart.pan(event.deltaX);
      return;
    }
    event.preventDefault();
    const lines = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? 30 : 1;
    this.chart.zoomBy(Math.exp(Math.max(-1, Math.min(1, event.deltaY * lines * 0.0022))), this.px(event));
  }

  /** @param {PointerEvent} event */
  press(event) {
    // The right button is the browser's.
    if (event.button > 1) return;
    this.down.set(event.pointerId, this.px(event));
    if (event.pointerType === "mouse") event.preventDefault();
    this.chart.plot.focus({ preventScroll: true });
    if (this.down.size > 1) {
      this.endBrush();
      return;
    }
    this.chart.plot.setPointerCapture(event.pointerId);
    this.drag = { from: this.px(event), pan: event.shiftKey || event.button === 1 };
  }

  /** @param {PointerEvent} event */
  move(event) {
    const now = this.px(event);
    const before = this.down.get(event.pointerId);
    if (this.down.size === 2 && before !== undefined) this.pinch(event.pointerId, before, now);
    else if (this.drag?.pan && before !== undefined) this.chart.pan(before - now);
    else if (this.drag) this.showBrush(now);
    if (before !== undefined) this.down.set(event.pointerId, now);
    this.chart.pointAt(now);
  }

  /** @param {number} id @param {number} before @param {number} now */
  pinch(id, before, now) {
    const other = [...this.down].find(([pointer]) => pointer !== id)?.[1];
    if (other === undefined) return;
    const [wide, wider] = [Math.abs(before - other), Math.abs(now - other)];
    if (wide > 10 && wider > 10) this.chart.zoomBy(wide / wider, (now + other) / 2);
  }

  /** @param {PointerEvent} event */
  lift(event) {
    const now = this.px(event);
    if (this.drag && !this.drag.pan && this.down.size === 1) {
      if (Math.abs(now - this.drag.from) > CLICK_PX) this.chart.zoomTo(Math.min(now, this.drag.from), Math.max(now, this.drag.from));
      else this.chart.pointAt(now);
    }
    this.drop(event);
  }

  /** A finger leaves whenever it lifts, and what it pointed at is then read. @param {PointerEvent} event */
  leave(event) {
    if (event.pointerType !== "touch" && !this.drag) set({ cross: null });
  }

  /** @param {PointerEvent} event */
  drop(event) {
    this.down.delete(event.pointerId);
    this.endBrush();
  }

  /** @param {number} now */
  showBrush(now) {
    if (!this.drag || Math.abs(now - this.drag.from) <= CLICK_PX) return;
    const { style } = this.chart.brush;
    const clamp = (/** @type {number} */ px) => Math.max(MARGIN.left, Math.min(MARGIN.left + this.chart.inner, px));
    const [from, to] = [clamp(Math.min(now, this.drag.from)), clamp(Math.max(now, this.drag.from))];
    this.chart.brush.hidden = false;
    style.left = `${from}px`;
    style.width = `${to - from}px`;
  }

  endBrush() {
    this.drag = null;
    this.chart.brush.hidden = true;
  }

  /** @param {KeyboardEvent} event */
  key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const { chart } = this;
    const at = shown.cross === null ? MARGIN.left + chart.inner / 2 : chart.toPixel(shown.cross);
    const step = event.shiftKey ? STEP_PX * 8 : STEP_PX;
    /** @type {Record<string, () => void>} */
    const keys = {
      ArrowLeft: () => chart.pointAt(Math.max(MARGIN.left, at - step)),
      ArrowRight: () => chart.pointAt(Math.min(MARGIN.left + chart.inner, at + step)),
      Home: () => chart.pointAt(MARGIN.left),
      End: () => chart.pointAt(MARGIN.left + chart.inner),
      "+": () => chart.zoomBy(0.7, at),
      "=": () => chart.zoomBy(0.7, at),
      "-": () => chart.zoomBy(1 / 0.7, at),
      0: () => set({ zoom: null }),
      PageUp: () => chart.pan(-chart.inner / 2),
      PageDown: () => chart.pan(chart.inner / 2),
      Escape: () => set({ cross: null }),
    };
    if (!(event.key in keys)) return;
    event.preventDefault();
    event.stopPropagation();
    keys[event.key]();
  }
}
