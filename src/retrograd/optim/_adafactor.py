"""Adafactor: a denominator kept as one row and one column for each matrix."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..autograd import enable_grad
from ..tensor import Tensor
from .moments import approach, side
from .optimizer import Optimizer
from .settings import as_number, check_one_element, complete, scalar_dtype


class Adafactor(Optimizer):
    """Adafactor: steps divided by a root mean square that is stored by row and by column.

    Parameters
    ----------
    params : iterable
        Tensors, ``(name, tensor)`` pairs, or dictionaries that define parameter groups.
    lr : float or Tensor
        The largest step relative to the parameter's root mean square.
    beta2_decay : float
        At most 0: at step ``t`` the running means keep ``1 - t**beta2_decay``.
    eps : tuple
        What the means are at least (None: the dtype's precision), and what the parameter's root
        mean square counts as at least.
    d : float
        Steps of a larger root mean square are scaled down to it.
    weight_decay : float
        Shrinks the parameters themselves.
    foreach : bool, optional
        Accepted; there is one implementation.
    maximize : bool
        Climb instead.

    References
    ----------
    Shazeer and Stern, "Adafactor: adaptive learning rates with sublinear memory cost", 2018.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        beta2_decay: float = -0.8,
        eps: tuple[float | None, float] = (None, 1e-3),
        d: float = 1.0,
        weight_decay: float = 0.0,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
    ) -> None:
        check_one_element(lr)
        if not lr >= 0.0:
            raise ValueError(f"Learning rate should be >= 0 but is: {lr}")
        if not beta2_decay <= 0.0:
            raise ValueError(f"beta2_decay should be <= 0 but is: {beta2_decay}")
        if eps[0] is not None and not eps[0] >= 0.0:
            raise ValueError(f"epsilon1 should be >= 0 but is: {eps[0]}")
        if not eps[1] >= 0.0:
            raise ValueError(f"epsilon2 should be >= 0 but is: {eps[1]}")
        if not d >= 1.0:
            raise ValueError(f"Clipping threshold d should be >= 1 but is: {d}")
        if not weight_decay >= 0.0:
            raise ValueError(f"weight_decay should be >= 0 but is: {weight_decay}")
        defaults = {
            "lr": lr,
            "beta2_decay": beta2_decay,
            "eps": eps,
            "d": d,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        complete(self, foreach=None)

    def step(self, closure: Any = None) -> Any:
        """Update the parameters once; return what `closure` returned."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            floor = group["eps"][0]
            for param in group["params"]:
                if param.grad is None:
                    continue
                if param.is_complex():
                    raise RuntimeError("Adafactor does not support complex parameters")
                entry = self.state[param]
                if not entry:
                    entry.update(_new_state(param))
                if floor is None:
                    # The first parameter's, for all of the group, as in PyTorch.
                    floor = float(np.finfo(param.array.dtype).eps)
                _update(group, floor, param.array, param.grad.array, entry)
                param._bump_version("Adafactor.step")
        return loss


def _new_state(param: Tensor) -> dict[str, Tensor]:
    entry = {"step": param.make(np.zeros((), scalar_dtype()))}
    array = param.grad.array
    if array.ndim > 1:
        rows, columns = array.shape[-2:]
        entry["row_var"] = param.make(np.zeros((*array.shape[:-2], rows, 1), array.dtype))
        entry["col_var"] = param.make(np.zeros((*array.shape[:-2], 1, columns), array.dtype))
    else:
        entry["variance"] = param.make(np.zeros_like(array))
    return entry


def _update(group: dict[str, Any], floor: float, param: Any, grad: Any, entry: Any) -> None:
    lr = as_number(group["lr"])
    if group["maximize"]:
        grad = np.negative(grad)
    count = entry["step"].array
    count += 1
    step = float(count)
    fresh = step ** group["beta2_decay"]
    rate = min(lr, 1 / step**0.5) * max(group["eps"][1], _root_mean_square(param))
    if group["weight_decay"] != 0:
        np.multiply(param, 1 - lr * group["weight_decay"], param)
    squares = np.square(grad)
    if grad.ndim > 1:
        row, column = entry["row_var"].array, entry["col_var"].array
        for mean, axis in ((row, -1), (column, -2)):
            now = np.add.reduce(squares, axis=axis, keepdims=True) / grad.shape[axis]
            approach(mean, now, *side(fresh), np.empty_like(now))
        overall = np.add.reduce(row, axis=-2, keepdims=True) / row.shape[-2]
        variance = row * column / np.maximum(overall, floor)
    else:
        variance = entry["variance"].array
        approach(variance, squares, *side(fresh), np.empty_like(squares))
    update = grad / np.sqrt(np.maximum(variance, floor * floor))
    clipped = max(1.0, _root_mean_square(update) / group["d"])
    update *= rate / clipped
    np.subtract(param, update, param)


def _root_mean_square(array: Any) -> float:
    flat = array.reshape(-1)
    return float(np.dot(flat, flat)) ** 0.5 / array.size**0.5
