"""Public functions of elementwise operations that need a word more than the operation itself."""

from __future__ import annotations

import numpy as np

from .._core.gates import call1, call2
from .._core.public import expect_tensor, public
from .._core.value import Value
from ._arguments import scalar_name


def plain(number):
    """Return a NumPy scalar as a Python number, which leaves the dtype of arrays alone."""
    return number.item() if isinstance(number, np.generic) else number


def refuse(x, kinds, kernel):
    """Raise PyTorch's error for an array whose dtype kind is one of `kinds`.

    Parameters
    ----------
    x : array
    kinds : str
        NumPy's kinds: b (bool), i, u (integers), f (floating), c (complex).
    kernel : str
        PyTorch's name of its kernel, which is what its message names.
    """
    if x.dtype.kind in kinds:
        raise NotImplementedError(f'"{kernel}" not implemented for \'{scalar_name(x.dtype)}\'')


def refuse_complex(x, message):
    """Raise `message` for a complex array."""
    if x.dtype.kind == "c":
        raise NotImplementedError(message)


def both_tensors(op, name, *, method=True, inplace=False, aliases=(), namespace=""):
    """Register a two-operand operation whose operands PyTorch takes as tensors only."""

    def front(input, other):
        expect_tensor(name, input)
        expect_tensor(name, other, "other", 2)
        return call2(op, input, other)

    return _register(front, op, name, method, inplace, aliases, namespace)


def tensor_and_scalar(op, scalar_op, name, *, method=True, inplace=False, aliases=()):
    """Register an operation that has a node of its own for a second operand that is a number."""

    def front(input, other):
        expect_tensor(name, input)
        return call2(op if isinstance(other, Value) else scalar_op, input, other)

    return _register(front, op, name, method, inplace, aliases, "")


def one_tensor(op, name, *, method=True, inplace=False, aliases=(), namespace=""):
    """Register a one-operand operation under a name, besides the operation's own."""

    def front(input):
        expect_tensor(name, input)
        return call1(op, input)

    return _register(front, op, name, method, inplace, aliases, namespace)


def _register(front, op, name, method, inplace, aliases, namespace):
    front.__name__ = front.__qualname__ = name
    front.__doc__ = op.function.__doc__
    if op.ufunc:
        front.kernel_op = op
    return public(
        name, method=method, inplace=inplace, out=True, aliases=aliases, namespace=namespace
    )(front)
