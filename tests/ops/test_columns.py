"""Sliding blocks as columns and back, channels into pixels and back: samples, inverses."""

import numpy as np

import retrograd
from retrograd.nn import functional as F

from ..sampling import Sample, array

BAD_SETTINGS = [
    ({"kernel_size": 0}, "kernel size should be greater than zero, but got kernel_height: 0"),
    ({"kernel_size": 2, "dilation": 0}, "dilation should be greater than zero, but got dilation_h"),
    ({"kernel_size": 2, "padding": -1}, "padding should be non-negative, but got pad_height: -1 "),
    ({"kernel_size": 2, "stride": (1, 0)}, "stride should be greater than zero, but got stride_he"),
    ({"kernel_size": (2, 2, 2)}, "It is expected kernel_size equals to 2, but got size 3"),
    ({"kernel_size": 2, "stride": (1,)}, "It is expected stride equals to 2, but got size 1"),
]

SAMPLES = {
    "nn.functional.unfold": [
        Sample(array(2, 3, 5, 6), 2),
        Sample(array(3, 5, 6), (2, 3), 1, 1, 2),
        Sample(array(2, 1, 5, 6), (2, 3), (2, 1), (1, 0), (1, 2)),
        Sample(array(6, 5, 3, 2).T, 2),
        Sample(array(0, 3, 5, 6), 2),
        Sample(array(2, 3, 5, 6, dtype="float32"), (5, 6)),
        Sample(array(2, 3, 5, 6, dtype="float16"), 2, skip="gradient second"),
        Sample(array(2, 3, 5, 6, dtype="complex128"), 2, padding=1),
        Sample(array(2, 3, 5, 6, dtype="bool"), 2),
        *[
            Sample(array(2, 3, 5, 6), raises=RuntimeError, match=words, **settings)
            for settings, words in BAD_SETTINGS
        ],
        Sample(array(2, 3, 5, 6, dtype="int64"), 2, raises=NotImplementedError, match="im2col_out"),
        Sample(array(5, 6), 2, raises=IndexError, match="expected to be in range of [-2, 1], but "),
        Sample(
            array(2, 0, 5, 6), 2, raises=RuntimeError,
            match="Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-",
        ),
        Sample(
            array(2, 3, 5, 6), 6, raises=RuntimeError,
            match="Given input with spatial size (5, 6), kernel_size=(6, 6), dilation=(1, 1), "
            "padding=(0, 0), calculated shape of the array of sliding blocks as (0, 1), but its "
            "components must be at least one.",
        ),
    ],
    "nn.functional.fold": [
        Sample(array(2, 12, 20), (5, 6), 2),
        Sample(array(12, 20), (5, 6), 2),
        Sample(array(2, 6, 10), (5, 6), (2, 3), (2, 1), (1, 0), (1, 2)),
        Sample(array(2, 8, 4), 4, 2, stride=2),
        Sample(array(20, 12, 2).T, (5, 6), 2),
        Sample(array(0, 12, 20), (5, 6), 2),
        Sample(array(2, 12, 20, dtype="complex64"), (5, 6), 2),
        Sample(array(2, 12, 20, dtype="bool"), (5, 6), 2),
        *[
            Sample(array(2, 12, 20), (5, 6), raises=RuntimeError, match=words, **settings)
            for settings, words in BAD_SETTINGS
        ],
        Sample(array(2, 12, 20, dtype="int64"), (5, 6), 2, raises=NotImplementedError, match="co"),
        Sample(
            array(20), (5, 6), 2, raises=RuntimeError,
            match="Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and ",
        ),
        Sample(
            array(2, 11, 20), (5, 6), 2, raises=RuntimeError,
            match="to be divisible by the product of kernel_size, but got input.size(1)=11 and ",
        ),
        Sample(
            array(2, 12, 21), (5, 6), 2, raises=RuntimeError,
            match="Given output_size=(5, 6), kernel_size=(2, 2), dilation=(1, 1), padding=(0, 0), "
            "stride=(1, 1), expected size of input's dimension 2 to match the calculated number of "
            "sliding blocks 4 * 5 = 20, but got input.size(2)=21.",
        ),
    ],
    "pixel_shuffle": [
        Sample(array(2, 8, 3, 4), 2),
        Sample(array(9, 2, 1), 3),
        Sample(array(2, 1, 3, 4), 1),
        Sample(array(5, 2, 4, 3, 2), 2),
        Sample(array(4, 3, 8, 2).T, 2),
        Sample(array(2, 0, 3, 4), 2),
        Sample(array(2, 8, 3, 4, dtype="int64"), 2),
        Sample(array(3, 4), 2, raises=RuntimeError, match="to have at least 3 dimensions, but got"),
        Sample(
            array(2, 7, 3, 4), 2, raises=RuntimeError,
            match="pixel_shuffle expects its input's 'channel' dimension to be divisible by the "
            "square of upscale_factor, but input.size(-3)=7 is not divisible by 4",
        ),
        Sample(array(8, 3, 4), 0, raises=RuntimeError, match="positive upscale_factor, but got 0"),
        Sample(array(8, 3, 4), 2.0, raises=TypeError, match="(position 2) must be int, not float"),
    ],
    "pixel_unshuffle": [
        Sample(array(2, 2, 6, 4), 2),
        Sample(array(2, 3, 9), 3),
        Sample(array(4, 6, 3).T, 2),
        Sample(array(2, 2, 6, 4, dtype="bool"), 2),
        Sample(array(6, 4), 2, raises=RuntimeError, match="to have at least 3 dimensions, but got"),
        Sample(
            array(2, 2, 5, 4), 2, raises=RuntimeError,
            match="pixel_unshuffle expects height to be divisible by downscale_factor, but "
            "input.size(-2)=5 is not divisible by 2",
        ),
        Sample(array(2, 6, 5), 2, raises=RuntimeError, match="expects width to be divisible by do"),
        Sample(array(2, 6, 4), -1, raises=RuntimeError, match="downscale_factor, but got -1"),
    ],
    "channel_shuffle": [
        Sample(array(2, 6, 3, 4), 2),
        Sample(array(2, 6, 3), 3),
        Sample(array(2, 6, 3, 1, 2), 6),
        Sample(array(2, 6, 3, 4), 1),
        Sample(array(4, 3, 6, 2).T, 2),
        Sample(array(2, 6, 3, 4, dtype="int64"), 2),
        Sample(array(6, 3), 2, raises=RuntimeError, match="expects input with > 2 dims, but got"),
        Sample(
            array(2, 6, 3, 4), 4, raises=RuntimeError,
            match="Number of channels must be divisible by groups. Got 6 channels and 4 groups.",
        ),
        Sample(array(2, 6, 3), 0, raises=RuntimeError, match="must be positive. Value of groups:0"),
    ],
}  # fmt: skip


