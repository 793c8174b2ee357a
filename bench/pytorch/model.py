"""The model of the baseline, as fast as plain PyTorch allows and no cleverer.

Departures from the textbook transformer: RMSNorm before each half-block, queries and keys normalised per head before
rotary embedding, grouped key/value heads, optional value embeddings (a second token table added to the values),
optional sliding window, tied or separate head, optional soft-cap of the logits. No biases, no dropout.

Matrices are stored [in, out] and applied as `x @ w`.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from config import Config


def rope_tables(config: Config, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """cos and sin, each [seq_len, head_dim]. Angles are made in f64: in f32 they lose digits as positions grow."""
    pair = torch.arange(config.head_dim // 2, dtype=torch.float64)
    frequency = config.rope_theta ** (-2.0 * pair / config.head_dim)
    angle = torch.outer(torch.arange(config.seq_len, dtype=torch.float64), frequency)
    angle = torch.cat([angle, angle], dim=-1)
    return angle.cos().to(dtype), angle.sin().to(dtype)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotary embedding over the halves [a, b] of the last axis. x: [batch, heads, seq, head_dim]."""
    a, b = x.chunk(2, dim=-1)
    return x * cos + torch.cat([-b, a], dim=-1) * sin


def window_mask(seq_len: int, window: int) -> Tensor:
    """[seq, seq], true where position i may see j: i - window < j <= i."""
    distance = torch.arange(seq_len)[:, None] - torch.arange(seq_len)[None, :]
    return (distance >= 0) & (distance < window)


class Layer(nn.Module):
    """One pre-norm block: attention, then feed-forward."""

    def __init__(self, config: Config, index: int, dtype: torch.dtype):
        super().__init__()
        self.config = config
        self.window = config.window_of(index)
        q_width, kv_width = config.n_heads * config.head_dim, config.n_kv_heads * config.head_dim

        def weight(*shape):
            return nn.Parameter(torch.empty(*shape, dtype=dtype))

        self.attn_norm = weight(config.d_model)
        self.q = weight(config.d_model, q_width)
        self.k = weight(config.d_model, kv_width)
        self.v = weight(config.d_model, kv_width)
        self.o = weight(q_width, config.d_model)
        self.q_norm = weight(config.head_dim)
        self.k_norm = weight(config.head_dim)
        self.value_embed = weight(config.vocab_size, kv_width) if index in config.value_embeddings else None
        self.ffn_norm = weight(config.d_model)
        self.gate = weight(config.d_model, config.d_ff) if config.activation == "swiglu" else None
        self.up = weight(config.d_model, config.d_ff)
        self.down = weight(config.d_ff, config.d_model)

    def norm(self, x: Tensor, gain: Tensor) -> Tensor:
        return F.rms_norm(x, x.shape[-1:], gain.to(x.dtype), self.config.norm_eps)

    def heads(self, x: Tensor) -> Tensor:
        """[batch, seq, heads * head_dim] -> [batch, heads, seq, head_dim]"""
        return x.unflatten(-1, (-1, self.config.head_dim)).transpose(1, 2)

    def attention(self, h: Tensor, tokens: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None) -> Tensor:
        q = rotate(self.norm(self.heads(h @ self.q.to(h.dtype)), self.q_norm), cos, sin)
        k = rotate(self.norm(self.heads(h @ self.k.to(h.dtype)), self.k_norm), cos, sin)
        v = h @ self.v.to(h.dtype)
        if self.value_embed is not None:
            v = v + F.embedding(tokens, self.value_embed).to(h.dtype)
        out = F.scaled_dot_product_attention(
            q, k, self.heads(v), attn_mask=mask, is_causal=mask is None, enable_gqa=True
        )
        return out.transpose(1, 2).flatten(-2) @ self.o.to(h.dtype)

    def feed_forward(self, h: Tensor) -> Tensor:
        up = h @ self.up.to(h.dtype)
        if self.gate is not None:
            hidden = F.silu(h @ self.gate.to(h.dtype)) * up
        else:
            hidden = F.relu(up).square()
        return hidden @ self.down.to(h.dtype)

    def forward(self, x: Tensor, tokens: Tensor, cos: Tensor, sin: Tensor, mask: Tensor | None) -> Tensor:
        x = x + self.attention(self.norm(x, self.attn_norm), tokens, cos, sin, mask)
        return x + self.feed_forward(self.norm(x, self.ffn_norm))


class Model(nn.Module):
    """Weights are held in `dtype`; activations and the weights' working copies are in `compute_dtype`.

    Parameters are left uninitialised: call `initialize`, or load them.
    """

    def __init__(self, config: Config, dtype: torch.dtype = torch.float32, compute_dtype: torch.dtype | None = None):
        super().__init__()
        self.config = config
        self.compute_dtype = compute_dtype or dtype
        self.embed = nn.Parameter(torch.empty(config.vocab_size, config.d_model, dtype=dtype))
        self.layers = nn.ModuleList(Layer(config, index, dtype) for index in range(config.n_layers))
        self.final_norm = nn.Parameter(torch.empty(config.d_model, dtype=dtype))
        head = None if config.tied else nn.Parameter(torch.empty(config.d_model, config.vocab_size, dtype=dtype))
        self.head = head
        cos, sin = rope_tables(config, self.compute_dtype)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)
        for window in set(config.window) - {0}:
            self.register_buffer(f"mask_{window}", window_mask(config.seq_len, window), persistent=False)

    def mask(self, window: int) -> Tensor | None:
        return getattr(self, f"mask_{window}") if window else None

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens [batch, seq_len] -> logits [batch, seq_len, vocab]"""
        config = self.config
        x = F.embedding(tokens, self.embed).to(self.compute_dtype)
        if config.embed_scale:
            x = x * config.d_model**0.5
        for layer in self.layers:
            x = layer(x, tokens, self.cos, self.sin, self.mask(layer.window))
        x = F.rms_norm(x, (config.d_model,), self.final_norm.to(x.dtype), config.norm_eps)
        head = self.embed.t() if self.head is None else self.head
        logits = x @ head.to(x.dtype)
        if config.softcap is not None:
            logits = config.softcap * torch.tanh(logits / config.softcap)
        return logits

    def loss(self, tokens: Tensor) -> Tensor:
        """Mean cross-entropy in nats. tokens: [batch, seq_len + 1]; row position t predicts t + 1."""
        logits = self(tokens[:, :-1])
        # bf16 has 8 bits of mantissa, too few for a sum over the vocabulary.
        logits = logits.float() if logits.dtype == torch.bfloat16 else logits
        return F.cross_entropy(logits.flatten(0, 1), tokens[:, 1:].flatten())


def initialize(model: Model, generator: torch.Generator, std: float = 0.02):
    """Gains to 1, everything else to N(0, std^2). The generator must be on the model's device."""
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 1:
                parameter.fill_(1.0)
            else:
                parameter.normal_(0.0, std, generator=generator)


def count(model: Model) -> int:
    """Number of trained scalars; a tied head counts once."""
    return sum(parameter.numel() for parameter in model.parameters())
