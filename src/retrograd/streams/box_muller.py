"""Normal numbers from uniform ones, with the same rounding as PyTorch's kernels.

PyTorch turns blocks of 16 uniform numbers into 16 normal ones: with u the first eight and v the
last eight, r = sqrt(-2 log(1 - u)), the normal numbers are r cos(2 pi v) and r sin(2 pi v).

In double precision log, cos and sin are the C library's. In single precision they are the
polynomials of Cephes, evaluated with fused multiply-adds; NumPy's own float32 functions give
another last bit in one number of seven, so the polynomials are evaluated here in the same order
and with the same roundings. See Note [Fused multiply-adds].
"""

from __future__ import annotations

import math

import numpy as np

BLOCK = 16

# Blocks transformed at a time. Measured for a million float32 numbers: 512 blocks 13.3 ms,
# 2048 blocks 9.4 ms.
BLOCKS = 2048

# Note [Fused multiply-adds]
# A fused multiply-add rounds a * b + c once. For float32 operands float64 holds a * b exactly,
# so adding c there and rounding to float32 is the same but for a double rounding, which needs 29
# particular bits: one number of half a billion. For float64 operands the rounding errors of the
# product and of the sum are computed exactly and added back.


def fused(x, y, z):
    """Multiply and add with one rounding, in double precision.  (*S), (*S), (*S) -> (*S)"""
    product = x * y
    error = _product_error(x, y, product)
    total = product + z
    back = total - product
    error += (product - (total - back)) + (z - back)
    corrected = total + error
    return np.where(np.isfinite(corrected), corrected, total)


def _product_error(x, y, product):
    """Return x * y - product exactly (Dekker)."""
    x_high, x_low = _halves(x)
    y_high, y_low = _halves(y)
    return ((x_high * y_high - product) + x_high * y_low + x_low * y_high) + x_low * y_low


def _halves(x):
    """Split numbers of 53 bits into two of 26."""
    scaled = x * 134217729.0  # 2**27 + 1
    high = scaled - (scaled - x)
    return high, x - high


def libm(function, x):
    """Apply a function of `math` to each number.  float64 (*S) -> float64 (*S)

    NumPy's float64 log, log1p, exp and tan use vector code on some processors, whose last bit
    differs from the C library's, which PyTorch's scalar kernels call.
    """
    return np.fromiter(map(function, x.ravel().tolist()), np.float64, x.size).reshape(x.shape)


def scale(normals, mean, std):
    """Return normals * std + mean with one rounding.  float64 (*S) -> float64 (*S)"""
    if mean == 0.0:
        return normals * std + 0.0
    if std == 1.0:
        return normals + mean
    with np.errstate(all="ignore"):
        return fused(normals, np.float64(std), np.float64(mean))


def scale_single(numbers, offset, factor):
    """Return numbers * factor + offset with one rounding.  float32 (*S) -> float32 (*S)"""
    wide = numbers.astype(np.float64)
    wide *= np.float64(factor)
    wide += np.float64(offset)
    return wide.astype(np.float32)


def transform(uniforms, mean, std):
    """Turn uniform numbers into normal ones, in place.  (16 k,)

    Parameters
    ----------
    uniforms : array of float32 or float64, contiguous
    mean, std : float
    """
    blocks = uniforms.reshape(-1, 2, 8)
    block_rule = _single if uniforms.dtype == np.float32 else _double
    for start in range(0, len(blocks), BLOCKS):
        block_rule(blocks[start : start + BLOCKS], mean, std)


def _double(blocks, mean, std):
    radius = np.sqrt(-2.0 * libm(math.log, 1.0 - blocks[:, 0]))
    angle = (2.0 * math.pi) * blocks[:, 1]
    blocks[:, 0] = scale(radius * np.cos(angle), mean, std)
    blocks[:, 1] = scale(radius * np.sin(angle), mean, std)


