"""LLVM's text: what machine code is written in here."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator


class Lines:
    """Instructions of a function, in their order; names are made as they are needed."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names = itertools.count()

    def put(self, text: str) -> None:
        """Write an instruction without a result."""
        self.lines.append("  " + text)

    def new(self, text: str) -> str:
        """Write an instruction; return the name of its result."""
        name = f"%v{next(self.names)}"
        self.put(f"{name} = {text}")
        return name

    def mark(self, name: str) -> None:
        """Begin a block that others branch to."""
        self.lines.append(f"{name}:")


class Function(Lines):
    """The text of one function while it is written; its numbers are of 64 bits.

    Parameters
    ----------
    head : str
        ``define`` and all before the brace.
    """

    def __init__(self, head: str) -> None:
        super().__init__()
        self.head = head
        self.variables: list[str] = []

    def label(self, name: str) -> None:
        """Begin a block that what is before goes on with."""
        self.put(f"br label %{name}")
        self.mark(name)

    def variable(self, first: str | int) -> str:
        """Return the place of a number that changes."""
        name = f"%x{next(self.names)}"
        self.variables.append(f"  {name} = alloca i64")
        self.store(f"i64 {first}", name)
        return name

    def counted(self, variable: str) -> str:
        """Count a variable up by one; return what it is then."""
        now = self.sum(self.load("i64", variable), 1)
        self.store(f"i64 {now}", variable)
        return now

    @contextlib.contextmanager
    def loop(self, begin: str, end: str, step: int | str) -> Iterator[str]:
        """Repeat what is written inside while a number is below ``end``; its name is given."""
        number = next(self.names)
        place = self.variable(begin)
        self.label(f"head{number}")
        now = self.load("i64", place)
        on = self.new(f"icmp slt i64 {now}, {end}")
        self.put(f"br i1 {on}, label %body{number}, label %after{number}")
        self.mark(f"body{number}")
        yield now
        self.store(f"i64 {self.sum(now, step)}", place)
        self.put(f"br label %head{number}")
        self.mark(f"after{number}")

    @contextlib.contextmanager
    def when(self, test: str) -> Iterator[None]:
        """Do what is written inside where a test holds."""
        number = next(self.names)
        self.put(f"br i1 {test}, label %then{number}, label %else{number}")
        self.mark(f"then{number}")
        yield
        self.label(f"else{number}")

    def either(self, test: str, one: str, other: str) -> None:
        """Go on in one block where a test holds, else in another one."""
        self.put(f"br i1 {test}, label %{one}, label %{other}")

    def sum(self, one: str, other: str | int) -> str:
        return self.new(f"add i64 {one}, {other}")

    def times(self, one: str, other: str | int) -> str:
        return self.new(f"mul i64 {one}, {other}")

    def least(self, one: str, other: str | int) -> str:
        less = self.new(f"icmp slt i64 {one}, {other}")
        return self.new(f"select i1 {less}, i64 {one}, i64 {other}")

    def load(self, kind: str, pointer: str, order: str = "") -> str:
        """Read a number or a pointer of 64 bits, in an atomic order if one is given."""
        return self.new(
            f"load atomic {kind}, ptr {pointer} {order}, align 8"
            if order
            else f"load {kind}, ptr {pointer}"
        )

    def store(self, value: str, pointer: str, order: str = "") -> None:
        """Write one, given with its kind."""
        self.put(
            f"store atomic {value}, ptr {pointer} {order}, align 8"
            if order
            else f"store {value}, ptr {pointer}"
        )

    def at(self, pointer: str, kind: str, index: str | int) -> str:
        return self.new(f"getelementptr {kind}, ptr {pointer}, i64 {index}")

    def text(self) -> str:
        """Return the whole function."""
        lines = ["entry:", *self.variables, "  br label %begin", "begin:", *self.lines]
        return "\n".join([self.head + " {", *lines, "}", ""])
