"""Write tests/data/random_golden.npz and random_calls.json: numbers that PyTorch draws.

    python tools/make_random_golden.py            # write the files (needs PyTorch)
    python tools/make_random_golden.py --check    # compare them with PyTorch, write nothing

random_golden.npz is for the streams by themselves. It holds `index`, a JSON text, and arrays. The
index is a list of sequences, each with a seed, draws made one after the other, and the SHA-256 of
the generator's state after them. A draw has a name, its settings, and either the name of the
array with its result or, for long results, the SHA-256 of the bytes. Arrays among the settings are
written as ``{"array": name}``.

random_calls.json has, for every call of tests/random_calls.py, dtype, shape, strides, and the
first half of the SHA-256 of the numbers and of the default generator's state after it.
"""

import argparse
import hashlib
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import torch

TESTS = Path(__file__).resolve().parent.parent / "tests"
TARGET = TESTS / "data" / "random_golden.npz"
CALLS_TARGET = TESTS / "data" / "random_calls.json"
LONGEST = 64

REALS = ("float16", "float32", "float64")
INTEGERS = ("uint8", "int8", "int16", "int32", "int64")


# Each draw under the name and with the settings of retrograd.streams.


def empty(shape, dtype):
    return torch.empty(shape, dtype=getattr(torch, dtype))


def uniform(generator, shape, dtype, low=0.0, high=1.0):
    return empty(shape, dtype).uniform_(low, high, generator=generator)


def normal(generator, shape, dtype, mean=0.0, std=1.0):
    return empty(shape, dtype).normal_(mean, std, generator=generator)


def normal_around(generator, mean, std):
    return torch.normal(mean, std, generator=generator)


def truncated_normal(generator, shape, dtype, mean, std, low, high):
    target = empty(shape, dtype)
    return torch.nn.init.trunc_normal_(target, mean, std, low, high, generator=generator)


def integers(generator, shape, low, high, dtype):
    return empty(shape, dtype).random_(low, high, generator=generator)


def random(generator, shape, dtype, low=None):
    if low is None:
        return empty(shape, dtype).random_(generator=generator)
    return empty(shape, dtype).random_(low, None, generator=generator)


def permutation(generator, n, dtype):
    return torch.randperm(n, dtype=getattr(torch, dtype), generator=generator)


def bernoulli(generator, probability):
    return torch.bernoulli(probability, generator=generator).bool()


def bernoulli_mask(generator, shape, p):
    return empty(shape, "bool").bernoulli_(p, generator=generator)


def exponential(generator, shape, dtype, rate):
    return empty(shape, dtype).exponential_(rate, generator=generator)


def cauchy(generator, shape, dtype, median, sigma):
    return empty(shape, dtype).cauchy_(median, sigma, generator=generator)


def log_normal(generator, shape, dtype, mean, std):
    return empty(shape, dtype).log_normal_(mean, std, generator=generator)


def geometric(generator, shape, dtype, p):
    return empty(shape, dtype).geometric_(p, generator=generator)


def multinomial(generator, weights, count, replacement):
    return torch.multinomial(weights, count, replacement, generator=generator)


def poisson(generator, rate):
    return torch.poisson(rate, generator=generator)


def binomial(generator, count, probability):
    return torch.binomial(count, probability, generator=generator)


def standard_gamma(generator, concentration):
    return torch._standard_gamma(concentration, generator)


def dirichlet(generator, concentration):
    return torch._sample_dirichlet(concentration, generator)


DRAWS = {
    function.__name__: function
    for function in (
        uniform, normal, normal_around, truncated_normal, integers, random, permutation,
        bernoulli, bernoulli_mask, exponential, cauchy, log_normal, geometric, multinomial,
        poisson, binomial, standard_gamma, dirichlet,
    )
}  # fmt: skip


def sequences():
    """Yield (seed, draws): many of one draw, some of mixed ones."""
    for seed in (0, 1, 2**32 - 1, 2**40 + 3, -1):
        yield seed, [("uniform", {"shape": 8, "dtype": "float32"})]
    for seed, draw in enumerate(single_draws()):
        yield seed, [draw]
    yield from mixed_draws()


