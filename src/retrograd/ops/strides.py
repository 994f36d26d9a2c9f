"""Views by strides: sliding windows and `as_strided`."""

from __future__ import annotations

import numpy as np

from .._core.op import op
from .._core.public import expect_tensor, public
from ._axes import axis_of
from ._sizes import listed, ndarray, strided

# -- sliding windows ----------------------------------------------------------------------------


@op(name="windows_along", node="UnfoldBackward0", view=True, linear=True)
def unfold(x, *, axis, size, step):
    """Windows along an axis, sharing memory.  (*S, n, *R) -> (*S, count, *R, size)"""
    if x.ndim == 0:
        return np.reshape(x, (1,))[:size] if size else strided(x, (0,), (x.itemsize,))
    count = (x.shape[axis] - size) // step + 1
    shape = (*x.shape[:axis], count, *x.shape[axis + 1 :], size)
    stride = x.strides[axis]
    strides = (*x.strides[:axis], stride * step, *x.strides[axis + 1 :], stride)
    return strided(x, shape, strides)


@unfold.grad("x")
def unfold_dx(g, x_shape, axis, size, step):
    return fold_windows(g, shape=x_shape, axis=axis, size=size, step=step)


@op(node="UnfoldBackwardBackward0", linear=True)
def fold_windows(x, *, shape, axis, size, step):
    """Windows added back into an array of `shape`: the adjoint of `unfold`."""
    out = np.zeros_like(x, shape=shape)
    if not shape:
        return out + x[0] if size else out
    count = x.shape[axis]
    every = (slice(None),) * axis
    for place in range(size):
        stop = place + (count - 1) * step + 1 if count else place
        part = out[(*every, slice(place, stop, step))]
        part += x[..., place]
    return out


@fold_windows.grad("x")
def fold_windows_dx(g, axis, size, step):
    return unfold(g, axis=axis, size=size, step=step)


@public("unfold", function=False)
def unfold_front(input, dimension, size, step):
    """Return windows of `size` along an axis, `step` apart, as a new last axis; a view."""
    shape = input.get_shape()
    axis = axis_of(dimension, len(shape))
    length = shape[axis] if shape else 1
    if size < 0:
        raise RuntimeError(f"size is {size} but must be >= 0")
    if size > length:
        raise RuntimeError(
            f"maximum size for tensor at dimension {axis} is {length} but size is {size}"
        )
    if step <= 0:
        raise RuntimeError(f"step is {step} but must be > 0")
    return unfold(input, axis=axis, size=size, step=step)


# -- as_strided ---------------------------------------------------------------------------------
#
# A geometry is (shape, strides, offset), counted in elements of a flat memory.


def memory_of(array):
    """Return the whole memory that an array is part of, flat, and the array's offset in it."""
    root = array
    while isinstance(root.base, ndarray) and root.base.dtype == array.dtype:
        root = root.base
    if not (root.flags.c_contiguous or root.flags.f_contiguous):
        root = array
    flat = root.ravel("K") if root.flags.forc else root.reshape(-1)
    start = array.__array_interface__["data"][0] - flat.__array_interface__["data"][0]
    return flat, start // array.itemsize


def places(geometry):
    """Return where in the flat memory each element of a geometry is."""
    shape, strides, offset = geometry
    found = np.full(shape, offset, dtype=np.intp)
    for axis, (size, stride) in enumerate(zip(shape, strides)):
        steps = np.arange(size, dtype=np.intp) * stride
        found += steps.reshape((-1,) + (1,) * (len(shape) - axis - 1))
    return found


@op(node="AsStridedBackward0", view=True, linear=True)
def as_strided(x, *, source, target, extent):
    """The elements of `x`'s memory at another geometry, sharing memory.  (*S) -> target shape"""
    if type(x) is not ndarray:
        return np.reshape(np.reshape(x, (-1,))[places(target)], target[0])
    flat, _ = memory_of(x)
    shape, strides, offset = target
    size = x.itemsize
    if 0 in shape:
        return flat[:0].reshape(shape)
    return ndarray(shape, x.dtype, flat, offset * size, tuple([s * size for s in strides]))


