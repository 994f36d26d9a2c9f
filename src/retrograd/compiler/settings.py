"""Settings: what a program reads of optimizers and of schedules of learning rates.

A replay's optimizer step asks for its settings anew each time.  Code that reads them itself
(``optimizer.param_groups[0]["lr"]``, ``scheduler.get_last_lr()``) is recorded with what it saw, so
that is guarded.
"""

from __future__ import annotations

from typing import Any

from .followed import module_of

_OF_GROUPS = {"param_groups", "state_dict", "defaults"}
_OF_ALL = {"get_last_lr", "get_lr", "state_dict"}
# What the steps of schedules change.
_STEPPED = {
    "last_epoch", "_last_lr", "_step_count", "T_cur", "T_i", "best", "num_bad_epochs",
    "cooldown_counter", "in_cooldown",
}  # fmt: skip


def has_settings(thing: Any) -> bool:
    """Say whether an object is an optimizer of the library's, or a schedule."""
    if not module_of(type(thing)).startswith("retrograd.optim"):
        return False
    return any(one.__name__ in ("Optimizer", "LRScheduler") for one in type(thing).__mro__)


def settings_in(thing: Any) -> dict[str, Any]:
    """Return everything that a program may read of one, for comparison."""
    groups = getattr(thing, "param_groups", None)
    if groups is None:
        return {name: told(one) for name, one in vars(thing).items() if name != "optimizer"}
    found = [{k: told(v) for k, v in group.items() if k != "params"} for group in groups]
    return {"param_groups": found, "state": len(thing.state)}


def told(value: Any) -> Any:
    """Return what tells a setting from others."""
    if isinstance(value, (list, tuple)):
        return [type(value), *map(told, value)]
    if isinstance(value, (bool, int, float, str, type(None))):
        return type(value), repr(value)
    return id(value)


class SettingsRead:
    """Looks at what code reads of one object, by the names of attributes in it."""

    __name__ = "settings"

    def __init__(self, thing: Any, names: set[str]) -> None:
        if hasattr(thing, "param_groups"):
            self.read = {"param_groups"} if names & _OF_GROUPS else set()
            if names & {"state", "state_dict"}:
                self.read.add("state")
        elif names & _OF_ALL:
            self.read = set(vars(thing)) - {"optimizer"}
        else:
            self.read = names & set(vars(thing)) - {"optimizer"}

    def __call__(self, thing: Any) -> Any:
        return self.part_of(settings_in(thing))

    def part_of(self, settings: dict[str, Any]) -> Any:
        """Return what is read of what there is."""
        return {name: one for name, one in settings.items() if name in self.read}


def is_read_again(scheduler: Any, names: set[str]) -> bool:
    """Say whether code that makes a step of a schedule reads what that changes."""
    found = names & (_OF_ALL | {"param_groups"} | (_STEPPED & set(dir(scheduler))))
    return bool(found)
