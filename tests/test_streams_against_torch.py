"""Draws against the installed PyTorch: random settings, one after the other, bit for bit."""

import math
import runpy
import warnings
from pathlib import Path

import numpy as np
import pytest

from retrograd import streams
from retrograd.generator import Generator

torch = pytest.importorskip("torch")

# The tool which stores PyTorch's draws has each of them under its name in `streams`.
TOOL = Path(__file__).parent.parent / "tools" / "make_random_golden.py"
TORCH_DRAWS = runpy.run_path(str(TOOL))["DRAWS"]

REALS = ("float16", "float32", "float64")
COMPLEX = ("complex64", "complex128")
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")
SIZES = (0, 1, 2, 5, 15, 16, 17, 30, 32, 33, 100, 1000, 16384, 20001)


def compare(name, settings, ours, theirs):
    """Draw from both generators and compare the numbers' bits and the states."""
    result = getattr(streams, name)(ours, **settings)
    plain = {
        key: torch.from_numpy(value) if isinstance(value, np.ndarray) else value
        for key, value in settings.items()
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = TORCH_DRAWS[name](theirs, **plain).numpy()
    described = f"{name}({settings})"
    assert result.dtype == expected.dtype, described
    assert result.shape == expected.shape, described
    if result.tobytes() != expected.tobytes():
        np.testing.assert_array_equal(result, expected, err_msg=described)
        raise AssertionError(f"{described}: the signs of zeros differ")
    assert ours.get_state_bytes() == theirs.get_state().numpy().tobytes(), described


class Settings:
    """Random settings for each draw."""

    def __init__(self, seed):
        self.choices = np.random.RandomState(seed)

    def one_of(self, values):
        return values[self.choices.randint(len(values))]

    def number(self, low, high):
        return float(self.choices.uniform(low, high))

    def array(self, low, high, dtype, shape=None):
        shape = (self.choices.randint(1, 20),) if shape is None else shape
        return self.choices.uniform(low, high, shape).astype(dtype)

    def uniform(self):
        low = self.number(-3, 3)
        bounds = self.one_of(({}, {"low": low, "high": low + self.number(0, 5)}))
        return {"shape": self.one_of(SIZES), "dtype": self.one_of(REALS + COMPLEX), **bounds}

    def normal(self):
        moments = self.one_of(
            (
                {},
                {"mean": 0.0, "std": self.number(0, 3)},
                {"mean": self.number(-3, 3), "std": 1.0},
                {"mean": self.number(-3, 3), "std": self.number(0, 3)},
            )
        )
        return {"shape": self.one_of(SIZES), "dtype": self.one_of(REALS + COMPLEX), **moments}

    def normal_around(self):
        dtype = self.one_of(("float32", "float64"))
        shape = (self.choices.randint(1, 5), self.choices.randint(1, 9))
        mean, std = self.array(-2, 2, dtype, shape), self.array(0, 2, dtype, shape)
        return {
            "mean": self.one_of((mean, mean[:1], self.number(-2, 2))),
            "std": self.one_of((std, std.astype(np.float32))),
        }

    def truncated_normal(self):
        low = self.number(-3, 3)
        return {
            "shape": (self.choices.randint(1, 9), 10),
            "dtype": self.one_of(REALS),
            "mean": self.number(-1, 1),
            "std": self.number(0.5, 2),
            "low": low,
            "high": low + self.number(0.1, 3),
        }

    def integers(self):
        dtype = self.one_of(INTEGERS)
        limits = np.iinfo(dtype)
        bounds = [self.choices.randint(limits.min, int(limits.max) + 1, dtype=dtype) for _ in "12"]
        small = [self.choices.randint(0, 60), self.choices.randint(60, 120)]
        low, high = sorted(int(bound) for bound in self.one_of((bounds, small)))
        return {"shape": self.one_of(SIZES), "low": low, "high": high + 1 - (high == limits.max),
                "dtype": dtype}  # fmt: skip

    def random(self):
        low = self.one_of(({}, {"low": self.choices.randint(0, 100)}))
        return {"shape": self.one_of(SIZES), "dtype": self.one_of(REALS + INTEGERS), **low}

    def permutation(self):
        dtype = self.one_of(("float32", "int32", "int64"))
        return {"n": self.one_of((*SIZES, 249, 250, 251)), "dtype": dtype}

    def bernoulli(self):
        return {"probability": self.array(0, 1, self.one_of(REALS))}

    def bernoulli_mask(self):
        return {"shape": self.one_of(SIZES), "p": self.one_of((0.0, 0.5, 1.0, self.number(0, 1)))}

    def exponential(self):
        return {"shape": self.one_of(SIZES), "dtype": self.one_of(REALS),
                "rate": self.number(0.1, 5)}  # fmt: skip

    def cauchy(self):
        return {"shape": self.one_of(SIZES), "dtype": self.one_of(REALS),
                "median": self.number(-3, 3), "sigma": self.number(0.1, 3)}  # fmt: skip

    def log_normal(self):
        return {"shape": self.one_of(SIZES), "dtype": self.one_of(REALS),
                "mean": self.number(-1, 2), "std": self.number(0.1, 2)}  # fmt: skip

    def geometric(self):
        return {"shape": self.one_of(SIZES), "dtype": self.one_of(("int64", "int32", *REALS)),
                "p": self.number(0.05, 0.99)}  # fmt: skip

    def multinomial(self):
        rows = self.one_of(((), (1,), (7,)))
        weights = self.array(0.01, 1, self.one_of(REALS), (*rows, self.choices.randint(1, 30)))
        count = self.choices.randint(1, weights.shape[-1] + 1)
        replacement = self.one_of((True, False))
        if weights.dtype == np.float16:
            # Quotients of 16 bits may be equal, and PyTorch's partial sort leaves those in any
            # order; the largest alone is the first of them.
            count = count if replacement else 1
        return {"weights": weights, "count": count, "replacement": replacement}

    def poisson(self):
        return {"rate": self.array(0, self.one_of((1, 9, 30, 1000)), self.one_of(REALS))}

    def binomial(self):
        dtype = self.one_of(("float32", "float64"))
        probability = self.array(0, 1, dtype)
        trials = self.array(0, self.one_of((5, 50, 5000)), dtype, probability.shape)
        return {"count": np.floor(trials), "probability": probability}

    def standard_gamma(self):
        dtype = self.one_of(("float32", "float64"))
        return {"concentration": self.array(0, self.one_of((1, 5, 100)), dtype)}

    def dirichlet(self):
        dtype = self.one_of(("float32", "float64"))
        shape = (self.choices.randint(1, 4), self.choices.randint(1, 100))
        return {"concentration": self.array(0.01, 3, dtype, shape)}


def test_every_draw_has_settings():
    assert {name for name in streams.__all__ if hasattr(Settings, name)} == set(TORCH_DRAWS)
    assert set(streams.__all__) == set(TORCH_DRAWS)


@pytest.mark.parametrize("name", streams.__all__)
def test_one_draw(name):
    settings = Settings(len(name))
    for seed in range(25):
        compare(name, getattr(settings, name)(), Generator().manual_seed(seed), seeded(seed))


@pytest.mark.parametrize("seed", range(40))
def test_programs_of_draws(seed):
    settings = Settings(seed)
    ours, theirs = Generator().manual_seed(seed), seeded(seed)
    for _ in range(20):
        name = settings.one_of(streams.__all__)
        compare(name, getattr(settings, name)(), ours, theirs)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_million_normals(dtype):
    settings = {"shape": 1_000_003, "dtype": dtype}
    compare("normal", settings, Generator().manual_seed(1), seeded(1))
    compare("normal", {**settings, "mean": 0.1, "std": 2.3}, Generator().manual_seed(2), seeded(2))


def test_a_long_permutation():
    settings = {"n": 1_000_000, "dtype": "int64"}
    compare("permutation", settings, Generator().manual_seed(1), seeded(1))


# What PyTorch's own layers make of the draws


def test_the_first_weights_of_a_linear_layer():
    torch.manual_seed(5)
    layer = torch.nn.Linear(30, 7)
    ours = Generator().manual_seed(5)
    bound = 1 / math.sqrt(30)
    weight = streams.uniform(ours, (7, 30), np.float32, -bound, bound)
    assert np.array_equal(weight, layer.weight.detach().numpy())
    bias = streams.uniform(ours, 7, np.float32, -bound, bound)
    assert np.array_equal(bias, layer.bias.detach().numpy())


def test_dropout_keeps_what_the_mask_keeps():
    torch.manual_seed(5)
    kept = torch.nn.functional.dropout(torch.ones(50, 30), 0.3) != 0
    mask = streams.bernoulli_mask(Generator().manual_seed(5), (50, 30), 1 - 0.3)
    assert np.array_equal(mask, kept.numpy())


def test_the_order_of_a_data_loader():
    torch.manual_seed(5)
    loader = torch.utils.data.DataLoader(torch.arange(100), batch_size=100, shuffle=True)
    ours = Generator().manual_seed(5)
    for _ in range(3):
        (order,) = loader
        streams.random(ours, (), np.int64)  # the loader's base seed
        seed = int(streams.random(ours, (), np.int64))
        expected = streams.permutation(Generator().manual_seed(seed), 100)
        assert np.array_equal(order.numpy(), expected)
