"""Muon for the matrices inside the layers, AdamW for everything else, one clip over all of them."""

import torch
from torch import Tensor, nn

from config import AdamWConfig, Config, MuonConfig

MATRICES = ("q", "k", "v", "o", "gate", "up", "down")

# Keller Jordan, "Muon: An optimizer for hidden layers in neural networks" (2024).
NEWTON_SCHULZ = ((3.4445, -4.7750, 2.0315),) * 5

# Amsel et al., "The Polar Express" (arXiv 2505.16932): the degree-5 composition as used in modded-nanogpt,
# five steps, safety factor 1.02.
POLAR_EXPRESS = (
    (8.156554524902461, -22.48329292557795, 15.878769915207462),
    (4.042929935166739, -2.808917465908714, 0.5000178451051316),
    (3.8916678022926607, -2.772484153217685, 0.5060648178503393),
    (3.285753657755655, -2.3681294933425376, 0.46449024233003106),
    (2.3465413258596377, -1.7097828382687081, 0.42323551169305323),
)

# method -> (coefficients a step, factor on the norm, term added to the norm)
SCHEDULES = {"newton_schulz": (NEWTON_SCHULZ, 1.0, 1e-7), "polar_express": (POLAR_EXPRESS, 1.02, 1e-6)}


def orthogonalize(u: Tensor, method: str) -> Tensor:
    """Nearest semi-orthogonal matrix of each u, approximately. u: [..., rows, cols], any leading axes."""
    steps, factor, eps = SCHEDULES[method]
    x = u / (torch.linalg.matrix_norm(u, keepdim=True) * factor + eps)
    # The wide form makes the Gram matrix the smaller of the two.
    tall = x.shape[-2] > x.shape[-1]
    x = x.mT if tall else x
    for a, b, c in steps:
        gram = x @ x.mT
        x = a * x + (b * gram + c * (gram @ gram)) @ x
    return x.mT if tall else x


class Muon:
    """Matrices of one shape share one stacked momentum, and on a GPU one batched orthogonalisation.

    On a CPU they go one at a time: a single matrix stays in cache, which took up to a quarter less time than the batch.
    `compute_dtype` is that of the orthogonalisation (bf16 on a GPU); momentum and update stay in the gradients' dtype.
    """

    def __init__(self, parameters, config: MuonConfig, compute_dtype=None, orthogonalize=orthogonalize):
        self.config = config
        self.compute_dtype = compute_dtype
        self.orthogonalize = orthogonalize
        by_shape: dict[tuple, list[nn.Parameter]] = {}
        for parameter in parameters:
            by_shape.setdefault(tuple(parameter.shape), []).append(parameter)
        self.groups = [(group, group[0].new_zeros(len(group), *shape)) for shape, group in by_shape.items()]

    def directions(self, stack: Tensor) -> list[Tensor]:
        """[count, rows, cols] -> that many orthogonalised matrices."""
        method = self.config.orthogonalize
        if stack.device.type == "cpu":
            return [self.orthogonalize(u, method) for u in stack]
        return list(self.orthogonalize(stack, method).unbind())

    @torch.no_grad()
    def step(self):
        """One update of every matrix from its gradient."""
        config = self.config
        for group, momentum in self.groups:
            gradient = torch.stack([p.grad for p in group])
            momentum.lerp_(gradient, 1.0 - config.momentum)
            nesterov = gradient.lerp_(momentum, config.momentum)
            update = self.directions(nesterov.to(self.compute_dtype or nesterov.dtype))
            rows, cols = group[0].shape
            # Storage is [in, out], so cols / rows is fan_out / fan_in.
            lr = config.lr * max(1.0, cols / rows) ** 0.5
            if config.weight_decay:
                torch._foreach_mul_(group, 1.0 - config.lr * config.weight_decay)
            torch._foreach_add_(group, [direction.to(momentum.dtype) for direction in update], alpha=-lr)


def adamw(tables: list[nn.Parameter], gains: list[nn.Parameter], config: AdamWConfig, fused: bool):
    """torch's AdamW. Gains decay if asked to: towards zero, not towards one."""
    decay = config.weight_decay
    groups = [
        {"params": tables, "weight_decay": decay},
        {"params": gains, "weight_decay": decay if config.decay_gains else 0.0},
    ]
    betas = (config.beta1, config.beta2)
    return torch.optim.AdamW(groups, lr=config.lr, betas=betas, eps=config.eps, fused=fused)


class Optimizer:
    """The whole update: clip, Muon, AdamW."""

    def __init__(self, model: nn.Module, config: Config, fused=False, compute_dtype=None, orthogonalize=orthogonalize):
        named = [(name.rsplit(".", 1)[-1], parameter) for name, parameter in model.named_parameters()]
        matrices = [p for name, p in named if name in MATRICES]
        tables = [p for name, p in named if name not in MATRICES and p.ndim == 2]
        gains = [p for _, p in named if p.ndim == 1]
        self.parameters = [p for _, p in named]
        self.clip_norm = config.clip_norm
        self.muon = Muon(matrices, config.muon, compute_dtype, orthogonalize)
        self.adamw = adamw(tables, gains, config.adamw, fused)

    def step(self) -> Tensor:
        """Applies and drops the gradients; returns their norm before the clip."""
        norm = nn.utils.clip_grad_norm_(self.parameters, self.clip_norm)
        self.muon.step()
        self.adamw.step()
        for parameter in self.parameters:
            parameter.grad = None
        return norm
