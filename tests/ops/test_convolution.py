"""Convolution, transposed convolution: samples, layouts of the products, blocks."""

import numpy as np
import pytest

import retrograd
from retrograd.ops import convolution_kernels as kernels

from ..sampling import Sample, array

ROOM = "Kernel size can't be greater than actual input size"
BATCH = "Expected 3D (unbatched) or 4D (batched) input to "

SAMPLES = {
    "conv1d": [
        Sample(array(2, 4, 5), array(6, 4, 3), array(6)),
        Sample(array(2, 4, 5), array(6, 4, 3)),
        Sample(array(4, 5), array(3, 4, 2), array(3)),
        Sample(array(2, 4, 9), array(6, 2, 3), array(6), 2, 1, 2, 2),
        Sample(array(1, 4, 6), array(2, 4, 3), padding="same"),
        Sample(array(1, 4, 6), array(2, 4, 4), padding="same", dilation=3),
        Sample(array(1, 4, 6), array(2, 4, 3), padding="valid"),
        Sample(array(0, 4, 5), array(6, 4, 3), array(6)),
        Sample(array(5, 4, 2).T, array(3, 4, 6).T[..., ::-1], array(6)),
        Sample(array(2, 3, 5), array(3, 1, 2), array(3), groups=3),
        Sample(array(2, 3, 5), array(6, 1, 2), None, (2,), [1], groups=3),
        Sample(array(2, 4, 5, dtype="float32"), array(6, 4, 3, dtype="float32")),
        Sample(array(2, 4, 5, dtype="int64"), array(6, 4, 3, dtype="int64")),
        Sample(array(2, 4, 5, dtype="uint8"), array(6, 4, 3, dtype="uint8")),
        Sample(
            array(2, 4, 5, dtype="float16"), array(3, 4, 3, dtype="float16"),
            skip="gradient second",
        ),
        # PyTorch multiplies complex numbers by parts, its last node adds them.
        Sample(
            array(2, 4, 5, dtype="complex128"), array(3, 4, 3, dtype="complex128"),
            array(3, dtype="complex128"), skip="node",
        ),
        Sample(array(2, 4, 5), array(6, 4), raises=RuntimeError, match="at least three dimensions"),
        Sample(array(5), array(6, 4, 3), raises=RuntimeError, match="2D (unbatched) or 3D (batch"),
        Sample(
            array(2, 4, 5), array(6, 4, 3, 3), raises=RuntimeError,
            match="Expected 4-dimensional input for 4-dimensional weight [6, 4, 3, 3], but got",
        ),
    ],
    "conv2d": [
        Sample(array(2, 3, 5, 6), array(4, 3, 3, 2), array(4)),
        Sample(array(3, 5, 6), array(4, 3, 3, 2)),
        Sample(array(2, 4, 7, 6), array(6, 2, 3, 2), array(6), (2, 3), (1, 2), (2, 1), 2),
        Sample(array(2, 4, 5, 5), array(3, 4, 1, 1), array(3)),
        Sample(array(2, 4, 5, 5), array(4, 2, 1, 1), array(4), groups=2),
        Sample(array(2, 4, 5, 5), array(3, 4, 1, 1), array(3), 2),
        Sample(array(2, 2, 5, 5), array(3, 2, 3, 3), array(3), 1, 1),
        Sample(array(2, 2, 5, 5), array(3, 2, 2, 4), array(3), padding="same"),
        Sample(array(1, 32, 4, 5), array(2, 32, 3, 3), array(2), 1, 1),
        Sample(array(1, 32, 6, 5), array(2, 32, 3, 3), array(2), 2, 1),
        Sample(array(2, 3, 4, 4), array(6, 1, 3, 3), array(6), 1, 1, groups=3),
        Sample(array(2, 4, 5, 5), array(3, 4, 5, 5)),
        Sample(array(0, 4, 5, 5), array(3, 4, 3, 3), array(3)),
        Sample(array(2, 4, 5, 5, dtype="int32"), array(3, 4, 3, 3, dtype="int32"), padding=2),
        Sample(array(2, 4, 5, 5, dtype="float32"), array(3, 4, 3, 3, dtype="float32")),
        Sample(array(2, 4, 5, 5), array(3, 4, 3, 3), constant=(0,)),
        Sample(array(2, 4, 5, 5), array(3, 4, 3, 3), constant=(1,)),
        Sample(array(5, 5), array(6, 4, 3, 3), raises=RuntimeError, match=BATCH + "conv2d, but go"),
        Sample(
            array(2, 4, 5, 5), array(6, 4, 3), raises=RuntimeError,
            match="expected stride to be a single integer value or a list of 1 values to match",
        ),
        Sample(
            array(2, 4, 5, 5), array(6, 4, 3, 3), None, 1, (1, 2, 3), raises=RuntimeError,
            match="expected padding to be a single integer value or a list of 2 values to match "
            "the convolution dimensions, but got padding=[1, 2, 3]",
        ),
        Sample(
            array(2, 3, 5, 5), array(6, 4, 3, 3), raises=RuntimeError,
            match="Given groups=1, weight of size [6, 4, 3, 3], expected input[2, 3, 5, 5] to have "
            "4 channels, but got 3 channels instead",
        ),
        Sample(
            array(2, 4, 5, 5), array(5, 2, 3, 3), groups=2, raises=RuntimeError,
            match="Given groups=2, expected weight to be divisible by 2 at dimension 0, but got "
            "weight of size [[5, 2, 3, 3]] instead",
        ),
        Sample(
            array(2, 4, 5, 5), array(0, 4, 3, 3), raises=RuntimeError,
            match="Given groups=1, expected weight to be at least 1 at dimension 0, but got weig",
        ),
        Sample(
            array(2, 4, 5, 5), array(6, 4, 3, 3), array(5), raises=RuntimeError,
            match="Given weight of size [6, 4, 3, 3], expected bias to be 1-dimensional with 6 "
            "elements, but got bias of size [5] instead",
        ),
        Sample(
            array(2, 4, 5, 5), array(6, 4, 3, 3), dilation=3, raises=RuntimeError,
            match="Calculated padded input size per channel: (5 x 5). Kernel size: "
            "(7 x 7). " + ROOM,
        ),
        *[
            Sample(
                array(2, 4, 5, 5, dtype="float32"), array(6, 4, 3, 3, dtype="float32"),
                raises=RuntimeError, match=f"{words} is not supported", **settings,
            )
            for words, settings in (
                ("non-positive groups", {"groups": 0}),
                ("non-positive stride", {"stride": (1, 0)}),
                ("non-positive dilation", {"dilation": 0}),
                ("negative padding", {"padding": -1}),
            )
        ],
        Sample(
            array(2, 4, 5, 5), array(6, 4, 3, 3), padding="other", raises=RuntimeError,
            match="Invalid padding string: 'other'",
        ),
        Sample(
            array(2, 4, 5, 5), array(6, 4, 3, 3), padding="same", stride=2, raises=RuntimeError,
            match="padding='same' is not supported for strided convolutions",
        ),
        Sample(
            array(2, 4, 5, 5), array(6, 4, 0, 3), raises=RuntimeError,
            match="kernel size should be greater than zero, but got kernel_height: 0 kernel_width:",
        ),
        Sample(
            array(2, 4, 0, 5), array(6, 4, 3, 3), padding=2, raises=RuntimeError,
            match="Only zero batch or zero channel inputs are supported, but got input shape: [2, ",
        ),
        Sample(
            array(2, 4, 5, 5), array(6, 4, 3, 3, dtype="float32"), raises=RuntimeError,
            match="expected scalar type Double but found Float",
        ),
        Sample(
            array(2, 4, 5, 5, dtype="float32"), array(6, 4, 3, 3), raises=RuntimeError,
            match="Input type (torch.FloatTensor) and weight type (torch.DoubleTensor) should be",
        ),
        Sample(
            array(2, 4, 5, 5), array(6, 4, 3, 3), array(6, dtype="float32"), raises=RuntimeError,
            match="Input type (double) and bias type (float) should be the same",
        ),
        Sample(
            array(2, 4, 5, 5, dtype="complex64"), array(6, 4, 3, 3, dtype="float32"),
            raises=RuntimeError, match="Input type (CPUComplexFloatType) and weight type (torch.F",
        ),
        Sample(
            array(2, 4, 5, 5, dtype="bool"), array(6, 4, 3, 3, dtype="bool"),
            raises=NotImplementedError, match="\"slow_conv2d_cpu\" not implemented for 'Bool'",
        ),
        Sample(
            array(2, 4, 5, 5, dtype="int32"), array(6, 4, 3, 3, dtype="int32"), dilation=2,
            raises=NotImplementedError, match="\"slow_conv_dilated<>\" not implemented for 'Int'",
        ),
    ],
    "conv3d": [
        Sample(array(2, 3, 4, 3, 5), array(2, 3, 2, 3, 2), array(2)),
        Sample(array(3, 4, 3, 5), array(2, 3, 2, 3, 2), array(2)),
        Sample(array(1, 4, 4, 5, 5), array(4, 2, 2, 2, 3), array(4), (1, 2, 2), 1, (1, 1, 2), 2),
        Sample(array(1, 2, 3, 4, 3), array(2, 2, 3, 1, 2), padding="same"),
        Sample(
            array(1, 2, 3, 4, 3, dtype="bool"), array(2, 2, 3, 1, 2, dtype="bool"),
            raises=NotImplementedError, match="\"compute_columns3d\" not implemented for 'Bool'",
        ),
    ],
    "conv_transpose1d": [
        Sample(array(2, 4, 5), array(4, 6, 3), array(6)),
        Sample(array(4, 5), array(4, 3, 2)),
        Sample(array(2, 4, 5), array(4, 3, 3), array(6), 3, 1, 2, 2, 2),
        Sample(array(2, 4, 5), array(4, 3, 3), None, 1, 1, 1, 1, 2),
        Sample(array(0, 4, 5), array(4, 3, 3), array(3)),
        Sample(array(2, 4, 5, dtype="int64"), array(4, 6, 3, dtype="int64")),
        Sample(array(2, 4, 5), array(4, 3, 3), array(3, dtype="float32")),
        Sample(
            array(2, 4, 5, dtype="complex128"), array(4, 3, 3, dtype="complex128"),
            array(3, dtype="complex128"), skip="node",  # as above
        ),
        Sample(
            array(2, 4, 5), array(4, 3, 3), output_padding=1, raises=RuntimeError,
            match="output padding must be smaller than either stride or dilation, but got "
            "output_padding_height: 0 output_padding_width: 1 stride_height: 1 stride_width: 1",
        ),
    ],
    "conv_transpose2d": [
        Sample(array(2, 4, 3, 5), array(4, 3, 3, 2), array(3)),
        Sample(array(4, 3, 5), array(4, 3, 3, 2)),
        Sample(array(2, 4, 3, 4), array(4, 3, 3, 2), array(6), (2, 3), (1, 0), (1, 2), 2, (2, 1)),
        Sample(array(2, 4, 3, 4), array(4, 2, 1, 1), array(2)),
        Sample(array(2, 4, 3, 4), array(4, 2, 1, 1), array(2), 1, (1, 0)),
        Sample(array(2, 4, 3, 4), array(4, 2, 1, 1), array(4), 2, 0, 1, 2),
        Sample(array(1, 2, 3, 4), array(2, 32, 3, 3), array(32)),
        Sample(array(1, 2, 3, 4), array(2, 32, 3, 3), array(32), 2, 1, 1),
        Sample(
            array(2, 4, 3, 4, dtype="float16"), array(4, 2, 2, 2, dtype="float16"),
            skip="gradient second",
        ),
        Sample(
            array(2, 5, 3, 3), array(4, 2, 3, 3), raises=RuntimeError,
            match="Given transposed=1, weight of size [4, 2, 3, 3], expected input[2, 5, 3, 3] to "
            "have 4 channels, but got 5 channels instead",
        ),
        Sample(
            array(2, 4, 3, 3), array(4, 2, 3, 3), array(3), raises=RuntimeError,
            match="Given transposed=1, weight of size [4, 2, 3, 3], expected bias to be "
            "1-dimensional with 2 elements, but got bias of size [3] instead",
        ),
        Sample(
            array(2, 4, 1, 1), array(4, 2, 3, 3), padding=2, raises=RuntimeError,
            match="Given input size per channel: (1 x 1). Calculated output size per channel: "
            "(-1 x -1). Output size is too small",
        ),
        Sample(
            array(2, 4, 3, 3), array(4, 2, 3, 3), output_padding=-1, raises=RuntimeError,
            match="negative output_padding is not supported",
        ),
        Sample(
            array(2, 4, 3, 3), array(4, 2, 3, 3), padding="same", raises=TypeError,
            match="conv_transpose2d(): argument 'padding' must be tuple of ints, not str",
        ),
        Sample(
            array(2, 4, 3, 3, dtype="int32"), array(4, 2, 3, 3, dtype="int32"),
            raises=NotImplementedError,
            match="\"slow_conv_transpose2d_out_cpu\" not implemented for 'Int'",
        ),
    ],
    "conv_transpose3d": [
        Sample(array(1, 4, 2, 3, 2), array(4, 2, 2, 1, 3), array(2)),
        Sample(array(4, 2, 3, 2), array(4, 2, 2, 1, 3)),
        Sample(array(1, 4, 2, 3, 2), array(4, 1, 2, 2, 3), array(2), (1, 2, 3), 1, (0, 1, 2), 2),
    ],
}  # fmt: skip


