"""The hook part of Module: what runs before and after forward, and around backward."""

from __future__ import annotations

import warnings
from collections import OrderedDict
from typing import Any

from .._core.any_module import AnyModule
from .._core.hooks import RemovableHandle
from ..autograd import is_grad_enabled
from ..autograd.function import Function
from ..creation import zeros
from ..tensor import Tensor
from ._members import writes

# Hooks of every module (`register_module_*`).
_global_forward_pre_hooks: OrderedDict[int, Any] = OrderedDict()
_global_forward_hooks: OrderedDict[int, Any] = OrderedDict()
_global_forward_hooks_with_kwargs: OrderedDict[int, bool] = OrderedDict()
_global_forward_hooks_always_called: OrderedDict[int, bool] = OrderedDict()
_global_backward_pre_hooks: OrderedDict[int, Any] = OrderedDict()
_global_backward_hooks: OrderedDict[int, Any] = OrderedDict()

_BOTH_KINDS = (
    "Cannot use both regular backward hooks and full backward hooks on a single Module. "
    "Please use only one of them."
)
_NO_INPUT_REQUIRES_GRAD = (
    "Full backward hook is firing when gradients are computed with respect to module outputs "
    "since no inputs require gradients. See https://docs.pytorch.org/docs/main/generated/"
    "torch.nn.Module.html#torch.nn.Module.register_full_backward_hook for more details."
)


def add_hook(
    table: OrderedDict[int, Any],
    hook: Any,
    prepend: bool = False,
    marks: tuple[OrderedDict[int, bool], ...] = (),
) -> RemovableHandle:
    """Put a hook at the end (or the front) of `table`; return the handle that removes it.

    The handle's number is also put in each table of `marks`, and removed from it with the hook.
    """
    handle = RemovableHandle(table, list(marks)) if marks else RemovableHandle(table)
    table[handle.id] = hook
    for mark in marks:
        mark[handle.id] = True
    if prepend:
        table.move_to_end(handle.id, last=False)
    return handle


