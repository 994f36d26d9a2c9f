"""QR, eigenvalues, singular values, pseudo-inverse, least squares."""

import numpy as np

from ..sampling import Sample, array
from .test_decomposition import _positive, _regular

# Signs and phases of vectors are the library's choice, so what is compared does not see them
# where LAPACK is another one; PyTorch and NumPy agree for these.
_LOOSE = 1e-8
_FLAT = "finite"

_QRS = [
    Sample(array(4, 3), tolerance=_LOOSE),
    Sample(array(3, 3), tolerance=_LOOSE),
    Sample(array(3, 4), tolerance=_LOOSE),
    Sample(array(2, 4, 3), tolerance=_LOOSE),
]

SAMPLES = {
    "linalg.qr": [
        *_QRS,
        Sample(array(3, 4), mode="complete", tolerance=_LOOSE),
        Sample(array(4, 3), mode="complete", constant=(0,)),
        Sample(array(3, 4), mode="r", constant=(0,)),
        Sample(array(3, 3, dtype="complex128"), tolerance=_LOOSE),
        Sample(array(3, 4), mode="x", raises=RuntimeError, match="qr received unrecognized mode"),
        Sample(array(3), raises=RuntimeError, match="linalg.qr: The input tensor A must have"),
    ],
    "qr": [*_QRS, Sample(array(4, 3), False, constant=(0,))],
    # Finite differences leave the symmetric matrices, whose one triangle is read.
    "linalg.eigh": [
        Sample(_positive(3, 3), skip=_FLAT, tolerance=_LOOSE),
        Sample(_positive(2, 3, 3), skip=_FLAT, tolerance=_LOOSE),
        Sample(_positive(3, 3), "U", skip=_FLAT, tolerance=_LOOSE),
        Sample(array(3, 4), raises=RuntimeError, match="linalg.eigh: A must be batches of square"),
        Sample(_positive(2, 2), UPLO="K", raises=RuntimeError, match="to be 'L' or 'U', but got"),
    ],
    "linalg.eigvalsh": [
        Sample(_positive(3, 3), skip=_FLAT, tolerance=_LOOSE),
        Sample(_positive(3, 3, dtype="complex128"), skip=_FLAT, tolerance=_LOOSE),
    ],
    "linalg.eig": [
        Sample(np.array([[2.0, 1.0, 0.3], [0.2, -1.0, 0.4], [0.1, 0.5, 4.0]]), skip="gradient"),
    ],
    "linalg.eigvals": [
        Sample(np.array([[2.0, 1.0, 0.3], [0.2, -1.0, 0.4], [0.1, 0.5, 4.0]]), tolerance=_LOOSE),
        Sample(_regular(2, 3, 3), constant=(0,), tolerance=_LOOSE),
    ],
    "linalg.svd": [
        Sample(array(4, 3), False, tolerance=_LOOSE),
        Sample(array(3, 4), full_matrices=False, tolerance=_LOOSE),
        Sample(array(3, 3), tolerance=_LOOSE),
        Sample(array(2, 3, 4), full_matrices=False, tolerance=_LOOSE),
        Sample(array(4, 3), constant=(0,), tolerance=_LOOSE),
        Sample(array(3), raises=RuntimeError, match="linalg.svd: The input tensor A must have"),
        Sample(np.full((2, 2), np.nan), raises=RuntimeError, match="contained non-finite values"),
    ],
    "linalg.svdvals": [
        Sample(array(4, 3), tolerance=_LOOSE),
        Sample(array(2, 3, 4), tolerance=_LOOSE),
    ],
    "svd": [
        Sample(array(4, 3), tolerance=_LOOSE),
        Sample(array(3, 4), True, tolerance=_LOOSE),
        Sample(array(3, 4), compute_uv=False, constant=(0,)),
    ],
    "linalg.pinv": [
        Sample(array(4, 3), tolerance=_LOOSE),
        Sample(array(3, 4), tolerance=_LOOSE),
        Sample(array(2, 3, 4), tolerance=_LOOSE),
        Sample(array(3, 3, dtype="complex128"), tolerance=_LOOSE),
        Sample(array(4, 3), rtol=1e-10, tolerance=_LOOSE),
        Sample(array(3), raises=RuntimeError, match="linalg.pinv: The input tensor A must have"),
    ],
    "pinverse": [Sample(array(4, 3), tolerance=_LOOSE)],
    "linalg.lstsq": [
        Sample(array(5, 3), array(5, 2), tolerance=_LOOSE),
        Sample(array(5, 3), array(5), tolerance=_LOOSE),
        Sample(array(3, 3), array(3, 2), tolerance=_LOOSE),
        Sample(array(3, 5), array(3, 2), tolerance=_LOOSE),
        Sample(array(3, 4), array(4), raises=RuntimeError, match="input.size(-2) should match"),
    ],
    "linalg.matrix_rank": [
        Sample(array(4, 3)),
        Sample(np.outer([1.0, 2.0], [3.0, 4.0])),
        Sample(np.zeros((2, 2))),
        Sample(array(2, 3, 3)),
        Sample(np.diag([1.0, 0.1, 1e-4]), atol=0.01),
        Sample(np.diag([1.0, 0.1, 1e-4]), rtol=0.2),
    ],
}
