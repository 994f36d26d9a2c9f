"""Inverses, determinants, linear systems, Cholesky, matrix powers and exponentials."""

import numpy as np
import pytest

from ..sampling import Sample, array


def _regular(*shape, dtype="float64"):
    """Return well-conditioned square matrices."""
    size = shape[-1]
    return array(*shape, dtype=dtype, low=-1, high=1) + 2 * np.eye(size, dtype=dtype)


def _positive(*shape, dtype="float64"):
    """Return Hermitian positive-definite matrices."""
    x = array(*shape, dtype=dtype, low=-1, high=1)
    return x @ x.conj().swapaxes(-1, -2) + 2 * np.eye(shape[-1], dtype=dtype)


_LONG = array(3, 3, dtype="int64", low=-5, high=5)
_SINGULAR = np.array([[1.0, 2.0], [2.0, 4.0]])
_RANK_ONE = np.outer([1.0, 2.0, 3.0], [2.0, 1.0, 1.0])
_SQUARE = "must be batches of square matrices, but they are 3 by 4 matrices"


def _refused(name):
    return [
        Sample(array(3, 4), raises=RuntimeError, match=f"{name}: A {_SQUARE}"),
        Sample(array(3), raises=RuntimeError, match=f"{name}: The input tensor A must have at"),
        Sample(_LONG, raises=RuntimeError, match="Expected a floating point or complex tensor"),
    ]


_INVERSES = [
    Sample(_regular(3, 3)),
    Sample(_regular(2, 3, 3)),
    Sample(_regular(3, 3).T),
    Sample(_regular(3, 3, dtype="complex128")),
    Sample(np.zeros((2, 2)), raises=RuntimeError, match="linalg.inv: The diagonal element 1 is"),
    Sample(
        np.stack([np.eye(2), _SINGULAR]),
        raises=RuntimeError,
        match="linalg.inv: (Batch element 1): The diagonal element 2 is zero",
    ),
    *_refused("linalg.inv"),
]
_DETS = [
    Sample(_regular(3, 3)),
    Sample(_regular(2, 3, 3)),
    Sample(array(1, 1)),
    Sample(_regular(3, 3, dtype="complex128")),
]
_POWERS = [
    Sample(_regular(3, 3), 2),
    Sample(_regular(3, 3), 5),
    Sample(_regular(3, 3), 1),
    Sample(_regular(3, 3), 0, skip="node"),
    Sample(_regular(2, 3, 3), 3),
    Sample(_regular(3, 3), -1),
    Sample(_regular(3, 3), -2),
    Sample(array(3, 4), 2, raises=RuntimeError, match=f"linalg.matrix_power: A {_SQUARE}"),
]
_EXPONENTIALS = [
    Sample(_regular(3, 3), tolerance=1e-9),
    Sample(_regular(2, 3, 3), tolerance=1e-9),
    Sample(array(1, 1), tolerance=1e-9),
    Sample(array(0, 0)),
    Sample(array(3, 4), raises=RuntimeError, match=f"linalg.matrix_exp: A {_SQUARE}"),
]

SAMPLES = {
    "linalg.inv": _INVERSES,
    "inverse": _INVERSES,
    "linalg.inv_ex": [Sample(_regular(3, 3)), Sample(_regular(2, 3, 3), check_errors=True)],
    "linalg.det": [
        *_DETS,
        # PyTorch's gradient is 0 at singular matrices; finite differences say otherwise.
        Sample(_SINGULAR, skip=("gradient", "second")),
        Sample(_RANK_ONE, skip=("gradient", "second")),
        *_refused("linalg.det"),
    ],
    "det": [*_DETS, Sample(np.stack([np.eye(2), _SINGULAR]), skip=("gradient", "second"))],
    "linalg.slogdet": [*_DETS, *_refused("linalg.slogdet")],
    "slogdet": _DETS,
    "logdet": [
        Sample(_positive(3, 3)),
        Sample(_positive(2, 3, 3)),
        Sample(-_positive(3, 3), skip="finite"),
    ],
    "linalg.solve": [
        Sample(_regular(3, 3), array(3, 2)),
        Sample(_regular(3, 3), array(3)),
        Sample(_regular(2, 3, 3), array(2, 3, 4)),
        Sample(_regular(2, 3, 3), array(2, 3)),
        Sample(_regular(2, 3, 3), array(3, 2)),
        Sample(_regular(3, 3), array(2, 3, 2)),
        Sample(_regular(3, 3), array(2, 3), left=False),
        Sample(_regular(3, 3, dtype="complex128"), array(3, 2, dtype="complex128")),
        Sample(
            _regular(3, 3), array(4, 2), raises=RuntimeError, match="for the equation AX = B (3x3"
        ),
        Sample(_SINGULAR, array(2), raises=RuntimeError, match="the input matrix is singular"),
        Sample(array(3, 4), array(3), raises=RuntimeError, match=f"linalg.solve: A {_SQUARE}"),
    ],
    "linalg.solve_triangular": [
        Sample(_regular(3, 3), array(3, 2), upper=True),
        Sample(_regular(3, 3), array(3, 2), upper=False),
        Sample(_regular(3, 3), array(2, 3), upper=True, left=False),
        Sample(_regular(3, 3), array(3, 2), upper=False, unitriangular=True),
        Sample(_regular(2, 3, 3), array(3, 2), upper=True),
        Sample(_regular(3, 3), array(3), upper=True, raises=RuntimeError, match="at least 2 dim"),
    ],
    # Finite differences leave the symmetric matrices, whose one triangle is read.
    "linalg.cholesky": [
        Sample(_positive(3, 3), skip="finite"),
        Sample(_positive(2, 3, 3), skip="finite"),
        Sample(_positive(3, 3), upper=True, skip=("finite", "node")),
        Sample(_positive(3, 3, dtype="complex128"), skip="finite"),
        Sample(-np.eye(2), raises=RuntimeError, match="the leading minor of order 1 is not pos"),
        Sample(
            np.stack([np.eye(2), -np.eye(2)]),
            raises=RuntimeError,
            match="linalg.cholesky: (Batch element 1): The factorization could not be completed",
        ),
        Sample(array(3, 4), raises=RuntimeError, match=f"linalg.cholesky: A {_SQUARE}"),
    ],
    "linalg.cholesky_ex": [
        Sample(_positive(3, 3), skip="finite"),
        Sample(_positive(2, 3, 3), check_errors=True, skip="finite"),
    ],
    "linalg.matrix_power": _POWERS,
    "matrix_power": _POWERS,
    "linalg.matrix_exp": _EXPONENTIALS,
    "matrix_exp": _EXPONENTIALS,
}


def test_singular_is_a_linalg_error():
    import retrograd as torch

    with pytest.raises(np.linalg.LinAlgError):
        torch.linalg.inv(torch.zeros(2, 2))


def test_inv_ex_reports_instead_of_raising():
    import retrograd as torch

    found = torch.linalg.inv_ex(torch.zeros(2, 2))
    assert found.info.item() == 1
