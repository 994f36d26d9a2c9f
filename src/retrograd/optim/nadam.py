"""NAdam: Adam with Nesterov's momentum."""

from __future__ import annotations

from typing import Any

import numpy as np

from .elementwise import ElementwiseOptimizer
from .moments import approach, ascent, average_square, side
from .settings import (
    check_betas,
    check_not_negative,
    check_one_element,
    complete,
    plain,
    scalar_dtype,
)


class NAdam(ElementwiseOptimizer):
    """NAdam: Adam that looks ahead along its momentum, with a momentum that warms up.

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
    momentum_decay : float
        How fast the momentum warms up.
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
    Dozat, "Incorporating Nesterov momentum into Adam", 2016.
    """

    scalars = ("step", "mu_product")
    capturable_what = "params, mu_products and state_steps"

    def __init__(
        self,
        params: Any,
        lr: Any = 2e-3,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum_decay: float = 4e-3,
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
        check_not_negative(weight_decay=weight_decay, momentum_decay=momentum_decay)
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        complete(
            self,
            self.scalars,
            maximize=False,
            foreach=None,
            capturable=False,
            differentiable=False,
            decoupled_weight_decay=False,
        )

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("exp_avg", "exp_avg_sq")

    def new_state(
        self, group: dict[str, Any], param: Any, names: tuple[str, ...]
    ) -> dict[str, Any]:
        entry = super().new_state(group, param, names)
        entry["mu_product"] = param.make(np.ones((), scalar_dtype()))
        return entry

    def prepare(self, group: dict[str, Any], step: float, others: list[Any]) -> Any:
        lr = plain(group, "lr")
        beta1, beta2 = group["betas"]
        momentum, following = [
            beta1 * (1.0 - 0.5 * 0.96 ** (count * group["momentum_decay"]))
            for count in (step, step + 1)
        ]
        others[0] *= momentum
        product = others[0].item(0)
        along_grad = lr * (1.0 - momentum) / (1.0 - product)
        along_mean = lr * following / (1.0 - product * following)
        correction = 1 - beta2**step
        weight_decay = group["weight_decay"]
        decays = weight_decay != 0
        decoupled = decays and group["decoupled_weight_decay"]
        shrink = 1 - lr * weight_decay
        near, factor = side(1 - beta1)
        switches = (decays and not decoupled, group["maximize"], decoupled, near)
        return switches, (
            along_grad, along_mean, factor, beta2, 1 - beta2, group["eps"], correction,
            weight_decay, shrink,
        )  # fmt: skip

    def update(
        self, switches: Any, numbers: Any, param: Any, grad: Any, states: Any, scratch: Any
    ) -> None:
        decays, maximize, shrinks, near = switches
        (
            along_grad, along_mean, factor, beta2, rest, eps, correction, weight_decay, shrink,
        ) = numbers  # fmt: skip
        mean, square = states
        work, other, spare = scratch
        grad = ascent(grad, param, decays, maximize, weight_decay, work, spare)
        if shrinks:
            np.multiply(param, shrink, param)
        approach(mean, grad, near, factor, work)
        average_square(square, grad, beta2, rest, work)
        np.multiply(grad, along_grad, other)
        np.multiply(mean, along_mean, work)
        np.add(other, work, other)
        np.divide(square, correction, work)
        np.sqrt(work, work)
        np.add(work, eps, work)
        np.divide(other, work, other)
        np.subtract(param, other, param)
