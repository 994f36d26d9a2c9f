"""Random numbers by rejection, one at a time, with PyTorch's decisions and roundings.

How many words a number takes depends on the numbers drawn, so these are Python loops: about
1 to 4 us a number. `streams.py` has everything that can be drawn by the array.
"""

from __future__ import annotations

import math

import numpy as np

from .. import dtypes


def _require(dtype, kernel, names):
    if dtype.name not in names:
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{dtypes.of(dtype).type_name}'"
        )


def poisson(generator, rate):
    """Poisson counts in the dtype of the rates: ``poisson``.  (*S) -> (*S)"""
    _require(rate.dtype, "poisson_cpu", ("float16", "bfloat16", "float32", "float64"))
    if not (rate >= 0).all():
        raise RuntimeError("invalid Poisson rate, expected rate to be non-negative")
    draw = generator.double
    counts = [_poisson(one, draw) for one in rate.astype(np.float64).ravel().tolist()]
    return np.array(counts, dtype=np.float64).astype(rate.dtype).reshape(rate.shape)


def _poisson(rate, draw):
    if rate >= 10:
        return _poisson_by_rejection(rate, draw)
    if rate == 0:
        return 0
    limit = math.exp(-rate)
    count = 0
    product = draw()
    while product > limit:
        count += 1
        product *= draw()
    return count


def _poisson_by_rejection(rate, draw):
    """Transformed rejection with a squeeze (Hoermann 1993, PTRS)."""
    log_rate = math.log(rate)
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    inside = 0.9277 - 3.6224 / (b - 2)
    while True:
        u = draw() - 0.5
        v = draw()
        edge = 0.5 - abs(u)
        if edge == 0.0:
            continue
        count = math.floor((2 * a / edge + b) * u + rate + 0.43)
        if edge >= 0.07 and v <= inside:
            return count
        if count < 0 or (edge < 0.013 and v > edge):
            continue
        left = _log(v) + math.log(inverse_alpha) - math.log(a / (edge * edge) + b)
        if left <= -rate + count * log_rate - math.lgamma(count + 1.0):
            return count


def _log(x):
    """Return the logarithm, minus infinity where math.log raises an error."""
    return math.log(x) if x else -math.inf


def binomial(generator, count, probability):
    """Binomial counts in the dtype of the numbers of trials: ``binomial``.  (*S), (*S) -> (*S)"""
    if count.dtype.kind not in "fV":
        raise ValueError(
            "binomial only supports floating-point dtypes for count, got: "
            f"{dtypes.of(count.dtype).type_name}"
        )
    if count.dtype != probability.dtype:
        raise RuntimeError(
            f"Found dtype {dtypes.of(probability.dtype).type_name} but expected "
            f"{dtypes.of(count.dtype).type_name}"
        )
    shape = np.broadcast_shapes(count.shape, probability.shape)
    trials = np.broadcast_to(count, shape).ravel()
    chances = np.broadcast_to(probability, shape).ravel()
    draw = generator.double
    with np.errstate(all="ignore"):
        found = [_binomial(n, p, draw) for n, p in zip(trials, chances, strict=True)]
    return np.array(found, dtype=np.float64).astype(count.dtype).reshape(shape)


def _binomial(trials, p, draw):
    """Trials and p are NumPy scalars, whose own precision decides, as in PyTorch."""
    one = p.dtype.type(1)
    if trials <= 0 or p <= 0:
        return 0.0
    if p >= 1:
        return float(trials)
    if p <= 0.5:
        return _binomial_up_to_half(trials, p, draw)
    if p > 0.5:
        return float(trials) - _binomial_up_to_half(trials, one - p, draw)
    return math.nan


def _binomial_up_to_half(trials, p, draw):
    if trials * p >= 10:
        return _binomial_by_rejection(trials, p, draw)
    return _binomial_by_gaps(trials, p, draw)


def _binomial_by_gaps(trials, p, draw):
    """Count the successes by the geometric gaps between them."""
    log_failure = float(p.dtype.type(math.log1p(-float(p))))
    count = 0
    reached = 0.0
    while True:
        gap = _log(draw()) / log_failure
        if not reached + gap <= trials:
            return float(count)
        reached += math.ceil(gap)
        if reached > trials:
            return float(count)
        count += 1


def _binomial_by_rejection(trials, p, draw):
    """Transformed rejection with a squeeze (Hoermann 1993, BTRS)."""
    one = p.dtype.type(1)
    deviation = float(np.sqrt(trials * p * (one - p)))
    b = 1.15 + 2.53 * deviation
    a = -0.0873 + 0.0248 * b + 0.01 * float(p)
    c = float(trials * p) + 0.5
    inside = 0.92 - 4.2 / b
    odds = float(p / (one - p))
    alpha = (2.83 + 5.1 / b) * deviation
    middle = math.floor((trials + one) * p)
    n = float(trials)
    while True:
        u = draw() - 0.5
        v = draw()
        edge = 0.5 - abs(u)
        if edge == 0.0:
            continue
        k = math.floor((2 * a / edge + b) * u + c)
        if k < 0 or k > n:
            continue
        if edge >= 0.07 and v <= inside:
            return float(k)
        v = _log(v * alpha / (a / (edge * edge) + b))
        bound = (
            (middle + 0.5) * math.log((middle + 1) / (odds * (n - middle + 1)))
            + (n + 1) * math.log((n - middle + 1) / (n - k + 1))
            + (k + 0.5) * math.log(odds * (n - k + 1) / (k + 1))
            + _stirling_tail(middle)
            + _stirling_tail(n - middle)
            - _stirling_tail(k)
            - _stirling_tail(n - k)
        )
        if v <= bound:
            return float(k)


