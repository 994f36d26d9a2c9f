"""Guards: what changes between calls is noticed, and the result is always eager's."""

from __future__ import annotations

import sys
import types
import warnings

import numpy as np
import pytest

import retrograd as rg
from retrograd.compiler import CompiledFunction

from .running import plain

SCALE = 2.0
TABLE = {"scale": 2.0, "list": [1.0, 2.0]}
WEIGHT = rg.ones(3)
CONFIG = types.ModuleType("config")
CONFIG.scale = 2.0


class Settings:
    """Settings as attributes of a class and of its objects."""

    scale = 2.0

    def __init__(self):
        self.own = 1.0
        self.inner = types.SimpleNamespace(deep=types.SimpleNamespace(value=1.0))


def call(function, args, settings=None):
    """Return everything that can be seen of a call, and of the gradients of its result."""
    rg.manual_seed(0)
    try:
        result = function(*args, **(settings or {}))
    except Exception as error:
        return type(error).__name__, str(error)
    if isinstance(result, rg.Tensor) and result.requires_grad:
        result.sum().backward()
    return plain(result), [plain(one.grad) for one in args if isinstance(one, rg.Tensor)]


def follows(function, changes, args=lambda: (rg.arange(3.0),), replays=True):
    """Call before and after each change, compiled and eagerly; every change must be noticed."""
    compiled = CompiledFunction(function)
    for change in (lambda: None, *changes):
        change()
        for _ in range(3):
            assert call(compiled, args()) == call(function, args())
    if replays:
        assert not any(segment.eager for segment in compiled.segments()), compiled.source
    assert not compiled.eager
    return compiled


@pytest.mark.parametrize(
    "arguments",
    [
        [rg.ones(3), rg.ones(4), rg.ones(2, 3), rg.ones(()), rg.ones(0)],
        [rg.ones(3), rg.ones(3, dtype=rg.float64), rg.ones(3, dtype=rg.int64), rg.ones(3) > 0],
        [rg.ones(2, 3), rg.ones(3, 2).t(), rg.ones(4, 3)[::2], rg.ones(1, 3).expand(2, 3)],
        [1, 2, 2.0, True, "a", None, 2 + 0j, float("nan"), -0.0, 0.0],
        [[1, 2], (1, 2), [1, [2]], {"a": 1}, {"b": 1}, {"a": 2}, [], [rg.ones(2)], [rg.ones(3)]],
        [{"a": [rg.ones(2)]}, {"a": [rg.ones(2), 1]}, {"a": (rg.ones(2),)}],
    ],
    ids=["shapes", "dtypes", "strides", "plain", "containers", "nested"],
)
def test_arguments(arguments):
    def total(given):
        if isinstance(given, rg.Tensor):
            return given.sum() * given.dim()
        if isinstance(given, (list, tuple)):
            return [type(given).__name__, *map(total, given)]
        if isinstance(given, dict):
            return {key: total(value) for key, value in given.items()}
        return type(given).__name__, given, str(given)

    compiled = CompiledFunction(total)
    for _ in range(3):
        for one in arguments:
            assert call(compiled, (one,)) == call(total, (one,))


def test_requires_grad_and_modes():
    def function(x):
        y = x * 3
        return y, y.requires_grad, rg.is_grad_enabled(), y.is_leaf

    compiled = CompiledFunction(function)
    for _ in range(3):
        for requires in (False, True):
            for mode in (rg.no_grad, rg.enable_grad, rg.inference_mode):
                with mode():
                    x = rg.ones(2, requires_grad=requires)
                    assert plain(compiled(x)) == plain(function(x))


def test_default_dtype():
    def function(x):
        return rg.ones(2) + x.sum() * 1

    compiled = CompiledFunction(function)
    x = rg.ones(2, dtype=rg.int64)
    try:
        for dtype in (rg.float32, rg.float64, rg.float32):
            rg.set_default_dtype(dtype)
            assert compiled(x).dtype == dtype
    finally:
        rg.set_default_dtype(rg.float32)


