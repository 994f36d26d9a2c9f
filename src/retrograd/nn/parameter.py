"""Parameter and Buffer: tensors that a module registers when they are assigned to it."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np

from .._core.promotion import defaults
from .._core.value import Value
from .._objects import own_attributes
from ..tensor import Tensor, raw


class Parameter(Tensor):
    """A tensor that a module registers as one of its parameters.

    Parameters
    ----------
    data : Tensor, optional
        The parameter shares its memory; without it the parameter is empty.
    requires_grad : bool

    Examples
    --------
    >>> import retrograd as torch
    >>> torch.nn.Parameter(torch.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    def __init__(self, data: Any = None, requires_grad: bool = True) -> None:
        share_memory(self, data)
        if requires_grad and self.get_dtype().kind not in "fcV":
            raise RuntimeError(
                "Only Tensors of floating point and complex dtype can require gradients"
            )
        self.requires = bool(requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        found = memo.get(id(self))
        if found is None:
            found = type(self)(self.make(self.array.copy()), self.requires)
            memo[id(self)] = found
        return found

    def __repr__(self) -> str:
        return "Parameter containing:\n" + super().__repr__()

    def __str__(self) -> str:
        return repr(self)

    def __reduce_ex__(self, protocol: Any) -> Any:
        arguments = (self.data, self.requires, OrderedDict())
        attributes = own_attributes(self)
        if not attributes:
            return _rebuild_parameter, arguments
        return _rebuild_parameter_with_state, (*arguments, dict(attributes))


class _BufferType(type):
    """Makes ``isinstance(tensor, Buffer)`` ask for the mark that `Buffer` puts on tensors."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return isinstance(instance, Tensor) and bool(getattr(instance, "_is_buffer", False))


class Buffer(metaclass=_BufferType):
    """A tensor that a module registers as one of its buffers; its type is plain Tensor.

    Parameters
    ----------
    data : Tensor, optional
        The buffer shares its memory; without it the buffer is empty.
    persistent : bool
        Whether it is part of the module's state_dict.
    """

    def __new__(cls, data: Any = None, *, persistent: bool = True) -> Any:
        buffer = Tensor.__new__(Tensor)
        share_memory(buffer, data)
        buffer.persistent = persistent  # type: ignore[attr-defined]
        buffer._is_buffer = True  # type: ignore[attr-defined]
        return buffer


def share_memory(new: Any, data: Any) -> None:
    """Make a fresh tensor one of the memory of `data`, or an empty one, without history."""
    if data is None:
        Tensor.__init__(new, np.empty(0, defaults.floating), raw)
        return
    if not isinstance(data, Value):
        raise TypeError(
            f"Parameter(): argument 'data' must be Tensor, not {type(data).__name__}; "
            "make one with tensor(...)"
        )
    Tensor.__init__(new, data.array, raw)
    new.storage = data.get_storage()


def _rebuild_parameter(data: Any, requires_grad: bool, hooks: Any) -> Parameter:
    return Parameter(data, requires_grad)


def _rebuild_parameter_with_state(
    data: Any, requires_grad: bool, hooks: Any, state: Any
) -> Parameter:
    param = Parameter(data, requires_grad)
    for name, value in state.items():
        setattr(param, name, value)
    return param
