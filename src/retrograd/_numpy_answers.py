"""Answers to NumPy functions by PyTorch's functions: ``np.hstack``, ``np.split``, ``np.take``.

The table in `ops.numpy_calls` comes first; here are those that a public function answers once its
arguments have the other names.
"""

from __future__ import annotations

import numpy as np

from ._core.public import functions
from ._core.value import Value
from ._protocol import answers, constant
from .tensor import wrap


def _call(name, *args, **settings):
    return functions[name](*args, **settings)


def _tensor(given):
    return given if isinstance(given, Value) else wrap(np.asarray(given))


# What is looked up or counted has no gradient to lose.
constant(
    np.nonzero, np.argwhere, np.flatnonzero, np.array_equal, np.array_equiv, np.array_repr,
    np.array_str, np.array2string, np.shares_memory, np.may_share_memory, np.iscomplexobj,
    np.isrealobj, np.iscomplex, np.isreal, np.argpartition, np.isin, np.searchsorted, np.lexsort,
    np.nanargmax, np.nanargmin, np.count_nonzero, np.digitize, np.diag_indices_from,
    np.tril_indices_from, np.triu_indices_from, np.result_type, np.min_scalar_type, np.common_type,
    np.can_cast, np.linalg.matrix_rank, np.histogram, np.bincount, np.copyto, np.isposinf,
    np.isneginf,
)  # fmt: skip


# -- the same function under PyTorch's argument names -------------------------------------------


def _renamed(numpy_function, name, *parameters, **defaults):
    """Answer by a function that takes the same arguments under other names."""

    def answer(*args, **settings):
        given = dict(zip(_names[numpy_function], args))
        given.update(settings)
        operands = [_tensor(given.pop(name)) for name in _operands[numpy_function]]
        passed = dict(defaults)
        for theirs, ours in zip(_names[numpy_function][len(operands) :], parameters):
            if theirs in given and given[theirs] is not None:
                passed[ours] = given.pop(theirs)
            given.pop(theirs, None)
        if any(value is not None for value in given.values()):
            raise TypeError(f"np.{numpy_function.__name__} on a tensor does not take {list(given)}")
        return functions[name](*operands, **passed)

    answers(numpy_function)(answer)


_names = {}
_operands = {}


def _table(numpy_function, name, operands, parameters=""):
    """Register ``parameters`` written ``numpy:torch``, after the operands."""
    pairs = [pair.split(":") for pair in parameters.split()]
    _operands[numpy_function] = operands.split()
    _names[numpy_function] = operands.split() + [pair[0] for pair in pairs]
    _renamed(numpy_function, name, *[pair[-1] for pair in pairs])


_table(np.diag, "diag", "v", "k:diagonal")
_table(np.diagflat, "diagflat", "v", "k:offset")
_table(np.clip, "clamp", "a", "a_min:min a_max:max")
_table(np.around, "round", "a", "decimals:decimals")
_table(np.fliplr, "fliplr", "m")
_table(np.flipud, "flipud", "m")
_table(np.ravel, "ravel", "a")
_table(np.copy, "clone", "a")
_table(np.nanmean, "nanmean", "a", "axis:dim keepdims:keepdim")
_table(np.linalg.solve, "linalg.solve", "a b")
_table(np.linalg.cond, "linalg.cond", "x", "p:p")


# -- functions of several tensors ---------------------------------------------------------------


@answers(np.hstack)
def hstack(tup):
    return _call("hstack", [_tensor(t) for t in tup])


@answers(np.vstack)
def vstack(tup):
    return _call("vstack", [_tensor(t) for t in tup])


@answers(np.dstack)
def dstack(tup):
    return _call("dstack", [_tensor(t) for t in tup])


@answers(np.column_stack)
def column_stack(tup):
    return _call("column_stack", [_tensor(t) for t in tup])


@answers(np.append)
def append(arr, values, axis=None):
    parts = [_tensor(arr), _tensor(values)]
    if axis is None:
        parts = [part.reshape(-1) for part in parts]
    return _call("cat", parts, 0 if axis is None else axis)


@answers(np.split, np.array_split)
def split(ary, indices_or_sections, axis=0):
    sections = indices_or_sections
    if not isinstance(sections, int):
        sections = [int(n) for n in sections]
    return list(_call("tensor_split", ary, sections, dim=axis))


@answers(np.broadcast_arrays)
def broadcast_arrays(*args, subok=False):
    return tuple(_call("broadcast_tensors", *[_tensor(a) for a in args]))


@answers(np.meshgrid)
def meshgrid(*xi, indexing="xy", copy=True, sparse=False):
    if sparse:
        raise TypeError("np.meshgrid on tensors does not take sparse=True")
    return tuple(_call("meshgrid", *[_tensor(x) for x in xi], indexing=indexing))


# -- functions of one tensor --------------------------------------------------------------------


@answers(np.linalg.trace)
def linalg_trace(x, /, *, offset=0, dtype=None):
    return _call("diagonal", x, offset, -2, -1).sum(-1)


@answers(np.linalg.diagonal)
def linalg_diagonal(x, /, *, offset=0):
    return _call("diagonal", x, offset, -2, -1)


@answers(np.linalg.matmul)
def linalg_matmul(x1, x2, /):
    return _call("matmul", _tensor(x1), _tensor(x2))


@answers(np.linalg.outer)
def linalg_outer(x1, x2, /):
    return _call("outer", _tensor(x1), _tensor(x2))


@answers(np.linalg.matrix_transpose)
def matrix_transpose(x, /):
    return x.mT


@answers(np.linalg.svdvals)
def svdvals(x, /):
    return _call("linalg.svdvals", x)


@answers(np.take)
def take(a, indices, axis=None, out=None, mode="raise"):
    if axis is None:
        a, axis = a.reshape(-1), 0
    index = np.asarray(indices.array if isinstance(indices, Value) else indices)
    return a[(slice(None),) * (axis % a.ndim) + (wrap(index),)]


@answers(np.tile)
def tile(A, reps):
    return _call("tile", A, (reps,) if isinstance(reps, int) else tuple(reps))


@answers(np.transpose)
def transpose(a, axes=None):
    return a.permute(tuple(range(a.ndim - 1, -1, -1)) if axes is None else tuple(axes))


@answers(np.where)
def where(condition, *choices):
    if not choices:
        return tuple(_call("nonzero", condition, as_tuple=True))
    return _call("where", _tensor(condition), *choices)


def _at_least(count):
    def answer(*arys):
        results = [_call(f"atleast_{count}d", _tensor(a)) for a in arys]
        return results[0] if len(results) == 1 else tuple(results)

    return answer


answers(np.atleast_1d)(_at_least(1))
answers(np.atleast_2d)(_at_least(2))
answers(np.atleast_3d)(_at_least(3))
