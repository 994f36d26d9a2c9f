"""Pooling backwards, and at random: max_unpool and fractional_max_pool."""

from __future__ import annotations

import numpy as np

from .._core.tracing import run
from .._core.value import Value
from ._arguments import scalar_name
from ._sizes import listed
from .plane_lookup import put_op, take_op
from .pool_windows import product, refuse_kind
from .winners import largest_of

# -- max_unpool ---------------------------------------------------------------------------------

_UNPOOL = {
    1: put_op("max_unpool1d", "SqueezeBackward1"),
    2: put_op("max_unpool2d", "MaxUnpool2DBackward0"),
    3: put_op("max_unpool3d", "MaxUnpool3DBackward0"),
}


def max_unpool(dims, input, indices, sizes, stride):
    """Put elements at numbers of planes of zeros, after PyTorch's checks.

    Of two elements with one number the later is put, and both get its gradient.
    """
    shape, given = input.get_shape(), indices.get_shape()
    if indices.get_dtype() != np.int64:
        found = "" if dims == 3 else f" but got: {scalar_name(indices.get_dtype())}"
        raise RuntimeError(f"elements in indices should be type int64{found}")
    # One axis counts as two, the second of size 1.
    more = (1,) if dims == 1 else ()
    axes = max(dims, 2)
    if len(shape) not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"Input to max_unpooling{axes}d should be a {axes + 1}d or {axes + 2}d Tensor, but "
            f"got a tensor with {len(shape) + len(more)} dimensions."
        )
    if dims == 3 and min(stride) <= 0:
        raise RuntimeError(
            f"strides should be greater than zero, but got stride: {listed(stride)}"
        )
    if shape != given:
        raise RuntimeError(
            f"Expected shape of indices to be same as that of the input tensor "
            f"({listed((*shape, *more))}) but got indices tensor with shape: "
            f"{listed((*given, *more))}"
        )
    for axis in range(1, len(shape)):
        if shape[axis] == 0:
            raise RuntimeError(
                f"max_unpooling{axes}d_forward_out_cpu(): Expected input to have non-zero size for "
                f"non-batch dimensions, but got {listed((*shape, *more))} with dimension {axis} "
                f"being empty."
            )
    dtype = input.get_dtype()
    if dtype.kind != "f":
        refuse_kind(f"max_unpool{axes}d", dtype)
    size = product(sizes)
    run(_expect_places, indices.array, size, (*sizes, *more))
    target = (*shape[: len(shape) - dims], *sizes)
    if not size:
        return input.make(np.zeros(target, dtype))
    return _UNPOOL[dims](input, indices, shape=target, dims=dims)


def _expect_places(array, size, volume):
    wrong = (array < 0) | (array >= size)
    if size and wrong.any():
        volume = "x".join(map(str, volume))
        raise RuntimeError(
            f"Found an invalid max index: {array[wrong][-1]} (output volumes are of size {volume})"
        )


# -- fractional_max_pool ------------------------------------------------------------------------

_FRACTIONAL = {
    2: take_op("fractional_max_pool2d", "FractionalMaxPool2DBackward0"),
    3: take_op("fractional_max_pool3d", "FractionalMaxPool3DBackward0"),
}
_AXES = {2: ("height", "width"), 3: ("time", "height", "width")}
_WORDS = {2: "tuple of Ints", 3: "tuple of three Ints"}


def starts_of(samples, size, out, kernel):
    """Return where windows start along an axis: a random step from one to the next.

    (planes,) -> (planes, out), B. Graham, Fractional max-pooling, 2014.
    """
    last = np.full((len(samples), 1), size - kernel)
    if out <= 1:
        return last[:, :out]
    step = samples.dtype.type(size - kernel) / samples.dtype.type(out - 1)
    number = np.arange(out - 1, dtype=samples.dtype)
    starts = ((number + samples[:, None]) * step).astype(np.int64)
    starts -= (samples[:, None] * step).astype(np.int64)
    return np.concatenate((starts, last), axis=1)


