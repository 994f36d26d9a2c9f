"""Graphs that are built first and run later."""

from __future__ import annotations

import copy
import gc
import io
import pickle
import threading
import weakref

import numpy as np
import pytest

import retrograd as rg
from retrograd import nn, static
from retrograd.nn import functional as F


@pytest.fixture(autouse=True)
def _fresh():
    static.reset_default_graph()
    yield
    static.reset_default_graph()


def same(one, other):
    np.testing.assert_array_equal(one.detach().numpy(), other.detach().numpy())


def test_define_then_run():
    x = static.placeholder(rg.float32)
    y = x * 2
    found = static.Session().run(y, {x: 3})
    assert (found.item(), found.dtype, found.requires_grad) == (6.0, rg.float32, False)


def test_forms_of_fetches():
    x = static.placeholder(rg.float32, (2,), name="x")
    y = (x + 1) * x
    with static.Session() as session:
        feeds = {x: np.float32([1, 2])}
        found = session.run({"y": y, "both": [x, (y, None)]}, feeds)
        assert found["y"].tolist() == [2, 6]
        assert found["both"][0].tolist() == [1, 2]
        assert found["both"][1][0].tolist() == [2, 6]
        assert found["both"][1][1] is None
        assert session.run(y, {y: [5.0, 5.0]}).tolist() == [5, 5]
        assert session.run(y.sum(), {y: [5.0, 5.0]}).item() == 10
        views = session.run([x.flip(0), y[0], x.reshape(2, 1), y.detach()], feeds)
        assert [one.tolist() for one in views] == [[2, 1], 2, [[1], [2]], [2, 6]]
        outside = rg.ones(1)
        assert session.run([outside, y], feeds)[0] is outside
        assert "def segment" in session.source


def test_only_what_is_needed_runs():
    x = static.placeholder(rg.float32, (2, 2), name="x")
    other = static.placeholder(rg.float32, (2,), name="other")
    inverse, total = rg.linalg.inv(x), x.sum()
    session = static.Session()
    assert session.run(total, {x: np.zeros((2, 2))}).item() == 0
    with pytest.raises(RuntimeError, match="singular"):
        session.run(inverse, {x: np.zeros((2, 2))})
    assert session.run(inverse, {x: np.eye(2) * 2, other: [1.0, 1.0]}).tolist()[0][0] == 0.5


def test_printed_graph():
    with static.Graph() as graph:
        x = static.placeholder(rg.float32, (3,), name="x")
        y = F.relu(x * 2 + rg.ones(3))
    assert str(graph).splitlines() == [
        "x: float32[3] = placeholder()",
        "mul: float32[3] = mul(x, 2)",
        "add: float32[3] = add(mul, <Tensor float32[3]>)",
        "relu: float32[3] = relu(add)",
    ]
    assert [node.name for node in graph] == ["placeholder", "mul", "add", "relu"]
    assert len(graph) == 4
    assert repr(y) == "<static relu: float32[3]>"
    assert f"{y}" == "<static relu: float32[3]>"


def test_tensors_from_outside_are_seen_as_they_are():
    w = nn.Parameter(rg.tensor([1.0, 2.0]))
    scale = rg.tensor(1.0)
    x = static.placeholder(rg.float32, (2,))
    loss = (w * x).sum() * scale + (w**2).sum()
    slope = static.gradients(loss, w)
    session = static.Session()
    feeds = {x: [1.0, 1.0]}
    for factor in (1.0, 3.0):
        with rg.no_grad():
            w.mul_(factor)
            scale.fill_(factor)
        found, d = session.run([loss, slope], feeds)
        want = (w * rg.ones(2)).sum() * scale + (w**2).sum()
        same(found, want)
        same(d, rg.autograd.grad(want, w)[0])
    w.data = rg.ones(2) * 7
    same(session.run(loss, feeds), rg.tensor(14 * scale.item() + 98))


def test_what_was_computed_before_the_graph_is_refused():
    w = nn.Parameter(rg.ones(2))
    before = w * 2
    x = static.placeholder(rg.float32, (2,))
    with pytest.raises(RuntimeError, match="outside of the"):
        x + before
    assert static.Session().run(x + before.detach(), {x: [1.0, 2.0]}).tolist() == [3, 4]


def test_gradients_of_every_order():
    a = rg.tensor([0.1, 0.5, 2.0], dtype=rg.float64, requires_grad=True)
    want = [(a.sin() * a).sum()]
    for _ in range(3):
        want.append(rg.autograd.grad(want[-1].sum(), a, create_graph=True)[0])
    x = static.placeholder(rg.float64, (3,), name="x")
    y = (x.sin() * x).sum()
    first = static.gradients(y, x)
    second = static.gradients(first, x)
    third = static.gradients([second], [x])[0]
    session = static.Session()
    for _ in range(3):
        for one, other in zip(session.run([y, first, second, third], {x: a}), want, strict=True):
            same(one, other)
    same(session.run(first, {x: a}), want[1])


