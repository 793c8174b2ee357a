"""The one JSON schema that the fixtures and the benchmark share: a flat object, unknown keys refused."""

import json
from dataclasses import dataclass, field, fields

ACTIVATIONS = ("swiglu", "relu2")
METHODS = ("newton_schulz", "polar_express")


@dataclass(frozen=True)
class MuonConfig:
    """Muon for the matrices inside the layers."""

    lr: float = 0.02
    momentum: float = 0.95
    weight_decay: float = 0.0
    orthogonalize: str = "newton_schulz"


@dataclass(frozen=True)
class AdamWConfig:
    """AdamW for tables, the head and gains; `weight_decay` leaves the gains alone, unless `decay_gains`."""

    lr: float = 0.003
    beta1: float = 0.9
    beta2: float = 0.95
    eps: float = 1e-8
    weight_decay: float = 0.1
    decay_gains: bool = False


@dataclass(frozen=True)
class Config:
    """Model, batch shape and optimisers. `window` has one entry a layer (0 = whole context) or none at all."""

    vocab_size: int
    d_model: int
    n_layers: int
    n_heads: int
    n_kv_heads: int
    head_dim: int
    d_ff: int
    seq_len: int
    activation: str = "swiglu"
    tied: bool = True
    embed_scale: bool = False
    softcap: float | None = None
    value_embeddings: tuple[int, ...] = ()
    window: tuple[int, ...] = ()
    rope_theta: float = 10_000.0
    norm_eps: float = 1.1920929e-07
    micro_batch: int = 1
    accumulation: int = 1
    clip_norm: float = 1.0
    muon: MuonConfig = field(default_factory=MuonConfig)
    adamw: AdamWConfig = field(default_factory=AdamWConfig)

    def __post_init__(self):
        if self.activation not in ACTIVATIONS:
            raise ValueError(f"activation is {self.activation!r}; use one of {ACTIVATIONS}")
        if self.muon.orthogonalize not in METHODS:
            raise ValueError(f"muon.orthogonalize is {self.muon.orthogonalize!r}; use one of {METHODS}")
        if self.n_heads % self.n_kv_heads:
            raise ValueError(f"n_heads {self.n_heads} is not a multiple of n_kv_heads {self.n_kv_heads}")
        if self.head_dim % 2:
            raise ValueError(f"head_dim is {self.head_dim}; rotary embedding needs an even number")
        if self.window and len(self.window) != self.n_layers:
            raise ValueError(f"window has {len(self.window)} entries for {self.n_layers} layers; use none or one each")
        if any(not 0 <= layer < self.n_layers for layer in self.value_embeddings):
            raise ValueError(f"value_embeddings {self.value_embeddings} names a layer outside 0..{self.n_layers}")

    def window_of(self, layer: int) -> int:
        """Window of `layer` in tokens; 0 means none."""
        return self.window[layer] if self.window else 0

    @property
    def tokens_per_step(self) -> int:
        """Targets consumed by one optimiser step."""
        return self.micro_batch * self.accumulation * self.seq_len


def build(cls, values: dict, where: str):
    """`cls(**values)` with an error that names `where` and the key."""
    known = {f.name for f in fields(cls)}
    if unknown := sorted(set(values) - known):
        raise ValueError(f"{where}: unknown field {unknown[0]!r}; the fields are {sorted(known)}")
    try:
        return cls(**values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {error}") from error


def load(path) -> Config:
    """Reads a config; raises ValueError that names the file and the field."""
    with open(path, encoding="utf-8") as file:
        try:
            values = json.load(file)
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}: not JSON: {error}") from error
    if not isinstance(values, dict):
        raise ValueError(f"{path}: holds a {type(values).__name__}; a config is one JSON object")
    values["muon"] = build(MuonConfig, values.get("muon", {}), f"{path}: muon")
    values["adamw"] = build(AdamWConfig, values.get("adamw", {}), f"{path}: adamw")
    for key in ("value_embeddings", "window"):
        values[key] = tuple(values.get(key, ()))
    return build(Config, values, str(path))
