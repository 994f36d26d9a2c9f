"""Addition, multiplication, division, powers, remainders."""

from __future__ import annotations

import numpy as np

from .._core.op import FLOAT, PROMOTE, op


@op(numpy=np.add, node="AddBackward0", promote=PROMOTE, elementwise=True, linear=True)
def add(x, y):
    """Sum.  (*S), (*S) -> (*S)"""


@add.grad("x", "y")
def add_d(g):
    return g


@op(numpy=np.subtract, node="SubBackward0", promote=PROMOTE, elementwise=True, linear=True)
def subtract(x, y):
    """Difference.  (*S), (*S) -> (*S)"""


@subtract.grad("x")
def subtract_dx(g):
    return g


@subtract.grad("y")
def subtract_dy(g):
    return -g


@op(numpy=np.multiply, node="MulBackward0", promote=PROMOTE, elementwise=True)
def multiply(x, y):
    """Product.  (*S), (*S) -> (*S)"""


@multiply.grad("x")
def multiply_dx(g, y):
    return g * y


@multiply.grad("y")
def multiply_dy(g, x):
    return g * x


@op(numpy=(np.divide, np.true_divide), node="DivBackward0", promote=FLOAT, elementwise=True)
def divide(x, y):
    """Quotient; integers divide to the default floating dtype.  (*S), (*S) -> (*S)"""


@divide.grad("x")
def divide_dx(g, y):
    return g / y


@divide.grad("y")
def divide_dy(g, x, y):
    return -g * ((x / y) / y)


@op(numpy=np.negative, node="NegBackward0", elementwise=True, linear=True)
def negative(x):
    """Minus.  (*S) -> (*S)"""


@negative.grad("x")
def negative_dx(g):
    return -g
