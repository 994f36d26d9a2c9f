"""Fusible calls: what one array call is to a kernel, where it can be part of one."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from .._core.rules import accumulate
from ..inplace import write_ufunc
from .lowering import Layout, contiguous
from .mirror import into_out
from .trace import CALL, WRITE, Ref, Step

Slots = Callable[[int], Layout]

FULL, ROW, COLUMN, SCALAR, TOTAL, BOTTOM = "full", "row", "column", "scalar", "total", "bottom"
TABLE, SCATTERED = "table", "scattered"
DTYPES = ("float32", "float64", "int64", "bool")

# The calls that are one expression, by NumPy's name, with how many operands.
FLOATING = {
    "exp": 1, "log": 1, "log1p": 1, "expm1": 1, "tanh": 1, "erf": 1, "sin": 1, "cos": 1, "sqrt": 1,
    "divide": 2, "logaddexp": 2, "reciprocal": 1,
}  # fmt: skip
ARITHMETIC = {
    "add": 2, "subtract": 2, "multiply": 2, "negative": 1, "positive": 1, "absolute": 1,
    "maximum": 2, "minimum": 2, "square": 1, "sign": 1, "floor": 1, "ceil": 1, "conjugate": 1,
}  # fmt: skip
COMPARING = {
    "less": 2, "less_equal": 2, "greater": 2, "greater_equal": 2, "equal": 2, "not_equal": 2,
    "isnan": 1, "isinf": 1, "isfinite": 1,
}  # fmt: skip
LOGICAL = {"logical_and": 2, "logical_or": 2, "logical_not": 1, "invert": 1, "bitwise_and": 2,
           "bitwise_or": 2}  # fmt: skip
ELEMENTWISE = {**FLOATING, **ARITHMETIC, **COMPARING, **LOGICAL}
REDUCING = {"add": "sum", "maximum": "max", "minimum": "min"}
HEAVY = {"exp", "log", "log1p", "expm1", "tanh", "erf", "sin", "cos", "logaddexp"}
FAR = ("sin", "cos")  # may have to be computed by NumPy after all


class Node:
    """One call as fusion and the kernels see it.

    Attributes
    ----------
    name : str
        Of `ELEMENTWISE`, or "where", "cast", "same" (a view), "fill", "sum" (of products where
        there are two operands), "max", "min", "below" (where the column is at most the row within
        its matrix one, else the other), or one of `indexed`.
    args : tuple
        `Ref`, or plain numbers.
    number : int
        The slot it fills.
    shape, dtype : tuple of int, np.dtype
    axes : tuple of int
        Those that a reduction is over.
    space : tuple of int
        The shape that it loops over.
    kind : str
    target : int or None
        The slot from outside whose array it is written into, by a node that fills no slot.
    index : int or None
        Which operand is an index; only for nodes of `indexed`, as what follows.
    low, length : int
        The smallest number that may be in it, and the smallest that is too large.  Of "below", the
        rows of a matrix.
    seen : dict
        The shapes that some operands have in the space; None for one that is read anywhere.
    """

    def __init__(
        self,
        name: str,
        args: tuple[Any, ...],
        number: int,
        slot: Layout,
        axes: tuple[int, ...] = (),
        space: tuple[int, ...] | None = None,
    ) -> None:
        self.name = name
        self.args = args
        self.number = number
        self.shape = slot.shape
        self.dtype = slot.dtype
        self.axes = axes
        self.space = slot.shape if space is None else space
        self.kind = ""
        self.view = slot.owner != number and name == "same"
        self.target: int | None = None
        self.index: int | None = None
        self.low = self.length = 0
        self.seen: dict[int, tuple[int, ...] | None] = {}


def known(dtype: Any) -> bool:
    return isinstance(dtype, np.dtype) and dtype.name in DTYPES and dtype.isnative


def usable(layout: Layout) -> bool:
    return (known(layout.dtype) and 0 not in layout.shape) or weak(layout)


def weak(layout: Layout) -> bool:
    """Say whether a slot holds a Python number, which takes the dtype of what is beside it."""
    return layout.dtype is float


def plain(given: Any) -> bool:
    return type(given) in (int, float, bool) or (
        isinstance(given, np.generic) and known(given.dtype)
    )


def read(
    step: Step, slot: Slots, makers: dict[int, Step] | None = None
) -> Node | None:
    """Return a call as a node, or None where it cannot be part of a kernel.

    Parameters
    ----------
    step : Step
        A call at the level of NumPy.
    slot : callable
        Finds what is known of a slot by its number.
    makers : dict, optional
        Earlier calls by the slot that they fill: some nodes take two or three calls.
    """
    makers = {} if makers is None else makers
    node = _read(step, slot, makers)
    if node is not None and node.axes and math.prod(node.space) == 1:
        node = _of_one(node, slot(node.number))
    return node if node is None or node.view or contiguous(slot(node.number)) else None


def _of_one(node: Node, out: Layout) -> Node:
    """Return a reduction of a single number as what it is: no loop."""
    if node.name != "sum":
        return Node("positive", node.args, node.number, out)
    if len(node.args) == 2:
        return Node("multiply", node.args, node.number, out)
    return Node("add", (*node.args, 0), node.number, out)  # -0.0 is summed up to 0.0


def _read(step: Step, slot: Slots, makers: dict[int, Step]) -> Node | None:
    if step.kind == WRITE:
        return _filled(step, slot, makers) or _written(step, slot)
    if step.kind != CALL or not isinstance(step.outs, int):
        return None
    out = slot(step.outs)
    if not known(out.dtype) or 0 in out.shape:
        return None
    function = step.function
    name = getattr(function, "__name__", "")
    if function in _CONSTANTS and not set(step.settings) - {"dtype"}:
        return Node("fill", (_CONSTANTS[function],), step.outs, out)
    operands = tuple(one_number(one) for one in step.args)
    if name == "getitem":
        return _picked_maximum(step, out, slot, makers)
    if function in _DOTS and len(operands) == 2:
        return _sum_as_product(step, out, slot)
    for one in operands:
        if isinstance(one, Ref) and not usable(slot(one.number)):
            return None
    if name == "vecdot" and len(operands) == 2 and not step.settings:
        shapes = [slot(one.number).shape for one in operands if isinstance(one, Ref)]
        if len(shapes) == 2 and shapes[0] == shapes[1] and out.dtype.kind == "f":
            axes = (len(shapes[0]) - 1,)
            return Node("sum", operands, step.outs, out, axes, shapes[0])
        return None
    if isinstance(function, np.ufunc):
        return _ufunc(name, operands, step, out, slot)
    owner = getattr(function, "__self__", None)
    if name == "reduce" and isinstance(owner, np.ufunc):
        return _reduction(owner.__name__, operands, step, out, slot)
    numbers = all(isinstance(one, Ref) or plain(one) for one in operands)
    if function is np.where and len(operands) == 3 and isinstance(operands[0], np.ndarray):
        return None if step.settings else _below(step, operands, out, slot)
    if function is np.where and len(operands) == 3 and not step.settings and numbers:
        if not spread(operands, out, slot):
            return None
        return Node("where", operands, step.outs, out)
    if function in VIEWS and operands and isinstance(operands[0], Ref):
        if operands[0].number == step.outs:  # a number becomes an array, in its own slot
            return None
        same = function is np.broadcast_to or _size(slot(operands[0].number)) == _size(out)
        return Node("same", operands[:1], step.outs, out) if same else None
    if function in _COPIES and len(operands) == 1 and isinstance(operands[0], Ref):
        same = slot(operands[0].number).dtype == out.dtype and not set(step.settings) - {"order"}
        return Node("same", operands, step.outs, out) if same else None
    if function in _CLIPS and len(operands) == 3 and not step.settings:
        array, low, high = operands
        if out.dtype.kind == "f" and plain(low) and high == math.inf and isinstance(array, Ref):
            return Node("maximum", (array, low), step.outs, out)
        return None
    if name == "astype" and operands and isinstance(operands[0], Ref):
        given = slot(operands[0].number).dtype
        if out.dtype.kind == "f" or given == out.dtype or given.kind == "b":
            return Node("cast", operands[:1], step.outs, out)
    return None


_CONSTANTS = {np.ones_like: 1, np.zeros_like: 0, np.zeros: 0, np.ones: 1}
_COPIES = (np.array, np.copy, np.ndarray.copy)
VIEWS = (np.reshape, np.broadcast_to, np.expand_dims, np.squeeze, np.asarray, np.ndarray.reshape)
_CLIPS = (np.clip, np.ndarray.clip)
_DOTS = (np.ndarray.dot, np.dot, np.matmul)


def one_number(given: Any) -> Any:
    """Return a constant array of one value as that number, with its type."""
    if isinstance(given, np.ndarray) and given.size and known(given.dtype):
        first = given.flat[0]
        if given.ndim == 0 or (given.dtype.kind != "f" and (given == first).all()):
            return first
        if given.tobytes() == given.dtype.type(first).tobytes() * given.size:
            return first
    return given


def spread(operands: tuple[Any, ...], out: Layout, slot: Slots) -> bool:
    """Say whether the arrays among some operands alone have the result's shape."""
    shapes = [slot(one.number).shape for one in operands if isinstance(one, Ref)]
    return bool(shapes) and np.broadcast_shapes(*shapes) == out.shape


