"""Padding layers: with a number, mirrored, with the edge, round and round."""

from __future__ import annotations

from typing import Any

from ..tensor import Tensor
from . import functional as F
from .module import Module


def _repeated(value: Any, count: int) -> tuple[int, ...]:
    return (value,) * count if isinstance(value, int) else tuple(value)


class _PadNd(Module):
    """Base of the layers that pad the last axes with the input's own elements.

    Parameters
    ----------
    padding : int or tuple of int
        One number for all ends, or (before, after) of the last axis, then of the one before it.
        Negative numbers cut.
    """

    __constants__ = ["padding"]
    _dims: int
    _mode: str

    def __init__(self, padding: Any) -> None:
        super().__init__()
        self.padding = _repeated(padding, 2 * self._dims)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ConstantPadNd(Module):
    """Base of the layers that pad the last axes with a number.

    Parameters
    ----------
    padding : int or tuple of int
        One number for all ends, or (before, after) of the last axis, then of the one before it.
        Negative numbers cut.
    value : float
    """

    __constants__ = ["padding", "value"]
    _dims: int

    def __init__(self, padding: Any, value: float) -> None:
        super().__init__()
        self.value = value
        self.padding = _repeated(padding, 2 * self._dims)

    def forward(self, input: Tensor) -> Tensor:
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self) -> str:
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """Pads the last axis with a number.  (*S, L) -> (*S, P)"""

    _dims = 1


class ConstantPad2d(_ConstantPadNd):
    """Pads the last two axes with a number.  (*S, H, W) -> (*S, P, Q)"""

    _dims = 2


class ConstantPad3d(_ConstantPadNd):
    """Pads the last three axes with a number.  (*S, D, H, W) -> (*S, P, Q, R)"""

    _dims = 3


class ZeroPad1d(ConstantPad1d):
    """Pads the last axis with zeros.  (*S, L) -> (*S, P)"""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    """Pads the last two axes with zeros.  (*S, H, W) -> (*S, P, Q)"""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    """Pads the last three axes with zeros.  (*S, D, H, W) -> (*S, P, Q, R)"""

    def __init__(self, padding: Any) -> None:
        super().__init__(padding, 0.0)

    def extra_repr(self) -> str:
        return f"{self.padding}"


class _ReflectionPadNd(_PadNd):
    _mode = "reflect"


class ReflectionPad1d(_ReflectionPadNd):
    """Mirrors the last axis at its ends, not repeating the edge.  (N, C, L) -> (N, C, P)"""

    _dims = 1


class ReflectionPad2d(_ReflectionPadNd):
    """Mirrors the last two axes at their ends.  (N, C, H, W) -> (N, C, P, Q)"""

    _dims = 2


class ReflectionPad3d(_ReflectionPadNd):
    """Mirrors the last three axes at their ends.  (N, C, D, H, W) -> (N, C, P, Q, R)"""

    _dims = 3


class _ReplicationPadNd(_PadNd):
    _mode = "replicate"


class ReplicationPad1d(_ReplicationPadNd):
    """Repeats the edges of the last axis.  (N, C, L) -> (N, C, P)"""

    _dims = 1


class ReplicationPad2d(_ReplicationPadNd):
    """Repeats the edges of the last two axes.  (N, C, H, W) -> (N, C, P, Q)"""

    _dims = 2


class ReplicationPad3d(_ReplicationPadNd):
    """Repeats the edges of the last three axes.  (N, C, D, H, W) -> (N, C, P, Q, R)"""

    _dims = 3


class _CircularPadNd(_PadNd):
    _mode = "circular"

    def forward(self, input: Tensor) -> Tensor:
        if input.dim() not in (self._dims + 1, self._dims + 2):
            raise ValueError(
                f"expected {self._dims + 1}D or {self._dims + 2}D input (got {input.dim()}D input)"
            )
        return super().forward(input)


class CircularPad1d(_CircularPadNd):
    """Continues the last axis round and round.  (N, C, L) -> (N, C, P)"""

    _dims = 1


class CircularPad2d(_CircularPadNd):
    """Continues the last two axes round and round.  (N, C, H, W) -> (N, C, P, Q)"""

    _dims = 2


class CircularPad3d(_CircularPadNd):
    """Continues the last three axes round and round.  (N, C, D, H, W) -> (N, C, P, Q, R)"""

    _dims = 3
