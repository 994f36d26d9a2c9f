"""`torch.backends.mkl`: Intel's library: NumPy's BLAS computes instead."""

from __future__ import annotations


def is_available() -> bool:
    """Return False."""
    return False
