"""CompiledNode: the place of a replayed function in the graph of what is around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._core.backward_errors import change_text, error_of_freed, saved_text
from .._core.errors import GraphFreedError, SavedValueChangedError
from .._core.node import CallNode
from .._core.storage import tick
from .._core.value import Value
from ..tensor import Tensor, raw
from .saved import Route, Saved, by_gradients_alone


class CompiledNode(CallNode):
    """The node of a replayed function's results; its backward is a replay too.

    Note [Refused midway].  Eager's engine comes to the nodes of a graph one by one.  Where one
    refuses, because what it saved is gone or was written into, those before it have run: leaves
    that waited for nothing more have their gradients, and what these nodes saved is freed.  The
    `Route` tells which they were.

    Parameters
    ----------
    function : callable
        ``function(saved, grads)`` returns one array or None for each edge.
    edges : tuple of Node or None
    outputs : int
        How many results require grad.
    saved : tuple
        The slots of the forward that the backward reads.
    route : Route

    Attributes
    ----------
    saved_outside : list of Saved
        The tensors that must not be written into before the backward.
    """

    # Defaults are in the class, so that making a node costs nothing for what it has not.
    saved_outside: Sequence[Saved] = ()
    held: Any = None  # storages of arguments and results among them
    asked: frozenset[int] = frozenset()  # by the backward that runs
    limit = 0  # the stop at which it is refused
    # These, of backwards that kept nothing, and what marks the nodes that each freed.
    done: tuple[tuple[frozenset[int], int, Any], ...] = ()

    def __init__(
        self, function: Any, edges: tuple[Any, ...], outputs: int, saved: Any, route: Route
    ) -> None:
        super().__init__(tick(), edges)
        self.function = function
        self.kept = saved
        self.outputs = outputs
        self.route = route
        self.results: list[Any] = [None] * outputs

    def name(self) -> str:
        return "CompiledFunctionBackward"

    def result(self, place: int, array: Any) -> Any:
        """Return a result of the function as a tensor."""
        made: Any = Tensor(array, raw)
        made.requires = True
        made.node = self
        made.index = place
        self.results[place] = (array.shape, array.dtype)
        return made

    def hold(self, owner: Any, value: Any) -> Any:
        """Note a tensor that the backward needs unchanged; return it."""
        if self.held is None:
            self.held = {}
        self.held[owner] = value.get_storage()
        return value

    def change_of(self, saved: Saved) -> Any:
        """Return the storage of what was saved if it was written into since."""
        owner = saved.owner
        storage = owner.storage if isinstance(owner, Value) else self.held[owner]
        return None if storage is None or storage.written <= self.seq else storage

    def is_done(self, place: int) -> bool:
        """Say whether what a stop saved was freed by a backward."""
        stop = self.route.stops[place]
        if stop.freed:
            return True
        return any(place < end and stop.results & asked for asked, end, _ in self.done)

    def check(self, asked: frozenset[int]) -> None:
        """Refuse where eager would, and note how far it would have come."""
        changed = [one for one in self.saved_outside if self.change_of(one) is not None]
        for place, stop in enumerate(self.route.stops):
            self.limit = place
            if not stop.results & asked:
                continue
            if stop.saves and self.is_done(place):
                raise self.freed_error(place)
            for one in changed:
                if one.seq == stop.seq:
                    text = saved_text(*one.told) + change_text(self.change_of(one))
                    raise SavedValueChangedError(text)
        self.limit = len(self.route.stops)

    def freed_error(self, place: int) -> GraphFreedError:
        """Return the error for what a stop saved and is freed, inside the call or later."""
        stop = self.route.stops[place]
        if stop.freed:
            return error_of_freed(*stop.freed)
        freed = next(by for asked, end, by in self.done if place < end and stop.results & asked)
        return error_of_freed(stop.name, stop.site, None if freed is None else freed.site)

    def run(self, grads: tuple[Any, ...], create_graph: bool) -> tuple[Any, ...]:
        if create_graph:
            raise RuntimeError(
                "torch.compile with aot_autograd does not currently support double backward: the "
                "backward of a compiled function is not recorded. Call the function without "
                "compile where create_graph=True is needed"
            )
        self.asked = asked = frozenset(k for k, one in enumerate(grads) if one is not None)
        if not asked:
            self.limit = 0
            return (None,) * len(self.edges)
        given = []
        for number, one in enumerate(grads):
            if one is None:
                shape, dtype = self.results[number]
                given.append(np.zeros(shape, dtype))
            else:
                given.append(one.array if isinstance(one, Value) else one)
        route = self.route
        self.limit = len(route.stops)
        if self.done or route.freed or any(map(self.change_of, self.saved_outside)):
            try:
                self.check(asked)
            except RuntimeError:
                self.arrived = self.before_refusal(given)
                raise
        found: tuple[Any, ...] = self.function(self.kept, given)
        if len(asked) < self.outputs:
            return tuple(one if ways & asked else None for one, ways in zip(found, route.reaching))
        return found

    def before_refusal(self, given: list[Any]) -> dict[int, Any]:
        """Return the gradients that had arrived when a backward was refused, by edge."""
        route = self.route
        arrived = route.arrived(self.asked, self.limit)
        edges = [k for k, one in enumerate(arrived) if one]
        wanted = {k for k in edges if route.reaching[k] & self.asked}
        found: Any = ()
        if wanted and self.kept is not None:
            found = self.function(self.kept, given)
        elif wanted:
            found = by_gradients_alone(route.backward, given)
        return {k: found[k] if k in wanted and found else None for k in edges}

    def release(self, freed: Any) -> None:
        self.done = (*self.done, (self.asked, self.limit, freed))
        route = self.route
        limits: dict[int, int] = {}  # where the backward of a result is refused from now on
        for place, stop in enumerate(route.stops):
            if stop.saves and self.is_done(place):
                for one in stop.results:
                    limits.setdefault(one, place)
        if len(limits) == self.outputs and not route.needs_saved(limits):
            self.kept = None
