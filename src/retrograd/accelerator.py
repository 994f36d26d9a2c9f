"""`torch.accelerator`: whichever GPU there is; there is none."""

from __future__ import annotations


def is_available() -> bool:
    """Return False."""
    return False


def current_accelerator(check_available: bool = False) -> None:
    """Return None."""
    return None


def device_count() -> int:
    """Return 0."""
    return 0
