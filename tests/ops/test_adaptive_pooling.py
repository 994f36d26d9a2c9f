"""Adaptive, fractional and norm pooling, and max_unpool."""

import numpy as np
import pytest

import retrograd

from ..sampling import Sample, array

_SPATIAL = {1: (9,), 2: (6, 7), 3: (5, 4, 6)}
_X = {dims: array(2, 3, *spatial) for dims, spatial in _SPATIAL.items()}
_NAN = array(1, 5, 5)
_NAN[0, 1:3, 2:4] = np.nan
_LOW = np.full((1, 4, 5), -np.inf)


def _adaptive(dims, name):
    """Return samples that adaptive means and maxima have in common."""
    x, spatial = _X[dims], _SPATIAL[dims]
    noted = f"adaptive_{name}_pool{max(dims, 2)}d"
    kind = f"{noted}_cpu" if dims == 3 else noted
    samples = [
        Sample(x, 1),
        Sample(x, 3),
        Sample(x[0], 2),
        Sample(x, list(spatial)),
        Sample(x, [2, 3, 4][:dims]),
        Sample(x, 12),
        Sample(x, 0),
        Sample(np.moveaxis(array(2, *spatial, 3), -1, 1), 2),
        Sample(array(0, 3, *spatial), 2),
        Sample(array(2, 3, *spatial, dtype="float32"), 4),
        Sample(array(2, *spatial, dtype="float16"), 4, skip="gradient second"),
        Sample(x.astype("int64"), 2, raises=NotImplementedError, match=f"\"{kind}\" not implemen"),
        Sample(x > 0, 2, raises=NotImplementedError, match=f"\"{kind}\" not implemented for 'Bool"),
        Sample(array(2, 3, *[0] * dims), 2, raises=RuntimeError, match="Expected input to have no"),
        Sample(x, -1, raises=RuntimeError, match="-1"),
    ]
    if dims == 1:
        noted = f"adaptive_{name}_pool1d"
        return [
            *samples,
            Sample(array(9), 2, raises=RuntimeError, match="Expected 2 to 3 dimensions, but got 1"),
            Sample(x, [2, 2], raises=RuntimeError, match="should contain one int (got 2)"),
            Sample(x, 2.0, raises=TypeError, match="argument 'output_size' (position 2) must be t"),
            Sample(x, None, raises=TypeError, match="must be tuple of ints, not NoneType"),
        ]
    return [
        *samples,
        Sample(x, [None, 3, None][:dims]),
        Sample(x, [2] * (dims + 1), raises=RuntimeError, match=f"{noted}"),
        Sample(array(6, 7, 3)[:2, :, 0], 2, raises=RuntimeError, match=f"Expected {dims + 1}D or"),
        Sample(array(7), [2] * dims, raises=ValueError, match="Input dimension should be at least"),
        Sample(x, None, raises=TypeError, match="'NoneType'"),
    ]


def _maxima(dims):
    more = []
    if dims == 2:
        more = [
            Sample(_NAN, 2, skip="finite"),
            Sample(_NAN, 3, skip="finite"),
            Sample(_LOW, 3, skip="finite"),
            Sample(np.ones((1, 4, 5)), 3, skip="finite second"),
        ]
    return [*_adaptive(dims, "max"), *more]


def _with_indices(samples):
    return [
        Sample(*one.args, return_indices=True, skip=one.skip) for one in samples if not one.raises
    ]


def _norms(dims):
    x = np.abs(_X[dims]) + 0.1
    return [
        Sample(x, 2, 2),
        Sample(x, 1.5, 3, stride=1),
        Sample(x, 3, 3, 2, ceil_mode=True),
        Sample(x[0], 2.0, 2),
        Sample(_X[dims], 2, 2),
        Sample(x, 2, 0, raises=RuntimeError, match="stride should not be zero"),
        Sample(x, 0, 2, raises=ZeroDivisionError, match="division by zero"),
    ]


def _fractional(dims):
    x = _X[dims]
    ratio = (0.5, 0.6, 0.7)[:dims]
    ones = np.ones((2, 3, dims)) / 2
    words = "either be a single Int or tuple of"
    return [
        Sample(x, 2, 2),
        Sample(x, 1, 3),
        Sample(x[0], 2, output_size=(2, 1, 3)[:dims]),
        Sample(x, (2, 1, 2)[:dims], output_ratio=ratio),
        Sample(x, 2, 2, return_indices=True),
        Sample(x, 2, 0),
        Sample(x, 2, 2, _random_samples=ones, constant=(1,)),
        Sample(array(0, 3, *_SPATIAL[dims]), 2, 2),
        Sample(array(2, 3, *_SPATIAL[dims], dtype="float32"), 2, 2, skip="float32"),
        Sample(x, 2, raises=ValueError, match="requires specifying either an output_size or an "),
        Sample(x, 2, 8, raises=RuntimeError, match="2 too large relative to input"),
        Sample(x, (2,) * (dims + 1), 2, raises=RuntimeError, match=f"kernel_size must {words}"),
        Sample(x, 2, (2,), raises=RuntimeError, match=f"output_size must {words}"),
        Sample(x, 2, 2, _random_samples=ones[:1], constant=(1,), raises=RuntimeError,
               match="Expect _random_samples.size(0) no less then input batch size."),
        Sample(x, 2, 2, _random_samples=ones[:, :2], constant=(1,), raises=RuntimeError,
               match="Expect _random_samples.size(1) equals to input channel size."),
        Sample(x, 2, 2, _random_samples=ones[:, :, :1], constant=(1,), raises=RuntimeError,
               match=f"Expect _random_samples.size(2) equals to {dims}; got 1."),
        Sample(x, 2, 2, _random_samples=ones[0], constant=(1,), raises=RuntimeError,
               match="Expect _random_samples to have 3 dimensions, got 2"),
        Sample(x, 2, 2, _random_samples=ones.astype("float32"), constant=(1,), raises=RuntimeError,
               match="Expect _random_samples to have the same dtype as input"),
        Sample(array(2, 0, *_SPATIAL[dims]), 2, 2, raises=RuntimeError, match="Expected input to "),
        Sample(x[None], 2, 2, raises=RuntimeError, match=f"Expected {dims + 1}D or {dims + 2}D te"),
    ]  # fmt: skip


