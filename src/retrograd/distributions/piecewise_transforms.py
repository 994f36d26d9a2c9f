"""Transforms of the pieces of an axis, and by a distribution function."""

from __future__ import annotations

from .._core.public import functions
from . import constraints
from .transform import Transform
from .utils import sum_rightmost

__all__ = ["CatTransform", "CumulativeDistributionTransform", "StackTransform"]


class CatTransform(Transform):
    """Transforms of consecutive pieces of one axis.

    Parameters
    ----------
    tseq : sequence of Transform
    dim : int
    lengths : sequence of int, optional
        Of the pieces: 1 each by default.
    """

    def __init__(self, tseq, dim=0, lengths=None, cache_size=0):
        super().__init__(cache_size=cache_size)
        self.transforms = [one.with_cache(cache_size) if cache_size else one for one in tseq]
        self.lengths = [1] * len(self.transforms) if lengths is None else list(lengths)
        self.dim = dim

    @property
    def event_dim(self):
        return max(one.event_dim for one in self.transforms)

    @property
    def length(self):
        """The length of the axis."""
        return sum(self.lengths)

    @property
    def bijective(self):
        return all(one.bijective for one in self.transforms)

    @constraints.dependent_property
    def domain(self):
        return constraints.cat([one.domain for one in self.transforms], self.dim, self.lengths)

    @constraints.dependent_property
    def codomain(self):
        return constraints.cat([one.codomain for one in self.transforms], self.dim, self.lengths)

    def with_cache(self, cache_size=1):
        if self._cache_size == cache_size:
            return self
        return CatTransform(self.transforms, self.dim, self.lengths, cache_size)

    def _pieces(self, value):
        start = 0
        for transform, length in zip(self.transforms, self.lengths, strict=True):
            yield transform, value.narrow(self.dim, start, length)
            start += length

    def _call(self, x):
        return functions["cat"]([one(piece) for one, piece in self._pieces(x)], dim=self.dim)

    def _inverse(self, y):
        return functions["cat"]([one.inv(piece) for one, piece in self._pieces(y)], dim=self.dim)

    def log_abs_det_jacobian(self, x, y):
        terms = []
        for (one, before), (_, after) in zip(self._pieces(x), self._pieces(y), strict=True):
            own = one.log_abs_det_jacobian(before, after)
            terms.append(sum_rightmost(own, self.event_dim - one.event_dim))
        dim = self.dim - x.dim() if self.dim >= 0 else self.dim
        dim += self.event_dim
        return functions["cat"](terms, dim=dim) if dim < 0 else sum(terms)


class StackTransform(Transform):
    """Transforms of the slices of one axis."""

    def __init__(self, tseq, dim=0, cache_size=0):
        super().__init__(cache_size=cache_size)
        self.transforms = [one.with_cache(cache_size) if cache_size else one for one in tseq]
        self.dim = dim

    @property
    def bijective(self):
        return all(one.bijective for one in self.transforms)

    @constraints.dependent_property
    def domain(self):
        return constraints.stack([one.domain for one in self.transforms], self.dim)

    @constraints.dependent_property
    def codomain(self):
        return constraints.stack([one.codomain for one in self.transforms], self.dim)

    def with_cache(self, cache_size=1):
        if self._cache_size == cache_size:
            return self
        return StackTransform(self.transforms, self.dim, cache_size)

    def _slices(self, value):
        return [value.select(self.dim, place) for place in range(value.size(self.dim))]

    def _call(self, x):
        made = [one(piece) for one, piece in zip(self.transforms, self._slices(x), strict=True)]
        return functions["stack"](made, dim=self.dim)

    def _inverse(self, y):
        made = [one.inv(piece) for one, piece in zip(self.transforms, self._slices(y), strict=True)]
        return functions["stack"](made, dim=self.dim)

    def log_abs_det_jacobian(self, x, y):
        pairs = zip(self.transforms, self._slices(x), self._slices(y), strict=True)
        terms = [one.log_abs_det_jacobian(before, after) for one, before, after in pairs]
        return functions["stack"](terms, dim=self.dim)


class CumulativeDistributionTransform(Transform):
    """y = F(x) of a distribution with numbers as events."""

    bijective = True
    codomain = constraints.unit_interval
    sign = +1

    def __init__(self, distribution, cache_size=0):
        super().__init__(cache_size=cache_size)
        self.distribution = distribution

    @property
    def domain(self):
        return self.distribution.support

    def with_cache(self, cache_size=1):
        if self._cache_size == cache_size:
            return self
        return CumulativeDistributionTransform(self.distribution, cache_size=cache_size)

    def _call(self, x):
        return self.distribution.cdf(x)

    def _inverse(self, y):
        return self.distribution.icdf(y)

    def log_abs_det_jacobian(self, x, y):
        return self.distribution.log_prob(x)