class HookMethods(AnyModule):
    """The part of Module that registers hooks and runs them around a call."""

    _compiled_call_impl: Any = None  # what `Module.compile` made of the call

    _forward_hooks: OrderedDict[int, Any]
    _forward_hooks_with_kwargs: OrderedDict[int, bool]
    _forward_hooks_always_called: OrderedDict[int, bool]
    _forward_pre_hooks: OrderedDict[int, Any]
    _forward_pre_hooks_with_kwargs: OrderedDict[int, bool]
    _backward_hooks: OrderedDict[int, Any]
    _backward_pre_hooks: OrderedDict[int, Any]
    _is_full_backward_hook: bool | None

    # -- registering ----------------------------------------------------------------------------

    def register_forward_pre_hook(
        self, hook: Any, *, prepend: bool = False, with_kwargs: bool = False
    ) -> RemovableHandle:
        """Call ``hook(module, args)`` before `forward`; it may return other arguments.

        With `with_kwargs` it is ``hook(module, args, kwargs)``, and may return both.
        """
        self._note_hook()
        marks = (self._forward_pre_hooks_with_kwargs,) if with_kwargs else ()
        return add_hook(self._forward_pre_hooks, hook, prepend, marks)

    def register_forward_hook(
        self,
        hook: Any,
        *,
        prepend: bool = False,
        with_kwargs: bool = False,
        always_call: bool = False,
    ) -> RemovableHandle:
        """Call ``hook(module, args, result)`` after `forward`; it may return another result.

        With `with_kwargs` it is ``hook(module, args, kwargs, result)``; with `always_call` it
        also runs when `forward` raises.
        """
        self._note_hook()
        marks: list[OrderedDict[int, bool]] = []
        if with_kwargs:
            marks.append(self._forward_hooks_with_kwargs)
        if always_call:
            marks.append(self._forward_hooks_always_called)
        return add_hook(self._forward_hooks, hook, prepend, tuple(marks))

    def register_full_backward_pre_hook(self, hook: Any, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_output)`` before backward; it may return another."""
        self._note_hook()
        return add_hook(self._backward_pre_hooks, hook, prepend)

    def register_full_backward_hook(self, hook: Any, prepend: bool = False) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` once the inputs' gradients are there.

        It may return another `grad_input`.
        """
        if self._is_full_backward_hook is False:
            raise RuntimeError(_BOTH_KINDS)
        self._note_hook()
        self._is_full_backward_hook = True
        return add_hook(self._backward_hooks, hook, prepend)

    def register_backward_hook(self, hook: Any) -> RemovableHandle:
        """Call ``hook(module, grad_input, grad_output)`` on the last node of the module.

        Deprecated in PyTorch; `register_full_backward_hook` sees the module's own inputs.
        """
        if self._is_full_backward_hook is True:
            raise RuntimeError(_BOTH_KINDS)
        self._note_hook()
        self._is_full_backward_hook = False
        return add_hook(self._backward_hooks, hook)

    def _note_hook(self) -> None:
        self.__dict__["_hooked"] = True
        writes.count += 1

    def _hook_tables(self) -> tuple[Any, ...]:
        return (
            self._forward_hooks, self._forward_pre_hooks, self._backward_hooks,
            self._backward_pre_hooks,
        )  # fmt: skip

    def _has_hooks(self) -> bool:
        return bool(
            self._forward_hooks
            or self._forward_pre_hooks
            or self._backward_hooks
            or self._backward_pre_hooks
        )

    # -- calling --------------------------------------------------------------------------------

    def _call_with_hooks(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if not self._has_hooks():
            # All were removed: the next call need not look, unless every module has hooks.
            if self._compiled_call_impl is None:  # which also has calls go this way
                self.__dict__.pop("_hooked", None)
            if not type(self)._hooked:
                return self.forward(*args, **kwargs)  # type: ignore[attr-defined]
        call = _HookedCall(self, args, kwargs)
        try:
            return call.run()
        except Exception:
            call.run_always_called()
            raise

    def _call_impl(self, *args: Any, **kwargs: Any) -> Any:
        return self._call_with_hooks(args, kwargs)


class _HookedCall:
    """One call of a module that has hooks."""

    def __init__(self, module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.module = module
        self.args = args
        self.kwargs = kwargs
        self.result: Any = None
        self.called: set[int] = set()

    def run(self) -> Any:
        module = self.module
        self._run_forward_pre_hooks()
        full, other = self._backward_hooks()
        before = [*_global_backward_pre_hooks.values(), *module._backward_pre_hooks.values()]
        boundary = _Boundary(module, full, before) if full or before else None
        if boundary is not None:
            self.args = boundary.enter(self.args)
        self.result = module.forward(*self.args, **self.kwargs)
        self._run_forward_hooks()
        if boundary is not None:
            if not isinstance(self.result, (Tensor, tuple)):
                warnings.warn(
                    "For backward hooks to be called, module output should be a Tensor or a "
                    f"tuple of Tensors but received {type(self.result)}",
                    stacklevel=4,
                )
            self.result = boundary.leave(self.result)
        if other:
            self._hook_last_node(other)
        return self.result

    def _run_forward_pre_hooks(self) -> None:
        module = self.module
        for number, hook in [
            *_global_forward_pre_hooks.items(),
            *module._forward_pre_hooks.items(),
        ]:
            if number in module._forward_pre_hooks_with_kwargs:
                changed = hook(module, self.args, self.kwargs)
                if changed is None:
                    continue
                if not (isinstance(changed, tuple) and len(changed) == 2):
                    raise RuntimeError(
                        "forward pre-hook must return None or a tuple of (new_args, "
                        f"new_kwargs), but got {changed}."
                    )
                self.args, self.kwargs = changed
            else:
                changed = hook(module, self.args)
                if changed is not None:
                    self.args = changed if isinstance(changed, tuple) else (changed,)

    def _forward_hooks(self) -> list[tuple[int, Any, bool, bool]]:
        """Return (number, hook, with kwargs, always called) of every forward hook."""
        module = self.module
        found = [
            (
                number,
                hook,
                number in _global_forward_hooks_with_kwargs,
                number in _global_forward_hooks_always_called,
            )
            for number, hook in _global_forward_hooks.items()
        ]
        for number, hook in module._forward_hooks.items():
            with_kwargs = number in module._forward_hooks_with_kwargs
            always = number in module._forward_hooks_always_called
            found.append((number, hook, with_kwargs, always))
        return found

    def _call_forward_hook(self, hook: Any, with_kwargs: bool) -> None:
        if with_kwargs:
            changed = hook(self.module, self.args, self.kwargs, self.result)
        else:
            changed = hook(self.module, self.args, self.result)
        if changed is not None:
            self.result = changed

    def _run_forward_hooks(self) -> None:
        for number, hook, with_kwargs, _ in self._forward_hooks():
            self.called.add(number)
            self._call_forward_hook(hook, with_kwargs)

    def run_always_called(self) -> None:
        """After an error, run the hooks that asked to be called even then."""
        for number, hook, with_kwargs, always in self._forward_hooks():
            if not always or number in self.called:
                continue
            try:
                self._call_forward_hook(hook, with_kwargs)
            except Exception as error:
                which = "global module" if number in _global_forward_hooks else "module"
                warnings.warn(
                    f"{which} forward hook with ``always_call=True`` raised an exception that "
                    f"was silenced as another error was raised in forward: {error}",
                    stacklevel=4,
                )

    def _backward_hooks(self) -> tuple[list[Any], list[Any]]:
        """Return the full backward hooks and the others."""
        module = self.module
        full = list(_global_backward_hooks.values())
        own = list(module._backward_hooks.values())
        if module._is_full_backward_hook is False:
            return full, own
        return [*full, *own], []

    def _hook_last_node(self, hooks: list[Any]) -> None:
        """Register non-full backward hooks on the node that made the result."""
        module = self.module
        found = self.result
        while not isinstance(found, Tensor):
            if isinstance(found, dict):
                found = next(value for value in found.values() if isinstance(value, Tensor))
            else:
                found = found[0]
        node = found.grad_fn
        if node is None:
            return
        for hook in hooks:
            node.register_hook(_bound(hook, module))
        _warn_non_full(self.args, self.result, node)


def _bound(hook: Any, module: Any) -> Any:
    def call(grad_input: Any, grad_output: Any) -> Any:
        return hook(module, grad_input, grad_output)

    return call


def _warn_non_full(args: Any, result: Any, node: Any) -> None:
    """Say in which way a non-full backward hook will see less than the module's gradients."""
    results = result if isinstance(result, tuple) else (result,)
    inputs = args if isinstance(args, tuple) else (args,)
    if not all(isinstance(r, Tensor) for r in results):
        problem = (
            "Using non-full backward hooks on a Module that does not return a single Tensor or a "
            "tuple of Tensors is deprecated and will be removed in future versions. This hook "
            "will be missing some of the grad_output."
        )
    elif not all(isinstance(i, Tensor) for i in inputs):
        problem = (
            "Using non-full backward hooks on a Module that does not take as input a single "
            "Tensor or a tuple of Tensors is deprecated and will be removed in future versions. "
            "This hook will be missing some of the grad_input."
        )
    else:
        result_nodes = {id(r.grad_fn) for r in results if r.grad_fn is not None}
        input_nodes = {id(i.grad_fn) for i in inputs if i.grad_fn is not None}
        next_nodes = {id(n) for n, _ in node.next_functions if n is not None}
        if len(result_nodes) > 1 or (len(result_nodes) == 1 and id(node) not in result_nodes):
            problem = (
                "Using a non-full backward hook when outputs are generated by different autograd "
                "Nodes is deprecated and will be removed in future versions. This hook will be "
                "missing some grad_output."
            )
        elif input_nodes != next_nodes:
            problem = (
                "Using a non-full backward hook when the forward contains multiple autograd "
                "Nodes is deprecated and will be removed in future versions. This hook will be "
                "missing some grad_input."
            )
        else:
            return
    warnings.warn(
        f"{problem} Please use register_full_backward_hook to get the documented behavior.",
        FutureWarning,
        stacklevel=5,
    )


# -- full backward hooks ---------------------------------------------------------------------------


class BackwardHookFunction(Function):
    """The identity, calling back with the gradients that pass."""

    @staticmethod
    def forward(ctx: Any, on_grads: Any, *tensors: Any) -> Any:
        ctx.on_grads = on_grads
        ctx.set_materialize_grads(False)
        ctx.mark_non_differentiable(*[t for t in tensors if not t.requires_grad])
        return tensors

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        return (None, *ctx.on_grads(grads))


class _Boundary:
    """The two identities around a module with full backward hooks, and what passes them."""

    def __init__(self, module: Any, hooks: list[Any], pre_hooks: list[Any]) -> None:
        self.module = module
        self.hooks = hooks
        self.pre_hooks = pre_hooks
        self.inputs = 0
        self.input_places: list[int] | None = None
        self.like: list[Any] = []
        self.grad_outputs: Any = None

    def enter(self, args: tuple[Any, ...]) -> tuple[Any, ...]:
        """Pass the tensors among the arguments through the first identity."""
        self.inputs = len(args)
        places = [n for n, arg in enumerate(args) if isinstance(arg, Tensor)]
        if not _wants_grad(args, places):
            return args
        self.input_places = places
        self.like = [(args[n].shape, args[n].dtype) for n in places]
        return _pass_through(self._on_input_grads, args, places)

    def leave(self, result: Any) -> Any:
        """Pass the tensors of the result through the second identity."""
        is_tuple = isinstance(result, tuple)
        outputs = result if is_tuple else (result,)
        places = [n for n, output in enumerate(outputs) if isinstance(output, Tensor)]
        if not _wants_grad(outputs, places):
            return result
        count = len(outputs)

        def on_grads(grads: tuple[Any, ...]) -> tuple[Any, ...]:
            return self._on_output_grads(grads, places, count)

        passed = _pass_through(on_grads, outputs, places)
        return passed if is_tuple else passed[0]

    def _on_output_grads(
        self, grads: tuple[Any, ...], places: list[int], count: int
    ) -> tuple[Any, ...]:
        values = _spread(grads, places, count)
        for hook in self.pre_hooks:
            changed = hook(self.module, values)
            if changed is None:
                continue
            if len(changed) != count:
                raise RuntimeError(
                    "Backward pre hook returned an invalid number of grad_output, got "
                    f"{len(changed)}, but expected {count}"
                )
            values = _checked(changed, values)
        self.grad_outputs = values
        if self.input_places is None:
            warnings.warn(_NO_INPUT_REQUIRES_GRAD, stacklevel=2)
            for hook in self.hooks:
                changed = hook(self.module, (None,) * self.inputs, values)
                if changed is not None and any(value is not None for value in changed):
                    raise RuntimeError(
                        "Backward hook for Modules where no input requires gradient should "
                        "always return None or None for all gradients."
                    )
            self.grad_outputs = None
        return tuple([values[n] for n in places])

    def _on_input_grads(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        if self.grad_outputs is None:
            return grads
        places = self.input_places or []
        grads = tuple(
            [
                zeros(shape, dtype=dtype) if grad is None else grad
                for grad, (shape, dtype) in zip(grads, self.like, strict=True)
            ]
        )
        values = _spread(grads, places, self.inputs)
        for hook in self.hooks:
            changed = hook(self.module, values, self.grad_outputs)
            if changed is None:
                continue
            if len(changed) != self.inputs:
                raise RuntimeError(
                    "Backward hook returned an invalid number of grad_input, got "
                    f"{len(changed)}, but expected {self.inputs}"
                )
            values = _checked(changed, values)
        self.grad_outputs = None
        return tuple([values[n] for n in places])


def _wants_grad(values: tuple[Any, ...], places: list[int]) -> bool:
    return is_grad_enabled() and any(values[n].requires_grad for n in places)


def _pass_through(on_grads: Any, values: tuple[Any, ...], places: list[int]) -> tuple[Any, ...]:
    passed = BackwardHookFunction.apply(on_grads, *[values[n] for n in places])
    new = list(values)
    for n, value in zip(places, passed, strict=True):
        new[n] = value
    return tuple(new)


def _spread(grads: tuple[Any, ...], places: list[int], count: int) -> tuple[Any, ...]:
    values: list[Any] = [None] * count
    for n, grad in zip(places, grads, strict=True):
        values[n] = grad
    return tuple(values)


def _checked(changed: Any, values: Any) -> tuple[Any, ...]:
    """Refuse gradients from a hook that do not fit the ones they replace."""
    for new, old in zip(changed, values, strict=True):
        if new is None or old is None:
            continue
        if not isinstance(new, Tensor):
            raise TypeError(f"expected Variable, but hook returned '{type(new).__name__}'")
        if new.shape != old.shape:
            raise RuntimeError("hook 'hook' has changed the size of value")
    return tuple(changed)


# -- hooks of every module -------------------------------------------------------------------------


def register_module_forward_pre_hook(hook: Any) -> RemovableHandle:
    """Call ``hook(module, args)`` before the forward of every module."""
    _look_everywhere()
    return add_hook(_global_forward_pre_hooks, hook)


def register_module_forward_hook(
    hook: Any, *, with_kwargs: bool = False, always_call: bool = False
) -> RemovableHandle:
    """Call ``hook(module, args, result)`` after the forward of every module."""
    _look_everywhere()
    marks: list[OrderedDict[int, bool]] = []
    if with_kwargs:
        marks.append(_global_forward_hooks_with_kwargs)
    if always_call:
        marks.append(_global_forward_hooks_always_called)
    return add_hook(_global_forward_hooks, hook, False, tuple(marks))


def register_module_full_backward_pre_hook(hook: Any) -> RemovableHandle:
    """Call ``hook(module, grad_output)`` before the backward of every module."""
    _look_everywhere()
    return add_hook(_global_backward_pre_hooks, hook)


def register_module_full_backward_hook(hook: Any) -> RemovableHandle:
    """Call ``hook(module, grad_input, grad_output)`` after the backward of every module."""
    _look_everywhere()
    return add_hook(_global_backward_hooks, hook)


def _look_everywhere() -> None:
    """Make every module without hooks of its own look for hooks from now on."""
    AnyModule._hooked = True
    writes.count += 1


def hooks_of_every_module(_: Any = None) -> tuple[Any, ...]:
    """Return the hooks of every module, in all."""
    return (
        *_global_forward_pre_hooks.values(), *_global_forward_hooks.values(),
        *_global_backward_pre_hooks.values(), *_global_backward_hooks.values(),
    )  # fmt: skip
