"""Recomputation: do not keep what backward needs, compute it again when backward comes.

A checkpointed function keeps its arguments alone.  `use_reentrant=False` lets it record as usual,
but each value that would be saved is dropped, and the function runs once more when the first of
them is asked for.  `use_reentrant=True` runs it unrecorded, and its backward runs the function
again and a backward inside.
"""

from __future__ import annotations

import contextlib
import warnings

from .._core.modes import grad_enabled, set_grad, thread_modes
from ..autograd.backward import backward
from ..autograd.function import Function
from ..autograd.graph import saved_tensors_hooks
from ..random import get_rng_state, set_rng_state
from ..tensor import Tensor

__all__ = [
    "CheckpointError",
    "CheckpointFunction",
    "check_backward_validity",
    "checkpoint",
    "checkpoint_sequential",
    "detach_variable",
    "noop_context_fn",
    "set_checkpoint_early_stop",
]

_EXPLICIT = (
    "the use_reentrant parameter should be passed explicitly. {when} use_reentrant=False is "
    "recommended, but if you need to preserve the current default behavior, you can pass "
    "use_reentrant=True. Refer to docs for more details on the differences between the two "
    "variants."
)


class CheckpointError(RuntimeError):
    """The function did something else when it ran again than it did at first."""


class _Stop(BaseException):
    """Ends the second run of a function when all that backward needs is there."""


class _EarlyStop:
    """Whether second runs end early: a setting of :func:`set_checkpoint_early_stop`."""

    asked: bool | None = None


@contextlib.contextmanager
def set_checkpoint_early_stop(enable):
    """Set, for checkpoints made inside, whether the function's second run ends early.

    It ends as soon as the last value that backward needs is computed; ``early_stop`` of
    :func:`checkpoint` is the default.
    """
    before = _EarlyStop.asked
    _EarlyStop.asked = enable
    try:
        yield
    finally:
        _EarlyStop.asked = before


def noop_context_fn():
    """Return two contexts that do nothing."""
    return contextlib.nullcontext(), contextlib.nullcontext()


def detach_variable(inputs):
    """Return the inputs, tensors among them without history."""
    if not isinstance(inputs, tuple):
        raise RuntimeError(
            "Only tuple of tensors is supported. Got Unsupported input type: ",
            type(inputs).__name__,
        )
    return tuple(_detached(one) for one in inputs)


def _detached(value):
    if not isinstance(value, Tensor):
        return value
    made = value.detach()
    made.requires_grad = value.requires_grad
    return made


def check_backward_validity(inputs):
    """Warn when no input needs a gradient."""
    if not any(isinstance(one, Tensor) and one.requires_grad for one in inputs):
        warnings.warn(
            "None of the inputs have requires_grad=True. Gradients will be None", stacklevel=4
        )


def checkpoint(function, *args, use_reentrant=None, context_fn=noop_context_fn,
               determinism_check="default", debug=False, early_stop=True, **kwargs):  # fmt: skip
    """Call ``function(*args, **kwargs)`` and keep for backward only its arguments.

    Parameters
    ----------
    function : callable
        It has to do the same when it is called again.
    use_reentrant : bool
        Should be given.  True: gradients reach only tensors that are arguments themselves (not
        inside of lists), leaves and parameters, by :func:`backward` without ``inputs``.  False:
        no such limits.
    context_fn : callable
        Returns two contexts: for the first run and for the second.  Only without reentrance.
    determinism_check : {"default", "none"}
        Whether shapes and dtypes of the second run are compared.
    debug : bool
        Accepted without reentrance; errors say no more with it.
    early_stop : bool
        End the second run when all that is needed is there.
    preserve_rng_state : bool
        Give the second run the random numbers of the first.  True unless given.

    Returns
    -------
    object
        What the function returned.

    Raises
    ------
    CheckpointError
        In backward, when the second run differs from the first.

    Examples
    --------
    >>> import retrograd as torch
    >>> x = torch.tensor([1.0, 2.0], requires_grad=True)
    >>> y = checkpoint(lambda x: (x * x).exp(), x, use_reentrant=False)
    >>> y.sum().backward()
    >>> x.grad
    tensor([  5.4366, 218.3926])
    """
    if use_reentrant is None:
        when = (
            "Starting in PyTorch 2.9, calling checkpoint without use_reentrant will raise an "
            "exception."
        )
        text = "torch.utils.checkpoint: " + _EXPLICIT.format(when=when)
        warnings.warn(text, stacklevel=2)
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs and use_reentrant:
        raise ValueError(f"Unexpected keyword arguments: {','.join(kwargs)}")
    if use_reentrant:
        if context_fn is not noop_context_fn or debug is not False:
            raise ValueError(
                "Passing `context_fn` or `debug` is only supported when use_reentrant=False."
            )
        return CheckpointFunction.apply(function, preserve, *args)
    if determinism_check not in ("default", "none"):
        raise ValueError(
            "determinism_check should be one of ['default', 'none'], but got "
            f"{determinism_check}"
        )
    first_context, second_context = context_fn()
    if not grad_enabled():
        with first_context:
            return function(*args, **kwargs)
    if _EarlyStop.asked is not None:
        early_stop = _EarlyStop.asked
    frame = _Frame(function, args, kwargs, preserve, determinism_check, early_stop)
    frame.context = second_context
    with saved_tensors_hooks(frame.note, frame.recall), first_context:
        return function(*args, **kwargs)