def _below(step: Step, operands: tuple[Any, ...], out: Layout, slot: Slots) -> Node | None:
    """Return ``where(lower triangle, x, y)`` as a node."""
    seen, *both = operands
    if seen.ndim != 2 or out.shape[-2:] != seen.shape or out.dtype.kind != "f":
        return None
    if not all(isinstance(one, Ref) or plain(one) for one in both):
        return None
    if not spread(tuple(both), out, slot) or not np.array_equal(seen, np.tri(*seen.shape)):
        return None
    assert isinstance(step.outs, int)
    node = Node("below", tuple(both), step.outs, out)
    node.length = seen.shape[0]
    return node


def _filled(step: Step, slot: Slots, makers: dict[int, Step]) -> Node | None:
    """Return ``out = empty(shape); out[...] = value`` as one node."""
    if getattr(step.function, "__name__", "") != "setitem" or step.settings:
        return None
    if len(step.args) != 3 or step.args[1] is not Ellipsis or not isinstance(step.args[0], Ref):
        return None
    number = step.args[0].number
    maker = makers.get(number)
    value = one_number(step.args[2])
    if maker is None or maker.function is not np.empty or not known(slot(number).dtype):
        return None
    if 0 in slot(number).shape:
        return None
    if isinstance(value, Ref):
        if not usable(slot(value.number)):
            return None
        if slot(value.number).dtype != slot(number).dtype and slot(number).dtype.kind != "f":
            return None
        return Node("same", (value,), number, slot(number))
    return Node("fill", (value,), number, slot(number)) if plain(value) else None


