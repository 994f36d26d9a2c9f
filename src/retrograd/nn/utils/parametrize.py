"""Parameters computed from others: `register_parametrization` and what undoes it.

A parametrized tensor is a property of the module; what it is computed from stands in
``module.parametrizations``, a `ParametrizationList` for each.  A module gets a class of its own
for the properties, ``ParametrizedLinear`` for a Linear.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from ...autograd import no_grad
from ...tensor import Tensor
from ..containers import ModuleDict, ModuleList
from ..module import Module
from ..parameter import Parameter

# Values computed inside `cached()`, by module and name, and how many blocks are open.
_cache: dict[tuple[int, str], Any] = {}
_open = 0


@contextmanager
def cached() -> Iterator[None]:
    """Compute each parametrized tensor once in the block, however often it is read."""
    global _open
    _open += 1
    try:
        yield
    finally:
        _open -= 1
        if not _open:
            _cache.clear()


def _register(module: Module, name: str, tensor: Tensor) -> None:
    if isinstance(tensor, Parameter):
        module.register_parameter(name, tensor)
    else:
        module.register_buffer(name, tensor)


def _overwrite(original: Tensor, value: Tensor) -> None:
    """Let `original` have the data of `value`, and stay the object that optimisers know."""
    original.data = value.detach()


class ParametrizationList(ModuleList):
    """The parametrizations of one tensor, in order, and the tensors that they start from.

    Parameters
    ----------
    modules : sequence of Module
        A module with `right_inverse` may start from several tensors: it returns them for a value,
        and `forward` takes them.
    original : Tensor or Parameter
        The tensor's value.
    unsafe : bool
        Whether parametrizations may change dtype and shape, which is then not checked.
    """

    original: Tensor
    unsafe: bool

    def __init__(
        self, modules: Sequence[Module], original: Tensor, unsafe: bool = False
    ) -> None:
        if len(modules) == 0:
            raise ValueError("ParametrizationList requires one or more modules.")
        super().__init__(modules)
        self.unsafe = unsafe
        shape, dtype = original.shape, original.dtype
        with no_grad():
            new = _inverted(list(self), original)
        if not isinstance(new, (Tensor, Sequence)):
            raise ValueError(
                "'right_inverse' must return a Tensor or a Sequence of tensors (list, tuple...). "
                f"Got {type(new).__name__}"
            )
        self.is_tensor = isinstance(new, Tensor)
        self.ntensors = 1 if isinstance(new, Tensor) else len(new)
        if isinstance(new, Tensor):
            if new.dtype != dtype:
                raise ValueError(
                    "When `right_inverse` outputs one tensor, it may not change the dtype.\n"
                    f"original.dtype: {dtype}\nright_inverse(original).dtype: {new.dtype}"
                )
            if new is not original:
                _overwrite(original, new)
            _register(self, "original", original)
        else:
            self._register_several(new, original)
        if not unsafe:
            self._check(self(), shape, dtype)

    def _register_several(self, new: Any, original: Tensor) -> None:
        for number, one in enumerate(new):
            if not isinstance(one, Tensor):
                raise ValueError(
                    "'right_inverse' must return a Tensor or a Sequence of tensors (list, "
                    f"tuple...). Got element {number} of the sequence with type "
                    f"{type(one).__name__}."
                )
            if isinstance(original, Parameter):
                one = Parameter(one, original.requires_grad)
            one.requires_grad_(original.requires_grad)
            _register(self, f"original{number}", one)

    @staticmethod
    def _check(value: Any, shape: Any, dtype: Any) -> None:
        if not isinstance(value, Tensor):
            raise ValueError(
                f"A parametrization must return a tensor. Got {type(value).__name__}."
            )
        for what, wanted, found in (("dtype", dtype, value.dtype), ("shape", shape, value.shape)):
            if wanted != found:
                raise ValueError(
                    f"Registering a parametrization may not change the {what} of the tensor, "
                    f"unless `unsafe` flag is enabled.\nunparametrized {what}: {wanted}\n"
                    f"parametrized {what}: {found}"
                )

    def _originals(self) -> list[Any]:
        return [getattr(self, f"original{number}") for number in range(self.ntensors)]

    def right_inverse(self, value: Tensor) -> None:
        """Set the originals so that the parametrized tensor becomes `value`."""
        with no_grad():
            found: Any = value
            for module in reversed(list(self)):
                if not hasattr(module, "right_inverse"):
                    raise RuntimeError(
                        f"parametrization {type(module).__name__} does not implement "
                        "right_inverse."
                    )
                found = module.right_inverse(found)
            if self.is_tensor:
                self._set_one(found)
            else:
                self._set_several(found)

    def _set_one(self, value: Any) -> None:
        if not isinstance(value, Tensor):
            raise ValueError(f"`right_inverse` should return a tensor. Got {type(value).__name__}")
        if value.dtype != self.original.dtype:
            raise ValueError(
                "The tensor returned by `right_inverse` has dtype "
                f"{value.dtype} while `original` has dtype {self.original.dtype}"
            )
        _overwrite(self.original, value)

    def _set_several(self, values: Any) -> None:
        if not isinstance(values, Sequence):
            raise ValueError(
                f"'right_inverse' must return a sequence of tensors. Got {type(values).__name__}."
            )
        if len(values) != self.ntensors:
            raise ValueError(
                "'right_inverse' must return a sequence of tensors of length "
                f"{self.ntensors}. Got a sequence of length {len(values)}."
            )
        for number, (original, value) in enumerate(zip(self._originals(), values)):
            if not isinstance(value, Tensor):
                raise ValueError(
                    f"Tensor {number} returned by `right_inverse` is not of type Tensor. Got "
                    f"{type(value).__name__}"
                )
            if original.dtype != value.dtype:
                raise ValueError(
                    f"Tensor {number} returned by `right_inverse` has dtype {value.dtype} while "
                    f"`original{number}` has dtype {original.dtype}"
                )
            _overwrite(original, value)

    def forward(self) -> Any:  # type: ignore[override]
        """Compute the parametrized tensor."""
        first, *others = self
        value = first(self.original) if self.is_tensor else first(*self._originals())
        for module in others:
            value = module(value)
        return value


def _inverted(modules: list[Any], value: Any) -> Any:
    """Return what the parametrizations start from to give `value`, as far as they say."""
    for module in reversed(modules):
        if hasattr(module, "right_inverse"):
            # One that cannot invert takes the value as it is.
            with suppress(NotImplementedError):
                value = module.right_inverse(value)
    return value


# -- classes with properties -----------------------------------------------------------------------


def _refuse_pickling(self: Any) -> Any:
    raise RuntimeError(
        "Serialization of parametrized modules is only supported through state_dict(). See:\n"
        "https://pytorch.org/tutorials/beginner/saving_loading_models.html"
        "#saving-loading-a-general-checkpoint-for-inference-and-or-resuming-training"
    )


def _copied(self: Any, memo: dict[int, Any]) -> Any:
    """Copy a module whose class may not be pickled; the copy gets a class of its own."""
    found = memo.get(id(self))
    if found is not None:
        return found
    kind = type(self)
    made = _own_class(kind.__bases__[0], dict(vars(kind)))
    new = made.__new__(made)
    memo[id(self)] = new
    plain = Module.__getstate__(self)
    new.__setstate__(copy.deepcopy(plain, memo))
    return new


def _own_class(base: type, names: dict[str, Any] | None = None) -> Any:
    """Return a class `ParametrizedX` of a base, with the properties of another such class."""
    members = {"__getstate__": _refuse_pickling}
    if not hasattr(base, "__deepcopy__"):
        members["__deepcopy__"] = _copied
    if names is not None:
        members |= {name: one for name, one in names.items() if isinstance(one, property)}
    made = type(f"Parametrized{base.__name__}", (base,), members)
    made.__module__ = __name__
    return made


def _inject_property(module: Module, tensor_name: str) -> None:
    """Make a name of the module's own class the parametrized tensor."""

    def read(self: Any) -> Any:
        parametrization = self.parametrizations[tensor_name]
        if not _open:
            return parametrization()
        key = (id(self), tensor_name)
        if key not in _cache:
            _cache[key] = parametrization()
        return _cache[key]

    def write(self: Any, value: Any) -> None:
        self.parametrizations[tensor_name].right_inverse(value)

    setattr(type(module), tensor_name, property(read, write))


