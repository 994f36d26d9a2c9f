"""Attention with projections: torch.nn.functional.multi_head_attention_forward."""

from __future__ import annotations

import math
import warnings
from typing import Any

from ...creation import zeros, zeros_like
from ...ops import attention as ops
from ...ops.affine import linear
from ...ops.joining import cat
from ...ops.padding import pad_front as pad
from ...tensor import Tensor
from ._attention import scaled_dot_product_attention
from ._dropout import dropout

_NEEDS_MASK = (
    "Need attn_mask if specifying the is_causal hint. You may use the Transformer module method "
    "`generate_square_subsequent_mask` to create this mask."
)


def canonical_mask(
    mask: Tensor | None,
    name: str,
    other: Tensor | None,
    other_name: str,
    dtype: Any,
    check_other: bool = True,
) -> Tensor | None:
    """Return a mask as numbers to be added to the scores: -inf for True.

    Raises
    ------
    AssertionError
        For a mask of integers.
    """
    if mask is None:
        return None
    kind = mask.get_dtype().kind
    if kind not in "bf":
        raise AssertionError(f"only bool and floating types of {name} are supported")
    if check_other and other is not None and mask.dtype != other.dtype:
        warnings.warn(
            f"Support for mismatched {name} and {other_name} is deprecated. Use same type for "
            "both instead.",
            stacklevel=3,
        )
    if kind == "b":
        return zeros_like(mask, dtype=dtype).masked_fill_(mask, -math.inf)
    return mask


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Project queries, keys and values, attend in each head, and project the result.

    Parameters
    ----------
    query : Tensor
        (n, b, e), or (n, e) for one sequence without a batch.
    key, value : Tensor
        (m, b, *) or (m, *)
    embed_dim_to_check, num_heads : int
        The size e, and into how many heads it is split.
    in_proj_weight, in_proj_bias : Tensor, optional
        (3 e, e) and (3 e): queries, keys and values below each other.
    bias_k, bias_v : Tensor, optional
        (1, 1, e): one more key and value for every sequence.
    add_zero_attn : bool
        Whether one more key and value of zeros is added.
    dropout_p : float
        How probably a weight is dropped in training.
    out_proj_weight, out_proj_bias : Tensor
        (e, e) and (e)
    key_padding_mask : Tensor, optional
        (b, m) or (m): True, or what is added to the scores, for keys that are left out.
    need_weights : bool
        Whether the weights are returned as well.
    attn_mask : Tensor, optional
        (n, m) or (b heads, n, m): True, or what is added to the scores.
    use_separate_proj_weight : bool
        Whether `q_proj_weight`, `k_proj_weight` and `v_proj_weight` stand for `in_proj_weight`.
    static_k, static_v : Tensor, optional
        (b heads, m, e / heads): keys and values that are already projected and split.
    average_attn_weights : bool
        Whether the weights returned are the mean over the heads.
    is_causal : bool
        Says that `attn_mask` is causal, which may then be left unread.

    Returns
    -------
    result : Tensor
        (n, b, e) or (n, e)
    weights : Tensor or None
        (b, n, m) or (n, m); with a dimension for the heads after b unless averaged.

    Raises
    ------
    AssertionError, RuntimeError
        For shapes and dtypes that do not fit.
    """
    batched = _is_batched(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        query, key, value = _with_batch(query, key, value)
        if key_padding_mask is not None:
            key_padding_mask = key_padding_mask.unsqueeze(0)
    length, batch, size = query.get_shape()
    sources = key.size(0)
    key_padding_mask = canonical_mask(
        key_padding_mask, "key_padding_mask", attn_mask, "attn_mask", query.dtype
    )
    if is_causal and attn_mask is None:
        raise RuntimeError(_NEEDS_MASK)
    # The causal kernel stands for the mask only where nothing else is masked or asked for.
    causal = is_causal and key_padding_mask is None and not need_weights
    if causal:
        attn_mask = None
    else:
        attn_mask = canonical_mask(attn_mask, "attn_mask", None, "", query.dtype, False)
    head = _head_size(size, embed_dim_to_check, num_heads)
    if use_separate_proj_weight:
        if key.shape[:2] != value.shape[:2]:
            raise AssertionError(
                f"key's sequence and batch dims {key.shape[:2]} do not match value's "
                f"{value.shape[:2]}"
            )
    elif key.shape != value.shape:
        raise AssertionError(f"key shape {key.shape} does not match value shape {value.shape}")
    joint = query is key and key is value and not use_separate_proj_weight
    if (
        joint
        and in_proj_weight is not None
        and all(one is None for one in (bias_k, bias_v, static_k, static_v))
    ):
        projected = linear(query, in_proj_weight, in_proj_bias)
        q, k, v = ops.split_heads(projected, heads=num_heads)
        if attn_mask is not None:
            attn_mask = _mask_by_head(attn_mask, batch, num_heads, length, sources)
    else:
        if use_separate_proj_weight:
            weights = _separate_weights(
                q_proj_weight, k_proj_weight, v_proj_weight, size, key, value
            )
        else:
            weights = _joint_weights(in_proj_weight, size, key is value)
        q, k, v = _projected(query, key, value, weights, in_proj_bias)
        if attn_mask is not None:
            attn_mask = _mask_by_head(attn_mask, batch, num_heads, length, sources)
        if bias_k is not None and bias_v is not None:
            if static_k is not None:
                raise AssertionError("bias cannot be added to static key.")
            if static_v is not None:
                raise AssertionError("bias cannot be added to static value.")
            k, v = _with_bias(k, v, bias_k, bias_v)
            attn_mask, key_padding_mask = _wider(attn_mask), _wider(key_padding_mask)
        elif bias_k is not None:
            raise AssertionError("bias_k is set but bias_v is None")
        elif bias_v is not None:
            raise AssertionError("bias_v is set but bias_k is None")
        q = _by_head(q, batch, num_heads, head)
        if static_k is None:
            k = _by_head(k, batch, num_heads, head)
        else:
            k = _given_by_head(static_k, "static_k", batch, num_heads, head)
        if static_v is None:
            v = _by_head(v, batch, num_heads, head)
        else:
            v = _given_by_head(static_v, "static_v", batch, num_heads, head)
    if add_zero_attn:
        nothing = zeros((batch, num_heads, 1, head), dtype=k.dtype)
        k, v = cat((k, nothing), 2), cat((v, nothing), 2)
        attn_mask, key_padding_mask = _wider(attn_mask), _wider(key_padding_mask)
    attn_mask = _with_padding(attn_mask, key_padding_mask, batch, k.size(2))
    if not training:
        dropout_p = 0.0
    if need_weights:
        weighing = ops.attention_weights(q, k, attn_mask, scale=1 / math.sqrt(head), blind=math.nan)
        if dropout_p > 0:
            weighing = dropout(weighing, dropout_p)
        mixed = weighing @ v
    else:
        weighing = None
        mixed = scaled_dot_product_attention(q, k, v, attn_mask, dropout_p, causal)
    rows = mixed.permute(2, 0, 1, 3).reshape(length * batch, size)
    result = linear(rows, out_proj_weight, out_proj_bias)
    result = result.view(length, batch, result.size(1))
    if weighing is not None and average_attn_weights:
        weighing = weighing.mean(1)
    if not batched:
        result = result.squeeze(1)
        weighing = None if weighing is None else weighing.squeeze(0)
    return result, weighing


# -- checks ----------------------------------------------------------------------------------------


def _is_batched(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    padding: Tensor | None,
    mask: Tensor | None,
    heads: int,
) -> bool:
    """Return whether there is a batch dimension; every operand must agree."""
    dims = query.dim()
    if dims not in (2, 3):
        raise AssertionError(
            f"query should be unbatched 2D or batched 3D tensor but received {dims}-D query tensor"
        )
    what = "batched (3-D)" if dims == 3 else "unbatched (2-D)"
    if key.dim() != dims or value.dim() != dims:
        raise AssertionError(
            f"For {what} `query`, expected `key` and `value` to be {dims}-D but found "
            f"{key.dim()}-D and {value.dim()}-D tensors respectively"
        )
    if padding is not None and padding.dim() != dims - 1:
        raise AssertionError(
            f"For {what} `query`, expected `key_padding_mask` to be `None` or {dims - 1}-D but "
            f"found {padding.dim()}-D tensor instead"
        )
    if mask is not None:
        if mask.dim() not in (2, 3):
            raise AssertionError(
                f"For {what} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found "
                f"{mask.dim()}-D tensor instead"
            )
        wanted = (heads, query.size(0), key.size(0))
        if dims == 2 and mask.dim() == 3 and mask.get_shape() != wanted:
            raise AssertionError(f"Expected `attn_mask` shape to be {wanted} but got {mask.shape}")
    return dims == 3


def _with_batch(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the three with a batch of one; what was one tensor stays one."""
    wide = query.unsqueeze(1)
    wide_key = wide if key is query else key.unsqueeze(1)
    if value is key:
        return wide, wide_key, wide_key
    return wide, wide_key, wide if value is query else value.unsqueeze(1)


