"""Normalisations as modules: batch, instance, layer, RMS, group and response norms."""

import copy
from collections import OrderedDict

import numpy as np
import pytest

import retrograd

from .modules import Case, check_complaint, check_module, every

CASES = [
    Case("BatchNorm1d", 3, inputs=[(5, 3)]),
    Case("BatchNorm1d", 3, inputs=[(5, 3, 7)], calls=3),
    Case("BatchNorm1d", 3, 0.1, 0.4, inputs=[(5, 3)], calls=2),
    Case("BatchNorm1d", 3, momentum=None, inputs=[(5, 3)], calls=3),
    Case("BatchNorm1d", 3, affine=False, inputs=[(5, 3)]),
    Case("BatchNorm1d", 3, track_running_stats=False, inputs=[(5, 3)]),
    Case("BatchNorm1d", 3, bias=False, inputs=[(5, 3)]),
    Case("BatchNorm2d", 4, inputs=[(2, 4, 3, 5)], calls=2),
    Case("BatchNorm3d", 2, inputs=[(3, 2, 2, 1, 3)]),
    Case("SyncBatchNorm", 3, inputs=[(4, 3, 2)]),
    Case("LazyBatchNorm1d", inputs=[(5, 3)], make=lambda t: _met(t, "LazyBatchNorm1d", 5, 3)),
    Case("LazyBatchNorm2d", inputs=[(5, 3, 2, 2)],
         make=lambda t: _met(t, "LazyBatchNorm2d", 5, 3, 2, 2)),
    Case("InstanceNorm1d", 3, inputs=[(2, 3, 5)]),
    Case("InstanceNorm1d", 3, inputs=[(3, 5)], note="one sample"),
    Case("InstanceNorm2d", 3, affine=True, inputs=[(2, 3, 4, 2)]),
    Case("InstanceNorm2d", 3, affine=True, bias=False, inputs=[(2, 3, 4, 2)]),
    Case("InstanceNorm2d", 3, track_running_stats=True, inputs=[(2, 3, 4, 2)], calls=2),
    Case("InstanceNorm3d", 2, 1e-3, 0.3, True, True, inputs=[(3, 2, 2, 2, 3)], calls=2),
    Case("InstanceNorm3d", 2, momentum=None, track_running_stats=True, inputs=[(2, 2, 2, 3)]),
    Case("LazyInstanceNorm1d", inputs=[(2, 3, 4)],
         make=lambda t: _met(t, "LazyInstanceNorm1d", 2, 3, 4)),
    Case("LayerNorm", 5, inputs=[(2, 3, 5)]),
    Case("LayerNorm", (3, 5), 0.1, inputs=[(2, 3, 5)]),
    Case("LayerNorm", [5], elementwise_affine=False, inputs=[(4, 5)]),
    Case("LayerNorm", 5, bias=False, inputs=[(5,)]),
    Case("RMSNorm", 5, inputs=[(2, 3, 5)]),
    Case("RMSNorm", (3, 5), 0.1, False, inputs=[(2, 3, 5)]),
    Case("GroupNorm", 2, 6, inputs=[(3, 6, 2, 2)]),
    Case("GroupNorm", 3, 6, 0.1, inputs=[(3, 6)]),
    Case("GroupNorm", 1, 4, affine=False, inputs=[(3, 4, 5)]),
    Case("GroupNorm", 4, 4, bias=False, inputs=[(3, 4, 5)]),
    Case("LocalResponseNorm", 3, inputs=[(2, 5, 4)]),
    Case("LocalResponseNorm", 2, 0.3, 0.5, 2.0, inputs=[(2, 5, 3, 2)]),
]  # fmt: skip


def _met(library, name, *shape):
    """Return a lazy module that has seen an input, and forgotten it."""
    module = getattr(library.nn, name)()
    module(library.ones(shape))
    module.reset_running_stats()
    return module


@every(CASES)
def test_like_torch(case, dtype, mode):
    check_module(case, dtype, mode)


COMPLAINTS = {
    "one value": lambda t: t.nn.BatchNorm1d(3)(t.ones(1, 3)),
    "1-D": lambda t: t.nn.BatchNorm1d(3)(t.ones(3)),
    "2-D": lambda t: t.nn.BatchNorm2d(3)(t.ones(2, 3)),
    "3-D": lambda t: t.nn.BatchNorm3d(3)(t.ones(2, 3, 4)),
    "channels": lambda t: t.nn.BatchNorm1d(3)(t.ones(2, 4)),
    "sync": lambda t: t.nn.SyncBatchNorm(3)(t.ones(3)),
    "sync of nothing": lambda t: t.nn.SyncBatchNorm(0)(t.ones(3, 0)),
    "lazy": lambda t: t.nn.LazyBatchNorm2d()(t.ones(2, 3)),
    "instance 4-D": lambda t: t.nn.InstanceNorm1d(3)(t.ones(2, 3, 4, 5)),
    "instance channels": lambda t: t.nn.InstanceNorm1d(3, affine=True)(t.ones(2, 4, 5)),
    "instance of one": lambda t: t.nn.InstanceNorm1d(3)(t.ones(2, 3, 1)),
    "layer": lambda t: t.nn.LayerNorm(3)(t.ones(2, 4)),
    "layer of nothing": lambda t: t.nn.LayerNorm(())(t.ones(2, 4)),
    "rms": lambda t: t.nn.RMSNorm((3, 4))(t.ones(2, 4)),
    "groups": lambda t: t.nn.GroupNorm(2, 3),
    "group of one": lambda t: t.nn.GroupNorm(4, 4)(t.ones(1, 4)),
    "response": lambda t: t.nn.LocalResponseNorm(2)(t.ones(2, 3)),
    "cross map": lambda t: t.nn.CrossMapLRN2d(2)(t.ones(2, 3, 4)),
    "running moments of an instance norm without": lambda t: t.nn.InstanceNorm1d(3).load_state_dict(
        {"running_mean": t.zeros(3), "running_var": t.ones(3)}
    ),
    "no count": lambda t: t.nn.BatchNorm1d(3).load_state_dict(_without_count(t, 2)),
}


