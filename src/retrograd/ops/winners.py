"""Where the largest elements of windows of any sizes are: for adaptive and fractional pooling."""

from __future__ import annotations

import numpy as np

from .pool_windows import product


def tables_of(windows):
    """Return, for each axis, the places of each regular window.  -> arrays (out, kernel)

    Where a window reaches over an edge its first or last place is repeated, which changes no
    maximum.
    """
    found = []
    for size, kernel, stride, padding, dilation, out in zip(*windows):
        starts = np.arange(out)[:, None] * stride - padding
        firsts = np.where(starts < 0, starts % dilation, starts)
        ends = np.minimum(starts + (kernel - 1) * dilation, size - 1)
        lasts = starts + (ends - starts) // dilation * dilation
        found.append(np.clip(starts + np.arange(kernel) * dilation, firsts, lasts))
    return found


def adaptive_tables(sizes, out):
    """Return, for each axis, the places of windows that share it out as evenly as can be."""
    found = []
    for size, count in zip(sizes, out):
        number = np.arange(count)
        starts = number * size // max(count, 1)
        ends = -(-(number + 1) * size // max(count, 1))
        longest = int((ends - starts).max()) if count else 1
        places = starts[:, None] + np.arange(longest)
        found.append(np.minimum(places, ends[:, None] - 1))
    return found


def winners(x, tables):
    """Return the largest element of each window and its place in the plane.

    Along one axis after the other, the last one first, so that ties go to the first in the order
    of the elements; nan is largest, and the last one wins.

    Parameters
    ----------
    x : array
        (*S, *sizes)
    tables : list of array
        The places of each axis's windows.

    Returns
    -------
    values, places : array
        (*S, *out)
    """
    dims = len(tables)
    sizes = x.shape[x.ndim - dims :]
    place = None
    for axis in range(dims - 1, -1, -1):
        back = axis - dims
        table = tables[axis]
        windows = np.take(x, table, axis=back)
        chosen = largest_of(windows, back)
        x = np.squeeze(np.take_along_axis(windows, chosen, axis=back), axis=back)
        along = np.reshape(table, (*table.shape, *(1,) * (dims - 1 - axis)))
        along = np.broadcast_to(along, windows.shape)
        step = product(sizes[axis + 1 :])
        here = np.squeeze(np.take_along_axis(along, chosen, axis=back), axis=back) * step
        if place is not None:
            before = np.take(place, table, axis=back)
            here = here + np.squeeze(np.take_along_axis(before, chosen, axis=back), axis=back)
        place = here
    return x, place


def largest_of(windows, axis):
    """Return the number of the largest element along an axis, which stays with size 1."""
    chosen = np.argmax(windows, axis=axis, keepdims=True)
    if windows.dtype.kind != "f":
        return chosen
    missing = np.isnan(windows)
    if not missing.any():
        return chosen
    count = windows.shape[axis]
    last = count - 1 - np.argmax(np.flip(missing, axis), axis=axis, keepdims=True)
    return np.where(missing.any(axis=axis, keepdims=True), last, chosen)
