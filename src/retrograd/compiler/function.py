"""CompiledFunction: what `compile` returns; it records, replays, and runs eagerly where it must."""

from __future__ import annotations

import copy
import os
import threading
import types
import warnings
import weakref
from collections.abc import Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any

from .._core.errors import OutdatedTraceError
from .._core.tracing import recorder as current_recorder
from .._core.tracing import set_recorder, tracing
from .budget import BACKWARD, FRUITLESS, Account, budget, key_weight, weight_of
from .described import is_narrower
from .effects import is_watched, watching
from .guards import Guards, flatten
from .recorder import Recorder
from .sources import MOST as MOST_SOURCES
from .sources import Source, moved
from .trace import Segment
from .warming import Warming, is_due, make_wary, patience, unwritten, write

if TYPE_CHECKING:
    from .graph import Graph

MOST_TREES = 16
MOST_RECENT = 4  # trees that a call is compared with one by one
MOST_KEYS = 128
LOGS = "RETROGRAD_LOGS"  # the variable that asks for what logs.py tells


class Stance:
    """What `torch.compiler.set_stance` said: for all functions."""

    name = "default"
    eager = False


stance = Stance()


class Tree:
    """The segments that belong to one set of guards.

    Attributes
    ----------
    rolled : bool
        Whether there is a `Loop` in it.
    differentiable : bool
        Whether a result has a backward.
    pure : bool
        Whether every segment could run twice without harm.
    """

    def __init__(self, guards: Guards) -> None:
        self.guards = guards
        self.enter = guards.check.enter
        self.root = Segment(0, None)
        self.eager = ""
        self.rolled = False
        self.differentiable = False
        self.pure = True
        self.unjudged: list[Segment] = []  # whether they are pure matters once there is a loop


