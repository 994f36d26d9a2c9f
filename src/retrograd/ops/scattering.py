"""Gathering and scattering along an axis by an index tensor."""

from __future__ import annotations

import numpy as np

from .._core.op import op
from .._core.public import expect_tensor, public
from .._core.tracing import constant, run
from .._core.value import Value
from ._arguments import number_in, scalar_name
from ._axes import axis_of
from ._sizes import first_out_of_range, is_index, listed, ndarray, out_of_range, required
from .shape import broadcast_to, common_shape, reshape_to

# -- element by element along an axis -----------------------------------------------------------


def grid(index, axis):
    """Return the NumPy index of elements at `index` along an axis, in place elsewhere."""
    ndim = index.ndim
    if ndim == 1:
        return (index,)
    shape = index.shape
    return tuple([index if n == axis else counter(shape[n], n, ndim) for n in range(ndim)])


_counters = {}


def counter(size, axis, ndim):
    """Return 0, 1, ... along one of `ndim` axes; short ones are made once."""
    made = _counters.get((size, axis, ndim))
    if made is None:
        made = np.arange(size).reshape((-1,) + (1,) * (ndim - axis - 1))
        if size <= 4096:
            if len(_counters) > 256:
                _counters.clear()
            made.flags.writeable = False
            _counters[size, axis, ndim] = made
    return made


def corner(shape):
    """Return the index of the part of an array, at its beginning, that has `shape`."""
    return tuple([slice(n) for n in shape])


@op(node="GatherBackward0", linear=True)
def gather(x, index, *, axis):
    """Elements at `index` along an axis.  (*S), (*T) -> (*T), T within S but for the axis"""
    if np.ndim(x) == 0 or np.ndim(index) == 0:
        return np.reshape(np.take(x, index), np.shape(index))
    return x[grid(index, axis)]


@gather.grad("x")
def gather_dx(g, x_shape, index, axis):
    return scatter_zeros(g, index, shape=x_shape, axis=axis)


@op(node="ScatterAddBackward0", linear=True)
def scatter_zeros(x, index, *, shape, axis):
    """Zeros of `shape` with `x` added at `index` along an axis: the adjoint of `gather`."""
    out = np.zeros(shape, x.dtype) if type(x) is ndarray else np.zeros_like(x, shape=shape)
    if index.ndim == out.ndim > 0 and index.shape[axis] == 1:
        out[grid(index, axis)] = x  # one place in each line along the axis: none repeats
    else:
        add_along_axis(out, index, axis, x)
    return out


@scatter_zeros.grad("x")
def scatter_zeros_dx(g, index, axis):
    return gather(g, index, axis=axis)


def add_along_axis(out, index, axis, src, reducer=np.add):
    """Combine `src` into `out` at `index` along an axis; repeated places combine."""
    if out.ndim == 0 or index.ndim == 0:
        out, index, src = [np.reshape(a, (-1,)) for a in (out, index, src)]
    if src.shape != index.shape:
        src = src[corner(index.shape)]
    if index.shape[axis] == 1 and reducer is np.add:
        out[grid(index, axis)] += src  # one place in each line along the axis: none repeats
        return
    reducer.at(out, grid(index, axis), src)


@op(node="ScatterAddBackward0", linear=True)
def scatter_add(x, index, src, *, axis):
    """A copy of `x` with `src` added at `index` along an axis.  (*S), (*T), (*R) -> (*S)"""
    out = np.array(x, order="C")
    add_along_axis(out, index, axis, src)
    return out


@scatter_add.grad("x")
def scatter_add_dx(g):
    return g


@scatter_add.grad("src")
def scatter_add_dsrc(g, index, src_shape, axis):
    return gathered(g, index, src_shape, axis)


def gathered(g, index, shape, axis):
    """Gather from `g`, with zeros where `shape` reaches beyond the index."""
    found = gather(g, index, axis=axis)
    if tuple(index.shape) == tuple(shape):
        return found
    return in_corner(found, shape=tuple(shape))


