"""RAdam: Adam whose first steps do without the uncertain denominator."""

from __future__ import annotations

from typing import Any

import numpy as np

from .elementwise import ElementwiseOptimizer
from .moments import approach, ascent, average_square, side
from .settings import check_betas, check_not_negative, check_one_element, complete, plain


class RAdam(ElementwiseOptimizer):
    """RAdam: Adam with a correction for the variance of its denominator in early steps.

    Parameters
    ----------
    params : iterable
        Tensors, ``(name, tensor)`` pairs, or dictionaries that define parameter groups.
    lr : float or Tensor
    betas : tuple of float
        Decay of the running means of the gradient and of its square.
    eps : float
        Added to the denominator.
    weight_decay : float
    decoupled_weight_decay : bool
        Shrink the parameters themselves, as AdamW does, instead of adding to the gradient.
    foreach : bool, optional
        Accepted; there is one implementation.
    maximize : bool
        Climb instead.
    capturable : bool
        Refused at the first step, as PyTorch does without an accelerator.
    differentiable : bool
        Record the step, so that gradients flow through it.

    References
    ----------
    Liu et al., "On the variance of the adaptive learning rate and beyond", 2020.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        decoupled_weight_decay: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
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
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        complete(
            self,
            foreach=None,
            maximize=False,
            differentiable=False,
            decoupled_weight_decay=False,
            capturable=False,
        )

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def prepare(self, group: dict[str, Any], step: float, others: list[Any]) -> Any:
        lr = plain(group, "lr")
        beta1, beta2 = group["betas"]
        rate = lr / (1 - beta1**step)
        correction = 1 - beta2**step
        longest = 2 / (1 - beta2) - 1
        length = longest - 2 * step * beta2**step / correction
        rectified = length > 5.0
        if rectified:
            rectification = (length - 4) * (length - 2) * longest
            rectification /= (longest - 4) * (longest - 2) * length
            rate = rate * (rectification * correction) ** 0.5
        weight_decay = group["weight_decay"]
        decays = weight_decay != 0
        decoupled = decays and group["decoupled_weight_decay"]
        shrink = 1 - lr * weight_decay
        near, factor = side(1 - beta1)
        switches = (decays and not decoupled, group["maximize"], decoupled, near, rectified)
        return switches, (rate, factor, beta2, 1 - beta2, group["eps"], weight_decay, shrink)

    def update(
        self, switches: Any, numbers: Any, param: Any, grad: Any, states: Any, scratch: Any
    ) -> None:
        decays, maximize, shrinks, near, rectified = switches
        rate, factor, beta2, rest, eps, weight_decay, shrink = numbers
        mean, square = states
        work, other, spare = scratch
        grad = ascent(grad, param, decays, maximize, weight_decay, work, spare)
        if shrinks:
            np.multiply(param, shrink, param)
        approach(mean, grad, near, factor, work)
        average_square(square, grad, beta2, rest, work)
        np.multiply(mean, rate, other)
        if rectified:
            np.sqrt(square, work)
            np.add(work, eps, work)
            np.divide(other, work, other)
        np.subtract(param, other, param)
