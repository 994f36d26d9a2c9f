"""Arrays of random numbers, equal to PyTorch's CPU draws bit for bit.

Every function takes the `Generator` first and draws as many words as PyTorch's kernel does, so
that the next draw continues where PyTorch's would. The results are NumPy arrays, contiguous;
messages are PyTorch's.
"""

from .continuous import (
    cauchy,
    exponential,
    log_normal,
    normal,
    normal_around,
    truncated_normal,
    uniform,
)
from .discrete import bernoulli, bernoulli_mask, geometric, multinomial
from .integers import integers, permutation, random
from .rejection import binomial, dirichlet, poisson, standard_gamma

__all__ = [
    "bernoulli",
    "bernoulli_mask",
    "binomial",
    "cauchy",
    "dirichlet",
    "exponential",
    "geometric",
    "integers",
    "log_normal",
    "multinomial",
    "normal",
    "normal_around",
    "permutation",
    "poisson",
    "random",
    "standard_gamma",
    "truncated_normal",
    "uniform",
]
