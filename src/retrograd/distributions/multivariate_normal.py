"""The normal distribution of vectors."""

from __future__ import annotations

import math

from .._core.public import functions
from ..creation import eye
from ..size import Size
from . import constraints
from .distribution import Distribution, standard_normal
from .utils import lazy_property

__all__ = ["MultivariateNormal"]


def squared_distance(scale_tril, difference):
    """Return the squared Mahalanobis distance.  (*B, n, n), (*S, n) -> broadcast of *B and *S"""
    size = difference.shape[-1]
    batch = functions["broadcast_shapes"](difference.shape[:-1], scale_tril.shape[:-2])
    rows = difference.expand((*batch, size)).unsqueeze(-1)
    solved = functions["linalg.solve_triangular"](scale_tril, rows, upper=False)
    return solved.squeeze(-1).pow(2).sum(-1)


def lower_factor_of_inverse(precision):
    """Return the Cholesky factor of the inverse of a matrix.

    With P = M^T M for the reversed order of rows, the factor is M^-1 in the order given.
    """
    reversed_factor = functions["linalg.cholesky"](precision.flip((-2, -1)))
    upper = reversed_factor.flip((-2, -1)).mT
    identity = eye(precision.shape[-1], dtype=precision.dtype)
    return functions["linalg.solve_triangular"](upper, identity, upper=False)


def log_diagonal(triangle):
    """Return half of the logarithm of the determinant of L L^T.  (*S, n, n) -> (*S)"""
    return triangle.diagonal(dim1=-2, dim2=-1).log().sum(-1)


class MultivariateNormal(Distribution):
    """Normal vectors.

    Parameters
    ----------
    loc : Tensor
        The mean, (..., n).
    covariance_matrix, precision_matrix, scale_tril : Tensor, optional
        One of them, (..., n, n): the covariance, its inverse or its lower Cholesky factor, which
        is the cheapest.
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "covariance_matrix": constraints.positive_definite,
        "precision_matrix": constraints.positive_definite,
        "scale_tril": constraints.lower_cholesky,
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(
        self,
        loc,
        covariance_matrix=None,
        precision_matrix=None,
        scale_tril=None,
        validate_args=None,
    ):
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        given = {
            "scale_tril": scale_tril,
            "covariance_matrix": covariance_matrix,
            "precision_matrix": precision_matrix,
        }
        given = {name: value for name, value in given.items() if value is not None}
        if len(given) != 1:
            raise ValueError(
                "Exactly one of covariance_matrix or precision_matrix or scale_tril may be "
                "specified."
            )
        ((name, matrix),) = given.items()
        if matrix.dim() < 2:
            text = "scale_tril matrix" if name == "scale_tril" else name
            raise ValueError(
                f"{text} must be at least two-dimensional, with optional leading batch dimensions"
            )
        batch = functions["broadcast_shapes"](matrix.shape[:-2], loc.shape[:-1])
        setattr(self, name, matrix.expand((*batch, -1, -1)))
        self.loc = loc.expand((*batch, -1))
        super().__init__(Size(batch), self.loc.shape[-1:], validate_args=validate_args)
        if scale_tril is not None:
            self._unbroadcasted_scale_tril = scale_tril
        elif covariance_matrix is not None:
            self._unbroadcasted_scale_tril = functions["linalg.cholesky"](covariance_matrix)
        else:
            self._unbroadcasted_scale_tril = lower_factor_of_inverse(precision_matrix)

    def expand(self, batch_shape, _instance=None):
        new = self._expanded(
            MultivariateNormal, batch_shape, _instance,
            loc=1, covariance_matrix=2, precision_matrix=2, scale_tril=2,
        )  # fmt: skip
        new._unbroadcasted_scale_tril = self._unbroadcasted_scale_tril
        return new

    def _whole(self, matrix):
        size = self._event_shape[0]
        return matrix.expand((*self._batch_shape, size, size))

    @lazy_property
    def scale_tril(self):
        """The lower Cholesky factor of the covariance."""
        return self._whole(self._unbroadcasted_scale_tril)

    @lazy_property
    def covariance_matrix(self):
        """The covariance."""
        factor = self._unbroadcasted_scale_tril
        return self._whole(factor @ factor.mT)

    @lazy_property
    def precision_matrix(self):
        """The inverse of the covariance."""
        return self._whole(functions["cholesky_inverse"](self._unbroadcasted_scale_tril))

    @property
    def mean(self):
        return self.loc

    @property
    def mode(self):
        return self.loc

    @property
    def variance(self):
        squares = self._unbroadcasted_scale_tril.pow(2).sum(-1)
        return squares.expand(self._batch_shape + self._event_shape)

    def rsample(self, sample_shape=()):
        drawn = standard_normal(self.loc, self._extended_shape(sample_shape))
        return self.loc + (self._unbroadcasted_scale_tril @ drawn.unsqueeze(-1)).squeeze(-1)

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        distance = squared_distance(self._unbroadcasted_scale_tril, value - self.loc)
        constant = self._event_shape[0] * math.log(2 * math.pi)
        return -0.5 * (constant + distance) - log_diagonal(self._unbroadcasted_scale_tril)

    def entropy(self):
        half = log_diagonal(self._unbroadcasted_scale_tril)
        entropy = 0.5 * self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + half
        return entropy.expand(self._batch_shape) if self._batch_shape else entropy
