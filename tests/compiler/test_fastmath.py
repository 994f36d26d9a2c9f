"""Fast arithmetic: only where it is asked for, and then within its bounds on finite numbers."""

from __future__ import annotations

import numpy as np
import pytest

import retrograd as rg
from retrograd.compiler import numba_backend, stretch_source

from .plain_kernels import use_own_cache

pytest.importorskip("numba")
FAST = {"fastmath": True}


@pytest.fixture(autouse=True)
def eager_to_fuse(monkeypatch, tmp_path):
    use_own_cache(monkeypatch, tmp_path)


def ready(function, *args, **settings):
    """Return a function compiled, with its kernels in use, and their sources."""
    compiled = rg.compile(function, backend="numba", **settings)
    for _ in range(4):
        compiled(*args)
    numba_backend.finish()
    compiled(*args)
    sources = [text for segment in compiled.segments() for text in segment.kernels]
    assert sources, "nothing was fused"
    return compiled, sources


def everything(x):
    return (
        (x * x + x).sum(),
        rg.softmax(x * 3, -1),
        (x / 3 + 1 / (x * x + 1)) / 7,
        x / (x * x).sum(-1, keepdim=True),
        rg.nn.functional.layer_norm(x, x.shape[-1:]),
        x.tanh().amax(-1),
    )


@pytest.mark.parametrize("dtype", [rg.float32, rg.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("shape", [(1, 5000), (7, 33), (64, 1)])
def test_on_finite_numbers(dtype, shape):
    rg.manual_seed(0)
    x = rg.randn(*shape, dtype=dtype)
    fast, _ = ready(everything, x, options=FAST)
    for found, wanted in zip(fast(x), everything(x), strict=True):
        found, wanted = found.numpy(), wanted.numpy()
        assert found.dtype == wanted.dtype
        apart = 8 * np.finfo(found.dtype).eps * max(float(np.abs(wanted).max()), 1e-30)
        if wanted.ndim == 0:  # a sum of terms of both signs: of what it is a sum of
            apart = 8 * np.finfo(found.dtype).eps * float((x * x + x).abs().sum())
        np.testing.assert_allclose(found, wanted, rtol=0, atol=apart)


def test_off_by_default_and_off_where_it_is_false():
    x = rg.tensor([[1.0, float("nan"), 3.0], [float("inf"), 2.0, -float("inf")]])

    def function(x):
        return rg.isnan(x * 1).sum(-1), (x * 2).amax(-1), (x - x) * 0, x + x

    for options in (None, {}, {"fastmath": False}, {"max_autotune": True}):
        compiled, sources = ready(function, x, options=options)
        assert not any(stretch_source.FASTER in text for text in sources)
        for found, wanted in zip(compiled(x), function(x), strict=True):
            np.testing.assert_array_equal(found.numpy(), wanted.numpy())


def test_fast_kernels_are_others_in_the_cache(tmp_path):
    x = rg.ones(4, 5)

    def function(x):
        return (x / 3 + 1) / 7

    ready(function, x)
    assert len(list(tmp_path.rglob("*.kernel"))) == 1
    ready(function, x, options=FAST)
    assert len(list(tmp_path.rglob("*.kernel"))) == 2
    ready(function, x, options=FAST)
    assert len(list(tmp_path.rglob("*.kernel"))) == 2


def test_a_whole_training_step():
    def losses(compiled):
        rg.manual_seed(0)
        model = rg.nn.Sequential(rg.nn.Linear(3, 8), rg.nn.Tanh(), rg.nn.Linear(8, 4))
        optimizer = rg.optim.Adam(model.parameters(), lr=0.1)
        x, y = rg.randn(16, 3), rg.randint(0, 4, (16,))

        def step():
            optimizer.zero_grad()
            loss = rg.nn.functional.cross_entropy(model(x), y)
            loss.backward()
            optimizer.step()
            return loss.item()

        run = rg.compile(step, backend="numba", options=FAST) if compiled else step
        found = []
        for number in range(12):
            found.append(run())
            if compiled and number == 4:
                numba_backend.finish()
        return found

    np.testing.assert_allclose(losses(True), losses(False), rtol=1e-4)


def test_modules_and_decorators_take_it():
    model = rg.compile(rg.nn.Softmax(-1), backend="numba", options=FAST)
    assert model.forward.fuses == "fast"

    @rg.compile(backend="numba", options=FAST)
    def function(x):
        return x

    assert function.fuses == "fast"
    assert rg.compile(lambda x: x, options=FAST).fuses == ""  # NumPy replays: there are no kernels


@pytest.mark.parametrize("value", [1, "yes", None])
def test_what_is_no_bool_is_refused(value):
    name = type(value).__name__
    with pytest.raises(RuntimeError, match=f"of attr fastmath, got {name} should be bool"):
        rg.compile(lambda x: x, options={"fastmath": value})
