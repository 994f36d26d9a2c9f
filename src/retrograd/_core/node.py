"""Nodes of the graph: one recorded call each, holding edges to nodes and never to tensors.

Note [Ownership].  A result owns its node, a node owns the nodes behind it, and nothing points
forward, so dropping the last result frees a graph by reference counts alone.  A leaf owns its
AccumulateGrad, which holds the leaf's gradient in a `GradCell` and the leaf itself only weakly.
"""

from __future__ import annotations

from typing import Any, Final

from .hooks import NodeHooks, RemovableHandle, add_hook
from .native import Weakly, mypyc_attr, under_own_name
from .plan import ARRAY, RESULT, SETTING, SHAPE, Plan


class GradCell:
    """Where a `.grad` lives: shared by a tensor and the node that fills it."""

    def __init__(self) -> None:
        self.grad: Any = None
        self.busy: bool = False  # while a thread adds to it


@mypyc_attr(allow_interpreted_subclasses=True)
class Slot(Weakly):
    """What the engine knows of a node during one run.

    A node is its own slot for a run that has the engine to itself; runs inside other runs, or
    beside them in other threads, keep slots of their own.
    """

    # Defaults are in class bodies: the pure build then pays only for what differs from them.
    pending: int = 0
    mark: int = 0
    grad: Any = None
    owned: bool = False


@mypyc_attr(allow_interpreted_subclasses=True)
class Node(Slot):
    """One recorded operation.

    Attributes
    ----------
    seq : int
        Creation time on the process-wide clock; backward visits higher numbers first.
    edges : tuple of Node or None
        For each operand, the node its gradient goes to.
    indices : tuple of int or None
        Which output of that node the operand was; None when all are 0.
    shapes : tuple or None
        For each operand that was broadcast, the shape to sum its gradient to.
    """

    indices: tuple[int, ...] | None = None
    shapes: tuple[Any, ...] | None = None
    saved: tuple[Any, ...] | None = None
    storages: tuple[Any, ...] | None = None
    site: Any = None
    hooks: NodeHooks | None = None
    outputs: int = 1
    like: Any = None  # for several outputs: (shape, dtype) of each
    unpack: Any = None
    freed: Any = None

    def __init__(self, plan: Plan | None, seq: int, edges: tuple[Any, ...]) -> None:
        self.plan = plan
        self.seq = seq
        self.edges = edges

    def name(self) -> str:
        """Return PyTorch's name of the node, ``MulBackward0``."""
        plan = self.plan
        return "Node" if plan is None else plan.name

    @property
    def next_functions(self) -> tuple[Any, ...]:
        """The pairs (node, output number) that this node's gradients go to."""
        indices = self.indices
        return tuple(
            [
                (
                    (None, 0)
                    if edge is None or isinstance(edge, Unconnected)
                    else (under_own_name(edge), 0 if indices is None else indices[i])
                )
                for i, edge in enumerate(self.edges)
            ]
        )

    @property
    def metadata(self) -> dict[Any, Any]:
        """A dictionary for the user's own notes on this node."""
        found: Any = self.__dict__.get("_metadata")
        if found is None:
            found = {}
            self.__dict__["_metadata"] = found
        notes: dict[Any, Any] = found
        return notes

    def node_hooks(self) -> NodeHooks:
        """Return the node's hook tables, made on first use."""
        hooks = self.hooks
        if hooks is None:
            hooks = NodeHooks()
            self.hooks = hooks
        return hooks

    def register_hook(self, fn: Any) -> RemovableHandle:
        """Call ``fn(grad_inputs, grad_outputs)`` after the node ran; it may replace the first."""
        return add_hook(self.node_hooks().after, fn)

    def register_prehook(self, fn: Any) -> RemovableHandle:
        """Call ``fn(grad_outputs)`` before the node runs; it may replace them."""
        return add_hook(self.node_hooks().before, fn)

    def _sequence_nr(self) -> int:
        return self.seq

    def __repr__(self) -> str:
        return f"<{self.name()} object at {hex(id(self))}>"


# What became of the leaf of a sink.
OPEN: Final = 0
CLOSED: Final = 1  # it no longer requires grad
MOVED: Final = 2  # an in-place operation gave it a history


class AccumulateGrad(Node):
    """The sink of a leaf: adds what arrives to the leaf's `.grad`."""

    state: int = OPEN

    def __init__(self, leaf: Any, cell: GradCell) -> None:
        super().__init__(None, 0, ())
        self.leaf = leaf  # a weak reference to the leaf
        self.cell = cell
        self.keep: Any = None  # the leaf itself, once a hook wants it

    def name(self) -> str:
        return "torch::autograd::AccumulateGrad"

    @property
    def variable(self) -> Any:
        """The leaf, or None when it is gone."""
        return self.leaf()

    def __repr__(self) -> str:
        return f"<AccumulateGrad object at {hex(id(self))}>"


class Unconnected(AccumulateGrad):
    """Where gradients of a view go that has lost the way to its base.

    PyTorch says of a view made in no_grad mode that it requires grad when its base does, and
    records what is done with it; but what arrives at the view goes nowhere.
    """


@mypyc_attr(allow_interpreted_subclasses=True)
class CallNode(Node):
    """A node whose backward is its own Python method: user Functions, replayed functions.

    Attributes
    ----------
    arrived : dict or None
        What `run` raises with: gradients that are delivered all the same, by edge.  A node that
        stands for many may be refused when some of them have run.
    """

    arrived: Any = None

    def __init__(self, seq: int, edges: tuple[Any, ...]) -> None:
        super().__init__(None, seq, edges)

    def run(self, grads: tuple[Any, ...], create_graph: bool) -> tuple[Any, ...]:
        """Return one gradient for each edge; gradients are tensors, or None."""
        raise NotImplementedError

    def release(self, freed: Any) -> None:
        """Forget what was saved for backward."""


# PyTorch's names of what nodes save, where they are not self, other, result.
_operand_names: Final[dict[str, tuple[str, ...]]] = {
    "Pow": ("self", "exponent"),
    "Mm": ("self", "mat2"),
    "Bmm": ("self", "mat2"),
    "Mv": ("self", "vec"),
    "Dot": ("self", "tensor"),
    "Addmm": ("self", "mat1", "mat2"),
    "Where": ("condition", "self", "other"),
    "MaskedFill": ("self", "mask", "value"),
    "Gather": ("self", "index"),
    "IndexSelect": ("self", "index"),
    "MseLoss": ("self", "target"),
}
_setting_names: Final[dict[str, str]] = {
    "axis": "dim",
    "axes": "dims",
    "axis1": "dim0",
    "axis2": "dim1",
    "keepdims": "keepdim",
    "low": "min",
    "high": "max",
}


def saved_names(node: Node) -> dict[str, int]:
    """Map PyTorch's ``_saved_*`` names of a node to places in its saved tuple."""
    plan = node.plan
    if plan is None:
        return {}
    operands = _operand_names.get(plan.name.split("Backward")[0], ("self", "other"))
    found = {}
    for number, need in enumerate(plan.saves):
        name = need.name
        if need.kind == RESULT:
            name = "result"
        elif need.kind == SETTING:
            name = _setting_names.get(name, name)
        elif need.kind == ARRAY or need.kind == SHAPE:
            if need.position < len(operands):
                name = operands[need.position]
            if need.kind == SHAPE:
                name += "_sym_sizes"
        else:
            continue
        found["_saved_" + name] = number
    return found
