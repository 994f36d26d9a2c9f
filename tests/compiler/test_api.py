"""The ways to ask for compilation, and what PyTorch's programs say about it."""

from __future__ import annotations

import copy
import functools
import inspect
import pickle
import warnings

import numpy as np
import pytest

import retrograd as rg
from retrograd.compiler import CompiledFunction, OptimizedModule

from .running import plain

X = rg.tensor([1.0, 2.0])


def double(x):
    return 2 * x


def records(compiled):
    return len(list(getattr(compiled, "forward", compiled).segments()))


def net():
    rg.manual_seed(0)
    return rg.nn.Sequential(rg.nn.Linear(2, 3), rg.nn.Tanh(), rg.nn.Linear(3, 1))


# -- compile ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "made",
    [
        rg.compile(double), rg.compile(model=double), rg.compile()(double),
        rg.compile(dynamic=True)(double), rg.compile(mode="reduce-overhead")(double),
        rg.compile(double, options={"max_autotune": True}, name="f", recompile_limit=3),
        rg.compile(double, fullgraph=True, dynamic=False, backend="inductor"),
        rg.compiler.compile(double, backend="cudagraphs"), rg.compile(double, backend="replay"),
        rg._dynamo.optimize()(double), rg._dynamo.optimize("inductor", nopython=True)(double),
    ],
)  # fmt: skip
def test_forms_that_record(made):
    for _ in range(3):
        assert made(X).tolist() == [2, 4]
    assert records(made) == 1
    assert made.__name__ == "double" and made.__wrapped__ is double


@pytest.mark.parametrize("mode", ["default", "lite", "reduce-overhead", "max-autotune",
                                  "max-autotune-no-cudagraphs", None])  # fmt: skip
def test_modes(mode):
    assert rg.compile(double, mode=mode)(X).tolist() == [2, 4]


@pytest.mark.parametrize("backend", ["eager", "aot_eager"])
def test_eager_backends_record_nothing(backend):
    made = rg.compile(double, backend=backend)
    assert made(X).tolist() == made(X).tolist() == [2, 4]
    assert records(made) == 0
    assert rg.compiler.explain(made).eager == [f"backend='{backend}'"]
    rg.compiler.reset()
    made(X)
    assert records(made) == 0


def test_disable_returns_the_same():
    assert rg.compile(double, disable=True) is double
    assert rg.compile(disable=True)(double) is double


async def waits(x):
    return x


def yields(x):
    yield x


@pytest.mark.parametrize(
    "settings, error, text",
    [
        ({"backend": "bad"}, RuntimeError, "Invalid backend: 'bad', see .* backends: replay, numb"),
        ({"backend": print}, TypeError, "backend is one of replay, .* print could be called with"),
        ({"backend": 3}, TypeError, "backend is one of replay, .* int 3 could be called with"),
        ({"mode": "fast"}, RuntimeError, "Unrecognized mode=fast, should be one of: default, lite"),
        ({"mode": "default", "options": {}}, RuntimeError, "Either mode or options can be"),
        ({"dynamic": 3}, AssertionError, "Expected enable to be a bool, got <class 'int'>"),
        ({"model": 3}, AssertionError, "A callable function is expected, but <class 'int'> is"),
        ({"model": waits}, TypeError, "waits is a generator or coroutine"),
        ({"model": yields}, TypeError, "yields is a generator or coroutine"),
    ],
)
def test_refused(settings, error, text):
    with pytest.raises(error, match=text):
        rg.compile(**{"model": double, **settings})


@pytest.mark.parametrize("settings", [{"mode": "fast"}, {"mode": "default", "options": {"a": 1}}])
def test_refused_in_the_same_words(settings):
    torch = pytest.importorskip("torch")
    found = []
    for library in (rg, torch):
        with pytest.raises((RuntimeError, AssertionError)) as caught:
            library.compile(**{"model": double, **settings})
        found.append((caught.type, str(caught.value)))
    assert found[0] == found[1]


