"""What a function does beside tensors: compiled it does the same; one warning names the line."""

from __future__ import annotations

import collections
import contextlib
import datetime
import heapq
import itertools
import json
import logging
import random
import re
import statistics
import sys
import time
import warnings
from decimal import Decimal

import numpy as np
import pytest

import retrograd as rg
from retrograd.compiler import CompiledFunction

COUNTER = 0


class Holder:
    """A plain object."""

    def __init__(self):
        self.count = 0
        self.items = []
        self.table = {}
        self.last = None


def check(make, see, wanted="", calls=4):
    """Call the function of ``make()`` eagerly and compiled; `see` shows what it left behind.

    `wanted` is in the one warning, which names a line of this file.
    """
    function, state = make()
    eager = [(function(rg.full((3,), float(k))).tolist(), see(state)) for k in range(calls)]
    function, state = make()
    compiled = CompiledFunction(function)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        ours = [(compiled(rg.full((3,), float(k))).tolist(), see(state)) for k in range(calls)]
    assert ours == eager
    assert len(caught) == 1, [str(one.message) for one in caught]
    text = str(caught[0].message)
    assert wanted in text, text
    assert re.search(r"runs eagerly from there on: .*test_effects\.py:\d+", text), text
    assert any(segment.eager for segment in compiled.segments())


def allowed(function, calls=4):
    """Check that a function is replayed, and gives what it gives eagerly."""
    compiled = CompiledFunction(function)
    for k in range(calls):
        x = rg.full((3,), float(k))
        assert compiled(x).tolist() == function(x).tolist()
    assert not any(segment.eager for segment in compiled.segments()), compiled.source


def plain_state(state):
    """Return a state's contents, tensors as lists."""
    if isinstance(state, Holder):
        return plain_state(vars(state))
    if isinstance(state, dict):
        return {key: plain_state(value) for key, value in state.items()}
    if isinstance(state, (list, tuple, collections.deque)):
        return [plain_state(one) for one in state]
    if isinstance(state, set):
        return sorted(state)
    if isinstance(state, np.ndarray):
        return state.tolist()
    assert isinstance(state, (rg.Tensor, int, float, str, type(None))), type(state)
    return state.tolist() if isinstance(state, rg.Tensor) else state


def with_state(body, start):
    """Return a `make` for `check` from ``body(x, state)``."""

    def make():
        state = start()

        def function(x):
            return body(x, state)

        return function, state

    return make


def appends(x, log):
    log.append(x.sum())
    return x * 2


def appends_number(x, log):
    log.append(x.sum().item())
    return x * 2


def adds_to_list(x, log):
    log += [1]
    return x * 2


def writes_dict(x, table):
    table["sum"] = x.sum()
    return x * 2


def writes_dict_number(x, table):
    table["sum"] = x.sum().item()
    return x * 2


def updates_dict(x, table):
    table.update(count=len(table) + 1)
    return x * 2


def merges_dict(x, table):
    table |= {str(len(table)): 1}
    return x * 2


def adds_to_set(x, seen):
    seen.add(len(seen))
    return x * 2


def merges_set(x, seen):
    seen |= {len(seen)}
    return x * 2


def pushes(x, queue):
    queue.append(1)
    return x * 2


def writes_array(x, array):
    array[0] = 5.0
    return x * 2


def adds_to_array(x, array):
    array += 1
    return x * 2


def sets_attribute(x, holder):
    holder.last = x.sum()
    return x * 2


def counts_attribute(x, holder):
    holder.count += 1
    return x * 2


def extends_attribute(x, holder):
    holder.items += [x.sum().item()]
    return x * 2


def writes_item_of_attribute(x, holder):
    holder.table["n"] = holder.table.get("n", 0) + 1
    return x * 2


def deletes(x, table):
    table["a"] = 1
    del table["a"]
    table["b"] = 2
    return x * 2


def changes_through_alias(x, holder):
    items = holder.items
    items.append(3)
    return x * 2


def sets_by_function(x, holder):
    setattr(holder, "last", 4)  # noqa: B010
    return x * 2


