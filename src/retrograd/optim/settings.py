"""Settings of optimizers: checked as PyTorch checks them, and completed in old checkpoints."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dtypes import float64, get_default_dtype
from ..tensor import Tensor


def as_number(value: Any) -> float:
    """Return a setting as a plain float, be it a number or a one-element tensor."""
    return value if type(value) is float else float(value)


def plain(group: dict[str, Any], name: str) -> Any:
    """Return a group's setting as a plain float, or as the tensor to record a step with."""
    value = group[name]
    if type(value) is float:
        return value
    if isinstance(value, Tensor) and group["differentiable"]:
        return value.squeeze()
    return float(value)


def check_not_negative(**settings: Any) -> None:
    """Refuse settings below zero, and nan.

    ``check_not_negative(lr=-1)`` raises ValueError("Invalid learning rate: -1").
    """
    for name, value in settings.items():
        if not value >= 0.0:
            raise ValueError(f"Invalid {_PHRASES.get(name, name + ' value')}: {value}")


_PHRASES = {"lr": "learning rate", "eps": "epsilon value"}


def check_betas(betas: Any) -> None:
    """Refuse decay rates outside [0, 1)."""
    for index, beta in enumerate(betas):
        if not 0.0 <= beta < 1.0:
            raise ValueError(f"Invalid beta parameter at index {index}: {beta}")


def check_one_element(lr: Any) -> None:
    """Refuse a tensor of several learning rates."""
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")


def check_tensor_rate_and_foreach(lr: Any, settings: dict[str, Any]) -> None:
    """Refuse what PyTorch's Adam refuses: a tensor lr with ``foreach=True``."""
    if isinstance(lr, Tensor) and settings["foreach"] and not settings["capturable"]:
        raise ValueError("lr as a Tensor is not supported for capturable=False and foreach=True")


def check_fused(settings: dict[str, Any]) -> None:
    """Refuse combinations of ``fused`` that PyTorch refuses."""
    if settings["fused"]:
        if settings["differentiable"]:
            raise RuntimeError("`fused` does not support `differentiable`")
        if settings["foreach"]:
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")


def scalar_dtype() -> Any:
    """Return the NumPy dtype of new step counts: float32, or float64 where that is the default."""
    return np.dtype(np.float64 if get_default_dtype() is float64 else np.float32)


def complete(optimizer: Any, scalars: tuple[str, ...] = ("step",), **defaults: Any) -> None:
    """Bring unpickled or loaded state up to date.

    Groups get the settings that old checkpoints lack; step counts that are plain numbers there
    become tensors.
    """
    for group in optimizer.param_groups:
        for name, default in defaults.items():
            group.setdefault(name, default)
    for param, entry in optimizer.state.items():
        if not isinstance(entry, dict):
            continue
        for name in scalars:
            value = entry.get(name)
            if value is not None and not isinstance(value, Tensor):
                entry[name] = param.make(np.array(value, scalar_dtype()))
