// @ts-check
// Taking away what is seen: PNG, SVG, CSV, a link, a view for another page.

import { button, download, h, s } from "../core/dom.js";
import { linkOf } from "../core/link.js";
import { visible } from "../core/store.js";
import { drawItem, trace } from "../draw/canvas2d.js";
import { BAND, LINE, NUMBERS } from "../draw/items.js";
import { cssColor, runColorName } from "../draw/theme.js";

const LEGEND_PX = 22;

/** @param {import("./chart.js").Chart[]} charts @param {import("../core/client.js").Call} call @param {(text: string, bad?: boolean) => void} say */
export function takeAway(charts, call, say) {
  const which = h("select", { "aria-label": "Chart" }, charts.map((chart, index) => h("option", { value: index }, isLoss(chart) ? "Loss" : chart.name)));
  const chosen = () => charts[Number(which.value)];
  const file = (/** @type {string} */ ending) => (isLoss(chosen()) ? `runs.${ending}` : `runs-${chosen().metrics[0]}.${ending}`);
  const copy = async (/** @type {string} */ text, /** @type {string} */ what) => {
    place.value = text;
    place.hidden = false;
    place.select();
    try {
      await navigator.clipboard.writeText(text);
      say(`${what} copied`);
    } catch {
      say(`${what}: copy it from the field`);
    }
  };
  const place = h("textarea", { readonly: true, hidden: true, rows: 4, cols: 60, "aria-label": "To copy", id: "to-copy" });
  const dialog = h(
    "dialog", { "aria-labelledby": "take-title", id: "take", onclose: () => dialog.remove() },
    h("header", {}, h("h2", { id: "take-title" }, "Take away what is seen"), button("Close", () => dialog.close())),
    h(
      "div", { class: "body menu" },
      h("label", { class: "row" }, "Chart", which),
      button("Picture (PNG)", () => void png(chosen(), file("png"))),
      button("Drawing (SVG)", () => download(file("svg"), new Blob([svg(chosen())], { type: "image/svg+xml" }))),
      button("Numbers in view (CSV)", async () => download(file("csv"), new Blob([await csv(chosen(), call)], { type: "text/csv" }))),
      button("Link to this view", () => void copy(linkOf(), "Link")),
      button("HTML for another page", () => (canEmbed() ? void copy(embed(), "HTML") : say("Only logs that were opened by a link can be shown in another page; these are in this browser alone.", true))),
      place,
    ),
  );
  document.getElementById("layers")?.append(dialog);
  dialog.showModal();
}

/** @param {import("./chart.js").Chart} chart */
function isLoss(chart) {
  return chart.metrics.includes("val_loss");
}

function canEmbed() {
  return visible().some((run) => run.url);
}

function embed() {
  const url = `${linkOf()}&embed=1`.replaceAll("&", "&amp;").replaceAll('"', "&quot;");
  return `<iframe src="${url}" width="800" height="480" title="Training runs" loading="lazy"></iframe>`;
}

/** @param {import("./chart.js").Chart} chart @param {import("../core/client.js").Call} call */
async function csv(chart, call) {
  return call("csv", { ...chart.request(), zoom: chart.drawn.domain.x });
}

/** @param {import("./chart.js").Chart} chart @param {string} name */
async function png(chart, name) {
  const { width, height } = chart.size;
  // A small chart is worth as many pixels as a large one.
  const ratio = Math.min(6, Math.max(2, Math.round(1200 / width)));
  const canvas = h("canvas", { width: width * ratio, height: (height + LEGEND_PX) * ratio });
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.scale(ratio, ratio);
  context.fillStyle = cssColor("--panel");
  context.fillRect(0, 0, width, height + LEGEND_PX);
  const items = chart.items();
  for (let at = 0; at < items.length; at += NUMBERS) {
    const item = items.subarray(at, at + NUMBERS);
    drawItem(context, trace(chart.drawn.points, item), item, width, height);
  }
  drawAxes(context, chart);
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  if (blob) download(name, blob);
}

