"""Pooling over regular windows: max_pool and avg_pool."""

import numpy as np
import pytest

import retrograd

from ..sampling import Sample, array

_NAN = array(2, 3, 6, 7)
_NAN[0, 1, 2:4, 3:5] = np.nan
_NAN[1, 2, 0, 0] = np.nan
_LOW = np.full((1, 4, 5), -np.inf)
# Finite differences do not see which of several equal elements is taken.
_TIES = array(2, 3, 6, 7, dtype="int64", low=0, high=2).astype("float64")
_SINGLE = {"dtype": "float32"}


def _whole(*shape, dtype="int64"):
    return array(*shape, dtype=dtype, low=-9, high=9)


def _calls(dims):
    """Return samples that max_pool and avg_pool of a number of axes have in common."""
    spatial = {1: (9,), 2: (6, 7), 3: (5, 4, 6)}[dims]
    x = array(2, 3, *spatial)
    each = (3, 2, 2)[:dims]
    return [
        Sample(x, 2),
        Sample(x[0], 2),
        Sample(x, [2]),
        Sample(x, each, stride=(1, 2, 3)[:dims]),
        Sample(x, 3, 1, 1),
        Sample(x, 3, 2, padding=(1, 0, 1)[:dims]),
        Sample(x, 3, 2, 1, ceil_mode=True),
        Sample(x, 2, 3),
        Sample(x, spatial),
        Sample(x, 1),
        Sample(x, np.array(2)),
        Sample(x, np.int32(2)),
        Sample(np.moveaxis(array(2, *spatial, 3), -1, 1), 2),
        Sample(array(0, 3, *spatial), 2),
        Sample(array(2, 3, *spatial, dtype="float32"), 3, 1, 1),
        Sample(array(2, 3, *spatial, dtype="float32"), spatial),
    ]


def _refused(dims, name):
    """Return calls that both refuse in the same words."""
    spatial = {1: (9,), 2: (6, 7), 3: (5, 4, 6)}[dims]
    x = array(2, 3, *spatial)
    no_stride = "stride should not be zero"
    most = "pad should be at most half of effective kernel size, but got pad=2, kernel_size=2"
    negative = "pad must be non-negative, but got pad: -1"
    kernel = {1: "kH: 1 kW: -1", 2: "kH: -1 kW: -1", 3: "kT: -1 kH: -1 kW: -1"}[dims]
    stride = {1: "dH: 1 dW: -1", 2: "dH: -1 dW: -1", 3: "dT: -1 dH: -1 dW: -1"}[dims]
    ints = "must be tuple of ints, "
    return [
        Sample(x, 0, raises=RuntimeError, match=no_stride),
        Sample(x, 2, 0, raises=RuntimeError, match=no_stride),
        Sample(x, -1, raises=RuntimeError, match=f"should be greater than zero, but got {kernel}"),
        Sample(x, 2, -1, raises=RuntimeError, match=f"be greater than zero, but got {stride}"),
        Sample(x, 2, 2, 2, raises=RuntimeError, match=most),
        Sample(x, 2, 2, -1, raises=RuntimeError, match=negative),
        Sample(x, 2.0, raises=TypeError, match=f"argument 'kernel_size' (position 2) {ints}not fl"),
        Sample(x, (2.0,), raises=TypeError, match=f"{ints}but found element of type float at pos"),
        Sample(x, True, raises=TypeError, match=f"(position 2) {ints}not bool"),
        Sample(x, 2, "a", raises=TypeError, match="argument 'stride' (position 3) must be tuple"),
        Sample(x > 0, 2, raises=NotImplementedError, match="not implemented for 'Bool'"),
        Sample(x + 0j, 2, raises=NotImplementedError, match="not implemented for 'ComplexDouble'"),
        Sample(array(2, 0, *spatial), 2, raises=RuntimeError, match="xpected"),
    ]


_PLAIN = "max_pool1d() "
_ONE = "argument 'kernel_size' should contain one int (got 2)"
_MAX_1D = array(2, 3, 9)
_MAX_2D = array(2, 3, 6, 7)
_MAX_3D = array(2, 3, 5, 4, 6)

