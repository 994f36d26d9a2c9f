"""Export: a function on example inputs, recorded, opened, and saved as calls by name."""

from __future__ import annotations

import contextlib
import json
import math
import sys
from typing import Any

import numpy as np

from .._core.modes import set_grad
from .._core.op import Op, registry
from .._core.tracing import set_recorder
from .._core.value import Value
from ..inplace import write_ufunc
from ..nn.module import Module
from .effects import watching
from .exported import DTYPES, FORMAT, FUNCTIONS, VERSION, ExportError
from .guards import Guards, flatten
from .loading import part_of
from .lowering import Program, lower
from .mirror import imaginary_part, real_part, turned_matrices
from .passes import draws
from .recorder import Recorder
from .trace import (
    CALL,
    WRITE,
    Argument,
    Captured,
    Named,
    OutNumber,
    OutTensor,
    OutValue,
    OutView,
    Ref,
    Segment,
    Step,
    getitem,
    into_out,
    refs_in,
    setitem,
    transposed,
)
from .whole import Place, Whole

_NAMES = {id(function): name for name, function in FUNCTIONS.items()}
# What the recorder and the mirror call these is another object than what runs a file by itself.
_NAMES |= {
    id(one): one.__name__
    for one in (
        write_ufunc, getitem, setitem, transposed, into_out, turned_matrices, real_part,
        imaginary_part,
    )
}  # fmt: skip


def export(f: Any, example_inputs: Any, path: Any) -> None:
    """Save what a function does, and the tensors it uses, to one file without code.

    The function runs once, on the examples, without recording gradients.  It must go one way
    whatever the values are.

    Parameters
    ----------
    f : callable or Module
        A module in the mode (`train` or `eval`) that it is in.
    example_inputs : tuple of tensors, or one tensor
        The file's function takes tensors of these shapes and dtypes.
    path : path or file object

    Raises
    ------
    ExportError
        For a function that looks at values, changes tensors or objects from outside, draws random
        numbers, or calls what cannot be named.

    Examples
    --------
    >>> import io
    >>> import retrograd as torch
    >>> file = io.BytesIO()
    >>> torch.compiler.export(torch.nn.Linear(3, 2), torch.ones(1, 3), file)
    >>> again = torch.compiler.load(io.BytesIO(file.getvalue()))
    >>> again(torch.ones(1, 3)).shape
    torch.Size([1, 2])
    """
    inputs = tuple(example_inputs) if isinstance(example_inputs, (tuple, list)) else (
        example_inputs,
    )  # fmt: skip
    for one in inputs:
        if not isinstance(one, Value):
            raise TypeError(f"export: example inputs are tensors, got {type(one).__name__}")
    writer = recorded(f, inputs)
    data = Export(f, writer, inputs).file()
    if hasattr(path, "write"):
        path.write(data)
    else:
        with open(path, "wb") as file:
            file.write(data)


def recorded(f: Any, inputs: Any) -> Recorder:
    """Run a function on its examples; return the recorder of its one segment."""
    if not callable(f):
        raise TypeError(f"export: expected a function or a module, got {type(f).__name__}")
    f = getattr(f, "__wrapped__", f)
    key, tensors = flatten(inputs, {})
    guards = Guards(key, len(inputs))
    guards.start(f, inputs, {})
    writer = Recorder(tensors, Segment(0, None)).start()
    writer.reachable = guards.reads.tensors
    writer.by_reference = guards.by_reference
    was = set_grad(False)
    before = set_recorder(writer)
    try:
        # Under a debugger or a coverage tool effects of Python cannot be watched.
        watched = sys.gettrace() is None and sys.getprofile() is None
        with watching(writer, guards.reads) if watched else contextlib.nullcontext():
            result = f(*inputs)
        writer.finish(result)
    finally:
        set_recorder(before)
        set_grad(was)
    if writer.failed:
        raise ExportError(f"export: {writer.failed}")
    for segment in writer.new_segments[:-1]:
        if segment.kind != "layout":
            raise ExportError(
                f"export: the function looks at a value ({segment.kind}) and goes on by it; a file "
                "holds one way only. Use where() in place of if, or export the parts"
            )
    return writer


def joined(segments: list[Segment]) -> Segment:
    """Return segments that follow one another as one."""
    whole = Segment(0, None)
    for segment in segments:
        whole.slots += segment.slots
        whole.steps += segment.steps
    whole.outputs = segments[-1].outputs
    return whole


