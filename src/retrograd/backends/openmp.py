"""`torch.backends.openmp`: not used here."""

from __future__ import annotations


def is_available() -> bool:
    """Return False."""
    return False
