"""Weak references and attributes of the user's own, on tensors and nodes, in both builds.

A compiled class whose deallocator leaves them standing corrupts memory: the reference
unlinks itself, later, from whatever object has the old one's place.
"""

from __future__ import annotations

import weakref

import pytest

import retrograd as torch


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.ones(3),
        lambda: torch.nn.Parameter(torch.ones(3)),
        lambda: torch.ones(3, requires_grad=True) * 2,
        lambda: (torch.ones(3, requires_grad=True) * 2).grad_fn,
    ],
)
def test_a_dead_object_is_gone(make):
    value = make()
    reference = weakref.ref(value)
    assert reference() is value
    del value
    assert reference() is None


def test_references_to_many_short_lived_tensors():
    kept = weakref.WeakValueDictionary()
    references = []
    for number in range(5000):
        tensor = torch.ones(2)
        kept[number % 50] = tensor
        references.append(weakref.ref(tensor))
    assert len(kept) == 1
    assert sum(reference() is not None for reference in references) == 1


def test_leaves_that_die_before_their_graph():
    class Product(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            ctx.save_for_backward(a, b)
            return a * b

        @staticmethod
        def backward(ctx, gradient):
            a, b = ctx.saved_tensors
            return gradient * b, gradient * a

    for _ in range(50):
        a = torch.ones(3, requires_grad=True)
        product = Product.apply(a, torch.full((3,), 2.0))
        a = torch.zeros(3, requires_grad=True)
        product.backward(torch.ones(3))
        assert a.grad is None


def test_attributes_of_the_users_own():
    tensor = torch.ones(3)
    assert vars(tensor) == {} or "note" not in vars(tensor)
    tensor.note = "mine"
    assert tensor.note == "mine"
    assert tensor.__dict__["note"] == "mine"
    node = (torch.ones(2, requires_grad=True) * 2).grad_fn
    node.metadata["name"] = "double"
    assert node.metadata == {"name": "double"}
