"""Arrays of random numbers, equal to PyTorch's CPU draws bit for bit.

Every function takes the `Generator` first and draws as many words as PyTorch's kernel does, so
that the next draw continues where PyTorch's would. The results are NumPy arrays; messages are
PyTorch's.
"""

from __future__ import annotations

import math
import warnings

import numpy as np

from . import dtypes
from ._box_muller import BLOCK, fused, libm, scale, scale_single, scalar_normals, transform

_FLOAT64 = np.dtype(np.float64)
_FLOAT32 = np.dtype(np.float32)

# PyTorch's C++ names, which its messages about bounds show.
_C_NAMES = {
    "bool": "bool",
    "uint8": "unsigned char",
    "int8": "signed char",
    "int16": "short int",
    "int32": "int",
    "int64": "long int",
    "uint16": "short unsigned int",
    "uint32": "unsigned int",
    "uint64": "long unsigned int",
    "float16": "c10::Half",
    "bfloat16": "c10::BFloat16",
    "float32": "float",
    "float64": "double",
}
# Ranges from here on take 64-bit words, so that the skew of % stays below 5 %.
_WIDE_RANGE = 2**28


def _size(shape):
    return shape if isinstance(shape, int) else math.prod(shape)


def _is_floating(dtype):
    return dtype.kind in "fV"  # V: bfloat16 of ml_dtypes


def _require_floating(dtype, kernel):
    if not _is_floating(dtype):
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{dtypes.of(dtype).type_name}'"
        )


def _narrow(numbers, dtype):
    """Cast numbers to a floating dtype; to 16 bits by way of float32, as PyTorch does."""
    if numbers.dtype == dtype:
        return numbers
    with np.errstate(over="ignore"):
        if dtype.itemsize == 2:
            numbers = numbers.astype(np.float32, copy=False)
        return numbers.astype(dtype)


def _digits(dtype):
    """Return the binary digits which a floating dtype holds."""
    return {2: 11, 4: 24, 8: 53}[dtype.itemsize] if dtype.kind == "f" else 8


def _complex_parts(draw, generator, shape, dtype, *settings):
    """Draw real and imaginary parts in turn."""
    real = np.empty(0, dtype).real.dtype
    parts = draw(generator, 2 * _size(shape), real, *settings)
    return parts.view(dtype).reshape(shape)


# Uniform and normal


def uniform(generator, shape, dtype=np.float32, low=0.0, high=1.0):
    """Uniform numbers of [low, high): ``rand``, ``uniform_``.

    Parameters
    ----------
    generator : Generator
    shape : int or tuple of int
    dtype : numpy.dtype
        Floating or complex.
    low, high : float

    Raises
    ------
    RuntimeError
        When the bounds are in the wrong order or too large for the dtype.
    """
    dtype = np.dtype(dtype)
    if dtype.kind == "c":
        return _complex_parts(uniform, generator, shape, dtype, low, high)
    _require_floating(dtype, "check_uniform_bounds")
    unit = low == 0.0 and high == 1.0
    if not unit:
        _check_uniform_bounds(dtype, low, high)
    size = _size(shape)
    if dtype == _FLOAT64:
        numbers = generator.doubles(size)
        if not unit:
            numbers = _spread(numbers, low, high)
    else:
        numbers = generator.floats(size)
        if not unit:
            start = np.float32(low)
            numbers = scale_single(numbers, start, np.float32(high) - start)
    if not unit or dtype.itemsize == 2:
        numbers = _narrow(numbers, dtype)
        # Rounding may have reached the excluded bound.
        start, end = dtype.type(low), dtype.type(high)
        np.copyto(numbers, start, where=numbers == end)
    return numbers.reshape(shape)


def _spread(numbers, low, high):
    if low == 0.0:
        return numbers * high
    with np.errstate(all="ignore"):
        return fused(numbers, np.float64(high) - low, np.float64(low))


