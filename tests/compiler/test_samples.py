"""Every operation's samples, compiled: the recorded call and its replays equal eager, bit for bit.

A sample that cannot be replayed runs eagerly; which names have such samples, and why, is listed.
"""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import retrograd as rg
from retrograd.compiler import CompiledFunction

from ..sampling import collect, find

SAMPLES, _ = collect()
# Names without a derivative: the generic backward below does not apply.
WITHOUT_BACKWARD = {"floor_divide", "heaviside", "igamma", "igammac", "special.zeta"}


def flat(result):
    if isinstance(result, (tuple, list)):
        return [leaf for one in result for leaf in flat(one)]
    return [result]


def called(function, args, settings, backward):
    """Call a function, and go back from a weighted sum of its results; return these."""
    rg.manual_seed(0)
    results = flat(function(*args, **settings))
    for one in results:
        if backward and isinstance(one, rg.Tensor) and one.requires_grad:
            weights = rg.arange(1.0, one.numel() + 1, dtype=rg.float64).reshape(one.shape)
            (one * weights.to(one.real.dtype)).abs().sum().backward(retain_graph=True)
    return results


def seen(function, sample, backward, other_values=None):
    """Return what a call gives: results, and gradients of a weighted sum of them.

    `other_values` are written into the tensors first.
    """
    # Samples are shared: what is written into is a copy.
    own = None if other_values is None else [np.array(one, order="K") for one in sample.arrays]
    args, settings, tensors = sample.build(rg, own)
    if other_values is not None:
        for one, array in zip(found([*args, *settings.values()]), other_values, strict=True):
            held = one.detach().numpy()
            if held.flags.writeable:
                held[...] = array
    try:
        results = called(function, args, settings, backward)
    except Exception as error:
        # Of an error that a rule raises, the words may name another operation's call.
        return [type(error).__name__]
    return results + [tensor.grad for tensor in tensors]


def found(given):
    """Return the tensors in nested lists."""
    if isinstance(given, rg.Tensor):
        return [given]
    if isinstance(given, (list, tuple)):
        return [tensor for one in given for tensor in found(one)]
    return []


def opposite(sample):
    """Return the elements of a sample's tensors in the opposite order."""
    args, settings, _ = sample.build(rg)
    arrays = [one.detach().numpy() for one in found([*args, *settings.values()])]
    return [array.reshape(-1)[::-1].reshape(array.shape).copy() for array in arrays]


def first_alone(sample):
    """Return arrays in the shapes of a sample's tensors, full of each one's first element."""
    return [np.full_like(array, array.flat[0]) if array.size else array
            for array in map(np.asarray, opposite(sample))]  # fmt: skip


def shapes_of(results):
    return [one.shape if isinstance(one, rg.Tensor) else None for one in results]


def compare(ours, eager):
    assert len(ours) == len(eager)
    for one, other in zip(ours, eager, strict=True):
        if isinstance(other, rg.Tensor):
            assert isinstance(one, rg.Tensor)
            assert (one.dtype, one.requires_grad) == (other.dtype, other.requires_grad)
            np.testing.assert_array_equal(one.detach().numpy(), other.detach().numpy())
        else:
            assert type(one) is type(other)
            assert one == other or one != one


def compiled_calls(name):
    """Yield each good sample of a name, whether to go back from it, and the name compiled anew."""
    function = find(rg, name)
    for sample in SAMPLES[name]:
        if sample.raises is None:
            compiled = CompiledFunction(lambda *args, **settings: function(*args, **settings))
            yield sample, name not in WITHOUT_BACKWARD, compiled


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_replay_equals_eager(name):
    replayed = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a sample runs eagerly, and PyTorch's own
        for sample, backward, compiled in compiled_calls(name):
            eager = seen(find(rg, name), sample, backward)
            for _ in range(3):
                compare(seen(compiled, sample, backward), eager)
            # The record holds nothing of the values that it was made with.
            shape = shapes_of(eager)
            for others in (opposite(sample), first_alone(sample)):
                eager = seen(find(rg, name), sample, backward, others)
                for _ in range(2):
                    compare(seen(compiled, sample, backward, others), eager)
                segments = list(compiled.segments())
                followed = not any(segment.eager for segment in segments)
                both = [p for p in zip(shape, shapes_of(eager), strict=False) if None not in p]
                if followed and any(one != other for one, other in both):
                    # A program that asks for the shape must be told of the other one.
                    assert any(segment.kind for segment in segments)
            replayed += bool(segments) and all(not segment.eager for segment in segments)
    if not replayed:
        pytest.skip("runs eagerly")
