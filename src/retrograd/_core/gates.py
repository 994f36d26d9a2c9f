"""The gates for one and two operands: what most calls go through, written out for speed.

They do what `Op.__call__` does for any call: run the kernel, make the result, record one node.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from .modes import switches, thread_modes
from .node import Node
from .op import FLOAT, Op, cast, failed, mark_inference, node_out, note_view, pack_saved, refresh
from .promotion import FLOAT32, FLOAT64, defaults
from .site import here
from .storage import clock
from .tracing import run_kernel, tracing
from .value import Value, asarray

ndarray: Final[Any] = np.ndarray


def call1(op: Op, x: Value) -> Any:
    """Run a one-operand operation without settings."""
    if op.promote == FLOAT and not x.requires and x.get_dtype().kind in "biu":
        x = cast(x, defaults.floating)
    if x.base is not None:
        refresh(x)
    xa = x.array
    try:
        out = op.kernel(xa) if tracing.count == 0 else run_kernel(op, (x,), (xa,), None)
    except Exception as error:
        raise failed(op, (xa,), None, error) from error
    if type(out) is not ndarray:
        if isinstance(out, tuple):
            mask = 1 & op.covers if x.requires else 0
            record = mask != 0 and (switches.special == 0 or thread_modes().grad)
            several: Any = op._finish_many(x, [x], [xa], out, {}, mask, record)
            return several
        out = asarray(out)
    result = x.make(out)
    if op.view:
        note_view(op, result, x)
    elif op.elementwise:
        result.known_shape = x.known_shape
        if op.keeps_dtype:
            result.known_dtype = x.known_dtype
    if x.requires and (switches.special == 0 or thread_modes().grad):
        plan = op.plan1
        if plan is None:
            plan = op.plan_for(1)
        if plan.calls:
            edge: Any = x.node
            if edge is None:
                edge = x.sink()
            now = clock.now + 1
            clock.now = now
            node = Node(plan, now, (edge,))
            if x.index != 0:
                node.indices = (x.index,)
            result.requires = True
            result.node = node
            if plan.plain:
                if plan.save_out:
                    if plan.save_x:
                        node.saved = (xa, out)
                        node.storages = (x.get_storage(), result.get_storage())
                    else:
                        node.saved = (out,)
                        node.storages = (result.get_storage(),)
                    node.site = here()
                elif plan.save_x:
                    node.saved = (xa,)
                    node.storages = (x.get_storage(),)
                    node.site = here()
                if switches.special != 0 and plan.saves:
                    pack_saved(node)
            else:
                op._save(node, plan, [x], [xa], out, {}, 1)
                node_out(node, result, op)
    if switches.special != 0:
        mark_inference(result)
    return result


def call2(op: Op, x: Value, y: object) -> Any:
    """Run a two-operand elementwise operation; `y` is a value or a Python scalar."""
    if isinstance(y, Value):
        dtype = x.known_dtype
        if dtype is None:
            dtype = x.get_dtype()
        other = y.known_dtype
        if other is None:
            other = y.get_dtype()
        if dtype is not other:
            if dtype != other:
                found: Value = op(x, y)
                return found
        elif op.promote == FLOAT and dtype is not FLOAT32 and dtype.kind in "biu":
            return call2(op, cast(x, defaults.floating), cast(y, defaults.floating))
        if x.base is not None:
            refresh(x)
        if y.base is not None:
            refresh(y)
        xa = x.array
        ya = y.array
        try:
            if tracing.count == 0:
                out = op.kernel(xa, ya)
            else:
                out = run_kernel(op, (x, y), (xa, ya), None)
        except Exception as error:
            raise failed(op, (xa, ya), None, error) from error
        if type(out) is not ndarray:
            out = asarray(out)
        result = x.make(out)
        if op.keeps_dtype:
            result.known_dtype = dtype
        mask = ((1 if x.requires else 0) + (2 if y.requires else 0)) & op.covers
        if mask != 0 and (switches.special == 0 or thread_modes().grad):
            record2(op, x, y, mask, xa, ya, out, result)
        elif switches.special != 0:
            mark_inference(result)
        return result
    return call2_scalar(op, x, y, False)


def record2(
    op: Op, x: Value, y: Value, mask: int, xa: Any, ya: Any, out: Any, result: Value
) -> None:
    """Record a two-operand call."""
    if mask == 3:
        plan = op.plan3
    elif mask == 1:
        plan = op.plan1
    else:
        plan = op.plan2
    if plan is None:
        plan = op.plan_for(mask)
    if not plan.calls:
        return
    # Inlined `edge`, `get_shape` and `get_storage`: calls cost most in the pure build.
    ex: Any = None
    if mask & 1:
        ex = x.node
        if ex is None:
            ex = x.leaf
            if ex is None:
                ex = x.sink()
    ey: Any = None
    if mask & 2:
        ey = y.node
        if ey is None:
            ey = y.leaf
            if ey is None:
                ey = y.sink()
    now = clock.now + 1
    clock.now = now
    node = Node(plan, now, (ex, ey))
    if x.index != 0 or y.index != 0:
        node.indices = (x.index, y.index)
    result.requires = True
    result.node = node
    xs = x.known_shape
    if xs is None:
        xs = x.get_shape()
    ys = y.known_shape
    if ys is None:
        ys = y.get_shape()
    if xs is ys or xs == ys:
        result.known_shape = xs
    else:
        shape = out.shape
        result.known_shape = shape
        node.shapes = (None if xs == shape else xs, None if ys == shape else ys)
    if plan.plain:
        if plan.save_out:
            op._save(node, plan, [x, y], [xa, ya], out, {}, mask)
            node_out(node, result, op)
        elif plan.save_x:
            xstorage = x.storage
            if xstorage is None:
                xstorage = x.get_storage()
            if plan.save_y:
                node.saved = (xa, ya)
                node.storages = (xstorage, y.get_storage())
            else:
                node.saved = (xa,)
                node.storages = (xstorage,)
            node.site = here()
        elif plan.save_y:
            ystorage = y.storage
            if ystorage is None:
                ystorage = y.get_storage()
            node.saved = (ya,)
            node.storages = (ystorage,)
            node.site = here()
        if switches.special != 0 and plan.saves and not plan.save_out:
            pack_saved(node)
    else:
        op._save(node, plan, [x, y], [xa, ya], out, {}, mask)
        node_out(node, result, op)


def is_operand(y: Any) -> bool:
    """Say whether an operator takes `y`; another type's own operator gets its turn if not."""
    return isinstance(y, (Value, int, float, complex, np.ndarray, np.generic))


