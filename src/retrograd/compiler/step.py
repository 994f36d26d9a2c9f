"""Step: one call of a traced run, compiled where the core is."""

from __future__ import annotations

from types import MethodType
from typing import Any, Final

from .._core.value import Value

PLAIN: Final = (bool, int, float, complex, str, bytes, type(None))

# What a step does.
CALL = "call"  # slots = function(*args, **settings)
WRITE = "write"  # function(slot, *args), which writes into the slot
GRAD = "grad"  # a leaf's `.grad` becomes a new tensor of a slot, or None
TOUCH = "touch"  # a storage from outside is marked as written
HOST = "host"  # a Python function with effects of its own: an optimizer's step


class Step:
    """One call of the traced run.

    Attributes
    ----------
    kind : str
        CALL, WRITE, GRAD, TOUCH or HOST.
    function : callable
        What is called; for GRAD the cell or the argument whose it is, for TOUCH the tensor: itself,
        an argument by its place, or the slot of a `.grad` as a `Ref`.
    args, settings : tuple, dict
        Its arguments, slots in them as `Ref`.
    outs : int, tuple or None
        The slots it fills: one, or one for each result (None where a result is no array).
    wrap : bool
        Whether the result came as a NumPy scalar and is made an array.
    name : str
        For people: the operation or rule.
    touched : list of Value or int
        What a HOST wrote into, of the tensors that the trace knew: arguments by their place.
    """

    __slots__ = ("args", "function", "kind", "name", "outs", "settings", "touched", "wrap")

    def __init__(
        self,
        kind: str,
        function: Any,
        args: Any = (),
        settings: Any = None,
        outs: Any = None,
        wrap: bool = False,
        name: str = "",
    ) -> None:
        self.kind = kind
        self.function: Any = function
        self.args: Any = args
        self.settings: Any = settings or {}
        self.outs: Any = outs
        self.wrap = wrap
        self.name = name
        self.touched: list[Any] = []

    def same(self, other: Step) -> bool:
        """Say whether another step is the same call on the same slots."""
        return (
            self.kind == other.kind
            and _same_function(self.function, other.function)
            and len(self.args) == len(other.args)
            and all(same(a, b) for a, b in zip(self.args, other.args))
            and self.settings.keys() == other.settings.keys()
            and all(same(value, other.settings[key]) for key, value in self.settings.items())
        )


def _same_function(a: Any, b: Any) -> bool:
    # Methods and settled functions are made anew; tensors are compared as objects.
    if a is b:
        return True
    if type(a) is not type(b) or isinstance(a, Value):
        return False
    if type(a) is MethodType and a.__func__ is b.__func__:
        return _same_owner(a.__self__, b.__self__)
    return bool(a == b)


def _same_owner(a: Any, b: Any) -> bool:
    """Say whether a method of one object does what that of another does.

    A distribution makes its constraints anew, for one, at each call.
    """
    if a is b:
        return True
    held = getattr(a, "__dict__", None)
    if type(a) is not type(b) or not held:
        return False
    return all(type(one) in PLAIN for one in held.values()) and same(held, b.__dict__)


def same(a: Any, b: Any) -> bool:
    """Say whether two arguments of steps are alike."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(value, b[key]) for key, value in a.items())
    try:
        return bool(a == b) or (a != a and b != b)
    except Exception:  # an object with comparisons of its own
        return False
