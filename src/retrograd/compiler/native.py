"""Native: machine code as a builtin function of Python, which takes arrays as they are.

Nothing of numba is needed here: llvmlite puts the stored object of a kernel into memory, and a
`PyMethodDef` makes a builtin of its address.  Calling one costs some 40 ns and 3 ns an array, where
numba's dispatcher costs 500 ns and ctypes 600 and more.

Note [What the entry checks].  A kernel takes pointers; its entry, written here as LLVM's text,
reads them out of the array objects.  It returns a number that is not 0, and has touched nothing,
where an argument is no plain NumPy array of the declared dtype, is not contiguous or aligned, has
another number of elements, cannot be written but is to be, or shares memory with another where
that matters.  The caller computes by NumPy then.

Note [Layout of arrays].  The fields of an array object are part of NumPy's binary interface, the
same in NumPy 1 and 2.  They are compared once in each process with what NumPy says itself
(`check_layout`); where they differ nothing is loaded.
"""

from __future__ import annotations

import ctypes
import itertools
import os
import struct
import sys
import threading
from typing import Any

import numpy as np

from .llvm_text import Lines

HEAD = object.__basicsize__  # bytes before an object's own fields
BYTES_HEAD = bytes.__basicsize__ - 1  # where the bytes of a bytes object begin
# Of an array object, and of its dtype's.
DATA, RANK, SIZES, DESCR, FLAGS = (HEAD + offset for offset in (0, 8, 16, 40, 48))
ORDER, NUMBER = HEAD + 10, HEAD + 12
C_CONTIGUOUS, ALIGNED, WRITEABLE = 0x1, 0x100, 0x400
SWAPPED = ">" if sys.byteorder == "little" else "<"
READ, WRITTEN, SHARED, SCRATCH = "in", "out", "inout", "scratch"
WAYS = (READ, WRITTEN, SHARED, SCRATCH)
# What an entry returns; a kernel's own reasons are below.
NOT_AS_DECLARED, OVERLAPS, NO_MEMORY = 16, 17, 18
MOST_COMPARED = 64  # pairs of arrays whose comparisons are written out


def _numbered(name: str) -> tuple[int, ...]:
    """Return NumPy's numbers for a dtype: some kinds of integers have two names in C."""
    wanted = np.dtype(name)
    return tuple(sorted({np.dtype(one).num for one in "?bBhHiIlLqQfd" if np.dtype(one) == wanted}))