def _check_uniform_bounds(dtype, low, high):
    largest = _largest(dtype)
    for name, bound in (("from", low), ("to", high)):
        if not -largest <= bound <= largest:
            raise RuntimeError(f"{name} is out of bounds for {_C_NAMES[dtype.name]}")
    if not low <= high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}"
        )
    if not high - low <= largest:
        raise RuntimeError(
            "uniform_ expects to-from <= std::numeric_limits<"
            f"{dtypes.of(dtype).type_name}>::max(), but found to={high:g} and from={low:g} "
            "which result in to-from to exceed the limit"
        )


def _largest(dtype):
    if dtype.kind == "f":
        return float(np.finfo(dtype).max)
    return float.fromhex("0x1.fep127")  # bfloat16


def normal(generator, shape, dtype=np.float32, mean=0.0, std=1.0):
    """Normal numbers: ``randn``, ``normal_``, ``normal`` of two numbers and a size.

    Fewer than 16 are drawn in pairs, of which an odd one is kept for the next such draw; more
    are made in blocks of 16. What 16 does not divide is filled by drawing the last 16 anew.
    A complex dtype has parts with this mean and the standard deviation ``std / sqrt(2)``.

    Raises
    ------
    RuntimeError
        When `std` is negative or nan.
    """
    dtype = np.dtype(dtype)
    if not std >= 0.0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    if dtype.kind == "c":
        return _complex_parts(normal, generator, shape, dtype, mean, std / math.sqrt(2.0))
    _require_floating(dtype, "normal_kernel_cpu")
    size = _size(shape)
    if size < BLOCK:
        numbers = scale(scalar_normals(generator, size), mean, std)
        return _narrow(numbers, dtype).reshape(shape)
    draw = generator.doubles if dtype == _FLOAT64 else generator.floats
    whole = size - size % BLOCK
    if dtype.itemsize == 2:
        # The 16-bit kernel draws block by block: none for the places which are drawn anew.
        numbers = np.empty(size, dtype=np.float32)
        numbers[:whole] = draw(whole)
    else:
        numbers = draw(size)
    transform(numbers[:whole], mean, std)
    if whole < size:
        last = draw(BLOCK)
        transform(last, mean, std)
        numbers[-BLOCK:] = last
    return _narrow(numbers, dtype).reshape(shape)


def normal_around(generator, mean, std):
    """Normal numbers with a mean and a standard deviation each: ``normal`` of tensors.

    Parameters
    ----------
    mean, std : array or float
        At least one is an array; they are broadcast. The result has the dtype of `mean`, or of
        `std` when `mean` is a number.
    """
    arrays = [value for value in (mean, std) if isinstance(value, np.ndarray)]
    dtype = arrays[0].dtype
    shape = np.broadcast_shapes(*(array.shape for array in arrays))
    if not isinstance(std, np.ndarray):
        numbers = normal(generator, shape, dtype, 0.0, std)
    else:
        if std.dtype.kind == "c":
            raise RuntimeError("normal expects standard deviation to be non-complex")
        if std.size and not std.min() >= 0:
            raise RuntimeError("normal expects all elements of std >= 0.0")
        numbers = _combine(np.multiply, normal(generator, shape, dtype), std)
    return _combine(np.add, numbers, mean)


def _combine(function, numbers, operand):
    """Apply an in-place operation: an array without dimensions counts as a number."""
    if isinstance(operand, np.ndarray) and operand.ndim == 0:
        operand = operand.item()
    return function(numbers, operand).astype(numbers.dtype, copy=False)


