"""User-written differentiable functions: autograd.Function and its ctx."""

from __future__ import annotations

import functools

import numpy as np

from .._core.broadcast import broadcast_error, sum_to
from .._core.engine import freed_error
from .._core.errors import SavedValueChangedError, describe
from .._core.modes import grad_enabled, set_grad, switches, thread_modes
from .._core.node import CallNode
from .._core.site import describe_site, here
from .._core.storage import tick
from .._core.value import FUNCTION_VIEW, Value
from ..inplace import adopt, check_writable
from ..tensor import wrap


class _Saved:
    """A tensor saved for backward, without the tensor: its array, storage and edge.

    Holding the tensor itself would close a circle when it is the function's own result.
    """

    __slots__ = ("array", "edge", "index", "output", "packed", "storage", "unpack")

    def __init__(self, value, output):
        self.array = value.array
        self.storage = value.get_storage()
        self.edge = None if output is not None else value.edge()
        self.index = value.index if output is None else output
        self.output = output is not None
        self.unpack = None
        self.packed = None
        if switches.special != 0:
            modes = thread_modes()
            if modes.saving_disabled is not None:
                raise RuntimeError(modes.saving_disabled)
            if modes.pack is not None:
                self.packed = modes.pack(wrap(self.array))
                self.unpack = modes.unpack
                self.array = None

    def restore(self, node):
        if self.unpack is None and self.storage.written > node.seq:
            raise SavedValueChangedError(_changed_words(self, node))
        array = self.array if self.unpack is None else self.unpack(self.packed).array
        made = wrap(array)
        made.storage = self.storage
        if self.output:
            made.node = node
            made.index = self.index
            made.requires = True
        elif self.edge is not None:
            made.requires = True
            if self.edge.seq == 0:
                found = self.edge.leaf()
                if found is not None and found.array is array:
                    return found
                made.leaf = self.edge
                made.cell = self.edge.cell
            else:
                made.node = self.edge
                made.index = self.index
        return made


def _changed_words(saved, node):
    storage = saved.storage
    text = (
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: [{describe(saved.array)}], saved by {node.name()}"
    )
    if node.site is not None:
        text += f" at {describe_site(node.site)}"
    text += f", was changed by {storage.writer or 'an in-place write'}"
    if storage.site is not None:
        text += f" at {describe_site(storage.site)}"
    return text + (
        f"; it is at version {storage.version}. Use the out-of-place form, or clone the value "
        "before changing it."
    )


class FunctionCtx:
    """What forward and backward of a Function share: ``ctx``."""

    def __init__(self):
        self.to_save = None
        self.dirty_tensors = ()
        self.non_differentiable = ()
        self.materialize_grads = True
        self.needs_input_grad = ()
        self._saved = None
        self._node = None

    def save_for_backward(self, *tensors):
        """Keep tensors (or None) for backward, where ``ctx.saved_tensors`` gives them back."""
        for tensor in tensors:
            if tensor is not None and not isinstance(tensor, Value):
                raise TypeError(
                    "save_for_backward can only save variables, but argument "
                    f"{tensors.index(tensor)} is of type {type(tensor).__name__}"
                )
        self.to_save = tensors

    def save_for_forward(self, *tensors):
        """Keep tensors for ``jvp``."""
        self.saved_for_forward = tensors

    def mark_dirty(self, *args):
        """Say which inputs forward changed in place."""
        self.dirty_tensors = args

    def mark_non_differentiable(self, *args):
        """Say which outputs have no gradient."""
        self.non_differentiable = args

    def set_materialize_grads(self, value):
        """Say whether backward gets zeros (the default) or None for outputs nobody used."""
        self.materialize_grads = value

    @property
    def saved_tensors(self):
        """The tensors given to `save_for_backward`."""
        if self._saved is None:
            if self.to_save is None:
                return ()
            if self.to_save is _freed:
                raise freed_error(self._node())
            return tuple(self.to_save)
        node = self._node()
        return tuple([None if saved is None else saved.restore(node) for saved in self._saved])

    saved_variables = saved_tensors


_freed = object()