def call2_scalar(op: Op, x: Value, y: Any, reverse: bool) -> Any:
    """Run a two-operand elementwise operation of a value and a Python scalar (or an array)."""
    kind = type(y)
    dtype = x.known_dtype
    if dtype is None:
        dtype = x.get_dtype()
    if not ((kind is float or kind is int) and (dtype is FLOAT32 or dtype is FLOAT64)):
        if kind is not float and kind is not int and not is_operand(y):
            return NotImplemented
        return op(y, x) if reverse else op(x, y)
    if x.base is not None:
        refresh(x)
    xa = x.array
    try:
        if tracing.count != 0:
            operands = (y, x) if reverse else (x, y)
            out = run_kernel(op, operands, (y, xa) if reverse else (xa, y), None)
        else:
            out = op.kernel(y, xa) if reverse else op.kernel(xa, y)
    except Exception as error:
        raise failed(op, (xa, y), None, error) from error
    if type(out) is not ndarray:
        out = asarray(out)
    result = x.make(out)
    result.known_shape = x.known_shape
    if op.keeps_dtype:
        result.known_dtype = dtype
    if x.requires and (switches.special == 0 or thread_modes().grad):
        if reverse:
            plan = op.plan2
            if plan is None:
                plan = op.plan_for(2)
        else:
            plan = op.plan1
            if plan is None:
                plan = op.plan_for(1)
        if not plan.calls:
            return result
        edge: Any = x.node
        if edge is None:
            edge = x.sink()
        now = clock.now + 1
        clock.now = now
        node = Node(plan, now, (None, edge) if reverse else (edge, None))
        if x.index != 0:
            node.indices = (0, x.index) if reverse else (x.index, 0)
        result.requires = True
        result.node = node
        if plan.saves:
            if plan.plain and not plan.save_out and plan.save_x != plan.save_y:
                # One operand is saved: the scalar, or the value.
                if plan.save_y == reverse:
                    node.saved = (xa,)
                    node.storages = (x.get_storage(),)
                    node.site = here()
                else:
                    node.saved = (y,)
                    node.storages = ()  # PyTorch frees a saved scalar too
                if switches.special != 0:
                    pack_saved(node)
            else:
                pair = [y, x] if reverse else [x, y]
                arrays = [y, xa] if reverse else [xa, y]
                op._save(node, plan, pair, arrays, out, {}, 2 if reverse else 1)
                node_out(node, result, op)
    elif switches.special != 0:
        mark_inference(result)
    return result