def test_blocks_without_overlap_come_back():
    x = retrograd.randn(2, 3, 6, 8)
    columns = F.unfold(x, (3, 2), stride=(3, 2))
    assert columns.shape == (2, 18, 8)
    assert retrograd.equal(F.fold(columns, (6, 8), (3, 2), stride=(3, 2)), x)


def test_fold_counts_how_often_an_element_was_taken():
    ones = retrograd.ones(1, 1, 4, 4)
    counts = F.fold(F.unfold(ones, 3), 4, 3)
    line = np.array([1, 2, 2, 1])
    np.testing.assert_array_equal(counts[0, 0].numpy(), np.outer(line, line))


def test_a_convolution_by_columns():
    x, w = retrograd.randn(2, 3, 6, 5), retrograd.randn(4, 3, 2, 3)
    by_columns = (w.reshape(4, -1) @ F.unfold(x, (2, 3))).reshape(2, 4, 5, 3)
    assert retrograd.allclose(by_columns, F.conv2d(x, w), atol=1e-5)


def test_shuffles_are_undone():
    x = retrograd.randn(2, 8, 6, 4)
    assert retrograd.equal(F.pixel_unshuffle(F.pixel_shuffle(x, 2), 2), x)
    assert retrograd.equal(F.channel_shuffle(F.channel_shuffle(x, 2), 4), x)
    order = F.channel_shuffle(retrograd.arange(6).reshape(1, 6, 1), 2)
    assert order.ravel().tolist() == [0, 3, 1, 4, 2, 5]
