"""GradScaler beside PyTorch's, on the CPU."""

import warnings

import pytest

import retrograd as rg

from .nn.modules import check_complaint


def run(library):
    """Train some steps, one of them overflowing; return all that can be seen."""
    scaler = library.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)
    weight = library.nn.Parameter(library.tensor([1.0, 2.0]))
    optimizer = library.optim.SGD([weight], lr=0.1)
    seen = [scaler.get_scale(), scaler.state_dict()]
    for step in range(7):
        optimizer.zero_grad()
        loss = (weight * weight).sum() * (float("inf") if step == 3 else 1.0)
        scaled = scaler.scale(loss)
        scaled.backward()
        if step % 2:
            scaler.unscale_(optimizer)
            seen.append(str(weight.grad))
        seen.append(scaler.step(optimizer))
        scaler.update()
        seen += [str(scaled), str(weight), scaler.get_scale(), scaler.state_dict()]
    scaler.update_after = scaler.scale([loss, (loss,)])
    seen.append(str(scaler.update_after))
    scaler.set_growth_factor(3.0)
    scaler.set_backoff_factor(0.25)
    scaler.set_growth_interval(7)
    seen += [scaler.get_growth_factor(), scaler.get_backoff_factor(), scaler.get_growth_interval()]
    scaler.update(2.0)
    other = library.amp.GradScaler("cpu")
    other.load_state_dict(scaler.state_dict())
    return [*seen, other.state_dict(), other.is_enabled(), other._get_growth_tracker()]


def test_like_torch():
    torch = pytest.importorskip("torch")
    assert run(rg) == run(torch)


def test_disabled_passes_through():
    scaler = rg.amp.GradScaler("cpu", enabled=False)
    weight = rg.nn.Parameter(rg.ones(2))
    optimizer = rg.optim.SGD([weight], lr=1.0)
    loss = weight.sum()
    assert scaler.scale(loss) is loss
    loss.backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    assert weight.tolist() == [0.0, 0.0]
    assert scaler.state_dict() == {}
    assert scaler.get_scale() == 1.0
    scaler.load_state_dict({"scale": 3.0})
    with pytest.warns(UserWarning, match="CUDA is not available"):
        assert not rg.GradScaler().is_enabled()
    with pytest.warns(FutureWarning, match="deprecated"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "torch.cuda.amp.GradScaler is enabled")
        assert not rg.cuda.amp.GradScaler().is_enabled()


def _after(*names, scaled=True):
    """Call methods of a scaler one after the other, most with the optimizer."""

    def call(library):
        scaler = library.amp.GradScaler("cpu")
        weight = library.nn.Parameter(library.ones(2))
        optimizer = library.optim.SGD([weight], lr=0.1)
        if scaled:
            scaler.scale(weight.sum()).backward()
        for name in names:
            getattr(scaler, name)(*([] if name == "update" else [optimizer]))

    return call


def _half(library):
    weight = library.nn.Parameter(library.ones(2).half())
    scaler = library.amp.GradScaler("cpu")
    scaler.scale(weight.float().sum()).backward()
    scaler.unscale_(library.optim.SGD([weight], lr=0.1))


def _closure(library):
    weight = library.nn.Parameter(library.ones(2))
    library.amp.GradScaler("cpu").step(library.optim.SGD([weight]), closure=lambda: 1)


COMPLAINTS = {
    "step before scale": _after("step", scaled=False),
    "update before scale": _after("update", scaled=False),
    "unscale twice": _after("unscale_", "unscale_"),
    "step twice": _after("step", "step"),
    "unscale after step": _after("step", "unscale_"),
    "update without a step": _after("update"),
    "half": _half,
    "closure": _closure,
    "number": lambda library: library.amp.GradScaler("cpu").scale(3),
    "growth": lambda library: library.amp.GradScaler("cpu", growth_factor=0.5),
    "backoff": lambda library: library.amp.GradScaler("cpu", backoff_factor=2.0),
    "empty": lambda library: library.amp.GradScaler("cpu").load_state_dict({}),
}


@pytest.mark.parametrize("name", COMPLAINTS)
def test_complaints_are_those_of_torch(name):
    check_complaint(COMPLAINTS[name])
