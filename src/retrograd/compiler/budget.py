"""Budget: what recording may cost, and when a function rests: runs eagerly without asking.

Note [Ever new ways].  A program may take a new way in every call: a search that sorts by scores,
a sampler that accepts by a drawn number.  A record costs as much as tens of eager calls, so that
after some records each further one has to wait until it is a small part of the time that has
passed.  A call that leaves the recorded ways is then finished eagerly, which costs more than an
eager call from the start; where such calls are many, the following ones run eagerly from
the start, twice as many after each further one.
"""

from __future__ import annotations

from time import perf_counter

FREE_RECORDS = 32
FREE_SECONDS = 1.0
SHARE = 0.05  # of the time passed
WORTH = 4  # replays that outweigh one call that left the recorded ways
LONGEST_REST = 1023


class Budget:
    """What recording has cost one function, and whether it may cost more.

    Attributes
    ----------
    records : int
    seconds : float
        Spent on them.
    exceeded : bool
        Whether a record was not made.
    """

    def __init__(self) -> None:
        self.begun = perf_counter()
        self.records = 0
        self.seconds = 0.0
        self.exceeded = False

    def allows(self) -> bool:
        """Say whether one more way may be recorded."""
        if self.records < FREE_RECORDS or self.seconds < FREE_SECONDS:
            return True
        if self.seconds < FREE_SECONDS + SHARE * (perf_counter() - self.begun):
            return True
        self.exceeded = True
        return False

    def note(self, begun: float) -> None:
        """Note a record that began at some time and ends now."""
        self.records += 1
        self.seconds += perf_counter() - begun

    def describe(self) -> str:
        """Return why new ways run eagerly, empty where they do not."""
        if not self.exceeded:
            return ""
        return (
            f"it takes ever new ways: after {self.records} records, which took "
            f"{self.seconds:.1f} s, most new ways run eagerly"
        )


class Rest:
    """When one tree is not asked: where its calls leave what was recorded.

    Attributes
    ----------
    calls : int
        Replays begun since a call left the recorded ways.
    left : int
        Calls that are still to be made eagerly.
    """

    def __init__(self) -> None:
        self.calls = 0
        self.left = 0
        self.length = 0

    def missed(self) -> None:
        """Note that a call left the recorded ways, and will again."""
        self.length = 0 if self.calls > WORTH else min(2 * self.length + 1, LONGEST_REST)
        self.left = self.length
        self.calls = 0

    def prolong(self) -> None:
        """Note that the tree is still not worth asking."""
        self.left = self.length = min(2 * self.length + 1, LONGEST_REST)
