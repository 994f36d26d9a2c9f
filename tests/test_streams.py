"""Draws: numbers which PyTorch drew (stored), bad settings, and what any draw must satisfy."""

import hashlib
import json
import math
import re
from pathlib import Path

import numpy as np
import pytest

from retrograd import streams
from retrograd.generator import Generator
from retrograd.streams.integers import _shuffle, _shuffle_by_sorting

GOLDEN = Path(__file__).parent / "data" / "random_golden.npz"
ARRAYS = dict(np.load(GOLDEN))
SEQUENCES = json.loads(str(ARRAYS["index"]))["sequences"]


def seeded():
    return Generator().manual_seed(0)


# Stored draws: tools/make_random_golden.py made them with PyTorch.


def test_every_draw_is_stored():
    stored = {draw["draw"] for sequence in SEQUENCES for draw in sequence["draws"]}
    assert stored == set(streams.__all__)


def sequence_name(sequence):
    draws = sequence["draws"]
    if len(draws) > 1:
        return f"mixed-{len(draws)}-seed-{sequence['seed']}"
    settings = draws[0]["settings"].values()
    plain = (str(value) for value in settings if not isinstance(value, dict))
    return f"{draws[0]['draw']}({', '.join(plain)})"


@pytest.mark.parametrize("sequence", SEQUENCES, ids=sequence_name)
def test_draws_are_the_stored_ones(sequence):
    generator = Generator().manual_seed(sequence["seed"])
    for draw in sequence["draws"]:
        settings = {
            key: ARRAYS[value["array"]] if isinstance(value, dict) else value
            for key, value in draw["settings"].items()
        }
        if isinstance(settings.get("shape"), list):
            settings["shape"] = tuple(settings["shape"])
        with np.errstate(all="raise", under="ignore"):
            result = getattr(streams, draw["draw"])(generator, **settings)
        if "digest" in draw:
            assert hashlib.sha256(result.tobytes()).hexdigest() == draw["digest"]
        else:
            expected = ARRAYS[draw["result"]]
            assert result.dtype == expected.dtype
            assert result.shape == expected.shape
            np.testing.assert_array_equal(result, expected)
            assert result.tobytes() == expected.tobytes()
    state = hashlib.sha256(generator.get_state_bytes()).hexdigest()
    assert state == sequence["state"]


# Bad settings


def f4(*numbers):
    return np.array(numbers, dtype=np.float32)