_STIRLING_TAILS = (
    0.0810614667953272,
    0.0413406959554092,
    0.0276779256849983,
    0.02079067210376509,
    0.0166446911898211,
    0.0138761288230707,
    0.0118967099458917,
    0.0104112652619720,
    0.00925546218271273,
    0.00833056343336287,
)


def _stirling_tail(k):
    """What Stirling's formula leaves out of log k!."""
    if k < len(_STIRLING_TAILS):
        return _STIRLING_TAILS[int(k)]
    square = (k + 1) * (k + 1)
    return (1 / 12 - (1 / 360 - 1 / 1260 / square) / square) / (k + 1)


def standard_gamma(generator, concentration):
    """Gamma numbers of scale 1: ``_standard_gamma``, ``distributions.Gamma``.  (*S) -> (*S)"""
    _require(concentration.dtype, "gamma_cpu", ("float32", "float64"))
    if not (concentration >= 0).all():
        # PyTorch would look for an acceptable number forever.
        raise RuntimeError(
            "standard_gamma: every concentration must be at least 0, but the least is "
            f"{concentration.min():g}"
        )
    # What each number needs is computed by the array, in the dtype's own precision as in PyTorch;
    # the loop then has Python's floats, which are quicker than NumPy's scalars.
    real = concentration.dtype.type
    flat = concentration.ravel()
    below = flat < 1
    with np.errstate(all="ignore"):
        powers = np.where(below, real(1) / flat, real(0)).tolist()
        ds = (np.where(below, flat + real(1), flat) - real(_THIRD)).tolist()
    parts = zip(flat.tolist(), ds, powers, strict=True)
    numbers = [_gamma(d, power, generator) if own else 0.0 for own, d, power in parts]
    drawn = np.array(numbers, dtype=np.float64).astype(concentration.dtype)
    least = np.finfo(concentration.dtype).tiny
    return np.maximum(drawn, least).reshape(concentration.shape)


# PyTorch's constants are single precision even where the numbers are double.
_THIRD = np.float32(1) / np.float32(3)
_SQUEEZE = float(np.float32(0.0331))


def _gamma(d, power, generator):
    """Rejection of Marsaglia and Tsang (2000) for the concentration d + 1/3.

    A `power` other than 0 is one over the number's own concentration, which is 1 less.
    """
    draw = generator.double
    factor = (1.0 - draw()) ** power if power else 1.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        y = 0.0
        while y <= 0.0:
            x = _one_normal(generator)
            y = 1.0 + c * x
        v = y * y * y
        u = 1.0 - draw()
        square = x * x
        if u < 1.0 - _SQUEEZE * square * square:
            return factor * d * v
        if math.log(u) < 0.5 * square + d * (1.0 - v + math.log(v)):
            return factor * d * v


def _one_normal(generator):
    """Draw one normal number, as `box_muller.scalar_normals` does."""
    kept = generator.next_normal
    if kept is not None:
        generator.next_normal = None
        return kept
    first = generator.double()
    radius = math.sqrt(-2.0 * math.log1p(-generator.double()))
    angle = (2.0 * math.pi) * first
    generator.next_normal = radius * math.sin(angle)
    return radius * math.cos(angle)


def dirichlet(generator, concentration):
    """Dirichlet numbers: ``_sample_dirichlet``, ``distributions.Dirichlet``.  (*S, n) -> (*S, n)"""
    _require(concentration.dtype, "dirichlet", ("float32", "float64"))
    gammas = standard_gamma(generator, concentration.astype(np.float64))
    shares = (gammas / _row_sums(gammas)[..., np.newaxis]).astype(concentration.dtype)
    real = concentration.dtype.type
    return np.clip(shares, np.finfo(real).tiny, np.nextafter(real(1), real(0)))


def _row_sums(numbers):
    """Sum the last axis in the order of PyTorch's kernel.  float64 (*S, n) -> float64 (*S)

    The kernel adds vectors of four numbers into four sums in turn, then the sums, then what is
    left of the row and the four lanes. (Rows of more than 256 are cascaded, which is not done
    here: there the last bit may differ.)
    """
    count = numbers.shape[-1] // 4
    vectors = [numbers[..., 4 * i : 4 * i + 4] for i in range(count)]
    sums = [np.zeros((*numbers.shape[:-1], 4)) for _ in range(4)]
    for i, vector in enumerate(vectors):
        sums[i % 4 if i < count - count % 4 else 0] += vector
    lanes = sums[0] + sums[1] + sums[2] + sums[3]
    total = np.zeros(numbers.shape[:-1])
    for i in range(4 * count, numbers.shape[-1]):
        total += numbers[..., i]
    for lane in range(4):
        total += lanes[..., lane]
    return total
