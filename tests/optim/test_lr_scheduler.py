"""Schedules: the very learning rates of PyTorch, their state, complaints and warnings."""

import copy
import warnings

import pytest

import retrograd as rg

from ..nn.parity import check_parity, seen

STEPS = 300


class Scale:
    """A callable object, which a state_dict remembers."""

    def __init__(self, base):
        self.base = base

    def __call__(self, epoch):
        return self.base**epoch


def _made(name, *args, **settings):
    return lambda s, optimizer: getattr(s, name)(optimizer, *args, **settings)


def _sequence(s, optimizer):
    schedulers = [
        s.ConstantLR(optimizer, factor=0.1, total_iters=20),
        s.ExponentialLR(optimizer, gamma=0.98),
        s.CosineAnnealingLR(optimizer, T_max=30),
    ]
    return s.SequentialLR(optimizer, schedulers, milestones=[20, 90])


def _warm_up(s, optimizer):
    first = s.LinearLR(optimizer, start_factor=0.01, total_iters=17)
    return s.SequentialLR(optimizer, [first, s.CosineAnnealingLR(optimizer, 283)], [17])


def _chain(s, optimizer):
    one = s.ConstantLR(optimizer, factor=0.5, total_iters=40)
    return s.ChainedScheduler([one, s.ExponentialLR(optimizer, gamma=0.97)], optimizer)


def _nested(s, optimizer):
    inner = _warm_up(s, optimizer)
    return s.SequentialLR(optimizer, [inner, s.StepLR(optimizer, 10)], [50])


SCHEDULES = {
    "lambda": _made("LambdaLR", lambda epoch: 0.97**epoch),
    "lambdas": _made("LambdaLR", [lambda epoch: 1 / (epoch + 1), Scale(0.9)]),
    "multiplicative": _made("MultiplicativeLR", lambda epoch: 0.97),
    "multiplicatives": _made("MultiplicativeLR", [lambda epoch: 0.9, Scale(0.999)]),
    "step": _made("StepLR", 30),
    "step of 7": _made("StepLR", step_size=7, gamma=0.83),
    "multistep": _made("MultiStepLR", [30, 80, 80, 200], gamma=0.3),
    "constant": _made("ConstantLR"),
    "constant 40": _made("ConstantLR", factor=0.7, total_iters=40),
    "linear": _made("LinearLR"),
    "linear 100": _made("LinearLR", start_factor=0.1, end_factor=0.7, total_iters=100),
    "exponential": _made("ExponentialLR", 0.97),
    "polynomial": _made("PolynomialLR"),
    "polynomial 250": _made("PolynomialLR", total_iters=250, power=0.9),
    "cosine": _made("CosineAnnealingLR", 50),
    "cosine 37": _made("CosineAnnealingLR", T_max=37, eta_min=1e-3),
    "restarts": _made("CosineAnnealingWarmRestarts", 40),
    "restarts times 2": _made("CosineAnnealingWarmRestarts", T_0=10, T_mult=2, eta_min=1e-3),
    "cyclic": _made("CyclicLR", 0.01, 0.1, step_size_up=20),
    "triangular2": _made("CyclicLR", [0.01, 0.02], 0.1, 13, 29, mode="triangular2"),
    "exp_range": _made("CyclicLR", 0.01, 0.1, 13, mode="exp_range", gamma=0.99),
    "cyclic of a function": _made("CyclicLR", 0.01, 0.1, 13, scale_fn=Scale(0.8)),
    "cyclic of iterations": _made(
        "CyclicLR", 0.01, 0.1, 13, scale_fn=lambda n: 1 / (n + 1), scale_mode="iterations"
    ),
    "cyclic, momentum stays": _made("CyclicLR", 0.01, 0.1, 13, cycle_momentum=False),
    "cyclic momentum": _made("CyclicLR", 0.01, 0.1, 13, base_momentum=[0.1, 0.2]),
    "one cycle": _made("OneCycleLR", 0.1, total_steps=STEPS),
    "one cycle, epochs": _made("OneCycleLR", [0.1, 0.2], epochs=30, steps_per_epoch=11),
    "one cycle, linear": _made("OneCycleLR", 0.1, STEPS, anneal_strategy="linear"),
    "one cycle, three phases": _made(
        "OneCycleLR", 0.1, STEPS, three_phase=True, pct_start=0.4, cycle_momentum=False
    ),
    "sequence": _sequence,
    "warm-up": _warm_up,
    "chain": _chain,
    "nested": _nested,
}
PLATEAUS = [
    {},
    {"patience": 2, "factor": 0.5},
    {"patience": 2, "cooldown": 3, "min_lr": [0.01, 0.001]},
    {"mode": "max", "patience": 1, "threshold": 0.05},
    {"mode": "max", "threshold_mode": "abs", "threshold": 0.1, "patience": 3, "eps": 0.01},
    {"threshold_mode": "abs", "threshold": 0.1, "min_lr": 0.02, "patience": 0},
]


