"""`torch.cuda.amp`: the older names of `torch.amp`, for GPUs."""

from __future__ import annotations

import warnings
from typing import Any

from ..amp import GradScaler as _GradScaler
from ..amp import autocast as _autocast
from ..dtypes import dtype as Dtype
from ..dtypes import float16

__all__ = ["GradScaler", "autocast"]


def _warn_old(name: str) -> None:
    warnings.warn(
        f"`torch.cuda.amp.{name}(args...)` is deprecated. Please use "
        f"`torch.amp.{name}('cuda', args...)` instead.",
        FutureWarning,
        stacklevel=3,
    )


class GradScaler(_GradScaler):
    """`torch.amp.GradScaler` for a GPU, which is not there: disabled."""

    def __init__(
        self,
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        _warn_old("GradScaler")
        settings: dict[str, Any] = {"growth_interval": growth_interval, "enabled": enabled}
        super().__init__("cuda", init_scale, growth_factor, backoff_factor, **settings)


class autocast(_autocast):
    """`torch.autocast` for a GPU, which is not there: disabled."""

    def __init__(
        self, enabled: bool = True, dtype: Dtype = float16, cache_enabled: bool = True
    ) -> None:
        _warn_old("autocast")
        super().__init__("cuda", dtype, enabled, cache_enabled)
