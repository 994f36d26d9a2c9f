"""Codegen: a segment as the source of a Python function, straight and without any dispatch."""

from __future__ import annotations

import keyword
import linecache
import math
import weakref
from collections import Counter
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np

from .._core.storage import clock, tick, write_all
from .._core.value import Value
from ..inplace import write_ufunc
from ..tensor import Tensor, raw
from .node import CompiledNode
from .trace import (
    CALL,
    GRAD,
    HOST,
    NAMED_OUT,
    TOUCH,
    WRITE,
    Argument,
    Captured,
    CapturedGrad,
    Incoming,
    Named,
    OutBase,
    OutCell,
    OutDetached,
    OutGrad,
    OutGradView,
    OutHeldGrad,
    OutLeaf,
    OutNumber,
    OutTensor,
    OutValue,
    OutView,
    Ref,
    Segment,
    Step,
    getitem,
    into_out,
    key_of,
    refs_in,
    setitem,
    slot_name,
    transposed,
)

if TYPE_CHECKING:
    from .buffers import Plan

_numbers = count(1)
NOTING = "if keep is not None: keep(locals())"  # an example for lowering


class Writer:
    """Writes the source of one segment.

    Parameters
    ----------
    segment : Segment
    plan : Plan, optional
        The segment in single NumPy calls; without it, its steps are called as they were recorded.
    backward : Plan, optional
        The same of its backward.
    """

    def __init__(
        self, segment: Segment, plan: Plan | None = None, backward: Plan | None = None
    ) -> None:
        self.segment = segment
        self.plan = plan
        self.backward_plan = backward
        self.fixed: set[int] = set() if plan is None else plan.fixed
        self.steps = segment.steps if plan is None else plan.program.steps
        self.names: dict[str, Any] = {
            "asarray": np.asarray,
            "Tensor": Tensor,
            "raw": raw,
            "tick": tick,
            "key_of": key_of,
            "keep": None,
            "edges": (),
        }
        self.by_id: dict[int, str] = {}
        self.lines: list[str] = []
        self.read: set[int] = set()
        self.standing: Counter[int] = Counter()  # by its id, how often a new tensor is returned
        self.made_already: set[int] = set()
        self.touched: list[Step] = []
        self.last = segment.first + len(segment.slots)

    # -- expressions ------------------------------------------------------------------------------

    def name_of(self, thing: Any, stem: str) -> str:
        """Return the name by which the source calls an object."""
        found = self.by_id.get(id(thing))
        if found is not None:
            return found
        stem = "".join(c if c.isalnum() or c == "_" else "_" for c in stem) or "k"
        if stem[0].isdigit() or keyword.iskeyword(stem) or stem == "t" or stem == "e":
            stem = "_" + stem
        name = stem
        number = 1
        while name in self.names or (name[0] in "svg" and name[1:].isdigit()):
            number += 1
            name = f"{stem}_{number}"
        self.names[name] = thing
        self.by_id[id(thing)] = name
        return name

    def text(self, given: Any) -> str:
        """Return an argument as an expression."""
        if isinstance(given, Ref):
            number = given.number
            if 0 <= number < self.segment.first and number not in self.fixed:
                self.read.add(number)
            return slot_name(number)
        if given is None or isinstance(given, (bool, str)) or type(given) is int:
            return repr(given)
        if type(given) is float and math.isfinite(given):
            return repr(given)
        if type(given) is tuple and refs_in(given):
            inside = ", ".join(self.text(one) for one in given)
            return f"({inside},)" if len(given) == 1 else f"({inside})"
        if type(given) is list and refs_in(given):
            return f"[{', '.join(self.text(one) for one in given)}]"
        if type(given) is dict and refs_in(given):
            inside = ", ".join(f"{key!r}: {self.text(one)}" for key, one in given.items())
            return f"{{{inside}}}"
        return self.name_of(given, "k")

    def call(self, step: Step) -> str:
        if not step.settings:
            short = self.short(step)
            if short is not None:
                return short
        function = self.name_of(step.function, step.name)
        args = [self.text(one) for one in step.args]
        args += [f"{key}={self.text(one)}" for key, one in step.settings.items()]
        return f"{function}({', '.join(args)})"

    def short(self, step: Step) -> str | None:
        """Return a call as Python writes it best, None where that is as a call."""
        function, args = step.function, step.args
        if not args or not isinstance(args[0], Ref):
            return None
        first = self.text(args[0])
        if function is transposed:
            return f"{first}.T"
        if function is getitem:
            return f"{first}[{self.text(args[1])}]"
        if isinstance(function, type(np.ndarray.dot)) and function in _NDARRAY:
            return f"{first}.{function.__name__}({', '.join(map(self.text, args[1:]))})"
        return None

    # -- statements -------------------------------------------------------------------------------

    def put(self, line: str) -> None:
        self.lines.append("    " + line)

    def sources(self) -> None:
        for place, slot in enumerate(self.segment.slots):
            number = self.segment.first + place
            source = slot.source
            if number in self.fixed:
                continue
            if isinstance(source, Argument):
                self.put(f"s{number} = t[{source.place}].array")
            elif isinstance(source, Captured):
                self.put(f"s{number} = {self.name_of(source.value, 'captured')}.array")
            elif isinstance(source, CapturedGrad):
                if slot.dtype is type(None):
                    self.put(f"s{number} = None")
                else:
                    self.put(f"g{number} = {self.cell(source.cell)}.grad")
                    self.put(f"s{number} = g{number}.array")

    def cell(self, cell: Any) -> str:
        """Return where a `.grad` is: an argument's by its place, or the cell itself."""
        return f"t[{cell}].get_cell()" if isinstance(cell, int) else self.name_of(cell, "cell")

    def step(self, step: Step) -> None:
        kind = step.kind
        if kind == TOUCH and isinstance(step.function, Value):
            self.touched.append(step)
            return
        if self.touched and kind != WRITE:
            from .passes import is_plain

            if not is_plain(step):
                self.touch()
        if kind == CALL:
            self.call_step(step)
        elif kind == GRAD:
            cell = self.cell(step.function)
            what = step.args[0]
            value = "None" if what is None else f"Tensor({self.text(what)}, raw)"
            self.put(f"{cell}.grad = {value}")
        elif kind == TOUCH:
            owner = step.function
            if isinstance(owner, Ref):
                own = owner.number >= self.segment.first
                value = f"g{owner.number}" if own else f"e[{owner.number}]"
            else:
                value = f"t[{owner}]" if isinstance(owner, int) else self.name_of(owner, "captured")
            self.put(f"{value}.get_storage().write(tick(), {step.args[0]!r}, None)")
        elif kind == HOST:
            self.put(self.call(step))
        elif kind == WRITE and step.function is setitem:
            target, key, value = map(self.text, step.args)
            self.put(f"{target}[{key}] = {value}")
        elif kind == WRITE and step.function in (into_out, write_ufunc) and not step.settings:
            target, function, *args = step.args
            called = self.name_of(function, step.name)
            last = f"{'out=' if function in NAMED_OUT else ''}{self.text(target)}"
            self.put(f"{called}({', '.join([*map(self.text, args), last])})")
        else:
            self.put(self.call(step))

    def touch(self) -> None:
        """Note the writes into tensors from outside that were made since the last call."""
        touched, self.touched = self.touched, []
        for writer in dict.fromkeys(step.args[0] for step in touched):
            values = [step.function for step in touched if step.args[0] == writer]
            if len(values) == 1:
                name = self.name_of(values[0], "captured")
                self.put(f"{name}.get_storage().write(tick(), {writer!r}, None)")
                continue
            names = ", ".join(self.name_of(value, "captured") for value in values)
            self.put(f"{self.name_of(write_all, 'write_all')}(({names}), {writer!r})")

    def call_step(self, step: Step) -> None:
        outs = step.outs
        if isinstance(outs, tuple) and not step.wrap and self.are_own(outs):
            self.put(f"{', '.join(map(slot_name, outs))}, = {self.call(step)}")
        elif isinstance(outs, tuple):
            self.put(f"r = {self.call(step)}")
            for place, number in enumerate(outs):
                if number is not None and (number < 0 or number >= self.segment.first):
                    value = f"asarray(r[{place}])" if step.wrap else f"r[{place}]"
                    self.put(f"{slot_name(number)} = {value}")
        elif outs is None or outs in self.fixed:
            self.put(self.call(step))
        elif outs < 0 or outs >= self.segment.first:
            call = self.call(step)
            self.put(f"{slot_name(outs)} = {f'asarray({call})' if step.wrap else call}")

    def are_own(self, outs: tuple[Any, ...]) -> bool:
        """Say whether all slots are filled here, and none has a buffer."""
        first = self.segment.first
        return bool(outs) and all(
            n is not None and (n < 0 or n >= first) and n not in self.fixed for n in outs
        )

    def output(self, given: Any) -> str:
        """Return a part of the result as an expression."""
        if id(given) in self.made_already:
            return f"again{given.number}"
        text = self.new_output(given)
        if self.standing[id(given)] < 2:
            return text
        self.made_already.add(id(given))
        return f"(again{given.number} := {text})"

    def new_output(self, given: Any) -> str:
        """Return a part of the result that was not made yet as an expression."""
        if isinstance(given, OutTensor):
            made = f"Tensor({self.text(Ref(given.number))}, raw)"
            if given.number in self.segment.inference:
                made = f"{self.name_of(inferred, 'inferred')}({made})"
            return self.held_result(made, given.number)
        if isinstance(given, OutLeaf):
            made = self.name_of(new_leaf, "new_leaf")
            return self.held_result(f"{made}({self.text(Ref(given.number))})", given.number)
        if isinstance(given, OutCell):
            return f"{self.cell(given.cell)}.grad"
        if isinstance(given, OutHeldGrad):
            own = given.number >= self.segment.first
            return f"g{given.number}" if own else f"e[{given.number}]"
        if isinstance(given, Named):
            inside = ", ".join(self.output(one) for one in given.parts)
            return f"{self.name_of(given.kind, given.kind.__name__)}({inside})"
        if isinstance(given, OutView):
            made = self.name_of(viewed, "viewed")
            where = self.text(Ref(given.number))
            return f"{made}({self.output(given.base)}, {where}, {given.view_kind})"
        if isinstance(given, OutBase):
            made = f"{self.name_of(hidden, 'hidden')}({self.text(Ref(given.number))}, "
            return self.held_result(f"{made}{given.requires})", given.number)
        if isinstance(given, OutGradView):
            made = f"node.result({given.place}, {self.text(Ref(given.number))})"
            base = self.output(given.base)
            return f"{self.name_of(made_view, 'made_view')}({made}, {base}, {given.view_kind})"
        if isinstance(given, OutDetached):
            made = self.name_of(detached, "detached")
            return f"{made}({self.output(given.base)}, {self.text(Ref(given.number))})"
        if isinstance(given, OutGrad):
            made = f"node.result({given.place}, {self.text(Ref(given.number))})"
            return self.held_result(made, given.number)
        if isinstance(given, OutNumber):
            return self.text(Ref(given.number))
        if isinstance(given, OutValue):
            if given.place is not None:
                return f"t[{given.place}]"
            return self.name_of(given.value, "captured")
        if type(given) in (list, tuple):
            inside = ", ".join(self.output(one) for one in given)
            if isinstance(given, list):
                return f"[{inside}]"
            return f"({inside},)" if len(given) == 1 else f"({inside})"
        if isinstance(given, dict):
            inside = ", ".join(f"{k!r}: {self.output(v)}" for k, v in given.items())
            return f"{{{inside}}}"
        return self.text(given)

    def held_result(self, made: str, number: int) -> str:
        """Return the expression of a result that was written into, or may not be any more."""
        ref = Ref(number)
        times = self.segment.versions.get(number)
        if times:
            made = f"{self.name_of(written, 'written')}({made}, {times})"
        if any(type(one.owner) is Ref and one.owner == ref for one in self.segment.saved):
            return f"node.hold({self.name_of(ref, 'result')}, {made})"
        return made

    def ending(self) -> None:
        segment = self.segment
        if segment.watched is None:
            if segment.backward is not None:
                self.backward(segment.backward)
            elif segment.route is not None:  # all of it was freed inside the call
                self.node(None, segment.route.outputs, "")
            note_new(segment.outputs, self.standing)
            self.put(f"return {self.output(segment.outputs)}")
            return
        own = range(segment.first, self.last)
        if len(own):
            self.put(f"e += ({', '.join(map(self.held, own))},)")
        watched = self.text(Ref(segment.watched))
        is_array = self.dtype_of(segment.watched)
        if segment.kind == "layout":
            self.put(f"return ({watched}.shape, {watched}.dtype)")
            return
        if segment.kind == "bytes":
            self.put(f"return {watched}.tobytes()")
            return
        value = f"{watched}.item()" if is_array else watched
        if segment.kind == "bool":
            value = f"bool({value})"
        self.put(f"return key_of({value})")

    def backward(self, backward: Segment) -> None:
        """Make the node of the results that require grad."""
        writer = Writer(backward, self.backward_plan)
        makes = writer.backward_function()
        saved = ", ".join(self.text(Ref(number)) for number in sorted(writer.read))
        backward.run = makes
        outs = sum(isinstance(slot.source, Incoming) for slot in backward.slots)
        self.node(makes, outs, f"{saved}{',' if saved else ''}")

    def node(self, function: Any, outs: int, saved: str) -> None:
        """Write how the node of the results is made."""
        inputs = self.segment.inputs
        values = [f"t[{v}]" if isinstance(v, int) else self.name_of(v, "captured") for v in inputs]
        edges = tuple_of([f"{value}.edge()" for value in values])
        if self.plan is not None and all(isinstance(v, Value) and v.node is None for v in inputs):
            self.plan.leaves = inputs  # their edges are found once
            edges = "edges"
        name = "None" if function is None else self.name_of(function, "backward")
        node = self.name_of(CompiledNode, "CompiledNode")
        way = self.name_of(self.segment.route, "route")
        self.put(f"node = {node}({name}, {edges}, {outs}, ({saved}), {way})")
        if self.segment.saved:
            self.put(f"node.saved_outside = {self.name_of(self.segment.saved, 'saved')}")
            places = {one.owner for one in self.segment.saved if type(one.owner) is int}
            for place in sorted(places):
                self.put(f"node.hold({place}, t[{place}])")
        if any(isinstance(v, int) or v.node is not None for v in inputs):
            self.put(f"node.indices = {tuple_of([f'{value}.index' for value in values])}")

    def backward_function(self) -> Any:
        """Return the function that turns gradients of the results into those of the inputs."""
        segment = self.segment
        for place, slot in enumerate(segment.slots):
            if isinstance(slot.source, Incoming):
                self.put(f"s{segment.first + place} = g[{slot.source.place}]")
        for step in self.steps:
            self.step(step)
        self.touch()
        results = ["None" if one is None else self.text(one) for one in segment.outputs]
        self.put(f"return {tuple_of(results)}")
        saved = ", ".join(f"s{number}" for number in sorted(self.read))
        head = ["def segment(e, g):"]
        if saved:
            head.append(f"    {saved}, = e")
        return self.compiled(head)

    def held(self, number: int) -> str:
        """Return what later segments get of a slot: of a `.grad`, the tensor."""
        slot = self.slot(number)
        is_grad = isinstance(slot.source, CapturedGrad) and slot.dtype is not type(None)
        return f"g{number}" if is_grad else f"s{number}"

    def read_back(self, number: int) -> str:
        """Return the expression for a slot of an earlier segment."""
        return f"e[{number}].array" if self.held(number)[0] == "g" else f"e[{number}]"

    def slot(self, number: int) -> Any:
        """Return what is known of a slot."""
        for segment in self.segment.path():
            place = number - segment.first
            if 0 <= place < len(segment.slots):
                return segment.slots[place]
        raise IndexError(number)

    def dtype_of(self, number: int) -> bool:
        """Say whether a slot is an array."""
        return isinstance(self.slot(number).dtype, np.dtype)

    # -- the whole --------------------------------------------------------------------------------

    def write(self) -> Any:
        """Return the function, and keep its source in the segment."""
        self.sources()
        begins: list[int] = []
        origins = range(len(self.steps)) if self.plan is None else self.plan.program.origins
        for step, origin in zip(self.steps, origins):
            begins += [len(self.lines)] * (origin + 1 - len(begins))
            self.step(step)
        self.touch()
        begins += [len(self.lines)] * (len(self.segment.steps) - len(begins))
        if self.plan is None:
            self.put(NOTING)
        self.ending()
        head = ["def segment(e, t):"]
        head += [f"    s{number} = {self.read_back(number)}" for number in sorted(self.read)]
        self.segment.lines = [len(head) + begin + 1 for begin in begins]
        return self.compiled(head)

    def compiled(self, head: list[str]) -> Any:
        """Return the function, its source kept for people and for tracebacks."""
        source = "\n".join([*head, *self.lines]) + "\n"
        self.segment.source = source.replace(f"    {NOTING}\n", "")
        filename = f"<retrograd segment {next(_numbers)}>"
        if self.plan is not None:
            self.plan.bind(self.names)
        exec(compile(source, filename, "exec"), self.names)
        function = self.names.pop("segment")
        linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
        weakref.finalize(function, linecache.cache.pop, filename, None)
        return function


