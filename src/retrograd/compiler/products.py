"""Products: small matrix products as loops, where calling BLAS costs more than the product.

So are small arrays joined.

A product is C[m, n] = sum over k of A[m, k] B[k, n], repeated over leading dimensions.  The loop
over n is the innermost one, and eight terms of the sum are made at a time, so that it is
vectorised and C is written an eighth as often.  B is copied first where its rows are not
contiguous.  A sum of K terms is made in another order than BLAS makes it in; its error is at most K
roundings of the sum of the magnitudes.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from .fusible import Slots, usable
from .lowering import Layout, contiguous
from .trace import CALL, Ref, Step

MOST_TERMS = 1 << 16  # multiplications: beyond, BLAS makes up for its call


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


MOST_BATCH = 16


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
    return found if found.terms <= MOST_TERMS else None


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
@numba.njit(fastmath={{"contract", "reassoc"}}, **alone)
def product(a, a0, am, ak, b, b0, bk, c, c0, M, N, K):
    for i in range(M):
        row = np.uint64(c0 + i * N)
        for j in range(N):
            c[row + np.uint64(j)] = 0
        for k in range(0, K - 7, 8):
            p = a0 + i * am + k * ak
{loads}
            for j in range(N):
                q = np.uint64(b0 + k * bk + j)
                n = np.uint64(bk)
                c[row + np.uint64(j)] += {terms}
        for k in range(K - K % 8, K):
            x = a[np.uint64(a0 + i * am + k * ak)]
            for j in range(N):
                c[row + np.uint64(j)] += x * b[np.uint64(b0 + k * bk + j)]


@numba.njit(**alone)
def joined(a, a0, c, c0, size):
    for i in range(size):
        c[np.uint64(c0 + i)] = a[np.uint64(a0 + i)]


@numba.njit(**alone)
def turned(b, b0, bk, bn, out, N, K):
    for k in range(K):
        for j in range(N):
            out[np.uint64(k * N + j)] = b[np.uint64(b0 + k * bk + j * bn)]
'''.format(
    loads="\n".join(f"            x{k} = a[np.uint64(p + {k} * ak)]" for k in range(8)),
    terms=" + ".join(
        f"(x{k} * b[q + np.uint64({k}) * n] + x{k + 1} * b[q + np.uint64({k + 1}) * n])"
        for k in range(0, 8, 2)
    ),
)
