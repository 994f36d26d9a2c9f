"""Value: the slots of a tensor, without its methods."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from .holomorphic import expect_complex
from .modes import switches, thread_modes
from .native import Weakly, mypyc_attr
from .node import AccumulateGrad, GradCell, Node
from .storage import Storage
from .tracing import note_rebound, tracing

# How a view came to be, which decides whether writing into it may be recorded.
PLAIN_VIEW = 0
NO_GRAD_VIEW = 1
MULTIPLE_OUTPUT_VIEW = 2
FUNCTION_VIEW = 3
INFERENCE_VIEW = 4


@mypyc_attr(allow_interpreted_subclasses=True)
class Value(Weakly):
    """An array and its place in the graph.

    Attributes
    ----------
    array : numpy.ndarray
        The data (or another array that speaks NumPy's protocols).
    node : Node or None
        The node that made it; None for leaves.
    index : int
        Which output of `node` it is.
    leaf : AccumulateGrad or None
        The sink of a leaf, made when the leaf is first recorded.
    cell : GradCell or None
        Where `.grad` is, made when first needed.
    base : Value or None
        What it is a view of.
    """

    requires: bool = False
    node: Node | None = None
    index: int = 0
    leaf: AccumulateGrad | None = None
    cell: GradCell | None = None
    storage: Storage | None = None
    base: Value | None = None
    view_seen: int = 0
    view_kind: int = 0
    inference: bool = False
    # Known shape and dtype, or None until asked for (a NumPy attribute costs 30 ns).
    known_shape: Any = None
    known_dtype: Any = None

    def __init__(self, array: Any) -> None:
        self.array = array

    def make(self, array: Any) -> Value:
        """Return a new value of the library's tensor class around `array`."""
        return Value(array)

    def get_shape(self) -> Any:
        """Return the array's shape, a plain tuple."""
        shape = self.known_shape
        if shape is None:
            shape = self.array.shape
            self.known_shape = shape
        return shape

    def get_dtype(self) -> Any:
        """Return the array's NumPy dtype."""
        dtype = self.known_dtype
        if dtype is None:
            dtype = self.array.dtype
            self.known_dtype = dtype
        return dtype

    def set_array(self, array: Any) -> None:
        """Put another array in place of this one."""
        if tracing.count != 0:
            note_rebound(self)
        self.array = array
        self.known_shape = None
        self.known_dtype = None

    def get_storage(self) -> Storage:
        """Return the storage shared with every view of this buffer."""
        storage = self.storage
        if storage is None:
            storage = Storage()
            if self.inference:
                # Not kept: who asks for it outside inference mode wants to save this value.
                refuse_inference()
                return storage
            self.storage = storage
        return storage

    def get_cell(self) -> GradCell:
        """Return the holder of `.grad`."""
        cell = self.cell
        if cell is None:
            cell = GradCell()
            self.cell = cell
        return cell

    def sink(self) -> AccumulateGrad:
        """Return the node that accumulates into this leaf."""
        leaf = self.leaf
        if leaf is None:
            if self.get_dtype().kind == "c":
                expect_complex()
            leaf = AccumulateGrad(weakref.ref(self), self.get_cell())
            self.leaf = leaf
        return leaf

    def edge(self) -> Node | None:
        """Return the node that this value's gradient goes to, None when it needs none."""
        if not self.requires:
            return None
        node = self.node
        if node is not None:
            return node
        return self.sink()


def refuse_inference() -> None:
    """Refuse to save an inference value for backward."""
    if switches.special != 0:
        modes = thread_modes()
        if modes.inference or not modes.grad:
            return
    raise RuntimeError(
        "Inference tensors cannot be saved for backward. Please do not use Tensors created in "
        "inference mode in computation tracked by autograd. To work around this, you can make a "
        "clone to get a normal tensor and use it in autograd, or use `torch.no_grad()` instead "
        "of `torch.inference_mode()`."
    )


def asarray(out: Any) -> Any:
    """Return NumPy's scalar results as 0-d arrays; every other array as it is."""
    if isinstance(out, np.generic):
        return np.asarray(out)
    return out


def hold_arrays(tables: list[Any], names: list[str], arrays: list[Any]) -> bool:
    """Say whether each table has, under its name, a value with that very array."""
    for place in range(len(arrays)):
        value = tables[place].get(names[place])
        if not isinstance(value, Value) or value.array is not arrays[place]:
            return False
    return True
