"""grid_sample and affine_grid: samples, known places, derivatives of second order."""

import numpy as np
import pytest

import retrograd as rg
from retrograd.nn import functional as F

from ..sampling import Sample, array

# PyTorch has no second derivative of these.
FIRST = "second"


def _sampled(*shape, seed, **settings):
    """Return samples of one image shape, on a grid that reaches beyond it."""
    dims = len(shape) - 2
    grid = array(shape[0], *(3, 2, 4)[:dims], dims, low=-1.7, high=1.7, seed=seed)
    return Sample(array(*shape, seed=seed + 1), grid, skip=FIRST, **settings)


SAMPLES = {
    "nn.functional.grid_sample": [
        *[
            _sampled(2, 3, 4, 5, seed=3, mode=mode, padding_mode=padding, align_corners=align)
            for mode in ("bilinear", "nearest", "bicubic")
            for padding in ("zeros", "border", "reflection")
            for align in (False, True)
        ],
        *[
            _sampled(1, 2, 3, 4, 2, seed=5, mode=mode, padding_mode=padding, align_corners=align)
            for mode in ("bilinear", "nearest")
            for padding in ("zeros", "border", "reflection")
            for align in (False, True)
        ],
        _sampled(1, 1, 1, 1, seed=7, padding_mode="reflection", align_corners=True),
        _sampled(2, 0, 4, 5, seed=8, align_corners=False),
        Sample(array(0, 3, 4, 5), array(0, 2, 2, 2), align_corners=False, skip=FIRST),
        Sample(array(2, 3, 4, 5), array(2, 0, 2, 2), align_corners=False, skip=FIRST),
        Sample(
            array(5, 4, 3, 2).T, array(2, 3, 2, 2, low=-1, high=1).swapaxes(1, 2),
            align_corners=False, skip=FIRST,
        ),
        Sample(
            array(2, 3, 4, 5, dtype="float32"), array(2, 3, 2, 2, dtype="float32"),
            align_corners=False, skip=FIRST, constant=(0,),
        ),
        Sample(
            array(2, 3, 4, 5, dtype="float16"), array(2, 3, 2, 2, dtype="float16"),
            align_corners=False, skip="gradient second",
        ),
        Sample(array(2, 3, 4, 5), array(2, 6, 7, 2), "foo", raises=ValueError,
               match="expected mode to be 'bilinear', 'nearest' or 'bicubic', but got: 'foo'"),
        Sample(array(2, 3, 4, 5), array(2, 6, 7, 2), "bilinear", "foo", raises=ValueError,
               match="padding_mode to be 'zeros', 'border', or 'reflection', but got: 'foo'"),
        Sample(array(2, 3, 4, 5), array(3, 6, 7, 2), align_corners=True, raises=RuntimeError,
               match="grid_sampler(): expected grid and input to have same batch size, but got"),
        Sample(array(2, 3, 4, 5), array(2, 6, 7, 3), align_corners=True, raises=RuntimeError,
               match="to have size 2 in last dimension, but got grid with sizes [2, 6, 7, 3]"),
        Sample(array(2, 3, 4), array(2, 6, 1), align_corners=True, raises=RuntimeError,
               match="grid_sampler(): expected 5D input and grid with same number of dimensions"),
        Sample(array(2, 3, 0, 5), array(2, 6, 7, 2), align_corners=True, raises=RuntimeError,
               match="but input has sizes [2, 3, 0, 5] with dimension 2 being empty"),
        Sample(array(2, 3, 4, 5, 6), array(2, 6, 7, 8, 3), "bicubic", align_corners=True,
               raises=RuntimeError, match="bicubic interpolation only supports 4D input"),
        Sample(array(2, 3, 4, 5), array(2, 6, 7, 2, dtype="float32"), align_corners=True,
               raises=RuntimeError, match="expected scalar type Double but found Float"),
        Sample(array(2, 3, 4, 5, dtype="int64"), array(2, 6, 7, 2), align_corners=True,
               raises=NotImplementedError, match="not implemented for 'Long'"),
    ],
    "nn.functional.affine_grid": [
        Sample(array(2, 2, 3), (2, 3, 4, 5), False),
        Sample(array(2, 2, 3), (2, 3, 4, 5), True),
        Sample(array(2, 3, 4), [2, 3, 2, 1, 3], align_corners=False),
        Sample(array(1, 2, 3, dtype="float32"), (1, 1, 1, 1), align_corners=False),
        Sample(array(2, 3, 3), (2, 3, 4, 5), True, raises=ValueError,
               match="Expected a batch of 2D affine matrices of shape Nx2x3 for size (2, 3, 4, 5)."
               " Got torch.Size([2, 3, 3])."),
        Sample(array(2, 2, 3), (2, 3, 4), True, raises=NotImplementedError,
               match="affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms"),
        Sample(array(2, 2, 3), (3, 3, 4, 5), True, raises=RuntimeError, match="[3, 3] but got: [2"),
        Sample(array(2, 2, 3), (2, 3, 0, 5), True, raises=ValueError, match="positive output size"),
        Sample(array(2, 2, 3, dtype="int64"), (2, 3, 4, 5), True, raises=ValueError,
               match="Expected theta to have floating point type, but got torch.int64"),
    ],
}  # fmt: skip


