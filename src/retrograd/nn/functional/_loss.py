"""Losses of torch.nn.functional: PyTorch's checks and signatures over the loss operations."""

from __future__ import annotations

import warnings
from typing import Any

from ..._core.broadcast import broadcast_error
from ..._core.promotion import INT64, result_type
from ..._core.public import expect_tensor
from ..._core.tracing import run
from ...ops import loss as ops
from ...ops import pair_loss
from ...ops._arguments import scalar_name
from ...ops._fronts import refuse
from ...ops.activation import log_softmax, log_softmax_front
from ...ops.copying import cast
from ...ops.shape import broadcast_tensors
from ...size import Size
from ...tensor import Tensor

_REDUCTIONS = pair_loss.REDUCTIONS


def reduction_of(size_average: bool | None, reduce: bool | None, stacklevel: int = 4) -> str:
    """Return the reduction that the two former arguments stand for, with PyTorch's warning."""
    size_average = True if size_average is None else size_average
    reduce = True if reduce is None else reduce
    found = "none"
    if reduce:
        found = "mean" if size_average else "sum"
    warnings.warn(
        f"size_average and reduce args will be deprecated, please use reduction='{found}' instead.",
        stacklevel=stacklevel,
    )
    return found


def _reduction(
    size_average: bool | None, reduce: bool | None, reduction: str, stacklevel: int = 5
) -> str:
    if size_average is not None or reduce is not None:
        return reduction_of(size_average, reduce, stacklevel)
    if reduction not in _REDUCTIONS:
        raise ValueError(f"{reduction} is not a valid value for reduction")
    return reduction


def _reduced(losses: Tensor, reduction: str) -> Tensor:
    if reduction == "mean":
        return losses.mean()
    return losses.sum() if reduction == "sum" else losses


# -- differences -----------------------------------------------------------------------------------


