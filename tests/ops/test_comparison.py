"""Comparisons, tests of numbers, logical and bitwise operations."""

from __future__ import annotations

import numpy as np

from ..sampling import Sample, array, one_operand, two_operands, with_numbers


def ties(*shape, dtype="float64"):
    """Draw from a few numbers, so that some are equal."""
    return np.asarray(np.round(array(*shape, low=0, high=2))).astype(dtype)


SPECIAL = np.array([0.0, -0.0, 1.0, np.inf, -np.inf, np.nan])


def compared(complexes=False):
    return [
        *two_operands(ties, complexes=complexes),
        *with_numbers(ties, 1, 1.5, True),
        Sample(SPECIAL, SPECIAL[::-1].copy()),
        Sample(array(3, dtype="uint8"), array(3, dtype="int64")),
        Sample(array(3, dtype="int64"), 0.5),
    ]


def logical():
    return [
        *two_operands(ties, complexes=True),
        Sample(SPECIAL, SPECIAL[::-1].copy()),
        Sample(array(3), 1, raises=TypeError, match="argument 'other' (position 2) must be Tensor"),
    ]


def whole(*shape, dtype="int64"):
    return array(*shape, dtype="int64" if dtype == "float64" else dtype, low=-9, high=9)


def bitwise(kernel, bools=True):
    samples = [
        Sample(whole(3, 4), whole(4)),
        Sample(whole(), whole(3)),
        Sample(whole(0, 2), whole(2)),
        Sample(whole(4, 3).T, whole(3, 4)),
        Sample(whole(3, dtype="uint8"), whole(3, dtype="int8")),
        Sample(whole(3, dtype="int32"), whole(3, dtype="int64")),
        Sample(whole(3), 5),
        Sample(5, whole(3)),
        Sample(whole(3, dtype="int16"), 3),
        Sample(
            array(3), array(3), raises=NotImplementedError,
            match=f"\"{kernel}\" not implemented for 'Double'",
        ),
    ]  # fmt: skip
    if bools:
        samples.append(Sample(array(5, dtype="bool"), array(5, dtype="bool")))
        samples.append(Sample(array(5, dtype="bool"), True))
        samples.append(Sample(array(5, dtype="bool"), 3))
    return samples


SHIFTS = [
    Sample(np.array([1, -1, 5, 5]), np.array([3, 64, 63, -1])),
    Sample(np.array([1, -1, 5, 5], dtype="int8"), np.array([3, 8, 7, 6], dtype="int8")),
    Sample(np.array([255, 3], dtype="uint8"), np.array([7, 8], dtype="uint8")),
]
NEAR = array(6)

