"""Graph: operations on placeholders, written down while they run on examples.

Note [What belongs to a graph].  An operation belongs to the graph when one of its operands does.
While the graph is being built (from a placeholder to the next `Session.run`, or in its `with`
block), operations on tensors that require grad belong to it as well, so that ``(w**2).sum()`` is
computed anew in every run.  Other tensors are taken by reference: a run sees the
values that they have then.
"""

from __future__ import annotations

import math
import threading
import weakref
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from .._core.modes import grad_enabled
from .._core.op import late
from .._core.tracing import recorder as current_recorder
from .._core.tracing import set_recorder
from .._core.value import Value
from ..dtypes import to_numpy
from ..tensor import Tensor, raw
from .drawing import Drawn
from .symbols import (
    Bare,
    Block,
    Node,
    Symbol,
    Unfed,
    computed_outside,
    holds,
    plain,
    stand_in,
    symbol_of,
)
from .trees import leaves, rebuilt

# What has a shape that the values decide.
_DATA_SHAPES = {
    "select_masked", "nonzero", "argwhere", "unique", "unique_consecutive", "bincount",
    "places_of", "numbers_repeated", "each_repeated",
}  # fmt: skip
# Where functions are that draw for an operation, or read arrays of tensors from outside for one:
# while the graph is built they belong to it, whatever they are given.
_STREAMS = "retrograd.streams."
_PARTS = ("dropouts", "nn.functional._attention", "ops.normalised")


class Graph:
    """A static graph: iterable, printable, and a context in which operations are added to it.

    Examples
    --------
    >>> import retrograd as torch
    >>> with torch.static.Graph() as graph:
    ...     x = torch.static.placeholder(torch.float32, (3,), name="x")
    ...     y = x * 2 + 1
    >>> print(graph)
    x: float32[3] = placeholder()
    mul: float32[3] = mul(x, 2)
    add: float32[3] = add(mul, 1)
    """

    def __init__(self) -> None:
        self.blocks: list[list[Node]] = [[]]
        self.open = False
        self.names: Counter[str] = Counter()
        self.count = 0

    @property
    def nodes(self) -> list[Node]:
        """The nodes in the order in which they were made."""
        return self.blocks[0]

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def __str__(self) -> str:
        return "\n".join(line for node in self.nodes for line in node.lines())

    def as_default(self) -> Graph:
        """Return the graph itself, whose ``with`` block makes it the default one."""
        return self

    def __enter__(self) -> Graph:
        state().enter(self)
        return self

    def __exit__(self, *error: object) -> None:
        state().leave()

    # -- nodes ------------------------------------------------------------------------------------

    def name(self, stem: str) -> str:
        """Return a name that no symbol of the graph has."""
        self.names[stem] += 1
        count = self.names[stem]
        if count == 1:
            return stem
        name = f"{stem}_{count - 1}"
        return name if name not in self.names else self.name(name)

    def node(
        self, name: str, function: Any, args: Any, settings: Any = None, kind: Any = Node,
        block: Any = None,
    ) -> Any:  # fmt: skip
        """Add a node, whose outputs are still to be set; to the innermost block by default."""
        self.count += 1
        block = self.blocks[-1] if block is None else block
        made = kind(self.count, name, function, args, settings or {}, block)
        made.graph = self
        self.check(made)
        made.recorded = grad_enabled()
        block.append(made)
        return made

    def check(self, node: Node) -> None:
        """Refuse symbols of other graphs, and of blocks that are closed."""
        for symbol in node.inputs():
            if not any(symbol.node.block is block for block in self.blocks):
                raise RuntimeError(
                    f"{node.name}: the tensor {symbol.text()} belongs to another static graph, or "
                    "to the inside of a cond, while_loop, scan or map; return it from there"
                )

    def output(self, node: Node, example: Any, name: str = "") -> Any:
        """Add a result to a node; return the array that stands for it."""
        symbol = Symbol(node, self.name(name or node.name), example)
        node.outputs.append(symbol)
        return stand_in(example, symbol)

    def tensor(self, node: Node, example: Any, name: str = "") -> Any:
        """Add a result to a node; return it as a tensor."""
        return Tensor(self.output(node, example, name), raw)

    def block(self, name: str, function: Any, args: Any) -> tuple[Block, Any]:
        """Write what a function does; return the block, and the nest that it returned.

        Parameters
        ----------
        args : tuple
            A nest of tensors: the function gets parameters like them.
        """
        nodes: list[Node] = []
        self.blocks.append(nodes)
        try:
            parameters: list[Symbol] = []
            tensors = []
            for one in leaves(args):
                self.count += 1
                node = Node(self.count, "parameter", None, (), {}, nodes)
                tensors.append(self.tensor(node, example_like(one), "p"))
                parameters += node.outputs
            found = function(*rebuilt(args, tensors))
            result = rebuilt(found, [reference(one) for one in leaves(found)])
        finally:
            self.blocks.pop()
        return Block(name, parameters, result, nodes), found


