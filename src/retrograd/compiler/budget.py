"""Budget: how much time recording and lowering may take, so that compiling never costs much.

Note [Never slower].  Recording a call takes as long as ten eager calls, and lowering longer.  All
functions together may be behind their own eager selves by a share of the time that the process has
run; so a program takes at most that much longer than without `compile`, whenever it ends.  That
allows a script that has just imported its modules to record at the first call.  One function may be
behind by a share of its own time, and beside that only by a few recordings, fewer where what it
branches on hardly comes twice: numbers with a fraction, numbers that count.  A function that is
further behind runs eagerly, which costs nothing, until it may try again.

What a call would have taken eagerly is known from calls that ran so: those of a function that
waits, and two of the first replays, which are called eagerly to find out.
"""

from __future__ import annotations

from time import perf_counter, process_time
from typing import Any

SHARE = 0.03  # of the time; a twentieth may be lost, and importing the compiler is lost too
MOST_TRIES = 32  # recordings without a replay between them, counted by `weight_of`
SAMPLED = (4, 12)  # replays in a row after which one call runs eagerly, to see what that takes
SETTLED = 64  # replays in a row after which a function that is ahead is timed no more


class Budget:
    """What the process may lose; there is one.

    Attributes
    ----------
    limited : bool
        Whether it is kept to.
    """

    def __init__(self) -> None:
        self.limited = True
        self.began = perf_counter() - process_time()  # when the process began, about
        self.lost = 0.0  # seconds by which functions are behind

    def left(self) -> float:
        """Return how many seconds may be lost from now on."""
        if not self.limited:
            return float("inf")
        return SHARE * (perf_counter() - self.began) - self.lost

    def allows(self, seconds: float) -> bool:
        """Say whether something that takes so long may be done now."""
        return seconds <= self.left()


budget = Budget()


class Account:
    """What one function has lost and gained against its eager self.

    Attributes
    ----------
    rests : bool
        Whether the function runs eagerly for now.
    timed : bool
        Whether its replays are timed.
    """

    def __init__(self) -> None:
        self.rests = False
        self.timed = True
        self.took = 0.0  # by calls that were recorded or replayed
        self.calls = 0
        self.eager_took = 0.0  # by calls that ran eagerly
        self.eager_calls = 0
        self.row = 0  # replays in a row
        self.replays = 0
        self.tries = 0  # recordings, by weight
        self.records = 0
        self.records_took = 0.0
        self.lost = 0.0  # as the budget was told

    def behind(self) -> float:
        """Return by how many seconds the function is behind; negative when it is ahead."""
        if not self.eager_calls:
            return self.records_took  # which is nearly all lost
        return self.took - self.calls * self.eager_took / self.eager_calls

    def next_record(self) -> float:
        """Return what one more recording is expected to take."""
        return self.records_took / self.records if self.records else 0.0

    def allowed(self) -> float:
        """Return by how many seconds it may be behind."""
        left = budget.left() + self.lost
        tries = MOST_TRIES + self.replays - self.tries
        if budget.limited:
            left = min(left, max(tries, 0) * self.next_record() if self.records else left)
        worth = 0.0
        if self.eager_calls:
            worth = (self.calls + self.eager_calls) * self.eager_took / self.eager_calls
        return SHARE * worth + max(left, 0.0)

    def may_record(self) -> bool:
        """Say whether one more recording is affordable."""
        if not budget.limited:
            return True
        if not self.records:
            return budget.left() > 0
        return self.behind() + self.next_record() <= self.allowed()

    def note_replay(self, took: float) -> None:
        """Note a call that was replayed from end to end."""
        self.took += took
        self.calls += 1
        self.row += 1
        self.replays += 1
        if not budget.limited:
            self.timed = False
        elif self.row in SAMPLED and self.eager_calls < len(SAMPLED):
            self.rests = True  # for one call
        elif self.row % 16 == 0:
            self.settle()
            if self.behind() > self.allowed():
                self.rests = True
            elif self.row >= SETTLED and self.behind() < 0:
                self.timed = False

    def note_record(self, took: float, weight: int) -> None:
        """Note a call that was recorded, or went on eagerly after a replay."""
        self.took += took
        self.calls += 1
        self.row = 0
        self.records += 1
        self.records_took += took
        self.tries += weight
        self.timed = True
        self.settle()
        if not self.may_record():
            self.rests = True

    def note_eager(self, took: float) -> None:
        """Note a call that ran eagerly; see whether the function may be replayed again."""
        self.eager_took += took
        self.eager_calls += 1
        self.settle()
        if self.row:
            self.rests = self.behind() > self.allowed()
        else:
            self.rests = not self.may_record()

    def settle(self, lost: float | None = None) -> None:
        """Tell the budget how far behind the function is."""
        if lost is None:
            lost = max(self.behind(), 0.0) if budget.limited else 0.0
        budget.lost += lost - self.lost
        self.lost = lost

    def describe(self) -> str:
        """Return why the function runs eagerly for now, empty where it does not."""
        if not self.rests or self.row:
            return ""
        took = f"{self.records} recordings took {self.records_took:.2g} s"
        return f"it takes ever new ways: {took}, and it waits until another one costs little"


def weight_of(key: Any) -> int:
    """Return how many recordings one counts for that a value led to: some hardly come twice."""
    kind = key[0] if type(key) is tuple else None
    if kind is float:
        return 10
    return 4 if kind is int else 1


def key_weight(key: Any, before: Any) -> int:
    """Return the weight of a recording for arguments that differ from those before.

    Parameters
    ----------
    key, before : tuple
        As `guards.flatten` makes them.
    """
    if before is None or len(key) != len(before):
        return 1
    differ = [one for one, other in zip(key, before) if one != other]
    if differ and all(type(one) is tuple and one[0] in (int, float, str) for one in differ):
        return max(map(weight_of, differ))
    return 1
