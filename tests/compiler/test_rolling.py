"""Loops whose length depends on values: recorded once, replayed for any count, equal to eager."""

from __future__ import annotations

import sys
import threading
import warnings

import pytest

import retrograd as rg
from retrograd.compiler import CompiledFunction, rolling
from retrograd.compiler.bytecode import is_in_loop

from .loops import compare_loops, outcome
from .running import plain
from .test_programs import adaptive_ode


def agree(function, inputs, settled=2, most=None):
    """Call eager and compiled with all inputs, some rounds; nothing is recorded in the last.

    Parameters
    ----------
    function : callable
    inputs : list of callables
        Each returns fresh arguments.
    settled : int
        After how many rounds nothing new may be recorded.
    most : int, optional
        Of segments.

    Returns
    -------
    CompiledFunction
    """
    compiled = CompiledFunction(function)
    for turn in range(settled + 1):
        count = len(list(compiled.segments()))
        for given in inputs:
            mine, other = given(), given()
            assert plain(outcome(function, mine)) == plain(outcome(compiled, other))
            assert plain(mine) == plain(other)  # what was written into
        if turn == settled:
            assert len(list(compiled.segments())) == count
        elif turn == 0:
            rg.compiler.lower_next(compiled)
    assert not any(segment.eager for segment in compiled.segments()), compiled.graph
    if most is not None:
        assert len(list(compiled.segments())) <= most, compiled.graph
    return compiled


def loops(compiled):
    return [segment.loop for segment in compiled.segments() if segment.loop is not None]


def numbers(*values):
    return [lambda v=v: (rg.tensor(v),) for v in values]


STARTS = ([1.0, 2.0], [30.0, 0.5], [1e6, 3.0], [0.1, 0.2], [7.0, 7.0], [1e4, 1.0], [1.0, 1e8])


def newton(x):
    while (x * x - 2).abs().max() > 1e-5:
        x = x - (x * x - 2) / (2 * x)
    return x


def test_one_loop_of_any_count():
    compiled = agree(newton, numbers(*STARTS), settled=1, most=4)
    (loop,) = loops(compiled)
    assert len(loop.moves) == 1
    text = str(compiled.graph)
    assert "then as at the end of 'after bool is True'" in text
    assert rg.compiler.explain(compiled).loops == 1


def test_the_exit_is_recorded_in_the_call_that_sees_it():
    compiled = CompiledFunction(newton)
    compiled(rg.tensor([30.0]))
    count = len(list(compiled.segments()))
    compiled(rg.tensor([3e7]))
    compiled(rg.tensor([30.0]))
    assert len(list(compiled.segments())) == count == 4


def test_many_turns():
    def count_down(x):
        while x > 0:
            x = x - 1
        return x

    compiled = CompiledFunction(count_down)
    for start in (5.0, 3.0, 20_000.0):
        assert compiled(rg.tensor(start)).item() == 0
    assert len(list(compiled.segments())) == 4


def collatz(x):
    steps = rg.zeros(())
    while x != 1:
        if x % 2 == 0:
            x = x // 2
        else:
            x = 3 * x + 1
        steps = steps + 1
    return steps


def test_branches_in_a_loop():
    agree(collatz, numbers(*range(1, 28)), settled=1, most=13)


def nested(t, u):
    while t.sum() > 1:
        v = u
        while v.sum() > 0.5:
            v = v * 0.7
        t = t * 0.9 - v
    return t, u


def test_nested_loops():
    inputs = [
        lambda a=a, b=b: (rg.tensor([a, 3.0]), rg.tensor([b, 1.0]))
        for a in (0.0, 5.0, 50.0) for b in (0.1, 0.5, 30.0)
    ]  # fmt: skip
    compiled = agree(nested, inputs, settled=1, most=16)
    assert len(loops(compiled)) >= 2


def adaptive(y, rate):
    t, h = rg.zeros(()), rg.tensor(0.5)
    while t < 1.0:
        whole = y - h * rate * y
        half = y - 0.5 * h * rate * y
        half = half - 0.5 * h * rate * half
        if (whole - half).abs().max() > 0.01 and h > 0.001:
            h = h / 2
            continue
        y = half
        t = t + h
        h = rg.minimum(h * 2, 1.0 - t)
    return y, t


def test_adaptive_steps():
    inputs = [lambda r=r: (rg.ones(3), rg.tensor(r)) for r in (0.1, 1.0, 4.0, 20.0, 60.0)]
    compiled = agree(adaptive, inputs)
    assert loops(compiled)
    assert len(list(compiled.segments())) < 40


