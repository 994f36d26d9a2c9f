"""Nested tuples, lists and dicts of tensors: their leaves, and the same nest with other leaves."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .._core.value import Value


def leaves(tree: Any) -> list[Any]:
    """Return what stands in a nest that is no tuple, list, dict or None, in order."""
    if isinstance(tree, (tuple, list)):
        return [leaf for one in tree for leaf in leaves(one)]
    if isinstance(tree, dict):
        return [leaf for one in tree.values() for leaf in leaves(one)]
    return [] if tree is None else [tree]


def rebuilt(tree: Any, new: Any) -> Any:
    """Return a nest of the same form, its leaves taken from `new` in order."""
    return _rebuilt(tree, iter(new))


def _rebuilt(tree: Any, new: Iterator[Any]) -> Any:
    if isinstance(tree, (tuple, list)):
        parts = [_rebuilt(one, new) for one in tree]
        return type(tree)(*parts) if hasattr(tree, "_fields") else type(tree)(parts)
    if isinstance(tree, dict):
        return {key: _rebuilt(one, new) for key, one in tree.items()}
    return None if tree is None else next(new)


def form(tree: Any) -> Any:
    """Return what two nests of one form have in common, for comparison."""
    if isinstance(tree, (tuple, list)):
        return (type(tree), *[form(one) for one in tree])
    if isinstance(tree, dict):
        return (dict, *[(key, form(one)) for key, one in tree.items()])
    return None if tree is None else "leaf"


def described(tree: Any) -> str:
    """Return a nest with each tensor as ``float32[2, 3]``."""
    if isinstance(tree, (tuple, list)):
        inside = ", ".join(described(one) for one in tree)
        if isinstance(tree, list):
            return f"[{inside}]"
        return f"({inside},)" if len(tree) == 1 else f"({inside})"
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{key!r}: {described(one)}" for key, one in tree.items()) + "}"
    if isinstance(tree, Value):
        return f"{tree.get_dtype()}{list(tree.get_shape())}"
    return repr(tree)


def kinds(tree: Any) -> list[Any]:
    """Return the shape and dtype of each leaf; of what is no tensor, its type."""
    return [
        (one.get_shape(), one.get_dtype()) if isinstance(one, Value) else type(one)
        for one in leaves(tree)
    ]
