"""Sums, products, quotients, remainders, absolute values, signs, divisors."""

from __future__ import annotations

import numpy as np

from ..sampling import Sample, array, one_operand, two_operands, with_numbers


def apart(*shape, dtype="float64"):
    """Draw numbers away from 0: divisors."""
    drawn = array(*shape, dtype=dtype, low=1, high=3)
    if np.dtype(dtype).kind == "b":
        return np.ones_like(drawn)
    if drawn.ndim and np.dtype(dtype).kind in "fi":
        drawn[..., ::2] *= -1
    return drawn


def whole(*shape, dtype="int64"):
    """Draw integers."""
    return array(*shape, dtype="int64" if dtype == "float64" else dtype, low=-20, high=20)


SUBTRACT_BOOLS = Sample(
    array(3, dtype="bool"), array(3, dtype="bool"), raises=RuntimeError,
    match="Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
    "`logical_xor()` operator instead.",
)  # fmt: skip
SUBTRACT_BOOL = Sample(
    array(3, dtype="bool"), 2, raises=RuntimeError,
    match="Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying",
)  # fmt: skip
FRACTION = Sample(
    array(3, dtype="int64"), array(3, dtype="int64"), alpha=0.5, raises=RuntimeError,
    match="For integral input tensors, argument alpha must not be a floating point number.",
)  # fmt: skip
ALPHAS = [
    Sample(array(3, 4), array(4), alpha=2),
    Sample(array(3), array(3), alpha=-0.5),
    Sample(array(3), 2.5, alpha=3),
    Sample(array(3, dtype="float32"), array(3, dtype="float32"), alpha=0.1),
    Sample(array(3, dtype="int64"), array(3, dtype="int64"), alpha=3),
    Sample(array(3, dtype="float32"), array(3, dtype="float32"), alpha=np.float64(0.1)),
    FRACTION,
    Sample(
        array(3), array(3), alpha=True, raises=RuntimeError,
        match="Boolean alpha only supported for Boolean results.",
    ),
]  # fmt: skip
ZERO_DIVISION = Sample(
    np.array([1, 2]), np.array([0, 1]), raises=RuntimeError, match="ZeroDivisionError"
)
NOT_A_TENSOR = {
    "raises": TypeError,
    "match": "argument 'other' (position 2) must be Tensor, not str",
}

