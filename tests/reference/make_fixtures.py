#!/usr/bin/env python3
"""Writes the fixtures of this folder from the PyTorch model and optimisers in bench/pytorch. See README.md.

Before anything is written, the values are checked against a second, plain implementation below, against f32, and
for being able to fail: each feature, taken away, must move the logits.
"""

import dataclasses
import json
import math
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
BENCH = HERE.parents[1] / "bench" / "pytorch"
sys.dont_write_bytecode = True
sys.path.insert(0, str(BENCH))

import torch  # noqa: E402
from safetensors.torch import save_file  # noqa: E402

from config import Config, MuonConfig, load  # noqa: E402
from model import Model  # noqa: E402
from optim import MATRICES, SCHEDULES, Optimizer, orthogonalize  # noqa: E402

STEPS = 10
CONFIGS = {
    "swiglu": Config(
        vocab_size=97, d_model=48, n_layers=2, n_heads=6, n_kv_heads=2, head_dim=16, d_ff=80,
        activation="swiglu", tied=True, embed_scale=True, seq_len=24, micro_batch=2,
        muon=MuonConfig(orthogonalize="newton_schulz"),
    ),
    "relu2": Config(
        vocab_size=61, d_model=40, n_layers=3, n_heads=4, n_kv_heads=2, head_dim=8, d_ff=96,
        activation="relu2", tied=False, embed_scale=False, softcap=15.0, value_embeddings=(0, 2), window=(0, 7, 0),
        seq_len=19, micro_batch=3, muon=MuonConfig(orthogonalize="polar_express"),
    ),
}  # fmt: skip
RAW_MATRICES = ((20, 7), (7, 20), (16, 16), (1, 5))

# f32 must agree with f64 this well, relative to the largest entry of a tensor; otherwise the case is
# ill-conditioned and no f32 implementation could be held to it.
F32_TOLERANCE = 1e-3
# Smallest change of a logit that counts as "this feature is seen": ten times what f32 may differ.
SEEN = 1e-2
# The same for a setting of the optimisers and the ten losses, which f32 gets right to about 2e-7.
SEEN_LOSS = 1e-4


# --- inputs -----------------------------------------------------------------------------------------------


def random_parameters(config: Config, generator: torch.Generator) -> dict[str, torch.Tensor]:
    """f32 parameters, large enough that gradients stand far above round-off and the soft-cap bends the logits."""
    parameters = {}
    for name, shape in ((name, p.shape) for name, p in Model(config).named_parameters()):
        noise = torch.randn(shape, generator=generator)
        if len(shape) == 1:
            parameters[name] = 1.0 + 0.1 * noise
        elif name == "embed" or name.endswith("value_embed"):
            parameters[name] = noise * shape[1] ** -0.5
        elif name == "head":
            parameters[name] = noise * 4.0 * shape[0] ** -0.5
        else:
            parameters[name] = noise * shape[0] ** -0.5
    return parameters


def learnable_tokens(config: Config, generator: torch.Generator) -> torch.Tensor:
    """[STEPS, batch, seq + 1] int32. Four times in five the next token is 3 t + 5, so that ten losses can fall."""
    rows = STEPS * config.micro_batch
    tokens = torch.randint(config.vocab_size, (rows, config.seq_len + 1), generator=generator)
    follow = torch.rand(rows, config.seq_len + 1, generator=generator) < 0.8
    for t in range(config.seq_len):
        tokens[:, t + 1] = torch.where(follow[:, t], (3 * tokens[:, t] + 5) % config.vocab_size, tokens[:, t + 1])
    return tokens.view(STEPS, config.micro_batch, -1).to(torch.int32)


# --- second implementation, formula by formula ------------------------------------------------------------


def plain_norm(x, gain, eps):
    return x / (x.square().mean(-1, keepdim=True) + eps).sqrt() * gain


def plain_rope(x, theta):
    """x: [batch, seq, heads, head_dim], rotated as complex numbers a + ib of the two halves."""
    half = x.shape[-1] // 2
    frequency = theta ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = torch.arange(x.shape[1], dtype=torch.float64)[:, None, None] * frequency
    turned = torch.complex(x[..., :half], x[..., half:]) * torch.polar(torch.ones_like(angle), angle)
    return torch.cat([turned.real, turned.imag], dim=-1)


