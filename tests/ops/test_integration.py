"""Trapezoidal rules and Vandermonde matrices."""

import numpy as np

from ..sampling import Sample, array

_X = np.sort(array(4))

SAMPLES = {
    # PyTorch has nodes of their own for products with and quotients by numbers.
    "trapezoid": [
        Sample(array(3, 4), skip="node"),
        Sample(array(3, 4), dx=0.5, skip="node"),
        Sample(array(3, 4), _X, skip="node"),
        Sample(array(4, 3), _X, dim=0, skip="node"),
        Sample(array(2, 4, 3), _X, dim=1, skip="node"),
        Sample(array(3, 4), array(3, 4), skip="node"),
        Sample(array(3, 4), array(1, 4), dim=1, skip="node"),
        Sample(array(1), skip="node"),
        Sample(array(), raises=IndexError, match="Dimension specified as -1 but tensor has no"),
        Sample(array(3, 4), array(3), raises=RuntimeError, match="There must be one `x` value"),
    ],
    "cumulative_trapezoid": [
        Sample(array(3, 4), skip="node"),
        Sample(array(3, 4), dx=2.0, skip="node"),
        Sample(array(3, 4), _X, skip="node"),
        Sample(array(4, 3), _X, dim=0, skip="node"),
        Sample(array(3, 4), array(3, 4), dim=0, skip="node"),
    ],
    # The powers are one operation here.
    "vander": [
        Sample(array(4), skip="node"),
        Sample(array(4), 3, True, skip="node"),
        Sample(array(4), N=2, skip="node"),
        Sample(array(3, dtype="int64"), 3),
        Sample(array(3, 4), raises=RuntimeError, match="x must be a one-dimensional tensor."),
    ],
    "linalg.vander": [
        Sample(array(4), skip="node"),
        Sample(array(3, 4), N=3, skip="node"),
        Sample(array(4), N=1, raises=RuntimeError, match="N must be greater than 1."),
    ],
}
