"""Random tensors: PyTorch's numbers for the same seed.

The streams themselves are in `streams`; here they meet tensors, shapes and dtypes.
"""

from __future__ import annotations

from contextlib import contextmanager

import numpy as np

from . import inplace, streams
from ._core.promotion import defaults
from ._core.tracing import host_recorder, run, run_write, tracing
from ._core.value import Value
from .creation import _leaf, _sizes, empty_like
from .device import check_device
from .dtypes import of, to_numpy
from .generator import Generator as _Stream
from .streams.memory_order import axes_in_memory, in_memory_order
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

    def __init__(self, device="cpu"):
        super().__init__(device)
        found = host_recorder() if tracing.count != 0 else None
        if found is not None:
            found.fail("the function makes a Generator")

    def manual_seed(self, seed):
        """Start the stream of `seed` and return the generator."""
        run(_start_anew, self, seed)
        return self

    def get_state(self):
        """Return the state as a uint8 tensor in PyTorch's layout."""
        return wrap(run(_state_of, self))

    def set_state(self, new_state):
        """Take over a state that `get_state` (or PyTorch's) returned."""
        if not isinstance(new_state, Value):
            raise TypeError(f"expected a torch.ByteTensor, but got {type(new_state).__name__}")
        run(_take_over, self, new_state.array)
        return self


def _start_anew(generator, seed):
    _Stream.manual_seed(generator, seed)


def _state_of(generator):
    return np.frombuffer(generator.get_state_bytes(), np.uint8).copy()


def _take_over(generator, state):
    generator.set_state_bytes(state.tobytes())


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


@contextmanager
def fork_rng(devices=None, enabled=True, device_type=None):
    """Bring the default stream back to its state at the end of the block.

    Parameters
    ----------
    devices : iterable, optional
        The GPUs whose streams are kept, too: none.
    enabled : bool
        Whether to do anything.
    device_type : str, optional
        Accepted.

    Raises
    ------
    AssertionError
        For a GPU: there is none.
    """
    if not enabled:
        yield
        return
    if devices is not None and list(devices):
        raise AssertionError("Torch not compiled with CUDA enabled")
    state = get_rng_state()
    try:
        yield
    finally:
        set_rng_state(state)


def _shape(size, given, function):
    return _sizes(given.get("size", size), function)


def _drawn(draw, shape, dtype, out, requires_grad, usual=None):
    """Return a new tensor of what ``draw(shape, dtype, by_pairs)`` draws, or fill `out` with it.

    `usual` is the dtype when neither `dtype` nor `out` says one.
    """
    if out is None:
        target = to_numpy(dtype) if dtype is not None else usual or defaults.floating
        return _leaf(draw(shape, target, False), requires_grad)
    if dtype is not None and to_numpy(dtype) != out.get_dtype():
        raise RuntimeError(
            f"dtype {of(to_numpy(dtype)).type_name} does not match dtype of out parameter "
            f"({out.dtype.type_name})"
        )
    _refuse_gradient(out)
    if out.get_shape() != shape:
        out.set_array(np.empty(shape, out.get_dtype()))
    _fill_array(out.array, draw)
    out._bump_version("out=")
    return out.requires_grad_() if requires_grad else out


def _refuse_gradient(out):
    if out.requires:
        raise RuntimeError(
            "functions with out=... arguments don't support automatic differentiation, but one of "
            "the arguments requires grad."
        )


def cast_into(target, array):
    """Write an array into another of whatever dtype."""
    np.copyto(target, array, casting="unsafe")


def _fill_array(array, draw):
    """Fill an array with what ``draw(shape, dtype, by_pairs)`` draws, in its memory's order."""
    by_pairs = not array.flags.c_contiguous
    numbers = in_memory_order(array, lambda shape: draw(shape, array.dtype, by_pairs))
    run_write(cast_into, array, numbers)


def rand(*size, generator=None, out=None, dtype=None, layout=None, device=None,
         requires_grad=False, pin_memory=False, names=None, **given):  # fmt: skip
    """Return numbers uniform on [0, 1)."""
    check_device(device)
    shape = _shape(size, given, "rand")
    return _drawn(_uniform(generator), shape, dtype, out, requires_grad)


def randn(*size, generator=None, out=None, dtype=None, layout=None, device=None,
          requires_grad=False, pin_memory=False, names=None, **given):  # fmt: skip
    """Return numbers of the normal distribution with mean 0 and variance 1."""
    check_device(device)
    shape = _shape(size, given, "randn")
    return _drawn(_normal(generator), shape, dtype, out, requires_grad)


