"""What a static graph is made of: nodes, the symbols that they give, and the arrays that stand in.

Note [Stand-ins].  A tensor of a static graph holds an `Unfed` array: the shape and dtype are right,
the numbers are those of an example, on which operations run once so that shapes follow and what is
wrong is found where it is written.  Whoever computes with it outside of recorded operations,
or looks at its numbers, gets an error in place of the example's numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.modes import set_grad
from .._core.op import Op
from .._core.value import Value
from ..tensor import attached
from .trees import leaves


class Symbol:
    """One result of a node.

    Attributes
    ----------
    node : Node
    name : str
    shape : tuple of int
    dtype : numpy.dtype
    """

    __slots__ = ("dtype", "name", "node", "shape")

    def __init__(self, node: Any, name: str, example: Any) -> None:
        self.node = node
        self.name = name
        self.shape: tuple[int, ...] = example.shape
        self.dtype = example.dtype

    def __repr__(self) -> str:
        return self.name

    def text(self) -> str:
        """Return name, dtype and shape: ``x: float32[3]``."""
        return f"{self.name}: {self.dtype}{list(self.shape)}"


class Unfed(np.ndarray):
    """The array of a tensor of a static graph: see Note [Stand-ins]."""

    symbol: Symbol | None = None
    owned = False  # whether a tensor has it; a second one is that tensor, detached
    sharers: tuple[Any, ...] = ()  # weak references to arrays that share its memory

    def __array_ufunc__(self, ufunc: Any, method: Any, *inputs: Any, **settings: Any) -> Any:
        raise no_values(*inputs)

    def __array_function__(self, function: Any, types: Any, args: Any, settings: Any) -> Any:
        if function in (np.shape, np.ndim, np.may_share_memory, np.size):
            return super().__array_function__(function, types, args, settings)
        raise no_values(self)

    def _refuse(self, *args: Any, **settings: Any) -> Any:
        raise no_values(self)

    item = tolist = tobytes = __bool__ = __float__ = __int__ = __index__ = _refuse
    __complex__ = __contains__ = __iter__ = _refuse
    copy = astype = __copy__ = __deepcopy__ = __reduce__ = __reduce_ex__ = _refuse

    def __repr__(self) -> str:
        return "<no values>" if self.symbol is None else f"<no values: {self.symbol.text()}>"

    __str__ = __repr__


def no_values(*given: Any) -> RuntimeError:
    """Return the error for who wants numbers of a static graph while it is built."""
    name = "a tensor"
    for one in given:
        if type(one) is Unfed and one.symbol is not None:
            name = f"the tensor {one.symbol.text()}"
            break
    return RuntimeError(
        f"{name} of a static graph has no values before Session.run. Where they decide, use "
        "static.cond, while_loop or scan (or retrograd.compile, for Python's own if and while); "
        "for gradients, static.gradients; for new operations, the graph's `with` block"
    )


def shown(usual: Any) -> Any:
    """Return a function that shows a tensor of a graph by its symbol, others as `usual` does."""

    def show(value: Any, *spec: Any) -> str:
        if type(value.array) is Unfed and value.array.symbol is not None:
            return f"<static {value.array.symbol.text()}>"
        text: str = usual(value, *spec)
        return text

    return show


attached.repr = shown(attached.repr)
attached.format = shown(attached.format)


def stand_in(example: Any, symbol: Symbol) -> Any:
    """Return an array that stands for a symbol's values."""
    made = example.view(Unfed)
    made.symbol = symbol
    return made


def plain(given: Any) -> Any:
    """Return an argument with the examples in place of stand-ins."""
    if type(given) is Unfed:
        return given.view(np.ndarray)
    if type(given) in (tuple, list):
        return type(given)([plain(one) for one in given])
    return given


def holds(given: Any) -> bool:
    """Say whether an argument is, or has in it, a tensor of a static graph."""
    if isinstance(given, Value):
        return type(given.array) is Unfed
    if isinstance(given, (tuple, list)):
        return any(holds(one) for one in given)
    if isinstance(given, dict):
        return any(holds(one) for one in given.values())
    return type(given) is Unfed


