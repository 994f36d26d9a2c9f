"""Attention of torch.nn.functional for given queries, keys and values."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..._core.public import expect_tensor
from ..._core.traced import traced
from ...ops import attention as ops
from ...ops._arguments import c_name, scalar_name
from ...ops.shape import common_shape
from ...random import default_generator
from ...streams import bernoulli_mask
from ...tensor import Tensor


def scaled_dot_product_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """Mix values by how well their keys match each query: softmax(q k^T * scale + mask) v.

    Parameters
    ----------
    query : Tensor
        (*B, n, d)
    key : Tensor
        (*B, m, d)
    value : Tensor
        (*B, m, e).  Batch dimensions broadcast.
    attn_mask : Tensor, optional
        Broadcasts to (*B, n, m).  Bools: False where a query may not see a key.  Floating
        numbers: added to the scores.
    dropout_p : float
        How probably a weight is dropped; also outside of training.
    is_causal : bool
        Whether query i sees only keys 0 to i; then there is no `attn_mask`.
    scale : float, optional
        By default 1 / sqrt(d).
    enable_gqa : bool
        Whether every key and value head (third dimension from the end) serves a group of
        query heads.

    Returns
    -------
    Tensor
        (*B, n, e); 0 for a query that may see no key.

    Raises
    ------
    RuntimeError
        For dtypes that differ, shapes that do not fit, a mask beside `is_causal`.

    Examples
    --------
    >>> import retrograd as torch
    >>> x = torch.eye(2)
    >>> torch.nn.functional.scaled_dot_product_attention(x, x, x, is_causal=True)
    tensor([[1.0000, 0.0000],
            [0.3302, 0.6698]])
    """
    for place, (name, one) in enumerate((("query", query), ("key", key), ("value", value)), 1):
        expect_tensor("scaled_dot_product_attention", one, name, place)
    _check_attention(query, key, value, attn_mask, is_causal)
    if enable_gqa:
        key, value = _repeated_heads(query, key, value)
    given = query.dtype
    if query.get_dtype().itemsize == 2:
        query, key, value = query.float(), key.float(), value.float()
    query, key, value = _one_batch(query, key, value)
    if attn_mask is not None:
        _check_mask_shape(attn_mask, query, key)
    size = query.size(-1)
    if scale is None:
        scale = 1 / math.sqrt(size) if size else math.inf
    keep = None
    if dropout_p > 0:
        if dropout_p > 1:
            raise RuntimeError(
                f"dropout probability has to be between 0 and 1, but got {dropout_p:g}"
            )
        keep = _dropping((*query.get_shape()[:-1], key.size(-2)), dropout_p, query.get_dtype())
    result: Any = ops.attend(
        query, key, value, attn_mask, keep, scale=float(scale), causal=is_causal
    )
    return result[0].to(given)


@traced
def _dropping(shape: tuple[int, ...], p: float, dtype: Any) -> Any:
    """Return what weights are multiplied with to drop some and scale the others."""
    if p == 1:
        return np.zeros((), dtype)
    return bernoulli_mask(default_generator, shape, 1 - p) * (np.ones((), dtype) / (1 - p))


def _check_attention(
    query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, is_causal: bool
) -> None:
    dtype = query.get_dtype()
    if dtype != key.get_dtype() or dtype != value.get_dtype():
        names = [c_name(one.get_dtype()) for one in (query, key, value)]
        raise RuntimeError(
            "Expected query, key, and value to have the same dtype, but got query.dtype: "
            f"{names[0]} key.dtype: {names[1]} and value.dtype: {names[2]} instead."
        )
    if query.dim() < 2 or key.dim() < 2 or value.dim() < 2:
        raise RuntimeError(
            "Expected query, key, and value to all be  at least 2 dimensional, but got query.dim: "
            f"{query.dim()} key.dim: {key.dim()} and value.dim: {value.dim()} instead."
        )
    if mask is not None:
        kind = mask.get_dtype()
        if kind.kind != "b" and kind not in (dtype, np.dtype(np.float32)):
            raise RuntimeError(
                "Expected attn_mask dtype to be bool or float or to match query dtype, but got "
                f"attn_mask.dtype: {c_name(kind)} and  query.dtype: {c_name(dtype)} instead."
            )
        if is_causal:
            raise RuntimeError(
                "_scaled_dot_product_attention: Explicit attn_mask should not be set when "
                "is_causal=True"
            )
    if dtype.kind in "biu":
        raise RuntimeError(f"expected scalar type Float but found {scalar_name(dtype)}")
    if dtype.kind == "c":
        raise NotImplementedError(
            f"\"softmax_lastdim_kernel_impl\" not implemented for '{scalar_name(dtype)}'"
        )


def _repeated_heads(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    heads = query.size(-3)
    for one in (key, value):
        if one.size(-3) == 0 or heads % one.size(-3):
            raise RuntimeError(
                "Number of heads in key and value must divide the number of heads in "
            )
    key = key.repeat_interleave(heads // key.size(-3), -3)
    return key, value.repeat_interleave(heads // value.size(-3), -3)


def _one_batch(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the three with equal batch dimensions."""
    q, k, v = query.get_shape(), key.get_shape(), value.get_shape()
    batch = q[:-2]
    if k[:-2] != batch or v[:-2] != batch:
        batch = tuple(common_shape([tuple(common_shape([q[:-2], k[:-2]])), v[:-2]]))
    count = math.prod(batch)
    if q[-1] != k[-1]:
        raise _cannot_multiply(batch, count, q[-2], q[-1], k[-1], k[-2])
    if k[-2] != v[-2]:
        raise _cannot_multiply(batch, count, q[-2], k[-2], v[-2], v[-1])
    if q[:-2] != batch:
        query = query.expand(*batch, *q[-2:])
    if k[:-2] != batch:
        key = key.expand(*batch, *k[-2:])
    if v[:-2] != batch:
        value = value.expand(*batch, *v[-2:])
    return query, key, value


def _cannot_multiply(
    batch: tuple[int, ...], count: int, rows: int, have: int, given: int, columns: int
) -> RuntimeError:
    if not batch:
        return RuntimeError(
            f"mat1 and mat2 shapes cannot be multiplied ({rows}x{have} and {given}x{columns})"
        )
    return RuntimeError(
        "Expected size for first two dimensions of batch2 tensor to be: "
        f"[{count}, {have}] but got: [{count}, {given}]."
    )


def _check_mask_shape(mask: Tensor, query: Tensor, key: Tensor) -> None:
    scores = (*query.get_shape()[:-1], key.size(-2))
    shape = tuple(common_shape([scores, mask.get_shape()]))
    if shape != scores:
        raise RuntimeError(
            f"output with shape {list(scores)} doesn't match the broadcast shape {list(shape)}"
        )
