"""Public functions that normalise: PyTorch's arguments and checks over the operations."""

from __future__ import annotations

import numpy as np

from .._core.public import expect_tensor, public
from .._core.site import here
from .._core.storage import tick
from .._core.tracing import run, run_write
from ._arguments import scalar_name
from ._sizes import listed
from .norm_channels import channel_moments
from .norm_rows import row_moments
from .normalisation import (
    batch_layout,
    group_layout,
    normalise_batch,
    normalise_by_root_mean_square,
    normalise_by_running,
    normalise_groups,
    normalise_instances,
    normalise_instances_by_running,
    normalise_layer,
    product,
    row_layout,
)

# -- checks -------------------------------------------------------------------------------------


def expect_floating(input, kernel):
    """Refuse integers, bools and complex numbers, with PyTorch's words."""
    dtype = input.get_dtype()
    if dtype.kind != "f":
        raise NotImplementedError(f'"{kernel}" not implemented for \'{scalar_name(dtype)}\'')
    return dtype


def expect_one_dtype(dtype, *parameters):
    """Refuse parameters of another dtype than the input's; half inputs may have float ones."""
    for one in parameters:
        if one is not None and one.get_dtype() is not dtype and one.get_dtype() != dtype:
            break
    else:
        return
    given = [one.get_dtype() for one in parameters if one is not None]
    if given[0] == dtype:
        other = next(one for one in given if one != dtype)
        raise RuntimeError(
            f"expected scalar type {scalar_name(dtype)} but found {scalar_name(other)}"
        )
    if any(one != np.float32 for one in given):
        raise RuntimeError("mixed dtype (CPU): expect parameter to have scalar type of Float")
    if dtype != np.float16:
        raise RuntimeError("mixed dtype (CPU): all inputs must share same datatype.")


def expect_axis(shape):
    """Refuse an input without a channel axis."""
    if len(shape) < 2:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [-{len(shape)}, "
            f"{len(shape) - 1}], but got 1)"
        )


def expect_elements(count, **vectors):
    """Refuse a vector whose length is not the number of channels."""
    for name, vector in vectors.items():
        if vector is not None and vector.array.size != count:
            raise RuntimeError(
                f"{name} should contain {count} elements not {vector.array.size}"
            )


# -- running statistics -------------------------------------------------------------------------


def move_towards(running_mean, running_var, mean, variance, momentum):
    """Bring running moments closer to what was found, in their own memory."""
    site = here()
    for running, found in ((running_mean, mean), (running_var, variance)):
        run_write(move, running.array, found, momentum)
        running.get_storage().write(tick(), "batch_norm", site)


def move(array, found, momentum):
    """Bring an array closer to another, in its own memory."""
    array *= 1 - momentum
    array += found * momentum


def moments(x, runs, together, eps):
    """Return mean, variance and 1 / sqrt(variance + eps) of channels."""
    mean, variance = channel_moments(x.reshape(runs), together)
    return mean, variance, 1 / np.sqrt(variance + eps)


def unbiased(variance, size):
    """Return a variance over `size` numbers as that over size - 1."""
    return variance * (size / (size - 1) if size > 1 else np.inf)


def mean_of_samples(v, count):
    """Return the mean over samples of one number for each sample and channel.  (n * c,) -> (c,)"""
    return np.mean(v.reshape(count, -1), axis=0)


def moments_of_rows(x, runs, eps):
    """Return mean and 1 / sqrt(variance + eps) of rows."""
    mean, variance = row_moments(x.reshape(runs), True)
    return mean, 1 / np.sqrt(variance + eps)


def inverse_root_mean_square(x, runs, eps):
    """Return 1 / sqrt(mean square + eps) of rows."""
    _, squares = row_moments(x.reshape(runs), False)
    return 1 / np.sqrt(squares + eps)


def inverse_deviation(variance, eps):
    """Return 1 / sqrt(variance + eps), in the dtype that sums are made in."""
    if variance.dtype.itemsize == 2:
        variance = variance.astype(np.float32)
    return 1 / np.sqrt(variance + eps)


# -- batch_norm and instance_norm ---------------------------------------------------------------