MISTAKES = [
    ("uniform", (2, np.float32, 1.0, 0.0), RuntimeError,
     "uniform_ expects to return a [from, to) range, but found from=1 > to=0"),
    ("uniform", (2, np.float32, 0.0, 1e39), RuntimeError, "to is out of bounds for float"),
    ("uniform", (2, np.float32, math.nan, 1.0), RuntimeError, "from is out of bounds for float"),
    ("uniform", (2, np.float16, 0.0, 7e4), RuntimeError, "to is out of bounds for c10::Half"),
    ("uniform", (2, np.float32, -3e38, 3e38), RuntimeError,
     "uniform_ expects to-from <= std::numeric_limits<Float>::max(), but found to=3e+38 and "
     "from=-3e+38 which result in to-from to exceed the limit"),
    ("uniform", (2, np.int32), NotImplementedError,
     "\"check_uniform_bounds\" not implemented for 'Int'"),
    ("normal", (2, np.float32, 0.0, -1.5), RuntimeError,
     "normal expects std >= 0.0, but found std -1.5"),
    ("normal", (2, np.float32, 0.0, math.nan), RuntimeError,
     "normal expects std >= 0.0, but found std nan"),
    ("normal", (2, np.int64), NotImplementedError,
     "\"normal_kernel_cpu\" not implemented for 'Long'"),
    ("normal_around", (f4(0, 0), -1.0), RuntimeError,
     "normal expects std >= 0.0, but found std -1"),
    ("normal_around", (f4(0, 0), f4(1, -1)), RuntimeError,
     "normal expects all elements of std >= 0.0"),
    ("normal_around", (f4(0, 0), np.ones(2, np.complex64)), RuntimeError,
     "normal expects standard deviation to be non-complex"),
    ("integers", (2, 5, 3), RuntimeError,
     "random_ expects 'from' to be less than 'to', but got from=5 >= to=3"),
    ("integers", (2, 0, 300, np.uint8), RuntimeError,
     "to - 1 is out of bounds for unsigned char"),
    ("integers", (2, -1, 3, np.uint8), RuntimeError, "from is out of bounds for unsigned char"),
    ("integers", (2, 0, 3, np.bool_), RuntimeError, "to - 1 is out of bounds for bool"),
    ("integers", (2, 0, 70000, np.float16), RuntimeError,
     "to - 1 is out of bounds for c10::Half"),
    ("integers", (2, 0, 2, np.complex64), RuntimeError,
     "check_random_bounds handles only integral, floating-point and boolean types"),
    ("random", (2, np.complex64), NotImplementedError,
     "\"random_kernel_cpu\" not implemented for 'ComplexFloat'"),
    ("random", (2, np.uint16), NotImplementedError,
     "\"random_kernel_cpu\" not implemented for 'UInt16'"),
    ("random", (2, np.int32, -(2**63)), RuntimeError,
     "random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16"),
    ("random", (2, np.float16, -(2**63)), NotImplementedError,
     "\"random_full_64_bits_range_kernel_cpu\" not implemented for 'Half'"),
    ("random", (2, np.float32, 2**53), RuntimeError,
     "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to "
     "dtype, but got from=9007199254740992 > to_inc=16777216"),
    ("permutation", (-1,), RuntimeError,
     "Trying to create tensor with negative dimension -1: [-1]"),
    ("permutation", (129, np.int8), RuntimeError,
     "value cannot be converted to type int8_t without overflow"),
    ("permutation", (3000, np.float16), RuntimeError,
     "n cannot be greater than 2049 for Half type."),
    ("permutation", (2, np.bool_), NotImplementedError, "\"randperm\" not implemented for 'Bool'"),
    ("bernoulli", (np.array([1, 0]),), NotImplementedError,
     "\"bernoulli_tensor_cpu_p_\" not implemented for 'Long'"),
    ("bernoulli", (f4(0.5, 1.5),), RuntimeError,
     "bernoulli expects every probability to be in [0, 1], but found 1.5"),
    ("bernoulli", (f4(0.5, math.nan),), RuntimeError,
     "bernoulli expects every probability to be in [0, 1], but found nan"),
    ("bernoulli_mask", (2, 1.5), RuntimeError,
     "bernoulli_ expects p to be in [0, 1], but got p=1.5"),
    ("bernoulli_mask", (2, math.nan), RuntimeError,
     "bernoulli_ expects p to be in [0, 1], but got p=nan"),
    ("exponential", (2, np.float32, 0.0), RuntimeError,
     "exponential_ expects lambda > 0.0, but found lambda=0"),
    ("exponential", (2, np.int32), RuntimeError,
     "Exponential distribution is a continuous probability distribution. dtype must be a floating "
     "point but you specified Int"),
    ("cauchy", (2, np.float32, 0.0, -1.0), RuntimeError,
     "cauchy_ expects sigma > 0.0, but found sigma=-1"),
    ("cauchy", (2, np.int32), RuntimeError,
     "Cauchy distribution is a continuous probability distribution. dtype must be a floating point "
     "but you specified int"),
    ("log_normal", (2, np.float32, 0.0, 0.0), RuntimeError,
     "log_normal_ expects std > 0.0, but found std=0"),
    ("log_normal", (2, np.int32), NotImplementedError,
     "\"log_normal_cpu\" not implemented for 'Int'"),
    ("geometric", (2, np.float32, 1.0), RuntimeError,
     "geometric_ expects p to be in (0, 1), but got p=1"),
    ("geometric", (2, np.bool_), NotImplementedError,
     "\"geometric_cpu\" not implemented for 'Bool'"),
    ("multinomial", (f4(-1, 2), 1), RuntimeError,
     "probability tensor contains either `inf`, `nan` or element < 0"),
    ("multinomial", (f4(1, math.nan), 1, True), RuntimeError,
     "probability tensor contains either `inf`, `nan` or element < 0"),
    ("multinomial", (f4(0, 0), 1), RuntimeError,
     "invalid multinomial distribution (sum of probabilities <= 0)"),
    ("multinomial", (f4(1, 0), 3), RuntimeError,
     "cannot sample n_sample > prob_dist.size(-1) samples without replacement"),
    ("multinomial", (f4(1, 0), 0), RuntimeError, "cannot sample n_sample <= 0 samples"),
    ("multinomial", (np.array([1, 0]), 1), RuntimeError,
     "multinomial only supports floating-point dtypes for input, got: Long"),
    ("multinomial", (np.ones((1, 2, 3)), 1), RuntimeError, "prob_dist must be 1 or 2 dim"),
    ("poisson", (f4(1, -1),), RuntimeError,
     "invalid Poisson rate, expected rate to be non-negative"),
    ("poisson", (np.array([1]),), NotImplementedError,
     "\"poisson_cpu\" not implemented for 'Long'"),
    ("binomial", (np.array([1]), f4(1)), ValueError,
     "binomial only supports floating-point dtypes for count, got: Long"),
    ("binomial", (f4(1), np.ones(1)), RuntimeError, "Found dtype Double but expected Float"),
    ("standard_gamma", (np.ones(1, np.float16),), NotImplementedError,
     "\"gamma_cpu\" not implemented for 'Half'"),
    ("standard_gamma", (f4(1, -1),), RuntimeError,
     "standard_gamma: every concentration must be at least 0, but the least is -1"),
    ("dirichlet", (np.ones((2, 2), np.float16),), NotImplementedError,
     "\"dirichlet\" not implemented for 'Half'"),
]  # fmt: skip


