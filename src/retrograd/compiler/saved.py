"""Saved: what a backward needs unchanged, so that a replay's backward refuses as eager's does."""

from __future__ import annotations

from typing import Any

from .._core.custom import FunctionNode
from .._core.errors import describe
from .._core.node import AccumulateGrad
from .._core.plan import ARRAY, RESULT
from .trace import CALL, Incoming, Ref, Row, made_by, outs_of, reads_of


class Saved(Row):
    """A tensor that the program can write into, and that nodes of the graph saved.

    Attributes
    ----------
    owner : object
        As the caller of `saved_outside` named it.
    told : tuple
        What the beginning of the error is written from, up to what changed it: `saved_text`.
    results : tuple of int
        The results whose backward needs it.
    seq : int
        When the node was recorded that needs it.
    """

    owner: Any
    told: tuple[Any, ...]
    results: tuple[int, ...]
    seq: int


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
    found: dict[Any, tuple[Any, Any, list[int]]] = {}
    for place, out in enumerate(outs):
        for node in nodes_behind(out, began):
            for storage, name, array in saved_by(node):
                if storage is None or id(storage) not in owners:
                    continue
                key = (node.seq, id(storage))
                if key not in found:
                    told = (describe(array), name, node.name(), node.site)
                    found[key] = (owners[id(storage)], told, [])
                if place not in found[key][2]:
                    found[key][2].append(place)
    # The engine comes to the node that was recorded last first.
    ordered = sorted(found.items(), key=lambda one: -one[0][0])
    return [Saved(owner, told, tuple(places), key[0]) for key, (owner, told, places) in ordered]


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


class Stop(Row):
    """A node of the recorded graph, as the engine comes by it.

    Attributes
    ----------
    results : frozenset of int
        The results whose backward runs it.
    saves : bool
        Whether it has something that a backward frees.
    seq : int
        When it was recorded.
    freed : tuple or None
        Where a backward inside the call has freed it, what the beginning of the error is written
        from: `freed_text`.
    changed : bool
        Whether something that it saved was written into inside the call.
    name, site : str, object
        Its name, and where it was recorded.
    hooked : bool
        Whether the program left hooks on it, or on what it saved: a checkpoint does.
    """

    results: frozenset[int]
    saves: bool
    seq: int
    freed: Any
    changed: bool
    name: str
    site: Any
    hooked: bool


class Route:
    """The order in which eager's engine would go through the graph of results.

    A backward that is refused midway leaves behind what was done until then: gradients in leaves
    that waited for nothing more, and nodes whose saved values are freed.

    Parameters
    ----------
    outs : list of Value
        Results that require grad.
    began : int
        The clock when the graph began.
    inputs : list of Value
        Where gradients go to.

    Attributes
    ----------
    outputs : int
        How many results.
    stops : list of Stop
        The node that was recorded last first.
    uses : list of list of int
        For each input, the stops that send it a gradient.
    reaching : list of frozenset of int
        For each input, the results whose graph leads to it.
    backward : Segment or None
        How the gradients are computed, where any can be.
    """

    def __init__(self, outs: list[Any], began: int, inputs: list[Any]) -> None:
        self.backward: Any = None
        self.reads_saved: dict[Any, bool] = {}
        self.outputs = len(outs)
        nodes: dict[int, Any] = {}
        results: dict[int, set[int]] = {}
        for place, out in enumerate(outs):
            for node in nodes_behind(out, began):
                nodes[node.seq] = node
                results.setdefault(node.seq, set()).add(place)
        order = sorted(nodes, reverse=True)
        self.stops = [stop_at(nodes[seq], frozenset(results[seq])) for seq in order]
        self.freed = any(stop.freed for stop in self.stops)
        senders: dict[Any, list[int]] = {}
        for k, seq in enumerate(order):
            for end in set(ends_of(nodes[seq])):
                senders.setdefault(end, []).append(k)
        self.uses = [senders.get((id(value.edge()), value.index), []) for value in inputs]
        self.reaching = [
            frozenset().union(*(self.stops[k].results for k in places)) for places in self.uses
        ]

    def arrived(self, asked: Any, limit: int) -> list[bool]:
        """Say of each input whether nothing more comes to it from stop `limit` on."""
        stops = self.stops
        return [
            not any(k >= limit and stops[k].results & asked for k in places)
            for places in self.uses
        ]

    def needs_saved(self, limits: dict[int, int]) -> bool:
        """Say whether what arrives before refused backwards needs what was saved.

        Parameters
        ----------
        limits : dict
            For each result, the stop at which its backward is refused.
        """
        if self.backward is None:
            return False
        key = tuple(sorted(limits.items()))
        found = self.reads_saved.get(key)
        if found is None:
            alone = by_gradients_alone(self.backward, None)
            found = self.reads_saved[key] = any(
                made is None and self.arrived({place}, limits[place])[number]
                for number, made in enumerate(alone)
                for place in self.reaching[number]
            )
        return found

    def refuses_all(self) -> bool:
        """Say whether the backward of each result is refused, and nothing arrives before."""
        for place in {one for stop in self.stops for one in stop.results}:
            found = (k for k, one in enumerate(self.stops) if one.freed and place in one.results)
            limit = next(found, None)
            if limit is None:
                return False
            arrived = self.arrived({place}, limit)
            if any(one and place in ways for one, ways in zip(arrived, self.reaching)):
                return False
        return True

    def calls_hooks(self) -> bool:
        """Say whether the backward of a result calls hooks that the program left on its graph."""
        for place in range(self.outputs):
            for stop in self.stops:
                if place in stop.results:
                    if stop.hooked:
                        return True
                    if stop.freed:
                        break
        return False

    def is_changed_first(self) -> bool:
        """Say whether a backward is refused for a change inside the call, not for what is freed."""
        return any(stop.changed for stop in self.stops[: self.first_freed()])

    def first_freed(self) -> int:
        """Return the first stop that was freed inside the call."""
        return next((k for k, stop in enumerate(self.stops) if stop.freed), len(self.stops))


