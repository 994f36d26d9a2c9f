"""Steps that the updates of several optimizers share, in place on flat arrays."""

from __future__ import annotations

from typing import Any

import numpy as np


def side(weight: Any) -> tuple[bool, Any]:
    """Return from which end `approach` counts for a weight, and the factor it then wants."""
    return (True, weight) if weight < 0.5 else (False, 1 - weight)


def approach(mean: Any, target: Any, near: bool, factor: Any, work: Any) -> None:
    """``mean += weight * (target - mean)``, from whichever end is nearer, as torch.lerp does.

    `near` and `factor` are what `side` returns for the weight.
    """
    np.subtract(target, mean, work)
    np.multiply(work, factor, work)
    if near:
        np.add(mean, work, mean)
    else:
        np.subtract(target, work, mean)


def average_square(square: Any, grad: Any, decay: Any, rest: Any, work: Any) -> None:
    """``square = decay * square + rest * grad**2``, where `rest` is ``1 - decay``."""
    np.multiply(square, decay, square)
    np.multiply(grad, rest, work)
    np.multiply(work, grad, work)
    np.add(square, work, square)


def ascent(
    grad: Any, param: Any, decays: bool, maximize: bool, weight_decay: Any, work: Any, into: Any
) -> Any:
    """Return what to go down along: the gradient, or its negative, plus the weight decay."""
    if maximize:
        grad = np.negative(grad, into)
    if decays:
        np.multiply(param, weight_decay, work)
        grad = np.add(grad, work, into)
    return grad
