"""Multiply: products of matrices in machine code of our own, which threads share.

C[m, n] = sum over k of A[m, k] B[k, n].  Each number of C is one sum in the order of k, of fused
multiplications and additions where the processor has them; so its bits depend on no number of
threads and on no blocks.

Note [Tiles].  A tile is some rows and some vectors of columns of C, which stay in registers while k
runs: each number of A is loaded once for all the columns of a tile, each vector of B once for all
its rows.  Tiles below each other read the same columns of B, a panel, which the caches hold.  Where
B's rows are not contiguous, panels are copied first; numbers change their places in registers.

The text is LLVM's.  It is compiled once for a processor, kept in the cache, and kernels call it.
"""

from __future__ import annotations

import functools
import hashlib
import os
import threading
from typing import Any, NamedTuple

import numpy as np

from . import native, numba_backend, team
from .llvm_text import Function

KINDS = {"float32": ("float", 4), "float64": ("double", 8)}
FEWEST_SHARED = 1 << 17  # multiplications of a product that threads share
AHEAD = 12  # rows of B that are fetched before they are needed: another thread may have made them
POINTERS = ("table", "a", "b", "c", "panels")  # the words that are no numbers


class Shape(NamedTuple):
    """What suits a processor.

    Attributes
    ----------
    width : int
        Bytes of a vector.
    tiles : tuple of (int, int)
        Rows and vectors of tiles, the largest first; the last has one row.
    most : int
        Multiplications of the largest product that is quicker than BLAS's.
    """

    width: int
    tiles: tuple[tuple[int, int], ...]
    most: int

    def panel(self, dtype: str) -> int:
        """Return how many columns a panel has."""
        return self.tiles[0][1] * self.width // KINDS[dtype][1]

    def room(self, dtype: str, columns: int, terms: int, apart: int) -> int:
        """Return how many numbers the panels of a B take; 0 where it is read as it lies.

        Parameters
        ----------
        columns, terms : int
            N and K.
        apart : int
            How many numbers B's columns are apart.
        """
        if columns == 1 or apart == 1:
            return 0
        width = self.panel(dtype)
        return -(-columns // width) * width * terms


def shape_of(features: str) -> Shape:
    """Return what suits a processor, by LLVM's words for what it can do."""
    has = set(features.split(","))
    if "+avx512f" in has:
        return Shape(64, ((8, 2), (4, 2), (1, 4)), 1 << 28)
    if {"+avx2", "+fma"} <= has:
        return Shape(32, ((6, 2), (2, 4), (1, 4)), 1 << 21)
    if "+neon" in has:
        return Shape(16, ((8, 2), (4, 4), (1, 4)), 1 << 21)
    return Shape(16, ((4, 2), (2, 2), (1, 4)), 1 << 16)


@functools.cache
def shape() -> Shape:
    """Return what suits this processor."""
    return shape_of(native.processor()[1])


class Multiplying:
    """The functions of one dtype.

    Parameters
    ----------
    dtype : str
    shape : Shape
    """

    # What the chunks of a product read; a chunk has so many rows, and there are so many across.
    WORDS = ("a", "am", "ak", "b", "bk", "bn", "c", "M", "N", "K", "panels", "rows", "across")

    def __init__(self, dtype: str, shape: Shape) -> None:
        self.dtype = dtype
        self.kind, self.size = KINDS[dtype]
        self.lanes = shape.width // self.size
        self.tiles = shape.tiles
        self.vector = f"<{self.lanes} x {self.kind}>"
        self.bits = f"<{self.lanes} x i1>"
        self.suffix = f"v{self.lanes}f{8 * self.size}"
        self.panel = shape.panel(dtype)

    def text(self) -> str:
        parts = [
            f"declare {self.vector} @llvm.masked.load.{self.suffix}.p0"
            f"(ptr, i32, {self.bits}, {self.vector})\n"
            f"declare void @llvm.masked.store.{self.suffix}.p0"
            f"({self.vector}, ptr, i32, {self.bits})\n"
            f"declare {self.vector} @llvm.fmuladd.{self.suffix}"
            f"({self.vector}, {self.vector}, {self.vector})\n"
        ]
        for rows, vectors in self.tiles:
            parts += [self.tile(rows, vectors, False), self.tile(rows, 1, True)]
        parts += [self.rectangle(), self.pack(), self.chunk(), self.product()]
        parts += [self.one_of(), self.several()]
        parts += [self.entry(packed) for packed in (False, True)]
        return "\n".join(parts)

    def name(self, what: str) -> str:
        return f"@retrograd_{what}_{self.dtype}"

    def tile(self, rows: int, vectors: int, masked: bool) -> str:
        """Compute one tile; of a masked one, only so many columns."""
        name = self.name(f"tile_{rows}_{vectors}{'_masked' if masked else ''}")
        vector, kind, size = self.vector, self.kind, self.size
        f = Function(
            f"define internal void {name}(ptr noalias %a, i64 %am, i64 %ak, ptr noalias %b, "
            f"i64 %bk, ptr noalias %c, i64 %cn, i64 %K, i64 %columns)"
        )
        mask = ""
        if masked:
            count = f.new("trunc i64 %columns to i32")
            ends = f"<{self.lanes} x i32>"
            one = f.new(f"insertelement {ends} poison, i32 {count}, i32 0")
            every = f.new(f"shufflevector {ends} {one}, {ends} poison, {ends} zeroinitializer")
            places = ", ".join(f"i32 {n}" for n in range(self.lanes))
            mask = f.new(f"icmp slt {ends} <{places}>, {every}")
        starts = [f.at("%a", kind, f.times("%am", row)) for row in range(rows)]
        cells = [(row, v) for row in range(rows) for v in range(vectors)]
        f.label("loop")
        f.put("%k = phi i64 [ 0, %begin ], [ %kn, %loop ]")
        f.put("%bp = phi ptr [ %b, %begin ], [ %bpn, %loop ]")
        f.put("%ap = phi i64 [ 0, %begin ], [ %apn, %loop ]")
        for row, v in cells:
            f.put(
                f"%s{row}_{v} = phi {vector} [ zeroinitializer, %begin ], [ %t{row}_{v}, %loop ]"
            )
        ahead = f.at("%bp", kind, f.times("%bk", AHEAD))
        for v in range(vectors):
            place = f.at(ahead, kind, v * self.lanes)
            f.put(f"call void @llvm.prefetch.p0(ptr {place}, i32 0, i32 3, i32 1)")
        loaded = []
        for v in range(vectors):
            place = f.at("%bp", kind, v * self.lanes)
            loaded.append(f.new(
                f"call {vector} @llvm.masked.load.{self.suffix}.p0(ptr {place}, i32 {size}, "
                f"{self.bits} {mask}, {vector} zeroinitializer)"
                if masked
                else f"load {vector}, ptr {place}, align {size}"
            ))  # fmt: skip
        for row in range(rows):
            number = f.new(f"load {kind}, ptr {f.at(starts[row], kind, '%ap')}")
            one = f.new(f"insertelement {vector} poison, {kind} {number}, i32 0")
            ends = f"<{self.lanes} x i32>"
            every = f.new(f"shufflevector {vector} {one}, {vector} poison, {ends} zeroinitializer")
            for v in range(vectors):
                f.put(
                    f"%t{row}_{v} = call {vector} @llvm.fmuladd.{self.suffix}({vector} {every}, "
                    f"{vector} {loaded[v]}, {vector} %s{row}_{v})"
                )
        f.put("%kn = add i64 %k, 1")
        f.put("%apn = add i64 %ap, %ak")
        f.put(f"%bpn = getelementptr {kind}, ptr %bp, i64 %bk")
        f.put("%on = icmp slt i64 %kn, %K")
        f.put("br i1 %on, label %loop, label %done")
        f.mark("done")
        for row, v in cells:
            place = f.at(f.at("%c", kind, f.times("%cn", row)), kind, v * self.lanes)
            f.put(
                f"call void @llvm.masked.store.{self.suffix}.p0({vector} %t{row}_{v}, "
                f"ptr {place}, i32 {size}, {self.bits} {mask})"
                if masked
                else f"store {vector} %t{row}_{v}, ptr {place}, align {size}"
            )
        f.put("ret void")
        return f.text()

    def rectangle(self) -> str:
        """Compute some rows and columns of a product."""
        f = Function(
            f"define internal void {self.name('rectangle')}(ptr noalias %a, i64 %am, i64 %ak, "
            "ptr noalias %b, i64 %bk, ptr noalias %c, i64 %cn, i64 %M, i64 %N, i64 %K)"
        )
        top = "0"  # the rows above are computed
        for rows, vectors in self.tiles:
            count = f.new(f"sub i64 %M, {top}")
            last = f.sum(top, f.times(f.new(f"sdiv i64 {count}, {rows}"), rows))
            left = "0"  # so are the columns to the left
            for wide, masked in ((vectors, False), (1, True)):
                step = wide * self.lanes
                end, first = "%N", left
                if not masked:
                    end = left = f.times(f.new(f"sdiv i64 %N, {step}"), step)
                with f.loop(first, end, step) as j, f.loop(top, last, rows) as i:
                    a = f.at("%a", self.kind, f.times(i, "%am"))
                    b = f.at("%b", self.kind, j)
                    c = f.at("%c", self.kind, f.sum(f.times(i, "%cn"), j))
                    columns = f.new(f"sub i64 %N, {j}")
                    name = self.name(f"tile_{rows}_{wide}{'_masked' if masked else ''}")
                    f.put(
                        f"call void {name}(ptr {a}, i64 %am, i64 %ak, ptr {b}, i64 %bk, ptr {c}, "
                        f"i64 %cn, i64 %K, i64 {columns})"
                    )
            top = last
        f.put("ret void")
        return f.text()

    def pack(self) -> str:
        """Copy B into a panel whose rows are ``panel`` numbers apart; B's rows are contiguous in k.

        Squares are transposed in registers: in each round numbers change places with those that
        are a power of two away in both directions.
        """
        side = 32 // self.size  # a square of vectors of 32 bytes
        vector = f"<{side} x {self.kind}>"
        f = Function(
            f"define internal void {self.name('pack')}(ptr noalias %b, i64 %bk, i64 %bn, "
            "ptr noalias %out, i64 %N, i64 %K)"
        )
        dense = f.new("icmp eq i64 %bk, 1")
        squares = f.times(f.new(f"sdiv i64 %K, {side}"), side)
        high = f.new(f"select i1 {dense}, i64 {squares}, i64 0")
        wide = f.times(f.new(f"sdiv i64 %N, {side}"), side)
        with f.loop("0", wide, side) as j:
            column = f.at("%b", self.kind, f.times(j, "%bn"))
            with f.loop("0", high, side) as k:
                place = f.at(column, self.kind, k)
                rows = [
                    f.new(f"load {vector}, ptr {f.at(place, self.kind, f.times('%bn', n))}, "
                          f"align {self.size}")
                    for n in range(side)
                ]  # fmt: skip
                for apart in (2**n for n in range(side.bit_length() - 1)):
                    rows = self.exchanged(f, rows, apart, vector)
                out = f.at("%out", self.kind, f.sum(f.times(k, self.panel), j))
                for n, row in enumerate(rows):
                    to = f.at(out, self.kind, n * self.panel)
                    f.put(f"store {vector} {row}, ptr {to}, align {self.size}")
        with f.loop("0", "%K", 1) as k:
            inside = f.new(f"icmp slt i64 {k}, {high}")
            first = f.new(f"select i1 {inside}, i64 {wide}, i64 0")
            with f.loop(first, "%N", 1) as j:
                given = f.sum(f.times(k, "%bk"), f.times(j, "%bn"))
                number = f.new(f"load {self.kind}, ptr {f.at('%b', self.kind, given)}")
                to = f.at("%out", self.kind, f.sum(f.times(k, self.panel), j))
                f.put(f"store {self.kind} {number}, ptr {to}")
        f.put("ret void")
        return f.text()

    def exchanged(self, f: Function, rows: list[str], apart: int, vector: str) -> list[str]:
        side = len(rows)
        found = list(rows)
        mask = f"<{side} x i32>"
        for n in range(side):
            if n & apart:
                continue
            one, other = rows[n], rows[n + apart]
            for to, places in (
                (n, [m if not m & apart else side + m - apart for m in range(side)]),
                (n + apart, [m + apart if not m & apart else side + m for m in range(side)]),
            ):
                listed = ", ".join(f"i32 {place}" for place in places)
                found[to] = f.new(
                    f"shufflevector {vector} {one}, {vector} {other}, {mask} <{listed}>"
                )
        return found

    def chunk(self) -> str:
        """Compute one chunk: some rows of a panel of columns, or of all panels."""
        f = Function(f"define internal void {self.name('chunk')}(ptr %words, i64 %index)")
        w = read_words(f, self.WORDS)
        packed = f.new(f"icmp ne ptr {w['panels']}, null")
        whole = f.new(f"icmp eq i64 {w['rows']}, {w['M']}")
        packs = f.new(f"and i1 {packed}, {whole}")
        band = f.new(f"sdiv i64 %index, {w['across']}")
        own = f.new(f"srem i64 %index, {w['across']}")
        top = f.times(band, w["rows"])
        rows = f.least(f.new(f"sub i64 {w['M']}, {top}"), w["rows"])
        end = self.panels(f, w["N"])
        every = f.new(f"icmp eq i64 {w['across']}, 1")
        end = f.new(f"select i1 {every}, i64 {end}, i64 {f.sum(own, 1)}")
        with f.loop(own, end, 1) as panel:
            b, copy, columns = self.ends_of(f, w, panel)
            with f.when(packs):
                self.call_pack(f, w, b, copy, columns)
            right = f.new(f"select i1 {packed}, ptr {copy}, ptr {b}")
            apart = f.new(f"select i1 {packed}, i64 {self.panel}, i64 {w['bk']}")
            a = f.at(w["a"], self.kind, f.times(top, w["am"]))
            place = f.sum(f.times(top, w["N"]), f.times(panel, self.panel))
            c = f.at(w["c"], self.kind, place)
            f.put(
                f"call void {self.name('rectangle')}(ptr {a}, i64 {w['am']}, i64 {w['ak']}, "
                f"ptr {right}, i64 {apart}, ptr {c}, i64 {w['N']}, i64 {rows}, i64 {columns}, "
                f"i64 {w['K']})"
            )
        f.put("ret void")
        return f.text()

    def panels(self, f: Function, columns: str) -> str:
        """Return how many panels so many columns are."""
        return f.new(f"sdiv i64 {f.sum(columns, self.panel - 1)}, {self.panel}")

    def ends_of(self, f: Function, w: dict[str, str], panel: str) -> tuple[str, str, str]:
        """Return where a panel of B begins, where its copy does, and how many columns it has."""
        left = f.times(panel, self.panel)
        columns = f.least(f.new(f"sub i64 {w['N']}, {left}"), self.panel)
        b = f.at(w["b"], self.kind, f.times(left, w["bn"]))
        return b, f.at(w["panels"], self.kind, f.times(left, w["K"])), columns

    def call_pack(self, f: Function, w: dict[str, str], b: str, own: str, columns: str) -> None:
        f.put(
            f"call void {self.name('pack')}(ptr {b}, i64 {w['bk']}, i64 {w['bn']}, ptr {own}, "
            f"i64 {columns}, i64 {w['K']})"
        )

    def product(self) -> str:
        """Compute a product; ``panels`` is null, or room for a packed B."""
        f = Function(
            f"define void {self.name('product')}(ptr noalias %a, i64 %am, i64 %ak, "
            "ptr noalias %b, i64 %bk, i64 %bn, ptr noalias %c, i64 %M, i64 %N, i64 %K, "
            "ptr noalias %panels)"
        )
        w = {name: f"%{name}" for name in self.WORDS}
        panels = self.panels(f, "%N")
        high = self.tiles[0][0]
        bands = f.new(f"sdiv i64 {f.sum('%M', 2 * high - 1)}, {2 * high}")
        packed = f.new("icmp ne ptr %panels, null")
        # Few panels are not shared well: then chunks are rows of all panels.  Else chunks are
        # panels, each of which is copied first, or halves of panels.
        by_rows = f.new(f"icmp sgt i64 {bands}, {f.times(panels, 2)}")
        with f.when(f.new(f"and i1 {by_rows}, {packed}")), f.loop("0", panels, 1) as panel:
            self.call_pack(f, w, *self.ends_of(f, w, panel))
        half = f.times(f.new(f"sdiv i64 {f.sum('%M', 2 * high - 1)}, {2 * high}"), high)
        rows = f.new(f"select i1 {packed}, i64 %M, i64 {half}")
        w["rows"] = f.new(f"select i1 {by_rows}, i64 {2 * high}, i64 {rows}")
        w["across"] = f.new(f"select i1 {by_rows}, i64 1, i64 {panels}")
        ends = f.sum("%M", f.sum(w["rows"], -1))
        chunks = f.times(f.new(f"sdiv i64 {ends}, {w['rows']}"), w["across"])
        write_words(f, w)
        terms = f.times(f.times("%M", "%N"), "%K")
        f.either(f.new(f"icmp slt i64 {terms}, {FEWEST_SHARED}"), "little", "much")
        f.mark("much")
        each = f.new(f"sdiv i64 {terms}, {chunks}")
        chunk = self.name("chunk")
        f.put(f"call void @share(ptr {chunk}, ptr %words, i64 {chunks}, i64 {each})")
        f.put("ret void")
        f.mark("little")
        with f.loop("0", chunks, 1) as index:
            f.put(f"call void {self.name('chunk')}(ptr %words, i64 {index})")
        f.put("ret void")
        return f.text()

    # What the products of a batch have in common, in their order among an entry's numbers.
    COMMON = ("am", "ak", "bk", "bn", "M", "N", "K", "room")

    def one_of(self) -> str:
        """Compute one product of a batch, whose begins stand in a table of three numbers each."""
        f = Function(f"define internal void {self.name('one')}(ptr %words, i64 %index)")
        w = read_words(f, (*POINTERS, *self.COMMON))
        row = f.at(w["table"], "i64", f.times("%index", 3))
        a, b, c = (
            f.at(w[name], self.kind, f.load("i64", f.at(row, "i64", place)))
            for place, name in enumerate("abc")
        )
        given = f.at(w["panels"], self.kind, f.times("%index", w["room"]))
        empty = f.new(f"icmp eq i64 {w['room']}, 0")
        panels = f.new(f"select i1 {empty}, ptr null, ptr {given}")
        listed = [f"ptr {a}", f"i64 {w['am']}", f"i64 {w['ak']}", f"ptr {b}", f"i64 {w['bk']}"]
        listed += [f"i64 {w['bn']}", f"ptr {c}", *[f"i64 {w[name]}" for name in "MNK"]]
        f.put(f"call void {self.name('product')}({', '.join(listed)}, ptr {panels})")
        f.put("ret void")
        return f.text()

    def several(self) -> str:
        """Compute a batch: what the entries call, as kernels are called."""
        numbers = ", ".join(f"i64 %{name}" for name in ("place", "count", *self.COMMON))
        f = Function(
            f"define internal i32 {self.name('several')}(ptr %result, ptr %reason, {numbers}, "
            "ptr %a, ptr %b, ptr %c, ptr %panels)"
        )
        f.put("%table = inttoptr i64 %place to ptr")
        write_words(f, {name: f"%{name}" for name in (*POINTERS, *self.COMMON)})
        f.put("store i64 0, ptr %result")
        one = self.name("one")
        f.either(f.new("icmp eq i64 %count, 1"), "single", "batch")
        f.mark("single")  # its chunks are shared
        f.put(f"call void {one}(ptr %words, i64 0)")
        f.put("ret i32 0")
        f.mark("batch")  # its products are
        terms = f.times(f.times("%M", "%N"), "%K")
        f.put(f"call void @share(ptr {one}, ptr %words, i64 %count, i64 {terms})")
        f.put("ret i32 0")
        return f.text()

    def entry(self, packed: bool) -> str:
        """Return what Python calls: of A, B and C, with room for copies of B where that is asked.

        Its numbers are the table's address, how many products there are, and `COMMON`.
        """
        name = entry_name(self.dtype, packed)
        kinds = signature_of(self.dtype, packed)
        sizes = len(kinds)
        numbers = ", ".join(f"i64 %n{place}" for place in range(NUMBERS))
        others = ", ".join(f"i64 %s{place}" for place in range(sizes))
        pointers = ", ".join(f"ptr %p{place}" for place in range(sizes))
        panels = "ptr %p3" if packed else "ptr null"
        first = "ptr %result, ptr %reason"
        f = Function(
            f"define internal i32 @{name}_kernel({first}, {numbers}, {others}, {pointers})"
        )
        given = f"{first}, {numbers}, ptr %p0, ptr %p1, ptr %p2, {panels}"
        status = f.new(f"call i32 {self.name('several')}({given})")
        f.put(f"ret i32 {status}")
        entry = native.Entry(f"{name}_kernel", kinds, NUMBERS, name, declares=False)
        return f.text() + entry.text


NUMBERS = 2 + len(Multiplying.COMMON)


def entry_name(dtype: str, packed: bool) -> str:
    """Return the name of an entry."""
    return f"retrograd_call_{dtype}{'_packed' if packed else ''}"


def signature_of(dtype: str, packed: bool) -> tuple[str, ...]:
    """Return the parameters of an entry."""
    scratch = (f"{dtype}/scratch",) if packed else ()
    return (f"{dtype}/in", f"{dtype}/in", f"{dtype}/out", *scratch)


def kind_of(name: str) -> str:
    return "ptr" if name in POINTERS else "i64"


def write_words(f: Function, words: dict[str, str]) -> None:
    """Put what chunks read into memory of the function, as ``%words``."""
    f.variables.append(f"  %words = alloca [{len(words)} x i64]")
    for place, (name, value) in enumerate(words.items()):
        f.store(f"{kind_of(name)} {value}", f.at("%words", "i64", place))


def read_words(f: Function, names: tuple[str, ...]) -> dict[str, str]:
    """Return what `write_words` has put there."""
    return {
        name: f.load(kind_of(name), f.at("%words", "i64", place))
        for place, name in enumerate(names)
    }


def text(shape: Shape) -> str:
    """Return LLVM's text of all products."""
    parts = [Multiplying(dtype, shape).text() for dtype in KINDS]
    head = "declare void @llvm.prefetch.p0(ptr, i32, i32, i32)"
    return "\n".join([head, team.text(), *parts, native.PLAIN_LOOPS])


# -- in memory -------------------------------------------------------------------------------------


class Linked:
    """The products in memory, and the team that shares them."""

    def __init__(self) -> None:
        written = text(shape())
        parts = (numba_backend.FORMAT, written, *numba_backend.surroundings())
        name = "products_" + hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
        entries = [(dtype, packed) for dtype in KINDS for packed in (False, True)]
        called = [entry_name(*one) for one in entries]
        exported = (*numba_backend.EXTERNAL, *called, "retrograd_team", "retrograd_help")
        library = numba_backend.recall(name, exported)
        if library is None:
            image = native.emit(written)
            library = native.link(image, exported)
            numba_backend.store(name, image)
        self.entries = {
            one: native.Code(library, signature_of(*one), entry)
            for one, entry in zip(entries, called)
        }
        self.symbols = {one: library[one] for one in numba_backend.EXTERNAL}
        self.team = team.Team(library)  # which holds it as long as the process


_lock = threading.Lock()
_linked: list[Linked] = []


def _renew() -> None:
    """Have a lock that no thread holds: in a forked process only one thread goes on."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


def linked(shared: bool) -> Linked:
    """Return the products in memory, with a team where one is large enough to be shared."""
    with _lock:
        if not _linked:
            _linked.append(Linked())
    if shared:
        _linked[0].team.ask()
    return _linked[0]


def symbols(shared: bool) -> dict[str, int]:
    """Return the addresses of the products by name.

    Parameters
    ----------
    shared : bool
        Whether one of them is large enough for a team.
    """
    return linked(shared).symbols


def bind(dtype: str, common: tuple[int, ...], table: np.ndarray, sizes: tuple[int, ...]) -> Any:
    """Return the builtin that computes a batch of products of A, B and C.

    Parameters
    ----------
    dtype : str
    common : tuple of int
        Numbers between rows and columns of A, the same of B, then M, N and K.
    table : numpy.ndarray of int64, (products, 3)
        Where A, B and C begin; contiguous, and to be kept as long as the builtin.
    sizes : tuple of int
        The numbers of A, B and C.
    """
    *_, bn, m, n, k = common
    room = shape().room(dtype, n, k, bn)
    terms = m * n * k
    code = linked(len(table) * terms >= FEWEST_SHARED).entries[dtype, room > 0]
    numbers = (table.ctypes.data, len(table), *common, room)
    scratch = (room * len(table),) if room else ()
    return code.bind(numbers, (*sizes, *scratch), release=True)
