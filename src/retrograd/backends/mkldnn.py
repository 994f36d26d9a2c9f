"""`torch.backends.mkldnn`: a library that is not used here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

enabled = False
deterministic = False
allow_tf32 = False


def is_available() -> bool:
    """Return False."""
    return False


@contextmanager
def flags(
    enabled: bool = False,
    deterministic: bool = False,
    allow_tf32: bool = True,
    fp32_precision: str = "none",
) -> Iterator[None]:
    """Set the settings for a while: changes nothing."""
    yield
