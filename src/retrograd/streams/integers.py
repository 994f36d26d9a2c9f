"""Whole numbers drawn uniformly, and permutations."""

from __future__ import annotations

import warnings

import numpy as np

from .. import dtypes
from .casting import C_NAMES, digits_of, is_floating, largest, narrow, size_of

# Ranges from here on take 64-bit words, so that the skew of % stays below 5 %.
_WIDE_RANGE = 2**28


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
    if is_floating(dtype):
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
    floating = is_floating(dtype)
    if low is not None:
        if low == -(2**63):
            return _full_range(generator, shape, dtype)
        if floating:
            highest = 2 ** digits_of(dtype)
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
    if size_of(shape) == 0:
        return np.empty(shape, dtype)
    if dtype.kind not in "bifV" and dtype.name != "uint8":
        raise NotImplementedError(
            f"\"random_kernel_cpu\" not implemented for '{dtypes.of(dtype).type_name}'"
        )
    count = (2 ** digits_of(dtype) if floating else _integer_limits(dtype)[1]) + 1
    wide = dtype.itemsize == 8
    return _cast_integers(_remainder(generator, size_of(shape), count, wide), dtype).reshape(shape)


def _full_range(generator, shape, dtype):
    if dtype.name in ("bool", "float16", "uint16", "uint32", "uint64"):
        raise NotImplementedError(
            '"random_full_64_bits_range_kernel_cpu" not implemented for '
            f"'{dtypes.of(dtype).type_name}'"
        )
    if dtype.name not in ("int64", "float64", "float32", "bfloat16"):
        raise RuntimeError(
            "random_full_64_bits_range_kernel_cpu handles only int64, double, float and bfloat16"
        )
    numbers = generator.longs(size_of(shape)).view(np.int64)
    return _cast_integers(numbers, dtype).reshape(shape)


def _integers(generator, shape, low, count, dtype):
    numbers = _remainder(generator, size_of(shape), count, count >= _WIDE_RANGE)
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
    """Cast int64 numbers, wrapping around in small integer dtypes."""
    if is_floating(dtype):
        return narrow(numbers, dtype)
    return numbers.astype(dtype, copy=False)


def _integer_limits(dtype):
    if dtype.kind == "b":
        return 0, 1
    limits = np.iinfo(dtype)
    return int(limits.min), int(limits.max)


def _check_integer_bounds(dtype, low, last):
    if is_floating(dtype):
        least, most = -largest(dtype), largest(dtype)
    elif dtype.kind in "biu":
        least, most = _integer_limits(dtype)
        most = min(most, 2**63 - 1)
    else:
        raise RuntimeError(
            "check_random_bounds handles only integral, floating-point and boolean types"
        )
    for name, bound in (("from", low), ("to - 1", last)):
        if not least <= bound <= most:
            raise RuntimeError(f"{name} is out of bounds for {C_NAMES[dtype.name]}")
    if is_floating(dtype):
        digits = digits_of(dtype)
        for name, bound in (("from", low), ("to - 1", last)):
            if abs(bound) > 2**digits:
                warnings.warn(
                    f"{name} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision "
                    f"limitations {C_NAMES[dtype.name]} can support discrete uniform "
                    "distribution only within this range. This warning will become an error in "
                    "version 1.7 release, please fix the code in advance",
                    stacklevel=4,
                )


def _held(number, dtype):
    """Return an integer as the dtype rounds it; what int64 cannot hold becomes its least."""
    rounded = float(narrow(np.array([number]), dtype).astype(np.float64)[0])
    return int(rounded) if abs(rounded) < 2.0**63 else -(2**63)


def _spacing(number, dtype):
    """Return the distance of the numbers which the dtype holds around `number`."""
    return 2 ** max(abs(number).bit_length() - digits_of(dtype), 0)


def _first_held(low, dtype):
    """Return where the range starts, moved up to a number which the dtype holds."""
    rounded = _held(low + 1, dtype)
    return rounded + _spacing(low + 1, dtype) if rounded < low else low


def _end_held(high, dtype):
    """Return where the range ends, moved down to a number which the dtype holds."""
    rounded = _held(high - 1, dtype)
    return rounded - _spacing(high - 1, dtype) if rounded >= high else high


def permutation(generator, n, dtype=np.int64):
    """The numbers 0 to n - 1 in random order: ``randperm``.

    PyTorch's Fisher-Yates shuffle: step i exchanges place i with place i + word % (n - i).
    (From 2**32 / 20 numbers on PyTorch takes 64-bit words; that is not done here.)
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
        limit = 2 ** digits_of(dtype) + 1
        if n > limit:
            raise RuntimeError(
                f"n cannot be greater than {limit} for {dtypes.of(dtype).type_name} type."
            )
    elif dtype.kind in "iu" and n - 1 > np.iinfo(dtype).max:
        raise RuntimeError(f"value cannot be converted to type {dtype.name}_t without overflow")
    elif dtype.kind != "V" and dtype.name not in ("int64", "int32", "int16", "int8", "uint8"):
        raise NotImplementedError(
            f"\"randperm\" not implemented for '{dtypes.of(dtype).type_name}'"
        )


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