def _written(step: Step, slot: Slots) -> Node | None:
    """Return what a step writes into an array from outside, all of it, as a node."""
    if step.settings or not isinstance(step.args[0], Ref):
        return None
    target = step.args[0].number
    layout = slot(target)
    if not usable(layout) or not contiguous(layout) or layout.scalar:
        return None
    function, operands = step.function, tuple(one_number(one) for one in step.args[1:])
    if function in (write_ufunc, into_out):
        name, operands = getattr(operands[0], "__name__", ""), operands[1:]
    elif function is accumulate:
        name, operands = "add", (step.args[0], *operands)
    elif function is np.copyto:
        name = "same"
    elif function is np.ndarray.fill:
        name = "fill"
    else:
        return None
    if name not in ("same", "fill") and ELEMENTWISE.get(name) != len(operands):
        return None
    for one in operands:
        if isinstance(one, Ref):
            own = slot(one.number)
            if not usable(own) or (own.dtype != layout.dtype and not weak(own)):
                return None
        elif not plain(one) or (isinstance(one, np.generic) and one.dtype != layout.dtype):
            return None
    arrays = [slot(one.number).shape for one in operands if isinstance(one, Ref)]
    if np.broadcast_shapes(layout.shape, *arrays) != layout.shape:
        return None
    kinds = "f" if name in FLOATING else "fi" if name in ARITHMETIC else "fib"
    if layout.dtype.kind not in kinds or name in COMPARING or name in LOGICAL:
        return None
    node = Node(name, operands, target, layout)
    node.target = target
    node.view = False
    return node


