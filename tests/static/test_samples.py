"""Every operation's samples in a static graph: they give what eager gives, or are refused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import retrograd as rg
from retrograd import static

from ..sampling import collect, find

SAMPLES, _ = collect()
# Names of which every sample is refused: their shapes, or Python, depend on values.
REFUSED = {
    "allclose", "argwhere", "bincount", "bucketize", "cosine_similarity",
    "ctc_loss", "diagonal_scatter", "embedding_bag", "fill_", "histc", "histogram", "inverse",
    "is_nonzero", "isin", "linalg.cholesky", "linalg.cholesky_ex", "linalg.inv", "linalg.inv_ex",
    "linalg.lstsq", "linalg.lu", "linalg.lu_factor", "linalg.lu_factor_ex", "linalg.lu_solve",
    "linalg.matrix_rank", "linalg.solve", "linalg.solve_ex", "linalg.tensorinv",
    "linalg.tensorsolve", "logdet", "lu_solve",
    "masked_scatter", "masked_select", "nanmean", "nanquantile",
    "nn.functional.adaptive_max_pool2d_with_indices",
    "nn.functional.embedding_bag", "nn.functional.fractional_max_pool2d",
    "nn.functional.fractional_max_pool2d_with_indices", "nn.functional.fractional_max_pool3d",
    "nn.functional.max_unpool1d", "nn.functional.max_unpool2d", "nn.functional.max_unpool3d",
    "nonzero", "nonzero_static", "quantile", "searchsorted", "unique",
    "unique_consecutive", "unravel_index", "zero_",
}  # fmt: skip


def flat(tree):
    if isinstance(tree, (tuple, list)):
        return [leaf for one in tree for leaf in flat(one)]
    return [tree]


def swapped(tree, new):
    """Return arguments with other tensors in place of theirs."""
    if isinstance(tree, rg.Tensor):
        return new.get(id(tree), tree)
    if type(tree) in (list, tuple):
        return type(tree)([swapped(one, new) for one in tree])
    if type(tree) is dict:
        return {key: swapped(one, new) for key, one in tree.items()}
    return tree


def weighted(results):
    """Return one number in which every element that requires grad, or could, has a part."""
    total = 0
    for one in results:
        if isinstance(one, rg.Tensor) and one.dtype == rg.float64:
            weights = rg.arange(1.0, one.numel() + 1, dtype=rg.float64).reshape(one.shape)
            total = total + (one * weights).sum()
    return total


def eager(function, sample):
    """Return the results of a sample, and the gradients of float64 tensors where there are any."""
    args, settings, tensors = sample.build(rg)
    rg.manual_seed(0)
    want = flat(function(*args, **settings))
    places = [n for n, one in enumerate(tensors) if one.requires_grad and one.dtype == rg.float64]
    total = weighted(want)
    if not places or not isinstance(total, rg.Tensor) or not total.requires_grad:
        return want, {}
    found = rg.autograd.grad(total, [tensors[n] for n in places], allow_unused=True)
    return want, {n: one for n, one in zip(places, found, strict=True) if one is not None}


def compare(function, sample):
    want, slopes = eager(function, sample)
    args, settings, tensors = sample.build(rg)
    rg.manual_seed(0)
    with static.Graph():
        new = {id(one): static.placeholder(one.dtype, one.shape) for one in tensors}
        made = flat(function(*swapped(args, new), **swapped(settings, new)))
        if slopes:
            made += static.gradients(weighted(made), [new[id(tensors[n])] for n in slopes])
    want = [*want, *slopes.values()]
    assert [isinstance(one, rg.Tensor) for one in made] == [
        isinstance(one, rg.Tensor) for one in want
    ]
    fetches = [one for one in made if isinstance(one, rg.Tensor)]
    rg.manual_seed(0)
    found = static.Session().run(fetches, {new[id(one)]: one for one in tensors})
    for one, other in zip(found, [w for w in want if isinstance(w, rg.Tensor)], strict=True):
        assert one.dtype == other.dtype
        np.testing.assert_array_equal(one.detach().numpy(), other.detach().numpy())


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_a_graph_equals_eager(name):
    ran = 0
    samples = [sample for sample in SAMPLES[name] if sample.raises is None]
    for sample in samples:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's own
            try:
                compare(find(rg, name), sample)
            except (RuntimeError, ValueError):  # refused while it was built
                continue
        ran += 1
    assert ran or name in REFUSED or not samples
