"""The tables of a module's parameters, buffers and children.

Note [Members are attributes].  In PyTorch a parameter lives in `module._parameters` alone, and
``module.weight`` finds it through ``__getattr__`` after an ordinary lookup has failed: 0.35 us each
time, a third of what recording an operation costs.  Here each of the three tables also writes what
it holds into the module's ``__dict__``, where the ordinary lookup finds it in 0.02 us.  Programs
may write into the tables directly, as many do; the attributes follow.  A name that the class
itself defines is not written, so the class's attribute is found first, as in PyTorch.
"""

from __future__ import annotations

import weakref
from typing import Any

from .._core.checking import module_writes as writes

_MISSING = object()


class Members(dict[str, Any]):
    """A dictionary whose entries are also attributes of the module that owns it."""

    __slots__ = ("_owner",)

    def __init__(self, owner: Any, entries: Any = ()) -> None:
        super().__init__()
        self._owner = weakref.ref(owner)
        for name, value in dict(entries).items():
            self[name] = value

    def __setitem__(self, name: str, value: Any) -> None:
        super().__setitem__(name, value)
        writes.count += 1
        owner = self._owner()
        if owner is not None and not hasattr(type(owner), name):
            owner.__dict__[name] = value

    def __delitem__(self, name: str) -> None:
        value = self[name]
        super().__delitem__(name)
        writes.count += 1
        owner = self._owner()
        if owner is not None and owner.__dict__.get(name, _MISSING) is value:
            del owner.__dict__[name]

    def pop(self, name: str, *default: Any) -> Any:
        """Remove an entry and return it, or the default."""
        if name not in self:
            return super().pop(name, *default)
        value = self[name]
        del self[name]
        return value

    def popitem(self) -> tuple[str, Any]:
        """Remove and return the entry that was put in last."""
        name = next(reversed(self), _MISSING)
        if name is _MISSING:
            return super().popitem()
        return name, self.pop(name)

    def clear(self) -> None:
        """Remove every entry."""
        for name in list(self):
            del self[name]

    def update(self, *args: Any, **kwargs: Any) -> None:
        """Put entries in, as `dict.update` takes them."""
        for name, value in dict(*args, **kwargs).items():
            self[name] = value

    def setdefault(self, name: str, default: Any = None) -> Any:
        """Return an entry, put in first if it is missing."""
        if name not in self:
            self[name] = default
        return self[name]

    def __ior__(self, other: Any) -> Members:  # type: ignore[misc, override]
        self.update(other)
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        # Copies and pickles are plain dictionaries; `Module.__setstate__` makes tables of them.
        return dict, (dict(self),)