def symbol_of(array: Any) -> Symbol:
    """Return the symbol that an array stands for."""
    found: Symbol | None = array.symbol
    if found is None:
        raise computed_outside()
    return found


def computed_outside() -> RuntimeError:
    """Return the error for what no recorded operation has computed."""
    return RuntimeError(
        "a tensor of a static graph was computed outside of recorded operations; use the "
        "library's functions on tensors"
    )


class Bare:
    """A symbol that a function takes as an array, not as a tensor."""

    __slots__ = ("symbol",)

    def __init__(self, symbol: Symbol) -> None:
        self.symbol = symbol


def filled(given: Any, known: Any) -> Any:
    """Return an argument with the values of its symbols."""
    kind = type(given)
    if kind is Symbol:
        return known[given]
    if kind is Bare:
        return known[given.symbol].array
    if kind in (tuple, list):
        return kind([filled(one, known) for one in given])
    if kind is dict:
        return {key: filled(one, known) for key, one in given.items()}
    return given.bound(known) if isinstance(given, Block) else given


def inputs_of(given: Any) -> list[Symbol]:
    """Return the symbols in an argument."""
    kind = type(given)
    if kind is Symbol:
        return [given]
    if kind is Bare:
        return [given.symbol]
    if kind in (tuple, list):
        return [symbol for one in given for symbol in inputs_of(one)]
    if kind is dict:
        return [symbol for one in given.values() for symbol in inputs_of(one)]
    return list(given.captures) if isinstance(given, Block) else []


class Node:
    """One call of a static graph.

    Attributes
    ----------
    number : int
        When it was made; what it depends on has smaller ones.
    name : str
    function : callable or None
        What is called with tensors; None for a placeholder.
    args, settings : tuple, dict
        Symbols, tensors from outside, numbers.
    outputs : list of Symbol or None
    block : list
        The nodes among which it stands.
    recorded : bool
        False for what was written under `no_grad`.
    towards : tuple of Symbol
        Those whose gradients it asks for.
    """

    towards: tuple[Symbol, ...] = ()

    def __init__(
        self, number: int, name: str, function: Any, args: Any, settings: Any, block: list[Any]
    ) -> None:
        self.number = number
        self.name = name
        self.function = function
        self.args = args
        self.settings = settings
        self.block = block
        self.graph: Any = None
        self.outputs: list[Any] = []
        self.recorded = True

    @property
    def fresh(self) -> bool:
        """Whether its results share memory with nothing else."""
        return isinstance(self.function, Op) and not self.function.view

    @property
    def asks(self) -> bool:
        """Whether gradients are asked for, by itself or in its blocks."""
        return any(isinstance(one, Block) and one.asks for one in self.args)

    def inputs(self) -> list[Symbol]:
        """Return the symbols that it depends on."""
        return inputs_of(self.args) + inputs_of(self.settings)

    def call(self, known: Any) -> Any:
        """Return its results, given those before it."""
        return self.function(*filled(self.args, known), **filled(self.settings, known))

    def __repr__(self) -> str:
        shown = [_shown(one) for one in self.args]
        shown += [f"{key}={_shown(one)}" for key, one in self.settings.items()]
        left = ", ".join("_" if one is None else one.text() for one in self.outputs)
        name = "placeholder" if self.function is None else self.name
        return f"{left} = {name}({', '.join(shown)})"

    def lines(self, indent: str = "") -> list[str]:
        """Return its text, and that of the blocks in it."""
        found = [indent + repr(self)]
        for one in self.args:
            if isinstance(one, Block):
                found.append(f"{indent}  {one.text()}:")
                for node in one.nodes:
                    found += node.lines(indent + "    ")
        return found


