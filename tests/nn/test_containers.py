"""Sequential, ModuleList, ModuleDict, ParameterList, ParameterDict."""

from collections import OrderedDict

import pytest

import retrograd as rg
from retrograd import nn

from .parity import check_parity


def test_sequential_calls_in_order():
    net = nn.Sequential(nn.Flatten(0), nn.Identity())
    assert net(rg.ones(2, 3)).shape == (6,)


def test_module_list_text():
    net = nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Sequential(nn.Tanh(), nn.Tanh())])
    assert repr(net) == (
        "ModuleList(\n"
        "  (0-1): 2 x ReLU()\n"
        "  (2): Sequential(\n"
        "    (0): Tanh()\n"
        "    (1): Tanh()\n"
        "  )\n"
        ")"
    )


def test_parameter_dict_registers():
    params = nn.ParameterDict({"a": rg.ones(2), "b": 3})
    assert isinstance(params["a"], nn.Parameter)
    assert [name for name, _ in params.named_parameters()] == ["a"]
    assert params["b"] == 3


def test_sequential_renumbers_after_deletion():
    net = nn.Sequential(OrderedDict(a=nn.ReLU(), b=nn.Tanh(), c=nn.Sigmoid()))
    del net[0]
    assert list(net._modules) == ["0", "1"]
    assert repr(net[0]) == "Tanh()"


def _three(nn):
    return nn.Sequential(nn.Linear(1, 2), nn.ReLU(), nn.Linear(2, 1))


def _do(container, *steps):
    """Apply each step to the container, collecting results and errors, then the container."""
    log = []
    for step in steps:
        try:
            log.append(step(container))
        except Exception as error:
            log.append(f"{type(error).__name__}: {error}")
    return [*log, container]


def _set(key, value):
    return lambda c: c.__setitem__(key, value)


def _delete(key):
    return lambda c: c.__delitem__(key)


SEQUENTIAL = {
    "index": lambda t, nn: _do(
        _three(nn),
        lambda s: s[0],
        lambda s: s[-1],
        lambda s: s[1:],
        lambda s: s[::2],
        lambda s: s[5],
        lambda s: s[-4],
        lambda s: s["0"],
        lambda s: s[True],
        len,
        list,
    ),
    "change": lambda t, nn: _do(
        _three(nn),
        lambda s: s.append(nn.Tanh()) is s,
        lambda s: s.insert(1, nn.Tanh()) is s,
        lambda s: s.insert(-1, nn.Sigmoid()) is s,
        lambda s: s.insert(99, nn.Tanh()),
        lambda s: s.append(3),
        lambda s: s.extend([nn.Tanh(), nn.ReLU()]) is s,
        lambda s: s.pop(0),
        lambda s: s.pop(slice(0, 2)),
        _set(0, nn.Sigmoid()),
        _set(-1, nn.Sigmoid()),
        _set(0, 3),
        _set(99, nn.Tanh()),
        _delete(1),
        _delete(slice(0, 1)),
        _delete(-1),
    ),
    "arithmetic": lambda t, nn: _do(
        _three(nn),
        lambda s: s + nn.Sequential(nn.Tanh()),
        lambda s: s + [nn.Tanh()],
        lambda s: s + 3,
        lambda s: s * 2,
        lambda s: 2 * s,
        lambda s: s * 0,
        lambda s: s * "a",
        lambda s: s.__iadd__(nn.Sequential(nn.Tanh())) is s,
        lambda s: s.__imul__(2) is s,
    ),
    "made of a dictionary": lambda t, nn: nn.Sequential(OrderedDict(a=nn.ReLU(), b=nn.Tanh())),
    "made of a plain dictionary": lambda t, nn: nn.Sequential({"a": nn.ReLU()}),
    "made of an int": lambda t, nn: nn.Sequential(3),
    "made of a list": lambda t, nn: nn.Sequential([nn.ReLU()]),
    "empty": lambda t, nn: (nn.Sequential(), nn.Sequential()(3)),
}

MODULE_LIST = {
    "index": lambda t, nn: _do(
        nn.ModuleList(_three(nn)),
        lambda m: m[0],
        lambda m: m[-1],
        lambda m: m[1:],
        lambda m: m[9],
        lambda m: m[-9],
        lambda m: m["a"],
        lambda m: list(reversed(m)),
        lambda m: 3 in m,
    ),
    "change": lambda t, nn: _do(
        nn.ModuleList(_three(nn)),
        lambda m: m.append(nn.Tanh()) is m,
        lambda m: m.extend([nn.Tanh()]) is m,
        lambda m: m.extend(3),
        lambda m: m.append(3),
        lambda m: m.insert(0, nn.Sigmoid()),
        lambda m: m.pop(1),
        lambda m: m + [nn.Tanh()],
        _set(0, 3),
        _set(1, nn.Tanh()),
        _set(9, nn.Tanh()),
        _delete(0),
        _delete(slice(0, 2)),
        lambda m: m.__iadd__([nn.ReLU()]) is m,
    ),
    "called": lambda t, nn: nn.ModuleList()(3),
    "made of an int": lambda t, nn: nn.ModuleList(3),
    "alike": lambda t, nn: nn.ModuleList([nn.Sequential(nn.ReLU()) for _ in range(3)]),
    "none": lambda t, nn: nn.ModuleList([None, nn.ReLU()]),
}

