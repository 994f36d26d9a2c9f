"""Trigonometric and hyperbolic functions, their inverses, degrees."""

from __future__ import annotations

import numpy as np

from ..sampling import Sample, array, one_operand, two_operands


def inside(*shape, dtype="float64"):
    """Draw from (-1, 1)."""
    if np.dtype(dtype).kind in "iub":
        return array(*shape, dtype=dtype, low=0, high=1)
    return array(*shape, dtype=dtype, low=-0.9, high=0.9)


def above_one(*shape, dtype="float64"):
    """Draw above 1."""
    return array(*shape, dtype=dtype, low=1, high=4)


SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan])

SAMPLES = {
    "sin": [*one_operand(array, complexes=True), Sample(SPECIAL)],
    "cos": [*one_operand(array, complexes=True), Sample(SPECIAL)],
    "tan": [*one_operand(array, complexes=True), Sample(SPECIAL)],
    "asin": [*one_operand(inside, complexes=True), Sample(np.array([1.0, -1.0, 2.0, np.nan]))],
    "acos": [*one_operand(inside, complexes=True), Sample(np.array([1.0, -1.0, 2.0, np.nan]))],
    "atan": [*one_operand(array, complexes=True), Sample(SPECIAL)],
    "atan2": [
        *two_operands(array),
        # The angle jumps at 0, so no differences there.
        Sample(np.array([0.0, -0.0, 1.0, 0.0]), np.array([0.0, -0.0, 0.0, -1.0]), skip="finite"),
        Sample(
            array(3), 2, raises=TypeError,
            match="atan2(): argument 'other' (position 2) must be Tensor, not int",
        ),
    ],
    "sinh": [*one_operand(array, complexes=True), Sample(SPECIAL)],
    "cosh": [*one_operand(array, complexes=True), Sample(SPECIAL)],
    "tanh": [*one_operand(array, complexes=True), Sample(SPECIAL)],
    "asinh": [*one_operand(array, complexes=True), Sample(SPECIAL)],
    "acosh": [*one_operand(above_one, complexes=True), Sample(np.array([1.0, 0.5, np.inf]))],
    "atanh": [
        *one_operand(inside, complexes=True),
        Sample(np.array([1.0, -1.0, 2.0]), skip="finite"),
    ],
    "deg2rad": [
        *one_operand(array),
        Sample(array(3, dtype="complex64"), raises=RuntimeError, match="deg2rad is not supported"),
    ],
    "rad2deg": [
        *one_operand(array),
        Sample(array(3, dtype="complex64"), raises=RuntimeError, match="rad2deg is not supported"),
    ],
}  # fmt: skip
