"""In-place writes: who may be written into, and what the history is afterwards.

Note [In-place is a new history].  ``x.f_(...)`` computes ``f(x, ...)``, copies the result into
x's buffer, and makes the result's node x's own.  When x is a view, its base's history becomes
"the base with the result written in the view's region", and every view of that base finds its
own node again, as a region of the base, the next time it is used.
"""

from __future__ import annotations

import weakref

import numpy as np

from ._core import modes
from ._core.errors import with_note
from ._core.modes import switches
from ._core.node import MOVED, GradCell, Unconnected
from ._core.op import Op, late, refresh
from ._core.plan import RESULT
from ._core.promotion import category
from ._core.site import here
from ._core.storage import clock, tick
from ._core.tracing import from_python, graph_writer, run, run_write, tracing
from ._core.value import (
    FUNCTION_VIEW,
    INFERENCE_VIEW,
    MULTIPLE_OUTPUT_VIEW,
    NO_GRAD_VIEW,
    PLAIN_VIEW,
    Value,
)
from .dtypes import of, scalar_for
from .ops.copying import cast, copy
from .ops.indexing import getitem, put_item
from .ops.region import fill, overwrite, region_of, take_region, write_region

_many_views = (
    " This view is the output of a function that returns multiple views. Such functions do not "
    "allow the output views to be modified inplace. You should replace the inplace operation by "
    "an out-of-place one."
)
_ambiguous_view = (
    " Given that this use case is ambiguous and error-prone, it is forbidden. You can clarify "
    "your code by moving both the view and the inplace either both inside the {block} block (if "
    "you don't want the inplace to be tracked) or both outside (if you want the inplace to be "
    "tracked)."
)
_function_view = (
    " This view was created inside a custom Function (or because an input was returned as-is) "
    "and the autograd logic to handle view+inplace would override the custom backward "
    "associated with the custom Function, leading to incorrect gradients. This behavior is "
    "forbidden. You can fix this by cloning the output of the custom Function."
)
_view_words = {
    MULTIPLE_OUTPUT_VIEW: _many_views,
    NO_GRAD_VIEW: _ambiguous_view.format(block="no_grad"),
    INFERENCE_VIEW: _ambiguous_view.format(block="inference_mode"),
    FUNCTION_VIEW: _function_view,
}
_leaf = "a leaf Variable that requires grad is being used in an in-place operation."


def _refused(name, words):
    """Return the error for a refused write: PyTorch's words, and a note on what was tried."""
    advice = "use the out-of-place form, or write inside torch.no_grad()"
    return with_note(RuntimeError(words), f"refused: {name}; {advice}")


def view_error(x, indirect=False):
    """Return the error for a write that a view cannot follow: of itself, or through its base."""
    what = "its base or another view of its base has been" if indirect else "is being"
    node = x.node
    if node is not None:
        made = node.name().removesuffix("Backward0").replace("Backward", "")
        text = f"Output {x.index} of {made} is a view"
        if x.view_kind == NO_GRAD_VIEW:
            text += f" of a view which was created in no_grad mode and {what} modified inplace "
            text += "with grad mode enabled."
        else:
            text += f" and {what} modified inplace."
    elif x.view_kind == INFERENCE_VIEW:
        text = f"A view was created in inference mode and {what} modified inplace in normal mode."
    else:
        text = (
            f"A view was created in no_grad mode and {what} modified inplace with grad mode "
            "enabled."
        )
    return RuntimeError(text + _view_words[x.view_kind])


def _tracked(x):
    """Say whether a value requires grad, by itself or as a view of one that does."""
    if x.requires and type(x.leaf) is not Unconnected:
        return True
    return x.base is not None and x.base.requires


def _any_tracked(sources):
    """Say whether any argument of a write requires grad."""
    return any(isinstance(source, Value) and _tracked(source) for source in sources)


def check_writable(x, name, *sources):
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
    tracked = _tracked(x)
    if not tracked and not _any_tracked(sources):
        return
    base = x.base
    if base is not None:
        if x.view_kind != PLAIN_VIEW:
            raise view_error(x)
        if tracked and base.node is None:
            raise _refused(name, "a view of " + _leaf)
        refresh(x)
    if tracked and x.node is None:
        raise _refused(name, _leaf)


