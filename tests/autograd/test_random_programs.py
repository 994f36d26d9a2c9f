"""Random programs of views, in-place writes and backward calls do the same as in PyTorch."""

import pytest

from .programs import Program

torch = pytest.importorskip("torch")
retrograd = pytest.importorskip("retrograd")

# Programs where PyTorch refuses what retrograd can do: it saves more than its rules read
# (the result of prod), or compares strides of axes of size one.
LENIENT = ()


@pytest.mark.parametrize("first", range(0, 150, 10))
def test_random_programs(first):
    for seed in range(first, first + 10):
        Program(retrograd, torch, seed).run(14)
