"""torch.special: the functions that operations and fronts register under that name."""

from ._core.public import functions as _functions

globals().update(
    {name.partition(".")[2]: f for name, f in _functions.items() if name.startswith("special.")}
)