SAMPLES = {
    "eq": compared(True),
    "ne": compared(True),
    "lt": compared(),
    "le": compared(),
    "gt": compared(),
    "ge": compared(),
    "isnan": [*one_operand(array, complexes=True), Sample(SPECIAL)],
    "isinf": [*one_operand(array, complexes=True), Sample(SPECIAL)],
    "isfinite": [*one_operand(array, complexes=True), Sample(SPECIAL)],
    "isreal": [*one_operand(array, complexes=True), Sample(np.array([1j, 1, 0]))],
    "isposinf": [
        *one_operand(array),
        Sample(SPECIAL),
        Sample(
            array(3, dtype="complex64"), raises=RuntimeError,
            match="isposinf does not support complex inputs.",
        ),
    ],
    "isneginf": [*one_operand(array), Sample(SPECIAL)],
    "isclose": [
        Sample(NEAR, NEAR + 1e-9),
        Sample(NEAR, NEAR * (1 + 1e-5)),
        Sample(NEAR, NEAR + 0.1, atol=0.1),
        Sample(NEAR, NEAR * 1.1, 0.2, 0.0),
        Sample(NEAR, array()),
        Sample(SPECIAL, SPECIAL),
        Sample(SPECIAL, SPECIAL, equal_nan=True),
        Sample(SPECIAL, SPECIAL[::-1].copy()),
        Sample(np.array([100000, 5]), np.array([100001, 6])),
        Sample(array(3, dtype="bool"), array(3, dtype="bool")),
        Sample(array(3, dtype="complex128"), array(3, dtype="complex128")),
        Sample(array(0, 3), array(3)),
        Sample(
            array(3), array(3, dtype="float32"), raises=RuntimeError,
            match="Double did not match Float",
        ),
        Sample(
            array(3), array(3), rtol=-1, raises=RuntimeError,
            match="rtol must be greater than or equal to zero, but got -1",
        ),
        Sample(
            array(3), array(3), atol=-1, raises=RuntimeError,
            match="atol must be greater than or equal to zero, but got -1",
        ),
    ],
    "allclose": [
        Sample(NEAR, NEAR + 1e-9),
        Sample(NEAR, NEAR + 1),
        Sample(SPECIAL, SPECIAL, equal_nan=True),
        Sample(SPECIAL, SPECIAL),
        Sample(array(0), array(0)),
        Sample(
            array(3), array(4), raises=RuntimeError, match="must match the size of tensor b (4)"
        ),
    ],
    "equal": [
        Sample(NEAR, NEAR.copy()),
        Sample(NEAR, NEAR + 1),
        Sample(NEAR, array(5)),
        Sample(np.array([1, 2]), np.array([1.0, 2.0])),
        Sample(np.array([np.nan]), np.array([np.nan])),
        Sample(array(0, 3), array(0, 3)),
        Sample(array(3), 1, raises=TypeError, match="argument 'other' (position 2) must be Tensor"),
    ],
    "logical_and": logical(),
    "logical_or": logical(),
    "logical_xor": logical(),
    "logical_not": [*one_operand(ties, complexes=True), Sample(SPECIAL)],
    "bitwise_and": bitwise("bitwise_and_cpu"),
    "bitwise_or": bitwise("bitwise_or_cpu"),
    "bitwise_xor": bitwise("bitwise_xor_cpu"),
    "bitwise_not": [
        Sample(whole(3, 4)),
        Sample(array(3, dtype="bool")),
        Sample(array(3, dtype="uint8")),
        Sample(
            array(3), raises=NotImplementedError,
            match="\"bitwise_not_cpu\" not implemented for 'Double'",
        ),
    ],
    "bitwise_left_shift": [
        Sample(array(3, 4, dtype="int64"), array(4, dtype="int64", low=0, high=5)),
        Sample(array(3, dtype="int32"), 3),
        Sample(3, array(3, dtype="int64", low=0, high=5)),
        *SHIFTS,
        Sample(
            array(3), array(3), raises=NotImplementedError,
            match="\"lshift_cpu\" not implemented for 'Double'",
        ),
    ],
    "bitwise_right_shift": [
        Sample(whole(3, 4), array(4, dtype="int64", low=0, high=5)),
        Sample(whole(3, dtype="int32"), 3),
        Sample(300, array(3, dtype="int64", low=0, high=5)),
        *SHIFTS,
        Sample(
            array(3), array(3), raises=NotImplementedError,
            match="\"rshift_cpu\" not implemented for 'Double'",
        ),
    ],
    "is_nonzero": [
        Sample(np.array([2.0])),
        Sample(np.array(0)),
        Sample(
            array(2), raises=RuntimeError,
            match="Boolean value of Tensor with more than one value is ambiguous",
        ),
        Sample(
            array(0), raises=RuntimeError,
            match="Boolean value of Tensor with no values is ambiguous",
        ),
    ],
    "is_floating_point": [Sample(array(2)), Sample(array(2, dtype="int64"))],
    "is_complex": [Sample(array(2)), Sample(array(2, dtype="complex64"))],
    "is_signed": [
        Sample(array(2)), Sample(array(2, dtype="uint8")), Sample(array(2, dtype="bool")),
    ],
    "is_same_size": [Sample(array(2), array(2)), Sample(array(2), array(2, 1))],
}  # fmt: skip
