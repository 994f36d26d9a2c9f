"""Random tensors: PyTorch's numbers for the same seed.

The streams themselves are in `streams`; here they meet tensors, shapes and dtypes.
"""

from __future__ import annotations

import numpy as np

from . import inplace, streams
from ._core.promotion import defaults
from ._core.value import Value
from .creation import _leaf, _sizes
from .device import check_device
from .dtypes import to_numpy
from .generator import Generator as _Stream
from .tensor import Tensor, wrap


class Generator(_Stream):
    """A stream of random numbers with PyTorch's interface.

    Examples
    --------
    >>> import retrograd as torch
    >>> torch.rand(2, generator=torch.Generator().manual_seed(0))
    tensor([0.4963, 0.7682])
    """

    __slots__ = ()

    def get_state(self):
        """Return the state as a uint8 tensor in PyTorch's layout."""
        return wrap(np.frombuffer(self.get_state_bytes(), np.uint8).copy())

    def set_state(self, new_state):
        """Take over a state that `get_state` (or PyTorch's) returned."""
        if not isinstance(new_state, Value):
            raise TypeError(f"expected a torch.ByteTensor, but got {type(new_state).__name__}")
        self.set_state_bytes(new_state.array.tobytes())
        return self


default_generator = Generator()


def manual_seed(seed):
    """Start the default stream of `seed`, and return its generator."""
    return default_generator.manual_seed(int(seed))


def seed():
    """Start the default stream of a seed from the operating system, and return that."""
    return default_generator.seed()


def initial_seed():
    """Return the seed of the default stream."""
    return default_generator.initial_seed()


def get_rng_state():
    """Return the state of the default stream."""
    return default_generator.get_state()


def set_rng_state(new_state):
    """Set the state of the default stream."""
    default_generator.set_state(new_state)


def _shape(size, given, function):
    return _sizes(given.get("size", size), function)


def _made(array, out, requires_grad):
    if out is not None:
        out.receive(wrap(array))
        return out
    return _leaf(array, requires_grad)


def rand(*size, generator=None, out=None, dtype=None, layout=None, device=None,
         requires_grad=False, pin_memory=False, names=None, **given):  # fmt: skip
    """Return numbers uniform on [0, 1)."""
    check_device(device)
    shape = _shape(size, given, "rand")
    numpy_dtype = defaults.floating if dtype is None else to_numpy(dtype, "rand")
    array = streams.uniform(generator or default_generator, shape, numpy_dtype)
    return _made(array, out, requires_grad)


def randn(*size, generator=None, out=None, dtype=None, layout=None, device=None,
          requires_grad=False, pin_memory=False, names=None, **given):  # fmt: skip
    """Return numbers of the normal distribution with mean 0 and variance 1."""
    check_device(device)
    shape = _shape(size, given, "randn")
    numpy_dtype = defaults.floating if dtype is None else to_numpy(dtype, "randn")
    array = streams.normal(generator or default_generator, shape, numpy_dtype)
    return _made(array, out, requires_grad)


def randint(low, high=None, size=None, *, generator=None, out=None, dtype=None, layout=None,
            device=None, requires_grad=False):  # fmt: skip
    """Return integers from `low` up to, not including, `high`: ``randint(10, (3,))``."""
    check_device(device)
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    numpy_dtype = np.dtype(np.int64) if dtype is None else to_numpy(dtype, "randint")
    shape = _sizes((size,), "randint")
    array = streams.integers(
        generator or default_generator, shape, int(low), int(high), numpy_dtype
    )
    return _made(array, out, requires_grad)


def randperm(n, *, generator=None, out=None, dtype=None, layout=None, device=None,
             requires_grad=False, pin_memory=False):  # fmt: skip
    """Return the integers below `n` in random order."""
    check_device(device)
    numpy_dtype = np.dtype(np.int64) if dtype is None else to_numpy(dtype, "randperm")
    array = streams.permutation(generator or default_generator, n, numpy_dtype)
    return _made(array, out, requires_grad)


def _like_dtype(input, dtype):
    return input.get_dtype() if dtype is None else to_numpy(dtype)


def rand_like(input, *, generator=None, dtype=None, layout=None, device=None,
              requires_grad=False, memory_format=None):  # fmt: skip
    """Return uniform numbers with the shape and dtype of `input`."""
    array = streams.uniform(
        generator or default_generator, input.get_shape(), _like_dtype(input, dtype)
    )
    return _leaf(array, requires_grad)


def randn_like(input, *, generator=None, dtype=None, layout=None, device=None,
               requires_grad=False, memory_format=None):  # fmt: skip
    """Return normal numbers with the shape and dtype of `input`."""
    array = streams.normal(
        generator or default_generator, input.get_shape(), _like_dtype(input, dtype)
    )
    return _leaf(array, requires_grad)


def randint_like(input, low, high=None, *, generator=None, dtype=None, layout=None, device=None,
                 requires_grad=False, memory_format=None):  # fmt: skip
    """Return random integers with the shape and dtype of `input`."""
    if high is None:
        low, high = 0, low
    stream = generator or default_generator
    array = streams.integers(stream, input.get_shape(), low, high, _like_dtype(input, dtype))
    return _leaf(array, requires_grad)