MODULE_DICT = {
    "all": lambda t, nn: _do(
        nn.ModuleDict({"a": nn.ReLU(), "b": nn.Tanh()}),
        lambda m: m["a"],
        lambda m: m["z"],
        _set("c", nn.Sigmoid()),
        _set("c", 3),
        _set("keys", nn.ReLU()),
        _set("a.b", nn.ReLU()),
        _set(3, nn.ReLU()),
        lambda m: m.pop("a"),
        lambda m: m.pop("z"),
        lambda m: m.update({"d": nn.ReLU()}),
        lambda m: m.update([("e", nn.ReLU())]),
        lambda m: m.update(nn.ModuleDict({"f": nn.Tanh()})),
        lambda m: m.update(3),
        lambda m: m.update([("q",)]),
        lambda m: m.update([3]),
        lambda m: (m.keys(), m.values(), m.items(), len(m), "e" in m, list(m)),
        _delete("e"),
        lambda m: m.get("a"),
    ),
    "cleared": lambda t, nn: _do(nn.ModuleDict({"a": nn.ReLU()}), lambda m: m.clear()),
    "made of pairs": lambda t, nn: nn.ModuleDict([["a", nn.ReLU()]]),
}


def _params(t, nn):
    return [nn.Parameter(t.ones(1)), nn.Parameter(t.ones(2, 2)), t.ones(3), 3, "x"]


PARAMETER_LIST = {
    "all": lambda t, nn: _do(
        nn.ParameterList(_params(t, nn)),
        lambda m: m[0],
        lambda m: m[9],
        lambda m: m[1:3],
        lambda m: [type(v).__name__ for v in m],
        lambda m: m.append(nn.Parameter(t.ones(()))) is m,
        lambda m: m.extend([t.ones(1)]) is m,
        lambda m: m.extend(3),
        lambda m: m.extend(t.ones(2)),
        lambda m: m(1),
        _set(0, nn.Parameter(t.zeros(5))),
        _set(-1, t.zeros(5)),
        _set(99, t.zeros(5)),
        lambda m: [name for name, _ in m.named_parameters()],
        lambda m: m.__iadd__([t.ones(1)]) is m,
        len,
        lambda m: list(m.state_dict()),
    ),
    "one": lambda t, nn: nn.ParameterList([t.ones(2)]),
    "empty": lambda t, nn: nn.ParameterList(),
}

PARAMETER_DICT = {
    "all": lambda t, nn: _do(
        nn.ParameterDict({"a": nn.Parameter(t.ones(1)), "b": t.ones(2, 2), "c": 3}),
        lambda m: m["a"],
        lambda m: m["z"],
        _set("d", t.ones(1)),
        lambda m: m.pop("a"),
        lambda m: m.popitem(),
        lambda m: m.setdefault("e", t.ones(1)),
        lambda m: m.setdefault("e"),
        lambda m: (m.get("q"), m.get("q", 3), m.get("c")),
        lambda m: m.update({"f": t.ones(1)}),
        lambda m: m.update(3),
        lambda m: m.update([("a",)]),
        lambda m: m.fromkeys(["a", "b"], t.ones(1)),
        lambda m: m | nn.ParameterDict({"z": t.ones(1)}),
        lambda m: {"y": 3} | m,
        lambda m: (m.keys(), list(m.items()), list(m.values()), len(m), list(m), "f" in m),
        lambda m: list(reversed(m)),
        lambda m: m.copy(),
        lambda m: m(3),
    ),
    "key of another type": lambda t, nn: nn.ParameterDict({3: t.ones(1)}),
    "cleared": lambda t, nn: _do(nn.ParameterDict({"a": t.ones(1)}), lambda m: m.clear()),
}


@pytest.mark.parametrize("name", SEQUENTIAL)
def test_sequential_like_torch(name):
    check_parity(SEQUENTIAL[name])


@pytest.mark.parametrize("name", MODULE_LIST)
def test_module_list_like_torch(name):
    check_parity(MODULE_LIST[name])


@pytest.mark.parametrize("name", MODULE_DICT)
def test_module_dict_like_torch(name):
    check_parity(MODULE_DICT[name])


@pytest.mark.parametrize("name", PARAMETER_LIST)
def test_parameter_list_like_torch(name):
    check_parity(PARAMETER_LIST[name])


@pytest.mark.parametrize("name", PARAMETER_DICT)
def test_parameter_dict_like_torch(name):
    check_parity(PARAMETER_DICT[name])
