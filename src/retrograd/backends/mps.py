"""`torch.backends.mps`: Apple's GPUs, which are not used here."""

from __future__ import annotations


def is_available() -> bool:
    """Return False."""
    return False


def is_built() -> bool:
    """Return False."""
    return False
