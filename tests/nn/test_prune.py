"""nn.utils.prune: masks, masks on masks, removal, complaints."""

import copy

import pytest

import retrograd as rg
from retrograd import nn
from retrograd.nn.utils import prune

from .parity import check_parity


def linear(nn):
    return nn.Linear(4, 3)


def shown(module, name="weight"):
    """Return what a pruned module holds."""
    hooks = [type(hook).__name__ for hook in module._forward_pre_hooks.values()]
    return list(module.state_dict()), getattr(module, name), getattr(module, name + "_mask"), hooks


def scores(t):
    return t.arange(12.0).reshape(3, 4)


def twice(nn, first, second):
    module = linear(nn)
    first(nn.utils.prune, module)
    second(nn.utils.prune, module)
    return shown(module)


def together(t, nn, method, **settings):
    first, second = linear(nn), nn.Linear(2, 2)
    places = [(first, "weight"), (second, "weight")]
    if settings.pop("again", False):
        nn.utils.prune.l1_unstructured(first, "weight", 3)
    nn.utils.prune.global_unstructured(places, getattr(nn.utils.prune, method), **settings)
    return first.weight, second.weight, list(second.state_dict())


def gradient(t, nn):
    module = nn.utils.prune.l1_unstructured(linear(nn), "weight", 0.5)
    module(t.ones(2, 4)).sum().backward()
    return module.weight_orig.grad


def custom(nn):
    """Return a method of one's own, and one of no known type."""
    base = nn.utils.prune.BasePruningMethod

    class EveryOther(base):
        PRUNING_TYPE = "unstructured"

        def compute_mask(self, t, default_mask):
            mask = default_mask.clone()
            mask.view(-1)[::2] = 0
            return mask

    class Unknown(base):
        PRUNING_TYPE = "foo"

        def compute_mask(self, t, default_mask):
            return default_mask

    return EveryOther, Unknown


def own_method(nn, which, times):
    module = linear(nn)
    for _ in range(times):
        custom(nn)[which].apply(module, "weight")
    return shown(module)


def prunes(name, *args, **settings):
    return lambda t, nn: shown(getattr(nn.utils.prune, name)(linear(nn), *args, **settings))


