"""torch.jit, which means `compile` here: there is no language of its own.

`script` and `trace` compile; what marks functions for the language hands them back.  A traced
function can be saved: `torch.compiler.export` does it, with the example that it was traced on.
"""

from __future__ import annotations

import functools
import warnings
from typing import Any

from .compiler import CompiledFunction, OptimizedModule, is_compiling, load
from .compiler import compile as compiled
from .compiler import export as save_graph

ScriptFunction = CompiledFunction
ScriptModule = OptimizedModule


def script(obj: Any, *args: Any, **settings: Any) -> Any:
    """Return a function or module compiled; other settings of PyTorch's are taken and unused.

    A class is returned as it is.

    Warns
    -----
    UserWarning
        That it is `compile`.
    """
    return obj if isinstance(obj, type) else _alias("script", obj)


def trace(func: Any, example_inputs: Any = None, *args: Any, **settings: Any) -> Any:
    """Return a function or module compiled; unlike PyTorch's trace it follows every branch.

    Its method `save` writes it to a file, as `save` does.

    Warns
    -----
    UserWarning
        That it is `compile`.
    """
    made = _alias("trace", func)
    made.__dict__["_traced"] = (func, example_inputs)
    made.__dict__["save"] = functools.partial(save, made)
    return made


def script_if_tracing(fn: Any) -> Any:
    """Return a function as it is: a record follows its branches."""
    return fn


def save(m: Any, f: Any, _extra_files: Any = None) -> None:
    """Save what `trace` returned to a file, as `torch.compiler.export` does.

    Raises
    ------
    RuntimeError
        For what was not traced on an example.
    """
    func, example = getattr(m, "__dict__", {}).get("_traced", (None, None))
    if example is None:
        raise RuntimeError(
            "torch.jit.save: what is saved is the record of one call; make it by "
            "torch.jit.trace(function, example_inputs), or use torch.compiler.export"
        )
    save_graph(func, example if isinstance(example, (tuple, list)) else (example,), f)


def freeze(mod: Any, *args: Any, **settings: Any) -> Any:
    """Return a compiled module as it is: parameters are read where they are."""
    return mod


def optimize_for_inference(mod: Any, *args: Any, **settings: Any) -> Any:
    """Return a compiled module as it is."""
    return mod


def export(fn: Any) -> Any:
    """Return a method as it is: every method can be called."""
    return fn


def ignore(drop: Any = False, **settings: Any) -> Any:
    """Return a function, or a decorator of one, that leaves it as it is."""
    return drop if callable(drop) else lambda fn: fn


def unused(fn: Any) -> Any:
    """Return a function as it is."""
    return fn


def interface(obj: Any) -> Any:
    """Return a class as it is."""
    return obj


def annotate(the_type: Any, the_value: Any) -> Any:
    """Return the value."""
    return the_value


def is_scripting() -> bool:
    """Say whether a script is compiled, which never happens here."""
    return False


def is_tracing() -> bool:
    """Say whether the calling code runs while it is recorded."""
    return is_compiling()


def _alias(name: str, given: Any) -> Any:
    warnings.warn(
        f"torch.jit.{name} is an alias of torch.compile in retrograd", UserWarning, stacklevel=3
    )
    return compiled(given)


def __getattr__(name: str) -> Any:
    from ._missing import missing_name

    raise missing_name(__name__, name)


__all__ = [
    "ScriptFunction", "ScriptModule", "annotate", "export", "freeze", "ignore", "interface",
    "is_scripting", "is_tracing", "load", "optimize_for_inference", "save", "script",
    "script_if_tracing", "trace", "unused",
]  # fmt: skip
