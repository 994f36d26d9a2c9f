"""cond, while_loop, scan, map: control flow as functions, which a static graph can hold.

On ordinary tensors they are the plain Python forms, so gradients of every order follow from the
operations that ran: the backward of a loop goes through its iterations in reverse.  `compile`
records them as it does Python's own ``if`` and ``while``.  In a static graph
each becomes one node with the functions' graphs inside, and the data decide in every run.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.modes import set_grad
from .._core.tracing import recorder
from .._core.value import Value
from ..creation import tensor, zeros
from ..ops.joining import stack
from .graph import Graph, Recording, reference, referenced, state
from .symbols import holds
from .trees import described, form, kinds, leaves, rebuilt


def building(*given: Any) -> Graph | None:
    """Return the graph that a call belongs to, None where it is to run at once."""
    if not isinstance(recorder(), Recording):
        return None
    return state().building or (state().default if holds(given) else None)


def noted(graph: Graph, name: str, function: Any, args: Any, result: Any, shapes: Any) -> Any:
    """Add a node for a call; return its result, tensors like those of `result`."""
    node = graph.node(name, function, args)
    made = [graph.tensor(node, np.zeros(shape, dtype)) for shape, dtype in shapes]
    return rebuilt(result, made)


def expect_tensors(name: str, tree: Any) -> None:
    """Refuse what is neither a tensor nor a number in what a function returned."""
    for one in leaves(tree):
        if not isinstance(one, (Value, bool, int, float, complex)):
            raise TypeError(f"{name} must return tensors, and returned {described(tree)}")


def as_tensors(name: str, tree: Any) -> Any:
    """Return a nest with numbers made tensors."""
    expect_tensors(name, tree)
    return rebuilt(tree, [o if isinstance(o, Value) else tensor(o) for o in leaves(tree)])


def expect_functions(name: str, **functions: Any) -> None:
    """Refuse what cannot be called."""
    for what, function in functions.items():
        if not callable(function):
            raise TypeError(f"{name}: {what} must be callable, got {type(function).__name__}")


# -- cond -----------------------------------------------------------------------------------------


def cond(pred: Any, true_fn: Any, false_fn: Any, operands: Any = ()) -> Any:
    """Return ``true_fn(*operands)`` where `pred` is true, else ``false_fn(*operands)``.

    Only the branch that is taken runs, and gradients go through that one.

    Parameters
    ----------
    pred : bool or tensor with one element
    true_fn, false_fn : callable
        In a static graph both are written once, and must return the same nest, shapes and dtypes.
    operands : tuple or list

    Raises
    ------
    RuntimeError
        For a `pred` that is neither; in a static graph for branches that differ.

    Examples
    --------
    >>> import retrograd as torch
    >>> x = torch.tensor([1.0, -3.0], requires_grad=True)
    >>> y = torch.cond(x.sum() > 0, lambda x: x * 2, lambda x: x + 1, (x,))
    >>> y
    tensor([ 2., -2.], grad_fn=<AddBackward0>)
    """
    expect_functions("cond", true_fn=true_fn, false_fn=false_fn)
    if not isinstance(operands, (tuple, list)):
        raise TypeError(
            f"cond: operands must be a tuple or a list, got {type(operands).__name__}"
        )
    if not isinstance(pred, (bool, int, float)) and not (
        isinstance(pred, Value) and pred.array.size == 1
    ):
        raise RuntimeError(f"Expected pred to be bool or single-element tensor, but got {pred}.")
    operands = tuple(operands)
    graph = building(pred, operands)
    if graph is None or not isinstance(pred, Value):
        name, branch = ("true_fn", true_fn) if pred else ("false_fn", false_fn)
        found = branch(*operands)
        expect_tensors(f"cond: {name}", found)
        return found
    yes, found = graph.block("true_fn", true_fn, operands)
    no, other = graph.block("false_fn", false_fn, operands)
    found, other = as_tensors("cond: true_fn", found), as_tensors("cond: false_fn", other)
    if form(found) != form(other) or kinds(found) != kinds(other):
        raise RuntimeError(
            f"cond: true_fn returns {described(found)} and false_fn returns {described(other)}; "
            "both must return the same"
        )
    shapes = [_kind(one) for one in leaves(found)]
    args = (reference(pred), yes, no, referenced(operands))
    return noted(graph, "cond", run_cond, args, found, shapes)


def run_cond(pred: Any, true_fn: Any, false_fn: Any, operands: Any) -> Any:
    """Run a `cond` node."""
    found = (true_fn if pred else false_fn)(*operands)
    return as_tensors("cond", found)


def _kind(one: Any) -> Any:
    return (one.get_shape(), one.get_dtype()) if isinstance(one, Value) else _kind(tensor(one))


# -- while_loop -----------------------------------------------------------------------------------


def while_loop(cond_fn: Any, body_fn: Any, loop_vars: Any) -> Any:
    """Repeat ``loop_vars = body_fn(*loop_vars)`` while ``cond_fn(*loop_vars)`` is true.

    Parameters
    ----------
    cond_fn : callable
        Returns a bool, or a bool tensor with one element.
    body_fn : callable
        Returns the next loop variables, in the same nest, shapes and dtypes.
    loop_vars : tuple or list of tensors, or one tensor
        Numbers become tensors.

    Returns
    -------
    tuple, or one tensor where `loop_vars` is one

    Raises
    ------
    RuntimeError
        For a condition that is no bool; for loop variables whose shape or dtype changes.

    Examples
    --------
    >>> import retrograd as torch
    >>> x = torch.tensor(1.5, requires_grad=True)
    >>> i, y = torch.static.while_loop(lambda i, y: i < 3, lambda i, y: (i + 1, y * x), (0, x))
    >>> torch.autograd.grad(y, x)  # of x**4
    (tensor(13.5000),)
    """
    expect_functions("while_loop", cond_fn=cond_fn, body_fn=body_fn)
    single = not isinstance(loop_vars, (tuple, list))
    args = as_tensors("while_loop: loop_vars", (loop_vars,) if single else tuple(loop_vars))
    graph = building(args)
    if graph is None:
        found = run_while(cond_fn, body_fn, args)
    else:
        test, answer = graph.block("cond_fn", cond_fn, args)
        expect_bool(answer)
        body, after = graph.block("body_fn", body_fn, args)
        expect_same(args, next_vars(after))
        shapes = [_kind(one) for one in leaves(args)]
        given = (test, body, referenced(args))
        found = noted(graph, "while_loop", run_while, given, args, shapes)
    return found[0] if single else found


def run_while(cond_fn: Any, body_fn: Any, args: Any) -> Any:
    """Run a loop on tensors."""
    answer = cond_fn(*args)
    expect_bool(answer)
    while answer:
        after = next_vars(body_fn(*args))
        expect_same(args, after)
        args = rebuilt(args, leaves(after))
        answer = cond_fn(*args)
        expect_bool(answer)
    return args


def next_vars(found: Any) -> Any:
    """Return what a loop's body returned as a tuple of tensors."""
    found = tuple(found) if isinstance(found, (tuple, list)) else (found,)
    return as_tensors("while_loop: body_fn", found)