def plain_attention(config, p, layer, h, tokens):
    batch, seq, _ = h.shape
    get = lambda name: p[f"layers.{layer}.{name}"]  # noqa: E731
    q = (h @ get("q")).view(batch, seq, config.n_heads, config.head_dim)
    k = (h @ get("k")).view(batch, seq, config.n_kv_heads, config.head_dim)
    v = h @ get("v")
    if layer in config.value_embeddings:
        v = v + get("value_embed")[tokens]
    v = v.view(batch, seq, config.n_kv_heads, config.head_dim)
    q = plain_rope(plain_norm(q, get("q_norm"), config.norm_eps), config.rope_theta)
    k = plain_rope(plain_norm(k, get("k_norm"), config.norm_eps), config.rope_theta)
    heads = []
    for head in range(config.n_heads):
        kv = head // (config.n_heads // config.n_kv_heads)
        scores = q[:, :, head] @ k[:, :, kv].mT / math.sqrt(config.head_dim)
        for i in range(seq):
            first = max(0, i - config.window_of(layer) + 1) if config.window_of(layer) else 0
            hidden = [j for j in range(seq) if not first <= j <= i]
            scores[:, i, hidden] = -torch.inf
        heads.append(torch.softmax(scores, -1) @ v[:, :, kv])
    return torch.cat(heads, -1) @ get("o")


def plain_feed_forward(config, p, layer, h):
    get = lambda name: p[f"layers.{layer}.{name}"]  # noqa: E731
    up = h @ get("up")
    if config.activation == "relu2":
        return up.clamp(min=0) ** 2 @ get("down")
    gate = h @ get("gate")
    return gate * torch.sigmoid(gate) * up @ get("down")


def plain_logits(config, p, tokens):
    x = p["embed"][tokens] * (math.sqrt(config.d_model) if config.embed_scale else 1.0)
    for layer in range(config.n_layers):
        h = plain_norm(x, p[f"layers.{layer}.attn_norm"], config.norm_eps)
        x = x + plain_attention(config, p, layer, h, tokens)
        h = plain_norm(x, p[f"layers.{layer}.ffn_norm"], config.norm_eps)
        x = x + plain_feed_forward(config, p, layer, h)
    x = plain_norm(x, p["final_norm"], config.norm_eps)
    logits = x @ (p["embed"].mT if config.tied else p["head"])
    return logits if config.softcap is None else config.softcap * torch.tanh(logits / config.softcap)


def plain_loss(logits, targets):
    return -torch.log_softmax(logits, -1).gather(-1, targets[..., None]).mean()


def plain_orthogonalize(u, method):
    """Through the singular values: each step of the iteration is an odd polynomial of them."""
    steps, factor, eps = SCHEDULES[method]
    left, sigma, right = torch.linalg.svd(u / (u.square().sum().sqrt() * factor + eps), full_matrices=False)
    for a, b, c in steps:
        sigma = a * sigma + b * sigma**3 + c * sigma**5
    return left @ torch.diag(sigma) @ right


def plain_first_step(config, p, gradients):
    """Parameters after the first clipped step, from zero optimiser state."""
    muon, adamw = config.muon, config.adamw
    norm = math.sqrt(sum(g.square().sum().item() for g in gradients.values()))
    clip = min(1.0, config.clip_norm / (norm + 1e-6))
    after = {}
    for name, w in p.items():
        g = gradients[name] * clip
        if name.rsplit(".", 1)[-1] in MATRICES:
            buffer = (1 - muon.momentum) * g
            o = plain_orthogonalize((1 - muon.momentum) * g + muon.momentum * buffer, muon.orthogonalize)
            scale = math.sqrt(max(1.0, w.shape[1] / w.shape[0]))
            after[name] = w * (1 - muon.lr * muon.weight_decay) - muon.lr * scale * o
        else:
            m, v = (1 - adamw.beta1) * g, (1 - adamw.beta2) * g.square()
            m_hat, v_hat = m / (1 - adamw.beta1), v / (1 - adamw.beta2)
            decay = adamw.weight_decay if w.ndim == 2 else 0.0
            after[name] = w * (1 - adamw.lr * decay) - adamw.lr * m_hat / (v_hat.sqrt() + adamw.eps)
    return after