def _same_shape(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return both expanded to one shape; a warning says that they had two."""
    shape = target.get_shape()
    if shape == input.get_shape():
        return input, target
    warnings.warn(
        f"Using a target size ({Size(shape)}) that is different to the input size "
        f"({input.size()}). This will likely lead to incorrect results due to broadcasting. "
        "Please ensure they have the same size.",
        stacklevel=4,
    )
    found: tuple[Tensor, Tensor] = broadcast_tensors(input, target)
    return found


def _same_dtype(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return both in their common dtype."""
    dtype = input.get_dtype()
    if target.get_dtype() is dtype:
        return input, target
    dtype = result_type([input, target])
    return cast(input, dtype=dtype), cast(target, dtype=dtype)


def _weighted(losses: Tensor, weight: Tensor, reduction: str) -> Tensor:
    """Return weighted losses, their sum, or their weighted mean."""
    if weight.size() != losses.size():
        raise ValueError("Weights and input must have the same size.")
    losses = losses * weight
    if reduction == "mean":
        return losses.sum() / weight.sum()
    return losses.sum() if reduction == "sum" else losses


def mse_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Squared difference.  (*S), (*S) -> () or (*S)"""
    input, target = _same_shape(input, target)
    reduction = _reduction(size_average, reduce, reduction)
    if weight is not None:
        return _weighted((input - target) ** 2, weight, reduction)
    input, target = _same_dtype(input, target)
    refuse(input.array, "biuc", "mse_cpu")
    return ops.squared_error(input, target, reduction=reduction)


def l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    weight: Tensor | None = None,
) -> Tensor:
    """Absolute difference.  (*S), (*S) -> () or (*S)"""
    input, target = _same_shape(input, target)
    reduction = _reduction(size_average, reduce, reduction)
    losses = (input - target).abs()
    if weight is not None:
        return _weighted(losses, weight, reduction)
    return _reduced(losses, reduction)


def smooth_l1_loss(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    beta: float = 1.0,
) -> Tensor:
    """Squared difference below `beta`, absolute above, joined smoothly.  -> () or (*S)"""
    input, target = _same_shape(input, target)
    reduction = _reduction(size_average, reduce, reduction)
    if beta < 0:
        raise RuntimeError("smooth_l1_loss does not support negative values for beta.")
    if beta == 0:
        return _reduced((input - target).abs(), reduction)
    input, target = _same_dtype(input, target)
    refuse(input.array, "biuc", "smooth_l1_cpu")
    return ops.smooth_absolute_error(input, target, beta=beta, reduction=reduction)


def huber_loss(
    input: Tensor,
    target: Tensor,
    reduction: str = "mean",
    delta: float = 1.0,
    weight: Tensor | None = None,
) -> Tensor:
    """Half the squared difference below `delta`, `delta` times the absolute one above.

    With `weight` the mean is one of the weighted losses, not a weighted mean: as in PyTorch.
    """
    input, target = _same_shape(input, target)
    reduction = _reduction(None, None, reduction)
    if delta <= 0:
        raise RuntimeError("huber_loss does not support non-positive values for delta.")
    refuse(input.array, "biuc", "huber_cpu")
    if target.get_dtype() is not input.get_dtype():
        target = target.to(input.dtype)
    if weight is None:
        return ops.huber(input, target, delta=delta, reduction=reduction)
    if weight.size() != input.size():
        raise ValueError("Weights and input must have the same size.")
    losses = ops.huber(input, target, delta=delta, reduction="none")
    return _reduced(losses * weight, reduction)


# -- classes ---------------------------------------------------------------------------------------


def nll_loss(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Negative log likelihood of the target classes.

    Parameters
    ----------
    input : Tensor
        Log probabilities, (N, C), (N, C, *S) or (C,).
    target : Tensor
        Class numbers, (N,), (N, *S) or ().
    weight : Tensor, optional
        One factor for each class; "mean" is then a weighted mean.
    ignore_index : int
        A class number that adds nothing.
    reduction : {"mean", "sum", "none"}
    """
    expect_tensor("nll_loss_nd", input)
    expect_tensor("nll_loss_nd", target, "target", 2)
    return _likelihood(
        input, target, weight, ignore_index, _reduction(size_average, reduce, reduction)
    )


def _likelihood(
    input: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int, reduction: str
) -> Tensor:
    shape = input.get_shape()
    dims = len(shape)
    target_shape = target.get_shape()
    if dims == 2 and len(target_shape) == 1 and target_shape[0] == shape[0]:
        _check_classes(input, target, weight, shape[1])
        return ops.negative_log_likelihood(
            input, target, weight, ignore_index=ignore_index, reduction=reduction
        )
    if dims < 1:
        raise ValueError(f"Expected 1 or more dimensions (got {dims})")
    if dims == 1:
        if len(target_shape) > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if target.numel() != 1:
            raise ValueError(
                f"For 1D input, 1D target must have size 1, but got target size: {target_shape[0]}"
            )
        found = _likelihood(
            input.reshape(1, -1), target.reshape(1), weight, ignore_index, reduction
        )
        return found.reshape(()) if reduction == "none" else found
    if not target_shape or target_shape[0] != shape[0]:
        raise ValueError(
            f"Expected input batch_size ({shape[0]}) to match target batch_size "
            f"({target_shape[0] if target_shape else 0})."
        )
    if dims == 2:
        raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
    if target_shape[1:] != shape[2:]:
        wanted, given = [shape[0], *shape[2:]], list(target_shape)
        if dims == 4 and len(given) == 3:
            raise RuntimeError(f"size mismatch (got input: {list(shape)} , target: {given}")
        raise RuntimeError(f"Expected target size {wanted}, got {given}")
    _check_classes(input, target, weight, shape[1])
    rows = input.movedim(1, -1).reshape(-1, shape[1])
    found = ops.negative_log_likelihood_2d(
        rows, target.reshape(-1), weight, ignore_index=ignore_index, reduction=reduction
    )
    return found.reshape(target_shape) if reduction == "none" else found


def _check_classes(input: Tensor, target: Tensor, weight: Tensor | None, classes: int) -> None:
    name = "nll_loss_out_frame" if target.dim() < 2 else "nll_loss2d_forward_out_frame"
    refuse(input.array, "biuc", name)
    dtype = target.get_dtype()
    if dtype.kind not in "iu" or dtype.name not in ("int64", "uint8"):
        raise RuntimeError(
            f"expected target dtype to be Long or Byte, but got {scalar_name(dtype)}"
        )
    if weight is None:
        return
    if weight.dim() != 1 or weight.numel() != classes:
        raise RuntimeError(
            f"weight tensor should be defined either for all {classes} classes or no classes but "
            f"got weight tensor of shape: {list(weight.get_shape())}"
        )
    if weight.get_dtype() != input.get_dtype():
        raise RuntimeError(
            f"expected scalar type {scalar_name(input.get_dtype())} but found "
            f"{scalar_name(weight.get_dtype())}"
        )


def cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    ignore_index: int = -100,
    reduce: bool | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Tensor:
    """Cross entropy of unnormalised scores against class numbers or class probabilities.

    Parameters
    ----------
    input : Tensor
        Scores, (N, C), (N, C, *S) or (C,).
    target : Tensor
        Class numbers, (N,), (N, *S) or (); or probabilities, of the shape of `input`.
    weight : Tensor, optional
        One factor for each class; "mean" of class numbers is then a weighted mean.
    ignore_index : int
        A class number that adds nothing.
    reduction : {"mean", "sum", "none"}
    label_smoothing : float
        Share of the target spread evenly over all classes.

    Examples
    --------
    >>> import retrograd as torch
    >>> scores = torch.tensor([[2.0, 0.0], [0.0, 2.0]])
    >>> torch.nn.functional.cross_entropy(scores, torch.tensor([0, 0]))
    tensor(1.1269)
    """
    expect_tensor("cross_entropy_loss", input)
    expect_tensor("cross_entropy_loss", target, "target", 2)
    if size_average is not None or reduce is not None or reduction not in _REDUCTIONS:
        reduction = _reduction(size_average, reduce, reduction)
    shape = input.get_shape()
    target_shape = target.get_shape()
    if (
        len(shape) == 2
        and shape[:1] == target_shape
        and shape[1]
        and weight is None
        and label_smoothing == 0
        and input.get_dtype().kind == "f"
        and target.get_dtype() == INT64
    ):
        # What nearly every training step asks for, without a look at all that it does not.
        return ops.negative_log_likelihood(
            log_softmax(input, axis=1),
            target,
            None,
            ignore_index=ignore_index,
            reduction=reduction,
        )
    if shape == target_shape:
        return _against_probabilities(
            input, target, weight, ignore_index, reduction, label_smoothing
        )
    axis = 1 if input.dim() > 1 else 0
    if axis == 1 and input.get_dtype().kind == "f" and input.numel():
        logs: Any = log_softmax(input, axis=1)
    else:
        logs = log_softmax_front(input, axis)
    if label_smoothing > 0:
        return _smoothed(logs, target, weight, ignore_index, reduction, label_smoothing, axis)
    return _likelihood(logs, target, weight, ignore_index, reduction)


def _check_smoothing(label_smoothing: float) -> None:
    if label_smoothing > 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing:g}")


