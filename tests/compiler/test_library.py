"""Library kernels: what operations on large arrays compute with them, and when they use them."""

from __future__ import annotations

import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import retrograd as rg
from retrograd._core.library import LEAST, NEVER, library
from retrograd.backends import numba as switch
from retrograd.compiler import backends, numba_backend, warming
from retrograd.compiler import library as kernels

from ..sampling import collect, find

pytest.importorskip("numba")
SAMPLES, _ = collect()
F = rg.nn.functional


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory):
    """Keep the kernels of this file in one folder, and wait for them."""
    made = tmp_path_factory.mktemp("kernels")
    with pytest.MonkeyPatch.context() as patch, switch.flags("always"):
        patch.setenv("RETROGRAD_CACHE_DIR", str(made))
        library.table.clear()
        yield made
    library.table.clear()


def numbers(*shape, dtype="float32", scale=1.0, seed=0):
    return (np.random.default_rng(seed).standard_normal(shape) * scale).astype(dtype)


def gradients(function, *arrays, dtype=None):
    """Return the result of a function and the gradient of each array."""
    given = [rg.tensor(a if dtype is None else a.astype(dtype)) for a in arrays]
    for one in given:
        one.requires_grad_()
    out = function(*given)
    out.backward(rg.tensor(numbers(*out.shape, seed=9).astype(out.detach().numpy().dtype)))
    return [out.detach().numpy(), *[one.grad.numpy() for one in given]]


def without(function, *arrays, dtype=None):
    with switch.flags("never"):
        return gradients(function, *arrays, dtype=dtype)


def with_kernels(function, *arrays, count=1):
    """Return what `gradients` does, after a look that kernels have computed."""
    before = library.served()
    found = gradients(function, *arrays)
    assert library.served() - before >= count
    return found


HIDDEN = np.where(np.random.default_rng(0).random((128, 128)) < 0.2, -np.inf, 0.5)
ROWS, CHANNELS = (260, 1030), (3, 12, 60, 125)
PROGRAMS = {
    "gelu": (F.gelu, (ROWS,), 2),
    "gelu tanh": (lambda x: F.gelu(x, approximate="tanh"), (ROWS,), 2),
    "silu": (F.silu, (ROWS,), 2),
    "softmax": (lambda x: rg.softmax(x, -1), (ROWS,), 2),
    "softmax of long rows": (lambda x: rg.softmax(x, -1), ((3, 100_001),), 2),
    "softmax of short rows": (lambda x: rg.softmax(x, -1), ((90_001, 3),), 2),
    "log_softmax": (lambda x: rg.log_softmax(x, -1), (ROWS,), 2),
    "cross_entropy": (lambda x: F.cross_entropy(x, rg.arange(260) * 3), (ROWS,), 2),
    "layer_norm": (lambda x, w, b: F.layer_norm(x, ROWS[1:], w, b), (ROWS, (1030,), (1030,)), 3),
    "layer_norm, no weights": (lambda x: F.layer_norm(x, ROWS[1:]), (ROWS,), 3),
    "rms_norm": (lambda x, w: F.rms_norm(x, ROWS[1:], w), (ROWS, (1030,)), 3),
    "batch_norm": (
        lambda x, w, b: F.batch_norm(x, None, None, w, b, True), (CHANNELS, (12,), (12,)), 4,
    ),
    "group_norm": (lambda x, w, b: F.group_norm(x, 4, w, b), (CHANNELS, (12,), (12,)), 4),
    "instance_norm": (lambda x: F.instance_norm(x), (CHANNELS,), 4),
    "attention": (F.scaled_dot_product_attention, ((2, 8, 130, 16),) * 3, 2),
    "causal attention": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
        ((2, 8, 130, 16),) * 3, 2,
    ),
    "attention with a bias": (
        lambda q, k, v: F.scaled_dot_product_attention(q, k, v, rg.tensor(HIDDEN).to(q.dtype)),
        ((2, 8, 128, 16),) * 3, 2,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PROGRAMS)
def test_float32_is_as_good_as_numpys(name):
    """Against float64: no more than 4 units more than NumPy's error, of the largest magnitude."""
    function, shapes, count = PROGRAMS[name]
    arrays = [numbers(*shape, seed=seed, scale=2.0) for seed, shape in enumerate(shapes)]
    exact = without(function, *arrays, dtype="float64")
    for found, numpys, right in zip(
        with_kernels(function, *arrays, count=count), without(function, *arrays), exact, strict=True
    ):
        assert found.dtype == numpys.dtype
        assert found.strides == numpys.strides
        unit = np.finfo(np.float32).eps * np.abs(right).max()
        error, allowed = np.abs(found - right).max(), np.abs(numpys - right).max()
        assert error <= allowed + 4 * unit


