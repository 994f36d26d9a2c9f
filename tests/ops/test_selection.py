"""Maxima and minima of two, choices by a condition, bounds."""

from __future__ import annotations

import numpy as np

from ..sampling import Sample, array, two_operands
from .test_comparison import ties

NANS = (np.array([1.0, 2.0, np.nan, 1.0, np.nan]), np.array([1.0, 1.0, 1.0, np.nan, np.nan]))
MASK = array(3, 4, dtype="bool")


def chosen(name):
    return [
        *two_operands(array),
        # Kinks: equal elements, and nan.
        Sample(ties(12), ties(12), skip="finite"),
        Sample(*NANS, skip="finite"),
        Sample(
            array(3), 2.0, raises=TypeError,
            match=f"{name}(): argument 'other' (position 2) must be Tensor, not float",
        ),
        Sample(
            array(3, dtype="complex64"), array(3), raises=RuntimeError,
            match=f"{name} not implemented for complex tensors.",
        ),
    ]  # fmt: skip


BOUNDS = np.array([-2.0, -1.0, -0.5, 0.0, 0.5, 1.0, 2.0, np.nan])

WHERE = [
    Sample(MASK),
    Sample(array(dtype="bool")),
    Sample(MASK, array(3, 4), array(3, 4)),
    Sample(MASK, array(4), array(3, 1)),
    Sample(MASK, array(), array()),
    Sample(array(dtype="bool"), array(3), array(2, 3)),
    Sample(MASK, array(3, 4), 0.0),
    Sample(MASK, 0, array(3, 4)),
    Sample(MASK, 1.0, 2.0),
    Sample(MASK, 1, 2),
    Sample(MASK, 1, 2.5),
    Sample(MASK, array(3, 4, dtype="float32"), array()),
    Sample(MASK, array(3, 4, dtype="float32"), array(4)),
    Sample(MASK, array(3, 4, dtype="int64"), 2.5),
    Sample(MASK, array(3, 4, dtype="int64"), array(4, dtype="uint8")),
    Sample(MASK, array(3, 4, dtype="complex128"), array(4)),
    Sample(MASK.T, array(3, 4).T, array(4, 3)),
    Sample(array(0, 3, dtype="bool"), array(3), 1.0),
    Sample(array(4, dtype="uint8", high=1), array(4), 1.0),
    Sample(MASK),
    Sample(array(5, dtype="int64")),
    Sample(np.array([0.0, np.nan, 2.0]), constant=(0,)),
    Sample(
        array(3, dtype="int64"), array(3), 1.0, raises=RuntimeError,
        match="where expected condition to be a boolean tensor, but got a tensor with dtype "
            "Long",
    ),
    Sample(
        MASK, array(2), array(3, 4), raises=RuntimeError,
        match="The size of tensor a (4) must match the size of tensor b (2) at non-singleton "
        "dimension 1",
    ),
]  # fmt: skip
for sample in WHERE:
    sample.skip += ("method",)  # the condition is the method's second argument: see below

SAMPLES = {
    "maximum": chosen("maximum"),
    "minimum": chosen("minimum"),
    "fmax": chosen("fmax"),
    "fmin": chosen("fmin"),
    "where": WHERE,
    "clamp": [
        Sample(array(3, 4, dtype="int64"), min=array(3, 4, dtype="int64")),
        Sample(array(3, 4, dtype="int32"), max=array(4, dtype="int64")),
        Sample(array(3, 4, dtype="uint8"), min=array(3, 4, dtype="float32")),
        Sample(array(3, 4), -0.5, 0.5),
        Sample(array(3, 4), min=0),
        Sample(array(3, 4), max=0.5),
        Sample(array(), -0.5, 0.5),
        Sample(array(0, 3), 0, 1),
        Sample(array(4, 3).T, 0, 1),
        Sample(array(3, dtype="float32"), 0, 1),
        Sample(array(3, dtype="float16"), 0, 1),
        Sample(array(5, dtype="int64"), -1, 1),
        # PyTorch's in-place form words the same error in other names of types.
        Sample(array(5, dtype="int64"), 0.5, 2, skip="inplace"),
        Sample(array(5, dtype="bool"), 0, 1, skip="inplace"),
        Sample(array(3, dtype="float32"), np.float64(0), np.float64(1)),
        Sample(array(3), 1, -1),
        Sample(array(3), float("nan"), 1, skip="finite"),
        Sample(BOUNDS, -1, 1, skip="finite"),  # kinks
        Sample(array(3, 4), array(4, low=-1, high=0), array(3, 1, low=0, high=1)),
        Sample(array(3, 4), array(4)),
        Sample(array(3, 4), None, array(4)),
        Sample(array(3, 4), min=array(), max=array()),
        Sample(array(3, dtype="int64"), array(3)),
        Sample(
            np.array([-1.0, 0.0, 1.0, 2.0, 5.0, np.nan]), np.array([0.0, 0.0, 1.0, 3.0, 0.0, 0.0]),
            np.array([1.0, 0.0, 1.0, 2.0, 3.0, 1.0]), skip="finite",
        ),
        Sample(
            array(3), raises=RuntimeError,
            match="torch.clamp: At least one of 'min' or 'max' must not be None",
        ),
        Sample(array(3), 0, array(3), raises=TypeError, match="invalid combination of arguments"),
        Sample(
            array(3, dtype="complex64"), 0, 1, raises=NotImplementedError,
            match="clamp is not supported for complex types",
        ),
    ],
    "clamp_min": [
        Sample(array(3, 4), 0.5),
        Sample(array(3, 4), array(4)),
        Sample(array(3, dtype="int64"), 0.5, skip="inplace"),
        Sample(array(3, dtype="float32"), 1),
        Sample(BOUNDS, 0, skip="finite"),
        Sample(ties(9), ties(9), skip="finite"),
    ],
    "clamp_max": [
        Sample(array(3, 4), 0.5),
        Sample(array(3, 4), array(4)),
        Sample(array(3, dtype="int64"), 0.5, skip="inplace"),
        Sample(array(3, dtype="float32"), 1),
        Sample(BOUNDS, 0, skip="finite"),
        Sample(ties(9), ties(9), skip="finite"),
    ],
}  # fmt: skip


def test_where_method(torch_or_retrograd):
    torch = torch_or_retrograd
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = x.where(x > 1.5, torch.tensor(0.0))
    assert y.tolist() == [0.0, 2.0, 3.0]
    y.sum().backward()
    assert x.grad.tolist() == [0.0, 1.0, 1.0]
