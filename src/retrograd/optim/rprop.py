"""Rprop: resilient backpropagation."""

from __future__ import annotations

from typing import Any

import numpy as np

from .elementwise import ElementwiseOptimizer
from .settings import as_number, check_not_negative, check_one_element, complete


class Rprop(ElementwiseOptimizer):
    """Rprop: a step size for each number, which only the signs of the gradient change.

    Parameters
    ----------
    params : iterable
        Tensors, ``(name, tensor)`` pairs, or dictionaries that define parameter groups.
    lr : float or Tensor
        What every step size starts as.
    etas : tuple of float
        Factors of a step size when the gradient's sign changed, and when it did not.
    step_sizes : tuple of float
        The smallest and the largest step size.
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
    Riedmiller and Braun, "A direct adaptive method for faster backpropagation learning", 1993.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1e-2,
        etas: tuple[float, float] = (0.5, 1.2),
        step_sizes: tuple[float, float] = (1e-6, 50),
        *,
        capturable: bool = False,
        foreach: bool | None = None,
        maximize: bool = False,
        differentiable: bool = False,
    ) -> None:
        check_one_element(lr)
        check_not_negative(lr=lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
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
        return ("prev", "step_size")

    def new_state(
        self, group: dict[str, Any], param: Any, names: tuple[str, ...]
    ) -> dict[str, Any]:
        entry = super().new_state(group, param, names)
        lr = as_number(group["lr"])
        array = entry["step_size"].array
        array[...] = complex(lr, lr) if array.dtype.kind == "c" else lr
        return entry

    def prepare(self, group: dict[str, Any], step: float, others: list[Any]) -> Any:
        return (group["maximize"],), (*group["etas"], *group["step_sizes"])

    def update(
        self, switches: Any, numbers: Any, param: Any, grad: Any, states: Any, scratch: Any
    ) -> None:
        (maximize,) = switches
        smaller, larger, smallest, largest = numbers
        previous, sizes = states
        work, other, spare = scratch
        if maximize:
            grad = np.negative(grad, spare)
        np.multiply(grad, previous, work)
        turned = np.less(work, 0.0)
        np.copyto(other, 1.0)
        np.copyto(other, larger, where=np.greater(work, 0.0))
        np.copyto(other, smaller, where=turned)
        np.multiply(sizes, other, sizes)
        np.maximum(sizes, smallest, out=sizes)
        np.minimum(sizes, largest, out=sizes)
        # Where the sign changed, there is no step, and the next one counts as unchanged.
        np.copyto(previous, grad)
        np.copyto(previous, 0.0, where=turned)
        np.sign(previous, work)
        np.multiply(work, sizes, work)
        np.subtract(param, work, param)
