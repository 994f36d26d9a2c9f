"""The plain recurrent layer, one direction, over a whole sequence, as one operation.

See Note [Rows in time] in `recurrence`, and Note [Rules by composition] in `composed`.

Source: Elman 1990.
"""

from __future__ import annotations

import numpy as np

from .._core.op import op
from ._sizes import ndarray
from .activation import relu
from .composed import composed_gradients
from .linear_algebra import rows_of, times, turned
from .recurrence import (
    as_rows,
    joined_states,
    over_time,
    previous_states,
    runs_of,
    with_ended,
)
from .row_sums import sum_rows
from .shape import reshaped


def elman_kernel(x, h, w_ih, w_hh, b_ih, b_hh, *, rectified=False, sizes=None):
    """A recurrent layer of tanh, or of relu (`rectified`): results and the final state.

    (T, B, n), (B, m), (m, n), (m, m), (m,), (m,) -> (T, B, m), (B, m)

    Packed, the input is (rows, n) and the result (rows, m), with `sizes` rows at each step.
    The biases may be None together.
    """
    hidden = w_hh.shape[1]
    out = as_rows(x).dot(w_ih.T)
    if b_ih is not None:
        out += b_ih + b_hh
    w_in_time = np.ascontiguousarray(w_hh.T)
    last = []
    start = 0
    for steps, size in runs_of(x.shape, sizes):
        if size < h.shape[0]:
            last.append(h[size:])
            h = h[:size]
        stop = start + steps * size
        inside = np.empty((size, hidden), x.dtype)
        for result in out[start:stop].reshape(steps, size, hidden):
            np.dot(h, w_in_time, inside)
            np.add(result, inside, result)
            if rectified:
                np.maximum(result, 0, out=result)
            else:
                np.tanh(result, result)
            h = result
        start = stop
    last.append(h)
    return out.reshape(*x.shape[:-1], hidden), joined_states(last)


def elman_rule(g, x, h, w_ih, w_hh, b_ih, b_hh, out, needs, rectified, sizes):
    if type(g[0]) is not ndarray:
        operands = (x, h, w_ih, w_hh, b_ih, b_hh)
        settings = {"rectified": rectified, "sizes": sizes}
        return composed_gradients(elman_definition, operands, g, **settings)
    hidden = w_hh.shape[1]
    runs = runs_of(x.shape, sizes)
    results, given = as_rows(out[0]), as_rows(g[0])
    # How the results move with what is inside; the loop makes it the gradient of that.
    d = (results > 0).astype(x.dtype) if rectified else 1 - results * results
    dh = None
    stop = results.shape[0]
    for steps, size in reversed(runs):
        start = stop - steps * size
        dh = with_ended(dh, g[1], size)
        shape = (steps, size, hidden)
        before = np.empty((size, hidden), x.dtype)
        for rows, result in zip(
            d[start:stop].reshape(shape)[::-1], given[start:stop].reshape(shape)[::-1]
        ):
            np.add(dh, result, before)
            np.multiply(rows, before, rows)
            np.dot(rows, w_hh, before)
            dh = before
        stop = start
    dx = dw_ih = dw_hh = db = None
    if needs[0]:
        dx = d.dot(w_ih).reshape(x.shape)
    if needs[2]:
        dw_ih = d.T.dot(as_rows(x))
    if needs[3]:
        dw_hh = d.T.dot(previous_states(results, h, runs))
    if needs[4] or needs[5]:
        db = sum_rows(d)
    return dx, dh, dw_ih, dw_hh, db, db


def elman_definition(x, h, w_ih, w_hh, b_ih, b_hh, *, rectified=False, sizes=None):
    """What the layer means, in small operations."""
    gates = times(rows_of(x), turned(w_ih))
    if b_ih is not None:
        gates = gates + (b_ih + b_hh)

    def step(given, h):
        inside = given + times(h, turned(w_hh))
        return ((relu(inside) if rectified else np.tanh(inside)),)

    out, h = over_time(step, gates, (h,), runs_of(x.shape, sizes))
    return reshaped(out, (*x.shape[:-1], out.shape[-1])), h


def elman_op(name, node):
    made = op(name=name, node=node)(elman_kernel)
    made.grads("x", "h", "w_ih", "w_hh", "b_ih", "b_hh")(elman_rule)
    return made


# One operation under the two names that PyTorch's nodes have.
elman_dense = elman_op("elman_dense", "StackBackward0")
elman_packed = elman_op("elman_packed", "CatBackward0")
