"""Looking at the graph and at what it saves."""

from __future__ import annotations

from .._core import modes
from .._core.node import Node as Node
from .._core.op import late
from .._core.plan import ARRAY, RESULT
from .._core.tracing import note_history, tracing
from .._core.value import Value
from ..tensor import wrap


class saved_tensors_hooks:
    """Hand every tensor saved inside to `pack_hook`, and what it returned to `unpack_hook`.

    Examples
    --------
    >>> import retrograd
    >>> x = retrograd.ones(2, requires_grad=True)
    >>> with saved_tensors_hooks(lambda t: t.numpy(), retrograd.from_numpy):
    ...     y = (x * x).sum()
    >>> y.backward()
    """

    def __init__(self, pack_hook, unpack_hook):
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self):
        refusal = modes.thread_modes().saving_disabled
        if refusal is not None:
            raise RuntimeError(refusal)
        self.previous = modes.set_saved_hooks(self.pack_hook, self.unpack_hook)

    def __exit__(self, *exc):
        modes.set_saved_hooks(*self.previous)


class disable_saved_tensors_hooks:
    """Raise `error_message` when saved-tensor hooks are installed inside."""

    def __init__(self, error_message):
        self.error_message = error_message

    def __enter__(self):
        state = modes.thread_modes()
        if state.pack is not None:
            raise RuntimeError(self.error_message)
        self.previous = state.saving_disabled
        state.saving_disabled = self.error_message

    def __exit__(self, *exc):
        modes.thread_modes().saving_disabled = self.previous


def pack_node(node, state):
    """Run the pack hook over what a node saved."""
    plan = node.plan
    entries = list(node.saved)
    packed = {}
    for number, need in enumerate(plan.saves):
        if need.kind in (ARRAY, RESULT) and hasattr(entries[number], "shape"):
            before = modes.set_grad(False)
            try:
                packed[number] = state.pack(wrap(entries[number]))
            finally:
                modes.set_grad(before)
            entries[number] = None
    unpack = state.unpack

    def unpack_into(entries, plan):
        for number, token in packed.items():
            value = unpack(token)
            if not isinstance(value, Value):
                raise TypeError(
                    "Output of saved tensor unpack_hook expected to be a Tensor but got result of "
                    f"type {type(value).__name__}"
                )
            entries[number] = value.array

    node.saved = tuple(entries)
    node.unpack = unpack_into


late.pack = pack_node


class save_on_cpu(saved_tensors_hooks):
    """Keep saved tensors on the CPU, where they are."""

    def __init__(self, pin_memory=False, device_type="cuda"):
        super().__init__(lambda t: t.clone(), lambda t: t)


class GradientEdge(tuple):
    """The edge a tensor's gradient takes: (node, output number)."""

    __slots__ = ()

    def __new__(cls, node, output_nr):
        return tuple.__new__(cls, (node, output_nr))

    @property
    def node(self):
        """The node."""
        return self[0]

    @property
    def output_nr(self):
        """Which output of the node."""
        return self[1]


def get_gradient_edge(tensor):
    """Return the edge that a tensor's gradient takes."""
    if not tensor.requires_grad:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require "
            "gradients."
        )
    if tracing.count != 0:
        note_history()
    return GradientEdge(tensor.edge(), tensor.output_nr)


def increment_version(tensor):
    """Note a write that was made behind the library's back."""
    for one in (tensor,) if isinstance(tensor, Value) else tensor:
        one._bump_version("increment_version")


def register_multi_grad_hook(tensors, fn, *, mode="all"):
    """Call ``fn(grads)`` when the gradients of all (or any) of several tensors are known.

    A tensor that the backward does not reach counts as known, with gradient None.
    """
    if mode not in ("all", "any"):
        raise ValueError(f"Expects mode to be one of ('all', 'any') but got {mode}")
    edges = [tensor.edge() for tensor in tensors]
    known = {}

    def hook_of(number):
        def hook(grad):
            run = modes.thread_modes().run
            if run.mark not in known:
                waiting = sum(run.will_run(edge) for edge in edges)
                known[run.mark] = [waiting, [None] * len(edges)]
            state = known[run.mark]
            first = state[1].count(None) == len(edges)
            state[0] -= 1
            state[1][number] = grad
            if state[0] == 0:
                del known[run.mark]
            if mode == "any" and first:
                fn(grad)
            elif mode == "all" and state[0] == 0:
                fn(state[1])

        return hook

    return _Handles([tensor.register_hook(hook_of(n)) for n, tensor in enumerate(tensors)])


class _Handles:
    def __init__(self, handles):
        self.handles = handles

    def remove(self):
        """Remove every hook."""
        for handle in self.handles:
            handle.remove()
