// @ts-check
// Numbers for people.

const GROUPED = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });

/** Seconds as `1:02:03` or `2:03.4`. @param {number | null | undefined} seconds */
export function time(seconds) {
  if (seconds === null || seconds === undefined || !Number.isFinite(seconds)) return "–";
  const whole = Math.abs(seconds);
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  const pad = (/** @type {number} */ n) => String(n).padStart(2, "0");
  const sign = seconds < 0 ? "−" : "";
  if (hours > 0) return `${sign}${hours}:${pad(minutes)}:${pad(Math.floor(whole % 60))}`;
  return `${sign}${minutes}:${(Math.floor((whole % 60) * 10) / 10).toFixed(1).padStart(4, "0")}`;
}

/** A count as `12.3M`. @param {number | null | undefined} count */
export function short(count) {
  if (count === null || count === undefined || !Number.isFinite(count)) return "–";
  const size = Math.abs(count);
  for (const [unit, letter] of /** @type {const} */ ([[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e3, "k"]])) {
    if (size >= unit * 0.9995) return `${digits(count / unit)}${letter}`;
  }
  return digits(count);
}

/** @param {number} value */
function digits(value) {
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return value.toFixed(0);
  return value.toFixed(size >= 10 ? 1 : 2);
}

/** A difference with its sign. @param {number | null | undefined} delta @param {(size: number) => string} words */
export function signed(delta, words) {
  if (delta === null || delta === undefined || !Number.isFinite(delta)) return "";
  return (delta < 0 ? "−" : delta > 0 ? "+" : "±") + words(Math.abs(delta));
}

/** @param {string} axis @param {number | null | undefined} value */
export function onAxis(axis, value) {
  if (value === null || value === undefined) return "–";
  return axis === "train_s" || axis === "wall_s" ? time(value) : axis === "step" ? GROUPED.format(value) : short(value);
}

/** A metric's value, exact enough to tell runs apart. @param {string} metric @param {number | string | null | undefined} value */
export function value(metric, value) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return value;
  if (metric.endsWith("loss")) return value.toFixed(4);
  if (metric === "mfu") return `${(value * 100).toFixed(1)} %`;
  if (metric === "memory_bytes") return `${(value / 2 ** 30).toFixed(2)} GiB`;
  if (metric === "lr") return value === 0 ? "0" : value.toPrecision(3);
  return Math.abs(value) >= 1000 ? GROUPED.format(value) : value.toPrecision(4);
}

/** What a metric or axis is called. */
export const WORDS = /** @type {Record<string, string>} */ ({
  train_loss: "Training loss",
  val_loss: "Validation loss",
  lr: "Learning rate",
  tokens_per_s: "Tokens/s",
  mfu: "MFU",
  grad_norm: "Gradient norm",
  memory_bytes: "Memory",
  tokens: "Tokens",
  step: "Steps",
  train_s: "Training time",
  wall_s: "Wall time",
});
