// @ts-check
// Taking away what is seen: PNG, SVG, CSV, a link, a view for another page.

import { button, download, fill, h, s } from "../core/dom.js";
import { linkOf } from "../core/link.js";
import { message } from "../core/opening.js";
import { visible } from "../core/store.js";
import { MARGIN } from "../draw/axes.js";
import { drawItem, trace } from "../draw/canvas2d.js";
import { AHEAD, BAND, COLOR, LINE, NUMBERS, REACH } from "../draw/items.js";
import { cssColor, dashes, runColorName } from "../draw/theme.js";

/** The names below a chart: the first row of them, each further one, and the mark before a name. */
const [LEGEND_PX, ROW_PX, MARK_PX, SAMPLE_PX] = [22, 16, 33, 28];
const MOST_LETTERS = 40;
const FONT = "11px sans-serif";
const LOCAL = "Only logs that were opened by a link can be shown in another page; these are in this browser alone.";
const FORBIDDEN = "This server forbids other pages to show this one, as `blueberry view` does: put it and the logs on a host that does not.";

/** @param {import("./chart.js").Chart[]} charts @param {import("../core/client.js").Call} call */
export function takeAway(charts, call) {
  const which = h("select", { "aria-label": "Chart" }, charts.map((chart, index) => h("option", { value: index }, isLoss(chart) ? "Loss" : chart.name)));
  const chosen = () => charts[Number(which.value)];
  const file = (/** @type {string} */ ending) => (isLoss(chosen()) ? `runs.${ending}` : `runs-${chosen().metrics[0]}.${ending}`);
  // The page's own messages lie behind this dialog.
  const told = h("p", { class: "note", role: "status" });
  const tell = (/** @type {string} */ text) => fill(told, text);
  const taking = (/** @type {string} */ label, /** @type {() => Promise<void> | void} */ act) => button(label, () => {
    tell("");
    void Promise.resolve().then(act).catch((error) => tell(message(error)));
  });
  const numbers = async () => {
    const [chart, name] = [chosen(), file("csv")];
    const { table, left_out: left } = await call("csv", { ...chart.request(), zoom: chart.drawn.domain.x });
    download(name, new Blob([table], { type: "text/csv" }));
    if (left > 0) tell(`${left} more rows are in view than the file holds: zoom in for those.`);
  };
  const copy = async (/** @type {string} */ text, /** @type {string} */ what) => {
    place.value = text;
    place.hidden = false;
    place.select();
    try {
      await navigator.clipboard.writeText(text);
      tell(`${what} copied`);
    } catch {
      tell(`${what}: copy it from the field`);
    }
  };
  const frame = async () => {
    if (!visible().some((run) => run.url)) tell(LOCAL);
    else if (!(await mayBeFramed())) tell(FORBIDDEN);
    else await copy(embed(), "HTML");
  };
  const place = h("textarea", { readonly: true, hidden: true, rows: 4, cols: 60, "aria-label": "To copy", id: "to-copy" });
  const dialog = h(
    "dialog", { "aria-labelledby": "take-title", id: "take", onclose: () => dialog.remove() },
    h("header", {}, h("h2", { id: "take-title" }, "Take away what is seen"), button("Close", () => dialog.close())),
    h(
      "div", { class: "body menu" },
      h("label", { class: "row" }, "Chart", which),
      taking("Picture (PNG)", () => png(chosen(), file("png"))),
      taking("Drawing (SVG)", () => download(file("svg"), new Blob([svg(chosen())], { type: "image/svg+xml" }))),
      taking("Numbers in view (CSV)", numbers),
      taking("Link to this view", () => copy(linkOf(), "Link")),
      taking("HTML for another page", frame),
      place, told,
    ),
  );
  document.getElementById("layers")?.append(dialog);
  dialog.showModal();
}

/** @param {import("./chart.js").Chart} chart */
function isLoss(chart) {
  return chart.metrics.includes("val_loss");
}

/** Whether this page's host lets other pages show it; without a network it cannot be asked. */
async function mayBeFramed() {
  const answer = await fetch(location.href, { method: "HEAD" }).catch(() => null);
  return !answer?.headers.get("content-security-policy")?.includes("frame-ancestors");
}

