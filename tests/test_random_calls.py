"""Calls that draw random numbers give PyTorch's, bit for bit, whatever the tensor's layout.

The numbers are stored: `tools/make_random_golden.py` made them with PyTorch.
"""

import json
from pathlib import Path

import pytest

import retrograd as rt

from .random_calls import CALLS, FILLS, every_call, summary

STORED = json.loads((Path(__file__).parent / "data" / "random_calls.json").read_text())
EVERY = every_call()


def group(name):
    """Return the function that a call is of, for one test each."""
    return name.partition(",")[0] if name not in CALLS else "calls"


def test_every_call_is_stored():
    assert list(STORED) == list(EVERY)


@pytest.mark.parametrize("function", sorted({group(name) for name in EVERY}))
def test_numbers_are_the_stored_ones(function):
    names = [name for name in EVERY if group(name) == function]
    assert {n: summary(rt, EVERY[n]) for n in names} == {n: STORED[n] for n in names}


@pytest.mark.parametrize("name", FILLS)
def test_a_generator_of_ones_own(name):
    """The same numbers from a generator given, and the default one is left where it was."""
    shape, dtype = (7, 5), FILLS[name][1][0]
    method = name.partition(" ")[0]
    arguments = {
        "bernoulli_": (0.5,), "geometric_": (0.5,), "random_ below": (10,),
        "random_ between": (5, 9),
    }.get(name, ())  # fmt: skip
    rt.manual_seed(3)
    expected = getattr(rt.zeros(shape, dtype=getattr(rt, dtype)).t(), method)(*arguments)
    rt.manual_seed(8)
    before = rt.get_rng_state()
    own = rt.Generator().manual_seed(3)
    target = rt.zeros(shape, dtype=getattr(rt, dtype)).t()
    drawn = getattr(target, method)(*arguments, generator=own)
    assert drawn is target
    assert drawn.tolist() == expected.tolist()
    assert rt.equal(rt.get_rng_state(), before)


REFUSALS = {
    "dtype beside out": (
        lambda: rt.rand(3, out=rt.zeros(3), dtype=rt.float64), RuntimeError,
        r"dtype Double does not match dtype of out parameter \(Float\)",
    ),
    "out that requires grad": (
        lambda: rt.rand(3, out=rt.zeros(3, requires_grad=True)), RuntimeError,
        "don't support automatic differentiation",
    ),
    "no size": (lambda: rt.randint(3), TypeError, "invalid combination of arguments"),
    "bernoulli_ of complex": (
        lambda: rt.zeros(2, dtype=rt.complex64).bernoulli_(0.5), NotImplementedError,
        "\"bernoulli_scalar_cpu_\" not implemented for 'ComplexFloat'",
    ),
    "bernoulli_ of complex by tensor": (
        lambda: rt.zeros(2, dtype=rt.complex64).bernoulli_(rt.ones(2)), NotImplementedError,
        "\"bernoulli_tensor_cpu_self_\" not implemented for 'ComplexFloat'",
    ),
    "cauchy_ of complex": (
        lambda: rt.zeros(2, dtype=rt.complex64).cauchy_(), RuntimeError,
        "but you specified c10::complex<float>",
    ),
    "channels last of two axes": (
        lambda: rt.empty(2, 3, memory_format=rt.channels_last), RuntimeError,
        "required rank 4 tensor to use channels_last format",
    ),
    "preserved format of nothing": (
        lambda: rt.empty(2, memory_format=rt.preserve_format), RuntimeError,
        "unsupported memory format Preserve",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_refusals(name):
    call, kind, words = REFUSALS[name]
    with pytest.raises(kind, match=words):
        call()


def test_a_refused_write_takes_no_numbers():
    leaf = rt.zeros(3, requires_grad=True)
    rt.manual_seed(0)
    state = rt.get_rng_state()
    for method in ("uniform_", "normal_", "exponential_", "cauchy_", "log_normal_", "random_"):
        with pytest.raises(RuntimeError, match="leaf Variable"):
            getattr(leaf, method)()
    assert rt.equal(rt.get_rng_state(), state)
