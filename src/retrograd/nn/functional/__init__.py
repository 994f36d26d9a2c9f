"""The functions of torch.nn.functional, by kind in the files beside this one."""

from ..._core.public import functions as _functions
from ._activation import celu as celu
from ._activation import celu_ as celu_
from ._activation import elu as elu
from ._activation import elu_ as elu_
from ._activation import gelu as gelu
from ._activation import glu as glu
from ._activation import gumbel_softmax as gumbel_softmax
from ._activation import hardsigmoid as hardsigmoid
from ._activation import hardswish as hardswish
from ._activation import hardtanh as hardtanh
from ._activation import hardtanh_ as hardtanh_
from ._activation import leaky_relu as leaky_relu
from ._activation import leaky_relu_ as leaky_relu_
from ._activation import log_softmax as log_softmax
from ._activation import logsigmoid as logsigmoid
from ._activation import mish as mish
from ._activation import relu as relu
from ._activation import relu6 as relu6
from ._activation import relu_ as relu_
from ._activation import rrelu as rrelu
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
from ._attention import scaled_dot_product_attention as scaled_dot_product_attention
from ._dropout import alpha_dropout as alpha_dropout
from ._dropout import dropout as dropout
from ._grid import affine_grid as affine_grid
from ._grid import grid_sample as grid_sample
from ._interpolation import interpolate as interpolate
from ._interpolation import upsample as upsample
from ._interpolation import upsample_bilinear as upsample_bilinear
from ._interpolation import upsample_nearest as upsample_nearest
from ._dropout import dropout1d as dropout1d
from ._dropout import dropout2d as dropout2d
from ._dropout import dropout3d as dropout3d
from ._dropout import feature_alpha_dropout as feature_alpha_dropout
from ._linear import bilinear as bilinear
from ._linear import normalize as normalize
from ._linear_cross_entropy import linear_cross_entropy as linear_cross_entropy
from ._loss import binary_cross_entropy as binary_cross_entropy
from ._loss import binary_cross_entropy_with_logits as binary_cross_entropy_with_logits
from ._loss import cross_entropy as cross_entropy
from ._loss import huber_loss as huber_loss
from ._loss import kl_div as kl_div
from ._loss import l1_loss as l1_loss
from ._loss import mse_loss as mse_loss
from ._loss import nll_loss as nll_loss
from ._loss import smooth_l1_loss as smooth_l1_loss
from ._margin_loss import cosine_embedding_loss as cosine_embedding_loss
from ._margin_loss import ctc_loss as ctc_loss
from ._margin_loss import gaussian_nll_loss as gaussian_nll_loss
from ._margin_loss import hinge_embedding_loss as hinge_embedding_loss
from ._margin_loss import margin_ranking_loss as margin_ranking_loss
from ._margin_loss import multi_margin_loss as multi_margin_loss
from ._margin_loss import multilabel_margin_loss as multilabel_margin_loss
from ._margin_loss import multilabel_soft_margin_loss as multilabel_soft_margin_loss
from ._margin_loss import poisson_nll_loss as poisson_nll_loss
from ._margin_loss import soft_margin_loss as soft_margin_loss
from ._margin_loss import triplet_margin_loss as triplet_margin_loss
from ._margin_loss import triplet_margin_with_distance_loss as triplet_margin_with_distance_loss
from ._multi_head import multi_head_attention_forward as multi_head_attention_forward
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
# Operations with one plain form for both: they name themselves.
avg_pool1d = _functions["nn.functional.avg_pool1d"]
avg_pool2d = _functions["nn.functional.avg_pool2d"]
avg_pool3d = _functions["nn.functional.avg_pool3d"]
channel_shuffle = _functions["channel_shuffle"]
conv1d = _functions["conv1d"]
conv2d = _functions["conv2d"]
conv3d = _functions["conv3d"]
conv_transpose1d = _functions["conv_transpose1d"]
conv_transpose2d = _functions["conv_transpose2d"]
conv_transpose3d = _functions["conv_transpose3d"]
cosine_similarity = _functions["cosine_similarity"]
embedding = _functions["nn.functional.embedding"]
embedding_bag = _functions["nn.functional.embedding_bag"]
fold = _functions["nn.functional.fold"]
hardshrink = _functions["hardshrink"]
linear = _functions["nn.functional.linear"]
one_hot = _functions["nn.functional.one_hot"]
pad = _functions["nn.functional.pad"]
pairwise_distance = _functions["pairwise_distance"]
pdist = _functions["pdist"]
pixel_shuffle = _functions["pixel_shuffle"]
pixel_unshuffle = _functions["pixel_unshuffle"]
prelu = _functions["prelu"]
rrelu_ = _functions["rrelu_"]
unfold = _functions["nn.functional.unfold"]

__all__ = [
    "affine_grid",
    "adaptive_avg_pool1d",
    "adaptive_avg_pool2d",
    "adaptive_avg_pool3d",
    "adaptive_max_pool1d",
    "adaptive_max_pool1d_with_indices",
    "adaptive_max_pool2d",
    "adaptive_max_pool2d_with_indices",
    "adaptive_max_pool3d",
    "adaptive_max_pool3d_with_indices",
    "alpha_dropout",
    "avg_pool1d",
    "avg_pool2d",
    "avg_pool3d",
    "batch_norm",
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
    "cosine_embedding_loss",
    "cosine_similarity",
    "cross_entropy",
    "ctc_loss",
    "dropout",
    "dropout1d",
    "dropout2d",
    "dropout3d",
    "elu",
    "elu_",
    "embedding",
    "fractional_max_pool2d",
    "fractional_max_pool2d_with_indices",
    "fractional_max_pool3d",
    "fractional_max_pool3d_with_indices",
    "embedding_bag",
    "feature_alpha_dropout",
    "fold",
    "gaussian_nll_loss",
    "gelu",
    "glu",
    "grid_sample",
    "group_norm",
    "gumbel_softmax",
    "hardshrink",
    "hardsigmoid",
    "hardswish",
    "hardtanh",
    "hardtanh_",
    "hinge_embedding_loss",
    "huber_loss",
    "interpolate",
    "instance_norm",
    "kl_div",
    "l1_loss",
    "layer_norm",
    "leaky_relu",
    "leaky_relu_",
    "linear",
    "linear_cross_entropy",
    "local_response_norm",
    "log_softmax",
    "logsigmoid",
    "lp_pool1d",
    "lp_pool2d",
    "lp_pool3d",
    "margin_ranking_loss",
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
    "multi_head_attention_forward",
    "multi_margin_loss",
    "multilabel_margin_loss",
    "multilabel_soft_margin_loss",
    "nll_loss",
    "normalize",
    "one_hot",
    "pad",
    "pairwise_distance",
    "pdist",
    "pixel_shuffle",
    "pixel_unshuffle",
    "poisson_nll_loss",
    "prelu",
    "relu",
    "relu6",
    "relu_",
    "rms_norm",
    "rrelu",
    "rrelu_",
    "scaled_dot_product_attention",
    "selu",
    "selu_",
    "sigmoid",
    "silu",
    "smooth_l1_loss",
    "soft_margin_loss",
    "softmax",
    "softmin",
    "softplus",
    "softshrink",
    "softsign",
    "tanh",
    "tanhshrink",
    "threshold",
    "threshold_",
    "triplet_margin_loss",
    "triplet_margin_with_distance_loss",
    "unfold",
    "upsample",
    "upsample_bilinear",
    "upsample_nearest",
]
