"""Drawing: random tensors that a graph draws anew in every run.

Note [Drawn tensors].  While a graph is built, ``torch.randn(3)`` draws at once, as it always does:
the tensor can be printed, fed, used to start a parameter.  How it was made is noted beside it,
and so is what is computed from it.  When it meets a tensor of the graph, those notes become
nodes, so that each run draws again.  Tensors that require grad are parameters, which are kept.
"""

from __future__ import annotations

import functools
import weakref
from typing import Any, NamedTuple

import numpy as np


class Recipe(NamedTuple):
    """How an array was made: a call, and which of its results it is."""

    name: str
    function: Any
    args: tuple[Any, ...]
    settings: dict[str, Any]
    block: Any  # the graph's nodes among which the call stood
    results: list[Any]  # something of the shape and dtype of each, None for what is no array
    call: Any  # the same object for all results of one call
    place: int


class Drawn:
    """The arrays that were drawn while graphs are built, and what was computed from them."""

    def __init__(self) -> None:
        self.recipes: dict[int, tuple[Any, Recipe]] = {}
        self.nodes: weakref.WeakKeyDictionary[Any, dict[Any, Any]] = weakref.WeakKeyDictionary()

    def of(self, array: Any) -> Recipe | None:
        """Return the recipe of an array, None where it was not drawn."""
        found = self.recipes.get(id(array))
        return found[1] if found is not None and found[0]() is array else None

    def holds(self, given: Any) -> bool:
        """Say whether a drawn array is among some arguments."""
        if not self.recipes:
            return False
        if type(given) in (list, tuple):
            return any(self.holds(one) for one in given)
        return isinstance(given, np.ndarray) and self.of(given) is not None

    def note(
        self, out: Any, name: str, function: Any, args: Any, settings: Any, block: Any
    ) -> Any:
        """Note how the results of a call were made; return them."""
        call = object()
        made = list(out) if isinstance(out, (tuple, list)) else [out]
        likes = [like_of(one) if isinstance(one, np.ndarray) else None for one in made]
        for place, one in enumerate(made):
            if isinstance(one, np.ndarray):
                recipe = Recipe(
                    name, function, tuple(args), settings, block, likes, call, place
                )  # fmt: skip
                gone = functools.partial(self.recipes.pop, id(one))
                self.recipes[id(one)] = (weakref.ref(one, gone), recipe)
        return out

    def forget(self, array: Any) -> None:
        """Take an array for what it holds from now on: it was written into."""
        self.recipes.pop(id(array), None)


def like_of(array: Any) -> Any:
    """Return something small with the shape and dtype of an array."""
    return np.broadcast_to(np.zeros((), array.dtype), array.shape)
