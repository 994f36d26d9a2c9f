"""Gradients of an operation by way of its definition in smaller operations.

Note [Rules by composition].  A recurrent layer is one operation with a rule written for speed: it
fills buffers step by step, which tensors cannot.  When the backward itself is recorded
(``create_graph``), the rule is given tensors; it then records the layer's definition, a few lines
of small operations, and differentiates that.  So every order of derivative closes, and the
definition is what the tests hold the fast kernel against.
"""

from __future__ import annotations

from .._core.gradients import grad
from .._core.value import Value
from .shape import reshaped


def composed_gradients(definition, operands, grads, **settings):
    """Return the gradient of each operand of a composition, recorded; None where none is wanted.

    Parameters
    ----------
    definition : callable
        ``definition(*operands, **settings)`` computes the results from tensors.
    operands : tuple
        Tensors, arrays, or None.
    grads : tuple of Tensor
        The gradient of each result.
    """
    # One tensor may be two operands (tied weights): each gets a node of its own here.
    own = [
        reshaped(one, one.shape) if isinstance(one, Value) and one.requires else one
        for one in operands
    ]
    results = definition(*own, **settings)
    wanted = [one for one in own if isinstance(one, Value) and one.requires]
    pairs = [(r, g) for r, g in zip(results, grads) if isinstance(r, Value) and r.requires]
    roots = [root for root, _ in pairs]
    found = iter(grad(roots, [g for _, g in pairs], wanted, True, True))
    return tuple(
        [next(found) if isinstance(one, Value) and one.requires else None for one in own]
    )
