"""`ExponentialFamily`: densities exp(t(x) . theta - F(theta) + k(x))."""

from __future__ import annotations

from ..autograd import grad
from .distribution import Distribution
from .utils import sum_rightmost

__all__ = ["ExponentialFamily"]


class ExponentialFamily(Distribution):
    """A distribution of the exponential family, whose entropy follows from its normaliser.

    A subclass has `_natural_params` (theta), `_log_normalizer` (F) and `_mean_carrier_measure`
    (the mean of k).
    """

    @property
    def _natural_params(self):
        raise NotImplementedError

    def _log_normalizer(self, *natural_params):
        raise NotImplementedError

    @property
    def _mean_carrier_measure(self):
        raise NotImplementedError

    def entropy(self):
        """Return F - theta . dF/dtheta minus the mean of k (Nielsen and Nock 2010)."""
        natural = [one.detach().requires_grad_() for one in self._natural_params]
        normaliser = self._log_normalizer(*natural)
        slopes = grad(normaliser.sum(), natural, create_graph=True)
        result = normaliser - self._mean_carrier_measure
        for parameter, slope in zip(natural, slopes, strict=True):
            product = parameter * slope
            result = result - sum_rightmost(product, product.dim() - len(self._batch_shape))
        return result
