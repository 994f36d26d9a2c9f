"""Resampling on another grid: the maps of `functional.interpolate`, axis by axis.

Along each axis a result is a weighted sum of a few elements of the input, its *taps*: one for
"nearest", two for "linear", four for "cubic", as many as the filter covers with antialiasing.
All results are added up tap by tap, so that an infinite element reaches only the results whose
taps meet it.

Where the taps lie is PyTorch's definition: with the edges of the outer elements aligned, result i
is at scale (i + 1/2) - 1/2 of the input; with `align_corners` their centres, and it is at scale i.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from .._core.op import op
from .._core.promotion import FLOAT32, FLOAT64

# Half the width of the filters, in elements.
SUPPORT = {"linear": 1.0, "cubic": 2.0, "lanczos": 3.0}


class AxisMap:
    """The taps of every result along one axis.

    Attributes
    ----------
    count : int
        How many elements the input has along the axis.
    index : list of numpy.ndarray
        For each tap, which element each result takes: never decreasing.
    weight : list of numpy.ndarray or None
        For each tap, what it counts; None when there is one tap that counts one.
    runs : list
        For each tap, where runs of results with the same element start, and these elements; for
        the adjoint.
    """

    def __init__(self, count, index, weight):
        self.count = count
        self.index = index
        self.weight = weight
        self.runs = [_runs(one) for one in index]

    def __repr__(self):
        return f"<{len(self.index[0])} of {self.count}>"


def _runs(index):
    starts = np.flatnonzero(np.concatenate(([True], index[1:] != index[:-1])))
    elements = index[starts]
    if len(elements) == elements[-1] - elements[0] + 1:
        elements = slice(int(elements[0]), int(elements[-1]) + 1)
    return (None if len(starts) == len(index) else starts), elements


# -- where the taps lie ---------------------------------------------------------------------------


def step_of(count, size, align_corners, factor, dtype):
    """Return how far apart the results are in the input."""
    if align_corners:
        return dtype.type((count - 1) / (size - 1)) if size > 1 else dtype.type(0)
    if factor:
        return dtype.type(1.0 / factor)
    return dtype.type(count) / dtype.type(size)


@lru_cache(maxsize=256)
def axis_map(kind, count, size, align_corners, factor, antialias, dtype):
    """Return the map of one axis from `count` elements to `size`.

    Parameters
    ----------
    kind : {"nearest", "nearest-exact", "linear", "cubic", "lanczos"}
    factor : float or None
        The scale factor that the caller gave.
    dtype : numpy.dtype
        What positions and weights are computed in, float32 or float64.
    """
    if kind in ("nearest", "nearest-exact"):
        return AxisMap(count, [nearest(kind, count, size, factor)], None)
    if count == size and (antialias or kind != "cubic"):
        # As it is, whatever the scale factor was.
        return AxisMap(count, [np.arange(size)], [np.ones(size, dtype)])
    step = step_of(count, size, align_corners, factor, dtype)
    if antialias:
        return filtered(kind, count, size, step)
    places = np.arange(size).astype(dtype)
    half = dtype.type(0.5)
    at = step * places if align_corners else step * (places + half) - half
    if kind == "linear":
        at = np.maximum(at, 0)
        first = np.minimum(at.astype(np.intp), count - 1)
        second = np.minimum(first + 1, count - 1)
        share = np.clip(at - first.astype(dtype), 0, 1)
        return AxisMap(count, [first, second], [1 - share, share])
    floor = np.floor(at)
    share = np.clip(at - floor, 0, 1)
    first = floor.astype(np.intp)
    index = [np.clip(first + shift, 0, count - 1) for shift in (-1, 0, 1, 2)]
    weight = [cubic(np.abs(share - dtype.type(shift)), -0.75) for shift in (-1, 0, 1, 2)]
    return AxisMap(count, index, weight)


def nearest(kind, count, size, factor):
    """Return the nearest element to each result; positions in single precision."""
    places = np.arange(size).astype(np.float32)
    if kind == "nearest" and count == size:
        return np.arange(size)
    step = step_of(count, size, False, factor, FLOAT32)
    if kind == "nearest-exact":
        places = places + np.float32(0.5)
    found = np.floor(places * step)
    return np.minimum(found.astype(np.intp), count - 1)


def cubic(x, a):
    """Keys' cubic convolution of a distance from 0 to 2, with the slope `a` at 1."""
    inner = ((a + 2) * x - (a + 3)) * x * x + 1
    outer = ((a * x - 5 * a) * x + 8 * a) * x - 4 * a
    return np.where(x <= 1, inner, np.where(x < 2, outer, 0)).astype(x.dtype)


