"""Thread-local switches: grad, inference, anomaly, saved-value hooks.

Note [Modes cost one comparison].  Nearly always every thread has every mode at its default, so
`switches.special` counts the threads that do not, and the hot path reads that one integer; only
when it is not zero does it look up the thread's own state.
"""

from __future__ import annotations

import threading
from typing import Any, Final


class ThreadModes:
    """The modes of one thread."""

    def __init__(self) -> None:
        self.asked: bool = True  # what no_grad and enable_grad set
        self.grad: bool = True  # whether operations are recorded: never in inference mode
        self.inference: bool = False
        self.anomaly: bool = False
        self.check_nan: bool = True
        self.pack: Any = None
        self.unpack: Any = None
        self.saving_disabled: str | None = None  # the words for who installs saved-value hooks
        self.run: Any = None  # the backward pass whose hook runs
        self.towards: bool = False  # whether a backward pass runs only to values it was given
        self.counted: bool = False

    def is_default(self) -> bool:
        """Say whether nothing differs from a fresh thread."""
        return (
            self.asked
            and not self.inference
            and not self.anomaly
            and self.pack is None
        )


class Switches:
    """The process-wide counter of threads with a mode that is not the default."""

    def __init__(self) -> None:
        self.special: int = 0
        self.lock: Any = threading.Lock()
        self.local: Any = threading.local()


switches: Final = Switches()


def thread_modes() -> ThreadModes:
    """Return the modes of the calling thread."""
    found: Any = getattr(switches.local, "modes", None)
    if found is None:
        found = ThreadModes()
        switches.local.modes = found
    modes: ThreadModes = found
    return modes


def changed(modes: ThreadModes) -> None:
    """Recount after a mode of this thread was written."""
    special = not modes.is_default()
    if special != modes.counted:
        with switches.lock:
            switches.special += 1 if special else -1
        modes.counted = special


def grad_enabled() -> bool:
    """Say whether operations are recorded in this thread."""
    if switches.special == 0:
        return True
    return thread_modes().grad


def set_grad(enabled: bool) -> bool:
    """Switch recording for this thread and return what it was."""
    modes = thread_modes()
    previous = modes.asked
    modes.asked = enabled
    modes.grad = enabled and not modes.inference
    changed(modes)
    return previous


def set_inference(enabled: bool) -> bool:
    """Switch inference mode for this thread and return what it was."""
    modes = thread_modes()
    previous = modes.inference
    modes.inference = enabled
    modes.grad = modes.asked and not enabled
    changed(modes)
    return previous


def inference_enabled() -> bool:
    """Say whether new values are inference values in this thread."""
    return switches.special != 0 and thread_modes().inference


def set_anomaly(enabled: bool, check_nan: bool) -> tuple[bool, bool]:
    """Switch anomaly detection for this thread and return what it was."""
    modes = thread_modes()
    previous = (modes.anomaly, modes.check_nan)
    modes.anomaly = enabled
    modes.check_nan = check_nan
    changed(modes)
    return previous


def set_saved_hooks(pack: Any, unpack: Any) -> tuple[Any, Any]:
    """Install the pair of saved-value hooks of this thread and return the earlier pair."""
    modes = thread_modes()
    previous = (modes.pack, modes.unpack)
    modes.pack = pack
    modes.unpack = unpack
    changed(modes)
    return previous
