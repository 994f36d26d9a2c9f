"""Sorting, top-k, searching in sorted sequences, unique elements, counting."""

import numpy as np

from ..sampling import Sample, array

_LONG = array(2, 5, dtype="int64", low=-5, high=5)
_BOOL = array(3, 4, dtype="bool")
_EMPTY = array(0, 3)
_NAN = np.array([1.0, np.nan, 3.0, np.nan, 1.0])
_TIES = np.array([1.0, 2.0, 1.0, 2.0, 1.0])
_STEPS = np.array([1.0, 2.0, 2.0, 5.0])
_ROWS = np.sort(array(3, 4), axis=1)

_SORTS = [
    Sample(array(3, 4)),
    Sample(array(3, 4), 0),
    Sample(array(3, 4), dim=-2, descending=True),
    Sample(array()),
    Sample(array(), 0),
    Sample(array(4, 3).T, 1),
    Sample(_NAN, skip="finite"),
    Sample(_NAN, descending=True, skip="finite"),
    Sample(_TIES, skip="finite", stable=True),
    Sample(_TIES, stable=True, descending=True, skip="finite"),
    Sample(_LONG, 1),
    Sample(_BOOL, stable=True),
    Sample(_EMPTY, 0),
    Sample(array(3, 4), 3, raises=IndexError, match="Dimension out of range"),
]

SAMPLES = {
    # PyTorch names the node of a stable sort differently; here all are stable.
    "sort": [
        *[s for s in _SORTS if "stable" not in s.settings],
        Sample(_TIES, stable=True, skip=("finite", "node")),
        Sample(_TIES, stable=True, descending=True, skip=("finite", "node")),
        Sample(_BOOL, stable=True, dim=1),
    ],
    "argsort": [
        *_SORTS,
        Sample(array(3, 4), stable=True, dim=0),
    ],
    "msort": [
        Sample(array(3, 4)),
        Sample(array()),
        Sample(array(5)),
        Sample(_LONG),
    ],
    "topk": [
        Sample(array(3, 6), 2),
        Sample(array(3, 6), 3, dim=0),
        Sample(array(3, 6), 4, largest=False),
        Sample(array(3, 6), 6, 1, True, True),
        Sample(array(), 1),
        Sample(array(3, 4), 0),
        Sample(np.array([[5, -3, 4], [2, 0, 9]]), 3, largest=False),
        Sample(array(3, 4), 5, raises=RuntimeError, match="selected index k out of range"),
        Sample(array(3, 4), -1, raises=RuntimeError, match="selected index k out of range"),
    ],
    "searchsorted": [
        Sample(_STEPS, array(3, 4, low=0, high=6)),
        Sample(_STEPS, np.array([2.0, 5.0, 7.0])),
        Sample(_STEPS, np.array([2.0, 5.0, 7.0]), right=True),
        Sample(_STEPS, np.array([2.0, 5.0]), side="right"),
        Sample(_STEPS, np.array([2.0, 5.0]), out_int32=True),
        Sample(_ROWS, array(3, 2)),
        Sample(_STEPS, 2),
        Sample(_STEPS[::-1].copy(), np.array([2.0]), sorter=np.array([3, 2, 1, 0])),
        Sample(
            _ROWS, array(2), raises=RuntimeError, match="boundaries tensor should be 1 dimension"
        ),
        Sample(_STEPS, array(2), side="up", raises=RuntimeError, match="side can only be"),
        Sample(
            _STEPS,
            array(2),
            side="left",
            right=True,
            raises=RuntimeError,
            match="side and right can't be set to opposites",
        ),
    ],
    "bucketize": [
        Sample(array(3, 4, low=0, high=6), _STEPS),
        Sample(np.array([2.0, 5.0]), _STEPS, right=True),
        Sample(2.0, _STEPS),
        Sample(np.array([2.0, 5.0]), _STEPS, out_int32=True),
        Sample(array(3), _ROWS, raises=RuntimeError, match="boundaries tensor must be 1 dim"),
    ],
    # PyTorch's result requires grad but has none.
    "unique": [
        Sample(array(3, 4, dtype="int64", low=0, high=3)),
        Sample(array(3, 4, dtype="int64", low=0, high=3), True, True, True),
        Sample(_NAN, constant=(0,), return_counts=True),
        Sample(np.array([[1, 2], [1, 2], [0, 1]]), dim=0),
        Sample(np.array([[1, 2], [1, 2], [0, 1]]), dim=1, return_inverse=True),
        Sample(np.array([[1, 2], [1, 2], [0, 1]]), dim=0, return_counts=True),
        Sample(_EMPTY, constant=(0,)),
        Sample(_EMPTY, dim=0, constant=(0,)),
        Sample(_EMPTY, dim=1, raises=RuntimeError, match="There are 0 sized dimensions"),
    ],
    "unique_consecutive": [
        Sample(np.array([1, 1, 2, 2, 1])),
        Sample(np.array([1, 1, 2, 2, 1]), True, True),
        Sample(np.array([[1, 1], [1, 1], [0, 1]]), dim=0, return_inverse=True),
        Sample(np.array([[1, 1], [2, 1], [2, 2]]), return_inverse=True),
        Sample(array(0, dtype="int64"), True, True),
    ],
    "bincount": [
        Sample(np.array([0, 3, 1, 1])),
        Sample(np.array([0, 3, 1, 1]), minlength=6),
        Sample(np.array([0, 3, 1]), array(3), constant=(1,)),
        Sample(np.array([0, 3, 1]), weights=array(3, dtype="float32"), constant=(1,)),
        Sample(np.array([0, 3, 1]), np.array([1, 2, 3])),
        Sample(array(0, dtype="int64")),
        Sample(array(3), raises=NotImplementedError, match="not implemented for 'Double'"),
        Sample(np.array([-1, 2]), raises=RuntimeError, match="1-d non-negative integral inputs"),
        Sample(np.array([[1, 2]]), raises=RuntimeError, match="1-d non-negative integral inputs"),
        Sample(np.array([1, 2]), array(3), raises=RuntimeError, match="weights should be 1-d"),
        Sample(np.array([1]), minlength=-1, raises=RuntimeError, match="minlength should be >= 0"),
    ],
    "histc": [
        Sample(array(20), 5, constant=(0,)),
        Sample(array(20), bins=4, min=-1, max=1, constant=(0,)),
        Sample(np.ones(3), bins=4, constant=(0,)),
        Sample(_EMPTY, bins=2, constant=(0,)),
        Sample(array(20), bins=0, raises=RuntimeError, match="bins must be > 0, but got 0"),
        Sample(
            array(20), bins=3, min=2, max=1, raises=RuntimeError, match="max must be larger than"
        ),
        Sample(_LONG, bins=3, raises=NotImplementedError, match="not implemented for 'Long'"),
    ],
    "histogram": [
        Sample(array(20), 5, constant=(0,)),
        Sample(array(20), bins=4, range=(-1.0, 1.0), density=True, constant=(0,)),
        Sample(array(20), np.array([-2.0, 0.0, 0.5, 2.0]), constant=(0, 1)),
        Sample(array(3, 4), 3, weight=array(3, 4), constant=(0, 1)),
        Sample(array(20, dtype="float32"), 5, constant=(0,)),
        Sample(_LONG, bins=3, raises=NotImplementedError, match="not implemented for 'Long'"),
    ],
    "isin": [
        Sample(np.arange(6).reshape(2, 3), np.array([1, 4])),
        Sample(np.arange(4), 2, invert=True),
        Sample(2, np.array([1, 2])),
        Sample(np.arange(4), np.array([1, 7]), assume_unique=True),
    ],
}
