"""Normalisation: batch_norm, group_norm, instance_norm, layer_norm, rms_norm, response norms."""

import numpy as np
import pytest

import retrograd

from ..sampling import Sample, array

_X = array(3, 4, 2, 3)
_W = array(4)
_MEAN, _VARIANCE = array(4), array(4, low=0.5, high=2)
_ON, _OFF = (True, 0.1, 1e-5, False), (False, 0.1, 1e-5, False)
_FAR = array(6, 8) * 1e-3 + 1e3  # the variance is lost in the mean of the squares
_LARGE = array(200, 90)  # large enough for outer products by BLAS


def _int(*shape):
    return np.ones(shape, "int64")


_RUNNING = "must be defined in evaluation mode"
_BOTH = "running_mean and running_var must either both be None or neither be None"

SAMPLES = {
    "batch_norm": [
        Sample(_X, array(4), array(4), None, None, *_ON),
        Sample(_X, None, None, None, None, *_ON),
        Sample(_X, array(4), None, None, None, *_ON),
        Sample(_X, None, array(4), None, None, *_ON),
        Sample(_X, array(4), array(4), None, None, *_ON, constant=(0,)),
        Sample(_X, array(4), array(4), None, None, *_ON, constant=(1, 2)),
        Sample(_X, array(4), array(4), None, None, *_ON, constant=(0, 1)),
        Sample(array(5, 4), array(4), array(4), None, None, *_ON),
        Sample(array(5, 4, 1), array(4), array(4), None, None, *_ON),
        Sample(array(1, 4, 7), array(4), array(4), None, None, *_ON),
        Sample(array(2, 4, 300), array(4), array(4), None, None, *_ON),
        Sample(array(4, 6).T, array(4), array(4), None, None, *_ON),
        Sample(array(2, 3, 4, 2).transpose(0, 2, 3, 1), array(4), array(4), None, None, *_ON),
        Sample(array(5, 4), array(4), array(4), None, None, True, 0.5, 0.3, True),
        Sample(_FAR, None, None, None, None, True, 0.1, 1e-8, True, tolerance=1e-4, skip="finite"),
        Sample(array(5, 4, dtype="float32"), None, None, None, None, *_ON),
        # PyTorch computes nothing for no numbers: its nodes are others.
        Sample(array(0, 4), array(4), array(4), None, None, *_ON, skip="node"),
        Sample(array(2, 4, 0), array(4), array(4), None, None, *_ON, skip="node"),
        Sample(array(2, 0), None, None, None, None, *_ON, skip="node"),
        Sample(_X, array(4), array(4), _MEAN, _VARIANCE, *_OFF, constant=(3, 4)),
        Sample(_X, None, None, _MEAN, _VARIANCE, *_OFF, constant=(1, 2)),
        Sample(array(4), *[None] * 4, *_ON, raises=IndexError, match="Dimension out of range"),
        Sample(_X, *[None] * 4, *_OFF, raises=RuntimeError, match=f"running_mean {_RUNNING}"),
        Sample(
            _X, None, None, _MEAN, None, *_OFF, constant=(1,),
            raises=RuntimeError, match=f"running_var {_RUNNING}",
        ),
        Sample(_X, None, None, _MEAN, None, *_ON, constant=(1,), raises=ValueError, match=_BOTH),
        Sample(
            _X, array(3), None, None, None, *_ON,
            raises=RuntimeError, match="weight should contain 4 elements not 3",
        ),
        Sample(
            _int(2, 3), *[None] * 4, *_ON,
            raises=NotImplementedError, match="\"batch_norm\" not implemented for 'Long'",
        ),
        Sample(
            _X, array(4, dtype="float32"), *[None] * 3, *_ON,
            raises=RuntimeError, match="mixed dtype (CPU): all inputs must share same datatype.",
        ),
        Sample(
            _X.astype("float32"), _W, *[None] * 3, *_ON,
            raises=RuntimeError, match="expect parameter to have scalar type of Float",
        ),
        Sample(
            _X, None, None, _MEAN.astype("float32"), _VARIANCE.astype("float32"), *_OFF,
            constant=(1, 2),
            raises=RuntimeError, match="mixed dtype (CPU): all inputs must share same datatype.",
        ),
        Sample(
            _X, array(4), None, _MEAN.astype("float32"), _VARIANCE.astype("float32"), *_OFF,
            constant=(2, 3),
            raises=RuntimeError, match="expected scalar type Double but found Float",
        ),
        Sample(
            _X, *[None] * 4, True, None, 1e-5, False,
            raises=TypeError, match="argument 'momentum' (position 7) must be float, not NoneType",
        ),
    ],
    "nn.functional.batch_norm": [
        Sample(_X, None, None, training=True),
        Sample(_X, None, None, array(4), array(4), True),
        Sample(_X, _MEAN, _VARIANCE, array(4), array(4), eps=0.1, constant=(1, 2)),
        Sample(array(6, 3, dtype="float16"), None, None, training=True, skip="gradient second"),
        Sample(array(1, 3), None, None, training=True, raises=ValueError,
               match="Expected more than 1 value per channel when training, got input size"),
    ],
    "instance_norm": [
        Sample(_X, array(4), array(4), None, None, *_ON),
        Sample(_X, None, None, None, None, *_ON),
        Sample(_X, array(4), None, None, None, *_ON, constant=(0,)),
        Sample(array(2, 3, 300), None, array(3), None, None, *_ON),
        Sample(_X, array(4), array(4), _MEAN, _VARIANCE, *_OFF, constant=(3, 4)),
        Sample(array(0, 4, 3), None, None, None, None, *_ON),
        Sample(_X, *[None] * 4, *_OFF, raises=RuntimeError, match="to be defined when use_input_s"),
        Sample(_X, array(3), *[None] * 3, *_ON, raises=RuntimeError,
               match="weight should contain 12 elements not 9"),
        Sample(_X, None, None, _MEAN, None, *_ON, constant=(1,), raises=ValueError, match=_BOTH),
        Sample(_int(2, 3, 4), *[None] * 4, *_ON, raises=NotImplementedError, match="'Long'"),
    ],
    "nn.functional.instance_norm": [
        Sample(_X),
        Sample(_X, None, None, array(4), array(4), eps=0.1),
        Sample(_X, _MEAN, _VARIANCE, use_input_stats=False, constant=(1, 2)),
        Sample(array(2, 3, 1), raises=ValueError, match="Expected more than 1 spatial element whe"),
    ],
    "group_norm": [
        Sample(_X, 2),
        Sample(_X, 2, array(4), array(4)),
        Sample(_X, 1, array(4)),
        Sample(_X, 4, None, array(4)),
        Sample(_X, 4, array(4), array(4), constant=(0,)),
        Sample(array(3, 6), 2, array(6), array(6), 0.5),
        Sample(array(2, 4, 300), 2, array(4), array(4)),
        Sample(array(3, 4, 5).transpose(2, 1, 0), 2),
        Sample(array(0, 4, 3), 2, array(4)),
        Sample(array(2, 4, 3, dtype="float16"), 2, skip="gradient second"),
        Sample(_X, 3, raises=RuntimeError, match="to be divisible by num_groups, but got input of"),
        Sample(_X, -1, raises=RuntimeError, match="Expected num groups to be greater than 0, got "),
        Sample(array(3), 1, raises=IndexError, match="Dimension out of range"),
        Sample(_X, 2, array(3), raises=RuntimeError,
               match="Expected weight to be a vector of size equal to the number of channels in"),
        Sample(_int(2, 4, 3), 2, raises=NotImplementedError, match="\"GroupNormKernelImpl\" not i"),
    ],
    "nn.functional.group_norm": [
        Sample(_X, 2, array(4), array(4), 0.1),
        Sample(array(1, 4), 4, raises=ValueError, match="when training, got input size [1, 4]"),
        Sample(array(3), 1, raises=RuntimeError, match="Expected at least 2 dimensions for input "),
    ],
    "layer_norm": [
        Sample(array(3, 5), (5,)),
        Sample(array(3, 5), [5], array(5), array(5)),
        Sample(array(3, 5), (3, 5), array(3, 5), array(3, 5)),
        Sample(array(2, 3, 5), (5,), array(5), array(5), 0.3),
        Sample(array(2, 3, 5), (5,), None, array(5)),
        Sample(array(2, 3, 5), (5,), array(5), constant=(0,)),
        Sample(array(4), (4,), array(4), array(4), constant=(1, 2)),
        Sample(array(5, 4).T, (5,), array(5)),
        Sample(_LARGE, (90,), array(90), array(90)),
        Sample(_LARGE, (90,)),
        Sample(_FAR, (8,), eps=1e-8, tolerance=1e-4, skip="finite"),
        Sample(np.tile(_FAR, (300, 10)), (80,), eps=1e-8, tolerance=1e-4, skip="finite second"),
        Sample(array(0, 3), (3,), array(3), array(3)),
        Sample(array(3, 5, dtype="float32"), (5,), array(5, dtype="float32")),
        Sample(array(3, 5, dtype="float16"), (5,), skip="gradient second"),
        Sample(array(3, 5), (4,), raises=RuntimeError, match="Given normalized_shape=[4], expecte"),
        Sample(array(3, 5), (), raises=RuntimeError, match="to be at least 1-dimensional, i.e., c"),
        Sample(array(3, 5), 5, raises=TypeError, match="must be tuple of ints, not int"),
        Sample(array(3, 5), (5.0,), raises=TypeError, match="but found element of type float at"),
        Sample(array(3, 5), (5,), array(4), raises=RuntimeError, match="Expected weight to be of "),
        Sample(_int(2, 3), (3,), raises=NotImplementedError, match="\"LayerNormKernelImpl\" not i"),
    ],
    "nn.functional.layer_norm": [Sample(array(3, 5), (5,), array(5), array(5), 0.1)],
    "rms_norm": [
        Sample(array(3, 5), (5,)),
        Sample(array(3, 5), [5], array(5)),
        Sample(array(2, 3, 5), (3, 5), array(3, 5), 0.3),
        Sample(array(2, 3, 5), (5,), array(5), constant=(0,)),
        Sample(_LARGE, (90,), array(90)),
        Sample(array(0, 3), (3,)),
        # PyTorch casts back in a node of its own.
        Sample(array(3, 5, dtype="float16"), (5,), skip="gradient second node"),
        Sample(array(3, 5), (4,), raises=RuntimeError, match="expected input with shape [*4], but"),
        Sample(array(3, 5), (5,), array(4), raises=RuntimeError, match="Expected weight to be of "),
        Sample(_int(2, 3), (3,), raises=NotImplementedError, match="\"rms_norm\" not implemented"),
    ],
    "nn.functional.rms_norm": [Sample(array(3, 5), (5,), array(5), 0.1)],
    "nn.functional.local_response_norm": [
        Sample(array(2, 5, 3), 3),
        Sample(array(2, 5, 3, 2), 2, 0.5, 0.3, 2.0),
        Sample(array(2, 5, 2, 1, 2), 4, alpha=0.1),
        Sample(array(2, 3, 4), 20, alpha=0.1),
        Sample(array(0, 3, 4), 2, skip="gradient second"),  # returned as it is, a leaf
        Sample(_int(2, 3, 4), 2),
        Sample(array(2, 3), 2, raises=ValueError, match="Expected 3D or higher dimensionality "),
        Sample(array(2, 3, 4), 0, raises=RuntimeError, match="kernel size should be greater than"),
    ],
}  # fmt: skip