_PLAIN_REFUSED = [
    Sample(_MAX_1D, 0, raises=RuntimeError, match=f"{_PLAIN}kernel_size must be greater than zero"),
    Sample(_MAX_1D, 2, 0, raises=RuntimeError, match=f"{_PLAIN}stride must be greater than zero, "),
    Sample(_MAX_1D, 2, 2, 2, raises=RuntimeError, match="padding should be at most half of kernel"),
    Sample(_MAX_1D, 2, 2, -1, raises=RuntimeError, match=f"{_PLAIN}padding must be non-negative"),
    Sample(_MAX_1D, 2, 2, 0, 0, raises=RuntimeError, match=f"{_PLAIN}dilation must be greater th"),
    Sample(_MAX_1D, 20, raises=RuntimeError, match=f"{_PLAIN}Invalid computed output size: 0"),
    Sample(_MAX_1D, [2, 2], raises=RuntimeError, match="kernel_size must be an int, list of ints "),
    Sample(_MAX_1D, 2, [2, 2], raises=RuntimeError, match="stride must be None, an int, list of i"),
    Sample(_MAX_1D, 2, 2, [1, 1], raises=RuntimeError, match="padding must be an int, list of int"),
    Sample(_MAX_1D, 2, 2, 0, (1, 1), raises=RuntimeError, match="dilation must be an int, list of"),
    Sample(_MAX_1D, 2.0, raises=TypeError, match="argument 'kernel_size' (position 2) must be tu"),
    Sample(array(9), 2, raises=RuntimeError, match="max_pool1d: Expected 2D or 3D (batch mode) te"),
    Sample(_whole(2, 9), 2, raises=NotImplementedError, match="\"max_pool1d_impl\" not implement"),
]
_MAX_1D_CALLS = [*_calls(1), Sample(_MAX_1D, 3, 2, 1, 2), Sample(_MAX_1D, 2, 1, 1, 3, True)]
_MAX_2D_CALLS = [
    *_calls(2),
    Sample(_MAX_2D, (2, 3), (2, 1), (1, 0), (3, 2)),
    Sample(_MAX_2D, 2, 2, 1, 2),
    Sample(_NAN, 2, skip="finite"),
    Sample(_NAN, 3, 1, 1, skip="finite"),
    Sample(_NAN, 5, 1, 2, skip="finite"),
    Sample(_TIES, 2, skip="finite second"),
    Sample(_TIES, 3, 2, 1, skip="finite second"),
    Sample(_TIES, 5, 1, 2, skip="finite second"),
    Sample(_LOW, 3, 1, 1, skip="finite"),
    Sample(_whole(2, 6, 7), 2),
    Sample(_whole(2, 6, 7, dtype="int8"), 3, 1, 1),
    Sample(array(2, 6, 7, dtype="float16"), 3, 1, 1, skip="second"),
]
_MAX_3D_CALLS = [*_calls(3), Sample(_MAX_3D, (2, 1, 3), 1, (1, 0, 1), (2, 1, 2))]
_MAX_2D_REFUSED = [
    *_refused(2, "max_pool2d"),
    Sample(_MAX_2D, [2] * 3, raises=RuntimeError, match="max_pool2d: kernel_size must either be a"),
    Sample(_MAX_2D, 2, [2] * 3, raises=RuntimeError, match="stride must either be omitted, a sing"),
    Sample(_MAX_2D, 2, 2, [1] * 3, raises=RuntimeError, match="padding must either be a single in"),
    Sample(_MAX_2D, 2, 2, 0, [1] * 3, raises=RuntimeError, match="dilation must be either a singl"),
    Sample(_MAX_2D, 2, 2, 0, 0, raises=RuntimeError, match="but got dilationH: 0 dilationW: 0"),
    Sample(_MAX_2D, 3, 2, 2, 2, raises=RuntimeError, match="padW = 2, padH = 2, kW = 3, kH = 3"),
    Sample(_MAX_2D, 20, raises=RuntimeError, match="Given input size: (3x6x7). Calculated output "),
    Sample(array(6, 7), 2, raises=RuntimeError, match="non-empty 3D or 4D (batch mode) tensor exp"),
]


def _with_indices(samples):
    """Return samples of functions that return places too."""
    return [
        Sample(
            *one.args, **one.settings, return_indices=True, skip=one.skip, raises=one.raises,
            match=one.match,
        )
        for one in samples
    ]  # fmt: skip


