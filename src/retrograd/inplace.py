"""In-place writes: who may be written into, and what the history is afterwards.

Note [In-place is a new history].  ``x.f_(...)`` computes ``f(x, ...)``, copies the result into
x's buffer, and makes the result's node x's own.  When x is a view, its base's history becomes
"the base with the result written in the view's region", and every view of that base finds its
own node again, as a region of the base, the next time it is used.
"""

from __future__ import annotations

import numpy as np

from ._core import modes
from ._core.errors import with_note
from ._core.modes import switches
from ._core.op import Op, late, refresh
from ._core.plan import RESULT
from ._core.promotion import category
from ._core.site import here
from ._core.storage import clock, tick
from ._core.value import FUNCTION_VIEW, MULTIPLE_OUTPUT_VIEW, NO_GRAD_VIEW, Value
from .dtypes import of
from .ops.copying import cast
from .ops.indexing import getitem, put_item
from .ops.region import fill, overwrite, region_of, take_region, write_region

_many_views = (
    "Output {index} of {node} is a view and is being modified inplace. This view is the output "
    "of a function that returns multiple views. Such functions do not allow the output views to "
    "be modified inplace. You should replace the inplace operation by an out-of-place one."
)
_no_grad_view = (
    "A view was created in no_grad mode and is being modified inplace with grad mode enabled. "
    "Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify "
    "your code by moving both the view and the inplace either both inside the no_grad block (if "
    "you don't want the inplace to be tracked) or both outside (if you want the inplace to be "
    "tracked)."
)


_leaf = "a leaf Variable that requires grad is being used in an in-place operation."


def _refused(name, words):
    """Return the error for a refused write: PyTorch's words, and a note on what was tried."""
    advice = "use the out-of-place form, or write inside torch.no_grad()"
    return with_note(RuntimeError(words), f"refused: {name}; {advice}")


def check_writable(x, name, source=None):
    """Refuse an in-place write that could not be differentiated.

    Raises
    ------
    RuntimeError
        For a leaf that requires grad (or a view of one) in grad mode, a view of a function that
        returns several, and an inference tensor outside inference mode.
    """
    if x.inference and not modes.inference_enabled():
        raise _refused(name,
            "Inplace update to inference tensor outside InferenceMode is not allowed."
            "You can make a clone to get a normal tensor before doing inplace update.See "
            "https://github.com/pytorch/rfcs/pull/17 for more details."
        )
    if switches.special != 0 and not modes.grad_enabled():
        return
    if x.requires and x.node is None and x.base is None:
        raise _refused(name, _leaf)
    base = x.base
    if base is None:
        return
    wanted = x.requires or (isinstance(source, Value) and source.requires)
    if not wanted:
        return
    if base.requires and base.node is None:
        raise _refused(name, "a view of " + _leaf)
    if x.requires and x.node is None:
        raise _refused(name, _leaf)
    if x.view_kind == MULTIPLE_OUTPUT_VIEW:
        node = x.node.name().removesuffix("Backward0") if x.node is not None else "Unbind"
        raise RuntimeError(_many_views.format(index=x.index, node=node))
    if x.view_kind == NO_GRAD_VIEW:
        raise RuntimeError(_no_grad_view)
    if x.view_kind == FUNCTION_VIEW:
        raise RuntimeError(
            f"Output {x.index} of {x.node.name()} is a view and is being modified inplace. This "
            "view was created inside a custom Function (or because an input was returned as-is) "
            "and the autograd logic to handle view+inplace would override the custom backward "
            "associated with the custom Function, leading to incorrect gradients. This behavior "
            "is forbidden. You can fix this by cloning the output of the custom Function."
        )


