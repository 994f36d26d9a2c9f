"""Positions: where frames stand, as far as their bytecode tells.

Note [What cannot be seen].  Python's state in a frame is its variables, which can be read, and its
value stack, which cannot.  What the stack holds follows from the code: each entry was pushed by one
instruction.  Between two visits of a place nothing is hidden there if the stack holds only what the
instruction itself takes, the iterators of `for` loops that have not moved, and the exits of `with`
blocks that are the same.  Where the code does not tell, the answer is "unclear", and nothing is
built on it.
"""

from __future__ import annotations

import dis
import inspect
import types
from typing import Any

from .._core.any_module import AnyModule
from .._core.value import Value
from .bytecode import LOADS, instructions_of, once, read_value, unknown
from .readings import TYPE_ASKERS, Reading

UNCLEAR = -1  # an entry of the stack that more than one instruction may have pushed
GENERATORS = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR

_WITH = ("BEFORE_WITH", "SETUP_WITH")
_ENDS = ("RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE", "JUMP_FORWARD",
         "JUMP_BACKWARD", "JUMP_ABSOLUTE", "JUMP_BACKWARD_NO_INTERRUPT")  # fmt: skip
# Instructions that push nothing, by the beginning of their names.
_TAKERS = ("POP_", "STORE_", "RETURN_", "RAISE_", "RERAISE", "DELETE_", "JUMP", "LIST_APPEND",
           "LIST_EXTEND", "SET_ADD", "SET_UPDATE", "MAP_ADD", "DICT_UPDATE", "DICT_MERGE", "NOP",
           "RESUME", "PRECALL", "KW_NAMES", "COPY_FREE_VARS", "MAKE_CELL", "EXTENDED_ARG",
           "END_FOR", "CACHE", "SETUP_FINALLY", "NOT_TAKEN")  # fmt: skip
# Instructions that push what they load.
_LOADERS = ("LOAD_FAST", "LOAD_CONST", "LOAD_GLOBAL", "LOAD_NAME", "LOAD_DEREF", "LOAD_CLOSURE",
            "LOAD_SMALL_INT", "LOAD_ASSERTION_ERROR", "LOAD_BUILD_CLASS", "PUSH_NULL",
            "LOAD_CLASSDEREF", "LOAD_COMMON_CONSTANT")  # fmt: skip
# Instructions that take some values and push one.
_MAKERS = ("BINARY_", "UNARY_", "COMPARE_OP", "IS_OP", "CONTAINS_OP", "BUILD_", "FORMAT_", "CALL",
           "GET_ITER", "MAKE_FUNCTION", "IMPORT_", "TO_BOOL", "CONVERT_VALUE", "LIST_TO_TUPLE",
           "INPLACE_", "SET_FUNCTION_ATTRIBUTE", "GET_LEN", "GET_YIELD_FROM_ITER")  # fmt: skip
_PULLERS = ("LOAD_ATTR", "LOAD_METHOD", "UNPACK_", *_WITH)  # one taken, some pushed
_JUMPS = ("POP_JUMP", "JUMP_IF_", "UNARY_NOT", "TO_BOOL")
# Methods of tensors by which Python sees a value, and types that it is converted to.
_SEEING = {"item", "tolist", "__bool__", "__float__", "__int__", "__index__", "is_nonzero"}
_SEEN_AS = (bool, float, int)
_PLAIN = (bool, int, float, complex, str, bytes, Value, Reading, type(None))


