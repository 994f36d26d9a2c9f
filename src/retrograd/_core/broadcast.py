"""Broadcasting at the edge: the one place where a gradient is summed to its operand's shape."""

from __future__ import annotations

from typing import Any

import numpy as np


def sum_to(g: Any, shape: tuple[int, ...]) -> Any:
    """Sum a gradient over the axes along which an operand of `shape` was broadcast.

    Parameters
    ----------
    g : array
        Of a shape that `shape` broadcasts to; an array, a traced array or a tensor.
    shape : tuple of int

    Returns
    -------
    array
        Of shape `shape`.
    """
    have: Any = g.shape
    if have == shape:
        return g
    lead = len(have) - len(shape)
    axes = list(range(lead))
    for number, size in enumerate(shape):
        if size == 1 and have[lead + number] != 1:
            axes.append(lead + number)
    if axes:
        g = np.add.reduce(g, axis=tuple(axes), keepdims=True)
    return np.reshape(g, shape)


def broadcast_error(a: tuple[int, ...], b: tuple[int, ...]) -> str | None:
    """Return PyTorch's sentence for shapes that do not broadcast, None when they do."""
    n = max(len(a), len(b))
    for axis in range(n - 1, -1, -1):
        i = axis - (n - len(a))
        j = axis - (n - len(b))
        if i < 0 or j < 0 or a[i] == b[j] or a[i] == 1 or b[j] == 1:
            continue
        return (
            f"The size of tensor a ({a[i]}) must match the size of tensor b ({b[j]}) "
            f"at non-singleton dimension {axis}"
        )
    return None