function embed() {
  const url = `${linkOf()}&embed=1`.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
  return `<iframe src="${url}" width="800" height="480" title="Training runs" loading="lazy"></iframe>`;
}

/** @param {import("./chart.js").Chart} chart @param {string} name */
async function png(chart, name) {
  const { width, height } = chart.size;
  const { names, px } = legend(width);
  // A small chart is worth as many pixels as a large one.
  const ratio = Math.min(6, Math.max(2, Math.round(1200 / width)));
  const canvas = h("canvas", { width: width * ratio, height: (height + px) * ratio });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.scale(ratio, ratio);
  context.fillStyle = cssColor("--panel");
  context.fillRect(0, 0, width, height + px);
  for (const line of chart.axes.querySelectorAll("line")) drawLine(context, line);
  const items = chart.items();
  for (let at = 0; at < items.length; at += NUMBERS) {
    const item = items.subarray(at, at + NUMBERS);
    drawItem(context, trace(chart.drawn.points, item), item, width, height);
  }
  drawTexts(context, chart, names);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  if (!blob) throw new Error("this browser made no picture of it");
  download(name, blob);
}

/** A line of the grid or a bar of the splits, as the style sheet has it. @param {CanvasRenderingContext2D} context @param {Element} line */
function drawLine(context, line) {
  const { stroke, strokeDasharray, opacity } = getComputedStyle(line);
  const at = (/** @type {string} */ name) => Number(line.getAttribute(name));
  context.save();
  context.strokeStyle = stroke;
  context.globalAlpha = Number(opacity);
  context.setLineDash(strokeDasharray.split(",").map(parseFloat).filter(Number.isFinite));
  context.beginPath();
  context.moveTo(at("x1"), at("y1"));
  context.lineTo(at("x2"), at("y2"));
  context.stroke();
  context.restore();
}

/** @param {CanvasRenderingContext2D} context @param {import("./chart.js").Chart} chart @param {Name[]} names */
function drawTexts(context, chart, names) {
  context.font = FONT;
  context.fillStyle = cssColor("--dim");
  for (const text of chart.axes.querySelectorAll("text")) {
    context.textAlign = /** @type {CanvasTextAlign} */ (text.getAttribute("text-anchor") === "end" ? "right" : "center");
    context.fillText(text.textContent ?? "", Number(text.getAttribute("x")), Number(text.getAttribute("y")));
  }
  context.textAlign = "left";
  context.lineWidth = 2.5;
  for (const { name, color, dash, x, y } of names) {
    context.fillStyle = context.strokeStyle = color;
    context.setLineDash(dash);
    context.beginPath();
    context.moveTo(x, chart.size.height + y - 3.5);
    context.lineTo(x + SAMPLE_PX, chart.size.height + y - 3.5);
    context.stroke();
    context.fillText(name, x + MARK_PX, chart.size.height + y);
  }
}

/** @typedef {{ name: string, color: string, dash: number[], x: number, y: number }} Name `y` is below the chart */

/** The names of the runs, in as many rows as they need, and how high those are. @param {number} width */
function legend(width) {
  const context = /** @type {CanvasRenderingContext2D} */ (h("canvas").getContext("2d"));
  context.font = FONT;
  const long = (/** @type {string} */ name) => MARK_PX + context.measureText(name).width;
  let [x, row] = [MARGIN.left, 0];
  const names = visible().map((run) => {
    let letters = [...run.name].slice(0, MOST_LETTERS);
    while (letters.length > 1 && MARGIN.left + long(letters.join("")) > width) letters = letters.slice(0, -1);
    const name = letters.join("");
    if (x > MARGIN.left && x + long(name) > width) [x, row] = [MARGIN.left, row + 1];
    const place = { name, color: cssColor(runColorName(run.color)), dash: dashes(run.color), x, y: 13 + row * ROW_PX };
    x += long(name) + 15;
    return place;
  });
  return { names, px: LEGEND_PX + row * ROW_PX };
}