# -- without reentrance -------------------------------------------------------------------------


class _Kept:
    """A tensor argument, kept as it is or as the hooks around this checkpoint keep it."""

    def __init__(self, tensor):
        self.requires = tensor.requires_grad
        self.unpack = None
        modes = thread_modes()
        if modes.pack is not None:
            # Inside another checkpoint: this argument is one of the values that it drops.
            self.unpack = modes.unpack
            tensor = modes.pack(tensor.detach())
        self.tensor = tensor

    def get(self):
        """Return the tensor, without history where it was kept by others."""
        if self.unpack is None:
            return self.tensor
        made = self.unpack(self.tensor).detach()
        made.requires_grad = self.requires
        return made


class _Frame:
    """One call of a checkpointed function: how to run it again, and what that gave."""

    def __init__(self, function, args, kwargs, preserve, check, early_stop):
        self.function = function
        self.args = [_kept(one) for one in args]
        self.kwargs = {name: _kept(one) for name, one in kwargs.items()}
        self.random = get_rng_state() if preserve else None
        self.check = check == "default"
        self.early_stop = early_stop
        self.facts = []  # shape and dtype of each value that the first run saved
        self.values = {}  # what the second run saved, by number
        self.context = None

    def note(self, tensor):
        """Take a value that is to be saved: remember which it is, and drop it."""
        self.facts.append((tensor.shape, tensor.dtype))
        return len(self.facts) - 1

    def recall(self, number):
        """Return a value that was dropped, computing it again when it is not there."""
        if number not in self.values:
            self.values = {}
            self.run_again()
        # Only once: a second backward through the same graph runs the function once more.
        return self.values.pop(number)

    def run_again(self):
        """Run the function a second time, for the values that it saves."""
        count = 0

        def keep(tensor):
            nonlocal count
            number = count
            count += 1
            if number < len(self.facts):
                self.values[number] = tensor.detach()
                if self.check and self.facts[number] != (tensor.shape, tensor.dtype):
                    self.refuse_other_values(number)
                if self.early_stop and count == len(self.facts):
                    raise _Stop
            return number

        args = [_given(one) for one in self.args]
        kwargs = {name: _given(one) for name, one in self.kwargs.items()}
        before = get_rng_state() if self.random is not None else None
        if self.random is not None:
            set_rng_state(self.random)
        recording = set_grad(True)
        try:
            with saved_tensors_hooks(keep, _refuse_second_graph), self.context:
                self.function(*args, **kwargs)
        except _Stop:
            pass
        finally:
            set_grad(recording)
            if before is not None:
                set_rng_state(before)
        if count != len(self.facts) and not (self.early_stop and count > len(self.facts)):
            raise CheckpointError(
                "torch.utils.checkpoint: A different number of tensors was saved during the "
                "original forward and recomputation.\n"
                f"Number of tensors saved during forward: {len(self.facts)}\n"
                f"Number of tensors saved during recomputation: {count}."
            )

    def refuse_other_values(self, number):
        """Raise the error for a value of another shape or dtype than at first."""
        shape, dtype = self.facts[number]
        found = self.values[number]
        raise CheckpointError(
            "torch.utils.checkpoint: Recomputed values for the following tensors have different "
            "metadata than during the forward pass.\n"
            f"tensor at position {number}:\n"
            f"saved metadata: {_metadata(shape, dtype)}\n"
            f"recomputed metadata: {_metadata(found.shape, found.dtype)}\n"
        )


