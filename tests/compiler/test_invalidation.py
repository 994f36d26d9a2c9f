"""Every change that a record does not allow for is seen at the next call."""

from __future__ import annotations

import collections
import dataclasses
import enum
import functools
import sys
import types

import numpy as np
import pytest

import retrograd as rg
from retrograd.compiler import CompiledFunction

from .running import plain
from .test_guards import call, follows

nn = rg.nn


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


@dataclasses.dataclass
class Point:
    x: float
    y: float = 2.0


Pair = collections.namedtuple("Pair", "first second")


# -- arguments -------------------------------------------------------------------------------------


def described(given):
    if isinstance(given, rg.Tensor):
        return given.dim(), given.sum() * 2
    if isinstance(given, np.ndarray):
        return given.ndim, rg.as_tensor(given).sum()
    if isinstance(given, Point):
        return given.x * X + given.y
    if isinstance(given, Pair):
        return given.first * X + given.second
    if isinstance(given, dict):
        return [(key, value * X) for key, value in given.items()]
    if isinstance(given, enum.Enum):
        return given.name, X * given.value
    return type(given).__name__, repr(given), X * (given if isinstance(given, (int, float)) else 1)


X = rg.tensor([1.0, 2.0])
ARRAY = np.array([1.0, 2.0], np.float32)


@pytest.mark.parametrize(
    "arguments",
    [
        [rg.tensor(2.0), 2.0, rg.tensor([2.0]), 2, np.float32(2), np.float64(2)],
        [True, 1, 1.0, rg.tensor(1), rg.tensor(True), Level.LOW],
        [0.0, -0.0, 0, False, float("nan"), float("inf"), 0j, complex(0.0, -0.0)],
        [Colour.RED, Colour.BLUE, Level.LOW, Level.HIGH, 1, 2],
        ["a", "b", b"a", None, (), [], "", 1],
        [Pair(1.0, 2.0), Pair(2.0, 1.0), Pair(1, 2.0), Pair(1.0, 2)],
        [{"a": 1.0, "b": 2.0}, {"b": 2.0, "a": 1.0}, {"a": 2.0, "b": 1.0}, {"a": 1.0}, {}],
        [ARRAY, ARRAY * 2, ARRAY[::-1], ARRAY.astype(np.float64), ARRAY[:, None], ARRAY[0]],
        [range(2), range(3), slice(1), slice(2), frozenset("a"), ...],
    ],
    ids=["0-d", "equal", "zeros", "enums", "texts", "named tuples", "dictionaries", "arrays",
         "objects"],
)  # fmt: skip
def test_kinds_of_arguments(arguments):
    compiled = CompiledFunction(described)
    for _ in range(3):
        for one in arguments:
            assert call(compiled, (one,)) == call(described, (one,))


def test_objects_as_arguments_change():
    point, table, numbers = Point(1.0), {"a": [1.0]}, [1.0, 2.0]

    def function(p, t, n):
        return (p.x + p.y) * X + sum(t["a"]) * len(t) + sum(n)

    follows(
        function,
        [
            lambda: setattr(point, "x", 3.0), lambda: table["a"].append(2.0),
            lambda: table.__setitem__("b", [0.0]), lambda: numbers.reverse(),
            lambda: numbers.__setitem__(0, 7.0), lambda: setattr(point, "y", Level.HIGH),
        ],
        args=lambda: (point, table, numbers),
    )  # fmt: skip


def test_arguments_that_alias():
    def function(a, b):
        a.add_(1)
        return a * b

    base = rg.arange(6.0)
    for ours in (CompiledFunction(function),):
        for _ in range(3):
            for make in (
                lambda b: (b, b), lambda b: (b, b.clone()), lambda b: (b[:3], b[3:]),
                lambda b: (b, b.detach()), lambda b: (b.view(2, 3), b.view(2, 3)),
                lambda b: (b[:3], b[1:4]), lambda b: (b.flip(0), b),
            ):  # fmt: skip
                one, other = base.clone(), base.clone()
                assert plain(ours(*make(one))) == plain(function(*make(other)))
                assert plain(one) == plain(other)


def test_more_arguments_than_are_compared_one_by_one():
    def function(*many):
        return sum(many[1:], many[0])

    many = [rg.full((2,), float(k)) for k in range(20)]
    compiled = CompiledFunction(function)
    for _ in range(3):
        assert compiled(*many).tolist() == [190, 190]
        assert compiled(*many[:3]).tolist() == [3, 3]
        assert compiled(*[many[1]] * 20).tolist() == [20, 20]
    assert len(list(compiled.segments())) == 3


