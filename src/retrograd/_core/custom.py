"""User-written functions: recording one call of an ``autograd.Function``."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np

from .backward_errors import change_text, freed_error, saved_text
from .broadcast import broadcast_error, sum_to
from .errors import SavedValueChangedError, describe
from .modes import set_grad, switches, thread_modes
from .native import Weakly, mypyc_attr
from .node import AccumulateGrad, CallNode
from .op import cast, late, refresh
from .site import here
from .storage import Storage, clock, tick
from .tracing import recorder, run
from .value import FUNCTION_VIEW, MULTIPLE_OUTPUT_VIEW, Value


class Saved:
    """A tensor saved for backward, without the tensor: its array, storage and edge.

    Holding the tensor itself would close a circle when it is the function's own result.
    """

    def __init__(self, value: Value, output: int) -> None:
        self.array: Any = value.array
        self.like = value if output < 0 and not value.requires else None
        self.storage: Storage = value.get_storage()
        self.edge: Any = None if output >= 0 else value.edge()
        self.index: int = value.index if output < 0 else output
        self.output: bool = output >= 0
        self.unpack: Any = None
        self.packed: Any = None

    def pack(self, value: Value) -> None:
        """Hand the tensor to the thread's saved-value hooks, when there are any."""
        modes = thread_modes()
        if modes.pack is not None:
            self.packed = modes.pack(value.make(self.array))
            self.unpack = modes.unpack
            self.array = None
            self.like = None

    def restore(self, node: FunctionNode) -> Value:
        """Return the tensor again, with the history it had."""
        array = self.array
        if self.unpack is not None:
            array = self.unpack(self.packed).array
        elif self.storage.written > node.seq:
            raise SavedValueChangedError(changed_words(self, node))
        edge: Any = self.edge
        if edge is None and not self.output:
            plain = self.like
            if plain is not None:
                return plain
        if isinstance(edge, AccumulateGrad):
            leaf: Any = edge.leaf()
            if leaf is not None and leaf.array is array:
                found: Value = leaf
                return found
        made = node.like_value.make(array)
        made.storage = self.storage
        if self.output:
            made.node = node
            made.index = self.index
            made.requires = True
        elif edge is not None:
            made.requires = True
            if isinstance(edge, AccumulateGrad):
                made.leaf = edge
                made.cell = edge.cell
            else:
                made.node = edge
                made.index = self.index
        return made


def changed_words(saved: Saved, node: FunctionNode) -> str:
    """Write the error for a saved tensor that was changed in place."""
    text = saved_text(describe(saved.array), "", node.name(), node.site)
    return text + change_text(saved.storage)


@mypyc_attr(allow_interpreted_subclasses=True)
class FunctionCtx(Weakly):
    """What forward and backward of a Function share: ``ctx``."""

    to_save: Any = None
    dirty_tensors: Any = ()
    non_differentiable: Any = ()
    materialize_grads: bool = True
    needs_input_grad: Any = ()
    saved_entries: Any = None
    released: bool = False
    node_reference: Any = None

    def save_for_backward(self, *tensors: Any) -> None:
        """Keep tensors (or None) for backward, where ``ctx.saved_tensors`` gives them back."""
        for number, tensor in enumerate(tensors):
            if tensor is not None and not isinstance(tensor, Value):
                raise TypeError(
                    "save_for_backward can only save variables, but argument "
                    f"{number} is of type {type(tensor).__name__}"
                )
        self.to_save = tensors

    def mark_dirty(self, *args: Any) -> None:
        """Say which inputs forward changed in place."""
        self.dirty_tensors = args

    def mark_non_differentiable(self, *args: Any) -> None:
        """Say which outputs have no gradient."""
        self.non_differentiable = args

    def set_materialize_grads(self, value: bool) -> None:
        """Say whether backward gets zeros (the default) or None for outputs nobody used."""
        self.materialize_grads = value

    @property
    def saved_tensors(self) -> Any:
        """The tensors given to `save_for_backward`."""
        if self.released:
            raise freed_error(self.node_reference())
        entries: Any = self.saved_entries
        if entries is None:
            return ()
        node: FunctionNode = self.node_reference()
        values: list[Any] = []
        saved_list: list[Any] = entries
        for entry in saved_list:
            if entry is None:
                values.append(None)
            else:
                saved: Saved = entry
                values.append(saved.restore(node))
        return tuple(values)


