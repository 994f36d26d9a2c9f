"""Stretches: whole small segments in one kernel, run here as the Python that it is written in."""

from __future__ import annotations

import itertools
import math
import os
import re
import warnings

import numpy as np
import pytest

import retrograd as rg
from retrograd.compiler import blocks
from retrograd.compiler import kernels as kernel_texts
from retrograd.compiler.function import CompiledFunction

from . import plain_kernels, programs, running
from .running import kernels

F = rg.nn.functional


@pytest.fixture(autouse=True)
def plain(monkeypatch):
    plain_kernels.use(monkeypatch)
    monkeypatch.setattr(running.compiler_function, "own_slots", running.own_slots)


def close(one, other):
    for a, b in zip(one, other, strict=True):
        assert a.dtype == b.dtype
        assert a.shape == b.shape
        scale = float(np.abs(b[np.isfinite(b)]).max(initial=0.0)) if b.dtype.kind == "f" else 0.0
        eps = np.finfo(b.dtype).eps if b.dtype.kind == "f" else 0.0
        np.testing.assert_allclose(a, b, rtol=100 * eps, atol=100 * eps * scale)


def same(make, calls=8):
    """Compare what a program's calls give and leave behind, eager and with kernels."""
    seen = []
    for fuses in (False, True):
        rg.manual_seed(0)
        function, state = make()
        compiled = CompiledFunction(function, fuses="exact") if fuses else function
        found = []
        for _ in range(calls):
            result = compiled()
            results = result if isinstance(result, tuple) else (result,)
            found += [one.detach().numpy().copy() for one in results]
            found += [one.detach().numpy().copy() for one in state]
            found += [one.grad.numpy().copy() for one in state if one.grad is not None]
        seen.append(found)
    close(seen[1], seen[0])
    assert not any(segment.eager for segment in compiled.segments())
    return compiled


def perceptron():
    return rg.nn.Sequential(
        rg.nn.Linear(2, 8), rg.nn.Tanh(), rg.nn.Linear(8, 5), rg.nn.Tanh(), rg.nn.Linear(5, 1)
    )


def test_a_training_step_is_one_call(never_by_numpy):
    def make():
        model = perceptron()
        x, y = rg.randn(9, 2), rg.randn(9, 1)
        parameters = list(model.parameters())

        def step():
            for one in parameters:
                one.grad = None
            loss = F.mse_loss(model(x), y)
            loss.backward()
            with rg.no_grad():
                for one in parameters:
                    one -= 0.1 * one.grad
            return loss

        return step, parameters

    compiled = same(make)
    assert len(kernels(compiled)) == 1
    source = next(compiled.segments()).source
    assert "dot(" not in source
    assert source.count("fused_1(") == 1


@pytest.mark.parametrize(
    "make_optimizer",
    [
        lambda p: rg.optim.SGD(p, lr=0.1),
        lambda p: rg.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.01),
        lambda p: rg.optim.Adam(p, lr=0.01),
        lambda p: rg.optim.AdamW(p, lr=0.01),
    ],
    ids=["SGD", "SGD with momentum", "Adam", "AdamW"],
)
def test_optimizers(make_optimizer, never_by_numpy):
    def make():
        model = perceptron()
        x, y = rg.randn(9, 2), rg.randn(9, 1)
        optimizer = make_optimizer(model.parameters())

        def step():
            optimizer.zero_grad()
            loss = F.mse_loss(model(x), y)
            loss.backward()
            optimizer.step()
            return loss

        return step, list(model.parameters())

    assert kernels(same(make, 10))


PRODUCTS = {
    "matrices": ((5, 7), (7, 9)),
    "a transposed left one": ((7, 5), (7, 9)),
    "a transposed right one": ((5, 7), (9, 7)),
    "long sums": ((3, 37), (37, 8)),
    "one column": ((5, 17), (17, 1)),
    "a vector on the right": ((5, 17), (17,)),
    "a vector on the left": ((17,), (17, 4)),
    "two vectors": ((17,), (17,)),
    "stacks": ((3, 4, 6), (3, 6, 5)),
    "stacks and one matrix": ((3, 4, 6), (6, 5)),
}


@pytest.mark.parametrize("dtype", [rg.float32, rg.float64])
@pytest.mark.parametrize("name", PRODUCTS)
def test_products(name, dtype, never_by_numpy):
    def make():
        one, other = (rg.randn(*shape, dtype=dtype) for shape in PRODUCTS[name])

        def function():
            left = one.t() if "left" in name and "transposed" in name else one
            right = other.t() if "right" in name and "transposed" in name else other
            return ((left * 2) @ right).tanh() * 3, (left @ right) + 1

        return function, []

    assert kernels(same(make))


