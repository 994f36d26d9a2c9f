"""The engine's two entries: accumulate into leaves, or return the gradients of given values."""

from __future__ import annotations

from typing import Any

from .engine import Run
from .modes import thread_modes
from .node import Node, Unconnected
from .value import Value


def backward(
    roots: list[Value],
    grads: list[Any],
    keep: bool,
    create_graph: bool,
    inputs: list[Value] | None,
) -> None:
    """Accumulate into the leaves behind `roots` (or only into `inputs`)."""
    run = Run(roots[0], keep, create_graph)
    if inputs is not None:
        targets: dict[Node, dict[int, Any]] = {}
        for value in inputs:
            edge = value.edge()
            if edge is None:
                raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
            if edge not in targets:
                targets[edge] = {}
            targets[edge][value.index] = None
            if value.node is not None:
                # As in PyTorch, an intermediate named here keeps its gradient from now on.
                edge.node_hooks().retained[value.index] = value.get_cell()
        run.captures = targets
        go_towards(run, roots, grads)
    else:
        run.go(roots, grads)


def go_towards(run: Run, roots: list[Value], grads: list[Any]) -> None:
    """Run towards given values, saying so to the backward methods that it calls."""
    modes = thread_modes()
    before = modes.towards
    modes.towards = True
    try:
        run.go(roots, grads)
    finally:
        modes.towards = before


def grad(
    roots: list[Value],
    grads: list[Any],
    inputs: list[Value],
    keep: bool,
    create_graph: bool,
) -> list[Any]:
    """Return the gradients of `inputs`, None where a root does not depend on one."""
    run = Run(roots[0], keep, create_graph)
    targets: dict[Node, dict[int, Any]] = {}
    for value in inputs:
        edge = value.edge()
        if edge is None:
            raise RuntimeError("One of the differentiated Tensors does not require grad")
        if edge not in targets:
            targets[edge] = {}
        targets[edge][value.index] = None
    run.captures = targets
    run.accumulate = False
    go_towards(run, roots, grads)
    results: list[Any] = []
    for value in inputs:
        edge = value.edge()
        if edge is None or isinstance(edge, Unconnected):
            results.append(None)
        else:
            results.append(targets[edge][value.index])
    return results
