"""User-written differentiable functions: autograd.Function and its ctx."""

from __future__ import annotations

import functools

from .._core.backward_errors import changed_error, freed_error
from .._core.custom import FunctionCtx as FunctionCtx
from .._core.custom import apply
from .._core.modes import grad_enabled, set_grad
from .._core.node import AccumulateGrad, CallNode, Node, saved_names
from .._core.plan import ARRAY, RESULT
from .._core.storage import tick
from .._core.value import Value
from ..tensor import wrap


def _node_attribute(node, name):
    """Answer attributes of a node that are not its own: ``_saved_self``, and those of a ctx."""
    if name.startswith("_saved_"):
        number = saved_names(node).get(name)
        if number is not None:
            return _saved_attribute(node, number)
    elif not name.startswith("__"):
        ctx = node.__dict__.get("ctx", None) if not hasattr(type(node), "ctx") else node.ctx
        if ctx is not None and hasattr(ctx, name):
            return getattr(ctx, name)
    raise AttributeError(f"'{node.name()}' object has no attribute '{name}'")


def _saved_attribute(node, number):
    if node.freed is not None and node.saved is None:
        raise freed_error(node)
    need = node.plan.saves[number]
    for storage in node.storages or ():
        if storage is not None and storage.written > node.seq:
            raise changed_error(node)
    entries = list(node.saved)
    if node.unpack is not None:
        node.unpack(entries, node.plan)
    entry = entries[number]
    if need.kind == RESULT and not isinstance(entry, tuple):
        return _with_history(entry, node, 0)
    if need.kind == ARRAY and not isinstance(entry, tuple) and hasattr(entry, "dtype"):
        edge = node.edges[need.position]
        indices = node.indices
        return _with_history(entry, edge, 0 if indices is None else indices[need.position])
    return entry


def _with_history(array, edge, index):
    """Return a saved array as the tensor it was."""
    if isinstance(edge, AccumulateGrad):
        leaf = edge.variable
        return leaf if leaf is not None and leaf.array is array else wrap(array)
    made = wrap(array)
    if edge is not None:
        made.node = edge
        made.index = index
        made.requires = True
    return made


def _node_names(node):
    """Name the attributes of a node, what it saved included."""
    return [*object.__dir__(node), *saved_names(node)]


Node.__getattr__ = _node_attribute
Node.__dir__ = _node_names


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
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

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
        split = cls.setup_context is not Function.setup_context
        return apply(cls, FunctionCtx, split, args)


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