def normal(mean, std=1.0, size=None, *, generator=None, out=None, dtype=None, device=None,
           requires_grad=False):  # fmt: skip
    """Return normal numbers around `mean` with deviation `std`, numbers or tensors."""
    stream = generator or default_generator
    if isinstance(mean, Value) or isinstance(std, Value):
        plain = [v.array if isinstance(v, Value) else v for v in (mean, std)]
        return _made(streams.normal_around(stream, *plain), out, requires_grad)
    shape = _sizes((size,), "normal")
    numpy_dtype = defaults.floating if dtype is None else to_numpy(dtype, "normal")
    return _made(streams.normal(stream, shape, numpy_dtype, mean, std), out, requires_grad)


def bernoulli(input, p=None, *, generator=None, out=None):
    """Return 1 with the probability that `input` holds (or `p`), else 0."""
    stream = generator or default_generator
    if p is not None:
        array = streams.bernoulli_mask(stream, input.get_shape(), p)
    else:
        array = streams.bernoulli(stream, input.array)
    return _made(np.asarray(array).astype(input.get_dtype()), out, False)


def multinomial(input, num_samples, replacement=False, *, generator=None, out=None):
    """Return indices drawn with the weights in each row of `input`."""
    stream = generator or default_generator
    array = streams.multinomial(stream, input.array, num_samples, replacement)
    return _made(np.asarray(array), out, False)


def poisson(input, generator=None):
    """Return Poisson numbers with the rates in `input`."""
    return wrap(np.asarray(streams.poisson(generator or default_generator, input.array)))


def binomial(count, prob, generator=None):
    """Return binomial numbers of `count` trials with probability `prob`."""
    stream = generator or default_generator
    return wrap(np.asarray(streams.binomial(stream, count.array, prob.array)))


# -- in-place draws -----------------------------------------------------------------------------


def _fill(self, name, drawn, in_order=True):
    """Write numbers in the order in which they were drawn, which is that of the memory."""
    inplace.check_writable(self, name)
    target = self.array
    if in_order and not target.flags.c_contiguous:
        target = target.transpose(np.argsort(target.strides, kind="stable")[::-1])
        drawn = drawn.reshape(target.shape)
    np.copyto(target, drawn, casting="unsafe")
    self._bump_version(name)
    return self


def uniform_(self, from_=0.0, to=1.0, *, generator=None, **given):
    """Fill with numbers uniform on [from, to)."""
    low = given.get("from", given.get("a", from_))
    high = given.get("b", to)
    inplace.check_writable(self, "uniform_")
    stream = generator or default_generator
    drawn = streams.uniform(stream, self.get_shape(), self.get_dtype(), low, high)
    return _fill(self, "uniform_", drawn)


def normal_(self, mean=0.0, std=1.0, *, generator=None):
    """Fill with normal numbers."""
    inplace.check_writable(self, "normal_")
    stream = generator or default_generator
    blocks = self.array.flags.c_contiguous
    drawn = streams.normal(stream, self.get_shape(), self.get_dtype(), mean, std, blocks)
    return _fill(self, "normal_", drawn)


def random_(self, from_=None, to=None, *, generator=None):
    """Fill with random integers: below `to`, from `from_`, or over the dtype's whole range."""
    inplace.check_writable(self, "random_")
    stream = generator or default_generator
    shape, dtype = self.get_shape(), self.get_dtype()
    if from_ is None and to is None:
        return _fill(self, "random_", streams.random(stream, shape, dtype))
    if to is None:
        from_, to = 0, from_
    return _fill(self, "random_", streams.integers(stream, shape, from_, to, dtype))


def bernoulli_(self, p=0.5, *, generator=None):
    """Fill with ones of probability `p`, a number or a tensor, and zeros."""
    inplace.check_writable(self, "bernoulli_")
    stream = generator or default_generator
    if isinstance(p, Value):
        drawn = streams.bernoulli(stream, np.broadcast_to(p.array, self.get_shape()))
        return _fill(self, "bernoulli_", drawn, in_order=False)
    drawn = streams.bernoulli_mask(stream, self.get_shape(), p)
    return _fill(self, "bernoulli_", drawn)


def exponential_(self, lambd=1.0, *, generator=None):
    """Fill with exponential numbers of rate `lambd`."""
    stream = generator or default_generator
    drawn = streams.exponential(stream, self.get_shape(), self.get_dtype(), lambd)
    return _fill(self, "exponential_", drawn)


def cauchy_(self, median=0.0, sigma=1.0, *, generator=None):
    """Fill with Cauchy numbers."""
    stream = generator or default_generator
    drawn = streams.cauchy(stream, self.get_shape(), self.get_dtype(), median, sigma)
    return _fill(self, "cauchy_", drawn)


def log_normal_(self, mean=1.0, std=2.0, *, generator=None):
    """Fill with numbers whose logarithm is normal."""
    stream = generator or default_generator
    drawn = streams.log_normal(stream, self.get_shape(), self.get_dtype(), mean, std)
    return _fill(self, "log_normal_", drawn)


def geometric_(self, p, *, generator=None):
    """Fill with the numbers of trials up to the first success of probability `p`."""
    stream = generator or default_generator
    drawn = streams.geometric(stream, self.get_shape(), self.get_dtype(), p)
    return _fill(self, "geometric_", drawn)


def _method_bernoulli(self, p=None, *, generator=None):
    return bernoulli(self, p, generator=generator)


def _method_multinomial(self, num_samples, replacement=False, *, generator=None):
    return multinomial(self, num_samples, replacement, generator=generator)


for _function in (
    uniform_, normal_, random_, bernoulli_, exponential_, cauchy_, log_normal_, geometric_,
):  # fmt: skip
    setattr(Tensor, _function.__name__, _function)
Tensor.bernoulli = _method_bernoulli
Tensor.multinomial = _method_multinomial
