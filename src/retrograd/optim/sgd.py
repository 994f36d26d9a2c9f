"""Stochastic gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np

from .elementwise import ElementwiseOptimizer, as_number, check_flags, check_learning_rate


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

    counted = False

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
        # A tensor lr is fine with foreach here, as in PyTorch's SGD.
        check_learning_rate(lr, {**defaults, "foreach": False})
        if momentum < 0.0:
            raise ValueError(f"Invalid momentum value: {momentum}")
        if weight_decay < 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")
        check_flags(self, defaults)
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("nesterov", False)
            group.setdefault("maximize", False)
            group.setdefault("foreach", None)
            group.setdefault("differentiable", False)
            group.setdefault("fused", False)

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        return ("momentum_buffer",) if group["momentum"] != 0 else ()

    def new_state(self, param: Any, names: tuple[str, ...]) -> dict[str, Any]:
        return {}  # the buffer starts as the first gradient, not as zeros

    def prepare(self, group: dict[str, Any], step: float) -> Any:
        return (
            as_number(group["lr"]),
            as_number(group["momentum"]),
            as_number(group["dampening"]),
            as_number(group["weight_decay"]),
            group["nesterov"],
            group["maximize"],
        )

    def update(self, settings: Any, param: Any, grad: Any, states: Any, scratch: Any) -> None:
        lr, momentum, dampening, weight_decay, nesterov, maximize = settings
        work, other, _ = scratch
        if maximize:
            grad = np.negative(grad, other)
        if weight_decay != 0:
            np.multiply(param, weight_decay, work)
            grad = np.add(grad, work, other)
        if states:
            buffer = states[0]
            np.multiply(buffer, momentum, buffer)
            if dampening != 0:
                np.add(buffer, np.multiply(grad, 1 - dampening, work), buffer)
            else:
                np.add(buffer, grad, buffer)
            if nesterov:
                np.multiply(buffer, momentum, work)
                grad = np.add(grad, work, other)
            else:
                grad = buffer
        np.multiply(grad, lr, work)
        np.subtract(param, work, param)

    def update_first(self, group: dict[str, Any], param: Any, entry: Any) -> None:
        """Start the momentum buffer as the gradient itself, undampened."""
        lr, momentum, _, weight_decay, nesterov, maximize = self.prepare(group, 0.0)
        array = param.array
        grad = -param.grad.array if maximize else param.grad.array
        if weight_decay != 0:
            grad = grad + array * weight_decay
        entry["momentum_buffer"] = param.make(np.array(grad))
        if nesterov:
            grad = grad + grad * momentum
        array[...] -= grad * lr
