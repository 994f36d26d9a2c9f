"""Loops whose tensors carry gradient history, and the backward after them.

Recorded once, replayed for any count, equal to eager bit for bit.
"""

from __future__ import annotations

import warnings

import pytest

import retrograd as rg
from retrograd.compiler import CompiledFunction

from .loops import outcome
from .running import plain


class Twin:
    """The same program eager and compiled, each with its own parameters, and what can be seen."""

    def __init__(self, make, fuses=False):
        self.spaces = []
        for _ in range(2):
            rg.manual_seed(5)
            self.spaces.append(make())
        self.eager = self.spaces[0]["step"]
        self.compiled = CompiledFunction(self.spaces[1]["step"], fuses=fuses)

    def call(self, *given):
        """Call both; compare results, parameters, `.grad`, optimizer state, draws."""
        found = []
        for space, function in zip(self.spaces, (self.eager, self.compiled), strict=True):
            rg.manual_seed(3)
            args = [rg.tensor(one) for one in given]
            for one, wants in zip(args, space.get("wants", ()), strict=False):
                one.requires_grad_(wants)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of hooks
                result = outcome(function, args)
            values = [*space["parameters"], *args, *space.get("kept", ())]
            found.append(plain([
                result, values, [one.grad for one in values], rg.rand(1),
                [one._version for one in values],
                space["optimizer"].state_dict() if "optimizer" in space else None,
            ]))  # fmt: skip
        assert found[0] == found[1]

    def count(self):
        return len(list(self.compiled.segments()))

    def rolled(self):
        """Return how many turns of loops with history there are among the segments."""
        return sum(bool(segment.pushes) for segment in self.compiled.segments())


def settle(make, calls, rolled=1, lower=True):
    """Compare all calls, some rounds; a loop with history is rolled, and nothing is new then."""
    twin = Twin(make)
    for turn in range(4):
        before = twin.count()
        for given in calls:
            twin.call(*given)
        if turn == 1 and lower:
            rg.compiler.lower_next(twin.compiled)
    assert twin.count() == before
    assert twin.rolled() == rolled, twin.compiled.graph
    assert not any(segment.eager for segment in twin.compiled.segments()), twin.compiled.graph
    return twin


def growing(limit_first=False):
    w = rg.nn.Parameter(rg.tensor([1.1, 1.2, 1.3]))
    optimizer = rg.optim.SGD([w], lr=1e-9, momentum=0.9)

    def step(x, limit):
        optimizer.zero_grad()
        while x.sum() < limit:
            x = x * w
        loss = (x * w).mean()
        loss.backward()
        optimizer.step()
        return loss

    return {"step": step, "parameters": [w], "optimizer": optimizer}


LIMITS = [(([1.0, 1.0, 1.0]), limit) for limit in (50.0, 1.0, 3.5, 4.5, 5.0, 1e3, 1e8, 1e20)]


def test_one_loop_and_a_step():
    twin = settle(growing, LIMITS)
    few = twin.count()
    for limit in (10.0, 7.0, 1e4, 1e15, 1e30):
        twin.call([1.0, 1.0, 1.0], limit)
    assert twin.count() == few


def test_five_hundred_turns():
    def make():
        w = rg.nn.Parameter(rg.tensor([0.99, 1.01]))

        def step(x, turns):
            w.grad = None
            while turns > 0:
                x = x * w
                turns = turns - 1
            (x * x).sum().backward()
            return x.detach()

        return {"step": step, "parameters": [w]}

    twin = settle(make, [([1.0, 2.0], float(k)) for k in (0, 1, 2, 3, 4, 10)])
    count = twin.count()
    twin.call([1.0, 2.0], 500.0)
    twin.call([1.0, 2.0], 77.0)
    assert twin.count() == count


