"""`torch.autocast`, which here can only be off.

On a machine without a GPU PyTorch disables `autocast("cuda")` with a warning, and so it is here.
On the CPU it computes in bfloat16, which does not exist here: entering it is an error, because
results in float32 would be other results.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any

from ..device import device
from ..dtypes import dtype as Dtype
from ..dtypes import float16

# Those that PyTorch's own build for CPUs turns off with a warning.
_ABSENT = {"cuda": "CUDA is not available or torch_xla is imported. Disabling autocast."}


class autocast:
    """A context in which chosen operations run in lower precision; here only the disabled one.

    Parameters
    ----------
    device_type : str
        ``"cuda"`` is disabled with a warning, as wherever there is no GPU.
    dtype : dtype, optional
        The lower precision.
    enabled : bool
    cache_enabled : bool, optional
        Accepted.

    Raises
    ------
    NotImplementedError
        On entering an enabled one on the CPU.
    """

    def __init__(
        self,
        device_type: str,
        dtype: Dtype | None = None,
        enabled: bool = True,
        cache_enabled: bool | None = None,
    ) -> None:
        if not isinstance(device_type, str):
            raise ValueError(
                f"Expected `device_type` of type `str`, got: `{type(device_type)}`"
            )
        self.device = device(device_type).type
        self.fast_dtype = float16 if dtype is None and self.device == "cuda" else dtype
        if enabled and self.device in _ABSENT:
            warnings.warn(_ABSENT[self.device], UserWarning, stacklevel=2)
            enabled = False
        elif enabled and dtype not in (None, float16):
            warnings.warn(
                "In CPU autocast, but the target dtype is not supported. Disabling autocast.\n"
                "CPU Autocast only supports dtypes of torch.bfloat16, torch.float16 currently.",
                UserWarning,
                stacklevel=2,
            )
            enabled = False
        self._enabled = bool(enabled)
        self._cache_enabled = True if cache_enabled is None else cache_enabled

    def __enter__(self) -> autocast:
        if self._enabled:
            raise NotImplementedError(
                "torch.autocast: retrograd computes in the precision of its tensors; pass "
                "`enabled=False`, or leave autocast out, to compute in float32"
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        return False

    def __call__(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with self:
                return function(*args, **kwargs)

        return inside


def is_autocast_available(device_type: str) -> bool:
    """Say whether PyTorch knows autocast for a type of device: a fact about the name alone."""
    return device(device_type).type in ("cpu", "cuda", "mps", "xpu")


def custom_fwd(
    fwd: Callable[..., Any] | None = None,
    *,
    device_type: str,
    cast_inputs: Dtype | None = None,
) -> Callable[..., Any]:
    """Decorate the `forward` of a Function: as it is, since autocast is never on."""
    return functools.partial(custom_fwd, device_type=device_type) if fwd is None else fwd


def custom_bwd(bwd: Callable[..., Any] | None = None, *, device_type: str) -> Callable[..., Any]:
    """Decorate the `backward` of a Function: as it is, since autocast is never on."""
    return functools.partial(custom_bwd, device_type=device_type) if bwd is None else bwd


def is_autocast_enabled(device_type: str | None = None) -> bool:
    """Return False: autocast is never on."""
    return False
