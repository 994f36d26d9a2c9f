"""Stretch source: the text of the one function that a stretch becomes.

``kernel(inputs..., results..., scratch...)`` calls a function for each part.  Parts that read the
same have the same function, which numba then types once.
"""

from __future__ import annotations

import math
from collections import Counter

import numpy as np

from . import multiply, products
from .fusible import BOTTOM, COLUMN, FULL, ROW, TABLE
from .fusion import Group
from .kernels import Kernel, helpers
from .lowering import Layout
from .products import Joining, Product
from .stretches import Stretch, makes, reads_of_part

# `alone`, `inlined`, `part`, `multiply`, `fetch` and `apart` are those of numba_parts.py.
HEAD = '''"""Fused kernels, written by retrograd.compile."""

import numpy as np

loops = {"fastmath": False, **alone}


@numba.njit(fastmath={"reassoc"}, forceinline=True, **alone)
def add(total, number):
    return total + number
'''
# What a module says whose loops may reorder sums and know no nan and no infinity.  Polynomials
# stay as they are: the order of their terms is what makes them exact.
FASTER = '''
loops["fastmath"] = True
'''
MOST_COPIES = 6  # of a function in the machine code of those that call it


class Source:
    """The text of a stretch, and what its parameters are.

    Attributes
    ----------
    body : str
        The whole module; the same stretch always has the same.
    signature : tuple of str
        The dtype of each parameter, and whether it is read or written.
    sizes : tuple of int
        How many elements each has.

    Parameters
    ----------
    stretch : Stretch
    layouts : dict
    in_blocks : bool
        Whether it is called for parts of its one group, of which rows and columns come first.
    fast : bool
        Whether loops are compiled with all of LLVM's flags of fast arithmetic.
    """

    def __init__(
        self,
        stretch: Stretch,
        layouts: dict[int, Layout],
        in_blocks: bool = False,
        fast: bool = False,
    ) -> None:
        self.stretch = stretch
        self.in_blocks = in_blocks
        self.fast = fast
        self.layouts = layouts
        self.lines: list[str] = []
        self.names: dict[int, str] = {}
        self.functions: dict[str, str] = {}  # text -> name
        self.calls: Counter[str] = Counter()  # by name
        self.polynomials: set[tuple[str, int]] = set()
        self.keys: set[int] = set()
        self.multiplies = self.shares = self.has_pieces = self.has_index = False
        self.scratch: dict[str, int] = {}  # dtype -> numbers
        self.own: dict[int, tuple[str, int]] = {}
        self.body = self.write()
        kinds = [self.declared(n, "inout" if n in stretch.written else "in")
                 for n in stretch.inputs]  # fmt: skip
        kinds += [self.declared(n, "out") for n in stretch.outputs]
        kinds += [f"{dtype}/scratch" for dtype in self.scratch]
        self.signature = tuple(kinds)
        numbers = [self.size(n) for n in (*stretch.inputs, *stretch.outputs)]
        self.sizes = (*numbers, *self.scratch.values())

    def declared(self, number: int, way: str) -> str:
        layout = self.layouts[number]
        if layout.scalar and way == "in":
            return "float64" if layout.dtype is float else kind_of(layout.dtype)
        return f"{kind_of(layout.dtype)}/{way}"

    def size(self, number: int) -> int:
        return math.prod(self.layouts[number].shape)

    def put(self, line: str) -> None:
        self.lines.append("    " + line)

    def write(self) -> str:
        stretch = self.stretch
        for place, number in enumerate(stretch.inputs):
            self.names[number] = f"a{place}"
        for place, number in enumerate(stretch.outputs):
            self.names[number] = f"o{place}"
        given = list(self.names.values())
        self.plan_scratch()
        for part in stretch.parts:
            if isinstance(part, Group):
                self.group(part)
            elif isinstance(part, Joining):
                self.joining(part)
            else:
                self.product(part)
        given += [f"scratch_{dtype}" for dtype in self.scratch]
        parts = [HEAD + FASTER if self.fast else HEAD]
        parts.append(helpers(self.polynomials, self.keys, self.has_index))
        if self.has_pieces:
            parts.append(products.SOURCE)
        for text, name in self.functions.items():
            text = text.replace("def kernel(", f"def {name}(", 1)
            if self.calls[name] > MOST_COPIES:
                text = text.replace("):\n", "):\n    apart()\n", 1)
            parts.append(f"@numba.njit(**loops)\n{text}")
        if self.in_blocks:
            given = ["rows", "columns", *given]
        lines = [f"def kernel({', '.join(given)}):", *self.lines, "    return np.int64(0)"]
        return "\n\n".join([*parts, "\n".join(lines) + "\n"])

    # -- scratch ----------------------------------------------------------------------------------

    def plan_scratch(self) -> None:
        """Give what only the stretch sees a place in scratch, which later values take over."""
        stretch = self.stretch
        last: dict[int, int] = {}
        for place, part in enumerate(stretch.parts):
            for number in (*reads_of_part(part), *makes(part)):
                last[stretch.base(number)[0]] = place
        free: list[tuple[str, int, int]] = []
        taken: dict[int, tuple[str, int, int]] = {}
        for place, part in enumerate(stretch.parts):
            for number in makes(part):
                if number in stretch.outputs:
                    continue
                dtype, size = kind_of(self.layouts[number].dtype), self.size(number)
                fitting = [one for one in free if one[0] == dtype and size <= one[2] <= 4 * size]
                if fitting:
                    found = min(fitting, key=lambda one: one[2])
                    free.remove(found)
                else:
                    found = dtype, self.room(dtype, size), size
                taken[number] = found
                self.own[number] = found[:2]
            free += [taken[n] for n, end in last.items() if end == place and n in taken]
        for number, (dtype, begin) in self.own.items():
            self.names[number] = f"part(scratch_{dtype}, {begin}, {self.size(number)})"

    def room(self, dtype: str, size: int) -> int:
        """Return where new scratch begins."""
        begin = self.scratch.get(dtype, 0)
        self.scratch[dtype] = begin + -(-size // 16) * 16
        return begin

    # -- parts ------------------------------------------------------------------------------------

    def operand(self, number: int, size: int) -> str:
        """Return a contiguous operand of a group."""
        base, offset = self.stretch.base(number)
        name = self.names[base]
        return name if offset == 0 else f"part({name}, {offset}, {size})"

    def group(self, group: Group) -> None:
        outside = self.stretch.inputs
        scalars = {n for n, _ in group.inputs if self.layouts[n].scalar and n in outside}
        kernel = Kernel(group, scalars, large=self.in_blocks)
        self.polynomials |= kernel.functions
        self.keys |= kernel.keys
        self.has_index = self.has_index or kernel.has_index
        name = self.functions.setdefault(kernel.body, f"group_{len(self.functions) + 1}")
        self.calls[name] += 1
        sizes = {FULL: group.size, ROW: group.rows, COLUMN: group.columns, BOTTOM: group.columns}
        inputs = list(group.inputs)
        given = [integer(group.rows), integer(group.columns)]
        if self.in_blocks:
            given = ["rows", "columns"]
        for number, kind in (inputs[place] for place in kernel.inputs):
            size = self.size(number) if kind == TABLE else sizes.get(kind, 1)
            given.append(self.operand(number, size))
        for number in group.outputs:
            target = group.made[number].target
            if target is None:
                given.append(self.names[number])
            else:
                given.append(self.operand(target, group.size))
        for number in kernel.scratch:
            dtype = kind_of(group.made[number].dtype)
            begin = self.room(dtype, group.columns)
            given.append(f"part(scratch_{dtype}, {begin}, {group.columns})")
        call = f"{name}({', '.join(given)})"
        if kernel.far:
            self.put(f"if {call} != 0:")
            self.put("    return np.int64(1)")
        else:
            self.put(call)

    def joining(self, part: Joining) -> None:
        self.has_pieces = True
        begin = 0
        for number in part.parts:
            base, offset = self.stretch.base(number)
            size = self.size(number)
            place = integer(begin, size)
            given = f"{self.names[base]}, {integer(offset)}, {self.names[part.out]}, {place}"
            self.put(f"joined({given})")
            begin += size

    def product(self, part: Product) -> None:
        (a, a0), (b, b0) = self.stretch.base(part.left), self.stretch.base(part.right)
        rows, columns, terms = part.sizes
        (am, ak), (bk, bn) = part.steps_left, part.steps_right
        out = self.names[part.out]
        ends = f"{out}, {{}}, {integer(rows, columns, terms)}"
        left, right = f"{self.names[a]}, {{}}", f"{self.names[b]}, {{}}"
        if part.is_dots:
            self.has_pieces = True
            call = f"dots({left}, {integer(am)}, {right}, {out}, {{}}, {integer(rows, terms)})"
        else:
            self.multiplies = True
            self.shares = self.shares or part.terms // len(part.batch) >= multiply.FEWEST_SHARED
            panels = f"{out}, {integer(0)}"
            dtype = kind_of(self.layouts[part.out].dtype)
            size = multiply.shape().room(dtype, columns, terms, bn)
            if size:
                panels = f"part(scratch_{dtype}, {self.room(dtype, size)}, {size}), {integer(1)}"
            factors = f"{left}, {integer(am, ak)}, {right}, {integer(bk, bn)}"
            call = f"multiply({factors}, {ends}, {panels})"
        for begin_a, begin_b, begin_c in part.batch:
            self.put(call.format(*map(integer, (a0 + begin_a, b0 + begin_b, begin_c))))


def integer(*numbers: int) -> str:
    """Return arguments that are constants to LLVM, but no types of their own to numba."""
    return ", ".join(f"np.int64({number})" for number in numbers)


def kind_of(dtype: np.dtype) -> str:
    """Return what numba calls a dtype."""
    return "boolean" if dtype.kind == "b" else dtype.name