def _single(blocks, mean, std):
    radius = _log((_ONE - blocks[:, 0]).ravel())
    radius *= _MINUS_TWO
    np.sqrt(radius, out=radius)
    waves = _cosine_and_sine((_TWO_PI * blocks[:, 1]).ravel())
    waves *= radius
    if mean == 0.0 and std == 1.0:
        waves += _ZERO  # as adding a mean of 0 does, this turns -0 into 0
    else:
        with np.errstate(over="ignore"):
            waves = scale_single(waves, np.float32(mean), np.float32(std))
    blocks[:, 0] = waves[0].reshape(-1, 8)
    blocks[:, 1] = waves[1].reshape(-1, 8)


def scalar_normals(generator, n):
    """Draw normal numbers two at a time; an odd one is kept for the next call.  -> float64 (n,)

    PyTorch draws so wherever it does not fill at least 16 places at once.
    """
    kept = generator.next_normal
    if kept is None or n == 0:
        return _pairs(generator, n)
    generator.next_normal = None
    return np.concatenate(([kept], _pairs(generator, n - 1)))


def _pairs(generator, n):
    """Draw whole pairs for `n` normal numbers and keep the one too many."""
    uniforms = generator.doubles(2 * ((n + 1) // 2))
    if n > 64:
        first, second = uniforms[0::2], uniforms[1::2]
        radius = np.sqrt(-2.0 * libm(math.log1p, -second))
        angle = (2.0 * math.pi) * first
        normals = np.empty(uniforms.size)
        normals[0::2] = radius * np.cos(angle)
        normals[1::2] = radius * np.sin(angle)
    else:
        listed = []
        numbers = uniforms.tolist()
        for first, second in zip(numbers[0::2], numbers[1::2], strict=True):
            radius = math.sqrt(-2.0 * math.log1p(-second))
            angle = (2.0 * math.pi) * first
            listed.append(radius * math.cos(angle))
            listed.append(radius * math.sin(angle))
        normals = np.array(listed)
    if n % 2:
        generator.next_normal = float(normals[-1])
        normals = normals[:-1]
    return normals


def _single_constant(value):
    return np.asarray(value, dtype=np.float32)


def _double_constant(value):
    """Return a float32 constant held in float64."""
    return np.asarray(np.float32(value), dtype=np.float64)


_ZERO = _single_constant(0.0)
_HALF = _single_constant(0.5)
_ONE = _single_constant(1.0)
_MINUS_TWO = _single_constant(-2.0)
_TWO_PI = _single_constant(2.0 * math.pi)

# Cephes logf: log(x) = e log 2 + log(1 + m) with 1 + m in [sqrt(1/2), sqrt(2)), and
# log(1 + m) = m - m**2 / 2 + m**3 p(m). The constant log 2 is split in two.
_LOG_COEFFICIENTS = tuple(
    _double_constant(value)
    for value in (
        7.0376836292e-2,
        -1.1514610310e-1,
        1.1676998740e-1,
        -1.2420140846e-1,
        1.4249322787e-1,
        -1.6668057665e-1,
        2.0000714765e-1,
        -2.4999993993e-1,
        3.3333331174e-1,
    )
)
_LOG_TWO_LOW = _single_constant(-2.12194440e-4)
_LOG_TWO_HIGH = _single_constant(0.693359375)
_ROOT_HALF_BITS = np.asarray(0x3F3504F3, dtype=np.int32)
_MANTISSA_BITS = np.asarray(0x7FFFFF, dtype=np.int32)
_MANTISSA_SIZE = np.asarray(23, dtype=np.int32)


def _log(x):
    """Cephes' logf for x in (0, 1].  float32 (n,) -> float32 (n,)"""
    bits = x.view(np.int32)
    bits -= _ROOT_HALF_BITS
    exponent = (bits >> _MANTISSA_SIZE).astype(np.float32)
    bits &= _MANTISSA_BITS
    bits += _ROOT_HALF_BITS
    x -= _ONE
    square = x * x

    narrow = np.empty_like(x)
    wide_x = x.astype(np.float64)
    wide = wide_x * _LOG_COEFFICIENTS[0]
    for coefficient in _LOG_COEFFICIENTS[1:]:
        wide += coefficient
        narrow[...] = wide
        wide[...] = narrow
        wide *= wide_x
    narrow[...] = wide
    wide[...] = narrow
    wide *= square
    wide += exponent * _LOG_TWO_LOW
    narrow[...] = wide
    square *= _HALF
    narrow -= square
    narrow += x
    exponent *= _LOG_TWO_HIGH  # exact: 9 bits by 5 bits
    narrow += exponent
    return narrow


# Cephes sinf and cosf: the angle is brought to within pi/4 of an even multiple j of pi/4, which
# is subtracted in three parts, of which the first two times j are exact.
_FOUR_OVER_PI = _single_constant(1.27323954473516)
_PI_PART_1 = _single_constant(-0.78515625)
_PI_PART_2 = _single_constant(-2.4187564849853515625e-4)
_PI_PART_3 = _double_constant(-3.77489497744594108e-8)
_WAVE_COEFFICIENTS = tuple(
    np.array([[np.float32(cosine)], [np.float32(sine)]], dtype=np.float64)
    for cosine, sine in (
        (2.443315711809948e-5, -1.9515295891e-4),
        (-1.388731625493765e-3, 8.3321608736e-3),
        (4.166664568298827e-2, -1.6666654611e-1),
    )
)
_INT_ONE = np.asarray(1, dtype=np.int32)
_INT_TWO = np.asarray(2, dtype=np.int32)
_INT_FOUR = np.asarray(4, dtype=np.int32)
_EVEN = np.asarray(~1, dtype=np.int32)
_SIGN_SHIFT = np.asarray(29, dtype=np.int32)


def _cosine_and_sine(angle):
    """Cephes' cosf and sinf for angles in [0, 2 pi].  float32 (n,) -> float32 (2, n)"""
    octant = (angle * _FOUR_OVER_PI).astype(np.int32)
    octant += _INT_ONE
    octant &= _EVEN
    waves = _polynomials(_reduce(angle, octant.astype(np.float32)))
    cosine, sine = waves.view(np.int32)

    # In the second and fourth quarter the two change places.
    exchange = cosine ^ sine
    exchange &= -((octant >> _INT_ONE) & _INT_ONE)
    cosine ^= exchange
    sine ^= exchange
    sine ^= (octant & _INT_FOUR) << _SIGN_SHIFT
    octant += _INT_TWO
    cosine ^= (octant & _INT_FOUR) << _SIGN_SHIFT
    return waves


def _reduce(angle, octant):
    """Subtract `octant` quarters of pi, in place.  float32 (n,), float32 (n,) -> float32 (n,)"""
    angle += octant * _PI_PART_1
    angle += octant * _PI_PART_2
    wide = octant * _PI_PART_3
    wide += angle
    angle[...] = wide
    return angle


def _polynomials(angle):
    """Cosine and sine within pi/4 of zero.  float32 (n,) -> float32 (2, n)"""
    square = angle * angle
    wide_square = square.astype(np.float64)
    first, second, third = _WAVE_COEFFICIENTS
    narrow = np.empty((2, angle.size), dtype=np.float32)
    wide = wide_square * first
    for coefficient in (second, third):
        wide += coefficient
        narrow[...] = wide
        wide[...] = narrow
        wide *= wide_square
    narrow[...] = wide
    wide[...] = narrow
    cosine, sine = wide
    # 1 - z/2 + z**2 p(z) and x + x z p(z)
    cosine *= wide_square
    wide_square *= 0.5
    cosine -= wide_square
    sine *= angle
    sine += angle
    narrow[...] = wide
    narrow[0] += _ONE
    return narrow
