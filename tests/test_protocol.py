"""NumPy functions on tensors: values, gradients of both orders, and clear refusals."""

import numpy as np
import pytest

import retrograd as rg

X = np.random.default_rng(0).uniform(0.2, 0.9, (3, 3)) + np.eye(3)

CALLS = {
    "sin": np.sin,
    "exp": np.exp,
    "log": np.log,
    "power": lambda x: np.power(x, 3),
    "sum": np.sum,
    "sum over an axis": lambda x: np.sum(x, axis=-1, keepdims=True),
    "mean": lambda x: np.mean(x, axis=0),
    "prod": lambda x: np.prod(x, axis=1),
    "max": lambda x: np.max(x, axis=1),
    "var": lambda x: np.var(x, axis=1),
    "std": lambda x: np.std(x),
    "cumsum": lambda x: np.cumsum(x, axis=0),
    "add.reduce": lambda x: np.add.reduce(x, axis=1),
    "add.accumulate": lambda x: np.add.accumulate(x, axis=1),
    "matmul": lambda x: np.matmul(x, x),
    "dot": lambda x: np.dot(x, x[0]),
    "einsum": lambda x: np.einsum("ij,jk->ik", x, x),
    "tensordot": lambda x: np.tensordot(x, x, axes=1),
    "outer": lambda x: np.outer(x[0], x[1]),
    "where": lambda x: np.where(X > 0.6, x, x * x),
    "maximum": lambda x: np.maximum(x, 0.5),
    "clip": lambda x: np.clip(x, 0.3, 0.7),
    "concatenate": lambda x: np.concatenate([x, x * 2], axis=1),
    "stack": lambda x: np.stack([x, x * x], axis=1),
    "hstack": lambda x: np.hstack([x, x * x]),
    "vstack": lambda x: np.vstack((x, x * x)),
    "append": lambda x: np.append(x, x * x, axis=0),
    "split": lambda x: np.split(x * x, 3)[1],
    "array_split": lambda x: np.array_split(x * x, 2, axis=1)[0],
    "reshape": lambda x: np.reshape(x * x, (9,)),
    "ravel": lambda x: np.ravel(x * x),
    "transpose": lambda x: np.transpose(x) @ x,
    "swapaxes": lambda x: np.swapaxes(x, 0, 1) * x,
    "expand_dims": lambda x: np.expand_dims(x, 1) * x,
    "squeeze": lambda x: np.squeeze(x[:1] * x[:1]),
    "broadcast_to": lambda x: np.broadcast_to(x * x, (2, 3, 3)),
    "flip": lambda x: np.flip(x, axis=0) * x,
    "fliplr": lambda x: np.fliplr(x) * x,
    "roll": lambda x: np.roll(x, 1, axis=0) * x,
    "tile": lambda x: np.tile(x * x, 2),
    "take": lambda x: np.take(x * x, [0, 2, 0], axis=1),
    "diff": lambda x: np.diff(x * x, axis=0),
    "diag": lambda x: np.diag(x * x),
    "trace": lambda x: np.trace(x @ x),
    "tril": lambda x: np.tril(x * x),
    "kron": lambda x: np.kron(x, x),
    "average": lambda x: np.average(x * x, axis=0, weights=np.arange(3.0)),
    "atleast_3d": lambda x: np.atleast_3d(x * x),
    "linalg.inv": np.linalg.inv,
    "linalg.det": np.linalg.det,
    "linalg.solve": lambda x: np.linalg.solve(x, x[:, 0] * x[:, 1]),
    "linalg.norm": np.linalg.norm,
    "linalg.slogdet": lambda x: np.linalg.slogdet(x)[1],
    "linalg.cholesky": lambda x: np.linalg.cholesky(x @ np.transpose(x) + np.eye(3)),
    "linalg.matrix_power": lambda x: np.linalg.matrix_power(x, 3),
    "array and tensor": lambda x: X * x + X @ x - x / X,
    "scalar and tensor": lambda x: np.float64(2) * x,
}


def finite_difference(run, x, direction, step=1e-6):
    return (run(x + step * direction) - run(x - step * direction)) / (2 * step)


@pytest.mark.parametrize("name", CALLS)
def test_values_and_gradients_of_both_orders(name):
    run = CALLS[name]
    x = rg.tensor(X, requires_grad=True)
    result = run(x)
    assert isinstance(result, rg.Tensor)
    expected = run(X)
    np.testing.assert_allclose(result.detach().numpy(), expected, rtol=1e-12)
    weight = np.random.default_rng(1).normal(size=np.shape(expected))

    def total(array):
        return float(np.sum(run(array) * weight))

    direction = np.random.default_rng(2).normal(size=X.shape)
    (gradient,) = rg.autograd.grad(np.sum(result * rg.tensor(weight)), x, create_graph=True)
    slope = float(np.sum(gradient.detach().numpy() * direction))
    assert slope == pytest.approx(finite_difference(total, X, direction), rel=1e-5, abs=1e-7)
    if not gradient.requires_grad:
        return  # linear: the second derivative is zero
    (second,) = rg.autograd.grad(np.sum(gradient * rg.tensor(direction)), x, allow_unused=True)

    def slopes(array):
        inner = rg.tensor(array, requires_grad=True)
        (found,) = rg.autograd.grad(np.sum(run(inner) * rg.tensor(weight)), inner)
        return found.numpy()

    numeric = finite_difference(slopes, X, direction)
    found = np.zeros_like(X) if second is None else second.numpy()
    np.testing.assert_allclose(found, numeric, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("name", ["unwrap", "spacing", "interp"])
def test_functions_without_a_derivative_say_what_to_do(name):
    function = getattr(np, name)
    args = (rg.tensor([0.1, 0.2], requires_grad=True),)
    if name == "interp":
        args = (*args, np.arange(3.0), np.arange(3.0))
    with pytest.raises(TypeError, match=rf"np.{name} has no derivative.*use t.detach\(\)"):
        function(*args)
    plain = function(args[0].detach(), *args[1:])
    expected = function(np.array([0.1, 0.2], np.float32), *args[1:])
    np.testing.assert_allclose(plain, expected)


def test_what_has_no_gradient_to_lose_runs():
    x = rg.tensor([0.0, 1.0, 2.0], requires_grad=True)
    assert np.count_nonzero(x) == 2
    assert np.array_equal(x, x)
    assert np.flatnonzero(x).tolist() == [1, 2]
    assert np.shape(x) == (3,)
    assert np.ndim(x) == 1
    assert np.size(x) == 3
    assert not np.iscomplexobj(x)


def test_like_functions_make_tensors():
    x = rg.ones(2, 3, dtype=rg.float64)
    for made in (np.zeros_like(x), np.ones_like(x), np.full_like(x, 3.0), np.empty_like(x)):
        assert isinstance(made, rg.Tensor)
        assert (made.shape, made.dtype) == ((2, 3), rg.float64)


def test_arrays_and_tensors_mix_in_operators():
    array, tensor = np.array([1.0, 2.0]), rg.tensor([3.0, 4.0], requires_grad=True)
    for result in (array + tensor, tensor + array, array * tensor, array - tensor):
        assert isinstance(result, rg.Tensor)
        assert result.requires_grad
    assert (array < tensor).tolist() == [True, True]
    array += 1
    with pytest.raises(TypeError, match="gradient would be lost"):
        array += tensor


def test_asarray_refuses_to_drop_a_gradient():
    with pytest.raises(RuntimeError, match=r"tensor.detach\(\).numpy\(\)"):
        np.asarray(rg.ones(2, requires_grad=True))
    assert np.asarray(rg.ones(2), dtype="f8").dtype == np.float64
