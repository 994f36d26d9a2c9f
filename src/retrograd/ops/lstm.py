"""The LSTM layer, one direction, over a whole sequence, as one operation.

See Note [Rows in time] and Note [Blocks, not columns] in `recurrence`, and Note [Rules by
composition] in `composed`.

Source: Hochreiter and Schmidhuber 1997; gates in PyTorch's order i, f, g, o; the projection of
Sak et al. 2014.
"""

from __future__ import annotations

import numpy as np

from .._core.op import op
from ._sizes import ndarray
from .composed import composed_gradients
from .linear_algebra import rows_of, times, turned
from .recurrence import (
    as_rows,
    blocks_of,
    joined,
    joined_states,
    over_time,
    previous_states,
    runs_of,
    sigmoid,
    with_ended,
)
from .row_sums import sum_rows
from .shape import reshaped

# What is kept of a step, block by block: the gates o, i, f, g, the cell before, tanh of the cell
# after.  So o, i, f are neighbours for the sigmoid, and (i, f) times (g, cell) is one product.
_KEPT = 6


def o_first(weight, hidden):
    """Return rows i, f, g, o in the order o, i, f, g.  (4 * hidden, *S)"""
    return np.concatenate((weight[3 * hidden :], weight[: 3 * hidden]))


def o_last(weight, hidden):
    """Return rows o, i, f, g in the order i, f, g, o.  (4 * hidden, *S)"""
    return np.concatenate((weight[hidden:], weight[:hidden]))


def for_tanh(weight, hidden):
    """Return rows in the order o, i, f, g, those of the sigmoids halved.

    sigmoid(x) is (1 + tanh(x / 2)) / 2, so one call of tanh serves all four gates.
    """
    weight = o_first(weight, hidden)
    weight[: 3 * hidden] *= 0.5
    return weight


def lstm_kernel(x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, *, sizes=None):
    """An LSTM over a sequence: results, final states, and what the rule wants kept.

    (T, B, n), (B, p), (B, m), (4m, n), (4m, p), (4m,), (4m,), (p, m)
    -> (T, B, p), (B, p), (B, m), (6 * T * B * m,)

    Packed, the input is (rows, n) and the result (rows, p), with `sizes` rows at each step.
    Without projection `w_hr` is None and p = m; the biases may be None together.
    """
    hidden = w_hh.shape[0] // 4
    rows = as_rows(x)
    count = rows.shape[0]
    gates = rows.dot(for_tanh(w_ih, hidden).T)
    if b_ih is not None:
        gates += for_tanh(b_ih + b_hh, hidden)
    w_in_time = np.ascontiguousarray(for_tanh(w_hh, hidden).T)
    kept = np.empty(count * _KEPT * hidden, x.dtype)
    out = np.empty((count, h.shape[1]), x.dtype)
    last_h, last_c = [], []
    start = 0
    for steps, size in runs_of(x.shape, sizes):
        if size < h.shape[0]:
            last_h.append(h[size:])
            last_c.append(c[size:])
        stop = start + steps * size
        h, c = lstm_run(
            h[:size],
            c[:size],
            gates[start:stop].reshape(steps, size, 4 * hidden),
            blocks_of(kept, start, steps, size, _KEPT, hidden),
            out[start:stop].reshape(steps, size, out.shape[1]),
            w_in_time,
            w_hr,
        )
        start = stop
    last_h.append(h)
    last_c.append(c)
    out = out.reshape(*x.shape[:-1], out.shape[-1])
    return out, joined_states(last_h), joined_states(last_c), kept


def lstm_run(h, c, gates, kept, out, w_in_time, w_hr):
    """Run the steps of one run, filling `kept` and `out`; return the states after it."""
    steps, _, size, hidden = kept.shape
    dtype = kept.dtype
    columns = np.empty((size, 4 * hidden), dtype)
    as_blocks = columns.reshape(size, 4, hidden).swapaxes(0, 1)
    pair = np.empty((2, size, hidden), dtype)
    written, forgotten = pair
    inside = out if w_hr is None else np.empty((steps, size, hidden), dtype)
    w_out = None if w_hr is None else w_hr.T
    kept[:1, 4] = c
    last = np.empty((size, hidden), dtype)
    cells = [*kept[1:, 4], last]
    # What the loop does is the whole cost of a small layer, so it makes no arrays.
    for given, block, cell, result, projected in zip(gates, kept, cells, inside, out):
        np.dot(h, w_in_time, columns)
        np.add(columns, given, columns)
        np.tanh(columns, columns)
        block[:4] = as_blocks
        sigmoids = block[:3]
        np.multiply(sigmoids, 0.5, sigmoids)
        np.add(sigmoids, 0.5, sigmoids)
        np.multiply(block[1:3], block[3:5], pair)
        np.add(written, forgotten, cell)
        squashed = block[5]
        np.tanh(cell, squashed)
        np.multiply(block[0], squashed, result)
        if w_out is not None:
            np.dot(result, w_out, projected)
        h = projected
    return h, last


