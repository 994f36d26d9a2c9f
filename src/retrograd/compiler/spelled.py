"""Spelled out: functions as kernels want them, in elementwise calls and sums over rows alone.

NumPy's route through these is made of what NumPy is quick at: products with ones, gates made of
integers, one look at whether a maximum can be left out.  A kernel has the row at hand, and is
quickest with the definition.  Where a program is fused, these take the place of the functions of
`ops`; their results differ from those by roundings.

A function raises `Unfollowed` for what it has no better form of.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops import (
    along,
    attention,
    gating,
    indexing,
    loss,
    norm_rows,
    numbered,
    row_sums,
    scattering,
    softmax_rows,
)
from ..ops.linear_algebra import turned
from .mirror import AS_IT_IS, Unfollowed, in_classes


def expect_rows(*arrays: Any) -> None:
    """Leave dtypes and layouts alone that kernels do not have."""
    for one in arrays:
        if one is not None and one.dtype.itemsize < 4:
            raise Unfollowed("half precision")


def passed(x: Any, gate: Any) -> Any:
    expect_rows(x)
    return np.where(gate, x, 0)


def row_totals(x: Any) -> Any:
    expect_rows(x)
    return np.add.reduce(x, axis=-1, keepdims=True)


def row_maxima(x: Any) -> Any:
    return np.maximum.reduce(x, axis=-1, keepdims=True)


def softmax(x: Any, *, axis: int) -> Any:
    if not x.size or x.ndim == 0 or axis not in (x.ndim - 1, -1):
        raise Unfollowed("not over the last axis")
    expect_rows(x)
    out = np.exp(x - row_maxima(x))
    return out / np.add.reduce(out, axis=-1, keepdims=True)


def attention_weights(
    q: Any, k: Any, bias: Any, *, scale: float, causal: bool = False, blind: float = 0.0
) -> Any:
    if bias is not None:
        raise Unfollowed("attention with a bias")
    scores = np.matmul(q, np.multiply(turned(k), scale, order="C"))
    if causal and scores.size:
        scores = np.where(attention.triangle(*scores.shape[-2:]), scores, -np.inf)
    return softmax(scores, axis=-1)


def row_moments(x: Any, centred: bool) -> Any:
    expect_rows(x)
    size = max(x.shape[1], 1)
    if not centred:
        return None, np.add.reduce(x * x, axis=1) / size
    mean = np.add.reduce(x, axis=1) / size
    off = x - mean[:, None]
    return mean, np.add.reduce(off * off, axis=1) / size


def normalise_rows(x: Any, w: Any, b: Any, mean: Any, rstd: Any) -> Any:
    expect_rows(x)
    out = x if mean is None else x - mean[:, None]
    out = out * rstd[:, None]
    if w is not None:
        out = out * w
    return out if b is None else out + b


def rows_backward(g: Any, x: Any, w: Any, mean: Any, rstd: Any, wanted: Any) -> Any:
    expect_rows(g, x)
    nothing = np.empty(0, g.dtype)
    size = x.shape[1]
    normal = x if mean is None else x - mean[:, None]
    normal = normal * rstd[:, None]
    dx = nothing
    if wanted[0]:
        slopes = g if w is None else g * w
        slope = np.add.reduce(slopes * normal, axis=1) / size
        dx = slopes - normal * slope[:, None]
        if mean is not None:
            dx = dx - (np.add.reduce(slopes, axis=1) / size)[:, None]
        dx = dx * rstd[:, None]
    dw = np.add.reduce(g * normal, axis=0) if wanted[1] else nothing
    db = np.add.reduce(g, axis=0) if wanted[2] else nothing
    return dx, dw, db


def class_numbers(target: Any, classes: int, ignore_index: int) -> Any:
    if target.dtype != np.int64 or 0 <= ignore_index < classes or not target.size:
        raise Unfollowed("targets that are looked at one by one")
    target.tape.require(in_classes, target, classes)
    return target, None


# Kernels compute these as they are: `indexed`.
ONE_CALL = (
    loss.put_in_rows, scattering.scatter_zeros.kernel, along.add_along.kernel,
    indexing.place_add.kernel, numbered.add_slices.kernel,
)  # fmt: skip
INSTEAD: dict[Any, Any] = {
    **dict.fromkeys(ONE_CALL, AS_IT_IS),
    loss._targets: class_numbers,
    gating.passed: passed,
    row_sums.row_totals: row_totals,
    row_sums.row_maxima: row_maxima,
    softmax_rows.softmax.kernel: softmax,
    attention.attention_weights.kernel: attention_weights,
    norm_rows.row_moments: row_moments,
    norm_rows.normalise_rows: normalise_rows,
    norm_rows.rows_backward: rows_backward,
}
