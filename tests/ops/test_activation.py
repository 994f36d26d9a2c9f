"""Samples of the activations that are functions of the main namespace."""

from __future__ import annotations

import numpy as np

from ..sampling import Sample, array, read_only

SAMPLES = {
    "relu": [
        Sample(array(3, 4)),
        Sample(array()),
        Sample(array(0, 3)),
        Sample(array(4, 3).T),
        Sample(read_only(array(5))),
        Sample(np.array([-1.0, 0.0, 1.0, np.inf, -np.inf, np.nan]), skip=("finite", "second")),
        Sample(array(3, dtype="int64")),
        Sample(array(3, dtype="float32")),
    ],
    "softmax": [
        Sample(array(3, 4), 1),
        Sample(array(3, 4), dim=0),
        Sample(array(2, 3, 4), -2),
        Sample(array(), 0),
        Sample(array(0, 3), 1),
        Sample(array(4, 3).T, 0),
        Sample(np.array([[1000.0, 1001.0], [-1000.0, 0.0]]), 1),
        Sample(array(3, 4, dtype="float32"), 1, dtype=np.float64),
        Sample(array(3, 4), 2, raises=IndexError, match="Dimension out of range"),
    ],
    "log_softmax": [
        Sample(array(3, 4), 1),
        Sample(array(3, 4), dim=0),
        Sample(array(2, 3, 4), -2),
        Sample(array(), 0),
        Sample(array(0, 3), 1),
        Sample(array(4, 3).T, 0),
        Sample(np.array([[1000.0, 1001.0], [-1000.0, 0.0]]), 1),
        Sample(array(3, 4, dtype="float32"), 1, dtype=np.float64),
        Sample(array(3, 4), 2, raises=IndexError, match="Dimension out of range"),
    ],
}