class Recording:
    """What the hooks of `_core.tracing` call while static graphs are built in a thread."""

    takes_host = False
    static = True

    def __init__(self) -> None:
        self.busy = False
        self.drawn = Drawn()
        self.fresh: weakref.WeakValueDictionary[int, Any] = weakref.WeakValueDictionary()

    def graph_of(self, given: Any, operands: Any = ()) -> Graph | None:
        """Return the graph that a call belongs to, None for ordinary calls."""
        if self.busy or not (holds(given) or _trained(operands)):
            return None
        found = state().building
        if found is None:
            found = state().default
        if found is None:
            raise RuntimeError("a tensor of a static graph is used after the graph was closed")
        if not found.open and not holds(given):
            return None
        return found

    def kernel(self, op: Any, operands: Any, arrays: Any, settings: Any) -> Any:
        """Note an operation."""
        settings = settings or {}
        graph = self.graph_of([*arrays, settings], operands)
        if graph is None:
            out = op.kernel(*arrays, **settings)
            if self.draws(op.kernel, [*arrays, *settings.values()]):
                pairs = [o if isinstance(o, Value) else a for o, a in zip(operands, arrays)]
                self.note(out, op.torch.rpartition(".")[2] or op.name, op, pairs, settings)
            return out
        if op.name in _DATA_SHAPES or (
            op.name == "index" and any(plain(one).dtype == bool for one in arrays[1:])
        ):
            raise shape_of_data(op.name)
        args = tuple([self.operand(graph, op.name, o, a) for o, a in zip(operands, arrays)])
        noted = {key: bare(one) for key, one in settings.items()}
        examples = [plain(one) for one in arrays]
        given = {key: plain(one) for key, one in settings.items()}
        try:
            out = self.run(op.kernel, examples, given)
        except ZeroDivisionError:  # the examples of integers are zeros
            examples = [ones_for_zeros(one, new) for one, new in zip(arrays, examples)]
            out = self.run(op.kernel, examples, given)
        made = self.noted(graph, op.torch.rpartition(".")[2] or op.name, op, args, noted, out)
        if op.view and type(arrays[0]) is Unfed:
            for one in made if isinstance(made, (tuple, list)) else (made,):
                share(arrays[0], one)
        return made

    def function(self, function: Any, args: Any, settings: Any) -> Any:
        """Note a function of arrays: one that draws, or computes, for an operation."""
        graph = self.graph_of([*args, settings])
        if graph is None and not self.busy and _part(function):
            graph = state().building
        name = function.__name__.strip("_")
        if graph is None:
            out = function(*args, **settings)
            if self.draws(function, [*args, *settings.values()]):
                self.note(out, name, OnArrays(function), args, settings)
            return out
        noted = {key: bare(one) for key, one in settings.items()}
        out = self.run(function, plain(list(args)), {k: plain(v) for k, v in settings.items()})
        known = [self.again(graph, one) for one in args]
        return self.noted(graph, name, OnArrays(function), tuple(known), noted, out)

    def draws(self, function: Any, given: Any) -> bool:
        """Say whether a call draws, or computes with what was drawn, while a graph is built."""
        if self.busy or state().building is None:
            return False
        module = str(getattr(function, "__module__", ""))
        return module.startswith(_STREAMS) or self.drawn.holds(given)

    def note(self, out: Any, name: str, function: Any, args: Any, settings: Any) -> Any:
        """Note how a drawn array was made; return it."""
        graph: Any = state().building
        return self.drawn.note(out, name, function, args, settings, graph.blocks[-1])

    def symbol(self, graph: Graph, array: Any) -> Symbol | None:
        """Return the symbol of a drawn array, None for an array that was not drawn.

        Its nodes are added where it meets the graph for the first time.
        """
        recipe = self.drawn.of(array)
        if recipe is None:
            return None
        node = self.drawn.nodes.setdefault(graph, {}).get(recipe.call)
        if node is None or not any(node.block is block for block in graph.blocks):
            args = tuple([self.again(graph, one) for one in recipe.args])
            settings = {key: self.again(graph, one) for key, one in recipe.settings.items()}
            block = recipe.block if any(recipe.block is one for one in graph.blocks) else None
            node = graph.node(recipe.name, recipe.function, args, settings, block=block)
            for like in recipe.results:
                made = None if like is None else Symbol(node, graph.name(recipe.name), like)
                node.outputs.append(made)
            self.drawn.nodes[graph][recipe.call] = node
        found: Symbol = node.outputs[recipe.place]
        return found

    def again(self, graph: Graph, given: Any) -> Any:
        """Return what stands in a node for an argument of a call, drawn arrays as symbols."""
        if isinstance(given, Value):
            return self.operand(graph, "", given, given.array)
        if type(given) in (list, tuple):
            return type(given)([self.again(graph, one) for one in given])
        return self.operand(graph, "", given, given)

    def operand(self, graph: Graph, name: str, operand: Any, array: Any) -> Any:
        """Return what stands in a node for an operand and its array."""
        is_value = isinstance(operand, Value)
        if type(array) is not Unfed and not (is_value and operand.requires):
            symbol = self.symbol(graph, array)
            if symbol is not None:
                return symbol if is_value else Bare(symbol)
        return _operand(name, operand, array)

    def run(self, function: Any, args: Any, settings: Any) -> Any:
        self.busy = True
        try:
            return function(*args, **settings)
        finally:
            self.busy = False

    def noted(
        self, graph: Graph, name: str, function: Any, args: Any, settings: Any, out: Any
    ) -> Any:
        node = graph.node(name, function, args, settings)
        if isinstance(out, (tuple, list)):
            return type(out)(
                [None if one is None else graph.output(node, np.asarray(one)) for one in out]
            )
        return graph.output(node, np.asarray(out))

    def takes_calls(self, args: Any, settings: Any) -> bool:
        """Say whether a compiled function runs eagerly here: one that is given symbols does."""
        return holds(args) or holds(settings) or state().building is not None

    def takes_functions(self, args: Any) -> bool:
        """Say whether a call of a user's Function is noted as a whole."""
        return self.graph_of(args, args) is not None

    def user_function(self, function: Any, args: Any) -> Any:
        """Note a call of a user's Function, whose backward is its own."""
        graph: Any = self.graph_of(args, args)
        examples = [Tensor(plain(a.array), raw) if isinstance(a, Value) else a for a in args]
        out = self.run(function.apply, examples, {})
        many = isinstance(out, tuple)
        node = graph.node(function.__name__, function.apply, tuple([reference(a) for a in args]))
        made = [graph.tensor(node, one.array) for one in (out if many else (out,))]
        return tuple(made) if many else made[0]

    def whole(self, front: Any, args: Any, settings: Any) -> Any:
        """Note a public function that has no derivative and computes on bare arrays."""
        graph = self.graph_of([args, settings])
        if graph is None:
            return front(*args, **settings)
        name = front.__name__
        if name in _DATA_SHAPES or _counts_classes(name, args, settings):
            raise shape_of_data(name)
        examples = [example_of(one) for one in args]
        out = self.run(front, examples, {key: example_of(one) for key, one in settings.items()})
        noted = {key: referenced(one) for key, one in settings.items()}
        node = graph.node(name, front, referenced(tuple(args)), noted)
        return rebuilt(out, [graph.tensor(node, one.array) for one in leaves(out)])

    def rebound(self, value: Any) -> None:
        """Let a tensor be given another array: which it holds is asked when it is used."""

    def born(self, value: Any) -> None:
        """Note a second tensor around a symbol's array: it is the first one, detached."""
        array = value.array
        if type(array) is not Unfed:
            if type(array.base) is Unfed:
                raise computed_outside()
            if state().building is not None:
                self.fresh[id(value)] = value
            return
        symbol_of(array)
        if not array.owned:
            array.owned = True
            return
        graph = self.graph_of([array])
        if graph is not None:
            node = graph.node("detach", late.detach, (array.symbol,))
            value.array = graph.output(node, plain(array))
            value.array.owned = True
            share(array, value.array)
            share(value.array, array)

    def rebinds(self, x: Any, given: Any) -> bool:
        """Say whether a write into a tensor gives it another array, in place of new contents."""
        return not self.busy and (holds(x) or holds(given))

    def rebind(self, x: Any, result: Any, name: str) -> None:
        """Let a tensor stand for what an in-place operation makes of it.

        Only where nobody else could see the old contents change.
        """
        why = ""
        if type(x.array) is Unfed:
            if symbol_of(x.array).node.function is None:
                why = "it is a placeholder, or given to a function of the graph"
            elif x.base is not None or any(one() is not None for one in x.array.sharers):
                why = "it shares memory with another tensor of the graph"
        elif self.fresh.get(id(x)) is not x:
            why = "it is from outside the graph; static.assign writes into such a tensor"
        if why:
            raise RuntimeError(
                f"{name}: a tensor is written into in place while a static graph is built, and "
                f"{why}; use the out-of-place form"
            )
        if type(x.array) is not Unfed:  # what read it so far goes on reading what it held
            held = x.make(x.array)
            for block in symbol_of(result.array).node.graph.blocks:
                for node in block:
                    node.args = swapped(node.args, x, held)
        x.array = result.array

    def write(self, function: Any, target: Any, args: Any) -> None:
        """Refuse in-place writes."""
        self.drawn.forget(target)
        if not self.busy and holds([target, *args]):
            raise RuntimeError(
                f"{getattr(function, '__name__', 'a function')}: it writes into a tensor in place, "
                "which a static graph does not record here: use the out-of-place form, or "
                "static.assign for a tensor from outside"
            )
        function(target, *args)

    def observe(self, value: Any, kind: str, plain: Any) -> Any:
        """Refuse that Python looks at values."""
        if type(value.array) is Unfed and kind != "text":
            return value.array.item()  # which raises
        return plain

    def truth(self, array: Any) -> bool:
        """Refuse that a comparison of all elements decides."""
        return bool(np.all(array))

    def constant(self, array: Any) -> Any:
        return array

    def external(self, function: Any, args: Any) -> Any:
        return function(*args)

    def written(self, storage: Any) -> None:
        """Nothing: writes are refused where they are made."""

    def goes_back(self, roots: Any, captures: Any) -> None:
        """Note nothing: a backward is made of operations."""

    def runs(self, run: Any, node: Any) -> None:
        """Note nothing."""

    def reads_history(self) -> None:
        """Note nothing."""

    def grad(self, owner: Any, cell: Any, wrote: bool) -> None:
        """Nothing: gradients of a graph are not in `.grad`."""

    def host(self, function: Any, args: Any) -> Any:
        return function(*args)