# --- the run ----------------------------------------------------------------------------------------------


def model_with(config, parameters, dtype) -> Model:
    model = Model(config, dtype)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(parameters[name])
    return model


def run(config, parameters, tokens, dtype) -> dict[str, torch.Tensor]:
    """Ten steps in `dtype`: logits, loss and unclipped gradients of the first, weights after it, losses, norms."""
    model = model_with(config, parameters, dtype)
    optimizer = Optimizer(model, config)
    tokens = tokens.long()
    out = {"logits": model(tokens[0, :, :-1]).detach()}
    losses, norms = [], []
    for step in range(STEPS):
        loss = model.loss(tokens[step])
        loss.backward()
        if step == 0:
            out["loss"] = loss.detach().view(1)
            out |= {f"grad.{name}": p.grad.clone() for name, p in model.named_parameters()}
        losses.append(loss.detach())
        norms.append(optimizer.step())
        if step == 0:
            out |= {f"after_step1.{name}": p.detach().clone() for name, p in model.named_parameters()}
    return out | {"losses": torch.stack(losses), "grad_norms": torch.stack(norms)}


def worst(actual, expected) -> float:
    """Largest difference relative to the largest expected entry."""
    return ((actual.double() - expected).abs().max() / expected.abs().max()).item()


def check(what: str, actual, expected, tolerance: float):
    error = worst(actual, expected)
    if not error <= tolerance:
        raise SystemExit(f"{what}: differs by {error:.1e} of the largest entry, allowed {tolerance:.0e}")


def check_plain(config, parameters, tokens, result):
    p = {name: w.double().requires_grad_() for name, w in parameters.items()}
    inputs, targets = tokens[0, :, :-1].long(), tokens[0, :, 1:].long()
    logits = plain_logits(config, p, inputs)
    loss = plain_loss(logits, targets)
    gradients = dict(zip(p, torch.autograd.grad(loss, list(p.values()))))
    check("logits", result["logits"], logits.detach(), 1e-12)
    check("loss", result["loss"][0], loss.detach(), 1e-12)
    for name, gradient in gradients.items():
        check(f"grad.{name}", result[f"grad.{name}"], gradient, 1e-11)
    with torch.no_grad():
        for name, after in plain_first_step(config, p, gradients).items():
            check(f"after_step1.{name}", result[f"after_step1.{name}"], after, 1e-9)


def without_each_feature(config, parameters):
    """(what is taken away, config, parameters) for every feature whose absence must show."""
    variants = {
        "rope_theta": {"rope_theta": config.rope_theta / 10},
        "embed_scale": {"embed_scale": not config.embed_scale},
    }
    if config.softcap is not None:
        variants["softcap"] = {"softcap": None}
    for layer, window in enumerate(config.window):
        for other in {0, window - 1, window + 1} if window else ():
            changed = tuple(other if i == layer else w for i, w in enumerate(config.window))
            variants[f"window {other} for {window} in layer {layer}"] = {"window": changed}
    for what, change in variants.items():
        yield what, dataclasses.replace(config, **change), parameters
    for name, w in parameters.items():
        if w.ndim == 1:
            yield f"{name} = 1", config, parameters | {name: torch.ones_like(w)}
        elif name.endswith("value_embed"):
            yield f"{name} = 0", config, parameters | {name: torch.zeros_like(w)}


def check_seen(config, parameters, tokens, logits):
    inputs = tokens[0, :, :-1].long()
    for what, other, values in without_each_feature(config, parameters):
        with torch.no_grad():
            change = (model_with(other, values, torch.float64)(inputs) - logits).abs().max().item()
        if not change >= SEEN:
            raise SystemExit(f"{what}: moves the logits by {change:.1e} only, less than {SEEN}")