def _optimizer(t, name="SGD", tensor_lr=False):
    one, two = (t.ones(2, requires_grad=True) for _ in range(2))
    lr = t.tensor(0.3) if tensor_lr else 0.3
    settings = {"momentum": 0.9} if name == "SGD" else {}
    groups = [{"params": [one]}, {"params": [two], "lr": 0.07}]
    return getattr(t.optim, name)(groups, lr=lr, **settings)


def _state(optimizer, schedule):
    settings = [{k: v for k, v in g.items() if k != "params"} for g in optimizer.param_groups]
    return settings, list(schedule.state_dict().items())


def _run(optimizer, schedule, steps):
    """Step both; return the learning rates and momenta seen."""
    seen = [list(schedule.get_last_lr())]
    for _ in range(steps):
        optimizer.step()
        schedule.step()
        groups = optimizer.param_groups
        assert [float(g["lr"]) for g in groups] == [float(r) for r in schedule.get_last_lr()]
        momenta = [group.get("momentum", group.get("betas")) for group in groups]
        seen.append((list(schedule.get_last_lr()), momenta))
    return seen


@pytest.mark.parametrize("name", ["SGD", "Adam"])
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_very_rates_of_torch(schedule, name):
    def program(t, nn):
        optimizer = _optimizer(t, name)
        made = SCHEDULES[schedule](t.optim.lr_scheduler, optimizer)
        rates = _run(optimizer, made, STEPS)
        return repr(rates), _state(optimizer, made)  # as text: equal to the last bit

    check_parity(program, 0)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_tensor_rate_like_torch(schedule):
    def program(t, nn):
        optimizer = _optimizer(t, tensor_lr=True)
        rate = optimizer.param_groups[0]["lr"]
        made = SCHEDULES[schedule](t.optim.lr_scheduler, optimizer)
        rates = [float(r[0][0]) for r in _run(optimizer, made, 60)[1:]]
        return repr(rates), rate is optimizer.param_groups[0]["lr"]

    check_parity(program, 0)


@pytest.mark.filterwarnings("ignore:Detected call of")  # PyTorch's nested sequence warns
@pytest.mark.parametrize("schedule", SCHEDULES)
def test_states_load_both_ways(schedule):
    """Go on from the other library's state, as if nothing had happened."""
    torch = pytest.importorskip("torch")
    states = []
    for t in (rg, torch):
        optimizer = _optimizer(t)
        made = SCHEDULES[schedule](t.optim.lr_scheduler, optimizer)
        _run(optimizer, made, 60)
        states.append((copy.deepcopy(optimizer.state_dict()), copy.deepcopy(made.state_dict())))
    rates = []
    for t, (settings, state) in zip((torch, rg), states, strict=True):
        optimizer = _optimizer(t)
        made = SCHEDULES[schedule](t.optim.lr_scheduler, optimizer)
        settings["state"] = {}
        optimizer.load_state_dict(settings)
        made.load_state_dict(state)
        rates.append(_run(optimizer, made, 60))
    assert rates[0] == rates[1]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_step_to_an_epoch_like_torch(schedule):
    def program(t, nn):
        optimizer = _optimizer(t)
        made = SCHEDULES[schedule](t.optim.lr_scheduler, optimizer)
        rates = []
        for epoch in (3, 40, 41, 12):
            optimizer.step()
            made.step(epoch)
            rates.append(made.get_last_lr())
        return repr(rates)

    if schedule not in ("sequence", "warm-up", "chain", "nested"):  # their step takes no epoch
        check_parity(program, 0)


def test_restarts_between_epochs_like_torch():
    def program(t, nn):
        optimizer = _optimizer(t)
        made = t.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, 4, 2)
        rates = []
        for number in range(100):
            made.step(number / 7)
            rates.append(made.get_last_lr())
        return repr(rates), made.state_dict()

    check_parity(program, 0)


@pytest.mark.parametrize("settings", PLATEAUS, ids=str)
def test_plateaus_like_torch(settings):
    def program(t, nn):
        optimizer = _optimizer(t)
        made = t.optim.lr_scheduler.ReduceLROnPlateau(optimizer, **settings)
        rates = []
        for number in range(200):
            made.step(t.tensor((number * 37 % 101) / (number + 1)))
            rates.append((made.get_last_lr(), made.num_bad_epochs, made.in_cooldown))
            if number == 50:
                twin = t.optim.lr_scheduler.ReduceLROnPlateau(optimizer)
                twin.load_state_dict(made.state_dict())
                made = twin
        return repr(rates), made.state_dict()

    check_parity(program, 0)