def randint(low=None, high=None, size=None, *, generator=None, out=None, dtype=None, layout=None,
            device=None, requires_grad=False, pin_memory=False):  # fmt: skip
    """Return integers from `low` up to, not including, `high`: ``randint(10, (3,))``."""
    check_device(device)
    if size is None:
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if size is None or high is None:
        raise TypeError(
            "randint() received an invalid combination of arguments: it takes (high, size) or "
            "(low, high, size), as in randint(10, (2, 3))"
        )
    low = 0 if low is None else int(low)
    draw = _integers(generator, low, int(high))
    shape = _sizes((size,), "randint")
    return _drawn(draw, shape, dtype, out, requires_grad, np.dtype(np.int64))


def randperm(n, *, generator=None, out=None, dtype=None, layout=None, device=None,
             requires_grad=False, pin_memory=False):  # fmt: skip
    """Return the integers below `n` in random order."""
    check_device(device)
    numpy_dtype = np.dtype(np.int64) if dtype is None else to_numpy(dtype, "randperm")
    array = streams.permutation(generator or default_generator, n, numpy_dtype)
    return _received(array, out, requires_grad)


def _received(array, out, requires_grad=False):
    """Return a tensor of an array, or copy it into `out`."""
    if out is None:
        return _leaf(array, requires_grad)
    out.receive(wrap(array))
    return out


# What is drawn, as `_drawn` and the in-place methods take it: f(shape, dtype, by_pairs).


def _of_stream(function, generator, *settings):
    stream = generator or default_generator
    return lambda shape, dtype, by_pairs: function(stream, shape, dtype, *settings)


def _uniform(generator, low=0.0, high=1.0):
    return _of_stream(streams.uniform, generator, low, high)


def _normal(generator, mean=0.0, std=1.0):
    stream = generator or default_generator
    return lambda shape, dtype, by_pairs: streams.normal(stream, shape, dtype, mean, std, by_pairs)


def _integers(generator, low, high):
    stream = generator or default_generator
    return lambda shape, dtype, by_pairs: streams.integers(stream, shape, low, high, dtype)


def _like(input, dtype, memory_format, draw):
    """Return what is drawn in the shape of `input`, the axes in memory as `input` has them.

    A memory format other than the preserved one says the order of the axes itself.
    """
    target = input.get_dtype() if dtype is None else to_numpy(dtype)
    if memory_format is None and input.array.flags.c_contiguous:
        return draw(input.get_shape(), target, False)
    model = empty_like(input, memory_format=memory_format).array
    by_pairs = not model.flags.c_contiguous
    return in_memory_order(model, lambda shape: draw(shape, target, by_pairs))


def rand_like(input, *, generator=None, dtype=None, layout=None, device=None,
              requires_grad=False, memory_format=None):  # fmt: skip
    """Return uniform numbers with the shape, dtype and axis order of `input`."""
    return _leaf(_like(input, dtype, memory_format, _uniform(generator)), requires_grad)


def randn_like(input, *, generator=None, dtype=None, layout=None, device=None,
               requires_grad=False, memory_format=None):  # fmt: skip
    """Return normal numbers with the shape, dtype and axis order of `input`."""
    return _leaf(_like(input, dtype, memory_format, _normal(generator)), requires_grad)


def randint_like(input, low, high=None, *, generator=None, dtype=None, layout=None, device=None,
                 requires_grad=False, memory_format=None):  # fmt: skip
    """Return random integers with the shape, dtype and axis order of `input`."""
    if high is None:
        low, high = 0, low
    draw = _integers(generator, low, high)
    return _leaf(_like(input, dtype, memory_format, draw), requires_grad)


def normal(mean, std=1.0, size=None, *, generator=None, out=None, dtype=None, device=None,
           requires_grad=False):  # fmt: skip
    """Return normal numbers around `mean` with deviation `std`, numbers or tensors."""
    if not (isinstance(mean, Value) or isinstance(std, Value)):
        shape = _sizes((size,), "normal")
        return _drawn(_normal(generator, mean, std), shape, dtype, out, requires_grad)
    plain = [v.array if isinstance(v, Value) else v for v in (mean, std)]
    arrays = [v for v in plain if isinstance(v, np.ndarray)]
    if out is None or (out.array.flags.c_contiguous and out.get_dtype() == arrays[0].dtype):
        drawn = streams.normal_around(generator or default_generator, *plain)
        return _received(drawn, out, requires_grad)
    _refuse_gradient(out)
    # The numbers are drawn into `out`, whatever its dtype, and moved there.
    shape = np.broadcast_shapes(*(array.shape for array in arrays))
    _drawn(_normal(generator, 0.0, 1.0 if isinstance(std, Value) else std), shape, None, out, False)
    if isinstance(std, Value):
        out.mul_(std)
    return out.add_(mean)


