"""Backwards through graphs of which a backward inside the call, or of another result, freed a part.

Eager's engine comes to the nodes one by one: leaves that wait for nothing behind the freed part
have their gradients when it is refused.
"""

from __future__ import annotations

import random

import pytest

import retrograd as rg
from retrograd.compiler import CompiledFunction, lower_next

MADE = [
    "{a} * 2", "{a}.exp()", "{a} * {b}", "{a} + {b}", "{a}.sin()", "{a} * x", "{a} - 1",
    "{a}.view(2, 1).view(2)", "{a}.clone()", "{a}.detach() * p",
]  # fmt: skip
BACK = [
    "{a}.sum().backward({keep})", "({a} * 2).sum().backward({keep})", "(p * 2).sum().backward()",
    "{a}.exp().sum().backward({keep})",
    "torch.autograd.grad({a}.sum(), {leaves}, allow_unused=True)",
]  # fmt: skip
KEEP = ["", "retain_graph=True", "retain_graph=True"]


def lines_of(seed):
    """Return the lines of a function with backwards in it, and what it returns."""
    draw = random.Random(seed)
    names = ["p", "q"]
    lines = []

    def backward():
        line = draw.choice(BACK).format(
            a=draw.choice(names[2:]), keep=draw.choice(KEEP), leaves=draw.choice(["[p]", "[p, q]"])
        )
        lines.extend(["try:", f"    {line}", "except RuntimeError: pass"])

    for number in range(draw.randint(2, 6)):
        made = draw.choice(MADE).format(a=draw.choice(names), b=draw.choice(names))
        lines.append(f"h{number} = {made}")
        names.append(f"h{number}")
        if draw.random() < 0.25:
            backward()
    for _ in range(draw.randint(1, 3)):
        backward()
    results = draw.sample(names[2:], draw.choice([1, 1, 2]))
    ends = ["", " * 3", ".sum()"]
    return [*lines, f"return [{', '.join(one + draw.choice(ends) for one in results)}]"]


def run(lines, seed, compiled):
    """Call a function, and go back through its results; return all that was seen."""
    p = rg.tensor([1.0, 0.5], requires_grad=True)
    q = rg.tensor([0.25, 2.0], requires_grad=True)
    space = {"torch": rg, "p": p, "q": q}
    exec("def step(x):\n    " + "\n    ".join(lines), space)
    step = CompiledFunction(space["step"]) if compiled else space["step"]
    draw = random.Random(seed)
    said = []

    def look():
        said.append([None if leaf.grad is None else leaf.grad.tolist() for leaf in (p, q)])

    for number in range(5):
        if compiled and number == 3:
            lower_next(step)
        results = step(rg.tensor([0.5 + number, 0.25]))
        look()
        if number == 2:
            p.grad = None
        for _ in range(3):
            try:
                draw.choice(results).sum().backward(retain_graph=draw.random() < 0.5)
            except RuntimeError as error:
                said.append(str(error))
            look()
            if draw.random() < 0.1:
                with rg.no_grad():
                    draw.choice([*results, p, q]).mul_(1.01)
    return said


@pytest.mark.parametrize("seed", range(60))
def test_random_graphs(seed):
    lines = lines_of(seed)
    assert run(lines, seed, True) == run(lines, seed, False), "\n".join(lines)


GRAPHS = {
    "both results freed inside": """
        h = (p.detach() * p)
        k = h.clone()
        k.sum().backward(retain_graph=True)
        k.exp().sum().backward()
        return [k, h]
    """,
    "the leaf before": """
        h = p.clone()
        k = q * x
        (k * 2).sum().backward(retain_graph=True)
        (p * 2).sum().backward()
        return [k, h.sin() + k.clone()]
    """,
    "the leaf behind": """
        k = q * x
        h = p.clone().sin()
        (k * 2).sum().backward(retain_graph=True)
        (p * 2).sum().backward()
        return [k, k.clone() + h]
    """,
    "one result": """
        h = p.exp()
        loss = (h * x * q).sin().sum()
        loss.backward(retain_graph=True)
        h.sum().backward()
        return [loss]
    """,
    "one result, the other order": """
        k = x * q
        h = p.exp()
        loss = (k * h).sin().sum()
        loss.backward(retain_graph=True)
        k.sin().sum().backward()
        return [loss]
    """,
}


@pytest.mark.parametrize("name", sorted(GRAPHS))
@pytest.mark.parametrize("seed", range(6))
def test_graphs_of_which_a_part_is_freed(name, seed):
    lines = [line.strip() for line in GRAPHS[name].strip().splitlines()]
    assert run(lines, seed, True) == run(lines, seed, False)
