"""backward() and grad(): the engine behind PyTorch's arguments."""

from __future__ import annotations

import warnings

import numpy as np

from .._core import gradients
from .._core.value import Value
from ..tensor import root_gradient, wrap


def _sequence(value):
    return (value,) if isinstance(value, Value) or value is None else tuple(value)


def _seeds(outputs, grads, create_graph):
    grads = (None,) * len(outputs) if grads is None else _sequence(grads)
    if len(grads) != len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(grads)} gradients")
    for number, output in enumerate(outputs):
        if not isinstance(output, Value):
            raise TypeError(
                f"element {number} of tensors must be a Tensor, not {type(output).__name__}"
            )
    return [
        root_gradient(output, given, create_graph, number)
        for number, (output, given) in enumerate(zip(outputs, grads))
    ]


def backward(
    tensors,
    grad_tensors=None,
    retain_graph=None,
    create_graph=False,
    grad_variables=None,
    inputs=None,
):
    """Accumulate the gradients of `tensors` into the leaves they were computed from.

    Parameters
    ----------
    tensors : Tensor or sequence of Tensor
    grad_tensors : Tensor, None or sequence of these
        The gradient of each, of its shape; None where it has one element.
    retain_graph, create_graph, inputs
        As in :meth:`Tensor.backward`.

    Examples
    --------
    >>> import retrograd
    >>> x = retrograd.tensor([1.0, 2.0], requires_grad=True)
    >>> backward([x.sum(), (x * x).sum()])
    >>> x.grad
    tensor([3., 5.])
    """
    if grad_variables is not None:
        warnings.warn(
            "`grad_variables` is deprecated. Use `grad_tensors` instead.",
            FutureWarning,
            stacklevel=2,
        )
        if grad_tensors is not None:
            raise RuntimeError(
                "`grad_tensors` and `grad_variables` (deprecated) arguments both passed to "
                "`backward()`. Please only use `grad_tensors`."
            )
        grad_tensors = grad_variables
    outputs = _sequence(tensors)
    keep = create_graph if retain_graph is None else bool(retain_graph)
    if inputs is not None:
        inputs = list(_sequence(inputs))
        if not inputs:
            raise RuntimeError("'inputs' argument to backward() cannot be empty.")
    if not outputs:
        return
    seeds = _seeds(outputs, grad_tensors, create_graph)
    gradients.backward(list(outputs), seeds, keep, create_graph, inputs)


def grad(
    outputs,
    inputs,
    grad_outputs=None,
    retain_graph=None,
    create_graph=False,
    only_inputs=True,
    allow_unused=None,
    is_grads_batched=False,
    materialize_grads=False,
):
    """Return the gradients of `outputs` with respect to `inputs`, touching no `.grad`.

    Parameters
    ----------
    outputs, inputs : Tensor or sequence of Tensor
    grad_outputs : Tensor, None or sequence of these
    allow_unused : bool, optional
        Return None for an input that no output depends on, instead of raising.
    materialize_grads : bool
        Return zeros there.

    Returns
    -------
    tuple of Tensor

    Raises
    ------
    RuntimeError
        For an input that does not require grad, or that no output depends on.

    Examples
    --------
    >>> import retrograd
    >>> x = retrograd.tensor(2.0, requires_grad=True)
    >>> grad(x**3, x)
    (tensor(12.),)
    """
    outputs = _sequence(outputs)
    inputs = _sequence(inputs)
    if not inputs:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    for number, value in enumerate(inputs):
        if not isinstance(value, Value):
            raise TypeError(
                f"element {number} of inputs must be a Tensor, not {type(value).__name__}"
            )
    keep = create_graph if retain_graph is None else bool(retain_graph)
    if is_grads_batched:
        return _batched(outputs, inputs, grad_outputs, keep, create_graph, allow_unused,
                        materialize_grads)  # fmt: skip
    if allow_unused is None:
        allow_unused = materialize_grads
    if materialize_grads and not allow_unused:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
            "allow_unused=False."
        )
    seeds = _seeds(outputs, grad_outputs, create_graph)
    found = gradients.grad(list(outputs), seeds, list(inputs), keep, create_graph)
    for number, value in enumerate(found):
        if value is not None:
            continue
        if materialize_grads:
            found[number] = wrap(np.zeros_like(inputs[number].array))
        elif not allow_unused:
            raise RuntimeError(
                f"The differentiated Tensor at index {number} appears to not have been used in "
                "the graph. Set allow_unused=True if this is the desired behavior."
            )
    return tuple(found)


def _batched(outputs, inputs, grad_outputs, keep, create_graph, allow_unused, materialize):
    """Run one backward for each of a batch of gradients, and stack the results."""
    batch = _sequence(grad_outputs)
    size = batch[0].shape[0]
    rows = []
    for number in range(size):
        last = number == size - 1 and not keep
        rows.append(
            grad(
                outputs, inputs, tuple(g[number] for g in batch), not last, create_graph, True,
                allow_unused, False, materialize,
            )
        )
    stacked = []
    for column in zip(*rows):
        if column[0] is None:
            stacked.append(None)
        elif create_graph:
            stacked.append(np.stack(column))
        else:
            stacked.append(wrap(np.stack([value.array for value in column])))
    return tuple(stacked)
