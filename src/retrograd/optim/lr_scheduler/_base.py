"""LRScheduler: counts epochs and writes learning rates into an optimizer's groups."""

from __future__ import annotations

import functools
import warnings
import weakref
from typing import Any

from ..._core.tracing import host_recorder, tracing
from ...tensor import Tensor
from ..optimizer import Optimizer

EPOCH_DEPRECATION_WARNING = (
    "The epoch parameter in `scheduler.step()` was not necessary and is being deprecated where "
    "possible. Please use `scheduler.step()` to step the scheduler. During the deprecation, if "
    "epoch is different from None, the closed form is used instead of the new chainable form, "
    "where available. Please open an issue if you are unable to replicate your use case: "
    "https://github.com/pytorch/pytorch/issues/new/choose."
)
_MORE = (
    "See more details at https://pytorch.org/docs/stable/optim.html#how-to-adjust-learning-rate"
)
_OVERRIDDEN = (
    "Seems like `optimizer.step()` has been overridden after learning rate scheduler "
    "initialization. Please, make sure to call `optimizer.step()` before `lr_scheduler.step()`. "
    + _MORE
)
_TOO_EARLY = (
    "Detected call of `lr_scheduler.step()` before `optimizer.step()`. In PyTorch 1.1.0 and "
    "later, you should call them in the opposite order: `optimizer.step()` before "
    "`lr_scheduler.step()`.  Failure to do this will result in PyTorch skipping the first value "
    "of the learning rate schedule. " + _MORE
)


def copied(value: Any) -> Any:
    """Return a number as it is, and a tensor's clone."""
    return value.clone() if isinstance(value, Tensor) else value


def for_each_group(name: str, optimizer: Any, value: Any) -> list[Any]:
    """Return a list of one value for each group, from such a list or a single value."""
    groups = optimizer.param_groups
    if not isinstance(value, (list, tuple)):
        value = [value] * len(groups)
    elif len(value) != len(groups):
        raise ValueError(
            f"{name} must have the same length as optimizer.param_groups. {name} has "
            f"{len(value)} values, param_groups has {len(groups)}."
        )
    return [copied(one) for one in value]


def group_values(optimizer: Any, key: str) -> list[Any]:
    """Return one setting of each group."""
    return [copied(group[key]) for group in optimizer.param_groups]


def set_group_value(group: dict[str, Any], key: str, value: Any) -> None:
    """Change a setting; one that is a tensor is filled, so that whoever holds it sees it."""
    if isinstance(group[key], Tensor):
        group[key].fill_(value.squeeze() if isinstance(value, Tensor) else value)
    else:
        group[key] = value


def check_optimizer(optimizer: Any) -> None:
    if not isinstance(optimizer, Optimizer):
        raise TypeError(f"{type(optimizer).__name__} is not an Optimizer")


def note_steps(optimizer: Any) -> None:
    """Make the optimizer note in ``_opt_called`` that it made a step."""
    step = optimizer.step
    if hasattr(step, "_wrapped_by_lr_sched"):
        return
    function = step.__func__
    owner = weakref.ref(optimizer)  # no cycle: the optimizer holds this function

    @functools.wraps(function)
    def noted_step(*args: Any, **kwargs: Any) -> Any:
        optimizer = owner()
        optimizer._opt_called = True
        return function(optimizer, *args, **kwargs)

    noted_step._wrapped_by_lr_sched = True  # type: ignore[attr-defined]
    optimizer.step = noted_step


def is_recorded(scheduler: Any, *args: Any) -> bool:
    """Make a step through the recorder of a trace, if there is one; say whether it was made.

    A replay makes it again as it is.  One that raises leaves the schedule as it was, since the
    function then goes on from there by itself; so the step that raises is not made here either.
    """
    found = host_recorder() if tracing.count != 0 else None
    if found is None or not type(scheduler).__module__.startswith(__package__.partition(".")[0]):
        return False
    return bool(found.schedule(step_again, scheduler, args))


def step_again(scheduler: Any, *args: Any) -> None:
    """Make a step; one that raises is taken back."""
    changed = [scheduler, *getattr(scheduler, "_schedulers", ())]
    own = [dict(vars(one)) for one in changed]
    groups = [dict(group) for group in scheduler.optimizer.param_groups]
    try:
        scheduler.step(*args)
    except BaseException:
        for one, before in zip(changed, own, strict=True):
            vars(one).update(before)
        for group, before in zip(scheduler.optimizer.param_groups, groups, strict=True):
            group.update(before)
        raise