@op(linear=True)
def in_corner(x, *, shape):
    """Zeros of `shape` with `x` at the beginning of every axis.  (*T) -> shape"""
    out = np.zeros_like(x, shape=shape)
    if x.ndim == len(shape):
        out[corner(x.shape)] = x
    else:
        np.reshape(out, (-1,))[: x.size] = np.reshape(x, (-1,))
    return out


@in_corner.grad("x")
def in_corner_dx(g, x_shape):
    return g[corner(x_shape)]


@op(node="ScatterBackward0", linear=True)
def scatter(x, index, src, *, axis):
    """A copy of `x` with `src` put at `index` along an axis; the last write stays."""
    out = np.array(x, order="C")
    if out.ndim == 0 or index.ndim == 0:
        flat = np.reshape(out, (-1,))
        flat[np.reshape(index, (-1,))] = np.reshape(src, (-1,))[: index.size]
        return out
    out[grid(index, axis)] = src[corner(index.shape)]
    return out


@scatter.grad("x")
def scatter_dx(g, index, axis):
    return scatter_value(g, index, value=0, axis=axis)


@scatter.grad("src")
def scatter_dsrc(g, index, src_shape, axis):
    return gathered(g, index, src_shape, axis)


@op(node="ScatterBackward1")
def scatter_value(x, index, *, value, axis):
    """A copy of `x` with one number put at `index` along an axis.  (*S), (*T) -> (*S)"""
    out = np.array(x, order="C")
    if out.ndim == 0 or index.ndim == 0:
        np.reshape(out, (-1,))[np.reshape(index, (-1,))] = value
    else:
        out[grid(index, axis)] = value
    return out


@scatter_value.grad("x")
def scatter_value_dx(g, index, axis):
    return scatter_value(g, index, value=0, axis=axis)


@scatter_value.jvp
def scatter_value_jvp(tangents, x, index, out, value, axis):
    return scatter_value(tangents[0], index, value=0, axis=axis)


# -- checks -------------------------------------------------------------------------------------


def expect_index(name, index):
    if not is_index(index.array.dtype):
        raise RuntimeError(f"{name}(): Expected dtype int32/int64 for index")


def ranks(*shapes):
    """Return shapes with 0-d ones as (1,)."""
    return [shape or (1,) for shape in shapes]


def expect_in_range(array, axis, length):
    if out_of_range(array, length):
        wrong = first_out_of_range(array, length)
        raise RuntimeError(
            f"index {wrong} is out of bounds for dimension {axis} with size {length}"
        )


def expect_gather(input, index, axis):
    """Refuse an index that `gather` cannot use, with PyTorch's words."""
    expect_index("gather", index)
    shape, wanted = input.get_shape(), index.get_shape()
    if (
        shape
        and len(shape) == len(wanted)
        and shape[:axis] == wanted[:axis]
        and shape[axis + 1 :] == wanted[axis + 1 :]
    ):
        run(expect_in_range, index.array, axis, shape[axis])
        return
    if not index.array.size:
        return
    shape, wanted = ranks(input.get_shape(), index.get_shape())
    if len(shape) != len(wanted):
        raise RuntimeError("Index tensor must have the same number of dimensions as input tensor")
    for place, (size, most) in enumerate(zip(wanted, shape)):
        if place != axis and size > most:
            raise RuntimeError(
                f"Size does not match at dimension {place} expected index {listed(wanted)} to be "
                f"no larger than self {listed(shape)} apart from dimension {axis}"
            )
    run(expect_in_range, index.array, axis, shape[axis])


def expect_scatter(input, index, axis, src=None):
    """Refuse an index and a source that scattering cannot use, with PyTorch's words."""
    expect_index("scatter", index)
    if src is not None and src.get_dtype() != input.get_dtype():
        raise RuntimeError("scatter(): Expected self.dtype to be equal to src.dtype")
    if not index.array.size:
        return
    shape, wanted = ranks(input.get_shape(), index.get_shape())
    if len(shape) != len(wanted):
        raise RuntimeError("Index tensor must have the same number of dimensions as self tensor")
    given = None
    if src is not None:
        given = ranks(src.get_shape())[0]
        if len(given) != len(wanted):
            raise RuntimeError("Index tensor must have the same number of dimensions as src tensor")
    for place, size in enumerate(wanted):
        fits = place == axis or size <= shape[place]
        if not fits or (given is not None and size > given[place]):
            more = ""
            if given is not None:
                more = f" and to be no larger size than src {listed(src.get_shape())}"
            raise RuntimeError(
                f"Expected index {listed(wanted)} to be no larger than self {listed(shape)} apart "
                f"from dimension {axis}{more}"
            )
    run(expect_in_range, index.array, axis, shape[axis])