PROGRAMS = {
    "identity": prunes("identity", "weight"),
    "random share": prunes("random_unstructured", "weight", 0.3),
    "random number": prunes("random_unstructured", "weight", 5),
    "random bias": lambda t, nn: shown(
        nn.utils.prune.random_unstructured(linear(nn), "bias", 1), "bias"
    ),
    "l1 share": prunes("l1_unstructured", "weight", 0.3),
    "l1 number": prunes("l1_unstructured", "weight", 5),
    "l1 nothing": prunes("l1_unstructured", "weight", 0),
    "l1 all": prunes("l1_unstructured", "weight", 1.0),
    "l1 scores": lambda t, nn: shown(
        nn.utils.prune.l1_unstructured(linear(nn), "weight", 5, importance_scores=scores(t))
    ),
    "random columns": prunes("random_structured", "weight", 0.3, 1),
    "random rows": prunes("random_structured", "weight", 2, 0),
    "norm 2": prunes("ln_structured", "weight", 0.5, 2, 1),
    "norm inf": prunes("ln_structured", "weight", 1, float("inf"), -2),
    "norm fro": prunes("ln_structured", "weight", 1, "fro", 0),
    "norm scores": lambda t, nn: shown(
        nn.utils.prune.ln_structured(linear(nn), "weight", 1, 1, 0, importance_scores=scores(t))
    ),
    "mask": lambda t, nn: shown(
        nn.utils.prune.custom_from_mask(linear(nn), "weight", t.eye(3, 4))
    ),
    "twice": lambda t, nn: twice(
        nn,
        lambda p, m: p.l1_unstructured(m, "weight", 0.3),
        lambda p, m: p.l1_unstructured(m, "weight", 0.5),
    ),
    "three times": lambda t, nn: twice(
        nn,
        lambda p, m: p.l1_unstructured(p.random_unstructured(m, "weight", 0.3), "weight", 0.5),
        lambda p, m: p.l1_unstructured(m, "weight", 0.5),
    ),
    "rows on elements": lambda t, nn: twice(
        nn,
        lambda p, m: p.l1_unstructured(m, "weight", 0.3),
        lambda p, m: p.ln_structured(m, "weight", 1, 2, 0),
    ),
    "elements on rows": lambda t, nn: twice(
        nn,
        lambda p, m: p.ln_structured(m, "weight", 1, 2, 0),
        lambda p, m: p.l1_unstructured(m, "weight", 3),
    ),
    "columns on columns": lambda t, nn: twice(
        nn,
        lambda p, m: p.ln_structured(m, "weight", 1, 2, 1),
        lambda p, m: p.ln_structured(m, "weight", 1, 2, 1),
    ),
    "mask on mask": lambda t, nn: twice(
        nn,
        lambda p, m: p.l1_unstructured(m, "weight", 0.3),
        lambda p, m: p.custom_from_mask(m, "weight", m.weight.detach() > 0),
    ),
    "own method": lambda t, nn: own_method(nn, 0, 1),
    "own method twice": lambda t, nn: own_method(nn, 0, 2),
    "unknown type": lambda t, nn: own_method(nn, 1, 2),
    "abstract": lambda t, nn: nn.utils.prune.BasePruningMethod(),
    "together": lambda t, nn: together(t, nn, "L1Unstructured", amount=0.4),
    "together at random": lambda t, nn: together(t, nn, "RandomUnstructured", amount=5),
    "together again": lambda t, nn: together(t, nn, "L1Unstructured", amount=5, again=True),
    "together structured": lambda t, nn: together(t, nn, "LnStructured", amount=5, n=2),
    "together of nothing": lambda t, nn: nn.utils.prune.global_unstructured(3, None),
    "together scores": lambda t, nn: together(
        t, nn, "L1Unstructured", amount=3, importance_scores=3
    ),
    "removed": lambda t, nn: [
        (list(m.state_dict()), m.weight, nn.utils.prune.is_pruned(m))
        for p in [nn.utils.prune]
        for m in [p.remove(p.l1_unstructured(linear(nn), "weight", 0.3), "weight")]
    ],
    "removed from none": lambda t, nn: nn.utils.prune.remove(linear(nn), "weight"),
    "removed from another": lambda t, nn: nn.utils.prune.remove(
        nn.utils.prune.identity(linear(nn), "weight"), "bias"
    ),
    "is pruned": lambda t, nn: [
        nn.utils.prune.is_pruned(linear(nn)),
        nn.utils.prune.is_pruned(nn.Sequential(nn.utils.prune.identity(linear(nn), "bias"))),
    ],
    "gradient": gradient,
    "of a tensor": lambda t, nn: [
        nn.utils.prune.L1Unstructured(2).prune(t.arange(6.0)),
        nn.utils.prune.L1Unstructured(2).prune(
            t.arange(6.0), default_mask=t.tensor([1.0, 1, 1, 0, 0, 1])
        ),
        nn.utils.prune.Identity().prune(t.arange(3.0)),
    ],
    "container": lambda t, nn: nn.utils.prune.PruningContainer().add_pruning_method(3),
    "container without a name": lambda t, nn: nn.utils.prune.PruningContainer(
        nn.utils.prune.L1Unstructured(1)
    ),
    "amount below": prunes("l1_unstructured", "weight", -1),
    "amount above": prunes("l1_unstructured", "weight", 100),
    "share above": prunes("l1_unstructured", "weight", 1.5),
    "amount in words": prunes("l1_unstructured", "weight", "a"),
    "rows above": prunes("random_structured", "weight", 9, 0),
    "no such parameter": prunes("l1_unstructured", "foo", 1),
    "mask of another shape": lambda t, nn: nn.utils.prune.custom_from_mask(
        linear(nn), "weight", t.ones(2, 2)
    ),
    "scores of another shape": lambda t, nn: nn.utils.prune.l1_unstructured(
        linear(nn), "weight", 1, importance_scores=t.ones(2, 2)
    ),
    "rows of a vector": prunes("ln_structured", "bias", 1, 2, 0),
    "no such dimension": prunes("ln_structured", "weight", 1, 2, 5),
    "copied": lambda t, nn: copy.deepcopy(nn.utils.prune.identity(linear(nn), "weight")),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_prune_like_torch(name):
    pytest.importorskip("torch.nn.utils.prune")  # loaded only when asked for, there
    check_parity(PROGRAMS[name])


def test_a_pruned_net_learns_only_what_is_left():
    rg.manual_seed(0)
    layer = prune.l1_unstructured(nn.Linear(6, 4), "weight", 0.5)
    mask = layer.weight_mask.clone()
    optimizer = rg.optim.SGD(layer.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        layer(rg.randn(8, 6)).square().sum().backward()
        optimizer.step()
    layer(rg.randn(8, 6))
    assert rg.equal((layer.weight != 0).float(), mask)


def test_a_failed_pruning_changes_nothing():
    layer = nn.Linear(4, 3)
    before = layer.weight.detach().clone()
    with pytest.raises(ValueError, match="should be smaller than the number"):
        prune.l1_unstructured(layer, "weight", 100)
    assert list(dict(layer.named_parameters())) == ["bias", "weight"]
    assert rg.equal(layer.weight, before)