class Export:
    """Writes one recorded function as a file.

    Parameters
    ----------
    f : callable
    writer : Recorder
    inputs : tuple of Value
    """

    def __init__(self, f: Any, writer: Recorder, inputs: Any) -> None:
        self.segment = joined(writer.new_segments)
        self.program: Program = lower(self.segment, writer.values)
        self.inputs = inputs
        self.names: dict[int, str] = {}
        owner = f if isinstance(f, Module) else getattr(f, "__self__", None)
        if isinstance(owner, Module):
            for name, one in [*owner.named_parameters(), *owner.named_buffers()]:
                self.names[id(one)] = name
        self.arrays: dict[str, Any] = {}
        self.slots: list[Any] = []
        self.placed: dict[int, int] = {}  # the slot of a tensor from outside
        self.given: list[Any] = []
        self.steps: list[Any] = []

    def file(self) -> bytes:
        """Return the bytes of the file."""
        self.sources()
        self.write_steps()
        result = self.result(self.segment.outputs)
        listed, parts, at = {}, [], 0
        for name, array in self.arrays.items():
            data = np.ascontiguousarray(array).tobytes()
            offsets = [at, at + len(data)]
            shape = list(array.shape)
            listed[name] = {"dtype": array.dtype.name, "shape": shape, "offsets": offsets}
            parts.append(data)
            at += len(data)
        header = {
            "format": FORMAT, "version": VERSION, "inputs": self.given, "slots": self.slots,
            "steps": self.steps, "result": result, "arrays": listed,
        }  # fmt: skip
        text = json.dumps(header, allow_nan=False).encode()
        return len(text).to_bytes(8, "little") + text + b"".join(parts)

    # -- arrays -----------------------------------------------------------------------------------

    def keep(self, array: Any, name: str = "") -> str:
        """Keep an array; return the name that it has in the file."""
        array = np.asarray(array)
        if array.dtype.name not in DTYPES:
            raise ExportError(f"export: an array of dtype {array.dtype} cannot be saved")
        if not name or name in self.arrays:
            name = f"{name or 'constant'}_{len(self.arrays)}"
        self.arrays[name] = array
        return name

    def sources(self) -> None:
        segment = self.segment
        slots = {}
        for place, slot in enumerate(segment.slots):
            number, source = segment.first + place, slot.source
            if isinstance(source, Argument):
                slots[source.place] = number
            elif isinstance(source, Captured):
                self.outside(source.value, number)
            elif source is not None:
                raise ExportError("export: the function reads a .grad")
        for place, value in enumerate(self.inputs):
            number = slots.get(place, 1_000_000 + place)
            about = {
                "slot": number, "shape": list(value.get_shape()), "dtype": value.get_dtype().name
            }  # fmt: skip
            self.given.append(about)

    def outside(self, value: Any, number: int) -> int:
        name = self.names.get(id(value), "")
        self.slots.append([number, self.keep(value.array, name or f"captured_{number}")])
        self.placed[id(value)] = number
        return number

    # -- steps ------------------------------------------------------------------------------------

    def write_steps(self) -> None:
        """Write each step of the segment: opened where all of it has a name, else whole."""
        parts: dict[int, list[Step]] = {}
        for step, origin in zip(self.program.steps, self.program.origins):
            parts.setdefault(origin, []).append(step)
        for place, whole in enumerate(self.segment.steps):
            self.check(whole)
            fine = parts.get(place, [])
            if all(self.function(step) for step in fine) and self.tries(fine):
                continue
            if whole.kind == CALL and not refs_in((whole.args, whole.settings)):
                self.constant(whole)
            elif not (self.function(whole) and self.tries([whole])):
                name = whole.name or getattr(whole.function, "__name__", "a call")
                raise ExportError(f"export: {name} can be saved neither opened nor whole")

    def tries(self, steps: list[Step]) -> bool:
        """Write some steps; say whether all their arguments can be written."""
        before = len(self.steps)
        try:
            for step in steps:
                outs = list(step.outs) if isinstance(step.outs, tuple) else step.outs
                args, settings = step.args, step.settings
                if isinstance(step.function, Whole):
                    call = step.function
                    args = (unplaced(call.args, args), unplaced(call.settings, args))
                self.steps.append({
                    "call": self.function(step), "args": [self.value(one) for one in args],
                    "settings": {k: self.value(one) for k, one in settings.items()},
                    "outs": outs, "wrap": step.wrap,
                })  # fmt: skip
        except Unwritten:
            del self.steps[before:]
            return False
        return True

    def check(self, step: Step) -> None:
        """Refuse steps with effects."""
        if draws(step):
            raise ExportError(f"export: {step.name} draws random numbers")
        if step.kind == WRITE:
            target = step.args[0].number
            layout = self.program.layouts.get(target)
            owner = target if layout is None else layout.owner
            place = owner - self.segment.first
            if 0 <= place < len(self.segment.slots) and self.segment.slots[place].source is None:
                return
            raise ExportError(f"export: {step.name} changes a tensor from outside the function")
        if step.kind != CALL:
            raise ExportError(f"export: {step.name} changes a tensor from outside the function")

    def constant(self, step: Step) -> None:
        """Run a step that takes no arrays, and keep what it gives; each run gets a copy of it."""
        out = step.function(*step.args, **step.settings)
        outs = step.outs if isinstance(step.outs, tuple) else (step.outs,)
        for number, one in zip(outs, out if isinstance(step.outs, tuple) else (out,)):
            if number is not None:
                self.steps.append({
                    "call": "ndarray.copy", "args": [{"array": self.keep(one)}, "K"],
                    "settings": {}, "outs": number, "wrap": False,
                })  # fmt: skip

    def function(self, step: Step) -> str:
        """Return the name of a step's function, empty where it has none."""
        function = step.function
        name = _NAMES.get(id(function), "")
        if isinstance(function, Whole):
            return f"front.{function.front.__name__}"
        if not name:
            name = (op_of(function) if step.kind == CALL else "") or part_name(function)
        if not name:
            owner = getattr(function, "__self__", None)
            stem = _NAMES.get(id(owner), "") if isinstance(owner, np.ufunc) else ""
            name = f"{stem}.{function.__name__}" if stem else ""
            name = name if name in FUNCTIONS else ""
        return name

    def value(self, given: Any) -> Any:
        """Return an argument as JSON."""
        if given is None or isinstance(given, (bool, str)) or type(given) is int:
            return given
        if isinstance(given, Ref):
            return {"slot": given.number}
        if type(given) is float:
            return given if math.isfinite(given) else {"float": repr(given)}
        if type(given) is complex:
            return {"complex": [repr(given.real), repr(given.imag)]}
        if type(given) in (tuple, list):
            inside = [self.value(one) for one in given]
            return inside if type(given) is list else {"tuple": inside}
        if type(given) is dict:
            return {"dict": {str(key): self.value(one) for key, one in given.items()}}
        if isinstance(given, tuple) and part_name(type(given)):
            name = part_name(type(given)).partition(".")[2]
            return {"named": [name, [self.value(one) for one in given]]}
        if isinstance(given, slice):
            return {"slice": [self.value(o) for o in (given.start, given.stop, given.step)]}
        if given is Ellipsis:
            return {"ellipsis": True}
        if isinstance(given, np.dtype) or (isinstance(given, type) and given in _TYPES):
            name = np.dtype(given).name
            if name in DTYPES:
                return {"dtype": name}
        if isinstance(given, np.generic):
            return {"scalar": self.keep(given)}
        if type(given) is np.ndarray:
            return {"array": self.keep(given)}
        if id(given) in _NAMES:
            return {"call": _NAMES[id(given)]}
        raise Unwritten

    def result(self, given: Any) -> Any:
        """Return the function's result as JSON."""
        if isinstance(given, (OutTensor, OutNumber, OutView)):
            return {"slot": given.number}
        if isinstance(given, OutValue):
            if given.place is not None:
                return {"slot": self.given[given.place]["slot"]}
            number = self.placed.get(id(given.value))
            if number is None:
                number = self.outside(given.value, 2_000_000 + len(self.slots))
            return {"slot": number}
        if isinstance(given, Named):
            return {"tuple": [self.result(one) for one in given.parts]}
        if isinstance(given, list):
            return [self.result(one) for one in given]
        if isinstance(given, tuple):
            return {"tuple": [self.result(one) for one in given]}
        if isinstance(given, dict):
            return {"dict": {str(key): self.result(one) for key, one in given.items()}}
        return self.value(given)


class Unwritten(Exception):
    """An argument that JSON cannot hold."""


_TYPES = {bool, int, float, complex, *[dtype.type for dtype in DTYPES.values()]}


def part_name(thing: Any) -> str:
    """Return ``part.ops.lookup.expect_rows`` for what `part_of` finds by that name."""
    module = str(getattr(thing, "__module__", "")).partition(".")[2]
    name = f"{module}.{getattr(thing, '__name__', '')}"
    return f"part.{name}" if part_of(name) is thing else ""


def unplaced(given: Any, args: Any) -> Any:
    """Return a template of a `Whole` with the arguments at its places."""
    if isinstance(given, Place):
        return args[given.number]
    if type(given) in (list, tuple):
        return type(given)([unplaced(one, args) for one in given])
    if type(given) is dict:
        return {key: unplaced(one, args) for key, one in given.items()}
    return given


def op_of(function: Any) -> str:
    """Return ``op.name`` for an operation or its kernel, empty for others."""
    if isinstance(function, Op):
        return f"op.{function.name}" if registry.get(function.name) is function else ""
    for name, op in registry.items():
        if op.kernel is function:
            return f"op.{name}"
    return ""