@pytest.mark.parametrize("name", ["gelu", "log_softmax", "layer_norm", "group_norm", "attention"])
def test_float64(name):
    function, shapes, count = PROGRAMS[name]
    arrays = [numbers(*shape, dtype="float64", seed=n) for n, shape in enumerate(shapes)]
    found = with_kernels(function, *arrays, count=count)
    for one, other in zip(found, without(function, *arrays), strict=True):
        unit = np.finfo(np.float64).eps * np.abs(other).max()
        np.testing.assert_allclose(one, other, rtol=0, atol=32 * unit)


NAMES = [
    "nn.functional.gelu", "nn.functional.silu", "softmax", "log_softmax",
    "nn.functional.layer_norm", "nn.functional.rms_norm", "nn.functional.group_norm",
    "nn.functional.scaled_dot_product_attention",
]  # fmt: skip


@pytest.mark.parametrize("name", [name for name in NAMES if name in SAMPLES])
def test_every_sample_at_any_size(name):
    """Odd shapes, layouts and settings, errors too: with kernels for arrays of any size."""
    for sample in SAMPLES[name]:
        if sample.raises is not None:
            continue
        args, settings, _ = sample.build(rg)
        rg.manual_seed(0)  # one has dropout
        with switch.flags("always", 1):
            found = find(rg, name)(*args, **settings)
        rg.manual_seed(0)
        with switch.flags("never"):
            wanted = find(rg, name)(*args, **settings)
        assert found.dtype == wanted.dtype
        found, wanted = found.detach().numpy(), wanted.detach().numpy()
        assert found.shape == wanted.shape
        if found.dtype.itemsize == 2 or found.dtype.kind != "f":
            np.testing.assert_array_equal(found, wanted)
            continue
        eps = np.finfo(found.dtype).eps
        np.testing.assert_allclose(found, wanted, rtol=64 * eps, atol=16 * eps)


SPECIAL = [np.nan, np.inf, -np.inf, -0.0, 0.0, 1e30, -1e30, 88.0, -88.0, 104.0, -104.0, 1e-40]


@pytest.mark.parametrize("name", ["gelu", "gelu tanh", "silu", "softmax", "log_softmax"])
def test_special_values(name):
    function = PROGRAMS[name][0]
    x = numbers(260, 1030)
    for row, value in enumerate(SPECIAL):
        x[row, row * 7 % 1030] = value
    x[20], x[21] = -np.inf, np.inf
    for one, other in zip(with_kernels(function, x), without(function, x), strict=True):
        finite = np.isfinite(other)
        np.testing.assert_array_equal(one[~finite], other[~finite])
        np.testing.assert_allclose(one[finite], other[finite], rtol=1e-4, atol=1e-5)


def test_a_query_that_sees_no_key():
    q = numbers(2, 8, 128, 16)
    mask = np.zeros((128, 128), np.float32)
    mask[5] = -np.inf

    def function(q):
        return F.scaled_dot_product_attention(q, q, q, rg.tensor(mask))

    found, wanted = with_kernels(function, q), without(function, q)
    assert not found[0][:, :, 5].any()
    np.testing.assert_allclose(found[0], wanted[0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["gelu", "softmax", "layer_norm"])
def test_what_is_not_contiguous_or_small_is_left_to_numpy(name):
    function = PROGRAMS[name][0]
    before = library.served()
    more = [rg.tensor(numbers(1030))] * 2 if name == "layer_norm" else []
    wide = rg.tensor(numbers(1030, 260)).t()
    with switch.flags("never"):
        wanted = function(wide, *more)
    found = function(wide, *more)
    small = function(rg.tensor(numbers(10, 1030)), *more)
    half = function(rg.tensor(numbers(260, 1030)).half(), *[one.half() for one in more])
    assert library.served() == before
    np.testing.assert_array_equal(found.numpy(), wanted.numpy())
    assert found.stride() == wanted.stride()
    assert small.shape == (10, 1030)
    assert half.dtype == rg.float16


def test_a_gradient_that_is_spread():
    """`sum` sends one number for all: no contiguous array."""
    x = rg.tensor(numbers(260, 1030), requires_grad=True)
    F.silu(x).sum().backward()
    found, x.grad = x.grad.numpy(), None
    with switch.flags("never"):
        F.silu(x).sum().backward()
    np.testing.assert_allclose(found, x.grad.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["gelu", "silu", "softmax", "log_softmax", "layer_norm"])
def test_second_derivatives(name):
    function, shapes, _ = PROGRAMS[name]
    arrays = [numbers(*shape, seed=seed) for seed, shape in enumerate(shapes)]

    def second():
        x, *more = [rg.tensor(one, requires_grad=True) for one in arrays]
        y = function(x, *more)
        (g,) = rg.autograd.grad(y, x, rg.tensor(numbers(*ROWS, seed=5)), create_graph=True)
        return rg.autograd.grad((g * g).sum(), x)[0].numpy()

    found = second()
    with switch.flags("never"):
        wanted = second()
    np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=1e-5 * np.abs(wanted).max())