def by_definition(x, w, stride, dilation, groups):
    """Return the convolution of padded `x`, element by element."""
    out = kernels.result_sizes(x.shape[2:], w.shape[2:], stride, dilation)
    result = np.zeros((x.shape[0], w.shape[0], *out), x.dtype)
    inputs = w.shape[1]
    per_group = w.shape[0] // groups
    for channel in range(w.shape[0]):
        first = channel // per_group * inputs
        some = x[:, first : first + inputs]
        for place in np.ndindex(*out):
            window = tuple(
                slice(p * s, p * s + d * (k - 1) + 1, d)
                for p, s, d, k in zip(place, stride, dilation, w.shape[2:])
            )
            met = some[(slice(None), slice(None), *window)] * w[channel]
            result[(slice(None), channel, *place)] = met.reshape(len(x), -1).sum(1)
    return result


GEOMETRIES = [
    ((3, 2, 6, 5), (4, 2, 3, 2), (1, 1), (1, 1), 1),
    ((3, 4, 6, 7), (6, 2, 3, 2), (1, 1), (1, 2), 2),
    ((3, 4, 6, 7), (4, 1, 2, 3), (2, 1), (2, 1), 4),
    ((3, 4, 7, 7), (2, 4, 3, 3), (2, 3), (1, 2), 1),
    ((2, 33, 6, 5), (3, 33, 3, 2), (1, 1), (1, 1), 1),
    ((2, 33, 6, 5), (3, 33, 3, 2), (2, 2), (2, 1), 1),
    ((2, 8, 5, 24), (9, 8, 3, 3), (1, 1), (1, 2), 1),
    ((2, 2, 5, 24), (9, 2, 3, 3), (1, 1), (2, 1), 1),
    ((2, 6, 5, 24), (12, 2, 3, 2), (1, 1), (1, 1), 3),
    ((2, 3, 5), (2, 3, 2), (1,), (2,), 1),
    ((1, 2, 4, 5, 4), (2, 2, 2, 3, 2), (1, 2, 1), (1, 1, 2), 1),
]


