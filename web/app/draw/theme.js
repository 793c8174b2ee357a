// @ts-check
// Colours, taken from the style sheet so that they stand in one place.

import { DASHES } from "./items.js";

const COLORS = 8;
/** @type {Map<string, number[]>} */
const cache = new Map();

/** Dark or light, as chosen, else as the system says. */
export function applyTheme(/** @type {string | null} */ chosen) {
  const light = chosen ? chosen === "light" : matchMedia("(prefers-color-scheme: light)").matches;
  document.documentElement.dataset.theme = light ? "light" : "dark";
  cache.clear();
}

/** Calls `act` when the system changes between dark and light. @param {() => void} act */
export function onSystemTheme(act) {
  matchMedia("(prefers-color-scheme: light)").addEventListener("change", act);
}

/** A colour of the style sheet. @param {string} name */
export function cssColor(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** The same as red, green, blue, 0 to 1. @param {string} name @returns {number[]} */
export function color(name) {
  let found = cache.get(name);
  if (!found) {
    const hex = cssColor(name).replace("#", "");
    found = [0, 2, 4].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255);
    cache.set(name, found);
  }
  return found;
}

/** @param {number} index the run's place in the palette */
export function runColorName(index) {
  return `--run-${index % COLORS}`;
}

/** @param {number} index */
function runDash(index) {
  return DASHES[(index + Math.floor(index / COLORS)) % DASHES.length];
}

/** The same as a drawing has it; empty where the line is whole. @param {number} index */
export function dashes(index) {
  const dash = runDash(index);
  return dash[0] > 0 ? dash.slice(0, dash[2] > 0 ? 4 : 2) : [];
}

/** @param {number} index */
export function look(index) {
  return { color: color(runColorName(index)), dash: runDash(index) };
}
