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
    in_steps,
    joined_states,
    over_time,
    pieces_back,
    previous_states,
    runs_of,
    sigmoid,
    steps_of_blocks,
    with_ended,
)
from .row_sums import sum_rows
from .shape import reshaped

# What is kept of each step: the gates o, i, f, g, the cell before, tanh of the cell after.  So
# o, i, f are neighbours for the sigmoid, and (i, f) times (g, cell) is one product.
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
    -> (T, B, p), (B, p), (B, m), (6, T * B, m)

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
    kept = np.empty((_KEPT, count, hidden), x.dtype)
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
            in_steps(gates[start:stop], steps),
            kept[:, start:stop],
            in_steps(out[start:stop], steps),
            w_in_time,
            w_hr,
        )
        start = stop
    last_h.append(h)
    last_c.append(c)
    out = out.reshape(*x.shape[:-1], out.shape[-1])
    return out, joined_states(last_h), joined_states(last_c), kept


def lstm_run(h, c, given, kept, out, w_in_time, w_hr):
    """Run the steps of one run, filling `kept` and `out`; return the states after it."""
    steps, size = given.shape[:2]
    hidden = kept.shape[2]
    dtype = kept.dtype
    columns = np.empty((size, 4 * hidden), dtype)
    as_blocks = columns.reshape(size, 4, hidden).swapaxes(0, 1)
    blocks = np.empty((5, size, hidden), dtype)
    gates, sigmoids, pair, other = blocks[:4], blocks[:3], blocks[1:3], blocks[3:]
    o, cell = blocks[0], blocks[4]
    parts = np.empty((2, size, hidden), dtype)
    written, forgotten = parts
    inside = out if w_hr is None else np.empty((steps, size, hidden), dtype)
    w_out = None if w_hr is None else w_hr.T
    cell[...] = c
    # What the loop does is the whole cost of a small layer, so it makes no arrays.
    for added, kept_blocks, squashed, result, projected in zip(
        given, steps_of_blocks(kept[:5], steps), in_steps(kept[5], steps), inside, out
    ):
        np.dot(h, w_in_time, columns)
        np.add(columns, added, columns)
        np.tanh(columns, columns)
        gates[...] = as_blocks
        np.multiply(sigmoids, 0.5, sigmoids)
        np.add(sigmoids, 0.5, sigmoids)
        kept_blocks[...] = blocks
        np.multiply(pair, other, parts)
        np.add(written, forgotten, cell)
        np.tanh(cell, squashed)
        np.multiply(o, squashed, result)
        if w_out is not None:
            np.dot(result, w_out, projected)
        h = projected
    return h, cell


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
    for start, stop, steps in pieces_back(runs, results.shape[0]):
        size = (stop - start) // steps
        dh, dc = lstm_steps_back(
            with_ended(dh, g[1], size),
            with_ended(dc, g[2], size),
            in_steps(given[start:stop], steps),
            kept[:, start:stop],
            in_steps(d[start:stop], steps),
            w_back,
            w_hr,
            None if w_hr is None else in_steps(d_results[start:stop], steps),
        )
    dx = dw_ih = dw_hh = db = dw_hr = None
    if needs[0]:
        dx = d.dot(o_first(w_ih, hidden)).reshape(x.shape)
    if needs[3]:
        dw_ih = o_last(d.T.dot(as_rows(x)), hidden)
    if needs[4]:
        dw_hh = o_last(d.T.dot(previous_states(results, h, runs)), hidden)
    if needs[5] or needs[6]:
        db = o_last(sum_rows(d), hidden)
    if needs[7]:
        dw_hr = d_results.T.dot(kept[0] * kept[5])
    return dx, dh, dc, dw_ih, dw_hh, db, db, dw_hr


def lstm_steps_back(dh, dc, given, kept, d, w_back, w_hr, d_results):
    """Go back through some steps, filling `d` and `d_results`; return the gradients before."""
    slopes, squashed_slope = lstm_slopes(kept)
    steps, size = given.shape[:2]
    hidden = kept.shape[2]
    dtype = d.dtype
    blocks = np.empty((5, size, hidden), dtype)
    total = np.empty_like(given[0])
    inside = total
    before = np.empty_like(total)
    dcell = np.empty((size, hidden), dtype)
    of_o, of_gates, by_cell, of_cell = blocks[0], blocks[:4], blocks[1:], blocks[4]
    steps_back = zip(
        range(steps - 1, -1, -1),
        given[::-1],
        in_steps(squashed_slope, steps)[::-1],
        in_steps(slopes[0], steps)[::-1],
        steps_of_blocks(slopes[1:], steps)[::-1],
        d[::-1],
        d.reshape(steps, size, 4, hidden).swapaxes(1, 2)[::-1],
    )
    for step, result, cell_slope, o_slope, cell_slopes, rows, as_blocks in steps_back:
        np.add(dh, result, total)
        if w_hr is not None:
            d_results[step] = total
            inside = total.dot(w_hr)
        np.multiply(inside, cell_slope, dcell)
        np.add(dcell, dc, dcell)
        np.multiply(inside, o_slope, of_o)
        np.multiply(cell_slopes, dcell, by_cell)
        as_blocks[...] = of_gates
        np.dot(rows, w_back, before)
        dh, dc = before, of_cell
    return dh, dc


def lstm_slopes(kept):
    """Return how gates and cells move with the results and cells of their step.

    Returns
    -------
    slopes : array, (5, rows, hidden)
        Of gate o by the result before its projection; of i, f, g and the cell before by the cell.
    squashed_slope : array, (rows, hidden)
        Of that result by the cell.
    """
    o, i, f, g, cell, squashed = kept
    slopes = np.empty((5, *kept.shape[1:]), kept.dtype)
    of_o, of_i, of_f, of_g, of_cell = slopes
    # Of a sigmoid s by what is inside it: s - s * s, and of tanh: 1 - tanh * tanh.
    unprojected = o * squashed
    np.multiply(unprojected, o, of_o)
    np.subtract(unprojected, of_o, of_o)
    np.multiply(i, g, of_cell)
    np.multiply(of_cell, g, of_g)
    np.subtract(i, of_g, of_g)
    np.multiply(of_cell, i, of_i)
    np.subtract(of_cell, of_i, of_i)
    np.multiply(f, cell, of_cell)
    np.multiply(of_cell, f, of_f)
    np.subtract(of_cell, of_f, of_f)
    of_cell[...] = f
    squashed_slope = unprojected * squashed
    np.subtract(o, squashed_slope, squashed_slope)
    return slopes, squashed_slope


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
