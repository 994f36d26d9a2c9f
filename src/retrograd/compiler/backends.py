"""Backends: what `compile` may be told to make, PyTorch's names among them."""

from __future__ import annotations

import os
import sys
from typing import Any

# Name -> how a function runs then, and the tags by which `list_backends` leaves it out.
REPLAY, NUMBA, EAGER = "replay", "numba", "eager"
_BACKENDS = {
    "replay": (REPLAY, ()),
    "numba": (NUMBA, ()),
    "auto": (NUMBA, ()),
    "inductor": (REPLAY, ()),
    "cudagraphs": (REPLAY, ()),
    "eager": (EAGER, ("debug",)),
    "aot_eager": (EAGER, ("debug",)),
}
MODES = ("default", "lite", "reduce-overhead", "max-autotune-no-cudagraphs", "max-autotune")
_chosen = [REPLAY]
_told: set[str] = set()
EXACT, FAST = "exact", "fast"  # how kernels compute


def arithmetic_of(options: Any) -> str:
    """Return how kernels are to compute: as EXACT, or as FAST where the options ask for it.

    Parameters
    ----------
    options : dict or None
        Only ``fastmath`` means something here; PyTorch's own options are accepted.

    Raises
    ------
    RuntimeError
        Where ``fastmath`` is no bool.
    """
    wanted = False if options is None else options.get("fastmath", False)
    if type(wanted) is not bool:
        name = type(wanted).__name__
        raise RuntimeError(f"Unexpected type of attr fastmath, got {name} should be bool")
    return FAST if wanted else EXACT


def backend_named(backend: Any) -> str:
    """Return how a function runs with a backend: as REPLAY, NUMBA or EAGER.

    Parameters
    ----------
    backend : str or None
        None for the default one.

    Raises
    ------
    RuntimeError
        For a name that is not known.
    TypeError
        For a function: PyTorch gives it a graph of its own operations, which is not made here.
    """
    if backend is None:
        backend = _chosen[0]
    if isinstance(backend, str) and backend in _BACKENDS:
        return _BACKENDS[backend][0]
    names = ", ".join(_BACKENDS)
    if isinstance(backend, str):
        raise RuntimeError(
            f"Invalid backend: {backend!r}, see `torch.compiler.list_backends()` for available "
            f"backends: {names}"
        )
    raise TypeError(
        f"compile: backend is one of {names}; there is no graph of PyTorch's that "
        f"{type(backend).__name__} {getattr(backend, '__name__', backend)!s} could be called with"
    )


def list_backends(exclude_tags: Any = ("debug", "experimental")) -> list[str]:
    """Return the names of the backends, without those that have one of the tags."""
    left_out = set(exclude_tags or ())
    return sorted(name for name, (_, tags) in _BACKENDS.items() if left_out.isdisjoint(tags))


def get_default_backend() -> str:
    """Return the backend of functions that are compiled without naming one."""
    return _chosen[0]


def set_default_backend(backend: Any) -> None:
    """Set the backend of functions that are compiled without naming one; None for "replay"."""
    if backend is not None:
        backend_named(backend)
    _chosen[0] = REPLAY if backend is None else backend


# -- kernels; importing what makes them takes as long as a hundred steps ---------------------------


def available() -> bool:
    """Say whether numba is installed; it is not imported."""
    if sys.modules.get("numba") is not None:
        return True
    import importlib.util  # 0.2 ms, which nobody pays who does not ask

    return importlib.util.find_spec("numba") is not None  # None for a name that is blocked, too


def tell_missing(asked: bool) -> None:
    """Say once what numba would bring, where somebody asked for it or reads the logs."""
    if "missing" in _told or not (asked or os.environ.get("RETROGRAD_LOGS")):
        return
    _told.add("missing")
    print(
        "retrograd.compile: numba is not installed, so recorded calls are replayed by NumPy; "
        "`pip install retrograd[compile]` brings fused kernels",
        file=sys.stderr,
    )


def cache_folder() -> str:
    """Return the folder of kernels: ``RETROGRAD_CACHE_DIR``, or one in the user's cache."""
    given = os.environ.get("RETROGRAD_CACHE_DIR")
    if given:
        return given
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    return os.path.join(home, "retrograd")


def has_cached() -> bool:
    """Say whether there are kernels in the cache."""
    try:
        with os.scandir(os.path.join(cache_folder(), "kernels")) as found:
            return next(found, None) is not None
    except OSError:
        return False