class CompiledFunction:
    """A function that records itself while it runs, and is replayed from then on.

    Parameters
    ----------
    function : callable
    fullgraph : bool
        Raise where the function could not be replayed as a whole.
    fuses : str
        Have kernels made in the background, and use them as soon as they are ready: "exact" ones,
        or "fast" ones (`backends.arithmetic_of`); "" for none.
    eager : str
        Why the function shall always run eagerly.

    Attributes
    ----------
    graph : Graph
        The calls that replays make.
    source : str
        The Python source of what is replayed.
    eager : str
        Why the function runs eagerly, empty when it does not.
    """

    every: weakref.WeakSet[CompiledFunction] = weakref.WeakSet()

    def __init__(
        self, function: Any, fullgraph: bool = False, fuses: str = "", eager: str = ""
    ) -> None:
        self.every.add(self)
        self.function = function
        self.fuses = fuses
        self.fullgraph = fullgraph
        self.names: Any = None  # attributes of arguments that count, None for all
        self.sources: list[Source] = []  # variables from outside that count as arguments
        self.narrows = True  # whether that may become fewer
        self.tapes = True  # whether loops with gradient history are rolled
        self.warned = False
        self.trees: dict[Any, list[Tree]] = {}
        self.recent: list[Tree] = []  # those whose calls came last
        self.account = Account()
        self.last_key: Any = None  # of the arguments that were recorded last
        self.lock = threading.Lock()
        self.eager = self.told_eager = eager
        self.__wrapped__ = function
        self.__name__ = getattr(function, "__name__", type(function).__name__)
        self.__doc__ = getattr(function, "__doc__", None)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else types.MethodType(self, instance)

    def __call__(self, *args: Any, **settings: Any) -> Any:
        if tracing.count != 0:
            other = current_recorder()
            if other is not None and other.takes_calls(args, settings):
                return self.function(*args, **settings)
        if self.eager or stance.eager or not self.lock.acquire(False):
            return self.function(*args, **settings)
        try:
            if self.account.rests:
                if self.account.unseen:
                    self.account.unseen -= 1
                    return self.function(*args, **settings)
                return self.rest(args, settings)
            for tree in self.recent:
                tensors = tree.enter(args, settings)
                if tensors is not None:
                    break
            else:
                key, tensors = flatten(args, settings, self.names, self.sources)
                for tree in self.trees.get(key, ()):
                    if tree.root.run is unwritten and not is_due(tree.root):
                        return self.rest(args, settings)
                    if tree.guards.hold(tensors):
                        self.note(tree)
                        break
                else:
                    return self.record(key, tensors, args, settings)
            if tree.eager:
                self.account.note_effects()
                return self.function(*args, **settings)
            if not self.account.timed:
                self.account.effects = 0
                return self.replay(tree, tensors, args, settings)
            began = perf_counter()
            records = self.account.records
            result = self.replay(tree, tensors, args, settings)
            if self.account.records == records:
                took = perf_counter() - began
                self.account.note_replay(took + BACKWARD if tree.differentiable else took)
            return result
        finally:
            self.lock.release()

    def rest(self, args: Any, settings: Any) -> Any:
        """Run eagerly, and see how long that takes: Note [Never slower]."""
        began = perf_counter()
        result = self.function(*args, **settings)
        self.account.note_eager(perf_counter() - began)
        return result

    def note(self, tree: Tree) -> None:
        """Look at a tree first from now on."""
        recent = [one for one in self.recent if one is not tree]
        self.recent = [tree, *recent[: MOST_RECENT - 1]]

    def replay(self, tree: Tree, tensors: list[Any], args: Any, settings: Any) -> Any:
        slots: list[Any] = []
        segment = tree.root
        # What was run, where the path to a segment does not tell it.  A pure path needs none of
        # it: the function can run from its start without doing anything twice.
        executed: list[Any] | None = [] if tree.rolled and not tree.pure else None
        goes_back = False
        began = perf_counter() if segment.watched is not None else 0.0
        while True:
            try:
                if segment.warming is None:
                    seen = segment.run(slots, tensors)
                else:
                    seen = segment.warming.run(slots, tensors, tree.guards)
                raised = None
            except OutdatedTraceError as error:
                self.drop(tree)
                raised = own_slots(segment, slots, tensors, error)
            except Exception as error:
                raised = own_slots(segment, slots, tensors, error)
            if raised is not None:
                if goes_back and executed is None:
                    return self.function(*args, **settings)
                done = path_run(segment.parent, slots) if executed is None else executed
                done = [*done, (segment, raised[0])]
                from .paths import PathRecorder

                writer: Recorder = PathRecorder(tensors, tree.root).answer(done, None, raised[1])
                return self.run(tree, writer, args, settings)
            if segment.watched is None:
                return seen
            if executed is not None:
                executed.append((segment, slots[segment.first :]))
            last, loop = segment, segment.loop
            if loop is not None:
                slots = loop.back(slots)
                segment = loop.target
                goes_back = True
            child = segment.children.get(seen)
            if child is None or child.run is None:
                from .paths import PathRecorder

                if goes_back and executed is None:
                    writer = PathRecorder(tensors, tree.root, follows=True).start()
                else:
                    done = path_run(last, slots) if executed is None else executed
                    writer = PathRecorder(tensors, tree.root).answer(done, seen)
                writer.new_ways = stance.name == "default" and self.account.may_record()
                result = self.run(tree, writer, args, settings)
                self.account.note_record(perf_counter() - began, weight_of(seen))
                return result
            segment = child

    def record(self, key: Any, tensors: list[Any], args: Any, settings: Any) -> Any:
        if key not in self.trees and len(self.trees) >= MOST_KEYS:
            self.give_up(f"more than {MOST_KEYS} kinds of arguments were seen")
            return self.function(*args, **settings)
        if stance.name == "fail_on_recompile":
            raise RuntimeError(
                f"{self.__name__} would be recorded anew, and the stance of torch.compile is "
                "'fail_on_recompile'"
            )
        if stance.name == "eager_on_recompile" or not (self.fullgraph or self.account.may_record()):
            return self.rest(args, settings)
        if is_watched():  # by a debugger, profiler or coverage tool: recorded when that is gone
            return self.function(*args, **settings)
        began = perf_counter()
        if self.narrows and self.names is None and is_narrower(key, self.trees, self.names_read()):
            self.narrow()
            key, tensors = flatten(args, settings, self.names, self.sources)
        if self.follow_moves(key):
            key, tensors = flatten(args, settings, self.names, self.sources)
        if LOGS in os.environ:
            from .logs import tell_recompile

            tell_recompile(self, key)
        trees = self.trees.setdefault(key, [])
        if len(trees) >= MOST_TREES:
            self.give_up(f"more than {MOST_TREES} sets of guards for one kind of arguments")
            return self.function(*args, **settings)
        tree = Tree(Guards(key, len(args), self.sources))
        tree.guards.start(self.function, args, settings)
        writer = Recorder(tensors, tree.root)
        if self.account.is_new and not self.fullgraph:
            writer.patience = patience()
        result = self.run(tree, writer.start(), args, settings)
        if writer.put_off:
            self.account.note_put_off(writer.fresh, writer.fresh + writer.passed)
            return result
        if not writer.postponed:
            trees.insert(0, tree)
        weight = FRUITLESS if tree.eager else key_weight(key, self.last_key)
        self.account.note_record(perf_counter() - began, weight, writer.fresh)
        self.last_key = key
        return result

    def narrow(self) -> None:
        """Let only those attributes of arguments count whose names the recorded code has.

        A trainer whose method is compiled has a list of losses, too, which grows at each call.
        Records whose keys have more, or not all that their code reads, are forgotten.
        """
        self.names = self.names_read()
        self.narrows = self.names is not None
        self.trees = {}
        self.recent = []

    def follow_moves(self, key: Any) -> bool:
        """Let variables from outside count as arguments, once they hold other tensors."""
        trees = self.trees.get(key)
        found = moved(trees[0].guards) if trees else []
        if not found or len(self.sources) + len(found) > MOST_SOURCES:
            return False
        self.sources += found
        self.trees = {}
        self.recent = []
        return True

    def names_read(self) -> Any:
        """Return the names of the attributes that the recorded code reads, None for any."""
        reads = [tree.guards.reads for trees in self.trees.values() for tree in trees]
        if any(one.every for one in reads):
            return None
        return frozenset(self.names or ()).union(*[one.names for one in reads])

    def drop(self, tree: Tree) -> None:
        """Forget a tree: what it was recorded for will not come again."""
        self.recent = [one for one in self.recent if one is not tree]
        for trees in self.trees.values():
            if tree in trees:
                trees.remove(tree)

    def run(self, tree: Tree, writer: Recorder, args: Any, settings: Any) -> Any:
        """Run the function for real under a recorder.

        When it raises, what it wrote is forgotten: the next call writes anew.
        """
        tree.guards.describes(args, settings)
        writer.reachable = tree.guards.reads.tensors
        writer.by_reference = tree.guards.by_reference
        writer.tapes = self.tapes
        if self.fullgraph:
            writer._leave = refuse_branch
        before = set_recorder(writer)
        budget.recording = perf_counter()
        try:
            with watching(writer, tree.guards.reads):
                result = self.function(*args, **settings)
                writer.meet(result)
            result = writer.finish(result)
        except BaseException:
            writer.forget()
            raise
        finally:
            set_recorder(before)
            budget.recording = 0.0
            writer.rest()
        again = writer.failed and writer.taped and not writer.put_off
        if again and writer.new_ways and writer.raises is None:
            # Recorded anew, with every turn of the loop written out.
            self.tapes = False
            self.drop(tree)
            writer.postponed = True
        if writer.postponed:
            writer.forget()
        else:
            self.close(tree, writer)
        return result

    def close(self, tree: Tree, writer: Recorder) -> None:
        """Let the new segments be replayed, and guard what they depend on."""
        for segment in writer.new_segments:
            if writer.failed and segment is writer.segment:
                self.leave_eager(tree, segment, writer.failed)
                self.tell(writer)
            else:
                segment.run = segment.run or unwritten
                segment.warming = Warming(segment, self.fuses)
            tree.differentiable = tree.differentiable or segment.backward is not None
            tree.rolled = tree.rolled or segment.loop is not None
            tree.unjudged.append(segment)
        if tree.rolled:
            from .rolling import can_run_again

            tree.pure = tree.pure and all(map(can_run_again, tree.unjudged))
            tree.unjudged = []
        if writer.failed and writer.follows and (writer.effect or writer.strays):
            self.leave_eager(tree, writer.segment, writer.failed)
            self.tell(writer)
        if writer.new_segments:
            tree.guards.add(writer)
            reads, counting = tree.guards.reads, self.names
            if tree.guards.mixed:
                self.drop(tree)
                writer.postponed = True
            elif tree.guards.unguarded:
                self.leave_eager(tree, tree.root, tree.guards.unguarded)
            elif counting is not None and (reads.every or not reads.names <= counting):
                self.trees.setdefault(None, []).append(tree)
                self.narrow()

    def leave_eager(self, tree: Tree, segment: Segment, why: str) -> None:
        """Note that from the end of what comes before a segment on the function runs eagerly."""
        segment.eager = why
        segment.run = None
        segment.loop = None
        segment.children = {}
        if segment is tree.root:
            tree.eager = why

    def tell(self, writer: Recorder) -> None:
        """Say why something runs eagerly: once, as a warning, where the program can be changed."""
        if self.fullgraph:
            raise RuntimeError(f"compile(fullgraph=True): {writer.failed}")
        if writer.effect and not self.warned:
            self.warned = True
            warnings.warn(
                f"compile: {self.__name__} runs eagerly from there on: {writer.failed}",
                stacklevel=5,
            )

    def forget(self) -> None:
        """Drop every record."""
        with self.lock:
            self.trees = {}
            self.recent = []
            self.eager = self.told_eager
            self.warned = False
            self.names, self.sources = None, []
            self.narrows = self.tapes = True
            self.account = Account()

    def __deepcopy__(self, memo: Any) -> CompiledFunction:
        return CompiledFunction(copy.deepcopy(self.function, memo), *self.settings())

    def __reduce__(self) -> Any:
        return CompiledFunction, (self.function, *self.settings())

    def settings(self) -> tuple[bool, bool, str]:
        """Return what `compile` was told."""
        return self.fullgraph, self.fuses, self.told_eager

    def give_up(self, why: str) -> None:
        """Run eagerly from now on."""
        self.eager = why

    def segments(self) -> Iterator[Segment]:
        """Yield every segment that was recorded."""
        for trees in self.trees.values():
            for tree in trees:
                waiting = [tree.root]
                while waiting:
                    segment = waiting.pop()
                    yield segment
                    waiting += reversed(segment.children.values())

    @property
    def graph(self) -> Graph:
        """The calls of every segment and its backward: iterable, and printed as a listing."""
        from .graph import Graph

        self.account.hurry()
        return Graph(list(self.segments()))

    @property
    def source(self) -> str:
        """The Python source of every segment and its backward, as it is replayed."""
        self.account.hurry()
        parts = []
        for segment in self.segments():
            write(segment)
            parts.append(f"# {segment.title()}\n{segment.source}")
            for number, kernel in enumerate(segment.kernels, 1):
                parts.append(f"# its kernel fused_{number}\n{kernel}")
            if segment.backward is not None:
                parts.append(f"# its backward\n{segment.backward.source}")
        return "\n".join(parts)


