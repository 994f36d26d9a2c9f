"""Samples of connectionist temporal classification, and its likelihood summed path by path."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import retrograd

from ..sampling import Sample, array


def logs(*shape, dtype="float64"):
    """Return log-probabilities over the last axis."""
    scores = array(*shape, dtype=dtype, seed=sum(shape))
    return scores - np.log(np.sum(np.exp(scores), axis=-1, keepdims=True)).astype(dtype)


def integers(*values):
    return np.array(values)


PADDED = integers([1, 2, 2], [3, 1, 0])
LENGTHS = (7, 5), (3, 2)
# The gradient is that of log-probabilities out of a log_softmax (as in PyTorch), which moving the
# log-probabilities themselves does not give.
SLOPE = "finite second"

SAMPLES = {
    "ctc_loss": [
        Sample(logs(7, 2, 4), PADDED, *LENGTHS, skip=SLOPE),
        Sample(logs(7, 2, 4), PADDED, *LENGTHS, reduction=0, skip=SLOPE),
        Sample(logs(7, 2, 4), PADDED, *LENGTHS, reduction=2, skip=SLOPE),
        Sample(logs(7, 2, 4), integers(1, 2, 2, 3, 1), *LENGTHS, reduction=0, skip=SLOPE),
        Sample(logs(7, 2, 4), PADDED, integers(7, 5), integers(3, 0), reduction=0, skip=SLOPE),
        Sample(logs(7, 2, 4), PADDED, (7, 4), (2, 2), 3, 0, skip=SLOPE),
        Sample(logs(7, 4), integers(1, 2, 2), (7,), (3,), skip=SLOPE),
        Sample(logs(7, 4), integers(1, 2, 2), np.array(7), np.array(3), skip=SLOPE),
        Sample(logs(7, 4), integers(1, 2, 2), (7,), (3,), reduction=0, skip=SLOPE),
        Sample(logs(7, 2, 4), PADDED, (2, 5), (3, 2), reduction=0, skip=SLOPE),
        Sample(logs(7, 2, 4), PADDED, (2, 5), (3, 2), reduction=0, zero_infinity=True, skip=SLOPE),
        Sample(logs(7, 2, 4), PADDED, (0, 5), (0, 2), reduction=0, skip=SLOPE),
        Sample(logs(7, 2, 4), integers([], []).astype("int64"), (7, 5), (0, 0), skip=SLOPE),
        Sample(logs(7, 2, 4, dtype="float32"), PADDED.astype("int32"), *LENGTHS, skip=SLOPE),
        *[
            Sample(logs(7, 2, 4), *given, raises=error, match=words)
            for given, error, words in [
                ((PADDED, (8, 5), (3, 2)), RuntimeError, "at most 7, but got value 8"),
                ((PADDED, (-1, 5), (3, 2)), RuntimeError, "at least 0, but got value -1"),
                ((PADDED, (7, 5), (3, -2)), RuntimeError, "Expected target_lengths to have value"),
                ((PADDED, (7, 5), (4, 2)), RuntimeError, "size at least 4 at dimension 1, but got"),
                ((PADDED[:1], (7, 5), (3, 2)), RuntimeError, "to have size 2 at dimension 0"),
                ((PADDED[0], (7, 5), (3, 2)), RuntimeError, "to have size 5 at dimension 0"),
                ((PADDED[None], (7, 5), (3, 2)), RuntimeError, "Expected 1 to 2 dimensions"),
                ((PADDED, (7,), (3, 2)), RuntimeError, "input_lengths must be of size batch_size"),
                ((PADDED, (7, 5), (3,)), RuntimeError, "target_lengths must be of size batch_size"),
                ((PADDED, (7, 5), (3, 2), 4), RuntimeError, "blank must be in label range"),
                ((PADDED, integers(7.0, 5.0), integers(3, 2)), RuntimeError, "must be integral"),
            ]
        ],
        Sample(logs(7, 2, 4)[:0], PADDED, (0, 0), (0, 0), raises=RuntimeError,
               match="log_probs tensor must not be empty"),
        Sample(logs(4), PADDED[0], (7,), (3,), raises=RuntimeError,
               match="Expected 3-dimensional tensor, but got 2-dimensional tensor"),
        Sample(array(7, 2, 4, dtype="int64"), PADDED, *LENGTHS, raises=NotImplementedError,
               match="\"ctc_loss_cpu\" not implemented for 'Long'"),
    ],
}  # fmt: skip


def by_paths(probabilities, labels, blank=0):
    """Return the likelihood of labels as the sum over every path that collapses to them."""
    total = 0.0
    times, classes = probabilities.shape
    for path in itertools.product(range(classes), repeat=times):
        merged = [label for label, _ in itertools.groupby(path)]
        if [label for label in merged if label != blank] == labels:
            total += np.prod(probabilities[np.arange(times), path])
    return total


@pytest.mark.parametrize("labels", [[1], [1, 2], [2, 2], [1, 2, 1], []])
def test_the_likelihood_is_the_sum_over_paths(labels):
    given = logs(5, 1, 3)
    targets = np.array([labels], np.int64).reshape(1, len(labels))
    loss = retrograd.ctc_loss(
        retrograd.from_numpy(given), retrograd.from_numpy(targets), (5,), (len(labels),), 0, 2
    )
    assert loss.item() == pytest.approx(-np.log(by_paths(np.exp(given[:, 0]), labels)))


def test_the_gradient_through_log_softmax():
    scores = retrograd.from_numpy(array(6, 2, 4)).requires_grad_()
    targets = retrograd.tensor([[1, 2], [3, 3]])

    def loss(x):
        return retrograd.ctc_loss(x.log_softmax(2), targets, (6, 5), (2, 2))

    assert retrograd.autograd.gradcheck(loss, (scores,))


def test_no_second_derivative():
    x = retrograd.from_numpy(logs(5, 1, 3)).requires_grad_()
    loss = retrograd.ctc_loss(x, retrograd.tensor([[1, 2]]), (5,), (2,))
    (slope,) = retrograd.autograd.grad(loss, x, create_graph=True)
    with pytest.raises(RuntimeError, match="derivative for aten::_ctc_loss_backward is not impl"):
        slope.sum().backward()


def test_a_label_that_is_no_class():
    with pytest.raises(IndexError, match="target 9 is out of bounds for 3 classes"):
        retrograd.ctc_loss(
            retrograd.from_numpy(logs(5, 1, 3)), retrograd.tensor([[1, 9]]), (5,), (2,)
        )
