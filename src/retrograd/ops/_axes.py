"""Axes: PyTorch's checks of `dim`, and putting reduced axes back."""

from __future__ import annotations

import numpy as np


def axis_of(dim, ndim):
    """Return `dim` as a non-negative axis of an array of `ndim` dimensions.

    Raises
    ------
    IndexError
        With PyTorch's words, when it is out of range.  0-d counts as one dimension, as there.
    """
    dim = dim.__index__()
    size = ndim or 1
    if not -size <= dim < size:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{-size}, {size - 1}], "
            f"but got {dim})"
        )
    return dim + size if dim < 0 else dim


def axes_of(dim, ndim):
    """Return `dim` (None, an int or several) as NumPy's `axis`: None or a tuple of axes."""
    if dim is None:
        return None
    if not isinstance(dim, (tuple, list)):
        axis = axis_of(dim, ndim)
        return (axis,) if ndim else ()
    axes = tuple(axis_of(d, ndim) for d in dim)
    if len(set(axes)) != len(axes):
        twice = next(a for a in axes if axes.count(a) > 1)
        raise RuntimeError(f"dim {twice} appears multiple times in the list of dims")
    if not ndim:
        return ()
    return axes or None


def spread(g, axis, keepdims, shape):
    """Put back, as size 1, the axes that a reduction of an array of `shape` took away.

    Parameters
    ----------
    g : array
        The reduced array, or the gradient of it.
    axis : None, int or tuple of int
        Non-negative axes that were reduced; None for all.
    keepdims : bool
        Whether they are still there.
    shape : tuple of int
        The shape before the reduction.
    """
    if keepdims:
        return g
    if axis is None:
        return np.reshape(g, (1,) * len(shape))
    axes = (axis,) if isinstance(axis, int) else axis
    kept = tuple(1 if n in axes else size for n, size in enumerate(shape))
    return np.reshape(g, kept)