def test_a_group_added_later_like_torch():
    def program(t, nn, **settings):
        optimizer = _optimizer(t)
        made = t.optim.lr_scheduler.ReduceLROnPlateau(optimizer, patience=0, **settings)
        optimizer.add_param_group({"params": t.ones(1, requires_grad=True), "lr": 4.0})
        made.step(1.0)
        made.step(1.0)
        return made.get_last_lr()

    check_parity(program, 0)
    check_parity(lambda t, nn: program(t, nn, min_lr=[0.1, 0.2]), 0)


@pytest.mark.parametrize("schedule", ["step", "cosine", "linear", "one cycle", "cyclic"])
def test_resuming_like_torch(schedule):
    def program(t, nn):
        optimizer = _optimizer(t)
        made = SCHEDULES[schedule](t.optim.lr_scheduler, optimizer)
        _run(optimizer, made, 25)
        fresh = _optimizer(t)
        fresh.load_state_dict(optimizer.state_dict())
        if schedule == "step":
            made = t.optim.lr_scheduler.StepLR(fresh, 30, last_epoch=25)
        elif schedule == "cosine":
            made = t.optim.lr_scheduler.CosineAnnealingLR(fresh, 50, last_epoch=25)
        elif schedule == "linear":
            made = t.optim.lr_scheduler.LinearLR(fresh, last_epoch=3)
        elif schedule == "one cycle":
            made = t.optim.lr_scheduler.OneCycleLR(fresh, 0.1, STEPS, last_epoch=25)
        else:
            made = t.optim.lr_scheduler.CyclicLR(fresh, 0.01, 0.1, 20, last_epoch=25)
        return repr(_run(fresh, made, 30))

    check_parity(program, 0)


def _sequential(s, optimizer, *milestones, more=()):
    return s.SequentialLR(optimizer, [s.StepLR(optimizer, 1), *more], list(milestones))


COMPLAINTS = {
    "no optimizer": lambda t, s, o: s.StepLR(3, 3),
    "no optimizer to cycle": lambda t, s, o: s.CyclicLR(3, 3, 3),
    "no optimizer for one cycle": lambda t, s, o: s.OneCycleLR("o", 3),
    "no optimizer on a plateau": lambda t, s, o: s.ReduceLROnPlateau(None),
    "nothing to resume": lambda t, s, o: s.StepLR(o, 3, last_epoch=4),
    "three lambdas": lambda t, s, o: s.LambdaLR(o, [abs] * 3),
    "three factors": lambda t, s, o: s.MultiplicativeLR(o, [abs] * 3),
    "no function": lambda t, s, o: s.MultiplicativeLR(o, 0.3),
    "no lambda": lambda t, s, o: s.LambdaLR(o, 0.3),
    "constant above 1": lambda t, s, o: s.ConstantLR(o, 1.5),
    "linear from 0": lambda t, s, o: s.LinearLR(o, 0),
    "linear to 2": lambda t, s, o: s.LinearLR(o, 0.5, 2),
    "T_0 of 0": lambda t, s, o: s.CosineAnnealingWarmRestarts(o, 0),
    "T_0 of 1.5": lambda t, s, o: s.CosineAnnealingWarmRestarts(o, 1.5),
    "T_mult of 0": lambda t, s, o: s.CosineAnnealingWarmRestarts(o, 1, 0),
    "eta_min of text": lambda t, s, o: s.CosineAnnealingWarmRestarts(o, 1, 1, "a"),
    "epoch below 0": lambda t, s, o: s.CosineAnnealingWarmRestarts(o, 3).step(-1),
    "factor of 1": lambda t, s, o: s.ReduceLROnPlateau(o, factor=1.0),
    "no mode": lambda t, s, o: s.ReduceLROnPlateau(o, mode="mean"),
    "no threshold mode": lambda t, s, o: s.ReduceLROnPlateau(o, threshold_mode="mean"),
    "three min_lr": lambda t, s, o: s.ReduceLROnPlateau(o, min_lr=[1, 2, 3]),
    "no metric": lambda t, s, o: s.ReduceLROnPlateau(o).step(),
    "plateau epoch": lambda t, s, o: s.ReduceLROnPlateau(o).step(3.0, 4),
    "three base_lr": lambda t, s, o: s.CyclicLR(o, [1, 2, 3], 1),
    "no cycle": lambda t, s, o: s.CyclicLR(o, 1, 1, mode="square"),
    "no momentum": lambda t, s, o: s.CyclicLR(t.optim.Adagrad([t.ones(1)]), 1, 1),
    "no momentum either": lambda t, s, o: s.OneCycleLR(t.optim.Adagrad([t.ones(1)]), 1, 9),
    "no steps": lambda t, s, o: s.OneCycleLR(o, 1),
    "minus one steps": lambda t, s, o: s.OneCycleLR(o, 1, -1),
    "half steps": lambda t, s, o: s.OneCycleLR(o, 1, 1.5),
    "half epochs": lambda t, s, o: s.OneCycleLR(o, 1, epochs=1.5, steps_per_epoch=3),
    "no steps an epoch": lambda t, s, o: s.OneCycleLR(o, 1, epochs=1, steps_per_epoch=0),
    "pct_start of 1": lambda t, s, o: s.OneCycleLR(o, 1, 9, pct_start=1),
    "pct_start above 1": lambda t, s, o: s.OneCycleLR(o, 1, 9, pct_start=1.5),
    "no annealing": lambda t, s, o: s.OneCycleLR(o, 1, 9, anneal_strategy="square"),
    "no schedulers": lambda t, s, o: s.SequentialLR(o, [], []),
    "no chain": lambda t, s, o: s.ChainedScheduler([]),
    "too many milestones": lambda t, s, o: _sequential(s, o, 1, 2),
    "a number in sequence": lambda t, s, o: _sequential(s, o, 1, more=[3]),
    "a plateau in sequence": lambda t, s, o: _sequential(s, o, 1, more=[s.ReduceLROnPlateau(o)]),
    "a stranger in sequence": lambda t, s, o: _sequential(
        s, o, 1, more=[s.StepLR(_optimizer(t), 1)]
    ),
    "a plateau chained": lambda t, s, o: s.ChainedScheduler([s.ReduceLROnPlateau(o)]),
    "strangers chained": lambda t, s, o: s.ChainedScheduler(
        [s.StepLR(o, 1), s.StepLR(_optimizer(t), 1)]
    ),
    "the base": lambda t, s, o: s.LRScheduler(o),
    "get_lr": lambda t, s, o: s.StepLR(o, 1).get_lr(),
    "too early": lambda t, s, o: [s.StepLR(o, 1).step()],
    "overridden": lambda t, s, o: _overridden(o, s.StepLR(o, 1)),
    "in order": lambda t, s, o: [m.step() for m in [s.StepLR(o, 1)] if not o.step()],
}


