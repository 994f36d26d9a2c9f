"""RMSprop."""

from __future__ import annotations

from typing import Any

import numpy as np

from .elementwise import ElementwiseOptimizer
from .moments import approach, ascent, average_square, side
from .settings import check_not_negative, check_one_element, complete, plain


class RMSprop(ElementwiseOptimizer):
    """RMSprop: gradients divided by the root of a running mean of their squares.

    Parameters
    ----------
    params : iterable
        Tensors, ``(name, tensor)`` pairs, or dictionaries that define parameter groups.
    lr : float or Tensor
    alpha : float
        Decay of the running mean.
    eps : float
        Added to the denominator, after the root.
    weight_decay, momentum : float
    centered : bool
        Divide by an estimate of the standard deviation instead.
    capturable : bool
        Refused at the first step, as PyTorch does without an accelerator.
    foreach : bool, optional
        Accepted; there is one implementation.
    maximize : bool
        Climb instead.
    differentiable : bool
        Record the step, so that gradients flow through it.

    References
    ----------
    Hinton, "Neural networks for machine learning", 2012, lecture 6; the centered form is in
    Graves, "Generating sequences with recurrent neural networks", 2013.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        alpha: float = 0.99,
        eps: float = 1e-8,
        weight_decay: float = 0,
        momentum: float = 0,
        centered: bool = False,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_one_element(lr)
        check_not_negative(
            lr=lr, eps=eps, momentum=momentum, weight_decay=weight_decay, alpha=alpha
        )
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        complete(
            self,
            momentum=0,
            centered=False,
            foreach=None,
            maximize=False,
            differentiable=False,
            capturable=False,
        )

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        names: tuple[str, ...] = ("square_avg",)
        if group["momentum"] > 0:
            names += ("momentum_buffer",)
        if group["centered"]:
            names += ("grad_avg",)
        return names

    def prepare(self, group: dict[str, Any], step: float, others: list[Any]) -> Any:
        alpha, momentum, weight_decay = group["alpha"], group["momentum"], group["weight_decay"]
        near, factor = side(1 - alpha)
        centered = group["centered"]
        switches = (weight_decay != 0, group["maximize"], centered, near, momentum > 0)
        return switches, (
            plain(group, "lr"), alpha, 1 - alpha, factor, group["eps"], weight_decay, momentum,
        )  # fmt: skip

    def update(
        self, switches: Any, numbers: Any, param: Any, grad: Any, states: Any, scratch: Any
    ) -> None:
        decays, maximize, centered, near, has_momentum = switches
        lr, alpha, rest, factor, eps, weight_decay, momentum = numbers
        square = states[0]
        work, other, spare = scratch
        grad = ascent(grad, param, decays, maximize, weight_decay, work, spare)
        average_square(square, grad, alpha, rest, work)
        if centered:
            mean = states[-1]
            approach(mean, grad, near, factor, work)
            np.multiply(mean, mean, work)
            np.subtract(square, work, work)
            np.sqrt(work, work)
        else:
            np.sqrt(square, work)
        np.add(work, eps, work)
        if has_momentum:
            buffer = states[1]
            np.divide(grad, work, other)
            np.multiply(buffer, momentum, buffer)
            np.add(buffer, other, buffer)
            np.multiply(buffer, lr, other)
        else:
            np.multiply(grad, lr, other)
            np.divide(other, work, other)
        np.subtract(param, other, param)