def test_every_name_of_settings():
    torch = pytest.importorskip("torch")

    ours, theirs = (inspect.signature(one.compile).parameters for one in (rg, torch))
    assert set(theirs) <= set(ours)


def test_fullgraph_raises_where_a_record_ends():
    def branches(x):
        return x if x.sum() > 0 else -x

    def reads(x):
        return x * int(x[0])

    def prints(x):
        print("a")
        return x

    def masked(x):
        return x[x > 0]

    for function, text in ((branches, "by bool"), (reads, "by number"), (masked, "by layout")):
        made = rg.compile(function, fullgraph=True)
        with pytest.raises(RuntimeError, match=rf"fullgraph=True\): the program looks .*{text}"):
            made(X)
    with pytest.raises(RuntimeError, match=r"fullgraph=True\): print\(\) is called"):
        rg.compile(prints, fullgraph=True)(X)
    made = rg.compile(lambda x: (x.sum().item(), x * 2), fullgraph=True)
    assert [made(X)[0] for _ in range(3)] == [3, 3, 3]


# -- modules ---------------------------------------------------------------------------------------


def test_a_compiled_module_is_a_module():
    module = net()
    made = rg.compile(module)
    assert isinstance(made, OptimizedModule) and isinstance(made, rg.nn.Module)
    for _ in range(3):
        assert plain(made(X)) == plain(module(X))
    assert next(iter(made.state_dict())) == "_orig_mod.0.weight"
    assert made._orig_mod is module and len(made) == len(module) == 3
    made.eval()
    assert not module.training and not made.training
    assert records(made) == 1


def test_module_compile_works_in_place():
    module, other = net(), net()
    assert module.compile() is None
    assert type(module) is rg.nn.Sequential
    assert list(module.state_dict()) == list(other.state_dict())
    optimizers = [rg.optim.SGD(one.parameters(), lr=0.1) for one in (module, other)]
    for _ in range(4):
        found = []
        for one, optimizer in zip((module, other), optimizers, strict=True):
            optimizer.zero_grad()
            loss = one(X).sum()
            loss.backward()
            optimizer.step()
            found.append((plain(loss), [plain(p.grad) for p in one.parameters()]))
        assert found[0] == found[1]
    assert records(module._compiled_call_impl) == 1


def test_module_compile_calls_hooks():
    module = net()
    module.compile()
    plainly = module(X).item()
    module(X)
    handle = module.register_forward_hook(lambda m, args, out: out * 2)
    for _ in range(3):
        assert module(X).item() == plainly * 2
    handle.remove()
    for _ in range(3):
        assert module(X).item() == plainly
    everywhere = rg.nn.modules.module.register_module_forward_hook(lambda m, args, out: out + 1)
    try:
        hooked = net()(X).item()
        for _ in range(2):
            assert module(X).item() == hooked != plainly
    finally:
        everywhere.remove()


def test_copies_of_a_compiled_module_are_not_compiled():
    module = net()
    module.compile()
    module(X)
    for one in (copy.deepcopy(module), pickle.loads(pickle.dumps(module))):
        assert one._compiled_call_impl is None
        assert plain(one(X)) == plain(module(X))
    assert module._compiled_call_impl is not None


def test_module_compile_takes_settings():
    module = net()
    module.compile(backend="eager", dynamic=True)
    module(X)
    assert records(module._compiled_call_impl) == 0
    with pytest.raises(RuntimeError, match="Invalid backend: 'bad'"):
        module.compile(backend="bad")


# -- torch.compiler --------------------------------------------------------------------------------


def test_names_of_the_namespace():
    torch = pytest.importorskip("torch")
    caches_and_guards = {
        "config", "keep_portable_guards_unsafe", "keep_tensor_guards_unsafe",
        "load_cache_artifacts", "load_compiled_function", "save_cache_artifacts",
        "set_enable_guard_collectives", "skip_all_guards_unsafe",
        "skip_guard_on_all_nn_modules_unsafe", "skip_guard_on_globals_unsafe",
        "skip_guard_on_inbuilt_nn_modules_unsafe",
    }  # fmt: skip
    assert set(torch.compiler.__all__) - caches_and_guards <= set(dir(rg.compiler))


