"""Fold, Unfold, shuffles and padding layers: values, text, complaints."""

import pytest

from .modules import Case, check_complaint, check_module, every

PADS = {1: (1, 2), 2: (2, 1, 0, 1), 3: (1, 0, 1, 1, 0, 2)}
SHAPES = {1: (2, 3, 5), 2: (2, 3, 4, 5), 3: (2, 1, 3, 4, 5)}

CASES = [
    Case("Fold", (5, 6), 2, inputs=[(2, 12, 20)]),
    Case("Fold", 5, (2, 3), (1, 2), (1, 0), 2, inputs=[(6, 3)]),
    Case("Unfold", 2, inputs=[(2, 3, 5, 6)]),
    Case("Unfold", (2, 3), (1, 2), (1, 0), 2, inputs=[(3, 5, 6)]),
    Case("PixelShuffle", 2, inputs=[(2, 8, 3, 5)]),
    Case("PixelUnshuffle", 3, inputs=[(2, 3, 6)]),
    Case("ChannelShuffle", 3, inputs=[(2, 6, 3, 4)]),
    *[
        Case(f"{kind}{dims}d", pad, inputs=[shape])
        for kind in ("ReflectionPad", "ReplicationPad", "CircularPad", "ZeroPad")
        for dims in (1, 2, 3)
        for pad in (1, PADS[dims])
        for shape in (SHAPES[dims], SHAPES[dims][1:])
    ],
    *[Case(f"ConstantPad{dims}d", PADS[dims], 1.5, inputs=[SHAPES[dims]]) for dims in (1, 2, 3)],
    Case("ConstantPad1d", -1, 2, inputs=[(5,)]),
    Case("ConstantPad2d", [1, 2, -1, 0], 0.25, inputs=[(4, 5)]),
]


@every(CASES)
def test_like_torch(case, dtype, mode):
    check_module(case, dtype, mode)


COMPLAINTS = {
    "circular of one axis": lambda t: t.nn.CircularPad1d(1)(t.ones(5)),
    "circular of four": lambda t: t.nn.CircularPad1d(1)(t.ones(1, 2, 3, 5)),
    "circular of two": lambda t: t.nn.CircularPad3d(1)(t.ones(3, 5)),
    "too far": lambda t: t.nn.ReflectionPad2d(9)(t.ones(1, 2, 3, 4)),
    "odd": lambda t: t.nn.ConstantPad1d((1, 2, 3), 0)(t.ones(2, 3)),
    "axes": lambda t: t.nn.ConstantPad2d(1, 2.0)(t.ones(3)),
    "channels": lambda t: t.nn.PixelShuffle(2)(t.ones(7, 2, 2)),
    "groups": lambda t: t.nn.ChannelShuffle(4)(t.ones(1, 6, 2, 2)),
    "blocks": lambda t: t.nn.Fold(4, 2)(t.ones(1, 4, 5)),
}


@pytest.mark.parametrize("name", COMPLAINTS)
def test_complaints_like_torch(name):
    check_complaint(COMPLAINTS[name])