def test_views_are_no_calls(never_by_numpy):
    def make():
        x = rg.randn(4, 6)

        def function():
            y = x * 2
            return (y.t() @ y).exp(), y.reshape(2, 12)[1] + 1, y[1:3].sum(0), y.view(-1)

        return function, []

    assert kernels(same(make))


RESHAPED = {
    "a row as a column": lambda x, row, column: (x + 1) * column.reshape(4),
    "a column as a row": lambda x, row, column: (x + 1) * row.reshape(4, 1),
    "what was made as both": lambda x, row, column: (x * (z := row * 3) + 1) * z.reshape(4, 1),
    "both of one": lambda x, row, column: (x * row + 1) * row.reshape(4, 1),
    "of three dimensions": lambda x, row, column: (x.view(2, 2, 4) + 1) * column.view(4),
}


@pytest.mark.parametrize("name", RESHAPED)
def test_what_is_reshaped_is_laid_out_by_its_new_shape(name, never_by_numpy):
    def make():
        x, row, column = rg.randn(4, 4), rg.randn(4), rg.randn(4, 1)
        return lambda: RESHAPED[name](x, row, column), []

    assert kernels(same(make))


def paths(x):
    shares = x.detach().view(4, 1, 3).log_softmax(-1)
    return F.ctc_loss(shares, rg.tensor([[1, 2]]), rg.tensor([4]), rg.tensor([2])) * 2


def backward_thrice(x):
    loss = (x * x).mean()
    loss.backward(retain_graph=True)
    loss.backward(rg.tensor(0.5), retain_graph=True)
    loss.backward()
    return x * 1 if x.grad.sum() > 0 else x * 2


REFUSED = {
    "memory that was made and filled before": paths,
    "ones like what the kernel is not given": backward_thrice,
}


@pytest.mark.parametrize("name", REFUSED)
def test_numpy_computes_what_a_kernel_refuses(name, monkeypatch):
    def make():
        x = rg.arange(12.0).view(3, 4).cos().requires_grad_()

        def function():
            x.grad = None
            result = REFUSED[name](x)
            return result, rg.zeros(1) if x.grad is None else x.grad * 1

        return function, [x]

    monkeypatch.setattr(plain_kernels.PlainKernel, "bind", lambda *given, **rest: lambda *a: 1)
    assert kernels(same(make))


def test_what_is_drawn_before_an_outdated_step_is_drawn_once():
    def drawn(wrap):
        rg.manual_seed(0)
        p, x = rg.nn.Parameter(rg.randn(3, 4)), rg.randn(3, 4)
        optimizer = rg.optim.SGD([p], lr=0.01, momentum=0.5)

        def step():
            gates = x.tanh() + 1
            mask = p.bernoulli(0.5)
            optimizer.zero_grad()
            (p * gates).sum().backward()
            optimizer.step()
            return gates * mask

        called = wrap(step)
        found = []
        for number in range(7):
            called()
            if number == 4:
                optimizer.load_state_dict(optimizer.state_dict())
            found.append(rg.rand(1).item())
        return found

    compiled = drawn(lambda step: CompiledFunction(step, fuses="exact"))
    assert compiled == drawn(lambda step: step)


def test_what_no_backward_reads_is_not_stored(never_by_numpy):
    def make():
        x = rg.randn(3, 4, requires_grad=True)

        def function():
            return F.gelu(x, approximate="tanh")

        return function, [x]

    forward, _ = kernels(same(make))
    assert "def kernel(a0, o0):" in forward


WRITES = {
    "add": lambda p, x: p.add_(x),
    "multiply by a number": lambda p, x: p.mul_(0.5),
    "copy": lambda p, x: p.copy_(x * 2),
    "fill": lambda p, x: p.fill_(3.0),
    "a row": lambda p, x: p[1].add_(x[0]),
    "twice": lambda p, x: p.add_(x).mul_(p),
    "read before and after": lambda p, x: p.sub_((p * x).sum()),
    "a copy of what was just made": lambda p, x: p.add_((x * 2 + p).clone().zero_()),
    "what was just made": lambda p, x: p.add_((x * 2).add_(1).mul_(x)),
}


@pytest.mark.parametrize("name", WRITES)
def test_writes(name):
    def make():
        p, x = rg.randn(4, 4), rg.randn(4, 4)

        def function():
            before = p * 2
            WRITES[name](p, x + 1)
            return before, p * 2 + x, (p @ x).tanh()

        return function, [p]

    assert kernels(same(make))


def adam(m, s, p, x):
    m.lerp_(x, 0.1)
    s.mul_(0.9).addcmul_(x, x, value=0.1)
    p.addcdiv_(m, s.sqrt() + 1e-3, value=-0.5)
    return p * 1