def test_the_start_requires_grad_or_comes_from_parameters():
    def leaf():
        def step(x, limit):
            while x.sum() < limit:
                x = x * 1.5 + 0.125
            loss = x.mean()
            if loss.requires_grad:
                loss.backward()
            return x.detach()

        return {"step": step, "parameters": [], "wants": [True]}

    settle(leaf, LIMITS)

    def parameter():
        w = rg.nn.Parameter(rg.tensor([1.5, 1.25, 1.125]))
        b = rg.nn.Parameter(rg.tensor([0.25, 0.0, 0.5]))

        def step(x, limit):
            x = (x * w + b).abs()
            while x.sum() < limit:
                x = x * w + b
            x.mean().backward()
            return x.detach()

        return {"step": step, "parameters": [w, b]}

    settle(parameter, LIMITS, rolled=2)  # one before there is a .grad, one after


def rnn(cell_of, optimizer_of, state_of, stop):
    def make():
        cell = cell_of()
        head = rg.nn.Linear(5, 2)
        parameters = [*cell.parameters(), *head.parameters()]
        optimizer = optimizer_of(parameters)
        sequence = rg.randn(3)

        def step(x, limit):
            optimizer.zero_grad()
            state = state_of(x)
            turns = 0
            seen = rg.zeros(())
            while not stop(state, seen, limit):
                state = cell(x + sequence, state)
                seen = seen + 1
                turns += 1
            h = state if isinstance(state, rg.Tensor) else state[0]
            loss = (head(h) - 1).pow(2).mean()
            loss.backward()
            optimizer.step()
            return loss, turns

        return {"step": step, "parameters": parameters, "optimizer": optimizer}

    return make


ROWS = [[0.5, -1.0, 0.25], [1.0, 0.5, -2.0]]
COUNTS = [(ROWS, float(k)) for k in (2, 0, 1, 3, 4, 10, 30, 5)]


def by_count(state, seen, limit):
    return bool(seen >= limit)


def test_rnn_cells():
    settle(
        rnn(
            lambda: rg.nn.RNNCell(3, 5), lambda p: rg.optim.SGD(p, lr=0.01),
            lambda x: rg.zeros(2, 5), by_count,
        ),
        COUNTS,
    )  # fmt: skip
    settle(
        rnn(
            lambda: rg.nn.LSTMCell(3, 5), lambda p: rg.optim.Adam(p, lr=0.01),
            lambda x: (rg.zeros(2, 5), x.sum() * rg.ones(2, 5)), by_count,
        ),
        COUNTS,
    )  # fmt: skip
    settle(
        rnn(
            lambda: rg.nn.GRUCell(3, 5), lambda p: rg.optim.SGD(p, lr=0.01, momentum=0.9),
            lambda x: rg.ones(2, 5), lambda state, seen, limit: bool(state.sum() + seen > limit),
        ),
        COUNTS,
    )  # fmt: skip


def test_losses_summed_in_the_loop():
    at_end = True

    def make():
        cell = rg.nn.RNNCell(3, 5)
        out = rg.nn.Linear(5, 3)
        parameters = [*cell.parameters(), *out.parameters()]
        optimizer = rg.optim.SGD(parameters, lr=0.01)

        def step(x, limit):
            optimizer.zero_grad()
            h = rg.zeros(2, 5)
            total = rg.zeros(())
            seen = rg.zeros(())
            while seen < limit:
                h = cell(x, h)
                total = total + ((out(h) - x) ** 2).mean()
                seen = seen + 1
            if at_end:
                total = total + (h * 0.1).sum()
            if total.requires_grad:
                total.backward()
                optimizer.step()
            return total

        return {"step": step, "parameters": parameters, "optimizer": optimizer}

    settle(make, COUNTS)
    at_end = False
    settle(make, COUNTS)


