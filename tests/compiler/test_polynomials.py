"""The polynomials that kernels compute functions by, against higher precision."""

from __future__ import annotations

import numpy as np
import pytest

from retrograd.compiler import polynomials

numba = pytest.importorskip("numba")

WIDTHS = (32, 64)
BOUND = 2  # units in the last place, as the docstring says


@pytest.fixture(scope="module")
def functions():
    """Return each function as a loop over an array, by name and width."""
    found = {}
    for width in WIDTHS:
        names = {"np": np}
        names["inlined"] = numba.njit(
            fastmath={"contract"}, forceinline=True, error_model="numpy"
        )
        exec(polynomials.source(set(polynomials.NAMES), width), names)
        for name in polynomials.NAMES:
            given = "x[i], y[i]" if name == "logaddexp" else "x[i]"
            text = (
                "def loop(x, y, out):\n"
                "    for i in range(x.size):\n"
                f"        out[i] = {name}{width}({given})\n"
            )
            exec(text, names)
            found[name, width] = numba.njit(error_model="numpy")(names["loop"])
    return found


def computed(functions, name, x, y=None):
    out = np.empty_like(x)
    functions[name, 8 * x.itemsize](x, x if y is None else y, out)
    return out


def samples(name, dtype):
    """Return numbers from wherever a function is not trivial, denormal ones among them."""
    rng = np.random.default_rng(0)
    single = dtype == np.float32
    count = 20_000
    least, most = (-44, 38) if single else (-320, 307)
    near = rng.normal(size=count)
    if name == "decay":
        return -np.abs(samples("exp", dtype))
    logarithmic = 10.0 ** rng.uniform(least, 1, count) * rng.choice([-1, 1], count)
    if name in ("exp", "expm1"):
        parts = [rng.uniform(*((-105, 89) if single else (-746, 710)), count), near]
    elif name in ("tanh", "erf"):
        parts = [near * 3, rng.uniform(-1.3, 1.3, count), logarithmic]
    elif name == "log":
        parts = [10.0 ** rng.uniform(least, most, count), rng.uniform(0.5, 2, count)]
    elif name == "log1p":
        parts = [10.0 ** rng.uniform(least, most, count), rng.uniform(-1, 2, count), near * 0.01]
        parts[-1] = np.maximum(parts[-1], -0.9)
    else:
        far = polynomials.FAR[32 if single else 64]
        multiples = np.round(rng.uniform(-1e4, 1e4, count)) * np.pi / 2
        parts = [rng.uniform(-10, 10, count), rng.uniform(-far, far, count), multiples, logarithmic]
    return np.concatenate(parts).astype(dtype)


def exact(name, x):
    """Return a function in a wider type, or by mpmath where there is none."""
    name = "exp" if name == "decay" else name
    if x.dtype == np.float32 and name != "erf":
        return getattr(np, name)(x.astype(np.float64))
    if x.dtype == np.float32:
        special = pytest.importorskip("scipy.special")
        return special.erf(x.astype(np.float64))
    mpmath = pytest.importorskip("mpmath")
    with mpmath.workprec(120):
        function = getattr(mpmath, name)
        values = [function(mpmath.mpf(float(one))) for one in x]
        # Two doubles hold the value: the difference to the computed one is taken from both.
        high = np.array([float(one) for one in values])
        low = np.array([float(one - mpmath.mpf(float(one))) for one in values])
    return high, low


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", [n for n in polynomials.NAMES if n != "logaddexp"])
def test_error_bound(functions, name, dtype):
    x = samples(name, dtype)
    if dtype == np.float64:
        x = x[:: max(1, x.size // 3000)]
        high, low = exact(name, x)
    else:
        high, low = exact(name, x), 0.0
    with np.errstate(all="ignore"):
        nearest = high.astype(dtype)
        out = computed(functions, name, x)
        finite = np.isfinite(nearest)
        error = np.abs((out.astype(np.float64) - high) - low) / np.spacing(np.abs(nearest))
    np.testing.assert_array_equal(out[~finite], nearest[~finite])
    assert error[finite].max() <= BOUND


SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 1e-45, -1e-42, -2.0, 200.0, 1e4, -1e4]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "name", [n for n in polynomials.NAMES if n not in ("logaddexp", "sin", "cos")]
)
def test_special_values(functions, name, dtype):
    x = np.array(SPECIAL, dtype)
    if name == "erf":
        function = pytest.importorskip("scipy.special").erf
    elif name == "decay":
        x, function = -np.abs(x), np.exp
    else:
        function = getattr(np, name)
    with np.errstate(all="ignore"):
        wanted = function(x)
    out = computed(functions, name, x)
    np.testing.assert_array_equal(np.isnan(out), np.isnan(wanted))
    sure = ~np.isnan(wanted)
    np.testing.assert_array_equal(np.signbit(out[sure]), np.signbit(wanted[sure]))
    np.testing.assert_array_max_ulp(out[sure], wanted[sure], 3)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sum_of_exponentials(functions, dtype):
    x = np.array([0, 1, -np.inf, np.inf, -np.inf, np.nan, 700, -1e3, 3], dtype)
    y = np.array([0, 2, -np.inf, np.inf, 5, 1, 1, -1e3, -np.inf], dtype)
    out = computed(functions, "logaddexp", x, y)
    np.testing.assert_allclose(out, np.logaddexp(x, y), rtol=4 * np.finfo(dtype).eps)