def write(x, result, name, stand_in=None, since=0):
    """Make `result` the content and the history of `x`, and return `x`.

    Parameters
    ----------
    stand_in : Value, optional
        What `result` was computed from in place of `x`.
    since : int
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
    if tracing.count != 0:
        graph = graph_writer(x, result)
        if graph is not None:
            graph.rebind(x, result, name)
            return x
    if _overlaps(array):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a "
            "single memory location. Please clone() the tensor before performing the operation."
        )
    if not array.flags.writeable:
        array = _writable(array, name)
    storage = x.get_storage()
    if stand_in is not None and stand_in.storage is not None and result.requires:
        _keep_what_is_overwritten(result.node, array, stand_in.storage, since)
    run_write(np.copyto, array, result.array)
    if not result.requires or (result.node is x.node and result.index == x.index):
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


def _writable(array, name):
    """Return a writable array of the same memory: NumPy makes every expanded array read-only."""
    found = array[...]
    try:
        found.flags.writeable = True
    except ValueError:
        raise RuntimeError(
            f"{name}: the tensor's memory is read-only (a read-only NumPy array); clone() it "
            "before writing"
        ) from None
    return found


def _overlaps(array):
    return 0 in array.strides and array.size > 0 and any(
        stride == 0 and size > 1 for stride, size in zip(array.strides, array.shape)
    )


def _keep_what_is_overwritten(node, array, storage, since):
    """Let the nodes of an in-place call save a copy of what the call is about to overwrite."""
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
        return run(np.array, entry)
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
    sink = x.leaf
    if sink is not None:
        if type(sink) is not Unconnected:
            sink.state = MOVED
        x.leaf = None
    x.node = node
    x.index = index
    x.requires = True


def adopt_written(x, node, index):
    """Make `node` the node of `x`, which was written; when x is a view, of its base's region."""
    if x.base is None:
        adopt(x, node, index)
        return
    result = x.make(x.array)
    result.node = node
    result.index = index
    result.requires = True
    x.storage.written = node.seq
    _rebase(x, result)


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
    adopt(base, node, 0)
    x.view_seen = 0
    refresh(x)


def refresh_view(x):
    """Give a view its node again after a write to its base, or to another view of it.

    Raises
    ------
    RuntimeError
        When the view cannot follow its base: it was made in no_grad mode, is one of several, or
        comes from a custom Function.
    """
    base = x.base
    if x.node is None and not base.requires:
        if type(x.leaf) is Unconnected:
            x.requires = False
            x.leaf = None
        return
    storage = x.storage
    if storage.written <= x.view_seen:
        if not x.requires:
            x.requires = True
            x.leaf = Unconnected(weakref.ref(x), GradCell())
        return
    if x.view_kind != PLAIN_VIEW:
        if switches.special != 0 and not modes.grad_enabled():
            return
        raise view_error(x, indirect=True)
    x.view_seen = storage.written
    node = take_region._record([base], [base.array], x.array, region_of(x.array, base.array), 1)
    if node.edges[0] is None:
        node.edges = (Unconnected(weakref.ref(x), GradCell()),)
    adopt(x, node, 0)


def in_place(front, name):
    """Return the in-place method of a function: ``tanh_`` from ``tanh``."""
    op = getattr(front, "kernel_op", None)

    def method(self, *args, **settings):
        recording = switches.special == 0 or modes.grad_enabled()
        if recording or self.inference:
            check_writable(self, name, *args)
        for arg in args:
            if arg is not self and isinstance(arg, Value) and arg.storage is not None:
                _check_overlap(self, arg)
        if op is not None and not settings and _direct(op, self, args, recording):
            return self
        if not recording or not (_tracked(self) or _any_tracked(args)):
            return write(self, front(self, *args, **settings), name)
        since = clock.now
        stand_in = _stand_in(self)
        result = front(stand_in, *args, **settings)
        return write(self, result, name, stand_in, since)

    method.__name__ = name
    method.__qualname__ = f"Tensor.{name}"
    method.__doc__ = f"In-place form of :meth:`{name[:-1]}`: writes into this tensor's memory."
    return method


def _stand_in(x):
    """Return a value with the memory and history of `x`, and a storage of its own.

    An in-place operation is computed from it: what it saved of `x` is then known by that storage
    (and is copied before the write), and is not what it saved of another operand that is `x`.
    """
    made = x.make(run(whole_of, x.array))
    made.requires = x.requires
    made.node = x.node
    made.index = x.index
    made.leaf = x.leaf
    return made


def whole_of(array):
    """Return an array as another array object on its memory."""
    return array[...]