def test_parameters_that_have_no_gradient_where_there_is_no_turn():
    def make():
        cell = rg.nn.RNNCell(3, 5)
        head = rg.nn.Linear(5, 2)
        parameters = [*cell.parameters(), *head.parameters()]
        optimizer = rg.optim.SGD(parameters, lr=0.01)

        def step(x, limit):
            optimizer.zero_grad()
            h = rg.zeros(2, 5)
            turns = rg.zeros(())
            while turns < limit:
                h = cell(x, h)
                turns = turns + 1
            loss = head(h).pow(2).mean()
            loss.backward()
            optimizer.step()
            return loss.detach()

        return {"step": step, "parameters": parameters, "optimizer": optimizer}

    twin = Twin(make)
    for given in COUNTS * 4:
        twin.call(*given)
    count = twin.count()
    for given in COUNTS:
        twin.call(*given)
    assert twin.count() == count
    assert twin.rolled()


def test_attributes_lists_and_dropout():
    class Walker(rg.nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = rg.nn.Linear(3, 3)
            self.drop = rg.nn.Dropout(0.25)

        def turn(self, h):
            return rg.tanh(self.inner(self.drop(h[0])) + h[1])

        def forward(self, x, limit):
            h = [x, self.inner(x)]
            while h[1].abs().sum() > limit:
                h = [self.turn(h), h[1] * 0.5]
            return h

    def make():
        module = Walker()
        optimizer = rg.optim.AdamW(module.parameters(), lr=1e-3)

        def step(x, limit):
            first, second = module(x, limit)
            loss = first.sum() + second.sum()
            loss.backward()
            rg.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            optimizer.step()
            optimizer.zero_grad()
            return loss

        return {"step": step, "parameters": list(module.parameters()), "optimizer": optimizer}

    settle(make, [(ROWS, limit) for limit in (1.0, 100.0, 0.5, 0.01, 1e-5, 0.25)])


def falls_back(make, calls, eager=False):
    """Compare all calls of a program that must not be rolled."""
    twin = Twin(make)
    for turn in range(3):
        for given in calls:
            twin.call(*given)
        if turn == 1:
            rg.compiler.lower_next(twin.compiled)
    assert twin.rolled() == 0, twin.compiled.graph
    assert any(segment.eager for segment in twin.compiled.segments()) == eager
    return twin


FEW = [([1.0, 1.0, 1.0], limit) for limit in (50.0, 3.5, 4.5, 5.0, 1e3)]


def program(turn, end, most=1e9, **more):
    """Return what makes a step: a loop with `turn(x, w)`, then `end(x, w)`."""

    def make():
        w = rg.nn.Parameter(rg.tensor([1.5, 1.25, 1.125]))

        def step(x, limit):
            x = x * w
            while x.sum() < limit:
                x = turn(x, w)
            return end(x, w)

        return {"step": step, "parameters": [w], **more}

    return make


def scaled(x, w):
    return x * w


def lossy(x, w):
    loss = (x * x).sum()
    loss.backward()
    return loss


def test_not_rolled_where_the_program_reads_the_graph():
    def depth(x, w):
        node, count = x.grad_fn, 0
        while node is not None:
            node, count = node.next_functions[0][0], count + 1
        x.sum().backward()
        return count

    falls_back(program(scaled, depth), FEW)

    def named(x, w):
        return x * w if x.grad_fn.name() == "MulBackward0" else x

    falls_back(program(named, lossy), FEW)


def test_not_rolled_where_the_history_is_given_out():
    falls_back(program(scaled, lambda x, w: x), FEW)
    falls_back(program(scaled, lambda x, w: (x * w).sum()), FEW)
    falls_back(program(scaled, lambda x, w: rg.autograd.grad(x.sum(), [w])[0]), FEW)

    def kept(x, w):
        x.sum().backward(retain_graph=True)
        return x * 2

    falls_back(program(scaled, kept), FEW)


def test_not_rolled_where_a_backward_is_recorded_itself():
    def twice(x, w):
        (slope,) = rg.autograd.grad((x * x).sum(), [w], create_graph=True)
        slope.sum().backward()
        return slope.detach()

    falls_back(program(scaled, twice), FEW)

    def recorded(x, w):
        (x * x).sum().backward(create_graph=True)
        return w.grad.detach()

    twin = Twin(program(scaled, recorded))
    for given in FEW:
        twin.call(*given)
        for space in twin.spaces:
            space["parameters"][0].grad = None
    assert twin.rolled() == 0


def test_not_rolled_with_hooks_and_functions_of_the_program():
    def hooked(x, w):
        x = x * w
        x.register_hook(lambda g: g * 0.5)
        return x

    twin = Twin(program(hooked, lossy))
    for given in FEW * 2:
        twin.call(*given)
    assert twin.rolled() == 0

    class Doubled(rg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2

    twin = Twin(program(lambda x, w: Doubled.apply(x * w), lossy))
    for given in FEW * 2:
        twin.call(*given)
    assert twin.rolled() == 0

    def last(x, w):
        x = x * w
        x.register_hook(lambda g: g * 0.5)
        return lossy(x, w)

    twin = Twin(program(scaled, last))
    for given in FEW * 2:
        twin.call(*given)
    assert twin.rolled() == 0


def test_not_rolled_where_turns_differ_in_python():
    def make():
        w = rg.nn.Parameter(rg.tensor([1.5, 1.25, 1.125]))

        def step(x, limit):
            turn = 0
            while x.sum() < limit:
                x = x * w if turn % 2 else x + w
                turn += 1
            x = x * w
            return lossy(x, w)

        return {"step": step, "parameters": [w]}

    twin = Twin(make)
    for given in FEW * 3:
        twin.call(*given)

    def fibonacci():
        w = rg.nn.Parameter(rg.tensor([1.5, 1.25, 1.125]))

        def step(x, limit):
            before = x
            while x.sum() < limit:
                before, x = x, before + x * w
            return lossy(x * before * w, w)

        return {"step": step, "parameters": [w]}

    twin = Twin(fibonacci)
    for given in FEW * 3:
        twin.call(*given)
    assert twin.rolled() == 0


def test_errors_of_values_that_were_written_into():
    def make():
        w = rg.nn.Parameter(rg.tensor([1.5, 1.25, 1.125]))

        def step(x, limit):
            x = x * w
            while x.sum() < limit:
                x = x * w
                with rg.no_grad():
                    w.mul_(1.001)
            return lossy(x, w)

        return {"step": step, "parameters": [w]}

    twin = Twin(make)
    for given in FEW * 3:
        twin.call(*given)


def test_carried_tensors_that_are_written_into():
    def written(x, w):
        x = x * 1.25
        x.add_(w)
        return x

    settle(program(written, lossy), FEW, rolled=2)
    twin = Twin(program(lambda x, w: x.mul_(1.5), lossy))
    for given in FEW * 3:
        twin.call(*given)


def test_two_backwards_and_two_loops():
    def both(x, w):
        y = x * w
        (y * 2).sum().backward(retain_graph=True)
        loss = (y * x).sum()
        loss.backward()
        return loss

    settle(program(scaled, both), FEW, rolled=2)

    def make():
        w = rg.nn.Parameter(rg.tensor([1.5, 1.25, 1.125]))

        def step(x, limit):
            y = x * 2
            w.grad = None
            while x.sum() < limit:
                x = x * w
            first = lossy(x * w, w)
            while y.sum() < limit:
                y = y * w + 0.5
            return first.detach(), lossy(y * w, w).detach()

        return {"step": step, "parameters": [w]}

    twin = Twin(make)
    for given in FEW * 3:
        twin.call(*given)
    count = twin.count()
    for limit in (30.0, 1e6):
        twin.call([1.0, 1.0, 1.0], limit)
    assert twin.count() <= count + 2

    def one_after_the_other():
        w = rg.nn.Parameter(rg.tensor([1.5, 1.25, 1.125]))

        def step(x, limit):
            while x.sum() < limit:
                x = x * w
            x = x + 1
            while x.sum() < limit * 10:
                x = x * w
            return lossy(x * w, w)

        return {"step": step, "parameters": [w]}

    twin = Twin(one_after_the_other)
    for given in FEW * 3:
        twin.call(*given)


def test_in_a_loop_of_training():
    def make():
        w = rg.nn.Parameter(rg.tensor([1.1, 1.2, 1.3]))
        optimizer = rg.optim.SGD([w], lr=1e-9)

        def step(start, limit):
            loss = rg.zeros(())
            epochs = rg.zeros(())
            while epochs < 4:
                optimizer.zero_grad()
                x = start
                while x.sum() < limit + epochs * 10:
                    x = x * w
                loss = (x * w).mean()
                loss.backward()
                optimizer.step()
                loss = loss.detach()
                epochs = epochs + 1
            return loss

        return {"step": step, "parameters": [w], "optimizer": optimizer}

    twin = Twin(make)
    for given in FEW * 3:
        twin.call(*given)
    count = twin.count()
    for limit in (20.0, 100.0, 300.0):
        twin.call([1.0, 1.0, 1.0], limit)
    assert twin.count() <= count + 4


def test_an_error_in_a_later_turn():
    def make():
        w = rg.nn.Parameter(rg.tensor([1.5, 1.25, 1.125]))
        kept = rg.zeros(3)
        table = rg.ones(9, 3)

        def step(x, limit):
            place = rg.tensor(0)
            while x.sum() < limit:
                x = x * w + table.index_select(0, place.reshape(1))[0] * rg.rand(())
                with rg.no_grad():
                    kept.add_(x)
                place = place + 1
            return lossy(x * w, w)

        return {"step": step, "parameters": [w], "kept": [kept]}

    twin = settle(make, [([1.0, 1.0, 1.0], limit) for limit in (9.0, 20.0, 1e30, 50.0)], rolled=2)
    twin.call([1.0, 1.0, 1.0], 35.0)


def test_a_new_way_in_a_later_turn_and_after_it():
    def make():
        w = rg.nn.Parameter(rg.tensor([1.5, 1.25, 1.125]))

        def step(x, limit):
            x = x * w
            while x.sum() < limit:
                x = x * w
                if x.sum() > 1e6:
                    break
            loss = (x * w).sum()
            if loss > 100:
                loss = loss.log()
            loss.backward()
            return loss.detach()

        return {"step": step, "parameters": [w]}

    twin = Twin(make)
    for limit in (20.0, 50.0, 4.0, 1e5, 1e9, 200.0) * 2:
        twin.call([1.0, 1.0, 1.0], limit)


def test_kernels():
    pytest.importorskip("numba")
    from retrograd.compiler import numba_backend

    w = rg.nn.Parameter(rg.randn(6, 6) * 0.4)

    def step(x, turns):
        w.grad = None
        while turns > 0:
            x = (x @ w).tanh() * 1.5 + 0.1
            turns = turns - 1
        loss = ((x @ w) ** 2).mean()
        loss.backward()
        return loss.detach()

    compiled = CompiledFunction(step, fuses=True)
    x = rg.randn(4, 6)
    for turn in range(6):
        for turns in (5.0, 3.0, 0.0, 1.0, 9.0, 2.0):
            found = [compiled(x, rg.tensor(turns)), w.grad]
            wanted = [step(x, rg.tensor(turns)), w.grad]
            for one, other in zip(found, wanted, strict=True):
                assert rg.allclose(one, other, rtol=1e-4, atol=1e-6)
        if turn == 1:
            rg.compiler.lower_next(compiled)
        numba_backend.finish()
    assert any(segment.pushes for segment in compiled.segments())
    assert any(segment.kernels for segment in compiled.segments())
