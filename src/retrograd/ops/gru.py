"""The GRU layer, one direction, over a whole sequence, as one operation.

See Note [Rows in time] and Note [Blocks, not columns] in `recurrence`, and Note [Rules by
composition] in `composed`.

Source: Cho et al. 2014, with PyTorch's gates r, z, n: the reset gate multiplies what the state
contributes to n, bias included.
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

# What is kept of each step: the gates r and z, what the state contributes to n, n itself, the
# state before minus n.
_KEPT = 5


def for_tanh(weight, hidden):
    """Return rows r, z, n with those of the sigmoids halved: sigmoid(x) = (1 + tanh(x / 2)) / 2."""
    weight = np.array(weight)
    weight[: 2 * hidden] *= 0.5
    return weight


def gru_kernel(x, h, w_ih, w_hh, b_ih, b_hh, *, sizes=None):
    """A GRU over a sequence: results, the final state, and what the rule wants kept.

    (T, B, n), (B, m), (3m, n), (3m, m), (3m,), (3m,) -> (T, B, m), (B, m), (5, T * B, m)

    Packed, the input is (rows, n) and the result (rows, m), with `sizes` rows at each step.
    The biases may be None together.
    """
    hidden = w_hh.shape[1]
    rows = as_rows(x)
    count = rows.shape[0]
    gates = rows.dot(for_tanh(w_ih, hidden).T)
    bias_n = None
    if b_ih is not None:
        bias = np.array(b_ih)
        bias[: 2 * hidden] += b_hh[: 2 * hidden]
        gates += for_tanh(bias, hidden)
        bias_n = b_hh[2 * hidden :]
    w_in_time = np.ascontiguousarray(for_tanh(w_hh, hidden).T)
    gates = np.ascontiguousarray(gates.reshape(count, 3, hidden).swapaxes(0, 1))
    kept = np.empty((_KEPT, count, hidden), x.dtype)
    out = np.empty((count, hidden), x.dtype)
    last = []
    start = 0
    for steps, size in runs_of(x.shape, sizes):
        if size < h.shape[0]:
            last.append(h[size:])
        stop = start + steps * size
        h = gru_run(
            h[:size],
            gates[:, start:stop],
            kept[:, start:stop],
            in_steps(out[start:stop], steps),
            w_in_time,
            bias_n,
        )
        start = stop
    last.append(h)
    return out.reshape(*x.shape[:-1], hidden), joined_states(last), kept


def gru_run(h, gates, kept, out, w_in_time, bias_n):
    """Run the steps of one run, filling `kept` and `out`; return the state after it."""
    steps, size, hidden = out.shape
    columns = np.empty((size, 3 * hidden), kept.dtype)
    as_blocks = columns.reshape(size, 3, hidden).swapaxes(0, 1)
    blocks = np.empty((_KEPT, size, hidden), kept.dtype)
    by_state, sigmoids = blocks[:3], blocks[:2]
    r, z, state_n, n, difference = blocks
    if bias_n is not None:
        bias_n = np.ascontiguousarray(np.broadcast_to(bias_n, (size, hidden)))
    # What the loop does is the whole cost of a small layer, so it makes no arrays.
    for added, added_n, kept_blocks, result in zip(
        steps_of_blocks(gates[:2], steps),
        in_steps(gates[2], steps),
        steps_of_blocks(kept, steps),
        out,
    ):
        np.dot(h, w_in_time, columns)
        by_state[...] = as_blocks
        np.add(sigmoids, added, sigmoids)
        np.tanh(sigmoids, sigmoids)
        np.multiply(sigmoids, 0.5, sigmoids)
        np.add(sigmoids, 0.5, sigmoids)
        if bias_n is not None:
            np.add(state_n, bias_n, state_n)
        np.multiply(r, state_n, n)
        np.add(n, added_n, n)
        np.tanh(n, n)
        np.subtract(h, n, difference)
        np.multiply(z, difference, result)
        np.add(result, n, result)
        kept_blocks[...] = blocks
        h = result
    return h


def gru_rule(g, x, h, w_ih, w_hh, b_ih, b_hh, out, needs, sizes):
    if type(g[0]) is not ndarray:
        operands = (x, h, w_ih, w_hh, b_ih, b_hh)
        return composed_gradients(gru_definition, operands, g[:2], sizes=sizes)
    hidden = w_hh.shape[1]
    runs = runs_of(x.shape, sizes)
    results, kept = as_rows(out[0]), out[2]
    given = as_rows(g[0])
    # The gradients of the gates: as the state moves them, and of n as the input moves it.
    d = np.empty((results.shape[0], 3 * hidden), x.dtype)
    dn = np.empty_like(results)
    dh = None
    for start, stop, steps in pieces_back(runs, results.shape[0]):
        dh = gru_steps_back(
            with_ended(dh, g[1], (stop - start) // steps),
            in_steps(given[start:stop], steps),
            kept[:, start:stop],
            in_steps(d[start:stop], steps),
            in_steps(dn[start:stop], steps),
            w_hh,
        )
    d_input = np.concatenate((d[:, : 2 * hidden], dn), 1)
    dx = dw_ih = dw_hh = db_ih = db_hh = None
    if needs[0]:
        dx = d_input.dot(w_ih).reshape(x.shape)
    if needs[2]:
        dw_ih = d_input.T.dot(as_rows(x))
    if needs[3]:
        dw_hh = d.T.dot(previous_states(results, h, runs))
    if needs[4]:
        db_ih = sum_rows(d_input)
    if needs[5]:
        db_hh = sum_rows(d)
    return dx, dh, dw_ih, dw_hh, db_ih, db_hh


def gru_steps_back(dh, given, kept, d, dn, w_hh):
    """Go back through some steps, filling `d` and `dn`; return the gradient of the state before."""
    slopes = gru_slopes(kept)
    steps, size, hidden = given.shape
    total = np.empty((size, hidden), d.dtype)
    carried = np.empty_like(total)
    before = np.empty_like(total)
    by_state = np.empty((3, size, hidden), d.dtype)
    steps_back = zip(
        given[::-1],
        steps_of_blocks(slopes[:3], steps)[::-1],
        in_steps(slopes[3], steps)[::-1],
        in_steps(kept[1], steps)[::-1],
        d[::-1],
        d.reshape(steps, size, 3, hidden).swapaxes(1, 2)[::-1],
        dn[::-1],
    )
    for result, state_slopes, n_slope, kept_share, rows, as_blocks, rows_n in steps_back:
        np.add(dh, result, total)
        np.multiply(state_slopes, total, by_state)
        np.multiply(n_slope, total, rows_n)
        as_blocks[...] = by_state
        np.dot(rows, w_hh, before)
        np.multiply(total, kept_share, carried)
        np.add(before, carried, before)
        dh = before
    return dh


def gru_slopes(kept):
    """Return how r, z, the state's part of n, and n move with the result of their step.

    ``(5, rows, hidden) -> (4, rows, hidden)``
    """
    r, z, state_n, n, difference = kept
    slopes = np.empty((4, *kept.shape[1:]), kept.dtype)
    of_r, of_z, of_state_n, of_n = slopes
    # Of a sigmoid s by what is inside it: s - s * s, and of tanh: 1 - tanh * tanh.
    np.multiply(n, n, of_n)
    np.subtract(1, of_n, of_n)
    np.subtract(1, z, of_z)
    np.multiply(of_n, of_z, of_n)
    np.multiply(of_z, z, of_z)
    np.multiply(of_z, difference, of_z)
    np.multiply(of_n, r, of_state_n)
    np.multiply(of_state_n, r, of_r)
    np.subtract(of_state_n, of_r, of_r)
    np.multiply(of_r, state_n, of_r)
    return slopes


def gru_definition(x, h, w_ih, w_hh, b_ih, b_hh, *, sizes=None):
    """What the layer means, in small operations."""
    hidden = w_hh.shape[1]
    gates = times(rows_of(x), turned(w_ih))
    if b_ih is not None:
        gates = gates + b_ih

    def step(given, h):
        from_state = times(h, turned(w_hh))
        if b_hh is not None:
            from_state = from_state + b_hh
        both = sigmoid(given[:, : 2 * hidden] + from_state[:, : 2 * hidden])
        r, z = both[:, :hidden], both[:, hidden:]
        n = np.tanh(given[:, 2 * hidden :] + r * from_state[:, 2 * hidden :])
        return (n + z * (h - n),)

    out, h = over_time(step, gates, (h,), runs_of(x.shape, sizes))
    return reshaped(out, (*x.shape[:-1], hidden)), h


def gru_op(name, node):
    made = op(name=name, node=node, differentiable=(0, 1))(gru_kernel)
    made.grads("x", "h", "w_ih", "w_hh", "b_ih", "b_hh")(gru_rule)
    return made


# One operation under the two names that PyTorch's nodes have.
gru_dense = gru_op("gru_dense", "StackBackward0")
gru_packed = gru_op("gru_packed", "CatBackward0")