class BackwardNode(CallNode):
    """The node of one call of a Function; attributes of its ctx can be read on it."""

    def __init__(self, function, seq, edges, ctx):
        super().__init__(seq, edges)
        self.function = function
        self.ctx = ctx
        self.metas = ()
        self.targets = ()

    def name(self):
        return f"{self.function.__name__}Backward"

    def __getattr__(self, name):
        ctx = self.__dict__.get("ctx")
        if ctx is None or name.startswith("__"):
            raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")
        return getattr(ctx, name)

    def release(self, freed):
        ctx = self.ctx
        if ctx._saved is not None:
            self.freed_saved = freed
            ctx._saved = None
            ctx.to_save = _freed

    def run(self, grads, create_graph):
        ctx = self.ctx
        if ctx.to_save is _freed:
            self.freed = self.freed_saved
            raise freed_error(self)
        if ctx.materialize_grads:
            grads = [
                wrap(np.zeros(shape, dtype)) if g is None and dtype.kind in "fcV" else g
                for g, (shape, dtype) in zip(grads, self.metas)
            ]
        found = self.function.backward(ctx, *grads)
        if not isinstance(found, tuple):
            found = tuple(found) if isinstance(found, list) else (found,)
        return self.checked(found)

    def checked(self, found):
        """Check what backward returned, and bring each gradient to its input's shape and dtype."""
        name = self.name()
        count = len(self.edges)
        if len(found) > count and all(g is None for g in found[count:]):
            found = found[:count]
        if len(found) != count:
            raise RuntimeError(
                f"function {name} returned an incorrect number of gradients (expected {count}, "
                f"got {len(found)})"
            )
        results = []
        for number, (g, target) in enumerate(zip(found, self.targets)):
            if g is None:
                results.append(None)
                continue
            if target is None:
                raise RuntimeError(
                    f"function {name} returned a gradient different than None at position "
                    f"{number + 1}, but the corresponding forward input was not a Variable"
                )
            if not isinstance(g, Value):
                raise TypeError(
                    f"expected Variable or None (got {type(g).__name__}): {name} must return "
                    f"tensors, and returned {describe(g)} at position {number + 1}"
                )
            if self.edges[number] is None:
                results.append(None)
                continue
            results.append(_fitted(g, target, number, name))
        return results


def _fitted(g, target, number, name):
    shape, dtype = target
    if g.get_shape() != shape:
        if broadcast_error(shape, g.get_shape()) or len(shape) > g.array.ndim or any(
            want not in (1, have) for want, have in zip(shape[::-1], g.get_shape()[::-1])
        ):
            raise RuntimeError(
                f"Function {name} returned an invalid gradient at index {number} - got "
                f"{list(g.get_shape())} but expected shape compatible with {list(shape)}"
            )
        g = sum_to(g, shape)
    if g.get_dtype() != dtype:
        g = g.to(wrap(np.empty(0, dtype)).dtype)
    return g


class Function:
    """Base of functions with a derivative of their own.

    Write ``forward(ctx, *args)`` and ``backward(ctx, *grads)`` as static methods, call it by
    ``apply``.  With ``setup_context(ctx, inputs, output)``, forward takes no ctx.

    Examples
    --------
    >>> import retrograd as torch
    >>> class Double(torch.autograd.Function):
    ...     @staticmethod
    ...     def forward(ctx, x):
    ...         return 2 * x
    ...     @staticmethod
    ...     def backward(ctx, grad):
    ...         return 2 * grad
    >>> x = torch.ones(2, requires_grad=True)
    >>> Double.apply(x).sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """

    generate_vmap_rule = False

    def __init__(self, *args, **settings):
        import warnings

        warnings.warn(
            f"{type(self)} should not be instantiated. Methods on autograd functions are all "
            "static, so you should invoke them on the class itself. Instantiating an autograd "
            "function will raise an error in a future version of PyTorch.",
            DeprecationWarning,
            stacklevel=2,
        )

    def __call__(self, *args, **settings):
        raise RuntimeError(
            "Legacy autograd function with non-static forward method is deprecated. Please use "
            "new-style autograd function with static forward method. (Example: "
            "https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
        )

    @staticmethod
    def forward(*args, **settings):
        """Compute the outputs; override it."""
        raise NotImplementedError("You must implement the forward function for custom autograd.Function.")

    @staticmethod
    def setup_context(ctx, inputs, output):
        """Save what backward needs; override it with a forward that takes no ctx."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx, *grad_outputs):
        """Return one gradient for each argument of forward; override it."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward mode AD."
        )

    @classmethod
    def apply(cls, *args):
        """Run forward on the arguments, and record it."""
        ctx = FunctionCtx()
        needs = tuple([isinstance(a, Value) and a.requires_grad for a in args])
        ctx.needs_input_grad = needs
        record = True in needs and (switches.special == 0 or grad_enabled())
        split = cls.setup_context is not Function.setup_context
        before = set_grad(False)
        try:
            if split:
                output = cls.forward(*args)
                cls.setup_context(ctx, args, output)
            else:
                output = cls.forward(ctx, *args)
        finally:
            set_grad(before)
        many = isinstance(output, (tuple, list))
        outputs = tuple(output) if many else (output,)
        for value in ctx.dirty_tensors:
            if record:
                check_writable(value, f"{cls.__name__}.forward")
            value.get_storage().write(tick(), cls.__name__, here())
        if not record:
            results = [_untracked(value, args, ctx) for value in outputs]
            return tuple(results) if many else results[0]
        results = _record(cls, ctx, args, outputs)
        return tuple(results) if many else results[0]