def test_positions_keywords_and_defaults():
    def function(x, scale=2.0, *rest, shift=0.5, **more):
        return x * scale + shift + sum(rest) + sum(more.values())

    compiled = CompiledFunction(function)
    x = rg.ones(2)
    calls = [((x,), {}), ((x, 3.0), {}), ((x,), {"scale": 3.0}), ((x, 3.0, 1, 2), {}),
             ((x,), {"shift": 1}), ((x,), {"a": 1, "b": 2}), ((x,), {"b": 2, "a": 1}),
             ((), {"x": x})]  # fmt: skip
    for _ in range(3):
        for args, settings in calls:
            assert call(compiled, args, settings) == call(function, args, settings)


def set_global(name, value):
    return lambda: globals().__setitem__(name, value)


def test_globals():
    def function(x):
        return x * SCALE + TABLE["scale"] + sum(TABLE["list"]) + WEIGHT

    try:
        follows(function, [
            set_global("SCALE", 3.0), set_global("SCALE", 3),
            lambda: TABLE.__setitem__("scale", 5.0), lambda: TABLE["list"].append(4.0),
            lambda: TABLE["list"].__setitem__(0, 9.0), set_global("WEIGHT", rg.zeros(3)),
            set_global("WEIGHT", rg.ones(1)), set_global("WEIGHT", rg.ones(3, requires_grad=True)),
            lambda: WEIGHT.requires_grad_(False),
        ])  # fmt: skip
    finally:
        set_global("SCALE", 2.0)()
        set_global("WEIGHT", rg.ones(3))()


def test_global_that_appears():
    def function(x):
        return x * (LATE if "LATE" in SPACE else 1)  # noqa: F821

    function = types.FunctionType(function.__code__, {"SPACE": {}, "__builtins__": __builtins__})
    space = function.__globals__
    space["SPACE"] = space
    compiled = CompiledFunction(function)
    assert compiled(rg.ones(1)).item() == 1
    space["LATE"] = 4.0
    assert compiled(rg.ones(1)).item() == 4


def test_attributes_of_modules_classes_and_objects():
    settings = Settings()

    def function(x):
        return x * CONFIG.scale + Settings.scale + settings.scale * settings.own + (
            settings.inner.deep.value
        )

    try:
        follows(function, [
            lambda: setattr(CONFIG, "scale", 3.0), lambda: setattr(Settings, "scale", 4.0),
            lambda: setattr(settings, "own", 5.0), lambda: setattr(settings, "scale", 6.0),
            lambda: setattr(settings.inner.deep, "value", 7.0),
            lambda: setattr(settings, "inner", Settings().inner),
        ])  # fmt: skip
    finally:
        CONFIG.scale = Settings.scale = 2.0


def test_closures_and_helpers():
    scale = 2.0
    weight = rg.ones(3)

    def helper(x):
        return x * scale

    def function(x):
        return helper(x) + weight

    def change(number, tensor):
        nonlocal scale, weight
        scale, weight = number, tensor

    follows(function, [lambda: change(3.0, weight), lambda: change(3.0, rg.zeros(3)),
                       lambda: change(1, rg.ones(1))])  # fmt: skip


def test_default_arguments_that_change():
    def function(x, factors=[1.0, 2.0]):  # noqa: B006
        return x * sum(factors)

    follows(function, [lambda: function.__defaults__[0].append(3.0)])


def test_captured_tensors():
    w = rg.ones(3, requires_grad=True)

    def function(x):
        return (x * w).sum() if w.requires_grad else x * w

    def grow():
        w.grad = None
        w.data = rg.ones(2, 3)

    def shrink():
        w.grad = None
        w.data = rg.ones(3)

    follows(function, [
        lambda: setattr(w, "data", rg.zeros(3)), lambda: w.requires_grad_(False),
        lambda: w.requires_grad_(True), grow, shrink,
        lambda: w.data.fill_(4.0), lambda: setattr(w, "grad", None),
    ])  # fmt: skip


