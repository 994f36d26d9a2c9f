"""Optimizer steps in compiled functions: open, and bit for bit eager's."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import retrograd as rg

from .training import Training, bits, compare, compare_optimizers, opened, pair, run

ALL = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.3, "maximize": True}),
    ("Adam", {"lr": 0.05}),
    ("Adam", {"weight_decay": 0.1, "amsgrad": True}),
    ("Adam", {"betas": (0.3, 0.9), "maximize": True}),
    ("AdamW", {}),
    ("NAdam", {"decoupled_weight_decay": True, "weight_decay": 0.01}),
    ("NAdam", {"weight_decay": 0.01}),
    ("RAdam", {}),
    ("Adamax", {"weight_decay": 0.01}),
    ("RMSprop", {}),
    ("RMSprop", {"momentum": 0.9, "centered": True, "weight_decay": 0.1}),
    ("Adagrad", {"lr_decay": 0.1, "initial_accumulator_value": 0.1}),
    ("Adadelta", {"weight_decay": 0.1}),
    ("ASGD", {"t0": 3, "weight_decay": 0.1}),
    ("Rprop", {"maximize": True}),
    ("Adafactor", {}),
    ("Muon", {}),
]
NAMES = [f"{name}-{'-'.join(settings) or 'plain'}" for name, settings in ALL]


@pytest.mark.parametrize(("name", "settings"), ALL, ids=NAMES)
def test_compiled_steps_are_eager_steps(name, settings):
    ours, eager = pair(name, settings)
    run(ours, eager, 12)
    assert opened(ours.step) == (name not in ("Adafactor", "Muon"))
    assert rg.compiler.explain(ours.step).eager == []


@pytest.mark.parametrize(("name", "settings"), ALL, ids=NAMES)
@pytest.mark.parametrize("dtype", [np.float64, np.float16])
def test_other_dtypes_and_shapes(name, settings, dtype):
    shapes = [(4, 3), (1, 5)] if name == "Muon" else [(4, 3), (), (5,), (70000,), (0, 2)]
    shapes = shapes[: 4 if name == "Adafactor" else 5]  # of nothing, it has no mean

    def start(compiled):
        random = np.random.default_rng(0)
        params = [rg.tensor(random.standard_normal(s).astype(dtype)) for s in shapes]
        params = [one.requires_grad_() for one in params]
        optimizer = getattr(rg.optim, name)(params, **settings)
        weights = [rg.tensor(random.standard_normal(s).astype(dtype)) for s in shapes]

        def step():
            optimizer.zero_grad()
            for one, weight in zip(params, weights):
                (one * one * weight).sum().backward()
            optimizer.step()

        return (rg.compile(step) if compiled else step), params, optimizer

    (ours, mine, one), (eager, theirs, other) = start(True), start(False)
    for number in range(5):
        if number == 4:
            rg.compiler.lower_next(ours)
        ours()
        eager()
    assert list(map(bits, mine)) == list(map(bits, theirs))
    compare_optimizers(one, other)
    assert opened(ours) == (name not in ("Adafactor", "Muon"))


def test_replays_from_the_second_or_third_call(records):
    for name, most in (("SGD", 1), ("Adam", 1), ("Rprop", 1)):
        records.clear()
        ours = Training(True, name)
        for _ in range(4):
            ours.step()
        assert len(records) == most, name
    records.clear()
    ours = Training(True, "SGD", {"momentum": 0.9})
    for _ in range(4):
        ours.step()
    assert len(records) == 2  # the first step makes the momentum


def test_closures():
    def body(training):
        def step():
            def closure():
                training.optimizer.zero_grad()
                loss = rg.nn.functional.mse_loss(training.model(training.x), training.y)
                loss.backward()
                return loss

            return training.optimizer.step(closure)

        return step

    ours, eager = pair("Adam", body=body)
    run(ours, eager, 6)
    assert opened(ours.step)
    ours, eager = pair("SGD", {"momentum": 0.9}, body=body)
    run(ours, eager, 6)
    assert opened(ours.step)


def test_step_of_a_graph_that_goes_on():
    def body(training):
        def step():
            training.optimizer.zero_grad()
            loss = rg.nn.functional.mse_loss(training.model(training.x), training.y)
            loss.backward()
            rg.nn.utils.clip_grad_norm_(training.model.parameters(), 0.1)
            training.optimizer.step()
            with rg.no_grad():
                after = rg.nn.functional.mse_loss(training.model(training.x), training.y)
            return after

        return step

    ours, eager = pair("AdamW", {"lr": 0.1}, body=body)
    run(ours, eager, 8)
    assert opened(ours.step)


def test_state_that_the_function_reads():
    def body(training):
        weight = training.model[0].weight
        def step():
            training.optimizer.zero_grad()
            loss = rg.nn.functional.mse_loss(training.model(training.x), training.y)
            loss.backward()
            training.optimizer.step()
            first = training.optimizer.state[weight]["exp_avg"].sum()
            training.optimizer.step()
            return first + training.optimizer.state[weight]["exp_avg"].sum()

        return step

    ours, eager = pair("Adam", {"lr": 0.1}, body=body)
    run(ours, eager, 8)


def test_gradients_that_add_up():
    def body(training):
        def step():
            training.optimizer.zero_grad(set_to_none=False)
            for _ in range(2):
                rg.nn.functional.mse_loss(training.model(training.x), training.y).backward()
            training.optimizer.step()
            return training.x.sum()

        return step

    ours, eager = pair("Adam", body=body)
    run(ours, eager, 8)
    assert opened(ours.step)


def test_gradients_from_before_the_call():
    def body(training):
        return training.optimizer.step

    ours, eager = pair("Adam", body=body)
    for _ in range(6):
        for one in (ours, eager):
            one.optimizer.zero_grad()
            rg.nn.functional.mse_loss(one.model(one.x), one.y).backward()
            one.step()
        compare(ours, eager)


def test_a_gradient_that_is_kept_stays_as_it_is():
    ours, eager = pair("SGD", {"lr": 0.1})
    run(ours, eager, 5, lower_at=3)
    kept = []
    for _ in range(4):
        ours.step()
        for param in ours.model.parameters():
            grad = param.grad
            for held in (grad, grad.numpy(), grad.view(-1), grad.detach(), grad.numpy()[:1]):
                numbers = held if isinstance(held, np.ndarray) else held.numpy()
                kept.append((held, numbers.copy()))
    for held, numbers in kept:
        assert (held if isinstance(held, np.ndarray) else held.numpy()).tolist() == numbers.tolist()


def test_gradients_look_as_eager_ones():
    ours, eager = pair("SGD", {"lr": 0.1})
    run(ours, eager, 5, lower_at=3)
    for p, q in zip(ours.model.parameters(), eager.model.parameters(), strict=True):
        mine, theirs = p.grad, q.grad
        assert mine.stride() == theirs.stride()
        assert mine.storage_offset() == theirs.storage_offset() == 0
        assert mine._base is None and mine.grad_fn is None and not mine.requires_grad
        assert len(pickle.dumps(mine)) == len(pickle.dumps(theirs))
        mine.mul_(2)
        assert bits(mine) == bits(theirs * 2)
    for one in (ours, eager):  # the engine adds to what is there
        rg.nn.functional.mse_loss(one.model(one.x), one.y).backward()
    ours.optimizer.zero_grad()
    eager.optimizer.zero_grad()
    run(ours, eager, 3)


def test_two_optimizers_in_one_function():
    def body(training):
        first = training.optimizer
        training.second = second = rg.optim.SGD(training.model[2].parameters(), lr=0.1)

        def step():
            first.zero_grad()
            second.zero_grad()
            loss = rg.nn.functional.mse_loss(training.model(training.x), training.y)
            loss.backward()
            first.step()
            second.step()
            first.step()
            return loss

        return step

    def make(model):
        return rg.optim.Adam(model[0].parameters(), lr=0.1)

    ours, eager = pair(make=make, body=body)
    run(ours, eager, 8)
    assert ours.step.source.count("    begin") == 3
    compare_optimizers(ours.second, eager.second)
    for one in (ours, eager):
        one.second.param_groups[0]["momentum"] = 0.9
    run(ours, eager, 6)
    compare_optimizers(ours.second, eager.second)


class Scaled(rg.optim.SGD):
    """A user's own step."""

    def step(self, closure=None):
        for group in self.param_groups:
            for param in group["params"]:
                param.grad.mul_(0.5)
        return super().step(closure)