class Code:
    """What the instructions of a code object say about its value stack.

    Attributes
    ----------
    instructions : list
    stacks : list of tuple or None
        For each instruction, the places of those that pushed what is on the stack when it begins.
    ticking : dict
        Offset of an instruction that moves an iterator or enters a `with` block around a loop ->
        the place of what pushed it: to be told when it runs.
    """

    def __init__(self, code: Any) -> None:
        self.code = code  # kept, so that its id stays taken
        self.instructions = instructions_of(code)
        self.offsets = [one.offset for one in self.instructions]
        self.at: dict[int, int] = {}
        for place, offset in enumerate(self.offsets):
            self.at.setdefault(offset, place)
        self.stacks: list[tuple[int, ...] | None] = [None] * len(self.instructions)
        self.simulate()
        self.ticking = self.movers() if self.has_inner_loops() else {}
        self.names = code.co_names
        self.lent = {*code.co_cellvars, *code.co_freevars}
        self.countable: dict[Any, bool] = {}

    def simulate(self) -> None:
        bad: set[int] = set()
        waiting: list[tuple[int, tuple[int, ...]]] = [(0, ())]
        reached: set[int] = set()
        while waiting:
            place, stack = waiting.pop()
            if place >= len(self.instructions) or place in bad:
                continue
            known = self.stacks[place]
            if place in reached:
                if known is None or len(known) != len(stack):
                    self.stacks[place] = None
                    bad.add(place)
                    continue
                merged = tuple(a if a == b else UNCLEAR for a, b in zip(known, stack))
                if merged == known:
                    continue
                stack = merged
            reached.add(place)
            self.stacks[place] = stack
            one = self.instructions[place]
            jumps = one.opcode in dis.hasjrel or one.opcode in dis.hasjabs
            if jumps and not one.opname.startswith("SETUP_"):
                waiting.append((self.at[one.argval], after(one, place, stack, True)))
            if one.opname not in _ENDS:
                waiting.append((place + 1, after(one, place, stack, False)))

    def has_inner_loops(self) -> bool:
        """Say whether a loop runs while something else is on the stack."""
        for one in self.instructions:
            if "JUMP" in one.opname and isinstance(one.argval, int) and one.argval <= one.offset:
                head = self.at.get(one.argval)
                stack = None if head is None else self.stacks[head]
                own = head is not None and self.instructions[head].opname == "FOR_ITER"
                if stack is not None and len(stack) > own:
                    return True
        return False

    def movers(self) -> dict[int, int]:
        found = {}
        for place, one in enumerate(self.instructions):
            stack = self.stacks[place]
            if one.opname == "FOR_ITER" and stack:
                found[one.offset] = stack[-1]
            elif one.opname in _WITH:
                found[one.offset] = place
        return found

    def place(self, offset: int) -> int:
        """Return the place of the instruction that runs when `f_lasti` is `offset`."""
        from bisect import bisect_right

        place = bisect_right(self.offsets, offset) - 1
        while self.instructions[place].opname in ("PRECALL", "EXTENDED_ARG"):
            place += 1
        return place

    def hidden(self, place: int) -> tuple[int, ...] | None:
        """Return what pushed the entries that stay on the stack during an instruction.

        None where it is unclear, or where they are something else than iterators and exits.
        """
        stack = self.stacks[place]
        one = self.instructions[place]
        if stack is None:
            return None
        effect = dis.stack_effect(one.opcode, one.arg, jump=False)
        if one.opname.startswith(_TAKERS):
            taken = max(-effect, one.opname.startswith("JUMP_IF_"))
        elif one.opname.startswith(_MAKERS):
            taken = 1 - effect
        else:
            return None
        rest = stack[: len(stack) - taken]
        for entry in rest:
            if entry == UNCLEAR or self.instructions[entry].opname not in ("GET_ITER", *_WITH):
                return None
        return rest

    def called(self, place: int) -> int | None:
        """Return the place of what loaded the function that an instruction calls."""
        one = self.instructions[place]
        name, count = one.opname, one.arg or 0
        while place and self.instructions[place - 1].opname in ("PRECALL", "EXTENDED_ARG"):
            place -= 1  # PRECALL is said to take the arguments
        stack = self.stacks[place]
        if stack is None:
            return None
        if name == "CALL_FUNCTION_EX":
            pair = stack[-3 - (count & 1) :][:2]
            if len(pair) < 2 or self.instructions[pair[0]].opname != "PUSH_NULL":
                pair = stack[-2 - (count & 1) :][:1]  # before Python 3.11
        elif name == "CALL_FUNCTION":
            pair = stack[-1 - count :][:1]
        elif name == "CALL_FUNCTION_KW":
            pair = stack[-2 - count :][:1]
        elif name in ("CALL", "CALL_METHOD"):
            pair = stack[-2 - count :][:2]
        elif name == "CALL_KW":
            pair = stack[-3 - count :][:2]
        else:
            return None
        if len(set(pair)) == 2:
            pair = tuple(entry for entry in pair if not self.is_null(entry))
        if len(set(pair)) != 1 or pair[0] == UNCLEAR:
            return None
        return pair[0]

    def counts(self, name: str, kind: type) -> bool:
        """Say whether code only computes with a variable, compares it and returns it.

        Then it may be given a `Reading`, and goes on as with the number.
        """
        found = self.countable.get((name, kind))
        if found is None:
            found = self.countable[name, kind] = self.only_counts(name, kind)
        return found

    def only_counts(self, name: str, kind: type) -> bool:
        if name in self.lent or not TYPE_ASKERS.isdisjoint(self.names):
            return False
        for place, one in enumerate(self.instructions):
            if one.argval != name or self.stacks[place] is None or one.opname == "STORE_FAST":
                continue
            if one.opname not in LOADS or not self.is_counted(place, kind):
                return False
        return True

    def is_counted(self, place: int, kind: type, depth: int = 8) -> bool:
        """Say whether what an instruction pushed is computed with, compared or returned."""
        for number, stack in enumerate(self.stacks):
            if stack is None or place not in stack:
                continue
            one = self.instructions[number]
            effect = dis.stack_effect(one.opcode, one.arg, jump=False)
            taken = -effect if one.opname.startswith(_TAKERS) else 1 - effect
            if place not in stack[len(stack) - taken :]:
                continue
            if one.opname in ("COMPARE_OP", "STORE_FAST", "RETURN_VALUE"):
                continue
            if one.opname == "BUILD_TUPLE":
                after = self.instructions[number + 1 : number + 2]
                if after and after[0].opname == "RETURN_VALUE":
                    continue
                return False
            if not is_arithmetic(one) or depth == 0:
                return False
            if kind is float:
                continue
            others = [entry for entry in stack[len(stack) - taken :] if entry != place]
            if UNCLEAR in others or any(
                self.instructions[entry].opname not in ("LOAD_CONST", "LOAD_SMALL_INT")
                for entry in others
            ):
                return False
            if not self.is_counted(number, kind, depth - 1):
                return False
        return True

    def is_null(self, entry: int) -> bool:
        """Say whether what was pushed before a function is only the mark that it has no `self`."""
        one = self.instructions[entry] if entry != UNCLEAR else None
        return one is not None and (
            one.opname == "PUSH_NULL" or (one.opname == "LOAD_GLOBAL" and "NULL" in one.argrepr)
        )