@pytest.mark.parametrize("block", [1 << 21, 2000, 1])
@pytest.mark.parametrize("geometry", GEOMETRIES, ids=str)
def test_every_layout_in_blocks_of_any_size(geometry, block, monkeypatch):
    monkeypatch.setattr(kernels, "BLOCK", block)
    shape, weight, stride, dilation, groups = geometry
    x, w = array(*shape, seed=1), array(*weight, seed=2)
    wanted = by_definition(x, w, stride, dilation, groups)
    found = kernels.correlate(x, w, None, stride, dilation, groups)
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-12)
    assert found.flags.c_contiguous
    # The adjoints: all three inner products are the same number.
    y = array(*wanted.shape, seed=3)
    product = float((wanted * y).sum())
    back = kernels.spread(y, w, shape[2:], stride, dilation, groups)
    assert back.shape == x.shape
    assert float((back * x).sum()) == pytest.approx(product, rel=1e-10)
    weighed = kernels.weigh(x, y, weight[2:], stride, dilation, groups)
    assert weighed.shape == w.shape
    assert float((weighed * w).sum()) == pytest.approx(product, rel=1e-10)


def test_a_known_edge_filter():
    x = retrograd.tensor([[[[0.0, 0, 1, 1], [0, 0, 1, 1], [0, 0, 1, 1]]]])
    w = retrograd.tensor([[[[-1.0, 1.0]]]])
    assert retrograd.conv2d(x, w).tolist() == [[[[0.0, 1.0, 0.0]] * 3]]
    up = retrograd.conv_transpose2d(x[..., :1, 1:3], retrograd.ones(1, 1, 2, 2), stride=2)
    assert up.tolist() == [[[[0.0, 0.0, 1.0, 1.0]] * 2]]


