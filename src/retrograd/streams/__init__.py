"""Arrays of random numbers, equal to PyTorch's CPU draws bit for bit.

Every function takes the `Generator` first and draws as many words as PyTorch's kernel does, so
that the next draw continues where PyTorch's would. The results are NumPy arrays, contiguous;
messages are PyTorch's.
"""

from .continuous import cauchy as cauchy
from .continuous import exponential as exponential
from .continuous import log_normal as log_normal
from .continuous import normal as normal
from .continuous import normal_around as normal_around
from .continuous import truncated_normal as truncated_normal
from .continuous import uniform as uniform
from .discrete import bernoulli as bernoulli
from .discrete import bernoulli_mask as bernoulli_mask
from .discrete import geometric as geometric
from .discrete import multinomial as multinomial
from .integers import integers as integers
from .integers import permutation as permutation
from .integers import random as random
from .rejection import binomial as binomial
from .rejection import dirichlet as dirichlet
from .rejection import poisson as poisson
from .rejection import standard_gamma as standard_gamma
