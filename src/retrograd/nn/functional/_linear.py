"""Functions of torch.nn.functional that combine features: bilinear, normalize."""

from __future__ import annotations

from typing import Any

from ..._core.public import expect_tensor
from ...ops.einsum import einsum
from ...tensor import Tensor


def bilinear(input1: Tensor, input2: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """Bilinear map of two inputs.  (*B, n), (*B, m), (k, n, m), (k,) -> (*B, k)"""
    for place, (name, value) in enumerate(
        (("input1", input1), ("input2", input2), ("weight", weight)), start=1
    ):
        expect_tensor("bilinear", value, name, place)
    if input1.dim() != input2.dim():
        raise RuntimeError(
            f"bilinear(): input dimensions do not match: got {input1.dim()} and {input2.dim()}"
        )
    for place in range(input1.dim() - 1):
        if input1.size(place) != input2.size(place):
            raise RuntimeError(
                f"bilinear(): input batch dimensions do not match at dim {place}: got "
                f"{input1.size(place)} and {input2.size(place)}"
            )
    for number, value in ((1, input1), (2, input2)):
        if value.size(-1) != weight.size(number):
            raise RuntimeError(
                f"bilinear(): input{number} size does not match weight size: got "
                f"{value.size(-1)} but expected {weight.size(number)}"
            )
    if bias is not None and bias.size(0) != weight.size(0):
        raise RuntimeError(
            "bilinear(): bias size does not match weight size: got "
            f"{bias.size(0)} but expected {weight.size(0)}"
        )
    batch = input1.size()[:-1]
    rows1 = input1.reshape(-1, weight.size(1))
    rows2 = input2.reshape(-1, weight.size(2))
    result: Any = einsum("bn,knm,bm->bk", rows1, weight, rows2)
    result = result.reshape((*batch, weight.size(0)))
    return result if bias is None else result + bias


def normalize(
    input: Tensor, p: float = 2.0, dim: int = 1, eps: float = 1e-12, out: Any = None
) -> Tensor:
    """Divide by the norm of order `p` along `dim`, at least `eps`.  (*S) -> (*S)"""
    size = input.norm(p, dim, keepdim=True).clamp_min(eps).expand_as(input)
    result = input / size
    return result if out is None else out.copy_(result)
