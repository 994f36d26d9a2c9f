"""Training steps over the library's modules: compiled equals eager bit for bit, and replays."""

from __future__ import annotations

import copy
import warnings

import pytest

import retrograd as rg
from retrograd.compiler import CompiledFunction

from .running import plain

nn = rg.nn
IMAGE, ROWS, SIGNAL, VOLUME = (3, 4, 8, 8), (5, 6), (3, 4, 9), (2, 2, 6, 6, 6)

# A module, and the shapes of its inputs: numbers, or (highest class, shape) for class numbers.
MODULES = {
    "Linear": (lambda: nn.Linear(6, 3), [ROWS]),
    "Bilinear": (lambda: nn.Bilinear(6, 6, 2), [ROWS, ROWS]),
    "Conv1d": (lambda: nn.Conv1d(4, 2, 3), [SIGNAL]),
    "Conv2d": (lambda: nn.Conv2d(4, 2, 3, padding=1), [IMAGE]),
    "Conv3d": (lambda: nn.Conv3d(2, 2, 3), [VOLUME]),
    "ConvTranspose2d": (lambda: nn.ConvTranspose2d(4, 2, 3, stride=2), [IMAGE]),
    "BatchNorm1d": (lambda: nn.BatchNorm1d(6), [ROWS]),
    "BatchNorm2d": (lambda: nn.BatchNorm2d(4, momentum=None), [IMAGE]),
    "BatchNorm3d": (lambda: nn.BatchNorm3d(2), [VOLUME]),
    "InstanceNorm1d": (lambda: nn.InstanceNorm1d(4, affine=True), [SIGNAL]),
    "InstanceNorm2d": (lambda: nn.InstanceNorm2d(4, track_running_stats=True), [IMAGE]),
    "LayerNorm": (lambda: nn.LayerNorm(6), [ROWS]),
    "RMSNorm": (lambda: nn.RMSNorm(6), [ROWS]),
    "GroupNorm": (lambda: nn.GroupNorm(2, 4), [IMAGE]),
    "LocalResponseNorm": (lambda: nn.LocalResponseNorm(2), [IMAGE]),
    "MaxPool1d": (lambda: nn.MaxPool1d(2), [SIGNAL]),
    "MaxPool2d": (lambda: nn.MaxPool2d(3, 2), [IMAGE]),
    "MaxPool3d": (lambda: nn.MaxPool3d(2), [VOLUME]),
    "AvgPool2d": (lambda: nn.AvgPool2d(2), [IMAGE]),
    "LPPool2d": (lambda: nn.LPPool2d(2, 2), [IMAGE]),
    "AdaptiveAvgPool2d": (lambda: nn.AdaptiveAvgPool2d(3), [IMAGE]),
    "AdaptiveMaxPool2d": (lambda: nn.AdaptiveMaxPool2d(3), [IMAGE]),
    "FractionalMaxPool2d": (lambda: nn.FractionalMaxPool2d(2, output_size=3), [IMAGE]),
    "Embedding": (lambda: nn.Embedding(7, 3, padding_idx=1), [(7, (4, 2))]),
    "EmbeddingRenormalised": (lambda: nn.Embedding(7, 3, max_norm=1.0), [(7, (4, 2))]),
    "RNN": (lambda: nn.RNN(6, 4), [(3, 2, 6)]),
    "LSTM": (lambda: nn.LSTM(6, 4, num_layers=2, dropout=0.3), [(3, 2, 6)]),
    "GRU": (lambda: nn.GRU(6, 4, bidirectional=True), [(3, 2, 6)]),
    "LSTMCell": (lambda: nn.LSTMCell(6, 4), [ROWS]),
    "GRUCell": (lambda: nn.GRUCell(6, 4), [ROWS]),
    "MultiheadAttention": (lambda: nn.MultiheadAttention(6, 2, dropout=0.1), [(3, 2, 6)] * 3),
    "TransformerEncoderLayer": (lambda: nn.TransformerEncoderLayer(6, 2, 8), [(3, 2, 6)]),
    "TransformerDecoderLayer": (lambda: nn.TransformerDecoderLayer(6, 2, 8), [(3, 2, 6)] * 2),
    "Dropout": (lambda: nn.Dropout(0.4), [ROWS]),
    "Dropout2d": (lambda: nn.Dropout2d(0.4), [IMAGE]),
    "AlphaDropout": (lambda: nn.AlphaDropout(0.4), [ROWS]),
    "FeatureAlphaDropout": (lambda: nn.FeatureAlphaDropout(0.4), [IMAGE]),
    "RReLU": (lambda: nn.RReLU(), [ROWS]),
    "PReLU": (lambda: nn.PReLU(), [ROWS]),
    "GELU": (lambda: nn.GELU(), [ROWS]),
    "Softmax": (lambda: nn.Softmax(1), [ROWS]),
    "GLU": (lambda: nn.GLU(), [ROWS]),
    "Upsample": (lambda: nn.Upsample(scale_factor=2, mode="bilinear"), [IMAGE]),
    "Unfold": (lambda: nn.Unfold(3), [IMAGE]),
    "PixelShuffle": (lambda: nn.PixelShuffle(2), [IMAGE]),
    "Flatten": (lambda: nn.Flatten(), [IMAGE]),
    "CosineSimilarity": (lambda: nn.CosineSimilarity(), [ROWS, ROWS]),
    "PairwiseDistance": (lambda: nn.PairwiseDistance(), [ROWS, ROWS]),
    "CrossEntropyLoss": (lambda: nn.CrossEntropyLoss(), [ROWS, (6, (5,))]),
    "NLLLoss": (lambda: nn.NLLLoss(), [ROWS, (6, (5,))]),
    "MSELoss": (lambda: nn.MSELoss(), [ROWS, ROWS]),
    "HuberLoss": (lambda: nn.HuberLoss(), [ROWS, ROWS]),
    "BCEWithLogitsLoss": (lambda: nn.BCEWithLogitsLoss(), [ROWS, ROWS]),
    "KLDivLoss": (lambda: nn.KLDivLoss(reduction="batchmean"), [ROWS, ROWS]),
    "MultiMarginLoss": (lambda: nn.MultiMarginLoss(), [ROWS, (6, (5,))]),
    "TripletMarginLoss": (lambda: nn.TripletMarginLoss(), [ROWS, ROWS, ROWS]),
}