def sets_through_dict(x, holder):
    holder.__dict__["last"] = holder.__dict__["count"]
    holder.__dict__["count"] = 7
    return x * 2


def changes_in_helper(x, log):
    def helper(y):
        log.append(1)
        return y + 1

    return helper(x)


def changes_nested(x, log):
    log[0].append(2)
    return x * 2


CHANGES = [
    (appends, list), (appends_number, list), (adds_to_list, list), (writes_dict, dict),
    (writes_dict_number, dict), (updates_dict, dict), (merges_dict, dict), (adds_to_set, set),
    (merges_set, set), (pushes, collections.deque), (writes_array, lambda: np.zeros(2)),
    (adds_to_array, lambda: np.zeros(2)), (sets_attribute, Holder), (counts_attribute, Holder),
    (extends_attribute, Holder), (writes_item_of_attribute, Holder), (deletes, dict),
    (changes_through_alias, Holder), (sets_by_function, Holder), (sets_through_dict, Holder),
    (changes_in_helper, list), (changes_nested, lambda: [[]]),
]  # fmt: skip


@pytest.mark.parametrize(("body", "start"), CHANGES, ids=lambda one: getattr(one, "__name__", ""))
def test_changes_to_what_was_there_before(body, start):
    check(with_state(body, start), plain_state)


def test_global():
    def make():
        global COUNTER
        COUNTER = 0

        def function(x):
            global COUNTER
            COUNTER = COUNTER + 1
            return x * COUNTER

        return function, None

    check(make, lambda _: COUNTER, "the global COUNTER is assigned")


def test_nonlocal():
    def make():
        count = 0

        def function(x):
            nonlocal count
            count += 1
            return x * count

        return function, lambda: count

    check(make, lambda state: state(), "the variable count of an outer function is assigned")


def test_print(capsys):
    def make():
        def function(x):
            y = x * 2
            print("sum", y.sum().item())
            return y

        return function, None

    check(make, lambda _: capsys.readouterr().out, "print() is called")


def test_print_in_a_helper(capsys):
    def helper(y):
        print(float(y.sum()))
        return y + 1

    def make():
        return (lambda x: helper(x) * 2), None

    check(make, lambda _: capsys.readouterr().out, "in helper")


def test_logging(caplog):
    caplog.set_level(logging.INFO)

    def make():
        caplog.clear()

        def function(x):
            logging.getLogger("test").info("sum %s", x.sum().item())
            return x * 2

        return function, None

    check(make, lambda _: len(caplog.records))


@pytest.mark.parametrize(
    "clock",
    [time.time, time.perf_counter, datetime.datetime.now, random.random,
     lambda: random.randint(0, 9), np.random.rand, lambda: np.random.default_rng().random()],
    ids=["time", "perf_counter", "now", "random", "randint", "np.random", "default_rng"],
)  # fmt: skip
def test_clocks_and_random_numbers(clock):
    compiled = CompiledFunction(lambda x: (x * 2, str(clock())))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = {compiled(rg.ones(2))[1] for _ in range(20)}
    assert len(found) > 1
    assert len(caught) == 1


@pytest.mark.parametrize(
    "make_iterator",
    [lambda: iter([1.0, 2.0, 3.0, 4.0]), lambda: itertools.count(1),
     lambda: (float(k) for k in range(9)), lambda: zip([1.0, 2.0, 3.0, 4.0], range(4), strict=True),
     lambda: enumerate("abcdefgh")],
    ids=["list", "count", "generator", "zip", "enumerate"],
)  # fmt: skip
@pytest.mark.parametrize("way", ["next", "for", "list"])
def test_iterators_are_consumed(make_iterator, way):
    def make():
        iterator = make_iterator()

        def function(x):
            if way == "next":
                one = next(iterator)
            elif way == "for":
                for one in iterator:  # noqa: B007
                    break
            else:
                (one,) = list(itertools.islice(iterator, 1))
            return x * (one if isinstance(one, (int, float)) else one[0])

        return function, None

    check(make, lambda _: None)


def test_iterator_attribute():
    holder = Holder()

    def make():
        holder.last = iter([1.0, 2.0, 3.0, 4.0])

        def function(x):
            for one in holder.last:
                return x * one

        return function, None

    check(make, lambda _: None)