def test_exits_by_break_return_and_exception():
    def search(x, limit):
        while True:
            x = x * 1.5
            if x.max() > limit:
                break
            if x.min() < -100:
                return -x
            if x.sum() == 0:
                raise ValueError("it does not grow")
        return x

    inputs = [
        lambda a=a, b=b: (rg.tensor([a, b]), rg.tensor(50.0))
        for a, b in ((1.0, 2.0), (0.01, 0.02), (-1.0, -2.0), (40.0, 0.0), (-3.0, 3.0), (-70.0, 9.0))
    ]
    compiled = agree(search, inputs, settled=2)
    assert loops(compiled)


def test_an_error_in_a_later_turn():
    def solve(a, b):
        while b.sum() > 0:
            b = rg.linalg.inv(a * b) @ a
            a = a - 1
            b = b - 0.5
        return b

    def given():
        return rg.tensor([[3.0, 0.0], [0.0, 8.0]]), rg.full((2, 2), 1.0) + rg.eye(2)

    agree(solve, [given])

    def shrink(x, table):
        total = rg.zeros(())
        while total < 100:
            total = total + table[x]
            x = x + 1
        return total

    tables = [rg.full((8,), v) for v in (50.0, 30.0, 14.0, 1.0)]
    inputs = [lambda t=t: (rg.tensor(0), t) for t in tables]
    compiled = agree(shrink, inputs)  # the last has eight elements and needs a hundred
    assert loops(compiled)


def test_an_error_after_writes_and_draws():
    kept = rg.zeros(8)

    def walk(x, table):
        total = rg.zeros(())
        while total < 100:
            total = total + table[x] + rg.rand(())
            kept.add_(total)
            x = x + 1
        return total

    tables = [rg.full((8,), v) for v in (50.0, 30.0, 14.0, 1.0, 30.0, 1.0)]
    compiled = CompiledFunction(walk)
    for turn in range(3):
        for table in tables:
            states = []
            for function in (walk, compiled):
                kept.zero_()
                rg.manual_seed(turn)
                found = outcome(function, (rg.tensor(0), table))
                states.append(plain([found, kept, rg.rand(2)]))
            assert states[0] == states[1]
        rg.compiler.lower_next(compiled)
    assert loops(compiled)
    assert not any(segment.eager for segment in compiled.segments())


def test_carried_tensors_that_are_written_into():
    def relax(x):
        y = x.clone()
        while y.max() > 1:
            y.mul_(0.5)
            y[0] += 0.01
        return y

    agree(relax, numbers(*STARTS), settled=1, most=5)

    def swap(x):
        a, b = x.clone(), x * 2
        while a.max() > 1:
            a.mul_(0.5)
            a, b = b, a
        return a, b

    compiled = agree(swap, numbers(*STARTS), settled=1)
    assert loops(compiled)


def test_views_of_what_is_carried():
    def shift(x):
        y = x * 1
        front = y[:1]
        while y.sum() > 1:
            y = y * 0.5
            front = y[:1]
            front.sub_(0.1)
        return y, front * 1

    agree(shift, numbers(*STARTS), settled=1, most=5)

    def follow(x):
        y = x * 1
        view = y[0]
        other = view * 1
        while y.sum() > 1:
            y.mul_(0.5)
            view, other = other, view  # now a view of y, now of nothing
            view.sub_(0.125)
        return y * 1

    agree(follow, numbers(*STARTS))


def test_random_draws_go_on_as_eagers_would():
    def walk(x):
        while x.abs().max() < 5:
            x = x + rg.randn(2)
        return x

    compiled = CompiledFunction(walk)
    rg.manual_seed(3)
    eager = [plain(walk(rg.zeros(2))) for _ in range(30)]
    after = plain(rg.rand(3))
    rg.manual_seed(3)
    ours = [plain(compiled(rg.zeros(2))) for _ in range(30)]
    assert ours == eager
    assert plain(rg.rand(3)) == after
    assert len(list(compiled.segments())) <= 4


def test_numbers_that_were_read_are_carried():
    def bisect(x):
        low, high = 0.0, x.max().item()
        middle = high / 2
        while high - low > 1e-3:
            middle = (low + high) / 2
            if (x * middle).sum().item() > 1.0:
                high = middle * 1.0
            else:
                low = middle * 1.0
        return middle, x * middle

    compiled = agree(bisect, numbers([0.1, 3.0], [0.5, 40.0], [0.2, 0.1], [1.0, 900.0]))
    assert loops(compiled)