# -- public forms -------------------------------------------------------------------------------


@public("gather", out=True)
def gather_front(input, dim=None, index=None, *, sparse_grad=False, axis=None):
    """Return the elements at `index` along an axis, in the shape of `index`.

    Off the axis `index` may be smaller than `input`.  The gradient is always dense.
    """
    expect_tensor("gather", input)
    expect_tensor("gather", index, "index", 3)
    dim = required("gather", axis if dim is None else dim)
    axis = axis_of(dim, len(input.get_shape()))
    expect_gather(input, index, axis)
    if not index.array.size and index.array.ndim != input.array.ndim:
        return input.make(constant(np.zeros_like(input.array, shape=index.get_shape())))
    return gather(input, index, axis=axis)


def scatter_axis(name, input, dim, index):
    expect_tensor(name, input)
    expect_tensor(name, index, "index", 3)
    return axis_of(dim, len(input.get_shape()))


@public("scatter", inplace=True, out=True)
def scatter_front(input, dim, index, src=None, *, value=None, reduce=None):
    """Return a copy of `input` with `src`, a tensor or a number, put at `index` along an axis.

    Parameters
    ----------
    reduce : {"add", "multiply"}, optional
        Combine instead of put; see `scatter_reduce` for more.
    """
    axis = scatter_axis("scatter", input, dim, index)
    if value is not None:
        src = value
    if src is None:
        raise TypeError('scatter() missing 1 required positional arguments: "src"')
    if reduce is not None and reduce not in ("add", "multiply"):
        raise RuntimeError("reduce argument must be either add or multiply.")
    if not isinstance(src, Value):
        expect_scatter(input, index, axis)
        if reduce is None:
            number = number_in(src, input.get_dtype())
            return scatter_value(input, index, value=number, axis=axis)
        src = input.make(constant(np.full_like(input.array, src, shape=index.get_shape())))
    expect_scatter(input, index, axis, src)
    index = without_elements(input, index)
    if reduce is None:
        return scatter(input, index, src, axis=axis)
    if reduce == "add":
        return scatter_add(input, index, src, axis=axis)
    return run_reduction(SCATTER_REDUCTIONS, input, index, src, axis, "prod", True)


def without_elements(input, index):
    """Return an empty index with as many axes as the input."""
    if index.array.size:
        return index
    return index.make(constant(np.zeros((0,) * max(input.array.ndim, 1), np.int64)))


@public("scatter_add", inplace=True, out=True)
def scatter_add_front(input, dim, index, src):
    """Return a copy of `input` with `src` added at `index` along an axis; places may repeat."""
    axis = scatter_axis("scatter_add", input, dim, index)
    expect_tensor("scatter_add", src, "src", 4)
    expect_scatter(input, index, axis, src)
    return scatter_add(input, without_elements(input, index), src, axis=axis)


@public("take_along_dim", out=True)
def take_along_dim(input, indices, dim=None, *, axis=None):
    """Return the elements at `indices` along an axis, both broadcast; flattened without `dim`."""
    expect_tensor("take_along_dim", input)
    expect_tensor("take_along_dim", indices, "indices", 2)
    if indices.array.dtype != np.int64:
        raise RuntimeError(
            f"torch.take_along_dim(): dtype of indices should be Long but got "
            f"{scalar_name(indices.array.dtype)}"
        )
    if axis is not None:
        dim = axis
    if dim is None:
        flat = reshape_to(input, (-1,))
        return gather_front(flat, 0, reshape_to(indices, (-1,)))
    shape, wanted = input.get_shape(), indices.get_shape()
    if len(shape) != len(wanted):
        raise RuntimeError(
            f"torch.take_along_dim(): input and indices should have the same number of "
            f"dimensions, but got {len(shape)} dimensions for input, and {len(wanted)} dimensions "
            f"for indices"
        )
    if not shape:
        raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
    axis = axis_of(dim, len(shape))
    common = common_shape([(*shape[:axis], 1, *shape[axis + 1 :]),
                           (*wanted[:axis], 1, *wanted[axis + 1 :])])  # fmt: skip
    input = broadcast_to(input, shape=(*common[:axis], shape[axis], *common[axis + 1 :]))
    size = (*common[:axis], wanted[axis], *common[axis + 1 :])
    places = run(places_along, indices.array, size, shape[axis])
    return gather(input, indices.make(places), axis=axis)


