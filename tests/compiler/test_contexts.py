"""Context managers and iterators of the program's: its own are replayed, those from outside not."""

from __future__ import annotations

import contextlib
import itertools
import warnings

import pytest

import retrograd as rg
from retrograd.compiler import CompiledFunction, lower_next

from .running import plain

LAYER = rg.nn.Linear(3, 3)


class Settings:
    scale = 2.0
    iterators: list


SETTINGS = Settings()


class Scope:
    def __init__(self, factor):
        self.factor = factor
        self.log = []

    def __enter__(self):
        self.log.append("in")
        return self

    def __exit__(self, *error):
        self.log.append("out")


@contextlib.contextmanager
def doubled(factor):
    yield factor * 2


@contextlib.contextmanager
def without_gradients():
    with rg.no_grad():
        yield LAYER


@contextlib.contextmanager
def forgiving():
    with contextlib.suppress(ValueError):
        yield


@contextlib.contextmanager
def scaled(factor):
    before, SETTINGS.scale = SETTINGS.scale, factor
    try:
        yield
    finally:
        SETTINGS.scale = before


def own_class(x):
    with Scope(3) as scope:
        y = x * scope.factor
    return y + len(scope.log)


def generated(x):
    with doubled(2) as factor:
        return x * factor


def around_a_mode(x):
    with without_gradients() as layer:
        y = layer(x)
    return y.requires_grad, y


def raising(x):
    with forgiving():
        x = x * 2
        if x.sum() > 2:
            raise ValueError
        x = x * 3
    return x


def stacked(x):
    with contextlib.ExitStack() as stack:
        factor = stack.enter_context(doubled(3))
        stack.enter_context(Scope(1))
        return x * factor


@doubled(3)
def decorated(x):
    return x * 2


def forked(x):
    with rg.random.fork_rng():
        first = rg.rand(3)
    return first + rg.rand(3) + x


def first_parameter(x):
    return next(LAYER.parameters()) * x


def own_iterators(x):
    numbers = iter([x, x * 2])
    pairs = itertools.cycle([1, 5])
    return next(numbers) + next(numbers) * next(pairs) + next(pairs)


def expression(x):
    return next(one for one in (x, x * 2) if one.dim()) + 1


def own_generator(x):
    def made():
        yield x * 2
        got = yield x * 3
        yield got

    generator = made()
    return next(generator) * next(generator) + generator.send(x)


def in_a_loop(x):
    numbers = itertools.count(1)
    while x.sum() < 40:
        x = x.abs() + next(numbers)
    return x


def changing_settings(x):
    with scaled(5.0):
        y = x * SETTINGS.scale
    return y + SETTINGS.scale


def outside_in_a_list(x):
    return x * next(SETTINGS.iterators[0])


def outside_made_an_iterator_again(x):
    return x * next(iter(SETTINGS.iterators[1]))


def outside_sent_to(x):
    return x * SETTINGS.iterators[2].send(None)


REPLAYED = [
    own_class, generated, around_a_mode, raising, stacked, decorated, forked, first_parameter,
    own_iterators, expression, own_generator, in_a_loop,
]  # fmt: skip
EAGER = [
    changing_settings, outside_in_a_list, outside_made_an_iterator_again, outside_sent_to
]  # fmt: skip


def run(called, compiled):
    rg.manual_seed(0)
    SETTINGS.iterators = [iter(range(100)), itertools.count(2), (k for k in range(3, 100))]
    said = []
    for number in range(6):
        if compiled and number == 3:
            lower_next(called)
        said.append(plain(called(rg.tensor([1.0, 0.5 * number, -1.0]))))
    said.append(plain([SETTINGS.scale, [next(one) for one in SETTINGS.iterators], rg.rand(1)]))
    return said


@pytest.mark.parametrize("function", [*REPLAYED, *EAGER], ids=lambda one: one.__name__)
def test_contexts_and_iterators(function):
    compiled = CompiledFunction(function)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        ours = run(compiled, True)
    assert ours == run(function, False)
    reasons = [segment.eager for segment in compiled.segments() if segment.eager]
    assert bool(reasons) == (function in EAGER), reasons
