"""Adagrad."""

from __future__ import annotations

from typing import Any

import numpy as np

from .elementwise import ElementwiseOptimizer
from .moments import ascent
from .settings import check_fused, check_not_negative, check_one_element, complete, plain


class Adagrad(ElementwiseOptimizer):
    """Adagrad: steps divided by the root of the sum of all squared gradients so far.

    Parameters
    ----------
    params : iterable
        Tensors, ``(name, tensor)`` pairs, or dictionaries that define parameter groups.
    lr : float or Tensor
    lr_decay : float
        Step ``t``, counted from 0, is taken at ``lr / (1 + t * lr_decay)``.
    weight_decay : float
    initial_accumulator_value : float
        What the sums start as.
    eps : float
        Added to the denominator.
    foreach, fused : bool, optional
        Accepted; there is one implementation.
    maximize : bool
        Climb instead.
    differentiable : bool
        Record the step, so that gradients flow through it.

    References
    ----------
    Duchi, Hazan and Singer, "Adaptive subgradient methods for online learning and stochastic
    optimization", 2011.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        lr_decay: float = 0,
        weight_decay: float = 0,
        initial_accumulator_value: float = 0,
        eps: float = 1e-10,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        check_one_element(lr)
        check_not_negative(
            lr=lr,
            lr_decay=lr_decay,
            weight_decay=weight_decay,
            initial_accumulator_value=initial_accumulator_value,
            eps=eps,
        )
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        check_fused(defaults)
        # Unlike the others, Adagrad has its state from the beginning.
        for group in self.param_groups:
            for param in group["params"]:
                self._entry(group, param, self.state_names(group))

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        complete(self, foreach=None, maximize=False, differentiable=False, fused=None)

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("sum",)

    def new_state(
        self, group: dict[str, Any], param: Any, names: tuple[str, ...]
    ) -> dict[str, Any]:
        entry = super().new_state(group, param, names)
        start = self.defaults["initial_accumulator_value"]
        array = entry["sum"].array
        array[...] = complex(start, start) if array.dtype.kind == "c" else start
        return entry

    def prepare(self, group: dict[str, Any], step: float, others: list[Any]) -> Any:
        rate = plain(group, "lr") / (1 + (step - 1) * group["lr_decay"])
        weight_decay = group["weight_decay"]
        return (weight_decay != 0, group["maximize"]), (rate, group["eps"], weight_decay)

    def update(
        self, switches: Any, numbers: Any, param: Any, grad: Any, states: Any, scratch: Any
    ) -> None:
        decays, maximize = switches
        rate, eps, weight_decay = numbers
        (total,) = states
        work, other, spare = scratch
        grad = ascent(grad, param, decays, maximize, weight_decay, work, spare)
        np.multiply(grad, grad, work)
        np.add(total, work, total)
        np.sqrt(total, work)
        np.add(work, eps, work)
        np.multiply(grad, rate, other)
        np.divide(other, work, other)
        np.subtract(param, other, param)
