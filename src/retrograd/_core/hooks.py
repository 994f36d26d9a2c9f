"""Hooks and the handles that remove them."""

from __future__ import annotations

from typing import Any, Final


class Counter:
    """Gives every handle its own number."""

    def __init__(self) -> None:
        self.next: int = 0


_counter: Final = Counter()


class RemovableHandle:
    """Removes one hook from the table it was put in.

    Examples
    --------
    >>> import retrograd
    >>> x = retrograd.ones(2, requires_grad=True)
    >>> with x.register_hook(lambda grad: 2 * grad):
    ...     x.sum().backward()
    >>> x.grad
    tensor([2., 2.])
    """

    def __init__(self, table: dict[int, Any], extra_dict: Any = None) -> None:
        self.table = table
        self.extra_tables: Any = extra_dict
        self.id: int = _counter.next
        _counter.next += 1

    def remove(self) -> None:
        """Take the hook out; a second call does nothing."""
        self.table.pop(self.id, None)
        extra = self.extra_tables
        if extra is not None:
            for table in extra if isinstance(extra, (list, tuple)) else (extra,):
                table.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def add_hook(table: dict[int, Any], hook: Any) -> RemovableHandle:
    """Put `hook` in `table` and return the handle that takes it out again."""
    handle = RemovableHandle(table)
    table[handle.id] = hook
    return handle


class NodeHooks:
    """The hooks of one node; made only when the first is registered."""

    def __init__(self) -> None:
        self.tensor: dict[int, dict[int, Any]] = {}
        self.retained: dict[int, Any] = {}
        self.before: dict[int, Any] = {}
        self.after: dict[int, Any] = {}
        self.accumulated: dict[int, Any] = {}