/** @param {CanvasRenderingContext2D} context @param {import("./chart.js").Chart} chart */
function drawAxes(context, chart) {
  context.font = "11px sans-serif";
  for (const text of chart.axes.querySelectorAll("text")) {
    context.fillStyle = cssColor("--dim");
    context.textAlign = /** @type {CanvasTextAlign} */ (text.getAttribute("text-anchor") === "end" ? "right" : "center");
    context.fillText(text.textContent ?? "", Number(text.getAttribute("x")), Number(text.getAttribute("y")));
  }
  context.textAlign = "left";
  let x = 50;
  for (const run of visible()) {
    context.fillStyle = cssColor(runColorName(run.color));
    context.fillRect(x, chart.size.height + 8, 14, 3);
    context.fillText(run.name.slice(0, 40), x + 19, chart.size.height + 13);
    x += 34 + context.measureText(run.name.slice(0, 40)).width;
  }
}

/** A drawing without styles of its own page; names are escaped by the serialiser. @param {import("./chart.js").Chart} chart */
export function svg(chart) {
  const { width, height } = chart.size;
  const root = s("svg", { viewBox: `0 0 ${width} ${height + LEGEND_PX}`, width, height: height + LEGEND_PX, "font-family": "sans-serif", "font-size": 11 });
  root.append(s("rect", { width, height: height + LEGEND_PX, fill: cssColor("--panel") }));
  for (const line of chart.axes.querySelectorAll("line")) root.append(copyOf(line, { stroke: cssColor("--grid") }));
  const items = chart.items();
  for (let at = 0; at < items.length; at += NUMBERS) root.append(shape(chart.drawn.points, items.subarray(at, at + NUMBERS)));
  for (const text of chart.axes.querySelectorAll("text")) root.append(copyOf(text, { fill: cssColor("--dim") }));
  visible().forEach((run, index) => root.append(s("text", { x: 50 + 160 * index, y: height + 13, fill: cssColor(runColorName(run.color)) }, run.name.slice(0, 24))));
  return new XMLSerializer().serializeToString(root);
}

/** @param {Element} element @param {Record<string, string>} props */
function copyOf(element, props) {
  const copy = /** @type {Element} */ (element.cloneNode(true));
  copy.removeAttribute("class");
  for (const [name, value] of Object.entries(props)) copy.setAttribute(name, value);
  return copy;
}

/** @param {Float32Array} points @param {Float32Array} item */
function shape(points, item) {
  const [kind, first, count, width] = item;
  const color = `rgb(${[5, 6, 7].map((at) => Math.round(item[at] * 255)).join(",")})`;
  const round = (/** @type {number} */ at) => Math.round(points[at] * 100) / 100;
  let d = "";
  for (let at = first * 4; at < (first + count) * 4; at += 4) {
    if (kind === LINE) d += `${points[at + 3] > 0.5 ? "L" : "M"}${round(at)},${round(at + 1)}`;
    else if (kind === BAND) d += `M${round(at)},${round(at + 2) - 0.5}H${round(at + 1)}V${round(at + 3) + 0.5}H${round(at)}Z`;
    else d += `M${points[at] - points[at + 2]},${round(at + 1)}a${points[at + 2]},${points[at + 2]} 0 1 0 ${2 * points[at + 2]},0a${points[at + 2]},${points[at + 2]} 0 1 0 ${-2 * points[at + 2]},0Z`;
  }
  const dash = item[13] > 0 ? [...item.subarray(13, item[15] > 0 ? 17 : 15)].join(" ") : undefined;
  if (kind === LINE) return s("path", { d, fill: "none", stroke: color, "stroke-width": width, "stroke-linejoin": "round", "stroke-dasharray": dash });
  return s("path", { d, fill: color, "fill-opacity": item[8] });
}

