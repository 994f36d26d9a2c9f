"""Calling a module with other parameters and buffers than its own."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ...tensor import Tensor
from ..module import Module


def functional_call(
    module: Module,
    parameters_and_buffers: dict[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    *,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with some of its parameters and buffers replaced, by dotted name.

    Parameters
    ----------
    module : Module
    parameters_and_buffers : dict of str to Tensor
    args : Any
        The argument, or a tuple of them.
    kwargs : dict, optional
    tie_weights : bool
        Whether a replacement also stands in for other names of the same tensor.
    strict : bool
        Whether every parameter and buffer has to be given, and nothing else.
    """
    warnings.warn(
        "`torch.nn.utils.stateless.functional_call` is deprecated as of PyTorch 2.0 and will be "
        "removed in a future version of PyTorch. Please use `torch.func.functional_call` instead "
        "which is a drop-in replacement.",
        FutureWarning,
        stacklevel=2,
    )
    return call_with(module, parameters_and_buffers, args, kwargs, tie_weights, strict)


def call_with(
    module: Module,
    given: dict[str, Tensor],
    args: Any = None,
    kwargs: dict[str, Any] | None = None,
    tie_weights: bool = True,
    strict: bool = False,
) -> Any:
    """Call a module with other tensors: `functional_call` without its warning."""
    if tie_weights:
        given = _tied(module, given)
    if args is None:
        args = ()
    elif not isinstance(args, tuple):
        args = (args,)
    with _replaced(module, given, strict):
        return module(*args, **(kwargs or {}))


def _own(module: Module) -> dict[str, Tensor]:
    """Return all parameters and buffers by every name they have."""
    found: dict[str, Tensor] = dict(module.named_parameters(remove_duplicate=False))
    found.update(module.named_buffers(remove_duplicate=False))
    return found


def _tied(module: Module, given: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the replacements for all names of each replaced tensor."""
    same: dict[int, list[str]] = {}
    for name, tensor in _own(module).items():
        same.setdefault(id(tensor), []).append(name)
    result = dict(given)
    for names in same.values():
        chosen = [name for name in names if name in given]
        if len({id(given[name]) for name in chosen}) > 1:
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(chosen)}, which are tied. "
                "Consider using tie_weights=False"
            )
        for name in names if chosen else ():
            result[name] = given[chosen[0]]
    return result


@contextmanager
def _replaced(module: Module, given: dict[str, Tensor], strict: bool) -> Iterator[None]:
    """Put tensors in the places of a module's own for the length of the block."""
    own = _own(module)
    unexpected = [name for name in given if name not in own]
    missing = [name for name in own if name not in given]
    if strict and (unexpected or missing):
        lines = [
            f"\n\t{kind} key(s): {', '.join(repr(name) for name in sorted(names))}."
            for kind, names in (("Unexpected", unexpected), ("Missing", missing))
            if names
        ]
        raise RuntimeError(
            f"Error(s) in reparametrizing for {type(module).__name__}:{''.join(lines)}"
        )
    for value in given.values():
        if not isinstance(value, Tensor):
            raise TypeError(f"{value} is not an instance of torch.Tensor")
    places: list[tuple[Any, str, Any]] = []
    try:
        for name, value in given.items():
            if name in own:
                path, _, last = name.rpartition(".")
                holder = module.get_submodule(path)
                table = holder._parameters if last in holder._parameters else holder._buffers
                places.append((table, last, table[last]))
                table[last] = value
        yield
    finally:
        for table, last, value in reversed(places):
            table[last] = value