def test_iterator_argument():
    compiled = CompiledFunction(lambda x, numbers: x * sum(itertools.islice(numbers, 2)))
    numbers = iter(range(1, 7))
    with pytest.warns(UserWarning, match="numbers is an iterator from outside the function"):
        found = [compiled(rg.ones(1), numbers).item() for _ in range(3)]
    assert found == [3, 7, 11]


def test_module_counters_and_modes():
    class Counting(rg.nn.Module):
        def __init__(self):
            super().__init__()
            self.calls = 0

        def forward(self, x):
            self.calls += 1
            return x * self.calls

    def make():
        model = Counting()
        return model, model

    check(make, lambda model: model.calls, "Counting from outside the function")


@pytest.mark.parametrize("way", ["train", "eval", "requires_grad_", "register", "data"])
def test_changes_to_modules(way):
    def make():
        model = rg.nn.Linear(3, 3)
        for p in model.parameters():
            rg.nn.init.constant_(p, 0.5)

        def function(x):
            if way == "train":
                model.train(not model.training)
            elif way == "eval":
                model.eval()
            elif way == "requires_grad_":
                model.weight.requires_grad_(not model.weight.requires_grad)
            elif way == "register":
                model.register_forward_hook(lambda module, args, out: out + 1)
            else:
                model.weight.data = model.weight.data * 2
            return model(x)

        return function, model

    check(make, lambda model: (model.training, model.weight.requires_grad,
                               model.weight.tolist(), len(model._forward_hooks)))  # fmt: skip


def test_hooks_of_tensors():
    seen = []

    def make():
        seen.clear()

        def function(x):
            w = rg.ones(3, requires_grad=True)
            y = w * x
            y.register_hook(lambda g: seen.append(g.sum().item()))
            y.sum().backward()
            return w.grad

        return function, None

    check(make, lambda _: list(seen), "append() is called on a list from outside")


def test_hook_on_a_result_runs_once_each_backward():
    seen = []

    def function(x):
        y = x * 2
        y.register_hook(lambda g: seen.append(1))
        return y

    compiled = CompiledFunction(function)
    for _ in range(3):
        compiled(rg.ones(2, requires_grad=True)).sum().backward()
    assert seen == [1, 1, 1]
    assert "a hook is left" in next(iter(compiled.segments())).eager


def test_modes_left_changed():
    def make():
        rg.set_grad_enabled(True)

        def function(x):
            rg.set_grad_enabled(False)
            return x * 2

        return function, None

    try:
        compiled = CompiledFunction(make()[0])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for _ in range(3):
                rg.set_grad_enabled(True)
                compiled(rg.ones(2))
                assert not rg.is_grad_enabled()
    finally:
        rg.set_grad_enabled(True)


def test_exception_caught_inside():
    def function(x):
        try:
            return rg.linalg.inv(x)
        except RuntimeError:
            return x * 0

    rg.linalg.inv(rg.eye(2))  # loads what it needs
    compiled = CompiledFunction(function)
    for x in (rg.zeros(2, 2), rg.eye(2), rg.eye(2) * 2, rg.zeros(2, 2), rg.eye(2)):
        assert compiled(x).tolist() == function(x).tolist()
    compiled = CompiledFunction(function)
    for x in (rg.eye(2), rg.zeros(2, 2), rg.eye(2) * 2, rg.zeros(2, 2), rg.eye(2)):
        assert compiled(x).tolist() == function(x).tolist()


def test_exceptions_of_the_program_may_be_caught():
    def function(x):
        try:
            if x.sum() > 4:
                raise ValueError("large")
            return x + 1
        except ValueError:
            return x - 1

    allowed(function)


def test_context_managers():
    def function(x):
        with rg.no_grad(), contextlib.suppress(KeyError):
            y = x * 2
            with rg.enable_grad():
                return y + {"a": 1}["a"]

    allowed(function)