def write(x, result, name, since=None):
    """Make `result` the content and the history of `x`, and return `x`.

    Parameters
    ----------
    since : int, optional
        Clock time before `result` was computed: nodes recorded later belong to this write.

    Raises
    ------
    RuntimeError
        When the result has another shape, or a dtype of a higher category.
    """
    array = x.array
    if not isinstance(result, Value):
        result = x.make(np.asarray(result))
    if result.get_shape() != array.shape:
        raise RuntimeError(
            f"output with shape {list(array.shape)} doesn't match the broadcast shape "
            f"{list(result.get_shape())}\n{name}: an in-place operation cannot change a shape"
        )
    dtype = result.get_dtype()
    if dtype != array.dtype:
        if category(dtype) > category(array.dtype):
            raise RuntimeError(
                f"result type {of(dtype).type_name} can't be cast to the desired output type "
                f"{of(array.dtype).type_name}\n{name}: convert the tensor first, or use the "
                "out-of-place form"
            )
        result = cast(result, dtype=array.dtype)
    if not array.flags.writeable:
        raise RuntimeError(
            f"{name}: the tensor's memory is read-only (an expanded or read-only NumPy array); "
            "clone() it before writing"
        )
    if _overlaps(array):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a "
            "single memory location. Please clone() the tensor before performing the operation."
        )
    storage = x.get_storage()
    if result.requires:
        _keep_what_is_overwritten(result.node, array, storage, since)
    np.copyto(array, result.array)
    if not result.requires:
        storage.write(tick(), name, here())
        return x
    node = result.node
    storage.write(node.seq, name, here())
    _save_in_place(node, result, x)
    if x.base is None:
        adopt(x, node, result.index)
    else:
        _rebase(x, result)
    return x


def _overlaps(array):
    return 0 in array.strides and array.size > 0 and any(
        stride == 0 and size > 1 for stride, size in zip(array.strides, array.shape)
    )


def _keep_what_is_overwritten(node, array, storage, since):
    """Let the nodes of an in-place call save a copy of what the call is about to overwrite."""
    since = node.seq - 1 if since is None else since
    stack = [node]
    seen = {node}
    while stack:
        node = stack.pop()
        if node.storages is not None and any(s is storage for s in node.storages):
            node.saved = tuple(_copy_if_shared(entry, array) for entry in node.saved)
            node.storages = tuple(None if s is storage else s for s in node.storages)
        for edge in node.edges:
            if edge is not None and edge.seq > since and edge not in seen:
                seen.add(edge)
                stack.append(edge)


def _copy_if_shared(entry, array):
    if isinstance(entry, tuple):
        return tuple(_copy_if_shared(part, array) for part in entry)
    if isinstance(entry, np.ndarray) and np.may_share_memory(entry, array):
        return np.array(entry)
    return entry


def _save_in_place(node, result, x):
    """Let a node that saved its result save the written buffer instead of the spare copy."""
    plan = node.plan
    if plan is None or node.saved is None or node.unpack is not None:
        return
    if not any(need.kind == RESULT for need in plan.saves):
        return
    spare = result.array
    node.saved = tuple(x.array if entry is spare else entry for entry in node.saved)
    own = result.storage
    node.storages = tuple(x.storage if s is own else s for s in node.storages)


def adopt(x, node, index):
    """Make `node` the node of `x`; a retained gradient moves along."""
    old = x.node
    if x.cell is not None and old is not None and old.hooks is not None:
        cell = old.hooks.retained.pop(x.index, None)
        if cell is not None:
            node.node_hooks().retained[index] = cell
    x.node = node
    x.index = index
    x.requires = True
    x.leaf = None


def _rebase(x, result):
    """Write through a view: the base's history becomes the write."""
    base = x.base
    if base.base is not None:
        raise RuntimeError("a base cannot be a view")
    settings = region_of(x.array, base.array)
    mask = (1 if base.requires else 0) | 2
    node = write_region._record(
        [base, result], [base.array, result.array], base.array, settings, mask
    )
    base.storage.written = node.seq
    adopt(base, node, 0)
    x.view_seen = 0
    refresh(x)


def refresh_view(x):
    """Give a view its node again after a write to its base."""
    base = x.base
    x.view_seen = x.storage.written
    if not base.requires or (x.requires and x.node is None):
        return
    node = take_region._record(
        [base], [base.array], x.array, region_of(x.array, base.array), 1
    )
    adopt(x, node, 0)


