"""Reading and writing under masks."""

import numpy as np

from ..sampling import Sample, array

M = np.array([[True, False, True], [False, False, True]])

SAMPLES = {
    "masked_fill": [
        Sample(array(2, 3), M, 1.5),
        Sample(array(2, 3), M, array()),
        Sample(array(2, 3), mask=M[0], value=-np.inf, skip="finite"),
        Sample(array(3), M, 2),
        Sample(array(1, 3), M, array(dtype="float32"), skip=("finite", "second")),
        Sample(array(), np.array(True), 3.0),
        Sample(array(0, 3), M[:0], 1.0),
        Sample(array(3, 2).T, M, 0.0),
        Sample(array(2, 3, dtype="int64"), M, 1.7),
        Sample(array(2, 3, dtype="bool"), M, True),
        Sample(array(2, 3), M[:, :2], 1.0, raises=RuntimeError, match="The size of tensor a (2) m"),
        Sample(array(3), M[0], array(3), raises=RuntimeError, match="only supports a 0-dimensiona"),
        Sample(array(3), array(3), 1.0, raises=RuntimeError, match="only supports boolean masks, "),
        Sample(array(3), M[0], 1j, raises=RuntimeError, match="value cannot be converted to type"),
    ],
    "masked_select": [
        Sample(array(2, 3), M),
        Sample(array(3), M),
        Sample(array(2, 3), M[0]),
        Sample(array(), np.array(True)),
        Sample(array(3, 2).T, M),
        Sample(array(2, 3), np.zeros((2, 3), bool)),
        Sample(array(2, 3, dtype="int64"), M),
        Sample(array(2, 3), M[:, :2], raises=RuntimeError, match="The size of tensor a (2) must m"),
        Sample(array(3), array(3), raises=RuntimeError, match="masked_select: expected BoolTensor"),
    ],
    "masked_scatter": [
        Sample(array(2, 3), M, array(3)),
        Sample(array(2, 3), M, array(2, 4)),
        Sample(array(3), M, array(7), skip="inplace"),  # another error text
        Sample(array(2, 3), M[0], array(4)),
        Sample(array(2, 3, dtype="int64"), M, array(3, dtype="int64")),
        Sample(array(3), M[0], array(1), raises=RuntimeError, match="Number of elements of source"),
        Sample(
            array(3),
            M[0],
            array(3, dtype="float32"),
            raises=RuntimeError,
            match="masked_scatter: expected self and source to have same dtypes but gotDouble and ",
        ),
        Sample(array(3), array(3), array(3), raises=RuntimeError, match="only supports boolean ma"),
    ],
}
