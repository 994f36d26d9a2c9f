"""Exception classes and the one formatter of values in messages."""

from __future__ import annotations

from typing import Any


class OperationError(RuntimeError, ValueError):
    """An operation refused its arguments.

    It is a RuntimeError because PyTorch raises that, and a ValueError because NumPy does.
    """


class OperationTypeError(OperationError, TypeError):
    """An operation refused the type or dtype of an argument."""


class GraphFreedError(RuntimeError):
    """Backward met a node whose saved values were freed by an earlier backward."""


class SavedValueChangedError(RuntimeError):
    """A value saved for backward was changed in place before backward read it."""


def with_note(error: Exception, note: str) -> Exception:
    """Return `error` with a note that tracebacks show, its own text staying PyTorch's."""
    add: Any = getattr(error, "add_note", None)  # Python 3.11 and later
    if add is not None:
        add(note)
    return error


def describe(value: Any) -> str:
    """Return a short text for an argument: ``float32[2, 3]`` for arrays, ``repr`` for others."""
    array = getattr(value, "array", value)
    dtype = getattr(array, "dtype", None)
    if dtype is not None and hasattr(array, "shape"):
        return f"{dtype}[{', '.join(str(n) for n in array.shape)}]"
    if isinstance(value, (list, tuple)) and any(hasattr(v, "shape") for v in value):
        inside = ", ".join(describe(v) for v in value)
        return f"[{inside}]" if isinstance(value, list) else f"({inside})"
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def explained(name: str, *names: str) -> Any:
    """Return a decorator that adds the call to errors of a function that checks its arguments.

    For front functions, and the slow paths of the hot ones: PyTorch's words stay first, and
    ``while computing cat(tensors: [float32[2, 3], float32[2, 4]])`` follows.
    """

    def decorate(function: Any) -> Any:
        def checked(*args: Any, **settings: Any) -> Any:
            try:
                return function(*args, **settings)
            except RuntimeError as error:
                if "\nwhile computing " in str(error) or type(error) is not RuntimeError:
                    raise
                call = describe_call(name, names, args[: len(names)], None)
                raise RuntimeError(f"{error}\nwhile computing {call}") from None

        checked.__name__ = checked.__qualname__ = function.__name__
        checked.__doc__ = function.__doc__
        checked.__wrapped__ = function  # type: ignore[attr-defined]
        return checked

    return decorate


def describe_call(name: str, names: tuple[str, ...], args: Any, settings: Any) -> str:
    """Return ``name(x: float32[2, 3], y: float32[4], axis=0)``."""
    parts = []
    for number, value in enumerate(args):
        label = names[number] if number < len(names) else names[-1] if names else "x"
        parts.append(f"{label}: {describe(value)}")
    if settings:
        parts += [f"{key}={describe(value)}" for key, value in settings.items()]
    return f"{name}({', '.join(parts)})"


class OutdatedTraceError(Exception):
    """A call of a replay finds that something is not as it was when it was recorded.

    It has done nothing yet.  The program never sees it: the function goes on by itself, and the
    next call is recorded anew.
    """
