"""Products: matrix products as parts of kernels, and small arrays joined.

A product is C[m, n] = sum over k of A[m, k] B[k, n], repeated over leading dimensions.  It is
computed by `multiply`, up to the size where BLAS is quicker, or as dot products where C is a
column: that makes its sums in another order.  A sum of K terms is made in another order than BLAS
makes it in; its error is at most K roundings of the sum of the magnitudes.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from . import multiply
from .fusible import Slots, usable
from .lowering import Layout, contiguous
from .trace import CALL, Ref, Step

MOST_BATCH = 256
MOST_CALLS = 16  # products of a batch that stand in a kernel one after the other
NARROW = 8  # columns: of a product with fewer, most of a vector is idle, and BLAS is quicker sooner
MOST_NARROW = 1 << 16  # multiplications


class Product(NamedTuple):
    """A product of matrices.

    Attributes
    ----------
    step : Step
        The call.
    left, right, out : int
        Slots.
    sizes : tuple of int
        M, N and K.
    steps_left : tuple of int
        How many numbers A's rows and columns are apart.
    steps_right : tuple of int
        The same of B.
    batch : list of tuple of int
        Where A, B and C begin in each of the repetitions, in numbers.
    """

    step: Step
    left: int
    right: int
    out: int
    sizes: tuple[int, int, int]
    steps_left: tuple[int, int]
    steps_right: tuple[int, int]
    batch: list[tuple[int, int, int]]

    @property
    def terms(self) -> int:
        """How many multiplications it has."""
        return math.prod(self.sizes) * len(self.batch)

    @property
    def is_large(self) -> bool:
        """Whether it is worth a call of its own: BLAS takes longer."""
        return self.terms >= multiply.FEWEST_SHARED and not self.is_dots

    @property
    def is_dots(self) -> bool:
        """Whether it is rows, each contiguous, times a contiguous column."""
        return self.sizes[1] == 1 and self.steps_left[1] == 1 and self.steps_right[0] == 1


class Joining(NamedTuple):
    """Contiguous arrays put behind each other: the call, the slots, and the slot it fills."""

    step: Step
    parts: tuple[int, ...]
    out: int


def read_joining(step: Step, slot: Slots, most: int) -> Joining | None:
    """Return a call as a joining of at most so many numbers, None where it is none."""
    if step.kind != CALL or step.function is not np.concatenate or step.settings:
        return None
    if len(step.args) != 1 or not all(isinstance(one, Ref) for one in step.args[0]):
        return None
    out = slot(step.outs)
    numbers = tuple(one.number for one in step.args[0])
    layouts = [slot(number) for number in numbers]
    if not usable(out) or math.prod(out.shape) > most or len(out.shape) != 1:
        return None
    if not all(one.dtype == out.dtype and contiguous(one) and not one.scalar for one in layouts):
        return None
    return Joining(step, numbers, step.outs)


def read_product(step: Step, slot: Slots) -> Product | None:
    """Return a call as a product, None where it is none or is better left to BLAS."""
    if step.kind != CALL or step.function not in _PRODUCTS or len(step.args) != 2 or step.settings:
        return None
    if not isinstance(step.outs, int) or not all(isinstance(one, Ref) for one in step.args):
        return None
    left, right = (one.number for one in step.args)
    a, b, c = slot(left), slot(right), slot(step.outs)
    if not all(one.dtype in (np.float32, np.float64) and one.dtype == c.dtype for one in (a, b)):
        return None
    if a.scalar or b.scalar or c.scalar or 0 in (*a.shape, *b.shape) or not a.shape or not b.shape:
        return None
    stacked = max(len(a.shape), len(b.shape)) > 2
    if stacked and (step.function is not np.matmul or min(len(a.shape), len(b.shape)) < 2):
        return None
    itemsize = c.dtype.itemsize
    if any(one < 0 or one % itemsize for one in (*a.strides, *b.strides)):
        return None
    apart_a, apart_b = ([one // itemsize for one in x.strides] for x in (a, b))
    row = len(a.shape) == 1
    column = len(b.shape) == 1
    if row and column:
        return None
    size_m, step_m = (1, 0) if row else (a.shape[-2], apart_a[-2])
    size_n, step_n = (1, 1) if column else (b.shape[-1], apart_b[-1])
    size_k, step_k = b.shape[0 if column else -2], apart_b[0 if column else -2]
    batch = [(0, 0, 0)]
    if stacked:
        lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
        if math.prod(lead) > MOST_BATCH:
            return None
        batch = places(lead, a, b, apart_a, apart_b, size_m * size_n)
    found = Product(
        step, left, right, step.outs, (size_m, size_n, size_k),
        (step_m, apart_a[-1]), (step_k, step_n), batch,
    )  # fmt: skip
    if found.terms // len(batch) > multiply.shape().most:
        return None
    # C's transpose is B's times A's: rows that stand in a column, or a column of contiguous rows.
    if (size_m == 1 and step_n != 1) or (size_n == 1 and apart_a[-1] != 1 and step_m == 1):
        found = found._replace(
            left=right, right=left, sizes=(size_n, size_m, size_k), steps_left=(step_n, step_k),
            steps_right=(apart_a[-1], step_m), batch=[(b, a, c) for a, b, c in batch],
        )  # fmt: skip
    if len(batch) > MOST_CALLS and not found.is_large:
        return None
    narrow = found.sizes[1] < NARROW and found.terms > MOST_NARROW
    return None if narrow else found


_PRODUCTS = (np.ndarray.dot, np.dot, np.matmul)


def places(
    lead: tuple[int, ...], a: Layout, b: Layout, apart_a: Any, apart_b: Any, size: int
) -> list[tuple[int, int, int]]:
    """Return where each of the stacked matrices begins."""

    def begin(index: tuple[int, ...], shape: tuple[int, ...], apart: Any) -> int:
        own = shape[:-2]
        index = index[len(index) - len(own) :]
        return sum(i * s for i, s, n in zip(index, apart, own) if n != 1)

    return [
        (begin(index, a.shape, apart_a), begin(index, b.shape, apart_b), place * size)
        for place, index in enumerate(np.ndindex(lead))
    ]


# `alone` says that no two arrays share memory: without it nothing is vectorised.
SOURCE = '''
@numba.njit(fastmath={"contract", "reassoc"}, **alone)
def dots(a, a0, am, b, b0, c, c0, M, K):
    for i in range(M):
        row = np.uint64(a0 + i * am)
        total = a.dtype.type(0)
        for k in range(K):
            total += a[row + np.uint64(k)] * b[np.uint64(b0 + k)]
        c[np.uint64(c0 + i)] = total


@numba.njit(**alone)
def joined(a, a0, c, c0, size):
    apart()
    for i in range(size):
        c[np.uint64(c0 + i)] = a[np.uint64(a0 + i)]
'''
