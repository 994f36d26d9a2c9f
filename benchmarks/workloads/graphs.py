"""A small scalar graph, built anew and walked back a hundred times."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..libraries import Functional
from ..workload import Step, Workload

TIMES = 100


def scalar_graph(torch: Any) -> Step:
    def program() -> Any:
        x = torch.tensor(-2.0, requires_grad=True)
        z = 2 * x
        y1 = z + 5
        y2 = torch.relu(z * z) + x + 3
        loss = y1 - y2 + y2 * x
        loss.backward()
        return x.grad

    def step() -> Any:
        for _ in range(TIMES):
            gradient = program()
        return gradient

    return step


def scalar_graph_functional(library: Functional) -> Step:
    np_ = library.numpy

    def program(x: Any) -> Any:
        z = 2 * x
        y1 = z + 5
        y2 = np_.maximum(z * z, 0) + x + 3
        return y1 - y2 + y2 * x

    gradient_step = library.gradient_step(program, np.asarray(-2.0, dtype=np.float32))

    def step() -> Any:
        for _ in range(TIMES):
            gradient = gradient_step()
        return gradient

    return step


WORKLOADS = (
    Workload(
        "scalar-graph",
        "scalar graph, 100 times",
        scalar_graph,
        scalar_graph_functional,
        target=0.4,
    ),
)