def filtered(kind, count, size, step):
    """Return a map by a filter that is widened when the result is smaller."""
    dtype = step.dtype
    wide = max(float(step), 1.0)
    support = dtype.type(SUPPORT[kind] * wide)
    half = dtype.type(0.5)
    centre = step * (np.arange(size).astype(dtype) + half)
    first = np.maximum((centre - support + half).astype(np.intp), 0)
    stop = np.minimum((centre + support + half).astype(np.intp), count)
    taps = int((stop - first).max())
    number = first + np.arange(taps)[:, None]
    x = np.abs((number.astype(dtype) - centre + half) * dtype.type(1 / wide))
    if kind == "linear":
        weight = np.maximum(1 - x, 0)
    elif kind == "cubic":
        weight = cubic(x, -0.5)
    else:
        weight = np.where(x < 3, np.sinc(x) * np.sinc(x / 3), 0)
    weight = np.where(number < stop, weight, 0)
    weight = (weight / np.add.reduce(weight, axis=0)).astype(dtype)
    index = np.minimum(number, stop - 1)
    return AxisMap(count, list(index), list(weight))


# -- operations ----------------------------------------------------------------------------------


def along(vector, axis, ndim):
    """Return a vector so that it multiplies along an axis."""
    return vector.reshape((-1,) + (1,) * (ndim - axis - 1))


def resample_kernel(x, *, maps):
    """`x` on another grid along its last axes.  (*B, *S) -> (*B, *P)"""
    dtype = x.dtype
    if maps[0].weight is not None and dtype is not FLOAT32 and dtype is not FLOAT64:
        x = x.astype(FLOAT32)
    first = x.ndim - len(maps)
    for number in reversed(range(len(maps))):
        x = taken(x, maps[number], first + number)
        if x.dtype is not dtype and dtype.kind == "u":
            # PyTorch rounds after every axis.
            x = np.clip(np.floor(x + np.float32(0.5)), 0, 255)
    return x if x.dtype is dtype else x.astype(dtype)


def taken(x, axis_map_, axis):
    """Return the weighted sum of the taps along one axis."""
    if axis_map_.weight is None:
        return np.take(x, axis_map_.index[0], axis, mode="clip")
    out = None
    for index, weight in zip(axis_map_.index, axis_map_.weight):
        part = np.take(x, index, axis, mode="clip") * along(weight, axis, x.ndim)
        out = part if out is None else out + part
    return out


def resample_rule(g, maps):
    return resample_adjoint(g, maps=maps)


@op(name="resample_adjoint", linear=True)
def resample_adjoint(x, *, maps):
    """Results added back to the taps they came from: the adjoint of resampling."""
    dtype = x.dtype
    if dtype.itemsize == 2:
        x = x.astype(FLOAT32)
    first = x.ndim - len(maps)
    for number, one in enumerate(maps):
        x = returned(x, one, first + number)
    return x if x.dtype is dtype else x.astype(dtype)


def returned(x, axis_map_, axis):
    """Return the adjoint of `taken`."""
    out = np.zeros((*x.shape[:axis], axis_map_.count, *x.shape[axis + 1 :]), x.dtype)
    weights = axis_map_.weight or [None]
    every = (slice(None),) * axis
    for (starts, elements), weight in zip(axis_map_.runs, weights):
        part = x if weight is None else x * along(weight, axis, x.ndim)
        if starts is not None:
            part = np.add.reduceat(part, starts, axis)
        out[(*every, elements)] += part
    return out


@resample_adjoint.grad("x")
def resample_adjoint_dx(g, maps):
    # The map says what is done; the kind of the operation is only its name.
    return resample_ops["nearest", len(maps), False](g, maps=maps)


def make_op(kind, dims, antialias):
    """Return the operation that PyTorch has for a kind, with its node's name."""
    title = kind.title().replace("-", "")
    letters = "Aa" if antialias else ""
    prefix = {("Linear", 2): "Bilinear", ("Linear", 3): "Trilinear", ("Cubic", 2): "Bicubic"}
    title = prefix.get((title, dims), title)
    made = op(
        name=f"resample_{kind.replace('-', '_')}_{dims}d{letters.lower()}",
        node=f"Upsample{title}{dims}D{letters}Backward0",
        linear=True,
    )(resample_kernel)
    made.grad("x")(resample_rule)
    return made


# By kind, by number of axes and by whether it is antialiased, which PyTorch's node names tell.
resample_ops = {}
for _kind in ("nearest", "nearest-exact", "linear"):
    for _dims in (1, 2, 3):
        resample_ops[_kind, _dims, False] = make_op(_kind, _dims, False)
resample_ops["cubic", 2, False] = make_op("cubic", 2, False)
for _kind in ("linear", "cubic", "lanczos"):
    resample_ops[_kind, 2, True] = make_op(_kind, 2, True)


def resample(x, kind, size, align_corners, factors, antialias):
    """Return `x` on a grid of `size` along its last axes.

    Parameters
    ----------
    kind : {"nearest", "nearest-exact", "linear", "cubic", "lanczos"}
    size : tuple of int
    align_corners : bool
    factors : tuple of float or None
        Scale factors, where positions are to follow them and not the sizes.
    antialias : bool
    """
    dtype = FLOAT64 if x.get_dtype() == FLOAT64 else FLOAT32
    counts = x.get_shape()[-len(size) :]
    maps = tuple(
        [
            axis_map(kind, count, n, align_corners, factor, antialias, dtype)
            for count, n, factor in zip(counts, size, factors or (None,) * len(size))
        ]
    )
    return resample_ops[kind, len(size), antialias](x, maps=maps)
