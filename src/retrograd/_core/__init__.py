"""The graph and its engine: plain typed Python that mypyc compiles where a C compiler is."""

from . import op as _op

compiled: bool = not _op.__file__.endswith(".py")
