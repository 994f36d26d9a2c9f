"""`torch.backends.numba`: kernels of machine code for operations on large arrays.

Where Numba is installed, gelu, silu, softmax, log_softmax (so cross_entropy too), the norms and
attention's softmax compute arrays of 2^18 elements and more by fused kernels: ten NumPy calls, each
of which goes through the memory, become one loop.  Results differ from NumPy's by rounding;
docs/design/0007-library-kernels.md has the bounds, and why it works as it does.

Examples
--------
>>> import retrograd as torch
>>> with torch.backends.numba.flags("never"):
...     torch.backends.numba.library_kernels()
'never'
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from contextlib import contextmanager

from .._core.library import LEAST, MODES, library


def is_available() -> bool:
    """Return whether Numba is installed; it is not imported."""
    return importlib.util.find_spec("numba") is not None


def library_kernels() -> str:
    """Return the mode: "auto", "always" or "never"."""
    return library.mode


def set_library_kernels(mode: str, least: int | None = None) -> None:
    """Say when operations on large arrays use kernels.

    The environment variable ``RETROGRAD_LIBRARY_KERNELS`` has the mode at the start.  Set it before
    functions are compiled: what `compile` has recorded may keep the way that it took.

    Parameters
    ----------
    mode : str
        "auto": a kernel is used in a process where the cache holds it at its first use; else it
        is made in the background, for later processes, and NumPy computes.  Nothing waits.
        "always": a kernel that is not there is waited for.  "never": NumPy computes.
    least : int, optional
        Arrays of fewer elements are left to NumPy: 2^18 by default.

    Raises
    ------
    ValueError
        For another mode, or a `least` below 1.
    """
    if mode not in MODES:
        raise ValueError(f"mode has to be one of {', '.join(MODES)}, but is {mode!r}")
    if least is not None and least < 1:
        raise ValueError(f"least has to be at least 1, but is {least}")
    library.mode = mode
    library.threshold = LEAST if least is None else least
    library.forget()
    library.settle()


@contextmanager
def flags(mode: str = "auto", least: int | None = None) -> Iterator[None]:
    """Set what `set_library_kernels` sets for a while."""
    before = library.mode, library.threshold
    set_library_kernels(mode, least)
    try:
        yield
    finally:
        set_library_kernels(*before)
