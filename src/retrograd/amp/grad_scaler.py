"""`torch.amp.GradScaler`: a loss times a number, so that small gradients survive in float16."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from .._core.tracing import host_recorder, tracing
from ..creation import tensor
from ..device import device as Device
from ..dtypes import float16, float32
from ..tensor import Tensor

READY, UNSCALED, STEPPED = range(3)


class GradScaler:
    """Multiply losses by a scale that grows until gradients overflow, and divide it out again.

    Parameters
    ----------
    device : str
        ``"cpu"``; ``"cuda"`` is disabled with a warning, as wherever there is no GPU.
    init_scale, growth_factor, backoff_factor : float
        The scale at the start, and what it is multiplied by after `growth_interval` steps
        without overflow, and after a step with one (which is left out).
    growth_interval : int
    enabled : bool
        A disabled scaler passes everything through.
    """

    def __init__(
        self,
        device: str = "cuda",
        init_scale: float = 65536.0,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        self._device = device
        self._enabled = enabled
        if enabled and Device(device).type == "cuda":
            warnings.warn(
                "torch.cuda.amp.GradScaler is enabled, but CUDA is not available.  Disabling.",
                UserWarning,
                stacklevel=2,
            )
            self._enabled = False
        if not self._enabled:
            return
        assert growth_factor > 1.0, "The growth factor must be > 1.0."
        assert backoff_factor < 1.0, "The backoff factor must be < 1.0."
        self._init_scale = init_scale
        self._scale: Tensor | None = None
        self._growth_factor = growth_factor
        self._backoff_factor = backoff_factor
        self._growth_interval = growth_interval
        self._growth_tracker = 0
        self._forget()

    def _forget(self) -> None:
        """Start the next iteration: no optimizer has been unscaled or stepped."""
        # By the optimizer's id: its stage, and whether its gradients are finite.
        self._stages: dict[int, int] = {}
        self._found_inf: dict[int, bool] = {}

    def scale(self, outputs: Any) -> Any:
        """Return a tensor, or a nest of lists and tuples of tensors, times the scale."""
        if not self._enabled:
            return outputs
        if tracing.count != 0:
            found = host_recorder()
            if found is not None:
                found.fail("a GradScaler counts by itself")
        if self._scale is None:
            self._scale = tensor(self._init_scale, dtype=float32)
        return self._scaled(outputs)

    def _scaled(self, outputs: Any) -> Any:
        if isinstance(outputs, Tensor):
            return outputs * self._scale
        if isinstance(outputs, (list, tuple)):
            made = [self._scaled(one) for one in outputs]
            return made if isinstance(outputs, list) else type(outputs)(made)
        if hasattr(outputs, "__iter__"):
            return map(self._scaled, outputs)
        raise ValueError("outputs must be a Tensor or an iterable of Tensors")

    def unscale_(self, optimizer: Any) -> None:
        """Divide an optimizer's gradients by the scale, in place, to clip or look at them.

        Raises
        ------
        RuntimeError
            A second time in one iteration, or after `step`.
        ValueError
            For gradients in float16.
        """
        if not self._enabled:
            return
        self._check_scale("unscale_")
        stage = self._stages.get(id(optimizer), READY)
        if stage == UNSCALED:
            raise RuntimeError(
                "unscale_() has already been called on this optimizer since the last update()."
            )
        if stage == STEPPED:
            raise RuntimeError("unscale_() is being called after step().")
        inverse = np.float32(1.0 / self._scale.double().item())  # type: ignore[union-attr]
        found = False
        for group in optimizer.param_groups:
            for parameter in group["params"]:
                gradient = parameter.grad
                if gradient is None:
                    continue
                if gradient.dtype is float16:
                    raise ValueError("Attempting to unscale FP16 gradients.")
                found = found or not np.isfinite(gradient.detach().numpy()).all()
                if inverse != 1:
                    gradient.detach().mul_(float(inverse))
        self._found_inf[id(optimizer)] = found
        self._stages[id(optimizer)] = UNSCALED

    def step(self, optimizer: Any, *args: Any, **kwargs: Any) -> Any:
        """Unscale the gradients if that is still to do, and step if they are finite.

        Raises
        ------
        RuntimeError
            For a closure, or a second time in one iteration.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if "closure" in kwargs:
            raise RuntimeError("Closure use is not currently supported if GradScaler is enabled.")
        self._check_scale("step")
        stage = self._stages.get(id(optimizer), READY)
        if stage == STEPPED:
            raise RuntimeError("step() has already been called since the last update().")
        if stage == READY:
            self.unscale_(optimizer)
        found = self._found_inf[id(optimizer)]
        result = None if found else optimizer.step(*args, **kwargs)
        self._stages[id(optimizer)] = STEPPED
        return result

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """End the iteration: grow the scale or shrink it, or set it."""
        if not self._enabled:
            return
        self._check_scale("update")
        if new_scale is not None:
            self._scale.fill_(new_scale)  # type: ignore[union-attr]
        else:
            assert self._found_inf, "No inf checks were recorded prior to update."
            self._adapt(any(self._found_inf.values()))
        self._forget()

    def _adapt(self, overflowed: bool) -> None:
        scale = self._scale
        assert scale is not None
        if overflowed:
            scale.mul_(self._backoff_factor)
            self._growth_tracker = 0
            return
        self._growth_tracker += 1
        if self._growth_tracker == self._growth_interval:
            grown = scale * self._growth_factor
            if np.isfinite(grown.item()):
                scale.copy_(grown)
            self._growth_tracker = 0

    def _check_scale(self, name: str) -> None:
        assert self._scale is not None, (
            f"Attempted {name} but _scale is None.  This may indicate your script did not use "
            "scaler.scale(loss or outputs) earlier in the iteration."
        )

    def get_scale(self) -> float:
        """Return the scale as a number, 1.0 if disabled."""
        if not self._enabled:
            return 1.0
        return self._init_scale if self._scale is None else float(self._scale.item())

    def get_growth_factor(self) -> float:
        """Return what the scale is multiplied by when it grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Set what the scale is multiplied by when it grows."""
        self._growth_factor = new_factor

    def get_backoff_factor(self) -> float:
        """Return what the scale is multiplied by after an overflow."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Set what the scale is multiplied by after an overflow."""
        self._backoff_factor = new_factor

    def get_growth_interval(self) -> int:
        """Return how many steps without overflow make the scale grow."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Set how many steps without overflow make the scale grow."""
        self._growth_interval = new_interval

    def _get_growth_tracker(self) -> int:
        return self._growth_tracker if self._enabled else 0

    def is_enabled(self) -> bool:
        """Say whether the scaler does anything."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """Return the scale and its settings; empty if disabled."""
        if not self._enabled:
            return {}
        return {
            "scale": self.get_scale(),
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned.

        Raises
        ------
        RuntimeError
            For the empty state of a disabled scaler.
        """
        if not self._enabled:
            return
        if not state_dict:
            raise RuntimeError(
                "The source state dict is empty, possibly because it was saved from a disabled "
                "instance of GradScaler."
            )
        self._init_scale = state_dict["scale"]
        if self._scale is not None:
            self._scale.fill_(state_dict["scale"])
        self._growth_factor = state_dict["growth_factor"]
        self._backoff_factor = state_dict["backoff_factor"]
        self._growth_interval = state_dict["growth_interval"]
        self._growth_tracker = state_dict["_growth_tracker"]
