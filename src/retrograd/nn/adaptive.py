"""A softmax over very many classes, the rare ones in clusters of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from ..ops.joining import cat
from ..tensor import Tensor, wrap
from . import functional as F
from .containers import ModuleList, Sequential
from .linear import Linear
from .module import Module


class _ASMoutput(NamedTuple):
    """What `AdaptiveLogSoftmaxWithLoss` returns."""

    output: Tensor
    loss: Tensor


class AdaptiveLogSoftmaxWithLoss(Module):
    """Log-probabilities of many classes, sorted from frequent to rare (Grave et al., 2017).

    Frequent classes have scores of their own in the head; the rare ones share one score for each
    cluster there, and are told apart by the cluster's tail, which is narrower the rarer they are.

    Parameters
    ----------
    in_features, n_classes : int
    cutoffs : sequence of int
        Where clusters begin, increasing, between 1 and ``n_classes - 1``.
    div_value : float
        By how much each tail is narrower than the one before.
    head_bias : bool
    """

    def __init__(
        self,
        in_features: int,
        n_classes: int,
        cutoffs: Sequence[int],
        div_value: float = 4.0,
        head_bias: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        cutoffs = list(cutoffs)
        if not cutoffs:
            raise ValueError("cutoffs should be a sequence of length larger than 0")
        whole = all(int(c) == c for c in cutoffs)
        if (
            not whole
            or cutoffs != sorted(set(cutoffs))
            or cutoffs[0] <= 0
            or cutoffs[-1] > n_classes - 1
        ):
            raise ValueError(
                "cutoffs should be a sequence of unique, positive integers sorted in an "
                "increasing order, where each value is between 1 and n_classes-1"
            )
        self.in_features = in_features
        self.n_classes = n_classes
        self.cutoffs = [*cutoffs, n_classes]
        self.div_value = div_value
        self.head_bias = head_bias
        self.shortlist_size = self.cutoffs[0]
        self.n_clusters = len(self.cutoffs) - 1
        self.head_size = self.shortlist_size + self.n_clusters
        at: dict[str, Any] = {"device": device, "dtype": dtype}
        self.head = Linear(in_features, self.head_size, bias=head_bias, **at)
        self.tail = ModuleList()
        for number in range(self.n_clusters):
            width = int(in_features // (div_value ** (number + 1)))
            classes = self.cutoffs[number + 1] - self.cutoffs[number]
            self.tail.append(
                Sequential(
                    Linear(in_features, width, bias=False, **at),
                    Linear(width, classes, bias=False, **at),
                )
            )

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        self.head.reset_parameters()
        for narrow, wide in self.tail:  # type: ignore[attr-defined]
            narrow.reset_parameters()
            wide.reset_parameters()

    def forward(self, input_: Tensor, target_: Tensor) -> _ASMoutput:
        """Return each row's log-probability of its target, and minus their mean.

        Parameters
        ----------
        input_ : Tensor
            (N, in_features) or (in_features,)
        target_ : Tensor
            Class numbers, (N,) or ().
        """
        dims = target_.dim()
        if dims > 1:
            raise RuntimeError("0D or 1D target tensor expected, multi-target not supported")
        if dims == 1:
            if input_.size(0) != target_.size(0):
                raise RuntimeError(
                    "Input and target should have the same size in the batch dimension."
                )
            expected = 2
        else:
            expected = 1
        if input_.dim() != expected:
            raise RuntimeError(
                f"{dims}D target tensor expects {expected}D input tensors, but found inputs with "
                f"size {input_.size()}"
            )
        rows = input_ if dims == 1 else input_.unsqueeze(0)
        target = target_.array.reshape(-1)
        self._check(target)
        output = self._log_likelihood(rows, target)
        loss = (-output).mean()
        return _ASMoutput(output if dims == 1 else output.squeeze(0), loss)

    def _check(self, target: np.ndarray) -> None:
        if target.size and not (target.min() >= 0 and target.max() < self.n_classes):
            raise RuntimeError(
                f"Target values should be in [0, {self.n_classes - 1}], but values in range "
                f"[{target.min()}, {target.max()}] were found. "
            )

    def _log_likelihood(self, rows: Tensor, target: np.ndarray) -> Tensor:
        """Return the log-probability of the target in each row, tails for their rows alone."""
        cluster = np.searchsorted(self.cutoffs, target, side="right")
        in_head = np.where(cluster == 0, target, self.shortlist_size + cluster - 1)
        scores: Any = F.log_softmax(self.head(rows), dim=1)
        output = scores.gather(1, wrap(in_head[:, None])).squeeze(1)
        for number, tail in enumerate(self.tail):
            chosen = wrap(np.flatnonzero(cluster == number + 1))
            if chosen.numel():
                within: Any = F.log_softmax(tail(rows.index_select(0, chosen)), dim=1)
                place = target[chosen.array] - self.cutoffs[number]
                found = within.gather(1, wrap(place[:, None])).squeeze(1)
                output = output.index_add(0, chosen, found)
        return output

    def log_prob(self, input: Tensor) -> Tensor:
        """Return the log-probabilities of all classes.  (N, in_features) -> (N, n_classes)"""
        head: Any = F.log_softmax(self.head(input), dim=1)
        parts = [head[:, : self.shortlist_size]]
        for number, tail in enumerate(self.tail):
            within: Any = F.log_softmax(tail(input), dim=1)
            parts.append(within + head[:, self.shortlist_size + number].unsqueeze(1))
        return cat(parts, 1)

    def predict(self, input: Tensor) -> Tensor:
        """Return the most likely class of each row.  (N, in_features) -> (N,)"""
        head = self.head(input)
        found = head.argmax(dim=1)
        beyond = found.array >= self.shortlist_size
        if beyond.any():
            rows = wrap(np.flatnonzero(beyond))
            likeliest = self.log_prob(input.index_select(0, rows)).argmax(dim=1)
            found = found.index_copy(0, rows, likeliest)
        return found
