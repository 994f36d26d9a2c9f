"""Lowering: steps opened into NumPy calls give every bit that the steps gave."""

from __future__ import annotations

import warnings

import pytest

import retrograd as rg
from retrograd.compiler import CompiledFunction, warming

from ..sampling import find
from .running import plain
from .test_samples import SAMPLES, compare, compiled_calls, seen

LSTM, GRU, RNN = rg.nn.LSTM(3, 4), rg.nn.GRU(3, 4), rg.nn.RNN(3, 4)


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Lower at the first replay."""
    monkeypatch.setattr(warming, "PATIENCE", 0.0)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_lowered_samples_equal_eager(name):
    lowered = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a sample runs eagerly, and PyTorch's own
        for sample, backward, compiled in compiled_calls(name):
            eager = seen(find(rg, name), sample, backward)
            for _ in range(4):
                compare(seen(compiled, sample, backward), eager)
            segments = list(compiled.segments())
            lowered += any(segment.plan is not None for segment in segments)
            assert not any(segment.surprises for segment in segments)
    if not lowered:
        pytest.skip("runs eagerly")


@pytest.mark.parametrize(
    "function",
    [
        lambda x: rg.nn.functional.relu(x @ x.t()).clamp(0.1, 0.9).sum(),
        lambda x: LSTM(x[None])[0].detach(),
        lambda x: GRU(x[None])[0].detach(),
        lambda x: RNN(x[None])[0].detach(),
    ],
    ids=["bounds", "lstm", "gru", "rnn"],
)
def test_lowered_is_replayed_and_equal(function):
    """Kernels that write by a positional `out`, under warnings as errors."""
    compiled = CompiledFunction(function)
    for time in range(6):
        x = rg.randn(3, 3)
        assert plain(compiled(x)) == plain(function(x))
        if time == 2:
            rg.compiler.lower_next(compiled)
    assert rg.compiler.explain(compiled).lowered == 1
    root = next(compiled.segments())
    replayed = []
    run = root.run
    root.run = lambda *args: replayed.append(run(*args)) or replayed[-1]
    compiled(rg.randn(3, 3))
    assert len(replayed) == 1
