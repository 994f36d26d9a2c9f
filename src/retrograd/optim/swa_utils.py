"""Averages of a model's parameters along training: SWA and EMA.

The one file of `optim` that needs `nn`: an averaged model is a module.
"""

from __future__ import annotations

import copy
import itertools
import math
from collections.abc import Callable, Iterable
from typing import Any

from .. import nn
from .._missing import missing_name as _missing_name
from ..autograd import no_grad
from ..creation import tensor
from ..dtypes import int64
from ..nn.batch_norm import _BatchNorm
from ..tensor import Tensor
from .lr_scheduler import LRScheduler
from .lr_scheduler._base import for_each_group

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


def _check_decay(decay: float) -> None:
    if decay < 0.0 or decay > 1.0:
        raise ValueError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )


def _is_inexact(value: Tensor) -> bool:
    return value.is_floating_point() or value.is_complex()


def get_ema_multi_avg_fn(decay: float = 0.999) -> Callable[..., None]:
    """Return a `multi_avg_fn` for an exponential moving average: it keeps `decay` of the old."""
    _check_decay(decay)

    @no_grad()
    def ema_update(averaged: Any, current: Any, num_averaged: Any) -> None:
        for old, new in zip(averaged, current, strict=True):
            if _is_inexact(old):
                old.lerp_(new, 1 - decay)
            else:
                old.copy_(old * decay + new * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn() -> Callable[..., None]:
    """Return a `multi_avg_fn` for the mean of all that was averaged."""

    @no_grad()
    def swa_update(averaged: Any, current: Any, num_averaged: Any) -> None:
        for old, new in zip(averaged, current, strict=True):
            if _is_inexact(old):
                old.lerp_(new, float(1 / (num_averaged + 1)))
            elif isinstance(num_averaged, Tensor):
                old.addcdiv_(new - old, num_averaged + 1)
            else:
                old.add_(new - old, alpha=1.0 / (num_averaged + 1))

    return swa_update


def get_ema_avg_fn(decay: float = 0.999) -> Callable[..., Tensor]:
    """Return an `avg_fn` for an exponential moving average: it keeps `decay` of the old."""
    _check_decay(decay)

    @no_grad()
    def ema_update(averaged: Any, current: Any, num_averaged: Any) -> Any:
        return decay * averaged + (1 - decay) * current

    return ema_update


def get_swa_avg_fn() -> Callable[..., Tensor]:
    """Return an `avg_fn` for the mean of all that was averaged."""

    @no_grad()
    def swa_update(averaged: Any, current: Any, num_averaged: Any) -> Any:
        return averaged + (current - averaged) / (num_averaged + 1)

    return swa_update


class AveragedModel(nn.Module):
    """A copy of a model whose parameters are averages of the model's.

    Parameters
    ----------
    model : Module
        Copied; the first `update_parameters` takes its parameters over as they are.
    device : device, optional
    avg_fn : callable, optional
        ``avg_fn(averaged, current, num_averaged)`` returns one parameter's new average.  The
        default is the mean.
    multi_avg_fn : callable, optional
        ``multi_avg_fn(averaged, current, num_averaged)`` writes the new averages of a list of
        parameters of one dtype.
    use_buffers : bool
        Average buffers too; otherwise they are the model's at the last update.

    Attributes
    ----------
    module : Module
        The copy.
    n_averaged : Tensor
        How often it was updated.

    Examples
    --------
    >>> import retrograd as torch
    >>> model = torch.nn.Linear(2, 1)
    >>> averaged = torch.optim.swa_utils.AveragedModel(model)
    >>> for value in (1.0, 2.0, 6.0):
    ...     _ = torch.nn.init.constant_(model.weight, value)
    ...     averaged.update_parameters(model)
    >>> averaged.module.weight.tolist()
    [[3.0, 3.0]]
    """

    def __init__(
        self,
        model: Any,
        device: Any = None,
        avg_fn: Any = None,
        multi_avg_fn: Any = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = copy.deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", tensor(0, dtype=int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Call the averaged copy."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Any) -> None:
        """Take the model's present parameters into the average."""
        own = self._averaged_tensors(self.module if self.use_buffers else self)
        pairs = [
            (old.detach(), new.detach().to(old.device))
            for old, new in zip(own, self._averaged_tensors(model))
        ]
        if self.n_averaged == 0:
            for old, new in pairs:
                old.copy_(new)
        elif self.multi_avg_fn is not None:
            self._update_lists(pairs)
        else:
            average = self.avg_fn if self.avg_fn is not None else get_swa_avg_fn()
            for old, new in pairs:
                old.copy_(average(old, new, self.n_averaged.to(old.device)))
        if not self.use_buffers:
            for old, new in zip(self.module.buffers(), model.buffers(), strict=True):
                old.detach().copy_(new.detach().to(old.device))
        self.n_averaged += 1

    def _averaged_tensors(self, model: Any) -> Iterable[Any]:
        if self.use_buffers:
            return itertools.chain(model.parameters(), model.buffers())
        parameters: Iterable[Any] = model.parameters()
        return parameters

    def _update_lists(self, pairs: list[tuple[Any, Any]]) -> None:
        alike: dict[Any, tuple[list[Any], list[Any]]] = {}
        for old, new in pairs:
            averaged, current = alike.setdefault(old.dtype, ([], []))
            averaged.append(old)
            current.append(new)
        for averaged, current in alike.values():
            self.multi_avg_fn(averaged, current, self.n_averaged)


@no_grad()
def update_bn(loader: Iterable[Any], model: Any, device: Any = None) -> None:
    """Give a model's batch normalisation the statistics of all the data.

    Parameters
    ----------
    loader : iterable
        Yields inputs, or lists or tuples whose first element is one.
    model : Module
        Its batch normalisation starts anew and takes the mean over the batches.
    device : device, optional
        Where inputs are moved.
    """
    momenta = {}
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.reset_running_stats()
            momenta[module] = module.momentum
    if not momenta:
        return
    was_training = model.training
    model.train()
    for module in momenta:
        module.momentum = None
    for batch in loader:
        inputs = batch[0] if isinstance(batch, (list, tuple)) else batch
        model(inputs if device is None else inputs.to(device))
    for module, momentum in momenta.items():
        module.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """The learning rate goes to `swa_lr` in `anneal_epochs` epochs, and stays there.

    Parameters
    ----------
    optimizer : Optimizer
    swa_lr : float or list of float
    anneal_epochs : int
    anneal_strategy : {"cos", "linear"}
    last_epoch : int

    References
    ----------
    Izmailov et al., "Averaging weights leads to wider optima and better generalization", 2018.
    """

    def __init__(
        self,
        optimizer: Any,
        swa_lr: Any,
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        rates = for_each_group("swa_lr", optimizer, swa_lr)
        for rate, group in zip(rates, optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                "anneal_strategy must be one of 'cos' or 'linear', instead got "
                f"{anneal_strategy}"
            )
        self._set_anneal_func(anneal_strategy)
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(
                f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}"
            )
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _set_anneal_func(self, anneal_strategy: str) -> None:
        self._anneal_strategy = anneal_strategy
        self.anneal_func = self._cosine_anneal if anneal_strategy == "cos" else self._linear_anneal

    @staticmethod
    def _linear_anneal(t: float) -> float:
        return t

    @staticmethod
    def _cosine_anneal(t: float) -> float:
        return (1 - math.cos(math.pi * t)) / 2

    def _part(self, step: int) -> float:
        """Return which part of the way to `swa_lr` is done at a step."""
        return self.anneal_func(max(0, min(1, step / max(1, self.anneal_epochs))))

    def get_lr(self) -> list[Any]:
        self._warn_outside_step()
        step = self._step_count - 1
        if self.anneal_epochs == 0:
            step = max(1, step)
        before, now = self._part(step - 1), self._part(step)
        rates = []
        for group in self.optimizer.param_groups:
            final = group["swa_lr"]
            # Where the way started, told from where it is.
            start = final if before == 1 else (group["lr"] - before * final) / (1 - before)
            rates.append(final * now + start * (1 - now))
        return rates

    def state_dict(self) -> dict[str, Any]:
        """Return everything but the optimizer and the function."""
        state = super().state_dict()
        state.pop("anneal_func", None)
        return state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over what `state_dict` returned, PyTorch's or our own."""
        super().load_state_dict(state_dict)
        self._set_anneal_func(self._anneal_strategy)


def __getattr__(name: str) -> Any:
    raise _missing_name(__name__, name)