def single_draws():
    for dtype in (*REALS, "complex64", "complex128"):
        for bounds in ({}, {"low": -0.3, "high": 0.7}, {"low": 2.0, "high": 2.0}):
            yield "uniform", {"shape": [3, 5], "dtype": dtype, **bounds}
        for size in (0, 1, 7, 15, 16, 17, 31, 48, 1003, 40000):
            yield "normal", {"shape": size, "dtype": dtype}
            yield "normal", {"shape": size, "dtype": dtype, "mean": 1.5, "std": 0.3}
    for dtype in REALS:
        yield "uniform", {"shape": 50000, "dtype": dtype}
        yield from continuous_draws(dtype)
        yield "integers", {"shape": 9, "low": 0, "high": 2049, "dtype": dtype}
        yield "integers", {"shape": 9, "low": -7, "high": 8, "dtype": dtype}
        yield "random", {"shape": 9, "dtype": dtype}
    for dtype in INTEGERS:
        yield "integers", {"shape": 9, "low": 0, "high": 100, "dtype": dtype}
        yield "random", {"shape": 9, "dtype": dtype}
        yield "random", {"shape": 9, "dtype": dtype, "low": 5}
        yield "permutation", {"n": 100, "dtype": dtype}
        yield "geometric", {"shape": 9, "dtype": dtype, "p": 0.2}
    for dtype in ("bool", "uint16", "uint32", "uint64"):
        yield "integers", {"shape": 9, "low": 0, "high": 2, "dtype": dtype}
    yield "random", {"shape": 9, "dtype": "int64", "low": -(2**63)}
    for low, high in wide_ranges():
        yield "integers", {"shape": [3, 3], "low": low, "high": high, "dtype": "int64"}
    for n in (0, 1, 2, 249, 250, 10007, 200003):
        yield "permutation", {"n": n, "dtype": "int64"}
    for p in (0.0, 0.1, 0.5, 1.0):
        yield "bernoulli_mask", {"shape": [4, 10], "p": p}
    yield "bernoulli_mask", {"shape": 30000, "p": 0.3}
    yield from array_draws()


def continuous_draws(dtype):
    yield "exponential", {"shape": 20, "dtype": dtype, "rate": 1.5}
    yield "cauchy", {"shape": 20, "dtype": dtype, "median": -2.0, "sigma": 0.7}
    yield "log_normal", {"shape": 5, "dtype": dtype, "mean": 0.2, "std": 0.7}
    yield "log_normal", {"shape": 101, "dtype": dtype, "mean": 1.0, "std": 2.0}
    yield "geometric", {"shape": 20, "dtype": dtype, "p": 0.05}
    for low, high in ((-1.0, 2.0), (1.5, 3.0)):
        settings = {"mean": 0.0, "std": 1.0, "low": low, "high": high}
        yield "truncated_normal", {"shape": [5, 7], "dtype": dtype, **settings}


def wide_ranges():
    for exponent in (24, 28, 31, 32, 33, 62):
        for high in (2**exponent - 1, 2**exponent, 2**exponent + 1):
            yield 0, high
    yield -5, 7
    yield -(2**40), 2**50
    yield 0, 2**63 - 1
    yield -(2**63), 2**63 - 1


def array_draws():
    numbers = np.random.RandomState(0).random_sample
    for dtype in REALS:
        yield "bernoulli", {"probability": numbers((4, 6)).astype(dtype)}
        for shape, count in (((9,), 3), ((4, 9), 1), ((4, 9), 9)):
            weights = numbers(shape).astype(dtype)
            for replacement in (False, True):
                settings = {"count": count, "replacement": replacement}
                yield "multinomial", {"weights": weights, **settings}
    for dtype in ("float32", "float64"):
        mean, std = numbers((4, 5)).astype(dtype), numbers((1, 5)).astype(dtype)
        yield "normal_around", {"mean": mean, "std": std}
        yield "normal_around", {"mean": mean, "std": 0.5}
        yield "normal_around", {"mean": 2.5, "std": std}
        rate = np.concatenate((numbers(20) * 20, [0.0, 10.0, 1e4])).astype(dtype)
        yield "poisson", {"rate": rate}
        trials = np.floor(numbers(30) * 200).astype(dtype)
        probability = np.concatenate((numbers(28), [0.0, 1.0])).astype(dtype)
        yield "binomial", {"count": trials, "probability": probability}
        concentration = np.concatenate((numbers(20) * 4, [0.0, 1.0, 0.01, 50.0])).astype(dtype)
        yield "standard_gamma", {"concentration": concentration}
        for n in (2, 3, 7, 33):
            yield "dirichlet", {"concentration": (numbers((3, n)) * 3).astype(dtype)}


