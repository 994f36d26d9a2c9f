"""LU factorisation with partial pivoting."""

import numpy as np

from ..sampling import Sample, array
from .test_decomposition import _regular

_SHAPES = [
    Sample(_regular(3, 3)),
    Sample(array(3, 5)),
    Sample(array(5, 3)),
    Sample(array(2, 3, 3)),
    Sample(_regular(3, 3, dtype="complex128")),
]
_LU = np.array([[4.0, 1.0, 2.0], [0.5, 3.0, 1.0], [0.2, -0.3, 2.0]])
_PIVOTS = np.array([2, 3, 3], dtype=np.int32)

SAMPLES = {
    "linalg.lu_factor": [
        *_SHAPES,
        Sample(np.zeros((2, 2)), raises=RuntimeError, match="U[1,1] is zero and using it on lu_"),
        Sample(array(3, 3), pivot=False, raises=RuntimeError, match="without pivoting is not"),
    ],
    "linalg.lu_factor_ex": [*_SHAPES[:2], Sample(np.zeros((2, 2)), constant=(0,))],
    # L and U are taken out of the factors stored together.
    "linalg.lu": [
        *[Sample(*one.args, skip="node") for one in _SHAPES],
        Sample(np.zeros((2, 2)), constant=(0,)),
    ],
    "linalg.lu_solve": [
        Sample(_LU, _PIVOTS, array(3, 2), skip="node"),
        Sample(_LU, _PIVOTS, array(3, 2), adjoint=True, skip="node"),
        Sample(_LU, _PIVOTS, array(2, 3), left=False, skip="node"),
        Sample(_LU, _PIVOTS, array(2, 3), left=False, adjoint=True, skip="node"),
    ],
    "lu_solve": [Sample(array(3, 2), _LU, _PIVOTS, skip="node")],
}


def test_factors_give_the_matrix_back():
    import retrograd as torch

    x = torch.from_numpy(array(2, 4, 4))
    p, lower, upper = torch.linalg.lu(x)
    np.testing.assert_allclose((p @ lower @ upper).numpy(), x.numpy(), rtol=1e-12, atol=1e-12)
