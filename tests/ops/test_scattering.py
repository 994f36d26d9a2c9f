"""Gathering and scattering along an axis."""

import numpy as np

from ..sampling import Sample, array

I1 = np.array([0, 2, 2])
I2 = np.array([[0, 1, 2, 0], [2, 2, 1, 0]])
SMALL = np.array([[0, 1], [2, 0]])
COLUMN = np.array([[1], [0], [3]])
NONE = np.zeros(0, "int64")
BEYOND = "index 5 is out of bounds for dimension 0 with size 3"
KIND = "Expected dtype int32/int64 for index"
SAME_DTYPE = "scatter(): Expected self.dtype to be equal to src.dtype"

# PyTorch has no gradient where the source is larger than the index.
LARGER = ("gradient", "second", "inplace")
# PyTorch gives scatter(reduce=) no gradient.
NO_RULE = ("gradient", "second", "inplace", "node")


def reduced(name, **more):
    """Samples of one reduction, with and without the written elements themselves."""
    found = [
        Sample(array(3), 0, I1, array(3), name, **more),
        Sample(array(3, 4), 0, I2, array(2, 4), reduce=name, **more),
        Sample(array(3, 4), 0, I2, array(2, 4), name, include_self=False, **more),
        Sample(array(3, 4), 1, SMALL, array(2, 2), name, include_self=False, **more),
        Sample(array(), 0, np.array(0), array(), name, **more),
        Sample(array(3, dtype="int64", high=5), 0, I1, array(3, dtype="int64", high=5), name),
        Sample(
            array(3, dtype="int64", high=5),
            0,
            I1,
            array(3, dtype="int64", high=5),
            name,
            include_self=False,
        ),
    ]
    return found


SAMPLES = {
    "gather": [
        Sample(array(3, 4), 0, I2),
        Sample(array(3, 4), 1, COLUMN),
        Sample(array(3, 4), dim=-1, index=SMALL),
        Sample(array(3, 4, 2), 1, np.array([[[0, 3], [1, 1]]])),
        Sample(array(5), 0, I1),
        Sample(array(5), 0, np.array(2)),
        Sample(array(), 0, np.array(0)),
        Sample(array(), 0, np.array([0, 0])),
        Sample(array(3, 4), 0, np.zeros((0, 4), "int64")),
        Sample(array(3), 0, I1.astype("int32")),
        Sample(array(4, 3).T, 0, I2),
        Sample(array(3, dtype="bool"), 0, I1),
        Sample(array(3), 0, I1 + 3, raises=RuntimeError, match="index 3 is out of bounds for dim"),
        Sample(array(3), 0, -I1, raises=RuntimeError, match="index -2 is out of bounds for dimen"),
        Sample(array(3, 4), 0, I1, raises=RuntimeError, match="Index tensor must have the same nu"),
        Sample(
            array(3, 4),
            0,
            np.zeros((1, 5), "int64"),
            raises=RuntimeError,
            match="Size does not match at dimension 1 expected index [1, 5] to be no larger than s",
        ),
        Sample(array(3), 0, I1.astype("int16"), raises=RuntimeError, match="gather(): " + KIND),
        Sample(array(3), 1, I1, raises=IndexError, match="Dimension out of range"),
    ],
    "scatter": [
        Sample(array(3, 4), 0, np.array([[0, 1, 2, 0], [1, 2, 0, 2]]), array(2, 4)),
        Sample(array(3, 4), 1, COLUMN, array(3, 1)),
        Sample(array(3, 4), 1, COLUMN, 1.5),
        Sample(array(3, 4), 1, COLUMN, value=2),
        Sample(array(3, 4), dim=1, index=SMALL, src=array(3, 4), skip=LARGER),
        Sample(array(5), 0, np.array([4, 1]), array(2)),
        Sample(array(), 0, np.array(0), array()),
        Sample(array(), 0, np.array(0), 2.5),
        Sample(array(3), 0, NONE, array(3), skip=LARGER),
        Sample(array(3, dtype="int64"), 0, np.array([1]), 2.7),
        Sample(array(4, 3).T, 1, COLUMN, 0.5),
        Sample(array(3), 0, I1, array(3), reduce="add", skip=NO_RULE),
        Sample(array(3), 0, I1, 2.0, reduce="multiply", skip=NO_RULE),
        Sample(array(3), 0, I1, 2.0, reduce="max", raises=RuntimeError, match="reduce argument mu"),
        Sample(array(3), 0, np.array([5]), 1.0, raises=RuntimeError, match=BEYOND),
        Sample(array(3), 0, I1, array(2), raises=RuntimeError, match="Expected index [3] to be no"),
        Sample(array(3), 0, I1, array(3, dtype="float32"), raises=RuntimeError, match=SAME_DTYPE),
        Sample(array(3, 2), 0, I1, 1.0, raises=RuntimeError, match="same number of dimensions as "),
        Sample(array(3), 0, I1, array(3, 1), raises=RuntimeError, match="dimensions as src tensor"),
        Sample(array(3), 0, array(2), 1.0, raises=RuntimeError, match="scatter(): " + KIND),
    ],
    "scatter_add": [
        Sample(array(3, 4), 0, I2, array(2, 4)),
        Sample(array(3, 4), 1, COLUMN, array(3, 1)),
        Sample(array(3, 4), 1, SMALL, array(3, 3), skip=LARGER),
        Sample(array(3), dim=0, index=I1, src=array(3)),
        Sample(array(), 0, np.array(0), array()),
        Sample(array(3), 0, NONE, array(3), skip=LARGER),
        Sample(array(3, dtype="int32"), 0, I1, array(3, dtype="int32")),
        Sample(array(3), 0, np.array([5]), array(1), raises=RuntimeError, match=BEYOND),
        Sample(array(3), 0, I1, array(3, dtype="float32"), raises=RuntimeError, match=SAME_DTYPE),
        Sample(array(3), 0, I1, 1.0, raises=TypeError, match="argument 'src' (position 4) must be"),
    ],
    "scatter_reduce": [
        *reduced("sum"),
        *reduced("mean"),
        *reduced("prod"),
        *reduced("amax"),
        *reduced("amin"),
        Sample(np.zeros(3), 0, I1, np.array([0.0, 2.0, 0.0]), "prod", skip=("finite", "second")),
        Sample(np.array([1.0, 2, 3]), 0, I1, np.array([1.0, 3, 3]), "amax", skip="finite"),
        Sample(np.array([np.nan, 2, 3]), 0, I1, np.array([1.0, 3, np.nan]), "amin", skip="finite"),
        Sample(array(3, dtype="bool"), 0, I1, array(3, dtype="bool"), "sum"),
        Sample(array(3), 0, I1, array(3), "add", raises=RuntimeError, match="reduce argument must"),
        Sample(array(3), 0, np.array([5]), array(1), "sum", raises=RuntimeError, match=BEYOND),
    ],
    "take_along_dim": [
        Sample(array(3, 4), I2, 0),
        Sample(array(3, 4), COLUMN, dim=1),
        Sample(array(3, 4), np.array([[0], [1]]), 0),
        Sample(array(1, 4), SMALL, 1),
        Sample(array(3, 4), np.array([5, 7])),
        Sample(array(3), np.array([0, -1]), 0),
        Sample(array(3, 4), I1, 0, raises=RuntimeError, match="input and indices should have the "),
        Sample(
            array(3, 4),
            COLUMN.astype("int32"),
            0,
            raises=RuntimeError,
            match="torch.take_along_dim(): dtype of indices should be Long but got Int",
        ),
    ],
}
