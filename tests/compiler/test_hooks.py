"""Hooks on tensors that a compiled function makes: its own backwards call them.

Where a hook would be called by a backward after the call, or changes something outside, the
function runs eagerly.
"""

from __future__ import annotations

import warnings

import pytest

import retrograd as rg
from retrograd.compiler import CompiledFunction, lower_next

from .running import plain

OUTSIDE: list = []


def squared(h):
    return (h * h).sum()


def clamped(x, p):
    h = p * x
    h.register_hook(lambda g: g.clamp(-1, 1) * 2)
    loss = squared(h)
    loss.backward()
    return loss


def retained(x, p):
    h = p * x
    h.retain_grad()
    loss = squared(h)
    loss.backward()
    return {"slope": h.grad, "norm": h.grad.norm().item(), "loss": loss}


def gathered(x, p):
    seen = []
    h = p * x
    h.register_hook(seen.append)
    h.register_hook(lambda g: seen.append(g.norm()))
    loss = squared(h)
    loss.backward(retain_graph=True)
    loss.backward()
    return seen, loss.detach()


def removed(x, p):
    h = p * x
    handle = h.register_hook(lambda g: g * 2)
    handle.remove()
    return squared(h)


def decided(x, p):
    def clip(g):
        return g / g.norm() if g.norm() > 1 else None

    h = p * x
    h.register_hook(clip)
    loss = squared(h)
    loss.backward()
    return loss.detach()


def accumulated(x, p):
    z = rg.zeros(3, requires_grad=True)
    z.register_post_accumulate_grad_hook(lambda t: t.grad.mul_(2))
    ((z + p) * x).sum().backward()
    return z.grad


def written(x, p):
    h = p * x
    h.register_hook(lambda g: g.mul_(3))
    return rg.autograd.grad(squared(h), p)[0]


def differentiated_again(x, p):
    h = p * x
    h.retain_grad()
    loss = squared(h)
    (slope,) = rg.autograd.grad(loss, p, create_graph=True)
    (slope.sum() + loss).backward()
    return h.grad


def viewed(x, p):
    h = p * x
    h.register_hook(lambda g: g * 2)
    v = h.view(3, 1)
    v.retain_grad()
    h.mul_(2)
    (v * h[:, None]).sum().backward()
    return v.grad


def repeated(x, p):
    for factor in range(3):
        h = p * x * factor
        h.register_hook(lambda g, factor=factor: g + factor)
        h.sum().backward()


def looped(x, p):
    t = (p.detach() * x).abs() + 1
    while t.sum() < 50:
        h = p * t
        h.register_hook(lambda g: g * 2)
        h.sum().backward()
        t = t * 2
    return t


def left(x, p):
    h = p * x
    h.register_hook(lambda g: g * 2)
    return squared(h)


def result_retains(x, p):
    h = p * x
    h.retain_grad()
    squared(h).backward()
    return h


def outside(x, p):
    h = p * x
    h.register_hook(OUTSIDE.append)
    squared(h).backward()


def printing(x, p):
    h = p * x
    h.register_hook(lambda g: print("called"))
    squared(h).backward()


def on_a_parameter(x, p):
    p.register_hook(lambda g: g * 2)
    (p * x).sum().backward()


REPLAYED = [
    clamped, retained, gathered, removed, decided, accumulated, written, differentiated_again,
    viewed, repeated, looped,
]  # fmt: skip
EAGER = {
    left: "a hook is left on what made a result",
    result_retains: "a result has a .grad",
    outside: "a list from outside the function changes",
    printing: "print() is called",
    on_a_parameter: "register_hook() is called",
}


def run(called, compiled):
    """Call a function, and go back through its results; return all that was seen."""
    OUTSIDE.clear()
    p = rg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    said = []
    for number in range(5):
        if compiled and number == 3:
            lower_next(called)
        result = called(rg.tensor([1.0, 0.5 * number, -1.0]), p)
        said.append(plain([result, p.grad, OUTSIDE]))
        for one in result if isinstance(result, tuple) else (result,):
            if isinstance(one, rg.Tensor) and one.requires_grad:
                try:
                    one.sum().backward()
                except RuntimeError as error:
                    said.append(str(error))
                said.append(plain([p.grad, None if one.is_leaf else one.grad]))
    return said


@pytest.mark.filterwarnings("ignore:The .grad attribute")
@pytest.mark.parametrize("function", [*REPLAYED, *EAGER], ids=lambda one: one.__name__)
def test_hooks(function, capsys):
    eager = run(function, False)
    printed = capsys.readouterr().out
    compiled = CompiledFunction(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = run(compiled, True)
    assert ours == eager
    assert capsys.readouterr().out == printed
    reasons = {segment.eager for segment in compiled.segments() if segment.eager}
    if function in EAGER:
        assert reasons
        assert all(EAGER[function] in one for one in reasons)
    else:
        assert not reasons


@pytest.mark.parametrize("kind", ["tensor", "retained", "accumulated", "node"])
@pytest.mark.parametrize("place", ["parameter", "before the call", "argument"])
@pytest.mark.parametrize("lowered", [False, True])
def test_hooks_on_what_the_call_is_given(kind, place, lowered):
    """A backward after the call calls them once, as it is then, and in no recording."""
    factor, called = 2.0, []

    def hook(g):
        called.append(g.tolist())
        return g * factor

    def accumulated(leaf):
        called.append(leaf.grad.tolist())
        leaf.grad.mul_(factor)

    def tried(compiled):
        nonlocal factor
        called.clear()
        w = rg.ones(2, requires_grad=True)
        given = w * 3 if place == "before the call" else w
        if kind == "tensor":
            given.register_hook(hook)
        elif kind == "retained":
            given.retain_grad()
            given.register_hook(hook)
        elif kind == "accumulated":
            w.register_post_accumulate_grad_hook(accumulated)
        elif place == "before the call":
            given.grad_fn.register_prehook(lambda grads: tuple(hook(one) for one in grads))
        if place == "argument":
            function = CompiledFunction(lambda x, y: (x * y).sin()) if compiled else None
            call = (lambda x: function(x, given)) if compiled else lambda x: (x * given).sin()
        else:
            call = function = CompiledFunction(lambda x: (x * given).sin()) if compiled else (
                lambda x: (x * given).sin()
            )  # fmt: skip
        found = []
        for value in (2.0, 2.0, 2.0, 3.0):
            factor = value
            w.grad = None
            call(rg.ones(2)).sum().backward(retain_graph=True)
            found.append(w.grad.tolist())
            if compiled and lowered:
                lower_next(function)
        if compiled:
            assert not function.eager and not any(one.eager for one in function.segments())
        return found, list(called)

    assert tried(True) == tried(False)


def test_hooks_are_called_in_eager_order():
    def tried(compiled):
        called = []
        weights = [rg.ones(1, requires_grad=True) for _ in range(4)]
        for number, one in enumerate(weights):
            one.register_hook(lambda g, number=number: called.append(number))
        a, b, c, d = weights

        def function(x):
            return ((x * a + b).tanh() * c + d) * a

        call = CompiledFunction(function) if compiled else function
        for _ in range(3):
            call(rg.ones(1)).sum().backward()
        return called

    assert tried(True) == tried(False) == [3, 2, 1, 0] * 3
