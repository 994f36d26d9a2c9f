"""Looking things up by integer tensors, and finding where elements are not zero."""

from __future__ import annotations

import numpy as np

from .._core.op import op
from .._core.public import expect_tensor, public
from .._core.storage import tick
from .._core.traced import one_step
from .._core.tracing import run, run_write
from .._core.value import Value
from ._arguments import scalar_name
from ._axes import axis_of
from ._sizes import is_index, ndarray, out_of_range, required
from .indexing import ALL, place_add
from .shape import reshape_to

# -- whole slices -------------------------------------------------------------------------------


def layout_of(axis):
    """Return the layout of one index array at `axis`."""
    return (*(ALL,) * axis, None)


@op(node="IndexSelectBackward0", linear=True)
def select_slices(x, index, *, axis):
    """Slices along an axis by number; of a 0-d array itself.  (*S, n, *R), (k) -> (*S, k, *R)"""
    if np.ndim(x) == 0:
        taken = np.take(np.reshape(x, (1,)), index)
        return np.reshape(taken, ()) if taken.size == 1 else taken
    return x.take(index, axis) if type(x) is ndarray else np.take(x, index, axis)


@select_slices.grad("x")
def select_slices_dx(g, x_shape, index, axis):
    if not x_shape:
        return np.sum(g)
    return place_add(g, index, shape=x_shape, layout=layout_of(axis))


def expect_vector(name, index):
    """Return an index tensor that must be a vector (or 0-d), as a vector."""
    if index.array.ndim == 0:
        return reshape_to(index, (1,))
    if index.array.ndim > 1:
        raise IndexError(f"{name}(): Index is supposed to be a vector")
    return index


@public("index_select", out=True)
def index_select(input, dim=None, index=None, *, axis=None):
    """Return the slices along an axis whose numbers are in the vector `index`; a copy."""
    expect_tensor("index_select", input)
    expect_tensor("index_select", index, "index", 3)
    shape = input.get_shape()
    axis = axis_of(required("index_select", axis if dim is None else dim), len(shape))
    if not is_index(index.array.dtype):
        raise RuntimeError("index_select(): Expected dtype int32 or int64 for index")
    index = expect_vector("index_select", index)
    if len(shape) > 1 and shape[axis] == 0 and index.array.size:
        raise RuntimeError("index_select(): self indexing axis dim should be positive")
    run(expect_rows, index.array, shape[axis] if shape else 1)
    if not shape and index.array.size != 1:
        raise RuntimeError(
            f"index_select(): Index to scalar can have only 1 value, got {index.array.size} "
            f"value(s)"
        )
    return select_slices(input, index, axis=axis)


# -- single elements ----------------------------------------------------------------------------


@op(node="TakeBackward0", linear=True)
def take_flat(x, index):
    """Elements by their number in the flattened input.  (*S), (*I) -> (*I)"""
    return x.take(index) if type(x) is ndarray else np.take(x, index)


@take_flat.grad("x")
def take_flat_dx(g, x_shape, index):
    count = 1
    for size in x_shape:
        count *= size
    return np.reshape(place_add(g, index, shape=(count,), layout=(None,)), tuple(x_shape))


def expect_long(name, index):
    if index.array.dtype != np.int64:
        raise RuntimeError(
            f"{name}(): Expected a long tensor for index, but got {scalar_name(index.array.dtype)}"
        )


def expect_rows(array, count):
    """Refuse numbers of rows of which there are `count`."""
    if out_of_range(array, count):
        raise IndexError("index out of range in self")


def expect_within(array, count):
    if not out_of_range(array, count):
        return
    for found in (array.min(), array.max()):
        if not -count <= found < count:
            raise IndexError(
                f"out of range: tried to access index {found} on a tensor of {count} elements."
            )


@public("take", out=True)
def take(input, index):
    """Return elements by their number in the flattened `input`, in the shape of `index`."""
    expect_tensor("take", input)
    expect_tensor("take", index, "index", 2)
    expect_long("take", index)
    if input.array.size == 0 and index.array.size:
        raise IndexError("take(): tried to take from an empty tensor")
    run(expect_within, index.array, input.array.size)
    return take_flat(input, index)


@op(node="PutBackward0", linear=True)
def put_flat(x, value, index, *, accumulate):
    """A copy of `x` with elements put or added at flat places.  (*S), (*I), (*I) -> (*S)"""
    out = np.array(x, order="C")
    flat = np.reshape(out, (-1,))
    if accumulate:
        np.add.at(flat, np.reshape(index, (-1,)), np.reshape(value, (-1,)))
    else:
        flat[np.reshape(index, (-1,))] = np.reshape(value, (-1,))
    return out


