"""Adaptive pooling of torch.nn.functional: as many windows as are asked for."""

from __future__ import annotations

from typing import Any

from ...ops.adaptive_pooling import adaptive_avg_pool, adaptive_max_pool
from ...tensor import Tensor


def _filled(output_size: Any, input: Tensor) -> Any:
    """Return sizes with the input's own where None stands."""
    if isinstance(output_size, int):
        return output_size
    own = input.size()
    if len(own) <= len(output_size):
        raise ValueError(f"Input dimension should be at least {len(output_size) + 1}")
    last = own[len(own) - len(output_size) :]
    return [have if asked is None else asked for asked, have in zip(output_size, last)]


def adaptive_avg_pool2d(input: Tensor, output_size: Any) -> Tensor:
    """Means of windows that share out an image evenly.  (*N, c, h, w) -> (*N, c, *output_size)

    `output_size` is one number or two; None is the input's own.
    """
    found: Any = adaptive_avg_pool("adaptive_avg_pool2d", 2, input, _filled(output_size, input))
    return found


def adaptive_avg_pool3d(input: Tensor, output_size: Any) -> Tensor:
    """Means of windows that share out a volume evenly.  (*N, c, d, h, w) -> (*N, c, *output_size)

    `output_size` is one number or three; None is the input's own.
    """
    found: Any = adaptive_avg_pool("adaptive_avg_pool3d", 3, input, _filled(output_size, input))
    return found


def adaptive_max_pool1d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Largest elements of windows that share out a sequence evenly.

    (*N, c, m) -> (*N, c, output_size); with `return_indices` also their places.
    """
    return adaptive_max_pool("adaptive_max_pool1d", 1, input, output_size, return_indices)


def adaptive_max_pool2d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Largest elements of windows that share out an image evenly.

    (*N, c, h, w) -> (*N, c, *output_size); with `return_indices` also their places, counted row by
    row.
    """
    size = _filled(output_size, input)
    return adaptive_max_pool("adaptive_max_pool2d", 2, input, size, return_indices)


def adaptive_max_pool3d(input: Tensor, output_size: Any, return_indices: bool = False) -> Any:
    """Largest elements of windows that share out a volume evenly.

    (*N, c, d, h, w) -> (*N, c, *output_size); with `return_indices` also their places.
    """
    size = _filled(output_size, input)
    return adaptive_max_pool("adaptive_max_pool3d", 3, input, size, return_indices)


def adaptive_max_pool1d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> Any:
    """As `adaptive_max_pool1d`, always with the places."""
    return adaptive_max_pool1d(input, output_size, True)


def adaptive_max_pool2d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> Any:
    """As `adaptive_max_pool2d`, always with the places."""
    return adaptive_max_pool2d(input, output_size, True)


def adaptive_max_pool3d_with_indices(
    input: Tensor, output_size: Any, return_indices: bool = False
) -> Any:
    """As `adaptive_max_pool3d`, always with the places."""
    return adaptive_max_pool3d(input, output_size, True)
