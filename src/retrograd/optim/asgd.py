"""Averaged stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np

from .elementwise import ElementwiseOptimizer
from .moments import ascent
from .settings import as_number, check_not_negative, check_one_element, complete, scalar_dtype


class ASGD(ElementwiseOptimizer):
    """Stochastic gradient descent that keeps an average of the parameters, ``state[p]["ax"]``.

    Parameters
    ----------
    params : iterable
        Tensors, ``(name, tensor)`` pairs, or dictionaries that define parameter groups.
    lr : float or Tensor
    lambd : float
        Decay of the parameters.
    alpha : float
        Step ``t`` is taken at ``lr / (1 + lambd * lr * t)**alpha``.
    t0 : float
        The step at which averaging starts.
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
    Polyak and Juditsky, "Acceleration of stochastic approximation by averaging", 1992.
    """

    scalars = ("step", "eta", "mu")
    capturable_what = "params, mus, etas, and state_steps"

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        lambd: float = 1e-4,
        alpha: float = 0.75,
        t0: float = 1e6,
        weight_decay: float = 0,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
        capturable: bool = False,
    ) -> None:
        check_one_element(lr)
        check_not_negative(lr=lr, weight_decay=weight_decay)
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
            "weight_decay": weight_decay,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        complete(
            self,
            self.scalars,
            foreach=None,
            maximize=False,
            differentiable=False,
            capturable=False,
        )

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("ax",)

    def new_state(
        self, group: dict[str, Any], param: Any, names: tuple[str, ...]
    ) -> dict[str, Any]:
        entry = super().new_state(group, param, names)
        entry["eta"] = param.make(np.array(as_number(group["lr"]), scalar_dtype()))
        entry["mu"] = param.make(np.ones((), scalar_dtype()))
        return entry

    def prepare(self, group: dict[str, Any], step: float, others: list[Any]) -> Any:
        etas, weights = others
        eta = etas.item(0)
        weight = weights.item(0)
        lr = as_number(group["lr"])
        lambd = group["lambd"]
        # Rounded to the default dtype also where loading made the state the parameter's.
        rounded = scalar_dtype().type
        etas[...] = rounded(lr / (1 + lambd * lr * step) ** group["alpha"])
        weights[...] = rounded(1 / max(1, step - group["t0"]))
        weight_decay = group["weight_decay"]
        switches = (weight_decay != 0, group["maximize"], weight == 1)
        return switches, (eta, 1 - lambd * eta, weight, weight_decay)

    def update(
        self, switches: Any, numbers: Any, param: Any, grad: Any, states: Any, scratch: Any
    ) -> None:
        decays, maximize, copies = switches
        eta, shrink, weight, weight_decay = numbers
        (average,) = states
        work, spare, _ = scratch
        grad = ascent(grad, param, decays, maximize, weight_decay, work, spare)
        np.multiply(param, shrink, param)
        np.multiply(grad, eta, work)
        np.subtract(param, work, param)
        if copies:
            np.copyto(average, param)
        else:
            np.subtract(param, average, work)
            np.multiply(work, weight, work)
            np.add(average, work, average)
