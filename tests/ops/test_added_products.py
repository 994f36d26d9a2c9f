"""Products added to something: addmm and its like."""

import numpy as np

from ..sampling import Sample, array

_LONG = array(3, 4, dtype="int64", low=-5, high=5)
_EXPAND = "The expanded size of the tensor"
# In place nothing can broadcast; PyTorch says so in other words.
_ADDMM = [
    Sample(array(3, 5), array(3, 4), array(4, 5)),
    Sample(array(3, 5), array(3, 4), array(4, 5), beta=0.5, alpha=-2),
    Sample(array(3, 5), array(3, 4), array(4, 5), beta=0, alpha=3.0),
    Sample(np.full((3, 5), np.nan), array(3, 4), array(4, 5), beta=0, skip="finite"),
]

SAMPLES = {
    "addmm": [
        *_ADDMM,
        Sample(array(5), array(3, 4), array(4, 5), skip="inplace"),
        Sample(array(), array(3, 4), array(4, 5), beta=2, skip="inplace"),
        Sample(array(3, 1), array(3, 4), array(5, 4).T, skip="inplace"),
        Sample(_LONG[:, :3], _LONG, _LONG.T, beta=2, alpha=3),
        Sample(
            array(3, 5),
            array(3, 4),
            array(3, 5),
            raises=RuntimeError,
            match="mat1 and mat2 shapes cannot be multiplied (3x4 and 3x5)",
        ),
        Sample(array(4), array(3, 4), array(4, 3), raises=RuntimeError, match=f"{_EXPAND} (3)"),
        Sample(
            array(3, 5),
            array(3, 4),
            array(4, 5, dtype="float32"),
            raises=RuntimeError,
            match="self and mat2 must have the same dtype, but got Double and Float",
        ),
    ],
    "addmv": [
        Sample(array(3), array(3, 4), array(4)),
        Sample(array(3), array(3, 4), array(4), beta=0.5, alpha=-2),
        Sample(array(), array(3, 4), array(4), skip="inplace"),
        Sample(array(4), array(3, 4), array(4), raises=RuntimeError, match="got input (4)"),
        Sample(array(3), array(3, 4), array(3), raises=RuntimeError, match="mat (3x4), vec (3)"),
        Sample(array(3), array(4), array(4), raises=RuntimeError, match="expected, got 1, 1, 1"),
    ],
    "baddbmm": [
        Sample(array(2, 3, 5), array(2, 3, 4), array(2, 4, 5)),
        Sample(array(2, 3, 5), array(2, 3, 4), array(2, 4, 5), beta=0.5, alpha=-2),
        Sample(array(3, 5), array(2, 3, 4), array(2, 4, 5), skip="inplace"),
        Sample(array(5), array(2, 3, 4), array(2, 4, 5), beta=0, skip="inplace"),
        Sample(
            array(3, 4),
            array(2, 3, 4),
            array(2, 4, 3),
            raises=RuntimeError,
            match=f"{_EXPAND} (3) must match the existing size (4) at non-singleton dimension 2",
        ),
        Sample(array(3, 5), array(3, 4), array(2, 4, 5), raises=RuntimeError),
    ],
    "addbmm": [
        Sample(array(3, 5), array(2, 3, 4), array(2, 4, 5)),
        Sample(array(3, 5), array(2, 3, 4), array(2, 4, 5), beta=0.5, alpha=-2),
        Sample(array(5), array(2, 3, 4), array(2, 4, 5), skip="inplace"),
        Sample(
            array(3, 5),
            array(2, 3, 4),
            array(2, 3, 5),
            raises=RuntimeError,
            match="Incompatible matrix sizes for bmm (3x4 and 3x5)",
        ),
    ],
    "addr": [
        Sample(array(3, 4), array(3), array(4)),
        Sample(array(3, 4), array(3), array(4), beta=0.5, alpha=-2),
        Sample(array(), array(3), array(4), skip="inplace"),
        Sample(array(4), array(3), array(4), skip="inplace"),
        Sample(array(3, 4), array(4), array(4), raises=RuntimeError, match=f"{_EXPAND} (4)"),
        Sample(array(3, 4), array(3, 4), array(4), raises=RuntimeError, match="argument vec1"),
    ],
}
