"""Adam, and AdamW with its decoupled weight decay."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..tensor import Tensor
from .elementwise import ElementwiseOptimizer, as_number, check_flags, check_learning_rate


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
        check_learning_rate(lr, defaults)
        if not eps >= 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        for index, beta in enumerate(betas):
            if not 0.0 <= beta < 1.0:
                raise ValueError(f"Invalid beta parameter at index {index}: {beta}")
        if not weight_decay >= 0.0:
            raise ValueError(f"Invalid weight_decay value: {weight_decay}")
        if isinstance(betas[0], Tensor) != isinstance(betas[1], Tensor):
            raise ValueError("betas must be either both floats or both Tensors")
        check_flags(self, defaults)
        super().__init__(params, defaults)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("amsgrad", False)
            group.setdefault("maximize", False)
            group.setdefault("foreach", None)
            group.setdefault("capturable", False)
            group.setdefault("differentiable", False)
            group.setdefault("decoupled_weight_decay", False)
            group.setdefault("fused", None)
        for param, entry in self.state.items():
            step = entry.get("step") if isinstance(entry, dict) else None
            if step is not None and not isinstance(step, Tensor):
                # Old checkpoints count in plain numbers.
                entry["step"] = param.make(np.array(step, np.float32))

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        if group["amsgrad"]:
            return ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")
        return ("exp_avg", "exp_avg_sq")

    def prepare(self, group: dict[str, Any], step: float) -> Any:
        lr = as_number(group["lr"])
        beta1, beta2 = group["betas"]
        beta1 = as_number(beta1)
        beta2 = as_number(beta2)
        step_size = lr / (1 - beta1**step)
        correction = (1 - beta2**step) ** 0.5
        weight_decay = group["weight_decay"]
        shrink = 1.0
        if weight_decay != 0 and group["decoupled_weight_decay"]:
            shrink = 1 - lr * weight_decay
            weight_decay = 0
        eps = group["eps"]
        return step_size, beta1, beta2, eps, correction, weight_decay, shrink, group["maximize"]

    def update(self, settings: Any, param: Any, grad: Any, states: Any, scratch: Any) -> None:
        step_size, beta1, beta2, eps, correction, weight_decay, shrink, maximize = settings
        mean, square = states[0], states[1]
        work, other, spare = scratch
        if maximize:
            grad = np.negative(grad, spare)
        if weight_decay != 0:
            np.multiply(param, weight_decay, work)
            grad = np.add(grad, work, spare)
        if shrink != 1.0:
            np.multiply(param, shrink, param)
        # mean += (1 - beta1) * (grad - mean), from whichever end is nearer, as torch.lerp does.
        np.subtract(grad, mean, work)
        if beta1 > 0.5:
            np.multiply(work, 1 - beta1, work)
            np.add(mean, work, mean)
        else:
            np.multiply(work, beta1, work)
            np.subtract(grad, work, mean)
        np.multiply(square, beta2, square)
        np.multiply(grad, 1 - beta2, work)
        np.multiply(work, grad, work)
        np.add(square, work, square)
        if len(states) == 3:
            square = np.maximum(states[2], square, out=states[2])
        np.sqrt(square, work)
        np.divide(work, correction, work)
        np.add(work, eps, work)
        np.multiply(mean, step_size, other)
        np.divide(other, work, other)
        np.subtract(param, other, param)


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
