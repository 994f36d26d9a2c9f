"""Max pooling: max_pool1d to max_pool3d.

Ties go to the first element of a window and nan is largest, the last nan of a window, as in
PyTorch.

Note [The winners are found again].  The largest element of each window needs one `maximum` for each
tap; which one it was is asked for only in the backward, where comparing each tap with the
maximum, found anew, tells.  That is half as much work as writing numbers of taps down in every
forward, most of which have no backward, and the node keeps nothing but the input.  What a
comparison selects is multiplied as integers: 0 * inf would be nan.
"""

from __future__ import annotations

import numpy as np

from .._core.op import op
from .._core.public import expect_tensor, public
from .plane_lookup import add_to_planes, take_from_planes
from .pool_windows import (
    at_axis,
    axis_taps,
    expect_axes,
    numbers,
    product,
    refuse_kind,
    taps_of,
    whole,
    windows_for,
)
from .winners import tables_of, winners

# Above this many taps windows are looked at as wholes.
_MANY = 16

_BITS = {2: np.int16, 4: np.int32, 8: np.int64}


# -- kernels ------------------------------------------------------------------------------------


def lowest(dtype):
    """Return what every number of a dtype is at least."""
    return -np.inf if dtype.kind == "f" else np.iinfo(dtype).min


def largest(x, windows):
    """Return the largest element of each window.  (*S, *sizes) -> (*S, *out)"""
    dims = len(windows.sizes)
    for axis in range(dims):
        x = largest_along(x, windows, axis, dims)
    return x


def largest_along(x, windows, axis, dims):
    """Return the largest elements along one of the last `dims` axes."""
    if whole(windows, axis):
        return np.maximum.reduce(x, axis=axis - dims, keepdims=True)
    taps = axis_taps(windows, axis)
    complete = [x[at_axis(source, axis, dims)] for source, target in taps if target is None]
    if len(complete) > 1:
        out = np.maximum(complete[0], complete[1])
    elif complete:
        out = np.array(complete[0], order="C")
    else:
        shape = list(x.shape)
        shape[axis - dims] = windows.out[axis]
        out = np.full(shape, lowest(x.dtype), x.dtype)
    for one in complete[2:]:
        np.maximum(out, one, out=out)
    for source, target in taps:
        if target is not None:
            part = out[at_axis(target, axis, dims)]
            np.maximum(part, x[at_axis(source, axis, dims)], out=part)
    return out


def selections(x, best, taps):
    """Yield for each tap where it is the winner, as an array of bools.

    See Note [The winners are found again].  A window whose maximum equals no tap has a nan.
    """
    free = None
    for source, target in taps.slices:
        chosen = x[source] == (best if target is None else best[target])
        if free is None and target is None:
            free = ~chosen
            yield source, target, chosen
            continue
        if free is None:
            free = np.ones(best.shape, bool)
        left = free if target is None else free[target]
        chosen &= left
        left ^= chosen
        yield source, target, chosen
    if not free.any():
        return
    for source, target in reversed(taps.slices):
        left = free if target is None else free[target]
        chosen = np.isnan(x[source])
        chosen &= left
        left ^= chosen
        yield source, target, chosen


def route(g, x, windows):
    """Put each window's number where its largest element is.  (*S, *out) -> (*S, *sizes)"""
    taps = taps_of(windows)
    best = largest(x, windows)
    bits = _BITS[g.dtype.itemsize]
    given = g.view(bits)
    out = np.empty(x.shape, g.dtype) if taps.covering else np.zeros(x.shape, g.dtype)
    into = out.view(bits)
    for number, (source, target, chosen) in enumerate(selections(x, best, taps)):
        if taps.covering and number < len(taps.slices):
            np.multiply(given, chosen, out=into[source])
            continue
        part = out[source]
        part += ((given if target is None else given[target]) * chosen).view(g.dtype)
    return out


def pick(t, x, windows):
    """Take what `t` has where each window's largest element is.  (*S, *sizes) -> (*S, *out)"""
    best = largest(x, windows)
    bits = _BITS[t.dtype.itemsize]
    given = t.view(bits)
    out = np.zeros(best.shape, t.dtype)
    into = out.view(bits)
    for source, target, chosen in selections(x, best, taps_of(windows)):
        part = into if target is None else into[target]
        part += given[source] * chosen
    return out


def places(x, windows):
    """Return where each window's largest element is in its plane.  (*S, *sizes) -> (*S, *out)"""
    if len(taps_of(windows).slices) > _MANY:
        return winners(x, tables_of(windows))[1]
    grid = np.arange(product(windows.sizes)).reshape(windows.sizes)
    return pick(np.broadcast_to(grid, x.shape), x, windows)


# -- the operations -----------------------------------------------------------------------------


