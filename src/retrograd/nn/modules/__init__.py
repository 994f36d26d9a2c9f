"""`torch.nn.modules`: the classes of `torch.nn` under the names of PyTorch's files.

Programs say ``torch.nn.modules.loss._Loss`` or ``torch.nn.modules.conv._ConvNd``.  The files
of retrograd are cut otherwise, so each of PyTorch's is a module here that looks names up among
all of `nn`.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

from ..._missing import missing_name
from . import module as module

_HERE = __name__
_NN = _HERE.rpartition(".")[0]

# PyTorch's files, but for `module`, which is one here too.
_FILES = """
    activation adaptive batchnorm channelshuffle container conv distance dropout flatten fold
    instancenorm lazy linear linear_cross_entropy linear_cross_entropy_options loss normalization
    padding pixelshuffle pooling rnn sparse transformer upsampling utils
    """.split()  # noqa: SIM905


def _find(asking: str, name: str) -> Any:
    """Return what `nn`, or else a file of it, knows by this name."""
    if not name.startswith("__"):
        for place in [_NN, *[known for known in sys.modules if known.startswith(_NN + ".")]]:
            if not place.startswith(_HERE):
                found = vars(sys.modules[place]).get(name)
                if isinstance(found, type) or (callable(found) and name.startswith("_")):
                    return found
    raise missing_name(asking, name)


def __getattr__(name: str) -> Any:
    return _find(_HERE, name)


def _file(name: str) -> ModuleType:
    made = ModuleType(f"{_HERE}.{name}", f"`torch.nn.modules.{name}`: names of `nn`.")
    made.__getattr__ = lambda asked: _find(made.__name__, asked)  # type: ignore[method-assign]
    sys.modules[made.__name__] = made
    return made


globals().update({name: _file(name) for name in _FILES})


def _ntuple(count: int) -> Any:
    """Return a function that repeats a number `count` times, and makes sequences tuples."""

    def parse(x: Any) -> tuple[Any, ...]:
        return tuple(x) if hasattr(x, "__iter__") else (x,) * count

    return parse


for _count, _name in enumerate(("_single", "_pair", "_triple", "_quadruple"), start=1):
    setattr(sys.modules[_HERE + ".utils"], _name, _ntuple(_count))
sys.modules[_HERE + ".utils"]._ntuple = _ntuple  # type: ignore[attr-defined]