/** A drawing without styles of its own page; names are escaped by the serialiser. @param {import("./chart.js").Chart} chart */
export function svg(chart) {
  const { width, height } = chart.size;
  const { names, px } = legend(width);
  const root = s("svg", { viewBox: `0 0 ${width} ${height + px}`, width, height: height + px, "font-family": "sans-serif", "font-size": 11 });
  root.append(s("rect", { width, height: height + px, fill: cssColor("--panel") }));
  for (const line of chart.axes.querySelectorAll("line")) {
    const { stroke, strokeDasharray, opacity } = getComputedStyle(line);
    root.append(copyOf(line, { stroke, "stroke-dasharray": strokeDasharray, opacity }));
  }
  root.append(...curves(chart));
  for (const text of chart.axes.querySelectorAll("text")) root.append(copyOf(text, { fill: cssColor("--dim") }));
  for (const { name, color, dash, x, y } of names) {
    const mark = { x1: x, x2: x + SAMPLE_PX, y1: height + y - 3.5, y2: height + y - 3.5 };
    root.append(s("line", { ...mark, stroke: color, "stroke-width": 2.5, "stroke-dasharray": dash.join(" ") || "none" }));
    root.append(s("text", { x: x + MARK_PX, y: height + y, fill: color }, name));
  }
  return new XMLSerializer().serializeToString(root);
}

/** @param {Element} element @param {Record<string, string>} props */
function copyOf(element, props) {
  const copy = /** @type {Element} */ (element.cloneNode(true));
  copy.removeAttribute("class");
  for (const [name, value] of Object.entries(props)) copy.setAttribute(name, value);
  return copy;
}

/**
 * Each curve up to where it was replayed, and paler what is ahead: cut there by clips, as the canvas does.
 * @param {import("./chart.js").Chart} chart
 */
function curves(chart) {
  const { width, height } = chart.size;
  const items = chart.items();
  /** @type {Map<string, Element>} */
  const clips = new Map();
  const clip = (/** @type {number} */ from, /** @type {number} */ to) => {
    if (from <= 0 && to >= width) return undefined;
    const id = `from-${round(from)}-to-${round(to)}`;
    if (!clips.has(id)) clips.set(id, s("clipPath", { id }, s("rect", { x: from, width: to - from, height })));
    return `url(#${id})`;
  };
  const shapes = [];
  for (let at = 0; at < items.length; at += NUMBERS) {
    const item = items.subarray(at, at + NUMBERS);
    const reach = Math.min(width, Math.max(0, item[REACH]));
    const d = outline(chart.drawn.points, item);
    if (reach > 0) shapes.push(shape(item, COLOR, d, clip(0, reach)));
    if (reach < width) shapes.push(shape(item, AHEAD, d, clip(reach, width)));
  }
  return [...clips.values(), ...shapes];
}

/** @param {Float32Array} item @param {number} at place of its colour @param {string} d @param {string | undefined} clip */
function shape(item, at, d, clip) {
  const color = `rgb(${[0, 1, 2].map((part) => Math.round(item[at + part] * 255)).join(",")})`;
  const dash = item[13] > 0 ? [...item.subarray(13, item[15] > 0 ? 17 : 15)].join(" ") : "none";
  const look = item[0] === LINE
    ? { fill: "none", stroke: color, "stroke-width": round(item[3]), "stroke-linejoin": "round", "stroke-dasharray": dash }
    : { fill: color, "fill-opacity": round(item[at + 3]) };
  return s("path", { d, "clip-path": clip, ...look });
}

/** @param {Float32Array} points @param {Float32Array} item */
function outline(points, item) {
  const [kind, first, count] = item;
  let d = "";
  for (let at = first * 4; at < (first + count) * 4; at += 4) {
    const [a, b, c, e] = [0, 1, 2, 3].map((part) => round(points[at + part]));
    if (kind === LINE) d += `${e > 0.5 ? "L" : "M"}${a},${b}`;
    else if (kind === BAND) d += `M${a},${c - 0.5}H${b}V${e + 0.5}H${a}Z`;
    else d += `M${round(a - c)},${b}a${c},${c} 0 1 0 ${2 * c},0a${c},${c} 0 1 0 ${-2 * c},0Z`;
  }
  return d;
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 100) / 100;
}
