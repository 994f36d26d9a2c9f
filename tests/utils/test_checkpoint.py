"""Recomputation: the same gradients, less kept, and PyTorch's words."""

import gc
import warnings
import weakref

import numpy as np
import pytest

import retrograd as rt
from retrograd.utils.checkpoint import checkpoint, checkpoint_sequential

BOTH = pytest.mark.parametrize("reentrant", [True, False])


def small_net(t):
    t.manual_seed(0)
    return t.nn.Sequential(
        t.nn.Linear(3, 8), t.nn.Tanh(), t.nn.Dropout(0.4), t.nn.Linear(8, 8), t.nn.GELU(),
        t.nn.Linear(8, 2),
    )  # fmt: skip


def gradients(t, call):
    """Return what a call of a net gives, the gradients, and the random numbers after it."""
    net = small_net(t)
    x = t.linspace(-1.0, 1.0, 12).reshape(4, 3).requires_grad_()
    t.manual_seed(5)
    y = call(net, x)
    (y * y).sum().backward()
    found = [y, x.grad, *[p.grad for p in net.parameters()], t.rand(2)]
    return [one.detach().numpy().copy() for one in found]


@BOTH
def test_gradients_are_those_without_it(reentrant):
    plain = gradients(rt, lambda net, x: net(x))
    for call in (
        lambda net, x: checkpoint(net, x, use_reentrant=reentrant),
        lambda net, x: checkpoint_sequential(net, 3, x, use_reentrant=reentrant),
        lambda net, x: checkpoint_sequential(list(net), 2, x, use_reentrant=reentrant),
        lambda net, x: net[3:](checkpoint(net[:3], x, use_reentrant=reentrant)),
    ):
        for one, two in zip(gradients(rt, call), plain, strict=True):
            np.testing.assert_array_equal(one, two)


@BOTH
def test_gradients_are_torchs(reentrant):
    torch = pytest.importorskip("torch")

    def through(t):
        def call(net, x):
            return t.utils.checkpoint.checkpoint(net, x, use_reentrant=reentrant)

        return gradients(t, call)

    ours, theirs = through(rt), through(torch)
    for one, two in zip(ours, theirs, strict=True):
        np.testing.assert_allclose(one, two, rtol=2e-6, atol=1e-7)


@BOTH
def test_random_numbers_are_those_of_the_first_run(reentrant):
    x = rt.ones(1000, requires_grad=True)
    rt.manual_seed(0)
    settings = {"use_reentrant": reentrant}
    y = checkpoint(lambda x: rt.nn.functional.dropout(x * x, 0.5), x, **settings)
    state = rt.get_rng_state()
    y.sum().backward()
    assert rt.equal(x.grad, 2 * y.detach())
    assert rt.equal(rt.get_rng_state(), state)
    x.grad = None
    y = checkpoint(
        lambda x: rt.nn.functional.dropout(x * x, 0.5), x, preserve_rng_state=False, **settings
    )
    y.sum().backward()
    assert not rt.equal(x.grad, 2 * y.detach())


def intermediates_alive(call):
    """Return how many arrays that a function computes in between are alive after it."""
    held = []

    def function(x):
        for _ in range(5):
            x = x.sin()
            held.append(weakref.ref(x.array))
        return x * 1

    x = rt.ones(10, requires_grad=True)
    y = call(function, x)
    gc.collect()
    return sum(one() is not None for one in held), y, x


@BOTH
def test_what_is_computed_in_between_is_freed(reentrant):
    alive, kept, _ = intermediates_alive(lambda f, x: f(x))
    assert alive == 4
    alive, y, x = intermediates_alive(
        lambda f, x: checkpoint(f, x, use_reentrant=reentrant)
    )
    assert alive == 0
    y.sum().backward()
    assert x.grad is not None
    assert kept is not y


def test_nested_checkpoints_keep_no_inputs_of_the_inner_one():
    held = []

    def inner(x):
        return x.sin().exp()

    def outer(x):
        for _ in range(3):
            x = x.cos()
            held.append(weakref.ref(x.array))
            x = checkpoint(inner, x, use_reentrant=False)
        return x * 1

    def plain(x):
        for _ in range(3):
            x = inner(x.cos())
        return x * 1

    x = rt.linspace(0.0, 1.0, 5).requires_grad_()
    y = checkpoint(outer, x, use_reentrant=False)
    gc.collect()
    assert [one() for one in held] == [None] * 3
    y.sum().backward()
    other = x.detach().clone().requires_grad_()
    plain(other).sum().backward()
    assert rt.equal(x.grad, other.grad)


def test_nested_tuples_and_keywords():
    def function(pair, factor=1, *, others=()):
        return {"sum": pair[0] * pair[1][0] * factor + others[0]}

    x, y, z = (rt.full((2,), value, requires_grad=True) for value in (2.0, 3.0, 4.0))
    found = checkpoint(function, (x, [y]), factor=5, others=[z], use_reentrant=False)
    found["sum"].sum().backward()
    assert [t.grad.tolist() for t in (x, y, z)] == [[15.0] * 2, [10.0] * 2, [1.0] * 2]


def test_several_results_and_other_arguments():
    x = rt.ones(3, requires_grad=True)

    def function(x, text, nothing):
        assert text == "text"
        return x * 2, text, nothing, x.exp()

    doubled, text, nothing, raised = checkpoint(function, x, "text", None, use_reentrant=True)
    assert (text, nothing) == ("text", None)
    (doubled.sum() + raised.sum()).backward()
    np.testing.assert_allclose(x.grad.numpy(), 2 + np.exp(np.ones(3)), rtol=1e-6)