def test_local_objects():
    def function(x):
        items = [x * k for k in range(3)]
        items.append(x)
        items += [x + 1]
        items[0] = items[0] - 1
        table = {"a": x}
        table["b"] = x * 2
        table |= {"c": x * 3}
        holder = Holder()
        holder.last = x * 4
        holder.count += 1
        holder.items.append(x)
        seen = {1}
        seen.add(2)
        queue = collections.deque([x])
        queue.append(x * 5)
        names = [name for name in table if name != "a"]
        total = sum(items) + sum(table.values()) + holder.last * holder.count + queue.popleft()
        return total * len(seen) + sum(table[name] for name in sorted(names))

    allowed(function)


def test_local_generators():
    def halves(x):
        for _ in range(3):
            x = x / 2
            yield x

    def function(x):
        pairs = zip(halves(x), itertools.count(), strict=False)
        return sum(half * k for half, k in pairs) + rg.stack(list(halves(x))).sum(0)

    compiled = CompiledFunction(function)
    for k in range(3):
        x = rg.full((3,), float(k))
        assert compiled(x).tolist() == function(x).tolist()


def test_readings_do_not_stay_in_objects():
    log, table, holder = [], {}, Holder()

    def function(x):
        value = x.sum().item()
        log.append(value)
        table["value"] = [value, value + 1]
        holder.last = value * 2
        return x

    with pytest.warns(UserWarning):
        CompiledFunction(function)(rg.ones(3))
    assert [type(one) for one in (*log, *table["value"], holder.last)] == [float] * 4


def test_debuggers_and_coverage_see_the_program():
    lines = []

    def trace(frame, event, arg):
        if frame.f_code is function.__code__:
            lines.append(event)
        return trace

    def function(x):
        y = x * 2
        return y + 1

    compiled = CompiledFunction(function)
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        assert compiled(rg.ones(2)).tolist() == [3, 3]
        assert compiled(rg.ones(2)).tolist() == [3, 3]
    finally:
        sys.settrace(before)
    assert lines.count("call") == 2
    assert compiled(rg.ones(2)).tolist() == [3, 3]


def test_numpy_in_between():
    def function(x):
        return x + rg.from_numpy(np.sqrt(x.numpy()))

    compiled = CompiledFunction(function)
    for k in range(4):
        x = rg.full((3,), float(k))
        assert compiled(x).tolist() == function(x).tolist()
    assert any("made an array" in segment.eager for segment in compiled.segments())


def numpy_of_a_number(x):
    return x * np.exp(-x.sum().item()) + np.maximum(x[0].item(), 1.5) + np.mean([x[0].item(), 2.0])


def text_of_numbers(x):
    return x * len(json.dumps({"loss": x.sum().item(), "all": [x[0].item()]}))


def statistics_of_numbers(x):
    return x * statistics.median([x[0].item(), x[1].item() + 1, 2.0])


def type_of_a_number(x):
    value = x.sum().item()
    return x * 2 if type(value) is float else x * 3


def decimal_of_a_number(x):
    return x * int(Decimal(x.sum().item()))


def tensor_of_a_number(x):
    return torch_of(x).to(x.dtype) + torch_of(x).element_size()


def torch_of(x):
    return rg.tensor(x.sum().item())


@pytest.mark.parametrize(
    "function",
    [numpy_of_a_number, text_of_numbers, statistics_of_numbers, type_of_a_number,
     decimal_of_a_number, tensor_of_a_number],
    ids=lambda f: f.__name__,
)  # fmt: skip
def test_numbers_of_tensors_are_numbers_to_numpy_and_python(function):
    allowed(function)


def reads_a_defaultdict(x, state):
    state["table"]["new"].append(x.sum().item())
    return x * 2


def pushes_on_a_heap(x, state):
    heapq.heappush(state["heap"], len(state["heap"]))
    return x * 2


def counts(x, state):
    state["counter"].update(["a"])
    return x * 2


@pytest.mark.parametrize(
    "body", [reads_a_defaultdict, pushes_on_a_heap, counts], ids=lambda f: f.__name__
)
def test_changes_inside_of_c_code_are_found(body):
    def start():
        return {"table": collections.defaultdict(list), "heap": [],
                "counter": collections.Counter()}  # fmt: skip

    check(with_state(body, start), repr)