@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
def test_the_identity_grid_gives_the_image(mode, align):
    x = rg.randn(2, 3, 4, 5, dtype=rg.float64)
    same = rg.eye(2, 3, dtype=rg.float64).repeat(2, 1, 1)
    grid = F.affine_grid(same, x.shape, align)
    assert rg.allclose(F.grid_sample(x, grid, mode, align_corners=align), x)


def test_a_quarter_turn():
    x = rg.arange(6.0).reshape(1, 1, 2, 3)
    turn = rg.tensor([[[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0]]])
    grid = F.affine_grid(turn, (1, 1, 3, 2), align_corners=True)
    turned = F.grid_sample(x, grid, align_corners=True)
    np.testing.assert_allclose(turned[0, 0].numpy(), np.rot90(x[0, 0].numpy(), -1), atol=1e-6)


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
def test_second_derivatives(mode, padding):
    x = rg.from_numpy(array(1, 2, 3, 4, seed=1)).requires_grad_()
    grid = rg.from_numpy(array(1, 2, 3, 2, low=-1.6, high=1.6, seed=2)).requires_grad_()
    assert rg.autograd.gradgradcheck(
        lambda image, places: F.grid_sample(image, places, mode, padding, align_corners=False),
        (x, grid),
    )


def test_places_that_are_none():
    x = rg.arange(4.0).reshape(1, 1, 2, 2)
    grid = rg.tensor([[[[float("nan"), 0.0], [1e30, 0.0]]]])
    found = F.grid_sample(x, grid, align_corners=False).ravel()
    assert found[0].isnan()
    assert found[1] == 0
    found = F.grid_sample(x, grid, padding_mode="border", align_corners=False)
    assert found.ravel().tolist() == [1.0, 2.0]


def test_the_default_alignment_warns():
    with pytest.warns(UserWarning, match="has changed to align_corners=False since 1.3.0"):
        F.grid_sample(rg.ones(1, 1, 2, 2), rg.zeros(1, 1, 1, 2))
    with pytest.warns(UserWarning, match="has changed to align_corners=False since 1.3.0"):
        F.affine_grid(rg.ones(1, 2, 3), (1, 1, 2, 2))
    with pytest.warns(UserWarning, match="behavior has changed for unit-size grids"):
        F.affine_grid(rg.ones(1, 2, 3), (1, 1, 1, 2), align_corners=True)


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_grid_that_changes_nothing_is_that_of_torch_bit_for_bit(dtype, align_corners):
    torch = pytest.importorskip("torch")

    def grid(library, n):
        theta = library.tensor([[[1.0, 0, 0], [0, 1, 0]]], dtype=getattr(library, dtype))
        places = library.nn.functional.affine_grid(theta, (1, 1, n, 2 * n), align_corners)
        return places.numpy()

    for n in (2, 3, 7, 12, 28, 33, 64, 100):
        np.testing.assert_array_equal(grid(rg, n), grid(torch, n))


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("width", [7, 12, 28, 33])
def test_places_beside_an_element_are_on_the_side_where_torch_has_them(width, align_corners):
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(0)
    element = random.integers(1, width - 2, 500)
    middles = element / ((width - 1) / 2) if align_corners else (element + 0.5) / (width / 2)
    places = np.nextafter((middles - 1).astype("f4"), random.choice([-9, 9], 500).astype("f4"))

    def slopes(library):
        # The slope of squares tells on which side of an element a place is.
        image = (library.arange(float(width)) ** 2).reshape(1, 1, 1, width)
        grid = library.zeros(1, 1, 500, 2)
        grid[0, 0, :, 0] = library.from_numpy(places)
        grid.requires_grad_()
        found = library.nn.functional.grid_sample(image, grid, align_corners=align_corners)
        (slope,) = library.autograd.grad(found.sum(), grid)
        return slope[..., 0].numpy()

    np.testing.assert_allclose(slopes(rg), slopes(torch), rtol=1e-5)
