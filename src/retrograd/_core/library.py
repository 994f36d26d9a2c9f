"""Library kernels: what operations on large arrays ask for, before they compute by NumPy.

An operation with a kernel of machine code asks like this, which costs a small array one
comparison::

    if x.size >= library.least:
        found = library.run("gelu", x)
        if found is not None:
            return found

Who knows kernels (`compiler/library.py`) is loaded with the first question.  The answer for a
kernel is given once in a process and then holds, so that the same call always gives the same bits.
See docs/design/0007-library-kernels.md.
"""

from __future__ import annotations

import os
import threading
from typing import Any, Final

import numpy as np

LEAST: Final = 1 << 18  # elements; with less a call of NumPy's costs little
NEVER: Final = 1 << 62
MODES: Final = ("auto", "always", "never")


class Library:
    """The kernels that are there, and from which size on they are asked for.

    Attributes
    ----------
    least : int
        Arrays of fewer elements are left to NumPy.
    mode : str
        "auto" where what the cache holds is used, "always" where kernels are waited for, "never".
    table : dict
        What was answered, by name and width: a function that returns None where it cannot.
    """

    def __init__(self) -> None:
        given = os.environ.get("RETROGRAD_LIBRARY_KERNELS", "auto")
        self.mode: str = given if given in MODES else "auto"
        self.threshold: int = LEAST
        self.deterministic: bool = False
        self.missing: bool = False
        self.least: int = LEAST
        self.table: dict[str, Any] = {}
        self.provide: Any = None
        self.local: Any = threading.local()
        self.lock: Any = threading.Lock()
        self.settle()

    def settle(self) -> None:
        """Find `least` anew from the settings."""
        off = self.mode == "never" or self.missing
        off = off or (self.mode == "auto" and self.deterministic)
        self.least = NEVER if off else self.threshold

    def run(self, name: str, first: Any, *rest: Any) -> Any:
        """Return what a kernel computes, None where NumPy has to."""
        function = self.find(name, first)
        found = None if function is None else function(first, *rest)
        if found is None and function is not None:
            self.local.served -= 1
        return found

    def find(self, name: str, first: Any) -> Any:
        """Return the kernel's function for arrays like `first`, None where there is none."""
        if type(first) is not np.ndarray or not first.flags.c_contiguous:
            return None
        kind = first.dtype.char
        if kind != "f" and kind != "d":
            return None
        key = name + kind
        table = self.table
        function = table[key] if key in table else self.ask(key)
        if function is None or getattr(self.local, "suspended", False):
            return None
        self.local.served = getattr(self.local, "served", 0) + 1
        return function

    def ask(self, key: str) -> Any:
        """Find out, once in this process, whether there is a kernel."""
        with self.lock:
            found = self.table.get(key)
            if key not in self.table:
                found = self.table[key] = None if self.provide is None else self.provide(key)
        return found

    def forget(self) -> None:
        """Have what was answered with no asked once more."""
        with self.lock:
            self.table = {key: found for key, found in self.table.items() if found is not None}

    def renew(self) -> None:
        """Have a lock that no thread holds: in a forked process only one thread goes on."""
        self.lock = threading.Lock()

    # -- for compile ------------------------------------------------------------------------------

    def served(self) -> int:
        """Return how many results this thread has had from kernels."""
        found: int = getattr(self.local, "served", 0)
        return found

    def suspend(self, suspended: bool) -> bool:
        """Let this thread compute by NumPy, or no longer; return what was the case before."""
        before: bool = getattr(self.local, "suspended", False)
        self.local.suspended = suspended
        return before


library: Final = Library()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=library.renew)
