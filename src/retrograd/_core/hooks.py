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

    def __reduce__(self) -> Any:
        # A compiled class is made by its constructor alone: copies and pickles go through this.
        return restored, (self.table, self.extra_tables, self.id)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()


def restored(table: dict[int, Any], extra_tables: Any, number: int) -> RemovableHandle:
    """Return a copy of a handle, for the copy of its table."""
    handle = RemovableHandle(table, extra_tables)
    handle.id = number
    return handle


def add_hook(table: dict[int, Any], hook: Any) -> RemovableHandle:
    """Put `hook` in `table` and return the handle that takes it out again."""
    handle = RemovableHandle(table)
    table[handle.id] = hook
    return handle


def hook_name(hook: Any) -> str:
    """Return the name of a hook for a message."""
    name: Any = getattr(hook, "__name__", None)
    return name if isinstance(name, str) else "<unknown>"


def check_count(hook: Any, new: Any, expected: int) -> None:
    """Check what a node's hook returned in place of gradients."""
    if not isinstance(new, tuple):
        raise TypeError(f"expected tuple, but hook returned '{type(new).__name__}'")
    if len(new) != expected:
        raise RuntimeError(
            f"hook '{hook_name(hook)}' has returned an incorrect number of values (got "
            f"{len(new)}, but expected {expected})"
        )


def check_replacement(hook: Any, given: Any, new: Any) -> None:
    """Check that a gradient returned by a hook can stand for the one it was given.

    Raises
    ------
    TypeError
        When it is no tensor.
    RuntimeError
        When nothing was given, or it has another shape or dtype.
    """
    if new is None or new is given:
        return
    if not hasattr(new, "array"):
        raise TypeError(f"expected Variable, but hook returned '{type(new).__name__}'")
    if given is None:
        raise RuntimeError("can't replace a None gradient with a non-None value")
    if new.array.dtype != given.array.dtype:
        raise RuntimeError(
            f"hook '{hook_name(hook)}' has changed the type of value (was {type_text(given)} got "
            f"{type_text(new)})"
        )
    if new.array.shape != given.array.shape:
        raise RuntimeError(f"hook '{hook_name(hook)}' has changed the size of value")


_type_names: Final[dict[str, str]] = {
    "float16": "Half",
    "float32": "Float",
    "float64": "Double",
    "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
}


def type_text(value: Any) -> str:
    """Return PyTorch's old name of a tensor type, ``torch.FloatTensor``."""
    name = str(value.array.dtype)
    return f"torch.{_type_names.get(name, name)}Tensor"


class NodeHooks:
    """The hooks of one node; made only when the first is registered."""

    def __init__(self) -> None:
        self.tensor: dict[int, dict[int, Any]] = {}
        self.retained: dict[int, Any] = {}
        self.before: dict[int, Any] = {}
        self.after: dict[int, Any] = {}
        self.accumulated: dict[int, Any] = {}
