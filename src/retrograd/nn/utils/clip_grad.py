"""Limits on gradients: by their norm together, or each by its size."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable
from types import GeneratorType
from typing import Any

import numpy as np

from ..._core.tracing import run, run_write
from ...autograd import no_grad
from ...creation import tensor
from ...tensor import Tensor


def _as_list(parameters: Any, warn: bool = False) -> list[Any]:
    if isinstance(parameters, Tensor):
        return [parameters]
    found = list(parameters)
    if warn and not found and isinstance(parameters, GeneratorType):
        warnings.warn(
            "`parameters` is an empty generator, no gradient clipping will occur.", stacklevel=3
        )
    return found


def get_total_norm(
    tensors: Any,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Return the norm of all the tensors' numbers together.

    Parameters
    ----------
    tensors : Tensor or iterable of Tensor
    norm_type : float
        ``inf`` for the largest absolute value.
    error_if_nonfinite : bool
        Raise a RuntimeError when the norm is no finite number.
    foreach : bool, optional
        Accepted; there is one implementation.
    """
    norm_type = float(norm_type)
    arrays = [t.array for t in _as_list(tensors)]
    if not arrays:
        return tensor(0.0)
    # Each tensor's norm in its own dtype, then the norm of those: PyTorch's order.
    total = run(_norm_of_all, arrays, norm_type)
    if error_if_nonfinite and not math.isfinite(float(total)):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, "
            "so it cannot be clipped. To disable this error and scale the gradients by the "
            "non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return tensor(total)


def _norm_of_all(arrays: list[Any], norm_type: float) -> Any:
    norms = [_norm(array, norm_type) for array in arrays]
    total = norms[0] if len(norms) == 1 else _norm(np.stack(norms), norm_type)
    return np.asarray(total)


def _norm(array: Any, norm_type: float) -> Any:
    flat = array.reshape(-1)
    if norm_type == 2.0:
        if flat.dtype.kind == "c":
            flat = flat.view(flat.real.dtype)
        return np.sqrt(np.dot(flat, flat))
    if norm_type == math.inf:
        return np.max(np.abs(flat), initial=0)
    return np.linalg.norm(flat, norm_type)


def _factor(total_norm: Any, max_norm: float) -> Any:
    return np.minimum(max_norm / (total_norm + 1e-6), 1.0)


def _scale(array: Any, factor: Any) -> None:
    np.multiply(array, factor, out=array, casting="same_kind")


def clip_grads_with_norm_(
    parameters: Any, max_norm: float, total_norm: Tensor, foreach: bool | None = None
) -> None:
    """Scale the gradients by ``max_norm / total_norm`` where that is below 1."""
    grads = [p.grad for p in _as_list(parameters) if p.grad is not None]
    if not grads:
        return
    max_norm = float(max_norm)
    factor = run(_factor, total_norm.array, max_norm)
    for grad in grads:
        run_write(_scale, grad.array, factor)
        grad._bump_version()


def clip_grad_norm_(
    parameters: Any,
    max_norm: float,
    norm_type: float = 2.0,
    error_if_nonfinite: bool = False,
    foreach: bool | None = None,
) -> Tensor:
    """Scale all gradients so that their norm together is at most `max_norm`.

    Returns
    -------
    Tensor
        The norm before.

    Examples
    --------
    >>> import retrograd as torch
    >>> w = torch.zeros(2, requires_grad=True)
    >>> w.grad = torch.tensor([3.0, 4.0])
    >>> torch.nn.utils.clip_grad_norm_([w], 1.0)
    tensor(5.)
    >>> w.grad
    tensor([0.6000, 0.8000])
    """
    params = _as_list(parameters, warn=True)
    grads = [p.grad for p in params if p.grad is not None]
    total_norm = get_total_norm(grads, norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(params, max_norm, total_norm, foreach)
    return total_norm


def clip_grad_value_(
    parameters: Tensor | Iterable[Tensor], clip_value: float, foreach: bool | None = None
) -> None:
    """Limit every number of the gradients to [-clip_value, clip_value]."""
    clip_value = float(clip_value)
    with no_grad():
        for param in _as_list(parameters):
            if param.grad is not None:
                param.grad.clamp_(min=-clip_value, max=clip_value)


def clip_grad_norm(*args: Any, **kwargs: Any) -> Tensor:
    """Former name of `clip_grad_norm_`."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated "
        "in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(*args, **kwargs)
