"""Further pooling of torch.nn.functional: norms of windows, random windows, and back again."""

from __future__ import annotations

from typing import Any

from ...ops import unpooling as ops
from ...ops.average_pooling import avg_pool
from ...random import rand
from ...tensor import Tensor


def _numbers(value: Any, dims: int) -> tuple[int, ...]:
    """Return one number for each axis."""
    return tuple(value) if isinstance(value, (tuple, list)) else (value,) * dims


# -- norms ----------------------------------------------------------------------------------------


def _lp_pool(
    dims: int, input: Tensor, norm_type: float, kernel_size: Any, stride: Any, ceil_mode: bool
) -> Tensor:
    count = kernel_size
    if dims > 1:
        count = 1
        sizes = _numbers(kernel_size, dims)
        if len(sizes) != dims:
            more = "too many values" if len(sizes) > dims else "not enough values"
            got = "" if len(sizes) > dims else f", got {len(sizes)}"
            raise ValueError(f"{more} to unpack (expected {dims}{got})")
        for size in sizes:
            count *= size
    name = f"avg_pool{dims}d"
    power = input.pow(norm_type)
    mean: Any = avg_pool(name, dims, power, kernel_size, stride, 0, ceil_mode, True, None)
    result: Tensor = (mean.sign() * mean.abs().relu()).mul(count).pow(1.0 / norm_type)
    return result


def lp_pool1d(
    input: Tensor,
    norm_type: float,
    kernel_size: int,
    stride: Any = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Norm of order `norm_type` of each window of a sequence.  (*N, c, m) -> (*N, c, m')"""
    return _lp_pool(1, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool2d(
    input: Tensor,
    norm_type: float,
    kernel_size: Any,
    stride: Any = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Norm of order `norm_type` of each window of an image.  (*N, c, h, w) -> (*N, c, h', w')"""
    return _lp_pool(2, input, norm_type, kernel_size, stride, ceil_mode)


def lp_pool3d(
    input: Tensor,
    norm_type: float,
    kernel_size: Any,
    stride: Any = None,
    ceil_mode: bool = False,
) -> Tensor:
    """Norm of order `norm_type` of each window of a volume.

    (*N, c, d, h, w) -> (*N, c, d', h', w')
    """
    return _lp_pool(3, input, norm_type, kernel_size, stride, ceil_mode)


# -- random windows -------------------------------------------------------------------------------


def _fractional(
    dims: int,
    input: Tensor,
    kernel_size: Any,
    output_size: Any,
    output_ratio: Any,
    samples: Any,
) -> Any:
    name = f"fractional_max_pool{dims}d"
    if output_size is None and output_ratio is None:
        raise ValueError(f"{name} requires specifying either an output_size or an output_ratio")
    if output_size is None:
        ratio = output_ratio
        if dims == 2:
            if len(ratio) > 2:
                raise ValueError(
                    f"{name} requires output_ratio to either be a single Int or tuple of Ints."
                )
        else:
            ratio = _numbers(ratio, dims)
        output_size = tuple([int(input.size(axis - dims) * ratio[axis]) for axis in range(dims)])
    if samples is None:
        batch = 1 if input.dim() == dims + 1 else input.size(0)
        channels = input.size(-dims - 1)
        samples = rand(batch, channels, dims, dtype=input.dtype)
    kernel, out = _numbers(kernel_size, dims), _numbers(output_size, dims)
    return ops.fractional_max_pool(dims, input, kernel, out, samples)


def fractional_max_pool2d_with_indices(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    """As `fractional_max_pool2d`, always with the places."""
    return _fractional(2, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool2d(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    """Largest element of each of some windows at random places.  (*N, c, h, w) -> (*N, c, h', w')

    Parameters
    ----------
    input : Tensor
    kernel_size : int or two
    output_size : int or two, optional
        How many windows.
    output_ratio : two numbers, optional
        How many, as a part of the input's sizes.
    return_indices : bool
        Whether the places are returned too.
    """
    both = _fractional(2, input, kernel_size, output_size, output_ratio, _random_samples)
    return both if return_indices else both[0]


def fractional_max_pool3d_with_indices(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    """As `fractional_max_pool3d`, always with the places."""
    return _fractional(3, input, kernel_size, output_size, output_ratio, _random_samples)


def fractional_max_pool3d(
    input: Tensor,
    kernel_size: Any,
    output_size: Any = None,
    output_ratio: Any = None,
    return_indices: bool = False,
    _random_samples: Any = None,
) -> Any:
    """Largest element of each of some windows of a volume at random places.

    (*N, c, d, h, w) -> (*N, c, d', h', w'); the arguments are `fractional_max_pool2d`'s.
    """
    both = _fractional(3, input, kernel_size, output_size, output_ratio, _random_samples)
    return both if return_indices else both[0]


# -- back again -----------------------------------------------------------------------------------


def _unpool(
    dims: int,
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any,
    padding: Any,
    output_size: Any,
) -> Tensor:
    kernel = _numbers(kernel_size, dims)
    step = kernel if stride is None else _numbers(stride, dims)
    pad = _numbers(padding, dims)
    own = input.size()
    usual = [
        (own[axis - dims] - 1) * step[axis] + kernel[axis] - 2 * pad[axis] for axis in range(dims)
    ]
    sizes = usual if output_size is None else _asked_sizes(dims, output_size, usual, step)
    found: Any = ops.max_unpool(dims, input, indices, tuple(sizes), step)
    return found


def _asked_sizes(
    dims: int, output_size: Any, usual: list[int], step: tuple[int, ...]
) -> list[int]:
    """Return the sizes asked for, if pooling them could have given the input."""
    asked = list(output_size)
    if len(asked) == dims + 2:
        asked = asked[2:]
    if len(asked) != dims:
        raise ValueError(
            f"output_size should be a sequence containing {dims} or {dims + 2} elements, but it "
            f"has a length of '{len(asked)}'"
        )
    for axis in range(dims):
        low, high = usual[axis] - step[axis], usual[axis] + step[axis]
        if not low < asked[axis] < high:
            raise ValueError(
                f'invalid output_size "{asked}" (dim {axis} must be between {low} and {high})'
            )
    return asked


def max_unpool1d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Put the elements of `max_pool1d` back at their places, among zeros.

    Parameters
    ----------
    input, indices : Tensor
        What `max_pool1d` returned.
    kernel_size, stride, padding : int
        What it was given.
    output_size : sequence of int, optional
        What it was given had this size, where several are possible.
    """
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


def max_unpool2d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Put the elements of `max_pool2d` back at their places; the arguments are `max_unpool1d`'s."""
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


def max_unpool3d(
    input: Tensor,
    indices: Tensor,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    output_size: Any = None,
) -> Tensor:
    """Put the elements of `max_pool3d` back at their places; the arguments are `max_unpool1d`'s."""
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)
