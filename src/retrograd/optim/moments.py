"""Steps that the updates of several optimizers share, in place on flat arrays."""

from __future__ import annotations

from typing import Any

import numpy as np


def approach(mean: Any, target: Any, weight: float, work: Any) -> None:
    """``mean += weight * (target - mean)``, from whichever end is nearer, as torch.lerp does."""
    np.subtract(target, mean, work)
    if weight < 0.5:
        np.multiply(work, weight, work)
        np.add(mean, work, mean)
    else:
        np.multiply(work, 1 - weight, work)
        np.subtract(target, work, mean)


def average_square(square: Any, grad: Any, decay: float, work: Any) -> None:
    """``square = decay * square + (1 - decay) * grad**2``."""
    np.multiply(square, decay, square)
    np.multiply(grad, 1 - decay, work)
    np.multiply(work, grad, work)
    np.add(square, work, square)


def ascent(
    grad: Any, param: Any, weight_decay: float, maximize: bool, work: Any, into: Any
) -> Any:
    """Return what to go down along: the gradient, or its negative, plus the weight decay."""
    if maximize:
        grad = np.negative(grad, into)
    if weight_decay != 0:
        np.multiply(param, weight_decay, work)
        grad = np.add(grad, work, into)
    return grad
