"""Products over several axes: tensordot, kron, cross, trace, chains of matrices."""

from __future__ import annotations

import warnings
from math import prod as product_of

import numpy as np

from .._core.broadcast import sum_to
from .._core.op import op
from .._core.public import expect_tensor, public
from ._arguments import scalar_name, tensors_of
from ._axes import axis_of
from .diagonals import from_diagonal
from .linear_algebra import conjugate_of, expect_one_scalar_type, mm_front
from .permuting import transpose_axes
from .shape import reshaped, unsafe_view

# -- tensordot and kron -------------------------------------------------------------------------


def _axes_to_contract(dims, a, b):
    if isinstance(dims, (tuple, list)):
        first, second = dims
        first = list(first) if isinstance(first, (tuple, list)) else [first]
        second = list(second) if isinstance(second, (tuple, list)) else [second]
        if len(first) != len(second):
            raise RuntimeError("both dimension lists should have same length")
        first = [axis_of(dim, len(a)) for dim in first]
        second = [axis_of(dim, len(b)) for dim in second]
        return first, second, first, second
    array = getattr(dims, "array", None)
    if array is not None and array.ndim == 2:
        return _axes_to_contract(dims.tolist(), a, b)
    count = int(dims)
    if count < 0:
        raise RuntimeError(f"tensordot expects dims >= 0, but got dims={count}")
    if count > min(len(a), len(b)):
        raise RuntimeError(f"tensordot expects dims < ndim_a or ndim_b, but got dims={count}")
    shown = list(range(-count, 0))
    return [len(a) + n for n in shown], list(range(count)), shown, list(range(count))


@public("tensordot", method=False, out=True)
def tensordot(a, b, dims=2):
    """Sum products over axes of two tensors.

    Parameters
    ----------
    a, b : Tensor
    dims : int or pair of lists of int
        How many last dimensions of `a` meet as many first ones of `b`, or which ones meet.

    Returns
    -------
    Tensor
        The dimensions of `a` that are left, then those of `b`.
    """
    x = expect_tensor("tensordot", a, "a").get_shape()
    y = expect_tensor("tensordot", b, "b", 2).get_shape()
    first, second, shown, shown_too = _axes_to_contract(dims, x, y)
    for i, j, at, at_too in zip(first, second, shown, shown_too):
        if x[i] != y[j]:
            raise RuntimeError(
                f"contracted dimensions need to match, but first has size {x[i]} in dim {at} "
                f"and second has size {y[j]} in dim {at_too}"
            )
    if a.get_dtype() != b.get_dtype():
        raise RuntimeError("both inputs should have same dtype")
    left = [n for n in range(len(x)) if n not in first]
    right = [n for n in range(len(y)) if n not in second]
    summed = product_of([x[n] for n in first])
    rows = _as_matrix(a, left + first, (product_of([x[n] for n in left]), summed))
    columns = _as_matrix(b, second + right, (summed, product_of([y[n] for n in right])))
    shape = (*[x[n] for n in left], *[y[n] for n in right])
    return reshaped(mm_front(rows, columns), shape)


def _as_matrix(x, order, shape):
    if order != list(range(len(order))):
        x = transpose_axes(x, axes=tuple(order))
    return reshaped(x, shape)


@public("kron", out=True)
def kron(input, other):
    """Kronecker product: every element of `input` times all of `other`, as blocks."""
    a = expect_tensor("kron", input).get_shape()
    b = expect_tensor("kron", other, "other", 2).get_shape()
    ndim = max(len(a), len(b))
    a = (1,) * (ndim - len(a)) + a
    b = (1,) * (ndim - len(b)) + b
    spaced = reshaped(input, tuple([n for size in a for n in (size, 1)]))
    filled = reshaped(other, tuple([n for size in b for n in (1, size)]))
    return unsafe_view(spaced * filled, shape=tuple([m * n for m, n in zip(a, b)]))


# -- cross --------------------------------------------------------------------------------------


@op(node="LinalgCrossBackward0")
def cross(x, y, *, axis):
    """Cross product along an axis of length 3; the others broadcast.  (*S), (*S) -> (*S)"""
    return np.cross(x, y, axis=axis)


@cross.grad("x")
def cross_dx(g, y, x_shape, axis):
    return sum_to(cross(conjugate_of(y), g, axis=axis), x_shape)


@cross.grad("y")
def cross_dy(g, x, y_shape, axis):
    return sum_to(cross(g, conjugate_of(x), axis=axis), y_shape)


@public("cross", namespace="linalg", method=False, out=True)
def linalg_cross(input, other, *, dim=-1):
    """Cross product of vectors of length 3 along `dim`; the other dimensions broadcast."""
    a = expect_tensor("linalg_cross", input).get_shape()
    b = expect_tensor("linalg_cross", other, "other", 2).get_shape()
    if len(a) != len(b):
        raise RuntimeError("linalg.cross: inputs must have the same number of dimensions.")
    expect_one_scalar_type(input, other)
    axis = axis_of(dim, len(a))
    if a[axis] != 3 or b[axis] != 3:
        raise RuntimeError(
            f"linalg.cross: inputs dimension {dim} must have length 3. Got {a[axis]} and {b[axis]}"
        )
    return cross(input, other, axis=axis)