@public("batch_norm", method=False)
def batch_norm(
    input, weight, bias, running_mean, running_var, training, momentum, eps, cudnn_enabled
):
    """Normalise every channel over the batch.  (n, c, *S) -> (n, c, *S)

    Parameters
    ----------
    input : Tensor
    weight, bias : Tensor or None
        (c,)
    running_mean, running_var : Tensor or None
        (c,), moved in training, used otherwise.
    training : bool
        Whether to normalise by the moments of this batch.
    momentum : float
        The weight of this batch in the running moments.
    eps : float
        Added to the variance.
    cudnn_enabled : bool
        Says nothing here.
    """
    expect_tensor("batch_norm", input)
    if type(momentum) is not float and not isinstance(momentum, (float, int)):
        raise TypeError(
            f"batch_norm(): argument 'momentum' (position 7) must be float, not "
            f"{type(momentum).__name__}"
        )
    shape = input.get_shape()
    channels = shape[1] if len(shape) > 1 else 0
    if not training:
        for name, one in (("running_mean", running_mean), ("running_var", running_var)):
            if one is None:
                raise RuntimeError(f"{name} must be defined in evaluation mode")
    expect_elements(
        channels, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    expect_axis(shape)
    dtype = expect_floating(input, "batch_norm")
    expect_one_dtype(dtype, weight, bias, running_mean, running_var)
    if (running_mean is None) != (running_var is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None")
    layout = batch_layout(shape)
    if not training:
        mean = running_mean.array
        rstd = run(inverse_deviation, running_var.array, eps)
        return normalise_by_running(input, weight, bias, mean, rstd, layout=layout)
    mean, variance, rstd = run(moments, input.array, layout.runs, 1, eps)
    if running_mean is not None and input.array.size:
        size = product(shape) // channels
        move_towards(running_mean, running_var, mean, run(unbiased, variance, size), momentum)
    return normalise_batch(input, weight, bias, mean, rstd, layout=layout, eps=eps)


@public("instance_norm", method=False)
def instance_norm(
    input,
    weight,
    bias,
    running_mean,
    running_var,
    use_input_stats,
    momentum,
    eps,
    cudnn_enabled,
):
    """Normalise every channel of every sample.  (n, c, *S) -> (n, c, *S)

    The arguments are `batch_norm`'s; the running moments move towards the mean over the samples.
    """
    expect_tensor("instance_norm", input)
    if not use_input_stats and (running_mean is None or running_var is None):
        raise RuntimeError(
            "Expected running_mean and running_var to be defined when use_input_stats is false"
        )
    shape = input.get_shape()
    count, channels = shape[:2]
    for name, one in (
        ("running_mean", running_mean),
        ("running_var", running_var),
        ("weight", weight),
        ("bias", bias),
    ):
        if one is not None and one.array.size != channels:
            raise RuntimeError(
                f"{name} should contain {count * channels} elements not {count * one.array.size}"
            )
    dtype = expect_floating(input, "batch_norm")
    expect_one_dtype(dtype, weight, bias, running_mean, running_var)
    if (running_mean is None) != (running_var is None):
        raise ValueError("running_mean and running_var must either both be None or neither be None")
    layout = group_layout(shape, channels)
    if not use_input_stats:
        mean = run(np.tile, running_mean.array, count)
        rstd = run(np.tile, run(inverse_deviation, running_var.array, eps), count)
        return normalise_instances_by_running(input, weight, bias, mean, rstd, layout=layout)
    mean, variance, rstd = run(moments, input.array, layout.runs, 1, eps)
    if running_mean is not None and input.array.size:
        size = product(shape[2:])
        means = run(mean_of_samples, mean, count)
        variances = run(mean_of_samples, run(unbiased, variance, size), count)
        move_towards(running_mean, running_var, means, variances, momentum)
    return normalise_instances(input, weight, bias, mean, rstd, layout=layout, eps=eps)


# -- group_norm ---------------------------------------------------------------------------------


@public("group_norm", method=False)
def group_norm(input, num_groups, weight=None, bias=None, eps=1e-05, cudnn_enabled=True):
    """Normalise groups of neighbouring channels of every sample.  (n, c, *S) -> (n, c, *S)

    Parameters
    ----------
    input : Tensor
    num_groups : int
        Divides c.
    weight, bias : Tensor, optional
        (c,)
    eps : float
        Added to the variance.
    cudnn_enabled : bool
        Says nothing here.
    """
    expect_tensor("group_norm", input)
    shape = input.get_shape()
    expect_axis(shape)
    channels = shape[1]
    if num_groups <= 0:
        raise RuntimeError(f"Expected num groups to be greater than 0, got {num_groups}")
    if channels % num_groups:
        raise RuntimeError(
            f"Expected number of channels in input to be divisible by num_groups, but got input "
            f"of shape {listed(shape)} and num_groups={num_groups}"
        )
    for name, one in (("weight", weight), ("bias", bias)):
        if one is not None and one.get_shape() != (channels,):
            raise RuntimeError(
                f"Expected {name} to be a vector of size equal to the number of channels in "
                f"input, but got {name} of shape {listed(one.get_shape())} and input of shape "
                f"{listed(shape)}"
            )
    expect_one_dtype(expect_floating(input, "GroupNormKernelImpl"), weight, bias)
    layout = group_layout(shape, num_groups)
    mean, _, rstd = run(moments, input.array, layout.runs, layout.shape[2], eps)
    return normalise_groups(input, weight, bias, mean, rstd, layout=layout, eps=eps)


# -- layer_norm and rms_norm --------------------------------------------------------------------


def expect_rows(name, input, normalized_shape, between, **parameters):
    """Return how many last axes of `input` are normalised over, after PyTorch's checks."""
    expect_tensor(name, input)
    if not isinstance(normalized_shape, (tuple, list)):
        raise TypeError(
            f"{name}(): argument 'normalized_shape' (position 2) must be tuple of ints, not "
            f"{type(normalized_shape).__name__}"
        )
    own = tuple(normalized_shape)
    for place, size in enumerate(own):
        if type(size) is not int and not hasattr(size, "__index__"):
            raise TypeError(
                f"{name}(): argument 'normalized_shape' (position 2) must be tuple of ints, but "
                f"found element of type {type(size).__name__} at pos {place}"
            )
    if not own:
        raise RuntimeError(
            "Expected normalized_shape to be at least 1-dimensional, i.e., containing at least "
            "one element, but got normalized_shape = []"
        )
    for label, one in parameters.items():
        if one is not None and one.get_shape() != own:
            raise RuntimeError(
                f"Expected {label} to be of same shape as normalized_shape, but got {label} of "
                f"shape {listed(one.get_shape())} and normalized_shape = {listed(own)}"
            )
    shape = input.get_shape()
    if shape[-len(own) :] != own:
        sizes = ", ".join([str(size) for size in own])
        raise RuntimeError(
            f"Given normalized_shape={listed(own)}, expected input with shape [*{between}{sizes}], "
            f"but got input of size{listed(shape)}"
        )
    return len(own)


@public("layer_norm", method=False)
def layer_norm(input, normalized_shape, weight=None, bias=None, eps=1e-05, cudnn_enable=True):
    """Normalise over the last axes.  (*S, *normalized_shape) -> the same

    Parameters
    ----------
    input : Tensor
    normalized_shape : sequence of int
        The sizes of those axes.
    weight, bias : Tensor, optional
        In that shape.
    eps : float
        Added to the variance.
    cudnn_enable : bool
        Says nothing here.
    """
    own = expect_rows("layer_norm", input, normalized_shape, ", ", weight=weight, bias=bias)
    expect_one_dtype(expect_floating(input, "LayerNormKernelImpl"), weight, bias)
    layout = row_layout(input.get_shape(), own)
    mean, rstd = run(moments_of_rows, input.array, layout.runs, eps)
    return normalise_layer(input, weight, bias, mean, rstd, layout=layout, eps=eps)


@public("rms_norm", method=False)
def rms_norm(input, normalized_shape, weight=None, eps=None):
    """Divide by the root of the mean square over the last axes.  (*S, *normalized_shape) -> same

    Parameters
    ----------
    input : Tensor
    normalized_shape : sequence of int
        The sizes of those axes.
    weight : Tensor, optional
        In that shape.
    eps : float, optional
        Added to the mean square; by default the spacing at 1 of the numbers that it
        computes with.
    """
    own = expect_rows("rms_norm", input, normalized_shape, "", weight=weight)
    dtype = expect_floating(input, "rms_norm")
    layout = row_layout(input.get_shape(), own)
    if eps is None:
        eps = float(np.finfo(np.float32 if dtype.itemsize == 2 else dtype).eps)
    rstd = run(inverse_root_mean_square, input.array, layout.runs, eps)
    return normalise_by_root_mean_square(input, weight, None, None, rstd, layout=layout, eps=eps)
