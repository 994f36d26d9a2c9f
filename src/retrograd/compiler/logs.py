"""Logs: why a function is recorded anew, for ``RETROGRAD_LOGS=recompiles``."""

from __future__ import annotations

import os
import sys
from typing import Any

from .._core.checking import contents, missing
from ..config import settings
from .function import LOGS
from .guards import alike, description, hooks_of_every_module, is_tensor
from .outside import state_of

_ABOUT_TENSORS = (
    "type", "shape", "strides", "dtype", "requires_grad", "being a leaf", "being no view",
    "being an inference tensor",
)  # fmt: skip


def tell_recompile(function: Any, key: Any) -> None:
    """Print why there is no trace for a call, where somebody wants to know."""
    if "recompiles" not in os.environ.get(LOGS, "").split(","):
        return
    trees = function.trees.get(key)
    if trees:
        why = broken(trees[0].guards)
    elif function.trees:
        why = difference(list(function.trees)[-1], key)
    else:
        return  # the first call
    print(f"compile: {function.__name__} is recorded anew: {why}", file=sys.stderr)


def broken(guards: Any) -> str:
    """Return what is no longer as it was when a trace was written."""
    if hooks_of_every_module() != guards.hooks:
        return "the hooks of every module are others"
    if settings() != guards.settings:
        return "a setting of the library (threads, precision) is another"
    for value, about in guards.captured.values():
        now = description(value)
        if now != about:
            return f"a tensor from outside the function was {described(about)}, is {described(now)}"
    for cell, about in guards.cells.values():
        now = None if cell.grad is None else description(cell.grad)
        if now != about:
            return f"a .grad was {described(about)}, is {described(now)}"
    for space, name, value in guards.globals():
        now = space.get(name, missing)
        if not alike(now, value):
            return f"the global {name} was {shown(value)}, is {shown(now)}"
    for cell, held in guards.closures():
        now = contents(cell)
        if not alike(now, held):
            return f"a closure's variable was {shown(held)}, is {shown(now)}"
    for number, (thing, state) in guards.states.items():
        now = state_of(thing, guards.counting(thing))
        if number not in guards.referred and now != state:
            return f"a {type(thing).__name__} was changed{changed_part(state, now)}"
    return "a guard failed"


def changed_part(before: Any, after: Any) -> str:
    """Return which attribute or item differs."""
    if isinstance(before, dict):
        for name in (*before, *after):
            if before.get(name) != after.get(name):
                return f": {name}"
    return ""


def difference(before: Any, after: Any) -> str:
    """Return in what the arguments of two calls differ."""
    if before[0] != after[0]:
        return "a mode (grad, inference, anomaly) differs"
    if before[1] != after[1]:
        return f"the default dtype was {before[1]}, is {after[1]}"
    if len(before) != len(after):
        return "the number of arguments differs"
    for place, (one, other) in enumerate(zip(before[2:], after[2:])):
        if one == other:
            continue
        if is_tensor(one) and is_tensor(other):
            for name, old, new in zip(_ABOUT_TENSORS, one, other):
                if old != new:
                    return f"{name} of argument {place} was {old}, is {new}"
            return f"the .grad of argument {place} or what hangs on it is another"
        return f"argument {place} was {shown(one)}, is {shown(other)}"
    return "the arguments differ"


def described(about: Any) -> str:
    """Return a tensor's description as text."""
    if about is None:
        return "None"
    shape, _, dtype, requires = about[:4]
    return f"{dtype}{list(shape)}{', requires_grad' if requires else ''}"


def shown(thing: Any) -> str:
    """Return something short about an object."""
    if isinstance(thing, tuple) and len(thing) == 2 and isinstance(thing[0], type):
        thing = thing[1]
    text = repr(thing)
    return text if len(text) <= 60 else f"a {type(thing).__name__}"