@public("cross", out=True)
def cross_front(input, other, dim=None):
    """Cross product along `dim`; along the first dimension of length 3 when it is not given."""
    a = expect_tensor("cross", input).get_shape()
    if dim is None:
        warnings.warn(
            "Using torch.cross without specifying the dim arg is deprecated. Please either pass "
            "the dim explicitly or simply use torch.linalg.cross. The default value of dim will "
            "change to agree with that of linalg.cross in a future release.",
            UserWarning,
            stacklevel=2,
        )
        if 3 not in a:
            raise RuntimeError("no dimension of size 3 in input")
        dim = a.index(3)
    return linalg_cross(input, other, dim=dim)


# -- trace --------------------------------------------------------------------------------------


@op(node="TraceBackward0", linear=True)
def trace(x):
    """Sum of the diagonal.  (n, m) -> ()"""
    dtype = np.int64 if x.dtype.kind in "iu" else None
    return np.add.reduce(np.diagonal(x), axis=0, dtype=dtype)


@trace.grad("x")
def trace_dx(g, x_shape):
    on_diagonal = np.broadcast_to(g, (min(x_shape),))
    return from_diagonal(on_diagonal, shape=x_shape, offset=0, axis1=0, axis2=1)


@public("trace")
def trace_front(input):
    """Sum of the diagonal of a matrix."""
    shape = expect_tensor("trace", input).get_shape()
    if len(shape) != 2:
        raise RuntimeError(f"trace: expected a matrix, but got tensor with dim {len(shape)}")
    if input.get_dtype().kind == "b":
        name = scalar_name(input.get_dtype())
        raise NotImplementedError(f"\"trace\" not implemented for '{name}'")
    return trace(input)


# -- chains -------------------------------------------------------------------------------------


def best_splits(sizes):
    """Return where to split every stretch of a chain of matrices so that it costs least.

    Parameters
    ----------
    sizes : list of int
        Matrix i has sizes[i] rows and sizes[i + 1] columns.
    """
    count = len(sizes) - 1
    cost = [[0] * count for _ in range(count)]
    split = [[0] * count for _ in range(count)]
    for length in range(1, count):
        for i in range(count - length):
            j = i + length
            choices = [
                (cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            ]
            cost[i][j], split[i][j] = min(choices)
    return split


def _multiply_chain(matrices, split, i, j):
    if i == j:
        return matrices[i]
    k = split[i][j]
    left = _multiply_chain(matrices, split, i, k)
    return mm_front(left, _multiply_chain(matrices, split, k + 1, j))


@public("multi_dot", namespace="linalg", method=False, out=True)
def multi_dot(tensors):
    """Product of a chain of matrices, in the cheapest order; the ends may be vectors."""
    matrices = tensors_of("linalg_multi_dot", (tensors,))
    count = len(matrices)
    if count < 2:
        raise RuntimeError(f"multi_dot(): expected at least 2 tensors but got {count}")
    for number, one in enumerate(matrices):
        ndim = len(one.get_shape())
        at_end = number in (0, count - 1)
        if ndim != 2 and not (at_end and ndim == 1):
            wanted = "1D or 2D" if at_end else "2D"
            raise RuntimeError(f"multi_dot(): tensor {number} must be {wanted} but got {ndim}D")
    shape = ()
    if len(matrices[0].get_shape()) == 1:
        matrices[0] = reshaped(matrices[0], (1, -1))
    else:
        shape = (matrices[0].get_shape()[0],)
    if len(matrices[-1].get_shape()) == 1:
        matrices[-1] = reshaped(matrices[-1], (-1, 1))
    else:
        shape = (*shape, matrices[-1].get_shape()[1])
    for number in range(count - 1):
        a, b = matrices[number].get_shape(), matrices[number + 1].get_shape()
        if a[1] != b[0]:
            raise RuntimeError(
                f"multi_dot(): tensors {number} and {number + 1} with shapes {list(a)} and "
                f"{list(b)} cannot be multiplied"
            )
    sizes = [one.get_shape()[0] for one in matrices] + [matrices[-1].get_shape()[1]]
    return reshaped(_multiply_chain(matrices, best_splits(sizes), 0, count - 1), shape)


@public("chain_matmul", method=False, out=True)
def chain_matmul(*matrices):
    """Product of a chain of matrices, in the cheapest order; `linalg.multi_dot` is newer."""
    warnings.warn(
        "torch.chain_matmul is deprecated and will be removed in a future PyTorch release. Use "
        "torch.linalg.multi_dot instead, which accepts a list of two or more tensors rather than "
        "multiple parameters.",
        UserWarning,
        stacklevel=2,
    )
    given = tensors_of("chain_matmul", matrices)
    if not given:
        raise RuntimeError("chain_matmul(): Expected one or more matrices")
    return given[0] if len(given) == 1 else multi_dot(given)


@public("vecdot", namespace="linalg", method=False, out=True)
def vecdot(x, y, *, dim=-1):
    """Inner products along `dim`, the first conjugated; the other dimensions broadcast."""
    expect_tensor("linalg_vecdot", x, "x")
    expect_tensor("linalg_vecdot", y, "y", 2)
    product = conjugate_of(x) * y
    return np.sum(product, axis=axis_of(dim, len(product.get_shape())))
