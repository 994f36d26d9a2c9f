"""Numbers that a call reads from tensors are inputs of what it computes with them: no branches."""

from __future__ import annotations

import pytest

import retrograd as rg
from retrograd.compiler import CompiledFunction, lower_next

from .running import plain

F = rg.nn.functional
INDEX = rg.tensor([0])
LEAF = rg.ones(3, requires_grad=True)


def put(x, index, value):
    x[index] = value
    return x


def helped(x, number):
    return x * number


USES = {
    "full": lambda x, r: rg.full((3,), r),
    "full, another dtype": lambda x, r: rg.full((2, 3), r, dtype=rg.float64),
    "full_like": lambda x, r: rg.full_like(x.expand(2, 3).t(), r),
    "full_like, requires grad": lambda x, r: rg.full_like(x, r, requires_grad=True) * x,
    "new_full": lambda x, r: x.new_full((3,), r),
    "full of a tensor": lambda x, r: rg.full((3,), x.max()),
    "fill_": lambda x, r: x.clone().fill_(r),
    "fill_ of a part": lambda x, r: (y := x.clone(), y[1:].fill_(r))[0],
    "fill_ with a history": lambda x, r: (x * LEAF).fill_(r),
    "clamp": lambda x, r: x.clamp(-abs(r), abs(r)),
    "clamp_": lambda x, r: x.clone().clamp_(max=r),
    "clamp_min": lambda x, r: rg.clamp_min(x, r),
    "clamp of integers": lambda x, r: (x * 3).long().clamp(min=r),
    "operators": lambda x, r: (x + r, r - x, r * x, x / r, r / x, x**2 - r, x // r, x % r),
    "comparisons": lambda x, r: (x > r, r <= x, x == r, x != r),
    "in place": lambda x, r: x.clone().add_(r).mul_(r).sub_(x, alpha=r),
    "where": lambda x, r: (rg.where(x > 0, x, r), rg.where(x > 0, r, x)),
    "an item": lambda x, r: put(x.clone(), 1, r),
    "a mask": lambda x, r: put(x.clone(), x > 0, r),
    "masked_fill": lambda x, r: x.masked_fill(x > 0, r),
    "index_fill": lambda x, r: x.index_fill(0, INDEX, r),
    "scatter": lambda x, r: x.scatter(0, INDEX, r),
    "pad": lambda x, r: F.pad(x, (1, 1), value=r),
    "fill_diagonal_": lambda x, r: rg.eye(3).fill_diagonal_(r),
    "lerp, addcmul": lambda x, r: (rg.lerp(x, x * 2, r), rg.addcmul(x, x, x, value=r)),
    "a function of the program": lambda x, r: helped(x, number=r),
    "activations": lambda x, r: (F.leaky_relu(x, r), F.elu(x, r), F.threshold(x, r, 0.0)),
}


@pytest.mark.parametrize("kind", ["float", "int"])
@pytest.mark.parametrize("name", sorted(USES))
def test_numbers_are_inputs(name, kind):
    use = USES[name]

    def function(x, y):
        return use(x, y.sum().item())

    compiled = CompiledFunction(function)
    for number in range(6):
        if number == 3:
            lower_next(compiled)
        x = rg.tensor([0.5 + number, -1.5, 2.5])
        y = rg.tensor([1.25 + number, 2.0]) if kind == "float" else rg.tensor([number, 2])
        assert plain(compiled(x, y)) == plain(function(x, y))
    # Which numbers a mask chooses has a layout, on which the trace branches.
    assert [one.eager for one in compiled.segments()] == [""] * (1 + (name == "a mask"))


def test_a_number_that_a_dtype_does_not_hold_is_refused():
    def function(y):
        return rg.full((2,), y.sum().item(), dtype=rg.int8), rg.zeros(2).char().fill_(y.item())

    compiled = CompiledFunction(function)
    for number in (1, 2, 3, 300, 4):
        said = []
        for called in (function, compiled):
            try:
                said.append(plain(called(rg.tensor(number))))
            except RuntimeError as error:
                said.append(str(error))
        assert said[0] == said[1]


def test_attributes_of_numbers():
    def function(x):
        number = x.sum().item()
        return hasattr(number, "shape"), number.is_integer(), x * getattr(number, "scale", 2.0)

    compiled = CompiledFunction(function)
    for number in range(4):
        x = rg.tensor([number / 2, 1.0])
        assert plain(compiled(x)) == plain(function(x))