def expect_bool(answer: Any) -> None:
    """Refuse a condition that is no bool."""
    if isinstance(answer, bool):
        return
    if not isinstance(answer, Value) or answer.get_dtype().kind != "b" or answer.array.size != 1:
        raise RuntimeError(
            "while_loop: cond_fn must return a bool or a bool tensor with one element, and "
            f"returned {described(answer)}"
        )


def expect_same(before: Any, after: Any, name: str = "while_loop", what: str = "body_fn") -> None:
    """Refuse loop variables that change their form."""
    if form(before) != form(after):
        raise RuntimeError(
            f"{name}: {what} got {described(before)} and returned {described(after)}; it must "
            "return as many, in the same nest"
        )
    for place, (one, other) in enumerate(zip(leaves(before), leaves(after))):
        if _kind(one) != _kind(other):
            raise RuntimeError(
                f"{name}: loop variable {place} is {described(one)} and {what} returned "
                f"{described(other)} for it; shape and dtype must stay"
            )


# -- scan and map ---------------------------------------------------------------------------------


def scan(f: Any, init: Any, xs: Any, length: int | None = None, reverse: bool = False) -> Any:
    """Carry a state along the first axis of `xs`, and stack what each step gives.

    Parameters
    ----------
    f : callable
        ``f(carry, x) -> (carry, y)``.
    init : nest of tensors
        The first carry.
    xs : nest of tensors, or None
        `f` gets one slice along the first axis after the other.
    length : int, optional
        The number of steps, needed where `xs` is None.
    reverse : bool
        Go from the last slice to the first; the results are in the order of `xs`.

    Returns
    -------
    (carry, ys)
        The last carry, and the nest of the results, stacked along a new first axis.

    Examples
    --------
    >>> import retrograd as torch
    >>> xs = torch.tensor([1.0, 2.0, 3.0])
    >>> torch.static.scan(lambda total, x: (total + x, total), torch.tensor(0.0), xs)
    (tensor(6.), tensor([0., 1., 3.]))
    """
    expect_functions("scan", f=f)
    count = length_of("scan", xs, length)
    init = as_tensors("scan: init", init)
    graph = building(init, xs)
    if graph is None:
        return run_scan(f, init, xs, count, reverse)
    block, found = graph.block("f", f, (init, first_of(xs)))
    carry, y = pair_of(found)
    expect_same(init, carry, "scan", "f")
    shapes = [_kind(one) for one in leaves(init)]
    shapes += [((count, *shape), dtype) for shape, dtype in map(_kind, leaves(y))]
    given = (block, referenced(init), referenced(xs), count, reverse)
    return noted(graph, "scan", run_scan, given, (init, y), shapes)