SAMPLES = {
    "add": [
        *two_operands(array, complexes=True),
        *with_numbers(array, 2, 2.5, True, 1j, reverse=(2, 2.5)),
        *ALPHAS,
        Sample(array(3, dtype="bool"), array(3, dtype="bool"), alpha=2),
        Sample(array(3), "a", **NOT_A_TENSOR),
    ],
    "sub": [
        *two_operands(array, bools=False, complexes=True),
        *with_numbers(array, 2, 2.5, 1j, reverse=(2, 2.5)),
        *ALPHAS,
        SUBTRACT_BOOLS,
        SUBTRACT_BOOL,
        Sample(array(3), "a", **NOT_A_TENSOR),
    ],
    "rsub": [
        Sample(array(3, 4), array(4)),
        Sample(array(3), 2.5),
        Sample(array(3), array(3), alpha=2),
        Sample(array(3), 2.5, alpha=2, skip="node"),  # here a product stands before it
        Sample(array(3, dtype="int64"), 2),
        SUBTRACT_BOOLS,
        SUBTRACT_BOOL,
        FRACTION,
    ],
    "mul": [
        *two_operands(array, complexes=True),
        *with_numbers(array, 2, 2.5, True, 1j, reverse=(2, 2.5)),
    ],
    "div": [
        *two_operands(array, apart, complexes=True),
        *with_numbers(apart, 2, 2.5, 1j, reverse=(2, 2.5)),
        Sample(np.array([1.0, 0.0, -1.0]), np.array([0.0, 0.0, 0.0]), skip="finite"),
        Sample(array(3, 4), apart(4), rounding_mode="trunc"),
        Sample(array(3, 4, high=9), apart(3, 4), rounding_mode="floor"),
        Sample(array(3, high=9), 2, rounding_mode="floor"),
        Sample(array(3, high=9), 2.5, rounding_mode="trunc"),
        Sample(whole(8), apart(8, dtype="int64"), rounding_mode="trunc"),
        Sample(whole(8), apart(8, dtype="int64"), rounding_mode="floor"),
        Sample(whole(8), 3, rounding_mode="trunc"),
        Sample(array(3, dtype="uint8", high=20), 3, rounding_mode="trunc"),
        # Quotients by 0.0 jump, so no differences there.
        Sample(np.array([1.0, 0.0, -1.0]), np.zeros(3), rounding_mode="floor", skip="finite"),
        Sample(np.array([1.0, 0.0, -1.0]), np.zeros(3), rounding_mode="trunc", skip="finite"),
        Sample(
            np.array([1, 2]), np.array([0, 1]), rounding_mode="floor", raises=RuntimeError,
            match="ZeroDivisionError",
        ),
        Sample(
            np.array([1, 2]), np.array([0, 1]), rounding_mode="trunc", raises=RuntimeError,
            match="ZeroDivisionError",
        ),
        Sample(
            array(3), 2, rounding_mode="up", raises=RuntimeError,
            match="div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            "'up'",
        ),
    ],
    "true_divide": [Sample(array(3, 4), apart(4)), Sample(array(3, dtype="int64"), 2)],
    # It has no gradient in PyTorch either: backward raises, which a test below checks.
    "floor_divide": [
        Sample(
            *s.args, raises=s.raises, match=s.match, skip="gradient second finite float32"
        )
        for s in two_operands(array, apart, bools=False) + with_numbers(apart, 2, 2.5, reverse=(7,))
    ]
    + [
        Sample(whole(9), apart(9, dtype="int64")),
        ZERO_DIVISION,
        Sample(
            array(3, dtype="bool"), array(3, dtype="bool"), raises=NotImplementedError,
            match="\"div_floor_cpu\" not implemented for 'Bool'",
        ),
    ],
    "remainder": [
        *two_operands(array, apart, bools=False),
        *with_numbers(array, 2, 2.5, -3),
        Sample(7, apart(3, dtype="int64")),
        Sample(whole(9), apart(9, dtype="int64")),
        ZERO_DIVISION,
        Sample(
            array(3, dtype="bool"), array(3, dtype="bool"), raises=NotImplementedError,
            match="\"remainder_cpu\" not implemented for 'Bool'",
        ),
    ],
    "fmod": [
        *two_operands(array, apart, bools=False),
        *with_numbers(array, 2, 2.5, -3),
        Sample(whole(9), apart(9, dtype="int64")),
        ZERO_DIVISION,
        Sample(
            array(3, dtype="bool"), array(3, dtype="bool"), raises=NotImplementedError,
            match="\"fmod_cpu\" not implemented for 'Bool'",
        ),
    ],
    "neg": [
        *one_operand(array, bools=False, complexes=True),
        Sample(array(3, dtype="bool"), raises=RuntimeError, match="bool"),
    ],
    "positive": [
        *one_operand(array, bools=False),
        Sample(
            array(3, dtype="bool"), raises=RuntimeError,
            match="The `+` operator, on a bool tensor is not supported.",
        ),
    ],
    "abs": [
        *one_operand(array, bools=False, complexes=True),
        Sample(np.array([0.0, -0.0, -1.0, np.nan, -np.inf]), skip="finite"),  # a kink at 0
        Sample(
            array(3, dtype="bool"), raises=NotImplementedError,
            match="\"abs_cpu\" not implemented for 'Bool'",
        ),
    ],
    "sign": [
        *one_operand(array),
        Sample(np.array([0.0, -0.0, -1.0, np.nan]), skip="finite"),  # a jump at 0
        Sample(
            array(3, dtype="complex64"), raises=NotImplementedError,
            match="torch.sign is not intended to support complex numbers",
        ),
    ],
    "sgn": [
        *one_operand(array, complexes=True),
        Sample(np.zeros(2, "complex128"), skip="finite second"),
    ],
    "copysign": [
        *two_operands(apart),
        Sample(array(3), -2.0),
        Sample(array(3, dtype="int64"), -2),
        # 0 changes its sign, which differences do not see; PyTorch's second gradient is nan.
        Sample(np.array([0.0, -0.0, 1.0]), np.array([-1.0, 1.0, -0.0]), skip="finite second"),
    ],
    "ldexp": [
        *two_operands(array, integers=False, bools=False),
        Sample(array(3), np.array([0, 2, 3])),  # PyTorch's gradient at -1 is an integer power
        # PyTorch's in-place form refuses integers in words that are not English.
        Sample(array(3, dtype="int64"), array(3, dtype="int32"), skip="inplace"),
        Sample(array(3, dtype="bool"), array(3, dtype="float32"), skip="inplace"),
        Sample(
            array(3), 2, raises=TypeError,
            match="ldexp(): argument 'other' (position 2) must be Tensor, not int",
        ),
    ],
    "frexp": [
        Sample(array(3, 4)),
        Sample(array()),
        Sample(array(0, 3)),
        Sample(array(3, dtype="float32")),
        Sample(array(3, dtype="float16")),
        Sample(
            array(3, dtype="int64"), raises=RuntimeError,
            match="torch.frexp() only supports floating-point dtypes",
        ),
    ],
    "gcd": [
        Sample(whole(9), whole(9)),
        Sample(whole(3, 1), whole(4)),
        Sample(np.array([0, 4, 0]), np.array([0, 0, -6])),
        Sample(array(3, dtype="uint8", high=40), array(3, dtype="int8", high=40)),
        Sample(array(3), array(3), raises=NotImplementedError, match="implemented for 'Double'"),
    ],
    "lcm": [
        Sample(whole(9), whole(9)),
        Sample(whole(3, 1), whole(4)),
        Sample(np.array([0, 4, 0]), np.array([0, 0, -6])),
        Sample(array(3), array(3), raises=NotImplementedError, match="implemented for 'Double'"),
    ],
}  # fmt: skip
