"""Sampling at given places: grid_sample, affine_grid."""

from __future__ import annotations

import warnings
from typing import Any

from ..._core.public import expect_tensor
from ...ops._arguments import scalar_name
from ...ops._sizes import listed
from ...ops.grids import affine_places, sample_ops
from ...tensor import Tensor

_CHANGED = (
    "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. "
    "Please specify align_corners=True if the old behavior is desired. See the documentation of "
    "grid_sample for details."
)


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Sample images or volumes at the places of a grid.

    Parameters
    ----------
    input : Tensor
        (N, C, H, W) or (N, C, D, H, W)
    grid : Tensor
        (N, P, Q, 2) or (N, O, P, Q, 3): for each result the place, last axis first, -1 and 1
        being the image's ends.
    mode : {"bilinear", "nearest", "bicubic"}
    padding_mode : {"zeros", "border", "reflection"}
        What is outside the image.
    align_corners : bool, optional
        Whether -1 and 1 are the centres of the outer elements instead of their edges.

    Returns
    -------
    Tensor
        (N, C, P, Q) or (N, C, O, P, Q)
    """
    if mode not in ("bilinear", "nearest", "bicubic"):
        raise ValueError(
            "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', "
            f"but got: '{mode}'"
        )
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'"
        )
    if align_corners is None:
        warnings.warn(_CHANGED, stacklevel=2)
        align_corners = False
    expect_tensor("grid_sampler", input)
    expect_tensor("grid_sampler", grid, "grid", 2)
    _expect_shapes(input.get_shape(), grid.get_shape(), mode)
    dims = input.dim() - 2
    dtype = input.get_dtype()
    if dtype.kind != "f":
        kernel = "grid_sampler_2d_cpu_kernel_impl" if dims == 2 else "grid_sampler3d_cpu"
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(dtype)}'")
    if grid.get_dtype() != dtype:
        raise RuntimeError(
            f"expected scalar type {scalar_name(dtype)} but found {scalar_name(grid.get_dtype())}"
        )
    found: Tensor = sample_ops[dims](
        input, grid, mode=mode, padding=padding_mode, align_corners=bool(align_corners)
    )
    return found


def _expect_shapes(shape: tuple[int, ...], grid: tuple[int, ...], mode: str) -> None:
    """Refuse shapes that do not go together, in PyTorch's words."""
    sizes = f"input with sizes {listed(shape)} and grid with sizes {listed(grid)}"
    if shape[0] != grid[0]:
        raise RuntimeError(
            f"grid_sampler(): expected grid and input to have same batch size, but got {sizes}"
        )
    if grid[-1] != len(shape) - 2:
        raise RuntimeError(
            f"grid_sampler(): expected grid to have size {len(shape) - 2} in last dimension, but "
            f"got grid with sizes {listed(grid)}"
        )
    for axis in range(2, len(shape)):
        if shape[axis] <= 0:
            raise RuntimeError(
                "grid_sampler(): expected input to have non-empty spatial dimensions, but input "
                f"has sizes {listed(shape)} with dimension {axis} being empty"
            )
    if len(shape) not in (4, 5) or len(grid) != len(shape):
        wanted = 4 if len(shape) == 4 else 5
        raise RuntimeError(
            f"grid_sampler(): expected {wanted}D input and grid with same number of dimensions, "
            f"but got {sizes}"
        )
    if mode == "bicubic" and len(shape) == 5:
        raise RuntimeError("grid_sampler(): bicubic interpolation only supports 4D input")


def affine_grid(theta: Tensor, size: Any, align_corners: bool | None = None) -> Tensor:
    """Return the grid, for `grid_sample`, of affine maps.

    Parameters
    ----------
    theta : Tensor
        (N, 2, 3) or (N, 3, 4): from places in the result to places in the input.
    size : sequence of int
        The shape of the result, (N, C, H, W) or (N, C, D, H, W).
    align_corners : bool, optional
        As of `grid_sample`.

    Returns
    -------
    Tensor
        (N, H, W, 2) or (N, D, H, W, 3)
    """
    if align_corners is None:
        warnings.warn(_CHANGED, stacklevel=2)
        align_corners = False
    if not theta.is_floating_point():
        raise ValueError(f"Expected theta to have floating point type, but got {theta.dtype}")
    dims = len(size) - 2
    if dims not in (2, 3):
        raise NotImplementedError(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {size}."
        )
    if theta.dim() != 3 or theta.shape[-2] != dims or theta.shape[-1] != dims + 1:
        raise ValueError(
            f"Expected a batch of {dims}D affine matrices of shape Nx{dims}x{dims + 1} for size "
            f"{size}. Got {theta.shape}."
        )
    if align_corners and min(size[2:]) == 1:
        warnings.warn(
            "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when "
            "align_corners=True. This is not an intended use case of affine_grid. See the "
            "documentation of affine_grid for details.",
            stacklevel=2,
        )
    elif min(size) <= 0:
        raise ValueError(f"Expected non-zero, positive output size. Got {size}")
    if theta.shape[0] != size[0]:
        raise RuntimeError(
            "Expected size for first two dimensions of batch2 tensor to be: "
            f"[{size[0]}, {dims + 1}] but got: [{theta.shape[0]}, {dims + 1}]."
        )
    found: Tensor = affine_places(
        theta, size=tuple([int(n) for n in size[2:]]), align_corners=bool(align_corners)
    )
    return found
