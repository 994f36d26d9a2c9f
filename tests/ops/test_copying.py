"""Samples of copies and casts, and of the functions that are tensor methods."""

from __future__ import annotations

import numpy as np

from ..sampling import Sample, array

SAMPLES = {
    "clone": [
        Sample(array(3, 4)),
        Sample(array()),
        Sample(array(0, 3)),
        Sample(array(4, 3).T),
        Sample(array(3, dtype="int64")),
        Sample(array(2, 2, dtype="complex128")),
    ],
    "detach": [Sample(array(3, 4)), Sample(array()), Sample(array(2, dtype="int64"))],
    "detach_": [Sample(array(3), constant=(0,))],
    "fill_": [
        Sample(array(3, 4), 2.5, constant=(0,)),
        Sample(array(3, dtype="int64"), 7),
        Sample(array(3), np.array([1.0, 2.0]), constant=(0, 1), raises=RuntimeError,
               match="fill_ only supports 0-dimension value tensor"),
    ],
    "zero_": [Sample(array(3, 4), constant=(0,)), Sample(array(2, dtype="int64"))],
    "numel": [Sample(array(3, 4)), Sample(array()), Sample(array(0, 2))],
    "is_inference": [Sample(array(3))],
}  # fmt: skip
