"""AnyModule: by which the compiler knows a module of nn, without importing all of nn."""

from __future__ import annotations


class AnyModule:
    """Base of `nn.Module`, and of nothing else."""

    # Whether a call has to look for hooks: an attribute of the instance once it had one, of the
    # class once every module has.
    _hooked: bool = False
