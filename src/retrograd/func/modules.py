"""Calling a module as a function of its parameters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..nn.module import Module
from ..nn.utils.stateless import call_with
from ..tensor import Tensor


def functional_call(
    module: Module,
    parameter_and_buffer_dicts: dict[str, Tensor] | Sequence[dict[str, Tensor]],
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
    parameter_and_buffer_dicts : dict of str to Tensor, or a list or tuple of such
        Different dictionaries may not have the same key.
    args : Any
        The argument, or a tuple of them.
    kwargs : dict, optional
    tie_weights : bool
        Whether a replacement also stands in for other names of the same tensor.
    strict : bool
        Whether every parameter and buffer has to be given, and nothing else.

    Raises
    ------
    ValueError
        For a key in two of the dictionaries, or anything but dictionaries.

    Examples
    --------
    >>> import retrograd as torch
    >>> double = {"weight": 2 * torch.eye(2), "bias": torch.zeros(2)}
    >>> torch.func.functional_call(torch.nn.Linear(2, 2), double, torch.ones(2))
    tensor([2., 2.])
    """
    given = parameter_and_buffer_dicts
    if isinstance(given, (list, tuple)):
        given = _joined(given)
    if not isinstance(given, dict):
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, "
            f"but got {type(given)}"
        )
    return call_with(module, given, args, kwargs, tie_weights, strict)


def _joined(parts: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
    """Return one dictionary of several with different keys."""
    if not all(isinstance(part, dict) for part in parts):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    joined: dict[str, Tensor] = {}
    repeated = []
    for part in parts:
        repeated += [key for key in part if key in joined and key not in repeated]
        joined.update(part)
    if repeated:
        raise ValueError(
            f"{repeated} appeared in multiple dictionaries; behavior of functional call is "
            "ambiguous"
        )
    return joined
