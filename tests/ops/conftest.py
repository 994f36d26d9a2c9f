"""Fixtures of the operation tests."""

import pytest


@pytest.fixture(params=["retrograd", "torch"])
def torch_or_retrograd(request):
    """Each library in turn: what a test says of retrograd is so in PyTorch too."""
    return pytest.importorskip(request.param)
