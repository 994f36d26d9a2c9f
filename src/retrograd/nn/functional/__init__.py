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
from ._adaptive_pooling import adaptive_avg_pool2d as adaptive_avg_pool2d
from ._adaptive_pooling import adaptive_avg_pool3d as adaptive_avg_pool3d
from ._adaptive_pooling import adaptive_max_pool1d as adaptive_max_pool1d
from ._adaptive_pooling import adaptive_max_pool1d_with_indices as adaptive_max_pool1d_with_indices
from ._adaptive_pooling import adaptive_max_pool2d as adaptive_max_pool2d
from ._adaptive_pooling import adaptive_max_pool2d_with_indices as adaptive_max_pool2d_with_indices
from ._adaptive_pooling import adaptive_max_pool3d as adaptive_max_pool3d
from ._adaptive_pooling import adaptive_max_pool3d_with_indices as adaptive_max_pool3d_with_indices
from ._dropout import dropout as dropout
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
from ._normalisation import batch_norm as batch_norm
from ._normalisation import group_norm as group_norm
from ._normalisation import instance_norm as instance_norm
from ._normalisation import layer_norm as layer_norm
from ._normalisation import local_response_norm as local_response_norm
from ._normalisation import rms_norm as rms_norm
from ._pooling import max_pool1d as max_pool1d
from ._pooling import max_pool1d_with_indices as max_pool1d_with_indices
from ._pooling import max_pool2d as max_pool2d
from ._pooling import max_pool2d_with_indices as max_pool2d_with_indices
from ._pooling import max_pool3d as max_pool3d
from ._pooling import max_pool3d_with_indices as max_pool3d_with_indices
from ._unpooling import fractional_max_pool2d as fractional_max_pool2d
from ._unpooling import fractional_max_pool2d_with_indices as fractional_max_pool2d_with_indices
from ._unpooling import fractional_max_pool3d as fractional_max_pool3d
from ._unpooling import fractional_max_pool3d_with_indices as fractional_max_pool3d_with_indices
from ._unpooling import lp_pool1d as lp_pool1d
from ._unpooling import lp_pool2d as lp_pool2d
from ._unpooling import lp_pool3d as lp_pool3d
from ._unpooling import max_unpool1d as max_unpool1d
from ._unpooling import max_unpool2d as max_unpool2d
from ._unpooling import max_unpool3d as max_unpool3d

# Operations with one plain form for both: they name themselves.
adaptive_avg_pool1d = _functions["nn.functional.adaptive_avg_pool1d"]
avg_pool1d = _functions["nn.functional.avg_pool1d"]
avg_pool2d = _functions["nn.functional.avg_pool2d"]
avg_pool3d = _functions["nn.functional.avg_pool3d"]
embedding = _functions["nn.functional.embedding"]
linear = _functions["nn.functional.linear"]
one_hot = _functions["nn.functional.one_hot"]
pad = _functions["nn.functional.pad"]

__all__ = [
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
    "bilinear",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "celu",
    "celu_",
    "cross_entropy",
    "dropout",
    "elu",
    "elu_",
    "embedding",
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
    "gelu",
    "glu",
    "group_norm",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "huber_loss",
    "instance_norm",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "leaky_relu_",
    "linear",
    "local_response_norm",
    "log_softmax",
    "logsigmoid",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "max_pool1d",
    "max_pool1d_with_indices",
    "max_pool2d",
    "max_pool2d_with_indices",
    "max_pool3d",
    "max_pool3d_with_indices",
    "max_unpool1d",
    "max_unpool2d",
    "max_unpool3d",
    "mish",
    "mse_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rms_norm",
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
]