def _unpooled(dims):
    """Return samples of putting back: two elements of a plane of eight or more."""
    shape = (2, 3, *[2] * dims)
    count = 2**dims
    size = 4**dims
    spread = np.arange(6)[:, None] + np.arange(count) * (size // count)
    index = (spread % size).reshape(shape)
    x = array(*shape)
    axes = max(dims, 2)
    return [
        Sample(x, index, 2),
        Sample(x[0], index[0], 2),
        Sample(x, index, 2, output_size=[5] * dims),
        Sample(x, index, 2, output_size=(2, 3, *[4] * dims)),
        Sample(x, index, [2] * dims, [3] * dims),
        Sample(x, index, 4, 2, 1),
        Sample(x[:0], index[:0], 2),
        Sample(x, index, 2, output_size=[6] * dims, raises=ValueError, match="must be between 2 a"),
        Sample(x, index, 2, output_size=[4] * (dims + 1), raises=ValueError,
               match=f"a sequence containing {dims} or {dims + 2} elements, but it has a length o"),
        Sample(x, index.astype("int32"), 2, raises=RuntimeError, match="should be type int64"),
        Sample(x, index[:1], 2, raises=RuntimeError, match="Expected shape of indices to be same"),
        # PyTorch names the last one.
        Sample(x, index + size, 2, raises=RuntimeError, match="Found an invalid max index"),
        Sample(x[None], index[None], 2, raises=RuntimeError, match=f"max_unpooling{axes}d should"),
        Sample(x[:, :0], index[:, :0], 2, raises=RuntimeError, match="dimension 1 being empty"),
        Sample(index, index, 2, raises=NotImplementedError, match=f"\"max_unpool{axes}d\" not imp"),
    ]  # fmt: skip


SAMPLES = {
    "adaptive_avg_pool1d": _adaptive(1, "avg"),
    "nn.functional.adaptive_avg_pool1d": [Sample(_X[1], 2)],
    "nn.functional.adaptive_avg_pool2d": [
        *_adaptive(2, "avg"),
        Sample(np.ones((2, 3, 3), "int64"), 1, raises=RuntimeError, match="mean(): could not infe"),
    ],
    "nn.functional.adaptive_avg_pool3d": _adaptive(3, "avg"),
    "adaptive_max_pool1d": _maxima(1),
    "nn.functional.adaptive_max_pool1d": _maxima(1),
    "nn.functional.adaptive_max_pool2d": [*_maxima(2), *_with_indices(_maxima(2))],
    "nn.functional.adaptive_max_pool3d": [*_maxima(3), *_with_indices(_maxima(3))],
    "nn.functional.adaptive_max_pool2d_with_indices": [Sample(_X[2], 4)],
    "nn.functional.lp_pool1d": _norms(1),
    "nn.functional.lp_pool2d": [
        *_norms(2),
        Sample(_X[2], 2, (2, 3)),
        Sample(_X[2], 2, (2, 3, 1), raises=ValueError, match="too many values to unpack"),
    ],
    "nn.functional.lp_pool3d": _norms(3),
    "nn.functional.fractional_max_pool2d": _fractional(2),
    "nn.functional.fractional_max_pool3d": _fractional(3),
    "nn.functional.fractional_max_pool2d_with_indices": [Sample(_X[2], 2, 2)],
    "nn.functional.max_unpool1d": _unpooled(1),
    "nn.functional.max_unpool2d": _unpooled(2),
    "nn.functional.max_unpool3d": _unpooled(3),
}


def test_windows_share_out_an_axis_evenly():
    x = retrograd.arange(10.0).reshape(1, 10)
    means = retrograd.adaptive_avg_pool1d(x, 4)
    assert means.tolist() == [[1.0, 3.0, 6.0, 8.0]]  # of 0-2, 2-4, 5-7, 7-9
    values, places = retrograd.adaptive_max_pool1d(x, 4)
    assert values.tolist() == [[2, 4, 7, 9]] and places.tolist() == [[2, 4, 7, 9]]


@pytest.mark.parametrize("dims", [1, 2, 3])
def test_unpooling_brings_the_largest_elements_back(dims):
    functional = retrograd.nn.functional
    x = retrograd.tensor(array(2, 3, *[6] * dims))
    pool, unpool = (getattr(functional, f"{name}{dims}d") for name in ("max_pool", "max_unpool"))
    values, places = pool(x, 2, return_indices=True)
    back = unpool(values, places, 2)
    assert retrograd.equal(pool(back.clamp_min(-9) + 0, 2), values.clamp_min(0))
    kept = back != 0
    assert retrograd.equal(back[kept], x[kept]) and kept.sum() == values.numel()


def test_random_windows_from_a_fixed_seed():
    retrograd.manual_seed(0)
    x = retrograd.arange(64.0).reshape(1, 8, 8)
    values = retrograd.nn.functional.fractional_max_pool2d(x, 2, output_size=3)
    # PyTorch 2.13's.
    assert values.tolist() == [[[9.0, 12.0, 15.0], [33.0, 36.0, 39.0], [57.0, 60.0, 63.0]]]
