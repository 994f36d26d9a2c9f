"""What a workload is: a name, one builder per style of library, and the targets it is held to."""

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
    target_jit : the largest acceptable ratio to jax.jit, compiled core
    settle : called with retrograd and its step after the first call: work that is done once, in
        the background, is waited for, so that it is not timed
    threads : for each worker, unless the command line says otherwise
    peers : the libraries it is compared with; None for every one that it is written for
    needs : a module without which retrograd cannot run it
    table : the table of README.md that it belongs to: "core" or "compile"
    """

    name: str
    title: str
    torch: Callable[[Any], Step]
    functional: Callable[[Any], Step] | None = None
    target: float | None = None
    target_pure: float | None = None
    target_jit: float | None = None
    settle: Callable[[Any, Step], None] | None = None
    threads: int = 1
    peers: tuple[str, ...] | None = None
    needs: str | None = None
    table: str = "core"