def test_gradients_of_parts():
    x = static.placeholder(rg.float64, (2,))
    z = static.placeholder(rg.float64, (2,))
    index = static.placeholder(rg.int64, (1,))
    middle = x * x
    y = (middle * z)[index]
    outside = rg.ones(2, requires_grad=True)
    dm, dx, none, nothing = static.gradients(y, [middle, x, rg.ones(1).requires_grad_(), outside])
    assert none is None
    assert nothing is None
    seeded = static.gradients([middle, y], x, [rg.ones(2, dtype=rg.float64) * 10, None])
    zero = static.gradients(y.detach() + 0 * y, x)
    found = static.Session().run(
        [dm, dx, seeded, zero], {x: [1.0, 2.0], z: [3.0, 4.0], index: [1]}
    )
    assert [one.tolist() for one in found] == [[0, 4], [0, 16], [20, 56], [0, 0]]


def test_training_equals_eager():
    def net():
        rg.manual_seed(0)
        return nn.Sequential(nn.Linear(4, 8), nn.Tanh(), nn.LayerNorm(8), nn.Linear(8, 3))

    data = rg.randn(5, 6, 4, generator=rg.Generator().manual_seed(1))
    target = rg.tensor([0, 1, 2, 0, 1, 2])

    eager = net()
    optimizer = rg.optim.SGD(eager.parameters(), lr=0.1)
    for batch in data:
        optimizer.zero_grad()
        F.cross_entropy(eager(batch), target).backward()
        optimizer.step()

    model = net()
    weights = list(model.parameters())
    x = static.placeholder(rg.float32, (6, 4))
    t = static.placeholder(rg.int64, (6,))
    loss = F.cross_entropy(model(x), t)
    slopes = static.gradients(loss, weights)
    session = static.Session()
    optimizer = rg.optim.SGD(weights, lr=0.1)
    for batch in data:
        for w, g in zip(weights, session.run(slopes, {x: batch, t: target}), strict=True):
            w.grad = g
        optimizer.step()
    for one, other in zip(weights, eager.parameters(), strict=True):
        same(one, other)


def test_assign():
    w = nn.Parameter(rg.tensor([1.0, 2.0]))
    x = static.placeholder(rg.float32, (2,))
    loss = ((w - x) ** 2).sum()
    step = static.assign(w, w - 0.5 * static.gradients(loss, w))
    session = static.Session()
    assert session.run([loss, step], {x: [4.0, 4.0]})[1].tolist() == [4, 4]
    assert w.tolist() == [4, 4]
    for target in (0.0, 1.0):
        found = session.run(step, {x: [target, target]})
        assert found.tolist() == w.tolist() == [target, target]
    with pytest.raises(ValueError, match=r"does not fit a tensor of shape \[2\]"):
        static.assign(w, loss)
    with pytest.raises(TypeError, match="from outside"):
        static.assign(x, x)


def test_draws_are_repeated():
    x = static.placeholder(rg.float32, (100,))
    y = F.dropout(x, 0.5)
    session = static.Session()
    rg.manual_seed(3)
    found = [session.run(y, {x: np.ones(100)}) for _ in range(3)]
    rg.manual_seed(3)
    for one in found:
        same(one, F.dropout(rg.ones(100), 0.5))


