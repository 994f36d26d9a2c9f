"""Calls that draw random numbers, made with retrograd or with PyTorch, whichever is given.

Here are the calls of programs: into tensors of any layout, with ``out=``, by initialisers and
dropouts.  `tools/make_random_golden.py` stores what PyTorch draws; the streams below are stored and
tested by themselves.
"""

import hashlib

import numpy as np

REALS = ("float32", "float64", "float16")
WHOLE = ("int64", "int32", "uint8", "bool")

FILLS = {
    "uniform_": (lambda x: x.uniform_(-1, 2), (*REALS, "complex64")),
    "normal_": (lambda x: x.normal_(1, 2), (*REALS, "complex64")),
    "random_": (lambda x: x.random_(), (*REALS, *WHOLE)),
    "random_ below": (lambda x: x.random_(10), (*REALS, *WHOLE[:3])),
    "random_ between": (lambda x: x.random_(5, 9), (*REALS, *WHOLE[:3])),
    "bernoulli_": (lambda x: x.bernoulli_(0.3), (*REALS, *WHOLE)),
    "bernoulli_ by tensor": (lambda x: x.bernoulli_(_chances_like(x)), (*REALS, *WHOLE)),
    "exponential_": (lambda x: x.exponential_(2.0), REALS),
    "cauchy_": (lambda x: x.cauchy_(1, 2), REALS),
    "log_normal_": (lambda x: x.log_normal_(0.5, 1.0), REALS),
    "geometric_": (lambda x: x.geometric_(0.3), (*REALS, *WHOLE[:3])),
}

# The memory of the target: a shape, and a view of that.
LAYOUTS = {
    "contiguous": ((3, 5), lambda x: x),
    "0-d": ((), lambda x: x),
    "empty": ((0, 3), lambda x: x),
    "transposed": ((3, 5), lambda x: x.t()),
    "transposed, more than 16": ((5, 9), lambda x: x.t()),
    "every second": ((40,), lambda x: x[::2]),
    "a column": ((20, 3), lambda x: x[:, 1]),
    "a block": ((6, 6), lambda x: x[1:4, 2:5]),
    "permuted": ((2, 3, 4), lambda x: x.permute(2, 0, 1)),
    "permuted, every second": ((2, 3, 4), lambda x: x.permute(1, 2, 0)[::2]),
    "with an axis of one": ((5, 1, 7), lambda x: x.transpose(0, 2)),
    "channels last": ((2, 4, 5, 3), lambda x: x.permute(0, 3, 1, 2)),
    "large": ((130, 131), lambda x: x.t()),
}


def _chances_like(x):
    count = x.numel()
    numbers = (x.new_ones(max(count, 1)).double().cumsum(0) / (count + 1))[:count]
    return numbers.reshape(x.shape)


def fill(t, name, layout, dtype):
    """Return a tensor of a layout, filled."""
    shape, view = LAYOUTS[layout]
    target = view(t.zeros(shape, dtype=getattr(t, dtype)))
    return FILLS[name][0](target)


def _numbers(t, *shape):
    count = int(np.prod(shape))
    return t.from_numpy((np.arange(count) * 0.618033 % 1).astype("float32").reshape(shape))


def _dropout(t, x):
    return t.nn.functional.dropout(x, 0.4)