def _metadata(shape, dtype):
    return f"{{'shape': {shape}, 'dtype': {dtype}, 'device': device(type='cpu')}}"


def _kept(value):
    return _Kept(value) if isinstance(value, Tensor) else value


def _given(value):
    return value.get() if isinstance(value, _Kept) else value


def _refuse_second_graph(number):
    raise CheckpointError(
        "torch.utils.checkpoint: Calling backward inside of a checkpointed function is not "
        "possible with use_reentrant=False while it is computed again; pass early_stop=False and "
        "compute the gradient outside"
    )


# -- with reentrance ----------------------------------------------------------------------------


class CheckpointFunction(Function):
    """A function that runs unrecorded, and once more, recorded, in backward."""

    @staticmethod
    def forward(ctx, run_function, preserve_rng_state, *args):
        """Run the function and keep the arguments."""
        check_backward_validity(args)
        ctx.run_function = run_function
        ctx.random = get_rng_state() if preserve_rng_state else None
        ctx.places = [n for n, one in enumerate(args) if isinstance(one, Tensor)]
        ctx.others = [None if isinstance(one, Tensor) else one for one in args]
        ctx.save_for_backward(*[args[n] for n in ctx.places])
        before = set_grad(False)
        try:
            return run_function(*args)
        finally:
            set_grad(before)

    @staticmethod
    def backward(ctx, *grads):
        """Run the function again, recorded, and a backward through it."""
        if thread_modes().towards:
            raise RuntimeError(
                "When use_reentrant=True, torch.utils.checkpoint is incompatible with .grad() or "
                "passing an `inputs` parameter to .backward(). To resolve this error, you can "
                "either set use_reentrant=False, or call .backward() without passing the `inputs` "
                "argument."
            )
        inputs = list(ctx.others)
        for place, tensor in zip(ctx.places, ctx.saved_tensors):
            inputs[place] = tensor
        inputs = detach_variable(tuple(inputs))
        before = None
        if ctx.random is not None:
            before = get_rng_state()
            set_rng_state(ctx.random)
        recording = set_grad(True)
        try:
            outputs = ctx.run_function(*inputs)
        finally:
            set_grad(recording)
            if before is not None:
                set_rng_state(before)
        outputs = (outputs,) if isinstance(outputs, Tensor) else outputs
        pairs = [
            (output, grad)
            for output, grad in zip(outputs, grads)
            if isinstance(output, Tensor) and output.requires_grad
        ]
        if not pairs:
            raise RuntimeError(
                "none of output has requires_grad=True, this checkpoint() is not necessary"
            )
        backward([output for output, _ in pairs], [grad for _, grad in pairs])
        found = [one.grad if isinstance(one, Tensor) else None for one in inputs]
        return (None, None, *found)


def checkpoint_sequential(functions, segments, input, use_reentrant=None, **kwargs):
    """Call functions one after the other, in segments of which only the inputs are kept.

    The last segment is recorded as usual.

    Parameters
    ----------
    functions : Sequential or list of callables
    segments : int
    input : Tensor
    use_reentrant : bool
        As in :func:`checkpoint`.
    preserve_rng_state : bool
        True unless given.

    Examples
    --------
    >>> import retrograd as torch
    >>> x = torch.ones(2, requires_grad=True)
    >>> checkpoint_sequential([torch.sin, torch.exp, torch.sum], 2, x, use_reentrant=False)
    tensor(4.6396, grad_fn=<SumBackward0>)
    """
    if use_reentrant is None:
        when = "In version 2.9 we will raise an exception if use_reentrant is not passed."
        text = "torch.utils.checkpoint.checkpoint_sequential: " + _EXPLICIT.format(when=when)
        warnings.warn(text, stacklevel=2)
        use_reentrant = True
    preserve = kwargs.pop("preserve_rng_state", True)
    if kwargs:
        raise ValueError(f"Unexpected keyword arguments: {','.join(kwargs)}")
    steps = list(functions.children() if hasattr(functions, "children") else functions)
    size = len(steps) // segments
    starts = range(0, size * (segments - 1), size)
    for start in starts:
        run = _one_after_the_other(steps[start : start + size])
        input = checkpoint(run, input, use_reentrant=use_reentrant, preserve_rng_state=preserve)
    return _one_after_the_other(steps[len(starts) * size :])(input)


def _one_after_the_other(steps):
    def run(value):
        for step in steps:
            value = step(value)
        return value

    return run
