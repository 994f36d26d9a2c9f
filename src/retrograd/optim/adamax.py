"""Adamax: Adam with the infinity norm."""

from __future__ import annotations

from typing import Any

import numpy as np

from .elementwise import ElementwiseOptimizer
from .moments import approach, ascent, side
from .settings import check_betas, check_not_negative, check_one_element, complete, plain


class Adamax(ElementwiseOptimizer):
    """Adamax: Adam whose denominator is a decaying maximum of the gradient's size.

    Parameters
    ----------
    params : iterable
        Tensors, ``(name, tensor)`` pairs, or dictionaries that define parameter groups.
    lr : float or Tensor
    betas : tuple of float
        Decay of the running mean of the gradient and of the maximum of its size.
    eps : float
        Added to the gradient's size.
    weight_decay : float
    foreach : bool, optional
        Accepted; there is one implementation.
    maximize : bool
        Climb instead.
    differentiable : bool
        Record the step, so that gradients flow through it.
    capturable : bool
        Refused at the first step, as PyTorch does without an accelerator.

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization", 2015, section 7.1.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_one_element(lr)
        check_not_negative(lr=lr, eps=eps)
        check_betas(betas)
        check_not_negative(weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        complete(self, foreach=None, maximize=False, differentiable=False, capturable=False)

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_inf")

    def prepare(self, group: dict[str, Any], step: float, others: list[Any]) -> Any:
        beta1, beta2 = group["betas"]
        rate = plain(group, "lr") / (1 - beta1**step)
        near, factor = side(1 - beta1)
        weight_decay = group["weight_decay"]
        switches = (weight_decay != 0, group["maximize"], near)
        return switches, (rate, factor, beta2, group["eps"], weight_decay)

    def update(
        self, switches: Any, numbers: Any, param: Any, grad: Any, states: Any, scratch: Any
    ) -> None:
        decays, maximize, near = switches
        rate, factor, beta2, eps, weight_decay = numbers
        mean, largest = states
        work, spare, _ = scratch
        grad = ascent(grad, param, decays, maximize, weight_decay, work, spare)
        approach(mean, grad, near, factor, work)
        np.absolute(grad, work)
        np.add(work, eps, work)
        np.multiply(largest, beta2, largest)
        np.maximum(largest, work, out=largest)
        np.divide(mean, largest, work)
        np.multiply(work, rate, work)
        np.subtract(param, work, param)