def is_arithmetic(one: Any) -> bool:
    """Say whether an instruction computes with two values."""
    if one.opname == "BINARY_OP":
        return "[" not in one.argrepr
    return one.opname.startswith(("BINARY_", "INPLACE_")) and not one.opname.endswith(
        ("_SUBSCR", "_SLICE")
    )


def after(one: Any, place: int, stack: tuple[int, ...], jumps: bool) -> tuple[int, ...]:
    """Return the stack after an instruction."""
    name, count = one.opname, one.arg or 0
    if name == "SWAP" and len(stack) >= count:
        changed = list(stack)
        changed[-1], changed[-count] = changed[-count], changed[-1]
        return tuple(changed)
    if name == "COPY" and len(stack) >= count:
        return (*stack, stack[-count])
    if name == "DUP_TOP":
        return (*stack, *stack[-1:])
    if name == "DUP_TOP_TWO":
        return (*stack, *stack[-2:])
    if name in ("ROT_TWO", "ROT_THREE", "ROT_FOUR", "ROT_N"):
        size = {"ROT_TWO": 2, "ROT_THREE": 3, "ROT_FOUR": 4}.get(name, count)
        return (*stack[:-size], stack[-1], *stack[-size:-1])
    try:
        effect = dis.stack_effect(one.opcode, one.arg, jump=jumps)
    except ValueError:
        return (UNCLEAR,) * (len(stack) + 1)
    if name == "FOR_ITER":
        return (*stack, place) if effect > 0 else stack[: len(stack) + effect]
    if name.startswith("LOAD_SUPER"):
        taken = 3
    elif name.startswith(_TAKERS):
        if effect <= 0:
            return stack[: len(stack) + effect]
        taken = len(stack)
    elif name.startswith(_LOADERS):
        taken = 0
    elif name.startswith(_PULLERS):
        taken = 1
    elif name.startswith(_MAKERS):
        taken = 1 - effect
    else:
        return (UNCLEAR,) * max(len(stack) + effect, 0)
    return (*stack[: len(stack) - taken], *[place] * (taken + effect))