def _picked_maximum(
    step: Step, out: Layout, slot: Slots, makers: dict[int, Step]
) -> Node | None:
    """Return ``x[arange(n), x.argmax(1)]`` as the rows' maximum, ``x[:, None]`` as a view."""
    array, key = step.args
    if not isinstance(array, Ref) or type(key) is not tuple or not known(slot(array.number).dtype):
        return None
    if all(one is None or (type(one) is slice and one == slice(None)) for one in key):
        return Node("same", (array,), step.outs, out)
    shape = slot(array.number).shape
    if len(key) != 2 or not isinstance(key[1], Ref) or len(shape) != 2 or out.dtype.kind != "f":
        return None
    rows, places = key[0], makers.get(key[1].number)
    if isinstance(rows, Ref):
        maker = makers.get(rows.number)
        if maker is None or maker.function is not np.arange or maker.settings:
            return None
        rows = np.arange(*maker.args)
    if not isinstance(rows, np.ndarray) or not np.array_equal(rows, np.arange(shape[0])):
        return None
    if places is None or 0 in shape:
        return None
    if getattr(places.function, "__name__", "") != "argmax" or places.args != (array,):
        return None
    if places.settings != {"axis": 1}:
        return None
    return Node("max", (array,), step.outs, out, (1,), shape)


def _sum_as_product(step: Step, out: Layout, slot: Slots) -> Node | None:
    """Return a product with a vector of ones, or of two vectors, as the sum that it is."""
    left, right = step.args
    if all(isinstance(one, Ref) and usable(slot(one.number)) for one in step.args):
        one, other = (slot(array.number) for array in step.args)
        alike = one.dtype == other.dtype == out.dtype and out.dtype.kind == "f"
        if alike and len(one.shape) == len(other.shape) == 1:
            return Node("sum", (left, right), step.outs, out, (0,), one.shape)
    for array, ones, axis in ((left, right, 1), (right, left, 0)):
        if isinstance(array, Ref) and isinstance(ones, np.ndarray) and ones.ndim == 1:
            given = slot(array.number)
            floats = given.dtype == out.dtype == ones.dtype and out.dtype.kind == "f"
            if floats and len(given.shape) == 2 and usable(given) and np.all(ones == 1):
                return Node("sum", (array,), step.outs, out, (axis,), given.shape)
    return None


def _size(slot: Layout) -> int:
    return math.prod(slot.shape)


def _ufunc(
    name: str, operands: tuple[Any, ...], step: Step, out: Layout, slot: Slots
) -> Node | None:
    count = ELEMENTWISE.get(name)
    if count != len(operands) or not all(isinstance(x, Ref) or plain(x) for x in operands):
        return None
    if set(step.settings) - {"dtype"} or not spread(operands, out, slot):
        return None
    if name in FLOATING and out.dtype.kind != "f":
        return None
    if any(isinstance(x, Ref) and weak(slot(x.number)) for x in operands) and name in LOGICAL:
        return None
    if name in ARITHMETIC and out.dtype.kind not in "fi":
        return None
    if name in LOGICAL and out.dtype.kind != "b":
        return None
    if name in ("invert", "bitwise_and", "bitwise_or") and not all(
        not isinstance(x, Ref) or slot(x.number).dtype.kind == "b" for x in operands
    ):
        return None
    return Node(name, operands, step.outs, out)


def _reduction(
    name: str, operands: tuple[Any, ...], step: Step, out: Layout, slot: Slots
) -> Node | None:
    settings = dict(step.settings)
    if len(operands) > 1:
        settings["axis"] = operands[1]
    if len(operands) > 2 or set(settings) - {"axis", "keepdims", "dtype"} or not operands:
        return None
    if name not in REDUCING or not isinstance(operands[0], Ref):
        return None
    given = slot(operands[0].number)
    if settings.get("dtype") not in (None, out.dtype) or out.dtype.kind not in "fi":
        return None
    if name != "add" and (given.dtype != out.dtype or out.dtype.kind != "f"):
        return None
    rank = len(given.shape)
    axis = settings.get("axis", 0)
    axes = range(rank) if axis is None else (axis if isinstance(axis, tuple) else (axis,))
    if rank == 0 or any(type(one) is not int for one in axes):
        return None
    axes = tuple(sorted(one % rank for one in axes))
    return Node(REDUCING[name], operands[:1], step.outs, out, axes, given.shape)
