"""What a workload is: a name, one builder per style of library, and the target it is held to."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Step = Callable[[], Any]


@dataclass(frozen=True)
class Workload:
    """One thing to time.

    Each builder prepares its data and returns a step: a function without arguments that does the
    work once and returns an array by which the libraries are compared before they are timed.

    Attributes
    ----------
    torch : builder for libraries with PyTorch's names; its argument is the module
    functional : builder for libraries that differentiate functions written with NumPy's names;
        its argument is a ``libraries.Functional``.  None where the comparison makes no sense.
    target, target_pure : the largest acceptable ratio to PyTorch, compiled and pure Python
    """

    name: str
    title: str
    torch: Callable[[Any], Step]
    functional: Callable[[Any], Step] | None = None
    target: float | None = None
    target_pure: float | None = None
