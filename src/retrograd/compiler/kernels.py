"""Kernels: the source of one function per fused group, explicit loops for `numba.njit`.

A kernel is ``kernel(rows, columns, inputs..., outputs..., scratch...)`` and returns 0, or 1 where
the caller has to compute by NumPy: for arguments of sin or cos too far from 0.  Arrays come flat,
of the sizes that the group says.  An array that is written in place comes once, as an output.

Note [Bounds].  +, -, *, /, sqrt, comparisons, extrema and casts are NumPy's bit for bit; functions
are within 2 units in the last place (see `polynomials.py`).  A sum of n numbers is made in several
partial sums, and from blocks of 2048 in float64: its error is at most min(n, 2048) roundings of the
sum of the magnitudes, and mostly a few.

Note [Phases].  What needs a row's sum needs a second loop over the row.  A value that two
loops need is computed twice if that is cheap, and else kept in a row of scratch, or read back
from the output that it is.  A row of scratch is taken over by a later value as soon as nobody
reads the earlier one any more, so that all of a row's numbers stay in the first cache.

Note [Fetched ahead].  The processor foresees which memory a loop reads next, but only up to the end
of a page, and a loop over a row ends about there.  So where a kernel of large arrays goes over each
row more than once, its later loops ask for the next row's memory, each for a part of it.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from . import polynomials
from .fusible import (
    BOTTOM,
    COLUMN,
    COMPARING,
    FULL,
    HEAVY,
    LOGICAL,
    ROW,
    SCALAR,
    SCATTERED,
    TABLE,
    TOTAL,
    Node,
)
from .fusion import Group
from .trace import Ref

LONGEST_SINGLE = 2048  # numbers summed in their own dtype; sums of blocks are added in float64
LINE = 64  # bytes that are fetched at once
FETCHED = (1 << 10, 1 << 17)  # bytes of a row in all arrays, between which they are fetched ahead

KEYS = '''
@inlined
def key{width}(x):
    x = np.float{width}(np.nan) if x != x else x  # the largest key of all
    bits = np.float{width}(x).view(np.int{width})
    low = np.int{width}(bits >> np.int{width}({last})) & np.int{width}({mask})
    return np.int{width}(bits ^ low)


@inlined
def unkey{width}(k):
    low = np.int{width}(k >> np.int{width}({last})) & np.int{width}({mask})
    return np.int{width}(k ^ low).view(np.float{width})
'''

INDEX = '''
@inlined
def within(number, size):
    number = np.int64(number)
    number = number + size if number < 0 else number
    return number if 0 <= number < size else np.int64(0)  # another thread wrote into the index
'''

_BINARY = {
    "add": "{0} + {1}", "subtract": "{0} - {1}", "multiply": "{0} * {1}", "divide": "{0} / {1}",
    "less": "{0} < {1}", "less_equal": "{0} <= {1}", "greater": "{0} > {1}",
    "greater_equal": "{0} >= {1}", "equal": "{0} == {1}", "not_equal": "{0} != {1}",
    "logical_and": "{0} & {1}", "logical_or": "{0} | {1}", "bitwise_and": "{0} & {1}",
    "bitwise_or": "{0} | {1}",
    "maximum": "({0} if {0} >= {1} or {0} != {0} else {1})",
    "minimum": "({0} if {0} <= {1} or {0} != {0} else {1})",
}  # fmt: skip
_UNARY = {
    "negative": "-{0}", "positive": "+{0}", "absolute": "abs({0})", "square": "{0} * {0}",
    "conjugate": "{0}", "sqrt": "np.sqrt({0})", "floor": "np.floor({0})", "ceil": "np.ceil({0})",
    "logical_not": "not {0}", "invert": "not {0}", "isnan": "{0} != {0}",
    "reciprocal": "{1} / {0}",
    "isinf": "abs({0}) == {2}", "isfinite": "abs({0}) < {2}",
    "sign": "({1} if {0} > {3} else (-{1} if {0} < {3} else {0}))",
}  # fmt: skip


class Kernel:
    """The text of a group's kernel.

    Attributes
    ----------
    body : str
        The source of its function; the same group always has the same.
    inputs : list of int
        The places of the group's inputs that are parameters.
    scratch : list of int
        The slots of which a row is kept in scratch.
    functions, keys : set
        The helpers that it calls: polynomials by name and width, orders by width.

    Parameters
    ----------
    group : Group
    scalars : set of int
        The inputs that are numbers and no arrays.
    large : bool
        Whether its arrays are too large for the caches.
    """

    def __init__(self, group: Group, scalars: set[int], large: bool = False) -> None:
        self.group = group
        self.large = large
        self.scalars = scalars  # inputs that are numbers and no arrays
        self.inputs: list[int] = []
        self.lines: list[str] = []
        self.functions: set[tuple[str, int]] = set()
        self.keys: set[int] = set()
        self.has_index = False
        self.far = False
        self.local = {node.number: place for place, node in enumerate(group.nodes)}
        self.loops: dict[int, int] = {}  # the loop over a row in which a value is computed
        self.kept: dict[int, str] = {}  # full values that a later loop reads from memory
        self.scratch: list[int] = []
        self.fetched: dict[int, list[str]] = {}  # by loop: what asks for the next row's memory
        self.body = self._write()

    # -- names and types --------------------------------------------------------------------------

    def put(self, depth: int, text: str) -> None:
        self.lines.append("    " * depth + text)

    def name(self, number: int) -> str:
        return f"v{self.local[number]}"

    @staticmethod
    def typed(dtype: np.dtype, value: Any) -> str:
        if dtype.kind == "b":
            return repr(bool(value))
        if dtype.kind == "i":
            return f"np.int64({int(value)})"
        value = float(value)
        text = repr(value) if math.isfinite(value) else f"np.{value}".replace("-inf", "inf")
        return f"np.{dtype.name}({'-' if value == -math.inf else ''}{text})"

    def operand(self, arg: Any, dtype: np.dtype, names: dict[Any, str]) -> str:
        """Return an operand as an expression of a dtype."""
        if not isinstance(arg, Ref):
            return self.typed(dtype, arg)
        own = self.group.slot(arg.number).dtype
        text = names[arg.number]
        return text if own == dtype else f"np.{_plain(dtype)}({text})"

    def computed_in(self, node: Node) -> np.dtype:
        """Return the dtype in which NumPy computes a node."""
        if node.name not in COMPARING:
            return node.dtype
        given = [self.group.slot(x.number).dtype for x in node.args if isinstance(x, Ref)]
        given = [0.0 if one is float else one for one in given]  # Python's numbers are weak
        plain = [x for x in node.args if not isinstance(x, Ref)]
        return np.result_type(*given, *plain)

    def expression(self, node: Node, names: dict[Any, str]) -> str:
        dtype = self.computed_in(node)
        name = node.name
        if name == "fill":
            return self.typed(dtype, node.args[0])
        if name == "where":
            test = self.operand(node.args[0], np.dtype(bool), names)
            yes, no = (self.operand(one, dtype, names) for one in node.args[1:])
            return f"{yes} if {test} else {no}"
        if name == "below":
            yes, no = (self.operand(one, dtype, names) for one in node.args)
            return f"{yes} if np.int32(column) <= np.int32(t{self.local[node.number]}) else {no}"
        if name == "look":
            place = list(self.group.inputs).index((node.args[0].number, TABLE))
            return f"{self.arrays[place]}[{self._looked(node, names)}]"
        if name == "placed":
            test = f"np.int32(column) == np.int32(t{self.local[node.number]})"
            value = self.operand(node.args[0], dtype, names)
            return f"{value} if {test} else {self.typed(dtype, 0)}"
        args = [self.operand(one, dtype, names) for one in node.args]
        if name in ("same", "cast"):
            return args[0]
        if name in LOGICAL:
            args = [self.operand(one, np.dtype(bool), names) for one in node.args]
        if name in _BINARY:
            return _BINARY[name].format(*args)
        if name in _UNARY:
            if dtype.kind == "f":
                args += [self.typed(dtype, one) for one in (1.0, math.inf, 0.0)]
            else:
                args += ["np.int64(1)", "", "np.int64(0)"]
            return _UNARY[name].format(*args)
        width = polynomials.width_of(dtype)
        if name == "exp" and self._not_above_zero(node.args[0]):
            name = "decay"
        self.functions.add((name, width))
        if name in ("sin", "cos"):
            self.far = True
        return f"{name}{width}({', '.join(args)})"

    def _origin(self, arg: Any) -> int | None:
        """Return the slot of an operand's numbers, seen through views and copies."""
        number = arg.number if isinstance(arg, Ref) else None
        while number in self.group.made and self.group.made[number].name == "same":
            given = self.group.made[number].args[0]
            if not isinstance(given, Ref):
                break
            number = given.number
        return number

    def _not_above_zero(self, arg: Any) -> bool:
        """Say whether an operand is known to be 0, less, or nan: x minus its maximum is."""
        made = self.group.made
        node = made.get(self._origin(arg))
        if node is not None and node.name == "negative":
            inner = made.get(self._origin(node.args[0]))
            return inner is not None and inner.name in ("absolute", "square")
        if node is None or node.name != "subtract":
            return False
        most = made.get(self._origin(node.args[1]))
        given = self._origin(node.args[0])
        return (
            most is not None and most.name == "max" and given is not None
            and self._origin(most.args[0]) == given
        )  # fmt: skip

    # -- which loop -------------------------------------------------------------------------------

    def _place(self) -> None:
        """Find the loop in which each value is computed: 0, or after the sums that it needs."""
        group = self.group
        for node in group.nodes:
            first = 0
            for arg in node.args:
                made = group.made.get(arg.number) if isinstance(arg, Ref) else None
                if made is not None:
                    first = max(first, self._ready(made))
            self.loops[node.number] = first
        self.last = max(self.loops.values(), default=0)

    def _ready(self, node: Node) -> int:
        """Return the first loop that can read a value."""
        place = self.loops[node.number]
        reduces = bool(node.axes) and node.kind in (ROW, TOTAL)
        return place + 1 if reduces else place

    def _cost(self, number: int) -> int:
        """Return what computing a value again would cost, roughly in multiplications."""
        node = self.group.made.get(number)
        if node is None or node.kind not in (FULL, COLUMN) or number in self.kept:
            return 1
        own = 20 if node.name in HEAVY else 5 if node.name in ("divide", "sqrt") else 1
        return own + sum(self._cost(x.number) for x in node.args if isinstance(x, Ref))

    def _keep(self) -> None:
        """Find the values that a later loop reads back, and those of them that need scratch."""
        group = self.group
        for node in group.nodes:
            if node.kind not in (FULL, COLUMN):
                continue
            later = any(
                self.loops[other.number] > self.loops[node.number]
                and any(isinstance(x, Ref) and x.number == node.number for x in other.args)
                for other in group.nodes
                if other.kind in (FULL, COLUMN, SCATTERED) or other.axes
            ) or (node.target is not None and self.loops[node.number] < self.last)
            if not later:
                continue
            if node.number in group.outputs and node.kind == FULL and node.target is None:
                self.kept[node.number] = f"o{group.outputs.index(node.number)}[full]"
            elif self._cost(node.number) > 6:
                self.kept[node.number] = ""
        last = self._last_reads()
        rows: list[tuple[np.dtype, int]] = []  # of scratch: the dtype, the last loop that reads it
        for node in sorted(group.nodes, key=lambda one: self.loops[one.number]):
            if self.kept.get(node.number) != "":
                continue
            free = [place for place, (dtype, end) in enumerate(rows)
                    if dtype == node.dtype and end <= self.loops[node.number]]  # fmt: skip
            place = free[0] if free else len(rows)
            if not free:
                rows.append((node.dtype, 0))
                self.scratch.append(node.number)
            rows[place] = (node.dtype, last[node.number])
            self.kept[node.number] = f"kept{place}[column]"

    def _last_reads(self) -> dict[int, int]:
        """Return the last loop in which each value that is kept is read, or is made."""
        found = {number: self.loops[number] for number in self.kept}
        seen: set[tuple[int, int]] = set()

        def note(arg: Any, loop: int) -> None:
            node = self.group.made.get(arg.number) if isinstance(arg, Ref) else None
            if node is None or node.kind not in (FULL, COLUMN) or (node.number, loop) in seen:
                return
            seen.add((node.number, loop))
            if node.number in self.kept and self.loops[node.number] < loop:
                found[node.number] = max(found[node.number], loop)
                return
            for one in node.args:
                note(one, loop)

        for node in self.group.nodes:
            for arg in node.args:
                note(arg, self.loops[node.number])
            if node.target is not None:
                note(Ref(node.number), self.last)
        return found

    # -- the text ---------------------------------------------------------------------------------

    def _write(self) -> str:
        group = self.group
        self._place()
        self._keep()
        inputs = list(group.inputs)
        targets = {group.made[n].target: p for p, n in enumerate(group.outputs)}
        self.arrays = [f"o{targets[n]}" if n in targets else f"a{p}"
                       for p, (n, _) in enumerate(inputs)]  # fmt: skip
        self.inputs = [p for p, (n, _) in enumerate(inputs) if n not in targets]
        names = [self.arrays[place] for place in self.inputs]
        outs = [f"o{place}" for place in range(len(group.outputs))]
        kept = [f"kept{place}" for place in range(len(self.scratch))]
        self.put(0, f"def kernel(rows, columns, {', '.join([*names, *outs, *kept])}):")
        outer: dict[int, str] = {}
        for name, (number, kind) in zip(self.arrays, inputs):
            if number in self.scalars:
                outer[number] = name
            elif kind == SCALAR:
                self.put(1, f"{name}_value = {name}[0]")
                outer[number] = f"{name}_value"
        for place, number in enumerate(group.outputs):
            node = group.made[number]
            if node.kind == BOTTOM:
                self.put(1, "for j in range(columns):")
                self.put(2, f"{outs[place]}[j] = {self.typed(node.dtype, 0)}")
            elif node.kind == SCATTERED:
                self._begin(node, outs[place])
        for node in group.nodes:
            if node.kind == SCALAR:
                text = self.expression(node, {**outer, **self._made(SCALAR)})
                self.put(1, f"{self.name(node.number)} = {text}")
        for node in group.nodes:
            if node.kind == TOTAL and node.axes and group.splits is not None:
                self.put(1, f"{self.name(node.number)}_all = {self._start(node, wide=True)}")
        self.outer = outer
        mark = len(self.lines)
        self.put(1, "for i in range(rows):")
        self.put(2, "at = i * columns")
        self._rows()
        if self.far:
            self.lines.insert(mark, "    far = np.int64(0)")
        self._after()
        for place, number in enumerate(group.outputs):
            if group.made[number].kind == SCALAR:
                self.put(1, f"o{place}[0] = {self.name(number)}")
        self.put(1, "return far" if self.far else "return np.int64(0)")
        return "\n".join(self.lines) + "\n"

    def _made(self, *kinds: str) -> dict[int, str]:
        return {n.number: self.name(n.number) for n in self.group.nodes if n.kind in kinds}

    def _wide(self, node: Node) -> np.dtype:
        """Return the dtype of a sum's running total."""
        long = self.long or (node.kind == TOTAL and self.group.size > LONGEST_SINGLE)
        return np.dtype(np.float64) if long and node.dtype.kind == "f" else node.dtype

    @property
    def long(self) -> bool:
        """Whether a row is summed in blocks."""
        return self.group.columns > LONGEST_SINGLE

    def _start(self, node: Node, wide: bool = False) -> str:
        if node.name == "sum":
            return self.typed(self._wide(node), 0)
        width = polynomials.width_of(node.dtype)
        self.keys.add(width)
        ends = np.iinfo(f"int{width}")
        return f"np.int{width}({ends.min if node.name == 'max' else ends.max})"

    def _rows(self) -> None:
        """Write what is done for a row: loops over it, and what is computed between them."""
        group = self.group
        row_inputs = {}
        for place, (number, kind) in enumerate(group.inputs):
            if kind == ROW:
                self.put(2, f"r{place} = {self.arrays[place]}[i]")
                row_inputs[number] = f"r{place}"
        for node in group.nodes:
            if node.index is not None and self._by_rows(node):
                self.put(2, self._row_number(node, {**self.outer, **row_inputs}))
            elif node.name == "below":
                self.put(2, f"t{self.local[node.number]} = i % np.int64({node.length})")
        self._fetch()
        rows = {**self.outer, **row_inputs, **self._made(SCALAR, ROW, TOTAL)}
        for loop in range(self.last + 1):
            for node in group.nodes:  # what needs the sums of earlier loops
                between = node.kind == ROW or (node.kind == TOTAL and group.splits is None)
                if not between or self.loops[node.number] != loop or node.axes:
                    continue
                if node.name == "pick":
                    self._pick(node, loop, rows)
                else:
                    self.put(2, f"{self.name(node.number)} = {self.expression(node, rows)}")
            self._loop(loop, rows)
        for place, number in enumerate(group.outputs):
            node = group.made[number]
            if node.kind == ROW:
                self.put(2, f"o{place}[i] = {self.name(number)}")
            elif node.kind == TOTAL and group.splits is None:
                self.put(2, f"o{place}[0] = {self.name(number)}")

    def _contents(self, loop: int) -> tuple[list[Node], list[Node]]:
        """Return the sums that a loop makes, and the values that it stores.

        What was in an array from outside is read until the last loop, so that writes it.
        """
        group = self.group
        here = [node for node in group.nodes if self.loops[node.number] == loop]
        return [n for n in here if n.axes or n.kind == SCATTERED], [
            n for n in group.nodes
            if not n.axes and n.kind in (FULL, COLUMN) and (
                (n.target is not None and loop == self.last)
                or (n in here and (n.number in self.kept or
                                   (n.target is None and n.number in group.outputs)))
            )
        ]  # fmt: skip

    def _fetch(self) -> None:
        """Find what each loop asks for of the next row's memory."""
        group = self.group
        arrays = [(name, self.group.slot(number).dtype.itemsize)
                  for name, (number, kind) in zip(self.arrays, group.inputs)
                  if kind == FULL]  # fmt: skip
        arrays += [(f"o{place}", group.made[number].dtype.itemsize)
                   for place, number in enumerate(group.outputs)
                   if group.made[number].kind == FULL]  # fmt: skip
        arrays = list(dict.fromkeys(arrays))
        loops = [loop for loop in range(1, self.last + 1) if any(self._contents(loop))]
        least, most = FETCHED
        size = group.columns * sum(width for _, width in arrays)
        if not (self.large and loops and group.rows > 1 and least <= size <= most):
            return
        for place, loop in enumerate(loops):
            lines = self.fetched[loop] = []
            for name, width in arrays:
                step = LINE // width
                ends = [n * group.columns // len(loops) // step * step for n in (place, place + 1)]
                ends[1] = group.columns if loop == loops[-1] else ends[1]
                if ends[0] < ends[1]:
                    lines.append(f"for j in range({ends[0]}, {ends[1]}, {step}):")
                    lines.append(f"    fetch({name}, np.uint64(at + columns + j))")

    def _loop(self, loop: int, rows: dict[int, str]) -> None:
        group = self.group
        sums, stores = self._contents(loop)
        if not sums and not stores:
            return
        for line in self.fetched.get(loop, []):
            self.put(2, line)
        inside: dict[int, str] = {}
        text: list[str] = []
        done: dict[int, str] = dict(rows)

        def value(number: int) -> None:
            self._value(number, loop, done, inside, text)

        before: list[str] = []
        opening: list[str] = []  # before and after each block of a long row
        closing: list[str] = []
        after: list[str] = []

        def given(arg: Any, dtype: np.dtype) -> str:
            return self.operand(arg, dtype, {**done, **inside})

        writes: list[str] = []
        for node in stores:
            value(node.number)
            own = self.name(node.number)
            kept = self.kept.get(node.number, "")
            if self.loops[node.number] == loop and kept.startswith("kept"):
                writes.append(f"{kept} = {own}")  # what was there is read before
            if node.target is not None:
                if loop == self.last:
                    writes.append(f"o{group.outputs.index(node.number)}[full] = {own}")
            elif node.number in group.outputs and self.loops[node.number] == loop:
                where = "full" if node.kind == FULL else "column"
                text.append(f"o{group.outputs.index(node.number)}[{where}] = {own}")
        for node in sums:
            for arg in node.args:
                if isinstance(arg, Ref):
                    value(arg.number)
            own = self.name(node.number)
            if node.kind == SCATTERED:
                place = self._looked(node, {**done, **inside})
                out = f"o{group.outputs.index(node.number)}"
                text += [f"q = {place}", f"{out}[q] = {out}[q] + {given(node.args[0], node.dtype)}"]
                continue
            term = " * ".join(given(arg, node.dtype) for arg in node.args)
            if node.kind == BOTTOM:
                out = f"o{group.outputs.index(node.number)}"
                text.append(f"{out}[column] = {out}[column] + {term}")
                continue
            before.append(f"{own}_sum = {self._start(node)}")
            if node.name != "sum":
                text += self._extremum(node, own, term)
                after.append(f"{own} = {self._found(node, own)}")
                continue
            part = own + ("_part" if self.long else "_sum")
            text.append(f"{part} = add({part}, {term})")
            if self.long:
                wide = self._wide(node).name
                opening.append(f"{part} = {self.typed(node.dtype, 0)}")
                closing.append(f"{own}_sum = {own}_sum + np.{wide}({part})")
            if node.kind == TOTAL and group.splits is not None:
                after.append(f"{own}_all = {own}_all + {own}_sum")
            else:
                after.append(f"{own} = np.{node.dtype.name}({own}_sum)")
        text += writes
        for line in before:
            self.put(2, line)
        if opening:
            self.put(2, f"for block in range(0, columns, {LONGEST_SINGLE}):")
            for line in opening:
                self.put(3, line)
            self.put(3, f"for j in range(block, min(block + {LONGEST_SINGLE}, columns)):")
        else:
            self.put(2, "for j in range(columns):")
        depth = 4 if opening else 3
        # Unsigned places: a signed one may count from the end, and then nothing is vectorised.
        self.put(depth, "full, column = np.uint64(at + j), np.uint64(j)")
        for line in text:
            self.put(depth, line)
        for line in closing:
            self.put(3, line)
        for line in after:
            self.put(2, line)

    def _value(
        self,
        number: int,
        loop: int,
        done: dict[int, str],
        inside: dict[int, str],
        text: list[str],
    ) -> None:
        """Write what computes a value at one place of a row, once."""
        if number in inside:
            return
        group = self.group
        node = group.made.get(number)
        if node is None:
            kinds = {k: place for (n, k), place in group.inputs.items() if n == number}
            if FULL in kinds:
                inside[number] = f"x{kinds[FULL]}"
                text.append(f"x{kinds[FULL]} = {self.arrays[kinds[FULL]]}[full]")
            elif COLUMN in kinds:
                inside[number] = f"x{kinds[COLUMN]}"
                text.append(f"x{kinds[COLUMN]} = {self.arrays[kinds[COLUMN]]}[column]")
            return
        if node.kind not in (FULL, COLUMN):
            return
        if number in self.kept and self.loops[number] < loop:
            inside[number] = self.name(number)
            text.append(f"{self.name(number)} = {self.kept[number]}")
            return
        for arg in node.args:
            if isinstance(arg, Ref):
                self._value(arg.number, loop, done, inside, text)
        inside[number] = self.name(number)
        text.append(f"{self.name(number)} = {self.expression(node, {**done, **inside})}")
        if node.name in ("sin", "cos") and not self.loops[number] < loop:
            width = polynomials.width_of(node.dtype)
            arg = self.operand(node.args[0], node.dtype, {**done, **inside})
            limit = self.typed(node.dtype, polynomials.FAR[width])
            # Infinities are far too; NumPy then warns, as it would have.
            text.append(f"far |= np.int64(abs({arg}) > {limit})")

    # -- places that an index tells ---------------------------------------------------------------

    def _by_rows(self, node: Node) -> bool:
        """Say whether a node's index has one number for each row."""
        assert node.index is not None
        number = node.args[node.index].number
        return (number, FULL) not in self.group.inputs

    def _row_number(self, node: Node, names: dict[int, str]) -> str:
        """Return the line that finds the place that a row's number in an index means."""
        self.has_index = True
        place = f"within({names[node.args[node.index].number]}, np.int64({node.length}))"
        own = self.local[node.number]
        if node.name in ("pick", "placed"):
            return f"t{own} = {place}"
        return f"b{own} = np.uint64({place}) * np.uint64(columns)"

    def _looked(self, node: Node, names: dict[int, str]) -> str:
        """Return where in a table a look or a scatter is, inside the loop over a row."""
        if self._by_rows(node):
            return f"b{self.local[node.number]} + column"
        self.has_index = True
        number = names[node.args[node.index].number]
        return f"np.uint64(within({number}, np.int64({node.length})))"

    def _pick(self, node: Node, loop: int, rows: dict[int, str]) -> None:
        """Write what computes a value at one place of a row, before a loop over it."""
        place = f"t{self.local[node.number]}"
        text = [f"full, column = np.uint64(at + {place}), np.uint64({place})"]
        inside: dict[int, str] = {}
        self._value(node.args[0].number, loop, rows, inside, text)
        found = self.operand(node.args[0], node.dtype, {**rows, **inside})
        for line in (*text, f"{self.name(node.number)} = {found}"):
            self.put(2, line)

    def _begin(self, node: Node, out: str) -> None:
        """Write what a scatter adds to."""
        size = math.prod(node.shape)
        begun = node.args[2] if len(node.args) > 2 else 0
        text = self.typed(node.dtype, begun) if not isinstance(begun, Ref) else ""
        if isinstance(begun, Ref):
            place = list(self.group.inputs).index((begun.number, TABLE))
            text = f"{self.arrays[place]}[np.uint64(k)]"
        self.put(1, f"for k in range({size}):")
        self.put(2, f"{out}[np.uint64(k)] = {text}")

    def _extremum(self, node: Node, own: str, given: str) -> list[str]:
        """Return the lines that take a number into a row's extremum."""
        width = polynomials.width_of(node.dtype)
        lines = [f"k = key{width}({given})"]
        if node.name == "min":  # nan, whose key is the largest, wins here too
            lowest = np.iinfo(f"int{width}").min
            lines.append(f"k = np.int{width}({lowest}) if {given} != {given} else k")
        sign = ">" if node.name == "max" else "<"
        return [*lines, f"{own}_sum = k if k {sign} {own}_sum else {own}_sum"]

    def _found(self, node: Node, own: str) -> str:
        width = polynomials.width_of(node.dtype)
        found = f"unkey{width}({own}_sum)"
        if node.name == "max":
            return found
        lowest = np.iinfo(f"int{width}").min
        return f"np.float{width}(np.nan) if {own}_sum == {lowest} else {found}"

    def _after(self) -> None:
        """Write what is computed once all rows are done."""
        group = self.group
        if group.splits is None:
            return
        names = {**self.outer, **self._made(SCALAR, TOTAL)}
        for node in group.nodes:
            if node.kind != TOTAL:
                continue
            own = self.name(node.number)
            if node.axes:
                self.put(1, f"{own} = np.{_plain(node.dtype)}({own}_all)")
            else:
                self.put(1, f"{own} = {self.expression(node, names)}")
        for place, number in enumerate(group.outputs):
            if group.made[number].kind == TOTAL:
                self.put(1, f"o{place}[0] = {self.name(number)}")


def helpers(functions: set[tuple[str, int]], keys: set[int], has_index: bool) -> str:
    """Return the source of what kernels call."""
    parts = [INDEX] if has_index else []
    for width in sorted(keys):
        mask = (1 << (width - 1)) - 1
        parts.append(KEYS.format(width=width, last=width - 1, mask=mask))
    for width in (32, 64):
        names = {name for name, wide in functions if wide == width}
        if names:
            parts.append("\n" + polynomials.source(names, width))
    return "\n".join(parts)


def _plain(dtype: np.dtype) -> str:
    return "bool_" if dtype.kind == "b" else dtype.name
