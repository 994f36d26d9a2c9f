"""Convolution layers: Conv1d to Conv3d, ConvTranspose1d to ConvTranspose3d, their lazy forms."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from ..creation import empty
from ..tensor import Tensor
from . import functional as F
from . import init
from .lazy import LazyModuleMixin
from .module import Module
from .parameter import Parameter, UninitializedParameter

_PADDING_MODES = ("zeros", "circular", "reflect", "replicate")


def _repeated(value: Any, count: int) -> tuple[Any, ...]:
    """Return a setting as a tuple, a number `count` times."""
    return tuple(value) if isinstance(value, Iterable) else (value,) * count


class _ConvNd(Module):
    """What all convolution layers have in common.

    Attributes
    ----------
    weight : Parameter
        (out_channels, in_channels / groups, *kernel_size), for transposed ones
        (in_channels, out_channels / groups, *kernel_size); even in ±1/sqrt(fan in).
    bias : Parameter or None
        (out_channels), drawn alike.
    """

    __constants__ = [
        "stride",
        "padding",
        "dilation",
        "groups",
        "padding_mode",
        "output_padding",
        "in_channels",
        "out_channels",
        "kernel_size",
    ]
    weight: Any
    bias: Any
    _dims: int
    _transposed = False

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any,
        padding: Any,
        dilation: Any,
        output_padding: Any,
        groups: int,
        bias: bool,
        padding_mode: str,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        if groups <= 0:
            raise ValueError("groups must be a positive integer")
        if in_channels % groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        if out_channels % groups != 0:
            raise ValueError("out_channels must be divisible by groups")
        dims = self._dims
        stride = _repeated(stride, dims)
        self._check_padding(padding, stride, padding_mode)
        self.in_channels = in_channels
        self.out_channels = out_channels
        self.kernel_size = _repeated(kernel_size, dims)
        self.stride = stride
        named = isinstance(padding, str) and not self._transposed
        self.padding = padding if named else _repeated(padding, dims)
        self.dilation = _repeated(dilation, dims)
        self.transposed = self._transposed
        self.output_padding = _repeated(output_padding, dims)
        self.groups = groups
        self.padding_mode = padding_mode
        self._reversed_padding_repeated_twice = self._pads()
        channels = (in_channels, out_channels) if self.transposed else (out_channels, in_channels)
        shape = (channels[0], channels[1] // groups, *self.kernel_size)
        self.weight = Parameter(empty(shape, device=device, dtype=dtype))
        if bias:
            self.bias = Parameter(empty(out_channels, device=device, dtype=dtype))
        else:
            self.register_parameter("bias", None)
        self.reset_parameters()

    def _check_padding(self, padding: Any, stride: tuple[Any, ...], padding_mode: str) -> None:
        if isinstance(padding, str) and not self._transposed:
            names = {"same", "valid"}
            if padding not in names:
                raise ValueError(f"Invalid padding string {padding!r}, should be one of {names}")
            if padding == "same" and any(n != 1 for n in stride):
                raise ValueError("padding='same' is not supported for strided convolutions")
        if padding_mode not in _PADDING_MODES:
            raise ValueError(
                f"padding_mode must be one of {set(_PADDING_MODES)}, but got "
                f"padding_mode='{padding_mode}'"
            )

    def _pads(self) -> Any:
        """Return the padding as `functional.pad` takes it, last axis first."""
        if not isinstance(self.padding, str):
            return tuple([n for n in reversed(self.padding) for _ in range(2)])
        pads = []
        for d, k in zip(reversed(self.dilation), reversed(self.kernel_size)):
            total = d * (k - 1) if self.padding == "same" else 0
            pads += [total // 2, total - total // 2]
        return pads

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        init.kaiming_uniform_(self.weight, a=math.sqrt(5))
        if self.bias is not None:
            fan_in, _ = init._calculate_fan_in_and_fan_out(self.weight)
            if fan_in != 0:
                bound = 1 / math.sqrt(fan_in)
                init.uniform_(self.bias, -bound, bound)

    def extra_repr(self) -> str:
        none = (0,) * len(self.padding)
        parts = [
            f"{self.in_channels}, {self.out_channels}",
            f"kernel_size={self.kernel_size}",
            f"stride={self.stride}",
        ]
        if self.padding != none:
            parts.append(f"padding={self.padding}")
        if self.dilation != (1,) * len(self.dilation):
            parts.append(f"dilation={self.dilation}")
        if self.output_padding != (0,) * len(self.output_padding):
            parts.append(f"output_padding={self.output_padding}")
        if self.groups != 1:
            parts.append(f"groups={self.groups}")
        if self.bias is None:
            parts.append("bias=False")
        if self.padding_mode != "zeros":
            parts.append(f"padding_mode={self.padding_mode}")
        return ", ".join(parts)


class _Conv(_ConvNd):
    """Base of the layers that convolve."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            0,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    _function: Any

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        padding = self.padding
        if self.padding_mode != "zeros":
            input = F.pad(input, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            padding = 0
        found: Tensor = type(self)._function(
            input, weight, bias, self.stride, padding, self.dilation, self.groups
        )
        return found

    def forward(self, input: Tensor) -> Tensor:
        return self._conv_forward(input, self.weight, self.bias)


class Conv1d(_Conv):
    """Convolution over one axis.  (N, C, L) or (C, L) -> (N, O, P) or (O, P)

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int or tuple
    stride : int or tuple
        How far the kernel moves.
    padding : int, tuple or {"valid", "same"}
        How much is added at both ends.
    dilation : int or tuple
        How far apart the elements are that the kernel meets.
    groups : int
        Into how many groups of channels input and result are split, each convolved apart.
    bias : bool
    padding_mode : {"zeros", "reflect", "replicate", "circular"}

    Examples
    --------
    >>> import retrograd as torch
    >>> torch.nn.Conv1d(4, 6, 3, padding=1)(torch.ones(2, 4, 5)).shape
    torch.Size([2, 6, 5])
    """

    _dims = 1
    _function = staticmethod(F.conv1d)


class Conv2d(_Conv):
    """Convolution over two axes, with the parameters of Conv1d.

    (N, C, H, W) or (C, H, W) -> (N, O, P, Q) or (O, P, Q)
    """

    _dims = 2
    _function = staticmethod(F.conv2d)


class Conv3d(_Conv):
    """Convolution over three axes, with the parameters of Conv1d.

    (N, C, D, H, W) or (C, D, H, W) -> (N, O, P, Q, R) or (O, P, Q, R)
    """

    _dims = 3
    _function = staticmethod(F.conv3d)


class _ConvTransposeNd(_ConvNd):
    """Base of the layers that apply the adjoint of a convolution."""

    _transposed = True
    _function: Any

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        if padding_mode != "zeros":
            raise ValueError(
                f'Only "zeros" padding mode is supported for {self.__class__.__name__}'
            )
        super().__init__(
            in_channels,
            out_channels,
            kernel_size,
            stride,
            padding,
            dilation,
            output_padding,
            groups,
            bias,
            padding_mode,
            device,
            dtype,
        )

    def _output_padding(self, input: Tensor, output_size: Any) -> tuple[int, ...]:
        """Return the padding of the output that makes it `output_size`."""
        if output_size is None:
            return self.output_padding
        dims = self._dims
        ndim = input.dim()
        extra = 2 if ndim == dims + 2 else 1
        if len(output_size) == extra + dims:
            output_size = output_size[extra:]
        if len(output_size) != dims:
            raise ValueError(
                f"ConvTranspose{dims}D: for {ndim}D input, output_size must have {dims} or "
                f"{extra + dims} elements (got {len(output_size)})"
            )
        sizes = input.size()[extra:]
        least = [
            (n - 1) * s - 2 * p + d * (k - 1) + 1
            for n, s, p, k, d in zip(
                sizes, self.stride, self.padding, self.kernel_size, self.dilation
            )
        ]
        most = [n + s - 1 for n, s in zip(least, self.stride)]
        for size, low, high in zip(output_size, least, most):
            if size < low or size > high:
                raise ValueError(
                    f"requested an output size of {output_size}, but valid sizes range from "
                    f"{least} to {most} (for an input of {input.size()[2:]})"
                )
        return tuple([size - low for size, low in zip(output_size, least)])

    def forward(self, input: Tensor, output_size: Any = None) -> Tensor:
        if self.padding_mode != "zeros":
            raise ValueError(
                f"Only `zeros` padding mode is supported for ConvTranspose{self._dims}d"
            )
        found: Tensor = type(self)._function(
            input,
            self.weight,
            self.bias,
            self.stride,
            self.padding,
            self._output_padding(input, output_size),
            self.groups,
            self.dilation,
        )
        return found


class ConvTranspose1d(_ConvTransposeNd):
    """Adjoint of a convolution over one axis: a stride makes the result larger.

    (N, C, L) or (C, L) -> (N, O, P) or (O, P)

    Parameters
    ----------
    in_channels, out_channels : int
    kernel_size : int or tuple
    stride : int or tuple
        How far apart in the result the elements of the input are.
    padding : int or tuple
        How much is cut off at both ends.
    output_padding : int or tuple
        How much longer the result is at its end; the call's `output_size` says it too.
    groups : int
    bias : bool
    dilation : int or tuple
    padding_mode : {"zeros"}
    """

    _dims = 1
    _function = staticmethod(F.conv_transpose1d)


class ConvTranspose2d(_ConvTransposeNd):
    """Adjoint of a convolution over two axes, with the parameters of ConvTranspose1d.

    (N, C, H, W) or (C, H, W) -> (N, O, P, Q) or (O, P, Q)
    """

    _dims = 2
    _function = staticmethod(F.conv_transpose2d)


class ConvTranspose3d(_ConvTransposeNd):
    """Adjoint of a convolution over three axes, with the parameters of ConvTranspose1d.

    (N, C, D, H, W) or (C, D, H, W) -> (N, O, P, Q, R) or (O, P, Q, R)
    """

    _dims = 3
    _function = staticmethod(F.conv_transpose3d)


# -- lazy -----------------------------------------------------------------------------------------


class _LazyConvXdMixin(LazyModuleMixin):
    """What makes a convolution layer take `in_channels` from its first input."""

    groups: int
    in_channels: int
    out_channels: int
    kernel_size: tuple[int, ...]
    transposed: bool
    weight: Any
    bias: Any
    _dims: int

    def _become_lazy(self, out_channels: int, bias: bool, device: Any, dtype: Any) -> None:
        self.weight = UninitializedParameter(device=device, dtype=dtype)
        self.out_channels = out_channels
        if bias:
            self.bias = UninitializedParameter(device=device, dtype=dtype)

    def reset_parameters(self) -> None:
        """Draw new initial values, once there are shapes."""
        if not self.has_uninitialized_params() and self.in_channels != 0:
            super().reset_parameters()  # type: ignore[misc]

    def initialize_parameters(self, input: Tensor, *args: Any, **kwargs: Any) -> None:
        """Take the shapes from the first input."""
        if not self.has_uninitialized_params():
            return
        self.in_channels = self._in_channels(input)
        if self.in_channels % self.groups != 0:
            raise ValueError("in_channels must be divisible by groups")
        first, second = self.out_channels, self.in_channels
        if self.transposed:
            first, second = second, first
        self.weight.materialize((first, second // self.groups, *self.kernel_size))
        if self.bias is not None:
            self.bias.materialize((self.out_channels,))
        self.reset_parameters()

    def _in_channels(self, input: Tensor) -> int:
        dims = self._dims
        if input.dim() not in (dims + 1, dims + 2):
            raise RuntimeError(
                f"Expected {dims + 1}D (unbatched) or {dims + 2}D (batched) input to "
                f"{self.__class__.__name__}, but got input of size: {input.shape}"
            )
        return int(input.shape[-dims - 1])


class _LazyConv(_LazyConvXdMixin):
    """Base of the lazy layers that convolve."""

    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
        bias: bool = True,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        # Nothing is drawn for a layer of no channels; its members are replaced.
        super().__init__(
            0, 0, kernel_size, stride, padding, dilation, groups, False, padding_mode
        )
        self._become_lazy(out_channels, bias, device, dtype)


class LazyConv1d(_LazyConv, Conv1d):
    """Conv1d that takes `in_channels` from its first input."""

    cls_to_become = Conv1d


class LazyConv2d(_LazyConv, Conv2d):
    """Conv2d that takes `in_channels` from its first input."""

    cls_to_become = Conv2d


class LazyConv3d(_LazyConv, Conv3d):
    """Conv3d that takes `in_channels` from its first input."""

    cls_to_become = Conv3d


class _LazyConvTranspose(_LazyConvXdMixin):
    """Base of the lazy layers that apply the adjoint of a convolution."""

    def __init__(
        self,
        out_channels: int,
        kernel_size: Any,
        stride: Any = 1,
        padding: Any = 0,
        output_padding: Any = 0,
        groups: int = 1,
        bias: bool = True,
        dilation: Any = 1,
        padding_mode: str = "zeros",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(
            0, 0, kernel_size, stride, padding, output_padding, groups, False, dilation,
            padding_mode,
        )  # fmt: skip
        self._become_lazy(out_channels, bias, device, dtype)


class LazyConvTranspose1d(_LazyConvTranspose, ConvTranspose1d):
    """ConvTranspose1d that takes `in_channels` from its first input."""

    cls_to_become = ConvTranspose1d


class LazyConvTranspose2d(_LazyConvTranspose, ConvTranspose2d):
    """ConvTranspose2d that takes `in_channels` from its first input."""

    cls_to_become = ConvTranspose2d


class LazyConvTranspose3d(_LazyConvTranspose, ConvTranspose3d):
    """ConvTranspose3d that takes `in_channels` from its first input."""

    cls_to_become = ConvTranspose3d