def test_threads():
    x = rg.tensor(numbers(*ROWS))
    wanted = rg.softmax(x, -1).numpy()
    found = []

    def work():
        for _ in range(5):
            found.append(np.array_equal(rg.softmax(x, -1).numpy(), wanted))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert found == [True] * 20


# -- when they are used ---------------------------------------------------------------------------


@pytest.fixture
def fresh(tmp_path, monkeypatch):
    """As in a process that has asked for nothing, with an empty cache."""
    monkeypatch.setenv("RETROGRAD_CACHE_DIR", str(tmp_path))
    monkeypatch.setattr(numba_backend, "_kernels", {})
    table = library.table
    library.table = {}
    yield
    library.table = table


def test_auto_answers_once_in_a_process(fresh, monkeypatch):
    x = rg.tensor(numbers(*ROWS))
    with switch.flags("never"):
        wanted = F.silu(x).numpy()
    before = library.served()
    with switch.flags("auto"):
        np.testing.assert_array_equal(F.silu(x).numpy(), wanted)
        numba_backend.finish()  # it is in the cache now: for the next process
        np.testing.assert_array_equal(F.silu(x).numpy(), wanted)
        assert library.served() == before
    library.table = {}
    monkeypatch.setattr(numba_backend, "_kernels", {})
    monkeypatch.setattr(numba_backend, "compile_source", lambda *_: pytest.fail("compiled"))
    with switch.flags("auto"):
        F.silu(x)
    assert library.served() == before + 1


def test_deterministic_algorithms(fresh):
    x = rg.tensor(numbers(*ROWS))
    with switch.flags("auto"):
        rg.use_deterministic_algorithms(True)
        try:
            assert library.least == NEVER
            F.silu(x)
            assert not library.table
            with switch.flags("always"):  # these are the same in every run
                assert library.least == LEAST
        finally:
            rg.use_deterministic_algorithms(False)
        assert library.least == LEAST


def test_modes():
    with switch.flags("never"):
        assert switch.library_kernels() == "never"
        assert library.least == NEVER
        with switch.flags("auto", 5):
            assert library.least == 5
        assert library.least == NEVER
    with pytest.raises(ValueError, match="mode has to be one of auto, always, never"):
        switch.set_library_kernels("sometimes")
    with pytest.raises(ValueError, match="least has to be at least 1"):
        switch.set_library_kernels("auto", 0)


def test_where_numba_is_missing(fresh, monkeypatch):
    monkeypatch.setattr(backends, "available", lambda: False)
    x = rg.tensor(numbers(*ROWS))
    with switch.flags("never"):
        wanted = F.silu(x).numpy()
    try:
        with switch.flags("auto"):
            np.testing.assert_array_equal(F.silu(x).numpy(), wanted)
            assert library.least == NEVER  # nobody asks again
    finally:
        library.missing = False
        library.settle()


def test_a_compiler_that_fails(fresh, monkeypatch, capsys):
    def fails(*_):
        raise RuntimeError("no compiler today")

    monkeypatch.setattr(numba_backend, "compile_source", fails)
    monkeypatch.setenv("RETROGRAD_LOGS", "library")
    x = rg.tensor(numbers(*ROWS))
    with switch.flags("never"):
        wanted = F.silu(x).numpy()
    np.testing.assert_array_equal(F.silu(x).numpy(), wanted)
    assert "no compiler today" in capsys.readouterr().err


CHILD = """
import sys
import retrograd as rg
assert not {"numba", "llvmlite", "retrograd.compiler"} & set(sys.modules)
x = rg.arange(1 << 18) / 1000.0
y = rg.nn.functional.silu(x)
from retrograd._core.library import library
print(library.mode, library.served(), "numba" in sys.modules)
"""


@pytest.mark.parametrize(
    ("mode", "printed"),
    [("", "auto 1 False"), ("always", "always 1 False"), ("never", "never 0 False")],
)
def test_the_environment_variable(folder, mode, printed):
    """A second process, from the cache: numba is not loaded, nor anything at import."""
    F.silu(rg.tensor(numbers(*ROWS)))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    environment.pop("RETROGRAD_LIBRARY_KERNELS", None)
    if mode:
        environment["RETROGRAD_LIBRARY_KERNELS"] = mode
    found = subprocess.run(
        [sys.executable, "-c", CHILD], env=environment, capture_output=True, text=True, timeout=120
    )
    assert found.stderr == ""
    assert found.stdout.strip() == printed


