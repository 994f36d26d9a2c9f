"""Running sums, products and extremes; differences of neighbours."""

import numpy as np

from ..sampling import Sample, array

_LONG = array(2, 3, dtype="int64", low=-5, high=5)
_BOOL = array(3, 4, dtype="bool")
_EMPTY = array(0, 3)
_NAN = np.array([1.0, np.nan, 3.0, np.nan, 1.0])
_TIES = np.array([1.0, 1.0, 3.0, 3.0, 1.0])

_PLAIN = [
    Sample(array(3, 4), 1),
    Sample(array(2, 3, 4), dim=-2),
    Sample(array(), dim=0),
    Sample(array(4, 3).T, 0),
    Sample(_EMPTY, 0),
    Sample(_EMPTY, 1),
    Sample(array(1, 3), 0),
    Sample(array(3, 4), 2, raises=IndexError, match="Dimension out of range"),
]
# In place the dtype cannot change; PyTorch says so in other words.
_NUMBERS = [
    Sample(_LONG, 0),
    Sample(_BOOL, 1, skip="inplace"),
    Sample(array(2, 3, dtype="uint8", low=0, high=200), 0, skip="inplace"),
    Sample(_LONG, 0, dtype=np.float64, skip="inplace"),
    Sample(array(100, dtype="float16", low=0, high=1), 0),
]
_EXTREMES = [
    *_PLAIN,
    Sample(_NAN, 0, skip="finite"),
    Sample(_TIES, 0, skip="finite"),
    Sample(_LONG, 1),
    Sample(_BOOL, 0),
]
_ZEROS = np.array([[1.0, 0.0, 3.0, -2.0], [0.0, 5.0, 0.0, 1.5]])

SAMPLES = {
    "cumsum": [*_PLAIN, *_NUMBERS, Sample(array(3, 4), axis=1)],
    "cumprod": [
        *_PLAIN,
        *_NUMBERS,
        Sample(_ZEROS, 1),
        Sample(_ZEROS, 0),
        Sample(np.array([0.0, 2.0, 0.0, 3.0]), 0),
    ],
    "cummax": _EXTREMES,
    "cummin": _EXTREMES,
    "logcumsumexp": [
        *_PLAIN,
        Sample(np.array([1000.0, 1001.0, 999.0]), 0),
        Sample(np.array([-np.inf, 1.0, 2.0]), 0, skip=("finite", "second")),
        Sample(_LONG, 0, raises=NotImplementedError, match="not implemented for 'Long'"),
    ],
    "diff": [
        Sample(array(3, 4)),
        Sample(array(3, 4), dim=0),
        Sample(array(3, 5), n=2),
        Sample(array(3, 4), n=0, skip="node"),  # a copy there, a clone here
        Sample(array(3, 4), n=10),
        Sample(array(3, 4), prepend=array(3, 2)),
        Sample(array(3, 4), append=array(1, 4), dim=0),
        Sample(array(3, 4), 2, 1, array(3, 1), array(3, 1)),
        Sample(_LONG),
        Sample(_BOOL),
        Sample(array(0, 3)),
        Sample(array(1, 3), dim=0),
        Sample(array(), raises=RuntimeError, match="diff expects input to be at least one-dim"),
        Sample(array(3, 4), n=-1, raises=RuntimeError, match="order must be non-negative but got"),
        Sample(
            array(3, 4),
            prepend=array(4),
            raises=RuntimeError,
            match="diff expects prepend or append to be the same dimension as input",
        ),
    ],
}
