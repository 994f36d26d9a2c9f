"""What differs between versions of Python: instructions that do two things, new ones, events."""

from __future__ import annotations

import argparse
import ast
import asyncio.events
import dataclasses
import decimal
import difflib
import dis
import functools
import inspect
import itertools
import operator
import os
import random
import re
import struct
import subprocess
import sys
import types
import typing

import pytest

import retrograd as rg
from retrograd.compiler import CompiledFunction
from retrograd.compiler.bytecode import instructions_of, is_in_place, listed, parts_of
from retrograd.compiler.positions import Code
from retrograd.compiler.states import is_c_of

from .running import plain
from .test_rolling import STARTS, agree, loops, numbers


def test_instructions_that_do_two_things_are_two():
    def pairs(a, b):
        a, b = b, a
        c = a
        return a, b, c

    found = instructions_of(pairs.__code__)
    names = [one.opname for one in found]
    assert not any(name.count("_FAST") > 1 for name in names)
    assert [one.argval for one in found if one.opname.startswith("STORE_FAST")][-1] == "c"
    known = Code(pairs.__code__)
    (end,) = (place for place, name in enumerate(names) if name == "RETURN_VALUE")
    assert len(known.stacks[end]) == 1
    assert known.counts("c", int)


@pytest.mark.parametrize("module", [argparse, ast, asyncio.events, dataclasses, difflib, typing])
def test_instructions_are_those_that_python_lists(module):
    """For every function of some large modules, and every code in it."""
    other = {"COMPARE_OP", "FORMAT_VALUE", "CONVERT_VALUE", "KW_NAMES"}  # whose values nobody asks
    codes = [compile(inspect.getsource(module), module.__name__, "exec")]
    seen = 0
    for code in codes:
        codes += [one for one in code.co_consts if isinstance(one, types.CodeType)]
        wanted = [one for joined in dis.get_instructions(code) for one in parts_of(joined)]
        found = listed(code)
        assert [one.offset for one in found] == [one.offset for one in wanted]
        for one, same in zip(found, wanted):
            assert (one.opname, one.opcode, one.arg) == (same.opname, same.opcode, same.arg)
            assert one.opname in other or one.argval == same.argval, (code, same)
            pushes = one.opname == "LOAD_GLOBAL" and same.argrepr.startswith("NULL +")
            assert ("NULL" in one.argrepr) == (pushes or same.argrepr.endswith("+ NULL"))
            assert is_in_place(one) == is_in_place(same)
            seen += 1
    assert seen > 1000


def test_two_computed_values_are_compared():
    def shrink(x, y):
        while x * 2 > y - 1:
            x = x * 0.5
        return x

    inputs = [lambda v=v: (rg.tensor(v), rg.tensor(1.5)) for v in (0.1, 3.0, 50.0, 1e6, 9.0)]
    assert loops(agree(shrink, inputs, settled=1, most=5))


def test_two_tensors_are_compared_in_a_closure():
    bound = rg.tensor(0.5)

    def shrink(x):
        while x > bound:
            x = x * 0.5
        return x

    assert loops(agree(shrink, numbers(0.1, 3.0, 50.0, 1e6), settled=1, most=5))


def test_what_a_list_compares_is_not_rolled():
    """Two looks at the same comparison, whose place in the lists is hidden."""

    def count(x):
        turns = 0
        while [x * 1, x * 2, x * 4] < [x * 1, x * 2, x * 3 + 2] and turns < 50:
            x = x + 1
            turns += 1
        return x, turns

    compiled = agree(count, numbers(0.1, -3.0, 5.0, 0.5))
    assert not any(loop.target.kind == "item" for loop in loops(compiled))


def test_a_comprehension_in_a_loop():
    def shrink(x):
        while sum([part * 0.5 for part in (x, x)]).sum() > 1:
            x = sum([half * 0.5 for half in (x,)])
        return x

    agree(shrink, numbers(*STARTS), settled=2)


def test_in_place_on_parts():
    def parts(x, k):
        y = x * 1
        y[1:] += 1
        y[:2] *= 2
        y[k] -= 3
        y[-1] += k
        return y

    compiled = CompiledFunction(parts)
    for turn in range(3):
        assert plain(compiled(rg.ones(4) * turn, 1)) == plain(parts(rg.ones(4) * turn, 1))
    assert not any(segment.eager for segment in compiled.segments())


def test_stores_in_code_with_many_names():
    """An instruction with a large argument has an `EXTENDED_ARG` before it."""
    lines = ["def function(x):", "    if x is None:"]
    lines += [f"        x.name{number}" for number in range(300)]
    lines += ["    box.last_of_all = 1", "    return x * 2"]
    space = {"box": types.SimpleNamespace(last_of_all=0)}
    exec("\n".join(lines), space)
    compiled = CompiledFunction(space["function"])
    for _ in range(2):
        space["box"].last_of_all = 0
        with pytest.warns(UserWarning) if not compiled.warned else pytest.MonkeyPatch.context():
            assert compiled(rg.ones(1)).item() == 2
        assert space["box"].last_of_all == 1


FIRST = """
import warnings
import retrograd as rg
kept = {"scale": 1.0}
@rg.compile
def function(x):
    kept["scale"] = kept["scale"] + 1
    return x * kept["scale"]
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    print([function(rg.ones(1)).item() for _ in range(3)])
print(str(told[0].message).partition(" at ")[0])
"""


def test_the_first_store_of_a_process_is_seen():
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    found = subprocess.run(
        [sys.executable, "-c", FIRST], env=environment, capture_output=True, text=True, timeout=120
    )
    assert found.stderr == ""
    numbers, told = found.stdout.splitlines()
    assert numbers == "[2.0, 3.0, 4.0]"
    assert told.endswith("it is assigned to on a dict from outside the function")


def test_objects_of_c_hide_something():
    """Since Python 3.12 their classes have the flag of those that Python made."""

    class Plain:
        __slots__ = ("a",)
        __hash__ = object.__hash__

    @dataclasses.dataclass
    class Held:
        a: int = 0

    made_in_c = (
        itertools.count(), itertools.cycle([]), functools.partial(len), re.compile("a"),
        struct.Struct("i"), random.Random(), operator.itemgetter(0), decimal.Decimal(1),
    )  # fmt: skip
    for thing in made_in_c:
        kinds = type(thing).__mro__[:-1]
        assert any(is_c_of(one, kind) for kind in kinds for one in vars(kind).values())
    for kind in (Plain, Held, type("Made", (), {"f": len, "g": [].append})):
        assert not any(is_c_of(one, kind) for one in vars(kind).values())
