"""Indexed: reading and adding at places that an array of numbers tells, as parts of kernels.

Four calls are nodes of a kernel (`fusible.Node`):

=======  ==========================================================================
look     ``table[index]``: whole rows of a table, or single numbers of a flat one
pick     ``x[rows, index]``: one number of each row
placed   zeros with one number in each row: the adjoint of a pick
scatter  zeros, or a copy of something, with rows added at an index: that of a look
=======  ==========================================================================

Note [Checked before].  A kernel never raises.  What it looks up is checked before, by a step of its
own (`checks.Checking`), which stands where the first call that would raise stands; where it finds a
number out of range, the function goes on from there by itself and raises as it always did.  Checks
that the program makes anyway (`expect_rows`) become the same step.  What has been checked is not
checked again until somebody may have written into the index.  Should another thread write into it
while a kernel runs, the kernel reads the first row, and no memory that is not its own.

Note [Order of additions].  A scatter goes through its rows one after the other, so what is added to
one place is added in the order in which NumPy adds it: the sum has the same bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..ops import along, indexing, loss, numbered, scattering
from .fusible import ROW, Node, Slots, known, one_number, plain, usable
from .fusible import read as read_call
from .lowering import Layout, contiguous
from .trace import CALL, Ref, Step, getitem


def read(step: Step, slot: Slots, makers: dict[int, Step] | None = None) -> Node | None:
    """Return a call as a node, as `fusible.read` does, those of this file included."""
    return read_indexed(step, slot) or read_call(step, slot, makers)


def read_indexed(step: Step, slot: Slots) -> Node | None:
    """Return a call that reads or adds by an index as a node, None where it is none."""
    reader = _READERS.get(step.function) if hashable(step.function) else None
    if step.kind != CALL or reader is None or not isinstance(step.outs, int):
        return None
    out = slot(step.outs)
    if not known(out.dtype) or 0 in out.shape or out.scalar or not contiguous(out):
        return None
    node = reader(step, out, slot)
    if node is None:
        return None
    operands = [arg for place, arg in enumerate(node.args) if place != node.index]
    fit = [usable(slot(one.number)) if isinstance(one, Ref) else plain(one) for one in operands]
    return node if all(fit) else None


def hashable(function: Any) -> bool:
    return getattr(type(function), "__hash__", None) is not None


def is_index(given: Any, slot: Slots) -> bool:
    """Say whether an argument is an array that kernels take numbers of places from."""
    if not isinstance(given, Ref):
        return False
    layout = slot(given.number)
    return (
        layout.dtype in (np.int64, np.int32)
        and layout.dtype.isnative
        and not layout.scalar
        and 0 not in layout.shape
        and contiguous(layout)
    )


def _made(
    name: str, args: tuple[Any, ...], step: Step, out: Layout, index: int, length: int, low: int
) -> Node:
    node = Node(name, args, step.outs, out)
    node.index, node.length, node.low = index, length, low
    return node


def _taken(step: Step, out: Layout, slot: Slots) -> Node | None:
    """Read ``table.take(index, axis)``."""
    if step.settings or not 2 <= len(step.args) <= 3 or not isinstance(step.args[0], Ref):
        return None
    table = slot(step.args[0].number).shape
    axis = step.args[2] if len(step.args) == 3 else None
    if axis is None:
        return _look(step.args[:2], step, out, slot, (math.prod(table),))
    return _look(step.args[:2], step, out, slot, table) if axis == 0 and table else None


def _look(
    args: Any, step: Step, out: Layout, slot: Slots, table: tuple[int, ...]
) -> Node | None:
    if not is_index(args[1], slot) or slot(args[0].number).dtype != out.dtype or 0 in table:
        return None
    shape = slot(args[1].number).shape
    if out.shape != shape + table[1:]:
        return None
    node = _made("look", tuple(args), step, out, 1, table[0], -table[0])
    node.seen = {0: None, 1: shape + (1,) * (len(table) - 1)}
    return node


def _got(step: Step, out: Layout, slot: Slots) -> Node | None:
    """Read ``table[index]`` and ``x[rows, index]``."""
    array, key = step.args
    if not isinstance(array, Ref):
        return None
    shape = slot(array.number).shape
    if isinstance(key, Ref):
        return _look((array, key), step, out, slot, shape) if shape else None
    if type(key) is not tuple or len(key) != len(shape) or not is_index(key[-1], slot):
        return None
    rows = slot(key[-1].number).shape
    if not counts_rows(key[:-1], shape[:-1], len(rows)) or rows not in lines(shape):
        return None
    return _pick(array, key[-1], step, out, slot)


def lines(shape: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of one number for each row of an array."""
    return ((shape[:-1], (*shape[:-1], 1)) if len(shape) == 2 else ((*shape[:-1], 1),))