def _head_size(size: int, wanted: int, heads: int) -> int:
    if size != wanted:
        raise AssertionError(f"was expecting embedding dimension of {wanted}, but got {size}")
    if size // heads * heads != size:
        raise AssertionError(f"embed_dim {size} not divisible by num_heads {heads}")
    return size // heads


# -- projections -----------------------------------------------------------------------------------


def _projected(
    query: Tensor, key: Tensor, value: Tensor, weights: list[Tensor], bias: Tensor | None
) -> list[Tensor]:
    if len(weights) == 2:  # keys and values together
        size = query.size(-1)
        q_bias, kv_bias = (None, None) if bias is None else bias.split([size, 2 * size])
        both = linear(key, weights[1], kv_bias)
        return [linear(query, weights[0], q_bias), *both.chunk(2, -1)]
    biases = (None, None, None) if bias is None else bias.chunk(3)
    given = zip((query, key, value), weights, biases, strict=True)
    return [linear(one, weight, shift) for one, weight, shift in given]


def _joint_weights(weight: Tensor | None, size: int, together: bool) -> list[Tensor]:
    if weight is None:
        raise AssertionError("use_separate_proj_weight is False but in_proj_weight is None")
    return list(weight.split([size, 2 * size] if together else size))


def _separate_weights(
    q: Tensor | None, k: Tensor | None, v: Tensor | None, size: int, key: Tensor, value: Tensor
) -> list[Tensor]:
    found = []
    wanted = (
        ("q", "query", q, size),
        ("k", "key", k, key.size(-1)),
        ("v", "value", v, value.size(-1)),
    )
    for letter, _, weight, _ in wanted:
        if weight is None:
            raise AssertionError(
                f"use_separate_proj_weight is True but {letter}_proj_weight is None"
            )
    for _, name, weight, inputs in wanted:
        if weight.get_shape() != (size, inputs):
            raise AssertionError(
                f"expecting {name} weights shape of {(size, inputs)}, but got {weight.shape}"
            )
        found.append(weight)
    return found