def by_gradients_alone(segment: Any, given: list[Any] | None) -> list[Any]:
    """Return what a recorded backward makes of nothing but the gradients it is given.

    None stands for what needs more, which is gone.  Without gradients, the rest are True.
    """
    slots: dict[int, Any] = {}
    for number, slot in enumerate(segment.slots, segment.first):
        if isinstance(slot.source, Incoming):
            slots[number] = True if given is None else given[slot.source.place]
    for step in segment.steps:
        reads = reads_of(step)
        if step.kind != CALL:
            for number in reads:
                slots.pop(number, None)
        elif all(number in slots for number in reads):
            if given is None:
                slots.update((number, True) for number in outs_of(step))
            else:
                slots.update(made_by(step, slots.__getitem__))
    return [slots.get(one.number) if isinstance(one, Ref) else None for one in segment.outputs]


def stop_at(node: Any, results: frozenset[int]) -> Stop:
    """Return what is known of a node by now."""
    freed = how_freed(node)
    hooked = hooks_on(node) is not None or (node.unpack is not None and not freed)
    about = is_changed(node), node.name(), node.site, hooked
    return Stop(results, saves(node), node.seq, freed, *about)


def hooks_on(node: Any) -> Any:
    """Return the hooks on a node of the graph, None where it has none."""
    hooks = node.hooks
    if hooks is None:
        return None
    tables = (*hooks.tensor.values(), hooks.retained, hooks.before, hooks.after, hooks.accumulated)
    found = tuple(tuple(table.values()) for table in tables)
    return found if any(found) else None


def is_changed(node: Any) -> bool:
    """Say whether something that a node saved was written into since."""
    return any(
        storage is not None and storage.written > node.seq for storage, _, _ in saved_by(node)
    )


def how_freed(node: Any) -> Any:
    """Return what is told where a backward freed what a node had saved, else None."""
    if isinstance(node, FunctionNode) and node.ctx.released:
        node.freed = node.freed_by
    if node.freed is None or not saves(node):
        return None
    return node.name(), node.site, node.freed.site


def as_reached(outs: list[Any], began: int, inputs: list[Any]) -> list[Any]:
    """Return inputs in the order in which eager's engine is done with them: hooks may tell."""
    nodes = {node.seq: node for out in outs for node in nodes_behind(out, began)}
    places: dict[Any, None] = {}  # in the order in which a gradient comes there for the last time
    for seq in sorted(nodes, reverse=True):
        for end in ends_of(nodes[seq]):
            places.pop(end, None)
            places[end] = None
    order = {end: place for place, end in enumerate(places)}
    return sorted(inputs, key=lambda one: order.get((id(one.edge()), one.index), -1))


def ends_of(node: Any) -> Any:
    """Return for each edge of a node where it leads: a node's id, and which of its outputs."""
    return zip(map(id, node.edges), node.indices or (0,) * len(node.edges))


def saves(node: Any) -> bool:
    """Say whether a node has something that a backward frees."""
    if isinstance(node, FunctionNode):
        return node.ctx.saved_entries is not None or node.ctx.released
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
