"""Connectionist temporal classification: `torch.ctc_loss`.

The likelihood of a label sequence is summed over all alignments by the forward-backward
algorithm (Graves et al., 2006), in logarithms, with NumPy over samples and states and a loop over
time.  The states of a sample are its labels with a blank before, between and after them.
"""

from __future__ import annotations

import numpy as np

from .._core.op import op
from .._core.public import expect_tensor, public
from .._core.tracing import from_python, run
from .._core.value import Value
from ._arguments import scalar_name
from .selection import where

# Stands for log(0): differences of it are 0, where those of -inf would be nan.
_LOWEST = -1e30
_IMPOSSIBLE = -1e29


def _states(targets, lengths, blank):
    """Return the label of each state and where a path may skip a blank.

    Parameters
    ----------
    targets : array of int, (n, k)
    lengths : array of int, (n,)

    Returns
    -------
    labels : array of int, (n, 2 k + 1)
    skips : array of bool, (n, 2 k + 1)
        Whether a path may come from two states before: between two different labels.
    """
    samples, most = targets.shape
    within = np.arange(most) < lengths[:, None]
    labels = np.full((samples, 2 * most + 1), blank)
    labels[:, 1::2] = np.where(within, targets, blank)
    skips = np.zeros(labels.shape, bool)
    skips[:, 3::2] = labels[:, 3::2] != labels[:, 1:-2:2]
    return labels, skips


def _forward(emitted, skips):
    """Return, at each time, the log-likelihood of reaching each state.  (t, n, s) -> (t, n, s)"""
    times, samples, states = emitted.shape
    # Two empty states before each row: the states one and two before are views of the row.
    padded = np.full((times, samples, states + 2), _LOWEST, emitted.dtype)
    if times:
        padded[0, :, 2:4] = emitted[0, :, :2]
    barred = np.where(skips, 0, np.asarray(_LOWEST, emitted.dtype))
    ways = np.empty((3, samples, states), emitted.dtype)
    stay, step, skip = ways
    top = np.empty_like(stay)
    here, one, two = padded[:, :, 2:], padded[:, :, 1:-1], padded[:, :, :-2]
    # Two calls for three ways take less than a reduction over them.
    for time in range(1, times):
        before, last = here[time - 1], one[time - 1]
        np.add(two[time - 1], barred, skip)
        np.maximum(before, last, out=top)
        np.maximum(top, skip, out=top)
        np.subtract(before, top, stay)
        np.subtract(last, top, step)
        np.subtract(skip, top, skip)
        np.exp(ways, ways)
        np.add(stay, step, stay)
        np.add(stay, skip, stay)
        np.log(stay, stay)
        np.add(stay, top, stay)
        np.add(stay, emitted[time], here[time])
    return here


def _both_ways(emitted, skips, lengths, target_lengths):
    """Return the log-likelihoods of reaching each state, and of finishing from it.

    Finishing is reaching from the end: time and states turned round, each sample's by its own
    lengths, so that one pass over twice as many samples gives both.
    """
    times, samples, states = emitted.shape
    every = np.arange(samples)[:, None]
    place = np.arange(states)
    last = 2 * target_lengths[:, None]
    # Where each time and state comes from; beyond a sample's own lengths it does not matter.
    time = ((lengths - 1 - np.arange(times)[:, None]) % max(times, 1))[:, :, None]
    state = (last - place) % states
    # A skip leads into the state after the one that it leads into the other way round.
    onward = np.zeros_like(skips)
    onward[:, :-2] = skips[:, 2:]
    onward = onward[every, state]
    onward[:, :2] = False
    index = time, every, state
    found = _forward(
        np.concatenate((emitted, emitted[index]), axis=1), np.concatenate((skips, onward))
    )
    return found[:, :samples], np.where(place <= last, found[:, samples:][index], _LOWEST)


def _last_states(shape, target_lengths):
    """Return the states in which a path may end: the last label, the blank after it."""
    states = np.arange(shape[1])
    last = 2 * target_lengths[:, None]
    return (states == last) | (states == last - 1)


def _emitted(x, labels):
    """Return the log-probability of each state's label at each time.  -> (t, n, s)"""
    found = np.take_along_axis(x, np.broadcast_to(labels, (len(x), *labels.shape)), axis=2)
    return np.maximum(found, np.asarray(_LOWEST, x.dtype))