class OnArrays:
    """A function of arrays as one of tensors."""

    def __init__(self, function: Any) -> None:
        self.function = function

    def __call__(self, *args: Any, **settings: Any) -> Any:
        found = current_recorder()
        if found is None:
            out = self.function(*args, **settings)
        else:
            out = found.function(self.function, args, settings)
        if isinstance(out, (tuple, list)):
            return tuple(None if one is None else Tensor(one, raw) for one in out)
        return Tensor(out, raw)


class State(threading.local):
    """The graphs of a thread."""

    def __init__(self) -> None:
        self.stack: list[Graph] = []
        self.default: Graph | None = None
        self.recording: Recording | None = None
        self.before: Any = None

    @property
    def building(self) -> Graph | None:
        """The graph that is being built, None where none is."""
        if self.stack:
            return self.stack[-1]
        return self.default if self.default is not None and self.default.open else None

    def install(self) -> None:
        if self.recording is None:
            if current_recorder() is not None:
                raise RuntimeError("a static graph cannot be built inside a compiled function")
            self.recording = Recording()
            self.before = set_recorder(self.recording)

    def uninstall(self) -> None:
        if self.recording is not None and not self.stack and self.default is None:
            set_recorder(self.before)
            self.recording = self.before = None

    def enter(self, graph: Graph) -> None:
        self.install()
        self.stack.append(graph)
        graph.open = True

    def leave(self) -> None:
        graph = self.stack.pop()
        graph.open = graph in self.stack
        self.uninstall()