def test_directives_hand_functions_back():
    compiler = rg.compiler
    assert compiler.allow_in_graph(double) is double
    assert compiler.allow_in_graph([double]) == [double]
    assert compiler.assume_constant_result(double) is double
    assert compiler.nested_compile_region(double) is double
    assert compiler.nested_compile_region()(double) is double
    assert compiler.substitute_in_graph(len)(double) is double
    assert compiler.cudagraph_mark_step_begin() is None
    assert not compiler.is_exporting()
    with pytest.raises(AssertionError, match="allow_in_graph expects a callable"):
        compiler.allow_in_graph(3)
    with pytest.raises(TypeError, match="substitute_in_graph expects a function but got <class"):
        compiler.substitute_in_graph(3)
    with pytest.raises(AssertionError, match="fn must be callable"):
        compiler.disable(3)


def test_is_compiling():
    seen = rg.compile(lambda x: (x, rg.compiler.is_compiling()))
    assert not rg.compiler.is_compiling() and not rg.compiler.is_dynamo_compiling()
    assert seen(X)[1] and seen(X)[1]
    assert not rg.compiler.is_compiling()


def test_backends_are_listed():
    assert rg.compiler.list_backends() == ["auto", "cudagraphs", "inductor", "numba", "replay"]
    assert {"eager", "aot_eager"} < set(rg.compiler.list_backends(None))
    for name in rg.compiler.list_backends(()):
        if name not in ("numba", "auto"):
            assert rg.compile(double, backend=name)(X).tolist() == [2, 4]


def test_default_backend():
    assert rg.compiler.get_default_backend() == "replay"
    rg.compiler.set_default_backend("eager")
    try:
        assert rg.compiler.explain(rg.compile(double)).eager == ["backend='eager'"]
        with pytest.raises(RuntimeError, match="Invalid backend"):
            rg.compiler.set_default_backend("bad")
    finally:
        rg.compiler.set_default_backend(None)
    assert not rg.compile(double).eager


def test_stances():
    made = rg.compile(double)
    with rg.compiler.set_stance("force_eager"):
        made(X)
        assert records(made) == 0
    with rg.compiler.set_stance("eager_on_recompile"):
        made(X)
        assert records(made) == 0
    made(X)
    assert records(made) == 1
    with rg.compiler.set_stance("fail_on_recompile"):
        assert made(X).tolist() == [2, 4]
        with pytest.raises(RuntimeError, match="double would be recorded anew, and the stance"):
            made(rg.ones(3))
    assert made(rg.ones(3)).tolist() == [2, 2, 2]

    @rg.compiler.set_stance("force_eager")
    def eagerly(x):
        return other(x)

    other = rg.compile(double)
    assert eagerly(X).tolist() == [2, 4]
    assert records(other) == 0
    other(X)
    assert records(other) == 1
    try:
        rg.compiler.set_stance("force_eager")
        other(rg.ones(3))
        assert records(other) == 1
    finally:
        rg.compiler.set_stance("default")
    with pytest.raises(RuntimeError, match=r"invalid torch\.compile stance 'bad'"):
        rg.compiler.set_stance("bad")


def test_wrapped_numpy_is_recorded():
    made = rg.compile(rg.compiler.wrap_numpy(lambda x: (np.square(x) + 1, np.sum(x))))
    for scale in (1, 2, 3):
        squares, total = made(scale * X)
        assert squares.tolist() == ((scale * X) ** 2 + 1).tolist()
        assert total.item() == 3 * scale
    assert records(made) == 1
    assert rg.compiler.wrap_numpy(lambda: np.arange(3))().tolist() == [0, 1, 2]


def test_settings_of_dynamo():
    rg._dynamo.config.suppress_errors = True
    rg._dynamo.config.suppress_errors = False
    made = rg.compile(double)
    made(X)
    rg._dynamo.reset()
    assert records(made) == 0
    rg._dynamo.mark_dynamic(X, 0)
    rg._dynamo.mark_static(X)
    rg._dynamo.graph_break()
    assert rg._dynamo.explain(made).segments == 0