def truncated_normal(generator, shape, dtype, mean, std, low, high):
    """Normal numbers drawn anew until they lie in [low, high]: ``nn.init.trunc_normal_``."""
    dtype = np.dtype(dtype)

    def below(bound):
        return (1.0 + math.erf((bound - mean) / std / math.sqrt(2.0))) / 2.0

    if below(high) - below(low) > 0.3:
        least, most = np.array([low, high]).astype(dtype)
        numbers = normal(generator, shape, dtype, mean, std)
        while True:
            outside = (numbers < least) | (numbers > most)
            if not outside.any():
                return numbers
            numbers = np.where(outside, normal(generator, shape, dtype, mean, std), numbers)

    # Little of the bell is inside: accept uniform numbers by the density there.
    peak = -0.5 * ((max(low, min(mean, high)) - mean) / std) ** 2
    numbers = np.zeros(shape, dtype)
    pending = np.ones(shape, dtype=bool)
    while pending.any():
        candidates = uniform(generator, shape, dtype, low, high)
        np.copyto(numbers, candidates, where=pending)
        distance = (candidates - dtype.type(mean)) / dtype.type(std)
        density = distance * distance * dtype.type(-0.5) - dtype.type(peak)
        with np.errstate(divide="ignore"):
            pending &= np.log(uniform(generator, shape, dtype)) > density
    return numbers


# Integers


def integers(generator, shape, low, high, dtype=np.int64):
    """Whole numbers of [low, high): ``randint``, ``random_(low, high)``.

    A floating dtype has its bounds moved inward to numbers which it can hold.

    Raises
    ------
    RuntimeError
        When ``low >= high`` or a bound does not fit the dtype.
    """
    dtype = np.dtype(dtype)
    if not low < high:
        raise RuntimeError(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}"
        )
    if _is_floating(dtype):
        low = _first_held(low, dtype)
        high = _end_held(high, dtype)
        if not low < high:
            raise RuntimeError(
                "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, "
                f"but got from={low} >= to={high}"
            )
    _check_integer_bounds(dtype, low, high - 1)
    return _integers(generator, shape, low, high - low, dtype)


def random(generator, shape, dtype, low=None):
    """Whole numbers as far as the dtype goes: ``random_()`` and ``random_(low, None)``.

    Without `low` they start at 0; a floating dtype ends where it stops holding every integer.
    """
    dtype = np.dtype(dtype)
    floating = _is_floating(dtype)
    if low is not None:
        if low == -(2**63):
            return _full_range(generator, shape, dtype)
        if floating:
            highest = 2 ** _digits(dtype)
            low = _first_held(low, dtype)
            if not low < highest:
                raise RuntimeError(
                    "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' "
                    f"casted to dtype, but got from={low} > to_inc={highest}"
                )
        else:
            highest = _integer_limits(dtype)[1]
        _check_integer_bounds(dtype, low, highest)
        return _integers(generator, shape, low, highest - low + 1, dtype)
    if dtype.kind not in "bifV" and dtype.name != "uint8":
        raise NotImplementedError(
            f"\"random_kernel_cpu\" not implemented for '{dtypes.of(dtype).type_name}'"
        )
    if floating:
        count = 2 ** _digits(dtype) + 1
    else:
        count = _integer_limits(dtype)[1] + 1
    wide = dtype.itemsize == 8
    return _cast_integers(_remainder(generator, _size(shape), count, wide), dtype).reshape(shape)


def _full_range(generator, shape, dtype):
    if dtype.name in ("bool", "float16", "uint16", "uint32", "uint64"):
        raise NotImplementedError(
            "\"random_full_64_bits_range_kernel_cpu\" not implemented for "
            f"'{dtypes.of(dtype).type_name}'"
        )
    if dtype.name not in ("int64", "float64", "float32", "bfloat16"):
        raise RuntimeError(
            "random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16"
        )
    numbers = generator.longs(_size(shape)).view(np.int64)
    return _cast_integers(numbers, dtype).reshape(shape)


def _integers(generator, shape, low, count, dtype):
    numbers = _remainder(generator, _size(shape), count, count >= _WIDE_RANGE)
    if low:
        numbers += np.int64(low)  # wraps around as PyTorch's int64 sum does
    return _cast_integers(numbers, dtype).reshape(shape)


def _remainder(generator, size, count, wide):
    """Words modulo `count`.  -> int64 (size,)"""
    words = generator.longs(size) if wide else generator.raw(size)
    if count & (count - 1) == 0:
        words &= np.uint64(count - 1)
    else:
        # Division by a number is vectorised in NumPy, the remainder is not: 0.6 and 1.8 ns.
        divisor = np.uint64(count)
        words -= words // divisor * divisor
    return words.view(np.int64)