def mixed_draws():
    """A normal number left over by one draw is taken by a later one; others go between."""
    left_over = [
        ("normal", {"shape": 3, "dtype": "float32"}),
        ("uniform", {"shape": 2, "dtype": "float64"}),
        ("normal", {"shape": 16, "dtype": "float32"}),
        ("normal", {"shape": 4, "dtype": "float64", "mean": 1.0, "std": 2.0}),
        ("standard_gamma", {"concentration": np.full(5, 2.5)}),
        ("log_normal", {"shape": 2, "dtype": "float32", "mean": 0.0, "std": 1.0}),
        ("normal", {"shape": 1, "dtype": "float16"}),
    ]
    training = [
        ("uniform", {"shape": [16, 8], "dtype": "float32", "low": -0.25, "high": 0.25}),
        ("uniform", {"shape": 16, "dtype": "float32", "low": -0.25, "high": 0.25}),
        ("random", {"shape": [], "dtype": "int64"}),
        ("random", {"shape": [], "dtype": "int64"}),
        ("permutation", {"n": 50, "dtype": "int64"}),
        ("bernoulli_mask", {"shape": [4, 16], "p": 0.9}),
        ("normal", {"shape": [4, 9], "dtype": "float32"}),
        ("bernoulli", {"probability": np.full(6, 0.5, dtype=np.float32)}),
        ("integers", {"shape": 5, "low": 0, "high": 10, "dtype": "int64"}),
    ]
    words = [("uniform", {"shape": n, "dtype": "float32"}) for n in (623, 1, 1, 623, 16385, 5)]
    for seed in (3, 12345):
        yield seed, left_over
        yield seed, training
        yield seed, words


# Writing


def digest(data):
    return hashlib.sha256(data).hexdigest()


def draw_everything():
    """Return the arrays of the file: the index and what it refers to."""
    arrays = {}

    def keep(array):
        name = f"array{len(arrays)}"
        arrays[name] = array
        return name

    index = []
    for seed, draws in sequences():
        generator = torch.Generator().manual_seed(seed)
        written = []
        for name, settings in draws:
            plain = {}
            described = {}
            for key, value in settings.items():
                is_array = isinstance(value, np.ndarray)
                plain[key] = torch.from_numpy(value) if is_array else value
                described[key] = {"array": keep(value)} if is_array else value
            result = DRAWS[name](generator, **plain).numpy()
            entry = {"draw": name, "settings": described}
            if result.size <= LONGEST:
                entry["result"] = keep(result)
            else:
                entry["digest"] = digest(result.tobytes())
            written.append(entry)
        state = digest(generator.get_state().numpy().tobytes())
        index.append({"seed": seed, "draws": written, "state": state})
    generator = torch.Generator().manual_seed(2**40 + 3)
    torch.randn(5, generator=generator)
    arrays["state"] = generator.get_state().numpy()
    arrays["after_state"] = torch.randn(7, generator=generator).numpy()
    arrays["index"] = np.array(json.dumps({"torch": torch.__version__, "sequences": index}))
    return arrays


def call_everything():
    """Return what is stored of each call, by name."""
    calls = runpy.run_path(str(TESTS / "random_calls.py"))
    return {
        name: calls["summary"](torch, call) for name, call in calls["every_call"]().items()
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    check = parser.parse_args().check
    torch.set_num_threads(1)
    arrays, calls = draw_everything(), call_everything()
    if not check:
        TARGET.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(TARGET, **arrays)
        lines = [f"{json.dumps(name)}: {json.dumps(text)}" for name, text in calls.items()]
        CALLS_TARGET.write_text("{\n" + ",\n".join(lines) + "\n}\n")
        for target in (TARGET, CALLS_TARGET):
            print(f"wrote {target.name}: {target.stat().st_size} bytes")
        return 0
    with np.load(TARGET) as stored:
        different = sorted(set(stored.files) ^ set(arrays))
        for name in set(stored.files) & set(arrays):
            if stored[name].tobytes() != arrays[name].tobytes():
                different.append(name)
    known = json.loads(CALLS_TARGET.read_text())
    different += [name for name in {**known, **calls} if known.get(name) != calls.get(name)]
    if different:
        print(f"PyTorch {torch.__version__} draws other numbers in: {', '.join(different)}")
        return 1
    print(f"the files hold what PyTorch {torch.__version__} draws")
    return 0


if __name__ == "__main__":
    sys.exit(main())
