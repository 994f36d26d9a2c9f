"""The engine: walks the graph backward, runs the rules, accumulates into leaves.

Note [Order].  Every node reachable from the roots counts the gradients it will receive.  A node
whose count is reached is ready; of the ready nodes the one recorded last runs first, as in
PyTorch.  Leaves accumulate the moment they are ready.  Nothing recurses.

Note [Who owns a gradient].  What a rule returns may be a buffer somebody else sees: the gradient
it was given, an operand it saved, a view.  The engine adds in place only into buffers it made
itself, and a leaf takes over a first gradient only when nobody else can see it.
"""

from __future__ import annotations

from time import sleep
from typing import Any, Final

import numpy as np

from .backward_errors import Freed, changed_error, check_nan, check_same_time, freed_error
from .broadcast import sum_to
from .hooks import NodeHooks, check_count, check_replacement
from .modes import set_grad, switches, thread_modes
from .node import CLOSED, OPEN, AccumulateGrad, CallNode, Node, Slot
from .op import late
from .plan import RuleCall
from .ready import pop, push
from .rules import add_into, added, added_as_first, call_rule, copied, is_saved
from .saved_values import unpacked
from .site import here
from .tracing import note_backward, note_grad, note_node, run, tracing
from .value import Value, asarray

ndarray: Final[Any] = np.ndarray


class Running:
    """Counts runs in progress, in every thread, and numbers them."""

    def __init__(self) -> None:
        self.active: int = 0
        self.last: int = 0


running: Final = Running()


