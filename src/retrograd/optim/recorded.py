"""``differentiable=True``: the update that works on arrays in place, recorded on tensors instead.

An update is written once, as NumPy calls that write into arrays.  Given `Recorded` values in
place of arrays, the same calls run as recorded operations: writing into one replaces the tensor
that it holds.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..ops.complex import view_as_complex, view_as_real


class Recorded:
    """Stands for an array in `ElementwiseOptimizer.update` and holds a tensor.

    It knows what updates do: ufuncs with an output, ``np.copyto``, and ``x[...] = y``, which
    copies the value without its gradient.
    """

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, out: Any = None) -> Any:
        result = getattr(ufunc, method)(*[plain_value(x) for x in inputs])
        if out is None:
            return Recorded(result)
        out[0].value = result
        return out[0]

    def __array_function__(self, function: Any, types: Any, args: Any, settings: Any) -> Any:
        if function is not np.copyto:
            return NotImplemented
        target, source = args
        value = plain_value(source)
        where = settings.get("where")
        if where is not None:
            target.value = target.value.masked_fill(where.value, value)
        elif isinstance(source, Recorded):
            target.value = value
        else:
            target.value = target.value * 0 + value

    def __setitem__(self, where: Any, value: Any) -> None:
        self.value = value.value.detach()


def plain_value(value: Any) -> Any:
    """Return the tensor of a `Recorded`, anything else as it is."""
    return value.value if isinstance(value, Recorded) else value


def record_update(update: Any, settings: Any, param: Any, grad: Any, states: list[Any]) -> None:
    """Run ``update(*settings, param, grad, states, scratch)`` recorded on tensors.

    `param` and `states` are tensors, written in place at the end: `param` must not be a leaf
    that requires grad.
    """
    is_complex = param.is_complex()
    targets = [param, *states]
    # Clones: a rule may have saved what the writing at the end changes.
    held = [Recorded(t.clone()) for t in (*targets, grad)]
    if is_complex:
        for one in held:
            one.value = view_as_real(one.value)
    *_, gradient = held
    scratch = [Recorded(held[0].value.detach() * 0) for _ in range(3)]
    update(*settings, held[0], gradient, held[1:-1], scratch)
    for target, one in zip(targets, held):
        target.copy_(view_as_complex(one.value) if is_complex else one.value)
