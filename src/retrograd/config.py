"""What is loaded: the build, NumPy's BLAS, threads, optional packages."""

from __future__ import annotations

import os

import numpy as np

from . import _core
from ._core.checking import module_writes
from ._core.library import library

_optional = ("scipy", "numba", "cupy", "mpi4py", "ml_dtypes", "safetensors", "tqdm")
_threads = {"count": None, "interop": 1, "deterministic": False, "precision": "highest"}
on_threads = []  # what is called where the number of threads has changed


def _put(name, value):
    """Set one of the settings; compiled functions look at them then."""
    _threads[name] = value
    module_writes.count += 1


def settings():
    """Return every setting, for comparison."""
    return tuple(_threads.values())


_warnings = {"deterministic": False, "always": False}


def show_config():
    """Return a text that says which build is loaded and what was found beside it.

    Examples
    --------
    >>> "core:" in show_config()
    True
    """
    import importlib.util
    import platform
    from importlib.metadata import PackageNotFoundError, version

    def version_of(name):
        if importlib.util.find_spec(name) is None:
            return "not installed"
        try:
            return version(name)
        except PackageNotFoundError:
            return "installed"

    lines = [
        f"retrograd {version_of('retrograd')}",
        f"core: {'compiled by mypyc' if _core.compiled else 'pure Python'}",
        f"python: {platform.python_version()} on {platform.machine()}",
        f"numpy: {np.__version__}, BLAS: {_blas()}",
        f"threads: {get_num_threads()}",
    ]
    lines += [f"{name}: {version_of(name)}" for name in _optional]
    return "\n".join(lines) + "\n"


def _blas():
    try:
        found = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    except (KeyError, TypeError):
        return "unknown"
    return f"{found.get('name', 'unknown')} {found.get('version', '')}".strip()


def processors():
    """Return on how many processors this process may run."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def get_num_threads():
    """Return the number of threads NumPy's BLAS was asked to use."""
    if _threads["count"] is not None:
        return _threads["count"]
    for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "OMP_NUM_THREADS"):
        value = os.environ.get(name, "")
        if value.isdigit():
            return int(value)
    return os.cpu_count() or 1


def set_num_threads(num, /):
    """Note the number of threads wanted.

    NumPy reads its own from the environment when it is loaded (``OMP_NUM_THREADS``); where
    threadpoolctl is installed, the BLAS is told at once.
    """
    if not isinstance(num, int):
        raise TypeError(f"set_num_threads expects an int, but got {type(num).__name__}")
    if num <= 0:
        raise RuntimeError("set_num_threads expects a positive integer")
    _put("count", num)
    for listener in on_threads:
        listener()
    try:
        from threadpoolctl import threadpool_limits
    except ImportError:
        return
    threadpool_limits(num)


def get_num_interop_threads():
    """Return the number of threads across operations: always what was set, 1 at the start."""
    return _threads["interop"]


def set_num_interop_threads(num, /):
    """Accepted for compatibility; operations run one after the other."""
    _put("interop", num)


def use_deterministic_algorithms(mode, *, warn_only=False):
    """Have every run of a program give the same bits.

    Every operation does that by itself; but kernels of the library, which round differently than
    NumPy, are used only once they are in the cache.  So in mode "auto" (see `backends.numba`)
    they are not used at all while this is set.
    """
    _put("deterministic", bool(mode))
    library.deterministic = bool(mode)
    library.settle()
    _warnings["deterministic"] = bool(warn_only)


def are_deterministic_algorithms_enabled():
    """Return what `use_deterministic_algorithms` was given."""
    return _threads["deterministic"]


def is_deterministic_algorithms_warn_only_enabled():
    """Return the `warn_only` that `use_deterministic_algorithms` was given."""
    return _warnings["deterministic"]


def set_deterministic_debug_mode(debug_mode):
    """Do as `use_deterministic_algorithms`, by a number or name: 0 default, 1 warn, 2 error.

    Raises
    ------
    TypeError, RuntimeError
        For any other.
    """
    modes = ("default", "warn", "error")
    if not isinstance(debug_mode, (int, str)):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if isinstance(debug_mode, str):
        if debug_mode not in modes:
            raise RuntimeError(
                "invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got "
                f"{debug_mode}"
            )
        debug_mode = modes.index(debug_mode)
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(
            f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}"
        )
    use_deterministic_algorithms(debug_mode > 0, warn_only=debug_mode == 1)


def get_deterministic_debug_mode():
    """Return 0, 1 or 2: see `set_deterministic_debug_mode`."""
    if not _threads["deterministic"]:
        return 0
    return 1 if _warnings["deterministic"] else 2


def set_warn_always(b, /):
    """Remember a setting that nothing reads: Python's warning filters decide."""
    _warnings["always"] = bool(b)


def is_warn_always_enabled():
    """Return what `set_warn_always` was given."""
    return _warnings["always"]


def set_float32_matmul_precision(precision):
    """Accepted for compatibility; float32 products are float32."""
    if precision not in ("highest", "high", "medium"):
        raise ValueError(
            f"float32 matmul precision must be highest, high or medium, not {precision!r}"
        )
    _put("precision", precision)


def get_float32_matmul_precision():
    """Return what `set_float32_matmul_precision` was given."""
    return _threads["precision"]


def set_flush_denormal(mode, /):
    """Return False: NumPy does not flush denormal numbers."""
    return False