@mypyc_attr(allow_interpreted_subclasses=True)
class FunctionNode(CallNode):
    """The node of one call of a Function."""

    def __init__(
        self, function: Any, ctx: FunctionCtx, like: Value, seq: int, edges: tuple[Any, ...]
    ) -> None:
        super().__init__(seq, edges)
        self.function = function
        self.ctx = ctx
        self.like_value = like.make(run(small_part, like.array))
        self.metas: tuple[Any, ...] = ()
        self.targets: list[Any] = []
        self.freed_by: Any = None

    def name(self) -> str:
        return f"{self.function.__name__}Backward"

    def release(self, freed: Any) -> None:
        ctx = self.ctx
        if ctx.saved_entries is not None:
            self.freed_by = freed
            ctx.saved_entries = None
            ctx.released = True

    def run(self, grads: tuple[Any, ...], create_graph: bool) -> tuple[Any, ...]:
        ctx = self.ctx
        if ctx.released:
            self.freed = self.freed_by
            raise freed_error(self)
        if ctx.materialize_grads:
            for value in grads:
                if value is None:
                    grads = self.materialized(grads)
                    break
        found = self.function.backward(ctx, *grads)
        if not isinstance(found, tuple):
            found = (found,)
        return self.checked(found)

    def materialized(self, grads: tuple[Any, ...]) -> tuple[Any, ...]:
        """Return zeros in place of gradients that did not arrive."""
        filled: list[Any] = []
        for number, value in enumerate(grads):
            if value is None:
                meta: Any = self.metas[number]
                if meta is not None:
                    shape, dtype = meta
                    value = self.like_value.make(run(np.zeros, shape, dtype))
            filled.append(value)
        return tuple(filled)

    def checked(self, found: tuple[Any, ...]) -> tuple[Any, ...]:
        """Check what backward returned, and bring each gradient to its input's shape and dtype."""
        count = len(self.edges)
        if len(found) > count:
            extra = False
            for value in found[count:]:
                if value is not None:
                    extra = True
            if not extra:
                found = found[:count]
        if len(found) != count:
            raise RuntimeError(
                f"function {self.name()} returned an incorrect number of gradients (expected "
                f"{count}, got {len(found)})"
            )
        results: list[Any] = []
        for number, g in enumerate(found):
            if g is None:
                results.append(None)
                continue
            target = self.targets[number]
            if target is None:
                raise RuntimeError(
                    f"function {self.name()} returned a gradient different than None at position "
                    f"{number + 1}, but the corresponding forward input was not a Variable"
                )
            if not isinstance(g, Value):
                raise RuntimeError(
                    f"expected Variable or None (got {type(g).__name__}): {self.name()} must "
                    f"return tensors, and returned {describe(g)} at position {number + 1}"
                )
            if self.edges[number] is None:
                results.append(None)
            else:
                results.append(self.fitted(g, target, number))
        return tuple(results)

    def fitted(self, g: Value, target: tuple[Any, Any], number: int) -> Value:
        """Sum a gradient to its input's shape, and cast it to its dtype."""
        shape, dtype = target
        have = g.get_shape()
        if have != shape:
            fits = len(shape) <= len(have) and broadcast_error(shape, have) is None
            if fits:
                for back in range(1, len(shape) + 1):
                    if shape[-back] != 1 and shape[-back] != have[-back]:
                        fits = False
            if not fits:
                raise RuntimeError(
                    f"Function {self.name()} returned an invalid gradient at index {number} - got "
                    f"{list(have)} but expected shape compatible with {list(shape)}"
                )
            summed: Value = sum_to(g, shape)
            g = summed
        if g.get_dtype() != dtype:
            g = cast(g, dtype)
        return g


def small_part(array: Any) -> Any:
    """Return what a tensor of the same kind can be made of, without holding numbers."""
    return array[:0] if array.ndim else array


def apply(function: Any, ctx_class: Any, split: bool, args: tuple[Any, ...]) -> Any:
    """Run a Function's forward on `args`, and record it.

    Parameters
    ----------
    function : type
        The user's class.
    ctx_class : type
        The class of its ctx.
    split : bool
        Whether it has a `setup_context`, and a forward without ctx.
    """
    found: Any = recorder()
    if found is not None and found.takes_functions(args):
        return found.user_function(function, args)
    ctx: FunctionCtx = ctx_class()
    needs: list[bool] = []
    needed = False
    for arg in args:
        if isinstance(arg, Value):
            if arg.base is not None:
                refresh(arg)
            needs.append(arg.requires)
            if arg.requires:
                needed = True
        else:
            needs.append(False)
    ctx.needs_input_grad = tuple(needs)
    modes = thread_modes()
    before = modes.grad
    record = needed and before
    set_grad(False)
    try:
        if split:
            output = function.forward(*args)
            function.setup_context(ctx, args, output)
        else:
            output = function.forward(ctx, *args)
    finally:
        set_grad(before)
    many = isinstance(output, tuple)
    outputs: tuple[Any, ...] = tuple(output) if many else (output,)
    if ctx.dirty_tensors:
        write_dirty(function, ctx, args, outputs, record)
    if not record:
        results = [untracked(value, args, ctx) for value in outputs]
    else:
        results = recorded(function, ctx, args, outputs)
    return tuple(results) if many else results[0]


