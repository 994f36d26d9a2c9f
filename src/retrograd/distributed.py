"""`torch.distributed`: that it is not there."""

from __future__ import annotations


def is_available() -> bool:
    """Return False: there is no communication between processes."""
    return False


def is_initialized() -> bool:
    """Return False."""
    return False