SAMPLES = {
    "max_pool1d": [*_MAX_1D_CALLS, *_PLAIN_REFUSED],
    "max_pool1d_with_indices": [
        *_MAX_1D_CALLS,
        Sample(_whole(2, 9), 2),
        *_refused(1, "max_pool1d"),
        Sample(_MAX_1D, 20, raises=RuntimeError, match="Calculated output size: (3x1x0). Output s"),
        Sample(_MAX_1D, [2, 2], raises=RuntimeError, match=f"max_pool1d() {_ONE}"),
        Sample(array(9), 2, raises=RuntimeError, match="Expected 2 to 3 dimensions, but got 1-dim"),
    ],
    "max_pool2d": [*_MAX_2D_CALLS, *_MAX_2D_REFUSED],
    "max_pool3d": [
        *_MAX_3D_CALLS,
        *_refused(3, "max_pool3d"),
        Sample(_MAX_3D, [2] * 2, raises=RuntimeError, match="a single int, or a tuple of three in"),
        Sample(_MAX_3D, 3, 2, 2, 2, raises=RuntimeError, match="kT: 3 kW: 3 kH: 3 padT: 2 padW: 2"),
        Sample(array(6, 7), 2, raises=RuntimeError, match="non-empty 4D or 5D (batch mode) tensor"),
    ],
    "nn.functional.max_pool1d": [Sample(_MAX_1D, 2), *_with_indices(_MAX_1D_CALLS)],
    "nn.functional.max_pool2d": [Sample(_MAX_2D, 2), *_with_indices(_MAX_2D_CALLS)],
    "nn.functional.max_pool3d": [Sample(_MAX_3D, 2), *_with_indices(_MAX_3D_CALLS)],
    "nn.functional.max_pool2d_with_indices": [Sample(_MAX_2D, 2)],
    "nn.functional.max_pool3d_with_indices": [Sample(_MAX_3D, 2)],
    "avg_pool1d": [
        *_calls(1),
        Sample(_MAX_1D, 3, 2, 1, True, False),
        Sample(_whole(2, 9), 2),
        Sample(array(2, 9, dtype="float16"), 2, skip="gradient second"),
        *_refused(1, "avg_pool1d"),
        Sample(_MAX_1D, 20, raises=RuntimeError, match="Calculated output size: (3x1x0). Output s"),
        Sample(_MAX_1D, [2, 2], raises=RuntimeError, match=f"avg_pool1d() {_ONE}"),
        Sample(array(9), 2, raises=RuntimeError, match="Expected 2 to 3 dimensions, but got 1-dim"),
        Sample(_whole(2, 9, dtype="int32"), 2, raises=NotImplementedError, match="\"avg_pool2d\" "),
    ],
    "nn.functional.avg_pool2d": [
        *_calls(2),
        Sample(_MAX_2D, 3, 2, 1, True, False),
        Sample(_MAX_2D, 3, 2, 1, count_include_pad=False),
        Sample(_MAX_2D, 3, 2, 1, divisor_override=5),
        Sample(_MAX_2D, 2, divisor_override=-3),
        Sample(_whole(2, 6, 7), 2),
        Sample(_whole(2, 6, 7), 2, divisor_override=-3),
        *_refused(2, "avg_pool2d"),
        Sample(_MAX_2D, 2, divisor_override=0, raises=RuntimeError, match="divisor must be not z"),
        Sample(_MAX_2D, [2] * 3, raises=RuntimeError, match="kernel_size must either be a single "),
        Sample(_MAX_2D, 20, raises=RuntimeError, match="Given input size: (3x6x7). Calculated out"),
        Sample(array(6, 7), 2, raises=IndexError, match="Dimension out of range (expected to be i"),
        Sample(array(), 2, raises=IndexError, match="Dimension specified as -3 but tensor has no "),
    ],
    "nn.functional.avg_pool3d": [
        *_calls(3),
        Sample(_MAX_3D, 3, 2, 1, True, False),
        Sample(_MAX_3D, 2, 1, divisor_override=3),
        *_refused(3, "avg_pool3d"),
        Sample(_MAX_3D, [2] * 2, raises=RuntimeError, match="avg_pool3d: kernel_size must be a si"),
        Sample(_MAX_3D, 2, [2] * 2, raises=RuntimeError, match="stride must be omitted, a single"),
        Sample(_MAX_3D, 20, raises=RuntimeError, match="input image (T: 5 H: 4 W: 6) smaller than"),
        Sample(array(6, 7), 2, raises=RuntimeError, match="non-empty 4D or 5D (batch mode) tensor"),
    ],
}


def test_places_count_through_the_image():
    x = retrograd.tensor(array(2, 3, 6, 7))
    for kernel in (2, 5):
        values, places = retrograd.nn.functional.max_pool2d(x, kernel, 1, return_indices=True)
        found = retrograd.gather(x.flatten(2), 2, places.flatten(2)).reshape(values.shape)
        assert retrograd.equal(found, values)


def test_a_window_of_equals_gives_the_gradient_to_its_first():
    x = retrograd.ones(1, 4, 4, requires_grad=True)
    retrograd.max_pool2d(x, 2).sum().backward()
    assert x.grad[0].tolist() == [[1, 0, 1, 0], [0, 0, 0, 0], [1, 0, 1, 0], [0, 0, 0, 0]]


@pytest.mark.parametrize("value", [np.inf, np.nan])
@pytest.mark.parametrize("kernel", [2, (1, 2)])
def test_a_gradient_that_is_not_finite_stays_where_it_belongs(kernel, value):
    x = retrograd.tensor(array(1, 6, 6), requires_grad=True)
    y = retrograd.max_pool2d(x, kernel, 2)
    y.backward(retrograd.full_like(y, value))
    assert (~x.grad.isfinite()).sum() == y.numel() and (x.grad == 0).sum() == 36 - y.numel()


def test_the_result_may_be_overwritten():
    x = retrograd.tensor(array(1, 4, 4), requires_grad=True)
    y = retrograd.max_pool2d(x, 2)
    retrograd.relu_(y)
    y.sum().backward()
    assert x.grad is not None