def write_dirty(
    function: Any, ctx: FunctionCtx, args: tuple[Any, ...], outputs: tuple[Any, ...], record: bool
) -> None:
    """Check the inputs that forward says it changed, and note the writes."""
    for number, value in enumerate(ctx.dirty_tensors):
        if not isinstance(value, Value):
            raise RuntimeError(
                f"mark_dirty can only accept variables, but argument {number} is of type "
                f"{type(value).__name__}"
            )
        if not is_one_of(value, outputs):
            raise RuntimeError(
                "Some elements marked as dirty during the forward method were not returned as "
                "output. The inputs that are modified inplace must all be outputs of the Function."
            )
        if record:
            if value.requires and value.node is None:
                raise RuntimeError(
                    "a leaf Variable that requires grad has been used in an in-place operation."
                )
            late.check_writable(value, f"{function.__name__}.forward")
        value.get_storage().write(tick(), function.__name__, here())


def is_one_of(value: Any, others: Any) -> bool:
    """Say whether a sequence holds this very object."""
    for other in others:
        if other is value:
            return True
    return False


def untracked(value: Any, args: tuple[Any, ...], ctx: FunctionCtx) -> Any:
    """Return an output of a call that is not recorded."""
    given_back = isinstance(value, Value) and is_one_of(value, args)
    if given_back and not is_one_of(value, ctx.dirty_tensors):
        return late.detach(value)
    return value


def recorded(
    function: Any, ctx: FunctionCtx, args: tuple[Any, ...], outputs: tuple[Any, ...]
) -> list[Any]:
    """Make the node of a call and hang it on the outputs."""
    edges: list[Any] = []
    targets: list[Any] = []
    indices: list[int] = []
    indexed = False
    like: Value | None = None
    for arg in args:
        if isinstance(arg, Value):
            like = arg
            edges.append(arg.edge())
            targets.append((arg.get_shape(), arg.get_dtype()))
            indices.append(arg.index)
            if arg.index != 0:
                indexed = True
        else:
            edges.append(None)
            targets.append(None)
            indices.append(0)
    if like is None:
        raise RuntimeError("no tensor among the arguments")
    clock.now += 1
    node = FunctionNode(function, ctx, like, clock.now, tuple(edges))
    node.targets = targets
    if indexed:
        node.indices = tuple(indices)
    node.outputs = len(outputs)
    ctx.node_reference = weakref.ref(node)
    results: list[Any] = []
    metas: list[Any] = []
    for number, value in enumerate(outputs):
        if isinstance(value, Value):
            metas.append((value.get_shape(), value.get_dtype()))
            results.append(attach_output(ctx, args, value, node, number))
        else:
            metas.append(None)
            results.append(value)
    node.metas = tuple(metas)
    to_save: Any = ctx.to_save
    if to_save is not None:
        node.site = here()
        save(ctx, to_save, outputs, results, node)
    return results


def save(
    ctx: FunctionCtx, to_save: Any, outputs: tuple[Any, ...], results: list[Any], node: FunctionNode
) -> None:
    """Turn the tensors given to `save_for_backward` into entries that close no circle."""
    entries: list[Any] = []
    for value in to_save:
        if value is None:
            entries.append(None)
            continue
        output = -1
        for number, other in enumerate(outputs):
            if other is value:
                result = results[number]
                if isinstance(result, Value) and result.node is node:
                    output = number
        saved = Saved(value, output)
        if switches.special != 0:
            saved.pack(value)
        entries.append(saved)
    ctx.saved_entries = entries
    ctx.to_save = None


def attach_output(
    ctx: FunctionCtx, args: tuple[Any, ...], value: Value, node: FunctionNode, number: int
) -> Value:
    """Return one output with the node on it."""
    plain = value.get_dtype().kind not in "fcV" or is_one_of(value, ctx.non_differentiable)
    is_input = is_one_of(value, args)
    if is_input and is_one_of(value, ctx.dirty_tensors):
        late.adopt_written(value, node, number)
        return value
    if is_input or (plain and value.requires) or value.base is not None:
        made = value.make(value.array)
        made.storage = value.get_storage()
        made.view_seen = made.storage.written
        if is_input or value.base is not None:
            made.base = value if value.base is None else value.base
            made.view_kind = FUNCTION_VIEW if node.outputs == 1 else MULTIPLE_OUTPUT_VIEW
        value = made
    if plain:
        value.requires = False
        return value
    value.node = node
    value.index = number
    value.requires = True
    return value
