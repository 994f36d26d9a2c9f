"""Compiled steps: retrograd replays what it recorded once, PyTorch runs eagerly.

`torch.compile` is applied where the library is retrograd.  The other libraries run the same steps
as they are, so a ratio says what a program gains over eager PyTorch by that one line.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from ..workload import Step, Workload
from . import chains, networks, training

ROWS, COLUMNS = 4096, 1024


def compiled(builder: Callable[[Any], Step]) -> Callable[[Any], Step]:
    """Return a builder of the same step, compiled where the library is retrograd."""

    def build(torch: Any) -> Step:
        step = builder(torch)
        if torch.__name__ != "retrograd":
            return step
        replayed: Step = torch.compile(step)
        return replayed

    return build


def mlp(sizes: tuple[int, ...], rows: int) -> Callable[[Any], Step]:
    return compiled(lambda torch: training.training_step(torch, sizes, rows))


def written_out_gelu(torch: Any) -> Step:
    x = torch.tensor(np.linspace(-4.0, 4.0, 4_000_000, dtype=np.float32), requires_grad=True)

    def step() -> Any:
        x.grad = None
        inside = 0.7978845608028654 * (x + 0.044715 * x * x * x)
        (0.5 * x * (1 + torch.tanh(inside))).sum().backward()
        return x.grad

    return step


def norm_and_softmax(torch: Any) -> Step:
    numbers = np.random.default_rng(0).standard_normal((ROWS, COLUMNS)).astype(np.float32)
    x = torch.tensor(numbers, requires_grad=True)
    weight, bias = torch.ones(COLUMNS, requires_grad=True), torch.zeros(COLUMNS, requires_grad=True)
    seed = torch.tensor(numbers[::-1].copy())

    def step() -> Any:
        x.grad = weight.grad = bias.grad = None
        normed = torch.nn.functional.layer_norm(x, (COLUMNS,), weight, bias)
        torch.softmax(normed, -1).backward(seed)
        return x.grad

    return step


WORKLOADS = (
    Workload("compiled-chain", "100 operations on 8 numbers, forward + backward, compiled",
             compiled(chains.forward_backward), target=0.2),
    Workload("compiled-mlp-tiny", "MLP 2-16-16-1, batch 32, SGD step, compiled",
             mlp((2, 16, 16, 1), 32), target=0.16),
    Workload("compiled-mlp-small", "MLP 64-128-128-10, batch 64, Adam step, compiled",
             mlp((64, 128, 128, 10), 64), target=0.2),
    Workload("compiled-gelu", "written-out GELU of 4M numbers, forward + backward, compiled",
             compiled(written_out_gelu), target=0.1),
    Workload("compiled-norm", "layer norm + softmax of 4096x1024, forward + backward, compiled",
             compiled(norm_and_softmax), target=0.7),
    Workload("compiled-transformer", "transformer 4x128, 8x64 tokens, Adam step, compiled",
             compiled(lambda torch: networks.transformer_step(torch, 0.0)), target=0.9),
)  # fmt: skip
