"""Norms of vectors and matrices."""

import math

import numpy as np

from ..sampling import Sample, array

_INF = math.inf
_LONG = array(3, 4, dtype="int64", low=-5, high=5)
_ZERO = np.zeros(3)
_SOME_ZERO = np.array([0.0, 1.5, -2.0, 0.0])
_TIES = np.array([2.0, -2.0, 1.0])
_EMPTY = array(0, 3)
_FLAT = ("finite", "second")

_ORDERS = [
    *[Sample(array(3, 4), p) for p in (1, 2, 3, 0.5, 1.5, _INF, -_INF, 0, 2.5, -1)],
    *[Sample(array(2, 3, 4), p, dim=1) for p in (1, 2, 3, _INF, -_INF, 0)],
    Sample(array(2, 3, 4), 2, dim=(0, 2), keepdim=True),
    Sample(array(), 2),
    Sample(array(4, 3).T, 3, dim=0),
    *[Sample(_SOME_ZERO, p, skip=_FLAT) for p in (0.5, 1, 1.5, 2, 3, -1)],
    *[Sample(_ZERO, p, skip=_FLAT) for p in (1, 1.5, 2, 3, _INF)],
    *[Sample(_TIES, p, skip=_FLAT) for p in (_INF, -_INF)],
    Sample(_EMPTY, 2),
    Sample(_EMPTY, 1, dim=0),
    Sample(_EMPTY, _INF, dim=1),
    Sample(array(3, 4, dtype="float32"), dtype=np.float64, skip="second"),
    Sample(array(3, 4), dtype=np.float32, raises=RuntimeError, match="without narrowing to"),
    Sample(array(3, 4, dtype="complex128")),
    Sample(array(3, 4, dtype="complex128"), 3, dim=1),
    Sample(_LONG, raises=RuntimeError, match="Expected a floating point or complex tensor"),
]
_EMPTY_INF = [
    Sample(_EMPTY, _INF, raises=RuntimeError, match="cannot compute the inf norm on an empty"),
    Sample(_EMPTY, _INF, dim=0, raises=RuntimeError, match="norm on the dimension 0because"),
]
_MATRIX = [
    *[Sample(array(3, 4), p) for p in ("fro", "nuc", 1, -1, 2, -2, _INF, -_INF)],
    Sample(array(2, 3, 4), "fro", dim=(0, 2)),
    Sample(array(2, 3, 4), "nuc", dim=(2, 0), keepdim=True, skip="node"),
    Sample(array(2, 3, 4), 1, dim=(0, 1)),
    Sample(array(2, 3, 4), _INF, dim=(0, 1), keepdim=True),
    Sample(array(2, 3, 4), -1, dim=(2, 0)),
    Sample(array(3, 4), 3, raises=RuntimeError, match="matrix_norm: Order 3 not supported"),
    Sample(array(3, 4), "x", raises=RuntimeError, match="matrix_norm: Order x not supported"),
]

SAMPLES = {
    "linalg.vector_norm": [*_ORDERS, *_EMPTY_INF],
    "linalg.matrix_norm": [
        *_MATRIX,
        Sample(array(2, 3, 4)),
        Sample(array(3), raises=RuntimeError, match="must have at least 2 dimensions"),
        Sample(array(3, 4), dim=(0, 0), raises=RuntimeError, match="dims must be different"),
    ],
    "linalg.norm": [
        *_MATRIX,
        Sample(array(2, 3, 4)),
        Sample(array(3), 3),
        Sample(array(2, 3, 4), 2, dim=1),
        Sample(array(2, 3, 4), dim=(0, 1)),
        Sample(array(2, 3, 4), "fro", raises=RuntimeError, match="must be 1D or 2D. Got 3D"),
        Sample(array(2, 3, 4), 2, (0, 1, 2), raises=RuntimeError, match="of length 1 or 2. Got"),
    ],
    "norm": [
        *_ORDERS,
        *_EMPTY_INF,
        Sample(array(3, 4)),
        Sample(array(3, 4), "fro"),
        Sample(array(3, 4), "fro", dim=(0, 1), keepdim=True),
        Sample(array(3, 4), "nuc"),
        Sample(array(2, 3, 4), dim=2),
        Sample(array(3, 4), None, 1),
        Sample(array(3, 4), "x", raises=RuntimeError, match="Order x not supported"),
        Sample(array(3, 4), "nuc", dim=1, raises=RuntimeError, match="dim must be a 2-tuple"),
    ],
    # PyTorch's own node is that of the reshaping or of the norm, by `dim`.
    "norm_except_dim": [
        Sample(array(3, 4), skip="node"),
        Sample(array(3, 4), 2, 1, skip="node"),
        Sample(array(2, 3, 4), 2, 1, skip="node"),
        Sample(array(2, 3, 4), 2, -1, skip="node"),
        Sample(array(2, 3, 4), dim=2, pow=1, skip="node"),
        Sample(array(3, 4, dtype="float32"), skip="node"),
    ],
    "renorm": [
        Sample(array(3, 4), 2, 0, 1.0, skip="node"),
        Sample(array(3, 4), 1, 1, 2.0, skip="node"),
        Sample(array(2, 3, 4), 3, 1, 0.5, skip="node"),
        Sample(array(3, 4), -1, 0, 1.0, raises=RuntimeError, match="renorm: non-positive-norm"),
    ],
}
