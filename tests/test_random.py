"""Random tensors: PyTorch's numbers for the same seed, and its refusals."""

import numpy as np
import pytest

import retrograd as rg

CALLS = {
    "rand": lambda t: t.rand(2, 3),
    "rand of many": lambda t: t.rand(100),
    "rand as float64": lambda t: t.rand(5, dtype=t.float64),
    "rand of a size": lambda t: t.rand((2, 2)),
    "randn": lambda t: t.randn(7),
    "randn of many": lambda t: t.randn(40),
    "randn as float64": lambda t: t.randn(20, dtype=t.float64),
    "randint": lambda t: t.randint(10, (6,)),
    "randint between": lambda t: t.randint(-5, 5, (6,), dtype=t.int32),
    "randperm": lambda t: t.randperm(10),
    "rand_like": lambda t: t.rand_like(t.zeros(3)),
    "randn_like": lambda t: t.randn_like(t.zeros(2, 2, dtype=t.float64)),
    "randint_like": lambda t: t.randint_like(t.zeros(4), 7),
    "normal": lambda t: t.normal(1.0, 2.0, (5,)),
    "normal around": lambda t: t.normal(t.arange(5.0), t.ones(5)),
    "bernoulli": lambda t: t.bernoulli(t.full((8,), 0.3)),
    "bernoulli_": lambda t: t.zeros(8).bernoulli_(0.3),
    "multinomial": lambda t: t.multinomial(t.tensor([0.1, 0.2, 0.7]), 6, True),
    "multinomial without": lambda t: t.multinomial(t.tensor([0.1, 0.2, 0.7]), 2),
    "poisson": lambda t: t.poisson(t.full((5,), 3.0)),
    "uniform_": lambda t: t.zeros(5).uniform_(-1, 1),
    "normal_": lambda t: t.zeros(20).normal_(3, 2),
    "random_": lambda t: t.zeros(5, dtype=t.int64).random_(10),
    "exponential_": lambda t: t.zeros(5).exponential_(2.0),
    "cauchy_": lambda t: t.zeros(5).cauchy_(),
    "log_normal_": lambda t: t.zeros(5).log_normal_(),
    "geometric_": lambda t: t.zeros(5).geometric_(0.3),
}


@pytest.mark.parametrize("name", CALLS)
def test_numbers_are_torchs(name):
    torch = pytest.importorskip("torch")
    torch.manual_seed(7)
    rg.manual_seed(7)
    for _ in range(2):  # the second call starts where the first one left the stream
        ours, theirs = CALLS[name](rg), CALLS[name](torch)
        assert str(ours.dtype) == str(theirs.dtype)
        np.testing.assert_allclose(ours.numpy(), theirs.numpy(), rtol=3e-7, atol=1e-7)


def test_literal_numbers():
    rg.manual_seed(0)
    assert repr(rg.rand(2)) == "tensor([0.4963, 0.7682])"
    rg.manual_seed(0)
    assert repr(rg.randn(2)) == "tensor([ 1.5410, -0.2934])"
    rg.manual_seed(0)
    assert rg.randperm(5).tolist() == [4, 0, 1, 3, 2]


def test_a_generator_has_a_stream_of_its_own():
    rg.manual_seed(0)
    expected = rg.rand(2).tolist()
    rg.manual_seed(0)
    own = rg.Generator().manual_seed(5)
    rg.rand(3, generator=own)
    assert rg.rand(2).tolist() == expected


def test_the_state_can_be_kept():
    rg.manual_seed(3)
    state = rg.get_rng_state()
    first = rg.rand(3).tolist()
    rg.set_rng_state(state)
    assert rg.rand(3).tolist() == first
    assert state.dtype is rg.uint8
    assert rg.initial_seed() == 3


def test_draws_are_leaves_and_may_require_grad():
    assert rg.rand(2, requires_grad=True).requires_grad
    assert rg.rand(2).is_leaf


REFUSALS = [
    (lambda: rg.rand(2, -1), RuntimeError, "negative dimension"),
    (lambda: rg.zeros(2, requires_grad=True).uniform_(), RuntimeError, "leaf Variable"),
    (lambda: rg.randint(5, 5, (2,)), RuntimeError, "random_ expects 'from' to be less than 'to'"),
    (lambda: rg.rand(2, dtype=rg.int64), (RuntimeError, NotImplementedError), "not implemented"),
    (lambda: rg.bernoulli(rg.tensor([2.0])), RuntimeError, r"probability to be in \[0, 1\]"),
]


@pytest.mark.parametrize("number", range(len(REFUSALS)))
def test_bad_arguments_are_refused(number):
    run, kind, words = REFUSALS[number]
    with pytest.raises(kind, match=words):
        run()


VIEWS = {
    "turned": lambda b: b.reshape(4, 6).T,
    "permuted": lambda b: b.reshape(2, 3, 4).permute(2, 0, 1),
    "every other": lambda b: b.reshape(4, 6)[:, ::2],
    "every other, turned": lambda b: b.reshape(4, 6)[:, ::2].T,
}
FILLS = {
    "uniform_": (),
    "normal_": (),
    "exponential_": (),
    "bernoulli_": (0.4,),
    "random_": (100,),
    "log_normal_": (),
    "cauchy_": (),
    "geometric_": (0.5,),
}


@pytest.mark.parametrize("view", VIEWS)
@pytest.mark.parametrize("name", FILLS)
def test_views_are_filled_in_the_order_of_their_memory(name, view):
    torch = pytest.importorskip("torch")

    def filled(t):
        t.manual_seed(0)
        base = t.zeros(24)
        getattr(VIEWS[view](base), name)(*FILLS[name])
        return base, t.rand(1)

    for mine, other in zip(filled(rg), filled(torch)):
        np.testing.assert_allclose(mine.numpy(), other.numpy(), rtol=1e-6)
