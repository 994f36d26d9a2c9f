"""CompiledFunction: what `compile` returns; it records, replays, and runs eagerly where it must."""

from __future__ import annotations

import functools
import threading
from typing import Any

from .._core.tracing import recorder as current_recorder
from .._core.tracing import set_recorder
from .codegen import Writer
from .effects import watching
from .guards import Guards, flatten
from .recorder import Recorder
from .trace import Segment

MOST_TREES = 16


class Tree:
    """The segments that belong to one set of guards."""

    def __init__(self, guards: Guards) -> None:
        self.guards = guards
        self.root = Segment(0, None)
        self.eager = ""


class CompiledFunction:
    """A function that records itself while it runs, and is replayed from then on.

    Parameters
    ----------
    function : callable
    """

    def __init__(self, function: Any) -> None:
        self.function = function
        self.trees: dict[Any, list[Tree]] = {}
        self.lock = threading.RLock()
        self.eager = ""
        functools.update_wrapper(self, function)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args: Any, **settings: Any) -> Any:
        if self.eager or current_recorder() is not None or not self.lock.acquire(blocking=False):
            return self.function(*args, **settings)
        try:
            key, tensors = flatten(args, settings)
            for tree in self.trees.get(key, ()):
                if tree.guards.hold(tensors):
                    if tree.eager:
                        return self.function(*args, **settings)
                    return self.replay(tree, tensors, args, settings)
            return self.record(key, tensors, args, settings)
        finally:
            self.lock.release()

    def replay(self, tree: Tree, tensors: list[Any], args: Any, settings: Any) -> Any:
        slots: list[Any] = []
        segment = tree.root
        while True:
            seen = segment.run(slots, tensors)
            if segment.watched is None:
                return seen
            child = segment.children.get(seen)
            if child is None or child.run is None:
                writer = Recorder(tensors, segment, slots, seen)
                return self.run(tree, writer, args, settings)
            segment = child

    def record(self, key: Any, tensors: list[Any], args: Any, settings: Any) -> Any:
        trees = self.trees.setdefault(key, [])
        if len(trees) >= MOST_TREES:
            self.eager = f"more than {MOST_TREES} sets of guards"
            return self.function(*args, **settings)
        tree = Tree(Guards())
        tree.guards.start(self.function, args, settings)
        writer = Recorder(tensors, tree.root)
        try:
            return self.run(tree, writer, args, settings)
        finally:
            trees.insert(0, tree)

    def run(self, tree: Tree, writer: Recorder, args: Any, settings: Any) -> Any:
        """Run the function for real under a recorder, and make code of what it wrote."""
        writer.reachable = tree.guards.reads.tensors
        before = set_recorder(writer)
        try:
            with watching(writer, tree.guards.reads):
                result = self.function(*args, **settings)
        except BaseException:
            writer.fail("the function raised")
            set_recorder(before)
            self.close(tree, writer)
            raise
        result = writer.finish(result)
        set_recorder(before)
        self.close(tree, writer)
        return result

    def close(self, tree: Tree, writer: Recorder) -> None:
        if writer.failed and writer.segment is tree.root:
            tree.eager = writer.failed
        for segment in writer.new_segments:
            if segment.eager or (writer.failed and segment is writer.segment):
                segment.eager = segment.eager or writer.failed
                continue
            segment.run = Writer(segment).write()
        tree.guards.add(writer)