def bernoulli(input, p=None, *, generator=None, out=None):
    """Return 1 with the probability that `input` holds (or `p`), else 0."""
    if out is not None:
        _refuse_gradient(out)
        if out.get_shape() != input.get_shape():
            out.set_array(np.empty(input.get_shape(), out.get_dtype()))
        return bernoulli_(out, input if p is None else p, generator=generator)
    stream = generator or default_generator
    if p is not None:
        array = streams.bernoulli_mask(stream, input.get_shape(), p)
    else:
        array = streams.bernoulli(stream, input.array)
    return wrap(run(in_dtype, array, input.get_dtype()))


def in_dtype(array, dtype):
    """Return an array in a dtype."""
    return np.asarray(array).astype(dtype)


def multinomial(input, num_samples, replacement=False, *, generator=None, out=None):
    """Return indices drawn with the weights in each row of `input`."""
    stream = generator or default_generator
    array = streams.multinomial(stream, input.array, num_samples, replacement)
    return _received(run(np.asarray, array), out)


def poisson(input, generator=None):
    """Return Poisson numbers with the rates in `input`."""
    return wrap(run(np.asarray, streams.poisson(generator or default_generator, input.array)))


def binomial(count, prob, generator=None):
    """Return binomial numbers of `count` trials with probability `prob`."""
    stream = generator or default_generator
    return wrap(np.asarray(streams.binomial(stream, count.array, prob.array)))


# -- in-place draws -----------------------------------------------------------------------------


def _fill(self, name, draw):
    """Fill a tensor with what ``draw(shape, dtype, by_pairs)`` draws."""
    inplace.check_writable(self, name)
    _fill_array(self.array, draw)
    self._bump_version(name)
    return self


def uniform_(self, from_=0.0, to=1.0, *, generator=None, **given):
    """Fill with numbers uniform on [from, to)."""
    low = given.get("from", given.get("a", from_))
    return _fill(self, "uniform_", _uniform(generator, low, given.get("b", to)))


def normal_(self, mean=0.0, std=1.0, *, generator=None):
    """Fill with normal numbers."""
    return _fill(self, "normal_", _normal(generator, mean, std))


def random_(self, *bounds, generator=None, to=None, **given):
    """Fill with random integers: below `to`, from `from_`, or over the dtype's whole range.

    ``random_()``, ``random_(to)``, ``random_(from_, to)``; ``random_(from_, None)`` goes as far
    as the dtype does.
    """
    low = given.get("from", 0)
    if len(bounds) == 1:
        if "from" in given or to is not None:
            low = bounds[0]
        else:
            to = bounds[0]
    elif len(bounds) == 2:
        low, to = bounds
    stream = generator or default_generator
    if to is not None:
        return _fill(self, "random_", _integers(generator, 0 if low is None else low, to))
    lowest = () if len(bounds) < 2 and "from" not in given else (low,)
    return _fill(
        self,
        "random_",
        lambda shape, dtype, by_pairs: streams.random(stream, shape, dtype, *lowest),
    )


def spread(array, shape, order):
    """Return an array broadcast to a shape, its axes in another order."""
    return np.broadcast_to(array, shape).transpose(order)


def bernoulli_(self, p=0.5, *, generator=None):
    """Fill with ones of probability `p`, a number or a tensor, and zeros."""
    stream = generator or default_generator
    if self.get_dtype().kind == "c" and self.array.size:
        kernel = "bernoulli_tensor_cpu_self_" if isinstance(p, Value) else "bernoulli_scalar_cpu_"
        raise NotImplementedError(
            f"\"{kernel}\" not implemented for '{self.dtype.type_name}'"
        )
    if not isinstance(p, Value):
        return _fill(
            self,
            "bernoulli_",
            lambda shape, dtype, by_pairs: streams.bernoulli_mask(stream, shape, p),
        )
    inplace.check_writable(self, "bernoulli_")
    # The loop runs over both; the tensor that is filled says in which order.
    order = axes_in_memory(self.get_shape(), self.array.strides)
    drawn = streams.bernoulli(stream, run(spread, p.array, self.get_shape(), order))
    run_write(cast_into, self.array.transpose(order), drawn)
    self._bump_version("bernoulli_")
    return self


def exponential_(self, lambd=1.0, *, generator=None):
    """Fill with exponential numbers of rate `lambd`."""
    return _fill(self, "exponential_", _of_stream(streams.exponential, generator, lambd))


def cauchy_(self, median=0.0, sigma=1.0, *, generator=None):
    """Fill with Cauchy numbers."""
    return _fill(self, "cauchy_", _of_stream(streams.cauchy, generator, median, sigma))


def log_normal_(self, mean=1.0, std=2.0, *, generator=None):
    """Fill with numbers whose logarithm is normal."""
    return _fill(self, "log_normal_", _of_stream(streams.log_normal, generator, mean, std))


def geometric_(self, p, *, generator=None):
    """Fill with the numbers of trials up to the first success of probability `p`."""
    return _fill(self, "geometric_", _of_stream(streams.geometric, generator, p))


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
