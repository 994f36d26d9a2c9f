"""QR, eigenvalues, singular values, pseudo-inverse, least squares."""

import numpy as np
import pytest

from ..sampling import Sample, array
from .test_decomposition import _positive, _regular

_LOOSE = 1e-8
_FLAT = "finite"
# Signs of eigenvectors and singular vectors are LAPACK's choice, and PyTorch has another one;
# tests below compare what does not see them.
_SIGNS = ("value", "gradient", "second")

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
        Sample(_positive(3, 3), skip=(*_SIGNS, _FLAT)),
        Sample(_positive(2, 3, 3), skip=(*_SIGNS, _FLAT)),
        Sample(_positive(3, 3), "U", skip=(*_SIGNS, _FLAT)),
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
        Sample(array(4, 3), False, skip=_SIGNS),
        Sample(array(3, 4), full_matrices=False, skip=_SIGNS),
        Sample(array(3, 3), skip=_SIGNS),
        Sample(array(2, 3, 4), full_matrices=False, skip=_SIGNS),
        Sample(array(4, 3), constant=(0,), skip=_SIGNS),
        Sample(array(3), raises=RuntimeError, match="linalg.svd: The input tensor A must have"),
        Sample(np.full((2, 2), np.nan), raises=RuntimeError, match="contained non-finite values"),
    ],
    "linalg.svdvals": [
        Sample(array(4, 3), tolerance=_LOOSE),
        Sample(array(2, 3, 4), tolerance=_LOOSE),
    ],
    "svd": [
        Sample(array(4, 3), skip=_SIGNS),
        Sample(array(3, 4), True, skip=_SIGNS),
        Sample(array(3, 4), compute_uv=False, constant=(0,)),
    ],
    "linalg.pinv": [
        Sample(np.full((2, 2), np.nan), raises=RuntimeError, match="contained non-finite values"),
        Sample(array(4, 3), tolerance=_LOOSE),
        Sample(array(3, 4), tolerance=_LOOSE),
        Sample(array(2, 3, 4), tolerance=_LOOSE),
        Sample(array(3, 3, dtype="complex128"), tolerance=_LOOSE),
        Sample(array(4, 3), rtol=1e-10, tolerance=_LOOSE),
        Sample(array(3), raises=RuntimeError, match="expected a tensor with 2 or more dim"),
    ],
    "pinverse": [Sample(array(4, 3), tolerance=_LOOSE)],
    "linalg.lstsq": [
        Sample(array(5, 3), array(5, 2), tolerance=_LOOSE),
        Sample(array(5, 3), array(5), tolerance=_LOOSE),
        Sample(array(5, 3), array(5, 2), driver="gels", tolerance=_LOOSE),
        Sample(array(2, 5, 3), array(2, 5, 2), driver="gels", tolerance=_LOOSE),
        Sample(array(5, 3), array(5), driver="gels", tolerance=_LOOSE),
        Sample(array(5, 3), array(5, 2), driver="gelsd", tolerance=_LOOSE),
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


@pytest.mark.parametrize("shape", [(4, 3), (3, 4), (3, 3), (2, 4, 3)])
@pytest.mark.parametrize("full", [False, True])
def test_svd_gradient_without_the_signs(shape, full):
    """Compare with PyTorch what does not see the signs of singular vectors."""
    torch = pytest.importorskip("torch")
    import retrograd

    x = array(*shape, seed=5)
    found = []
    for library in (retrograd, torch):
        leaf = library.from_numpy(x.copy()).requires_grad_(True)
        if full and shape[-1] != shape[-2]:
            u, s, vh = library.linalg.svd(leaf, full_matrices=True)
            size = min(shape[-2:])
            u, vh = u[..., :size], vh[..., :size, :]
        else:
            u, s, vh = library.linalg.svd(leaf, full_matrices=False)
        weight = library.from_numpy(np.arange(1.0, 1 + s.shape[-1]))
        loss = (u**4 * weight).sum() + (s * weight).sum() + (vh**4).sum()
        (first,) = library.autograd.grad(loss, leaf, create_graph=True)
        (second,) = library.autograd.grad((first**2).sum(), leaf)
        found.append((loss.item(), first.detach().numpy(), second.numpy()))
    for ours, theirs in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("shape", [(3, 3), (2, 4, 4)])
@pytest.mark.parametrize("kind", ["float64", "complex128"])
def test_eigh_gradient_without_the_signs(shape, kind):
    """Compare with PyTorch what does not see the phases of eigenvectors."""
    torch = pytest.importorskip("torch")
    import retrograd

    x = _positive(*shape, dtype=kind)
    found = []
    for library in (retrograd, torch):
        leaf = library.from_numpy(x.copy()).requires_grad_(True)
        values, vectors = library.linalg.eigh(leaf)
        weight = library.from_numpy(np.arange(1.0, 1 + shape[-1]))
        loss = (vectors.abs() ** 4 * weight).sum() + (values * weight).sum()
        (first,) = library.autograd.grad(loss, leaf, create_graph=True)
        (second,) = library.autograd.grad((first.abs() ** 2).sum(), leaf)
        found.append((loss.item(), first.detach().numpy(), second.numpy()))
    for ours, theirs in zip(*found):
        np.testing.assert_allclose(ours, theirs, rtol=1e-8, atol=1e-8)
