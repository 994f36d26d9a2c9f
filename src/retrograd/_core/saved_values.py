"""What a node saved, handed back to its rules: arrays, or tensors with the history they had."""

from __future__ import annotations

from typing import Any

from .node import AccumulateGrad, Node
from .plan import ARRAY, RESULT
from .value import Value, asarray


def unpacked(node: Node, like: Value, create_graph: bool) -> tuple[Any, ...] | None:
    """Return what a node saved, as tensors when the backward is itself recorded."""
    saved = node.saved
    if saved is None:
        return None
    plan = node.plan
    if plan is None:
        return saved
    entries = list(saved)
    if node.unpack is not None:
        node.unpack(entries, plan)
    if not create_graph:
        return tuple(entries)
    for number, need in enumerate(plan.saves):
        entry = entries[number]
        if need.kind == RESULT:
            entries[number] = revive_out(node, entry, like)
        elif need.kind == ARRAY:
            at = need.position
            if isinstance(entry, tuple):
                entries[number] = tuple(
                    [revive(node, at + n, a, like) for n, a in enumerate(entry)]
                )
            else:
                entries[number] = revive(node, at, entry, like)
    return tuple(entries)


def revive(node: Node, position: int, array: Any, like: Value) -> Any:
    """Return a saved operand as a tensor with the history it had."""
    if position >= len(node.edges) or not hasattr(array, "shape"):
        return array
    made = like.make(asarray(array))
    edge = node.edges[position]
    if edge is None:
        return made
    made.requires = True
    if isinstance(edge, AccumulateGrad):
        made.leaf = edge
        made.cell = edge.cell
    else:
        made.node = edge
        indices = node.indices
        made.index = 0 if indices is None else indices[position]
    return made


def revive_out(node: Node, array: Any, like: Value) -> Any:
    """Return a saved result as a tensor whose node is the one being run."""
    if isinstance(array, tuple):
        many = []
        for number, one in enumerate(array):
            made = revive_out(node, one, like)
            made.index = number
            many.append(made)
        return tuple(many)
    made = like.make(asarray(array))
    made.requires = True
    made.node = node
    return made
