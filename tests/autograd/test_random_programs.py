"""Random programs of views, in-place writes and backward calls do the same as in PyTorch."""

import pytest

from .programs import Program

torch = pytest.importorskip("torch")
retrograd = pytest.importorskip("retrograd")


@pytest.mark.parametrize("first", range(0, 150, 10))
def test_random_programs(first):
    for seed in range(first, first + 10):
        Program(retrograd, torch, seed).run(14)
