"""Sums, means, products, logical reductions, log-sum-exp."""

import numpy as np

from ..sampling import Sample, array, read_only

_LONG = array(2, 3, dtype="int64", low=-5, high=5)
_BOOL = array(3, 4, dtype="bool")
_BYTE = array(2, 3, dtype="uint8", low=0, high=200)
_NAN = np.array([[1.0, np.nan, 3.0], [np.nan, np.nan, np.nan]])
_ONE_ZERO = np.array([[1.0, 0.0, 3.0, -2.0], [2.0, 5.0, 3.0, 1.5]])
_TWO_ZEROS = np.array([0.0, 2.0, 0.0, -3.0])
_INF = np.inf

_SHAPES = [
    Sample(array(3, 4)),
    Sample(array()),
    Sample(array(4, 3).T),
    Sample(array(3, 8)[:, ::2]),
    Sample(read_only(array(3, 4))),
    Sample(array(3, 4), dim=1),
    Sample(array(3, 4), -2, True),
    Sample(array(2, 3, 4), dim=1, keepdim=True),
    Sample(array(), dim=0),
    Sample(array(), dim=-1, keepdim=True),
    Sample(array(3, 4), dim=2, raises=IndexError, match="Dimension out of range"),
]
_SEVERAL = [
    Sample(array(2, 3, 4), dim=(0, 2)),
    Sample(array(2, 3, 4), dim=(-1, 0), keepdim=True),
    Sample(array(3, 4), dim=(0, 0), raises=RuntimeError, match="dim 0 appears multiple times"),
]

SAMPLES = {
    "sum": [
        *_SHAPES,
        *_SEVERAL,
        Sample(array(2, 3, 4), dim=[]),
        Sample(array(0, 3)),
        Sample(array(0, 3), dim=0),
        Sample(array(0, 3), dim=1),
        Sample(_LONG),
        Sample(_LONG, dim=0),
        Sample(_BOOL),
        Sample(_BOOL, dim=1),
        Sample(_BYTE),
        Sample(_BYTE, dim=0),
        Sample(array(3, dtype="int32")),
        Sample(array(400, dtype="float16", low=0, high=1)),
        Sample(_LONG, dtype=np.float64),
        # The cast is a node of its own here.
        Sample(array(3, 4), dtype=np.float32, skip="float32"),
        Sample(array(3, 4), dim=1, dtype=np.float32, skip="float32"),
        Sample(array(3, 4), axis=1, keepdims=True),
        Sample(array(2000, 3, dtype="float32"), dim=0),
        Sample(array(3, 4, dtype="complex128"), dim=0),
        Sample([1, 2], raises=TypeError, match="sum(): argument 'input' (position 1) must be"),
    ],
    "nansum": [
        *_SHAPES,
        *_SEVERAL,
        Sample(_NAN),
        Sample(_NAN, dim=1),
        Sample(_LONG, dim=1),
    ],
    "mean": [
        *_SHAPES,
        *_SEVERAL,
        Sample(array(0, 3)),
        Sample(array(0, 3), dim=0),
        Sample(array(0, 3), dim=1),
        Sample(_LONG, dtype=np.float64),
        Sample(_LONG, dim=1, dtype=np.float32),
        Sample(array(3, 4), axis=0),
        Sample(array(3, 4, dtype="complex128")),
        Sample(array(300, dtype="float16", low=0, high=1)),
        Sample(_LONG, raises=RuntimeError, match="could not infer output dtype"),
        Sample(_BOOL, raises=RuntimeError, match="Got: Bool"),
    ],
    "nanmean": [
        *_SHAPES,
        *_SEVERAL,
        Sample(_NAN),
        Sample(_NAN, dim=0),
        Sample(_NAN, dim=1, keepdim=True),
        Sample(_LONG, raises=RuntimeError, match="nanmean(): expected input to have floating"),
    ],
    "prod": [
        *_SHAPES,
        Sample(_ONE_ZERO),
        Sample(_ONE_ZERO, dim=0),
        Sample(_ONE_ZERO, dim=1, keepdim=True),
        Sample(_TWO_ZEROS),
        Sample(_TWO_ZEROS, dim=0),
        Sample(array(0, 3)),
        Sample(array(0, 3), dim=0),
        Sample(array(1, 3), dim=0),
        Sample(_LONG),
        Sample(_LONG, dim=1),
        Sample(_BOOL),
        Sample(_LONG, dtype=np.float64),
    ],
    "all": [
        *[sample for sample in _SHAPES if not sample.raises],
        Sample(_BOOL),
        Sample(_BOOL, dim=(0, 1)),
        Sample(_BOOL, dim=()),
        Sample(_BYTE),
        Sample(_BYTE, dim=1),
        Sample(array(0, 3)),
        Sample(array(0, 3), dim=0),
        Sample(_BOOL, dim=2, raises=IndexError, match="Dimension out of range"),
    ],
    "any": [
        *[sample for sample in _SHAPES if not sample.raises],
        Sample(_BOOL),
        Sample(_BOOL, dim=(0, 1), keepdim=True),
        Sample(_BYTE),
        Sample(_LONG, dim=1),
        Sample(array(0, 3)),
        Sample(array(0, 3), dim=0),
    ],
    "count_nonzero": [
        Sample(array(3, 4, dtype="int64", low=-1, high=1)),
        Sample(array(3, 4)),
        Sample(_BOOL, dim=0),
        Sample(_BOOL, dim=(0, 1)),
        Sample(array()),
        Sample(array(0, 3)),
        Sample(_BOOL, dim=2, raises=IndexError, match="Dimension out of range"),
    ],
    "logsumexp": [
        Sample(array(3, 4), 1),
        Sample(array(3, 4), dim=0, keepdim=True),
        Sample(array(2, 3, 4), dim=(0, 2)),
        Sample(array(), dim=0),
        Sample(array(4, 3).T, dim=-1),
        Sample(array(0, 3), dim=0),
        Sample(array(0, 3), dim=1),
        Sample(np.array([1000.0, 1001.0, 999.0]), dim=0),
        Sample(np.array([-1e5, -1e5 + 1]), dim=0),
        Sample(np.array([_INF, 1.0]), dim=0, skip="finite"),
        Sample(np.array([-_INF, 1.0]), dim=0, skip="finite"),
        Sample(np.array([-_INF, -_INF]), dim=0, skip="finite"),
        Sample(_LONG, dim=1),
        Sample(array(3, 4), dim=2, raises=IndexError, match="Dimension out of range"),
    ],
}