codes: dict[int, tuple[Any, Code]] = {}  # by id: a code object's hash is not kept


def code_of(code: Any) -> Code:
    """Return what the instructions of a code object say; kept, since it takes a millisecond."""
    found: Code = once(codes, code, Code)
    return found


def calls(frame: Any, place: int, callee: Any) -> bool:
    """Say whether a frame's instruction calls the function of another frame, with nothing between.

    What C code between the two holds is hidden: the list that `map` makes, the best of `max`.
    """
    known = code_of(frame.f_code)
    loaded = known.called(place)
    if loaded is None:
        return False
    return leads_to(loaded_value(frame, known, loaded), callee.f_code)


def loaded_value(frame: Any, known: Code, place: int) -> Any:
    """Return what an instruction loaded, where loading it again is harmless."""
    one = known.instructions[place]
    if one.opname in ("LOAD_ATTR", "LOAD_METHOD"):
        owner = loaded_value(frame, known, before(known, place - 1))
        return unknown if owner is unknown else member(owner, one.argval)
    found = read_value(frame, known.instructions, place)
    if found is unknown and one.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
        built_in = frame.f_builtins
        found = built_in.get(one.argval, unknown)
    return found


def before(known: Code, place: int) -> int:
    while known.instructions[place].opname in ("CACHE", "EXTENDED_ARG", "NOP"):
        place -= 1
    return place


def member(owner: Any, name: str) -> Any:
    """Return an attribute as it is kept, without running code."""
    if isinstance(owner, types.ModuleType):
        return vars(owner).get(name, unknown)
    own = getattr(owner, "__dict__", {}) if type(owner).__getattribute__ in _LOOKUPS else {}
    if name in own:
        return own[name]
    if isinstance(owner, AnyModule):
        for table in (owner._modules, owner._parameters, owner._buffers):
            if name in table:
                return table[name]
    for kind in owner.__mro__ if isinstance(owner, type) else type(owner).__mro__:
        if name in vars(kind):
            return vars(kind)[name]
    return unknown


_LOOKUPS = {object.__getattribute__, types.FunctionType.__getattribute__}


def leads_to(value: Any, code: Any) -> bool:
    """Say whether calling a value runs a code object at once."""
    if isinstance(value, (staticmethod, classmethod, types.MethodType)):
        value = value.__func__
    if isinstance(value, types.FunctionType):
        return value.__code__ is code
    if value is unknown or isinstance(value, type):
        return False
    call = member(type(value), "__call__")
    return isinstance(call, types.FunctionType) and call.__code__ is code


def sees(frame: Any, place: int) -> bool:
    """Say whether an instruction itself looks at a tensor or a number, and no C code for it.

    A list that is compared with another looks at its elements in turn; where it stands is hidden.
    """
    known = code_of(frame.f_code)
    one = known.instructions[place]
    if one.opname.startswith(_JUMPS):
        return True
    stack = known.stacks[place]
    if one.opname == "COMPARE_OP" and stack is not None and len(stack) > 1:
        return any(is_single(frame, known, entry) for entry in stack[-2:])
    loaded = known.called(place)
    if loaded is None:
        return False
    name = known.instructions[loaded]
    if name.opname in ("LOAD_ATTR", "LOAD_METHOD"):
        return name.argval in _SEEING
    return any(loaded_value(frame, known, loaded) is kind for kind in _SEEN_AS)


def is_single(frame: Any, known: Code, entry: int) -> bool:
    """Say whether what an instruction pushed is a tensor or a number, not one of many."""
    if entry == UNCLEAR:
        return False
    one = known.instructions[entry]
    if one.opname in ("LOAD_CONST", "LOAD_SMALL_INT"):
        return type(one.argval) in _PLAIN
    if is_arithmetic(one) or one.opname.startswith("UNARY_"):
        stack = known.stacks[entry] or (UNCLEAR,)
        operands = stack[-2 if is_arithmetic(one) else -1 :]
        return all(is_single(frame, known, operand) for operand in operands)
    return issubclass(type(loaded_value(frame, known, entry)), _PLAIN)
