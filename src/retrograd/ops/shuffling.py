"""Channels into pixels and back, and channels dealt out: reshapes and one change of axes."""

from __future__ import annotations

import numpy as np

from .._core.op import op
from .._core.public import expect_tensor, public
from ._sizes import listed


@op(node="PixelShuffleBackward0", linear=True)
def spread_channels(x, *, factor):
    """Channels laid out as blocks of pixels.  (*B, C f^2, H, W) -> (*B, C, H f, W f)"""
    *batch, channels, height, width = x.shape
    count = len(batch)
    channels //= factor * factor
    x = np.reshape(x, (*batch, channels, factor, factor, height, width))
    order = [*range(count + 1), count + 3, count + 1, count + 4, count + 2]
    x = np.transpose(x, order)
    return np.reshape(x, (*batch, channels, height * factor, width * factor))


@spread_channels.grad("x")
def spread_channels_dx(g, factor):
    return gather_pixels(g, factor=factor)


@op(node="PixelUnshuffleBackward0", linear=True)
def gather_pixels(x, *, factor):
    """Blocks of pixels gathered into channels.  (*B, C, H f, W f) -> (*B, C f^2, H, W)"""
    *batch, channels, height, width = x.shape
    count = len(batch)
    height //= factor
    width //= factor
    x = np.reshape(x, (*batch, channels, height, factor, width, factor))
    order = [*range(count + 1), count + 2, count + 4, count + 1, count + 3]
    x = np.transpose(x, order)
    return np.reshape(x, (*batch, channels * factor * factor, height, width))


@gather_pixels.grad("x")
def gather_pixels_dx(g, factor):
    return spread_channels(g, factor=factor)


@op(node="ChannelShuffleBackward0", linear=True)
def deal_channels(x, *, groups):
    """Channels dealt out, one of each group in turn.  (N, C, *S) -> (N, C, *S)"""
    count, channels, *sizes = x.shape
    x = np.reshape(x, (count, groups, channels // groups, *sizes))
    return np.reshape(np.swapaxes(x, 1, 2), (count, channels, *sizes))


@deal_channels.grad("x")
def deal_channels_dx(g, x_shape, groups):
    # Dealing into the other number of groups collects them again.
    return deal_channels(g, groups=max(x_shape[1] // groups, 1))


# -- the public forms -----------------------------------------------------------------------------


def _checked(function, input, argument, factor):
    """Return the shape and the factor of a pixel shuffle, checked."""
    expect_tensor(function, input)
    if not hasattr(factor, "__index__"):
        raise TypeError(
            f"{function}(): argument '{argument}' (position 2) must be int, not "
            f"{type(factor).__name__}"
        )
    shape = input.get_shape()
    if len(shape) < 3:
        raise RuntimeError(
            f"{function} expects input to have at least 3 dimensions, but got input with "
            f"{len(shape)} dimension(s)"
        )
    factor = factor.__index__()
    if factor <= 0:
        raise RuntimeError(f"{function} expects a positive {argument}, but got {factor}")
    return shape, factor


@public("pixel_shuffle", method=False)
def pixel_shuffle(input, upscale_factor):
    """Lay channels out as blocks of pixels.

    (*B, C f^2, H, W) -> (*B, C, H f, W f) with f the `upscale_factor`.
    """
    shape, factor = _checked("pixel_shuffle", input, "upscale_factor", upscale_factor)
    if shape[-3] % (factor * factor):
        raise RuntimeError(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input.size(-3)={shape[-3]} is not divisible by "
            f"{factor * factor}"
        )
    return spread_channels(input, factor=factor)


@public("pixel_unshuffle", method=False)
def pixel_unshuffle(input, downscale_factor):
    """Gather blocks of pixels into channels: the inverse of `pixel_shuffle`.

    (*B, C, H f, W f) -> (*B, C f^2, H, W) with f the `downscale_factor`.
    """
    shape, factor = _checked("pixel_unshuffle", input, "downscale_factor", downscale_factor)
    for name, axis in (("height", -2), ("width", -1)):
        if shape[axis] % factor:
            raise RuntimeError(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but "
                f"input.size({axis})={shape[axis]} is not divisible by {factor}"
            )
    return gather_pixels(input, factor=factor)


@public("channel_shuffle", method=False)
def channel_shuffle(input, groups):
    """Split channels into groups and deal out one of each group in turn.

    (N, C, *S) -> (N, C, *S)
    """
    expect_tensor("channel_shuffle", input)
    shape = input.get_shape()
    groups = groups.__index__()
    if len(shape) <= 2:
        raise RuntimeError(
            f"channel_shuffle expects input with > 2 dims, but got input with sizes "
            f"{listed(shape)}"
        )
    if groups <= 0:
        raise RuntimeError(
            f"Number of groups to divide channels in must be positive. Value of groups:{groups}"
        )
    if shape[1] % groups:
        raise RuntimeError(
            f"Number of channels must be divisible by groups. Got {shape[1]} channels and "
            f"{groups} groups."
        )
    return deal_channels(input, groups=groups)