def _untracked(value, args, ctx):
    if isinstance(value, Value) and value.requires and any(value is a for a in args):
        return value.detach() if not any(value is d for d in ctx.dirty_tensors) else value
    return value


def _record(cls, ctx, args, outputs):
    """Make the node of a call and hang it on the outputs."""
    edges = []
    targets = []
    indices = []
    for arg in args:
        if isinstance(arg, Value):
            edges.append(arg.edge())
            targets.append((arg.get_shape(), arg.get_dtype()))
            indices.append(arg.index)
        else:
            edges.append(None)
            targets.append(None)
            indices.append(0)
    node = BackwardNode(cls, tick(), tuple(edges), ctx)
    node.targets = targets
    node.indices = tuple(indices) if any(indices) else None
    node.site = here()
    node.outputs = len(outputs)
    ctx._node = _node_reference(node)
    results = []
    metas = []
    saved_outputs = {}
    for number, value in enumerate(outputs):
        if not isinstance(value, Value):
            results.append(value)
            metas.append(((), np.dtype(np.bool_)))
            continue
        metas.append((value.get_shape(), value.get_dtype()))
        result = _output(cls, ctx, args, value, node, number)
        if result.node is node:
            saved_outputs[id(value)] = number
        results.append(result)
    node.metas = metas
    if node.outputs > 1:
        node.like = None
    if ctx.to_save is not None:
        ctx._saved = [
            None if value is None else _Saved(value, saved_outputs.get(id(value)))
            for value in ctx.to_save
        ]
        ctx.to_save = None
    return results


def _node_reference(node):
    import weakref

    return weakref.ref(node)


def _output(cls, ctx, args, value, node, number):
    """Return one output with the node on it."""
    plain = value.get_dtype().kind not in "fcV" or any(
        value is other for other in ctx.non_differentiable
    )
    is_input = any(value is arg for arg in args)
    if is_input and any(value is other for other in ctx.dirty_tensors):
        adopt(value, node, number)
        return value
    if is_input or (plain and value.requires):
        made = wrap(value.array)
        made.storage = value.get_storage()
        made.base = (value if value.base is None else value.base) if is_input else None
        made.view_kind = FUNCTION_VIEW
        made.view_seen = made.storage.written
        value = made
    if plain:
        value.requires = False
        return value
    value.node = node
    value.index = number
    value.requires = True
    return value


class InplaceFunction(Function):
    """PyTorch's old base of functions with an in-place option."""

    def __init__(self, inplace=False):
        super().__init__()
        self.inplace = inplace


class _OnceNode(CallNode):
    """Stands behind gradients that must not be differentiated again."""

    def name(self):
        return "DelayedErrorBackward"

    def run(self, grads, create_graph):
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )


def once_differentiable(backward):
    """Mark a backward that must not be differentiated itself."""

    @functools.wraps(backward)
    def once(ctx, *grads):
        before = set_grad(False)
        try:
            found = backward(ctx, *grads)
        finally:
            set_grad(before)
        tracked = [g for g in grads if isinstance(g, Value) and g.requires]
        if not grad_enabled() or not tracked:
            return found
        many = isinstance(found, tuple)
        results = []
        for value in found if many else (found,):
            if isinstance(value, Value):
                made = value.detach()
                made.node = _OnceNode(tick(), (tracked[0].edge(),))
                made.requires = True
                value = made
            results.append(value)
        return tuple(results) if many else results[0]

    return once