CALLS = {
    "rand_like transposed": lambda t: t.rand_like(t.zeros(4, 6).t()),
    "rand_like in a format": lambda t: t.rand_like(
        t.zeros(2, 3, 4, 5), memory_format=t.channels_last
    ),
    "rand_like contiguous": lambda t: t.rand_like(
        t.zeros(4, 6).t(), memory_format=t.contiguous_format
    ),
    "rand_like expanded": lambda t: t.rand_like(t.zeros(4, 1).expand(4, 6).t()),
    "rand_like strided": lambda t: t.rand_like(t.zeros(8, 6)[::2, ::3]),
    "randn_like transposed": lambda t: t.randn_like(t.zeros(4, 6).t()),
    "randn_like as float64": lambda t: t.randn_like(t.zeros(4, 6).t(), dtype=t.float64),
    "randn_like strided": lambda t: t.randn_like(t.zeros(8, 6)[::2]),
    "randint_like transposed": lambda t: t.randint_like(t.zeros(4, 6).t(), 10),
    "bernoulli transposed": lambda t: t.bernoulli(_numbers(t, 6, 9).t()),
    "bernoulli by number": lambda t: t.bernoulli(_numbers(t, 6, 9).t(), 0.3),
    "bernoulli_ broadcast": lambda t: t.zeros(6, 9).t().bernoulli_(_numbers(t, 9, 1)),
    "multinomial transposed": lambda t: t.multinomial(_numbers(t, 6, 9).t() + 0.1, 3),
    "multinomial of one": lambda t: t.multinomial(_numbers(t, 6, 9).t() + 0.1, 1),
    "multinomial replaced": lambda t: t.multinomial(_numbers(t, 6, 9).t(), 3, True),
    "multinomial of many": lambda t: t.multinomial(_numbers(t, 2, 30000), 20),
    "multinomial of many, replaced": lambda t: t.multinomial(_numbers(t, 2, 30000), 5000, True),
    "multinomial of doubles": lambda t: t.multinomial(_numbers(t, 200000).double(), 1000),
    "poisson transposed": lambda t: t.poisson(_numbers(t, 6, 9).t() * 20),
    "binomial transposed": lambda t: t.binomial(
        t.full((6, 9), 20.0).t(), _numbers(t, 6, 9).t()
    ),
    "normal around transposed": lambda t: t.normal(_numbers(t, 6, 9).t(), _numbers(t, 6, 9).t()),
    "normal around, one deviation": lambda t: t.normal(_numbers(t, 6, 9).t(), 2.0),
    "normal, one mean": lambda t: t.normal(0.5, _numbers(t, 6, 9).t()),
    "normal of a size": lambda t: t.normal(0.5, 2.0, (3, 7)),
    "normal of two dtypes": lambda t: t.normal(_numbers(t, 6, 9), _numbers(t, 6, 9).double()),
    "normal into doubles": lambda t: t.normal(
        _numbers(t, 6, 9), 1.0, out=t.zeros(6, 9, dtype=t.float64)
    ),
    "randint above 2**32": lambda t: t.randint(0, 2**40, (5,)),
    "randint of 2**32": lambda t: t.randint(2**32, (5,)),
    "randint of 2**63": lambda t: t.randint(-(2**62), 2**62, (5,)),
    "randint as float16": lambda t: t.randint(10, (5,), dtype=t.float16),
    "randint by keywords": lambda t: t.randint(high=10, size=(5,)),
    "randperm as int32": lambda t: t.randperm(300, dtype=t.int32),
    "randperm as float16": lambda t: t.randperm(20, dtype=t.float16),
    "random_ from": lambda t: t.zeros(5, dtype=t.int64).random_(3, None),
    "random_ to": lambda t: t.zeros(5, dtype=t.int64).random_(to=7),
    "uniform_ to": lambda t: t.zeros(5).uniform_(to=3),
    "rand into transposed": lambda t: t.rand(5, 4, out=t.zeros(4, 5).t()),
    "randn into contiguous": lambda t: t.randn(4, 5, out=t.zeros(4, 5)),
    "randn into transposed": lambda t: t.randn(5, 4, out=t.zeros(4, 5).t()),
    "randn into doubles": lambda t: t.randn(5, 4, out=t.zeros(5, 4, dtype=t.float64)),
    "randint into transposed": lambda t: t.randint(
        9, (5, 4), out=t.zeros(4, 5, dtype=t.int64).t()
    ),
    "bernoulli into transposed": lambda t: t.bernoulli(
        _numbers(t, 6, 9), out=t.zeros(9, 6).t()
    ),
    "normal into transposed": lambda t: t.normal(_numbers(t, 6, 9), 1.0, out=t.zeros(9, 6).t()),
    "rand into another shape": lambda t: t.rand(4, 5, out=t.empty(0)),
    "dropout transposed": lambda t: _dropout(t, _numbers(t, 6, 9).t()),
    "dropout permuted": lambda t: _dropout(t, t.ones(2, 3, 4, 5).permute(0, 2, 3, 1)[:, 1:]),
    "dropout expanded": lambda t: _dropout(t, t.ones(1, 6).expand(5, 6)),
    "dropout strided": lambda t: _dropout(t, t.ones(10, 6)[::2, 1:]),
    "dropout in place": lambda t: t.nn.functional.dropout(
        _numbers(t, 6, 9).t(), 0.4, inplace=True
    ),
    "rand of halves": lambda t: t.rand(33, dtype=t.float16),
    "randn of halves": lambda t: t.randn(33, dtype=t.float16),
    "randn of none": lambda t: t.randn(0, 3),
    "set_state in the middle": lambda t: _continued(t),
}  # fmt: skip

TARGETS = {
    "contiguous": lambda t: t.empty(5, 7),
    "transposed": lambda t: t.empty(7, 5).t(),
    "every second": lambda t: t.empty(10, 7)[::2],
    "doubles": lambda t: t.empty(5, 7, dtype=t.float64),
    "a kernel": lambda t: t.empty(3, 4, 3, 3),
}
INITIALISERS = {
    "uniform_": {}, "normal_": {}, "trunc_normal_": {}, "xavier_uniform_": {},
    "xavier_normal_": {}, "kaiming_uniform_": {}, "kaiming_normal_": {},
    "sparse_": {"sparsity": 0.3},
}  # fmt: skip


def _continued(t):
    """The state is kept between the two numbers of a pair and within a block of words."""
    t.randn(3)
    t.rand(700)
    state = t.get_rng_state()
    first = t.randn(5)
    t.rand(1000)
    t.set_rng_state(state)
    return t.cat([first, t.randn(5), t.rand(3)])


def initialise(t, name, target):
    """Return a tensor that `nn.init` filled, from a generator of its own."""
    generator = t.Generator().manual_seed(4)
    settings = INITIALISERS[name]
    return getattr(t.nn.init, name)(TARGETS[target](t), generator=generator, **settings)


def every_call():
    """Return all calls by name, each a function of the library."""
    found = dict(CALLS)
    for name, (_, dtypes) in FILLS.items():
        for layout in LAYOUTS:
            for dtype in dtypes:
                found[f"{name}, {layout}, {dtype}"] = (
                    lambda t, name=name, layout=layout, dtype=dtype: fill(t, name, layout, dtype)
                )
    for name in INITIALISERS:
        for target in TARGETS:
            if name != "sparse_" or target != "a kernel":
                found[f"nn.init.{name}, {target}"] = (
                    lambda t, name=name, target=target: initialise(t, name, target)
                )
    return found


def summary(t, call):
    """Return a text of what a call gives from seed 11, and where the stream is after it."""
    t.manual_seed(11)
    t.randn(1)  # its partner is left over for whoever draws by pairs
    drawn = call(t)
    strides = [] if 0 in drawn.shape else list(drawn.stride())
    numbers, state = drawn.detach().numpy().tobytes(), t.get_rng_state().numpy().tobytes()
    digests = [hashlib.sha256(data).hexdigest()[:32] for data in (numbers, state)]
    dtype = str(drawn.dtype).removeprefix("torch.")
    return f"{dtype}{list(drawn.shape)} strides {strides} numbers {digests[0]} then {digests[1]}"
