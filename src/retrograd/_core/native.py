"""What the compiled core needs from interpreted Python; never compiled itself.

mypyc reads ``mypyc_attr`` while it compiles; at run time the decorator does nothing, so the
pure-Python build has its own do-nothing copy and no dependency.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_extensions import mypyc_attr as mypyc_attr
else:

    def mypyc_attr(*names, **settings):
        """Return a decorator that hands its class back."""
        return lambda cls: cls


def _bare() -> None:
    """Stand for every function whose body is only a docstring."""


# The bytecode of such a function: `@op` knows by it that the NumPy function named is the kernel.
BARE_CODE = _bare.__code__.co_code


class Weakly:
    """Interpreted base of the compiled value and node classes.

    A class that mypyc compiles gets ``__dict__`` and ``__weakref__`` only when it inherits from
    an interpreted class; PyTorch programs put attributes of their own on tensors and hold them
    weakly.  This file is therefore never compiled.  Cost: none (measured, 25 ns a new value).
    """


_named: dict[Any, Any] = {}


def under_own_name(node: Any) -> Any:
    """Return a node, its class now named as PyTorch names it: ``type(y.grad_fn).__name__``.

    Recording makes every node of one compiled class, which is fast; the class with the name is
    given to the node only when somebody looks at it.
    """
    name = node.name()
    kind = type(node)
    if kind.__name__ == name or "::" in name:
        return node
    named = _named.get((kind, name))
    if named is None:
        named = type(name, (kind,), {"__slots__": (), "__module__": kind.__module__})
        _named[(kind, name)] = named
    node.__class__ = named
    return node
