"""Sliding blocks of images as columns and back: `functional.unfold` and `functional.fold`."""

from __future__ import annotations

from math import prod

import numpy as np

from .._core.op import op
from .._core.public import expect_tensor, public
from ._arguments import scalar_name
from ._sizes import listed
from .convolution_kernels import padded, result_sizes, tap_slices, windows_of

# -- operations ---------------------------------------------------------------------------------


@op(node="Im2ColBackward0", linear=True)
def columns_of(x, *, kernel, dilation, padding, stride):
    """Blocks of images as columns.  (*B, C, H, W) -> (*B, C * prod(kernel), blocks)"""
    batch = x.shape[:-3]
    x = np.ascontiguousarray(padded(x.reshape(prod(batch), *x.shape[-3:]), padding))
    out = result_sizes(x.shape[2:], kernel, stride, dilation)
    windows = windows_of(x, kernel, out, stride, dilation)
    return windows.reshape(*batch, x.shape[1] * prod(kernel), prod(out))


@columns_of.grad("x")
def columns_of_dx(g, x_shape, kernel, dilation, padding, stride):
    return images_of(
        g,
        size=tuple(x_shape[-2:]),
        kernel=kernel,
        dilation=dilation,
        padding=padding,
        stride=stride,
    )


@op(node="Col2ImBackward0", linear=True)
def images_of(x, *, size, kernel, dilation, padding, stride):
    """Columns added into images, where their blocks were: the adjoint of `columns_of`."""
    sizes = tuple([n + 2 * p for n, p in zip(size, padding)])
    out = result_sizes(sizes, kernel, stride, dilation)
    channels = x.shape[-2] // prod(kernel)
    lead = (*x.shape[:-2], channels)
    blocks = x.reshape(*lead, *kernel, *out)
    images = np.zeros((*lead, *sizes), x.dtype)
    every = (slice(None),) * len(lead)
    for tap, slices in tap_slices(kernel, out, stride, dilation):
        place = images[(*every, *slices)]
        place += blocks[(*every, *tap)]
    if sizes == size:
        return images
    inside = [slice(p, p + n) for n, p in zip(size, padding)]
    return np.ascontiguousarray(images[(*every, *inside)])


@images_of.grad("x")
def images_of_dx(g, kernel, dilation, padding, stride):
    return columns_of(g, kernel=kernel, dilation=dilation, padding=padding, stride=stride)


# -- the public forms -----------------------------------------------------------------------------


def pair(name, value):
    """Return a setting as (height, width)."""
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise RuntimeError(f"It is expected {name} equals to 2, but got size {len(value)}")
        return tuple([n.__index__() for n in value])
    number = value.__index__()
    return number, number


def _named(name, numbers):
    return f"{name}_height: {numbers[0]} {name}_width: {numbers[1]}"


def pairs_of(kernel_size, dilation, padding, stride):
    """Return the settings as pairs, checked."""
    kernel = pair("kernel_size", kernel_size)
    dilation = pair("dilation", dilation)
    padding = pair("padding", padding)
    stride = pair("stride", stride)
    if min(kernel) <= 0:
        raise RuntimeError(
            f"kernel size should be greater than zero, but got {_named('kernel', kernel)}"
        )
    if min(dilation) <= 0:
        raise RuntimeError(
            f"dilation should be greater than zero, but got {_named('dilation', dilation)}"
        )
    if min(padding) < 0:
        raise RuntimeError(f"padding should be non-negative, but got {_named('pad', padding)}")
    if min(stride) <= 0:
        raise RuntimeError(
            f"stride should be greater than zero, but got {_named('stride', stride)}"
        )
    return {"kernel": kernel, "dilation": dilation, "padding": padding, "stride": stride}


def expect_floating(name, dtype):
    """Refuse integers, which PyTorch has no kernel for; it has one for booleans."""
    if dtype.kind in "iu":
        raise NotImplementedError(f"\"{name}\" not implemented for '{scalar_name(dtype)}'")


def _in_brackets(pair_):
    return f"({pair_[0]}, {pair_[1]})"


@public("unfold", method=False, namespace="nn.functional")
def unfold(input, kernel_size, dilation=1, padding=0, stride=1):
    """Return the sliding blocks of images as columns.

    Parameters
    ----------
    input : Tensor
        (N, C, H, W) or (C, H, W)
    kernel_size, dilation, padding, stride : int or tuple of two
        As of a convolution.

    Returns
    -------
    Tensor
        (N, C * K * L, blocks) or (C * K * L, blocks)
    """
    expect_tensor("im2col", input)
    shape = input.get_shape()
    if len(shape) == 2:
        raise IndexError("Dimension out of range (expected to be in range of [-2, 1], but got 2)")
    settings = pairs_of(kernel_size, dilation, padding, stride)
    if len(shape) not in (3, 4) or 0 in shape[-3:]:
        raise RuntimeError(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {listed(shape)}"
        )
    sizes = [n + 2 * p for n, p in zip(shape[-2:], settings["padding"])]
    out = result_sizes(sizes, settings["kernel"], settings["stride"], settings["dilation"])
    if min(out) < 1:
        told = ", ".join(
            [
                f"{name}={_in_brackets(settings[key])}"
                for name, key in (
                    ("kernel_size", "kernel"),
                    ("dilation", "dilation"),
                    ("padding", "padding"),
                )
            ]
        )
        raise RuntimeError(
            f"Given input with spatial size {_in_brackets(shape[-2:])}, {told}, calculated shape "
            f"of the array of sliding blocks as {_in_brackets(out)}, but its components must be "
            "at least one."
        )
    expect_floating("im2col_out_cpu", input.get_dtype())
    return columns_of(input, **settings)


@public("fold", method=False, namespace="nn.functional")
def fold(input, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """Add columns into images of `output_size`, where `unfold` would take them from.

    Parameters
    ----------
    input : Tensor
        (N, C * K * L, blocks) or (C * K * L, blocks)
    output_size : int or tuple of two
        (H, W)
    kernel_size, dilation, padding, stride : int or tuple of two
        As of a convolution.

    Returns
    -------
    Tensor
        (N, C, H, W) or (C, H, W)
    """
    expect_tensor("col2im", input)
    shape = input.get_shape()
    size = pair("output_size", output_size)
    settings = pairs_of(kernel_size, dilation, padding, stride)
    if len(shape) not in (2, 3) or 0 in shape[-2:]:
        raise RuntimeError(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and "
            f"non-zero dimensions for input, but got: {listed(shape)}"
        )
    kernel = settings["kernel"]
    if shape[-2] % prod(kernel):
        raise RuntimeError(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, "
            f"but got input.size(1)={shape[-2]} and kernel_size={_in_brackets(kernel)}."
        )
    sizes = [n + 2 * p for n, p in zip(size, settings["padding"])]
    out = result_sizes(sizes, kernel, settings["stride"], settings["dilation"])
    if prod(out) != shape[-1] or min(out) < 1:
        told = ", ".join(
            [
                f"{name}={_in_brackets(pair_)}"
                for name, pair_ in (
                    ("output_size", size),
                    ("kernel_size", kernel),
                    ("dilation", settings["dilation"]),
                    ("padding", settings["padding"]),
                    ("stride", settings["stride"]),
                )
            ]
        )
        raise RuntimeError(
            f"Given {told}, expected size of input's dimension 2 to match the calculated number "
            f"of sliding blocks {out[0]} * {out[1]} = {prod(out)}, but got input.size(2)="
            f"{shape[-1]}."
        )
    expect_floating("col2im_out_cpu", input.get_dtype())
    return images_of(input, size=size, **settings)
