"""Distances between points: of two tensors, of all pairs of rows."""

import math

import numpy as np

from ..sampling import Sample, array

_INF = math.inf
_LONG = array(3, 4, dtype="int64", low=-5, high=5)
_TIES = np.array([2.0, -2.0, 1.0])
_FLAT = ("finite", "second")

SAMPLES = {
    "dist": [
        *[Sample(array(3, 4), array(3, 4), p) for p in (1, 2, 3, _INF, -_INF, 0, 1.5)],
        Sample(array(3, 4), array(4)),
        Sample(array(), array(3)),
        Sample(_TIES, _TIES.copy(), skip=_FLAT),
        Sample(_LONG, _LONG, raises=RuntimeError, match="input dtype should be either floating"),
    ],
    # PyTorch has no second derivative of these but for one; finite differences check it here.
    "cdist": [
        *[Sample(array(3, 4), array(5, 4), p=p) for p in (1.0, 2.0, 3.0, 1.5, _INF, 0.0)],
        Sample(array(2, 3, 4), array(5, 4)),
        Sample(array(2, 1, 3, 4), array(3, 5, 4), p=1.0),
        # The product is PyTorch's EuclideanDistBackward0 and a view.
        Sample(array(30, 4), array(5, 4), skip="node", tolerance=1e-7),
        Sample(
            array(3, 4),
            array(3, 4),
            compute_mode="use_mm_for_euclid_dist",
            skip="node",
            tolerance=1e-7,
        ),
        Sample(array(30, 4), array(5, 4), compute_mode="donot_use_mm_for_euclid_dist"),
        Sample(np.ones((2, 3)), np.ones((2, 3)), skip=_FLAT),
        Sample(array(0, 4), array(5, 4)),
        Sample(array(3, 4), array(5, 3), raises=RuntimeError, match="same number of columns"),
        Sample(array(4), array(5, 4), raises=RuntimeError, match="at least 2D tensors, X1 got"),
        Sample(array(3, 4), array(3, 4), p=-1.0, raises=RuntimeError, match="only supports non-"),
    ],
    # Rows are taken and a norm computed; one node in PyTorch.
    "pdist": [
        Sample(array(4, 3), skip="node"),
        Sample(array(4, 3), 1.0, skip="node"),
        Sample(array(4, 3), p=_INF, skip="node"),
        Sample(array(1, 3), skip="node"),
        Sample(array(3), raises=RuntimeError, match="pdist only supports 2D tensors, got: 1D"),
    ],
}
