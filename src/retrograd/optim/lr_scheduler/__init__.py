"""Schedules of the learning rate, as torch.optim.lr_scheduler has them."""

from ..._missing import missing_name as _missing_name
from ._base import EPOCH_DEPRECATION_WARNING as EPOCH_DEPRECATION_WARNING
from ._base import LRScheduler as LRScheduler
from ._base import _LRScheduler as _LRScheduler
from ._combined import ChainedScheduler as ChainedScheduler
from ._combined import SequentialLR as SequentialLR
from ._cosine import CosineAnnealingLR as CosineAnnealingLR
from ._cosine import CosineAnnealingWarmRestarts as CosineAnnealingWarmRestarts
from ._cycles import CyclicLR as CyclicLR
from ._cycles import OneCycleLR as OneCycleLR
from ._factors import ConstantLR as ConstantLR
from ._factors import ExponentialLR as ExponentialLR
from ._factors import LinearLR as LinearLR
from ._factors import MultiStepLR as MultiStepLR
from ._factors import PolynomialLR as PolynomialLR
from ._factors import StepLR as StepLR
from ._functions import LambdaLR as LambdaLR
from ._functions import MultiplicativeLR as MultiplicativeLR
from ._plateau import ReduceLROnPlateau as ReduceLROnPlateau

__all__ = [
    "ChainedScheduler",
    "ConstantLR",
    "CosineAnnealingLR",
    "CosineAnnealingWarmRestarts",
    "CyclicLR",
    "ExponentialLR",
    "LRScheduler",
    "LambdaLR",
    "LinearLR",
    "MultiStepLR",
    "MultiplicativeLR",
    "OneCycleLR",
    "PolynomialLR",
    "ReduceLROnPlateau",
    "SequentialLR",
    "StepLR",
]


def __getattr__(name):
    raise _missing_name(__name__, name)
