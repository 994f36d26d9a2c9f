"""Complex gradients of operations whose rules are written for real numbers.

Note [Complex gradients].  PyTorch's gradient of a holomorphic f is ``g * conj(f'(x))``.  Rules
say ``g * f'(x)``; as they are linear in g, ``conj(rule(conj(g)))`` is the complex gradient.  A
look at a dtype would cost every rule of every real program, so the rules are wrapped the first
time that complex numbers turn up in a graph, by `expect_complex`.
"""

from __future__ import annotations

import numpy as np

_operations = []
_expected = []


def holomorphic(op):
    """Mark an operation whose rules, conjugated, are right for complex numbers too."""
    _operations.append(op)
    return op


def expect_complex():
    """Wrap the rules of the marked operations, once; to be called before complex backwards."""
    if _expected:
        return
    _expected.append(True)
    for op in _operations:
        for rule in op.rules:
            rule.function = _conjugated(rule.function)
        for plan in op.plans.values():
            for call in plan.calls:
                call.function = _conjugated(call.function)


def _conjugated(rule):
    def conjugated_rule(g, *needs):
        if getattr(g, "array", g).dtype.kind != "c":
            return rule(g, *needs)
        return np.conjugate(rule(np.conjugate(g), *needs))

    conjugated_rule.__name__ = rule.__name__
    return conjugated_rule