@pytest.mark.parametrize("name", COMPLAINTS)
def test_complaints(name):
    check_complaint(COMPLAINTS[name])


def _without_count(library, version):
    state = OrderedDict(library.nn.BatchNorm1d(3).state_dict())
    del state["num_batches_tracked"]
    state._metadata = OrderedDict({"": {"version": version}})
    return state


def test_running_moments_are_pytorchs_formula():
    layer = retrograd.nn.BatchNorm1d(2, momentum=0.25)
    layer(retrograd.tensor([[1.0, 5.0], [3.0, 5.0]]))
    assert layer.running_mean.tolist() == [0.5, 1.25]
    assert layer.running_var.tolist() == [0.75 + 0.25 * 2, 0.75]
    assert layer.num_batches_tracked.item() == 1
    layer.eval()
    layer(retrograd.ones(4, 2))
    assert layer.num_batches_tracked.item() == 1
    layer.reset_running_stats()
    assert layer.running_mean.tolist() == [0, 0] and layer.num_batches_tracked.item() == 0


def test_evaluation_uses_what_training_found():
    layer = retrograd.nn.BatchNorm2d(2, momentum=1.0, affine=False).double()
    x = retrograd.tensor(np.random.default_rng(0).normal(3, 2, (4, 2, 3, 3)))
    layer(x)
    y = layer.eval()(x)
    assert retrograd.allclose(y.mean((0, 2, 3)), retrograd.zeros(2).double(), atol=1e-12)


def test_a_state_dict_from_before_the_count():
    layer = retrograd.nn.BatchNorm1d(3)
    for version in (None, 1):
        layer.load_state_dict(_without_count(retrograd, version))
    plain = dict(_without_count(retrograd, 2))
    layer.load_state_dict(plain)
    with pytest.raises(RuntimeError, match="num_batches_tracked"):
        layer.load_state_dict(_without_count(retrograd, 2))


def test_a_write_to_running_moments_is_noted():
    mean, variance = retrograd.zeros(3), retrograd.ones(3)
    before = mean._version
    retrograd.nn.functional.batch_norm(retrograd.ones(2, 3), mean, variance, training=True)
    assert mean._version > before


def test_other_channels_than_said_are_only_warned_of():
    with pytest.warns(UserWarning, match="does not match num_features"):
        retrograd.nn.InstanceNorm1d(3)(retrograd.ones(2, 4, 5))


def test_batch_norms_become_synchronised_ones():
    nn = retrograd.nn
    net = nn.Sequential(nn.BatchNorm2d(3, eps=0.1), nn.Sequential(nn.Linear(2, 2)))
    weight = net[0].weight
    net = nn.SyncBatchNorm.convert_sync_batchnorm(net)
    assert type(net[0]) is nn.SyncBatchNorm and net[0].weight is weight and net[0].eps == 0.1
    assert type(net[1][0]) is nn.Linear


def test_lazy_norms_become_ordinary_ones():
    lazy = retrograd.nn.LazyBatchNorm2d(affine=False)
    copied = copy.deepcopy(lazy)
    lazy(retrograd.ones(2, 5, 3, 3))
    assert type(lazy) is retrograd.nn.BatchNorm2d and lazy.num_features == 5
    assert type(copied) is retrograd.nn.LazyBatchNorm2d
    copied.load_state_dict(lazy.state_dict())
    assert copied.running_mean.shape == (5,)


def test_cross_map_norm_is_the_response_norm_of_odd_sizes():
    x = retrograd.tensor(
        np.random.default_rng(0).standard_normal((2, 6, 2, 3)), requires_grad=True
    )
    own = retrograd.nn.CrossMapLRN2d(3, 0.3, 0.5, 2.0)
    other = retrograd.nn.LocalResponseNorm(3, 0.3, 0.5, 2.0)
    assert retrograd.allclose(own(x), other(x))
    assert retrograd.autograd.gradcheck(own, (x,))
    assert own(x).grad_fn.name() == "CrossMapLRN2dBackward"


def test_cross_map_norm_has_pytorchs_values_where_those_follow_the_formula():
    # PyTorch 2.13 takes the first channel into every sum, and its gradient belongs to no formula;
    # so windows of all channels are compared, and their values.
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).standard_normal((2, 3, 2, 3))
    for size in (5, 6):
        ours = retrograd.nn.CrossMapLRN2d(size, 0.3, 0.5, 2.0)(retrograd.from_numpy(x))
        theirs = torch.nn.CrossMapLRN2d(size, 0.3, 0.5, 2.0)
        assert repr(theirs) == repr(retrograd.nn.CrossMapLRN2d(size, 0.3, 0.5, 2.0))
        np.testing.assert_allclose(ours.numpy(), theirs(torch.from_numpy(x)).numpy(), rtol=1e-12)
