"""Products over several axes: tensordot, kron, cross, trace, chains of matrices."""

import pytest

from ..sampling import Sample, array

_LONG = array(3, 4, dtype="int64", low=-5, high=5)

SAMPLES = {
    "tensordot": [
        Sample(array(2, 3, 4), array(3, 4, 5)),
        Sample(array(2, 3, 4), array(4, 5), 1),
        Sample(array(2, 3), array(4, 5), dims=0),
        Sample(array(2, 3, 4), array(4, 2, 5), dims=([0, 2], [1, 0])),
        Sample(array(2, 3, 4), array(4, 2, 5), dims=([-1], [0])),
        Sample(array(3, 4), array(3, 4), 2),
        Sample(array(3, 4), array(3, 4), 1, raises=RuntimeError, match="contracted dimensions"),
        Sample(array(3, 4), array(3, 4), -1, raises=RuntimeError, match="expects dims >= 0"),
        Sample(array(3, 4), array(3, 4), 3, raises=RuntimeError, match="dims < ndim_a or ndim_b"),
        Sample(
            array(3, 4), array(3, 4), ([0, 1], [0]), raises=RuntimeError, match="have same length"
        ),
        Sample(
            array(3, 4, dtype="float32"), array(3, 4), raises=RuntimeError, match="have same dtype"
        ),
    ],
    "kron": [
        Sample(array(2, 3), array(2, 2)),
        Sample(array(2, 3), array(2)),
        Sample(array(), array(2)),
        Sample(array(2, 3), array(2, 1, 2)),
        Sample(array(2, 3), array(2, 2, dtype="int64")),
    ],
    "linalg.cross": [
        Sample(array(4, 3), array(4, 3)),
        Sample(array(3, 4), array(3, 1), dim=0),
        Sample(array(1, 3), array(4, 3)),
        Sample(
            array(2, 3),
            array(2, 3, dtype="int64"),
            raises=RuntimeError,
            match="expected scalar type Double but found Long",
        ),
        Sample(array(3, 4), array(3, 4), raises=RuntimeError, match="must have length 3"),
        Sample(array(3, 4), array(4), raises=RuntimeError, match="same number of dimensions"),
    ],
    "cross": [
        Sample(array(4, 3), array(4, 3), dim=1),
        Sample(array(3, 4), array(3, 4), 0),
        Sample(array(3, 4), array(3, 4), 1, raises=RuntimeError, match="must have length 3"),
    ],
    "trace": [
        Sample(array(3, 3)),
        Sample(array(3, 4)),
        Sample(array(4, 3)),
        Sample(_LONG),
        Sample(array(0, 3)),
        Sample(array(2, 3, 4), raises=RuntimeError, match="expected a matrix, but got tensor"),
    ],
    # PyTorch reshapes the result once more.
    "linalg.multi_dot": [
        Sample([array(2, 3), array(3, 4)]),
        Sample([array(2, 3), array(3, 4), array(4, 5), array(5, 2)]),
        Sample([array(3), array(3, 4), array(4)]),
        Sample([array(3), array(3, 4)]),
        Sample([array(2, 3), array(3, 4), array(4)]),
        Sample([array(3, 4)], raises=RuntimeError, match="expected at least 2 tensors but got 1"),
        Sample([array(3, 4), array(3, 4)], raises=RuntimeError, match="cannot be multiplied"),
    ],
    "linalg.vecdot": [
        Sample(array(3, 4), array(3, 4)),
        Sample(array(3, 4), array(4)),
        Sample(array(3, 4), array(3, 4), dim=0),
        Sample(array(3, 4, dtype="complex128"), array(3, 4, dtype="complex128")),
    ],
}


def test_chain_matmul_warns_and_multiplies():
    import retrograd as torch

    x = torch.ones(2, 3)
    y = torch.ones(3, 4)
    with pytest.warns(UserWarning, match="torch.chain_matmul is deprecated"):
        found = torch.chain_matmul(x, y, y.T)
    assert found.tolist() == [[12.0] * 3] * 2


def test_cross_without_dim_warns():
    import retrograd as torch

    x = torch.eye(3)
    with pytest.warns(UserWarning, match="Using torch.cross without specifying the dim arg"):
        found = torch.cross(x, x.roll(1, 1))
    assert found.shape == (3, 3)
