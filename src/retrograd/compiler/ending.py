"""Ending: how a trace ends: what it returns, and how gradients come back through it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from .._core.custom import FunctionNode
from .._core.gradients import grad
from .._core.value import MULTIPLE_OUTPUT_VIEW, PLAIN_VIEW, Value
from ..device import device
from ..dtypes import dtype
from ..ops._returns import StructSequence
from ..random import default_generator
from .effects import newborn_objects, watching
from .readings import Reading
from .results import Maker, objects_in, parts_of, put
from .saved import Route, as_reached, nodes_behind, runs_outside, saved_outside
from .trace import (
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
)


class Ending:
    """The part of a recorder that closes its last segment."""

    failed: str
    answering: Any
    segment: Segment
    values: list[Any]
    alive: list[Any]
    tensors: list[Any]
    known: dict[int, Any]
    grads: dict[int, int]
    newborn: set[int]
    differentiable: list[Any]
    given_out: list[Any]
    given_views: list[Any]
    last_loop: Any = None  # the one that was gone back from last: a PathRecorder knows
    watch: Any
    own_objects: set[int]
    marks: list[Any]
    leaves: bool
    follows: bool
    began: int
    _idle: Any
    histories: list[Any]
    cells: dict[int, Any]
    own_cells: set[int]
    places: dict[int, Any]
    numbers: dict[int, int]
    fail: Any
    _arrives: Any
    _number: Any
    _add: Any
    _begin_back: Any

    def finish(self, result: Any) -> Any:
        """Close the last segment with the function's result; return the result for the caller."""
        if self.answering and not self.failed:
            self.fail("the function ended before it came to where it was")
        plain, outputs = self._outputs(result)
        for value, node, requires in self.histories:
            if value.node is not node or value.requires is not requires:
                self.fail("a tensor from outside becomes the result of an operation")
        if self.follows:
            self._arrives(None, "")
            return plain
        if self.differentiable and not self.failed:
            self._write_backward()
        if not self.failed:
            self.segment.outputs = outputs
        return plain

    def _outputs(self, result: Any) -> tuple[Any, Any]:
        if isinstance(result, Value):
            return result, self._output(result)
        if type(result) is Reading:
            return result.plain, OutNumber(result.number)
        if isinstance(result, (list, tuple)):
            pairs = [self._outputs(one) for one in result]
            plain = [one for one, _ in pairs]
            marks = [one for _, one in pairs]
            if hasattr(result, "_fields") or isinstance(result, StructSequence):
                return type(result)(*plain), Named(type(result), tuple(marks))
            if type(result).__name__ == "Size" and all(type(one) is int for one in plain):
                return result, result
            if type(result) not in (list, tuple):
                self.fail(f"the result is a {type(result).__name__}")
                return result, None
            return type(result)(plain), type(result)(marks)
        if type(result) is dict:
            pairs = {key: self._outputs(one) for key, one in result.items()}
            return {k: p for k, (p, _) in pairs.items()}, {k: o for k, (_, o) in pairs.items()}
        if result is None or isinstance(
            result, (bool, int, float, complex, str, bytes, dtype, device, type)
        ):
            return result, result
        if id(result) in self.own_objects:
            return self._object(result)
        self.fail(f"the result is a {type(result).__name__}")
        return result, None

    def meet(self, result: Any) -> None:
        """Note which objects in the function's result were made in the call."""
        if not self.failed:
            found: dict[int, Any] = {}
            objects_in(result, found)
            new = newborn_objects() if found else set()
            self.own_objects = {
                n for n, one in found.items() if n in new and id(type(one)) not in new
            }

    def _object(self, given: Any) -> tuple[Any, Any]:
        """Return an object of the program's, and what stands for it; it stands there once."""
        self.own_objects.discard(id(given))
        names, parts = parts_of(given)
        marks = []
        for name, part in zip(names, parts):
            plain, mark = self._outputs(part)
            put(given, name, plain)
            marks.append(mark)
        return given, Named(Maker(given, names), tuple(marks))

    def _output(self, value: Any) -> Any:
        if self.failed:
            return None
        for cell, held in self.cells.items():
            if held is value and cell not in self.own_cells:
                return OutCell(self.places[cell])
        if id(value) in self.grads:
            return OutHeldGrad(self.grads[id(value)])
        if id(value) in self.known and id(value) not in self.newborn:
            for place, one in enumerate(self.tensors):
                if one is value:
                    return OutValue(place, None)
            return OutValue(None, value)
        if id(value) not in self.newborn:
            return OutValue(None, value)
        for one, mark in self.given_views:
            if one is value:
                return mark
        if value.base is not None and id(value.base) not in self.newborn:
            return self._view(value, self._output(value.base))
        for one, mark in zip(self.given_out, self.marks):
            if one is value:
                if type(mark) is OutBase:
                    self.fail("a result comes behind its parts")
                return mark
        if value.view_kind == MULTIPLE_OUTPUT_VIEW and (
            value.base.node is not None or not value.base.requires
        ):
            return self._view(value, self._base(value.base))
        found = self._detached(value)
        if found is not None:
            return found
        if any(value is not one and np.may_share_memory(value.array, one.array)
               for one in (*self.given_out, *self.known.values(), *self.cells.values())
               if one is not None):  # fmt: skip
            self.fail("two results share memory")
            return None
        self.given_out.append(value)
        mark = self._new_mark(value)
        self.marks.append(mark)
        return mark

    def _new_mark(self, value: Any) -> Any:
        where = self._number(value.array, value, "the result")
        if where is None:
            return None
        self._count_writes(where, value)
        if value.requires and value.cell is not None and value.cell.grad is not None:
            self.fail("a result has a .grad")
            return None
        if not value.requires:
            if value.inference:
                self.segment.inference.add(where.number)
            return OutTensor(where.number)
        if value.node is None:
            if self.differentiable:
                self.fail("the result is a new leaf that requires grad, beside others")
                return None
            self.leaves = True
            return OutLeaf(where.number)
        if self.leaves:
            self.fail("the result is a new leaf that requires grad, beside others")
            return None
        for place, one in enumerate(self.differentiable):
            if one is value:
                return OutGrad(where.number, place)
        self.differentiable.append(value)
        return OutGrad(where.number, len(self.differentiable) - 1)

    def _base(self, base: Any) -> Any:
        """Return what stands for the tensor that parts in the result are views of."""
        for one, mark in zip(self.given_out, self.marks):
            if one is base:
                return mark
        where = self._number(base.array, base, "the result")
        if where is None:
            return None
        self._count_writes(where, base)
        self.given_out.append(base)
        self.marks.append(OutBase(where.number, base.requires))
        return self.marks[-1]

    def _count_writes(self, where: Any, value: Any) -> None:
        """Note how often the call wrote into a result; a loop's turns write as they come."""
        if value.storage is not None and value.storage.version and self.last_loop is None:
            self.segment.versions[where.number] = value.storage.version

    def _view(self, value: Any, base: Any) -> Any:
        mark = self._view_mark(value, base)
        self.given_views.append((value, mark))
        return mark

    def _view_mark(self, value: Any, base: Any) -> Any:
        where = self._number(value.array, value, "the result")
        if where is None or base is None:
            return None
        if not value.requires and not value.base.requires:
            return OutView(where.number, base, value.view_kind)
        if value.view_kind not in (PLAIN_VIEW, MULTIPLE_OUTPUT_VIEW) or (
            not value.requires or value.node is None or self.leaves
        ):
            self.fail("the result is a view that lost the way to what it is a view of")
            return None
        if not any(value is one for one in self.differentiable):
            self.differentiable.append(value)
        place = next(k for k, one in enumerate(self.differentiable) if one is value)
        return OutGradView(where.number, base, place, value.view_kind)

    def _detached(self, value: Any) -> Any:
        """Return what stands for a tensor that was detached from one that is seen, or None."""
        if value.base is not None or value.requires or value.storage is None or value.inference:
            return None
        where = self._number(value.array, value, "the result")  # whose it is is known from here on
        for one in (*self.known.values(), *self.given_out):
            if one is not value and one.storage is value.storage and one.base is None:
                base = self._output(one)
                return None if where is None else OutDetached(where.number, base)
        return None

    def _write_backward(self) -> None:
        """Write how gradients come back from the results to the tensors they were made from."""
        forward = self.segment
        outs = self.differentiable
        inputs = as_reached(outs, self.began, [v for v in self.known.values() if v.requires])
        forward.saved = self._saved(outs)
        route = forward.route = Route(outs, self.began, inputs)
        if route.calls_hooks():
            self.fail("a hook is left on what made a result")
            return
        wanted = inputs
        if route.freed:
            if len(outs) > 1:
                if not route.refuses_all():  # others of them may be differentiated
                    self.fail("the graph of one of the results is freed")
                forward.inputs = self._places(inputs)
                return
            if route.is_changed_first():
                self.fail("its backward is refused: a saved value was changed inside the call")
                return
            arrived = route.arrived({0}, route.first_freed())
            wanted = [value for value, one in zip(inputs, arrived) if one]
            if not wanted:
                forward.inputs = self._places(inputs)
                return
        self.segment = forward.backward = route.backward = Segment(len(self.values), forward)
        seeds = []
        for place, value in enumerate(outs):
            seed = np.ones_like(value.array)
            self.alive.append(seed)
            self._add(seed, Incoming(place))
            seeds.append(seed)
        # A gradient stops at the tensors from outside: what made them goes on by itself.
        nodes = {id(value.node): value.node for value in inputs if value.node is not None}
        edges = {number: node.edges for number, node in nodes.items()}
        for node in nodes.values():
            node.edges = ()
        # The engine that goes back calls the hooks of these tensors.
        ends = [(end, end.hooks) for end in {id(one.edge()): one.edge() for one in inputs}.values()]
        for end, _ in ends:
            end.hooks = None
        try:
            with self._watched(outs):
                found = grad(outs, seeds, wanted, True, False)
        except Exception as error:
            self.fail(f"its backward raised {type(error).__name__}: {error}")
            found = []
        finally:
            for number, node in nodes.items():
                node.edges = edges[number]
            for end, hooks in ends:
                end.hooks = hooks
        refs = []
        by_input = {id(value): one for value, one in zip(wanted, found)}
        for value in inputs:
            one = by_input.get(id(value))
            refs.append(None if one is None else self._number(one.array, one, "a gradient"))
        self.segment.outputs = refs
        forward.inputs = self._places(inputs)
        self.segment = forward

    @contextlib.contextmanager
    def _watched(self, outs: list[Any]) -> Iterator[None]:
        """Watch for effects where the backward of results is code of the program's.

        The program itself does not go back yet.
        """
        nodes = (node for out in outs for node in nodes_behind(out, self.began))
        if not any(isinstance(node, FunctionNode) for node in nodes):
            yield
            return
        before = default_generator.get_state_bytes()
        with watching(self, self.watch.reads):
            yield
        if default_generator.get_state_bytes() != before:
            default_generator.set_state_bytes(before)
            self.fail("its backward draws random numbers")

    def goes_back(self, roots: list[Any], captures: Any) -> None:
        """Note that a backward begins, which must not leave the trace."""
        if not self._idle() and runs_outside(roots, self.began, captures):
            self.fail("a backward goes on into a graph from before the call")
        if not self._idle():
            self._begin_back(captures)

    def _saved(self, outs: list[Any]) -> list[Any]:
        """Return which tensors that the program holds were saved for the results' backward."""
        owners: dict[int, Any] = {}
        for value in self.known.values():
            if value.storage is not None:
                owners[id(value.storage)] = value
        for place, value in enumerate(self.tensors):
            if value.storage is not None:
                owners[id(value.storage)] = place
        for value in self.given_out:
            if value.storage is not None:
                owners[id(value.storage)] = Ref(self.numbers[id(value.array)])
        found = saved_outside(outs, self.began, owners)
        if any(id(one.owner) in self.grads for one in found):
            self.fail("a .grad from before the call is saved for a backward")
        return found

    def _places(self, inputs: list[Any]) -> list[Any]:
        """Return tensors, arguments by their place."""
        places = {id(value): place for place, value in enumerate(self.tensors)}
        return [places.get(id(value), value) for value in inputs]
