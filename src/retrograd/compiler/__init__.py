"""Compile: the dynamic graph at static speed.

`compile` records what a function does to arrays while it runs, and replays that from the next
call on.  See docs/design/0003-compile.md.
"""

from __future__ import annotations

from typing import Any

from .._core import tracing
from . import numba_backend
from .function import CompiledFunction as CompiledFunction
from .modules import OptimizedModule as OptimizedModule
from .modules import compile_module


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = "replay",
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
) -> Any:
    """Return a function (or a module) that does the same, recorded once and replayed.

    The first call runs as it always did and is recorded; later calls replay the array calls alone,
    without tensors, graph or Python in between.  Where the function looks at a value (`if`,
    `while`, `int()`) the record branches; a way not gone before runs eagerly and is recorded.
    What a replay would leave out (prints, changes to objects from outside) makes the function run
    eagerly, with one warning that names the line.

    Parameters
    ----------
    model : callable or Module, optional
        A function, which may be a whole training step; a module; without it a decorator.
    fullgraph : bool
        Raise where the function cannot be replayed as a whole.
    dynamic, mode, options : optional
        Accepted; shapes are guarded, and each is recorded by itself.
    backend : str
        "replay": the recorded NumPy calls, equal to eager bit for bit; so is any other name.
        "numba": fused kernels, made in the background and used when they are ready; sums and
        functions such as exp differ from NumPy's by a few roundings.  "auto": "numba" where it is
        installed, else "replay".
    disable : bool
        Return `model` as it is.

    Examples
    --------
    >>> import retrograd as torch
    >>> @torch.compile
    ... def halve(x):
    ...     while x.sum() > 1:
    ...         x = x / 2
    ...     return x
    >>> halve(torch.ones(4))
    tensor([0.2500, 0.2500, 0.2500, 0.2500])
    """
    if model is None:
        return lambda given: compile(
            given, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode,
            options=options, disable=disable,
        )  # fmt: skip
    if not callable(model):
        raise RuntimeError(f"compile: expected a function or a module, got {type(model).__name__}")
    if disable:
        return model
    fuses = backend in ("auto", "numba")
    if fuses and not numba_backend.available():
        numba_backend.tell_missing(backend == "numba")
        fuses = False
    return compile_module(model, fullgraph, fuses) or CompiledFunction(model, fullgraph, fuses)


def is_compiling() -> bool:
    """Say whether the calling code runs while it is recorded."""
    return tracing.recorder() is not None


is_dynamo_compiling = is_compiling


def __getattr__(name: str) -> Any:
    from .._missing import missing_name

    raise missing_name(__name__, name)


__all__ = ["CompiledFunction", "OptimizedModule", "compile", "is_compiling", "is_dynamo_compiling"]