# -- torch.jit -------------------------------------------------------------------------------------


def test_jit_saves_what_was_traced(tmp_path):
    path = str(tmp_path / "traced")
    module = net()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = [rg.jit.trace(module, X), rg.jit.trace(double, (X,))]
        scripted = rg.jit.script(double)
    for made, function in zip(traced, (module, double), strict=True):
        made.save(path)
        assert rg.jit.load(path)(X).tolist() == function(X).tolist()
        rg.jit.save(made, path)
        assert rg.jit.load(path)(X).tolist() == function(X).tolist()
    with pytest.raises(RuntimeError, match=r"torch.jit.save: .* torch.jit.trace\(function, exa"):
        rg.jit.save(scripted, path)


def test_jit_marks_hand_back():
    for mark in (rg.jit.export, rg.jit.ignore, rg.jit.ignore(), rg.jit.ignore(drop=True),
                 rg.jit.unused, rg.jit.interface, rg.jit.freeze, rg.jit.script_if_tracing,
                 rg.jit.optimize_for_inference):  # fmt: skip
        assert mark(double) is double
    assert rg.jit.annotate(int, 3) == 3
    assert rg.jit.script(Scaled) is Scaled
    assert not rg.jit.is_tracing()


# -- what can be compiled --------------------------------------------------------------------------


class Scaled:
    """Every kind of method."""

    def __init__(self, scale):
        self.scale = scale

    @rg.compile
    def method(self, x):
        return x * self.scale

    @staticmethod
    @rg.compile
    def static(x):
        return x * 3

    @classmethod
    @rg.compile
    def of_class(cls, x):
        return x * 4, cls.__name__

    @property
    @rg.compile
    def value(self):
        return X * self.scale

    def __call__(self, x):
        return x + self.scale


def test_methods():
    first, second = Scaled(2), Scaled(5)
    for _ in range(3):
        for one in (first, second):
            assert one.method(X).tolist() == (X * one.scale).tolist()
            assert one.value.tolist() == (X * one.scale).tolist()
            assert Scaled.method(one, X).tolist() == (X * one.scale).tolist()
        assert Scaled.static(X).tolist() == first.static(X).tolist() == [3, 6]
        assert first.of_class(X)[1] == Scaled.of_class(X)[1] == "Scaled"
    first.scale = 7
    assert first.method(X).tolist() == [7, 14]
    assert second.method(X).tolist() == [5, 10]
    assert first.method.__self__ is first
    assert "mul" in first.method.source


def test_callables():
    scaled = Scaled(2)
    nested = functools.partial(functools.partial(pow_sum, power=2), rg.ones(2))
    for function, want in (
        (scaled, [3, 4]), (functools.partial(pow_sum, X, power=3), None), (nested, None),
        (lambda x: x + 1, [2, 3]), (scaled.__call__, [3, 4]), (rg.sin, None), (rg.Tensor.exp, None),
    ):  # fmt: skip
        made = rg.compile(function)
        for _ in range(3):
            assert made(X).tolist() == (want or function(X).tolist())
    bound = rg.compile(scaled)
    assert bound(X).tolist() == [3, 4]
    scaled.scale = 10
    assert bound(X).tolist() == [11, 12]


def pow_sum(x, y, power=1):
    return (x * y) ** power


def test_what_wraps_a_compiled_function():
    @functools.lru_cache
    def scale():
        return 3.0

    @functools.wraps(double)
    def wrapped(*args):
        return double(*args) * scale()

    made = rg.compile(wrapped)
    again = CompiledFunction(made)
    for one in (made, again, functools.partial(made, X)):
        for _ in range(3):
            assert (one() if isinstance(one, functools.partial) else one(X)).tolist() == [6, 12]


def test_copies_keep_what_they_were_told():
    for settings in ({"fullgraph": True}, {"backend": "eager"}):
        made = rg.compile(double, **settings)
        for one in (copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
            assert one.settings() == made.settings()
            assert one(X).tolist() == [2, 4]
