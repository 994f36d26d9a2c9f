"""state_dict and load_state_dict."""

import pytest

import retrograd as rg
from retrograd import nn

from .nets import Net, make_net
from .parity import check_parity


def test_state_dict_shares_memory_and_carries_versions():
    net = Net()
    state = net.state_dict()
    assert list(state) == ["scale", "count", "layer.weight", "layer.bias"]
    assert not state["scale"].requires_grad
    with rg.no_grad():
        net.scale.fill_(5)
    assert state["scale"].tolist() == [5.0, 5.0]
    assert state._metadata == {"": {"version": 1}, "layer": {"version": 1}}
    assert net.state_dict(keep_vars=True)["scale"] is net.scale
    assert next(iter(net.state_dict(prefix="p."))) == "p.scale"


def test_loading_copies_values_in_place():
    source, target = Net(), Net()
    weight = target.layer.weight
    result = target.load_state_dict(source.state_dict())
    assert repr(result) == "<All keys matched successfully>"
    assert target.layer.weight is weight
    assert rg.equal(weight, source.layer.weight)


def test_loading_with_assign_takes_the_tensors():
    net = nn.Linear(2, 1)
    given = nn.Parameter(rg.zeros(1, 2, dtype=rg.float64), requires_grad=False)
    net.load_state_dict({"weight": given, "bias": rg.zeros(1)}, assign=True)
    assert net.weight is given
    assert given.requires_grad
    assert isinstance(net.bias, nn.Parameter)


def _load(change, **settings):
    def program(t, nn):
        net = make_net(t, nn)
        state = net.state_dict()
        change(state, t)
        return net.load_state_dict(state, **settings)

    return program


LOADING = {
    "fits": _load(lambda s, t: None),
    "missing": _load(lambda s, t: s.pop("layer.weight")),
    "unexpected": _load(lambda s, t: s.update({"zz": t.ones(1), "layer.q.r": t.ones(1)})),
    "mismatch": _load(lambda s, t: s.update({"layer.bias": t.ones(3), "scale": t.ones(1)})),
    "everything": _load(
        lambda s, t: (s.pop("scale"), s.update({"zz": t.ones(1), "layer.bias": t.ones(3)}))
    ),
    "everything lenient": _load(
        lambda s, t: (s.pop("scale"), s.update({"zz": t.ones(1)})), strict=False
    ),
    "mismatch lenient": _load(lambda s, t: s.update({"scale": t.ones(3)}), strict=False),
    "no tensor": _load(lambda s, t: s.update({"scale": 3})),
    "other dtype": _load(lambda s, t: s.update({"scale": t.ones(2, dtype=t.float64)})),
    "no dictionary": lambda t, nn: make_net(t, nn).load_state_dict(3),
    "extra state unexpected": _load(lambda s, t: s.update({"layer._extra_state": 1})),
    "scalar with one element": lambda t, nn: _scalar_net(t, nn).load_state_dict(
        {"x": t.full((1,), 3.0)}
    ),
}


def _scalar_net(t, nn):
    net = nn.Module()
    net.x = nn.Parameter(t.tensor(1.0))
    return net


@pytest.mark.parametrize("name", LOADING)
def test_loading_like_torch(name):
    check_parity(LOADING[name])


def test_loading_error_text():
    net = nn.Linear(2, 1)
    with pytest.raises(RuntimeError) as caught:
        net.load_state_dict({"weight": rg.ones(3, 2), "more": rg.ones(1)})
    assert str(caught.value) == (
        "Error(s) in loading state_dict for Linear:\n"
        '\tMissing key(s) in state_dict: "bias". \n'
        '\tUnexpected key(s) in state_dict: "more". \n'
        "\tsize mismatch for weight: copying a param with shape torch.Size([3, 2]) from "
        "checkpoint, the shape in current model is torch.Size([1, 2])."
    )


def test_state_dict_hooks_like_torch():
    def program(t, nn):
        log = []
        net = nn.Sequential(nn.Linear(1, 1))
        inner = net[0]
        inner.register_state_dict_pre_hook(lambda m, prefix, keep: log.append((prefix, keep)))
        inner.register_state_dict_post_hook(
            lambda m, state, prefix, meta: state.update({prefix + "more": 1})
        )
        inner.register_load_state_dict_pre_hook(
            lambda m, state, prefix, *rest: (log.append((prefix, rest)), state.pop("0.more"))[0]
        )
        net.register_load_state_dict_post_hook(lambda m, keys: log.append(keys))
        state = net.state_dict()
        log.append(list(state))
        net.load_state_dict(state)
        net._register_state_dict_hook(lambda m, state, prefix, meta: {"replaced": 1})
        log.append(net.state_dict())
        return log

    check_parity(program)


def test_extra_state():
    class Counting(nn.Module):
        count = 0

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    source, target = Counting(), Counting()
    source.count = 4
    state = source.state_dict()
    assert state["_extra_state"] == {"count": 4}
    target.load_state_dict(state)
    assert target.count == 4
    with pytest.raises(RuntimeError, match='Missing key\\(s\\) in state_dict: "_extra_state"'):
        target.load_state_dict({})
