"""torch.jit's two entrances, which mean `compile` here: there is no language of its own."""

from __future__ import annotations

import warnings
from typing import Any

from .compiler import compile as compiled
from .compiler import is_compiling


def script(obj: Any, *args: Any, **settings: Any) -> Any:
    """Return a function or module compiled; other settings of PyTorch's are taken and unused.

    Warns
    -----
    UserWarning
        That it is `compile`.
    """
    return _alias("script", obj)


def trace(func: Any, example_inputs: Any = None, *args: Any, **settings: Any) -> Any:
    """Return a function or module compiled; unlike PyTorch's trace it follows every branch.

    Warns
    -----
    UserWarning
        That it is `compile`.
    """
    return _alias("trace", func)


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


__all__ = ["is_scripting", "is_tracing", "script", "trace"]
