"""Optimizer steps in compiled functions: open, bit for bit eager's, their settings inputs."""

import copy
import pickle

import numpy as np
import pytest

import retrograd as rg
from retrograd.compiler.function import CompiledFunction

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


class Training:
    """A model, its optimizer, and a step: as it is, or compiled."""

    def __init__(self, compiled, optimizer="Adam", settings=None, make=None, body=None):
        rg.manual_seed(3)
        self.model = rg.nn.Sequential(rg.nn.Linear(3, 4), rg.nn.Tanh(), rg.nn.Linear(4, 2))
        params = self.model.parameters()
        if optimizer == "Muon":
            params = [one for one in params if one.ndim == 2]
        made = getattr(rg.optim, optimizer) if isinstance(optimizer, str) else optimizer
        self.optimizer = made(params, **(settings or {})) if make is None else make(self.model)
        self.x, self.y = rg.randn(5, 3), rg.randn(5, 2)
        model, chosen, x, y = self.model, self.optimizer, self.x, self.y

        def step():
            chosen.zero_grad()
            loss = rg.nn.functional.mse_loss(model(x), y)
            loss.backward()
            chosen.step()
            return loss

        step = step if body is None else body(self)
        self.compiled = compiled
        self.step = rg.compile(step) if compiled else step

    def replay_fast(self):
        if self.compiled:
            rg.compiler.lower_next(self.step)


def bits(value):
    array = value.detach().numpy()
    return array.dtype, array.shape, array.tobytes()


def compare(one, other):
    """Fail unless two trainings are in one state, to the bit."""
    for p, q in zip(one.model.parameters(), other.model.parameters(), strict=True):
        assert bits(p) == bits(q)
        assert (p.grad is None) == (q.grad is None)
        if p.grad is not None:
            assert bits(p.grad) == bits(q.grad)
    compare_optimizers(one.optimizer, other.optimizer)


def compare_optimizers(one, other):
    mine, theirs = one.state_dict(), other.state_dict()
    assert mine["param_groups"] == theirs["param_groups"]
    # Sorted: after `state.clear()` an eager step goes over gathered parameters first.
    assert sorted(mine["state"]) == sorted(theirs["state"])
    for key, entry in mine["state"].items():
        assert list(entry) == list(theirs["state"][key])
        for name, value in entry.items():
            expected = theirs["state"][key][name]
            assert type(value) is type(expected)
            if isinstance(value, rg.Tensor):
                assert bits(value) == bits(expected), name
            else:
                assert value == expected


def pair(*args, **settings):
    return Training(True, *args, **settings), Training(False, *args, **settings)


def run(ours, eager, count, lower_at=4):
    for number in range(count):
        if number == lower_at:
            ours.replay_fast()
        assert bits(ours.step()) == bits(eager.step())
        compare(ours, eager)


@pytest.fixture
def records(monkeypatch):
    """Count how often compiled functions run for real."""
    found = []
    real = CompiledFunction.run

    def counted(self, *args):
        found.append(self.__name__)
        return real(self, *args)

    monkeypatch.setattr(CompiledFunction, "run", counted)
    return found


def opened(step):
    """Say whether a compiled function's steps of an optimizer are open."""
    return "begin()" in step.source


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


def test_settings_are_inputs(records):
    ours, eager = pair("AdamW", {"lr": 0.1})
    for number in range(10):
        for one in (ours, eager):
            (group,) = one.optimizer.param_groups
            group["lr"] = 0.1 / (number + 1)
            group["betas"] = (0.9 - 0.01 * number, 0.99)
            group["eps"] = 1e-8 * (number + 1)
            group["weight_decay"] = 0.01 * (number + 1)
        run(ours, eager, 1, lower_at=int(number != 6))
    assert len(records) == 1


@pytest.mark.parametrize("kind", ["StepLR", "OneCycleLR", "CosineAnnealingLR"])
def test_schedulers_outside_the_function(records, kind):
    ours, eager = pair("SGD", {"lr": 0.1, "momentum": 0.9})
    settings = {"StepLR": (2,), "OneCycleLR": (0.5, 20), "CosineAnnealingLR": (5,)}[kind]
    made = [
        getattr(rg.optim.lr_scheduler, kind)(one.optimizer, *settings) for one in (ours, eager)
    ]
    for number in range(12):
        run(ours, eager, 1, lower_at=int(number != 5))
        for scheduler in made:
            scheduler.step()
    assert len(records) == 2


def test_a_learning_rate_that_is_a_tensor():
    def make(model):
        return rg.optim.SGD(model.parameters(), lr=rg.tensor(0.1))

    ours, eager = pair(make=make)
    for number in range(6):
        run(ours, eager, 1, lower_at=int(number != 3))
        for one in (ours, eager):
            one.optimizer.param_groups[0]["lr"].mul_(0.5)
    assert opened(ours.step)


