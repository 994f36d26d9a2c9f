"""The normal distribution of vectors with a covariance of low rank plus a diagonal."""

from __future__ import annotations

import math

from .._core.public import functions
from ..size import Size
from . import constraints
from .distribution import Distribution, standard_normal
from .multivariate_normal import log_diagonal
from .utils import lazy_property

__all__ = ["LowRankMultivariateNormal"]


class LowRankMultivariateNormal(Distribution):
    """Normal vectors of covariance ``cov_factor @ cov_factor.mT + cov_diag.diag_embed()``.

    The density takes the inverse of a matrix of the factor's rank only, by the matrix
    determinant lemma and the identity of Sherman, Morrison and Woodbury.

    Parameters
    ----------
    loc : Tensor
        The mean, (..., n).
    cov_factor : Tensor
        (..., n, rank).
    cov_diag : Tensor
        (..., n), positive.
    """

    arg_constraints = {
        "loc": constraints.real_vector,
        "cov_factor": constraints.independent(constraints.real, 2),
        "cov_diag": constraints.independent(constraints.positive, 1),
    }
    support = constraints.real_vector
    has_rsample = True

    def __init__(self, loc, cov_factor, cov_diag, validate_args=None):
        if loc.dim() < 1:
            raise ValueError("loc must be at least one-dimensional.")
        event = loc.shape[-1:]
        if cov_factor.dim() < 2:
            raise ValueError(
                "cov_factor must be at least two-dimensional, with optional leading batch "
                "dimensions"
            )
        if cov_factor.shape[-2:-1] != event:
            raise ValueError(f"cov_factor must be a batch of matrices with shape {event[0]} x m")
        if cov_diag.shape[-1:] != event:
            raise ValueError(f"cov_diag must be a batch of vectors with shape {event}")
        try:
            batch = functions["broadcast_shapes"](
                loc.shape[:-1], cov_factor.shape[:-2], cov_diag.shape[:-1]
            )
        except RuntimeError as error:
            raise ValueError(
                f"Incompatible batch shapes: loc {loc.shape}, cov_factor {cov_factor.shape}, "
                f"cov_diag {cov_diag.shape}"
            ) from error
        self.loc = loc.expand((*batch, -1))
        self.cov_factor = cov_factor.expand((*batch, -1, -1))
        self.cov_diag = cov_diag.expand((*batch, -1))
        self._unbroadcasted_cov_factor = cov_factor
        self._unbroadcasted_cov_diag = cov_diag
        self._capacitance_tril = _capacitance_tril(cov_factor, cov_diag)
        super().__init__(Size(batch), event, validate_args=validate_args)

    def expand(self, batch_shape, _instance=None):
        new = self._expanded(
            LowRankMultivariateNormal, batch_shape, _instance, loc=1, cov_factor=2, cov_diag=1
        )
        for name in ("_unbroadcasted_cov_factor", "_unbroadcasted_cov_diag", "_capacitance_tril"):
            setattr(new, name, getattr(self, name))
        return new

    def _whole(self, matrix):
        return matrix.expand(self._batch_shape + self._event_shape + self._event_shape)

    @property
    def mean(self):
        return self.loc

    @property
    def mode(self):
        return self.loc

    @lazy_property
    def variance(self):
        """The variance of each number."""
        squares = self._unbroadcasted_cov_factor.pow(2).sum(-1) + self._unbroadcasted_cov_diag
        return squares.expand(self._batch_shape + self._event_shape)

    @lazy_property
    def scale_tril(self):
        """The lower Cholesky factor of the covariance, by way of that of D^-1/2 C D^-1/2."""
        root = self._unbroadcasted_cov_diag.sqrt().unsqueeze(-1)
        factor = self._unbroadcasted_cov_factor / root
        inside = factor @ factor.mT
        inside = inside + inside.new_ones(inside.shape[-1]).diag_embed()
        return self._whole(root * functions["linalg.cholesky"](inside))

    @lazy_property
    def covariance_matrix(self):
        """The covariance."""
        factor = self._unbroadcasted_cov_factor
        return self._whole(factor @ factor.mT + self._unbroadcasted_cov_diag.diag_embed())

    @lazy_property
    def precision_matrix(self):
        """The inverse of the covariance."""
        factor, diagonal = self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag
        scaled = factor.mT / diagonal.unsqueeze(-2)
        solve = functions["linalg.solve_triangular"]
        solved = solve(self._capacitance_tril, scaled, upper=False)
        return self._whole(diagonal.reciprocal().diag_embed() - solved.mT @ solved)

    def rsample(self, sample_shape=()):
        shape = self._extended_shape(sample_shape)
        in_factor = standard_normal(self.loc, shape[:-1] + self.cov_factor.shape[-1:])
        own = standard_normal(self.loc, shape)
        along = (self._unbroadcasted_cov_factor @ in_factor.unsqueeze(-1)).squeeze(-1)
        return self.loc + along + self._unbroadcasted_cov_diag.sqrt() * own

    def log_prob(self, value):
        if self._validate_args:
            self._validate_sample(value)
        away = value - self.loc
        factor, diagonal = self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag
        distance = squared_distance(factor, diagonal, away, self._capacitance_tril)
        log_det = log_determinant(factor, diagonal, self._capacitance_tril)
        return -0.5 * (self._event_shape[0] * math.log(2 * math.pi) + log_det + distance)

    def entropy(self):
        log_det = log_determinant(
            self._unbroadcasted_cov_factor, self._unbroadcasted_cov_diag, self._capacitance_tril
        )
        entropy = 0.5 * (self._event_shape[0] * (1.0 + math.log(2 * math.pi)) + log_det)
        return entropy.expand(self._batch_shape) if self._batch_shape else entropy


def _capacitance_tril(factor, diagonal):
    """Return the Cholesky factor of 1 + W^T D^-1 W."""
    scaled = factor.mT / diagonal.unsqueeze(-2)
    inside = scaled @ factor
    return functions["linalg.cholesky"](inside + inside.new_ones(inside.shape[-1]).diag_embed())


def log_determinant(factor, diagonal, capacitance_tril):
    """Return the logarithm of the covariance's determinant."""
    return 2 * log_diagonal(capacitance_tril) + diagonal.log().sum(-1)


def squared_distance(factor, diagonal, away, capacitance_tril):
    """Return the squared Mahalanobis distance of vectors."""
    scaled = factor.mT / diagonal.unsqueeze(-2)
    projected = (scaled @ away.unsqueeze(-1)).squeeze(-1)
    own = (away.pow(2) / diagonal).sum(-1)
    solved = functions["linalg.solve_triangular"](
        capacitance_tril, projected.unsqueeze(-1), upper=False
    )
    return own - solved.squeeze(-1).pow(2).sum(-1)
