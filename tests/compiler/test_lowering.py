"""Lowering: steps opened into NumPy calls give every bit that the steps gave."""

from __future__ import annotations

import warnings

import pytest

import retrograd as rg
from retrograd.compiler import CompiledFunction, warming

from ..sampling import collect, find
from .test_samples import WITHOUT_BACKWARD, compare, seen

SAMPLES, _ = collect()


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    """Lower at the first replay."""
    monkeypatch.setattr(warming, "PATIENCE", 0.0)


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_lowered_samples_equal_eager(name):
    lowered = 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a sample runs eagerly, and PyTorch's own
        for sample in SAMPLES[name]:
            if sample.raises is not None:
                continue
            backward = name not in WITHOUT_BACKWARD
            eager = seen(find(rg, name), sample, backward)
            compiled = CompiledFunction(lambda *args, **settings: find(rg, name)(*args, **settings))
            for _ in range(4):
                compare(seen(compiled, sample, backward), eager)
            segments = list(compiled.segments())
            lowered += any(segment.plan is not None for segment in segments)
            assert not any(segment.surprises for segment in segments)
    if not lowered:
        pytest.skip("runs eagerly")
