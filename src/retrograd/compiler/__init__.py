"""Compile: the dynamic graph at static speed.

`compile` records what a function does to arrays while it runs, and replays that from the next
call on.  See docs/design/0005-compile.md.
"""

from __future__ import annotations

import functools
import inspect
import math
from typing import Any

from .._core.any_module import AnyModule
from .._core.tracing import recorder as current_recorder
from .._core.tracing import set_recorder
from . import backends
from .backends import EAGER, MODES, NUMBA, arithmetic_of, backend_named
from .backends import get_default_backend as get_default_backend
from .backends import list_backends as list_backends
from .backends import set_default_backend as set_default_backend
from .function import CompiledFunction as CompiledFunction


def compile(
    model: Any = None,
    *,
    fullgraph: bool = False,
    dynamic: bool | None = None,
    backend: Any = None,
    mode: str | None = None,
    options: dict[str, Any] | None = None,
    disable: bool = False,
    name: str | None = None,
    recompile_limit: int | None = None,
    isolate_recompiles: bool = False,
    shapes_spec: Any = None,
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
        Raise where the function cannot be replayed as one straight record: where it looks at a
        value, and where it would run eagerly.
    dynamic, mode : optional
        Accepted, with PyTorch's names of modes; shapes are guarded, and each is recorded by itself.
    options : dict, optional
        ``{"fastmath": True}``: kernels may add in any order, multiply by a reciprocal in place of
        dividing, and take for granted that there is no nan and no infinity; where there is one,
        any number may come out.  Off unless asked for.  PyTorch's own options are accepted.
    backend : str, optional
        "replay", the default: the recorded NumPy calls, equal to eager bit for bit.
        "numba": fused kernels, made in the background and used when they are ready; sums and
        functions such as exp differ from NumPy's by a few roundings.  "auto": "numba" where it is
        installed, else "replay".  Of PyTorch's names, "inductor" and "cudagraphs" are "replay";
        "eager" and "aot_eager" record nothing, so that the function runs as it is.
    disable : bool
        Return `model` as it is.
    name, recompile_limit, isolate_recompiles, shapes_spec : optional
        Accepted.

    Raises
    ------
    RuntimeError
        For a mode or backend that is not known, and an option ``fastmath`` that is no bool.
    TypeError
        For a backend that is a function, and for generators and coroutines.

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
    if mode is not None and mode not in MODES:
        raise RuntimeError(f"Unrecognized mode={mode}, should be one of: {', '.join(MODES)}")
    if mode is not None and options is not None:
        raise RuntimeError(
            "Either mode or options can be specified, but both can't be specified at the same time."
        )
    if dynamic is not None and not isinstance(dynamic, bool):
        raise AssertionError(f"Expected enable to be a bool, got {type(dynamic)}")
    arithmetic = arithmetic_of(options)
    kind = backend_named(backend)
    if model is None:
        return lambda given: compile(
            given, fullgraph=fullgraph, dynamic=dynamic, backend=backend, mode=mode,
            options=options, disable=disable,
        )  # fmt: skip
    if not callable(model):
        raise AssertionError(f"A callable function is expected, but {type(model)} is provided.")
    if disable:
        return model
    if inspect.isgeneratorfunction(model) or inspect.iscoroutinefunction(model) or (
        inspect.isasyncgenfunction(model)
    ):
        raise TypeError(
            f"compile: {model.__name__} is a generator or coroutine, whose body runs after the "
            "call, in pieces; compile the functions that it calls"
        )
    fuses = arithmetic if kind == NUMBA else ""
    if fuses and not backends.available():
        backends.tell_missing(backend == "numba")
        fuses = ""
    eager = f"backend={backend or get_default_backend()!r}" if kind == EAGER else ""
    if isinstance(model, AnyModule):
        from .modules import OptimizedModule

        return OptimizedModule(model, fullgraph, fuses, eager)
    return CompiledFunction(model, fullgraph, fuses, eager)


def disable(fn: Any = None, recursive: bool = True, *, reason: str | None = None) -> Any:
    """Return a function that runs eagerly, also where it is called from a compiled one.

    What calls it while it is recorded runs eagerly then too, as a whole.
    """
    if fn is None:
        return lambda given: disable(given, recursive, reason=reason)
    if not callable(fn):
        raise AssertionError("fn must be callable")
    function = getattr(fn, "function", fn) if isinstance(fn, CompiledFunction) else fn

    @functools.wraps(function)
    def eagerly(*args: Any, **settings: Any) -> Any:
        found = current_recorder()
        if found is None:
            return function(*args, **settings)
        found.fail(reason or f"{eagerly.__name__} is marked with torch.compiler.disable")
        before = set_recorder(None)
        try:
            return function(*args, **settings)
        finally:
            set_recorder(before)

    return eagerly


def reset() -> None:
    """Forget every record of every compiled function."""
    for one in list(CompiledFunction.every):
        one.forget()


def explain(function: Any) -> Any:
    """Report what a compiled function or module was made into.

    Parameters
    ----------
    function : CompiledFunction or OptimizedModule
        After the calls that are of interest.

    Returns
    -------
    Explanation
        Its attributes are described there; ``print`` gives them all.

    Raises
    ------
    TypeError
        For what `compile` did not return.
    """
    from .explaining import Explanation

    return Explanation(compiled_of(function, "explain"))


def lower_next(function: Any) -> None:
    """Let the next replay of everything recorded so far be the one after which it is lowered.

    Without it that waits until the replays have taken longer than lowering is expected to.

    Parameters
    ----------
    function : CompiledFunction or OptimizedModule
    """
    compiled = compiled_of(function, "lower_next")
    compiled.account.hurry()
    for segment in compiled.segments():
        if segment.warming is not None:
            segment.warming.spent = math.inf


def compiled_of(function: Any, asked: str) -> Any:
    """Return the compiled function of what `compile` returned."""
    compiled = getattr(function, "forward", function)
    if not hasattr(compiled, "segments"):
        raise TypeError(f"{asked}: expected a compiled function, got {type(function).__name__}")
    return compiled


def is_compiling() -> bool:
    """Say whether the calling code runs while it is recorded."""
    return current_recorder() is not None


is_dynamo_compiling = is_compiling


def export(f: Any, example_inputs: Any, path: Any) -> None:
    """Save what a function does, and the tensors it uses, to one file: see `exporting.export`."""
    from .exporting import export as save

    save(f, example_inputs, path)


def load(path: Any, numpy_only: bool = False) -> Any:
    """Load a function that `export` saved: see `loading.load`."""
    from .loading import load as read

    return read(path, numpy_only)


_DIRECTIVES = (
    "allow_in_graph", "assume_constant_result", "cudagraph_mark_step_begin", "is_exporting",
    "nested_compile_region", "set_stance", "substitute_in_graph", "wrap_numpy",
)  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "OptimizedModule":
        from .modules import OptimizedModule

        return OptimizedModule
    if name in _DIRECTIVES:
        from . import directives

        return getattr(directives, name)
    from .._missing import missing_name

    raise missing_name(__name__, name)


__all__ = [
    "CompiledFunction", "OptimizedModule", "allow_in_graph", "assume_constant_result", "compile",
    "cudagraph_mark_step_begin", "disable", "explain", "export", "get_default_backend",
    "is_compiling", "is_dynamo_compiling", "is_exporting", "list_backends", "load", "lower_next",
    "nested_compile_region", "reset", "set_default_backend", "set_stance", "substitute_in_graph",
    "wrap_numpy",
]  # fmt: skip


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
