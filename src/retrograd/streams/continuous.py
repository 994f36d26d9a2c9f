"""Continuous distributions drawn by the array."""

from __future__ import annotations

import math

import numpy as np

from .. import dtypes
from .box_muller import BLOCK, fused, libm, scalar_normals, scale, scale_single, transform
from .casting import C_NAMES, FLOAT64, is_floating, largest, narrow, require_floating, size_of


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
    require_floating(dtype, "check_uniform_bounds")
    unit = low == 0.0 and high == 1.0
    if not unit:
        _check_uniform_bounds(dtype, low, high)
    size = size_of(shape)
    if dtype == FLOAT64:
        numbers = generator.doubles(size)
        if not unit:
            numbers = _spread(numbers, low, high)
    else:
        numbers = generator.floats(size)
        if not unit:
            start = np.float32(low)
            numbers = scale_single(numbers, start, np.float32(high) - start)
    if not unit or dtype.itemsize == 2:
        numbers = narrow(numbers, dtype)
        # Rounding may have reached the excluded bound.
        start, end = dtype.type(low), dtype.type(high)
        np.copyto(numbers, start, where=numbers == end)
    return numbers.reshape(shape)


def _spread(numbers, low, high):
    """Move numbers of [0, 1) to [low, high), in double precision."""
    if low == 0.0:
        return numbers * high
    with np.errstate(all="ignore"):
        return fused(numbers, np.float64(high) - low, np.float64(low))


def _check_uniform_bounds(dtype, low, high):
    most = largest(dtype)
    for name, bound in (("from", low), ("to", high)):
        if not -most <= bound <= most:
            raise RuntimeError(f"{name} is out of bounds for {C_NAMES[dtype.name]}")
    if not low <= high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}"
        )
    if not high - low <= most:
        raise RuntimeError(
            "uniform_ expects to-from <= std::numeric_limits<"
            f"{dtypes.of(dtype).type_name}>::max(), but found to={high:g} and from={low:g} "
            "which result in to-from to exceed the limit"
        )


