"""The names of NumPy that an exported function may call: pure functions of arrays."""

from __future__ import annotations

import numpy as np

_UFUNCS = sorted(
    name for name in dir(np) if isinstance(getattr(np, name), np.ufunc) and name != "frompyfunc"
)
_OTHERS = [
    "all", "any", "append", "arange", "argmax", "argmin", "argpartition", "argsort", "asarray",
    "ascontiguousarray", "atleast_1d", "atleast_2d", "atleast_3d", "average", "bincount",
    "broadcast_arrays", "broadcast_to", "clip", "column_stack", "concatenate", "conj", "convolve",
    "copy", "copyto", "count_nonzero", "cross", "cumprod", "cumsum", "cumulative_sum", "diag",
    "diagonal", "diff", "digitize", "dot", "dstack", "einsum", "empty", "empty_like",
    "expand_dims", "eye", "fill_diagonal", "fix", "flip", "fliplr", "flipud", "full", "full_like",
    "hstack", "imag", "indices", "inner", "interp", "isclose", "kron", "linspace", "max", "mean",
    "median", "meshgrid", "min", "moveaxis", "nan_to_num", "nanmax", "nanmean", "nanmin",
    "nanprod", "nansum", "ndarray", "ones", "ones_like", "outer", "pad", "partition",
    "permute_dims", "place", "prod", "put", "put_along_axis", "putmask", "quantile", "ravel",
    "ravel_multi_index", "real", "repeat", "reshape", "resize", "roll", "rollaxis", "rot90",
    "round", "searchsorted", "select", "sinc", "sort", "split", "squeeze", "stack", "std", "sum",
    "swapaxes", "take", "take_along_axis", "tensordot", "tile", "trace", "transpose", "tri",
    "tril", "triu", "unravel_index", "unstack", "var", "vdot", "vstack", "where", "zeros",
    "zeros_like",
]  # fmt: skip
NAMES = sorted(name for name in {*_UFUNCS, *_OTHERS} if hasattr(np, name))

METHODS = [
    "all", "any", "argmax", "argmin", "argpartition", "argsort", "astype", "choose", "clip",
    "conj", "conjugate", "copy", "cumprod", "cumsum", "diagonal", "dot", "fill", "flatten", "max",
    "mean", "min", "partition", "prod", "ravel", "repeat", "reshape", "round", "searchsorted",
    "sort", "squeeze", "std", "sum", "swapaxes", "take", "trace", "transpose", "var", "view",
]  # fmt: skip
