"""Random programs with loops whose length depends on values, for test_rolling.py."""

from __future__ import annotations

import random
import warnings

import retrograd as rg
from retrograd.compiler import CompiledFunction

from .running import plain

UPDATES = [
    "{a} = {a} * 0.5", "{a} = {a} - 0.3 * {b}", "{a}, {b} = {b}, {a}", "{a} = {a} / 2 + {b} * 0.1",
    "{a} = rg.where({a} > 1, {a} * 0.6, {b})", "{a} = {a}.flip(0)", "{b} = {a}", "{a} = {b} * 1",
    "{a}.mul_(0.7)", "{a}[0] = {b}[1] * 0.5", "{a} = {b}[:]", "n = n * 0.5 + {a}.sum().item()",
    "{a} = {a} * 0.1 + n * 0.01", "{a} = helper({a}, {b})", "{a} = {a} * rg.rand(())",
    "pair = [{a}, {b}]", "{a} = pair[0] * 0.9", "pair = (pair[1], {a})",
    "k += 1", "k = k * 2 - 1", "f = f * 0.5", "f = f + 0.25", "{a} = {a} * f", "f = min(f, 3.0)",
    "m = k", "{a} = {a}.roll(k % 3)", "{a} = {a} * k", "f = f + n",
    "with rg.no_grad():\n{indent}    {a} = {a}.abs() * 0.8", "{a}.view(-1)[1:].sub_(0.1)",
]  # fmt: skip
TESTS = [
    "{a}.sum() > {c}", "{a}.max().item() > {c}", "({a} > {b}).any()", "n > {c}",
    "rg.equal({a}, {b})", "{a} is {b}", "k % 2 == 0", "k < 3", "f > {c}", "f * 2 < k",
    "not {a}[0] < {c}", "small({a})",
]  # fmt: skip
FRAME = """
def helper(a, b):
    if a.sum() > b.sum():
        return a * 0.5
    return b * 0.5
def small(a):
    return bool(a.abs().max() < 0.5)
def program(x):
    a, b, c = x * 1, x * 2, x.flip(0)
    n = x.sum().item()
    k, m, f = 0, 0, 0.5
    pair = [a, b]
"""


def random_program(seed):
    """Return the source of a function with random loops; each ends after at most 25 turns."""
    draw = random.Random(seed)
    lines = []

    def names():
        a, b = draw.sample(["a", "b", "c"], 2)
        return {"a": a, "b": b, "c": f"{draw.uniform(-1, 3):.2f}"}

    def block(indent, depth, count):
        space = "    " * indent
        for _ in range(count):
            kind = draw.random()
            if depth and kind < 0.25:
                lines.append(space + f"if {draw.choice(TESTS).format(**names())}:")
                block(indent + 1, depth - 1, draw.randint(1, 2))
                if draw.random() < 0.5:
                    lines.append(space + "else:")
                    block(indent + 1, depth - 1, draw.randint(1, 2))
            elif depth and kind < 0.45:
                loop(indent, depth - 1)
            else:
                lines.append(space + draw.choice(UPDATES).format(indent=space, **names()))

    def loop(indent, depth):
        space = "    " * indent
        turns = f"turns{len(lines)}"
        lines.append(space + f"{turns} = {draw.choice(['0', '0.0', 'rg.zeros(())'])}")
        test = draw.choice([t for t in TESTS if "is" not in t]).format(**names())
        lines.append(space + f"while {turns} < {draw.randint(3, 12)} and {test}:")
        block(indent + 1, depth, draw.randint(1, 4))
        if draw.random() < 0.3:
            lines.append(space + f"    if {draw.choice(TESTS).format(**names())}:")
            lines.append(space + "        " + draw.choice(["break", "return a * 1"]))
        lines.append(space + f"    {turns} = {turns} + 1")

    block(1, 1, draw.randint(0, 2))
    loop(1, 2)
    block(1, 1, draw.randint(0, 2))
    lines.append("    return a * 1, b * 1, c * 1, n, k, m, f, pair[0] * 1, pair[1] * 1")
    return FRAME + "\n".join(lines)


def outcome(function, args):
    try:
        return function(*args)
    except Exception as error:
        return type(error).__name__, str(error)


def compare_loops(seed):
    """Return how eager and compiled differ, the program, and the compiled function."""
    text = random_program(seed)
    space = {"rg": rg}
    exec(compile(text, f"<loops {seed}>", "exec"), space)
    program = space["program"]
    compiled = CompiledFunction(program)
    draw = random.Random(seed)
    values = [[draw.uniform(-2, 4) for _ in range(3)] for _ in range(4)]
    values += [[4.0, 4.0, 4.0], [0.1, -0.1, 0.0]]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for turn in range(3):
            for place, value in enumerate(values):
                found = []
                for function in (program, compiled):
                    rg.manual_seed(place)
                    found.append(plain([outcome(function, (rg.tensor(value),)), rg.rand(1)]))
                if found[0] != found[1]:
                    return f"turn {turn}, {value}: {found[0]} {found[1]}", text, compiled
            if turn == 0:
                rg.compiler.lower_next(compiled)
    return "", text, compiled
