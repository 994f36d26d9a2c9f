"""Resampling of signals, images and volumes: interpolate, and its older names."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ...ops._arguments import scalar_name
from ...ops._sizes import listed
from ...ops.resampling import resample
from ...tensor import Tensor

# The kind of each mode along an axis, and how many axes it is for.
_MODES: dict[str, tuple[str, tuple[int, ...]]] = {
    "nearest": ("nearest", (1, 2, 3)),
    "nearest-exact": ("nearest-exact", (1, 2, 3)),
    "linear": ("linear", (1,)),
    "bilinear": ("linear", (2,)),
    "trilinear": ("linear", (3,)),
    "bicubic": ("cubic", (2,)),
    "lanczos": ("lanczos", (2,)),
    "area": ("area", (1, 2, 3)),
}
_INTERPOLATING = ("linear", "bilinear", "bicubic", "trilinear")


def interpolate(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
    recompute_scale_factor: bool | None = None,
    antialias: bool = False,
) -> Tensor:
    """Resample to another size.  (N, C, *S) -> (N, C, *size)

    Parameters
    ----------
    input : Tensor
        With one to three spatial axes.
    size : int or tuple, optional
        The spatial size of the result.
    scale_factor : float or tuple, optional
        Or how many times the size of the input it is.
    mode : str
        "nearest" (its old, slightly shifted form), "nearest-exact", "area" (averages), "linear"
        (one axis), "bilinear" and "bicubic" (two), "trilinear" (three), "lanczos" (two, with
        `antialias`).
    align_corners : bool, optional
        Align the centres of the outer elements instead of their edges.
    recompute_scale_factor : bool, optional
        Take positions from the sizes also when a scale factor is given.
    antialias : bool
        Widen the filter when the result is smaller; "bilinear", "bicubic" and "lanczos".

    Examples
    --------
    >>> import retrograd as torch
    >>> x = torch.tensor([[[0.0, 4.0]]])
    >>> torch.nn.functional.interpolate(x, scale_factor=2, mode="linear")
    tensor([[[0., 1., 3., 4.]]])
    """
    if mode in ("nearest", "area", "nearest-exact"):
        if align_corners is not None:
            raise ValueError(
                "align_corners option can only be set with the interpolating modes: linear | "
                "bilinear | bicubic | trilinear"
            )
    elif align_corners is None:
        align_corners = False
    dims = input.dim() - 2
    sizes, factors = _wanted(input, dims, size, scale_factor)
    if recompute_scale_factor:
        if size is not None:
            raise ValueError("recompute_scale_factor is not meaningful with an explicit size.")
        factors = None
    if antialias and not (mode in ("bilinear", "bicubic", "lanczos") and dims == 2):
        raise ValueError(
            "Anti-alias option is restricted to bilinear, bicubic, and lanczos modes and requires "
            "a 4-D tensor as input"
        )
    if mode == "lanczos" and dims == 2:
        if align_corners:
            raise ValueError("Lanczos mode does not support align_corners=True")
        if not antialias:
            raise ValueError("Lanczos mode requires antialias=True")
    _expect_mode(mode, dims)
    if mode == "area":
        from .. import functional

        average: Any = getattr(functional, f"adaptive_avg_pool{dims}d")
        pooled: Tensor = average(input, sizes)
        return pooled
    _expect_sizes(input, sizes)
    _expect_dtype(input, mode, dims, antialias)
    found: Tensor = resample(
        input, _MODES[mode][0], sizes, bool(align_corners), factors, bool(antialias)
    )
    return found


def _wanted(
    input: Tensor, dims: int, size: Any, scale_factor: Any
) -> tuple[tuple[int, ...], tuple[float, ...] | None]:
    """Return the size of the result, and the scale factors if they were given."""
    if size is not None and scale_factor is not None:
        raise ValueError("only one of size or scale_factor should be defined")
    have = [int(n) for n in input.shape[2:]]
    if size is not None:
        if isinstance(size, (list, tuple)):
            _expect_length("output size", "output size of", "output size in (o1, o2, ...,oK)", have,
                           size, dims)  # fmt: skip
            if not all(hasattr(n, "__index__") for n in size):
                raise TypeError(
                    "expected size to be one of int or Tuple[int] or Tuple[int, int] or "
                    f"Tuple[int, int, int], but got size with types {[type(n) for n in size]}"
                )
            return tuple([n.__index__() for n in size]), None
        if not hasattr(size, "__index__"):
            raise TypeError(
                f"interpolate(): argument 'size' must be int or tuple of ints, not "
                f"{type(size).__name__}"
            )
        return (size.__index__(),) * dims, None
    if scale_factor is None:
        raise ValueError("either size or scale_factor should be defined")
    if isinstance(scale_factor, (list, tuple)):
        _expect_length("scale_factor", "scale_factor of shape", "scale_factor in (s1, s2, ...,sK)",
                       have, scale_factor, dims)  # fmt: skip
        factors = tuple([float(n) for n in scale_factor])
    else:
        factors = (float(scale_factor),) * dims
    return tuple([math.floor(float(n) * factor) for n, factor in zip(have, factors)]), factors


def _expect_length(
    what: str, given: str, form: str, have: list[int], values: Any, dims: int
) -> None:
    if len(values) == dims:
        return
    both = "output" if what == "output size" else what
    raise ValueError(
        f"Input and {both} must have the same number of spatial dimensions, but got input with "
        f"spatial dimensions of {have} and {given} {values}. Please provide input tensor in "
        f"(N, C, d1, d2, ...,dK) format and {form} format."
    )


def _expect_mode(mode: str, dims: int) -> None:
    """Refuse a mode that is none, or is for another number of axes."""
    allowed = _MODES.get(mode, ("", ()))[1]
    if dims in allowed:
        return
    if mode in ("linear", "bilinear", "trilinear") and dims in (1, 2, 3):
        raise NotImplementedError(
            f"Got {dims + 2}D input, but {mode} mode needs {allowed[0] + 2}D input"
        )
    raise NotImplementedError(
        f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {dims + 2}D) for the "
        "modes: nearest | linear | bilinear | bicubic | trilinear | lanczos | area | "
        f"nearest-exact (got {mode})"
    )


def _expect_sizes(input: Tensor, sizes: tuple[int, ...]) -> None:
    """Refuse results, and inputs, without elements along some axis."""
    shape = input.get_shape()
    have = shape[2:]
    if min(have) <= 0 or min(sizes) <= 0:
        names = "DHW"[-len(sizes) :]
        told = [
            ", ".join([f"{name}: {n}" for name, n in zip(names, numbers)])
            for numbers in (have, sizes)
        ]
        between = " and" if len(sizes) == 1 else ""
        raise RuntimeError(
            f"Input and output sizes should be greater than 0, but got input ({told[0]}){between} "
            f"output ({told[1]})"
        )
    if 0 in shape[1:]:
        raise RuntimeError(
            f"Non-empty {len(shape)}D data tensor expected but got a tensor with sizes "
            f"{listed(shape)}"
        )


def _expect_dtype(input: Tensor, mode: str, dims: int, antialias: bool) -> None:
    """Refuse the dtypes that PyTorch has no kernel for."""
    dtype = input.get_dtype()
    if dtype.kind == "f" and not (antialias and dtype.itemsize == 2):
        return
    if dtype == "uint8" and (dims == 2 or mode.startswith("nearest")):
        return
    if antialias:
        kernel = "compute_index_ranges_weights"
    elif dims == 2 and mode != "bicubic":
        kernel = f"upsample_{'bilinear' if mode == 'bilinear' else 'nearest'}2d_channels_last"
    else:
        kind = _MODES[mode][0].partition("-")[0]
        kernel = f"compute_indices_weights_{kind}"
    if dtype.kind != "V":
        raise NotImplementedError(f"\"{kernel}\" not implemented for '{scalar_name(dtype)}'")


def _deprecated(name: str) -> None:
    warnings.warn(
        f"`nn.functional.{name}` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=3,
    )


def upsample(
    input: Tensor,
    size: Any = None,
    scale_factor: Any = None,
    mode: str = "nearest",
    align_corners: bool | None = None,
) -> Tensor:
    """Resample to another size: the older name of `interpolate`."""
    _deprecated("upsample")
    return interpolate(input, size, scale_factor, mode, align_corners)


def upsample_nearest(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """Resample by nearest elements: an older name of `interpolate`."""
    _deprecated("upsample_nearest")
    return interpolate(input, size, scale_factor, mode="nearest")


def upsample_bilinear(input: Tensor, size: Any = None, scale_factor: Any = None) -> Tensor:
    """Resample images bilinearly with aligned corners: an older name of `interpolate`."""
    _deprecated("upsample_bilinear")
    return interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