# LLVM's name of a dtype in memory, its bytes, and NumPy's numbers for it.
_TYPES = {"float32": ("float", 4, _numbered("float32")), "float64": ("double", 8, _numbered("f8"))}
_TYPES["boolean"] = ("i8", 1, _numbered("bool"))
for _bits in (8, 16, 32, 64):
    for _name in (f"int{_bits}", f"uint{_bits}"):
        _TYPES[_name] = (f"i{_bits}", _bits // 8, _numbered(_name))
# The two classes that a number may have.
_SCALARS = {name: (np.dtype(name).type,) * 2 for name in _TYPES if name != "boolean"}
_SCALARS["boolean"] = (np.bool_, np.bool_)
_SCALARS["float64"] = (np.float64, float)
_SCALARS["int64"] = (np.int64, np.longlong)
# What machine code depends on here.
LAYOUT = (HEAD, BYTES_HEAD, SWAPPED, [numbers for _, _, numbers in _TYPES.values()])
# The first words of a builtin's table, before the numbers and two words for each parameter.
_SAVE, _RESTORE, _LONG, _MALLOC, _FREE, _ARRAY, _WORDS = range(7)


def parsed(signature: tuple[str, ...]) -> list[tuple[str, str]]:
    """Return dtype and way of each parameter; a number has the way ""."""
    found = []
    for one in signature:
        dtype, _, way = one.partition("/")
        if dtype not in _TYPES or way not in ("", *WAYS):
            raise ValueError(f"no parameter of a kernel: {one!r}")
        found.append((dtype, way))
    return found


# -- the entry ------------------------------------------------------------------------------------

# Once in a module with entries: their loops over sizes are left as they are, being short.
PLAIN_LOOPS = """
!0 = distinct !{!0, !1, !2}
!1 = !{!"llvm.loop.vectorize.enable", i1 false}
!2 = !{!"llvm.loop.unroll.disable"}
"""

class Entry(Lines):
    """The text of an entry: ``entry(self, arguments, count)``, called as METH_FASTCALL.

    `PLAIN_LOOPS` have to follow it in the module.

    Parameters
    ----------
    kernel : str
        The name of the function that takes numbers, sizes, and pointers or numbers; it returns
        its own result through a pointer, as numba's functions do.
    signature : tuple of str
    numbers : int
        How many numbers come first.
    name : str
        Its own name.
    declares : bool
        Whether the kernel is in another text.
    """

    def __init__(
        self,
        kernel: str,
        signature: tuple[str, ...],
        numbers: int,
        name: str = "entry",
        declares: bool = True,
    ) -> None:
        super().__init__()
        self.kernel = kernel
        self.name = name
        self.declares = declares
        self.parameters = parsed(signature)
        self.numbers = numbers
        self.text = self._write()

    def field(self, pointer: str, offset: int, kind: str) -> str:
        """Load from so many bytes behind a pointer."""
        place = self.new(f"getelementptr i8, ptr {pointer}, i64 {offset}")
        return self.new(f"load {kind}, ptr {place}")

    def word(self, number: int, kind: str = "i64") -> str:
        return self.field("%table", 8 * number, kind)

    def unless(self, test: str, other: str = "wrong") -> None:
        """Go elsewhere unless a test holds."""
        on = f"l{next(self.names)}"
        self.put(f"br i1 {test}, label %{on}, label %{other}")
        self.mark(on)

    def place(self, parameter: int) -> int:
        return _WORDS + self.numbers + 2 * parameter

    def _write(self) -> str:
        given = [p for p, (_, way) in enumerate(self.parameters) if way != SCRATCH]
        self.put("%result = alloca i64")
        self.put("%reason = alloca ptr")
        self.put(f"%table = getelementptr i8, ptr %self, i64 {BYTES_HEAD}")
        array = self.word(_ARRAY)
        self.unless(self.new(f"icmp eq i64 %count, {len(given)}"))
        passed: dict[int, str] = {}
        ends: dict[int, str] = {}
        for place, parameter in enumerate(given):
            dtype, way = self.parameters[parameter]
            thing = self.field("%arguments", 8 * place, "ptr")
            kind = self.field(thing, HEAD - 8, "i64")
            if way:
                self.unless(self.new(f"icmp eq i64 {kind}, {array}"))
                passed[parameter] = self._array(thing, parameter, dtype, way)
                ends[parameter] = self._end(passed[parameter], parameter, dtype)
            else:
                passed[parameter] = self._number(thing, kind, parameter, dtype)
        self._compare(passed, ends)
        scratch = []
        for parameter, (dtype, way) in enumerate(self.parameters):
            if way == SCRATCH:
                size = self.word(self.place(parameter))
                width = self.new(f"mul i64 {size}, {_TYPES[dtype][1]}")
                scratch.append(self.new(f"call ptr {self.word(_MALLOC, 'ptr')}(i64 {width})"))
                passed[parameter] = scratch[-1]
        if scratch:
            tests = [self.new(f"icmp eq ptr {one}, null") for one in scratch]
            fails = tests[0]
            for one in tests[1:]:
                fails = self.new(f"or i1 {fails}, {one}")
            self.put(f"br i1 {fails}, label %full, label %run")
            self.mark("run")
        result = self._call(passed)
        if scratch:
            self.put("br label %free")
            self.mark("full")
            self.put("br label %free")
            self.mark("free")
            result = self.new(f"phi i64 [ {result}, %called ], [ {NO_MEMORY}, %full ]")
            for one in scratch:  # free of null does nothing
                self.put(f"call void {self.word(_FREE, 'ptr')}(ptr {one})")
        self.put("br label %done")
        last = "free" if scratch else "called"
        self.mark("wrong")
        self.put("br label %done")
        self.mark("shared")
        self.put("br label %done")
        self.mark("done")
        ways = f"[ {result}, %{last} ], [ {NOT_AS_DECLARED}, %wrong ], [ {OVERLAPS}, %shared ]"
        self.put(f"%answer = phi i64 {ways}")
        self.put(f"%object = call ptr {self.word(_LONG, 'ptr')}(i64 %answer)")
        self.put("ret ptr %object")
        kinds = ", ".join(["ptr", "ptr", *self._kinds()])
        return "\n".join([
            f"declare i32 @{self.kernel}({kinds})" if self.declares else "",
            f"define ptr @{self.name}(ptr %self, ptr %arguments, i64 %count) {{",
            "begin:",
            *self.lines,
            "}",
            "",
        ])  # fmt: skip

    def _kinds(self) -> list[str]:
        kinds = ["i64"] * (self.numbers + len(self.parameters))
        for dtype, way in self.parameters:
            kinds.append("ptr" if way else _TYPES[dtype][0])
        return kinds

    def _array(self, thing: str, parameter: int, dtype: str, way: str) -> str:
        """Write the checks of an array; return its pointer."""
        descr = self.field(thing, DESCR, "ptr")
        number = self.field(descr, NUMBER, "i32")
        tests = [self.new(f"icmp eq i32 {number}, {one}") for one in sorted({*_TYPES[dtype][2]})]
        same = tests[0]
        for one in tests[1:]:
            same = self.new(f"or i1 {same}, {one}")
        self.unless(same)
        order = self.field(descr, ORDER, "i8")
        self.unless(self.new(f"icmp ne i8 {order}, {ord(SWAPPED)}"))
        wanted = C_CONTIGUOUS | ALIGNED | (0 if way == READ else WRITEABLE)
        flags = self.new(f"and i32 {self.field(thing, FLAGS, 'i32')}, {wanted}")
        self.unless(self.new(f"icmp eq i32 {flags}, {wanted}"))
        # The number of elements: the product of the sizes.
        rank = self.new(f"zext i32 {self.field(thing, RANK, 'i32')} to i64")
        sizes = self.field(thing, SIZES, "ptr")
        before, loop, body, after = (f"{name}{parameter}" for name in ("in", "loop", "body", "out"))
        self.put(f"br label %{before}")
        self.mark(before)
        self.put(f"br label %{loop}")
        self.mark(loop)
        axis, size = f"%axis{parameter}", f"%size{parameter}"
        self.put(f"{axis} = phi i64 [ 0, %{before} ], [ {axis}n, %{body} ]")
        self.put(f"{size} = phi i64 [ 1, %{before} ], [ {size}n, %{body} ]")
        self.put(f"{axis}m = icmp ult i64 {axis}, {rank}")
        self.put(f"br i1 {axis}m, label %{body}, label %{after}")
        self.mark(body)
        place = self.new(f"getelementptr i64, ptr {sizes}, i64 {axis}")
        self.put(f"{size}n = mul i64 {size}, {self.new(f'load i64, ptr {place}')}")
        self.put(f"{axis}n = add i64 {axis}, 1")
        self.put(f"br label %{loop}, !llvm.loop !0")
        self.mark(after)
        self.unless(self.new(f"icmp eq i64 {size}, {self.word(self.place(parameter))}"))
        return self.field(thing, DATA, "ptr")

    def _end(self, pointer: str, parameter: int, dtype: str) -> str:
        size = self.word(self.place(parameter))
        width = self.new(f"mul i64 {size}, {_TYPES[dtype][1]}")
        return self.new(f"getelementptr i8, ptr {pointer}, i64 {width}")

    def _number(self, thing: str, kind: str, parameter: int, dtype: str) -> str:
        first, second = self.word(self.place(parameter)), self.word(self.place(parameter) + 1)
        one, other = self.new(f"icmp eq i64 {kind}, {first}"), f"icmp eq i64 {kind}, {second}"
        self.unless(self.new(f"or i1 {one}, {self.new(other)}"))
        return self.field(thing, HEAD, _TYPES[dtype][0])

    def _compare(self, passed: dict[int, str], ends: dict[int, str]) -> None:
        """Write the checks that what is read and written shares no memory with the rest."""
        shared = [one for one in ends if self.parameters[one][1] == SHARED]
        read = [one for one in ends if self.parameters[one][1] == READ]
        if len(shared) * len(ends) > MOST_COMPARED:
            self._compare_listed([(passed[one], ends[one]) for one in shared + read], len(shared))
            return
        for place, one in enumerate(shared):
            for other in (*shared[place + 1 :], *read):
                apart = self._apart((passed[one], ends[one]), (passed[other], ends[other]))
                self.unless(apart, "shared")

    def _apart(self, one: tuple[str, str], other: tuple[str, str]) -> str:
        """Test whether one array ends before the other begins; both are given by these."""
        below = self.new(f"icmp ule ptr {one[1]}, {other[0]}")
        above = self.new(f"icmp ule ptr {other[1]}, {one[0]}")
        return self.new(f"or i1 {below}, {above}")

    def _compare_listed(self, arrays: list[tuple[str, str]], shared: int) -> None:
        """Write loops that compare the first so many of some arrays with each that comes later."""
        for name, column in zip(("begins", "ends"), zip(*arrays)):
            self.put(f"%{name} = alloca [{len(arrays)} x ptr]")
            for place, pointer in enumerate(column):
                into = self.new(f"getelementptr ptr, ptr %{name}, i64 {place}")
                self.put(f"store ptr {pointer}, ptr {into}")
        self.put("br label %listed")
        self.mark("listed")
        self.put("br label %first")
        self.mark("first")
        self.put("%one = phi i64 [ 0, %listed ], [ %later, %each ]")
        self.put(f"%is_shared = icmp ult i64 %one, {shared}")
        self.put("br i1 %is_shared, label %row, label %apart")
        self.mark("row")
        self.put("%later = add i64 %one, 1")
        row = self._listed("%one")
        self.put("br label %each")
        self.mark("each")
        self.put("%other = phi i64 [ %later, %row ], [ %next, %pair ]")
        self.put(f"%is_listed = icmp ult i64 %other, {len(arrays)}")
        self.put("br i1 %is_listed, label %pair, label %first")
        self.mark("pair")
        self.put("%next = add i64 %other, 1")
        apart = self._apart(row, self._listed("%other"))
        self.put(f"br i1 {apart}, label %each, label %shared")
        self.mark("apart")

    def _listed(self, place: str) -> tuple[str, str]:
        """Load where a listed array begins and ends."""
        begin = self.new(f"getelementptr ptr, ptr %begins, i64 {place}")
        end = self.new(f"getelementptr ptr, ptr %ends, i64 {place}")
        return self.new(f"load ptr, ptr {begin}"), self.new(f"load ptr, ptr {end}")

    def _call(self, passed: dict[int, str]) -> str:
        arguments = [f"i64 {self.word(_WORDS + number)}" for number in range(self.numbers)]
        arguments += [f"i64 {self.word(self.place(p))}" for p in range(len(self.parameters))]
        for parameter, (dtype, way) in enumerate(self.parameters):
            kind = "ptr" if way else _TYPES[dtype][0]
            arguments.append(f"{kind} {passed[parameter]}")
        save = self.word(_SAVE, "ptr")
        self.put(f"%releases = icmp ne ptr {save}, null")
        self.put("br i1 %releases, label %release, label %held")
        self.mark("release")
        self.put(f"%saved = call ptr {save}()")
        self.put("br label %go")
        self.mark("held")
        self.put("br label %go")
        self.mark("go")
        self.put("%state = phi ptr [ %saved, %release ], [ null, %held ]")
        listed = ", ".join(["ptr %result", "ptr %reason", *arguments])
        status = self.new(f"call i32 @{self.kernel}({listed})")
        self.put("br i1 %releases, label %take, label %called")
        self.mark("take")
        self.put(f"call void {self.word(_RESTORE, 'ptr')}(ptr %state)")
        self.put("br label %called")
        self.mark("called")
        good = self.new(f"icmp eq i32 {status}, 0")
        own = self.new("load i64, ptr %result")
        return self.new(f"select i1 {good}, i64 {own}, i64 {NOT_AS_DECLARED}")


# -- loading --------------------------------------------------------------------------------------


class _Method(ctypes.Structure):
    """PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("text", ctypes.c_char_p),
    )


_FASTCALL = 0x80
_lock = threading.Lock()
_engine: list[Any] = []
_counter = itertools.count()


def _renew() -> None:
    """Have a lock that no thread holds: in a forked process only one thread goes on."""
    global _lock
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew)


class Code:
    """A kernel in memory.

    Parameters
    ----------
    library : object
        From `link`; it has the kernel's entry.
    signature : tuple of str
    entry : str
        The name of the entry.
    """

    def __init__(self, library: Any, signature: tuple[str, ...], entry: str = "entry") -> None:
        self.parameters = parsed(signature)
        self.library = library
        self.method = _Method(b"kernel", library[entry], _FASTCALL, None)

    def bind(self, numbers: tuple[int, ...], sizes: tuple[int, ...], release: bool = False) -> Any:
        """Return the builtin that runs the kernel with some numbers, on arrays of some sizes.

        Parameters
        ----------
        numbers : tuple of int
        sizes : tuple of int
            The elements of each parameter; of a number, anything.
        release : bool
            Let other threads run during a call.

        Returns
        -------
        builtin
            It takes the parameters but scratch, and returns 0 where it has run.
        """
        words = [*_functions(release), *numbers]
        for (dtype, way), size in zip(self.parameters, sizes, strict=True):
            words += [size, 0] if way else [id(kind) for kind in _SCALARS[dtype]]
        table = struct.pack(f"{len(words)}q", *words)
        # The builtin holds its `self` and its `module`: the table, and the code that it runs.
        new = ctypes.pythonapi.PyCFunction_NewEx
        make = ctypes.PYFUNCTYPE(
            ctypes.py_object, ctypes.c_void_p, ctypes.py_object, ctypes.py_object
        )(ctypes.cast(new, ctypes.c_void_p).value)
        return make(ctypes.addressof(self.method), table, self)


def _functions(release: bool) -> list[int]:
    """Return the words that every table begins with."""
    python = ctypes.pythonapi
    names = [
        python.PyEval_SaveThread if release else None,
        python.PyEval_RestoreThread,
        python.PyLong_FromLongLong,
        python.PyMem_RawMalloc,
        python.PyMem_RawFree,
    ]
    found = [ctypes.cast(one, ctypes.c_void_p).value or 0 if one else 0 for one in names]
    return [*found, id(np.ndarray)]


def check_layout() -> None:
    """Raise RuntimeError where an array object is not laid out as the entries expect."""
    given = np.zeros((3, 5, 7), np.float32)[:, :4]
    for array, flags in ((given, ALIGNED | WRITEABLE), (given.copy(), 0x501)):
        place, kind = id(array), id(array.dtype)
        rank = ctypes.c_int.from_address(place + RANK).value
        sizes = ctypes.c_void_p.from_address(place + SIZES).value
        found = (
            ctypes.c_void_p.from_address(place + DATA).value,
            ctypes.c_void_p.from_address(place + HEAD - 8).value,
            ctypes.c_void_p.from_address(place + DESCR).value,
            rank,
            tuple((ctypes.c_ssize_t * 3).from_address(sizes)) if rank == 3 and sizes else None,
            ctypes.c_int.from_address(place + FLAGS).value & 0x501,
            ctypes.c_char.from_address(kind + ORDER).value,
            ctypes.c_int.from_address(kind + NUMBER).value,
        )
        right = (array.ctypes.data, id(np.ndarray), kind, 3, array.shape, flags, b"=", 11)
        if found != right:
            raise RuntimeError("array objects of this NumPy are not laid out as expected")
    held = (ctypes.c_char * 4).from_address(id(b"abcd") + BYTES_HEAD).raw
    if held != b"abcd" or ctypes.sizeof(ctypes.c_void_p) != 8:
        raise RuntimeError("objects of this Python are not laid out as expected")


def link(
    image: bytes,
    exported: tuple[str, ...] = ("entry",),
    symbols: dict[str, int] | None = None,
) -> Any:
    """Put an object file into memory; return what has the addresses of what it exports."""
    import llvmlite.binding as llvm

    builder = llvm.JITLibraryBuilder().add_object_img(image)
    for symbol in exported:
        builder.export_symbol(symbol)
    for symbol, address in (symbols or {}).items():
        builder.import_symbol(symbol, address)
    name = f"retrograd_{next(_counter)}"
    with _lock:
        if not _engine:
            check_layout()
            _engine.append(llvm.create_lljit_compiler(target_machine(), suppress_errors=True))
        return builder.add_current_process().link(_engine[0], name)


def emit(text: str) -> bytes:
    """Return the object file of LLVM's text; Python's lock is free for most of it."""
    import llvmlite.binding as llvm

    machine = target_machine()
    module = llvm.parse_assembly(text)
    module.verify()
    options = llvm.create_pipeline_tuning_options(speed_level=3)
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    image: bytes = machine.emit_object(module)
    return image


def target_machine() -> Any:
    """Return llvmlite's description of this processor."""
    import llvmlite.binding as llvm

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    target = llvm.Target.from_triple(llvm.get_process_triple())
    cpu, features = processor()
    return target.create_target_machine(cpu=cpu, features=features, opt=3, jit=True, reloc="pic")


def processor() -> tuple[str, str]:
    """Return the name of this processor and what it can do, in LLVM's words."""
    import llvmlite.binding as llvm

    return llvm.get_host_cpu_name(), llvm.get_host_cpu_features().flatten()