def test_memory_is_bounded():
    import tracemalloc

    x, w = retrograd.zeros(4, 16, 128, 128), retrograd.zeros(8, 16, 3, 3)
    tracemalloc.start()
    retrograd.conv2d(x, w)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # All columns at once would be 36 MB.
    assert peak < 2 * (1 << 21) + 4 * 8 * 126 * 126 * 4 + (1 << 20)


@pytest.mark.parametrize("settings", [{"stride": "a"}, {"stride": (1, 1.5)}, {"groups": 1.5}])
def test_settings_are_whole_numbers(settings):
    with pytest.raises(TypeError, match=r"conv2d\(\): argument '(stride|groups)' must be "):
        retrograd.conv2d(retrograd.ones(1, 1, 3, 3), retrograd.ones(1, 1, 2, 2), **settings)


def test_arguments_are_tensors():
    with pytest.raises(TypeError, match=r"combination of arguments - got \(list, Tensor\), but"):
        retrograd.conv2d([1.0], retrograd.ones(1, 1, 2, 2))


def test_half_precision_is_summed_in_single_precision():
    x = retrograd.ones(1, 1, 1, 4099, dtype=retrograd.float16)
    w = retrograd.ones(1, 1, 1, 1, dtype=retrograd.float16, requires_grad=True)
    b = retrograd.zeros(1, dtype=retrograd.float16, requires_grad=True)
    (retrograd.conv2d(x, w, b) * 0.1).sum().backward()
    # A tenth in half precision, 4099 times, rounded once.
    wanted = np.float16(4099 * float(np.float16(0.1)))
    assert b.grad.item() == wanted
    assert w.grad.item() == wanted