def test_the_gradient_of_an_argument():
    def function(x):
        if x.grad is None:
            return x * 2
        return x * 2 + x.grad

    compiled = CompiledFunction(function)
    for grad in (None, 1.0, None, 2.0, 3.0):
        x = rg.ones(2, requires_grad=True)
        x.grad = None if grad is None else rg.full((2,), grad)
        for _ in range(2):
            assert plain(compiled(x)) == plain(function(x))


def test_leaf_or_not_and_inference():
    def function(x):
        return x.is_leaf, x.requires_grad, x.is_inference(), x * 2

    w = rg.ones(2, requires_grad=True)
    with rg.inference_mode():
        inference = rg.ones(2)
    compiled = CompiledFunction(function)
    for _ in range(3):
        for x in (w, w * 1, w.detach(), rg.ones(2), (w * 1).detach().requires_grad_(), inference):
            assert plain(compiled(x)) == plain(function(x))


# -- what is outside -------------------------------------------------------------------------------


def test_an_object_in_a_list_in_a_dictionary():
    config = {"layers": [types.SimpleNamespace(scale=2.0, more={"bias": 1.0})]}

    def function(x):
        layer = config["layers"][0]
        return x * layer.scale + layer.more["bias"]

    layer = config["layers"][0]
    follows(function, [
        lambda: setattr(layer, "scale", 3.0), lambda: layer.more.__setitem__("bias", 4.0),
        lambda: config["layers"].__setitem__(0, types.SimpleNamespace(scale=5.0, more={"bias": 0})),
        lambda: config["layers"].__setitem__(0, Scaled(6.0)),
        lambda: setattr(config["layers"][0], "__dict__", {"scale": 7.0, "more": {"bias": 1.0}}),
        lambda: config.__setitem__("layers", [layer]),
    ])  # fmt: skip


class Scaled:
    def __init__(self, scale):
        self.scale = scale
        self.more = {"bias": 2.0}


def test_order_of_a_dictionary():
    table = {"a": 2.0, "b": 3.0}

    def function(x):
        for value in table.values():
            x = x * value + 1
        return x

    def turn():
        table["a"] = table.pop("a")

    follows(function, [turn, turn, lambda: table.pop("b"), lambda: table.clear()])


def test_equal_values_in_new_objects_record_nothing_new():
    settings = types.SimpleNamespace(rate=0.5, name="x", numbers=[1.5])

    def function(x):
        return x * settings.rate + len(settings.name) + settings.numbers[0]

    compiled = CompiledFunction(function)
    for k in range(6):
        settings.rate = float(f"0.{5}")
        settings.numbers[0] = float("1.5")
        settings.name = "".join(["x"])
        assert call(compiled, (X,)) == call(function, (X,))
        assert len(compiled.trees) == 1 and len(list(compiled.segments())) == 1, k


def test_defaults_are_replaced():
    def function(x, scale=2.0, *, shift=1.0):
        return x * scale + shift

    follows(function, [
        lambda: setattr(function, "__defaults__", (3.0,)),
        lambda: setattr(function, "__kwdefaults__", {"shift": 4.0}),
    ])  # fmt: skip


def test_code_of_a_helper_is_replaced():
    space = {"rg": rg}
    exec("def helper(x):\n    return x * 2\n\ndef function(x):\n    return helper(x)\n", space)

    def replace():
        exec("def helper(x):\n    return x * 3\n", space)

    follows(space["function"], [replace])


def test_a_cell_is_emptied_and_filled():
    def make():
        def function(x):
            try:
                return x * factor
            except NameError:
                return x

        def empty():
            nonlocal factor
            del factor

        def fill(value):
            nonlocal factor
            factor = value

        factor = 2.0
        return function, empty, fill

    function, empty, fill = make()
    follows(function, [empty, lambda: fill(3.0), lambda: fill(2.0)])