class LRScheduler:
    """Base of the schedules.  A subclass defines `get_lr`.

    Parameters
    ----------
    optimizer : Optimizer
        Its groups get an ``"initial_lr"``, and a new ``"lr"`` at each `step`.
    last_epoch : int
        -1 starts; another number goes on after that epoch, from groups that have an
        ``"initial_lr"``.

    Attributes
    ----------
    base_lrs : list
        The initial learning rate of each group.
    last_epoch : int
        How many steps were made.
    """

    _get_lr_called_within_step = False
    _is_initial = False

    def __init__(self, optimizer: Any, last_epoch: int = -1) -> None:
        check_optimizer(optimizer)
        self.optimizer = optimizer
        if last_epoch == -1:
            for group in optimizer.param_groups:
                group.setdefault("initial_lr", copied(group["lr"]))
        else:
            for number, group in enumerate(optimizer.param_groups):
                if "initial_lr" not in group:
                    raise KeyError(
                        f"param 'initial_lr' is not specified in param_groups[{number}] when "
                        "resuming scheduler with last_epoch >= 0.\nThis typically happens "
                        "when:\n1. You're trying to resume training from a checkpoint but "
                        "haven't properly loaded the optimizer state\n2. You're using "
                        "last_epoch >= 0 for a fresh training run (not recommended)"
                    )
        self.base_lrs = group_values(optimizer, "initial_lr")
        self.last_epoch = last_epoch
        note_steps(optimizer)
        self._initial_step()

    def _initial_step(self) -> None:
        """Write the learning rates of epoch 0 (or of the epoch after `last_epoch`)."""
        self._step_count = 0
        self._is_initial = True
        try:
            self.step()
        finally:
            self._is_initial = False

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer."""
        return {key: value for key, value in self.__dict__.items() if key != "optimizer"}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned, PyTorch's or our own."""
        self.__dict__.update(state_dict)

    def get_last_lr(self) -> list[Any]:
        """Return the learning rates that the last step wrote, one for each group."""
        return self._last_lr

    def get_lr(self) -> list[Any]:
        """Return the learning rates of epoch `last_epoch`.  Subclasses define it."""
        raise NotImplementedError

    def step(self, epoch: int | None = None) -> None:
        """Go to the next epoch, or to `epoch` (deprecated), and write its learning rates."""
        if is_recorded(self, epoch):
            return
        if self._step_count == 1:
            if not hasattr(self.optimizer.step, "_wrapped_by_lr_sched"):
                warnings.warn(_OVERRIDDEN, UserWarning, stacklevel=2)
            elif not getattr(self.optimizer, "_opt_called", False):
                warnings.warn(_TOO_EARLY, UserWarning, stacklevel=2)
        self._step_count += 1
        if epoch is not None:
            warnings.warn(EPOCH_DEPRECATION_WARNING, UserWarning, stacklevel=2)
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        self._get_lr_called_within_step = True
        try:
            if epoch is None:
                self.last_epoch += 1
                rates = self.get_lr()
            else:
                self.last_epoch = epoch
                closed_form = getattr(self, "_get_closed_form_lr", self.get_lr)
                rates = closed_form()
        finally:
            self._get_lr_called_within_step = False
        self._write(rates)

    def _write(self, rates: list[Any]) -> None:
        for group, rate in zip(self.optimizer.param_groups, rates, strict=True):
            set_group_value(group, "lr", rate)
        self._last_lr = group_values(self.optimizer, "lr")

    def _warn_outside_step(self) -> None:
        if not self._get_lr_called_within_step:
            warnings.warn(
                "To get the last learning rate computed by the scheduler, please use "
                "`get_last_lr()`.",
                UserWarning,
                stacklevel=3,
            )

    def _rates(self) -> list[Any]:
        """Return the groups' present learning rates."""
        return group_values(self.optimizer, "lr")

    def _multiplied(self, factor: Any) -> list[Any]:
        """Return the groups' present learning rates times a factor."""
        return [group["lr"] * factor for group in self.optimizer.param_groups]


class _LRScheduler(LRScheduler):
    """The base class under its old name."""