def test_hooks_of_captured_tensors():
    w = rg.ones(3, requires_grad=True)
    handles = []

    def function(x):
        w.grad = None
        (x * w).sum().backward()
        return w.grad * 1

    follows(function, [
        lambda: handles.append(w.register_hook(lambda g: g * 2)), lambda: handles.pop().remove(),
        lambda: handles.append(w.register_hook(lambda g: g + 1)),
    ])  # fmt: skip


def test_modules():
    def model():
        rg.manual_seed(0)
        return rg.nn.Sequential(rg.nn.Linear(3, 3), rg.nn.BatchNorm1d(3), rg.nn.Dropout(0.5))

    net = model()
    other = model()
    handles = []

    def swap():
        net[0].weight = rg.nn.Parameter(rg.zeros(3, 3))

    changes = [
        net.eval, net.train, lambda: setattr(net[2], "p", 0.1), lambda: net[2].eval(), swap,
        lambda: setattr(net[1], "running_mean", rg.ones(3)), lambda: setattr(net[1], "eps", 0.1),
        lambda: net.__setitem__(0, rg.nn.Linear(3, 3)), lambda: setattr(net[1], "momentum", 0.5),
        lambda: handles.append(net[0].register_forward_hook(lambda m, a, out: out * 2)),
        lambda: handles.pop().remove(),
        lambda: handles.append(net.register_forward_pre_hook(lambda m, args: (args[0] + 1,))),
        lambda: handles.pop().remove(), lambda: net.append(rg.nn.Tanh()), net.double,
        lambda: net.requires_grad_(False), net.eval,
    ]  # fmt: skip
    del other
    compiled = CompiledFunction(net)
    for change in (lambda: None, *changes):
        change()
        for _ in range(2):
            state = {k: v.clone() for k, v in net.state_dict().items()}
            x = rg.randn(4, 3, generator=rg.Generator().manual_seed(1))
            x = x.to(net[0].weight.dtype)
            eager = call(net, (x,)), plain(dict(net.state_dict()))
            net.load_state_dict(state)
            for p in net.parameters():
                p.grad = None
            ours = call(compiled, (x,)), plain(dict(net.state_dict()))
            for p in net.parameters():
                p.grad = None
            assert ours == eager


def test_same_arguments_and_shared_memory():
    def function(a, b):
        a.mul_(2)
        return a + b

    compiled = CompiledFunction(function)

    def pairs():
        x, y = rg.ones(4), rg.ones(4)
        z = rg.arange(8.0)
        return [(x, x), (x, y), (z[:4], z[4:]), (z[:4], z[2:6]), (z[:4], z[:4]), (y, y)]

    for _ in range(3):
        for ours, eager in zip(pairs(), pairs(), strict=True):
            assert plain(compiled(*ours)) == plain(function(*eager))
            assert plain(ours) == plain(eager)


def test_same_arguments_with_gradients():
    def function(a, b):
        return (a * b).sum()

    compiled = CompiledFunction(function)
    for _ in range(3):
        for same in (True, False):
            for f in (compiled, function):
                a = rg.tensor([1.0, 2.0], requires_grad=True)
                b = a if same else rg.tensor([3.0, 4.0], requires_grad=True)
                f(a, b).backward()
                assert a.grad.tolist() == ([2, 4] if same else [3, 4])


def test_an_argument_that_is_also_captured():
    w = rg.ones(2, requires_grad=True)

    def function(x):
        return (x * w * w).sum()

    compiled = CompiledFunction(function)
    for _ in range(3):
        for x in (rg.full((2,), 2.0, requires_grad=True), w):
            found = []
            for f in (function, compiled):
                w.grad = x.grad = None
                f(x).backward()
                found.append((plain(w.grad), plain(x.grad)))
            assert found[0] == found[1]


