"""Calling derivative rules, and adding what they return."""

from __future__ import annotations

from typing import Any

import numpy as np

from .plan import RuleCall
from .site import here
from .storage import tick
from .tracing import run, run_write, tracing
from .value import Value


def call_rule(call: RuleCall, g: Any, saved: Any) -> Any:
    """Call a rule with the gradient and the saved entries it asked for."""
    function = call.function
    arity = call.arity
    if tracing.count != 0:
        return run(function, g, *[saved[s] for s in call.sources])
    if arity == 0:
        return function(g)
    if saved is None:
        raise RuntimeError("saved values are gone")
    values: tuple[Any, ...] = saved
    sources = call.sources
    if arity == 1:
        return function(g, values[sources[0]])
    if arity == 2:
        return function(g, values[sources[0]], values[sources[1]])
    if arity == 3:
        return function(g, values[sources[0]], values[sources[1]], values[sources[2]])
    return function(g, *[values[s] for s in sources])


def is_saved(value: Any, saved: Any) -> bool:
    """Say whether a rule handed back one of the saved arrays."""
    if saved is None:
        return False
    values: tuple[Any, ...] = saved
    for entry in values:
        if entry is value:
            return True
    return False


def copied(value: Value) -> Value:
    """Return a value with memory of its own and no history."""
    return value.make(run(np.array, value.array))


def added(x: Any, y: Any) -> Any:
    """Return the sum of two gradients."""
    return x + y


def added_as_first(x: Any, y: Any) -> Any:
    """Return the sum of two gradients, laid out as the first."""
    out = np.empty_like(x)
    np.add(x, y, out)
    return out


def add_into(have: Value, array: Any) -> None:
    """Add to an existing `.grad` in place."""
    run_write(accumulate, have.array, array)
    have.get_storage().write(tick(), "the accumulation of a gradient", here())


def accumulate(target: Any, array: Any) -> None:
    """Add an array into another."""
    np.add(target, array, target)
