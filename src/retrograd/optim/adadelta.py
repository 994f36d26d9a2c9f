"""Adadelta."""

from __future__ import annotations

from typing import Any

import numpy as np

from .elementwise import ElementwiseOptimizer
from .moments import ascent, average_square
from .settings import check_not_negative, check_one_element, complete, plain


class Adadelta(ElementwiseOptimizer):
    """Adadelta: steps as large as past steps were, relative to past gradients.

    Parameters
    ----------
    params : iterable
        Tensors, ``(name, tensor)`` pairs, or dictionaries that define parameter groups.
    lr : float or Tensor
        A factor of the step.
    rho : float
        Decay of the running means of the squares of gradients and steps.
    eps : float
        Added to both means.
    weight_decay : float
    foreach : bool, optional
        Accepted; there is one implementation.
    capturable : bool
        Refused at the first step, as PyTorch does without an accelerator.
    maximize : bool
        Climb instead.
    differentiable : bool
        Record the step, so that gradients flow through it.

    References
    ----------
    Zeiler, "ADADELTA: an adaptive learning rate method", 2012.
    """

    capturable_where = ("cuda", "xpu", "hpu", "privateuseone")

    def __init__(
        self,
        params: Any,
        lr: Any = 1.0,
        rho: float = 0.9,
        eps: float = 1e-6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        *,
        capturable: bool = False,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_one_element(lr)
        check_not_negative(lr=lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_not_negative(eps=eps, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        complete(self, foreach=None, maximize=False, differentiable=False, capturable=False)

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("square_avg", "acc_delta")

    def prepare(self, group: dict[str, Any], step: float, others: list[Any]) -> Any:
        rho, weight_decay = group["rho"], group["weight_decay"]
        switches = (weight_decay != 0, group["maximize"])
        return switches, (plain(group, "lr"), rho, 1 - rho, group["eps"], weight_decay)

    def update(
        self, switches: Any, numbers: Any, param: Any, grad: Any, states: Any, scratch: Any
    ) -> None:
        decays, maximize = switches
        lr, rho, rest, eps, weight_decay = numbers
        square, steps_square = states
        work, other, spare = scratch
        grad = ascent(grad, param, decays, maximize, weight_decay, work, spare)
        average_square(square, grad, rho, rest, work)
        np.add(square, eps, work)
        np.add(steps_square, eps, other)
        # A root for each: their quotient may overflow where its root does not.
        np.sqrt(work, work)
        np.sqrt(other, other)
        np.divide(other, work, other)
        np.multiply(other, grad, other)
        average_square(steps_square, other, rho, rest, work)
        np.multiply(other, lr, other)
        np.subtract(param, other, param)
