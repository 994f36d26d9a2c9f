"""Muon: steps along the nearest orthogonal matrix."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..autograd import enable_grad
from .moments import approach, side
from .optimizer import Optimizer
from .settings import as_number, check_one_element

# Of a polynomial that takes singular values quickly to near 1, from Jordan's text.
NEWTON_SCHULZ = (3.4445, -4.775, 2.0315)


class Muon(Optimizer):
    """Muon: momentum, made orthogonal; for the matrices of hidden layers.

    Parameters
    ----------
    params : iterable
        Matrices, ``(name, matrix)`` pairs, or dictionaries that define parameter groups.
    lr : float or Tensor
    weight_decay : float
        Shrinks the parameters themselves.
    momentum : float
        Decay of the running mean of the gradient.
    nesterov : bool
        Look ahead along the momentum.
    ns_coefficients : tuple of float
        Coefficients of the odd polynomial of degree 5 that makes singular values near 1.
    eps : float
        What the norm that the matrix is divided by counts as at least.
    ns_steps : int
        How often the polynomial is applied.
    adjust_lr_fn : {None, "original", "match_rms_adamw"}
        How the learning rate is adapted to a matrix of A rows and B columns: times
        ``sqrt(max(1, A / B))``, or times ``0.2 * sqrt(max(A, B))``.

    Notes
    -----
    The polynomial is evaluated with results rounded to bfloat16, as in PyTorch.

    References
    ----------
    Jordan, "Muon: an optimizer for hidden layers in neural networks", 2024.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        weight_decay: float = 0.1,
        momentum: float = 0.95,
        nesterov: bool = True,
        ns_coefficients: tuple[float, float, float] = NEWTON_SCHULZ,
        eps: float = 1e-7,
        ns_steps: int = 5,
        adjust_lr_fn: str | None = None,
    ) -> None:
        check_one_element(lr)
        if not lr >= 0.0:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not momentum >= 0.0:
            raise ValueError(f"momentum should be >= 0 but is: {momentum}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight decay should be >= 0 but is: {weight_decay}")
        if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
            raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")
        defaults = {
            "lr": lr,
            "weight_decay": weight_decay,
            "momentum": momentum,
            "nesterov": nesterov,
            "ns_coefficients": ns_coefficients,
            "eps": eps,
            "ns_steps": ns_steps,
            "adjust_lr_fn": adjust_lr_fn,
        }
        super().__init__(params, defaults)
        for group in self.param_groups:
            for param in group["params"]:
                if param.ndim != 2:
                    raise ValueError(
                        "Muon only supports 2D parameters whereas we found a parameter with "
                        f"size: {param.size()}"
                    )

    def step(self, closure: Any = None) -> Any:
        """Update the parameters once; return what `closure` returned."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            for param in group["params"]:
                if param.grad is None:
                    continue
                if param.is_complex():
                    raise RuntimeError("Muon does not support complex parameters")
                entry = self.state[param]
                if "momentum_buffer" not in entry:
                    entry["momentum_buffer"] = param.make(np.zeros_like(param.grad.array))
                self._update(group, param.array, param.grad.array, entry["momentum_buffer"].array)
                param._bump_version("Muon.step")
        return loss

    def _update(self, group: dict[str, Any], param: Any, grad: Any, mean: Any) -> None:
        if grad.ndim != 2:
            raise ValueError("Param gradient must be a 2D matrix")
        lr = as_number(group["lr"])
        momentum = as_number(group["momentum"])
        work = np.empty_like(grad)
        approach(mean, grad, *side(1 - momentum), work)
        update = mean
        if group["nesterov"]:
            update = grad.copy()
            approach(update, mean, *side(momentum), work)
        update = orthogonal(update, group["ns_coefficients"], group["ns_steps"], group["eps"])
        np.multiply(param, 1 - lr * group["weight_decay"], param)
        np.subtract(param, update.astype(param.dtype) * (lr * _size_factor(group, param)), param)


def _size_factor(group: dict[str, Any], param: Any) -> float:
    rows, columns = param.shape
    if group["adjust_lr_fn"] == "match_rms_adamw":
        return 0.2 * math.sqrt(max(rows, columns))
    return math.sqrt(max(1, rows / columns))


def orthogonal(matrix: Any, coefficients: Any, steps: int, eps: float) -> Any:
    """Return nearly the orthogonal factor of a matrix, in float32 of bfloat16 precision.

    Each step maps the singular values ``s`` to ``a * s + b * s**3 + c * s**5``.
    """
    if steps >= 100:
        raise ValueError("Number of steps must be less than 100 for computational efficiency")
    if len(coefficients) != 3:
        raise ValueError("Coefficients must be a tuple of exactly 3 values")
    a, b, c = [np.float32(value) for value in coefficients]
    tall = matrix.shape[0] > matrix.shape[1]
    x = as_bfloat16(matrix.T if tall else matrix)
    norm = as_bfloat16(np.sqrt(np.add.reduce(np.square(x), axis=None, keepdims=True)))
    x = as_bfloat16(x / np.maximum(norm, as_bfloat16(np.full((1, 1), eps))))
    for _ in range(steps):
        gram = as_bfloat16(x @ x.T)
        gram = as_bfloat16(b * gram + c * (gram @ gram))
        x = as_bfloat16(a * x + gram @ x)
    return x.T if tall else x


def as_bfloat16(array: Any) -> Any:
    """Round to bfloat16, to nearest and ties to even: the upper half of a float32."""
    # An array of its own; nan stays nan unless its lower half alone says so, which none of
    # arithmetic's does.
    bits = np.array(array, np.float32, order="C").view(np.uint32)
    bits += 0x7FFF + ((bits >> 16) & 1)
    bits &= 0xFFFF0000
    return bits.view(np.float32)