class Run:
    """One backward pass.

    Parameters
    ----------
    like : Value
        Any value; new tensors are made by it.
    keep : bool
        Keep saved values for another run (``retain_graph``).
    create_graph : bool
        Give rules tensors, so that they record themselves.
    """

    def __init__(self, like: Value, keep: bool, create_graph: bool) -> None:
        running.last += 1
        self.mark: int = running.last
        self.like = like
        self.keep = keep
        self.create_graph = create_graph
        self.slots: dict[Node, Slot] | None = None
        self.heap: list[Node] = []
        self.visited: list[Node] = []
        self.freed: Freed | None = None
        # For runs towards given inputs: where to put what, and which nodes lead there.
        self.captures: dict[Node, dict[int, Any]] | None = None
        self.needed: dict[Node, bool] | None = None
        self.accumulate: bool = True
        self.anomaly: bool = False

    # -- slots ------------------------------------------------------------------------------

    def slot(self, node: Node) -> Slot:
        """Return the run's slot of a node."""
        slots = self.slots
        if slots is None:
            return node
        found = slots.get(node)
        if found is None:
            found = Slot()
            slots[node] = found
        return found

    # -- counting ---------------------------------------------------------------------------

    def count(self, roots: list[Node]) -> None:
        """Count, for every node that will run, how many gradients it will receive."""
        mark = self.mark
        visited = self.visited
        stack: list[Node] = []
        for root in roots:
            slot = self.slot(root)
            if slot.mark != mark:
                slot.mark = mark
                slot.pending = 0
                stack.append(root)
        needed = self.needed
        plain = self.slots is None and needed is None
        while stack:
            node = stack.pop()
            visited.append(node)
            for edge in node.edges:
                if edge is None:
                    continue
                target: Node = edge
                if plain:
                    if target.mark != mark:
                        target.mark = mark
                        target.pending = 1
                        stack.append(target)
                    else:
                        target.pending += 1
                    continue
                if needed is not None and target not in needed:
                    continue
                slot = self.slot(target)
                if slot.mark != mark:
                    slot.mark = mark
                    slot.pending = 1
                    stack.append(target)
                else:
                    slot.pending += 1

    def find_needed(self, roots: list[Node], targets: dict[Node, dict[int, Any]]) -> None:
        """Find the nodes on a path from a root to a target."""
        seen: set[Node] = set(roots)
        stack = list(seen)
        while stack:
            node = stack.pop()
            for edge in node.edges:
                if edge is not None and edge not in seen:
                    seen.add(edge)
                    stack.append(edge)
        needed: dict[Node, bool] = {}
        # Edges always point to nodes recorded earlier, so this order meets targets first.
        for node in sorted(seen, key=lambda n: n.seq):
            if node in targets:
                needed[node] = True
                continue
            for edge in node.edges:
                if edge is not None and edge in needed:
                    needed[node] = True
                    break
        self.needed = needed
        self.captures = targets

    # -- delivering ---------------------------------------------------------------------------

    def deliver(self, node: Node, position: int, value: Any, mine: bool) -> None:
        """Send a gradient along the edge of `node` at `position`."""
        edge = node.edges[position]
        if edge is None:
            return
        target: Node = edge
        needed = self.needed
        if needed is not None and target not in needed:
            return
        slot: Slot = target if self.slots is None else self.slot(target)
        if value is not None:
            shapes = node.shapes
            if shapes is not None:
                shape = shapes[position]
                if shape is not None:
                    summed = run(sum_to, value, shape)
                    if summed is not value:
                        value = summed
                        mine = True
            indices = node.indices
            self.put(slot, target, 0 if indices is None else indices[position], value, mine)
        slot.pending -= 1
        if slot.pending == 0:
            if isinstance(target, AccumulateGrad):
                self.finish_leaf(target, slot)
            else:
                push(self.heap, target)

    def put(self, slot: Slot, target: Node, index: int, value: Any, mine: bool) -> None:
        """Add a gradient to a slot."""
        if target.outputs != 1:
            self.put_many(slot, target, index, value)
            return
        have = slot.grad
        if have is None:
            slot.grad = value
            slot.owned = mine
        elif slot.owned and type(have) is ndarray and have.base is None:
            if tracing.count == 0:
                np.add(have, value, have)
            elif have.flags.c_contiguous or have.strides == value.strides:
                slot.grad = run(added, have, value)
            else:  # what is added in place keeps its layout
                slot.grad = run(added_as_first, have, value)
        else:
            slot.grad = run(added, have, value)
            slot.owned = True

    def put_many(self, slot: Slot, target: Node, index: int, value: Any) -> None:
        """Add a gradient to the slot of a node with several outputs."""
        if slot.grad is None:
            slot.grad = [None] * target.outputs
        have = slot.grad[index]
        slot.grad[index] = value if have is None else run(added, have, value)

    # -- leaves -------------------------------------------------------------------------------

    def finish_leaf(self, leaf: AccumulateGrad, slot: Slot) -> None:
        """Accumulate what arrived at a leaf."""
        value = slot.grad
        mine = slot.owned
        slot.grad = None
        hooks = leaf.hooks
        if hooks is not None:
            value = self.tensor_hooks(leaf, 0, value)
            mine = False
            if hooks.before:
                value = self.before_hooks(hooks, [value])[0]
        captures = self.captures
        if captures is not None:
            wanted = captures.get(leaf)
            if wanted is None:
                return
            if not self.accumulate:
                wanted[0] = self.wrap(value)
                return
        if value is not None:
            self.accumulate_leaf(leaf, value, mine)
        if hooks is not None:
            if hooks.after:
                self.after_hooks(hooks, [], [value])
            if hooks.accumulated:
                tensor = leaf.leaf()
                before = set_grad(self.create_graph)
                try:
                    for hook in list(hooks.accumulated.values()):
                        hook(tensor)
                finally:
                    set_grad(before)

    def accumulate_leaf(self, leaf: AccumulateGrad, value: Any, mine: bool) -> None:
        """Add a gradient to the `.grad` of a leaf."""
        if leaf.state != OPEN:
            if leaf.state == CLOSED:
                return
            raise RuntimeError("leaf variable has been moved into the graph interior")
        cell = leaf.cell
        while cell.busy:
            sleep(0)  # another thread is adding to this `.grad`
        cell.busy = True
        try:
            if tracing.count != 0:
                note_grad(leaf.leaf(), cell, False)
            have: Any = cell.grad
            if have is None:
                if isinstance(value, Value):
                    # A copy, recorded when the backward is: what arrived may be seen elsewhere.
                    cell.grad = late.copy(value) if self.create_graph else copied(value)
                elif mine and type(value) is ndarray and value.base is None:
                    cell.grad = self.like.make(value)
                else:
                    cell.grad = self.like.make(run(np.array, value))
            elif self.create_graph:
                cell.grad = have + self.wrap(value)
            else:
                add_into(have, value.array if isinstance(value, Value) else value)
            if tracing.count != 0:
                note_grad(leaf.leaf(), cell, True)
        finally:
            cell.busy = False

    # -- hooks --------------------------------------------------------------------------------

    def wrap(self, value: Any) -> Any:
        """Return a gradient as a tensor."""
        if value is None or isinstance(value, Value):
            return value
        return self.like.make(asarray(value))

    def tensor_hooks(self, node: Node, index: int, value: Any) -> Any:
        """Run the hooks of the tensor that is output `index` of a node."""
        hooks = node.hooks
        if hooks is None:
            return value
        table = hooks.tensor.get(index)
        before = set_grad(self.create_graph)
        try:
            if table is not None:
                thread_modes().run = self
                for hook in list(table.values()):
                    given = self.wrap(value)
                    new = hook(given)
                    check_replacement(hook, given, new)
                    value = given if new is None else new
                if not self.create_graph and isinstance(value, Value):
                    value = value.array
            cell = hooks.retained.get(index)
            if cell is not None and value is not None:
                kept = self.wrap(value)
                if cell.grad is None:
                    cell.grad = kept if self.create_graph else copied(kept)
                else:
                    cell.grad = cell.grad + kept
        finally:
            thread_modes().run = None
            set_grad(before)
        return value

    def will_run(self, node: Node) -> bool:
        """Say whether this pass reaches a node."""
        slots = self.slots
        if slots is None:
            return node.mark == self.mark
        return node in slots

    def before_hooks(self, hooks: NodeHooks, grads: Any) -> Any:
        """Run the pre-hooks of a node on the gradients of its outputs."""
        before = set_grad(self.create_graph)
        try:
            for hook in list(hooks.before.values()):
                given = tuple([self.wrap(v) for v in grads])
                new = hook(given)
                if new is not None:
                    check_count(hook, new, len(given))
                    for number, one in enumerate(new):
                        check_replacement(hook, given[number], one)
                    grads = [self.unwrap(v) for v in new]
        finally:
            set_grad(before)
        return grads

    def after_hooks(self, hooks: NodeHooks, grads: Any, outs: Any) -> Any:
        """Run the hooks of a node on the gradients it returned (and those it was given)."""
        before = set_grad(self.create_graph)
        try:
            given_outs = tuple([self.wrap(v) for v in outs])
            for hook in list(hooks.after.values()):
                given = tuple([self.wrap(v) for v in grads])
                new = hook(given, given_outs)
                if new is not None:
                    check_count(hook, new, len(given))
                    for number, one in enumerate(new):
                        check_replacement(hook, given[number], one)
                    grads = [self.unwrap(v) for v in new]
        finally:
            set_grad(before)
        return grads

    # -- running one node: the common case ---------------------------------------------------

    def execute_plain(self, node: Node) -> None:
        """Run a node of one output without hooks, in a run that asks for nothing special.

        The same as `execute`, with its calls written out: this is where backward spends its time.
        """
        g = node.grad
        node.grad = None
        plan = node.plan
        if plan is None or g is None:
            node.grad = g
            self.execute(node)
            return
        storages = node.storages
        if storages is not None:
            if node.freed is not None:
                raise freed_error(node)
            seq = node.seq
            for storage in storages:
                if storage is not None and storage.written >= seq:
                    if storage.written > seq:
                        raise changed_error(node)
                    check_same_time(node)
        saved: Any = node.saved
        only = plan.only_call
        if only is None or not only.only:
            self.run_calls(node, plan.calls, g, saved)
        else:
            arity = only.arity
            if arity == 1:
                entry = saved[only.source]
                dx = only.function(g, entry)
                mine = node.owned if dx is g else dx is not entry
            elif arity == 0:
                dx = only.function(g)
                mine = node.owned if dx is g else True
            else:
                dx = call_rule(only, g, saved)
                mine = node.owned if dx is g else not is_saved(dx, saved)
            target: Node = node.edges[only.first]
            if node.shapes is not None or node.indices is not None or target.outputs != 1:
                self.deliver(node, only.first, dx, mine)
            else:
                if target.grad is None:
                    target.grad = dx
                    target.owned = mine
                else:
                    self.put(target, target, 0, dx, mine)
                target.pending -= 1
                if target.pending == 0:
                    if isinstance(target, AccumulateGrad):
                        self.finish_leaf(target, target)
                    elif self.heap:
                        push(self.heap, target)
                    else:
                        self.heap.append(target)
        if storages is not None and not self.keep:
            node.saved = None
            freed = self.freed
            node.freed = self.freed_mark(node) if freed is None else freed

    def run_calls(self, node: Node, calls: list[RuleCall], g: Any, saved: Any) -> None:
        """Run the rules of a node with several, and deliver."""
        for call in calls:
            dx = call_rule(call, g, saved)
            if call.only:
                self.deliver(node, call.first, dx, dx is not g and not is_saved(dx, saved))
            elif call.separate:
                self.deliver_separately(node, call, dx)
            else:
                for position in call.targets:
                    self.deliver(node, position, dx, False)

    # -- running one node -----------------------------------------------------------------------

    def execute(self, node: Node) -> None:
        """Run one ready node and deliver its gradients."""
        slot: Slot = node if self.slots is None else self.slot(node)
        g = slot.grad
        mine = slot.owned
        slot.grad = None
        if node.hooks is not None:
            g = self.hooks_before(node, g)
            mine = False
        captures = self.captures
        if captures is not None:
            wanted = captures.get(node)
            if wanted is not None:
                self.capture(node, wanted, g)
                mine = False
                needed = self.needed
                onward = False
                for edge in node.edges:
                    if edge is not None and needed is not None and edge in needed:
                        onward = True
                if not onward:
                    return
        if isinstance(node, CallNode):
            self.execute_call(node, g)
            return
        if g is None or (node.outputs != 1):
            if g is None or not self.fill(node, g):
                if node.hooks is not None and node.hooks.after:
                    outs = [None] * node.outputs
                    self.after_hooks(node.hooks, [None] * len(node.edges), outs)
                for position in range(len(node.edges)):
                    self.deliver(node, position, None, False)
                return
            g = tuple(g)
        if node.storages is not None:
            if node.freed is not None:
                raise freed_error(node)
            seq = node.seq
            for storage in node.storages:
                if storage is not None and storage.written > seq:
                    raise changed_error(node)
                if storage is not None and storage.written == seq:
                    check_same_time(node)
        if self.create_graph or self.anomaly or node.hooks is not None or node.unpack is not None:
            self.execute_slowly(node, g)
            return
        plan = node.plan
        if plan is None:
            raise RuntimeError(f"{node.name()}: no rule to run")
        saved = node.saved
        only = plan.only_call
        if only is not None and only.only:
            dx = call_rule(only, g, saved)
            self.deliver(node, only.first, dx, mine if dx is g else not is_saved(dx, saved))
        else:
            self.run_calls(node, plan.calls, g, saved)
        if not self.keep:
            self.free(node)

    def deliver_separately(self, node: Node, call: RuleCall, grads: Any) -> None:
        """Deliver the results of a rule that returns one gradient for each operand."""
        first = call.first
        if len(call.targets) == 1:
            # A variadic operand: one gradient for each of the rest of the edges.
            for number, value in enumerate(grads):
                self.deliver(node, first + number, value, False)
        else:
            for number, position in enumerate(call.targets):
                self.deliver(node, position, grads[number], False)

    def fill(self, node: Node, g: Any) -> bool:
        """Put zeros for the outputs that received nothing; False when none received any."""
        some = False
        for value in g:
            if value is not None:
                some = True
        if not some:
            return False
        for number, value in enumerate(g):
            if value is None and node.like is not None and node.like[number] is not None:
                shape, dtype = node.like[number]
                zeros = run(np.zeros, shape, dtype)
                g[number] = self.wrap(zeros) if self.create_graph else zeros
        return True

    def free(self, node: Node) -> None:
        """Forget what a node saved."""
        if node.storages is not None:
            node.saved = None
            node.freed = self.freed_mark(node)

    def capture(self, node: Node, wanted: dict[int, Any], g: Any) -> None:
        """Keep a gradient that was asked for."""
        for index in list(wanted):
            value = g if node.outputs == 1 else None if g is None else g[index]
            if value is not None:
                wanted[index] = self.wrap(value)

    def hooks_before(self, node: Node, g: Any) -> Any:
        """Run the tensor hooks of every output, then the node's pre-hooks."""
        hooks: Any = node.hooks
        if node.outputs == 1:
            g = self.tensor_hooks(node, 0, g)
        else:
            g = [None] * node.outputs if g is None else list(g)
            # In the order the first hooks were registered, as in PyTorch.
            order = list(hooks.tensor)
            order += [index for index in hooks.retained if index not in hooks.tensor]
            for index in order:
                g[index] = self.tensor_hooks(node, index, g[index])
        if hooks.before:
            grads = self.before_hooks(hooks, [g] if node.outputs == 1 else g)
            g = grads[0] if node.outputs == 1 else grads
        return g

    def unwrap(self, value: Any) -> Any:
        """Return a gradient as this run's rules take it."""
        if isinstance(value, Value) and not self.create_graph:
            return value.array
        return value

    def execute_slowly(self, node: Node, g: Any) -> None:
        """Run a node with everything that is not common: tensors, hooks, anomaly checks."""
        plan = node.plan
        if plan is None:
            raise RuntimeError(f"{node.name()}: no rule to run")
        if node.freed is not None and plan.saves_arrays:
            raise freed_error(node)
        saved = unpacked(node, self.like, self.create_graph)
        if self.create_graph:
            g = tuple([self.wrap(v) for v in g]) if isinstance(g, tuple) else self.wrap(g)
        grads: list[Any] = [None] * len(node.edges)
        before = set_grad(self.create_graph)
        try:
            for call in plan.calls:
                dx = call_rule(call, g, saved)
                if call.separate and len(call.targets) == 1:
                    for number, value in enumerate(dx):
                        grads[call.first + number] = value
                elif call.separate:
                    for number, position in enumerate(call.targets):
                        grads[position] = dx[number]
                else:
                    for position in call.targets:
                        grads[position] = dx
        finally:
            set_grad(before)
        for position, edge in enumerate(node.edges):
            if edge is None:
                grads[position] = None
        self.finish_slowly(node, g, grads)

    def finish_slowly(self, node: Node, g: Any, grads: list[Any]) -> None:
        """Check for nan, run the post-hooks, free and deliver."""
        if self.anomaly:
            check_nan(node, grads)
        hooks = node.hooks
        if hooks is not None and hooks.after:
            outs = g if isinstance(g, (tuple, list)) else (g,)
            grads = self.after_hooks(hooks, grads, outs)
        if not self.keep:
            self.free(node)
        for position in range(len(node.edges)):
            self.deliver(node, position, grads[position], False)

    def execute_call(self, node: CallNode, g: Any) -> None:
        """Run a node whose backward is a Python method."""
        if node.freed is not None:
            raise freed_error(node)
        if node.outputs == 1:
            outs: tuple[Any, ...] = (self.wrap(g),)
        elif g is None:
            outs = tuple([None] * node.outputs)
        else:
            outs = tuple([self.wrap(v) for v in g])
        before = set_grad(self.create_graph)
        try:
            grads = list(node.run(outs, self.create_graph))
        except RuntimeError:
            if node.arrived is not None:
                self.deliver_arrived(node)
            raise
        finally:
            set_grad(before)
        if self.anomaly:
            check_nan(node, grads)
        hooks = node.hooks
        if not self.create_graph:
            grads = [v.array if isinstance(v, Value) else v for v in grads]
        if hooks is not None and hooks.after:
            self.finish_slowly(node, outs, grads)
            if not self.keep:
                node.release(self.freed_mark(node))
            return
        if not self.keep:
            node.release(self.freed_mark(node))
        for position in range(len(node.edges)):
            self.deliver(node, position, grads[position], False)

    def deliver_arrived(self, node: CallNode) -> None:
        """Deliver what a node made before it was refused."""
        arrived: dict[int, Any] = node.arrived
        node.arrived = None
        if not self.keep:
            node.release(self.freed_mark(node))
        for position, value in arrived.items():
            self.deliver(node, position, value, False)

    def freed_mark(self, node: Node) -> Freed:
        """Return the marker of this run."""
        freed = self.freed
        if freed is None:
            freed = self.freed = Freed(here())
        return freed

    # -- the whole run ------------------------------------------------------------------------

    def go(self, roots: list[Value], grads: list[Any]) -> None:
        """Run from the roots, given a gradient for each."""
        if tracing.count != 0:
            note_backward(roots, self.captures)
        nodes: list[Node] = []
        for root in roots:
            edge = root.edge()
            if edge is not None:
                nodes.append(edge)
        alone = running.active == 0
        if not alone:
            self.slots = {}
        running.active += 1
        if switches.special != 0:
            self.anomaly = thread_modes().anomaly
        before = set_grad(True) if self.create_graph else False
        try:
            if self.captures is not None:
                self.find_needed(nodes, self.captures)
            self.count(nodes)
            leaves: list[Node] = []
            for number, node in enumerate(nodes):
                if self.needed is not None and node not in self.needed:
                    continue
                slot = self.slot(node)
                self.put(slot, node, roots[number].index, grads[number], False)
                if slot.pending == 0 and node not in leaves:
                    leaves.append(node)
            for node in leaves:
                if isinstance(node, AccumulateGrad):
                    self.finish_leaf(node, self.slot(node))
                else:
                    push(self.heap, node)
            plain = (
                self.slots is None
                and self.captures is None
                and not self.create_graph
                and not self.anomaly
                and tracing.count == 0
            )
            heap = self.heap
            while heap:
                node = heap.pop() if len(heap) == 1 else pop(heap)
                if plain and node.outputs == 1 and node.hooks is None and node.unpack is None:
                    self.execute_plain(node)
                else:
                    if tracing.count != 0:
                        note_node(self, node)
                    self.execute(node)
        finally:
            running.active -= 1
            if self.create_graph:
                set_grad(before)
            if self.heap or self.slots is None:
                for node in self.visited:
                    node.grad = None
