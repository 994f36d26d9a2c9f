"""Control flow under the names that PyTorch has for it: ``torch._higher_order_ops``.

The functions of `retrograd.static` with PyTorch's arguments.  PyTorch compiles what they are given,
and refuses what cannot be; here they run as Python does, and `compile` records them.
"""

from __future__ import annotations

from typing import Any

from .static import control
from .static.control import cond
from .static.trees import leaves, rebuilt

__all__ = ["cond", "map", "scan", "while_loop"]


def while_loop(cond_fn: Any, body_fn: Any, carried_inputs: Any) -> Any:
    """Repeat ``carried = body_fn(*carried)`` while ``cond_fn(*carried)`` is true.

    As :func:`retrograd.static.while_loop`, but what was given as an integer is returned as one.

    Examples
    --------
    >>> import retrograd as torch
    >>> torch.while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (0, torch.ones(2)))
    (3, tensor([8., 8.]))
    """
    if not isinstance(carried_inputs, (tuple, list)):
        raise RuntimeError(
            f"carried_inputs must be a tuple or list, got {type(carried_inputs).__name__}"
        )
    found = control.while_loop(cond_fn, body_fn, carried_inputs)
    if control.building(found) is not None:
        return found
    given = leaves(tuple(carried_inputs))
    after = [b.item() if type(a) is int else b for a, b in zip(given, leaves(found), strict=True)]
    made = rebuilt(found, after)
    return list(made) if isinstance(carried_inputs, list) else made


def scan(combine_fn: Any, init: Any, xs: Any, *, dim: int = 0, reverse: bool = False) -> Any:
    """Carry a state along axis `dim` of `xs`, and stack what each step gives along it.

    Examples
    --------
    >>> import retrograd as torch
    >>> from retrograd._higher_order_ops import scan
    >>> scan(lambda total, x: (total + x, total * 1), torch.tensor(0.0), torch.arange(4.0))
    (tensor(6.), tensor([0., 0., 1., 3.]))
    """
    first = rebuilt(xs, [one.movedim(dim, 0) for one in leaves(xs)]) if dim else xs
    carry, ys = control.scan(combine_fn, init, first, reverse=reverse)
    return carry, rebuilt(ys, [one.movedim(0, dim) for one in leaves(ys)]) if dim else ys


def map(f: Any, xs: Any, *args: Any) -> Any:
    """Return ``f(x, *args)`` for each slice `x` along the first axis of `xs`, stacked.

    Examples
    --------
    >>> import retrograd as torch
    >>> from retrograd._higher_order_ops import map
    >>> map(lambda row, y: row.sum() + y, torch.ones(2, 3), torch.tensor(1.0))
    tensor([4., 4.])
    """
    return control.map_(lambda x: f(x, *args), xs)
