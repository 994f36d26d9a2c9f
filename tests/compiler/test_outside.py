"""What a function reads from outside is guarded, wherever it lies; what it does not read is not."""

from __future__ import annotations

import array
import collections
import ctypes
import dataclasses
import functools
import operator
import types
import weakref

import pytest

import retrograd as rg
from retrograd.compiler import outside


@dataclasses.dataclass(slots=True)
class Slotted:
    rate: float = 2.0
    tensor: object = None


class Base:
    __slots__ = ("inherited",)


class Derived(Base):
    def __init__(self):
        self.inherited = 2.0
        self.own = 3.0


class Plain:
    pass


class Titled(dict):
    """A dictionary whose items are attributes; looking up any other name is a KeyError."""

    __getattr__ = dict.__getitem__


class Listed(list):
    pass


class Scaled(rg.nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config

    def forward(self, x):
        return x * self.config["scales"][0]


def slots():
    held = Slotted()
    return lambda x: x * held.rate, lambda: setattr(held, "rate", 5.0)


def tensors_in_slots():
    held = Slotted(tensor=rg.ones(1))
    return lambda x: x * held.tensor, lambda: setattr(held, "tensor", rg.zeros(1))


def inherited_slots():
    held = Derived()
    return lambda x: x * held.inherited + held.own, lambda: setattr(held, "inherited", 5.0)


def deques():
    held = collections.deque([2.0, 3.0])
    return lambda x: x * held[0], lambda: held.rotate(1)


def sets():
    held = {"a"}
    return lambda x: x * 2 if "a" in held else x, held.clear


def long_lists():
    held = [2.0] * 1500
    return lambda x: x * held[1200], lambda: held.__setitem__(1200, 7.0)


def long_lists_in_objects():
    held = Plain()
    held.values = [rg.ones(1)] * 1500
    return lambda x: x * held.values[7], lambda: held.values.__setitem__(7, rg.zeros(1))


def closures_in_a_table():
    def make(scale):
        def scaled(x):
            return x * scale

        def put(value):
            nonlocal scale
            scale = value

        return scaled, put

    scaled, put = make(2.0)
    table = {"scaled": scaled}
    return lambda x: table["scaled"](x), lambda: put(3.0)


def closures_of_decorators():
    scale = 2.0

    def scaled(function):
        @functools.wraps(function)
        def wrapper(x):
            return function(x) * scale

        return wrapper

    def put():
        nonlocal scale
        scale = 3.0

    decorated = scaled(lambda x: x + 1)
    return lambda x: decorated(x), put


def partials():
    held = functools.partial(lambda numbers, x: x * numbers[0], [2.0])
    return lambda x: held(x), lambda: held.args[0].__setitem__(0, 3.0)


def arrays_of_bytes():
    held = array.array("d", [2.0])
    return lambda x: x * held[0], lambda: held.__setitem__(0, 3.0)


def weak_references():
    owner = Plain()
    owner.scale = 2.0
    held = weakref.ref(owner)
    return lambda x: x * held().scale, lambda: setattr(owner, "scale", 3.0)


def views_of_dictionaries():
    table = {"a": 2.0}
    held = types.MappingProxyType(table)
    return lambda x: x * held["a"], lambda: table.update(a=3.0)


def attributes_of_functions():
    def scaled(x):
        return x * scaled.factor

    scaled.factor = 2.0
    return scaled, lambda: setattr(scaled, "factor", 3.0)


def distributions():
    held = rg.distributions.Normal(rg.zeros(1), rg.ones(1), validate_args=False)
    return lambda x: held.log_prob(x), lambda: setattr(held, "loc", rg.ones(1))


def deep_objects():
    top = held = Plain()
    for _ in range(12):
        held.inner = Plain()
        held = held.inner
    held.scale = 2.0

    def function(x):
        inner = top
        while hasattr(inner, "inner"):
            inner = inner.inner
        return x * inner.scale

    return function, lambda: setattr(held, "scale", 3.0)


def subclasses_of_lists():
    held = Listed([1.0])
    held.scale = 2.0
    return lambda x: x * held.scale, lambda: setattr(held, "scale", 3.0)


def dictionaries_with_getattr():
    held = Titled(scale=2.0)
    return lambda x: x * held.scale, lambda: held.update(scale=3.0)


def configurations_of_modules():
    held = Scaled({"scales": [2.0]})
    return lambda x: held(x), lambda: held.config["scales"].__setitem__(0, 3.0)


def classes_in_a_list():
    class Setting:
        scale = 2.0

    held = [Setting]
    return lambda x: x * held[0].scale, lambda: setattr(Setting, "scale", 3.0)


def classes_asked_by_name():
    class Setting:
        scale = 2.0

    return lambda x: x * getattr(Setting, "scale"), lambda: setattr(Setting, "scale", 3.0)  # noqa: B009


def modules_asked_by_computed_name():
    held = types.ModuleType("settings")
    held.scale = 2.0
    part = "sc"
    return lambda x: x * getattr(held, part + "ale"), lambda: setattr(held, "scale", 3.0)


def attributes_asked_with_a_default():
    held = Plain()
    return lambda x: x * getattr(held, "scale", 2.0), lambda: setattr(held, "scale", 3.0)


def attributes_asked_by_operators():
    held = Plain()
    held.scale = 2.0
    get = operator.attrgetter("scale")
    return lambda x: x * get(held), lambda: setattr(held, "scale", 3.0)


def attributes_of_tensors():
    held = rg.ones(1)
    held.scale = 2.0
    return lambda x: x * held.scale, lambda: setattr(held, "scale", 3.0)


def instances_that_hide_their_class():
    class Setting:
        scale = 2.0

    held = Setting()
    return lambda x: x * held.scale, lambda: setattr(held, "scale", 3.0)


HOLDERS = [
    slots, tensors_in_slots, inherited_slots, deques, sets, long_lists, long_lists_in_objects,
    closures_in_a_table, closures_of_decorators, partials, arrays_of_bytes, weak_references,
    views_of_dictionaries,
    attributes_of_functions, distributions, deep_objects, subclasses_of_lists,
    dictionaries_with_getattr, configurations_of_modules, classes_in_a_list,
    classes_asked_by_name, modules_asked_by_computed_name, attributes_asked_with_a_default,
    attributes_asked_by_operators, attributes_of_tensors, instances_that_hide_their_class,
]  # fmt: skip


@pytest.mark.parametrize("make", HOLDERS, ids=lambda make: make.__name__)
def test_changes_are_seen(make, records):
    function, change = make()
    compiled = rg.compile(function)
    x = rg.full((1,), 3.0)
    wanted = function(x).item()
    assert [compiled(x).item() for _ in range(3)] == [wanted] * 3
    assert len(records) == 1
    change()
    assert function(x).item() != wanted
    assert [compiled(x).item() for _ in range(3)] == [function(x).item()] * 3
    assert len(records) == 2


class Trainer:
    """A training loop as many write it: it notes its losses where the compiled method is."""

    def __init__(self):
        self.net = rg.nn.Linear(2, 1)
        self.optimizer = rg.optim.SGD(self.net.parameters(), lr=0.1)
        self.scale = 1.0
        self.losses = []
        self.steps = 0
        self.meters = collections.defaultdict(list)

    @rg.compile
    def step(self, x):
        self.optimizer.zero_grad()
        loss = self.net(x).pow(2).mean() * self.scale
        loss.backward()
        self.optimizer.step()
        return loss

    def fit(self, count):
        for _ in range(count):
            self.losses.append(self.step(rg.ones(3, 2)).item())
            self.meters["loss"].append(self.losses[-1])
            self.steps += 1


def test_what_is_not_read_may_change(records):
    trainer = Trainer()
    trainer.fit(8)
    assert len(records) == 2
    trainer.scale = 0.0
    trainer.fit(3)
    assert trainer.losses[-3:] == [0.0] * 3
    assert len(records) == 3
    other = Trainer()
    other.fit(2)
    assert len(records) == 4


class Counting:
    """Reads one attribute more on a way that it takes later."""

    def __init__(self):
        self.bias, self.log = 1.0, []

    @rg.compile
    def step(self, x):
        return x + self.bias if x.sum() < 0 else x * 2


def test_a_later_way_reads_more():
    held = Counting()
    for turn in range(4):
        assert held.step(rg.ones(1)).item() == 2
        held.log.append(turn)
    for turn in range(6):
        held.bias = float(turn // 2)
        assert held.step(-rg.ones(1)).item() == turn // 2 - 1
        assert held.step(rg.ones(1)).item() == 2
        held.log.append(turn)


def test_logs_of_modules_and_objects_may_grow(records):
    net = rg.nn.Sequential(rg.nn.Linear(2, 2))

    class Model(rg.nn.Module):
        def __init__(self):
            super().__init__()
            self.net, self.losses, self.seen = net, [], 0

        def forward(self, x):
            return self.net(x)

    model, state = Model(), Plain()
    state.model, state.log = model, []
    compiled = rg.compile(lambda x: state.model(x))
    for _ in range(6):
        state.log.append(compiled(rg.ones(2)))
        model.losses.append(0.0)
        model.seen += 1
        state.other = model.seen
    assert len(records) == 1


def test_an_attribute_of_an_argument_is_not_guarded():
    compiled = rg.compile(lambda x: x * x.scale)
    for scale in (2.0, 3.0, 4.0):
        x = rg.ones(1)
        x.scale = scale
        assert compiled(x).item() == scale
    assert "scale of an argument" in compiled.trees[next(iter(compiled.trees))][0].eager


def test_too_much_to_compare(monkeypatch):
    monkeypatch.setattr(outside, "MOST", 20)
    monkeypatch.setattr("retrograd.compiler.guards.MOST", 20)
    held = {number: [number] for number in range(50)}
    compiled = rg.compile(lambda x: x * held[49][0])
    assert [compiled(rg.ones(1)).item() for _ in range(2)] == [49, 49]
    held[49][0] = 3
    assert compiled(rg.ones(1)).item() == 3
    assert any("more than 20 objects" in why for why in rg.compiler.explain(compiled).eager)


@pytest.mark.parametrize("sized", [None, 4])
def test_what_a_cache_of_calls_hands_out(sized):
    @functools.lru_cache(maxsize=sized)
    def settings(name):
        return types.SimpleNamespace(rate=2.0, name=name)

    settings("rates")
    compiled = rg.compile(lambda x: x * settings("rates").rate)
    for rate in (2.0, 2.0, 3.0, 3.0, 2.0):
        settings("rates").rate = rate
        settings(f"another one than {rate}")
        assert compiled(rg.ones(1)).item() == rate
    assert len(list(compiled.segments())) == 2 and not rg.compiler.explain(compiled).eager


@pytest.mark.parametrize("kind", ["number", "structure"])
def test_numbers_of_ctypes(kind):
    class Rate(ctypes.Structure):
        _fields_ = [("value", ctypes.c_double)]

    rate = Rate(2.0) if kind == "structure" else ctypes.c_double(2.0)
    compiled = rg.compile(lambda x: x * rate.value)
    for value in (2.0, 2.0, 3.0, 3.0, 2.0):
        rate.value = value
        assert compiled(rg.ones(1)).item() == value


def test_classes_whose_module_is_no_name():
    """Functions made by Cython have such a class: NumPy's, scipy's."""

    class Odd:
        __module__ = property(lambda self: "somewhere")

        def __init__(self):
            self.factor = 2.0

        def __call__(self, x):
            return x * self.factor

    odd = Odd()
    compiled = rg.compile(lambda x: odd(x) + 1)
    for factor in (2.0, 2.0, 3.0):
        odd.factor = factor
        assert compiled(rg.ones(2)).tolist() == [factor + 1] * 2
