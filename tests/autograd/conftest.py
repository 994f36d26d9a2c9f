"""Fixtures: each test runs on retrograd and, where it is installed, on PyTorch."""

import pytest


@pytest.fixture(params=["retrograd", "torch"])
def torch(request):
    """Each library in turn: what a test says of retrograd is so in PyTorch too."""
    return pytest.importorskip(request.param)
