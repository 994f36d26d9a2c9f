"""Batch normalisations folded into the layers before them."""

import pytest

import retrograd

from .modules import check_complaint
from .parity import check_parity


def _met(t, norm):
    """Return a normalisation whose moments and weights are not the initial ones, evaluating."""
    with t.no_grad():
        norm.running_mean.add_(t.arange(1.0, norm.num_features + 1))
        norm.running_var.mul_(3)
        if norm.weight is not None:
            norm.weight.mul_(t.arange(2.0, norm.num_features + 2))
        if norm.bias is not None:
            norm.bias.add_(0.5)
    return norm.eval()


def _conv(t, nn, name, norm, transpose=False, **settings):
    dims = int(name[-2])
    conv = getattr(nn, name)(2, 4, 3, **settings).eval()
    norm = _met(t, getattr(nn, f"BatchNorm{dims}d")(4, **norm))
    x = t.randn(2, 2, *[5] * dims)
    fused = nn.utils.fusion.fuse_conv_bn_eval(conv, norm, transpose)
    assert t.allclose(fused(x), norm(conv(x)), atol=1e-5)
    assert fused is not conv
    return fused, fused(x).detach(), fused.weight.detach(), fused.bias.detach()


def _linear(t, nn, features, **settings):
    linear = nn.Linear(3, 4, **settings).eval()
    norm = _met(t, nn.BatchNorm1d(features))
    fused = nn.utils.fuse_linear_bn_eval(linear, norm)
    x = t.randn(5, 3)
    if features == 4:
        assert t.allclose(fused(x), norm(linear(x)), atol=1e-5)
    return fused, fused(x).detach(), fused.bias.detach()


def _frozen(t, nn):
    conv = nn.Conv1d(1, 2, 1).eval()
    conv.weight.requires_grad_(False)
    fused = nn.utils.fuse_conv_bn_eval(conv, nn.BatchNorm1d(2).eval())
    return fused.weight.requires_grad, fused.bias.requires_grad, fused.training


PROGRAMS = {
    "Conv1d": lambda t, nn: _conv(t, nn, "Conv1d", {}),
    "Conv2d without bias": lambda t, nn: _conv(t, nn, "Conv2d", {}, bias=False),
    "Conv3d of a norm without weights": lambda t, nn: _conv(t, nn, "Conv3d", {"affine": False}),
    "Conv2d of a norm without bias": lambda t, nn: _conv(t, nn, "Conv2d", {"bias": False}),
    "ConvTranspose2d": lambda t, nn: _conv(t, nn, "ConvTranspose2d", {}, True),
    "Linear": lambda t, nn: _linear(t, nn, 4),
    "Linear without bias": lambda t, nn: _linear(t, nn, 4, bias=False),
    "Linear and one feature": lambda t, nn: _linear(t, nn, 1),
    "weights": lambda t, nn: nn.utils.fuse_conv_bn_weights(
        t.ones(2, 1, 1), None, t.ones(2), t.ones(2) * 4, 0.0, None, None
    ),
    "frozen": _frozen,
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_fused_like_torch(name):
    check_parity(PROGRAMS[name])


COMPLAINTS = {
    "training": lambda t: t.nn.utils.fuse_conv_bn_eval(
        t.nn.Conv1d(1, 2, 1), t.nn.BatchNorm1d(2).eval()
    ),
    "no moments": lambda t: t.nn.utils.fuse_linear_bn_eval(
        t.nn.Linear(1, 2).eval(), t.nn.BatchNorm1d(2, track_running_stats=False).eval()
    ),
    "features": lambda t: t.nn.utils.fuse_linear_bn_eval(
        t.nn.Linear(3, 4).eval(), t.nn.BatchNorm1d(5).eval()
    ),
}


@pytest.mark.parametrize("name", COMPLAINTS)
def test_complaints(name):
    check_complaint(COMPLAINTS[name])


def test_a_fused_layer_does_what_both_did():
    retrograd.manual_seed(0)
    nn = retrograd.nn
    both = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
    both(retrograd.randn(4, 3, 6, 6))
    both.eval()
    x = retrograd.randn(2, 3, 6, 6)
    fused = nn.utils.fuse_conv_bn_eval(*both)
    assert retrograd.allclose(fused(x), both(x), atol=1e-5)