def counts_rows(key: tuple[Any, ...], lead: tuple[int, ...], rank: int) -> bool:
    """Say whether the first entries of an index are 0, 1, ... each along its own axis."""
    for axis, (one, size) in enumerate(zip(key, lead)):
        if not isinstance(one, np.ndarray) or one.dtype.kind != "i" or one.size != size:
            return False
        spread = (1,) * (one.ndim - (rank - axis)) + (size,) + (1,) * (rank - axis - 1)
        if one.shape != spread or not np.array_equal(one.reshape(-1), np.arange(size)):
            return False
    return bool(lead)


def _pick(array: Ref, index: Ref, step: Step, out: Layout, slot: Slots) -> Node | None:
    given = slot(array.number)
    if given.dtype != out.dtype or 0 in given.shape:
        return None
    columns = given.shape[-1]
    node = _made("pick", (array, index), step, out, 1, columns, -columns)
    node.space = given.shape
    node.seen = {1: (*given.shape[:-1], 1)}
    return node


def _put(step: Step, out: Layout, slot: Slots) -> Node | None:
    """Read zeros with a number, or one of each row, at a place in each row."""
    value, index = (one_number(one) for one in step.args[:2])
    if step.function is loss.put_in_rows:
        shape = step.args[2] if len(step.args) > 2 else step.settings.get("shape")
    else:
        shape = step.settings.get("shape")
        if step.settings.get("axis") not in (len(shape or ()) - 1, -1):
            return None
    if not is_index(index, slot) or shape is None or tuple(shape) != out.shape:
        return None
    rows = slot(index.number).shape
    if len(out.shape) < 2 or rows not in lines(out.shape):
        return None
    if isinstance(value, Ref):
        given = slot(value.number)
        if given.shape not in ((), rows) or given.dtype != out.dtype:
            return None
    columns = out.shape[-1]
    node = _made("placed", (value, index), step, out, 1, columns, -columns)
    node.seen = {1: (*out.shape[:-1], 1)}
    if isinstance(value, Ref):
        node.seen[0] = node.seen[1] if slot(value.number).shape else ()
    return node


def _added(step: Step, out: Layout, slot: Slots) -> Node | None:
    """Read rows added at an index: into zeros, or into a copy of an array."""
    if step.function is indexing.place_add.kernel:
        if len(step.args) != 2 or step.settings.get("layout") != (None,):
            return None
        if tuple(step.settings.get("shape", ())) != out.shape:
            return None
        value, index = step.args
        args: tuple[Any, ...] = (value, index)
    else:
        if len(step.args) != 3 or step.settings != {"axis": 0, "alpha": 1}:
            return None
        begun, index, value = step.args
        if not isinstance(begun, Ref) and not isinstance(begun, np.ndarray):
            return None
        begun = one_number(begun)
        if isinstance(begun, np.ndarray) or (
            isinstance(begun, Ref) and (slot(begun.number).dtype != out.dtype
                                        or slot(begun.number).shape != out.shape)
        ):
            return None
        args = (value, index, begun)
    if not is_index(index, slot) or not isinstance(value, Ref) or not out.shape:
        return None
    rows, given = slot(index.number).shape, slot(value.number)
    if given.shape != rows + out.shape[1:] or given.dtype != out.dtype or out.dtype.kind == "b":
        return None
    node = _made("scatter", args, step, out, 1, out.shape[0], -out.shape[0])
    node.space = given.shape
    node.seen = {1: rows + (1,) * (len(out.shape) - 1), 2: None}
    return node


_READERS: dict[Any, Callable[[Step, Layout, Slots], Node | None]] = {
    np.take: _taken,
    np.ndarray.take: _taken,
    getitem: _got,
    loss.put_in_rows: _put,
    scattering.scatter_zeros.kernel: _put,
    along.add_along.kernel: _put,
    indexing.place_add.kernel: _added,
    numbered.add_slices.kernel: _added,
}


def fits(node: Node, kinds: list[str]) -> bool:
    """Say whether a kernel can compute a node whose operands have these kinds in its domain."""
    index = kinds[node.index]
    if node.name in ("pick", "placed"):
        return index == ROW
    # Single numbers of a flat table are looked up one by one.
    return index == ROW or math.prod(node.seen[node.index] or ()) == math.prod(node.space)
