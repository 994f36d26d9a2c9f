"""The functions of torch.nn.functional, by kind in the files beside this one."""

from ..._core.public import functions as _functions
from ._activation import celu as celu
from ._activation import celu_ as celu_
from ._activation import elu as elu
from ._activation import elu_ as elu_
from ._activation import gelu as gelu
from ._activation import glu as glu
from ._activation import hardshrink as hardshrink
from ._activation import hardsigmoid as hardsigmoid
from ._activation import hardswish as hardswish
from ._activation import hardtanh as hardtanh
from ._activation import hardtanh_ as hardtanh_
from ._activation import leaky_relu as leaky_relu
from ._activation import leaky_relu_ as leaky_relu_
from ._activation import log_softmax as log_softmax
from ._activation import logsigmoid as logsigmoid
from ._activation import mish as mish
from ._activation import prelu as prelu
from ._activation import relu as relu
from ._activation import relu6 as relu6
from ._activation import relu_ as relu_
from ._activation import selu as selu
from ._activation import selu_ as selu_
from ._activation import sigmoid as sigmoid
from ._activation import silu as silu
from ._activation import softmax as softmax
from ._activation import softmin as softmin
from ._activation import softplus as softplus
from ._activation import softshrink as softshrink
from ._activation import softsign as softsign
from ._activation import tanh as tanh
from ._activation import tanhshrink as tanhshrink
from ._activation import threshold as threshold
from ._activation import threshold_ as threshold_
from ._dropout import dropout as dropout
from ._grid import affine_grid as affine_grid
from ._grid import grid_sample as grid_sample
from ._interpolation import interpolate as interpolate
from ._interpolation import upsample as upsample
from ._interpolation import upsample_bilinear as upsample_bilinear
from ._interpolation import upsample_nearest as upsample_nearest
from ._linear import bilinear as bilinear
from ._linear import normalize as normalize
from ._loss import binary_cross_entropy as binary_cross_entropy
from ._loss import binary_cross_entropy_with_logits as binary_cross_entropy_with_logits
from ._loss import cross_entropy as cross_entropy
from ._loss import huber_loss as huber_loss
from ._loss import kl_div as kl_div
from ._loss import l1_loss as l1_loss
from ._loss import mse_loss as mse_loss
from ._loss import nll_loss as nll_loss
from ._loss import smooth_l1_loss as smooth_l1_loss

# Operations with one plain form for both: they name themselves.
channel_shuffle = _functions["channel_shuffle"]
conv1d = _functions["conv1d"]
conv2d = _functions["conv2d"]
conv3d = _functions["conv3d"]
conv_transpose1d = _functions["conv_transpose1d"]
conv_transpose2d = _functions["conv_transpose2d"]
conv_transpose3d = _functions["conv_transpose3d"]
embedding = _functions["nn.functional.embedding"]
fold = _functions["nn.functional.fold"]
linear = _functions["nn.functional.linear"]
one_hot = _functions["nn.functional.one_hot"]
pad = _functions["nn.functional.pad"]
pixel_shuffle = _functions["pixel_shuffle"]
pixel_unshuffle = _functions["pixel_unshuffle"]
unfold = _functions["nn.functional.unfold"]

__all__ = [
    "affine_grid",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "celu_",
    "channel_shuffle",
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose1d",
    "conv_transpose2d",
    "conv_transpose3d",
    "cross_entropy",
    "dropout",
    "elu",
    "elu_",
    "embedding",
    "fold",
    "gelu",
    "glu",
    "grid_sample",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "huber_loss",
    "interpolate",
    "kl_div",
    "l1_loss",
    "leaky_relu",
    "leaky_relu_",
    "linear",
    "log_softmax",
    "logsigmoid",
    "mish",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pixel_shuffle",
    "pixel_unshuffle",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
    "unfold",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]
