"""NumPy functions on tensors: NumPy's arguments, defaults and meaning, with a gradient."""

import numpy as np
import pytest

import retrograd as torch
from retrograd.ops.numpy_calls import answers

from ..sampling import array

_X = array(3, 4)
_V = array(4)
_A = array(3, 3) + 3 * np.eye(3)

CALLS = [
    (np.sum, (_X,), {}),
    (np.sum, (_X, -1), {}),
    (np.sum, (_X,), {"axis": (-1, 0), "keepdims": True}),
    (np.nansum, (_X,), {"axis": -1}),
    (np.mean, (_X,), {"axis": -1}),
    (np.prod, (_X,), {"axis": -1}),
    (np.max, (_X,), {"axis": -1}),
    (np.min, (_X, 0), {"keepdims": True}),
    (np.all, (_X > 0,), {"axis": -1}),
    (np.any, (_X > 0,), {"axis": -1}),
    (np.count_nonzero, (_X > 0,), {"axis": -1}),
    (np.var, (_X,), {"axis": -1}),
    (np.std, (_X,), {"axis": -1, "ddof": 1}),
    (np.argmax, (_X, -1), {}),
    (np.argmin, (_X,), {}),
    (np.cumsum, (_X,), {"axis": -1}),
    (np.cumsum, (_X,), {}),
    (np.cumprod, (_X, 0), {}),
    (np.ptp, (_X,), {"axis": -1}),
    (np.diff, (_X,), {"axis": 0}),
    (np.average, (_X,), {"axis": 1, "weights": abs(_V)}),
    (np.sort, (_X,), {}),
    (np.sort, (_X, None), {}),
    (np.argsort, (_X,), {"axis": 0}),
    (np.take_along_axis, (_X, np.argsort(_X, 1)), {"axis": -1}),
    (np.searchsorted, (np.sort(_V), _V), {"side": "right"}),
    (np.quantile, (_X, 0.3), {"axis": -1}),
    (np.percentile, (_X, [20, 50]), {}),
    (np.median, (_X,), {"axis": 1}),
    (np.median, (_X,), {}),
    (np.matmul, (_X, _V), {}),
    (np.matmul, (_X, _X.T), {}),
    (np.inner, (_X, _V), {}),
    (np.kron, (_X, _V), {}),
    (np.linalg.multi_dot, ([_X, _X.T, _X],), {}),
    (np.einsum, ("ij,j->i", _X, _V), {"optimize": True}),
    (np.dot, (_X, _V), {}),
    (np.dot, (_V, _V), {}),
    (np.dot, (array(2, 3), array(4, 3, 2)), {}),
    (np.dot, (2.0, _V), {}),
    (np.vdot, (_X, _X), {}),
    (np.outer, (_V, _V), {}),
    (np.tensordot, (_X, _X), {"axes": 2}),
    (np.cross, (_X[:, :3], _X[:, 1:]), {}),
    (np.trace, (_X,), {"offset": 1}),
    (np.linalg.norm, (_X,), {}),
    (np.linalg.norm, (_X,), {"axis": -1}),
    (np.linalg.norm, (_X, "nuc"), {}),
    (np.linalg.svd, (_X,), {"compute_uv": False}),
    (np.linalg.eigh, (_A + _A.T,), {}),
    (np.linalg.qr, (_A,), {}),
    (np.linalg.slogdet, (_A,), {}),
    (np.linalg.pinv, (_X,), {}),
    (np.linalg.matrix_rank, (_A,), {}),
    (np.linalg.matrix_power, (_A, 3), {}),
]


def _tensors(given):
    if isinstance(given, np.ndarray):
        tensor = torch.from_numpy(given.copy())
        return tensor.requires_grad_(given.dtype.kind == "f")
    if isinstance(given, list) and given and isinstance(given[0], np.ndarray):
        return [_tensors(one) for one in given]
    return given


@pytest.mark.parametrize(
    ("function", "args", "settings"), CALLS, ids=[call[0].__name__ for call in CALLS]
)
def test_answers_as_numpy(function, args, settings):
    wanted = function(*args, **settings)
    settings = {name: _tensors(value) for name, value in settings.items()}
    tensors = [_tensors(arg) for arg in args]
    found = answers[function](*tensors, **settings)
    several = isinstance(found, tuple)
    for mine, other in zip(found if several else [found], wanted if several else [wanted]):
        np.testing.assert_allclose(mine.detach().numpy(), other, rtol=1e-10, atol=1e-12)
        assert mine.shape == np.shape(other)
    last = found[-1] if several else found
    if last.dtype.is_floating_point:
        last.sum().backward()
        assert any(
            isinstance(one, torch.Tensor) and one.grad is not None
            for arg in tensors
            for one in (arg if isinstance(arg, list) else [arg])
        )


def test_axis_out_of_range():
    with pytest.raises(np.exceptions.AxisError):
        answers[np.sum](torch.ones(2, 3), axis=2)
