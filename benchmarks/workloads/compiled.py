"""Compiled steps: retrograd replays what it recorded once; PyTorch runs eagerly, JAX under jit.

`torch.compile` is applied where the library is retrograd: by itself, which replays NumPy calls and
gives eager's every bit, and with Numba's kernels.  A ratio to PyTorch says what a program gains
over eager PyTorch by that one line.  JAX has the same step as one function under `jax.jit`.
Recording, lowering and the making of kernels are waited for, and so is jit's first call: what is
timed is one step of many.  `python -m benchmarks.steps` times what comes before, too.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..libraries import Functional
from ..workload import Step, Workload
from . import chains, networks, training

ROWS, COLUMNS = 4096, 1024
NUMBERS = 4_000_000
SETTLING = 10.0  # seconds that recording may be put off for


def compiled(builder: Callable[[Any], Step], backend: str) -> Callable[[Any], Step]:
    """Return a builder of the same step, compiled where the library is retrograd."""

    def build(torch: Any) -> Step:
        step = builder(torch)
        if torch.__name__ != "retrograd":
            return step
        replayed: Step = torch.compile(step, backend=backend)
        return replayed

    return build


def settle(torch: Any, step: Step) -> None:
    """Have everything recorded and lowered, and wait for the kernels in the background."""
    end = time.monotonic() + SETTLING
    while time.monotonic() < end:
        for _ in range(3):  # an optimizer's first step is another one than its second
            step()
        torch.compiler.lower_next(step)
        step()
        if torch.compiler.explain(step).lowered:
            break
    importlib.import_module("retrograd.compiler.numba_backend").finish()
    step()


def gelu(tanh: Any, x: Any) -> Any:
    inside = 0.7978845608028654 * (x + 0.044715 * x * x * x)
    return (0.5 * x * (1 + tanh(inside))).sum()


def written_out_gelu(torch: Any) -> Step:
    x = torch.tensor(np.linspace(-4.0, 4.0, NUMBERS, dtype=np.float32), requires_grad=True)

    def step() -> Any:
        x.grad = None
        gelu(torch.tanh, x).backward()
        return x.grad

    return step


def written_out_gelu_functional(library: Functional) -> Step:
    tanh = library.numpy.tanh
    return library.gradient_step(
        lambda x: gelu(tanh, x), np.linspace(-4.0, 4.0, NUMBERS, dtype=np.float32)
    )


def norm_data() -> tuple[np.ndarray, np.ndarray]:
    """The numbers to norm, and the gradient that comes back to the softmax."""
    numbers = np.random.default_rng(0).standard_normal((ROWS, COLUMNS)).astype(np.float32)
    return numbers, numbers[::-1].copy()


def norm_and_softmax(torch: Any) -> Step:
    numbers, arriving = norm_data()
    x = torch.tensor(numbers, requires_grad=True)
    weight, bias = torch.ones(COLUMNS, requires_grad=True), torch.zeros(COLUMNS, requires_grad=True)
    seed = torch.tensor(arriving)

    def step() -> Any:
        x.grad = weight.grad = bias.grad = None
        normed = torch.nn.functional.layer_norm(x, (COLUMNS,), weight, bias)
        torch.softmax(normed, -1).backward(seed)
        return x.grad

    return step


def norm_and_softmax_functional(library: Functional) -> Step:
    np_ = library.numpy
    numbers, arriving = norm_data()

    def f(x: Any, weight: Any, bias: Any, seed: Any) -> Any:
        normed = networks.layer_norm(np_, x, weight, bias)
        return np_.sum(networks.softmax(np_, normed) * seed)

    ones, zeros = np.ones(COLUMNS, np.float32), np.zeros(COLUMNS, np.float32)
    return library.gradient_step(f, numbers, ones, zeros, fixed=(arriving,))


Targets = tuple[float | None, float | None]  # ratios to eager PyTorch and to jax.jit


def both(
    name: str,
    title: str,
    torch: Callable[[Any], Step],
    functional: Callable[[Any], Step],
    replay: Targets = (None, None),
    kernels: Targets = (None, None),
) -> tuple[Workload, Workload]:
    """A step replayed by NumPy and with kernels, and what each is held to."""

    def workload(way: str, backend: str, needs: str | None, targets: Targets) -> Workload:
        return Workload(
            f"{way}-{name}",
            f"{title}: {way}",
            compiled(torch, backend),
            functional,
            target=targets[0],
            target_jit=targets[1],
            settle=settle,
            threads=2,
            peers=("torch", "jax-jit"),
            needs=needs,
            table="compile",
        )

    return (
        workload("replay", "replay", None, replay),
        workload("kernels", "numba", "numba", kernels),
    )


def mlp(
    name: str, title: str, sizes: tuple[int, ...], rows: int, **targets: Targets
) -> tuple[Workload, Workload]:
    return both(
        name,
        title,
        lambda torch: training.training_step(torch, sizes, rows),
        lambda library: training.training_step_functional(library, sizes, rows),
        **targets,
    )


WORKLOADS = (
    *both(
        "chain",
        "100 operations on 8 numbers, forward + backward",
        chains.forward_backward,
        chains.forward_backward_functional,
        replay=(0.2, None),
        kernels=(0.02, None),
    ),
    *mlp(
        "mlp-tiny",
        "MLP 2-16-16-1, batch 32, SGD step",
        (2, 16, 16, 1),
        32,
        replay=(0.16, 0.7),
        kernels=(0.06, 0.25),
    ),
    *mlp(
        "mlp-small",
        "MLP 64-128-128-10, batch 64, Adam step",
        (64, 128, 128, 10),
        64,
        kernels=(0.2, None),
    ),
    *both(
        "gelu",
        "written-out GELU of 4M numbers, forward + backward",
        written_out_gelu,
        written_out_gelu_functional,
        kernels=(0.1, 1.0),
    ),
    *both(
        "norm",
        "layer norm + softmax of 4096x1024, forward + backward",
        norm_and_softmax,
        norm_and_softmax_functional,
        kernels=(0.7, None),
    ),
    *both(
        "transformer",
        "transformer 4x128, 8x64 tokens, Adam step",
        lambda torch: networks.transformer_step(torch, networks.LARGE, 0.0),
        lambda library: networks.transformer_step_functional(library, networks.LARGE),
        kernels=(0.9, None),
    ),
)