def test_gradients_of_arguments_that_are_new_each_time():
    @rg.compile
    def step(x):
        (x * x).sum().backward()

    kept = []
    for k in range(5):
        x = rg.full((2,), float(k), requires_grad=True)
        step(x)
        kept.append(x)
        if k == 0:
            x.grad = None
    assert kept[0].grad is None
    assert [x.grad.tolist() for x in kept[1:]] == [[2 * k, 2 * k] for k in range(1, 5)]
    assert len(list(step.segments())) == 1


def test_arrays_from_numpy():
    data = np.zeros(3, np.float32)

    def function(x):
        return x + rg.from_numpy(data)

    compiled = follows(function, [lambda: data.fill(2.0), lambda: data.__setitem__(0, 5.0)])
    assert len(list(compiled.segments())) <= 2

    def by_hand(x):
        return x * float(data[0]) + float(data.mean())

    follows(by_hand, [lambda: data.fill(3.0), lambda: data.__setitem__(0, 7.0)])


def test_lists_that_grow():
    numbers = [1.0]

    def function(x):
        return x + rg.tensor(numbers).sum() + len(numbers)

    follows(function, [lambda: numbers.append(2.0), lambda: numbers.__setitem__(0, 4.0)])


def test_lists_written_during_the_call():
    def function(x):
        numbers = [1.0]
        a = rg.tensor(numbers)
        numbers[0] = 2.0
        return x + a + rg.tensor(numbers)

    follows(function, [])


def test_subclasses():
    class Named(rg.Tensor):
        pass

    def function(x):
        return x * 2, type(x).__name__

    compiled = CompiledFunction(function)
    for _ in range(3):
        for x in (rg.ones(2), Named([1.0, 2.0]), rg.nn.Parameter(rg.ones(2))):
            assert compiled(x)[1] == type(x).__name__


def test_shapes_that_values_decide():
    def masked(x):
        found = x[x > 0]
        return found * found.shape[0], len(found), found.numel()

    def places(x):
        return rg.nonzero(x > 0).size(0), rg.argwhere(x > 0).shape, rg.where(x > 0)[0].shape

    def unique(x):
        values, counts = rg.unique(x.round(), return_counts=True)
        return values, counts.shape[0] * x.sum()

    def selected(x):
        return rg.masked_select(x, x > 0).mean() + rg.masked_select(x, x > 0).numel()

    def repeated(x):
        return rg.repeat_interleave(x, (x > 0).long() + 1).shape[0] * x

    def hot(x):
        return rg.nn.functional.one_hot((x > 0).long()).shape[1] * x

    draws = np.random.default_rng(0)
    inputs = [rg.tensor(draws.standard_normal(6).astype(np.float32)) for _ in range(8)]
    inputs += [rg.zeros(6), rg.ones(6)]
    for function in (masked, places, unique, selected, repeated, hot):
        compiled = CompiledFunction(function)
        for _ in range(3):
            for x in inputs:
                assert plain(compiled(x)) == plain(function(x)), function.__name__
        assert not any(segment.eager for segment in compiled.segments()), function.__name__


def test_too_many_kinds_of_arguments_run_eagerly():
    compiled = CompiledFunction(lambda x, k: x * k)
    for k in range(300):
        assert compiled(rg.ones(1), k).item() == k
    assert "ever new ways" in rg.compiler.explain(compiled).eager[-1]
    assert len(compiled.trees) < 300
    assert len(compiled.trees) <= 128


def test_module_attribute_by_dotted_name():
    package = types.ModuleType("package_of_settings")
    package.inner = types.ModuleType("package_of_settings.inner")
    package.inner.scale = 2.0
    sys.modules["package_of_settings"] = package
    try:
        import package_of_settings

        def function(x):
            return x * package_of_settings.inner.scale

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            follows(function, [lambda: setattr(package.inner, "scale", 3.0)])
    finally:
        del sys.modules["package_of_settings"]