def lstm_rule(g, x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, out, needs, sizes):
    if type(g[0]) is not ndarray:
        operands = (x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr)
        return composed_gradients(lstm_definition, operands, g[:3], sizes=sizes)
    hidden = w_hh.shape[0] // 4
    runs = runs_of(x.shape, sizes)
    results, kept = as_rows(out[0]), out[3]
    given = as_rows(g[0])
    d = np.empty((results.shape[0], 4 * hidden), x.dtype)
    w_back = o_first(w_hh, hidden)
    d_results = None if w_hr is None else np.empty_like(results)
    dh = dc = None
    stop = results.shape[0]
    for steps, size in reversed(runs):
        start = stop - steps * size
        dh, dc = lstm_run_back(
            with_ended(dh, g[1], size),
            with_ended(dc, g[2], size),
            given[start:stop].reshape(steps, size, given.shape[1]),
            blocks_of(kept, start, steps, size, _KEPT, hidden),
            d[start:stop].reshape(steps, size, 4 * hidden),
            w_back,
            w_hr,
            None if w_hr is None else d_results[start:stop].reshape(steps, size, -1),
        )
        stop = start
    dx = d.dot(o_first(w_ih, hidden)).reshape(x.shape) if needs[0] else None
    dw_ih = o_last(d.T.dot(as_rows(x)), hidden)
    dw_hh = o_last(d.T.dot(previous_states(results, h, runs)), hidden)
    db = None if b_ih is None else o_last(sum_rows(d), hidden)
    dw_hr = None if w_hr is None else d_results.T.dot(unprojected(kept, runs, hidden))
    return dx, dh, dc, dw_ih, dw_hh, db, db, dw_hr


def lstm_run_back(dh, dc, given, kept, d, w_back, w_hr, d_results):
    """Go back through one run, filling `d` and `d_results`; return the gradients before it."""
    slopes, squashed_slope = lstm_slopes(kept)
    steps, _, size, hidden = kept.shape
    dtype = kept.dtype
    blocks = np.empty((5, size, hidden), dtype)
    total = np.empty_like(given[0])
    inside = total
    before = np.empty_like(total)
    dcell = np.empty((size, hidden), dtype)
    by_cell, of_o, of_gates, of_cell = blocks[1:], blocks[0], blocks[:4], blocks[4]
    for step in range(steps - 1, -1, -1):
        np.add(dh, given[step], total)
        if w_hr is not None:
            d_results[step] = total
            inside = total.dot(w_hr)
        slope = slopes[step]
        np.multiply(inside, squashed_slope[step], dcell)
        np.add(dcell, dc, dcell)
        np.multiply(inside, slope[0], of_o)
        np.multiply(slope[1:], dcell, by_cell)
        rows = d[step]
        rows.reshape(size, 4, hidden).swapaxes(0, 1)[...] = of_gates
        np.dot(rows, w_back, before)
        dh, dc = before, of_cell
    return dh, dc


def lstm_slopes(kept):
    """Return how the gates and cells of a run move with its results and cells.

    Returns
    -------
    slopes : array, (steps, 5, size, hidden)
        Of gate o by the result; of i, f, g and the cell before by the cell.
    squashed_slope : array, (steps, size, hidden)
        Of the result by the cell.
    """
    o, i, f, g, cell, squashed = kept.swapaxes(0, 1)
    slopes = np.empty((kept.shape[0], 5, *kept.shape[2:]), kept.dtype)
    sigmoids, own = kept[:, :3], slopes[:, :3]
    np.multiply(sigmoids, sigmoids, own)
    np.subtract(sigmoids, own, own)
    np.multiply(g, g, slopes[:, 3])
    np.subtract(1, slopes[:, 3], slopes[:, 3])
    for place, factor in enumerate((squashed, g, cell, i)):
        np.multiply(slopes[:, place], factor, slopes[:, place])
    slopes[:, 4] = f
    squashed_slope = squashed * squashed
    np.subtract(1, squashed_slope, squashed_slope)
    np.multiply(squashed_slope, o, squashed_slope)
    return slopes, squashed_slope


def unprojected(kept, runs, hidden):
    """Return what was projected: gate o times tanh of the cell, as rows."""
    parts = []
    start = 0
    for steps, size in runs:
        blocks = blocks_of(kept, start, steps, size, _KEPT, hidden)
        parts.append((blocks[:, 0] * blocks[:, 5]).reshape(steps * size, hidden))
        start += steps * size
    return joined(parts)


def lstm_definition(x, h, c, w_ih, w_hh, b_ih, b_hh, w_hr, *, sizes=None):
    """What the layer means, in small operations."""
    hidden = w_hh.shape[0] // 4
    gates = times(rows_of(x), turned(w_ih))
    if b_ih is not None:
        gates = gates + (b_ih + b_hh)

    def step(given, h, c):
        inside = given + times(h, turned(w_hh))
        i, f, g, o = [inside[:, n * hidden : (n + 1) * hidden] for n in range(4)]
        c = sigmoid(f) * c + sigmoid(i) * np.tanh(g)
        h = sigmoid(o) * np.tanh(c)
        return (h if w_hr is None else times(h, turned(w_hr))), c

    out, h, c = over_time(step, gates, (h, c), runs_of(x.shape, sizes))
    return reshaped(out, (*x.shape[:-1], out.shape[-1])), h, c


def lstm_op(name, node):
    made = op(name=name, node=node, differentiable=(0, 1, 2))(lstm_kernel)
    made.grads("x", "h", "c", "w_ih", "w_hh", "b_ih", "b_hh", "w_hr")(lstm_rule)
    return made


# One operation under the three names that PyTorch's nodes have.
lstm_dense = lstm_op("lstm_dense", "MkldnnRnnLayerBackward0")
lstm_stepwise = lstm_op("lstm_stepwise", "StackBackward0")
lstm_packed = lstm_op("lstm_packed", "CatBackward0")