def test_functions_of_users():
    class Double(rg.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

        @staticmethod
        def backward(ctx, g):
            return g * 100

    x = static.placeholder(rg.float32, (2,))
    y = Double.apply(x + 1)
    found = static.Session().run([y, static.gradients(y, x)], {x: [1.0, 2.0]})
    assert [one.tolist() for one in found] == [[4, 6], [100, 100]]


def test_no_grad_stays():
    x = static.placeholder(rg.float64, (2,))
    with rg.no_grad():
        scale = x * 3
    slope = static.gradients((x * scale).sum(), x)
    assert static.Session().run(slope, {x: [1.0, 2.0]}).tolist() == [3, 6]


def test_values_are_not_seen():
    x = static.placeholder(rg.float32, (), name="x")
    for look in (bool, float, int, lambda x: x.item(), lambda x: x.tolist(), np.asarray,
                 lambda x: range(3)[x.long()]):  # fmt: skip
        with pytest.raises(RuntimeError, match="no values before"):
            look(x + 1)
    y = static.placeholder(rg.float32, (3,), name="y")
    with pytest.raises(RuntimeError, match="shapes are fixed"):
        y.nonzero()
    with pytest.raises(RuntimeError, match="shapes are fixed"):
        y[y > 0]
    with pytest.raises(RuntimeError, match="shapes are fixed"):
        y.masked_select(y > 0)
    with pytest.raises(RuntimeError, match=r"written into in place"):
        y.add_(1)
    with pytest.raises(RuntimeError, match=r"written into in place"):
        y[0] = 3
    static.reset_default_graph()
    with pytest.raises(RuntimeError, match="no values"):
        y + 1


def test_feeds_that_do_not_fit():
    x = static.placeholder(rg.float32, (3,), name="x")
    n = static.placeholder(rg.int64, (), name="n")
    y = x * n
    session = static.Session()
    with pytest.raises(RuntimeError, match=r"mul needs the placeholder n: int64\[\], which feed_d"):
        session.run(y, {x: np.ones(3)})
    with pytest.raises(ValueError, match=r"x: float32\[3\] is fed shape \[4\], and its shape is"):
        session.run(y, {x: np.ones(4), n: 1})
    with pytest.raises(TypeError, match=r"n: int64\[\] is fed float64, which would lose"):
        session.run(y, {x: np.ones(3), n: 1.5})
    with pytest.raises(TypeError, match="has no values"):
        session.run(y, {x: y, n: 1})
    with pytest.raises(TypeError, match="no tensor of a static graph: 'x'"):
        session.run(y, {"x": 1})
    with pytest.raises(TypeError, match="cannot fetch 'y'"):
        session.run("y")
    assert session.run(y, {x: [1, 2, 3], n: rg.tensor(2)}).tolist() == [2, 4, 6]


def test_sizes_are_fixed():
    for shape in ((None, 3), (-1,), None, (2.0,)):
        with pytest.raises(ValueError, match="fixed"):
            static.placeholder(rg.float32, shape)


def test_graphs_do_not_mix():
    with static.Graph():
        x = static.placeholder(rg.float32, (2,))
    with static.Graph() as other, pytest.raises(RuntimeError, match="another static graph"):
        x + 1
    assert len(other) == 0
    with pytest.raises(RuntimeError, match="no static graph is being built"):
        static.gradients(x, x)


def test_ordinary_work_goes_on():
    x = static.placeholder(rg.float32, (2,))
    y = x * 2
    session = static.Session()
    session.run(y, {x: [1.0, 2.0]})
    w = rg.ones(2, requires_grad=True)
    (w * 3).sum().backward()
    assert w.grad.tolist() == [3, 3]
    assert len(static.get_default_graph()) == 2
    assert session.run(y + 1, {x: [1.0, 2.0]}).tolist() == [3, 5]
    compiled = rg.compile(lambda x: x * 2)
    compiled(w)
    assert "def segment" in compiled.source
    assert session.run(compiled(y), {x: [1.0, 2.0]}).tolist() == [4, 8]
    static.reset_default_graph()
    compiled = rg.compile(lambda x: x * 2)
    compiled(w)
    assert "def segment" in compiled.source


def test_a_raised_error_leaves_the_graph_usable():
    with static.Graph() as graph:
        x = static.placeholder(rg.float32, (2,), name="x")
        with pytest.raises(RuntimeError):
            x @ rg.ones(3)
        y = x + 1
    assert [node.name for node in graph] == ["placeholder", "add"]
    assert static.Session().run(y, {x: [0.0, 1.0]}).tolist() == [1, 2]


def test_threads_have_graphs_of_their_own():
    x = static.placeholder(rg.float32, (2,))
    y = x * 2
    found = {}

    def work():
        found["plain"] = (rg.ones(2) * 3).tolist()
        found["run"] = static.Session().run(y, {x: [1.0, 2.0]}).tolist()
        try:
            y + 1
        except RuntimeError as error:
            found["error"] = str(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found["plain"] == [3, 3]
    assert found["run"] == [2, 4]
    assert "no values" in found["error"]


def test_a_graph_is_freed():
    with static.Graph() as graph:
        x = static.placeholder(rg.float32, (2,))
        y = x * 2
    static.Session().run(y, {x: [1.0, 2.0]})
    gone = weakref.ref(graph)
    del graph, x, y
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(
    "take",
    [np.asarray, lambda y: np.array(y, dtype=np.float64), rg.tensor, copy.deepcopy, pickle.dumps,
     lambda y: rg.save(y, io.BytesIO()), rg.from_dlpack],
    ids=["asarray", "array", "tensor", "deepcopy", "pickle", "save", "dlpack"],
)  # fmt: skip
def test_nobody_gets_the_numbers_of_the_example(take):
    with static.Graph():
        y = static.placeholder(rg.float32, (2,)) * 2
        with pytest.raises(RuntimeError, match="no values before"):
            take(y)
    with pytest.raises(RuntimeError, match="no values before"):
        take(y)