def _with_bias(k: Tensor, v: Tensor, bias_k: Tensor, bias_v: Tensor) -> tuple[Tensor, Tensor]:
    """Return keys and values with one more of each, the same for every sequence."""
    batch = k.size(1)
    return cat((k, bias_k.repeat(1, batch, 1))), cat((v, bias_v.repeat(1, batch, 1)))


def _by_head(projected: Tensor, batch: int, heads: int, size: int) -> Tensor:
    """(m, b, heads d) -> (b, heads, m, d)"""
    length = projected.size(0)
    flat = projected.reshape(length, batch * heads, size).transpose(0, 1)
    return flat.view(batch, heads, length, size)


def _given_by_head(given: Tensor, name: str, batch: int, heads: int, size: int) -> Tensor:
    """(b heads, m, d) -> (b, heads, m, d)"""
    if given.size(0) != batch * heads:
        raise AssertionError(
            f"expecting {name}.size(0) of {batch * heads}, but got {given.size(0)}"
        )
    if given.size(2) != size:
        raise AssertionError(f"expecting {name}.size(2) of {size}, but got {given.size(2)}")
    return given.view(batch, heads, given.size(1), size)


# -- masks -----------------------------------------------------------------------------------------


def _mask_by_head(mask: Tensor, batch: int, heads: int, length: int, sources: int) -> Tensor:
    """Return a mask of two or three dimensions as one that broadcasts to (b, heads, n, m)."""
    wanted = (length, sources) if mask.dim() == 2 else (batch * heads, length, sources)
    if mask.get_shape() != wanted:
        raise RuntimeError(
            f"The shape of the {mask.dim()}D attn_mask is {mask.shape}, but should be {wanted}."
        )
    return mask if mask.dim() == 2 else mask.view(batch, heads, length, sources)


def _wider(mask: Tensor | None) -> Tensor | None:
    """Return a mask for one more key, which may be seen."""
    return None if mask is None else pad(mask, (0, 1))


def _with_padding(
    mask: Tensor | None, padding: Tensor | None, batch: int, sources: int
) -> Tensor | None:
    """Return the sum of both masks; it broadcasts to (b, heads, n, m)."""
    if padding is None:
        return mask
    if padding.size(0) != batch:
        raise AssertionError(
            f"Expected key_padded_mask.shape[0] to be {batch}, but got {padding.size(0)}"
        )
    if padding.size(1) != sources:
        raise AssertionError(
            f"Expected key_padded_mask.shape[1] to be {sources}, but got {padding.size(1)}"
        )
    padding = padding.view(batch, 1, 1, sources)
    return padding if mask is None else mask + padding
