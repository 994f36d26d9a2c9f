"""Fused kernels: the same values as NumPy's replay within the stated bounds, whatever happens."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

import retrograd as rg
from retrograd.compiler import backends, blocks, native, numba_backend

from ..sampling import collect, find
from .plain_kernels import use_own_cache
from .running import kernels

pytest.importorskip("numba")
SAMPLES, _ = collect()


@pytest.fixture(autouse=True)
def eager_to_fuse(monkeypatch, tmp_path):
    """Lower at the first replay, fuse even single calls, keep kernels in a folder of the test."""
    use_own_cache(monkeypatch, tmp_path)
    monkeypatch.setenv("RETROGRAD_LOGS", "fusion")


def ready(function, *args, **settings):
    """Return a function compiled, after its kernels have come into use."""
    compiled = rg.compile(function, backend="numba")
    for _ in range(4):
        compiled(*args, **settings)
    numba_backend.finish()
    compiled(*args, **settings)
    return compiled


def close(one, other, ulps=8):
    """Compare results: a few roundings of the largest magnitude of an array apart."""
    one, other = np.asarray(one), np.asarray(other)
    assert one.dtype == other.dtype
    assert one.shape == other.shape
    assert one.strides == other.strides
    if one.dtype.kind != "f":
        np.testing.assert_array_equal(one, other)
        return
    eps = np.finfo(one.dtype).eps
    finite = np.abs(other[np.isfinite(other)])
    scale = float(finite.max()) if finite.size else 0.0
    np.testing.assert_allclose(one, other, rtol=ulps * eps, atol=ulps * eps * scale)


def check(function, *args):
    wanted = function(*args)  # also imports what is imported late
    compiled = ready(function, *args)
    assert kernels(compiled), "nothing was fused"
    found = compiled(*args)
    if isinstance(wanted, rg.Tensor):
        wanted, found = (wanted,), (found,)
    for one, other in zip(found, wanted, strict=True):
        close(one.detach().numpy(), other.detach().numpy())
    return compiled


def numbers(*shape, dtype=None):
    rg.manual_seed(1)
    return rg.randn(*shape, dtype=dtype or rg.float32)


PROGRAMS = {
    "elementwise": (lambda x: (x * 2 + 1).tanh() / (x.abs() + 1), (5, 7)),
    "rows": (lambda x: (x - x.mean(-1, keepdim=True)) / x.std(-1, keepdim=True), (6, 33)),
    "row sums without their axis": (lambda x: (x * x).sum(-1).sqrt(), (6, 33)),
    "columns": (lambda x: (x * x + x).sum(0), (9, 17)),
    "everything": (lambda x: (x.exp() * 0.1).sum(), (9, 17)),
    "a total, used again": (lambda x: x * 2 / (x * x).sum(), (9, 17)),
    "softmax": (lambda x: rg.softmax(x * 3, -1), (8, 50)),
    "log softmax": (lambda x: rg.log_softmax(x * 3, -1), (8, 50)),
    "softmax of three dimensions": (lambda x: rg.softmax(x * 3 + 1, -1), (2, 3, 50)),
    "extrema": (lambda x: ((x + 1).amax(-1), (x + 1).amin(-1)), (8, 50)),
    "where": (lambda x: rg.where(x > 0, x * 2, x.exp() - 1), (8, 50)),
    "comparisons": (lambda x: ((x > 0) & (x * 2 < 1)).to(rg.float32) * x, (8, 50)),
    "columns broadcast": (lambda x: x * x[0] + x[1], (7, 7)),
    "rows broadcast": (lambda x: x * x[:, :1] + 1, (7, 7)),
    "a long row": (lambda x: (x * x).sum() + (x.exp()).mean(), (1, 10_000)),
    "reductions of one number": (
        lambda x: x * (x[:1, :1] * 2).sum() + (x[:1, :1] * -3).amax() + (x[0, :1] * x[1, :1]).sum(),
        (4, 5),
    ),
    "sines": (lambda x: rg.sin(x) * rg.cos(x * 3), (8, 50)),
    "erf": (lambda x: rg.erf(x * 2) + 1, (8, 50)),
    "logarithms": (lambda x: rg.log1p(x.abs()) + rg.log(x * x + 1), (8, 50)),
}


@pytest.mark.parametrize("dtype", [rg.float32, rg.float64], ids=["float32", "float64"])
@pytest.mark.parametrize("name", PROGRAMS)
def test_programs(name, dtype):
    function, shape = PROGRAMS[name]
    check(function, numbers(*shape, dtype=dtype))


@pytest.mark.parametrize("name", ["celu", "prelu", "relu", "selu", "sigmoid", "tanh"])
def test_samples(name):
    for sample in SAMPLES[name][:4]:
        if sample.raises is not None:
            continue
        args, settings, _ = sample.build(rg)
        compiled = ready(find(rg, name), *args, **settings)
        wanted = find(rg, name)(*args, **settings)
        close(compiled(*args, **settings).detach().numpy(), wanted.detach().numpy())


def test_training_step():
    def steps(compiled):
        rg.manual_seed(0)
        model = rg.nn.Sequential(rg.nn.Linear(3, 8), rg.nn.Tanh(), rg.nn.Linear(8, 1))
        optimizer = rg.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        x, y = rg.randn(16, 3), rg.randn(16, 1)

        def step(x, y):
            optimizer.zero_grad()
            loss = ((model(x) - y) ** 2).mean()
            loss.backward()
            optimizer.step()
            return loss.item()

        run = rg.compile(step, backend="numba") if compiled else step
        losses = []
        for number in range(12):
            losses.append(run(x, y))
            if compiled and number == 4:
                numba_backend.finish()
        if compiled:
            assert kernels(run)
        return losses, [p.detach().numpy() for p in model.parameters()]

    losses, parameters = steps(True)
    wanted, others = steps(False)
    np.testing.assert_allclose(losses, wanted, rtol=1e-5)
    for one, other in zip(parameters, others, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def test_a_step_with_its_products_and_writes_is_one_kernel():
    """Values that are written in place, matrices read by other strides, sums of both kinds."""

    def run(compiled):
        rg.manual_seed(0)
        weight, bias = rg.randn(19, 11).requires_grad_(), rg.randn(19).requires_grad_()
        x, y = rg.randn(7, 11), rg.randn(7, 19)

        def step():
            weight.grad = bias.grad = None
            loss = ((rg.tanh(rg.nn.functional.linear(x, weight, bias)) - y) ** 2).mean()
            loss.backward()
            with rg.no_grad():
                weight.sub_(weight.grad * 0.1)
                bias.sub_(bias.grad * 0.1)
            return loss

        function = ready(step) if compiled else step
        for _ in range(10 if compiled else 15):
            loss = function()
        return function, [one.detach().numpy() for one in (loss, weight, bias, weight.grad)]

    compiled, found = run(True)
    assert len(kernels(compiled)) == 1
    for one, other in zip(found, run(False)[1], strict=True):
        close(one, other, 64)


def test_blocks_on_several_threads(monkeypatch):
    monkeypatch.setattr(blocks, "SMALLEST", 1000)
    monkeypatch.setattr(blocks, "BLOCK", 256)

    def function(x):
        return rg.softmax(x * 2, -1), (x * x + x).sum(0)

    x = numbers(40, 33)
    compiled = check(function, x)
    found = []
    for count in (1, 2, 3):
        monkeypatch.setattr(blocks, "get_num_threads", lambda count=count: count)
        found.append([one.numpy().tobytes() for one in compiled(x)])
    assert found[0] == found[1] == found[2]


def test_gradients_of_results():
    x = numbers(6, 20).requires_grad_()

    def function(x):
        return (rg.softmax(x * 2, -1) * x).sum()

    compiled = ready(function, x)
    assert kernels(compiled)
    compiled(x).backward()
    found = x.grad.numpy().copy()
    x.grad = None
    function(x).backward()
    close(found, x.grad.numpy(), 16)


def test_nan_and_infinity_are_kept():
    x = numbers(4, 6)
    x[0, 1], x[1, 2], x[2, 3], x[3, 4] = float("nan"), float("inf"), -float("inf"), -0.0
    check(lambda x: ((x * 2).amax(-1), rg.softmax(x + 0, -1), rg.tanh(x) * 1, x.abs() + x), x)


def test_far_arguments_of_sines_are_computed_by_numpy():
    x = numbers(50)

    def function(x):
        return rg.sin(x) * 2 + rg.cos(x)

    compiled = ready(function, x)
    assert kernels(compiled)
    x[3] = 1e30
    np.testing.assert_array_equal(compiled(x).numpy(), function(x).numpy())


def test_another_layout_is_computed_by_numpy():
    weight = rg.nn.Parameter(numbers(6, 6))

    def function(x):
        return (x * weight + 1).detach() * 2

    x = numbers(6, 6)
    compiled = ready(function, x)
    weight.data = weight.data.t()
    np.testing.assert_array_equal(compiled(x).numpy(), function(x).numpy())


def test_results_are_not_written_again_while_somebody_holds_them():
    def function(x):
        return x.tanh() * 2 + 1

    x = numbers(512, 512)
    compiled = ready(function, x)
    first = compiled(x)
    rows = first[3]
    kept = first.numpy().copy()
    view = first.numpy()[1]
    for number in range(3):
        compiled(x + number)
    np.testing.assert_array_equal(first.numpy(), kept)
    del first
    for number in range(3):
        compiled(x + number)
    np.testing.assert_array_equal(rows.numpy(), kept[3])
    np.testing.assert_array_equal(view, kept[1])


def test_replay_backend_makes_no_kernels():
    compiled = rg.compile(lambda x: (x * 2 + 1).tanh(), backend="replay")
    x = numbers(5, 5)
    for _ in range(4):
        compiled(x)
    numba_backend.finish()
    assert not kernels(compiled)
    assert not numba_backend._kernels


def test_without_numba_one_line_says_what_is_missing(monkeypatch, capsys):
    monkeypatch.setattr(backends, "available", lambda: False)
    monkeypatch.setattr(backends, "_told", set())
    for _ in range(2):
        compiled = rg.compile(lambda x: x * 2, backend="numba")
    assert compiled(numbers(3)).shape == (3,)
    printed = capsys.readouterr().err
    assert printed.count("retrograd[compile]") == 1


def test_threads():
    x = numbers(64, 64)

    def function(x):
        return rg.softmax(x * 2, -1) + 1

    compiled = ready(function, x)
    wanted = function(x).numpy()
    found = []

    def run():
        for _ in range(50):
            found.append(compiled(x).numpy())

    threads = [threading.Thread(target=run) for _ in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(found) == 200
    for one in found:
        close(one, wanted)


# -- the cache ------------------------------------------------------------------------------------


def program(x):
    return (x * 2 + 1).tanh() - x


def forget(monkeypatch):
    """Let this process know no kernels, as a second one would not."""
    monkeypatch.setattr(numba_backend, "_kernels", {})
    numba_backend.surroundings.cache_clear()


def files(tmp_path, ending):
    return sorted((tmp_path / "kernels").rglob(f"*{ending}"))


def test_the_cache_is_used_again(tmp_path, monkeypatch):
    x = numbers(5, 5)
    wanted = ready(program, x)(x).numpy()
    before = {path: path.stat().st_mtime_ns for path in files(tmp_path, "*")}
    assert len(files(tmp_path, ".kernel")) == 1
    forget(monkeypatch)
    monkeypatch.setattr(numba_backend, "compile_source", lambda *_: pytest.fail("compiled"))
    compiled = ready(program, x)
    assert kernels(compiled)
    np.testing.assert_array_equal(compiled(x).numpy(), wanted)
    assert {path: path.stat().st_mtime_ns for path in files(tmp_path, "*")} == before


@pytest.mark.parametrize(
    "damage",
    [lambda _: b"", lambda _: b"garbage \xff\x00", lambda c: c[:-7], lambda c: c[:100] + c[101:]],
    ids=["empty", "garbage", "cut off", "a byte lost"],
)
def test_a_corrupt_file_is_made_anew(tmp_path, monkeypatch, damage):
    x = numbers(5, 5)
    wanted = ready(program, x)(x).numpy()
    (path,) = files(tmp_path, ".kernel")
    whole = path.read_bytes()
    path.write_bytes(damage(whole))
    forget(monkeypatch)
    compiled = ready(program, x)
    assert kernels(compiled)
    np.testing.assert_array_equal(compiled(x).numpy(), wanted)
    assert path.read_bytes()[:32] == hashlib.sha256(path.read_bytes()[32:]).digest()


@pytest.mark.parametrize("damage", [lambda image: image[:60], lambda _: b"no object file"])
def test_an_object_that_does_not_load_is_made_anew(tmp_path, monkeypatch, damage):
    """A whole file whose digest is right may still hold what cannot be loaded."""
    x = numbers(5, 5)
    ready(program, x)
    (path,) = files(tmp_path, ".kernel")
    image = damage(path.read_bytes()[32:])
    path.write_bytes(hashlib.sha256(image).digest() + image)
    forget(monkeypatch)
    compiled = ready(program, x)
    assert kernels(compiled)
    close(compiled(x).numpy(), program(x).numpy())


@pytest.mark.parametrize("what", ["numba", "llvmlite", "processor", "features", "convention"])
def test_code_of_another_version_or_processor_is_not_used(tmp_path, monkeypatch, what):
    import llvmlite

    x = numbers(5, 5)
    ready(program, x)
    forget(monkeypatch)
    name, features = native.processor()
    if what == "numba":
        monkeypatch.setattr(numba_backend, "numba_version", lambda: "0.0")
    elif what == "llvmlite":
        monkeypatch.setattr(llvmlite, "__version__", "0.0")
    elif what == "processor":
        monkeypatch.setattr(native, "processor", lambda: ("x86-64", features))
    elif what == "features":
        fewer = ",".join(features.split(",")[:-1])
        monkeypatch.setattr(native, "processor", lambda: (name, fewer))
    else:
        monkeypatch.setattr(numba_backend, "FORMAT", "0")
    compiled = ready(program, x)
    assert kernels(compiled)
    assert len(files(tmp_path, ".kernel")) == 2
    close(compiled(x).numpy(), program(x).numpy())


def test_clearing_the_cache_while_a_kernel_is_in_use(tmp_path, monkeypatch):
    x = numbers(5, 5)
    compiled = ready(program, x)
    numba_backend.clear_cache()
    assert kernels(compiled)
    close(compiled(x).numpy(), program(x).numpy())
    forget(monkeypatch)
    assert kernels(ready(program, x))
    assert len(files(tmp_path, ".kernel")) == 1


def test_a_cache_that_cannot_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("RETROGRAD_CACHE_DIR", str(tmp_path / "file"))
    x = numbers(5, 5)
    compiled = ready(program, x)
    assert kernels(compiled)
    close(compiled(x).numpy(), program(x).numpy())


@pytest.mark.parametrize("error", [PermissionError, FileNotFoundError, OSError])
def test_a_cache_whose_files_cannot_be_replaced(tmp_path, monkeypatch, error):
    """As where the folder may only be read, is removed meanwhile, or the disk is full."""

    def fails(*_):
        raise error("no")

    monkeypatch.setattr(os, "replace", fails)
    x = numbers(5, 5)
    assert kernels(ready(program, x))
    assert not files(tmp_path, ".draft")
    assert not files(tmp_path, ".kernel")


CHILD = """
import sys
import retrograd as rg
from retrograd.compiler import fusion, numba_backend, warming
warming.PATIENCE, fusion.FEWEST = 0.0, 1
x = rg.arange(20.0).reshape(4, 5) / 10
f = rg.compile(lambda x: (x * 2 + 1).tanh() - x, backend="numba")
for _ in range(2):
    f(x)
numba_backend.finish()
print(f(x).sum().item(), sum(len(s.kernels) for s in f.segments()))
print("numba" in sys.modules)
"""


def test_several_processes_share_the_cache(tmp_path):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    children = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD], env=environment, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    printed = {child.communicate(timeout=120)[0].splitlines()[0] for child in children}
    assert len(printed) == 1
    assert printed.pop().split()[1] == "1"
    assert len(files(tmp_path, ".kernel")) == 1
    assert not files(tmp_path, ".draft")
    again = subprocess.run(
        [sys.executable, "-c", CHILD], env=environment, capture_output=True, text=True, timeout=120
    )
    assert again.stdout.split()[1:] == ["1", "False"]  # from the cache, without numba
    assert not again.stderr


def test_clearing_the_cache(tmp_path, capsys):
    from retrograd import cli

    ready(program, numbers(5, 5))
    assert cli.main(["cache"]) == 0
    assert capsys.readouterr().out.startswith("1 kernels, ")
    assert cli.main(["cache", "clear"]) == 0
    assert not files(tmp_path, "")
    assert cli.main(["cache"]) == 0
    assert capsys.readouterr().out.splitlines()[-1].startswith("0 kernels, 0.0 MB")