def path_run(segment: Segment | None, slots: list[Any]) -> list[Any]:
    """Return the segments of a path that was run without going back, and what each filled."""
    path = [] if segment is None else segment.path()
    return [(one, slots[one.first : one.end]) for one in path]


def own_slots(
    segment: Segment, slots: list[Any], tensors: list[Any], error: Exception
) -> tuple[list[Any], int]:
    """Return what the slots of a segment hold whose replay raised, and how many steps were run.

    The function will come to the call that raised, so that it raises as it always did.  What was
    computed before that call is not computed again: the replay's frame has it.

    Raises
    ------
    Exception
        The same one, where it does not come from a step of the segment.
    """
    import bisect

    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code is not segment.run.__code__:
        trace = trace.tb_next
    if trace is None or trace.tb_lineno < (segment.lines or [1 << 30])[0]:
        raise error
    held = trace.tb_frame.f_locals
    steps = bisect.bisect_right(segment.lines, trace.tb_lineno) - 1
    found = slots[: segment.first]
    for number in range(segment.first, segment.end):
        found.append(held.get(f"g{number}", held.get(f"s{number}")))
    if segment.plan is not None:
        from .answers import fill
        from .mirror import Unforeseen

        fill(segment, found, steps, tensors)
        if isinstance(error, Unforeseen):
            make_wary(segment, error.args[0])
    del trace
    return found[segment.first :], steps


def refuse_branch(segment: Segment, seen: Any) -> None:
    """Refuse to go on where the program looks at a value, which one straight record cannot."""
    raise RuntimeError(
        "compile(fullgraph=True): the program looks at a value of a tensor (by "
        f"{segment.kind}), and goes on by what it sees; compile it without fullgraph=True, or "
        "compute with torch.where"
    )
