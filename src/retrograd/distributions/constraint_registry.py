"""`biject_to` and `transform_to`: from all real numbers to those that satisfy a constraint."""

from __future__ import annotations

from numbers import Number

from . import constraints
from .elementwise_transforms import AffineTransform, ExpTransform, SigmoidTransform
from .matrix_transforms import LowerCholeskyTransform, PositiveDefiniteTransform
from .piecewise_transforms import CatTransform, StackTransform
from .simplex_transforms import SoftmaxTransform, StickBreakingTransform
from .transform import ComposeTransform, IndependentTransform, identity_transform

__all__ = ["ConstraintRegistry", "biject_to", "transform_to"]


class ConstraintRegistry:
    """From a constraint to a transform whose codomain it is."""

    def __init__(self):
        self._registry = {}

    def register(self, constraint, factory=None):
        """Register a factory for a class of constraints; without one, return a decorator."""
        if factory is None:
            return lambda given: self.register(constraint, given)
        if isinstance(constraint, constraints.Constraint):
            constraint = type(constraint)
        if not isinstance(constraint, type) or not issubclass(constraint, constraints.Constraint):
            raise TypeError(
                "Expected constraint to be either a Constraint subclass or instance, but got "
                f"{constraint}"
            )
        self._registry[constraint] = factory
        return factory

    def __call__(self, constraint):
        """Return the transform of a constraint."""
        factory = self._registry.get(type(constraint))
        if factory is None:
            raise NotImplementedError(f"Cannot transform {type(constraint).__name__} constraints")
        return factory(constraint)


biject_to = ConstraintRegistry()
transform_to = ConstraintRegistry()


def _both(*kinds):
    def register(factory):
        for kind in kinds:
            biject_to.register(kind, factory)
            transform_to.register(kind, factory)
        return factory

    return register


@_both(constraints.real)
def _real(constraint):
    return identity_transform


@_both(constraints.greater_than, constraints.greater_than_eq)
def _above(constraint):
    return ComposeTransform([ExpTransform(), AffineTransform(constraint.lower_bound, 1)])


@_both(constraints.less_than)
def _below(constraint):
    return ComposeTransform([ExpTransform(), AffineTransform(constraint.upper_bound, -1)])


@_both(constraints.interval, constraints.half_open_interval)
def _between(constraint):
    low, high = constraint.lower_bound, constraint.upper_bound
    if isinstance(low, Number) and isinstance(high, Number) and (low, high) == (0, 1):
        return SigmoidTransform()
    return ComposeTransform([SigmoidTransform(), AffineTransform(low, high - low)])


@biject_to.register(constraints.independent)
def _independent(constraint):
    base = biject_to(constraint.base_constraint)
    return IndependentTransform(base, constraint.reinterpreted_batch_ndims)


@transform_to.register(constraints.independent)
def _independent_surjection(constraint):
    base = transform_to(constraint.base_constraint)
    return IndependentTransform(base, constraint.reinterpreted_batch_ndims)


@biject_to.register(constraints.simplex)
def _sticks(constraint):
    return StickBreakingTransform()


@transform_to.register(constraints.simplex)
def _shares(constraint):
    return SoftmaxTransform()


@transform_to.register(constraints.lower_cholesky)
def _triangle(constraint):
    return LowerCholeskyTransform()


transform_to.register(constraints.positive_definite, lambda _: PositiveDefiniteTransform())
transform_to.register(constraints.positive_semidefinite, lambda _: PositiveDefiniteTransform())


@biject_to.register(constraints.cat)
def _cat(constraint):
    parts = [biject_to(one) for one in constraint.cseq]
    return CatTransform(parts, constraint.dim, constraint.lengths)


@transform_to.register(constraints.cat)
def _cat_surjection(constraint):
    parts = [transform_to(one) for one in constraint.cseq]
    return CatTransform(parts, constraint.dim, constraint.lengths)


@biject_to.register(constraints.stack)
def _stack(constraint):
    return StackTransform([biject_to(one) for one in constraint.cseq], constraint.dim)


@transform_to.register(constraints.stack)
def _stack_surjection(constraint):
    return StackTransform([transform_to(one) for one in constraint.cseq], constraint.dim)
