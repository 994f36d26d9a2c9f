"""Where a trace is written: the hooks through which a recorder sees everything done to arrays.

While no thread writes a trace, `tracing.count` is 0 and each hook costs one comparison.  While one
does, kernels, rules and the few other functions that make or change arrays are called by the
thread's recorder, which notes them.  Nothing here knows what becomes of the trace.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from .modes import thread_modes

_NUMBERS: Final = (bool, int, float)


class Tracing:
    """The process-wide count of threads that write a trace."""

    def __init__(self) -> None:
        self.count: int = 0


tracing: Final = Tracing()


def recorder() -> Any:
    """Return the recorder of this thread, None when it writes no trace."""
    return thread_modes().recorder if tracing.count != 0 else None


def set_recorder(new: Any) -> Any:
    """Give this thread a recorder, or none; return the earlier one."""
    modes = thread_modes()
    old: Any = modes.recorder
    if (old is None) != (new is None):
        tracing.count += 1 if old is None else -1
    modes.recorder = new
    return old


def run_kernel(op: Any, operands: Any, arrays: Any, settings: Any) -> Any:
    """Run the kernel of an operation, through the recorder where there is one."""
    found: Any = thread_modes().recorder
    if found is None:
        return op.kernel(*arrays, **settings) if settings else op.kernel(*arrays)
    return found.kernel(op, operands, arrays, settings)


def run(function: Any, *args: Any) -> Any:
    """Call a function of arrays that returns arrays, through the recorder where there is one."""
    if tracing.count != 0:
        found: Any = thread_modes().recorder
        if found is not None:
            return found.function(function, args, {})
    return function(*args)


def run_write(function: Any, target: Any, *args: Any) -> None:
    """Call a function that writes into its first argument, an array."""
    if tracing.count != 0:
        found: Any = thread_modes().recorder
        if found is not None:
            found.write(function, target, args)
            return
    function(target, *args)


def host_recorder() -> Any:
    """Return the recorder that wants to note a call of a Python function with effects of its own.

    Its `host` makes the call, and a replay repeats it as it is; None where nobody wants it.
    """
    found: Any = thread_modes().recorder
    return found if found is not None and found.takes_host else None


def graph_writer(x: Any, given: Any = None) -> Any:
    """Return the recorder for which a write into a tensor gives it another array.

    That is one that builds a static graph, where the tensor or what is written belongs to it.
    """
    found: Any = thread_modes().recorder
    return found if found is not None and found.rebinds(x, given) else None


def noted_write(storage: Any) -> None:
    """Tell the recorder that a storage was marked as written."""
    found: Any = thread_modes().recorder
    if found is not None:
        found.written(storage)


def note_rebound(value: Any) -> None:
    """Tell the recorder that a value is given another array."""
    found: Any = thread_modes().recorder
    if found is not None:
        found.rebound(value)


def note_birth(value: Any) -> None:
    """Tell the recorder of a new value."""
    found: Any = thread_modes().recorder
    if found is not None:
        found.born(value)


def note_grad(owner: Any, cell: Any, wrote: bool) -> None:
    """Tell the recorder that the `.grad` of a leaf was read, or has been written."""
    found: Any = thread_modes().recorder
    if found is not None:
        found.grad(owner, cell, wrote)


def note_backward(roots: Any, captures: Any) -> None:
    """Tell the recorder that a backward begins: towards some nodes, or all leaves (None)."""
    found: Any = thread_modes().recorder
    if found is not None:
        found.goes_back(roots, captures)


def note_node(run: Any, node: Any) -> None:
    """Tell the recorder that a backward comes to a node."""
    found: Any = thread_modes().recorder
    if found is not None:
        found.runs(run, node)


def note_history() -> None:
    """Tell the recorder that the program is given a node of the graph."""
    found: Any = thread_modes().recorder
    if found is not None:
        found.reads_history()


def observed(value: Any, kind: str, plain: Any) -> Any:
    """Tell the recorder that Python looks at a value: `plain` is what it sees."""
    found: Any = thread_modes().recorder
    if found is None:
        return plain
    return found.observe(value, kind, plain)


def all_true(array: Any) -> bool:
    """Say whether all elements are true, to a program that may decide by it."""
    if tracing.count != 0:
        found: Any = thread_modes().recorder
        if found is not None:
            answer: bool = found.truth(array)
            return answer
    return bool(np.all(array))


def constant(array: Any) -> Any:
    """Return an array that was filled without looking at any value; a trace copies it."""
    if tracing.count != 0:
        found: Any = thread_modes().recorder
        if found is not None:
            return found.constant(array)
    return array


def is_read(value: Any) -> bool:
    """Say whether a number is one that a trace reads from a tensor, and so another each time.

    It only says that it is a number (compiled, `isinstance` does not ask for that).
    """
    if tracing.count == 0 or type(value) in _NUMBERS:
        return False
    said: Any = value.__class__
    return said is not type(value) and said in _NUMBERS


def from_python(function: Any, *args: Any) -> Any:
    """Call a function that makes an array of the program's own data, which may change."""
    if tracing.count != 0:
        found: Any = thread_modes().recorder
        if found is not None:
            return found.external(function, args)
    return function(*args)
