"""Exponentials, logarithms, the logistic function."""

from __future__ import annotations

import numpy as np

from ..sampling import Sample, array, one_operand, two_operands


def positive(*shape, dtype="float64"):
    """Draw positive numbers."""
    if np.dtype(dtype).kind in "iub":
        return array(*shape, dtype=dtype, low=1, high=5)
    return array(*shape, dtype=dtype, low=0.1, high=3)


def unit(*shape, dtype="float64"):
    """Draw from (0, 1)."""
    if np.dtype(dtype).kind in "iub":
        return array(*shape, dtype=dtype, low=0, high=1)
    return array(*shape, dtype=dtype, low=0.05, high=0.95)


SPECIAL = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 800.0, -800.0])
EDGES = np.array([0.0, -1.0, np.inf, np.nan])

SAMPLES = {
    "exp": [*one_operand(array, complexes=True), Sample(SPECIAL)],
    "exp2": [*one_operand(array, complexes=True), Sample(SPECIAL)],
    "expm1": [*one_operand(array, complexes=True), Sample(SPECIAL), Sample(np.array([1e-12]))],
    "log": [*one_operand(positive, complexes=True), Sample(EDGES)],
    "log2": [*one_operand(positive, complexes=True), Sample(EDGES)],
    "log10": [*one_operand(positive, complexes=True), Sample(EDGES)],
    "log1p": [*one_operand(positive, complexes=True), Sample(EDGES), Sample(np.array([1e-12]))],
    "logaddexp": [
        *two_operands(array, integers=False, bools=False, complexes=True),
        Sample(np.array([np.inf, -np.inf, 1.0, 800.0]), np.array([np.inf, -np.inf, -np.inf, 1.0])),
        Sample(
            array(3, dtype="int64"), array(3, dtype="int64"), raises=NotImplementedError,
            match="\"logaddexp_cpu\" not implemented for 'Long'",
        ),
    ],
    "logaddexp2": [
        *two_operands(array, integers=False, bools=False),
        Sample(np.array([np.inf, -np.inf, 1.0]), np.array([np.inf, -np.inf, -np.inf])),
        Sample(
            array(3, dtype="int64"), array(3, dtype="int64"), raises=NotImplementedError,
            match="\"logaddexp2_cpu\" not implemented for 'Long'",
        ),
    ],
    "xlogy": [
        *two_operands(positive),
        Sample(positive(3), 2.5),
        Sample(positive(3, dtype="int64"), 2),
        Sample(2.5, positive(3)),
        Sample(0, positive(3)),
        # Kinks, and slopes that are infinite.
        Sample(np.array([0.0, 0.0, 0.0, 1.0]), np.array([0.0, np.nan, -1.0, 0.0]), skip="finite"),
        Sample(np.array([0.0, 0.0, 1.0]), np.array([2.0, -1.0, 3.0]), skip="finite"),
    ],
    "sigmoid": [*one_operand(array, complexes=True), Sample(SPECIAL)],
    "logit": [
        *one_operand(unit),
        Sample(np.array([-1.0, 0.0, 0.5, 1.0, 2.0]), skip="finite"),  # nan beside infinities
        Sample(unit(3, 4), 0.3),
        Sample(np.array([-1.0, 0.0, 0.1, 0.5, 0.9, 2.0]), eps=0.1, skip="finite"),  # kinks
        Sample(unit(3, dtype="float32"), eps=1e-6),
        Sample(
            array(3, dtype="complex64"), raises=NotImplementedError,
            match="\"logit_cpu\" not implemented for 'ComplexFloat'",
        ),
    ],
    "special.exp2": [Sample(array(3))],
    "special.expm1": [Sample(array(3))],
    "special.log1p": [Sample(positive(3))],
    "special.expit": [Sample(array(3)), Sample(array(3, dtype="int64"))],
    "special.logit": [Sample(unit(3)), Sample(unit(3), eps=0.2)],
    "special.xlogy": [Sample(positive(3), positive(3)), Sample(2.0, positive(3))],
}  # fmt: skip
