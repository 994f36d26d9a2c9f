"""Adam, and AdamW with its decoupled weight decay."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Tensor
from .elementwise import ElementwiseOptimizer
from .moments import approach, ascent, average_square, side
from .settings import (
    as_number,
    check_betas,
    check_fused,
    check_not_negative,
    check_one_element,
    check_tensor_rate_and_foreach,
    complete,
    plain,
)


class Adam(ElementwiseOptimizer):
    """Adam: steps scaled by running means of the gradient and of its square.

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
    amsgrad : bool
        Divide by the largest running mean of squares so far.
    maximize : bool
        Climb instead.
    decoupled_weight_decay : bool
        Shrink the parameters themselves, as AdamW does, instead of adding to the gradient.
    foreach, capturable, fused : bool, optional
        Accepted; there is one implementation.

    Examples
    --------
    >>> import retrograd as torch
    >>> w = torch.ones(2, requires_grad=True)
    >>> optimizer = torch.optim.Adam([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0.5000, 0.5000], requires_grad=True)
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0,
        amsgrad: bool = False,
        *,
        foreach: bool | None = None,
        maximize: bool = False,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
        decoupled_weight_decay: bool = False,
    ) -> None:
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        check_tensor_rate_and_foreach(lr, defaults)
        check_one_element(lr)
        check_not_negative(lr=lr, eps=eps)
        check_betas(betas)
        check_not_negative(weight_decay=weight_decay)
        if isinstance(betas[0], Tensor) != isinstance(betas[1], Tensor):
            raise ValueError("betas must be either both floats or both Tensors")
        super().__init__(params, defaults)
        check_fused(defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        complete(
            self,
            amsgrad=False,
            maximize=False,
            foreach=None,
            capturable=False,
            differentiable=False,
            decoupled_weight_decay=False,
            fused=None,
        )

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        if group["amsgrad"]:
            return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
        return ("exp_avg", "exp_avg_sq")

    def prepare(self, group: dict[str, Any], step: float, others: list[Any]) -> Any:
        lr = plain(group, "lr")
        beta1, beta2 = group["betas"]
        beta1 = as_number(beta1)
        beta2 = as_number(beta2)
        # Both corrections for the first steps, in two numbers: step_size * m / (sqrt(v) + eps).
        correction = (1 - beta2**step) ** 0.5
        step_size = lr / (1 - beta1**step) * correction
        eps = group["eps"] * correction
        weight_decay = group["weight_decay"]
        decays = weight_decay != 0
        decoupled = decays and group["decoupled_weight_decay"]
        shrink = 1 - lr * weight_decay
        near, factor = side(1 - beta1)
        switches = (decays and not decoupled, group["maximize"], decoupled, near)
        return switches, (step_size, factor, beta2, 1 - beta2, eps, weight_decay, shrink)

    def update(
        self, switches: Any, numbers: Any, param: Any, grad: Any, states: Any, scratch: Any
    ) -> None:
        decays, maximize, shrinks, near = switches
        step_size, factor, beta2, rest, eps, weight_decay, shrink = numbers
        mean, square = states[0], states[1]
        work, spare, _ = scratch
        grad = ascent(grad, param, decays, maximize, weight_decay, work, spare)
        if shrinks:
            np.multiply(param, shrink, param)
        approach(mean, grad, near, factor, work)
        average_square(square, grad, beta2, rest, work)
        if len(states) == 3:
            square = np.maximum(states[2], square, out=states[2])
        np.sqrt(square, work)
        np.add(work, eps, work)
        # In one array, which leaves more of the cache to the rest of the training step.
        np.divide(mean, work, work)
        np.multiply(work, step_size, work)
        np.subtract(param, work, param)

    kernels = {3: "adam", "update": update}


class AdamW(Adam):
    """Adam with decoupled weight decay: the parameters themselves shrink at each step.

    The parameters are `Adam`'s, with a default `weight_decay` of 0.01.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        betas: tuple[Any, Any] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 1e-2,
        amsgrad: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        capturable: bool = False,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