def fractional_places(x, samples, kernel, out):
    """Return where each window's largest element is in its plane.  -> (*S, *out)"""
    dims = len(kernel)
    sizes = x.shape[x.ndim - dims :]
    lead = x.shape[: x.ndim - dims]
    planes = np.reshape(x, (product(lead), *sizes))
    samples = np.reshape(samples[: lead[0] if len(lead) > 1 else 1], (len(planes), dims))
    if dims == 2:
        # The first sample of a plane is its columns'.
        samples = samples[:, ::-1]
    numbers = np.zeros((1,) * (1 + 2 * dims), np.int64)
    for axis in range(dims):
        starts = starts_of(samples[:, axis], sizes[axis], out[axis], kernel[axis])
        own = starts[:, :, None] + np.arange(kernel[axis])
        shape = [len(planes), *[1] * (2 * dims)]
        shape[1 + axis], shape[1 + dims + axis] = own.shape[1:]
        numbers = numbers * sizes[axis] + np.reshape(own, shape)
    flat = np.reshape(planes, (len(planes), product(sizes)))
    numbers = np.reshape(numbers, (len(planes), product(out), product(kernel)))
    rows = np.arange(len(planes))[:, None, None]
    chosen = largest_of(flat[rows, numbers], -1)
    return np.reshape(np.take_along_axis(numbers, chosen, axis=-1), (*lead, *out))


def fractional_max_pool(dims, input, kernel, out, samples):
    """Take the largest element of windows at random places, after PyTorch's checks.

    Returns the elements and their numbers in the plane.
    """
    name = f"fractional_max_pool{dims}d"
    shape = input.get_shape()
    for argument, given in (("kernel_size", kernel), ("output_size", out)):
        if len(given) != dims:
            raise RuntimeError(
                f"{name}: {argument} must either be a single Int or {_WORDS[dims]}"
            )
    where = name if dims == 2 else f"{name}_out"
    if len(shape) not in (dims + 1, dims + 2):
        raise RuntimeError(
            f"{where}(): Expected {dims + 1}D or {dims + 2}D tensor, but got: {listed(shape)}"
        )
    for axis in range(len(shape) - dims - 1, len(shape)):
        if shape[axis] == 0:
            raise RuntimeError(
                f"{where}(): Expected input to have non-zero size for non-batch dimensions, but "
                f"got{listed(shape)} with dimension {axis} being empty."
            )
    sizes = shape[len(shape) - dims :]
    # PyTorch does not let windows fill a volume.
    room = 0 if dims == 2 else 1
    for label, size, count, width in zip(_AXES[dims], sizes, out, kernel):
        if count + width - 1 > size - room:
            raise RuntimeError(
                f"{where}(): pool {label} {width} too large relative to input {label} {size}"
            )
    if input.get_dtype().kind != "f":
        refuse_kind(f"{name}_out_frame", input.get_dtype())
    expect_samples(input, samples, dims, shape)
    places = run(fractional_places, input.array, samples.array, kernel, out)
    values = _FRACTIONAL[dims](input, places, dims=dims)
    return values, input.make(places)


def expect_samples(input, samples, dims, shape):
    """Refuse random samples that do not fit the input."""
    if not isinstance(samples, Value) or samples.get_dtype() != input.get_dtype():
        raise RuntimeError("Expect _random_samples to have the same dtype as input")
    given = samples.get_shape()
    channels = shape[len(shape) - dims - 1]
    batch = shape[0] if len(shape) == dims + 2 else 1
    if len(given) != 3:
        raise RuntimeError(
            f"Expect _random_samples to have 3 dimensions, got {len(given)}"
        )
    if given[0] < batch:
        raise RuntimeError("Expect _random_samples.size(0) no less then input batch size.")
    if given[1] != channels:
        raise RuntimeError("Expect _random_samples.size(1) equals to input channel size.")
    if given[2] != dims:
        raise RuntimeError(f"Expect _random_samples.size(2) equals to {dims}; got {given[2]}.")
