"""Sampling at given places: `functional.grid_sample` and `functional.affine_grid`.

A result is a sum over *taps*: the elements beside its place, two along each axis for "bilinear",
four for "bicubic", one for "nearest", each with the product of its weights along the axes.  The
rules are written with functions that take arrays and tensors alike, so derivatives of every order
come from them; PyTorch has the first alone.

Along one axis the place is a piecewise linear function of the grid's number, in which padding by
the border or by reflection is included: its slope is a constant array to the rules, zero where
the border is.
"""

from __future__ import annotations

from itertools import product
from math import prod

import numpy as np

from .. import _spacing
from .._core.op import op

ndarray = np.ndarray

# -- elements at numbered places ---------------------------------------------------------------


@op(name="pick_places", linear=True)
def pick(x, *, index, count):
    """Elements of each image.  (N, C, L), index (N, P) -> (N, C, P)"""
    return np.take_along_axis(x, index[:, None, :], 2)


@pick.grad("x")
def pick_dx(g, index, count):
    return drop(g, index=index, count=count)


@op(name="drop_places", linear=True)
def drop(x, *, index, count):
    """Elements added into images of `count` zeros: the adjoint of `pick`."""
    images, channels = x.shape[:2]
    out = np.zeros((images, channels, count), x.dtype)
    first = np.arange(images * channels).reshape(images, channels, 1) * count
    np.add.at(out.reshape(-1), (first + index[:, None, :]).reshape(-1), x.reshape(-1))
    return out


@drop.grad("x")
def drop_dx(g, index, count):
    return pick(g, index=index, count=count)


# -- taps along one axis -------------------------------------------------------------------------


class Tap:
    """One element beside each place, along one axis.

    Attributes
    ----------
    index : numpy.ndarray
        Which element, within the image.
    inside : numpy.ndarray or None
        Where the image has that element; None when it is everywhere.
    weight, slope : array or tensor
        What it counts, and the derivative of that in the grid's number.
    """

    def __init__(self, index, size, weight, slope, may_leave):
        self.inside = None
        if may_leave:
            inside = (index >= 0) & (index < size)
            if not np.logical_and.reduce(inside, axis=None):
                self.inside = inside
        self.index = np.clip(index, 0, size - 1).astype(np.intp)
        self.weight = weight
        self.slope = slope


def reflected(at, low, high):
    """Return places reflected into low / 2 ... high / 2, and the sign of the slope."""
    if low == high:
        return np.zeros_like(at), np.zeros_like(at)
    least = low / 2
    span = (high - low) / 2
    away = at - least
    sign = np.where(away < 0, -1, 1)
    away = np.abs(away)
    extra = np.fmod(away, span)
    odd = np.fmod(np.floor(away / span), 2) == 1
    place = np.where(odd, span - extra, extra) + least
    return place.astype(at.dtype), np.where(odd, -sign, sign)


def placed(at, size, padding, align_corners):
    """Return places brought into the image, and the slope of doing so."""
    if padding == "zeros":
        return at, None
    slope = None
    if padding == "reflection":
        low, high = (0, 2 * (size - 1)) if align_corners else (-1, 2 * size - 1)
        at, slope = reflected(at, low, high)
    border = (at > 0) & (at < size - 1)
    slope = border if slope is None else slope * border
    return np.fmin(np.fmax(at, 0), size - 1).astype(at.dtype), slope


def taps_of(numbers, size, mode, padding, align_corners):
    """Return the taps along one axis for the grid's numbers, an array or a tensor.  (N, P)"""
    raw = getattr(numbers, "array", numbers)
    scale = (size - 1) / 2 if align_corners else size / 2
    # In PyTorch's order: the rounding decides on which side of an element a place at it is.
    at = ((raw + 1) * scale - (0 if align_corners else 0.5)).astype(raw.dtype)
    slope = None
    if mode != "bicubic":
        at, slope = placed(at, size, padding, align_corners)
    factor = scale if slope is None else (slope * scale).astype(raw.dtype)
    if mode == "nearest":
        return [Tap(as_whole(np.rint(at)), size, 1, 0, padding == "zeros")]
    floor = np.floor(at)
    share = at - floor
    if raw is not numbers:
        # The same value, as a function of the tensor.
        share = (numbers - raw) * factor + share
    first = as_whole(floor)
    if mode == "bilinear":
        leaves = padding == "zeros"
        return [
            Tap(first, size, 1 - share, -factor, leaves),
            Tap(first + 1, size, share, factor, True),
        ]
    taps = []
    for place, (weight, derivative) in zip((-1, 0, 1, 2), cubic_weights(share)):
        index = first + place
        if padding != "zeros":
            index = as_whole(
                placed(index.astype(raw.dtype), size, padding, align_corners)[0]
            )
        taps.append(Tap(index, size, weight, derivative * factor, padding == "zeros"))
    return taps


def as_whole(at):
    """Return places as whole numbers; what has no place, or a far one, is outside every image."""
    return np.where(np.abs(at) < 2**30, at, -100).astype(np.int64)


def cubic_weights(t):
    """Return Keys' weights (slope -3/4 at 1) of the four neighbours, and their derivatives."""
    a = -0.75

    def inner(x):
        return ((a + 2) * x - (a + 3)) * x * x + 1, (3 * (a + 2) * x - 2 * (a + 3)) * x

    def outer(x):
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a, (3 * a * x - 10 * a) * x + 8 * a

    before, two_before = inner(t), outer(t + 1)
    after, two_after = inner(1 - t), outer(2 - t)
    return [two_before, before, (after[0], -after[1]), (two_after[0], -two_after[1])]