def places_along(array, size, length):
    """Return indices in another shape, negative ones counted from the end."""
    return np.remainder(np.broadcast_to(array, size), length)


# -- scatter_reduce -----------------------------------------------------------------------------

REDUCERS = {
    "sum": np.add,
    "prod": np.multiply,
    "mean": np.add,
    "amax": np.maximum,
    "amin": np.minimum,
}


def neutral(reduce, dtype):
    """Return the number that a reduction starts from."""
    if reduce == "prod":
        return 1
    if reduce in ("sum", "mean"):
        return 0
    if dtype.kind == "f":
        return -np.inf if reduce == "amax" else np.inf
    if dtype.kind == "b":
        return reduce == "amin"
    limits = np.iinfo(dtype)
    return limits.min if reduce == "amax" else limits.max


def scatter_mean(x, index, src, *, axis, include_self):
    """Means of `x` and what `src` has for it, at `index` along an axis.  (*S), (*T), (*R) -> (*S)

    Integers are rounded down.
    """
    out = scatter_sum(x, index, src, axis=axis, include_self=include_self)
    counts = contributions(out, index, axis, include_self)
    return np.floor_divide(out, counts) if out.dtype.kind in "iu" else out / counts


def scatter_mean_dx(g, index, x_shape, axis, include_self):
    return without_written(shared(g, index, x_shape, axis, include_self), index, axis, include_self)


def scatter_mean_dsrc(g, index, x_shape, src_shape, axis, include_self):
    return gathered(shared(g, index, x_shape, axis, include_self), index, src_shape, axis)


def scatter_sum(x, index, src, *, axis, include_self):
    """`x` with `src` added at `index` along an axis.  (*S), (*T), (*R) -> (*S)"""
    if not include_self:
        x = scatter_value(x, index, value=0, axis=axis)
    return scatter_add(x, index, src, axis=axis)


def scatter_sum_dx(g, index, axis, include_self):
    return without_written(g, index, axis, include_self)


def shared(g, index, shape, axis, include_self):
    """Divide a gradient by how many numbers each mean is of."""
    like = np.zeros(shape, plain(g).dtype)
    return g / contributions(like, plain(index), axis, include_self)


def without_written(g, index, axis, include_self):
    return g if include_self else scatter_value(g, index, value=0, axis=axis)


def linear_reduction(kernel, name, node, dx, dsrc):
    made = op(name=name, node=node, linear=True)(kernel)
    made.grad("x")(dx)
    made.grad("src")(dsrc)
    return made


def extreme_or_product(x, index, src, *, axis, reduce, include_self):
    """`x` combined with `src` at `index` along an axis.  (*S), (*T), (*R) -> (*S)

    For amax and amin ties share the gradient equally, as in PyTorch.
    """
    out = np.array(x, order="C")
    if not include_self:
        out = scatter_value(out, index, value=neutral(reduce, out.dtype), axis=axis)
    add_along_axis(out, index, axis, src, REDUCERS[reduce])
    return out


def extreme_or_product_d(g, x, index, src, out, axis, reduce, include_self):
    index = plain(index)
    if reduce == "prod":
        dx, dsrc = product_gradients(g, x, index, src, axis, include_self)
    else:
        dx, dsrc = extreme_gradients(g, x, index, src, out, axis, include_self)
    dx = without_written(dx, index, axis, include_self)
    if tuple(index.shape) != tuple(src.shape):
        dsrc = in_corner(dsrc, shape=tuple(src.shape))
    return dx, dsrc