def test_loops_in_functions_methods_and_modules():
    def small(t):
        return t.abs().max() < 0.01

    class Shrinker(rg.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("rate", rg.tensor(0.8))

        def step(self, x):
            return x * self.rate

        def forward(self, x):
            while not small(x):
                x = self.step(x)
            return x

    module = Shrinker()

    def outer(x):
        with rg.no_grad():
            y = module(x) + 1
            while (y > 0.5).any():
                y = module.step(y)
        return y

    agree(module, numbers(*STARTS), settled=1, most=5)
    agree(outer, numbers(*STARTS), settled=1, most=9)


def test_a_loop_inside_a_for():
    def rows(x):
        found = []
        for row in x:
            while row.sum() > 1:
                row = row / 2
            found.append(row)
        return found

    tables = [[[4.0, 1.0], [30.0, 2.0]], [[0.0, 0.0], [90.0, 2.0]], [[9.0, 9.0], [0.1, 0.1]]]
    compiled = agree(rows, numbers(*tables))
    assert loops(compiled)


def test_an_iterator_gives_what_it_held_before_the_loop():
    import itertools

    def twice(x):
        total = rg.zeros(2)
        for row in itertools.chain([x * 1], [x * 2], [x * 1]):
            while row.sum() > 1:
                row = row / 2
            total = total + row
        return total

    agree(twice, numbers(*STARTS))

    def again(x):
        values = [x * 1, x * 3]
        total = rg.zeros(2)
        for row in values + values:
            while row.sum() > 1:
                row = row / 2
            total = total + row
        return total

    agree(again, numbers(*STARTS))


def test_what_callers_hold_is_left_alone():
    def settle(t):
        while t.sum() > 1:
            t = t / 2
        return t

    def first(pair):
        pair[0] = settle(pair[0])
        return pair[0]

    def added(x):
        return (x * 2) + settle(x * 2) * max([x * 1.5], key=lambda t: settle(t).sum().item())[0]

    agree(added, numbers(*STARTS))
    agree(lambda x: first([x * 2]), numbers(*STARTS))
    agree(lambda x: [settle(t) for t in (x, x * 2, x * 3)], numbers(*STARTS))
    agree(lambda x: list(map(settle, (x, x * 2, x * 3))), numbers(*STARTS))
    agree(lambda x: sorted((x * 1, x * 2), key=lambda t: settle(t).sum().item()), numbers(*STARTS))


def test_containers_and_objects_of_the_call_are_carried():
    class Pair:
        def __init__(self, left, right):
            self.left = left
            self.right = right

    def turn(x):
        pair = Pair(x * 1, {"a": [x * 2, 1]})
        while pair.left.sum() > 1:
            pair = Pair(pair.right["a"][0] / 4, {"a": [pair.left, 1]})
        return pair.left, pair.right["a"][0]

    compiled = agree(turn, numbers(*STARTS))
    assert loops(compiled)


def test_a_growing_list_is_not_rolled():
    def trace(x):
        seen = []
        while x.sum() > 1:
            x = x / 2
            seen.append(x)
        return seen

    compiled = agree(trace, numbers([3.0], [20.0], [0.5]))
    assert not loops(compiled)


def test_numbers_of_python_are_carried():
    def count(x):
        steps = 0
        while x.sum() > 1 and steps < 50:
            x = x / 2
            steps += 1
            if steps % 10 == 0:
                x = x + 0.1
        return x, steps

    values = (3.0, 20.0, 0.5, 1e3, 5e5, 1e10, 1e30, 7.0)
    compiled = agree(count, numbers(*values), most=10)
    assert loops(compiled)

    rates = (0.1, 1.0, 4.0, 20.0, 60.0, 9.0, 30.0)
    inputs = [lambda r=r: (rg.ones(3), rg.tensor(r)) for r in rates]
    compiled = agree(adaptive_ode, inputs, most=40)
    assert loops(compiled)


def test_numbers_that_are_used_for_more_are_not_carried():
    def count(x):
        steps = 0
        while x.sum() > 1:
            x = x / 2 + rg.full((2,), steps / 100)[steps % 2]
            steps += 1
            if steps > 4:
                break
        return x, steps

    compiled = agree(count, numbers([3.0], [20.0], [0.5], [1000.0], [500.0]))
    assert not loops(compiled)

    def typed(x):
        steps = 0
        while x.sum() > 1 and steps < 5:
            x = x / 2
            steps += 1
        return x, type(steps) is int

    compiled = agree(typed, numbers([3.0], [20.0], [0.5], [1000.0], [500.0]))
    assert not loops(compiled)


def test_effects_in_a_loop_are_not_dropped():
    seen = []

    def noting(x):
        while x.sum() > 1:
            x = x / 2
            seen.append(len(seen))
        return x

    compiled = CompiledFunction(noting)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for value in (3.0, 20.0, 3.0, 50.0):
            seen.clear()
            eager = plain(noting(rg.tensor(value)))
            count = list(seen)
            seen.clear()
            assert plain(compiled(rg.tensor(value))) == eager
            assert seen == count


def test_which_of_two_tensors_is_which_matters():
    """The same tensor twice in one turn, two tensors in the next."""

    def split(x):
        a = b = x * 1
        while a.sum() > 1:
            if a is b:
                b = a * 0.25
            a = a / 2
            a, b = b, a
        return a + b

    agree(split, numbers(*STARTS))


@pytest.mark.parametrize("kind", ["SGD", "momentum", "Adam", "LBFGS"])
def test_training_until_the_loss_is_small(kind):
    """Gradients and steps of an optimizer inside the loop: nothing of the graph stays."""
    x = rg.randn(8, 3, generator=rg.Generator().manual_seed(1))
    results = []
    for compiling in (False, True):
        rg.manual_seed(0)
        model = rg.nn.Linear(3, 1)
        optimizer = {
            "SGD": lambda p: rg.optim.SGD(p, lr=0.05),
            "momentum": lambda p: rg.optim.SGD(p, lr=0.02, momentum=0.5),
            "Adam": lambda p: rg.optim.Adam(p, lr=0.1),
            "LBFGS": lambda p: rg.optim.LBFGS(p, lr=0.1, max_iter=2),
        }[kind](model.parameters())

        def fit(target, bound, model=model, optimizer=optimizer):
            def closure():
                optimizer.zero_grad()
                loss = rg.nn.functional.mse_loss(model(x), target)
                loss.backward()
                return loss

            loss = rg.nn.functional.mse_loss(model(x), target)
            while loss > bound:
                if kind == "LBFGS":
                    optimizer.step(closure)
                else:
                    closure()
                    optimizer.step()
                loss = rg.nn.functional.mse_loss(model(x), target)
            return loss.detach()

        function = CompiledFunction(fit) if compiling else fit
        found = []
        ways = ((1.0, 0.5), (2.0, 0.1), (-1.0, 0.01), (3.0, 0.2), (1.0, 0.005))
        for scale, bound in ways[: 2 if kind == "LBFGS" else 5]:
            target = scale * x.sum(1, keepdim=True)
            found.append(plain([function(target, rg.tensor(bound)), *model.parameters()]))
        results.append(found)
    assert results[0] == results[1]
    if kind == "LBFGS":
        assert not loops(function)
    else:
        assert loops(function)
        assert len(list(function.segments())) < 14


def test_threads():
    compiled = CompiledFunction(newton)
    wrong = []
    chosen = STARTS[:-2]

    def check():
        for start in [*chosen, *chosen]:
            if plain(compiled(rg.tensor(start))) != plain(newton(rg.tensor(start))):
                wrong.append(start)

    threads = [threading.Thread(target=check) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert not wrong


@pytest.mark.parametrize("block", range(5))
def test_random_loops(block):
    for seed in range(block * 5, block * 5 + 5):
        difference, text, _ = compare_loops(seed)
        assert not difference, f"{text}\nseed {seed}: {difference}"


def test_a_place_in_a_loop_is_told_from_the_bytes():
    seen = []

    def look(turn):
        seen.append(is_in_loop(sys._getframe(1)))
        return turn

    def straight():
        look(0)
        for _ in range(0):
            pass
        padding = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19]
        padding[0], padding[1], padding[2] = padding[3], padding[4], padding[5]
        look(0)

    def looping():
        turn = 0
        while look(turn) < 1:
            for other in (look(1), look(1)):
                if other > 1:
                    look(1)
            turn += 1

    straight()
    assert not any(seen)
    seen.clear()
    looping()
    assert len(seen) == 4 and all(seen[1:])  # Python 3.10 asks first before the loop


def test_a_look_outside_of_loops_describes_nothing(monkeypatch):
    made = []
    real = rolling.State
    monkeypatch.setattr(rolling, "State", lambda *given: made.append(1) or real(*given))

    def straight(x):
        return x * 2 if x.sum() > 1 else x

    def looping(x):
        while x.sum() < 10:
            x = x * 2
        return x

    for function in (straight, looping):
        rg.compile(function)(rg.ones(3))
        assert bool(made) == (function is looping)
