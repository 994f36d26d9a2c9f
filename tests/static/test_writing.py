"""What is drawn, and what is written in place, while a static graph is built."""

from __future__ import annotations

import pytest

import retrograd as rg
from retrograd import static


@pytest.fixture(autouse=True)
def fresh():
    yield
    static.reset_default_graph()


def runs(fetch, feeds, count=3):
    session = static.Session()
    return [session.run(fetch, feeds).tolist() for _ in range(count)]


@pytest.mark.parametrize(
    "noise",
    [
        lambda x: rg.rand(4),
        lambda x: 0.1 * rg.randn(2, 2).reshape(4) + 1,
        rg.randn_like,
        rg.bernoulli,
        lambda x: rg.nn.functional.dropout(x, 0.5) + rg.rand(4),
        lambda x: rg.randint(100, (4,)).float().cumsum(0),
        lambda x: rg.normal(x, 1.0),
        lambda x: rg.randperm(1000)[:4] * x,
        lambda x: rg.rand(2, 4).max(0).values,
    ],
)
def test_a_graph_draws_in_every_run(noise):
    x = static.placeholder(rg.float32, (4,))
    y = x * 2 + noise(x)
    seen = runs(y, {x: rg.full((4,), 0.5)})
    assert seen[0] != seen[1] != seen[2]


def test_one_draw_is_one_draw_in_a_run():
    x = static.placeholder(rg.float32, ())
    noise = rg.rand(3)
    half = noise / 2
    found = static.Session().run([x + noise, x - noise, half * x, half + x], {x: 1.0})
    assert rg.equal(found[0] + found[1], rg.full((3,), 2.0))
    assert rg.equal(found[2] + 1, found[3])


def test_a_drawn_tensor_is_an_ordinary_one_until_it_meets_the_graph():
    x = static.placeholder(rg.float32, (3,))
    y = x * 2
    data = rg.rand(3)
    assert data.tolist() == (data + 0).numpy().tolist()
    assert static.Session().run(y, {x: data}).tolist() == (data * 2).tolist()
    w = rg.nn.Parameter(rg.rand(3))
    v = rg.rand(3, requires_grad=True)
    model = rg.nn.Linear(3, 3)
    with static.Graph():
        x = static.placeholder(rg.float32, (3,))
        z = model(x * w + v)
    assert runs(z, {x: data}, 1)[0] == model(data * w + v).tolist()


def test_parameters_drawn_inside_stay():
    with static.Graph():
        x = static.placeholder(rg.float32, (2,))
        w = rg.nn.Parameter(rg.rand(2))
        model = rg.nn.Linear(2, 2)
        y = model(x * w)
        step = static.assign(w, w - static.gradients(y.sum(), w))
    first, second, third = runs(y, {x: [1.0, 2.0]})
    assert first == second == third
    assert runs([y, step][1], {x: [1.0, 2.0]}, 1)
    assert runs(y, {x: [1.0, 2.0]}, 1)[0] != first


def test_assigning_to_what_is_drawn_again_is_refused():
    with static.Graph():
        x = static.placeholder(rg.float32, (2,))
        w = rg.rand(2)
        with pytest.raises(RuntimeError, match="was drawn while the graph is built"):
            static.assign(w, w + x)


def test_draws_inside_of_a_loop_and_outside():
    with static.Graph():
        x = static.placeholder(rg.float32, ())
        once = rg.rand(())
        outside = static.while_loop(lambda i, t: i < 3, lambda i, t: (i + 1, t + once), (0, x))
        more = lambda i, t: (i + 1, t + rg.rand(()))  # noqa: E731
        inside = static.while_loop(lambda i, t: i < 3, more, (0, x))
        session = static.Session()
        for _ in range(2):
            (_, total), one, (_, other) = session.run([outside, once, inside], {x: 0.0})
            assert total == one + one + one
            assert other != total


@pytest.mark.parametrize(
    "function",
    [
        lambda x: (x * 1).add_(1).mul_(3),
        lambda x: rg.nn.functional.relu(x - 1, inplace=True),
        lambda x: rg.zeros(3).copy_(x) + rg.zeros(3).add_(x),
        lambda x: (x + 0).fill_(2.0) + (x + 0).zero_() + x,
        lambda x: (x + 0).masked_fill_(x > 1, 0.5).clamp_(min=0.7),
    ],
)
def test_writes_in_place(function):
    with static.Graph():
        x = static.placeholder(rg.float32, (3,))
        y = function(x)
        slope = static.gradients(y.sum(), x)
    values = rg.tensor([1.0, 2.0, 3.0], requires_grad=True)
    found = static.Session().run([y, slope], {x: values})
    result = function(values)
    (wanted,) = rg.autograd.grad(result.sum(), values)
    assert rg.equal(found[0], result.detach())
    assert rg.equal(found[1], wanted)


def test_writes_at_places():
    with static.Graph():
        x = static.placeholder(rg.float32, (3,))
        y = rg.ones(3)
        before = y + x
        y[0] = x[1]
        y[1:] = y[1:] * 4
        y[[0, 2]] = x[:2] * 10
        y[x > 2] = -1.0
    found = static.Session().run([before, y], {x: [1.0, 2.0, 3.0]})
    assert [one.tolist() for one in found] == [[2, 3, 4], [10, 4, -1]]


def test_writes_that_others_would_see_are_refused():
    buffer = rg.zeros(3)
    with static.Graph():
        x = static.placeholder(rg.float32, (3,))
        y = x * 2
        part, same = y[1:], y.detach()
        for write, why in (
            (lambda: x.add_(1), "it is a placeholder"),
            (lambda: part.add_(1), "shares memory"),
            (lambda: y.add_(1), "shares memory"),
            (lambda: buffer.add_(x), "static.assign"),
            (lambda: same.add_(1), "shares memory"),
            (lambda: static.scan(lambda c, v: (c.add_(v), v), x[0] * 1, x), "given to a function"),
        ):
            with pytest.raises(RuntimeError, match=f"written into in place.*{why}"):
                write()
    assert buffer.tolist() == [0, 0, 0]


def test_a_scalar_placeholder_is_an_index():
    with static.Graph():
        x = static.placeholder(rg.float32, (3, 2))
        i = static.placeholder(rg.int64, ())
        row = x[i]
        slope = static.gradients((row * row).sum(), x)
    session = static.Session()
    for place in (0, 2, -1):
        found, slopes = session.run([row, slope], {x: rg.arange(6.0).view(3, 2), i: place})
        assert found.tolist() == rg.arange(6.0).view(3, 2)[place].tolist()
        assert slopes[place].tolist() == (2 * found).tolist()


def test_branches_may_return_numbers():
    x = static.placeholder(rg.float32, ())
    y = static.cond(x > 0, lambda x: x, lambda x: 0.0, (x,))
    session = static.Session()
    assert [session.run(y, {x: v}).item() for v in (2.0, -2.0)] == [2, 0]
