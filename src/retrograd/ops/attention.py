"""Attention: softmax(q k^T * scale + bias) v, as one operation.

Batches are equal and heads are a batch dimension: fronts broadcast, repeat and split before.

Note [Softmax without row maxima].  The maximum of each row is the slowest part of a softmax in
NumPy: 125 us for 2048 rows of 64, where everything else takes 120.  Two reductions over the whole
array take 20.  When they show that every score that is not -inf lies within ±60, exp can neither
overflow nor vanish, rows of thousands still add up, and the quotient is as accurate without
taking the maximum off first.

Note [Transposed copies].  NumPy's BLAS takes 138 us for the 32 products of 64x32 by 32x64 when
the second factor is a transposed view, 79 when it is laid out row by row; to copy it takes 15.
"""

from __future__ import annotations

import numpy as np

from .._core.broadcast import sum_to
from .._core.library import library
from .._core.op import op
from .linear_algebra import turned
from .row_sums import row_maxima, row_totals
from .softmax_rows import softmax_adjoint

ndarray = np.ndarray

# Scores within this need no maximum taken off: see Note [Softmax without row maxima].
_SAFE = 60.0
_MOST_KEPT = 16
_triangles = {}


def triangle(rows, columns):
    """Return where row i may see column j: j <= i.  (rows, columns), read-only"""
    found = _triangles.get((rows, columns))
    if found is None:
        found = np.tri(rows, columns, dtype=bool)
        found.flags.writeable = False
        if len(_triangles) >= _MOST_KEPT:
            _triangles.clear()
        _triangles[rows, columns] = found
    return found


def times_turned(x, y):
    """Multiply batches of matrices, the second transposed.  (*B, n, k), (*B, m, k) -> (*B, n, m)

    See Note [Transposed copies].
    """
    if type(x) is ndarray and type(y) is ndarray:
        y = turned(y).copy()
    else:
        y = turned(y)
    return np.matmul(x, y)


def ranged(scores, bias, causal):
    """Add a bias to scores; return what may be seen (None for all), and whether exp is safe."""
    seen = triangle(*scores.shape[-2:]) if causal else None
    safe = bool(
        np.minimum.reduce(scores, axis=None) > -_SAFE
        and np.maximum.reduce(scores, axis=None) < _SAFE
    )
    if bias is None:
        return seen, safe
    if bias.dtype == bool:
        return bias if seen is None else seen & bias, safe
    finite = bias[bias != -np.inf]
    # The bias and the scores share the range: what is left holds both.
    safe = safe and (not finite.size or bool(np.abs(finite).max() < _SAFE / 2))
    scores += bias
    if safe and finite.size:
        safe = bool(np.maximum.reduce(scores, axis=None) < _SAFE)
    return seen, safe


@op(node="SafeSoftmaxBackward0")
def attention_weights(q, k, bias, *, scale, causal=False, blind=0.0):
    """softmax(q k^T * scale + bias) over the last axis.  (*B, n, d), (*B, m, d) -> (*B, n, m)

    Parameters
    ----------
    bias : array or None
        Added to the scores; or bools, False where a query may not see a key.  Broadcasts.
    scale : float
    causal : bool
        Whether query i sees only the keys up to i.
    blind : float
        The weights of a query that may see no key: PyTorch has 0, or nan in its explicit path.
    """
    scores = np.matmul(q, np.multiply(turned(k), scale, order="C"))
    if scores.size >= library.least and (bias is None or bias.dtype == scores.dtype):
        weigh = library.find("attention", scores)
        if weigh is not None:
            if bias is not None:
                scores += bias
            return weigh(scores, causal, blind)
    if not scores.size:
        return scores
    seen, safe = ranged(scores, bias, causal)
    if safe:
        np.exp(scores, scores)
        if seen is not None:
            np.multiply(scores, seen.astype(scores.dtype), scores)
    else:
        if seen is not None:
            np.copyto(scores, -np.inf, where=~seen)
        highest = row_maxima(scores)
        np.copyto(highest, 0, where=highest == -np.inf)
        np.subtract(scores, highest, scores)
        np.exp(scores, scores)
    totals = row_totals(scores)
    nothing = totals == 0
    if nothing.any():
        scores = np.where(nothing, blind, scores)
        totals[nothing] = 1
    np.multiply(scores, 1 / totals, scores)
    return scores