def moments_of_what_was_written(m, s, p, x):
    m.add_(x)
    normed = F.layer_norm(m, (4,))
    s.copy_(x.exp())  # costs more than a row of scratch
    shares = rg.softmax(s, -1)
    p.add_(1).mul_(2)
    return normed, shares, p - s


READ_AFTER_WRITES = {
    "adam": adam,
    "a bias and a gate": lambda m, s, p, x: ((m.add_(x)).relu() * 1, m.mul_(s) + 1),
    "moments": moments_of_what_was_written,
    "filled and added to": lambda m, s, p, x: m.zero_().add_(x).mul_(s) * p,
}


@pytest.mark.parametrize("name", READ_AFTER_WRITES)
def test_what_was_written_is_read_in_the_same_loop(name, never_by_numpy):
    def make():
        m, p, x = rg.randn(3, 4), rg.randn(3, 4), rg.randn(3, 4)
        s = rg.rand(3, 4)
        return lambda: READ_AFTER_WRITES[name](m, s, p, x), [m, s, p]

    (kernel,) = kernels(same(make))
    assert kernel.count("def group_") == 1


def test_another_view_of_what_was_written_is_not_read_too_early():
    def make():
        m, x = rg.randn(4, 4), rg.randn(4, 4)
        turned, flat = m.t(), m.view(-1)

        def function():
            before = flat * 2
            m.add_(x)
            after = flat + 1
            flat.mul_(0.5)
            return before, after, m * 2, turned + 1, m.add_(1).view(-1) * 3

        return function, [m]

    assert kernels(same(make))


def test_a_write_is_not_made_twice_where_something_raises_behind_it():
    """Batch norm looks at values after the count of its batches has been written."""
    seen = []
    for fuses in (False, True):
        rg.manual_seed(0)
        layer = rg.nn.Sequential(rg.nn.Linear(4, 4), rg.nn.BatchNorm1d(4))

        def function(x, layer=layer):
            return layer(x).relu() if x.sum() > 0 else layer(x) * 2

        compiled = CompiledFunction(function, fuses="exact") if fuses else function
        for number in range(24):
            shift = (-1) ** number * 10.0 ** (number % 5)
            compiled(rg.randn(3, 4) + shift)
        seen.append([layer[1].num_batches_tracked.numpy(), layer[1].running_mean.numpy()])
    assert kernels(compiled)
    close(seen[1], seen[0])


def test_norm_and_softmax_are_one_kernel(never_by_numpy):
    def make():
        x = rg.randn(6, 40, requires_grad=True)
        weight, bias = rg.randn(40).requires_grad_(), rg.randn(40).requires_grad_()
        seed = rg.randn(6, 40)

        def function():
            x.grad = weight.grad = bias.grad = None
            rg.softmax(F.layer_norm(x, (40,), weight, bias), -1).backward(seed)
            return x.grad * 1

        return function, [x, weight, bias]

    assert len(kernels(same(make))) == 1


def attend_causally(x, keys=3):
    return F.scaled_dot_product_attention(x, x[:, :keys] * 2, x[:, :keys] + 1, is_causal=True)


ROWS = {
    "layer_norm": lambda x: F.layer_norm(x, (12,)),
    "rms_norm": lambda x: F.rms_norm(x, (12,)),
    "softmax": lambda x: rg.softmax(x * 100, -1),
    "log_softmax": lambda x: rg.log_softmax(x * 100, -1),
    "cross_entropy": lambda x: F.cross_entropy(x, rg.tensor([1, 2, 0, 11, 5])),
    "attention": lambda x: F.scaled_dot_product_attention(x[None], x[None] * 2, x[None] + 1),
    "causal attention": lambda x: attend_causally(x.view(5, 3, 4)).view(5, 12),
    "causal attention to fewer": lambda x: attend_causally(x.view(5, 3, 4), 2).view(5, 12),
}


@pytest.mark.parametrize("name", ROWS)
def test_functions_of_rows(name):
    def make():
        x = rg.randn(5, 12, requires_grad=True)
        slopes = rg.randn(5, 12)

        def function():
            x.grad = None
            out = ROWS[name](x)
            (out * slopes).sum().backward()
            return out.detach() * 1

        return function, [x]

    assert kernels(same(make))


BLOCKS = {
    "flat": lambda x, w: (x.tanh() * 2 + 1, (x * x).sum()),
    "rows": lambda x, w: (rg.softmax(x * 3, -1), (x * w).sum(0), (x * w).sum(-1)),
    "moments": lambda x, w: F.layer_norm(x, (10,), w),
    "a total that is used": lambda x, w: x / (x * x).sum(),
    "a total of rows": lambda x, w: (x / x.amax(-1, keepdim=True)).sum(),
    "places in matrices": lambda x, w: rg.softmax(
        rg.where(TRIANGLE, x[:20].reshape(5, 4, 10), -math.inf), -1
    ),
}
TRIANGLE = rg.ones(4, 10).tril().bool()


