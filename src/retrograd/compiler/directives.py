"""Directives: what a program tells PyTorch's compiler, as far as it means something here."""

from __future__ import annotations

import functools
from types import TracebackType
from typing import Any

import numpy as np

from ..tensor import Tensor
from .function import stance

STANCES = (
    "default", "eager_then_compile", "aot_eager_then_compile", "force_eager",
    "eager_on_recompile", "fail_on_recompile",
)  # fmt: skip


class set_stance:
    """Say for all compiled functions whether they replay and record; also a context or decorator.

    Parameters
    ----------
    stance : str
        "default"; "force_eager": run as if nothing was compiled; "eager_on_recompile": replay what
        is recorded, and run the rest eagerly; "fail_on_recompile": raise there.  The two that run
        eagerly first are the default here, which does so anyway.
    skip_guard_eval_unsafe, force_backend : optional
        Accepted.

    Examples
    --------
    >>> import retrograd as torch
    >>> @torch.compile
    ... def double(x):
    ...     return 2 * x
    >>> with torch.compiler.set_stance("force_eager"):
    ...     double(torch.ones(1))
    tensor([2.])
    """

    def __init__(
        self,
        stance: str = "default",
        *,
        skip_guard_eval_unsafe: bool = False,
        force_backend: Any = None,
    ) -> None:
        if stance not in STANCES:
            raise RuntimeError(f"invalid torch.compile stance '{stance}', use: {STANCES}")
        self.name = stance
        self.before = _put(stance)

    def __enter__(self) -> None:
        _put(self.name)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _put(self.before)

    def __call__(self, function: Any) -> Any:
        _put(self.before)  # a decorator changes nothing outside of what it decorates

        @functools.wraps(function)
        def standing(*args: Any, **settings: Any) -> Any:
            before = _put(self.name)
            try:
                return function(*args, **settings)
            finally:
                _put(before)

        return standing


def _put(name: str) -> str:
    before = stance.name
    stance.name = name
    stance.eager = name == "force_eager"
    return before


def allow_in_graph(fn: Any) -> Any:
    """Return a function, or each of several, as it is: what it does to tensors is recorded."""
    if isinstance(fn, (list, tuple)):
        return [allow_in_graph(one) for one in fn]
    if not callable(fn):
        raise AssertionError("allow_in_graph expects a callable")
    return fn


def assume_constant_result(fn: Any) -> Any:
    """Return a function as it is: what it depends on is guarded, so its result is always right."""
    return fn


def substitute_in_graph(
    original_fn: Any,
    *,
    can_constant_fold_through: bool = False,
    skip_signature_check: bool = False,
) -> Any:
    """Return a decorator that hands its function back: the original itself is recorded."""
    if not callable(original_fn):
        raise TypeError(f"substitute_in_graph expects a function but got {type(original_fn)!r}")
    return lambda traceable_fn: traceable_fn


def nested_compile_region(fn: Any = None, **settings: Any) -> Any:
    """Return a function as it is: records know no regions."""
    return (lambda given: given) if fn is None else fn


def cudagraph_mark_step_begin() -> None:
    """Do nothing: results of replays are never written over."""


def is_exporting() -> bool:
    """Say whether PyTorch's exporter runs, which it never does here."""
    return False


def wrap_numpy(fn: Any) -> Any:
    """Return a function of NumPy arrays that runs on tensors, so that it can be recorded.

    Examples
    --------
    >>> import numpy as np
    >>> import retrograd as torch
    >>> torch.compiler.wrap_numpy(lambda x: np.square(x) + 1)(torch.ones(2))
    tensor([2., 2.])
    """

    @functools.wraps(fn)
    def wrapped(*args: Any, **settings: Any) -> Any:
        return _as_tensors(fn(*args, **settings))

    return wrapped


def _as_tensors(result: Any) -> Any:
    if isinstance(result, (np.ndarray, np.generic)):
        return Tensor(np.asarray(result))
    if type(result) in (list, tuple):
        return type(result)(_as_tensors(one) for one in result)
    return result
