"""interpolate, its older names and the Upsample layers: samples, values, text, warnings."""

import numpy as np
import pytest

import retrograd as rg
from retrograd.nn import functional as F

from ..sampling import Sample, array
from .modules import Case, check_complaint, check_module, every
from .parity import check_parity

ONLY_FOR = "Only 3D, 4D and 5D input Tensors supported (got "

SAMPLES = {
    "nn.functional.interpolate": [
        Sample(array(2, 3, 5), 8),
        Sample(array(2, 3, 5), 3),
        Sample(array(2, 3, 4, 5), (7, 2)),
        Sample(array(2, 3, 4, 5), scale_factor=2),
        Sample(array(2, 3, 4, 5), scale_factor=(1.5, 0.7)),
        Sample(array(2, 1, 2, 4, 3), (3, 2, 6)),
        Sample(array(5, 4, 3, 2).T, 3),
        Sample(array(2, 3, 4, 5, dtype="uint8"), 7),
        Sample(array(2, 3, 4, 5, dtype="float16"), 7, skip="gradient second"),
        Sample(array(0, 3, 4, 5), 7),
        *[
            Sample(array(*shape), mode=mode, **settings)
            for mode, shape in (
                ("nearest-exact", (2, 3, 5)),
                ("nearest-exact", (2, 3, 4, 5)),
                ("nearest-exact", (1, 2, 2, 3, 4)),
                ("linear", (2, 3, 5)),
                ("bilinear", (2, 3, 4, 5)),
                ("bicubic", (2, 2, 4, 5)),
                ("trilinear", (1, 2, 2, 3, 4)),
            )
            for settings in (
                {"size": 6},
                {"size": 2},
                {"scale_factor": 1.7},
                {"scale_factor": 1.7, "recompute_scale_factor": True},
                {"scale_factor": 0.6},
                *([{"size": 6, "align_corners": True}] if "nearest" not in mode else []),
                *([{"size": 1, "align_corners": True}] if "nearest" not in mode else []),
            )
        ],
        *[
            Sample(array(2, 2, 9, 7), mode=mode, antialias=True, **settings)
            for mode in ("bilinear", "bicubic", "lanczos")
            for settings in ({"size": (4, 3)}, {"size": (12, 3)}, {"scale_factor": 0.6})
        ],
        Sample(array(2, 2, 9, 7), 3, mode="bicubic", antialias=True, align_corners=True),
        Sample(array(2, 3, 4, 5, dtype="float32"), 7, mode="bicubic"),
        Sample(
            array(2, 3, 4, 5, dtype="float16"), 7, mode="bilinear", skip="gradient second"
        ),
        Sample(array(2, 3, 4, 5), raises=ValueError, match="either size or scale_factor should be"),
        Sample(array(2, 3, 4, 5), 2, 2, raises=ValueError, match="only one of size or scale_fact"),
        Sample(
            array(2, 3, 4, 5), (2, 3, 4), raises=ValueError,
            match="Input and output must have the same number of spatial dimensions, but got input "
            "with spatial dimensions of [4, 5] and output size of (2, 3, 4). Please provide",
        ),
        Sample(
            array(2, 3, 4, 5), scale_factor=(1,), raises=ValueError,
            match="Input and scale_factor must have the same number of spatial dimensions, but got "
            "input with spatial dimensions of [4, 5] and scale_factor of shape (1,). Please",
        ),
        Sample(array(2, 3, 4, 5), (2.0, 3), raises=TypeError, match="got size with types [<class "),
        Sample(array(2, 3, 4, 5), 3, mode="area", align_corners=True, raises=ValueError,
               match="align_corners option can only be set with the interpolating modes: linear |"),
        Sample(array(2, 3, 4, 5), 3, mode="bilinear", recompute_scale_factor=True,
               raises=ValueError, match="recompute_scale_factor is not meaningful with an explici"),
        Sample(array(2, 3, 4, 5), 3, antialias=True, raises=ValueError, match="Anti-alias option"),
        Sample(array(2, 3, 4, 5), 3, mode="lanczos", raises=ValueError, match="requires antialias"),
        Sample(array(2, 3, 4, 5), 3, mode="lanczos", antialias=True, align_corners=True,
               raises=ValueError, match="Lanczos mode does not support align_corners=True"),
        Sample(array(3, 4), 3, raises=NotImplementedError, match=ONLY_FOR + "2D)"),
        Sample(array(2, 3, 4), 3, mode="foo", raises=NotImplementedError, match="(got foo)"),
        Sample(array(2, 3, 4), 3, mode="bicubic", raises=NotImplementedError, match=ONLY_FOR),
        Sample(array(2, 3, 4), 3, mode="bilinear", raises=NotImplementedError,
               match="Got 3D input, but bilinear mode needs 4D input"),
        Sample(
            array(2, 3, 4, 5), (0, 3), raises=RuntimeError,
            match="Input and output sizes should be greater than 0, but got input (H: 4, W: 5) "
            "output (H: 0, W: 3)",
        ),
        Sample(array(2, 3, 0), 3, raises=RuntimeError, match="input (W: 0) and output (W: 3)"),
        Sample(
            array(2, 0, 4, 5), 3, raises=RuntimeError,
            match="Non-empty 4D data tensor expected but got a tensor with sizes [2, 0, 4, 5]",
        ),
        Sample(array(2, 3, 4, 5, dtype="int64"), 3, raises=NotImplementedError,
               match="\"upsample_nearest2d_channels_last\" not implemented for 'Long'"),
        Sample(array(2, 3, 4, dtype="int32"), 3, mode="linear", raises=NotImplementedError,
               match="\"compute_indices_weights_linear\" not implemented for 'Int'"),
    ],
}  # fmt: skip

