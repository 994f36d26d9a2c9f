"""Single large operations, three ways in turn: ``python -m benchmarks.library_kernels``.

PyTorch, retrograd with kernels of machine code (`torch.backends.numba`), and retrograd by NumPy
alone take turns in one process, in many short slices; a line has the lower quartile of each in
milliseconds, forward and backward together, and the ratios of the second to the others.  Names of
operations may be given.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

SLICES = 15
ROWS, COLUMNS = 4096, 1024


def numbers(*shape: int) -> np.ndarray:
    return np.random.default_rng(len(shape)).standard_normal(shape).astype(np.float32)


MATRIX, IMAGES, HEADS = (ROWS, COLUMNS), (32, 64, 56, 56), (8, 8, 256, 64)
VECTOR, CHANNELS = (COLUMNS,), (64,)
# name -> function of the library's `functional` and tensors, and the shapes of these
OPERATIONS: dict[str, tuple[Callable[..., Any], tuple[tuple[int, ...], ...]]] = {
    "gelu": (lambda f, x: f.gelu(x), (MATRIX,)),
    "gelu-tanh": (lambda f, x: f.gelu(x, approximate="tanh"), (MATRIX,)),
    "silu": (lambda f, x: f.silu(x), (MATRIX,)),
    "softmax": (lambda f, x: f.softmax(x, -1), (MATRIX,)),
    "log_softmax": (lambda f, x: f.log_softmax(x, -1), (MATRIX,)),
    "layer_norm": (lambda f, x, w, b: f.layer_norm(x, VECTOR, w, b), (MATRIX, VECTOR, VECTOR)),
    "rms_norm": (lambda f, x, w: f.rms_norm(x, VECTOR, w), (MATRIX, VECTOR)),
    "batch_norm": (
        lambda f, x, w, b: f.batch_norm(x, None, None, w, b, True), (IMAGES, CHANNELS, CHANNELS),
    ),
    "group_norm": (lambda f, x, w, b: f.group_norm(x, 8, w, b), (IMAGES, CHANNELS, CHANNELS)),
    "attention": (lambda f, q, k, v: f.scaled_dot_product_attention(q, k, v), (HEADS,) * 3),
}  # fmt: skip
OPTIMIZERS: dict[str, Callable[[Any, Any], Any]] = {
    "adam": lambda torch, p: torch.optim.Adam([p]),
    "sgd": lambda torch, p: torch.optim.SGD([p], lr=0.1),
    "sgd-momentum": lambda torch, p: torch.optim.SGD([p], lr=0.1, momentum=0.9),
}


def step_of(torch: Any, name: str) -> Callable[[], Any]:
    """Return what is timed: a forward and a backward pass, or an optimizer's step."""
    if name in OPTIMIZERS:
        param = torch.nn.Parameter(torch.tensor(numbers(ROWS * COLUMNS)))
        param.grad = torch.tensor(numbers(ROWS * COLUMNS))
        step: Callable[[], Any] = OPTIMIZERS[name](torch, param).step
        return step
    function, shapes = OPERATIONS[name]
    given = [torch.tensor(numbers(*shape)).requires_grad_() for shape in shapes]
    seed = torch.tensor(numbers(*function(torch.nn.functional, *given).shape))

    def both() -> Any:
        for one in given:
            one.grad = None
        function(torch.nn.functional, *given).backward(seed)

    return both


def in_turn(ways: dict[str, Callable[[], Any]]) -> dict[str, float]:
    """Return the lower quartile of each way's milliseconds."""
    spent: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(SLICES + 2):
        for name, way in ways.items():
            began = perf_counter()
            way()
            if number >= 2:
                spent[name].append(perf_counter() - began)
    return {name: sorted(times)[SLICES // 4] * 1e3 for name, times in spent.items()}


def main(words: list[str] | None = None) -> int:
    """Print a line for each operation."""
    torch, retrograd = (importlib.import_module(name) for name in ("torch", "retrograd"))
    threads = retrograd.get_num_threads()
    torch.set_num_threads(threads)
    kernels = retrograd.backends.numba
    if not kernels.is_available():
        raise SystemExit("numba is not installed")
    print(f"{threads} threads; ms forward and backward, or of a step")
    print(f"{'':13} {'torch':>8} {'kernels':>8} {'NumPy':>8}  to torch  to NumPy")
    for name in words or [*OPERATIONS, *OPTIMIZERS]:
        step = step_of(retrograd, name)

        def by(mode: str, step: Callable[[], Any] = step) -> Any:
            with kernels.flags(mode):
                return step()

        found = in_turn({
            "torch": step_of(torch, name),
            "kernels": lambda by=by: by("always"),
            "numpy": lambda by=by: by("never"),
        })  # fmt: skip
        first, second, third = found.values()
        print(
            f"{name:13} {first:8.2f} {second:8.2f} {third:8.2f} {second / first:9.2f} "
            f"{second / third:9.2f}",
            flush=True,
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