@pytest.mark.parametrize("name", BLOCKS)
def test_blocks_give_the_same_for_any_number_of_threads(name, monkeypatch, never_by_numpy):
    monkeypatch.setattr(blocks, "SMALLEST", 100)
    monkeypatch.setattr(blocks, "BLOCK", 64)

    def make():
        x, w = rg.randn(23, 10), rg.randn(10)
        return lambda: BLOCKS[name](x, w), []

    compiled = same(make)
    assert kernels(compiled)
    found = []
    for threads in (1, 2, 5):
        monkeypatch.setattr(blocks, "get_num_threads", lambda threads=threads: threads)
        results = compiled()
        results = results if isinstance(results, tuple) else (results,)
        found.append([one.numpy().tobytes() for one in results])
    assert found[0] == found[1] == found[2]


def test_the_next_row_is_asked_for(monkeypatch, never_by_numpy):
    """The loops behind the first of a large kernel ask for all of the next row, once."""
    monkeypatch.setattr(blocks, "SMALLEST", 100)
    monkeypatch.setattr(blocks, "BLOCK", 160)

    def make():
        x, w = rg.randn(5, 70, requires_grad=True), rg.randn(5, 70)

        def function():
            x.grad = None
            rg.softmax(F.layer_norm(x, (70,)), -1).backward(w)
            return x.grad

        return function, [x]

    def asked(kernel):
        found = {}
        for line in re.findall(r"for j in range\((\d+), (\d+), 16\):\n +fetch\((\w+),", kernel):
            found.setdefault(line[2], []).append((int(line[0]), int(line[1])))
        return found

    for limits, count in (((841, 1 << 17), 0), ((840, 1 << 17), 3), ((1, 839), 0)):
        monkeypatch.setattr(kernel_texts, "FETCHED", limits)
        (kernel,) = kernels(same(make))
        parts = asked(kernel)
        assert len(parts) == count
        for places in parts.values():
            assert places[0][0] == 0 and places[-1][1] == 70
            assert all(one[1] == other[0] for one, other in itertools.pairwise(places))


def test_scratch_rows_are_taken_over(never_by_numpy):
    def make():
        x = rg.randn(3, 8)

        def function():
            powers = x.exp()
            low, high = powers.sum(-1, keepdim=True), (powers * 2).tanh()
            return rg.softmax(rg.softmax(high / low, -1) / low, -1)

        return function, []

    (kernel,) = kernels(same(make))
    assert "kept0" in kernel
    assert "kept2" not in kernel


def test_an_error_in_a_block_is_raised():
    def block(number):
        raise ValueError(number)

    with pytest.raises(ValueError):
        blocks.share(block, 7, 3)
    assert blocks.share(lambda number: number == 5, 7, 3) == 1


def test_blocks_after_a_fork():
    blocks.share(lambda number: 0, 5, 3)
    if not hasattr(os, "fork"):
        pytest.skip("no fork here")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that there are threads
        child = os.fork()
    if child == 0:
        os._exit(blocks.share(lambda number: 0, 5, 3))
    assert os.waitpid(child, 0)[1] == 0


def test_results_are_not_written_again_while_somebody_holds_them(never_by_numpy):
    x = rg.randn(3, 4)
    compiled = CompiledFunction(lambda x: (x.tanh() * 2 + 1, x @ x.t() + 1), fuses="exact")
    held = [compiled(x * number) for number in range(30)]
    assert kernels(compiled)
    for number, (one, other) in enumerate(held):
        y = x * number
        close([one.numpy(), other.numpy()], [(y.tanh() * 2 + 1).numpy(), (y @ y.t() + 1).numpy()])


@pytest.mark.parametrize("seed", range(12))
def test_random_programs(seed, monkeypatch):
    """As eager, in double precision, up to roundings, which a program may enlarge."""
    monkeypatch.setattr(running, "near", near)
    before = rg.get_default_dtype()
    rg.set_default_dtype(rg.float64)
    try:
        source = programs.Program(seed).source
        found, _ = running.compare_runs(source, seed, calls_twice, "numba")
    finally:
        rg.set_default_dtype(before)
    assert not found, source


def calls_twice(seed, torch):
    both = (*programs.calls(seed, torch), *programs.calls(seed, torch))
    return [((x.double(), n), settings) for (x, n), settings in both]


def near(one, other):
    """Compare two arrays; what is 0 but for roundings counts as 0."""
    a, b = (np.frombuffer(x[3], one[2]) for x in (one, other))
    if a.dtype.kind != "f":
        return bool(np.array_equal(a, b))
    scale = float(np.abs(a[np.isfinite(a)]).max(initial=1e-3))
    return bool(np.allclose(a, b, rtol=1e-5, atol=1e-5 * scale, equal_nan=True))
