"""The linear layer: x w^T + b as one operation.

Note [Fast for tiny matrices].  A layer of a few hundred numbers costs what its NumPy calls cost,
so they are the cheapest that do the work: the method `dot` (0.7 us for 32x16 by 16x16, where
`numpy.matmul` takes 1.2) and sums over rows as a product with ones (see Note [Sums as products]).
"""

from __future__ import annotations

import numpy as np

from .._core.broadcast import sum_to
from .._core.errors import explained
from .._core.op import op
from .._core.public import expect_tensor, public
from .._core.value import Value
from ._arguments import c_name, scalar_name
from .linear_algebra import (
    cannot_multiply,
    conjugate_of,
    expandable,
    mv_front,
    rows_of,
    times,
    turned,
)
from .row_sums import sum_rows
from .shape import reshaped

ndarray = np.ndarray


@op(node="AddmmBackward0")
def affine(x, w, b):
    """A linear layer.  (*S, k), (m, k), (m,) -> (*S, m)"""
    if len(x.shape) <= 2:
        out = times(x, turned(w))
    else:
        out = np.reshape(times(rows_of(x), turned(w)), (*x.shape[:-1], w.shape[0]))
    if type(out) is ndarray:
        out += b
        return out
    return out + b


@affine.grad("x")
def affine_dx(g, w):
    return product_dx(g, w)


@affine.grad("w")
def affine_dw(g, x):
    return product_dw(g, x)


@affine.grad("b")
def affine_db(g, b_shape):
    if len(b_shape) == 1 and len(g.shape) == 2 and b_shape[0] == g.shape[1]:
        return sum_rows(g)
    if len(b_shape) == 1 and len(g.shape) > 2 and b_shape[0] == g.shape[-1]:
        return sum_rows(rows_of(g))
    return sum_to(g, b_shape)


@op(node="MmBackward0")
def product_with_transposed(x, w):
    """A linear layer without bias.  (*S, k), (m, k) -> (*S, m)"""
    if len(x.shape) <= 2:
        return times(x, turned(w))
    product = times(rows_of(x), turned(w))
    return np.reshape(product, (*x.shape[:-1], w.shape[0]))


@product_with_transposed.grad("x")
def product_dx(g, w):
    if len(g.shape) <= 2:
        return times(g, conjugate_of(w))
    return reshaped(times(rows_of(g), conjugate_of(w)), (*g.shape[:-1], w.shape[1]))


@product_with_transposed.grad("w")
def product_dw(g, x):
    return times(turned(rows_of(g)), conjugate_of(rows_of(x)))


@public("linear", method=False, out=True, namespace="nn.functional")
def linear(input, weight, bias=None):
    """Apply a linear layer: input weight^T + bias.

    Parameters
    ----------
    input : Tensor
        (*S, k)
    weight : Tensor
        (m, k), or (k,) for a single output without its dimension.
    bias : Tensor, optional
        (m,)

    Returns
    -------
    Tensor
        (*S, m)
    """
    if not isinstance(input, Value) or not isinstance(weight, Value):
        expect_tensor("linear", input)
        expect_tensor("linear", weight, "weight", 2)
    a = input.get_shape()
    w = weight.get_shape()
    if not a or len(w) != 2 or a[-1] != w[1]:
        return _unusual(input, weight, bias, a, w)
    dtype = input.get_dtype()
    if bias is None:
        if dtype is not weight.get_dtype():
            _expect_one_dtype(input, weight, None)
        return product_with_transposed(input, weight)
    if dtype is not weight.get_dtype() or dtype is not bias.get_dtype():
        _refuse(input, weight, bias)
    c = bias.get_shape()
    if len(c) != 1 or c[0] != w[0]:
        rows = 1
        for n in a[:-1]:
            rows *= n
        expandable(c, (rows, w[0]))
    return affine(input, weight, bias)


@explained("linear", "input", "weight", "bias")
def _refuse(input, weight, bias):
    """Raise for dtypes and shapes that do not go together."""
    _expect_one_dtype(input, weight, bias)


@explained("linear", "input", "weight", "bias")
def _unusual(input, weight, bias, a, w):
    """Handle a one-dimensional weight, and shapes that do not fit."""
    if not a or not w:
        raise RuntimeError(
            f"both arguments to linear need to be at least 1D, but they are {len(a)}D and {len(w)}D"
        )
    if len(w) == 1:
        if bias is not None:
            raise RuntimeError("mat2 must be a matrix, got 1-D tensor")
        return rows_times_vector(input, weight, a)
    if len(w) > 2:
        raise RuntimeError(f"t() expects a tensor with <= 2 dimensions, but self is {len(w)}D")
    rows = 1
    for n in a[:-1]:
        rows *= n
    raise cannot_multiply((rows, a[-1]), w[::-1])


def rows_times_vector(input, weight, shape):
    """Multiply rows by the vector that a one-dimensional weight is."""
    if len(shape) == 2:
        return mv_front(input, weight)
    flat = mv_front(reshaped(input, (-1, shape[-1])), weight)
    return reshaped(flat, shape[:-1])


def _expect_one_dtype(input, weight, bias):
    x, w = input.get_dtype(), weight.get_dtype()
    if bias is None:
        if x != w:
            raise RuntimeError(
                f"expected m1 and m2 to have the same dtype, but got: {c_name(x)} != {c_name(w)}"
            )
        return
    if x != w:
        raise RuntimeError(
            f"mat1 and mat2 must have the same dtype, but got {scalar_name(x)} and {scalar_name(w)}"
        )
    if bias.get_dtype() != w:
        raise RuntimeError(
            "self and mat2 must have the same dtype, "
            f"but got {scalar_name(bias.get_dtype())} and {scalar_name(w)}"
        )
