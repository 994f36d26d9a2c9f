"""Schedules that go up and down, and cycle the momentum the other way."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

from ._base import LRScheduler, check_optimizer, for_each_group, set_group_value
from ._functions import state_of_function


class _MomentumCycling(LRScheduler):
    """A schedule that also writes the groups' momentum, or the first of their betas."""

    cycle_momentum: bool
    use_beta1: bool

    def _check_momentum(self) -> None:
        defaults = self.optimizer.defaults
        if "momentum" not in defaults and "betas" not in defaults:
            raise ValueError(
                "optimizer must support momentum or beta1 with `cycle_momentum` option enabled"
            )
        self.use_beta1 = "betas" in defaults

    def _start_momentum(self, lowest: list[Any], highest: list[Any]) -> None:
        for high, low, group in zip(highest, lowest, self.optimizer.param_groups, strict=True):
            self._set_momentum(group, high)
            group["max_momentum"] = high
            group["base_momentum"] = low

    def _set_momentum(self, group: dict[str, Any], momentum: Any) -> None:
        if self.use_beta1:
            group["betas"] = (momentum, *group["betas"][1:])
        else:
            group["momentum"] = momentum


class CyclicLR(_MomentumCycling):
    """Linearly up from `base_lr` to `max_lr` and down again, over and over.

    Parameters
    ----------
    optimizer : Optimizer
    base_lr, max_lr : float or list of float
    step_size_up : int
        Steps upward.
    step_size_down : int, optional
        Steps downward; as many as upward by default.
    mode : {"triangular", "triangular2", "exp_range"}
        How high the cycles are: all alike, each half the one before, or times ``gamma**step``.
    gamma : float
    scale_fn : callable, optional
        Scales the height instead of `mode`.
    scale_mode : {"cycle", "iterations"}
        Whether `scale_fn` is given the number of the cycle, from 1, or of the step.
    cycle_momentum : bool
        Cycle the momentum from `max_momentum` to `base_momentum` and back.
    base_momentum, max_momentum : float or list of float
    last_epoch : int

    References
    ----------
    Smith, "Cyclical learning rates for training neural networks", 2017.
    """

    def __init__(
        self,
        optimizer: Any,
        base_lr: Any,
        max_lr: Any,
        step_size_up: int = 2000,
        step_size_down: int | None = None,
        mode: str = "triangular",
        gamma: float = 1.0,
        scale_fn: Any = None,
        scale_mode: str = "cycle",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.8,
        max_momentum: Any = 0.9,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        base_lrs = for_each_group("base_lr", optimizer, base_lr)
        if last_epoch == -1:
            for rate, group in zip(base_lrs, optimizer.param_groups, strict=True):
                set_group_value(group, "lr", rate)
        self.max_lrs = for_each_group("max_lr", optimizer, max_lr)
        up = float(step_size_up)
        down = up if step_size_down is None else float(step_size_down)
        self.total_size = up + down
        self.step_ratio = up / self.total_size
        if mode not in ("triangular", "triangular2", "exp_range") and scale_fn is None:
            raise ValueError("mode is invalid and scale_fn is None")
        self.mode = mode
        self.gamma = gamma
        self._scale_fn_custom = scale_fn
        self.scale_mode = scale_mode
        self._init_scale_fn()
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._check_momentum()
            self.base_momentums = for_each_group("base_momentum", optimizer, base_momentum)
            self.max_momentums = for_each_group("max_momentum", optimizer, max_momentum)
            if last_epoch == -1:
                self._start_momentum(self.base_momentums, self.max_momentums)
        super().__init__(optimizer, last_epoch)
        self.base_lrs = base_lrs

    def _init_scale_fn(self) -> None:
        if self._scale_fn_custom is not None:
            return
        if self.mode == "triangular":
            self._scale_fn_ref: Any = self._triangular_scale_fn
            self.scale_mode = "cycle"
        elif self.mode == "triangular2":
            self._scale_fn_ref = self._triangular2_scale_fn
            self.scale_mode = "cycle"
        elif self.mode == "exp_range":
            self._scale_fn_ref = partial(self._exp_range_scale_fn, self.gamma)
            self.scale_mode = "iterations"

    def scale_fn(self, x: float) -> float:
        """Return the height of cycle or step number `x`, relative to the first."""
        custom = self._scale_fn_custom
        scale: float = self._scale_fn_ref(x) if custom is None else custom(x)
        return scale

    @staticmethod
    def _triangular_scale_fn(x: float) -> float:
        return 1.0

    @staticmethod
    def _triangular2_scale_fn(x: float) -> float:
        return 1 / 2.0 ** (x - 1)

    @staticmethod
    def _exp_range_scale_fn(gamma: float, x: float) -> float:
        return gamma**x

    def get_lr(self) -> list[Any]:
        """Return the learning rates of this step; writes the momentum."""
        self._warn_outside_step()
        cycle = math.floor(1 + self.last_epoch / self.total_size)
        x = 1.0 + self.last_epoch / self.total_size - cycle
        if x <= self.step_ratio:
            height = x / self.step_ratio
        else:
            height = (x - 1) / (self.step_ratio - 1)
        at = cycle if self.scale_mode == "cycle" else self.last_epoch
        rates = []
        for low, high in zip(self.base_lrs, self.max_lrs, strict=True):
            rise = (high - low) * height
            rates.append(low + rise * self.scale_fn(at))
        if self.cycle_momentum:
            groups = self.optimizer.param_groups
            lowest, highest = self.base_momentums, self.max_momentums
            for low, high, group in zip(lowest, highest, groups, strict=True):
                fall = (high - low) * height
                self._set_momentum(group, high - fall * self.scale_fn(at))
        return rates

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer; of `scale_fn`, a callable object's attributes."""
        state = super().state_dict()
        state.pop("_scale_fn_ref", None)
        custom = state.pop("_scale_fn_custom")
        state["_scale_fn_custom"] = None if custom is None else state_of_function(custom)
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned; a `scale_fn` stays."""
        rest = {k: v for k, v in state_dict.items() if k != "_scale_fn_custom"}
        super().load_state_dict(rest)
        remembered = state_dict["_scale_fn_custom"]
        if remembered is not None:
            self._scale_fn_custom.__dict__.update(remembered)
        self._init_scale_fn()


class OneCycleLR(_MomentumCycling):
    """Up from ``max_lr / div_factor`` to `max_lr`, and down to far less, once.

    Parameters
    ----------
    optimizer : Optimizer
    max_lr : float or list of float
    total_steps : int, optional
        Or give `epochs` and `steps_per_epoch`.
    epochs, steps_per_epoch : int, optional
    pct_start : float
        The part of the steps that goes up.
    anneal_strategy : {"cos", "linear"}
    cycle_momentum : bool
        Cycle the momentum from `max_momentum` to `base_momentum` and back.
    base_momentum, max_momentum : float or list of float
    div_factor : float
    final_div_factor : float
        The last learning rate is the first divided by it.
    three_phase : bool
        Come down as one went up, and only then go further down.
    last_epoch : int

    References
    ----------
    Smith and Topin, "Super-convergence", 2018.
    """

    def __init__(
        self,
        optimizer: Any,
        max_lr: Any,
        total_steps: int | None = None,
        epochs: int | None = None,
        steps_per_epoch: int | None = None,
        pct_start: float = 0.3,
        anneal_strategy: str = "cos",
        cycle_momentum: bool = True,
        base_momentum: Any = 0.85,
        max_momentum: Any = 0.95,
        div_factor: float = 25.0,
        final_div_factor: float = 1e4,
        three_phase: bool = False,
        last_epoch: int = -1,
    ) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        self.total_steps = _count_steps(total_steps, epochs, steps_per_epoch)
        self._schedule_phases = _phases(self.total_steps, pct_start, three_phase)
        if pct_start < 0 or pct_start > 1 or not isinstance(pct_start, float):
            raise ValueError(f"Expected float between 0 and 1 pct_start, but got {pct_start}")
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                "anneal_strategy must be one of 'cos' or 'linear', instead got "
                f"{anneal_strategy}"
            )
        self._anneal_func_type = anneal_strategy
        highest = for_each_group("max_lr", optimizer, max_lr)
        if last_epoch == -1:
            for rate, group in zip(highest, optimizer.param_groups):
                group["initial_lr"] = rate / div_factor
                group["max_lr"] = rate
                group["min_lr"] = group["initial_lr"] / final_div_factor
        self.cycle_momentum = cycle_momentum
        if cycle_momentum:
            self._check_momentum()
            most = for_each_group("max_momentum", optimizer, max_momentum)
            least = for_each_group("base_momentum", optimizer, base_momentum)
            if last_epoch == -1:
                self._start_momentum(least, most)
        super().__init__(optimizer, last_epoch)

    def _anneal_func(self, start: Any, end: Any, fraction: float) -> Any:
        if self._anneal_func_type == "cos":
            return end + (start - end) / 2.0 * (math.cos(math.pi * fraction) + 1)
        return (end - start) * fraction + start

    def get_lr(self) -> list[Any]:
        """Return the learning rates of this step; writes the momentum."""
        self._warn_outside_step()
        step = self.last_epoch
        if step > self.total_steps:
            raise ValueError(
                f"Tried to step {step} times. The specified number of total steps is "
                f"{self.total_steps}"
            )
        phases = self._schedule_phases
        start = 0.0
        for phase in phases:
            if step <= phase["end_step"] or phase is phases[-1]:
                break
            start = phase["end_step"]
        fraction = (step - start) / (phase["end_step"] - start)
        rates = []
        for group in self.optimizer.param_groups:
            first, last = group[phase["start_lr"]], group[phase["end_lr"]]
            rates.append(self._anneal_func(first, last, fraction))
            if self.cycle_momentum:
                first, last = group[phase["start_momentum"]], group[phase["end_momentum"]]
                self._set_momentum(group, self._anneal_func(first, last, fraction))
        return rates


def _count_steps(total_steps: Any, epochs: Any, steps_per_epoch: Any) -> int:
    if total_steps is not None:
        # The comparison first, so that text is the TypeError that PyTorch makes of it.
        if total_steps <= 0 or not isinstance(total_steps, int):
            raise ValueError(f"Expected positive integer total_steps, but got {total_steps}")
        return total_steps
    if epochs is None or steps_per_epoch is None:
        raise ValueError(
            "You must define either total_steps OR (epochs AND steps_per_epoch)"
        )
    for name, value in (("epochs", epochs), ("steps_per_epoch", steps_per_epoch)):
        if not isinstance(value, int) or value <= 0:
            raise ValueError(f"Expected positive integer {name}, but got {value}")
    count: int = epochs * steps_per_epoch
    return count


def _phases(total_steps: int, pct_start: float, three_phase: bool) -> list[dict[str, Any]]:
    """Return where each phase ends, and the names of the settings that it leads from and to."""
    up = ("initial_lr", "max_lr", "max_momentum", "base_momentum")
    down = ("max_lr", "min_lr", "base_momentum", "max_momentum")
    peak = float(pct_start * total_steps) - 1
    if three_phase:
        back = ("max_lr", "initial_lr", "base_momentum", "max_momentum")
        low = ("initial_lr", "min_lr", "max_momentum", "max_momentum")
        ends = [(peak, up), (float(2 * pct_start * total_steps) - 2, back), (total_steps - 1, low)]
    else:
        ends = [(peak, up), (total_steps - 1, down)]
    names = ("start_lr", "end_lr", "start_momentum", "end_momentum")
    return [{"end_step": end, **dict(zip(names, settings))} for end, settings in ends]
