"""Broadcasting, reductions, indexing and matrix products on 4x8, forward and backward."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..libraries import Functional
from ..workload import Step, Workload

RANDOM = np.random.default_rng(0)
X = RANDOM.standard_normal((4, 8)).astype(np.float32)
ROW = RANDOM.uniform(0.9, 1.0, 8).astype(np.float32)
COLUMN = RANDOM.uniform(0.0, 0.1, (4, 1)).astype(np.float32)
SQUARE = np.linalg.qr(RANDOM.standard_normal((8, 8)))[0].astype(np.float32)  # keeps lengths
ROWS = np.array([3, 0, 2, 1, 0, 3])
REPEATS = 20


def broadcast(x: Any, row: Any, column: Any) -> Any:
    for _ in range(REPEATS):
        x = x * row + column
    return x.sum()


def reduce(x: Any) -> Any:
    for _ in range(REPEATS):
        x = x - x.mean(1).max()
        x = x + x.sum(0).min()
    return x.sum()


def index(x: Any, rows: Any) -> Any:
    total = x[0, 0:6]
    for turn in range(REPEATS):
        total = total + x[turn % 4, 1:7]
        total = total + x[rows, turn % 8]
    return total.sum()


def matmul(x: Any, square: Any) -> Any:
    for _ in range(REPEATS):
        x = x @ square
    return x.sum()


def workload(name: str, title: str, f: Any, inputs: tuple[Any, ...], *fixed: Any) -> Workload:
    """``f`` of ``inputs``, which get gradients, and of ``fixed`` arrays, which do not."""

    def for_torch(torch: Any) -> Step:
        leaves = [torch.tensor(value, requires_grad=True) for value in inputs]
        constants = [torch.tensor(value) for value in fixed]

        def step() -> Any:
            for leaf in leaves:
                leaf.grad = None
            f(*leaves, *constants).backward()
            return leaves[0].grad

        return step

    def for_functional(library: Functional) -> Step:
        return library.gradient_step(lambda *arrays: f(*arrays, *fixed), *inputs)

    return Workload(name, title, for_torch, for_functional)


WORKLOADS = (
    workload("broadcast", "broadcasting on 4x8", broadcast, (X, ROW, COLUMN)),
    workload("reduce", "reductions on 4x8", reduce, (X,)),
    workload("index", "indexing on 4x8", index, (X,), ROWS),
    workload("matmul", "matrix products on 4x8", matmul, (X, SQUARE)),
)
