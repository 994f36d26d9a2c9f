"""Decorators of functions that a trace notes as one entry.

Never compiled: a compiled closure has neither the name nor the signature of what it wraps.
"""

from __future__ import annotations

import functools
from typing import Any

from .modes import thread_modes
from .tracing import tracing

fronts: dict[str, Any] = {}  # the functions marked with `one_step`


def one_step(front: Any) -> Any:
    """Mark a public function that computes on bare arrays and has no derivative.

    In a trace a call of it is one entry, on the arrays of the tensors among its arguments.
    """

    @functools.wraps(front)
    def call(*args: Any, **settings: Any) -> Any:
        if tracing.count != 0:
            found: Any = thread_modes().recorder
            if found is not None:
                return found.whole(front, args, settings)
        return front(*args, **settings)

    fronts[front.__name__] = call
    return call


def traced(function: Any) -> Any:
    """Mark a function that makes arrays outside of operations: draws, constants.

    In a trace a call of it is one entry, repeated at every replay.
    """

    @functools.wraps(function)
    def call(*args: Any, **settings: Any) -> Any:
        if tracing.count != 0:
            found: Any = thread_modes().recorder
            if found is not None:
                return found.function(function, args, settings)
        return function(*args, **settings)

    return call