def reductions(name, node):
    """Define the reductions under PyTorch's two names: each is (sum, mean, any other)."""
    total = linear_reduction(scatter_sum, name + "_sum", node, scatter_sum_dx, scatter_add_dsrc)
    mean = linear_reduction(scatter_mean, name + "_mean", node, scatter_mean_dx, scatter_mean_dsrc)
    other = op(name=name, node=node)(extreme_or_product)
    other.grads("x", "src")(extreme_or_product_d)
    return total, mean, other


def run_reduction(found, x, index, src, axis, reduce, include_self):
    """Run one of a family of reductions."""
    total, mean, other = found
    if reduce == "sum":
        return total(x, index, src, axis=axis, include_self=include_self)
    if reduce == "mean":
        return mean(x, index, src, axis=axis, include_self=include_self)
    return other(x, index, src, axis=axis, reduce=reduce, include_self=include_self)


SCATTER_REDUCTIONS = reductions("scatter_reduce", "ScatterReduceBackward0")
INDEX_REDUCTIONS = reductions("index_reduce", "IndexReduceBackward0")


def contributions(like, index, axis, include_self):
    """Return how many numbers were combined at each place, at least one."""
    counts = np.full_like(like, 1 if include_self else 0)
    add_along_axis(counts, index, axis, np.ones_like(index, dtype=counts.dtype))
    return np.maximum(counts, 1)


def product_gradients(g, x, index, src, axis, include_self):
    """Gradients of a product: what everything else multiplies to, without dividing by zero."""
    src = src[corner(index.shape)] if src.shape else src
    if not include_self:
        x = scatter_value(x, index, value=1, axis=axis)
    settings = {"axis": axis, "reduce": "prod", "include_self": True}
    multiply = SCATTER_REDUCTIONS[2]
    others = multiply(np.ones_like(x), index, src, **settings)
    dx = g * others
    if not include_self:
        dx = scatter_value(dx, index, value=0, axis=axis)
    # Of src, an element's product of all others: the total divided by it, or, where it is the
    # only zero, the product with ones for zeros.
    zero = plain(src) == 0
    filled = np.where(zero, 1, src)
    total = multiply(x, index, filled, **settings)
    zeros = scatter_add(np.zeros(x.shape, np.int64), index, zero.astype(np.int64), axis=axis)
    among = gather(zeros, index, axis=axis)
    product = gather(g * total, index, axis=axis) / filled
    alone = np.where(zero, among == 1, among == 0)
    return dx, np.where(alone, product, 0)


def plain(value):
    """Return the array of a value, or an array as it is."""
    return value.array if isinstance(value, Value) else value


def extreme_gradients(g, x, index, src, out, axis, include_self):
    """Gradients of amax and amin: shared equally by the numbers that are the result."""
    src = src[corner(index.shape)] if src.shape else src
    best = plain(out)
    is_x = (plain(x) == best).astype(best.dtype)
    if not include_self:
        is_x = scatter_value(is_x, index, value=0, axis=axis)
    is_src = (plain(src) == gather(best, index, axis=axis)).astype(best.dtype)
    count = scatter_add(is_x, index, is_src, axis=axis)
    share = g / count  # 0 / 0 where the result is nan: nan, as in PyTorch
    return share * is_x, gather(share, index, axis=axis) * is_src


@public("scatter_reduce", inplace=True, out=True)
def scatter_reduce_front(input, dim, index, src, reduce, *, include_self=True):
    """Return `input` combined with `src` at `index` along an axis; places may repeat.

    Parameters
    ----------
    reduce : {"sum", "prod", "mean", "amax", "amin"}
    include_self : bool
        Whether the elements of `input` that are written to take part.
    """
    axis = scatter_axis("scatter_reduce", input, dim, index)
    expect_tensor("scatter_reduce", src, "src", 4)
    if reduce not in REDUCERS:
        raise RuntimeError(
            f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}"
        )
    expect_scatter(input, index, axis, src)
    index = without_elements(input, index)
    return run_reduction(SCATTER_REDUCTIONS, input, index, src, axis, reduce, include_self)
