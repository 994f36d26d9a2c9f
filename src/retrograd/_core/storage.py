"""Version counters: who wrote into a buffer, and when.

Note [One clock for nodes and writes].  Recording a node and writing in place both take the next
number of one process-wide clock.  A saved value is stale exactly when its storage was last
written after its node was recorded, so nodes save no versions: one comparison at backward does.
"""

from __future__ import annotations

from typing import Any, Final

from .tracing import noted_write, tracing


class Clock:
    """Counts recorded nodes and in-place writes together."""

    def __init__(self) -> None:
        self.now: int = 0


clock: Final = Clock()


def tick() -> int:
    """Return the next number of the clock."""
    clock.now += 1
    return clock.now


class Storage:
    """What every value that shares one buffer shares: its version, and its last writer."""

    version: int = 0
    written: int = 0
    writer: str = ""
    site: Any = None

    def write(self, when: int, writer: str, site: Any) -> None:
        """Note an in-place write at clock time `when` by the operation named `writer`."""
        self.version += 1
        self.written = when
        self.writer = writer
        self.site = site
        if tracing.count != 0:
            noted_write(self)


def write_all(values: Any, writer: str) -> None:
    """Note an in-place write into each of several values, all at one time."""
    when = tick()
    for value in values:
        value.get_storage().write(when, writer, None)
