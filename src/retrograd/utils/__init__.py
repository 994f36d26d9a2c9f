"""What surrounds training: datasets and loaders (`data`), recomputation (`checkpoint`)."""

from .._missing import missing_name as _missing_name

# Loaded when first used.
_lazy = ("checkpoint", "data")


def __getattr__(name):
    if name in _lazy:
        from importlib import import_module

        try:
            return import_module(f"{__name__}.{name}")
        except ModuleNotFoundError as error:
            if error.name != f"{__name__}.{name}":
                raise
    raise _missing_name(__name__, name)
