"""Linear systems by factors of the matrix, and systems of tensors."""

import numpy as np
import pytest

from ..sampling import Sample, array
from .test_decomposition import _regular

_L = np.tril(array(3, 3)) + 3 * np.eye(3)

SAMPLES = {
    "cholesky_solve": [
        # Finite differences see that one triangle is not looked at.
        Sample(array(3, 2), _L, skip="finite"),
        Sample(array(3, 2), _L.T, True, skip="finite"),
        Sample(array(2, 3, 2), np.stack([_L, _L + np.eye(3)]), skip="finite"),
        Sample(array(3, 2), array(3), raises=RuntimeError, match="u should have at least 2 dim"),
    ],
    "cholesky_inverse": [Sample(_L, skip="finite"), Sample(_L.T, upper=True, skip="finite")],
    "linalg.solve_ex": [
        Sample(_regular(3, 3), array(3, 2)),
        Sample(_regular(3, 3), array(3)),
    ],
    "linalg.tensorsolve": [
        Sample(_regular(6, 6).reshape(2, 3, 6), array(2, 3)),
        Sample(_regular(6, 6).reshape(2, 3, 3, 2), array(2, 3)),
        Sample(array(3, 3), array(4), raises=RuntimeError),
    ],
    # Views here, reshaped aliases there.
    "linalg.tensorinv": [
        Sample(_regular(6, 6).reshape(2, 3, 6), skip="node"),
        Sample(_regular(6, 6).reshape(6, 2, 3), 1, skip="node"),
        Sample(array(3, 3), 0, raises=RuntimeError, match="Expected a strictly positive integer"),
        Sample(array(3, 4), 1, raises=RuntimeError, match="Expected self to satisfy the require"),
    ],
    "linalg.cond": [
        Sample(_regular(3, 3), skip="node"),
        Sample(array(3, 4), skip="node"),
        Sample(_regular(2, 3, 3), -2, skip="node"),
        Sample(_regular(3, 3), 1, skip="node"),
        Sample(_regular(3, 3), "fro", skip="node"),
        Sample(np.zeros((2, 2)), 1, constant=(0,)),
        Sample(array(3, 4), 1, raises=RuntimeError, match="linalg.cond(ord=1): A must be batches"),
    ],
    "linalg.diagonal": [Sample(array(2, 3, 4)), Sample(array(3, 3), offset=1)],
    "linalg.matmul": [Sample(array(3, 4), array(4, 2)), Sample(array(3, 4), array(4))],
    # The operation of `linalg.solve_triangular`.
    "triangular_solve": [
        Sample(array(3, 2), _L.T, skip="node"),
        Sample(array(3, 2), _L, False, skip="node"),
        Sample(array(3, 2), _L.T, transpose=True, skip="node"),
    ],
}


def test_cholesky_warns_and_factors():
    import retrograd as torch

    matrix = torch.from_numpy(_L @ _L.T)
    with pytest.warns(UserWarning, match="torch.cholesky is deprecated"):
        found = torch.cholesky(matrix)
    np.testing.assert_allclose(found.numpy(), _L, rtol=1e-12, atol=1e-12)
