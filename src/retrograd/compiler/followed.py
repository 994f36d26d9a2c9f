"""Followed: of which objects the library itself knows what becomes of them, and its modes."""

from __future__ import annotations

import types
from typing import Any

import numpy as np

from .._core.any_module import AnyModule
from .._core.modes import thread_modes
from .._core.promotion import defaults

PLAIN_TYPES = (str, bytes, int, float, complex, tuple, frozenset, range, slice, type(None))
CONTAINERS = (list, dict, set, bytearray)
CHANGEABLE: Any = (*CONTAINERS, np.ndarray)
FOLLOWED: Any = (type, types.ModuleType, *PLAIN_TYPES, *CHANGEABLE)


def module_of(kind: Any) -> str:
    """Return the name of the module of a class; some classes of C's have something else there."""
    name = kind.__module__
    return name if isinstance(name, str) else ""


def is_in_mode(frame: Any) -> bool:
    """Say whether a call of a module's `train` or `eval` changes nothing."""
    held = frame.f_locals
    module: Any = held.get("self")
    mode = held.get("mode", False)
    if not isinstance(module, AnyModule):
        return False
    inside: Any = module  # with what stands above in `nn`
    return all(one.training is mode for one in inside.modules())


def modes_now() -> Any:
    """Return the modes that functions of the library may set for good."""
    modes = thread_modes()
    return (modes.grad, modes.inference, modes.anomaly, defaults.floating)


def is_followed(owner: Any) -> bool:
    """Say whether changes of an object of the library are followed in other ways."""
    if isinstance(owner, FOLLOWED):
        return True
    if not hasattr(owner, "__dict__"):
        return True
    kind = type(owner)
    # Optimizers and generators step at each replay; the compiler's own objects do no harm.
    return module_of(kind).startswith("retrograd.compiler") or any(
        one.__name__ in ("Optimizer", "Generator", "LRScheduler") for one in kind.__mro__
    )
