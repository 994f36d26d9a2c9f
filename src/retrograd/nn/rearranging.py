"""Layers that rearrange elements: Fold, Unfold, PixelShuffle, PixelUnshuffle, ChannelShuffle."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from . import functional as F
from .module import Module


class Fold(Module):
    """Adds columns into images.  (N, C * K * L, blocks) -> (N, C, *output_size)

    Parameters
    ----------
    output_size, kernel_size, dilation, padding, stride : int or tuple of two
    """

    __constants__ = ["output_size", "kernel_size", "dilation", "padding", "stride"]

    def __init__(
        self,
        output_size: Any,
        kernel_size: Any,
        dilation: Any = 1,
        padding: Any = 0,
        stride: Any = 1,
    ) -> None:
        super().__init__()
        self.output_size = output_size
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        found: Tensor = F.fold(
            input, self.output_size, self.kernel_size, self.dilation, self.padding, self.stride
        )
        return found

    def extra_repr(self) -> str:
        return ", ".join([f"{name}={getattr(self, name)}" for name in self.__constants__])


class Unfold(Module):
    """Takes the sliding blocks of images as columns.  (N, C, H, W) -> (N, C * K * L, blocks)

    Parameters
    ----------
    kernel_size, dilation, padding, stride : int or tuple of two
    """

    __constants__ = ["kernel_size", "dilation", "padding", "stride"]

    def __init__(
        self, kernel_size: Any, dilation: Any = 1, padding: Any = 0, stride: Any = 1
    ) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.padding = padding
        self.stride = stride

    def forward(self, input: Tensor) -> Tensor:
        found: Tensor = F.unfold(
            input, self.kernel_size, self.dilation, self.padding, self.stride
        )
        return found

    def extra_repr(self) -> str:
        return ", ".join([f"{name}={getattr(self, name)}" for name in self.__constants__])


class PixelShuffle(Module):
    """Lays channels out as blocks of pixels.  (*B, C f^2, H, W) -> (*B, C, H f, W f)"""

    __constants__ = ["upscale_factor"]

    def __init__(self, upscale_factor: int) -> None:
        super().__init__()
        self.upscale_factor = upscale_factor

    def forward(self, input: Tensor) -> Tensor:
        found: Tensor = F.pixel_shuffle(input, self.upscale_factor)
        return found

    def extra_repr(self) -> str:
        return f"upscale_factor={self.upscale_factor}"


class PixelUnshuffle(Module):
    """Gathers blocks of pixels into channels.  (*B, C, H f, W f) -> (*B, C f^2, H, W)"""

    __constants__ = ["downscale_factor"]

    def __init__(self, downscale_factor: int) -> None:
        super().__init__()
        self.downscale_factor = downscale_factor

    def forward(self, input: Tensor) -> Tensor:
        found: Tensor = F.pixel_unshuffle(input, self.downscale_factor)
        return found

    def extra_repr(self) -> str:
        return f"downscale_factor={self.downscale_factor}"


class ChannelShuffle(Module):
    """Deals channels out, one of each group in turn.  (N, C, *S) -> (N, C, *S)"""

    __constants__ = ["groups"]

    def __init__(self, groups: int) -> None:
        super().__init__()
        self.groups = groups

    def forward(self, input: Tensor) -> Tensor:
        found: Tensor = F.channel_shuffle(input, self.groups)
        return found

    def extra_repr(self) -> str:
        return f"groups={self.groups}"
