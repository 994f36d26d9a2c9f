"""Regions of a buffer: the history of in-place writes through views.

A region is the place of a view in its base, as (shape, strides, offset) counted in elements of
the base's memory, whose own layout is (base_shape, base_strides).
"""

from __future__ import annotations

import numpy as np

from .._core.op import op
from .copying import cast


def region_of(view, base):
    """Return the settings that name the place of array `view` in array `base`."""
    size = base.itemsize
    offset = view.__array_interface__["data"][0] - base.__array_interface__["data"][0]
    return {
        "base_shape": base.shape,
        "base_strides": tuple(s // size for s in base.strides),
        "shape": view.shape,
        "strides": tuple(s // size for s in view.strides),
        "offset": offset // size,
    }


def _in_layout(x, base_shape, base_strides):
    """Return a copy of `x` in memory laid out as the base, and the flat memory itself."""
    extent = 1 + sum((n - 1) * s for n, s in zip(base_shape, base_strides)) if x.size else 0
    memory = np.zeros_like(x, shape=(extent,))
    bytes_ = tuple(s * x.dtype.itemsize for s in base_strides)
    laid = np.lib.stride_tricks.as_strided(memory, base_shape, bytes_)
    laid[...] = x
    return laid, memory


def _window(memory, shape, strides, offset):
    bytes_ = tuple(s * memory.dtype.itemsize for s in strides)
    return np.lib.stride_tricks.as_strided(memory[offset:], shape, bytes_)


@op(node="AsStridedBackward0", linear=True)
def take_region(x, *, base_shape, base_strides, shape, strides, offset):
    """The region of an array of the base's shape.  (*B) -> (*V)"""
    _, memory = _in_layout(x, base_shape, base_strides)
    return np.array(_window(memory, shape, strides, offset))


@take_region.grad("x")
def take_region_dx(g, base_shape, base_strides, shape, strides, offset):
    return put_region(
        g, base_shape=base_shape, base_strides=base_strides, shape=shape, strides=strides,
        offset=offset,
    )  # fmt: skip


@op(node="AsStridedScatterBackward0", linear=True)
def put_region(x, *, base_shape, base_strides, shape, strides, offset):
    """Zeros of the base's shape, with `x` added in the region.  (*V) -> (*B)"""
    laid, memory = _in_layout(np.zeros_like(x, shape=base_shape), base_shape, base_strides)
    window = _window(memory, shape, strides, offset)
    if 0 in strides:  # an expanded view writes one element several times
        np.add.at(memory, _places(shape, strides, offset), x)
    else:
        window[...] = x
    return np.array(laid)


def _places(shape, strides, offset):
    places = np.full(shape, offset)
    for axis, (size, stride) in enumerate(zip(shape, strides)):
        steps = np.arange(size) * stride
        places += steps.reshape((-1,) + (1,) * (len(shape) - axis - 1))
    return places


@put_region.grad("x")
def put_region_dx(g, base_shape, base_strides, shape, strides, offset):
    return take_region(
        g, base_shape=base_shape, base_strides=base_strides, shape=shape, strides=strides,
        offset=offset,
    )  # fmt: skip


@op(node="torch::autograd::CopySlices", linear=True)
def write_region(x, y, *, base_shape, base_strides, shape, strides, offset):
    """The base with `y` written in the region.  (*B), (*V) -> (*B)"""
    laid, memory = _in_layout(x, base_shape, base_strides)
    _window(memory, shape, strides, offset)[...] = y
    return np.array(laid)


@write_region.grad("x")
def write_region_dx(g, base_shape, base_strides, shape, strides, offset):
    settings = {
        "base_shape": base_shape, "base_strides": base_strides, "shape": shape,
        "strides": strides, "offset": offset,
    }  # fmt: skip
    inside = put_region(np.ones_like(g, shape=shape), **settings)
    return np.where(inside != 0, 0, g)


@write_region.grad("y")
def write_region_dy(g, base_shape, base_strides, shape, strides, offset):
    return take_region(
        g, base_shape=base_shape, base_strides=base_strides, shape=shape, strides=strides,
        offset=offset,
    )  # fmt: skip


@op(node="CopyBackwards", elementwise=True, linear=True)
def overwrite(x, y):
    """`y` in the shape and dtype of `x`: what ``x.copy_(y)`` leaves.  (*S), (*S) -> (*S)"""
    return np.array(np.broadcast_to(y, x.shape)).astype(x.dtype)


@overwrite.grad("x")
def overwrite_dx(g):
    return np.zeros_like(g)


@overwrite.grad("y")
def overwrite_dy(g, y_dtype):
    return cast(g, dtype=y_dtype)


@op(node="FillBackward0", linear=True)
def fill(x, *, value):
    """A constant in the shape and dtype of `x`; nothing flows back.  (*S) -> (*S)"""
    return np.full_like(x, value)


@fill.grad("x")
def fill_dx(g):
    return np.zeros_like(g)
