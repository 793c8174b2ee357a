// @ts-check
// The clock of the replay, in real time.

import { furthest, on, set, shown, visible } from "../core/store.js";

export const SPEEDS = [1, 5, 20, 60, 200, 1000, 10_000];
let last = 0;
let isTicking = false;

/** Tokens (or seconds) that pass in a second at speed 1: the pace of the fastest run. */
function pace() {
  if (shown.clock !== "tokens") return 1;
  const paces = visible().map(({ ends }) => (ends.tokens ?? 0) / (ends.train_s || ends.wall_s || Infinity));
  return Math.max(...paces, 0) || furthest() / 60;
}

export function startPlayer() {
  on(["playing"], () => {
    if (!shown.playing || isTicking) return;
    isTicking = true;
    last = performance.now();
    requestAnimationFrame(tick);
  });
}

/** @param {number} now */
function tick(now) {
  isTicking = shown.playing !== 0;
  if (!isTicking) return;
  const seconds = Math.min(0.25, Math.max(0, (now - last) / 1000));
  last = now;
  const t = Math.min(furthest(), Math.max(0, shown.t + seconds * shown.speed * pace() * shown.playing));
  const ended = shown.playing > 0 ? t >= furthest() : t <= 0;
  set(ended ? { t, playing: 0 } : { t });
  isTicking = !ended;
  if (isTicking) requestAnimationFrame(tick);
}

/** @param {1 | -1} direction */
export function play(direction) {
  if (shown.playing === direction) {
    set({ playing: 0 });
    return;
  }
  const atEnd = direction > 0 ? shown.t >= furthest() : shown.t <= 0;
  set({ playing: direction, t: atEnd ? (direction > 0 ? 0 : furthest()) : shown.t });
}

/** @param {number} t */
export function seek(t) {
  set({ t: Math.min(furthest(), Math.max(0, t)) });
}

/** @param {1 | -1} steps faster or slower */
export function changeSpeed(steps) {
  const at = SPEEDS.findIndex((speed) => speed >= shown.speed);
  set({ speed: SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, at + steps))] });
}

/** Another unit for the playhead; it stays where the first run stands. @param {string} clock */
export function changeClock(clock) {
  const ids = visible().map(({ id }) => id);
  const first = shown.state?.runs.find((/** @type {any} */ run) => ids.includes(run.id))?.at[clock];
  // Where no run that is shown has the old clock, that one has no end.
  const wasAtEnd = furthest() > 0 && shown.t >= furthest();
  set({ clock });
  set({ t: wasAtEnd || first === undefined || first === null ? furthest() : Math.min(first, furthest()) });
}
