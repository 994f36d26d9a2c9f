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
    if all(len(table) == 1 and table.shape[1] == size for table, size in zip(tables, sizes)):
        return winners_of_all(x, dims)
    place = None
    for axis in range(dims - 1, -1, -1):
        x, place = winners_along(x, place, tables[axis], axis - dims, product(sizes[axis + 1 :]))
    return x, place


def winners_of_all(x, dims):
    """Return the largest element of each whole plane and its place."""
    lead = x.shape[: x.ndim - dims]
    flat = np.reshape(x, (*lead, product(x.shape[x.ndim - dims :])))
    place = largest_of(flat, -1)
    shape = (*lead, *(1,) * dims)
    values = np.take_along_axis(flat, place, axis=-1)
    return np.reshape(values, shape), np.reshape(place, shape)


def winners_along(x, place, table, axis, step):
    """Return the largest elements of windows along one axis, and their places.

    Parameters
    ----------
    x : array
    place : array or None
        The places found along later axes, in the shape of `x`.
    table : array
        (windows, places in each)
    axis : int
        Counted from the end.
    step : int
        How far apart in the plane neighbours along the axis are.
    """
    width = table.shape[1]
    # A later place that is larger, or nan, has the larger number: maxima choose.
    number = np.min_scalar_type(max(width - 1, 0)).type
    # One look at all of them spares one at each place.
    missing = x.dtype.kind == "f" and x.size > 0 and bool(np.isnan(np.max(x)))
    best = np.take(x, table[:, 0], axis=axis)
    chosen = np.zeros(best.shape, number)
    for count in range(1, width):
        values = np.take(x, table[:, count], axis=axis)
        better = values > best
        if missing:
            better |= np.isnan(values)
        best = np.maximum(best, values)
        chosen = np.maximum(chosen, better * number(count))
    rows = np.reshape(np.arange(len(table)) * width, (-1,) + (1,) * (-1 - axis))
    along = np.take(np.reshape(table, -1), rows + chosen)
    if place is None:
        return best, along * step
    return best, along * step + np.take_along_axis(place, along, axis=axis)


def largest_of(windows, axis):
    """Return the number of the largest element along an axis, which stays with size 1.

    Of equal ones it is the first, of several nan the last.
    """
    chosen = np.argmax(windows, axis=axis, keepdims=True)
    if windows.dtype.kind != "f":
        return chosen
    missing = np.isnan(windows)
    if not missing.any():
        return chosen
    count = windows.shape[axis]
    last = count - 1 - np.argmax(np.flip(missing, axis), axis=axis, keepdims=True)
    return np.where(missing.any(axis=axis, keepdims=True), last, chosen)