def other_optimizers(config):
    """(setting, config) for every optimiser setting whose neglect must show in ten losses."""
    adamw, muon = config.adamw, config.muon
    method = next(m for m in SCHEDULES if m != muon.orthogonalize)
    yield "clip_norm", dataclasses.replace(config, clip_norm=1e9)
    for change in ({"lr": muon.lr / 2}, {"momentum": 0.9}, {"weight_decay": 0.1}, {"orthogonalize": method}):
        yield f"muon {change}", dataclasses.replace(config, muon=dataclasses.replace(muon, **change))
    for change in ({"lr": adamw.lr / 2}, {"beta1": 0.95}, {"beta2": 0.999}, {"weight_decay": 0.0}):
        yield f"adamw {change}", dataclasses.replace(config, adamw=dataclasses.replace(adamw, **change))


def check_optimizer_seen(config, parameters, tokens, losses):
    for what, other in other_optimizers(config):
        change = (run(other, parameters, tokens, torch.float64)["losses"] - losses).abs().max().item()
        if not change >= SEEN_LOSS:
            raise SystemExit(f"{what}: moves the losses by {change:.1e} only, less than {SEEN_LOSS}")


def check_run(config, result, single):
    """The case is well-conditioned, the clip bites and training gets somewhere. Prints how far f32 is from f64."""
    kinds: dict[str, float] = {}
    for name, value in result.items():
        check(f"{name} in f32", single[name], value, F32_TOLERANCE)
        kind = name.split(".")[0]
        kinds[kind] = max(kinds.get(kind, 0.0), worst(single[name], value))
    print("  f32 against f64: " + ", ".join(f"{kind} {error:.1e}" for kind, error in kinds.items()))
    losses, norms = result["losses"], result["grad_norms"]
    print("  losses " + " ".join(f"{loss:.4f}" for loss in losses.tolist()))
    print("  norms  " + " ".join(f"{norm:.4f}" for norm in norms.tolist()))
    if not (norms > config.clip_norm).any():
        raise SystemExit(f"no gradient norm is above {config.clip_norm}: the clip is not tested")
    if not losses[-1] < losses[0]:
        raise SystemExit("the loss does not fall in ten steps")


# --- files ------------------------------------------------------------------------------------------------


def write(name: str, tensors: dict[str, torch.Tensor]):
    """f64 is rounded to f32 once, here."""
    rounded = {k: (v if v.dtype == torch.int32 else v.float()).contiguous() for k, v in tensors.items()}
    path = HERE / f"{name}.safetensors"
    save_file(rounded, path)
    path.chmod(0o644)  # safetensors writes for the owner alone
    print(f"  {path.name}: {len(rounded)} tensors, {path.stat().st_size} bytes")


def write_case(name: str, config: Config, seed: int):
    print(name)
    generator = torch.Generator().manual_seed(seed)
    parameters = random_parameters(config, generator)
    tokens = learnable_tokens(config, generator)
    result = run(config, parameters, tokens, torch.float64)
    check_plain(config, parameters, tokens, result)
    check_seen(config, parameters, tokens, result["logits"])
    check_optimizer_seen(config, parameters, tokens, result["losses"])
    check_run(config, result, run(config, parameters, tokens, torch.float32))
    write(name, {f"param.{k}": v for k, v in parameters.items()} | {"tokens": tokens} | result)
    path = HERE / f"{name}.json"
    path.write_text(json.dumps(dataclasses.asdict(config), indent=2) + "\n", encoding="utf-8")
    if load(path) != config:
        raise SystemExit(f"{path}: reads back as another config")


def write_muon(seed: int):
    print("muon")
    generator = torch.Generator().manual_seed(seed)
    tensors = {}
    for index, shape in enumerate(RAW_MATRICES):
        raw = torch.randn(shape, generator=generator)
        tensors[f"in.{index}"] = raw
        for method in SCHEDULES:
            exact = orthogonalize(raw.double(), method)
            check(f"{method} {shape} by singular values", exact, plain_orthogonalize(raw.double(), method), 1e-12)
            check(f"{method} {shape} in f32", orthogonalize(raw, method), exact, F32_TOLERANCE)
            tensors[f"{method}.{index}"] = exact
    write("muon", tensors)


def main():
    # One thread: the order of sums, and so every bit, does not depend on the machine's core count.
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    for seed, (name, config) in enumerate(CONFIGS.items()):
        write_case(name, config, seed)
    write_muon(seed=2)


if __name__ == "__main__":
    main()
