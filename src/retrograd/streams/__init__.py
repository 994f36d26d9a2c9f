"""Arrays of random numbers, equal to PyTorch's CPU draws bit for bit.

Every function takes the `Generator` first and draws as many words as PyTorch's kernel does, so
that the next draw continues where PyTorch's would. The results are NumPy arrays, contiguous;
messages are PyTorch's.
"""

from .._core.traced import traced
from . import continuous, discrete, integers as integers_, rejection

# In a trace, a draw is one entry that is repeated at every replay.
bernoulli = traced(discrete.bernoulli)
bernoulli_mask = traced(discrete.bernoulli_mask)
binomial = traced(rejection.binomial)
cauchy = traced(continuous.cauchy)
dirichlet = traced(rejection.dirichlet)
exponential = traced(continuous.exponential)
geometric = traced(discrete.geometric)
integers = traced(integers_.integers)
log_normal = traced(continuous.log_normal)
multinomial = traced(discrete.multinomial)
normal = traced(continuous.normal)
normal_around = traced(continuous.normal_around)
permutation = traced(integers_.permutation)
poisson = traced(rejection.poisson)
random = traced(integers_.random)
standard_gamma = traced(rejection.standard_gamma)
truncated_normal = traced(continuous.truncated_normal)
uniform = traced(continuous.uniform)

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