@as_strided.grad("x")
def as_strided_dx(g, source, target, extent):
    return restride(g, source=target, target=source, extent=extent)


@op(node="AsStridedBackward0", linear=True)
def restride(x, *, source, target, extent):
    """`x` added into a zero memory at geometry `source`, and read at geometry `target`."""
    memory = np.zeros_like(x, shape=(extent,))
    np.add.at(memory, places(source).ravel(), x.ravel())
    return memory[places(target)]


@restride.grad("x")
def restride_dx(g, source, target, extent):
    return restride(g, source=target, target=source, extent=extent)


@op(node="AsStridedScatterBackward0", linear=True)
def put_strided(x, value, *, source, target, extent):
    """A copy of `x` with `value` written at a geometry of its memory.  (*S), (*V) -> (*S)"""
    memory = np.zeros_like(x, shape=(extent,))
    memory[places(source)] = x
    memory[places(target)] = value
    return memory[places(source)]


@put_strided.grad("x")
def put_strided_dx(g, value_shape, source, target, extent):
    nothing = np.zeros_like(g, shape=value_shape)
    return put_strided(g, nothing, source=source, target=target, extent=extent)


@put_strided.grad("value")
def put_strided_dvalue(g, source, target, extent):
    return restride(g, source=source, target=target, extent=extent)


def strided_geometry(input, size, stride, storage_offset):
    """Return the settings of `as_strided`, checked against the memory of `input`."""
    array = input.array
    shape = tuple([n.__index__() for n in size])
    strides = tuple([n.__index__() for n in stride])
    if len(shape) != len(strides):
        raise RuntimeError("mismatch in length of strides and shape")
    if any(n < 0 for n in shape):
        raise RuntimeError(
            f"Storage size calculation overflowed with sizes={listed(shape)} and "
            f"strides={listed(strides)}"
        )
    if any(n < 0 for n in strides):
        raise RuntimeError(
            f"as_strided: Negative strides are not supported at the moment, got strides: "
            f"{listed(strides)}"
        )
    flat, start = memory_of(array)
    offset = start if storage_offset is None else storage_offset.__index__()
    if 0 not in shape:
        last = offset + sum([(n - 1) * s for n, s in zip(shape, strides)])
        if last >= flat.size or offset < 0:
            bytes_ = array.itemsize
            raise RuntimeError(
                f"setStorage: sizes {listed(shape)}, strides {listed(strides)}, storage offset "
                f"{offset}, and itemsize {bytes_} requiring a storage size of "
                f"{(last + 1) * bytes_} are out of bounds for storage of size {flat.nbytes}"
            )
    own = (array.shape, tuple([s // array.itemsize for s in array.strides]), start)
    return {"source": own, "target": (shape, strides, offset), "extent": flat.size}


@public("as_strided")
def as_strided_front(input, size, stride, storage_offset=None):
    """Return a view of the memory of `input` with any shape, strides and offset, in elements.

    The gradient of an element that the view shows several times is the sum over all of them.
    """
    expect_tensor("as_strided", input)
    return as_strided(input, **strided_geometry(input, size, stride, storage_offset))


@public("as_strided_scatter")
def as_strided_scatter(input, src, size, stride, storage_offset=None):
    """Return a copy of `input` with `src` where `as_strided` would show its elements."""
    expect_tensor("as_strided_scatter", input)
    expect_tensor("as_strided_scatter", src, "src", 2)
    settings = strided_geometry(input, size, stride, storage_offset)
    if settings["target"][0] != src.get_shape():
        raise RuntimeError(
            f"expected src to have a size equal to the slice of self. src size = "
            f"{listed(src.get_shape())}, slice size = {listed(settings['target'][0])}"
        )
    return put_strided(input, src, **settings)