@attention_weights.grads("q", "k", "bias")
def attention_weights_d(g, q, k, bias_shape, out, scale, needs):
    return through_scores(softmax_adjoint(g, out), q, k, bias_shape, scale, needs)


def through_scores(ds, q, k, bias_shape, scale, needs):
    """Return the gradients of q, k and the bias from that of the scores."""
    dq = np.matmul(ds, k) * scale if needs[0] else None
    dk = np.matmul(turned(ds), q) * scale if needs[1] else None
    return dq, dk, (sum_to(ds, bias_shape) if needs[2] else None)


@op(node="ScaledDotProductFlashAttentionForCpuBackward0", differentiable=(0,))
def attend(q, k, v, bias, keep, *, scale, causal=False):
    """Attention, and its weights.  (*B, n, d), (*B, m, d), (*B, m, e) -> (*B, n, e), (*B, n, m)

    Parameters
    ----------
    bias, scale, causal
        As in `attention_weights`.
    keep : array or None
        What the weights are multiplied with before they are used: dropout.
    """
    weights = attention_weights.kernel(q, k, bias, scale=scale, causal=causal)
    return np.matmul(weights if keep is None else weights * keep, v), weights


@attend.grads("q", "k", "v", "bias")
def attend_d(g, q, k, v, bias, keep, out, scale, causal, needs):
    g = g[0]
    # The weights are no result with a gradient: under create_graph they are found once more.
    weights = (
        out[1] if type(g) is ndarray else attention_weights(q, k, bias, scale=scale, causal=causal)
    )
    dropped = weights if keep is None else weights * keep
    dv = np.matmul(turned(dropped), g) if needs[2] else None
    if not (needs[0] or needs[1] or needs[3]):
        return None, None, dv, None
    dw = times_turned(g, v)
    ds = softmax_adjoint(dw if keep is None else dw * keep, weights)
    bias_shape = None if bias is None else tuple(bias.shape)
    dq, dk, dbias = through_scores(ds, q, k, bias_shape, scale, (needs[0], needs[1], needs[3]))
    return dq, dk, dv, dbias


@op(node="UnbindBackward0", linear=True)
def split_heads(x, *, heads, batch_first=False):
    """Queries, keys and values of a joint projection, by head.

    (l, b, 3 heads d), or (b, l, 3 heads d) with `batch_first`, -> three of (b, heads, l, d)
    """
    parts = np.reshape(x, (*x.shape[:2], 3, heads, -1))
    order = (2, 0, 3, 1, 4) if batch_first else (2, 1, 3, 0, 4)
    parts = np.ascontiguousarray(parts.transpose(order))
    return parts[0], parts[1], parts[2]


@split_heads.grad("x")
def split_heads_dx(g, batch_first):
    return join_heads(g[0], g[1], g[2], batch_first=batch_first)


@op(linear=True)
def join_heads(q, k, v, *, batch_first):
    """The adjoint of `split_heads`: three of (b, heads, l, d) side by side in one array."""
    batch, heads, length, size = q.shape
    lead = (batch, length) if batch_first else (length, batch)
    out = np.empty((*lead, 3, heads, size), q.dtype)
    order = (0, 2, 1, 3) if batch_first else (2, 0, 1, 3)
    for place, one in enumerate((q, k, v)):
        out[:, :, place] = one.transpose(order)
    return out.reshape(*lead, -1)


@join_heads.grads("q", "k", "v")
def join_heads_d(g, q_shape, batch_first):
    return split_heads(g, heads=q_shape[1], batch_first=batch_first)
