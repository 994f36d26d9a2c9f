"""`torch.backends.cuda`: settings that programs assign; nothing reads them."""

from __future__ import annotations

from types import SimpleNamespace

matmul = SimpleNamespace(
    allow_tf32=False,
    allow_fp16_reduced_precision_reduction=True,
    allow_bf16_reduced_precision_reduction=True,
    fp32_precision="none",
)

# Which ways of computing attention are allowed: here there is one.
_attention = {"flash": True, "mem_efficient": True, "math": True, "cudnn": True}


def is_built() -> bool:
    """Return False."""
    return False


def enable_flash_sdp(enabled: bool) -> None:
    """Remember a setting that nothing reads."""
    _attention["flash"] = enabled


def enable_mem_efficient_sdp(enabled: bool) -> None:
    """Remember a setting that nothing reads."""
    _attention["mem_efficient"] = enabled


def enable_math_sdp(enabled: bool) -> None:
    """Remember a setting that nothing reads."""
    _attention["math"] = enabled


def enable_cudnn_sdp(enabled: bool) -> None:
    """Remember a setting that nothing reads."""
    _attention["cudnn"] = enabled


def flash_sdp_enabled() -> bool:
    """Return what `enable_flash_sdp` was given."""
    return _attention["flash"]


def mem_efficient_sdp_enabled() -> bool:
    """Return what `enable_mem_efficient_sdp` was given."""
    return _attention["mem_efficient"]


def math_sdp_enabled() -> bool:
    """Return what `enable_math_sdp` was given."""
    return _attention["math"]


def cudnn_sdp_enabled() -> bool:
    """Return what `enable_cudnn_sdp` was given."""
    return _attention["cudnn"]