def test_second_derivatives():
    x = rt.tensor([0.3, 0.7], dtype=rt.float64, requires_grad=True)
    y = checkpoint(lambda x: x.sin().exp(), x, use_reentrant=False)
    (first,) = rt.autograd.grad(y.sum(), x, create_graph=True)
    (second,) = rt.autograd.grad(first.sum(), x)
    sin, cos = np.sin(x.detach().numpy()), np.cos(x.detach().numpy())
    np.testing.assert_allclose(second.numpy(), np.exp(sin) * (cos * cos - sin), rtol=1e-12)


def test_a_graph_that_is_kept_is_computed_once_more_for_each_backward():
    runs = []
    x = rt.ones(2, requires_grad=True)
    y = checkpoint(lambda x: (runs.append(1), x.exp().sin())[1], x, use_reentrant=False).sum()
    y.backward(retain_graph=True)
    y.backward(retain_graph=True)
    y.backward()
    assert len(runs) == 4
    np.testing.assert_allclose(x.grad.numpy(), 3 * np.exp(1) * np.cos(np.exp(np.ones(2))), 1e-6)


@pytest.mark.parametrize("early", [True, False])
def test_the_second_run_ends_early(early):
    steps = []

    def function(x):
        y = x.exp()
        steps.append("exp")
        z = y * 2
        steps.append("end")
        return z

    x = rt.ones(2, requires_grad=True)
    y = checkpoint(function, x, use_reentrant=False, early_stop=early)
    y.sum().backward()
    with rt.utils.checkpoint.set_checkpoint_early_stop(not early):
        y = checkpoint(function, x, use_reentrant=False, early_stop=early)
    y.sum().backward()
    assert steps.count("end") == 3


def test_contexts_of_both_runs():
    entered = []

    class Note:
        def __init__(self, name):
            self.name = name

        def __enter__(self):
            entered.append(self.name)

        def __exit__(self, *error):
            pass

    x = rt.ones(2, requires_grad=True)
    y = checkpoint(
        lambda x: x.exp(), x, use_reentrant=False, context_fn=lambda: (Note("one"), Note("two"))
    )
    y.sum().backward()
    assert entered == ["one", "two"]


def test_without_gradients_nothing_is_recorded():
    x = rt.ones(2, requires_grad=True)
    with rt.no_grad():
        for reentrant in (True, False):
            assert not checkpoint(rt.exp, x, use_reentrant=reentrant).requires_grad
    assert checkpoint(rt.exp, x, use_reentrant=True).grad_fn.name() == "CheckpointFunctionBackward"
    assert checkpoint(rt.exp, x, use_reentrant=False).grad_fn.name() == "ExpBackward0"


def changing(t, *functions):
    """Return a function that does something else each time."""
    waiting = list(functions)
    return lambda x: waiting.pop(0)(x)


COMPLAINTS = {
    "no choice": lambda t, c, x: c.checkpoint(t.exp, x),
    "no choice of segments": lambda t, c, x: c.checkpoint_sequential([t.exp, t.sin], 2, x),
    "no input with gradient": lambda t, c, x: c.checkpoint(t.exp, t.ones(2), use_reentrant=True),
    "keyword": lambda t, c, x: c.checkpoint(t.exp, x, use_reentrant=True, a=1),
    "keyword of segments": lambda t, c, x: c.checkpoint_sequential(
        [t.exp], 1, x, use_reentrant=False, a=1
    ),
    "many segments": lambda t, c, x: c.checkpoint_sequential([t.exp], 2, x, use_reentrant=False),
    "context": lambda t, c, x: c.checkpoint(t.exp, x, use_reentrant=True, context_fn=tuple),
    "debug": lambda t, c, x: c.checkpoint(t.exp, x, use_reentrant=True, debug=True),
    "check": lambda t, c, x: c.checkpoint(t.exp, x, use_reentrant=False, determinism_check="x"),
    "grad": lambda t, c, x: t.autograd.grad(c.checkpoint(t.exp, x, use_reentrant=True).sum(), x),
    "inputs": lambda t, c, x: c.checkpoint(t.exp, x, use_reentrant=True).sum().backward(inputs=[x]),
    "no output with gradient": lambda t, c, x: c.checkpoint(
        lambda x: x.detach(), x, use_reentrant=True
    ).sum().backward(),
    "fewer values": lambda t, c, x: c.checkpoint(
        changing(t, lambda x: x.sin().exp(), t.sin), x, use_reentrant=False
    ).sum().backward(),
    "other shapes": lambda t, c, x: c.checkpoint(
        changing(t, lambda x: x.sin().sum(), lambda x: t.cat([x, x]).sin().sum()),
        x, use_reentrant=False,
    ).backward(),
}  # fmt: skip


@pytest.mark.parametrize("name", COMPLAINTS)
def test_complaints_are_torchs(name):
    torch = pytest.importorskip("torch")
    said = []
    for t in (rt, torch):
        module = t.utils.checkpoint
        x = t.ones(2, requires_grad=True)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                COMPLAINTS[name](t, module, x)
            except Exception as error:
                text = str(error).partition("\n.\n")[0].partition("\n\nTip")[0].rstrip("\n.")
                said.append((type(error).__name__, text))
        said.append([(type(one.message).__name__, str(one.message)) for one in caught])
    half = len(said) // 2
    assert said[:half] == said[half:]
    assert said[0]
