"""`torch.backends.cpu`: which instructions PyTorch's kernels use."""

from __future__ import annotations


def get_cpu_capability() -> str:
    """Return ``"DEFAULT"``: NumPy chooses its own instructions."""
    return "DEFAULT"