# -- beside compile -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gelu", "softmax", "layer_norm", "causal attention"])
def test_replays_have_eagers_every_bit(name, monkeypatch):
    """A step that a kernel computes stays whole: it is not opened into NumPy's calls."""
    monkeypatch.setattr(warming, "PATIENCE", 0.0)
    function, shapes, _ = PROGRAMS[name]
    arrays = [numbers(*shape, seed=seed) for seed, shape in enumerate(shapes)]
    compiled = rg.compile(function, backend="replay")
    wanted = gradients(function, *arrays)
    for _ in range(4):
        for one, other in zip(gradients(compiled, *arrays), wanted, strict=True):
            np.testing.assert_array_equal(one, other)
    before = library.served()
    gradients(compiled, *arrays)
    assert library.served() > before


def test_compiled_kernels_take_the_place_of_the_librarys(monkeypatch):
    """With backend="numba" such steps are opened, and fused with what is around them."""
    monkeypatch.setattr(warming, "PATIENCE", 0.0)
    x = rg.tensor(numbers(*ROWS))
    compiled = rg.compile(lambda x: F.silu(x * 2) + 1, backend="numba")
    for _ in range(4):
        compiled(x)
    numba_backend.finish()
    before = library.served()
    found = compiled(x).numpy()
    assert library.served() == before
    np.testing.assert_allclose(found, (F.silu(x * 2) + 1).numpy(), rtol=1e-5, atol=1e-6)


def test_all_kernels_have_functions():
    from retrograd.compiler import library_sources

    assert set(kernels.FUNCTIONS) == set(library_sources.SOURCES)


# -- optimizers -----------------------------------------------------------------------------------

OPTIMIZERS = {
    "Adam": (rg.optim.Adam, {}),
    "Adam, weight decay": (rg.optim.Adam, {"weight_decay": 0.1, "lr": 1, "maximize": True}),
    "Adam, a far beta": (rg.optim.Adam, {"betas": (0.3, 0.5), "eps": 1e-3}),
    "AdamW": (rg.optim.AdamW, {"lr": 0.01}),
    "SGD": (rg.optim.SGD, {"lr": 0.1}),
    "SGD, weight decay": (rg.optim.SGD, {"lr": 0.1, "weight_decay": 0.1, "maximize": True}),
    "SGD, momentum": (rg.optim.SGD, {"lr": 0.1, "momentum": 0.9}),
    "SGD, Nesterov": (
        rg.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.01},
    ),
    "SGD, dampening": (rg.optim.SGD, {"lr": 0.1, "momentum": 0.9, "dampening": 0.4}),
}  # fmt: skip


def trained(kind, settings, dtype, steps=4):
    """Return a parameter and its state after some steps."""
    param = rg.nn.Parameter(rg.tensor(numbers(*ROWS, dtype=dtype)))
    optimizer = kind([param], **settings)
    for number in range(steps):
        param.grad = rg.tensor(numbers(*ROWS, dtype=dtype, seed=number, scale=10.0**-number))
        optimizer.step()
    state = [one.numpy() for one in optimizer.state[param].values() if one is not None]
    return [param.detach().numpy(), *state]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_updates_are_numpys_bit_for_bit(name, dtype):
    kind, settings = OPTIMIZERS[name]
    before = library.served()
    found = trained(kind, settings, dtype)
    assert library.served() - before >= 3  # the first step has nothing to know its arrays by
    with switch.flags("never"):
        wanted = trained(kind, settings, dtype)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)


def test_updates_that_no_kernel_makes():
    """amsgrad, other optimizers, a subclass with an update of its own, rates that are arrays."""

    class Mine(rg.optim.SGD):
        def update(self, switches, numbers, param, grad, states, scratch):
            param += 1

    rate = {"lr": rg.tensor(0.1)}
    before = library.served()
    for kind, settings in (
        (rg.optim.Adam, {"amsgrad": True}), (rg.optim.NAdam, {}), (Mine, {"lr": 1.0}),
    ):  # fmt: skip
        found = trained(kind, settings, "float32")
        with switch.flags("never"):
            wanted = trained(kind, settings, "float32")
        np.testing.assert_array_equal(found[0], wanted[0])
    assert library.served() == before
    found = trained(rg.optim.SGD, rate, "float32")
    with switch.flags("never"):
        np.testing.assert_array_equal(found[0], trained(rg.optim.SGD, rate, "float32")[0])


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_forked_process_uses_kernels_too(folder):
    """Even one forked while another thread asks."""
    x = rg.tensor(numbers(*ROWS))
    wanted = F.silu(x).numpy()
    with library.lock:
        child = os.fork()
        if child == 0:  # pragma: no cover
            code = 1
            try:
                library.table = {}
                code = 0 if np.array_equal(F.silu(x).numpy(), wanted) and library.served() else 2
            finally:
                os._exit(code)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