@pytest.mark.parametrize(
    ("name", "settings", "changes"),
    [
        ("SGD", {}, [{"momentum": 0.9}, {"nesterov": True}, {"weight_decay": 0.1}]),
        ("SGD", {"momentum": 0.9}, [{"momentum": 0}, {"maximize": True}, {"momentum": 0.5}]),
        ("SGD", {"momentum": 0.9}, [{"dampening": 0.5}, {"dampening": 0}]),
        ("Adam", {}, [{"amsgrad": False}, {"weight_decay": 0.1}, {"betas": (0.2, 0.9)}]),
        ("Adam", {"amsgrad": True}, [{"amsgrad": False}, {"maximize": True}, {"amsgrad": True}]),
        ("AdamW", {}, [{"weight_decay": 0}, {"weight_decay": 0.1}]),
        ("RMSprop", {"momentum": 0.9}, [{"momentum": 0}, {"alpha": 0.3}]),
        ("Adam", {}, [{"foreach": True}, {"foreach": False}]),
        ("Adam", {}, [{"lr": 0.0}, {"lr": 1}]),
    ],
)
def test_settings_that_change_what_is_called(name, settings, changes):
    ours, eager = pair(name, settings)
    run(ours, eager, 5, lower_at=3)
    for change in changes:
        for one in (ours, eager):
            one.optimizer.param_groups[0].update(change)
        run(ours, eager, 6, lower_at=4)
    assert opened(ours.step)


def test_state_loaded_between_steps(records):
    ours, eager = pair("Adam", {"lr": 0.1})
    run(ours, eager, 5, lower_at=3)
    kept = [copy.deepcopy(one.optimizer.state_dict()) for one in (ours, eager)]
    run(ours, eager, 3)
    records.clear()
    for one, state in zip((ours, eager), kept):
        one.optimizer.load_state_dict(state)
    run(ours, eager, 6, lower_at=4)
    assert len(records) == 2  # the one that finds it, and the one that is recorded
    assert opened(ours.step)
    fresh = Training(False, "Adam", {"lr": 0.1})
    fresh.optimizer.load_state_dict(ours.optimizer.state_dict())
    compare_optimizers(fresh.optimizer, ours.optimizer)


def test_state_replaced_or_written_by_hand():
    ours, eager = pair("Adam", {"lr": 0.1})
    run(ours, eager, 5, lower_at=3)

    def double(optimizer, param):
        optimizer.state[param]["exp_avg"].mul_(2)

    def replace(optimizer, param):
        optimizer.state[param]["exp_avg_sq"] = optimizer.state[param]["exp_avg_sq"] * 2

    def count(optimizer, param):
        optimizer.state[param]["step"].fill_(7)

    def forget(optimizer, param):
        del optimizer.state[param]

    def clear(optimizer, param):
        optimizer.state.clear()

    def swap(optimizer, param):
        optimizer.state[param] = dict(optimizer.state[param])

    for change in (double, replace, count, forget, clear, swap):
        for one in (ours, eager):
            change(one.optimizer, one.model[0].weight)
        run(ours, eager, 6, lower_at=4)
    assert opened(ours.step)


def halve(optimizer, args, settings):
    with rg.no_grad():
        for param in optimizer.param_groups[0]["params"]:
            param.mul_(0.5)


def test_hooks_around_steps():
    ours, eager = pair("SGD", {"lr": 0.1})
    run(ours, eager, 5, lower_at=3)
    handles = [one.optimizer.register_step_post_hook(halve) for one in (ours, eager)]
    run(ours, eager, 4)
    for handle in handles:
        handle.remove()
    run(ours, eager, 5, lower_at=3)
    handle = rg.optim.optimizer.register_optimizer_step_pre_hook(halve)
    run(ours, eager, 3)
    handle.remove()
    run(ours, eager, 4)


def test_a_hook_that_was_there_from_the_beginning():
    ours, eager = pair("Adam")
    for one in (ours, eager):
        one.optimizer.register_step_pre_hook(halve)
    run(ours, eager, 5, lower_at=3)


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
            for held in (param.grad, param.grad.numpy(), param.grad.view(-1), param.grad.detach()):
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


def test_groups_with_settings_of_their_own(records):
    def make(model):
        return rg.optim.AdamW(
            [{"params": model[0].parameters(), "lr": 0.1},
             {"params": model[2].parameters(), "weight_decay": 0.0, "betas": (0.8, 0.9)}]
        )  # fmt: skip

    ours, eager = pair(make=make)
    run(ours, eager, 8)
    assert len(records) == 1
    extra = [rg.ones(2, requires_grad=True) for _ in range(2)]
    for one, param in zip((ours, eager), extra):
        one.optimizer.add_param_group({"params": [param], "lr": 1.0})
        param.grad = rg.ones(2)
    run(ours, eager, 5, lower_at=3)
    assert bits(extra[0]) == bits(extra[1])


