"""Static style: a graph is built first and run later, with data fed to its placeholders.

>>> import retrograd as torch
>>> from retrograd import static
>>> x = static.placeholder(torch.float32, (), name="x")
>>> y = x * 2
>>> static.Session().run(y, {x: 3})
tensor(6.)
>>> static.reset_default_graph()

`cond`, `while_loop`, `scan` and `map` are control flow for such graphs, and run on ordinary
tensors as well.
"""

from __future__ import annotations

from typing import Any

from .control import cond as cond
from .control import map_ as map
from .control import scan as scan
from .control import while_loop as while_loop
from .graph import Graph as Graph
from .graph import get_default_graph as get_default_graph
from .graph import placeholder as placeholder
from .graph import reset_default_graph as reset_default_graph
from .session import Session as Session
from .session import assign as assign
from .session import gradients as gradients


def __getattr__(name: str) -> Any:
    from .._missing import missing_name

    raise missing_name(__name__, name)


__all__ = [
    "Graph", "Session", "assign", "cond", "get_default_graph", "gradients", "map", "placeholder",
    "reset_default_graph", "scan", "while_loop",
]  # fmt: skip
