"""Trigonometric and hyperbolic functions and their inverses."""

from __future__ import annotations

import numpy as np

from .._core.op import FLOAT, op


@op(numpy=np.tanh, node="TanhBackward0", promote=FLOAT, elementwise=True)
def tanh(x):
    """Hyperbolic tangent.  (*S) -> (*S)"""


@tanh.grad("x")
def tanh_dx(g, out):
    return g * (1 - out * out)