# -- functions ------------------------------------------------------------------------------------


def register_parametrization(
    module: Module, tensor_name: str, parametrization: Module, *, unsafe: bool = False
) -> Module:
    """Let a parameter or buffer be computed by a module from what it is now.

    Parameters
    ----------
    module : Module
    tensor_name : str
        A parameter or buffer, or a tensor that is parametrized already: the new parametrization
        then applies to its result.
    parametrization : Module
        Its `forward` computes the tensor.  With a method `right_inverse` the tensor can be
        assigned to.
    unsafe : bool
        Whether the parametrization may change dtype and shape.

    Examples
    --------
    >>> import retrograd as torch
    >>> from retrograd.nn.utils import parametrize
    >>> class Symmetric(torch.nn.Module):
    ...     def forward(self, x):
    ...         return x.triu() + x.triu(1).transpose(-1, -2)
    >>> layer = torch.nn.Linear(3, 3)
    >>> layer = parametrize.register_parametrization(layer, "weight", Symmetric())
    >>> torch.equal(layer.weight, layer.weight.T)
    True
    """
    parametrization.train(module.training)
    if is_parametrized(module, tensor_name):
        if not unsafe:
            _check_further(module, tensor_name, parametrization)
        parametrizations: Any = module.parametrizations[tensor_name]
        parametrizations.append(parametrization)
        parametrizations.unsafe |= unsafe
    elif tensor_name in module._buffers or tensor_name in module._parameters:
        original = getattr(module, tensor_name)
        made = ParametrizationList([parametrization], original, unsafe=unsafe)
        delattr(module, tensor_name)
        if not is_parametrized(module):
            module.__class__ = _own_class(type(module))
            module.parametrizations = ModuleDict()
        _inject_property(module, tensor_name)
        module.parametrizations[tensor_name] = made
    else:
        raise ValueError(
            f"Module '{module}' does not have a parameter, a buffer, or a parametrized element "
            f"with name '{tensor_name}'"
        )
    return module


