"""A tensor where Python or the library wants a number: compiled, each value goes its own way."""

from __future__ import annotations

import warnings

import pytest

import retrograd as rg
import retrograd.nn.functional as F
from retrograd.compiler import CompiledFunction

from .running import plain

T = rg.tensor
X = rg.arange(12.0).view(3, 4)
INTS = [T(1), T(2), T(0), T(1)]
SIZES = [T(1), T(2), T(3), T(1)]
HALVES = [T(0.5), T(2.0), T(0.5)]
PAIRS = [T([1, 2]), T([1, 3]), T([1, 2])]


def written(x, index, value):
    x = x.clone()
    x[index] = value
    return x


CASES = {
    "index": (lambda t: X[t], [*INTS, T(5), T(-1)]),
    "index of an axis": (lambda t: X[0, t], INTS),
    "index in a list": (lambda t: X[[t, 0]], INTS),
    "index of bytes": (lambda t: X[t], [T(1, dtype=rg.uint8), T(2, dtype=rg.uint8)]),
    "index of bools": (lambda t: X[t], [T(True), T(False)]),
    "bounds": (lambda t: X[:, t:], INTS),
    "steps": (lambda t: X[:, ::t], SIZES),
    "write at": (lambda t: written(X, t, 5.0), INTS),
    "write at two": (lambda t: written(X, (0, t), T(5.0)), INTS),
    "item of a list": (lambda t: [X, X * 2, X * 3][t], INTS),
    "range": (lambda t: sum(X[i] for i in range(t)), SIZES),
    "is_nonzero": (lambda t: X * 2 if rg.is_nonzero(t) else X, INTS),
    "contains": (lambda t: X * 2 if 2 in t else X, PAIRS),
    "contained": (lambda t: X * 2 if t in X else X, [T(3.0), T(30.0)]),
    "narrow from": (lambda t: X.narrow(1, t, 2), INTS),
    "narrow to": (lambda t: X.narrow(1, 0, t), SIZES),
    "tensor_split": (lambda t: rg.tensor_split(X, t, 1), PAIRS),
    "tensor_split in": (lambda t: rg.tensor_split(X, t, 1), SIZES),
    "tensordot": (lambda t: rg.tensordot(X, X, t), [T([[0], [0]]), T([[1], [1]])]),
    "topk": (lambda t: X.topk(t, 1), SIZES),
    "view": (lambda t: X.view(t, -1), SIZES),
    "expand": (lambda t: rg.ones(1, 2).expand(t, 2), SIZES),
    "repeat": (lambda t: X.repeat(t, 1), SIZES),
    "roll": (lambda t: rg.roll(X, t, 1), INTS),
    "zeros": (lambda t: rg.zeros(t, 2), INTS),
    "full": (lambda t: rg.full((3,), t), HALVES),
    "full_like": (lambda t: rg.full_like(X, t), HALVES),
    "full_like an item": (lambda t: rg.full_like(X, t.item()), HALVES),
    "arange": (lambda t: rg.arange(0, 6, t), SIZES),
    "linspace": (lambda t: rg.linspace(0, t, 5), HALVES),
    "pad by": (lambda t: F.pad(X, (t, 1)), INTS),
    "pad with": (lambda t: F.pad(X, (1, 1), value=t), HALVES),
    "alpha": (lambda t: rg.add(X, X, alpha=t), HALVES),
    "mask of lengths": (lambda t: rg.arange(t.max())[None] < t[:, None], PAIRS),
    "repeat_interleave": (
        lambda t: rg.repeat_interleave(X, t, 0, output_size=3),
        [T([1, 2, 0]), T([1, 1, 1]), T([0, 0, 0])],
    ),
    "packed": (
        lambda t: rg.nn.utils.rnn.pack_padded_sequence(X, t, True, False).data,
        [T([1, 2, 4]), T([4, 4, 1]), T([1, 5, 2])],
    ),
    "unpadded": (
        lambda t: rg.nn.utils.rnn.unpad_sequence(X, t, True), [T([1, 2, 4]), T([4, 4, 1])]
    ),
    "ctc": (
        lambda t: F.ctc_loss(X.view(4, 1, 3).log_softmax(-1), T([[1, 2]]), T([4]), t),
        [T([2]), T([1])],
    ),
    "ctc of labels": (
        lambda t: F.ctc_loss(X.view(4, 1, 3).log_softmax(-1), t, T([4]), T([2])),
        [T([[1, 2]]), T([[2, 1]]), T([[2, 7]])],
    ),
}  # fmt: skip


def call(function, given):
    rg.manual_seed(3)
    try:
        return plain(function(given))
    except Exception as error:
        return type(error).__name__, str(error)


@pytest.mark.parametrize("name", CASES)
def test_numbers(name):
    function, inputs = CASES[name]
    compiled = CompiledFunction(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for time in range(3):
            for given in inputs:
                assert call(compiled, given) == call(function, given), given
            if time == 1:
                rg.compiler.lower_next(compiled)