# -- all axes ------------------------------------------------------------------------------------


def axes_of(grid, sizes, mode, padding, align_corners):
    """Return the taps of each axis, first axis first.  grid (N, *P, D)"""
    dims = len(sizes)
    found = []
    for axis, size in enumerate(sizes):
        # The grid's last number is for the first axis.
        numbers = np.reshape(grid[..., dims - 1 - axis], (grid.shape[0], prod(grid.shape[1:-1])))
        found.append(taps_of(numbers, size, mode, padding, align_corners))
    return found


def combined(taps, sizes):
    """Return where a tap of every axis is in the image, and where it is inside."""
    index = 0
    inside = None
    for tap, size in zip(taps, sizes):
        index = index * size + tap.index
        if tap.inside is not None:
            inside = tap.inside if inside is None else inside & tap.inside
    return index, inside


def weight_of(taps, inside, without=None):
    """Return the product of the weights; for the axis `without`, of its slope."""
    total = None
    for axis, tap in enumerate(taps):
        one = tap.slope if axis == without else tap.weight
        total = one if total is None else total * one
    return total if inside is None else total * inside


def spoken(weight, like):
    """Return a weight in the dtype of the values, with an axis for the channels."""
    if not hasattr(weight, "shape") or weight.shape == ():
        return weight
    if type(weight) is ndarray:
        weight = weight.astype(getattr(like, "array", like).dtype, copy=False)
    return weight[:, None, :]


def sample_kernel(x, grid, *, mode, padding, align_corners):
    """`x` at the places of `grid`.  (N, C, *S), (N, *P, D) -> (N, C, *P)"""
    dtype = x.dtype
    if dtype.itemsize == 2:
        x, grid = x.astype(np.float32), grid.astype(np.float32)
    sizes = x.shape[2:]
    flat = x.reshape(*x.shape[:2], prod(sizes))
    out = 0
    for taps in product(*axes_of(grid, sizes, mode, padding, align_corners)):
        index, inside = combined(taps, sizes)
        weight = spoken(weight_of(taps, inside), flat)
        out = out + pick(flat, index=index, count=flat.shape[2]) * weight
    out = out.reshape(*x.shape[:2], *grid.shape[1:-1])
    return out if out.dtype is dtype else out.astype(dtype)


def sample_dx(g, grid, x_shape, mode, padding, align_corners):
    sizes = tuple(x_shape[2:])
    count = prod(sizes)
    flat = np.reshape(g, (*g.shape[:2], prod(g.shape[2:])))
    out = 0
    for taps in product(*axes_of(grid, sizes, mode, padding, align_corners)):
        index, inside = combined(taps, sizes)
        weight = spoken(weight_of(taps, inside), flat)
        out = out + drop(flat * weight, index=index, count=count)
    return np.reshape(out, tuple(x_shape))


def sample_dgrid(g, x, grid, mode, padding, align_corners):
    sizes = tuple(x.shape[2:])
    if mode == "nearest":
        return np.zeros_like(g, shape=tuple(grid.shape))
    count = prod(sizes)
    values = np.reshape(x, (*x.shape[:2], count))
    flat = np.reshape(g, (*g.shape[:2], prod(g.shape[2:])))
    totals = [0] * len(sizes)
    for taps in product(*axes_of(grid, sizes, mode, padding, align_corners)):
        index, inside = combined(taps, sizes)
        met = np.add.reduce(flat * pick(values, index=index, count=count), axis=1)
        for axis in range(len(sizes)):
            totals[axis] = totals[axis] + met * weight_of(taps, inside, axis)
    columns = [np.reshape(one, tuple(grid.shape[:-1])) for one in reversed(totals)]
    return np.stack(columns, -1)


sample_ops = {}
for _dims in (2, 3):
    sample_ops[_dims] = op(name=f"grid_sample_{_dims}d", node=f"GridSampler{_dims}DBackward0")(
        sample_kernel
    )
    sample_ops[_dims].grad("x")(sample_dx)
    sample_ops[_dims].grad("grid")(sample_dgrid)


# -- grids of affine maps ------------------------------------------------------------------------


def base_line(n, align_corners, dtype):
    """Return `n` places from -1 to 1, or the middles of `n` cells, rounded as PyTorch does."""
    if n <= 1:
        return np.zeros(n, dtype)
    line = _spacing.linspace(-1, 1, n, np.dtype(dtype))
    return line if align_corners else line * (n - 1) / n


def base_grid(size, align_corners, dtype):
    """Return the places of the elements of an image, and a one.  (prod(size), D + 1)"""
    lines = [base_line(n, align_corners, dtype) for n in reversed(size)]
    planes = np.meshgrid(*reversed(lines), indexing="ij")
    columns = [plane.reshape(-1) for plane in reversed(planes)]
    return np.stack([*columns, np.ones(prod(size))], axis=-1).astype(dtype)


@op(node="AffineGridGeneratorBackward0", linear=True)
def affine_places(theta, *, size, align_corners):
    """Places of the elements of images, mapped.  (N, D, D + 1) -> (N, *size, D)"""
    base = base_grid(size, align_corners, theta.dtype)
    mapped = np.matmul(base, np.swapaxes(theta, 1, 2))
    return mapped.reshape(theta.shape[0], *size, len(size))


@affine_places.grad("theta")
def affine_places_dtheta(g, size, align_corners):
    dtype = getattr(g, "array", g).dtype
    base = base_grid(size, align_corners, dtype)
    lines = np.reshape(g, (g.shape[0], prod(size), len(size)))
    return np.matmul(np.swapaxes(lines, 1, 2), base)
