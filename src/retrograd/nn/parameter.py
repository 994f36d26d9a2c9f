"""Parameter and Buffer: tensors that a module registers when they are assigned to it.

Their uninitialized forms, UninitializedParameter and UninitializedBuffer, have a dtype but no
shape or values yet; a lazy module (`nn/lazy.py`) gives them both when it sees its first input.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import numpy as np

from .._core.promotion import defaults
from .._core.value import Value
from .._objects import own_attributes
from ..ops._arguments import numpy_dtype
from ..tensor import Tensor, raw, wrap


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


# -- without a shape yet --------------------------------------------------------------------------


class _NoValues(np.ndarray):
    """The array of an uninitialized tensor: it has a dtype, and refuses to take part in anything.

    Every operation is NumPy calls, so NumPy's own protocols tell when one is tried.
    """

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        raise _uninitialized(ufunc.__name__)

    def __array_function__(self, function: Any, types: Any, args: Any, settings: Any) -> Any:
        raise _uninitialized(function.__name__)


def _no_values(dtype: Any) -> Any:
    return np.empty(0, dtype).view(_NoValues)


def _uninitialized(name: str) -> ValueError:
    return ValueError(
        f"Attempted to use an uninitialized parameter in {name}. This error happens when you are "
        "using a `LazyModule` or explicitly manipulating "
        "`torch.nn.parameter.UninitializedParameter` objects. When using LazyModules Call "
        "`forward` with a dummy batch to initialize the parameters before calling torch functions"
    )


class UninitializedTensorMixin:
    """What tensors without a shape have in common: `materialize` gives them one."""

    cls_to_become: type = Tensor

    def materialize(self: Any, shape: Any, device: Any = None, dtype: Any = None) -> None:
        """Become an ordinary tensor of `shape`, its values not set.

        Parameters
        ----------
        shape : tuple of int
        device : device, optional
        dtype : dtype, optional
            The one it was made with by default.
        """
        wanted = self.get_dtype() if dtype is None else numpy_dtype(dtype)
        self.set_array(np.empty(tuple(shape), wanted))
        self.__class__ = self.cls_to_become

    @property
    def shape(self) -> Any:
        """Refused: there is none yet."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually "
            "happens in `load_state_dict` when trying to load an uninitialized parameter into an "
            "initialized one. Call `forward` to initialize the parameters before accessing their "
            "attributes."
        )

    @property
    def data(self: Any) -> Any:
        """An empty tensor of the same dtype; setting it takes over the dtype."""
        return wrap(np.empty(0, self.get_dtype()))

    @data.setter
    def data(self: Any, value: Any) -> None:
        self.set_array(_no_values(value.get_dtype()))

    def share_memory_(self) -> Any:
        """Refused: there is no memory yet."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to "
            "initialize the parameters before calling `module.share_memory()`."
        )

    def dim(self) -> int:
        """Refused: there is no shape yet."""
        raise _uninitialized("dim")

    def numel(self) -> int:
        """Refused: there is no shape yet."""
        raise _uninitialized("numel")

    def __len__(self) -> int:
        raise _uninitialized("__len__")

    def copy_(self: Any, src: Any, non_blocking: bool = False) -> Any:
        """Do nothing for another uninitialized tensor, and refuse values."""
        if not is_lazy(src):
            raise _uninitialized("copy_")
        return self

    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"

    __str__ = __repr__


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A parameter whose shape is not known yet; it becomes a Parameter.

    Parameters
    ----------
    requires_grad : bool
    device : device, optional
    dtype : dtype, optional
        The default floating dtype by default.

    Examples
    --------
    >>> import retrograd as torch
    >>> weight = torch.nn.UninitializedParameter()
    >>> weight.materialize((2, 3))
    >>> weight.shape
    torch.Size([2, 3])
    """

    cls_to_become = Parameter

    def __init__(self, requires_grad: bool = True, device: Any = None, dtype: Any = None) -> None:
        Tensor.__init__(self, _no_values(numpy_dtype(dtype) or defaults.floating), raw)
        self.requires = bool(requires_grad)

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        found = memo.get(id(self))
        if found is None:
            found = type(self)(self.requires, None, self.dtype)
            memo[id(self)] = found
        return found

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.requires, None, self.dtype)


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose shape is not known yet; it becomes a Tensor.

    Parameters
    ----------
    requires_grad : bool
    device : device, optional
    dtype : dtype, optional
        The default floating dtype by default.
    persistent : bool
        Whether it is part of the module's state_dict.
    """

    def __init__(
        self,
        requires_grad: bool = False,
        device: Any = None,
        dtype: Any = None,
        persistent: bool = True,
    ) -> None:
        Tensor.__init__(self, _no_values(numpy_dtype(dtype) or defaults.floating), raw)
        self.requires = bool(requires_grad)
        self.persistent = persistent
        self._is_buffer = True

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        found = memo.get(id(self))
        if found is None:
            found = type(self)(self.requires, None, self.dtype, self.persistent)
            memo[id(self)] = found
        return found

    def __reduce_ex__(self, protocol: Any) -> Any:
        return type(self), (self.requires, None, self.dtype, self.persistent)


def _converting(name: str) -> Any:
    """Return a conversion: of a parameter's empty data, of a buffer to another such buffer."""

    def convert(self: Any, *args: Any, **settings: Any) -> Any:
        converted = getattr(self.data, name)(*args, **settings)
        if isinstance(self, Parameter):
            return converted
        return UninitializedBuffer(
            self.requires, dtype=converted.dtype, persistent=self.persistent
        )

    convert.__name__ = convert.__qualname__ = name
    return convert


for _name in (
    *("half", "bfloat16", "float", "double", "char", "short", "int", "long"),
    *("cpu", "cuda", "to", "type"),
):
    setattr(UninitializedTensorMixin, _name, _converting(_name))


def is_lazy(param: Any) -> bool:
    """Say whether a parameter or buffer has no shape yet."""
    return isinstance(param, UninitializedTensorMixin)