@op(node="CtcLossBackward0")
def connectionist(x, targets, input_lengths, target_lengths, *, blank, zero_infinity):
    """-log of the likelihood of each sample's labels.  (t, n, c), (n, k), (n,), (n,) -> (n,)

    The gradient is that of log-probabilities which come from a log_softmax, as in PyTorch.
    """
    labels, skips = _states(targets, target_lengths, blank)
    alpha = _forward(_emitted(x, labels), skips)
    return -_reached(alpha, input_lengths, target_lengths)


def _reached(alpha, input_lengths, target_lengths):
    """Return the log-likelihood of having finished at the end of each sample."""
    samples = np.arange(len(input_lengths))
    ends = np.where(
        _last_states(alpha.shape[1:], target_lengths),
        alpha[np.maximum(input_lengths - 1, 0), samples],
        _LOWEST,
    )
    total = np.logaddexp.reduce(ends, axis=1)
    total = np.where(total < _IMPOSSIBLE, np.asarray(-np.inf, alpha.dtype), total)
    nothing = np.where(target_lengths == 0, np.asarray(0, alpha.dtype), -np.inf)
    return np.where(input_lengths == 0, nothing, total)


@connectionist.grad("x")
def connectionist_dx(
    g, x, targets, input_lengths, target_lengths, out, blank, zero_infinity
):
    slope = connectionist_slope(g, x, targets, input_lengths, target_lengths, out, blank=blank)
    return np.where((out == np.inf)[:, None], 0, slope) if zero_infinity else slope


@op(name="ctc_loss_backward")
def connectionist_slope(g, x, targets, input_lengths, target_lengths, loss, *, blank):
    """exp(x) less each class's share of the alignments, times g.  -> (t, n, c)"""
    labels, skips = _states(targets, target_lengths, blank)
    emitted = _emitted(x, labels)
    alpha, beta = _both_ways(emitted, skips, input_lengths, target_lengths)
    # Both counted the state's own emission.
    share = np.exp(np.maximum(alpha + beta - emitted, _LOWEST) + loss[:, None])
    classes = np.asarray(labels[:, :, None] == np.arange(x.shape[2]), x.dtype)
    occupied = np.swapaxes(np.matmul(np.swapaxes(share, 0, 1), classes), 0, 1)
    within = (np.arange(len(x))[:, None] < input_lengths)[:, :, None]
    return np.where(within, (np.exp(x) - occupied) * g[:, None], 0)


@connectionist_slope.grad("g", "x")
def connectionist_slope_d(g):
    raise RuntimeError("derivative for aten::_ctc_loss_backward is not implemented")


# -- arguments ----------------------------------------------------------------------------------

_CHECKING = " (while checking arguments for ctc_loss_allocate_outputs)"


def _lengths(name, given):
    """Return lengths given as a tensor or a sequence, as an array of int64."""
    if not isinstance(given, Value):
        return from_python(_whole_numbers, given)
    if given.get_dtype().kind not in "iu":
        raise RuntimeError(f"{name} must be integral")
    return run(_whole_numbers, given.array)


def _whole_numbers(given):
    return np.atleast_1d(np.asarray(given)).astype(np.int64)


def _padded(targets, lengths):
    """Return targets as one row for each sample; concatenated ones are taken apart."""
    if targets.ndim == 2:
        return targets
    most = int(np.max(lengths, initial=0))
    places = np.arange(most)
    starts = np.cumulative_sum(lengths, include_initial=True)[:-1]
    index = np.where(places < lengths[:, None], starts[:, None] + places, 0)
    return targets[index] if targets.size else np.zeros((len(lengths), most), np.int64)


def rows_of_labels(x, targets, input_lengths, target_lengths, blank):
    """Return targets as one row for each sample, after PyTorch's checks."""
    labels = targets.astype(np.int64)
    _check(x, labels, input_lengths, target_lengths, blank)
    rows = _padded(labels, target_lengths)
    _check_labels(rows, target_lengths, x.shape[2])
    return rows


def _divisors(lengths, dtype):
    return np.maximum(lengths, 1).astype(dtype)


