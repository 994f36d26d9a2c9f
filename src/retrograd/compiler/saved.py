"""Saved: what a backward needs unchanged, so that a replay's backward refuses as eager's does."""

from __future__ import annotations

from typing import Any, NamedTuple

from .._core.backward_errors import saved_text
from .._core.custom import FunctionNode
from .._core.node import AccumulateGrad
from .._core.plan import ARRAY, RESULT


class Saved(NamedTuple):
    """A tensor that the program can write into, and that nodes of the graph saved.

    Attributes
    ----------
    owner : object
        As the caller of `saved_outside` named it.
    text : str
        The beginning of the error, up to what changed it.
    results : tuple of int
        The results whose backward needs it.
    """

    owner: Any
    text: str
    results: tuple[int, ...]


def saved_outside(outs: list[Any], began: int, owners: dict[int, Any]) -> list[Saved]:
    """Return what the graph of results saved of tensors that others hold.

    Parameters
    ----------
    outs : list of Value
        Results that require grad.
    began : int
        The clock when the graph began: nodes from before it look after themselves.
    owners : dict
        id of a storage -> a name for the tensor whose it is.
    """
    found: dict[Any, tuple[Any, str, list[int]]] = {}
    for place, out in enumerate(outs):
        for node in nodes_behind(out, began):
            for storage, name, array in saved_by(node):
                if storage is None or id(storage) not in owners:
                    continue
                key = (node.seq, id(storage))
                if key not in found:
                    found[key] = (owners[id(storage)], saved_text(node, name, array), [])
                if place not in found[key][2]:
                    found[key][2].append(place)
    # The engine comes to the node that was recorded last first.
    ordered = sorted(found.items(), key=lambda one: -one[0][0])
    return [Saved(owner, text, tuple(places)) for _, (owner, text, places) in ordered]


def runs_outside(roots: list[Any], began: int, captures: Any) -> bool:
    """Say whether a backward runs nodes that were recorded before the call.

    Parameters
    ----------
    captures : dict or None
        The nodes whose gradients are wanted; None for those of all leaves.
    """
    outside: list[Any] = []
    seen: set[int] = set()
    waiting = [root.node for root in roots]
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen or isinstance(node, AccumulateGrad):
            continue
        seen.add(id(node))
        if node.seq <= began:
            outside.append(node)
        else:
            waiting += node.edges
    if captures is None:
        return bool(outside)
    waiting = [edge for node in outside for edge in node.edges]
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen:
            continue
        if node in captures:
            return True
        seen.add(id(node))
        waiting += node.edges
    return False


def sharing(outs: list[Any], began: int) -> list[set[int]]:
    """Return for each result the results whose backward frees something that its own needs.

    Itself among them, unless its graph saved nothing at all.
    """
    saving = []
    for out in outs:
        nodes = nodes_behind(out, began)
        saving.append({id(node) for node in nodes if saves(node)})
    return [{k for k, other in enumerate(saving) if own & other} for own in saving]


def reaching(outs: list[Any], began: int, inputs: list[Any]) -> list[set[int]]:
    """Return for each input the results whose graph leads to it."""
    found: list[set[int]] = [set() for _ in inputs]
    for place, out in enumerate(outs):
        ends = {end for node in nodes_behind(out, began) for end in ends_of(node)}
        for number, value in enumerate(inputs):
            if (id(value.edge()), value.index) in ends:
                found[number].add(place)
    return found


def ends_of(node: Any) -> Any:
    """Return for each edge of a node where it leads: a node's id, and which of its outputs."""
    return zip(map(id, node.edges), node.indices or (0,) * len(node.edges))


def saves(node: Any) -> bool:
    """Say whether a node has something that a backward frees."""
    if isinstance(node, FunctionNode):
        return node.ctx.saved_entries is not None
    return node.storages is not None


def nodes_behind(out: Any, began: int) -> list[Any]:
    """Return the nodes that a result's gradient passes through, of those made since `began`."""
    found: dict[int, Any] = {}
    waiting = [out.node]
    while waiting:
        node = waiting.pop()
        if node is None or node.seq <= began or id(node) in found:
            continue
        found[id(node)] = node
        waiting += node.edges
    return list(found.values())


def saved_by(node: Any) -> list[tuple[Any, str, Any]]:
    """Return storage, words and array of each tensor that a node saved."""
    if isinstance(node, FunctionNode):
        entries = node.ctx.saved_entries or ()
        return [(one.storage, "", one.array) for one in entries if one is not None]
    found = []
    number = 0
    storages = node.storages or ()
    saved = node.saved
    if node.plan is None or saved is None:
        return []
    for place, need in enumerate(node.plan.saves):
        if need.kind == ARRAY or need.kind == RESULT:
            if number < len(storages):
                found.append((storages[number], f" as '{need.name}'", saved[place]))
            number += 1
    return found
