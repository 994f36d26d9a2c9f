"""`t_`, `squeeze_` and their like: on tensors of the call's own they are replayed."""

from __future__ import annotations

import pytest

import retrograd as rg
from retrograd.compiler import CompiledFunction, lower_next

from .running import plain


def written(x, p):
    y = p * x
    y.t_().mul_(2)
    (y * y).sum().backward()
    return p.grad * 1


def seen_before(x, p):
    y = x.clone()
    row = y[1:]
    y.transpose_(0, 1)[0] = 7.0
    return y.contiguous(), row.sum()


def looped(x, p):
    y = x * p
    while y.sum() < 100:
        y = (y * 2).t_()
    return y


def a_view(x, p):
    y = x.view(-1)
    y.unsqueeze_(0)
    return y * 2


CHANGES = {
    "t_": lambda x, p: (x * 2).t_(),
    "t_ with a history": lambda x, p: (p * x).t_(),
    "squeeze_": lambda x, p: (p * x).sum(0, keepdim=True).squeeze_(0).sum(),
    "unsqueeze_": lambda x, p: (y := x.clone()).unsqueeze_(0).add_(1) + y,
    "there and back": lambda x, p: (p * x).unsqueeze_(1).squeeze_(1).mean(),
    "swapaxes_": lambda x, p: (x * 1).swapaxes_(0, 1).t_(),
    "of no dimensions": lambda x, p: rg.cat([x.sum().unsqueeze_(0)] * 2),
    "written": written,
    "seen before": seen_before,
    "in a loop": looped,
    "of a view": a_view,
}


def run(called, compiled):
    p = rg.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
    said = []
    for number in range(5):
        if compiled and number == 3:
            lower_next(called)
        x = rg.tensor([[1.0, 0.5 * number, 1.0], [2.0, 3.0, number]])
        result = called(x, p)
        said.append(plain([result, x, x._version]))
        for one in result if isinstance(result, tuple) else (result,):
            if isinstance(one, rg.Tensor):
                said.append(one._version)
                if one.requires_grad:
                    (one * one).sum().backward()
        said.append(plain(p.grad))
    return said


@pytest.mark.parametrize("name", sorted(CHANGES))
def test_tensors_of_the_call(name):
    compiled = CompiledFunction(CHANGES[name])
    assert run(compiled, True) == run(CHANGES[name], False)
    assert not any(segment.eager for segment in compiled.segments())


def test_tensors_from_outside_run_eagerly():
    compiled = CompiledFunction(lambda x, p: x.t_() * 2)
    assert run(compiled, True) == run(compiled.function, False)
    assert "given another array" in next(iter(compiled.segments())).eager