def test_steps_of_the_users_own_stay_whole():
    ours, eager = pair(Scaled, {"lr": 0.1, "momentum": 0.9})
    run(ours, eager, 6)
    assert not opened(ours.step)


def test_lbfgs_stays_whole():
    def body(training):
        def step():
            def closure():
                training.optimizer.zero_grad()
                loss = rg.nn.functional.mse_loss(training.model(training.x), training.y)
                loss.backward()
                return loss

            training.optimizer.step(closure)
            return training.x.sum()

        return step

    ours, eager = pair("LBFGS", {"max_iter": 2}, body=body)
    for _ in range(4):
        ours.step()
        eager.step()
        assert all(
            bits(p) == bits(q)
            for p, q in zip(ours.model.parameters(), eager.model.parameters(), strict=True)
        )


def test_what_is_not_opened():
    def transposed(compiled):
        param = rg.arange(6.0).reshape(2, 3).t().requires_grad_()
        optimizer = rg.optim.Adam([param], lr=0.1)
        return param, optimizer, compiled

    def complexes(compiled):
        param = rg.tensor([1 + 2j, 3 - 1j], requires_grad=True)
        return param, rg.optim.Adam([param], lr=0.1), compiled

    for start in (transposed, complexes):
        results = []
        for compiled in (True, False):
            param, optimizer, _ = start(compiled)

            def step(param=param, optimizer=optimizer):
                optimizer.zero_grad()
                (param * param.conj()).real.sum().backward()
                optimizer.step()

            step = rg.compile(step) if compiled else step
            for _ in range(5):
                step()
            results.append(bits(param))
        assert results[0] == results[1]