def _check_further(module: Module, name: str, parametrization: Any) -> None:
    """Check a parametrization that is put on top of others."""
    old = getattr(module, name)
    new = parametrization(old)
    if not isinstance(new, Tensor):
        raise ValueError(f"A parametrization must return a tensor. Got {type(new).__name__}.")
    for what in ("dtype", "shape"):
        if getattr(new, what) != getattr(old, what):
            raise ValueError(
                f"Registering a parametrization may not change the {what} of the tensor, unless "
                f"the `unsafe` flag is enabled.\nmodule.{name}.{what}: {getattr(old, what)}\n"
                f"parametrization(module.{name}).{what}: {getattr(new, what)}"
            )
    if not hasattr(parametrization, "right_inverse"):
        return
    try:
        back = parametrization.right_inverse(new)
    except NotImplementedError:
        return
    if not isinstance(back, Tensor):
        raise ValueError(
            f"parametrization.right_inverse must return a tensor. Got: {type(back).__name__}"
        )
    for what in ("dtype", "shape"):
        if getattr(back, what) != getattr(old, what):
            raise ValueError(
                f"The tensor returned by parametrization.right_inverse must have the same {what} "
                f"as module.{name}, unless the `unsafe` flag is enabled.\n"
                f"module.{name}.{what}: {getattr(old, what)}\nreturned {what}: "
                f"{getattr(back, what)}"
            )


def is_parametrized(module: Module, tensor_name: str | None = None) -> bool:
    """Say whether a tensor of a module, or any, is parametrized."""
    found = getattr(module, "parametrizations", None)
    if not isinstance(found, ModuleDict):
        return False
    return len(found) > 0 if tensor_name is None else tensor_name in found


def remove_parametrizations(
    module: Module, tensor_name: str, leave_parametrized: bool = True
) -> Module:
    """Make a tensor an ordinary parameter or buffer again.

    Parameters
    ----------
    leave_parametrized : bool
        Whether it keeps its computed value, or takes that of the one tensor it started from.
    """
    if not is_parametrized(module, tensor_name):
        raise ValueError(f"Module {module} does not have a parametrization on {tensor_name}")
    parametrizations: Any = module.parametrizations[tensor_name]
    if parametrizations.is_tensor:
        original = parametrizations.original
        if leave_parametrized:
            with no_grad():
                _overwrite(original, getattr(module, tensor_name))
    elif leave_parametrized:
        value = getattr(module, tensor_name)
        original = Parameter(value.detach()) if value.requires_grad else value
    else:
        raise ValueError(
            "Cannot leave unparametrized (`leave_parametrized=False`) a tensor that is "
            "parametrized in terms of a sequence of tensors."
        )
    delattr(type(module), tensor_name)
    del module.parametrizations[tensor_name]
    _register(module, tensor_name, original)
    if not is_parametrized(module):
        delattr(module, "parametrizations")
        module.__class__ = type(module).__bases__[0]
    return module


def type_before_parametrizations(module: Module) -> type:
    """Return the class that a module had before it was parametrized."""
    return type(module).__bases__[0] if is_parametrized(module) else type(module)


def transfer_parametrizations_and_params(
    from_module: Module, to_module: Module, tensor_name: str | None = None
) -> Module:
    """Give a module the parametrizations of another, and what they are computed from.

    Parameters
    ----------
    tensor_name : str, optional
        The one tensor to transfer; all by default.
    """
    if not is_parametrized(from_module):
        return to_module
    table: Any = from_module.parametrizations
    names = list(table) if tensor_name is None else [tensor_name]
    for name in names:
        if not hasattr(to_module, name):
            setattr(to_module, name, Parameter(getattr(from_module, name)))
        for parametrization in table[name]:
            register_parametrization(to_module, name, parametrization)
        target: Any = to_module.parametrizations[name]  # type: ignore[index]
        if hasattr(table[name], "original"):
            target.original = table[name].original
        else:
            for number in range(table[name].ntensors):
                key = f"original{number}"
                setattr(target, key, getattr(table[name], key))
    return to_module