def _check(x, targets, input_lengths, target_lengths, blank):
    """Raise PyTorch's errors for a batch of arguments."""
    shape = x.shape
    if 0 in shape:
        raise RuntimeError("log_probs tensor must not be empty")
    if not 0 <= blank < shape[2]:
        raise RuntimeError("blank must be in label range")
    for name, lengths in (("input_lengths", input_lengths), ("target_lengths", target_lengths)):
        if len(lengths) != shape[1]:
            raise RuntimeError(f"{name} must be of size batch_size")
    if x.dtype.name not in ("float32", "float64"):
        raise NotImplementedError(f"\"ctc_loss_cpu\" not implemented for '{scalar_name(x.dtype)}'")
    if targets.ndim not in (1, 2):
        raise RuntimeError(
            f"Expected 1 to 2 dimensions, but got {targets.ndim}-dimensional tensor for "
            f"argument #2 'targets'{_CHECKING}"
        )
    for name, lengths in (("target_lengths", target_lengths), ("input_lengths", input_lengths)):
        if lengths.min() < 0:
            low = lengths[lengths < 0][0]
            raise RuntimeError(
                f"Expected {name} to have value at least 0, but got value {low}{_CHECKING}"
            )
    if targets.ndim == 1:
        _check_size(targets, 0, int(target_lengths.sum()), "")
    else:
        _check_size(targets, 0, shape[1], "")
        _check_size(targets, 1, int(target_lengths.max()), "at least ")
    if input_lengths.max() > shape[0]:
        raise RuntimeError(
            f"Expected input_lengths to have value at most {shape[0]}, but got value "
            f"{input_lengths.max()}{_CHECKING}"
        )


def _check_size(targets, axis, wanted, at_least):
    size = targets.shape[axis]
    if size < wanted or (not at_least and size != wanted):
        raise RuntimeError(
            f"Expected tensor to have size {at_least}{wanted} at dimension {axis}, but got size "
            f"{size} for argument #2 'targets'{_CHECKING}"
        )


def _check_labels(rows, lengths, classes):
    """Refuse labels that are no class; PyTorch reads whatever memory they point at."""
    outside = (rows < 0) | (rows >= classes)
    outside &= np.arange(rows.shape[1]) < lengths[:, None]
    if outside.any():
        raise IndexError(
            f"ctc_loss: target {rows[outside][0]} is out of bounds for {classes} classes"
        )


@public("ctc_loss", method=False)
def ctc_loss(
    log_probs, targets, input_lengths, target_lengths, blank=0, reduction=0, zero_infinity=False
):
    """Connectionist temporal classification loss.

    Parameters
    ----------
    log_probs : Tensor
        (T, N, C), or (T, C) for one sample: log-probabilities, from `log_softmax`.
    targets : Tensor
        (N, K), or all samples' labels one after the other.
    input_lengths, target_lengths : Tensor or sequence of int
        (N,)
    blank : int
        The class that stands for no label.
    reduction : int
        0 for the losses, 1 for the mean of the losses divided by their target lengths, 2 for the
        sum.
    zero_infinity : bool
        Whether an impossible alignment counts 0, with no gradient, and not infinity.
    """
    shape = expect_tensor("ctc_loss", log_probs, "log_probs").get_shape()
    expect_tensor("ctc_loss", targets, "targets", 2)
    inputs = _lengths("input_lengths", input_lengths)
    wanted = _lengths("target_lengths", target_lengths)
    single = len(shape) != 3
    if single:
        log_probs = log_probs.unsqueeze(1)
        if len(shape) != 2:
            raise RuntimeError(
                f"Expected 3-dimensional tensor, but got {len(shape) + 1}-dimensional tensor for "
                f"argument #1 'log_probs'{_CHECKING}"
            )
        targets = targets.unsqueeze(0) if targets.dim() == 1 else targets
    rows = run(rows_of_labels, log_probs.array, targets.array, inputs, wanted, blank)
    losses = connectionist(
        log_probs, rows, inputs, wanted, blank=blank, zero_infinity=zero_infinity
    )
    if zero_infinity:
        losses = where(losses == np.inf, 0.0, losses)
    if reduction == 1:
        return (losses / losses.make(run(_divisors, wanted, losses.get_dtype()))).mean()
    if reduction == 2:
        return losses.sum()
    return losses.squeeze(0) if single else losses