def _cast_integers(numbers, dtype):
    if _is_floating(dtype):
        return _narrow(numbers, dtype)
    return numbers.astype(dtype, copy=False)


def _integer_limits(dtype):
    if dtype.kind == "b":
        return 0, 1
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)


def _check_integer_bounds(dtype, low, last):
    if _is_floating(dtype):
        least, most = -_largest(dtype), _largest(dtype)
    elif dtype.kind in "biu":
        least, most = _integer_limits(dtype)
        most = min(most, 2**63 - 1)
    else:
        raise RuntimeError(
            "check_random_bounds handles only integral, floating-point and boolean types"
        )
    for name, bound in (("from", low), ("to - 1", last)):
        if not least <= bound <= most:
            raise RuntimeError(f"{name} is out of bounds for {_C_NAMES[dtype.name]}")
    if _is_floating(dtype):
        digits = _digits(dtype)
        for name, bound in (("from", low), ("to - 1", last)):
            if abs(bound) > 2**digits:
                warnings.warn(
                    f"{name} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision "
                    f"limitations {_C_NAMES[dtype.name]} can support discrete uniform "
                    "distribution only within this range. This warning will become an error in "
                    "version 1.7 release, please fix the code in advance",
                    stacklevel=4,
                )


def _held(number, dtype):
    """Return an integer as the dtype rounds it; what int64 cannot hold becomes its least."""
    rounded = float(_narrow(np.array([number]), dtype).astype(np.float64)[0])
    return int(rounded) if abs(rounded) < 2.0**63 else -(2**63)


def _spacing(number, dtype):
    return 2 ** max(abs(number).bit_length() - _digits(dtype), 0)


def _first_held(low, dtype):
    rounded = _held(low + 1, dtype)
    return rounded + _spacing(low + 1, dtype) if rounded < low else low


def _end_held(high, dtype):
    rounded = _held(high - 1, dtype)
    return rounded - _spacing(high - 1, dtype) if rounded >= high else high


# Permutations


def permutation(generator, n, dtype=np.int64):
    """The numbers 0 to n - 1 in random order: ``randperm``.

    PyTorch's Fisher-Yates shuffle: step i exchanges place i with place i + word % (n - i).
    """
    dtype = np.dtype(dtype)
    if n < 0:
        raise RuntimeError(f"Trying to create tensor with negative dimension {n}: [{n}]")
    _check_permutation(n, dtype)
    if n < 2:
        return _cast_integers(np.arange(n), dtype)
    words = generator.raw(n - 1)
    # Measured: a step costs the loop 80 ns (400 for a million), the sorting way 40 ns and 15 us.
    shuffled = _shuffle(n, words) if n < 250 else _shuffle_by_sorting(n, words)
    return _cast_integers(shuffled, dtype)


def _check_permutation(n, dtype):
    if dtype.kind == "f":
        limit = 2 ** _digits(dtype) + 1
        if n > limit:
            raise RuntimeError(
                f"n cannot be greater than {limit} for {dtypes.of(dtype).type_name} type."
            )
    elif dtype.kind in "iu" and n - 1 > np.iinfo(dtype).max:
        raise RuntimeError(f"value cannot be converted to type {dtype.name}_t without overflow")
    elif dtype.kind != "V" and dtype.name not in ("int64", "int32", "int16", "int8", "uint8"):
        raise NotImplementedError(f"\"randperm\" not implemented for '{dtypes.of(dtype).type_name}'")


def _shuffle(n, words):
    order = list(range(n))
    for step, word in enumerate(words.tolist()):
        target = step + word % (n - step)
        order[step], order[target] = order[target], order[step]
    return np.array(order)


