"""One operation after another: what recording an operation and walking back over it costs."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..libraries import Functional
from ..workload import Step, Workload

X = np.linspace(-1.0, 1.0, 8, dtype=np.float32)
WEIGHT = np.linspace(0.8, 1.2, 8, dtype=np.float32)
BIAS = np.linspace(-0.1, 0.1, 8, dtype=np.float32)
ROUNDS = 25  # of four operations each
LONG = 50_000  # pairs of operations: a hundred thousand nodes


def chain(tanh: Any, x: Any, weight: Any, bias: Any) -> Any:
    """A hundred operations; the numbers and the gradients stay near one."""
    for _ in range(ROUNDS):
        x = x * weight
        x = x * 0.95
        x = x + bias
        x = tanh(x)
    return x


def forward(torch: Any) -> Step:
    x = torch.tensor(X, requires_grad=True)
    weight, bias = torch.tensor(WEIGHT), torch.tensor(BIAS)
    return lambda: chain(torch.tanh, x, weight, bias)


def forward_backward(torch: Any) -> Step:
    x = torch.tensor(X, requires_grad=True)
    weight, bias = torch.tensor(WEIGHT), torch.tensor(BIAS)
    ones = torch.ones(8)

    def step() -> Any:
        x.grad = None
        chain(torch.tanh, x, weight, bias).backward(ones)
        return x.grad

    return step


def forward_backward_functional(library: Functional) -> Step:
    np_ = library.numpy
    return library.gradient_step(lambda x: np_.sum(chain(np_.tanh, x, WEIGHT, BIAS)), X)


def custom(torch: Any) -> Step:
    class Tanh(torch.autograd.Function):  # type: ignore[misc]
        @staticmethod
        def forward(ctx: Any, x: Any) -> Any:
            out = torch.tanh(x)
            ctx.save_for_backward(out)
            return out

        @staticmethod
        def backward(ctx: Any, g: Any) -> Any:
            (out,) = ctx.saved_tensors
            return g * (1 - out * out)

    x = torch.tensor(X, requires_grad=True)
    ones = torch.ones(8)

    def step() -> Any:
        x.grad = None
        y = x
        for _ in range(100):
            y = Tanh.apply(y)
        y.backward(ones)
        return x.grad

    return step


def long_chain(torch: Any) -> Step:
    x = torch.tensor(X, requires_grad=True)
    ones = torch.ones(8)

    def step() -> Any:
        x.grad = None
        y = x
        for _ in range(LONG):
            y = y * 0.999999
            y = y + 0.000001
        y.backward(ones)
        return x.grad

    return step


# One operation a hundred thousand times is not how the functional libraries are used: jax.jit
# would unroll it for minutes, so the long chain is written for PyTorch's style alone.
WORKLOADS = (
    Workload("chain-forward", "op chain on 8 numbers, forward", forward),
    Workload(
        "chain",
        "op chain on 8 numbers, forward + backward",
        forward_backward,
        forward_backward_functional,
        target=0.4,
        target_pure=0.8,
    ),
    Workload("custom", "custom Function chain", custom, target=0.6),
    Workload("long-chain", "100,000-node chain", long_chain, target=0.5),
)
