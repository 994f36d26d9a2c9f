"""Picking elements along an axis by index: what sort, max and median are made of."""

from __future__ import annotations

import numpy as np

from .._core.op import op


def places_of(index, axis):
    """Return the index that picks x[..., index, ...] along an axis."""
    if index.ndim == 1:
        return index
    if index.ndim == 2:
        if axis == 1:
            return np.arange(index.shape[0])[:, None], index
        return index, np.arange(index.shape[1])
    places = list(np.ogrid[tuple([slice(n) for n in index.shape])])
    places[axis] = index
    return tuple(places)


def take_at(x, index, axis):
    """Return x[..., index, ...] along an axis, as `numpy.take_along_axis` in half the time."""
    if type(x) is np.ndarray and type(index) is np.ndarray and axis >= 0:
        return x[places_of(index, axis)]
    return np.take_along_axis(x, index, axis)


@op(node="GatherBackward0", linear=True)
def select_along(x, index, *, axis):
    """Pick x[..., index, ...] along an axis.  (*S), (*T) -> (*T), equal but for the axis"""
    if np.ndim(x) == 0:
        return np.reshape(x, np.shape(index))
    return take_at(x, index, axis)


@select_along.grad("x")
def select_along_dx(g, index, x_shape, axis):
    return add_along(g, index, axis=axis, shape=x_shape)


@op(node="ScatterAddBackward0", linear=True)
def add_along(x, index, *, axis, shape):
    """Zeros of `shape` with x added in at index along an axis: the adjoint of `select_along`.

    Indices may repeat.  (*T), (*T) -> (*S)
    """
    out = np.zeros_like(x, shape=shape)
    if out.ndim == 0:
        return np.reshape(x, ()) + out
    np.add.at(out, places_of(index, axis), x)
    return out


@add_along.grad("x")
def add_along_dx(g, index, axis):
    return select_along(g, index, axis=axis)


@op(node="ScatterBackward0", linear=True)
def put_along(x, index, *, axis, shape):
    """As `add_along`, for indices that do not repeat along the axis.  (*T), (*T) -> (*S)"""
    out = np.zeros_like(x, shape=shape)
    if out.ndim == 0:
        return np.reshape(x, ()) + out
    if type(out) is np.ndarray and type(index) is np.ndarray and axis >= 0:
        out[places_of(index, axis)] = x
    else:
        np.put_along_axis(out, index, x, axis)
    return out


@put_along.grad("x")
def put_along_dx(g, index, axis):
    return select_along(g, index, axis=axis)


def put_reduced(g, index, axis, keepdims, shape):
    """Put the gradient of a reduction that picked one element back where it was picked.

    Parameters
    ----------
    g, index : array
        Of the reduction's shape: gradients, and positions along `axis`.
    axis : int
    keepdims : bool
        Whether `g` and `index` still have the axis.
    shape : tuple of int
        The shape before the reduction.
    """
    if not keepdims and shape:
        g = np.expand_dims(g, axis)
        index = np.expand_dims(index, axis)
    return put_along(g, index, axis=axis, shape=shape)
