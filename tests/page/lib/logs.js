// @ts-check
// Own logs, made up: a smooth fall with some noise, from a seed.

/** @param {number} seed */
function random(seed) {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/**
 * @typedef {object} Made
 * @property {string} [name] @property {number} [seed] @property {number} [steps] @property {number} [tokens] targets a step
 * @property {number} [rate] tokens a second @property {number} [floor] loss that it falls to @property {number} [every] steps between evaluations
 * @property {string} [user] @property {boolean} [ended] @property {number} [lr]
 */

/** The lines of a log, the first included. @param {Made} made */
export function lines(made) {
  const { name = "run", steps = 400, tokens = 262_144, rate = 110_000, floor = 3.2, every = 20, seed = 1, ended = true } = made;
  const noise = random(seed);
  const all = [JSON.stringify(first(made))];
  const step_s = tokens / rate;
  let wall = 0;
  for (let step = 1; step <= steps; step++) {
    wall += step_s * (0.96 + 0.08 * noise());
    const at = { step, tokens: step * tokens, train_s: round(step * step_s), wall_s: round(wall) };
    const clean = floor + (10.8 - floor) * Math.exp(-6 * Math.sqrt(step / steps));
    const loss = clean + 0.12 * (noise() - 0.5);
    all.push(JSON.stringify({ event: "step", ...at, loss: round(loss), lr: 0.01 * Math.min(1, step / 20) * (1 - (0.9 * step) / steps), lr_adamw: 0.001, grad_norm: round(0.4 + noise()), tokens_per_s: Math.round(rate * (0.97 + 0.06 * noise())), data_wait_s: 0, mfu: round(0.41 + 0.02 * noise()), memory_bytes: 9_000_000_000 }));
    if (step % every === 0 || step === steps) {
      wall += 2;
      all.push(JSON.stringify({ event: "eval", ...at, wall_s: round(wall), val_loss: round(clean + 0.01 * noise()), targets: 1_048_576, seconds: 2, ledger: { tokens: at.tokens, sha256: "ee" } }));
      if (step % (every * 5) === 0) all.push(JSON.stringify({ event: "sample", ...at, wall_s: round(wall), prompt: "Once upon a time", text: ` ${name} wrote this at step ${step}.` }));
    }
  }
  if (ended) all.push(JSON.stringify({ event: "end", step: steps, tokens: steps * tokens, train_s: round(steps * step_s), wall_s: round(wall), status: "completed", val_loss: floor, ledger: { tokens: steps * tokens, sha256: "ee" }, summary: {} }));
  return all;
}

/** @param {Made} made */
export function log(made) {
  return `${lines(made).join("\n")}\n`;
}

/** @param {number} value */
function round(value) {
  return Math.round(value * 1e4) / 1e4;
}

/** @param {Made} made */
function first({ name = "run", seed = 1, steps = 400, tokens = 262_144, user = "alice", lr = 0.01 }) {
  return {
    event: "run", version: 1, run_id: name, config: { steps, optim: { lr, name: "muon" }, model: { layers: 32 } }, preset: "reference", seed,
    model: { parameters: 151_032_320, matmul_parameters: 125_829_120, table_parameters: 25_203_200, flops_per_token: 1.1e9 },
    data: { manifest_sha256: "aa", validation_sha256: "bb", tokenizer_sha256: "cc", train_tokens: 1e9 }, target_tokens: steps * tokens,
    source: { commit: "0123abc", dirty: false, sha256: "dd", version: "0.1.0" },
    hardware: { device: "Example GPU", backend: "cuda", driver: "1", compiler: "1", precision: "bf16", cpu: "Example CPU", cpus: 8, memory_bytes: 24e9, peak_flops: 165e12 },
    device_check: { status: "passed", cached: false }, user, started_unix_s: 1_790_000_000, kernels: {},
  };
}