_state = State()


def state() -> State:
    """Return the graphs of this thread."""
    return _state


def get_default_graph() -> Graph:
    """Return the graph that placeholders of this thread go to."""
    here = state()
    if here.stack:
        return here.stack[-1]
    if here.default is None:
        here.install()
        here.default = Graph()
    return here.default


def reset_default_graph() -> None:
    """Forget this thread's default graph: operations are ordinary ones again."""
    state().default = None
    state().uninstall()


def placeholder(dtype: Any, shape: Any = (), name: str | None = None) -> Any:
    """Return a tensor that gets its values in `Session.run`.

    Parameters
    ----------
    dtype : dtype
    shape : tuple of int
        Fixed: operations of a graph may depend on sizes.  Make one graph for each shape, or use
        `compile`, which does that by itself.
    name : str, optional
        For people: it is in the printed graph and in errors.

    Examples
    --------
    >>> import retrograd as torch
    >>> from retrograd import static
    >>> x = static.placeholder(torch.float32, ())
    >>> y = x * 2
    >>> static.Session().run(y, {x: 3})
    tensor(6.)
    >>> static.reset_default_graph()
    """
    shape = (shape,) if isinstance(shape, int) or shape is None else tuple(shape)
    for size in shape:
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise ValueError(
                f"placeholder: every size must be an int that is at least 0, got {shape}. Shapes "
                "of a static graph are fixed, for its operations may depend on them; for sizes "
                "that vary use retrograd.compile, or one graph for each shape"
            )
    graph = get_default_graph()
    graph.open = True
    node = graph.node("placeholder", None, ())
    return graph.tensor(node, example(shape, to_numpy(dtype)), name or "placeholder")