def _shown(given: Any) -> str:
    if isinstance(given, Bare):
        return given.symbol.name
    if isinstance(given, Value):
        return f"<{type(given).__name__} {given.get_dtype()}{list(given.get_shape())}>"
    if isinstance(given, np.ndarray):
        return repr(given.item()) if given.ndim == 0 else f"<{given.dtype}{list(given.shape)}>"
    if type(given) in (tuple, list):
        inside = ", ".join(_shown(one) for one in given)
        return f"({inside})" if type(given) is tuple else f"[{inside}]"
    return given.name if isinstance(given, Block) else repr(given)


class Block:
    """The inside of a `cond`, `while_loop`, `scan` or `map`: a graph with parameters.

    Attributes
    ----------
    name : str
        The function's part: ``true_fn``.
    nodes : list of Node
        Those that the result needs, in order.
    parameters : list of Symbol
    result : object
        The nest that it returns: symbols, tensors from outside, numbers.
    captures : list of Symbol
        What it takes from the graph around it.
    wanted : set of Symbol
        Those that gradients are asked for.
    """

    def __init__(self, name: str, parameters: list[Symbol], result: Any, nodes: Any) -> None:
        self.name = name
        self.parameters = parameters
        self.result = result
        self.nodes, self.wanted = needed(inputs_of(result), set(parameters), nodes)
        own = {*parameters, *[symbol for node in self.nodes for symbol in node.outputs]}
        outer = [symbol for node in self.nodes for symbol in node.inputs()] + inputs_of(result)
        self.captures = list(dict.fromkeys(symbol for symbol in outer if symbol not in own))

    @property
    def asks(self) -> bool:
        """Whether gradients are asked for inside."""
        return any(node.asks for node in self.nodes)

    def text(self) -> str:
        """Return a line about it."""
        inside = ", ".join(one.text() for one in self.parameters)
        return f"{self.name}({inside}) -> {_shown(self.result)}"

    def bound(self, known: Any) -> Any:
        """Return it as a function of tensors."""
        taken = {symbol: known[symbol] for symbol in self.captures}

        def run(*args: Any) -> Any:
            inside = Known(taken)
            inside.again = True
            for symbol, one in zip(self.parameters, leaves(args), strict=True):
                inside[symbol] = one
            evaluate(self.nodes, inside, self.wanted)
            return filled(self.result, inside)

        return run


class Known(dict[Symbol, Any]):
    """The values of symbols in one run."""

    again = False  # whether gradients are themselves differentiated


def needed(
    symbols: list[Symbol], known: Any, among: Any = None
) -> tuple[list[Node], set[Symbol]]:
    """Return the nodes that some symbols need, in order, and what gradients are asked for.

    Parameters
    ----------
    known : set of Symbol
        What is given: nodes behind these are not needed.
    among : list of Node, optional
        Only nodes of this block: others are computed outside of it.
    """
    found: dict[int, Node] = {}
    wanted: set[Symbol] = set()
    waiting = list(symbols)
    while waiting:
        symbol = waiting.pop()
        node = symbol.node
        if symbol in known or node.number in found:
            continue
        if among is not None and node.block is not among:
            continue
        found[node.number] = node
        waiting += node.inputs()
        wanted |= wanted_by(node)
    return [found[number] for number in sorted(found)], wanted


def wanted_by(node: Node) -> set[Symbol]:
    """Return the symbols whose gradients a node asks for, itself or inside its blocks."""
    found = set(node.towards)
    for one in node.args:
        if isinstance(one, Block):
            found |= one.wanted
    return found


def evaluate(nodes: list[Node], known: Known, wanted: set[Symbol]) -> None:
    """Compute the results of nodes, in order."""
    for symbol in [one for one in known if one in wanted]:
        known[symbol] = watched(known[symbol])
    for node in nodes:
        if node.recorded:
            out = node.call(known)
        else:
            before = set_grad(False)
            try:
                out = node.call(known)
            finally:
                set_grad(before)
        for symbol, one in zip(node.outputs, leaves(out), strict=True):
            if symbol is not None:
                known[symbol] = watched(one) if symbol in wanted else one


def watched(value: Any) -> Any:
    """Return a tensor that gradients can be asked for."""
    return value if value.requires else value.detach().requires_grad_()