@op(node="MaxPool2DWithIndicesBackwardBackward0", name="max_pool_backward")
def routed(dy, x, *, windows):
    """Each window's number put where its largest element is.  (*S, *out) -> (*S, *sizes)"""
    if len(taps_of(windows).slices) > _MANY:
        return add_to_planes(dy, places(x, windows), shape=x.shape, dims=len(windows.out))
    return route(dy, x, windows)


@routed.grad("dy")
def routed_dy(g, x, windows):
    return picked(g, x, windows=windows)


@op(node="GatherBackward0", name="max_pool_picked")
def picked(t, x, *, windows):
    """What `t` has where each window's largest element is.  (*S, *sizes) -> (*S, *out)"""
    if len(taps_of(windows).slices) > _MANY:
        return take_from_planes(t, places(x, windows), dims=len(windows.out))
    return pick(t, x, windows)


@picked.grad("t")
def picked_dt(g, x, windows):
    return routed(g, x, windows=windows)


def max_pooling(name, node):
    """Define a max pooling, and the same with the places of the largest elements."""

    def kernel(x, *, windows):
        return largest(x, windows)

    def kernel_dx(g, x, windows):
        return routed(g, x, windows=windows)

    def kernel_with_indices(x, *, windows):
        return largest(x, windows), places(x, windows)

    def kernel_with_indices_dx(g, x, windows):
        return routed(g[0], x, windows=windows)

    values = op(name=name, node=node)(kernel)
    values.grad("x")(kernel_dx)
    both = op(name=name + "_with_indices", node=node, differentiable=(0,))(kernel_with_indices)
    both.grad("x")(kernel_with_indices_dx)
    return values, both


# One operation each: for sequences PyTorch adds an axis, pools images and takes it away.
_OPS = {
    1: max_pooling("max_pool1d", "SqueezeBackward1"),
    2: max_pooling("max_pool2d", "MaxPool2DWithIndicesBackward0"),
    3: max_pooling("max_pool3d", "MaxPool3DWithIndicesBackward0"),
}
_NO_ARGUMENT = ()


# -- the public forms ---------------------------------------------------------------------------


def max_pool(function, dims, input, kernel_size, stride, padding, dilation, ceil_mode, indices):
    """Check the arguments of a max pooling and run it."""
    plain = dims == 1 and not indices
    called = f"{function}_with_indices" if dims == 1 and indices else function
    expect_tensor(called, input)
    given = (
        numbers(called, "kernel_size", 2, kernel_size),
        _NO_ARGUMENT if stride is None else numbers(called, "stride", 3, stride),
        numbers(called, "padding", 4, padding),
        numbers(called, "dilation", 5, dilation),
    )
    shape = input.get_shape()
    ndim = len(shape)
    if plain:
        if ndim not in (2, 3) or 0 in shape[-2:]:
            raise RuntimeError(
                f"{function}: Expected 2D or 3D (batch mode) tensor with optional 0 dim batch size "
                f"for input, but got:{list(shape)}"
            )
    elif dims == 1:
        expect_axes(function, ndim)
    elif ndim not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"non-empty {dims + 1}D or {dims + 2}D (batch mode) tensor expected for input"
        )
    windows = windows_for(function, tuple(shape), dims, plain, *given, bool(ceil_mode))
    dtype = input.get_dtype()
    if dtype.kind != "f" and (plain or dtype.kind not in "iu"):
        refuse_kind("max_pool1d_impl" if plain else f"max_pool{max(dims, 2)}d", dtype)
    return _OPS[dims][1 if indices else 0](input, windows=windows)


@public("max_pool1d", method=False)
def max_pool1d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """Largest element of each window of a sequence.  (*N, c, m) -> (*N, c, m')

    Parameters
    ----------
    input : Tensor
    kernel_size : int
    stride : int, optional
        `kernel_size` by default.
    padding : int
        How far windows reach over both ends, up to half of them.
    dilation : int
        The distance between a window's elements.
    ceil_mode : bool
        Whether a window may begin inside and end outside.
    """
    return max_pool(
        "max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, False
    )


@public("max_pool1d_with_indices", method=False)
def max_pool1d_with_indices(
    input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False
):
    """As `max_pool1d`, with the place of each."""
    return max_pool("max_pool1d", 1, input, kernel_size, stride, padding, dilation, ceil_mode, True)


@public("max_pool2d", method=False)
def max_pool2d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """Largest element of each window of an image.  (*N, c, h, w) -> (*N, c, h', w')

    The arguments are `max_pool1d`'s, each one number or two.
    """
    return max_pool(
        "max_pool2d", 2, input, kernel_size, stride, padding, dilation, ceil_mode, False
    )


@public("max_pool3d", method=False)
def max_pool3d(input, kernel_size, stride=None, padding=0, dilation=1, ceil_mode=False):
    """Largest element of each window of a volume.  (*N, c, d, h, w) -> (*N, c, d', h', w')

    The arguments are `max_pool1d`'s, each one number or three.
    """
    return max_pool(
        "max_pool3d", 3, input, kernel_size, stride, padding, dilation, ceil_mode, False
    )
