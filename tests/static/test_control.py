"""cond, while_loop, scan, map: equal to the plain Python forms, eager, compiled, in a graph."""

from __future__ import annotations

import random
import warnings

import numpy as np
import pytest

import retrograd as rg
from retrograd import static
from retrograd.autograd import grad, gradcheck, gradgradcheck


def doubles(shape, seed=0):
    array = np.random.default_rng(seed).standard_normal(shape)
    return rg.tensor(array, requires_grad=True)


# -- the example of the tour ----------------------------------------------------------------------


def plain(x):
    """Double while the sum is positive and below 1000, else add one, five times over."""
    for _ in range(5):
        if x.sum() > 0:
            while x.sum() < 1000:
                x = x * 2
            x = x - 300
        else:
            x = x + 1
    return x


def formed(x):
    def grow(x):
        x = static.while_loop(lambda x: x.sum() < 1000, lambda x: x * 2, x)
        return x - 300

    def body(i, x):
        return i + 1, static.cond(x.sum() > 0, grow, lambda x: x + 1, (x,))

    return static.while_loop(lambda i, x: i < 5, body, (0, x))[1]


def with_gradients(function, x):
    """Return a value, its gradient and its second derivatives."""
    y = (function(x) ** 2).sum()
    (first,) = grad(y, x, create_graph=True)
    (second,) = grad((first**2).sum(), x)
    return [one.detach().numpy() for one in (y, first, second)]


def in_a_graph(function, array):
    with static.Graph():
        x = static.placeholder(rg.float64, array.shape)
        y = (function(x) ** 2).sum()
        first = static.gradients(y, x)
        second = static.gradients((first**2).sum(), x)
    return static.Session(), [y, first, second], x


@pytest.mark.parametrize("start", [[1.0, 2.0], [-3.0, 1.5], [-9.0, 0.0], [2000.0, 1.0]])
def test_double_while_positive(start):
    x = rg.tensor(start, dtype=rg.float64, requires_grad=True)
    want = with_gradients(plain, x)
    for ours in (with_gradients(formed, x), with_gradients(formed, x)):
        for one, other in zip(ours, want, strict=True):
            np.testing.assert_array_equal(one, other)
    session, fetches, placed = in_a_graph(formed, x)
    for _ in range(3):
        for one, other in zip(session.run(fetches, {placed: start}), want, strict=True):
            np.testing.assert_array_equal(one.numpy(), other)


def test_double_while_positive_compiled():
    @rg.compile
    def step(x):
        y = formed(x)
        (slope,) = grad((y**2).sum(), x)
        return y.detach(), slope

    for _ in range(2):
        for start in ([1.0, 2.0], [-3.0, 1.5], [-9.0, 0.0], [7.0, 8.0]):
            x = rg.tensor(start, requires_grad=True)
            want = plain(x)
            y, slope = step(x)
            np.testing.assert_array_equal(y.detach().numpy(), want.detach().numpy())
            np.testing.assert_array_equal(slope.numpy(), grad((want**2).sum(), x)[0].numpy())
    assert {segment.eager for segment in step.segments()} == {""}


# -- derivatives ----------------------------------------------------------------------------------

FORMS = {
    "cond": lambda x, w: static.cond(
        x.sum() > 0, lambda x, w: (x * w).sin(), lambda x, w: x.exp() * w, (x, w)
    ),
    "while_loop": lambda x, w: static.while_loop(
        lambda i, x: i < 3, lambda i, x: (i + 1, (x * w).sin()), (0, x)
    )[1],
    "scan": lambda x, w: static.scan(lambda c, row: ((c * row).tanh() + w, c * row), w, x),
    "scan reverse": lambda x, w: static.scan(
        lambda c, row: ((c * row).tanh() + w, c * row), w, x, reverse=True
    ),
    "map": lambda x, w: static.map(lambda row: (row * w).exp().sum(), x),
}


@pytest.mark.parametrize("name", FORMS)
def test_derivatives(name):
    x, w = doubles((3, 2)), doubles(2, 1)
    assert gradcheck(FORMS[name], (x, w))
    assert gradgradcheck(FORMS[name], (x, w))


@pytest.mark.parametrize("name", FORMS)
def test_compiled(name):
    compiled = rg.compile(FORMS[name])

    def outcome(function, seed):
        x, w = doubles((3, 2), seed), doubles(2, seed + 50)
        found = function(x, w)
        found = found if isinstance(found, tuple) else (found,)
        sum([one.sum() for one in found]).backward()
        return [one.detach().numpy() for one in found] + [x.grad.numpy(), w.grad.numpy()]

    for seed in (0, 1, 2, 3, 0, 1):
        for one, other in zip(outcome(compiled, seed), outcome(FORMS[name], seed), strict=True):
            np.testing.assert_array_equal(one, other)
    assert {segment.eager for segment in compiled.segments()} == {""}


