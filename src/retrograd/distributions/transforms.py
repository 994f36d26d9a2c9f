"""All transforms, under the name of PyTorch's one file of them."""

from .elementwise_transforms import AbsTransform as AbsTransform
from .elementwise_transforms import AffineTransform as AffineTransform
from .elementwise_transforms import ExpTransform as ExpTransform
from .elementwise_transforms import PowerTransform as PowerTransform
from .elementwise_transforms import SigmoidTransform as SigmoidTransform
from .elementwise_transforms import SoftplusTransform as SoftplusTransform
from .elementwise_transforms import TanhTransform as TanhTransform
from .matrix_transforms import LowerCholeskyTransform as LowerCholeskyTransform
from .matrix_transforms import PositiveDefiniteTransform as PositiveDefiniteTransform
from .piecewise_transforms import CatTransform as CatTransform
from .piecewise_transforms import CumulativeDistributionTransform as CumulativeDistributionTransform
from .piecewise_transforms import StackTransform as StackTransform
from .simplex_transforms import SoftmaxTransform as SoftmaxTransform
from .simplex_transforms import StickBreakingTransform as StickBreakingTransform
from .transform import ComposeTransform as ComposeTransform
from .transform import IndependentTransform as IndependentTransform
from .transform import ReshapeTransform as ReshapeTransform
from .transform import Transform as Transform
from .transform import identity_transform as identity_transform

__all__ = [
    "AbsTransform",
    "AffineTransform",
    "CatTransform",
    "ComposeTransform",
    "CumulativeDistributionTransform",
    "ExpTransform",
    "IndependentTransform",
    "LowerCholeskyTransform",
    "PositiveDefiniteTransform",
    "PowerTransform",
    "ReshapeTransform",
    "SigmoidTransform",
    "SoftmaxTransform",
    "SoftplusTransform",
    "StackTransform",
    "StickBreakingTransform",
    "TanhTransform",
    "Transform",
    "identity_transform",
]