CASES = [
    Case("Upsample", scale_factor=2, inputs=[(2, 3, 4, 5)]),
    Case("Upsample", 7, inputs=[(2, 3, 5)]),
    Case("Upsample", (3, 4), mode="bilinear", align_corners=True, inputs=[(2, 3, 5, 6)]),
    Case("Upsample", scale_factor=(1.5, 2), mode="bicubic", inputs=[(1, 2, 4, 3)]),
    Case(
        "Upsample", scale_factor=1.5, mode="trilinear", recompute_scale_factor=True,
        inputs=[(1, 2, 3, 4, 3)],
    ),
    Case("UpsamplingNearest2d", scale_factor=2, inputs=[(2, 3, 3, 2)]),
    Case("UpsamplingBilinear2d", (5, 3), inputs=[(2, 3, 3, 2)]),
]  # fmt: skip


@every(CASES)
def test_layers_like_torch(case, dtype, mode):
    check_module(case, dtype, mode)


OLD_NAMES = {
    "upsample": lambda t, nn: nn.functional.upsample(t.arange(4.0).reshape(1, 2, 2), 3),
    "upsample_nearest": lambda t, nn: nn.functional.upsample_nearest(
        t.arange(4.0).reshape(1, 1, 2, 2), scale_factor=2
    ),
    "upsample_bilinear": lambda t, nn: nn.functional.upsample_bilinear(
        t.arange(4.0).reshape(1, 1, 2, 2), 3
    ),
}


@pytest.mark.parametrize("name", OLD_NAMES)
def test_old_names_warn(name):
    check_parity(OLD_NAMES[name])


@pytest.mark.parametrize("shape", [(2, 3, 5), (2, 3, 4, 5), (1, 2, 3, 4, 5)])
@pytest.mark.skipif(
    not hasattr(F, "adaptive_avg_pool1d"), reason="adaptive_avg_pool1d to 3d are not there yet"
)
def test_area_is_an_average(shape):
    check_parity(
        lambda t, nn: nn.functional.interpolate(
            t.arange(120.0)[: int(np.prod(shape))].reshape(shape), 3, mode="area"
        )
    )


COMPLAINTS = {
    "nothing given": lambda t: t.nn.Upsample()(t.ones(2, 3, 4, 5)),
    "axes": lambda t: t.nn.UpsamplingBilinear2d(scale_factor=2)(t.ones(2, 3, 4)),
}


@pytest.mark.parametrize("name", COMPLAINTS)
def test_complaints_like_torch(name):
    check_complaint(COMPLAINTS[name])


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_bytes_are_rounded_and_limited(mode):
    # PyTorch's weights of bytes are whole numbers, so it can be one off.
    random = np.random.default_rng(0)
    x = rg.from_numpy(random.integers(0, 256, (1, 1, 5, 7)).astype("uint8"))
    found = F.interpolate(x, (8, 3), mode=mode, antialias=True)
    exact = F.interpolate(x.double(), (8, 3), mode=mode, antialias=True).clamp(0, 255)
    assert found.dtype is rg.uint8
    assert float((found.double() - exact).abs().max()) <= 1.5


def test_a_ramp_stays_a_ramp():
    x = rg.arange(5.0).reshape(1, 1, 5)
    assert F.interpolate(x, 9, mode="linear", align_corners=True).ravel().tolist() == [
        n / 2 for n in range(9)
    ]
    middle = F.interpolate(x, scale_factor=2, mode="linear").ravel()[1:-1]
    assert middle.tolist() == [0.25 + n / 2 for n in range(8)]


def test_infinities_stay_where_they_are():
    x = rg.tensor([[[1.0, float("inf"), 2.0, 3.0, 4.0, 5.0]]])
    finite = F.interpolate(x, 12, mode="linear").isfinite().ravel().tolist()
    assert finite[5:] == [True] * 7


def test_an_antialiased_average_keeps_the_mean():
    x = rg.randn(1, 1, 12, 12)
    small = F.interpolate(x + 3, 4, mode="bilinear", antialias=True)
    assert float(small.mean()) == pytest.approx(float(x.mean()) + 3, abs=0.15)
    ones = F.interpolate(rg.ones(1, 1, 12, 12), 5, mode="bicubic", antialias=True)
    assert rg.allclose(ones, rg.ones(1, 1, 5, 5))