def normal(generator, shape, dtype=np.float32, mean=0.0, std=1.0, by_pairs=False):
    """Normal numbers: ``randn``, ``normal_``, ``normal`` of two numbers and a size.

    Fewer than 16 are drawn in pairs, of which an odd one is kept for the next such draw, and so
    are more with `by_pairs`, as PyTorch does for tensors that are not contiguous; else more are
    made in blocks of 16. What 16 does not divide is filled by drawing the last 16 anew.
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
        return _complex_parts(normal, generator, shape, dtype, mean, std / math.sqrt(2.0), by_pairs)
    size = size_of(shape)
    if size == 0:
        return np.empty(shape, dtype)
    require_floating(dtype, "normal_kernel_cpu")
    if size < BLOCK or by_pairs:
        numbers = scale(scalar_normals(generator, size), mean, std)
        return narrow(numbers, dtype).reshape(shape)
    draw = generator.doubles if dtype == FLOAT64 else generator.floats
    rest = size % BLOCK
    if rest == 0:
        numbers = draw(size)
        transform(numbers, mean, std)
        return narrow(numbers, dtype).reshape(shape)
    # The 16-bit kernel does not draw for the places which are drawn anew, the others do.
    whole = size - rest
    drawn = draw((whole if dtype.itemsize == 2 else size) + BLOCK)
    blocks = np.concatenate((drawn[:whole], drawn[-BLOCK:]))
    transform(blocks, mean, std)
    numbers = blocks[:size]
    numbers[-BLOCK:] = blocks[-BLOCK:]
    return narrow(numbers, dtype).reshape(shape)


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
    """Normal numbers drawn anew until they lie in [low, high]: ``nn.init.trunc_normal_``.

    Where less than 0.3 of the distribution lies there, uniform numbers are drawn instead and
    accepted by the density.
    """
    dtype = np.dtype(dtype)

    def below(bound):
        return (1.0 + math.erf((bound - mean) / std / math.sqrt(2.0))) / 2.0

    if below(high) - below(low) <= 0.3:
        return _accepted_by_density(generator, shape, dtype, mean, std, low, high)
    least, most = np.array([low, high]).astype(dtype)
    numbers = normal(generator, shape, dtype, mean, std)
    while True:
        outside = (numbers < least) | (numbers > most)
        if not outside.any():
            return numbers
        numbers = np.where(outside, normal(generator, shape, dtype, mean, std), numbers)


def _accepted_by_density(generator, shape, dtype, mean, std, low, high):
    """Draw uniform numbers until each is accepted; all are drawn anew each time."""
    peak = -0.5 * ((max(low, min(mean, high)) - mean) / std) ** 2
    numbers = np.zeros(shape, dtype)
    pending = np.ones(shape, dtype=bool)
    # In 16 bits PyTorch rounds a number which is subtracted, but not one which it divides by.
    divisor = (np.float32 if dtype.itemsize == 2 else dtype.type)(std)
    while pending.any():
        candidates = uniform(generator, shape, dtype, low, high)
        np.copyto(numbers, candidates, where=pending)
        distance = ((candidates - dtype.type(mean)) / divisor).astype(dtype, copy=False)
        density = distance * distance * dtype.type(-0.5) - dtype.type(peak)
        with np.errstate(divide="ignore"):
            pending &= np.log(uniform(generator, shape, dtype)) > density
    return numbers


def _complex_parts(draw, generator, shape, dtype, *settings):
    """Draw real and imaginary parts in turn."""
    real = np.empty(0, dtype).real.dtype
    parts = draw(generator, 2 * size_of(shape), real, *settings)
    return parts.view(dtype).reshape(shape)


def exponential(generator, shape, dtype=np.float32, rate=1.0):
    """Exponential numbers with mean ``1 / rate``: ``exponential_``."""
    dtype = np.dtype(dtype)
    if not rate > 0.0:
        raise RuntimeError(f"exponential_ expects lambda > 0.0, but found lambda={rate:g}")
    if size_of(shape) == 0:
        return np.empty(shape, dtype)
    if not is_floating(dtype):
        raise RuntimeError(
            "Exponential distribution is a continuous probability distribution. dtype must be a "
            f"floating point but you specified {dtypes.of(dtype).type_name}"
        )
    numbers = _elementary(np.log1p, math.log1p, -generator.doubles(size_of(shape)), dtype)
    numbers *= -1.0 / rate
    return narrow(numbers, dtype).reshape(shape)


def cauchy(generator, shape, dtype=np.float32, median=0.0, sigma=1.0):
    """Cauchy numbers: ``cauchy_``."""
    dtype = np.dtype(dtype)
    if not sigma > 0.0:
        raise RuntimeError(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    if not is_floating(dtype):
        raise RuntimeError(
            "Cauchy distribution is a continuous probability distribution. dtype must be a "
            f"floating point but you specified {C_NAMES[dtype.name]}"
        )
    angles = math.pi * (generator.doubles(size_of(shape)) - 0.5)
    numbers = _elementary(np.tan, math.tan, angles, dtype)
    return narrow(scale(numbers, median, sigma), dtype).reshape(shape)


def log_normal(generator, shape, dtype=np.float32, mean=1.0, std=2.0):
    """Numbers whose logarithm is normal: ``log_normal_``. All are drawn in pairs."""
    dtype = np.dtype(dtype)
    if not std > 0.0:
        raise RuntimeError(f"log_normal_ expects std > 0.0, but found std={std:g}")
    if size_of(shape) == 0:
        return np.empty(shape, dtype)
    require_floating(dtype, "log_normal_cpu")
    numbers = scale(scalar_normals(generator, size_of(shape)), mean, std)
    return narrow(libm(_exp, numbers), dtype).reshape(shape)


def _elementary(ufunc, function, numbers, dtype):
    """Apply a function in double precision, to the last bit where the dtype shows it.

    NumPy's functions are several times as fast as the C library's one by one; where they differ
    in the last of 53 bits, one float32 number of a billion does.
    """
    return libm(function, numbers) if dtype == FLOAT64 else ufunc(numbers)


def _exp(x):
    """Return e**x, infinity where math.exp raises an error."""
    return math.exp(x) if x < 709.78 else float(np.exp(x))
