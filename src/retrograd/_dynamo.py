"""torch._dynamo: what scripts set or call at their top, as far as it means something here."""

from __future__ import annotations

import types
from typing import Any

from .compiler import allow_in_graph as allow_in_graph
from .compiler import assume_constant_result as assume_constant_result
from .compiler import compile as compiled
from .compiler import disable as disable
from .compiler import explain as explain
from .compiler import is_compiling as is_compiling
from .compiler import list_backends as list_backends
from .compiler import reset as reset

# Settings are taken, and decide nothing.
config = types.SimpleNamespace(
    suppress_errors=False, verbose=False, recompile_limit=8, cache_size_limit=8,
    accumulated_cache_size_limit=256, capture_scalar_outputs=False,
    capture_dynamic_output_shape_ops=False, assume_static_by_default=True,
    automatic_dynamic_shapes=True, optimize_ddp=True, error_on_recompile=False,
)  # fmt: skip


def optimize(backend: Any = "inductor", *, nopython: bool = False, **settings: Any) -> Any:
    """Return a decorator that compiles."""
    return compiled(backend=backend, fullgraph=nopython)


def mark_dynamic(t: Any, index: Any, **settings: Any) -> None:
    """Do nothing: each shape is recorded by itself."""


def mark_static(t: Any, index: Any = None) -> None:
    """Do nothing: shapes are static."""


def graph_break(msg: str = "") -> None:
    """Do nothing: records end where they must."""


def __getattr__(name: str) -> Any:
    from ._missing import missing_name

    raise missing_name(__name__, name)
