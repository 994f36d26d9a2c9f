"""Slices along an axis by number."""

import numpy as np

from ..sampling import Sample, array

I = np.array([2, 0, 2])
PLAIN = np.array([2, 0])

SAMPLES = {
    "index_add": [
        Sample(array(3, 4), 0, I, array(3, 4)),
        Sample(array(2, 3, 4), 1, I, array(2, 3, 4), alpha=2),
        Sample(array(3), dim=0, index=I, source=array(3)),
        Sample(array(3), 0, I.astype("int32"), array(3), alpha=-0.5),
        Sample(array(), 0, np.array(0), array()),
        Sample(array(3, dtype="int64"), 0, I, array(3, dtype="int64"), alpha=2),
        Sample(array(64, 8), 0, np.arange(100) % 41, array(100, 8)),
        Sample(array(3), 0, I + 1, array(3), raises=IndexError, match="index out of range in self"),
        Sample(array(3, 2), 0, I + 1, array(3, 2), raises=RuntimeError, match="index 3 is out of "),
        Sample(array(3), 0, I, array(2), raises=RuntimeError, match="Number of indices (3) should"),
        Sample(
            array(3),
            0,
            I,
            array(3, dtype="float32"),
            raises=RuntimeError,
            match="index_add_(): self (Double) and source (Float) must have the same scalar type",
        ),
        Sample(
            array(3, 4),
            0,
            I,
            array(3, 2),
            raises=RuntimeError,
            match="source tensor shape must match self tensor shape, excluding the specified",
        ),
        Sample(array(3), 0, array(3), array(3), raises=RuntimeError, match="int32/int64 for index"),
        Sample(array(3), 0, I[None], array(3), raises=IndexError, match="is supposed to be a vect"),
    ],
    "index_copy": [
        Sample(array(3, 4), 0, PLAIN, array(2, 4)),
        Sample(array(2, 3), 1, PLAIN, array(2, 2)),
        Sample(array(3), 0, np.array(1), array()),
        Sample(array(3), 0, np.array([1]), array()),
        Sample(array(), 0, np.array(0), array()),
        Sample(array(3), 0, PLAIN + 1, array(2), raises=IndexError, match="index 3 is out of boun"),
        Sample(array(3), 0, PLAIN, array(3), raises=IndexError, match="Number of indices (2) shou"),
        Sample(
            array(3),
            0,
            PLAIN.astype("int32"),
            array(2),
            raises=RuntimeError,
            match="index_copy_(): Expected a long tensor for index, but got Int",
        ),
        Sample(
            array(3, 4),
            0,
            PLAIN,
            array(2, 3),
            raises=RuntimeError,
            match="Destination slice shape: 4 at dimension 0 and source slice shape: 3 at dimensio",
        ),
        Sample(array(3, 4), 0, PLAIN, array(2), raises=IndexError, match="their dimensionality mu"),
    ],
    "index_fill": [
        Sample(array(3, 4), 0, PLAIN, 1.5),
        Sample(array(3, 4), 1, np.array([-1, 0]), 2),
        Sample(array(3, 4), dim=0, index=I, value=array()),
        Sample(array(3), 0, np.array(1), 1.0),
        Sample(array(), 0, np.array(0), 1.0),
        Sample(array(3, dtype="int64"), 0, PLAIN, 1.5),
        Sample(array(3), 0, I + 1, 1.0, raises=IndexError, match="index 3 is out of bounds for di"),
        Sample(array(3), 0, I, array(2), raises=RuntimeError, match="only supports a 0-dimensiona"),
        Sample(array(3), 0, I.astype("int32"), 1.0, raises=IndexError, match="Expected dtype int6"),
        Sample(array(3), 0, I[None], 1.0, raises=RuntimeError, match="Index has to be a vector/sc"),
    ],
    "index_reduce": [
        Sample(array(3, 4), 0, I, array(3, 4), "prod", skip="second"),
        Sample(array(3, 4), 0, I, array(3, 4), "mean", include_self=False),
        Sample(array(2, 3), 1, I, array(2, 3), "amax"),
        Sample(array(3), 0, I, array(3), reduce="amin", include_self=False),
        Sample(array(3), 0, I, array(3), "sum", raises=RuntimeError, match="Expected reduce to be"),
        Sample(array(3), 0, I + 1, array(3), "prod", raises=IndexError, match="index out of range"),
    ],
}