def _overridden(optimizer, schedule):
    optimizer.step = lambda closure=None: None
    schedule.step()


@pytest.mark.parametrize("name", COMPLAINTS)
def test_complaints_and_warnings_like_torch(name):
    check_parity(lambda t, nn: COMPLAINTS[name](t, t.optim.lr_scheduler, _optimizer(t)))


def test_too_many_steps_like_torch():
    def program(t, nn):
        optimizer = _optimizer(t)
        made = t.optim.lr_scheduler.OneCycleLR(optimizer, 0.1, 3)
        _run(optimizer, made, 4)

    check_parity(program)


def test_warnings_point_at_the_caller():
    optimizer = _optimizer(rg)
    schedule = rg.optim.lr_scheduler.StepLR(optimizer, 1)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        schedule.step()
        schedule.step(3)
        schedule.get_lr()
    assert [w.filename for w in caught] == [__file__] * 3


def test_schedules_by_hand():
    optimizer = rg.optim.SGD([rg.ones(1, requires_grad=True)], lr=1.0, momentum=0.5)
    schedule = rg.optim.lr_scheduler.MultiStepLR(optimizer, [1, 3], gamma=0.5)
    rates = []
    for _ in range(4):
        rates += schedule.get_last_lr()
        optimizer.step()
        schedule.step()
    assert rates == [1.0, 0.5, 0.5, 0.25]


def test_copies_of_a_scheduled_optimizer_step_on_their_own():
    optimizer = rg.optim.SGD([rg.ones(1, requires_grad=True)], lr=1.0)
    rg.optim.lr_scheduler.StepLR(optimizer, 1)
    twin = copy.deepcopy(optimizer)
    param = twin.param_groups[0]["params"][0]
    param.grad = rg.ones(1)
    twin.step()
    assert param.item() == 0.0
    assert optimizer.param_groups[0]["params"][0].item() == 1.0


def test_the_module_is_there_after_import_torch():
    assert rg.optim.lr_scheduler.LRScheduler.__name__ == "LRScheduler"
    found = seen(lambda t, nn: t.optim.lr_scheduler.StepLP, rg)
    assert "torch.optim.lr_scheduler.StepLR" in found[0]