@put_flat.grad("x")
def put_flat_dx(g, index, accumulate):
    if accumulate:
        return g
    return put_flat(g, np.zeros_like(g, shape=index.shape), index, accumulate=False)


@put_flat.grad("value")
def put_flat_dvalue(g, value_shape, index):
    return np.reshape(take_flat(g, index), tuple(value_shape))


@public("put", inplace=True)
def put(input, index, source, accumulate=False):
    """Return a copy of `input` with the elements of `source` put at flat places."""
    expect_tensor("put", input)
    expect_tensor("put", index, "index", 2)
    expect_tensor("put", source, "source", 3)
    expect_long("put_", index)
    if source.get_dtype() != input.get_dtype():
        raise RuntimeError(
            f"put_(): self and source expected to have the same dtype, but got self.dtype = "
            f"{scalar_name(input.get_dtype())} and source.dtype = "
            f"{scalar_name(source.get_dtype())}"
        )
    if source.array.size != index.array.size:
        raise IndexError(
            f"put_(): Expected source and index to have the same number of elements, but got "
            f"source.numel() = {source.array.size}, index.numel() = {index.array.size}"
        )
    run(expect_within, index.array, input.array.size)
    return put_flat(input, source, index, accumulate=accumulate)


# -- where elements are not zero ----------------------------------------------------------------


@public("nonzero", out=True)
@one_step
def nonzero(input, *, as_tuple=False):
    """Return the places of elements that are not zero, one row each; or one vector each axis."""
    expect_tensor("nonzero", input)
    array = input.array
    if as_tuple:
        return tuple([input.make(a) for a in np.atleast_1d(array).nonzero()])
    return input.make(np.argwhere(array))


@public("argwhere")
@one_step
def argwhere(input):
    """Return the places of elements that are not zero, one row each."""
    expect_tensor("argwhere", input)
    return input.make(np.argwhere(input.array))


@public("nonzero_static", out=True)
@one_step
def nonzero_static(input, *, size, fill_value=-1):
    """Return the first `size` rows of `nonzero`, filled up with `fill_value`."""
    expect_tensor("nonzero_static", input)
    if size < 0:
        raise RuntimeError("nonzero_static: 'size' must be an non-negative integer")
    found = np.argwhere(input.array)[:size]
    out = np.full((size, found.shape[1]), fill_value, np.int64)
    out[: len(found)] = found
    return input.make(out)


@public("unravel_index", method=False)
@one_step
def unravel_index(indices, shape):
    """Return, for each axis of `shape`, the place along it of flat indices."""
    expect_tensor("unravel_index", indices, "indices")
    array = indices.array
    if array.dtype.kind not in "iu":
        raise TypeError(f"expected 'indices' to be integer dtype, but got torch.{array.dtype}")
    sizes = (shape,) if isinstance(shape, int) else tuple([n.__index__() for n in shape])
    if any(n < 0 for n in sizes):
        raise ValueError(f"'shape' cannot have negative values, but got {sizes}")
    found = []
    for size in reversed(sizes):
        found.append(indices.make(np.asarray(np.remainder(array, size), dtype=np.int64)))
        array = np.floor_divide(array, size)
    return tuple(reversed(found))


# -- embeddings ---------------------------------------------------------------------------------


@op(node="EmbeddingBackward0", linear=True)
def embed(weight, index, *, padding_idx=-1, by_frequency=False):
    """Rows of a table by number.  (n, d), (*I) -> (*I, d)"""
    return weight.take(index, 0) if type(weight) is ndarray else np.take(weight, index, 0)


@embed.grad("weight")
def embed_dweight(g, weight_shape, index, padding_idx, by_frequency):
    return embed_adjoint(
        g, index, rows=weight_shape[0], padding_idx=padding_idx, by_frequency=by_frequency
    )


def row_factors(index, rows, padding_idx, by_frequency):
    """Return what the gradient of each looked-up row is multiplied with; None for one."""
    if padding_idx < 0 and not by_frequency:
        return None
    factors = np.ones(index.shape)
    if by_frequency:
        counts = np.bincount(np.reshape(index, (-1,)), minlength=rows)
        factors = 1 / counts[index]
    if padding_idx >= 0:
        factors = np.where(index == padding_idx, 0, factors)
    return np.expand_dims(factors, -1)


