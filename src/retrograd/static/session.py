"""Session: runs what a static graph's fetches need, as a compiled function of the feeds."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.modes import grad_enabled, set_grad
from .._core.tracing import set_recorder
from .._core.value import Value
from ..autograd.backward import grad
from ..compiler.function import CompiledFunction
from ..creation import ones_like, zeros_like
from ..tensor import Tensor, raw
from .graph import Graph, reference, state
from .symbols import Block, Known, Node, Symbol, Unfed, evaluate, filled, needed, plain
from .trees import leaves, rebuilt


class Program:
    """The nodes that some fetches need, as a function of the fed tensors."""

    def __init__(self, fetches: list[Symbol], feeds: list[Symbol]) -> None:
        self.fetches = fetches
        self.feeds = feeds
        self.nodes, self.wanted = needed(fetches, set(feeds))
        for node in self.nodes:
            if node.function is None:
                symbol = node.outputs[0]
                who = ", ".join(one.name for one in fetches)
                raise RuntimeError(
                    f"Session.run: {who} needs the placeholder {symbol.text()}, which feed_dict "
                    "does not have"
                )
        asking = [node for node in self.nodes if isinstance(node, Gradients)]
        blocks = any(isinstance(one, Block) for node in self.nodes for one in node.args)
        self.again = len(asking) > 1 or (blocks and bool(asking))
        self.asks = any(node.asks for node in self.nodes)

    def __call__(self, *tensors: Any) -> Any:
        known = Known(zip(self.feeds, tensors))
        known.again = self.again
        evaluate(self.nodes, known, self.wanted)
        return tuple([self.result(known, symbol) for symbol in self.fetches])

    def result(self, known: Known, symbol: Symbol) -> Any:
        """Return a fetch as a tensor that shares memory with nothing else."""
        node = symbol.node
        value = known[symbol].detach()
        shares = symbol in self.feeds or not node.fresh
        return value.clone() if shares else value


class Session:
    """Runs parts of a static graph.

    Each set of fetches and feeds is one program, recorded in its first run and replayed from then
    on, as `compile` does it.

    Parameters
    ----------
    graph : Graph, optional
        Accepted; what is fetched says which graph it belongs to.

    Examples
    --------
    >>> import retrograd as torch
    >>> from retrograd import static
    >>> with static.Graph():
    ...     x = static.placeholder(torch.float32, (2,), name="x")
    ...     loss = (x**2).sum()
    ...     slope = static.gradients(loss, x)
    >>> static.Session().run([loss, slope], {x: [3.0, 4.0]})
    [tensor(25.), tensor([6., 8.])]
    """

    def __init__(self, graph: Graph | None = None) -> None:
        self.graph = graph
        self.programs: dict[Any, CompiledFunction] = {}

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Forget the programs."""
        self.programs.clear()

    def run(self, fetches: Any, feed_dict: dict[Any, Any] | None = None) -> Any:
        """Return the values of some tensors of a graph; only what these need is computed.

        Parameters
        ----------
        fetches : tensor, or a nest of tensors in lists, tuples and dicts
            The result has the same form.  Tensors from outside come as they are.
        feed_dict : dict
            Tensors of the graph, placeholders as a rule, and their values: tensors, arrays,
            numbers, lists.

        Raises
        ------
        RuntimeError
            For a placeholder that is needed and not fed.
        ValueError, TypeError
            For a feed of another shape, of a dtype that does not fit.
        """
        here = state()
        default = here.default
        if default is not None and default.open and default not in here.stack:
            default.open = False
        asked = leaves(fetches)
        for one in asked:
            if not isinstance(one, Value):
                raise TypeError(f"Session.run: cannot fetch {one!r}: fetches are tensors")
        before = set_recorder(None) if here.recording is not None else None
        try:
            feeds = self.feeds(feed_dict or {})
            symbols = [reference(one) for one in asked]
            found = self.values([one for one in symbols if type(one) is Symbol], feeds)
        finally:
            if before is not None:
                set_recorder(before)
        results = [found.get(symbol, one) for symbol, one in zip(symbols, asked)]
        return results[0] if isinstance(fetches, Value) else rebuilt(fetches, results)

    def feeds(self, feed_dict: dict[Any, Any]) -> dict[Symbol, Any]:
        found = {}
        for key, given in feed_dict.items():
            symbol = reference(key)
            if not isinstance(symbol, Symbol):
                raise TypeError(
                    f"Session.run: a key of feed_dict is no tensor of a static graph: {key!r}"
                )
            found[symbol] = fed(symbol, given)
        return found

    def values(self, symbols: list[Symbol], feeds: dict[Symbol, Any]) -> dict[Symbol, Any]:
        if not symbols:
            return {}
        key = (tuple(symbols), tuple(feeds))
        program = self.programs.get(key)
        if program is None:
            program = CompiledFunction(Program(list(dict.fromkeys(symbols)), list(feeds)))
            self.programs[key] = program
        inner = program.function
        if inner.asks and not grad_enabled():
            set_grad(True)
            try:
                results = program(*feeds.values())
            finally:
                set_grad(False)
        else:
            results = program(*feeds.values())
        return dict(zip(inner.fetches, results))

    @property
    def source(self) -> str:
        """The Python source of what is replayed."""
        return "\n".join(program.source for program in self.programs.values())


