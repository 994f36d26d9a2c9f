"""Copies and casts."""

from __future__ import annotations

import numpy as np

from .._core.holomorphic import expect_complex
from .._core.op import op


@op(node="CloneBackward0", linear=True)
def copy(x):
    """A copy in memory of its own.  (*S) -> (*S)"""
    return np.array(x, copy=True) if type(x) is np.ndarray else np.copy(x)


@copy.grad("x")
def copy_dx(g):
    return g


@op(node="ToCopyBackward0", linear=True)
def cast(x, *, dtype):
    """A copy with another dtype; the gradient comes back in the first one.  (*S) -> (*S)

    From complex to real numbers the imaginary part is dropped, as in PyTorch.
    """
    if dtype.kind == "c":
        expect_complex()
    elif x.dtype.kind == "c" and dtype.kind not in "cb":
        x = np.real(x)
    return x.astype(dtype)


@cast.grad("x")
def cast_dx(g, x_dtype):
    return cast(g, dtype=x_dtype)
