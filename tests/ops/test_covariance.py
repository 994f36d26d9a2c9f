"""Covariances and correlations."""

import numpy as np
import pytest

from ..sampling import Sample, array

_COUNTS = np.array([1, 2, 1, 3])
_RELIABLE = array(4, low=0.5, high=2)

# The last nodes differ: PyTorch squeezes the result.
SAMPLES = {
    "cov": [
        Sample(array(3, 4), skip="node"),
        Sample(array(4), skip="node"),
        Sample(array(3, 4), correction=0, skip="node"),
        Sample(array(3, 4), fweights=_COUNTS, skip="node"),
        Sample(array(3, 4), aweights=_RELIABLE, constant=(1,), skip="node"),
        Sample(array(3, 4), fweights=_COUNTS, aweights=_RELIABLE, constant=(2,), skip="node"),
        Sample(array(3, 4, dtype="int64")),
        Sample(array(2, 3, 4), raises=RuntimeError, match="expected input to have two or fewer"),
    ],
    "corrcoef": [
        # On the diagonal the clamp meets its bound.
        Sample(array(3, 4), skip=("node", "finite")),
        Sample(array(4), skip="node"),
        Sample(array(2, 3, 4), raises=RuntimeError, match="expected input to have two or fewer"),
    ],
}


def test_gradient_of_correlation_off_the_diagonal():
    torch = pytest.importorskip("torch")
    import retrograd

    x = array(3, 5, seed=3)
    found = []
    for library in (retrograd, torch):
        leaf = library.from_numpy(x.copy()).requires_grad_(True)
        library.corrcoef(leaf)[0, 1:].sum().backward()
        found.append(leaf.grad.numpy())
    np.testing.assert_allclose(*found, rtol=1e-10, atol=1e-12)


def test_no_degrees_of_freedom_warns():
    import retrograd

    with pytest.warns(UserWarning, match=r"cov\(\): degrees of freedom is <= 0"):
        retrograd.cov(retrograd.ones(2, 1))