def in_place(front, name):
    """Return the in-place method of a function: ``tanh_`` from ``tanh``."""
    op = getattr(front, "kernel_op", None)

    def method(self, *args, **settings):
        recording = switches.special == 0 or modes.grad_enabled()
        if recording or self.inference:
            check_writable(self, name, args[0] if args else None)
        if op is not None and not settings and _direct(op, self, args, recording):
            return self
        since = clock.now
        return write(self, front(self, *args, **settings), name, since)

    method.__name__ = name
    method.__qualname__ = f"Tensor.{name}"
    method.__doc__ = f"In-place form of :meth:`{name[:-1]}`: writes into this tensor's memory."
    return method


def _direct(op: Op, x, args, recording):
    """Run a ufunc straight into the buffer when nothing is recorded; say whether it was done."""
    if recording and (x.requires or any(isinstance(a, Value) and a.requires for a in args)):
        return False
    array = x.array
    operands = [array]
    for arg in args:
        if isinstance(arg, Value):
            if arg.get_dtype() != array.dtype:
                return False
            operands.append(arg.array)
        elif type(arg) is float or type(arg) is int:
            operands.append(arg)
        else:
            return False
    if array.dtype.kind != "f" or not array.flags.writeable or _overlaps(array):
        return False
    if len(operands) > 1 and np.ndim(operands[1]) > array.ndim:
        return False
    try:
        op.kernel(*operands, array)
    except ValueError:
        return False
    x.get_storage().write(tick(), op.torch + "_", here())
    return True


def copy_(self, src, non_blocking=False):
    """Copy the elements of `src`, broadcast and cast, into this tensor."""
    if not isinstance(src, Value):
        if not hasattr(src, "dtype"):
            raise TypeError(
                "copy_(): argument 'other' (position 1) must be Tensor, "
                f"not {type(src).__name__}"
            )
        src = self.make(np.asarray(src))
    check_writable(self, "copy_", src)
    try:
        np.broadcast_to(src.array, self.array.shape)
    except ValueError:
        raise RuntimeError(_copy_words(src.array.shape, self.array.shape)) from None
    return write(self, overwrite(self, src), "copy_")


def _copy_words(have, want):
    if len(have) > len(want):
        return (
            f"output with shape {list(want)} doesn't match the broadcast shape {list(have)}"
        )
    for back in range(1, len(have) + 1):
        if have[-back] not in (1, want[-back]):
            return (
                f"The size of tensor a ({want[-back]}) must match the size of tensor b "
                f"({have[-back]}) at non-singleton dimension {len(want) - back}"
            )
    return "copy_: shapes differ"


def fill_(self, value):
    """Set every element to `value`."""
    check_writable(self, "fill_", value)
    if isinstance(value, Value):
        if value.array.ndim:
            raise RuntimeError(
                "fill_ only supports 0-dimension value tensor but got tensor with "
                f"{value.array.ndim} dimensions."
            )
        return write(self, overwrite(self, value), "fill_")
    if not self.requires:
        self.array.fill(value)
        self.get_storage().write(tick(), "fill_", here())
        return self
    return write(self, fill(self, value=value), "fill_")


def zero_(self):
    """Set every element to zero."""
    return fill_(self, 0)


def set_item(x, index, value):
    """Write ``x[index] = value``: through a view where the index is basic."""
    part = getitem(x, index)
    if part.base is None:
        check_writable(x, "index_put_", value)
        write(x, put_item(x, index, value), "index_put_")
        return
    if not isinstance(value, Value):
        value = x.make(np.asarray(value, dtype=x.get_dtype()))
    shape = value.get_shape()
    extra = len(shape) - len(part.get_shape())
    if extra > 0 and shape[:extra] == (1,) * extra:
        # Leading axes of size 1 are dropped, as NumPy and PyTorch do.
        value = getitem(value, (0,) * extra)
    copy_(part, value)


def cast_value(x, dtype):
    """Return `x` in another NumPy dtype, recorded when `x` is."""
    return cast(x, dtype=dtype)


late.refresh_view = refresh_view
late.cast = cast_value
late.check_writable = check_writable
late.adopt = adopt