def _class_shape(weight: Tensor, dims: int, axis: int) -> list[int]:
    shape = [1] * dims
    shape[axis] = weight.numel()
    return shape


def _against_probabilities(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
) -> Tensor:
    if target.get_dtype().kind not in "fc":
        raise RuntimeError(
            "Expected floating point type for target with class probabilities, got "
            + scalar_name(target.get_dtype())
        )
    if ignore_index >= 0:
        raise RuntimeError("ignore_index is not supported for floating point target")
    _check_smoothing(label_smoothing)
    axis = 1 if input.dim() > 1 else 0
    classes = input.size(axis)
    if weight is not None and (weight.dim() != 1 or weight.numel() != classes):
        raise RuntimeError(
            f"cross_entropy: weight tensor should be defined either for all {classes} classes or "
            f"no classes but got weight tensor of shape: {list(weight.get_shape())}"
        )
    if label_smoothing > 0:
        target = target * (1 - label_smoothing) + label_smoothing / classes
    logs = log_softmax_front(input, axis)
    losses = logs * target
    if weight is not None:
        losses = losses * weight.reshape(_class_shape(weight, input.dim(), axis))
    if reduction == "none":
        return -losses.sum(axis)
    if reduction == "sum":
        return -losses.sum()
    return -losses.sum() / (input.numel() // classes)


def _smoothed(
    logs: Tensor,
    target: Tensor,
    weight: Tensor | None,
    ignore_index: int,
    reduction: str,
    label_smoothing: float,
    axis: int,
) -> Tensor:
    """Mix the likelihood of the targets with that of all classes alike."""
    _check_smoothing(label_smoothing)
    likelihood = _likelihood(logs, target, weight, ignore_index, reduction)
    if weight is None:
        even = -logs.sum(axis)
    else:
        even = -(logs * weight.reshape(_class_shape(weight, logs.dim(), axis))).sum(axis)
    counted = target.reshape(even.shape) != ignore_index
    even = even.masked_fill(~counted, 0.0)
    if reduction == "sum":
        even = even.sum()
    elif reduction == "mean":
        if weight is None:
            even = even.sum() / counted.sum()
        else:
            chosen = weight[target.masked_fill(target == ignore_index, 0)]
            even = even.sum() / (chosen * counted.reshape(chosen.shape)).sum()
    else:
        even = even.reshape(likelihood.shape)
    classes = logs.size(axis)
    return (1 - label_smoothing) * likelihood + (label_smoothing / classes) * even


# -- two classes -----------------------------------------------------------------------------------


def _refuse_weight(given: tuple[int, ...], shape: tuple[int, ...]) -> None:
    for back in range(-1, -1 - len(given), -1):
        if given[back] not in (1, shape[back]):
            raise RuntimeError(
                f"Attempting to broadcast a dimension of length {given[back]} at {back}! "
                f"Mismatching argument at index 1 had {Size(given)}; but expected shape should be "
                f"broadcastable to {list(shape)}"
            )


def binary_cross_entropy(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
) -> Tensor:
    """Binary cross entropy of probabilities; logarithms stop at -100.  -> () or (*S)"""
    reduction = _reduction(size_average, reduce, reduction)
    if target.get_shape() != input.get_shape():
        raise ValueError(
            f"Using a target size ({target.size()}) that is different to the input size "
            f"({input.size()}) is deprecated. Please ensure they have the same size."
        )
    refuse(input.array, "biuc", "binary_cross_entropy")
    if target.get_dtype() != input.get_dtype():
        raise RuntimeError(
            f"Found dtype {scalar_name(target.get_dtype())} but expected "
            f"{scalar_name(input.get_dtype())}"
        )
    for name, array in (("input", input.array), ("target", target.array)):
        run(_expect_probabilities, array, name)
    if weight is not None:
        if broadcast_error(weight.get_shape(), input.get_shape()) is not None:
            _refuse_weight(weight.get_shape(), input.get_shape())
        weight = weight.expand(input.size())
    return ops.binary_cross_entropy(input, target, weight, reduction=reduction)


def _expect_probabilities(array: Any, name: str) -> None:
    if array.size and not (array.min() >= 0 and array.max() <= 1):
        raise RuntimeError(f"all elements of {name} should be between 0 and 1")


def binary_cross_entropy_with_logits(
    input: Tensor,
    target: Tensor,
    weight: Tensor | None = None,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    pos_weight: Tensor | None = None,
) -> Tensor:
    """Binary cross entropy of scores, which a logistic function makes probabilities."""
    reduction = _reduction(size_average, reduce, reduction)
    if target.get_shape() != input.get_shape():
        raise ValueError(
            f"Target size ({target.size()}) must be the same as input size ({input.size()})"
        )
    result: Tensor = pair_loss.binary_cross_entropy_with_logits(
        input, target, weight, pos_weight, _REDUCTIONS.index(reduction)
    )
    return result


def kl_div(
    input: Tensor,
    target: Tensor,
    size_average: bool | None = None,
    reduce: bool | None = None,
    reduction: str = "mean",
    log_target: bool = False,
) -> Tensor:
    """Divergence of log probabilities `input` from probabilities `target`.  -> () or (*S)

    "batchmean" divides the sum by the size of the first dimension.
    """
    if size_average is not None or reduce is not None:
        reduction = reduction_of(size_average, reduce)
    elif reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support "
            "size.'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition.'mean' will be changed to behave the same as 'batchmean' in the next "
            "major release.",
            stacklevel=2,
        )
    elif reduction not in (*_REDUCTIONS, "batchmean"):
        raise ValueError(f"{reduction} is not a valid value for reduction")
    losses: Tensor = pair_loss.kl_div(input, target, log_target=log_target)
    if reduction == "batchmean":
        return losses.sum() / input.size(0) if input.dim() else losses.sum()
    return _reduced(losses, reduction)
