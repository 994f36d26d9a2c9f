"""Module: parameters, buffers and child modules under one name each, and what works on them all."""

from __future__ import annotations

import sys
from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from ..autograd import no_grad
from ..creation import empty
from ..device import check_device
from ..device import device as device_class
from ..dtypes import dtype as dtype_class
from ..tensor import Tensor
from ._members import Members
from ._registration import Registration
from ._state import StateDictMethods
from .hooks import HookMethods
from .parameter import Parameter

Self = TypeVar("Self", bound="Module")

# The hook tables of an instance, in the order in which PyTorch's instances have them.
_TABLES = (
    "_backward_pre_hooks",
    "_backward_hooks",
    "_forward_hooks",
    "_forward_hooks_with_kwargs",
    "_forward_hooks_always_called",
    "_forward_pre_hooks",
    "_forward_pre_hooks_with_kwargs",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)


class Module(Registration, HookMethods, StateDictMethods):
    """Base of every network and layer.

    Parameters, buffers and modules assigned to attributes are registered; `forward` says what
    calling the module does.

    Examples
    --------
    >>> import retrograd as torch
    >>> from retrograd import nn
    >>> class Double(nn.Module):
    ...     def __init__(self):
    ...         super().__init__()
    ...         self.scale = nn.Parameter(torch.tensor(2.0))
    ...     def forward(self, x):
    ...         return self.scale * x
    >>> Double()(torch.ones(2))
    tensor([2., 2.], grad_fn=<MulBackward0>)
    """

    dump_patches = False
    call_super_init = False
    training: bool

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if self.call_super_init is False and (args or kwargs):
            self._refuse_arguments(args, kwargs)
        own = self.__dict__
        own["training"] = True
        own["_parameters"] = Members(self)
        own["_buffers"] = Members(self)
        own["_non_persistent_buffers_set"] = set()
        for table in _TABLES:
            own[table] = OrderedDict()
        own["_is_full_backward_hook"] = None
        own["_modules"] = Members(self)
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    def _refuse_arguments(self, args: Any, kwargs: Any) -> None:
        if kwargs:
            name = next(iter(kwargs))
            raise TypeError(
                f"{type(self).__name__}.__init__() got an unexpected keyword argument '{name}'"
            )
        raise TypeError(
            f"{type(self).__name__}.__init__() takes 1 positional argument but "
            f"{len(args) + 1} were given"
        )

    # -- calling ----------------------------------------------------------------------------------

    def forward(self, *input: Any) -> Any:
        """Compute the result of a call.  Subclasses define it."""
        raise NotImplementedError(
            f'Module [{type(self).__name__}] is missing the required "forward" function'
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self._hooked:
            if self._compiled_call_impl is not None:
                return self._compiled_call_impl(*args, **kwargs)
            return self._call_with_hooks(args, kwargs)
        return self.forward(*args, **kwargs)

    # -- walking -----------------------------------------------------------------------------------

    def _named_members(
        self,
        get_members_fn: Callable[[Module], Any],
        prefix: str = "",
        recurse: bool = True,
        remove_duplicate: bool = True,
    ) -> Iterator[tuple[str, Any]]:
        """Yield (dotted name, member) of this module and, with `recurse`, of those inside."""
        seen: set[Any] = set()
        if recurse:
            modules = self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
        else:
            modules = iter([(prefix, self)])
        for module_prefix, module in modules:
            for name, value in get_members_fn(module):
                if value is None or id(value) in seen:
                    continue
                if remove_duplicate:
                    seen.add(id(value))
                yield (module_prefix + "." if module_prefix else "") + name, value

    def parameters(self, recurse: bool = True) -> Iterator[Parameter]:
        """Yield the parameters, each once."""
        for _, param in self.named_parameters(recurse=recurse):
            yield param

    def named_parameters(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Parameter]]:
        """Yield (dotted name, parameter)."""
        yield from self._named_members(
            lambda module: module._parameters.items(), prefix, recurse, remove_duplicate
        )

    def buffers(self, recurse: bool = True) -> Iterator[Tensor]:
        """Yield the buffers, each once."""
        for _, buffer in self.named_buffers(recurse=recurse):
            yield buffer

    def named_buffers(
        self, prefix: str = "", recurse: bool = True, remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield (dotted name, buffer)."""
        yield from self._named_members(
            lambda module: module._buffers.items(), prefix, recurse, remove_duplicate
        )

    def children(self) -> Iterator[Module]:
        """Yield the modules directly inside this one, each once."""
        for _, module in self.named_children():
            yield module

    def named_children(self) -> Iterator[tuple[str, Module]]:
        """Yield (name, module) of the modules directly inside this one, each once."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and id(module) not in seen:
                seen.add(id(module))
                yield name, module

    def modules(self, remove_duplicate: bool = True) -> Iterator[Module]:
        """Yield this module and all inside it, each once."""
        for _, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_modules(
        self, memo: set[Module] | None = None, prefix: str = "", remove_duplicate: bool = True
    ) -> Iterator[tuple[str, Module]]:
        """Yield (dotted name, module) of this module and all inside it, parents first."""
        if memo is None:
            memo = set()
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                inside = prefix + ("." if prefix else "") + name
                yield from module.named_modules(memo, inside, remove_duplicate)

    # -- switching and converting ------------------------------------------------------------------

    def apply(self: Self, fn: Callable[[Module], None]) -> Self:
        """Call `fn` on every module inside, children first, and on this one."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def train(self: Self, mode: bool = True) -> Self:
        """Switch this module and all inside it to training (or evaluation) behaviour."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self: Self) -> Self:
        """Switch this module and all inside it to evaluation behaviour."""
        return self.train(False)

    def requires_grad_(self: Self, requires_grad: bool = True) -> Self:
        """Say for every parameter whether it wants a gradient."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of all parameters, or fill them with zeros."""
        for param in self.parameters():
            if set_to_none:
                param.grad = None
            elif param.grad is not None:
                if param.grad.grad_fn is not None:
                    param.grad.detach_()
                else:
                    param.grad.requires_grad_(False)
                param.grad.zero_()

    def _apply(self: Self, fn: Callable[[Any], Any], recurse: bool = True) -> Self:
        """Replace the data of every parameter, its gradient and every buffer by ``fn`` of it."""
        if recurse:
            for module in self.children():
                module._apply(fn)
        for param in self._parameters.values():
            if param is None:
                continue
            with no_grad():
                converted = fn(param)
            if converted is not param:
                param.data = converted
            if param.grad is not None:
                with no_grad():
                    converted = fn(param.grad)
                if converted is not param.grad:
                    param.grad = converted.requires_grad_(param.grad.requires_grad)
        for name, buffer in self._buffers.items():
            if buffer is not None:
                self._buffers[name] = fn(buffer)
        return self

    def to(self: Self, *args: Any, **kwargs: Any) -> Self:
        """Convert parameters and buffers: ``to(dtype)``, ``to(device, dtype)``, ``to(tensor)``.

        Only floating-point and complex members change dtype.
        """
        device, dtype, non_blocking = _parse_to(args, kwargs)
        if dtype is not None and not (dtype.is_floating_point or dtype.is_complex):
            raise TypeError(
                "nn.Module.to only accepts floating point or complex dtypes, but got desired "
                f"dtype={dtype}"
            )

        def convert(tensor: Any) -> Any:
            floating = tensor.is_floating_point() or tensor.is_complex()
            return tensor.to(device, dtype if floating else None, non_blocking)

        return self._apply(convert)

    def to_empty(self: Self, *, device: Any, recurse: bool = True) -> Self:
        """Move to a device without keeping the values."""
        return self._apply(
            lambda tensor: empty(tensor.shape, dtype=tensor.dtype, device=device), recurse
        )

    def type(self: Self, dst_type: Any) -> Self:
        """Convert every parameter and buffer to a dtype."""
        return self._apply(lambda tensor: tensor.type(dst_type))

    def float(self: Self) -> Self:
        """Convert floating-point parameters and buffers to float32."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self: Self) -> Self:
        """Convert floating-point parameters and buffers to float64."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self: Self) -> Self:
        """Convert floating-point parameters and buffers to float16."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self: Self) -> Self:
        """Refuse: there is no such dtype."""
        raise NotImplementedError(
            "Module.bfloat16: retrograd does not have torch.bfloat16 (yet); half() and float() "
            "convert to float16 and float32"
        )

    def cpu(self: Self) -> Self:
        """Move parameters and buffers to the CPU."""
        return self._apply(lambda tensor: tensor.cpu())

    def cuda(self: Self, device: Any = None) -> Self:
        """Move parameters and buffers to a GPU."""
        return self._apply(lambda tensor: tensor.cuda(device))

    def share_memory(self: Self) -> Self:
        """Put parameters and buffers where other processes can see them."""
        return self._apply(lambda tensor: tensor.share_memory_())

    def compile(self, *args: Any, **kwargs: Any) -> None:
        """Let calls of this module be compiled from now on, in place: see `compile`.

        Its parameters keep their names; copies and checkpoints are not compiled.
        """
        # The compiler stands above this package: the library's own name for it is asked.
        library: Any = sys.modules[__name__.partition(".")[0]]
        self.__dict__["_compiled_call_impl"] = library.compile(self._call_impl, *args, **kwargs)
        self.__dict__["_hooked"] = True

    # -- text, copies ------------------------------------------------------------------------------

    def _get_name(self) -> str:
        return self.__class__.__name__

    def extra_repr(self) -> str:
        """Return what stands between the parentheses of the printed module."""
        return ""

    def __repr__(self) -> str:
        extra = self.extra_repr()
        extra_lines = extra.split("\n") if extra else []
        child_lines = []
        for name, module in self._modules.items():
            text = repr(module).replace("\n", "\n  ")
            child_lines.append(f"({name}): {text}")
        lines = extra_lines + child_lines
        if not lines:
            inside = ""
        elif len(extra_lines) == 1 and not child_lines:
            inside = extra_lines[0]
        else:
            inside = "\n  " + "\n  ".join(lines) + "\n"
        return f"{self._get_name()}({inside})"

    def __getstate__(self) -> dict[str, Any]:
        state = self.__dict__.copy()
        for table in ("_parameters", "_buffers", "_modules"):
            members = state.get(table, {})
            for name, value in members.items():
                if state.get(name) is value:
                    state.pop(name, None)
            state[table] = dict(members)
        state.pop("_compiled_call_impl", None)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        own = self.__dict__
        own.update(state)
        for table in ("_parameters", "_buffers", "_modules"):
            own[table] = Members(self, own.get(table, {}))
        own.setdefault("_non_persistent_buffers_set", set())
        own.setdefault("_is_full_backward_hook", None)
        for table in _TABLES:
            own.setdefault(table, OrderedDict())
        # Tables that came along may hold hooks.
        own["_hooked"] = True


def _parse_to(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, Any, bool]:
    """Sort the arguments of `Module.to` into (device, dtype, non_blocking)."""
    found: dict[str, Any] = {"device": None, "dtype": None, "non_blocking": False}
    for name, value in kwargs.items():
        if name not in (*found, "memory_format"):
            raise TypeError(f"to() got an unexpected keyword argument '{name}'")
        if name in found:
            found[name] = value
    for value in args:
        if isinstance(value, Tensor):
            found["device"] = value.device
            found["dtype"] = value.dtype
        elif isinstance(value, dtype_class):
            found["dtype"] = value
        elif isinstance(value, bool):
            found["non_blocking"] = value
        elif isinstance(value, (str, int, device_class)):
            found["device"] = check_device(value)
        elif value is not None:
            raise TypeError(
                "to() received an invalid combination of arguments - got "
                f"({type(value).__name__}), but expected a device, a dtype or a Tensor"
            )
    return found["device"], found["dtype"], found["non_blocking"]