def test_parameters_of_modules():
    net = nn.Sequential(nn.Linear(2, 2), nn.Tanh(), nn.Linear(2, 1))

    def double_weights():
        for p in net.parameters():
            p.data = p.data * 2

    def in_place():
        with rg.no_grad():
            for p in net.parameters():
                p.mul_(0.5)

    def replace():
        net[0].weight = nn.Parameter(rg.ones(2, 2))

    compiled = CompiledFunction(net)
    changes = [
        net.eval, net.train, replace, double_weights, in_place, net.double, net.float,
        lambda: net[2].weight.requires_grad_(False), lambda: net[2].weight.requires_grad_(True),
        lambda: net.requires_grad_(False), lambda: net.requires_grad_(True),
        lambda: setattr(net[0], "bias", None), lambda: net.load_state_dict(net.state_dict()),
        lambda: setattr(net, "1", nn.ReLU()), lambda: net.zero_grad(),
        lambda: setattr(net[2].weight, "grad", rg.ones(1, 2)),
    ]  # fmt: skip
    for change in (lambda: None, *changes):
        change()
        for _ in range(3):
            x = rg.ones(3, 2, dtype=net[0].weight.dtype)
            found = []
            for f in (net, compiled):
                for p in net.parameters():
                    p.grad = None
                out = f(x)
                if out.requires_grad:
                    out.sum().backward()
                found.append((plain(out), [plain(p.grad) for p in net.parameters()]))
            assert found[0] == found[1]
    assert not compiled.eager


def test_shape_of_a_captured_tensor_changes_in_place():
    w = rg.arange(6.0)

    def function(x):
        return w * 2 + x[0], w.shape, w.stride()

    follows(function, [
        lambda: w.resize_(2, 3), lambda: w.t_(), lambda: w.unsqueeze_(0), lambda: w.squeeze_(0),
        lambda: w.resize_(3), lambda: setattr(w, "data", rg.ones(2, 2)),
    ])  # fmt: skip


def test_the_gradient_of_a_captured_tensor():
    w = rg.ones(2, requires_grad=True)

    def function(x):
        (w * x).sum().backward()
        return w.grad * 1

    compiled = CompiledFunction(function)
    for change in (
        None, None, rg.zeros(2), rg.ones(2), None, rg.ones(4)[::2], rg.ones(2, dtype=rg.float32),
    ):  # fmt: skip
        found = []
        for f in (function, compiled):
            w.grad = None if change is None else change.clone()
            found.append([plain(f(X)), plain(f(X))])
        assert found[0] == found[1]


def test_modes_and_defaults():
    def function(x):
        made = rg.ones(2) * 0.5 + x.sum()
        return made, made.requires_grad, rg.get_num_threads()

    threads = rg.get_num_threads()
    try:
        follows(
            function,
            [
                lambda: rg.set_default_dtype(rg.float64), lambda: rg.set_default_dtype(rg.float32),
                lambda: rg.set_grad_enabled(False), lambda: rg.set_grad_enabled(True),
                lambda: rg.set_num_threads(threads + 1), lambda: rg.set_num_threads(threads),
                lambda: rg.set_default_device("cpu"),
            ],
            args=lambda: (rg.ones(2, requires_grad=True),),
        )  # fmt: skip
        with rg.autocast("cpu", enabled=False):
            compiled = CompiledFunction(function)
            for _ in range(3):
                assert plain(compiled(X)) == plain(function(X))
    finally:
        rg.set_num_threads(threads)
        rg.set_grad_enabled(True)
        rg.set_default_dtype(rg.float32)


def test_hooks_of_every_module():
    layer = nn.Linear(2, 2)
    handles = []
    register = nn.modules.module.register_module_forward_hook
    follows(lambda x: layer(x), [
        lambda: handles.append(register(lambda m, a, out: out * 2)),
        lambda: handles.append(register(lambda m, a, out: out + 1)),
        lambda: handles.pop().remove(), lambda: handles.pop().remove(),
    ], args=lambda: (X,))  # fmt: skip


# -- calls inside calls ----------------------------------------------------------------------------


def test_recursion_of_a_compiled_function():
    @rg.compile
    def halve(x, depth):
        return x if depth == 0 else halve(x / 2, depth - 1)

    for _ in range(3):
        for depth in (0, 1, 3):
            assert halve(rg.ones(2), depth).tolist() == [0.5**depth] * 2


def test_compiled_calls_compiled():
    factor = [2.0]
    inner = rg.compile(lambda x: x * factor[0])
    middle = rg.compile(lambda x: inner(x) + 1)
    outer = rg.compile(lambda x: middle(inner(x)))
    for value in (2.0, 2.0, 3.0, 3.0):
        factor[0] = value
        for _ in range(3):
            assert outer(X).tolist() == (X * value * value + 1).tolist()
            assert inner(X).tolist() == (X * value).tolist()


