"""Powers, roots, reciprocals."""

from __future__ import annotations

import numpy as np

from ..sampling import Sample, array, one_operand, two_operands
from .test_exponential import positive


def small(*shape, dtype="float64"):
    """Draw small exponents."""
    if np.dtype(dtype).kind in "iub":
        return array(*shape, dtype=dtype, low=0, high=3)
    return array(*shape, dtype=dtype, low=-2, high=3)


EXPONENTS = (0, 1, 2, 3, 4, 5, -1, -2, 0.5, -0.5, 1.0, 2.0, 3.0, 2.5, -1.5)
AT_ZERO = np.array([0.0, 1.0, 2.0])

SAMPLES = {
    "pow": [
        *[Sample(positive(2, 3), exponent) for exponent in EXPONENTS],
        *[Sample(positive(3, dtype="float32"), exponent) for exponent in EXPONENTS],
        *[Sample(array(4), exponent) for exponent in (0, 1, 2, 3, 4, 5, -1, 2.0)],
        *[Sample(array(4, dtype="int64"), exponent) for exponent in (0, 1, 2, 3, 4, 2.0, 2.5)],
        # At 0 the slope is infinite, or differences see another function.
        *[Sample(AT_ZERO, exponent, skip="finite") for exponent in (0, 0.5, 1, 2, -1, 3, 1.5)],
        Sample(positive(3, dtype="float32"), np.float64(2.5)),
        Sample(positive(3, dtype="float32"), np.int64(2)),
        Sample(array(3, dtype="bool"), 2),
        Sample(array(3, dtype="bool"), True),
        Sample(array(3, dtype="bool"), 2.5),
        Sample(array(3, dtype="uint8", low=0), 9),
        Sample(array(3, dtype="float16"), 2),
        Sample(positive(3, dtype="float16"), 2.5),
        Sample(positive(), 3),
        Sample(array(0, 3), 2),
        Sample(array(3, 4).T, 2),
        Sample(array(3, dtype="complex128"), 2),
        Sample(array(3, dtype="complex128"), 2.5),
        Sample(array(3), 2j),
        Sample(array(3, dtype="int64"), 2j),
        *two_operands(positive, small, bools=False),
        Sample(np.array([True, False, True]), small(3), skip="second"),
        Sample(array(3, dtype="complex128"), array(3, dtype="complex128")),
        Sample(array(3, dtype="complex128"), small(3)),
        Sample(np.array([2, 1, -1, -1, 0, -1]), np.array([-1, -1, -1, -2, 3, 0])),
        Sample(
            np.array([0.0, 0.0, 0.0, 2.0]), np.array([0.0, 2.0, -1.0, 0.0]), skip="finite second"
        ),
        Sample(2, small(3)),
        Sample(2.5, small(2, 2)),
        Sample(2, small(3, dtype="int64")),
        Sample(2.5, small(3, dtype="int64")),
        Sample(1, small(3)),
        # 0 times the logarithm of 0 is nan,
        Sample(0, np.array([1.0, 2.0]), skip="second"),
        # and infinite slopes, and a base without a logarithm.
        Sample(0, np.array([0.0, 1.0, -1.0]), skip="finite second"),
        Sample(-2, np.array([0.0, 1.0]), skip="finite second"),
        Sample(2j, small(3)),
        Sample(
            np.array([2, 3]), -1, raises=RuntimeError,
            match="Integers to negative integer powers are not allowed.",
        ),
        Sample(
            array(3, dtype="bool"), array(3, dtype="bool"), raises=NotImplementedError,
            match="\"pow\" not implemented for 'Bool'",
        ),
    ],
    "float_power": [
        Sample(positive(3), 2, skip="float32"),
        Sample(positive(3, dtype="float32"), 2.5),
        Sample(np.array([2, 3]), -1),
        Sample(positive(3), small(3), skip="float32"),  # its results are always wide
        Sample(positive(3, dtype="float32"), small(3, dtype="float32")),
        Sample(2, small(3, dtype="float32")),
        Sample(array(3, dtype="complex64"), 2),
    ],
    "square": [*one_operand(array, complexes=True)],
    "sqrt": [*one_operand(positive, complexes=True), Sample(np.array([0.0, -1.0, np.inf]))],
    "rsqrt": [*one_operand(positive, complexes=True), Sample(np.array([0.0, -1.0, np.inf]))],
    "reciprocal": [
        *one_operand(positive, complexes=True),
        Sample(np.array([0.0, -0.0, np.inf]), skip="finite"),
    ],
    "hypot": [
        *two_operands(array, integers=False, bools=False),
        Sample(np.zeros(2), np.array([0.0, 1.0]), skip="second finite"),
        Sample(
            array(3, dtype="int64"), array(3, dtype="int64"), raises=NotImplementedError,
            match="\"hypot_cpu\" not implemented for 'Long'",
        ),
        Sample(
            array(3), 2.0, raises=TypeError,
            match="hypot(): argument 'other' (position 2) must be Tensor, not float",
        ),
    ],
}  # fmt: skip