@op(node="EmbeddingDenseBackwardBackward0", linear=True)
def embed_adjoint(x, index, *, rows, padding_idx, by_frequency):
    """Rows added into a table; those of `padding_idx` are left out.  (*I, d), (*I) -> (n, d)"""
    factors = row_factors(index, rows, padding_idx, by_frequency)
    if factors is not None:
        x = x * factors.astype(x.dtype)
    return place_add(x, index, shape=(rows, x.shape[-1]), layout=(None,))


@embed_adjoint.grad("x")
def embed_adjoint_dx(g, index, rows, padding_idx, by_frequency):
    looked_up = embed(g, index)
    plain_index = index.array if isinstance(index, Value) else index
    factors = row_factors(plain_index, rows, padding_idx, by_frequency)
    if factors is None:
        return looked_up
    dtype = (g.array if isinstance(g, Value) else g).dtype
    return looked_up * factors.astype(dtype)


def renormalize(weight, index, max_norm, norm_type):
    """Scale the looked-up rows whose norm is larger than `max_norm` down to it, in place."""
    run_write(renormalize_rows, weight.array, index.array, max_norm, norm_type)
    weight.get_storage().write(tick(), "embedding_renorm_", None)


def renormalize_rows(table, index, max_norm, norm_type):
    rows = np.unique(index)
    norms = np.linalg.norm(table[rows].astype(np.float64), norm_type, axis=1)
    long = norms > max_norm
    factors = max_norm / (norms[long] + 1e-7)
    table[rows[long]] *= factors[:, None].astype(table.dtype)


def expect_indices(index):
    if not is_index(index.array.dtype):
        raise RuntimeError(
            f"Expected tensor for argument #1 'indices' to have one of the following scalar types: "
            f"Long, Int; but got torch.{scalar_name(index.array.dtype)}Tensor instead (while "
            f"checking arguments for embedding)"
        )


@public("embedding", method=False, namespace="nn.functional")
def embedding(
    input, weight, padding_idx=None, max_norm=None, norm_type=2.0, scale_grad_by_freq=False,
    sparse=False,
):  # fmt: skip
    """Return the rows of a table whose numbers are in `input`.

    Parameters
    ----------
    input : tensor of int
    weight : tensor, (n, d)
    padding_idx : int, optional
        This row receives no gradient.
    max_norm : float, optional
        Rows that are looked up and longer than this are first scaled down, in `weight` itself.
    scale_grad_by_freq : bool
        Divide a row's gradient by how often it was looked up.
    sparse : bool
        Accepted; the gradient is dense all the same.
    """
    expect_tensor("embedding", input, "indices", 2)
    expect_tensor("embedding", weight, "weight", 1)
    if len(weight.get_shape()) != 2:
        raise RuntimeError("'weight' must be 2-D")
    expect_indices(input)
    rows = weight.get_shape()[0]
    if padding_idx is None:
        padding_idx = -1
    elif not -rows <= padding_idx < rows:
        raise AssertionError("Padding_idx must be within num_embeddings")
    elif padding_idx < 0:
        padding_idx += rows
    run(expect_rows, input.array, rows)
    if max_norm is not None:
        renormalize(weight, input, max_norm, norm_type)
    if padding_idx < 0 and not scale_grad_by_freq:
        return embed(weight, input)
    return embed(weight, input, padding_idx=padding_idx, by_frequency=scale_grad_by_freq)


@public("embedding", method=False)
def embedding_of(weight, indices, padding_idx=-1, scale_grad_by_freq=False, sparse=False):
    """Return the rows of a table whose numbers are in `indices`."""
    padding = None if padding_idx < 0 else padding_idx
    return embedding(indices, weight, padding, scale_grad_by_freq=scale_grad_by_freq)


@public("one_hot", method=False, namespace="nn.functional")
@one_step
def one_hot(tensor, num_classes=-1):
    """Return int64 vectors with a one at each class number: (*S) -> (*S, num_classes)."""
    expect_tensor("one_hot", tensor, "self")
    array = tensor.array
    if array.dtype != np.int64:
        raise RuntimeError("one_hot is only applicable to index tensor of type LongTensor.")
    if array.size == 0:
        if num_classes <= 0:
            raise RuntimeError("Can not infer total number of classes from empty tensor.")
        return tensor.make(np.zeros((*array.shape, num_classes), np.int64))
    if array.min() < 0:
        raise RuntimeError("Class values must be non-negative.")
    if num_classes == -1:
        num_classes = int(array.max()) + 1
    elif array.max() >= num_classes:
        raise RuntimeError("Class values must be smaller than num_classes.")
    return tensor.make((array[..., None] == np.arange(num_classes)).astype(np.int64))
