#!/usr/bin/env python3
"""Times whole optimiser steps of the baseline on made-up tokens and prints one JSON line. See README.md."""

import argparse
import json
import resource
import statistics
import sys
import time

import torch

import optim
from config import Config, load
from model import Model, count, initialize

DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16}


def arguments() -> tuple[argparse.Namespace, Config]:
    """Flags and the config they name; bad ones end the program with status 2."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--config", required=True, help="JSON file, fields as in config.py")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--steps", type=int, default=5, help="timed steps")
    parser.add_argument("--warmup", type=int, default=2, help="steps before the clock, compilation included")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--compile", action="store_true", help="torch.compile of the model and of Muon")
    mode.add_argument("--eager", dest="compile", action="store_const", const=False, help="the default")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--dtype", choices=DTYPES, default="f32", help="of activations; weights are held in f32")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--interactive", action="store_true", help='answer each "go K" on stdin with K more steps')
    args = parser.parse_args()
    for name, least in (("threads", 1), ("steps", 1), ("warmup", 0)):
        if getattr(args, name) < least:
            parser.error(f"--{name} is {getattr(args, name)}, must be at least {least}")
    if args.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: this PyTorch sees no CUDA device")
    try:
        return args, load(args.config)
    except (OSError, ValueError) as error:
        parser.error(f"--config: {error}")


class Trainer:
    """Model, optimisers and a stream of uniform random tokens."""

    def __init__(self, config: Config, args):
        self.config = config
        self.device = torch.device(args.device)
        self.generator = torch.Generator(self.device).manual_seed(args.seed)
        compute_dtype = DTYPES[args.dtype]
        self.model = Model(config, compute_dtype=compute_dtype).to(self.device)
        initialize(self.model, self.generator)
        self.loss = torch.compile(self.model.loss) if args.compile else self.model.loss
        orthogonalize = torch.compile(optim.orthogonalize) if args.compile else optim.orthogonalize
        self.optimizer = optim.Optimizer(
            self.model, config, fused=True, compute_dtype=compute_dtype, orthogonalize=orthogonalize
        )

    def tokens(self) -> torch.Tensor:
        """[micro_batch, seq_len + 1]"""
        shape = (self.config.micro_batch, self.config.seq_len + 1)
        return torch.randint(self.config.vocab_size, shape, generator=self.generator, device=self.device)

    def step(self) -> torch.Tensor:
        """Forward, backward, clip and update; returns the mean loss, still on the device."""
        total = 0.0
        for _ in range(self.config.accumulation):
            loss = self.loss(self.tokens()) / self.config.accumulation
            loss.backward()
            total = total + loss.detach()
        self.optimizer.step()
        return total

    def synchronize(self):
        if self.device.type == "cuda":
            torch.cuda.synchronize()

    def timed_step(self) -> tuple[float, float]:
        """(seconds, loss)"""
        self.synchronize()
        start = time.perf_counter()
        loss = self.step()
        self.synchronize()
        return time.perf_counter() - start, float(loss)


def peak_rss_bytes() -> int:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def report(trainer: Trainer, args, steps: int) -> dict:
    """Runs `steps` timed steps."""
    seconds, losses = zip(*(trainer.timed_step() for _ in range(steps)))
    tokens = trainer.config.tokens_per_step
    cuda = args.device == "cuda"
    return {
        "framework": "pytorch",
        "version": torch.__version__,
        "mode": "compile" if args.compile else "eager",
        "device": torch.cuda.get_device_name() if cuda else "cpu",
        "dtype": args.dtype,
        "threads": torch.get_num_threads(),
        "tokens_per_step": tokens,
        "step_s": list(seconds),
        "tokens_per_s": tokens / statistics.median(seconds),
        "peak_rss_bytes": peak_rss_bytes(),
        "peak_device_bytes": torch.cuda.max_memory_allocated() if cuda else None,
        "loss": losses[-1],
        "parameters": count(trainer.model),
    }


def answer(trainer: Trainer, args):
    """One JSON line a "go K" line, until stdin closes."""
    for line in sys.stdin:
        match line.split():
            case ["go", number] if number.isdecimal() and int(number) > 0:
                print(json.dumps(report(trainer, args, int(number))), flush=True)
            case _:
                print(f'stdin: {line.strip()!r} is not "go K" with K at least 1', file=sys.stderr)
                sys.exit(2)


def main():
    args, config = arguments()
    torch.set_num_threads(args.threads)
    torch.set_float32_matmul_precision("high" if args.device == "cuda" else "highest")
    trainer = Trainer(config, args)
    for _ in range(args.warmup):
        trainer.timed_step()
    if args.interactive:
        answer(trainer, args)
    else:
        print(json.dumps(report(trainer, args, args.steps)), flush=True)


if __name__ == "__main__":
    main()
