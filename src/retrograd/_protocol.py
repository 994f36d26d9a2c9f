"""NumPy's protocols on tensors: ``np.tanh(t)`` is the operation, recorded like any other."""

from __future__ import annotations

import numpy as np

from ._core.op import registry
from ._core.public import deliver
from ._core.value import Value
from .ops import numpy_calls
from .tensor import Tensor, wrap

# NumPy function or ufunc -> operation.
by_numpy = {}
for _op in registry.values():
    for _function in _op.numpy:
        by_numpy.setdefault(_function, _op)

# Reductions of ufuncs: np.add.reduce(t) and its like.
_reduce = {
    np.add: "sum",
    np.multiply: "prod",
    np.maximum: "amax",
    np.minimum: "amin",
    np.logical_and: "all",
    np.logical_or: "any",
}
_accumulate = {np.add: "cumsum", np.multiply: "cumprod"}


def answers(*numpy_functions):
    """Register a Python function as the answer to NumPy functions."""

    def register(function):
        for numpy_function in numpy_functions:
            _special[numpy_function] = function
        return function

    return register


def constant(*numpy_functions):
    """Register NumPy functions that need no derivative: they run on the arrays."""
    _constant.update(numpy_functions)


_special = dict(numpy_calls.answers)
_constant = set()


def array_ufunc(self, ufunc, method, *inputs, **settings):
    """Answer a NumPy ufunc with tensors among its arguments."""
    out = settings.pop("out", None)
    inputs = [np.asarray(x) if isinstance(x, (list, tuple)) else x for x in inputs]
    if method == "__call__" and ufunc in _special and not settings:
        result = _special[ufunc](*[wrap(x) if isinstance(x, np.ndarray) else x for x in inputs])
    elif method == "__call__":
        op = by_numpy.get(ufunc)
        if op is None or settings:
            result = _without_gradient(ufunc, inputs, settings)
        else:
            result = op(*inputs)
    elif method == "reduce" and ufunc in _reduce:
        result = _reduction(registry[_reduce[ufunc]], *inputs, **settings)
    elif method == "accumulate" and ufunc in _accumulate:
        result = _call(registry[_accumulate[ufunc]], inputs, settings)
    else:
        result = _without_gradient(getattr(ufunc, method), inputs, settings)
    if out is None:
        return result
    target = out[0]
    if not isinstance(target, Value):
        raise TypeError(
            f"np.{ufunc.__name__}: out= is a NumPy array, but an operand is a tensor whose "
            "gradient would be lost; use t.detach().numpy()"
        )
    return deliver(result, target)


def _reduction(op, x, axis=0, dtype=None, keepdims=False, **rest):
    if rest:
        raise TypeError(f"np ufunc reduce on a tensor takes axis and keepdims, not {list(rest)}")
    if axis is not None:
        axes = axis if isinstance(axis, tuple) else (axis,)
        axis = tuple(n % max(x.ndim, 1) for n in axes)
    result = op(x, axis=axis, keepdims=keepdims)
    return result


def _call(op, args, settings):
    """Call an operation with NumPy's argument order: settings may be positional."""
    args = list(args)
    if op.variadic and args and isinstance(args[0], (list, tuple, Value)):
        rest = args[1:]
        args = list(args[0])
        names = op.settings
        settings = {**dict(zip(names, rest)), **settings}
        return op(*args, **settings)
    count = len(op.operands)
    if len(args) > count and not op.variadic:
        settings = {**dict(zip(op.settings, args[count:])), **settings}
        args = args[:count]
    while len(args) < count and op.operands[len(args)] in settings:
        args.append(settings.pop(op.operands[len(args)]))
    return op(*args, **settings)


def array_function(self, function, types, args, settings):
    """Answer a NumPy function with tensors among its arguments."""
    special = _special.get(function)
    if special is not None:
        return special(*args, **settings)
    op = by_numpy.get(function)
    if op is not None:
        if settings.get("out", True) is None:
            settings = {k: v for k, v in settings.items() if k != "out"}
        known = set(op.settings) | set(op.operands)
        room = op.variadic or len(args) <= len(known)
        if room and all(k in known for k in settings):
            return _call(op, args, settings)
    return _without_gradient(function, args, settings)


def _unwrap(value, tensors):
    if isinstance(value, Value):
        tensors.append(value)
        return value.array
    if isinstance(value, (list, tuple)) and any(isinstance(v, (Value, list, tuple)) for v in value):
        inside = [_unwrap(v, tensors) for v in value]
        return inside if isinstance(value, list) else tuple(inside)
    return value


def _without_gradient(function, args, settings):
    """Run a NumPy function that is no operation here, if nothing needs its gradient."""
    tensors = []
    args = [_unwrap(a, tensors) for a in args]
    settings = {k: _unwrap(v, tensors) for k, v in settings.items()}
    for tensor in tensors:
        if tensor.requires and function not in _constant:
            name = getattr(function, "__name__", repr(function))
            raise TypeError(
                f"np.{name} has no derivative in retrograd, and a tensor given to it requires "
                "grad; use t.detach(), or write it with operations that have one"
            )
    return _wrapped(function(*args, **settings))


def _wrapped(result):
    if isinstance(result, (np.ndarray, np.generic)):
        return wrap(result)
    if type(result) in (tuple, list):
        return type(result)(_wrapped(part) for part in result)
    return result


# -- functions whose arguments NumPy orders differently, or that only look at shapes ---------------


@answers(np.shape)
def shape(a):
    return tuple(a.shape)


@answers(np.ndim)
def ndim(a):
    return a.ndim


@answers(np.size)
def size(a, axis=None):
    return a.numel() if axis is None else a.shape[axis]


def _like(make):
    def like(a, *args, dtype=None, order="K", subok=True, shape=None, device=None, **given):
        array = a.array if isinstance(a, Value) else a
        return wrap(make(array, *args, dtype=dtype, shape=shape, **given))

    return like


answers(np.zeros_like)(_like(np.zeros_like))
answers(np.ones_like)(_like(np.ones_like))
answers(np.empty_like)(_like(np.empty_like))
answers(np.full_like)(_like(np.full_like))


Tensor.__array_ufunc__ = array_ufunc
Tensor.__array_function__ = array_function
Tensor.__array_priority__ = 1000
