"""Repeating."""

import numpy as np

from ..sampling import Sample, array

SAMPLES = {
    "tile": [
        Sample(array(2, 3), (2,)),
        Sample(array(2, 3), (2, 1, 2)),
        Sample(array(2, 3), dims=[1, 2]),
        Sample(array(2, 3), ()),
        Sample(array(), (3,)),
        Sample(array(2, 3), (0, 1)),
        Sample(array(3, 2).T, (2, 2)),
        Sample(array(2, dtype="bool"), (2,)),
        Sample(array(2), (-1,), raises=RuntimeError, match="negative dimension -2: [-2]"),
        Sample(array(2), 2, raises=TypeError, match="must be tuple of ints, not int"),
    ],
    "repeat": [
        Sample(array(2, 3), 2, 1),
        Sample(array(2, 3), (2, 1, 2)),
        Sample(array(2, 3), [1, 0]),
        Sample(array(), 3),
        Sample(array(3), 2, 2),
        Sample(array(3, dtype="int32"), 2),
        Sample(array(2, 3), 2, raises=RuntimeError, match="Number of dimensions of repeat dims ca"),
    ],
    "repeat_interleave": [
        Sample(array(2, 3), 2),
        Sample(array(2, 3), 2, 0),
        Sample(array(2, 3), repeats=3, dim=-1),
        Sample(array(2, 3), 0, 1),
        Sample(array(), 2),
        Sample(array(3), np.array([1, 0, 2])),
        Sample(array(2, 3), np.array([2, 1]), dim=0),
        Sample(array(2, 3), np.array([2]), 1),
        Sample(array(2, 3), np.array(2), 1),
        Sample(array(3), np.array([1, 0, 2]), output_size=3),
        Sample(np.array([1, 0, 2])),
        Sample(array(3, 2).T, 2, 1),
        Sample(array(3), -1, raises=RuntimeError, match="Repeats must be non-negative"),
        Sample(array(3), np.array([1, 2]), raises=RuntimeError, match="repeats must have the same"),
        Sample(array(3), np.array([1, -2, 1]), raises=RuntimeError, match="repeats can not be neg"),
        Sample(array(2, 3), 2, 2, raises=IndexError, match="Dimension out of range"),
        Sample(
            array(3),
            np.array([1.0, 2, 1]),
            raises=NotImplementedError,
            match='"repeat_interleave_cpu" not implemented for \'Doub',
        ),
    ],
}
