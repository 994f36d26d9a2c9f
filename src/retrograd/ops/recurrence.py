"""What the recurrent layers share: how rows are laid out in time, and steps of changing size.

Note [Rows in time].  A layer sees its sequences as a matrix of rows: all of the first time step,
then all of the second, and so on.  A batch of equal lengths has the same number of rows at every
step; a packed one, sorted by length, has fewer and fewer (`sizes`).  Neighbouring steps with the
same number of rows are a *run*, a dense block (steps, rows, features): a padded batch is one run.
The layers go forward in time only; for the other direction `reversed_rows` turns the rows round.

Note [Blocks, not columns].  Gates are kept one after the other, each (rows, hidden), not as columns
of a (rows, 4 * hidden) matrix.  NumPy calls its inner loop for every stretch of memory without a
gap, and a call costs 0.3 us more than its numbers: as columns, each row of a gate is a stretch.  A
step's gates are worked out in one small buffer, whose three sigmoids are one stretch, and copied
from and to columns, for the products, and into the whole sequence's blocks, which one stretch
each serves on the way back; a plain copy takes 0.8 us for 16x256 numbers, gaps or not.
"""

from __future__ import annotations

from itertools import groupby
from math import prod

import numpy as np

_PIECE = 16


def runs_of(shape, sizes):
    """Return (steps, rows at each) for every run of equal sizes.

    Parameters
    ----------
    shape : tuple of int
        (steps, batch, features), or (rows, features) when packed.
    sizes : tuple of int or None
        Rows at each step of a packed batch.
    """
    if sizes is None:
        return [(shape[0], shape[1])]
    return [(len(list(same)), rows) for rows, same in groupby(sizes)]


def pieces_back(runs, rows):
    """Yield (start, stop, steps) for every piece of at most 16 steps, from the end.

    A piece's slopes stay in the processor's cache, and need no memory of the whole's size.
    """
    stop = rows
    for steps, size in reversed(runs):
        while steps:
            few = min(steps, _PIECE)
            steps -= few
            yield stop - few * size, stop, few
            stop -= few * size


def as_rows(x):
    """Return (*B, features) as a matrix.  (steps, batch, n) -> (steps * batch, n)"""
    shape = x.shape
    return np.reshape(x, (prod(shape[:-1]), shape[-1]))


def in_steps(rows, steps):
    """Return the rows of one run by steps.  (steps * size, n) -> (steps, size, n)"""
    return rows.reshape(steps, rows.shape[0] // steps, rows.shape[1])


def steps_of_blocks(blocks, steps):
    """Return the blocks of one run by steps.  (k, steps * size, n) -> (steps, k, size, n)"""
    count, rows, features = blocks.shape
    return blocks.reshape(count, steps, rows // steps, features).swapaxes(0, 1)


def joined_states(parts):
    """Return the final states: sequences that end early stand behind those that end late."""
    return parts[0] if len(parts) == 1 else np.concatenate(parts[::-1])


def with_ended(d, final, size):
    """Join, going back, the gradient of a state with those of the sequences that end here."""
    if d is None:
        return final[:size]
    if d.shape[0] == size:
        return d
    return np.concatenate((d, final[d.shape[0] : size]))


def previous_states(out, first, runs):
    """Return the state that each row starts from: `first`, then the result one step before.

    ``(rows, n), (batch, n) -> (rows, n)``
    """
    parts = []
    start = before = 0
    for steps, rows in runs:
        parts.append(out[before : before + rows] if start else first)
        parts.append(out[start : start + (steps - 1) * rows])
        before = start + (steps - 1) * rows
        start += steps * rows
    return np.concatenate(parts)


# -- definitions: what the layers mean, in small operations ---------------------------------------


def sigmoid(x):
    """Return 1 / (1 + exp(-x)), by way of tanh, which does not overflow.  (*S) -> (*S)"""
    return np.tanh(x * 0.5) * 0.5 + 0.5


def over_time(step, gates, states, runs):
    """Run a step function over time, recording every step.

    Parameters
    ----------
    step : callable
        ``step(gates, *states)`` returns the next states; the first of them is the result.
    gates : Tensor, (rows, m)
        What the input contributes, at every step.
    states : tuple of Tensor, each (batch, n)
    runs : list of (steps, rows)

    Returns
    -------
    tuple
        The results as rows, and each final state.
    """
    results = []
    ended = [[] for _ in states]
    start = 0
    for steps, rows in runs:
        if rows < states[0].shape[0]:
            for parts, state in zip(ended, states):
                parts.append(state[rows:])
            states = tuple([state[:rows] for state in states])
        for _ in range(steps):
            states = step(gates[start : start + rows], *states)
            results.append(states[0])
            start += rows
    for parts, state in zip(ended, states):
        parts.append(state)
    return np.concatenate(results), *[joined_states(parts) for parts in ended]
