"""Budget: what recording may cost a function, so that compiling never costs much.

Note [Never slower].  Recording a call takes as long as ten eager calls.  The first tries of a
function are always made: what happens in them depends on no clock.  A function that takes ever new
ways (a search that sorts by scores, a sampler that accepts by a drawn number) uses them up; further
ones are made when the function is behind its own eager self by no more than a share of its time.
Each replay gives a try back.  What branches on numbers with a fraction, or on numbers that count,
uses more: such values hardly come twice.  So do arguments that are other numbers in each call.

A first call of many steps is recorded as far as that is a small share of the process's time.  Where
it is not, the rest of the call runs eagerly, and so does the function until recording it anew
is.  So a short script pays little for a long function; a small function is always recorded at once.

A function whose replays turn out to be no quicker than its eager calls runs eagerly, and is tried
again later.  What a call takes eagerly is known from some that run so among the first replays.
"""

from __future__ import annotations

from time import perf_counter, process_time
from typing import Any

SHARE = 0.05  # of a function's own time
PROCESS_SHARE = 0.045  # of the time of the process
IMPORTING = 4.5e-3  # seconds to import the compiler
PREPARING = 2e-3  # seconds that recording a call takes longer than the call, at least
PER_NOTED = 3e-5  # seconds for each of its steps
FREE_TRIES = 32  # recordings without a replay between them, counted by `weight_of`
FRUITLESS = 16  # the weight of a recording that came to nothing: the function has effects
# Replays in a row after which one call runs eagerly, to see what that takes; the last ones closer
# together, as the first of them find other things in the processor's caches.
SAMPLED = (4, 12, 40, 41, 42, 43)
WINDOW = 16  # replays that are compared with them
SETTLED = 64  # replays in a row after which nothing is timed any more
LONGEST_REST = 1024  # calls
BACKWARD = 2.5e-6  # seconds: what the backward of a replay takes more than that of one operation
UNSEEN = 15  # eager calls of which none is timed, nor asked whether it could be replayed


class Budget:
    """What the process as a whole spends on importing the compiler, recording and lowering.

    There is one.

    Lowering changes no result, and waits until all of it is a share of the time that the process
    has run: a program takes at most that much longer than without `compile`, whenever it ends.
    """

    def __init__(self) -> None:
        self.began = perf_counter() - process_time()  # when the process began, about
        self.spent = IMPORTING
        self.recording = 0.0  # since when, where something is recorded just now

    def allows(self, seconds: float) -> bool:
        """Say whether something that takes so long may be done now."""
        now = perf_counter()
        spent = self.spent + (now - self.recording if self.recording else 0.0)
        return spent + seconds <= PROCESS_SHARE * (now - self.began)

    def allows_more(self, noted: int) -> bool:
        """Say whether what is recorded just now may have twice as many steps as it has."""
        share = PROCESS_SHARE * (perf_counter() - self.began)
        return self.spent + recording(2 * noted) <= share


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
        self.quickest_eager = self.quickest = float("inf")
        self.is_new = True  # whether nothing was recorded, or put off
        self.put_off = 0.0  # seconds that a recording is expected to cost which was put off
        self.tries = 0  # recordings by weight, less replays
        self.records = 0
        self.records_took = 0.0
        self.row = 0  # replays in a row
        self.rest = 0  # calls still to be made eagerly, because replays are not quicker
        self.rest_length = 32
        self.effects = 0  # calls in a row of which was known that they run eagerly
        self.unseen = self.skipped = 0  # eager calls that are not timed: those to come, and all

    def may_record(self) -> bool:
        """Say whether one more recording is affordable."""
        if self.put_off and not budget.allows(self.put_off):
            return False
        if self.tries < FREE_TRIES:
            return True
        if not self.eager_calls:
            return False
        eager = self.eager_took / self.eager_calls
        behind = self.took - self.calls * eager + self.records_took / self.records
        return behind <= SHARE * eager * (self.calls + self.eager_calls)

    def note_replay(self, took: float) -> None:
        """Note a call that was replayed from end to end."""
        self.took += took
        self.calls += 1
        self.row += 1
        self.effects = 0
        self.quickest = min(self.quickest, took)
        if self.tries:
            self.tries -= 1
        if self.row in SAMPLED:
            self.rest, self.rests = 1, True
        elif self.row % WINDOW == 0:
            if self.quickest > (1 + SHARE) * self.quickest_eager:
                self.rest, self.rests = self.rest_length, True
                self.rest_length = min(2 * self.rest_length, LONGEST_REST)
            elif self.row >= SETTLED:
                self.timed = False
            self.quickest = float("inf")

    def note_record(self, took: float, weight: int, noted: int | None = None) -> None:
        """Note a call that was recorded, or went on eagerly after a replay.

        Parameters
        ----------
        took : float
            Seconds, of which most may have been the call's own.
        weight : int
        noted : int, optional
            How many steps of it were noted, where all of the call was recorded.
        """
        self.took += took
        self.calls += 1
        self.records += 1
        self.records_took += took
        budget.spent += took if noted is None else min(took, recording(noted))
        self.is_new = False
        self.put_off = 0.0
        self.tries += weight
        self.row = self.effects = 0
        self.quickest = float("inf")
        self.timed = True
        self.rests = not self.may_record()

    def note_put_off(self, noted: int, whole: int) -> None:
        """Note a recording that was put off after so many steps, and about how many there are."""
        budget.spent += recording(noted)
        self.is_new = False
        self.put_off = recording(whole)
        self.rests = True

    def hurry(self) -> None:
        """Let what was put off be recorded in the next call: somebody asks for the record."""
        if self.put_off:
            self.put_off = 0.0
            self.unseen = self.skipped = 0
            self.rests = False

    def note_eager(self, took: float) -> None:
        """Note a call that ran eagerly; see whether the function may be replayed again."""
        calls = 1 + self.skipped
        self.eager_took += calls * took
        self.eager_calls += calls
        self.quickest_eager = min(self.quickest_eager, took)
        if self.rest:
            self.rest = max(self.rest - calls, 0)
            self.rests = self.rest > 0
        else:
            self.rests = not self.may_record()
        self.unseen = self.skipped = UNSEEN if self.rests else 0

    def note_effects(self) -> None:
        """Note a call of which is known that it runs eagerly; see whether to look at the next."""
        self.effects += 1
        if self.effects >= SETTLED:
            self.rests = True
            self.unseen = self.skipped = UNSEEN

    def describe(self) -> str:
        """Return why the function runs eagerly for now, empty where it does not."""
        if self.rest > 1:
            return f"its replays are not quicker: the next {self.rest} calls run eagerly"
        if self.put_off:
            return (
                "its first call was long, and recording it is put off until that is a small share "
                "of the time of the process, or to the call after this question"
            )
        if not self.rests or self.rest or self.effects:
            return ""
        took = f"{self.records} recordings took {self.records_took:.2g} s"
        return f"it takes ever new ways: {took}, and it waits until another one costs little"


def recording(steps: int) -> float:
    """Return about how many seconds recording so many steps takes longer than running them."""
    return PREPARING + PER_NOTED * steps


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
        return 10 if any(one[0] is not str for one in differ) else 1
    return 1
