"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np

from .elementwise import ElementwiseOptimizer
from .moments import ascent
from .settings import as_number, check_fused, check_one_element, complete, plain


class SGD(ElementwiseOptimizer):
    """Stochastic gradient descent, with momentum, Nesterov's variant and weight decay.

    Parameters
    ----------
    params : iterable
        Tensors, ``(name, tensor)`` pairs, or dictionaries that define parameter groups.
    lr : float or Tensor
    momentum, dampening, weight_decay : float
    nesterov : bool
        Needs a momentum and zero dampening.
    maximize : bool
        Climb instead.
    foreach, fused : bool, optional
        Accepted; there is one implementation.

    Examples
    --------
    >>> import retrograd as torch
    >>> w = torch.ones(2, requires_grad=True)
    >>> optimizer = torch.optim.SGD([w], lr=0.5)
    >>> (w * w).sum().backward()
    >>> optimizer.step()
    >>> w
    tensor([0., 0.], requires_grad=True)
    """

    scalars = ()

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-3,
        momentum: float = 0,
        dampening: float = 0,
        weight_decay: Any = 0,
        nesterov: bool = False,
        *,
        maximize: bool = False,
        foreach: bool | None = None,
        differentiable: bool = False,
        fused: bool | None = None,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "dampening": dampening,
            "weight_decay": weight_decay,
            "nesterov": nesterov,
            "maximize": maximize,
            "foreach": foreach,
            "differentiable": differentiable,
            "fused": fused,
        }
        check_one_element(lr)
        if lr < 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if momentum < 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if weight_decay < 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        super().__init__(params, defaults)
        check_fused(defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        complete(
            self,
            scalars=(),
            nesterov=False,
            maximize=False,
            foreach=None,
            differentiable=False,
            fused=False,
        )

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] != 0 else ()

    def new_state(
        self, group: dict[str, Any], param: Any, names: tuple[str, ...]
    ) -> dict[str, Any]:
        return {}  # the buffer starts as the first gradient, not as zeros

    def prepare(self, group: dict[str, Any], step: float, others: list[Any]) -> Any:
        momentum = as_number(group["momentum"])
        rest = 1 - as_number(group["dampening"])
        weight_decay = as_number(group["weight_decay"])
        first = False  # whether this step makes the momentum buffer
        switches = (weight_decay != 0, group["maximize"], rest != 1, group["nesterov"], first)
        return switches, (plain(group, "lr"), momentum, rest, weight_decay)

    def update(
        self, switches: Any, numbers: Any, param: Any, grad: Any, states: Any, scratch: Any
    ) -> None:
        decays, maximize, dampens, nesterov, first = switches
        lr, momentum, rest, weight_decay = numbers
        work, other, _ = scratch
        grad = ascent(grad, param, decays, maximize, weight_decay, work, other)
        if states:
            buffer = states[0]
            if first:
                buffer[...] = grad
            else:
                np.multiply(buffer, momentum, buffer)
                if dampens:
                    np.add(buffer, np.multiply(grad, rest, work), buffer)
                else:
                    np.add(buffer, grad, buffer)
            if nesterov:
                np.multiply(buffer, momentum, work)
                grad = np.add(grad, work, other)
            else:
                grad = buffer
        np.multiply(grad, lr, work)
        np.subtract(param, work, param)

    kernels = {1: "sgd", 2: "sgd_momentum", "update": update}

    def prepare_first(self, group: dict[str, Any], param: Any, entry: Any) -> Any:
        entry["momentum_buffer"] = param.make(np.zeros_like(param.array))
        switches, numbers = self.prepare(group, 0.0, [])
        return (*switches[:-1], True), numbers