def fed(symbol: Symbol, given: Any) -> Any:
    """Return what is fed for a symbol as a tensor of its dtype and shape."""
    try:
        array = given.array if isinstance(given, Value) else np.asarray(given)
    except ValueError as error:
        raise ValueError(f"Session.run: {symbol.text()} is fed {error}") from None
    if type(array) is np.ndarray and array.dtype == symbol.dtype and array.shape == symbol.shape:
        return Tensor(array.copy() if array is given else array, raw)
    if type(array) is Unfed:
        raise TypeError(
            f"Session.run: {symbol.text()} is fed a tensor of a static graph, which has no values"
        )
    if array.shape != symbol.shape:
        raise ValueError(
            f"Session.run: {symbol.text()} is fed shape {list(array.shape)}, "
            f"and its shape is {list(symbol.shape)}"
        )
    kinds = "biufc"
    rises = kinds.find(array.dtype.kind) > kinds.find(symbol.dtype.kind)
    same = array.dtype.kind in "iu" and symbol.dtype.kind in "iu"
    if array.dtype.kind not in kinds or (rises and not same):
        raise TypeError(
            f"Session.run: {symbol.text()} is fed {array.dtype}, which would lose something "
            f"as {symbol.dtype}"
        )
    return Tensor(array.astype(symbol.dtype), raw)


class Gradients(Node):
    """The node of a call of `gradients`."""

    @property
    def asks(self) -> bool:
        return True

    def call(self, known: Any) -> Any:
        ys, xs, grad_ys = (filled(one, known) for one in self.args)
        return differentiate(ys, xs, grad_ys, known.again)


def differentiate(ys: Any, xs: Any, grad_ys: Any, again: bool) -> list[Any]:
    """Return the gradients of tensors, zeros where one has no part in `ys`."""
    pairs = [
        (y, ones_like(y) if g is None else g) for y, g in zip(ys, grad_ys) if y.requires_grad
    ]
    if not pairs:
        return [zeros_like(x) for x in xs]
    roots, seeds = zip(*pairs)
    found = grad(
        roots, xs, seeds, allow_unused=True, create_graph=again, retain_graph=True
    )  # fmt: skip
    return [zeros_like(x) if one is None else one for x, one in zip(xs, found)]


