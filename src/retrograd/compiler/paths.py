"""Paths: the recorder of what comes back to where it was, and of what was replayed up to a place.

Note [Paths] (recorder.py).  A recorder becomes this one when the program first looks at a value
from inside of a loop, and is this one from the start where a replay came to something unseen.
"""

from __future__ import annotations

from typing import Any

from .._core.storage import clock
from .ahead import Ahead
from .answers import Answering
from .effects import unwatched
from .recorder import Recorder, child_key
from .rolling import Rolling
from .tapes import Tapes
from .trace import TURNS, Segment


@unwatched("runs")
class PathRecorder(Answering, Ahead, Rolling, Tapes, Recorder):
    """Writes the trace of one call, or answers from it what was already computed.

    It is given what `Recorder` is.
    """

    def __init__(self, tensors: list[Any], segment: Segment, follows: bool = False) -> None:
        super().__init__(tensors, segment, follows)
        self._begin()

    def _begin(self) -> None:
        """Begin to know of paths."""
        for part in (Answering, Ahead, Rolling, Tapes):
            part._begin(self)

    def answer(self, executed: list[Any], key: Any, steps: int | None = None) -> PathRecorder:
        """Begin with what a replay computed; return itself.

        Parameters
        ----------
        executed : list of (Segment, list)
            What it ran, with the slots that each filled; the function is then run again from its
            start, the calls are answered from these, and writing starts where they end.
        key : object
            What Python saw when the replay left the last of them, where no known segment follows.
        steps : int, optional
            How many steps of the last were run, when the next one raised.
        """
        self._answer_from(executed, key, steps)
        return self

    def _branch(self, number: int, kind: str, key: Any) -> Any:
        """Note that Python sees `key`; return what it saw in the replay, where there was one.

        The array itself may have been written to since.
        """
        if self.answering:
            return self._reply(key)
        segment = self.segment
        if self.follows:
            self._lift(segment)
            self._tape(segment)
            if not self._arrives(number, kind):
                return key
            if kind != TURNS:
                self._remember(segment)
        else:
            segment.watched = number
            segment.kind = kind
            if kind != TURNS:
                self._roll(segment)
        if segment.loop is not None and kind != "layout":
            self.glance = clock.now
            key = self._come_back(segment, key)
            if self.answering:
                return key
            segment = segment.loop.target
        self._leave(segment, key)
        return key

    def _leave(self, segment: Segment, key: Any) -> None:
        """Start a new segment where `segment` was left with `key`, or follow the known one."""
        if segment.loop is not None:
            self.glance = clock.now
            self.last_loop = segment
            self._go_back(segment.loop)
            segment = segment.loop.target
        known = segment.children.get(child_key(segment, key))
        self.follows = known is not None
        self.at = 0
        if known is None:
            super()._leave(segment, key)
            return
        self.glance = clock.now
        self.segment = known
        if known.eager:
            self.fail(known.eager)
