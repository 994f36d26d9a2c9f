"""Complex gradients of operations whose rules are written for real numbers.

Note [Complex gradients].  PyTorch's gradient of a holomorphic f is ``g * conj(f'(x))``.  Rules
say ``g * f'(x)``; as they are linear in g, ``conj(rule(conj(g)))`` is the complex gradient.  A
look at a dtype would cost every rule of every real program, so the rules are wrapped the first
time that complex numbers enter a graph, by `expect_complex`: with a complex leaf, with a cast
to a complex dtype, or with an operation that makes complex numbers of real ones.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

_operations: Final[list[Any]] = []
_expected: Final[list[bool]] = []


def holomorphic(op: Any) -> Any:
    """Mark an operation whose rules, conjugated, are right for complex numbers too."""
    _operations.append(op)
    return op


def expect_complex() -> None:
    """Wrap the rules of the marked operations, once; to be called before a complex backward."""
    if _expected:
        return
    _expected.append(True)
    for op in _operations:
        for rule in op.rules:
            rule.function = _conjugated(rule.function)
        for plan in op.plans.values():
            for call in plan.calls:
                call.function = _conjugated(call.function)


def _conjugated(rule: Any) -> Any:
    def conjugated_rule(g: Any, *needs: Any) -> Any:
        if getattr(g, "array", g).dtype.kind != "c":
            return rule(g, *needs)
        return np.conjugate(rule(np.conjugate(g), *needs))

    conjugated_rule.__name__ = rule.__name__
    return conjugated_rule