def run_scan(f: Any, init: Any, xs: Any, count: int, reverse: bool) -> Any:
    """Run a scan on tensors."""
    carry = init
    columns = [one.unbind(0) for one in leaves(xs)]
    steps = []
    y = None
    for place in range(count - 1, -1, -1) if reverse else range(count):
        x = rebuilt(xs, [column[place] for column in columns])
        after, y = pair_of(f(carry, x))
        expect_same(carry, after, "scan", "f")
        carry = after
        steps.append(y)
    return carry, stacked("scan: f", steps[::-1] if reverse else steps, f, (init, xs))


def pair_of(found: Any) -> Any:
    """Return the carry and the result of one step of a scan."""
    if not isinstance(found, (tuple, list)) or len(found) != 2:
        raise TypeError(f"scan: f must return (carry, y), and returned {described(found)}")
    carry, y = found
    return as_tensors("scan: f", carry), as_tensors("scan: f", y)


def length_of(name: str, xs: Any, length: int | None = None) -> int:
    """Return how many slices `xs` has."""
    sizes = set()
    for one in leaves(xs):
        if not isinstance(one, Value) or one.array.ndim == 0:
            raise TypeError(
                f"{name}: xs must be tensors with at least one axis, got {described(xs)}"
            )
        sizes.add(one.get_shape()[0])
    if length is not None:
        sizes.add(length)
    if len(sizes) != 1:
        what = "differ" if sizes else "are not given: say length="
        raise ValueError(f"{name}: the lengths {what}: {sorted(sizes)}")
    return int(sizes.pop())


def first_of(xs: Any) -> Any:
    """Return tensors like one slice of `xs`: what they hold does not matter."""
    return rebuilt(xs, [zeros(o.get_shape()[1:], dtype=o.dtype) for o in leaves(xs)])


def stacked(name: str, steps: list[Any], f: Any, given: Any) -> Any:
    """Return the results of the steps, stacked leaf by leaf."""
    if not steps:
        # What a step would give: learnt from zeros.
        before = set_grad(False)
        try:
            found = f(*given[:-1], first_of(given[-1]))
        finally:
            set_grad(before)
        y = as_tensors(name, found[1] if len(given) == 2 else found)
        empty = [zeros(0, *one.get_shape(), dtype=one.dtype) for one in leaves(y)]
        return rebuilt(y, empty)
    for one in steps[1:]:
        if form(one) != form(steps[0]) or kinds(one) != kinds(steps[0]):
            raise RuntimeError(
                f"{name} returned {described(steps[0])} in one step and {described(one)} in "
                "another; every step must return the same"
            )
    columns = zip(*[leaves(one) for one in steps])
    return rebuilt(steps[0], [stack(*column) for column in columns])


def map_(f: Any, xs: Any) -> Any:
    """Return ``f(x)`` for each slice `x` along the first axis of `xs`, stacked.

    Parameters
    ----------
    f : callable
        ``f(x) -> y``, nests of tensors.
    xs : nest of tensors

    Examples
    --------
    >>> import retrograd as torch
    >>> torch.static.map(lambda row: row.sum(), torch.ones(2, 3))
    tensor([3., 3.])
    """
    expect_functions("map", f=f)
    count = length_of("map", xs)
    graph = building(xs)
    if graph is None:
        return run_map(f, xs, count)
    block, y = graph.block("f", f, (first_of(xs),))
    expect_tensors("map: f", y)
    shapes = [((count, *shape), dtype) for shape, dtype in map(_kind, leaves(y))]
    return noted(graph, "map", run_map, (block, referenced(xs), count), y, shapes)


def run_map(f: Any, xs: Any, count: int) -> Any:
    """Run a map on tensors."""
    columns = [one.unbind(0) for one in leaves(xs)]
    steps = [
        as_tensors("map: f", f(rebuilt(xs, [column[place] for column in columns])))
        for place in range(count)
    ]
    return stacked("map: f", steps, f, (xs,))