# What runs eagerly, and why.
EAGER: dict[str, str] = {}


def drawn(shapes, seed):
    generator = rg.Generator().manual_seed(seed)
    return [
        rg.randint(0, shape[0], shape[1], generator=generator)
        if isinstance(shape[-1], tuple)
        else rg.randn(shape, generator=generator)
        for shape in shapes
    ]


def trained(module, shapes, compiled):
    """Train for steps of which one evaluates; return all that is left, and the function."""
    outer = nn.Parameter(rg.tensor(1.5))
    optimizer = rg.optim.Adam([*module.parameters(), outer], lr=0.01)

    def step(*inputs):
        optimizer.zero_grad()
        first, *others = inputs
        if first.is_floating_point():
            first = first * outer
        result = module(first, *others)
        while isinstance(result, tuple):
            result = result[0]
        loss = (result * result).sum() + outer * 0
        loss.backward()
        optimizer.step()
        return loss.detach()

    function = CompiledFunction(step) if compiled else step
    rg.manual_seed(7)
    seen = []
    for seed in range(5):
        module.train(seed != 3)
        seen.append(plain(function(*drawn(shapes, seed))))
        seen.append(plain(dict(module.state_dict())))
        seen.append(plain([p.grad for p in [*module.parameters(), outer]]))
    seen.append(plain(rg.get_rng_state()))
    return seen, function


@pytest.mark.parametrize("name", sorted(MODULES))
def test_training_steps(name):
    make, shapes = MODULES[name]
    rg.manual_seed(0)
    module = make()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        eager, _ = trained(copy.deepcopy(module), shapes, False)
        ours, function = trained(module, shapes, True)
    assert ours == eager
    reasons = {segment.eager for segment in function.segments()} - {""}
    if name in EAGER:
        assert any(EAGER[name] in reason for reason in reasons), reasons
    else:
        assert not reasons
        assert not function.eager


def test_attributes_are_the_modules_own():
    """What is assigned to the compiled module is read by the `forward` of the module in it."""

    class Scaled(nn.Module):
        def __init__(self):
            super().__init__()
            self.by = 2.0
            self.layer = nn.Linear(2, 2)

        def forward(self, x):
            return x * self.by

    compiled = rg.compile(Scaled())
    x = rg.ones(2)
    assert compiled(x).tolist() == [2, 2]
    compiled.by = 5.0
    assert compiled(x).tolist() == [5, 5]
    compiled.layer = nn.Linear(3, 3)
    compiled.weight = nn.Parameter(rg.ones(1))
    names = ["_orig_mod.layer.bias", "_orig_mod.layer.weight", "_orig_mod.weight"]
    assert sorted(compiled.state_dict()) == names
    assert compiled._orig_mod.layer.in_features == 3
    del compiled.by
    assert not hasattr(compiled._orig_mod, "by")
    assert "layer" in dir(compiled)
    compiled.training = False
    assert not compiled._orig_mod.training
    compiled._orig_mod.train()
    assert compiled.training
