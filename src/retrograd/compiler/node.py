"""CompiledNode: the place of a replayed function in the graph of what is around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .._core.backward_errors import change_text, freed_error
from .._core.errors import GraphFreedError, SavedValueChangedError
from .._core.node import CallNode
from .._core.site import describe_site, here
from .._core.storage import tick
from .._core.value import Value
from ..tensor import Tensor, raw
from .saved import Saved


class Refusal:
    """The backward of results whose graph was freed: it raises.

    Parameters
    ----------
    texts : list of str
        What to say for each result.
    """

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts

    def refuse(self, grads: tuple[Any, ...]) -> None:
        """Raise, as the graph of the last result that is asked for would."""
        text = [one for one, grad in zip(self.texts, grads) if grad is not None][-1]
        again = describe_site(here())
        text = f"{text} and are asked for again at {again}" if again else text
        raise GraphFreedError(text.rstrip(".") + ".")


class CompiledNode(CallNode):
    """The node of a replayed function's results; its backward is a replay too.

    Parameters
    ----------
    function : callable
        ``function(saved, grads)`` returns one array or None for each edge.
    edges : tuple of Node or None
    outputs : int
        How many results require grad.
    saved : tuple
        The slots of the forward that the backward reads.

    Attributes
    ----------
    saved_outside : list of Saved
        The tensors that must not be written into before the backward.
    sharing : list of set, optional
        For each result, the results whose backward frees what its own needs; None for all.
    reaching : list of set, optional
        For each edge, the results whose graph leads to it; None for all.
    """

    # Defaults are in the class, so that making a node costs nothing for what it has not.
    saved_outside: Sequence[Saved] = ()
    held: Any = None  # storages of arguments and results among them
    sharing: list[set[int]] | None = None
    reaching: list[set[int]] | None = None
    asked: frozenset[int] = frozenset()  # by the backward that runs
    done: frozenset[int] = frozenset()  # by backwards that kept nothing
    released_by: Any = None

    def __init__(self, function: Any, edges: tuple[Any, ...], outputs: int, saved: Any) -> None:
        super().__init__(tick(), edges)
        self.function = function
        self.kept = saved
        self.outputs = outputs
        self.results: list[Any] = [None] * outputs
        self.saved_outside: list[Saved] = []
        self.sharing: list[set[int]] | None = None
        self.asked: set[int] = set()  # by the backward that runs
        self.done: set[int] = set()  # by backwards that kept nothing
        self.released_by: Any = None
        self.held: dict[Any, Any] = {}  # storages of arguments and results among them

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

    def check_saved(self, grads: tuple[Any, ...]) -> None:
        """Refuse where something that the backward needs was written into since."""
        for owner, text, results in self.saved_outside:
            storage = owner.storage if isinstance(owner, Value) else self.held[owner]
            if storage is None or storage.written <= self.seq:
                continue
            if any(grads[place] is not None for place in results):
                raise SavedValueChangedError(text + change_text(storage))

    def run(self, grads: tuple[Any, ...], create_graph: bool) -> tuple[Any, ...]:
        if create_graph:
            raise RuntimeError(
                "torch.compile with aot_autograd does not currently support double backward: the "
                "backward of a compiled function is not recorded. Call the function without "
                "compile where create_graph=True is needed"
            )
        if type(self.function) is Refusal:
            self.function.refuse(grads)
        self.check_saved(grads)
        if self.sharing is not None:
            self.asked = frozenset(k for k, one in enumerate(grads) if one is not None)
            if any(self.sharing[place] & self.done for place in self.asked):
                self.freed = self.released_by
                raise freed_error(self)
        given = []
        for number, one in enumerate(grads):
            if one is None:
                shape, dtype = self.results[number]
                given.append(np.zeros(shape, dtype))
            else:
                given.append(one.array if isinstance(one, Value) else one)
        found: tuple[Any, ...] = self.function(self.kept, given)
        if self.reaching is not None:
            asked = {place for place, one in enumerate(grads) if one is not None}
            return tuple(one if ways & asked else None for one, ways in zip(found, self.reaching))
        return found

    def release(self, freed: Any) -> None:
        if self.sharing is not None:
            self.released_by = freed
            self.done |= self.asked
            if any(not (own & self.done) for own in self.sharing):
                return
        self.kept = None
        self.freed = freed


