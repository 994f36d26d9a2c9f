"""Instance normalisation as modules: InstanceNorm1d to 3d and their lazy forms."""

from __future__ import annotations

import warnings
from typing import Any

from ..tensor import Tensor
from . import functional as F
from .batch_norm import _LazyNormBase, _NormBase


class _InstanceNorm(_NormBase):
    """Base of the normalisations of each channel of each sample.

    Without a batch axis the input is one sample.  With `track_running_stats` the running moments
    are used in evaluation.
    """

    # How many axes one sample has.
    _sample_axes: int

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = False,
        track_running_stats: bool = False,
        device: Any = None,
        dtype: Any = None,
        *,
        bias: bool = True,
    ) -> None:
        super().__init__(
            num_features, eps, momentum, affine, track_running_stats, device, dtype, bias=bias
        )

    def _get_no_batch_dim(self) -> int:
        return self._sample_axes

    def _check_input_dim(self, input: Tensor) -> None:
        axes = self._sample_axes
        if input.dim() not in (axes, axes + 1):
            raise ValueError(f"expected {axes}D or {axes + 1}D input (got {input.dim()}D input)")

    def forward(self, input: Tensor) -> Tensor:
        self._check_input_dim(input)
        place = input.dim() - self._sample_axes
        if input.size(place) != self.num_features:
            if self.affine:
                raise ValueError(
                    f"expected input's size at dim={place} to match num_features "
                    f"({self.num_features}), but got: {input.size(place)}."
                )
            warnings.warn(
                f"input's size at dim={place} does not match num_features. You can silence this "
                "warning by not passing in num_features, which is not used because affine=False",
                stacklevel=2,
            )
        if place == 0:
            return self._apply_instance_norm(input.unsqueeze(0)).squeeze(0)
        return self._apply_instance_norm(input)

    def _apply_instance_norm(self, input: Tensor) -> Tensor:
        return F.instance_norm(
            input,
            self.running_mean,
            self.running_var,
            self.weight,
            self.bias,
            self.training or not self.track_running_stats,
            self.momentum if self.momentum is not None else 0.0,
            self.eps,
        )

    def _load_from_state_dict(
        self, state_dict: Any, prefix: str, local_metadata: Any, *rest: Any
    ) -> None:
        version = local_metadata.get("version", None)
        if version is None and not self.track_running_stats:
            found = [
                name for name in ("running_mean", "running_var") if prefix + name in state_dict
            ]
            if found:
                names = " and ".join([f'"{prefix}{name}"' for name in found])
                own = type(self).__name__
                # The fourth of the rest is where complaints are collected.
                rest[3].append(
                    f"Unexpected running stats buffer(s) {names} for {own} with "
                    "track_running_stats=False. If state_dict is a checkpoint saved before "
                    f"0.4.0, this may be expected because {own} does not track running stats by "
                    "default since 0.4.0. Please remove these keys from state_dict. If the "
                    "running stats are actually needed, instead set track_running_stats=True in "
                    f"{own} to enable them. See the documentation of {own} for details."
                )
                for name in found:
                    state_dict.pop(prefix + name)
        super()._load_from_state_dict(state_dict, prefix, local_metadata, *rest)


class InstanceNorm1d(_InstanceNorm):
    """Instance normalisation.  (n, c, m) or (c, m) -> the same"""

    _sample_axes = 2


class InstanceNorm2d(_InstanceNorm):
    """Instance normalisation of images.  (n, c, h, w) or (c, h, w) -> the same"""

    _sample_axes = 3


class InstanceNorm3d(_InstanceNorm):
    """Instance normalisation of volumes.  (n, c, d, h, w) or (c, d, h, w) -> the same"""

    _sample_axes = 4


class LazyInstanceNorm1d(_LazyNormBase, _InstanceNorm):
    """InstanceNorm1d whose `num_features` is the second size of its first input."""

    cls_to_become = InstanceNorm1d
    _sample_axes = 2


class LazyInstanceNorm2d(_LazyNormBase, _InstanceNorm):
    """InstanceNorm2d whose `num_features` is the second size of its first input."""

    cls_to_become = InstanceNorm2d
    _sample_axes = 3


class LazyInstanceNorm3d(_LazyNormBase, _InstanceNorm):
    """InstanceNorm3d whose `num_features` is the second size of its first input."""

    cls_to_become = InstanceNorm3d
    _sample_axes = 4