def _shuffle_by_sorting(n, words):
    """Do what `_shuffle` does, without a loop over the steps.

    Step i exchanges place i with place targets[i] >= i and settles place i. What place i held
    goes to the target, so a place holds its own number until a step aims at it, then what the
    last such step found at its own place. Hence step i takes held[k], where k is the last step
    before i with the same target, and held[i] = held[last step before i that aimed at place i].
    The first is found by sorting the steps by their targets, the second by following the links,
    whose reach doubles in each round.
    """
    steps = np.arange(n)
    targets = (words.astype(np.uint32) % np.arange(n, 1, -1, dtype=np.uint32)).astype(np.int64)
    targets += steps[:-1]
    held = steps.copy()
    moving = np.flatnonzero(targets != steps[:-1])
    held[targets[moving]] = moving  # of equal targets the last step stays
    while True:
        further = held[held]
        if np.array_equal(further, held):
            break
        held = further
    keys = targets << 32
    keys |= steps[:-1]
    keys.sort()
    order = keys & 0xFFFFFFFF
    values = keys >> 32
    repeated = np.flatnonzero(values[1:] == values[:-1])
    values[repeated + 1] = held[order[repeated]]
    result = np.empty(n, dtype=np.int64)
    result[order] = values
    result[-1] = held[-1]
    return result


# Bernoulli


def bernoulli(generator, probability):
    """True with a probability each: ``bernoulli``, ``bernoulli_`` of a tensor.  (*S) -> bool (*S)

    A float64 array draws doubles, any other floating array float32 numbers.
    """
    _require_floating(probability.dtype, "bernoulli_tensor_cpu_p_")
    if not ((probability >= 0) & (probability <= 1)).all():
        raise RuntimeError(
            "bernoulli expects every probability to be in [0, 1], but found "
            f"{_first_outside(probability)}"
        )
    wide = probability.dtype == _FLOAT64
    numbers = generator.doubles(probability.size) if wide else generator.floats(probability.size)
    return numbers.reshape(probability.shape) < probability


def _first_outside(probability):
    return probability[~((probability >= 0) & (probability <= 1))].flat[0]