def _check_overlap(x, other, wholly=False):
    """Refuse to write into memory that an operand shares in part (or, `wholly`, at all)."""
    if other.storage is not x.storage:
        return
    a, b = x.array, other.array
    if a.size == 0 or b.size == 0 or not (_dense(a) and _dense(b)):
        return
    low, high = np.lib.array_utils.byte_bounds(a)
    other_low, other_high = np.lib.array_utils.byte_bounds(b)
    if low == other_low and high == other_high:
        partial = wholly or a.strides != b.strides
    else:
        partial = low < other_high and other_low < high
    if partial:
        raise RuntimeError(
            "unsupported operation: some elements of the input tensor and the written-to tensor "
            "refer to a single memory location. Please clone() the tensor before performing the "
            "operation."
        )


def _dense(array):
    """Say whether an array's elements fill one stretch of memory, each place once."""
    expected = array.itemsize
    for stride, size in sorted(zip(array.strides, array.shape)):
        if size != 1:
            if stride != expected:
                return False
            expected *= size
    return True


def write_ufunc(target, ufunc, *operands):
    """Write what a ufunc makes of its operands into an array."""
    ufunc(*operands, out=target)


def _direct(op: Op, x, args, recording):
    """Run a ufunc straight into the buffer when nothing is recorded; say whether it was done."""
    if recording and (_tracked(x) or _any_tracked(args)):
        return False
    if tracing.count != 0 and graph_writer(x, args) is not None:
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
        if tracing.count != 0:
            run_write(write_ufunc, array, op.kernel, *operands)
        else:
            op.kernel(*operands, array)
    except ValueError:
        return False
    x.get_storage().write(tick(), op.torch + "_", here())
    return True


def copy_(self, src, non_blocking=False):
    """Copy the elements of `src`, broadcast and cast, into this tensor."""
    if not isinstance(src, Value):
        if not hasattr(src, "dtype") and not isinstance(src, (int, float, complex)):
            raise TypeError(
                "copy_(): argument 'other' (position 1) must be Tensor, "
                f"not {type(src).__name__}"
            )
        src = self.make(from_python(np.asarray, src))
    if src is not self and src.storage is not None:
        check_writable(self, "copy_", src)
        _check_overlap(self, src)
    return _copy_into(self, src, "copy_")


def _copy_into(x, source, name):
    check_writable(x, name, source)
    have, want = source.array.shape, x.array.shape
    if have != want:
        try:
            fits = np.broadcast_shapes(have, want) == want
        except ValueError:
            fits = False
        if not fits:
            raise RuntimeError(_copy_words(have, want))
    return write(x, overwrite(x, source), name)


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
    if not isinstance(value, (int, float, complex, np.generic)):
        raise TypeError(
            f"fill_(): argument 'value' (position 1) must be Tensor or Number, not "
            f"{type(value).__name__}"
        )
    value = scalar_for(value, self.get_dtype())
    if not self.requires and not (tracing.count != 0 and graph_writer(self) is not None):
        array = self.array
        if not array.flags.writeable:
            array = _writable(array, "fill_")
        run_write(np.ndarray.fill, array, value)
        self.get_storage().write(tick(), "fill_", here())
        return self
    return write(self, fill(self, value=value), "fill_")


def zero_(self):
    """Set every element to zero."""
    return fill_(self, 0)


def _is_whole(x, index):
    """Say whether a basic index names all of `x`, so that PyTorch makes no view for it."""
    if index is Ellipsis:
        return True
    shape = x.get_shape()
    if type(index) is not slice or not shape:
        return False
    whole = index.indices(shape[0]) == (0, shape[0], 1)
    return whole and shape[0] > 0


def set_item(x, index, value):
    """Write ``x[index] = value``: through a view where the index is basic."""
    if tracing.count != 0 and graph_writer(x, value) is not None:
        write(x, put_item(x, index, value), "__setitem__")
        return
    part = x if _is_whole(x, index) else getitem(x, index)
    if part is not x and part.base is None:
        check_writable(x, "index_put_", value)
        if isinstance(value, Value) and value.storage is not None:
            _check_overlap(x, value, wholly=True)
        write(x, put_item(x, index, value), "index_put_")
        return
    if not isinstance(value, Value):
        value = x.make(from_python(np.asarray, value, x.get_dtype()))
    shape = value.get_shape()
    extra = len(shape) - len(part.get_shape())
    if extra > 0 and shape[:extra] == (1,) * extra:
        # Leading axes of size 1 are dropped, as NumPy and PyTorch do.
        value = getitem(value, (0,) * extra)
    _copy_into(part, value, "copy_")


def cast_value(x, dtype):
    """Return `x` in another NumPy dtype, recorded when `x` is."""
    return cast(x, dtype=dtype)


late.refresh_view = refresh_view
late.cast = cast_value
late.copy = copy
late.check_writable = check_writable
late.adopt = adopt
late.adopt_written = adopt_written