def tuple_of(texts: list[str]) -> str:
    """Return the expression of a tuple."""
    return f"({', '.join(texts)},)" if texts else "()"


def inferred(value: Any) -> Any:
    """Return a new tensor, made an inference tensor."""
    value.inference = True
    return value


def written(value: Any, times: int) -> Any:
    """Return a new tensor, its writes counted."""
    value.get_storage().version = times
    return value


def new_leaf(array: Any) -> Any:
    """Return a tensor that requires grad."""
    made: Any = Tensor(array, raw)
    made.requires = True
    return made


_NDARRAY = {
    getattr(np.ndarray, name) for name in ("dot", "reshape", "view", "astype", "copy", "transpose")
}


def note_new(outputs: Any, standing: Counter[int]) -> None:
    """Count how often each new tensor stands in a result."""
    if isinstance(outputs, (OutTensor, OutLeaf, OutGrad, OutBase)):
        standing[id(outputs)] += 1
    elif isinstance(outputs, (OutView, OutGradView)):
        standing[id(outputs)] += 1
        if standing[id(outputs)] == 1:
            note_new(outputs.base, standing)
    elif isinstance(outputs, OutDetached):
        note_new(outputs.base, standing)
    elif isinstance(outputs, dict):
        note_new(list(outputs.values()), standing)
    elif isinstance(outputs, Named):
        note_new(outputs.parts, standing)
    elif type(outputs) in (list, tuple):
        for one in outputs:
            note_new(one, standing)


def viewed(base: Any, array: Any, view_kind: int) -> Any:
    """Return a tensor of an array that is a view of another tensor's."""
    return made_view(Tensor(array, raw), base, view_kind)


def hidden(array: Any, requires: bool) -> Any:
    """Return the tensor that parts in a result are views of."""
    made: Any = Tensor(array, raw)
    made.requires = requires
    return made


def made_view(made: Any, base: Any, view_kind: int) -> Any:
    """Make a new tensor a view of another one."""
    made.storage = base.get_storage()
    made.view_seen = clock.now
    made.base = base if base.base is None else base.base
    made.view_kind = view_kind
    return made


def detached(base: Any, array: Any) -> Any:
    """Return a tensor of an array that has another tensor's storage and is no view."""
    made: Any = Tensor(array, raw)
    made.storage = base.get_storage()
    return made


