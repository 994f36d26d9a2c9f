"""PyTorch's names of control flow: the same results as there, eager, compiled and in a graph."""

from __future__ import annotations

import pytest

import retrograd as rg
from retrograd import static
from retrograd._higher_order_ops import map as map_
from retrograd._higher_order_ops import scan, while_loop

USES = {
    "while_loop": lambda t, ops, x: ops.while_loop(
        lambda x: x.sum() < 100, lambda x: (x * 2,), (x,)
    ),
    "an integer": lambda t, ops, x: ops.while_loop(
        lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (0, x)
    ),
    "a list": lambda t, ops, x: ops.while_loop(
        lambda x: x.sum() < 100, lambda x: [x * 2], [x]
    ),
    "a nest": lambda t, ops, x: ops.while_loop(
        lambda d: d["a"].sum() < 100, lambda d: ({"a": d["a"] * 2},), ({"a": x},)
    ),
    "scan": lambda t, ops, x: ops.scan(lambda c, x: (c + x, c * 1), t.tensor(0.0), x),
    "scan in reverse": lambda t, ops, x: ops.scan(
        lambda c, x: (c + x, c * 1), t.tensor(0.0), x, reverse=True
    ),
    "scan along another axis": lambda t, ops, x: ops.scan(
        lambda c, x: (c + x, c * 2), t.zeros(2), x.expand(2, 3), dim=1
    ),
    "scan of nests": lambda t, ops, x: ops.scan(
        lambda c, x: ({"s": c["s"] + x[0]}, x[1] * c["s"]), {"s": t.tensor(0.0)}, (x, x + 1)
    ),
    "map": lambda t, ops, x: ops.map(lambda r: r.cumsum(0) * 2, x.expand(2, 3)),
    "map with more": lambda t, ops, x: ops.map(lambda r, y: r + y, x.expand(2, 3), t.ones(1)),
    "cond": lambda t, ops, x: t.cond(x.sum() > 0, lambda x: x * 2, lambda x: x + 1, (x,)),
}


def plain(given):
    if isinstance(given, (list, tuple)):
        return [type(given).__name__, *map(plain, given)]
    if isinstance(given, dict):
        return {name: plain(one) for name, one in given.items()}
    return given.tolist() if hasattr(given, "tolist") else given


@pytest.mark.parametrize("name", sorted(USES))
def test_against_torch(name):
    torch = pytest.importorskip("torch")
    theirs = pytest.importorskip("torch._higher_order_ops")
    data = [1.0, 2.0, 4.0]
    try:
        expected = USES[name](torch, theirs, torch.tensor(data))
    except Exception as error:  # it needs what its compiler needs
        pytest.skip(f"torch cannot run it: {type(error).__name__}")
    assert plain(USES[name](rg, rg._higher_order_ops, rg.tensor(data))) == plain(expected)


@pytest.mark.parametrize("name", sorted(USES))
def test_compiled(name):
    def function(x):
        return USES[name](rg, rg._higher_order_ops, x)

    compiled = rg.compile(function)
    for number in range(4):
        x = rg.tensor([1.0, 2.0 + number, 4.0])
        assert plain(compiled(x)) == plain(function(x))
    assert not any(segment.eager for segment in compiled.segments())


def test_in_a_graph():
    with static.Graph():
        x = static.placeholder(rg.float32, (3,))
        found = [
            while_loop(lambda i, x: i < 3, lambda i, x: (i + 1, x * 2), (0, x)),
            scan(lambda c, x: (c + x, c * 1), rg.tensor(0.0), x),
            map_(lambda r, y: r + y, x, rg.tensor(1.0)),
        ]
    loop, scanned, mapped = static.Session().run(found, {x: [1.0, 2.0, 4.0]})
    assert plain(loop) == ["tuple", 3, [8.0, 16.0, 32.0]]
    assert plain(scanned) == ["tuple", 7.0, [0.0, 1.0, 3.0]]
    assert plain(mapped) == [2.0, 3.0, 5.0]


def test_gradients():
    x = rg.tensor([1.0, 2.0], requires_grad=True)
    (y,) = rg.while_loop(lambda x: x.sum() < 100, lambda x: (x * 2,), (x,))
    y.sum().backward()
    assert x.grad.tolist() == [64.0, 64.0]


def test_what_is_carried_is_a_tuple():
    with pytest.raises(RuntimeError, match="carried_inputs must be a tuple or list, got Tensor"):
        while_loop(lambda x: x < 3, lambda x: (x + 1,), rg.tensor(0))
