"""What changes between compiled steps: settings, state, hooks, groups, and errors in a step."""

from __future__ import annotations

import copy
import pickle

import pytest

import retrograd as rg

from .training import Training, bits, compare, compare_optimizers, opened, pair, run


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


@pytest.mark.parametrize("change", ["schedule", "group", "later"])
def test_settings_changed_inside_before_the_step_and_a_branch(change):
    """What is seen to be an effect only in the end holds for the segment in which it happened."""

    def body(training):
        optimizer = training.optimizer
        schedule = rg.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
        optimizer.step()  # schedules warn where no step was before theirs

        def lower():
            optimizer.param_groups[0]["lr"] *= 0.9

        move = schedule.step if change == "schedule" else lower

        def step():
            optimizer.zero_grad()
            loss = rg.nn.functional.mse_loss(training.model(training.x), training.y)
            if change == "later" and loss > 1e9:
                return loss
            loss.backward()
            move()
            optimizer.step()
            return loss * 2 if loss.detach() > 0.5 else loss * 3

        return step

    ours, eager = pair("SGD", {"lr": 0.1}, body=body)
    if change == "schedule":  # its step is replayed
        run(ours, eager, 8)
        assert not any(segment.eager for segment in ours.step.segments())
        return
    with pytest.warns(UserWarning, match="runs eagerly from there on"):
        run(ours, eager, 8)
    if change == "later":
        # A record for each rate, as `lower` reads it.
        assert [bool(segment.eager) for segment in ours.step.segments()] == [False, True] * 8


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