_ALONE = {
    "batch_norm": (None, None, None, None, True, 0.1, 0.1, False),
    "layer_norm": ((4,),),
    "group_norm": (2,),
    "rms_norm": ((4,),),
}


@pytest.mark.parametrize("name", _ALONE)
def test_third_derivative(name):
    start, along, weights = array(3, 4, seed=1), array(3, 4, seed=2), array(3, 4, seed=3)

    def second(values):
        x = retrograd.tensor(values, requires_grad=True)
        y = (getattr(retrograd, name)(x, *_ALONE[name]) ** 3).sum()
        (first,) = retrograd.autograd.grad(y, x, create_graph=True)
        (found,) = retrograd.autograd.grad((first**2).sum(), x, create_graph=True)
        return x, (found * retrograd.tensor(weights)).sum()

    x, total = second(start)
    (third,) = retrograd.autograd.grad(total, x)
    step = 1e-5
    slope = (second(start + step * along)[1] - second(start - step * along)[1]) / (2 * step)
    assert float((third * retrograd.tensor(along)).sum()) == pytest.approx(float(slope), rel=1e-6)


def test_normalised_rows_have_mean_0_and_variance_1():
    for shape in ((3, 5), (200, 90)):
        y = retrograd.layer_norm(retrograd.tensor(array(*shape) * 3 + 7), shape[-1:], eps=0.0)
        np.testing.assert_allclose(y.mean(1), 0, atol=1e-13)
        np.testing.assert_allclose(y.var(1, correction=0), 1, rtol=1e-13)


def test_a_constant_far_from_zero_is_normalised_to_zero():
    y = retrograd.layer_norm(retrograd.full((300, 100), 1e4), (100,))
    assert (y.abs() < 1e-3).all()


def test_the_result_may_be_overwritten():
    x = retrograd.tensor(array(4, 3), requires_grad=True)
    y = retrograd.nn.functional.batch_norm(x, None, None, training=True)
    retrograd.relu_(y)
    y.sum().backward()
    assert x.grad is not None


def test_the_input_may_not_be_overwritten():
    x = retrograd.tensor(array(4, 3), requires_grad=True) * 1
    y = retrograd.layer_norm(x, (3,))
    x.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.sum().backward()
