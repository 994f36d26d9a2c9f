"""SciPy's special functions, imported when one is first used, in the dtype of their operand."""

from __future__ import annotations

import numpy as np

from ._fronts import refuse

_loaded = []


def scipy_special():
    """Return ``scipy.special``."""
    if not _loaded:
        from scipy import special

        _loaded.append(special)
    return _loaded[0]


def in_dtype_of(x, result):
    """Return `result` in the dtype of `x`; SciPy computes float16 in float32."""
    return result if result.dtype == x.dtype else result.astype(x.dtype)


def special_kernel(name, kernel, halves=True):
    """Return a one-operand kernel made of a SciPy function.

    Parameters
    ----------
    name : str
        SciPy's name.
    kernel : str
        PyTorch's name of its kernel, for the error that refuses complex numbers.
    halves : bool
        Whether PyTorch computes it of float16.
    """

    def run(x):
        refuse(x, "c", kernel)
        if not halves and x.dtype == np.float16:
            raise NotImplementedError(f'"{kernel}" not implemented for \'Half\'')
        return in_dtype_of(x, getattr(scipy_special(), name)(x))

    return run