@pytest.mark.parametrize("name", FORMS)
def test_in_a_graph(name):
    x, w = doubles((3, 2)), doubles(2, 1)
    want = FORMS[name](x, w)
    want = want if isinstance(want, tuple) else (want,)
    slopes = grad([(one**2).sum() for one in want], [x, w])
    with static.Graph():
        px, pw = static.placeholder(rg.float64, (3, 2)), static.placeholder(rg.float64, (2,))
        y = FORMS[name](px, pw)
        y = y if isinstance(y, tuple) else (y,)
        d = static.gradients([(one**2).sum() for one in y], [px, pw])
    session = static.Session()
    for _ in range(2):
        found, slope = session.run([y, d], {px: x, pw: w})
        assert isinstance(found, tuple)
        for one, other in zip([*found, *slope], [*want, *slopes], strict=True):
            np.testing.assert_array_equal(one.numpy(), other.detach().numpy())


# -- random programs ------------------------------------------------------------------------------


class Program:
    """A program of nested control flow on a vector, in plain Python and in functions."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.tree = self.block(2)

    def block(self, depth):
        kinds = ["sin", "scale", "add", "square"]
        if depth:
            kinds += ["cond", "while", "scan", "map"] * 2
        made = []
        for _ in range(self.random.randint(1, 3)):
            kind = self.random.choice(kinds)
            number = round(self.random.uniform(-1, 1), 2)
            inside = [self.block(depth - 1) for _ in range(2)] if kind in kinds[4:] else []
            made.append((kind, number, self.random.randint(1, 3), inside))
        return made

    def run(self, x, plain, block=None):
        for kind, number, count, inside in self.tree if block is None else block:
            x = getattr(self, kind + ("_plain" if plain and inside else ""))(
                x, number, count, inside
            )
        return x

    def sin(self, x, number, count, inside):
        return (x + number).sin()

    def scale(self, x, number, count, inside):
        return x * number

    def add(self, x, number, count, inside):
        return x + x.flip(0) * number

    def square(self, x, number, count, inside):
        return x * x / (1 + x.abs().sum())

    def cond(self, x, number, count, inside):
        return static.cond(
            x.sum() > number,
            lambda x: self.run(x, False, inside[0]),
            lambda x: self.run(x, False, inside[1]),
            (x,),
        )

    def cond_plain(self, x, number, count, inside):
        return self.run(x, True, inside[0] if x.sum() > number else inside[1])

    def while_(self, x, number, count, inside):
        def body(i, x):
            return i + 1, self.run(x, False, inside[0])

        def test(i, x):
            return (i < count) & (x.sum() < 10)

        return static.while_loop(test, body, (0, x))[1]

    def while_plain(self, x, number, count, inside):
        i = 0
        while i < count and x.sum() < 10:
            i, x = i + 1, self.run(x, True, inside[0])
        return x

    def scan(self, x, number, count, inside):
        def step(carry, row):
            carry = self.run(carry * number + row, False, inside[0])
            return carry, carry.sum()

        carry, ys = static.scan(step, x, rg.stack([x, x + 1, x * 2]), reverse=count == 2)
        return carry + ys

    def scan_plain(self, x, number, count, inside):
        carry, ys = x, [None] * 3
        rows = [x, x + 1, x * 2]
        for place in (2, 1, 0) if count == 2 else (0, 1, 2):
            carry = self.run(carry * number + rows[place], True, inside[0])
            ys[place] = carry.sum()
        return carry + rg.stack(ys)

    def map(self, x, number, count, inside):
        rows = rg.stack([x, x * number])
        return static.map(lambda row: self.run(row, False, inside[0]), rows).sum(0)

    def map_plain(self, x, number, count, inside):
        return rg.stack([self.run(row, True, inside[0]) for row in (x, x * number)]).sum(0)


setattr(Program, "while", Program.while_)


@pytest.mark.parametrize("seed", range(40))
def test_random_programs(seed):
    program = Program(seed)
    x = doubles(3, seed)
    want = with_gradients(lambda x: program.run(x, True), x)
    assert np.isfinite(want[0])
    ours = with_gradients(lambda x: program.run(x, False), x)
    for one, other in zip(ours, want, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)
    session, fetches, placed = in_a_graph(lambda x: program.run(x, False), x)
    for start in (x, doubles(3, seed + 1), x):
        want = with_gradients(lambda x: program.run(x, True), start)
        for one, other in zip(session.run(fetches, {placed: start}), want, strict=True):
            np.testing.assert_allclose(one.numpy(), other, rtol=1e-9, atol=1e-9)
    if seed % 4 == 0:
        compiled = rg.compile(lambda x: program.run(x, False))
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for start in (x, doubles(3, seed + 1), x):
                want = with_gradients(lambda x: program.run(x, True), start)
                y = compiled(start)
                np.testing.assert_allclose((y**2).sum().item(), want[0], rtol=1e-9)


# -- details and errors ---------------------------------------------------------------------------


def test_nests():
    carry, ys = static.scan(
        lambda c, x: ({"sum": c["sum"] + x[0]}, (x[1], None)),
        {"sum": 0.0},
        [rg.arange(3.0), rg.ones(3, 2)],
    )
    assert carry["sum"].item() == 3
    assert ys[0].shape == (3, 2)
    assert ys[1] is None
    carry, ys = static.scan(lambda c, _: (c + 1, c), 0, None, length=4)
    assert (carry.item(), ys.tolist()) == (4, [0, 1, 2, 3])
    carry, ys = static.scan(lambda c, x: (c + x, c * x), rg.tensor(1.0), rg.ones(0))
    assert (carry.item(), ys.shape) == (1, (0,))
    assert static.map(lambda x: x * rg.ones(2), rg.ones(0)).shape == (0, 2)
    assert static.while_loop(lambda x: False, lambda x: x + 1, 3).item() == 3
    assert rg.cond(True, lambda: rg.ones(1), lambda: rg.zeros(1)).item() == 1


def test_errors_of_eager_calls():
    x = rg.ones(3)
    with pytest.raises(RuntimeError, match=r"Expected pred to be bool or single-element tensor"):
        static.cond(x, lambda x: x, lambda x: x, (x,))
    with pytest.raises(TypeError, match="false_fn must be callable, got int"):
        static.cond(True, lambda x: x, 3, (x,))
    with pytest.raises(TypeError, match="operands must be a tuple or a list, got Tensor"):
        static.cond(True, lambda x: x, lambda x: x, x)
    with pytest.raises(TypeError, match="true_fn must return tensors, and returned 'a'"):
        static.cond(True, lambda: "a", lambda: "b")
    with pytest.raises(RuntimeError, match=r"cond_fn must return a bool.*float32\[\]"):
        static.while_loop(lambda x: x.sum(), lambda x: x, x)
    with pytest.raises(RuntimeError, match=r"variable 1 is float32\[3\].*returned float32\[6\]"):
        static.while_loop(lambda i, x: i < 2, lambda i, x: (i, rg.cat([x, x])), (0, x))
    with pytest.raises(RuntimeError, match="as many, in the same nest"):
        static.while_loop(lambda x: True, lambda x: (x, x), x)
    with pytest.raises(TypeError, match=r"f must return \(carry, y\), and returned float32\[\]"):
        static.scan(lambda c, x: c, 0.0, x)
    with pytest.raises(RuntimeError, match=r"variable 0 is float32\[\] and f returned int64\[\]"):
        static.scan(lambda c, x: (1, x), 0.0, x)
    with pytest.raises(ValueError, match=r"the lengths differ: \[2, 3\]"):
        static.scan(lambda c, x: (c, c), 0.0, (x, rg.ones(2)))
    with pytest.raises(ValueError, match="are not given: say length="):
        static.scan(lambda c, x: (c, c), 0.0, None)
    with pytest.raises(TypeError, match=r"xs must be tensors with at least one axis"):
        static.map(lambda x: x, rg.ones(()))
    sizes = iter((1, 2, 3))
    with pytest.raises(RuntimeError, match="in one step and"):
        static.map(lambda x: rg.ones(next(sizes)), x)


def test_errors_in_a_graph():
    with static.Graph():
        x = static.placeholder(rg.float32, (3,))
        with pytest.raises(RuntimeError, match=r"true_fn returns float32\[3\] and false_fn ret"):
            static.cond(x.sum() > 0, lambda x: x, lambda x: x.sum(), (x,))
        with pytest.raises(RuntimeError, match=r"returns float32\[3\] and .*returns float64\[3\]"):
            static.cond(x.sum() > 0, lambda x: x, lambda x: x.double(), (x,))
        with pytest.raises(RuntimeError, match=r"returns \(float32\[3\],\) and .*\[float32\[3\]\]"):
            static.cond(x.sum() > 0, lambda x: (x,), lambda x: [x], (x,))
        with pytest.raises(RuntimeError, match=r"variable 0 is float32\[3\].*returned float32\[\]"):
            static.while_loop(lambda x: x.sum() > 0, lambda x: x.sum(), x)
        with pytest.raises(RuntimeError, match="no values before"):
            static.while_loop(lambda x: bool(x.sum() > 0), lambda x: x, x)
        held = []
        static.cond(x.sum() > 0, lambda x: held.append(x * 2) or x, lambda x: x, (x,))
        with pytest.raises(RuntimeError, match="the inside of a cond"):
            held[0] + 1