@pytest.mark.parametrize("draw, settings, error, message", MISTAKES)
def test_bad_settings(draw, settings, error, message):
    generator = seeded()
    with pytest.raises(error, match=f"^{re.escape(message)}$"):
        getattr(streams, draw)(generator, *settings)
    assert generator.get_state_bytes() == seeded().get_state_bytes()


def test_floating_integers_warn_beyond_their_digits():
    with pytest.warns(UserWarning, match=r"^to - 1 is out of bounds \[-\(2\^24\), 2\^24\]\. Due"):
        streams.integers(seeded(), 3, 0, 2**25, np.float32)


# What any draw must satisfy


def test_float16_rounding_up_to_the_upper_bound_gives_the_lower_one():
    numbers = streams.uniform(seeded(), 100_000, np.float16)
    assert (numbers < 1).all()
    singles = streams.uniform(seeded(), 100_000, np.float32)
    reached = singles.astype(np.float16) == 1
    assert reached.any()
    assert (numbers[reached] == 0).all()


def test_shapes():
    for shape in ((), (0,), 3, (3,), (2, 0, 3), (2, 3, 4)):
        expected = (shape,) if isinstance(shape, int) else shape
        assert streams.uniform(seeded(), shape).shape == expected
        assert streams.normal(seeded(), shape, np.complex64).shape == expected
        assert streams.integers(seeded(), shape, 0, 9).shape == expected
        assert streams.bernoulli_mask(seeded(), shape, 0.5).shape == expected
        assert streams.exponential(seeded(), shape).shape == expected
        assert streams.standard_gamma(seeded(), np.ones(shape)).shape == expected


def test_empty_draws_take_no_words():
    for draw in (
        lambda g: streams.uniform(g, 0),
        lambda g: streams.normal(g, (3, 0)),
        lambda g: streams.permutation(g, 1),
        lambda g: streams.integers(g, 0, 0, 5),
        lambda g: streams.multinomial(g, np.ones((0, 3)), 1),
        lambda g: streams.poisson(g, np.ones((0,))),
    ):
        generator = seeded()
        draw(generator)
        assert generator.get_state_bytes() == seeded().get_state_bytes()


@pytest.mark.parametrize("n", [2, 3, 4, 5, 10, 100, 1000])
def test_both_ways_of_shuffling_agree(n):
    for seed in range(200 if n < 100 else 20):
        words = Generator().manual_seed(seed).raw(n - 1)
        expected = _shuffle(n, words)
        assert np.array_equal(_shuffle_by_sorting(n, words), expected)
        assert np.array_equal(np.sort(expected), np.arange(n))


@pytest.mark.parametrize("word", [0, 2**32 - 1])
def test_both_ways_of_shuffling_agree_on_extreme_words(word):
    words = np.full(299, word, dtype=np.uint64)
    assert np.array_equal(_shuffle_by_sorting(300, words), _shuffle(300, words))


def test_truncated_normals_stay_inside():
    for low, high in ((-2.0, 2.0), (0.5, 0.6), (3.0, 9.0)):
        numbers = streams.truncated_normal(seeded(), 5000, np.float32, 0.0, 1.0, low, high)
        assert low <= numbers.min() < numbers.max() <= high


def test_wide_means_and_deviations_do_not_warn():
    with np.errstate(all="raise"):
        for size in (5, 40):
            for dtype in (np.float16, np.float32, np.float64):
                huge = streams.normal(seeded(), size, dtype, 1.0, float(np.finfo(dtype).max))
                assert np.isinf(huge).any()


def test_means_are_right():
    generator = seeded()
    rate = np.full(20_000, 3.5)
    drawn = {
        "poisson": (streams.poisson(generator, rate), 3.5, 3.5),
        "poisson by rejection": (streams.poisson(generator, 10 * rate), 35.0, 35.0),
        "gamma": (streams.standard_gamma(generator, rate), 3.5, 3.5),
        "small gamma": (streams.standard_gamma(generator, rate / 10), 0.35, 0.35),
        "binomial": (streams.binomial(generator, 2 * rate + 1, rate / 10), 2.8, 1.82),
        "binomial by rejection": (streams.binomial(generator, 20 * rate, rate / 5), 49.0, 14.7),
        "geometric": (streams.geometric(generator, 20_000, p=0.25), 4.0, 12.0),
        "exponential": (streams.exponential(generator, 20_000, rate=0.5), 2.0, 4.0),
    }
    for name, (numbers, mean, variance) in drawn.items():
        deviation = math.sqrt(variance / numbers.size)
        assert abs(numbers.mean(dtype=np.float64) - mean) < 5 * deviation, name
        assert abs(numbers.var(dtype=np.float64) / variance - 1) < 0.1, name