def example(shape: tuple[int, ...], dtype: Any) -> Any:
    """Return numbers that most operations accept: positive, matrices far from singular."""
    if dtype.kind not in "fcV":
        return np.zeros(shape, dtype)
    count = math.prod(shape)
    made = (0.5 + 0.5 * (np.arange(count) * 0.618034 % 1)).reshape(shape).astype(dtype)
    if len(shape) > 1:
        least = np.arange(min(shape[-2:]))
        made[..., least, least] += len(least)
    return made


def example_like(value: Any) -> Any:
    """Return an array of a tensor's shape and dtype, with a symbol's example in it."""
    array = plain(value.array)
    return np.array(array) if type(value.array) is Unfed else example(array.shape, array.dtype)


def example_of(given: Any) -> Any:
    """Return an argument with tensors of examples in place of a graph's."""
    if isinstance(given, Value):
        return Tensor(plain(given.array), raw)
    return type(given)([example_of(o) for o in given]) if type(given) in (tuple, list) else given


def shape_of_data(name: str) -> RuntimeError:
    """Return the error for a result whose shape is not known before the graph runs."""
    return RuntimeError(
        f"{name}: in a static graph shapes are fixed, and the values decide this one's; use "
        "where() or a product with the mask"
    )


def ones_for_zeros(given: Any, array: Any) -> Any:
    """Return an example of integers with ones in it."""
    return np.ones_like(array) if type(given) is Unfed and array.dtype.kind in "iu" else array


def reference(given: Any) -> Any:
    """Return what stands in a node for an argument: a symbol, a tensor from outside, a number."""
    if not isinstance(given, Value):
        return given
    if type(given.array) is Unfed:
        return symbol_of(given.array)
    here = state()
    if here.recording is not None and here.building is not None and not given.requires:
        return here.recording.symbol(here.building, given.array) or given
    return given


def referenced(tree: Any) -> Any:
    """Return a nest with symbols in place of a graph's tensors."""
    return rebuilt(tree, [reference(one) for one in leaves(tree)])


def bare(given: Any) -> Any:
    """Return a setting with marks in place of arrays that stand for symbols."""
    if type(given) is Unfed:
        return Bare(symbol_of(given))
    if type(given) in (tuple, list):
        return type(given)([bare(one) for one in given])
    return given


def _operand(name: str, operand: Any, array: Any) -> Any:
    if type(array) is Unfed:
        symbol = symbol_of(array)
        return symbol if isinstance(operand, Value) else Bare(symbol)
    if isinstance(operand, Value) and operand.requires and operand.node is not None:
        raise RuntimeError(
            f"{name}: a tensor that was computed outside of the static graph from tensors that "
            "require grad would keep its value for ever; compute it after the placeholder, in the "
            "graph's `with` block, or detach() it"
        )
    return operand if isinstance(operand, Value) else bare(array)


def _trained(operands: Any) -> bool:
    """Say whether an operation would be differentiated."""
    for one in operands:
        if isinstance(one, Value) and one.requires:
            return grad_enabled() and state().building is not None
    return False


def _part(function: Any) -> bool:
    return str(getattr(function, "__module__", "")).endswith(_PARTS)




def share(array: Any, other: Any) -> None:
    """Note that an array has memory in common with another."""
    array.sharers = (*array.sharers, weakref.ref(other))


def swapped(given: Any, one: Any, other: Any) -> Any:
    """Return arguments with another tensor in place of one."""
    if type(given) in (tuple, list):
        return type(given)([swapped(part, one, other) for part in given])
    return other if given is one else given


def _counts_classes(name: str, args: Any, settings: Any) -> bool:
    """Say whether a one_hot has as many columns as its values say."""
    return name == "one_hot" and settings.get("num_classes", args[1] if args[1:] else -1) == -1