def test_parameters_without_gradients():
    ours, eager = pair("Adam", {"lr": 0.1})
    for one in (ours, eager):
        one.model[0].bias.requires_grad_(False)
    run(ours, eager, 6)
    assert opened(ours.step)
    for one in (ours, eager):
        one.model[0].bias.requires_grad_(True)
        one.model[2].weight.requires_grad_(False)
    run(ours, eager, 8, lower_at=6)
    for one in (ours, eager):
        one.model[2].weight.requires_grad_(True)
    run(ours, eager, 8, lower_at=6)
    assert opened(ours.step)


def test_parameters_with_other_arrays():
    ours, eager = pair("Adam", {"lr": 0.1})
    run(ours, eager, 5, lower_at=3)
    for one in (ours, eager):
        one.model[0].weight.data = rg.full((4, 3), 0.5)
    run(ours, eager, 5)
    for one in (ours, eager):
        with rg.no_grad():
            one.model[0].weight.fill_(0.25)
            one.model[2].bias.detach().numpy()[:] = 2
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


def test_one_optimizer_in_two_functions():
    ours, eager = pair("Adam", {"lr": 0.1})

    def half(training):
        def step():
            training.optimizer.zero_grad()
            rg.nn.functional.mse_loss(training.model(training.x[:2]), training.y[:2]).backward()
            training.optimizer.step()

        return step

    mine, theirs = rg.compile(half(ours)), half(eager)
    for number in range(8):
        run(ours, eager, 1, lower_at=int(number != 5))
        mine()
        theirs()
        compare(ours, eager)
    assert opened(ours.step) and opened(mine)


def test_parts_of_a_model_in_turn():
    """Two functions give gradients to other parameters each: no endless records."""
    ours, eager = pair("Adam", {"lr": 0.1})

    def part(training, number):
        layer = training.model[number]

        def step():
            training.optimizer.zero_grad()
            (layer.weight.sum() * layer.bias.sum()).backward()
            training.optimizer.step()

        return step

    for number in (0, 2):
        ours.__dict__[f"part_{number}"] = rg.compile(part(ours, number))
        eager.__dict__[f"part_{number}"] = part(eager, number)
    for _ in range(12):
        for number in (0, 2):
            ours.__dict__[f"part_{number}"]()
            eager.__dict__[f"part_{number}"]()
            compare(ours, eager)


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


@pytest.mark.parametrize("name", ["SGD", "Adam", "NAdam", "ASGD"])
def test_errors_in_a_step_leave_what_eager_leaves(name):
    def make(model):
        made = getattr(rg.optim, name)
        return made([{"params": model[0].parameters()}, {"params": model[2].parameters()}], lr=0.1)

    ours, eager = pair(make=make)
    run(ours, eager, 6, lower_at=3)
    for key, value in (("lr", None), ("lr", "fast"), ("weight_decay", "much")):
        texts = []
        for one in (ours, eager):
            one.optimizer.param_groups[1][key] = value
            with pytest.raises(Exception) as raised:
                one.step()
            texts.append((type(raised.value), str(raised.value)))
            one.optimizer.param_groups[1][key] = 0.1
        assert texts[0] == texts[1]
        compare(ours, eager)
        run(ours, eager, 4, lower_at=2)


def test_errors_before_the_step():
    def body(training):
        def step():
            training.optimizer.zero_grad()
            out = training.model(training.x)
            loss = rg.nn.functional.mse_loss(out, training.y)
            loss.backward()
            rg.nn.functional.nll_loss(out.detach(), training.classes)
            training.optimizer.step()
            return loss

        training.classes = rg.zeros(5, dtype=rg.int64)
        return step

    ours, eager = pair("Adam", {"lr": 0.1}, body=body)
    run(ours, eager, 6)
    for one in (ours, eager):
        one.classes.fill_(9)
        with pytest.raises(IndexError):
            one.step()
    compare(ours, eager)
    for one in (ours, eager):
        one.classes.fill_(1)
    run(ours, eager, 4)


def test_copies_of_optimizers():
    ours, eager = pair("Adam", {"lr": 0.1})
    run(ours, eager, 5, lower_at=3)
    for make in (copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))):
        made = make(ours.optimizer)
        assert made.state_dict()["param_groups"] == eager.optimizer.state_dict()["param_groups"]
        for param in made.param_groups[0]["params"]:
            param.grad = rg.ones_like(param)
        made.step()
    compare(ours, eager)
    run(ours, eager, 3)


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