def test_differentiable_steps_and_gradients_with_graphs():
    ours, eager = pair("SGD", {"lr": 0.1, "momentum": 0.5, "differentiable": True})
    with pytest.raises(RuntimeError) as expected:
        eager.step()
    with pytest.raises(RuntimeError) as found:
        ours.step()
    assert str(found.value) == str(expected.value)


def test_grad_scaler():
    def body(training):
        training.scaler = scaler = rg.amp.GradScaler("cpu", init_scale=64.0, growth_interval=3)

        def step():
            training.optimizer.zero_grad()
            loss = rg.nn.functional.mse_loss(training.model(training.x), training.y)
            scaler.scale(loss).backward()
            scaler.step(training.optimizer)
            scaler.update()
            return loss

        return step

    ours, eager = pair("Adam", {"lr": 0.1}, body=body)
    run(ours, eager, 8)
    assert ours.scaler.get_scale() == eager.scaler.get_scale()


def test_versions_count_as_eager_ones_do():
    ours, eager = pair("SGD", {"lr": 0.1})
    for number in range(6):
        run(ours, eager, 1, lower_at=int(number != 4))
        for p, q in zip(ours.model.parameters(), eager.model.parameters(), strict=True):
            assert p._version == q._version


def test_a_saved_parameter_that_a_step_writes():
    ours, eager = pair("SGD", {"lr": 0.1})
    run(ours, eager, 5, lower_at=3)
    texts = []
    for one in (ours, eager):
        loss = one.model(one.x).sum()
        one.step()
        with pytest.raises(RuntimeError) as raised:
            loss.backward()
        texts.append(str(raised.value).partition(" at ")[0])
    assert texts[0] == texts[1]


@pytest.mark.parametrize("place", [2, 7, 13, 17])
def test_kernels_update_as_eager_steps_do(place, tmp_path, monkeypatch):
    """Gradients are given, so no sum may differ: what a kernel of an update gives is exact."""
    pytest.importorskip("numba")
    from retrograd.compiler import backends, numba_backend

    if not backends.available():
        pytest.skip("numba does not work here")
    monkeypatch.setenv("RETROGRAD_CACHE_DIR", str(tmp_path))
    name, settings = ALL[place]
    def start(compiled):
        random = np.random.default_rng(0)
        shapes = [(40, 30), (40,), (200, 100), ()]
        params = [rg.tensor(random.standard_normal(s).astype(np.float32)) for s in shapes]
        optimizer = getattr(rg.optim, name)([one.requires_grad_() for one in params], **settings)

        def step():
            optimizer.step()

        def one(function):
            for param in params:
                shape = tuple(param.shape)
                param.grad = rg.tensor(random.standard_normal(shape).astype(np.float32))
            function()

        return (rg.compile(step, backend="numba") if compiled else step), one, params, optimizer

    ours, one, mine, optimizer = start(True)
    eager, other, theirs, expected = start(False)
    for number in range(12):
        if number == 6:
            rg.compiler.lower_next(ours)
        if number == 8:
            numba_backend.finish()
        one(ours)
        other(eager)
        assert list(map(bits, mine)) == list(map(bits, theirs))
    compare_optimizers(optimizer, expected)
    assert "fused" in ours.source
