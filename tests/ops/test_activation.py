"""Samples of the activations that are functions of the main namespace."""

from __future__ import annotations

import math

import numpy as np
import pytest

import retrograd

from ..sampling import Sample, array, read_only

# Without nan, whose gradients PyTorch's vector and scalar kernels answer differently.
KINKS = np.array([-1.0, 0.0, 1.0, np.inf, -np.inf])


def floating(*args, words, **settings):
    """Return samples of an activation that takes floating-point numbers alone."""
    return [
        Sample(array(3, 4), *args, **settings),
        Sample(array(), *args, **settings),
        Sample(array(0, 3), *args, **settings),
        Sample(array(4, 3).T, *args, **settings),
        Sample(read_only(array(5)), *args, **settings),
        Sample(KINKS, *args, skip="finite second", **settings),
        Sample(array(3, dtype="float32"), *args, **settings),
        Sample(array(3, dtype="int64"), *args, raises=NotImplementedError, match=words, **settings),
    ]


SAMPLES = {
    "celu": [
        *floating(words="\"elu_cpu\" not implemented for 'Long'"),
        *floating(alpha=2.5, words="\"elu_cpu\" not implemented for 'Long'"),
        Sample(array(3), 0.0, raises=RuntimeError, match="alpha cannot be 0 for CELU"),
    ],
    "selu": floating(words="\"elu_cpu\" not implemented for 'Long'"),
    "hardshrink": [
        *floating(words="\"hardshrink_cpu\" not implemented for 'Long'"),
        *floating(0.25, words="\"hardshrink_cpu\" not implemented for 'Long'"),
    ],
    "threshold": [
        *floating(0.5, 7.0, words="")[:-1],
        Sample(array(5, dtype="int64"), 1, 5),
        Sample(array(3, dtype="bool"), 1, 5, raises=NotImplementedError,
               match="\"threshold_cpu\" not implemented for 'Bool'"),
    ],
    "prelu": [
        Sample(array(3, 4), array(4)),
        Sample(array(3, 4), array(1)),
        Sample(array(3, 4), array()),
        Sample(array(2, 3, 4), array(3)),
        Sample(array(5), array(1)),
        Sample(array(), array(1)),
        Sample(array(4, 3).T, array(4)[::-1]),
        Sample(array(0, 4), array(4)),
        Sample(array(3, 4, dtype="float32"), array(4, dtype="float32")),
        Sample(array(2, 3), array(4), raises=RuntimeError,
               match="Mismatch of parameter numbers and input channel size. Found parameter "
               "numbers = 4 and channel size = 3."),
        Sample(array(2, 3), array(3, 1), raises=RuntimeError,
               match="Expected `weight` to be a scalar or 1D tensor, but got: ndim = 2"),
        Sample(array(2, 3), array(3, dtype="float32"), raises=RuntimeError,
               match="prelu: Type promoting not supported. Got Double and Float"),
        Sample(array(), array(2), raises=RuntimeError, match="Not allow zero-dim input tensor."),
        Sample(array(2, 3, dtype="int64"), array(3, dtype="int64"), raises=NotImplementedError,
               match="\"prelu_cpu\" not implemented for 'Long'"),
    ],
    "relu": [
        Sample(array(3, 4)),
        Sample(array()),
        Sample(array(0, 3)),
        Sample(array(4, 3).T),
        Sample(read_only(array(5))),
        Sample(np.array([-1.0, 0.0, 1.0, np.inf, -np.inf, np.nan]), skip=("finite", "second")),
        Sample(array(3, dtype="int64")),
        Sample(array(3, dtype="float32")),
    ],
    "softmax": [
        Sample(array(3, 4), 1),
        Sample(array(3, 4), dim=0),
        Sample(array(2, 3, 4), -2),
        Sample(array(), 0),
        Sample(array(0, 3), 1),
        Sample(array(4, 3).T, 0),
        Sample(np.array([[1000.0, 1001.0], [-1000.0, 0.0]]), 1),
        Sample(array(3, 4, dtype="float32"), 1, dtype=np.float64),
        Sample(array(3, 4), 2, raises=IndexError, match="Dimension out of range"),
    ],
    "log_softmax": [
        Sample(array(3, 4), 1),
        Sample(array(3, 4), dim=0),
        Sample(array(2, 3, 4), -2),
        Sample(array(), 0),
        Sample(array(0, 3), 1),
        Sample(array(4, 3).T, 0),
        Sample(np.array([[1000.0, 1001.0], [-1000.0, 0.0]]), 1),
        Sample(array(3, 4, dtype="float32"), 1, dtype=np.float64),
        Sample(array(3, 4), 2, raises=IndexError, match="Dimension out of range"),
    ],
}  # fmt: skip


def test_gelu_of_many_float32_numbers():
    # Many float32 numbers go through a polynomial; float64 ones through SciPy's erf.
    x = np.linspace(-40, 40, 160001).astype(np.float32)
    wide = retrograd.from_numpy(x.astype(np.float64)).requires_grad_()
    narrow = retrograd.from_numpy(x).requires_grad_()
    gelu = retrograd.nn.functional.gelu
    results = [gelu(one) for one in (wide, narrow)]
    for one in results:
        one.sum().backward()
    assert float((results[0] - results[1]).abs().max()) < 3e-6  # half a unit at 40
    near = (wide.detach().abs() < 8).nonzero().flatten()
    assert float((results[0] - results[1])[near].abs().max()) < 6e-7
    assert float((wide.grad - narrow.grad).abs().max()) < 1e-6


def test_gelu_and_relu_of_what_is_not_finite():
    x = np.resize(np.array([np.inf, -np.inf, np.nan, 1.0]), 2000).astype(np.float32)
    tensor = retrograd.from_numpy(x).requires_grad_()
    retrograd.nn.functional.relu(tensor).backward(
        retrograd.from_numpy(np.full(2000, np.inf, np.float32))
    )
    assert tensor.grad[:4].tolist() == [math.inf, 0, math.inf, math.inf]
    gelu = retrograd.nn.functional.gelu(tensor.detach())[:4].tolist()
    assert gelu[0] == math.inf
    assert math.isnan(gelu[2])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_relu_of_many_numbers(dtype):
    x = np.resize(np.array([np.inf, -np.inf, np.nan, 1.5, -1.5, 0.0], dtype), (100, 120))
    tensor = retrograd.from_numpy(x).requires_grad_()
    result = retrograd.relu(tensor)
    np.testing.assert_array_equal(result.detach().numpy(), np.where(x <= 0, 0, x).astype(dtype))
    result.backward(retrograd.ones_like(result))
    np.testing.assert_array_equal(tensor.grad.numpy(), np.where(x <= 0, 0, 1).astype(dtype))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(
    "row",
    [
        [1000.0, 999.0, 0.0],
        [-1000.0, -1001.0, -2000.0],
        [-np.inf, 1.0, 2.0],
        [55.0, -55.0, 0.0],
        [-50.0, -49.0, -51.0],
        [np.nan, 1.0, 2.0],
    ],
    ids=str,
)
def test_softmax_of_any_size_of_numbers(row, dtype):
    # See Note [Softmax without the largest]: beside an ordinary row, and alone.
    x = np.array([row, [0.0, 1.0, 2.0]], dtype)
    shifted = np.exp(x.astype(float) - x.astype(float).max(1, keepdims=True))
    wanted = shifted / shifted.sum(1, keepdims=True)
    for some in (slice(0, 2), slice(0, 1)):
        found = retrograd.softmax(retrograd.from_numpy(x[some]), -1).numpy()
        np.testing.assert_allclose(found, wanted[some], rtol=1e-6, atol=1e-30)
