"""Samples of distances and likeness along a dimension."""

from __future__ import annotations

import numpy as np

from ..sampling import Sample, array

MISMATCH = "must match the size of tensor"

SAMPLES = {
    "pairwise_distance": [
        Sample(array(3, 4), array(3, 4)),
        Sample(array(2, 3, 4), array(3, 4), keepdim=True),
        Sample(array(4, 3).T, array(4), 1.0),
        Sample(array(3, 4), array(3, 4), 3.0, 1e-3),
        Sample(array(3, 4), array(3, 4), np.inf),
        Sample(array(3, 4), array(3, 4), 1.5),
        Sample(array(3, 4), array(3, 4), 0, constant=(0, 1)),
        Sample(array(4), array(4)),
        Sample(array(0, 3), array(0, 3)),
        # No distance: its gradient is 0, no finite difference.
        Sample(np.zeros((1, 2)), np.zeros((1, 2)), eps=0.0, skip="finite second"),
        Sample(array(3, 4, dtype="float32"), array(3, 4, dtype="float32")),
        Sample(array(3, 2), array(3, 4), raises=RuntimeError, match=MISMATCH),
    ],
    "cosine_similarity": [
        Sample(array(3, 4), array(3, 4)),
        Sample(array(2, 3, 4), array(3, 4), 2),
        Sample(array(2, 3, 4), array(3, 4), -3),
        Sample(array(4, 3).T, array(3, 4), dim=0, eps=1e-3),
        Sample(array(4), array(4), 0),
        Sample(array(0, 3), array(0, 3)),
        Sample(array(3, 4, dtype="int64", low=1), array(3, 4)),
        # Where `eps` takes the place of the length, the gradient is still the length's.
        Sample(np.zeros((1, 2)), array(1, 2), skip="finite second"),
        Sample(np.full((1, 2), 1e-10), array(1, 2), skip="finite second"),
        Sample(array(3, 4, dtype="float32"), array(3, 4)),
        Sample(array(3, 2), array(3, 4), raises=RuntimeError, match=MISMATCH),
        Sample(array(3), array(3), raises=IndexError, match="Dimension out of range"),
        Sample(
            array(3, 2, dtype="int64"), array(3, 2, dtype="int64"), raises=RuntimeError,
            match="expected common dtype to be floating point, yet common dtype is Long",
        ),
    ],
}  # fmt: skip
