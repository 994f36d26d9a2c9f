"""Elements of planes by number: what pooling with indices, and its inverse, look up.

A plane is the last `dims` axes together; the numbers count its elements.
"""

from __future__ import annotations

import numpy as np

from .._core.op import op
from .pool_windows import product


def planes_of(x, dims):
    """Return an array with one axis for a plane's elements.  (*S, *sizes) -> (*S, n)"""
    return np.reshape(x, (*x.shape[: x.ndim - dims], product(x.shape[x.ndim - dims :])))


def flat_numbers(index, dims, size):
    """Return numbers in planes of `size` elements as numbers in all of them together."""
    rows = product(index.shape[: index.ndim - dims])
    numbers = np.reshape(index, (rows, product(index.shape[index.ndim - dims :])))
    return np.reshape(numbers + np.arange(rows)[:, None] * size, -1)


def take_op(name, node):
    """Define an operation that takes elements by number."""

    def kernel(x, index, *, dims):
        """Elements of planes by number.  (*S, *sizes), (*S, *out) -> (*S, *out)"""
        taken = np.take_along_axis(planes_of(x, dims), planes_of(index, dims), axis=-1)
        return np.reshape(taken, index.shape)

    def kernel_dx(g, index, x_shape, dims):
        return add_to_planes(g, index, shape=tuple(x_shape), dims=dims)

    made = op(name=name, node=node)(kernel)
    made.grad("x")(kernel_dx)
    return made


take_from_planes = take_op("take_from_planes", "GatherBackward0")


@op(name="add_to_planes", node="ScatterAddBackward0")
def add_to_planes(x, index, *, shape, dims):
    """Elements added up at numbers of planes of zeros.  (*S, *out), (*S, *out) -> shape"""
    out = np.zeros(product(shape), x.dtype)
    places = flat_numbers(index, dims, product(shape[len(shape) - dims :]))
    if index.ndim > dims and len(places) == product(index.shape[: index.ndim - dims]):
        out[places] = np.reshape(x, -1)  # one in each plane: no number comes twice
    else:
        np.add.at(out, places, np.reshape(x, -1))
    return np.reshape(out, shape)


@add_to_planes.grad("x")
def add_to_planes_dx(g, index, dims):
    return take_from_planes(g, index, dims=dims)


def put_op(name, node):
    """Define an operation that puts elements at numbers of planes of zeros."""

    def kernel(x, index, *, shape, dims):
        """Elements put at numbers of planes of zeros.  (*S, *out), (*S, *out) -> shape"""
        out = np.zeros(product(shape), x.dtype)
        out[flat_numbers(index, dims, product(shape[len(shape) - dims :]))] = np.reshape(x, -1)
        return np.reshape(out, shape)

    def kernel_dx(g, index, dims):
        return take_from_planes(g, index, dims=dims)

    made = op(name=name, node=node)(kernel)
    made.grad("x")(kernel_dx)
    return made
