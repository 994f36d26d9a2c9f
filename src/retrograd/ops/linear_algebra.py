"""Products of vectors, matrices and batches of matrices.

The public functions check shapes and dtypes as PyTorch does and bring every case to a primitive
with one plain rule: `mm`, `mv`, `dot`, `matrix_product` for batches, `affine` for linear layers.
"""

from __future__ import annotations

from math import prod as product_of

import numpy as np

from .._core.broadcast import sum_to
from .._core.op import PROMOTE, op
from .._core.promotion import FLOAT32, FLOAT64
from .._core.public import expect_tensor, public
from .._core.value import Value
from ._arguments import c_name, scalar_name
from .complex_numbers import conjugate_of

# -- primitives ---------------------------------------------------------------------------------


def turned(x):
    """Return a matrix, or the matrices of a batch, transposed."""
    if type(x) is np.ndarray:
        return x.T if x.ndim == 2 else x.swapaxes(-1, -2)
    return np.swapaxes(x, -1, -2)


def adjoint(x):
    """Return the conjugate transpose of a matrix, or of the matrices of a batch."""
    return turned(conjugate_of(x))


def multiply_matrices(x, y):
    """Multiply as `numpy.matmul`; small floats in float32, where BLAS can take them."""
    dtype = x.dtype
    if dtype is not FLOAT32 and dtype is not FLOAT64 and dtype.itemsize == 2 and dtype.kind in "fV":
        return np.matmul(x.astype(FLOAT32), y.astype(FLOAT32)).astype(dtype)
    return np.matmul(x, y)


@op(node="MmBackward0")
def mm(x, y):
    """Matrix product.  (n, k), (k, m) -> (n, m)"""
    return multiply_matrices(x, y)


@mm.grad("x")
def mm_dx(g, y):
    return mm(g, adjoint(y))


@mm.grad("y")
def mm_dy(g, x):
    return mm(adjoint(x), g)