def bernoulli_mask(generator, shape, p):
    """True with probability `p`: ``bernoulli_`` of a number, dropout.  -> bool (*S)

    Two words are compared for each place.
    """
    if not 0.0 <= p <= 1.0:
        raise RuntimeError(f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    size = _size(shape)
    # u < p for u = k / 2**53 is k < p * 2**53: no conversion needed.
    limit = np.uint64(math.ceil(p * 2.0**53))
    longs = generator.longs(size)
    longs &= np.uint64(2**53 - 1)
    return (longs < limit).reshape(shape)


# Distributions by inversion


def exponential(generator, shape, dtype=np.float32, rate=1.0):
    """Exponential numbers with mean ``1 / rate``: ``exponential_``."""
    dtype = np.dtype(dtype)
    if not rate > 0.0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={rate:g}")
    if not _is_floating(dtype):
        raise RuntimeError(
            "Exponential distribution is a continuous probability distribution. dtype must be a "
            f"floating point but you specified {dtypes.of(dtype).type_name}"
        )
    numbers = _elementary(np.log1p, math.log1p, -generator.doubles(_size(shape)), dtype)
    numbers *= -1.0 / rate
    return _narrow(numbers, dtype).reshape(shape)


def cauchy(generator, shape, dtype=np.float32, median=0.0, sigma=1.0):
    """Cauchy numbers: ``cauchy_``."""
    dtype = np.dtype(dtype)
    if not sigma > 0.0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    if not _is_floating(dtype):
        raise RuntimeError(
            "Cauchy distribution is a continuous probability distribution. dtype must be a "
            f"floating point but you specified {_C_NAMES[dtype.name]}"
        )
    angles = math.pi * (generator.doubles(_size(shape)) - 0.5)
    numbers = _elementary(np.tan, math.tan, angles, dtype)
    return _narrow(scale(numbers, median, sigma), dtype).reshape(shape)


def log_normal(generator, shape, dtype=np.float32, mean=1.0, std=2.0):
    """Numbers whose logarithm is normal: ``log_normal_``. All are drawn in pairs."""
    dtype = np.dtype(dtype)
    if not std > 0.0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")
    _require_floating(dtype, "log_normal_cpu")
    numbers = scale(scalar_normals(generator, _size(shape)), mean, std)
    return _narrow(libm(_exp, numbers), dtype).reshape(shape)


def geometric(generator, shape, dtype=np.float32, p=0.5):
    """Trials up to the first success: ``geometric_``."""
    dtype = np.dtype(dtype)
    if not 0.0 < p < 1.0:
        raise RuntimeError(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    if dtype.kind in "bc" or dtype.name in ("uint16", "uint32", "uint64"):
        raise NotImplementedError(
            f"\"geometric_cpu\" not implemented for '{dtypes.of(dtype).type_name}'"
        )
    with np.errstate(divide="ignore"):
        numbers = np.log(generator.doubles(_size(shape)))
    numbers /= math.log1p(-p)
    np.ceil(numbers, out=numbers)
    if _is_floating(dtype):
        return _narrow(numbers, dtype).reshape(shape)
    return numbers.astype(np.int64).astype(dtype).reshape(shape)


def _elementary(ufunc, function, numbers, dtype):
    """Apply a function in double precision, to the last bit where the dtype shows it.

    NumPy's functions are several times as fast as the C library's one by one; where they differ
    in the last of 53 bits, one float32 number of a billion does.
    """
    return libm(function, numbers) if dtype == _FLOAT64 else ufunc(numbers)


def _exp(x):
    return math.exp(x) if x < 709.78 else float(np.exp(x))


# Multinomial


def multinomial(generator, weights, count, replacement=False):
    """Indices drawn by their weights: ``multinomial``.  (*B, n) -> int64 (*B, count)

    Equal quotients (of weights that are 0) come in the order of their indices, where PyTorch's
    partial sort leaves them in another.
    """
    if weights.ndim not in (1, 2):
        raise RuntimeError("prob_dist must be 1 or 2 dim")
    if not _is_floating(weights.dtype):
        raise RuntimeError(
            "multinomial only supports floating-point dtypes for input, got: "
            f"{dtypes.of(weights.dtype).type_name}"
        )
    if count <= 0:
        raise RuntimeError("cannot sample n_sample <= 0 samples")
    categories = weights.shape[-1]
    if not replacement and count > categories:
        raise RuntimeError(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
        )
    if categories > 2**24:
        raise RuntimeError("number of categories cannot exceed 2^24")
    shape = (*weights.shape[:-1], count)
    if 0 in shape:
        return np.empty(shape, dtype=np.int64)
    if not (weights.max() < np.inf and weights.min() >= 0):
        raise RuntimeError("probability tensor contains either `inf`, `nan` or element < 0")
    if (weights.sum(axis=-1) == 0).any():
        raise RuntimeError("invalid multinomial distribution (sum of probabilities <= 0)")
    if replacement and count > 1:
        return _by_cumulative_sums(generator, weights, shape)
    # The largest weight / e with exponential e falls on each index by its weight.
    with np.errstate(all="ignore"):
        quotients = weights / exponential(generator, weights.shape, weights.dtype)
    if count == 1:
        return quotients.argmax(axis=-1, keepdims=True)
    return np.argsort(-quotients, axis=-1, kind="stable")[..., :count]


def _by_cumulative_sums(generator, weights, shape):
    rows = weights.reshape(-1, weights.shape[-1])
    if rows.dtype.itemsize == 2:
        rows = rows.astype(np.float32)
    sums = np.cumsum(rows, axis=-1)
    sums /= sums[:, -1:]
    sums[:, -1] = 1
    numbers = generator.doubles(math.prod(shape)).reshape(len(rows), -1)
    found = [row.searchsorted(chosen) for row, chosen in zip(sums.astype(np.float64), numbers)]
    return np.array(found, dtype=np.int64).reshape(shape)