def gradients(ys: Any, xs: Any, grad_ys: Any = None) -> Any:
    """Add the gradients of the sum of `ys` with respect to `xs` to a static graph.

    Parameters
    ----------
    ys : tensor or list of tensors
        Of the graph.
    xs : tensor or list of tensors
        Of the graph (placeholders or not), or tensors from outside that require grad.
    grad_ys : tensor or list, optional
        The gradients of `ys`: ones where there is none.

    Returns
    -------
    tensor, or a list where `xs` is one
        None for an x on which no y depends.  They can be differentiated again.
    """
    many = [list(one) if isinstance(one, (list, tuple)) else [one] for one in (ys, xs)]
    roots, targets = ([reference(one) for one in part] for part in many)
    seeds = list(grad_ys) if isinstance(grad_ys, (list, tuple)) else [grad_ys] * len(roots)
    if len(seeds) != len(roots):
        raise ValueError(f"gradients: {len(roots)} ys and {len(seeds)} grad_ys")
    graph = state().building or state().default
    if graph is None:
        raise RuntimeError("gradients: no static graph is being built; see retrograd.autograd.grad")
    for symbol in roots:
        if not isinstance(symbol, Symbol):
            raise TypeError("gradients: ys must be tensors of a static graph")
    for y, g in zip(many[0], seeds):
        if g is not None and g.shape != y.shape:
            raise ValueError(f"gradients: grad_ys has shape {list(g.shape)} for y{list(y.shape)}")
    behind = dependencies(roots)
    connected = []
    for value, target in zip(many[1], targets):
        if not isinstance(value, Value) or value.get_dtype().kind not in "fcV":
            raise TypeError(f"gradients: xs must be floating-point tensors, got {value!r}")
        if not isinstance(target, Symbol) and not target.requires:
            raise RuntimeError("gradients: a tensor from outside among xs does not require grad")
        if id(target) in behind:
            connected.append((value, target))
    found: dict[int, Any] = {}
    if connected:
        args = (roots, [target for _, target in connected], [reference(g) for g in seeds])
        node = graph.node("gradients", differentiate, args, kind=Gradients)
        node.towards = tuple(t for _, t in connected if isinstance(t, Symbol))
        node.recorded = True
        for value, target in connected:
            stem = f"d_{target.name}" if isinstance(target, Symbol) else "d"
            found[id(target)] = graph.tensor(node, np.array(plain(value.array)), stem)
    results = [found.get(id(target)) for target in targets]
    return results if isinstance(xs, (list, tuple)) else results[0]


def dependencies(symbols: list[Any]) -> set[int]:
    """Return the ids of the symbols and outside tensors that some symbols depend on."""
    found: set[int] = set()
    waiting: list[Any] = list(symbols)
    seen: set[int] = set()
    while waiting:
        one = waiting.pop()
        if id(one) in found:
            continue
        found.add(id(one))
        if isinstance(one, Symbol) and one.node.number not in seen:
            seen.add(one.node.number)
            waiting += one.node.inputs()
            waiting += outside(one.node)
    return found


def outside(node: Node) -> list[Any]:
    """Return the tensors from outside that a node takes, also inside its blocks."""
    found = [one for one in leaves((node.args, node.settings)) if isinstance(one, Value)]
    for one in node.args:
        if isinstance(one, Block):
            for inner in one.nodes:
                found += outside(inner)
            found += [leaf for leaf in leaves(one.result) if isinstance(leaf, Value)]
    return found


def assign(target: Any, value: Any) -> Any:
    """Add the writing of a value into a tensor from outside; fetch the result to have it done.

    Parameters
    ----------
    target : tensor
        From outside the graph: a parameter, a buffer.
    value : tensor
        Of the graph, in the target's shape.

    Returns
    -------
    tensor
        The value.
    """
    if not isinstance(target, Value) or type(target.array) is Unfed:
        raise TypeError("assign: the target must be a tensor from outside the static graph")
    source = reference(value)
    if not isinstance(source, Symbol):
        raise TypeError("assign: the value must be a tensor of a static graph")
    if isinstance(reference(target), Symbol):
        raise RuntimeError(
            "assign: the target was drawn while the graph is built, so that every run draws it "
            "again; make it a parameter (requires_grad=True), or draw it before the graph"
        )
    if source.shape != target.get_shape():
        raise ValueError(
            f"assign: {source.text()} does not fit a tensor of shape {list(target.get_shape())}"
        )
    graph = state().building or state().default
    if graph is None:
        raise RuntimeError("assign: no static graph is being built")
    node = graph.node("assign", written, (target, source))
    node.recorded = False
    return graph.tensor(node, np.array(plain(value.array)))


def written(target: Any, value: Any) -> Any:
    """Write into a tensor; return the value."""
    target.copy_(value)
    return value.clone()