def test_partial_and_methods_see_changes():
    class Scale:
        def __init__(self):
            self.factor = 2.0

        def __call__(self, x):
            return x * self.factor

        def method(self, x, more=1.0):
            return x * self.factor + more

    scale = Scale()
    for function in (scale, scale.method, functools.partial(scale.method, more=3.0),
                     lambda x: scale(x)):  # fmt: skip
        scale.factor = 2.0
        follows(function, [lambda: setattr(scale, "factor", 5.0),
                           lambda: setattr(scale, "factor", 6)])  # fmt: skip


def test_classes_change():
    class Base:
        gain = 2.0

        def scaled(self, x):
            return x * self.gain

    class Derived(Base):
        pass

    thing = Derived()

    def function(x):
        return thing.scaled(x)

    follows(function, [
        lambda: setattr(Base, "gain", 3.0), lambda: setattr(Derived, "gain", 4.0),
        lambda: setattr(thing, "gain", 5.0),
        lambda: setattr(Base, "scaled", lambda self, x: x + self.gain),
        lambda: delattr(thing, "gain"),
    ])  # fmt: skip


def test_a_module_of_the_program_is_reloaded():
    module = types.ModuleType("program_module")
    exec("scale = 2.0\ndef scaled(x):\n    return x * scale\n", vars(module))
    sys.modules["program_module"] = module
    try:
        def function(x):
            import program_module

            return program_module.scaled(x) + program_module.scale

        follows(function, [lambda: setattr(module, "scale", 4.0),
                           lambda: setattr(module, "scaled", lambda x: x + 1)])  # fmt: skip
    finally:
        del sys.modules["program_module"]


def test_what_super_finds_changes():
    class First:
        gain = 1.0

        def scaled(self, x):
            return x * 2

        @property
        def more(self):
            return 3.0

        @classmethod
        def moved(cls, x):
            return x - 1

    class Between(First):
        pass

    class Last(Between):
        gain = 100.0
        more = 100.0

        def scaled(self, x):
            return super().scaled(x) * super().gain + super(Last, self).more  # noqa: UP008

        @classmethod
        def moved(cls, x):
            return super().moved(x)

        def __call__(self, x):
            return self.scaled(x) + self.moved(x)

    last = Last()
    changes = [
        lambda: setattr(First, "gain", 5.0),
        lambda: setattr(First, "scaled", lambda self, x: x * 7),
        lambda: setattr(Between, "gain", 9.0),
        lambda: delattr(Between, "gain"),
        lambda: setattr(First, "more", 1.0),
        lambda: setattr(First, "moved", classmethod(lambda cls, x: x * 9)),
    ]
    compiled = follows(lambda x: last(x), changes)
    assert len(list(compiled.segments())) == 6  # what comes back is not recorded again


def test_tensors_that_are_defaults_or_of_a_class():
    batch_norm = rg.nn.functional.batch_norm

    class Scaled:
        kept = rg.ones(3)

        def __call__(self, x):
            self.kept.add_(1)
            return x + type(self).kept

    zeros, ones, scaled = rg.zeros(3), rg.ones(3, requires_grad=True), Scaled()

    def function(x, mean=zeros, *, weight=ones, of=scaled):
        with rg.no_grad():
            weight.mul_(0.5)
        return batch_norm(x, mean, rg.ones(3), weight, training=True) + mean.detach() + of(x)

    changes = [
        lambda: function.__defaults__[0].add_(1),
        lambda: setattr(function, "__defaults__", (rg.ones(3),)),
    ]
    kept = {"mean": lambda: function.__defaults__[0], "weight": function.__kwdefaults__["weight"]}
    compiled = CompiledFunction(function)
    x = rg.arange(6.0).reshape(2, 3)
    for change in (lambda: None, *changes):
        change()
        state = [kept["mean"](), kept["weight"], Scaled.kept]
        for _ in range(3):
            before = [one.detach().clone() for one in state]
            expected = function(x).tolist()
            for one, then in zip(state, before, strict=True):
                one.data.copy_(then)
            assert compiled(x).tolist() == expected
    assert not any(segment.eager for segment in compiled.segments())
