"""Replays with values of another kind: nan, infinity, places out of range, singular matrices.

What a front function or a kernel decides by values (a check, a short cut, a size) must be decided
anew by every replay.  So each operation's samples are recorded with their own values and replayed
with such ones, one array at a time: results, gradients and errors equal eager's.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import retrograd as rg
from retrograd.compiler import CompiledFunction, warming

from ..sampling import find
from .running import bits
from .test_samples import SAMPLES, WITHOUT_BACKWARD, called

MOST_SAMPLES, MOST_VALUES = 3, 6  # of a name, of a sample: the fuzz of all takes minutes


def unusual(array):
    """Return arrays like this one that another branch may be taken for."""
    kind = array.dtype.kind
    if not array.size:
        return []

    def last(value):
        made = array.copy()
        made.reshape(-1)[-1] = value
        return made

    if kind == "f":
        return [
            last(np.nan), np.zeros_like(array), -array, last(np.inf), last(2.5),
            np.ones_like(array), np.full_like(array, np.nan), np.full_like(array, -3),
        ]  # fmt: skip
    if kind in "iu":
        found = [last(100), np.zeros_like(array), last(0), np.full_like(array, 3)]
        return [*found, last(-100), -array, last(-1)] if kind == "i" else found
    if kind == "b":
        return [~array, np.ones_like(array), np.zeros_like(array)]
    return [np.full_like(array, np.nan), -array, np.zeros_like(array), last(3 - 2j)]


def chosen(sample, number):
    """Return sets of arrays for a sample, each with one array of unusual values."""
    found = []
    for place, array in enumerate(sample.arrays):
        for values in unusual(np.asarray(array)):
            found.append([values if k == place else one for k, one in enumerate(sample.arrays)])
    step = max(1, len(found) // MOST_VALUES)
    return found[number % step :: step]


def seen(function, sample, backward, arrays):
    """Return what a call gives, without tensors: results and gradients, or the error."""
    own = [np.array(one, order="K") for one in arrays]
    args, settings, tensors = sample.build(rg, own)
    try:
        results = called(function, args, settings, backward)
    except Exception as error:
        return [type(error).__name__, str(error)]
    return [plain(one) for one in results + [tensor.grad for tensor in tensors]]


def plain(given):
    if not isinstance(given, rg.Tensor):
        return repr(given)
    held = given.detach().numpy()
    return (held.dtype.str, held.shape, given.requires_grad, bits(held))


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_replay_decides_by_the_values_it_is_given(name, monkeypatch):
    function = find(rg, name)
    backward = name not in WITHOUT_BACKWARD
    right = [sample for sample in SAMPLES[name] if sample.raises is None]
    for number, sample in enumerate(right[:MOST_SAMPLES]):
        monkeypatch.setattr(warming, "PATIENCE", 0.0 if number % 2 else 2.0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            compiled = CompiledFunction(lambda *args, **settings: function(*args, **settings))
            for _ in range(2):
                seen(compiled, sample, backward, sample.arrays)
            if any(segment.eager for segment in compiled.segments()):
                continue
            for arrays in chosen(sample, number):
                eager = seen(function, sample, backward, arrays)
                for _ in range(2):
                    assert seen(compiled, sample, backward, arrays) == eager, (sample, arrays)
