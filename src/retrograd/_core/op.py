"""Operations: the `@op` decorator, the registry, and the gates that run and record a call.

An operation is a kernel and its rules.  Calling it with values runs the kernel on their arrays
and, where a gradient may be asked for, records one node.  Calling it with arrays alone just runs
the kernel, so rules may call operations.

See Note [What a rule may ask for] in `Op.grad`.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from .broadcast import broadcast_error
from .errors import OperationError, OperationTypeError, describe_call, with_note
from .modes import switches, thread_modes
from .native import BARE_CODE
from .node import Node
from .plan import (
    ARRAY,
    DTYPE,
    NEEDS,
    OUT_SHAPE,
    RESULT,
    SETTING,
    SHAPE,
    Need,
    Plan,
    Rule,
)
from .promotion import category, defaults, result_type
from .site import here
from .storage import clock
from .tracing import run, run_kernel, tracing
from .value import INFERENCE_VIEW, MULTIPLE_OUTPUT_VIEW, NO_GRAD_VIEW, Value, asarray

ndarray: Final[Any] = np.ndarray

# How operands are brought to one dtype before the kernel sees them.
KEEP: Final = 0  # as they are
PROMOTE: Final = 1  # to their common dtype
FLOAT: Final = 2  # to their common dtype, integers and bools to the default floating dtype

registry: Final[dict[str, Op]] = {}


class Late:
    """Hooks that files above `_core` fill in once: how a stale view finds its node again."""

    def __init__(self) -> None:
        self.refresh_view: Any = None
        self.cast: Any = None
        self.copy: Any = None
        self.pack: Any = None
        self.check_writable: Any = None
        self.adopt: Any = None
        self.adopt_written: Any = None
        self.detach: Any = None


late: Final = Late()


class Op:
    """One operation.

    Attributes
    ----------
    name : str
        NumPy's name for it where NumPy has one.
    node_name : str
        PyTorch's name for its node.
    kernel : callable
        Arrays positional, settings keyword-only.
    operands : tuple of str
        The array parameters; the last takes the rest when `variadic`.
    """

    def __init__(
        self,
        name: str,
        kernel: Any,
        operands: tuple[str, ...],
        settings: tuple[str, ...],
        variadic: bool,
    ) -> None:
        self.name = name
        self.__name__ = name
        self.kernel = kernel
        self.function: Any = kernel  # the documented Python function
        self.operands = operands
        self.settings = settings
        self.variadic = variadic
        self.node_name: str = "".join([w.capitalize() for w in name.split("_")]) + "Backward0"
        self.numpy: tuple[Any, ...] = ()
        self.torch: str = ""
        self.method: bool = False
        self.inplace: bool = False
        self.aliases: tuple[str, ...] = ()
        self.promote: int = KEEP
        self.elementwise: bool = False
        # A ufunc on floating operands of one dtype gives that dtype, so it need not be asked.
        self.keeps_dtype: bool = False
        self.view: bool = False
        self.linear: bool = False
        self.outputs: int = 1  # 0 when the kernel returns as many as it likes
        self.ufunc: bool = False  # the kernel is a NumPy ufunc and takes out=
        self.differentiable: tuple[int, ...] | None = None
        self.rules: list[Rule] = []
        # The operands that have a rule, as a mask; an edge is recorded only for these.
        self.covers: int = 0
        # Raises for operands that the kernel would take, or refuse in NumPy's words.
        self.refuse: Any = None
        self.jvp_rule: Any = None
        self.vmap_rule: Any = None
        self.plans: dict[int, Plan] = {}
        # Plans of one- and two-operand calls, found without hashing.
        self.plan1: Plan | None = None
        self.plan2: Plan | None = None
        self.plan3: Plan | None = None

    # -- definition ---------------------------------------------------------------------------

    def grad(self, *names: str) -> Any:
        """Register a rule for the named operands; its one result goes to each of them.

        Note [What a rule may ask for].  A rule's first parameter is `g`, the gradient of the
        result.  Every other parameter names what to save: an operand (``x``), its shape
        (``x_shape``) or dtype (``x_dtype``), the result (``out``), its shape (``out_shape``), a
        keyword setting (``axis``), or ``needs``, a tuple of bools saying which operands want
        a gradient.  For a variadic operand ``arrays`` they are tuples.
        """
        return self._registrar(names, False)

    def grads(self, *names: str) -> Any:
        """Register a rule that returns a tuple: one gradient for each of the named operands."""
        return self._registrar(names, True)

    def _registrar(self, names: tuple[str, ...], separate: bool) -> Any:
        for name in names:
            if name not in self.operands:
                raise TypeError(
                    f"{self.name}: a rule for {name!r}, but the operands are {self.operands}"
                )
        targets = tuple([self.operands.index(name) for name in names])
        for target in targets:
            if self.variadic and target == len(self.operands) - 1:
                self.covers |= -1 << target
            else:
                self.covers |= 1 << target

        def register(rule: Any) -> Any:
            self.rules.append(Rule(rule, targets, self._needs_of(rule), separate))
            return rule

        return register

    def jvp(self, rule: Any) -> Any:
        """Register a forward-mode rule: ``rule(tangents, *operands, out, **settings)``."""
        self.jvp_rule = rule
        return rule

    def vmap(self, rule: Any) -> Any:
        """Register a batching rule."""
        self.vmap_rule = rule
        return rule

    def _needs_of(self, rule: Any) -> list[Need]:
        code = rule.__code__
        names = code.co_varnames[: code.co_argcount]
        if not names or names[0] != "g":
            raise TypeError(f"{self.name}: the first parameter of rule {rule.__name__} must be g")
        return [self._need(name, rule) for name in names[1:]]

    def _need(self, name: str, rule: Any) -> Need:
        if name in self.operands:
            return Need(name, ARRAY, self.operands.index(name))
        if name == "out":
            return Need(name, RESULT, 0)
        if name == "out_shape":
            return Need(name, OUT_SHAPE, 0)
        if name == "needs":
            return Need(name, NEEDS, 0)
        for ending, kind in (("_shape", SHAPE), ("_dtype", DTYPE)):
            stem = name[: -len(ending)]
            if name.endswith(ending) and stem in self.operands:
                return Need(name, kind, self.operands.index(stem))
        if name in self.settings:
            return Need(name, SETTING, 0)
        allowed = [*self.operands, *[n + "_shape" for n in self.operands]]
        allowed += [n + "_dtype" for n in self.operands]
        allowed += ["out", "out_shape", "needs", *self.settings]
        raise TypeError(
            f"{self.name}: rule {rule.__name__} asks for {name!r}; it may ask for {allowed}"
        )

    def plan_for(self, mask: int) -> Plan:
        """Return the plan for a mask of operands that need a gradient."""
        plan = self.plans.get(mask)
        if plan is None:
            fixed = len(self.operands) - 1 if self.variadic else 64
            plan = Plan(self.node_name, fixed, mask, self.rules)
            self.plans[mask] = plan
            if mask == 1:
                self.plan1 = plan
            elif mask == 2:
                self.plan2 = plan
            elif mask == 3:
                self.plan3 = plan
        return plan

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    # -- the general gate -----------------------------------------------------------------------

    def __call__(self, *args: Any, **settings: Any) -> Any:
        """Run the operation on values, arrays and Python scalars; record it where needed."""
        first: Value | None = None
        for arg in args:
            if isinstance(arg, Value):
                first = arg
                break
        if first is None:
            if settings:
                return self.kernel(*args, **settings)
            return self.kernel(*args)
        operands: list[Any] = list(args)
        if self.promote != KEEP:
            self._promote(operands)
        arrays: list[Any] = []
        mask = 0
        bit = 1
        for arg in operands:
            if isinstance(arg, Value):
                if arg.base is not None:
                    refresh(arg)
                arrays.append(arg.array)
                if arg.requires and self.covers & bit:
                    mask |= bit
            else:
                arrays.append(arg)
            bit <<= 1
        try:
            if tracing.count != 0:
                out = run_kernel(self, operands, arrays, settings)
            elif settings:
                out = self.kernel(*arrays, **settings)
            else:
                out = self.kernel(*arrays)
        except Exception as error:
            raise failed(self, arrays, settings, error) from error
        record = mask != 0
        if record and switches.special != 0:
            record = thread_modes().grad
        if isinstance(out, tuple):
            return self._finish_many(first, operands, arrays, out, settings, mask, record)
        result = first.make(asarray(out))
        if self.view:
            note_view(self, result, first)
        if record:
            node = self._record(operands, arrays, result.array, settings, mask)
            if node is not None:
                node_out(node, result, self)
        if switches.special != 0:
            mark_inference(result)
        return result

    def _promote(self, operands: list[Any]) -> None:
        if self.refuse is not None:
            self.refuse(*operands)
        if len(operands) == 1:
            only: Value = operands[0]
            if self.promote == FLOAT and category(only.get_dtype()) < 2:
                operands[0] = cast(only, defaults.floating)
            return
        dtype = result_type(operands)
        if self.promote == FLOAT and category(dtype) < 2:
            dtype = defaults.floating
        for number, arg in enumerate(operands):
            if isinstance(arg, Value):
                if arg.get_dtype() != dtype:
                    operands[number] = cast(arg, dtype)
            elif isinstance(arg, (int, float, complex)):
                operands[number] = run(weak_scalar, arg, dtype)
            elif arg is not None and arg.dtype != dtype:
                operands[number] = run(as_dtype, arg, dtype)

    def _finish_many(
        self,
        first: Value,
        operands: list[Any],
        arrays: list[Any],
        out: Any,
        settings: Any,
        mask: int,
        record: bool,
    ) -> Any:
        results = [first.make(asarray(a)) for a in out]
        node = None
        if record:
            wrapped = tuple([r.array for r in results])
            node = self._record(operands, arrays, wrapped, settings, mask)
        if node is not None:
            node.outputs = len(results)
            # What zeros stand for a gradient that does not come; indices and their like have none.
            which = self.differentiable
            node.like = tuple(
                [
                    (r.array.shape, r.array.dtype) if which is None or n in which else None
                    for n, r in enumerate(results)
                ]
            )
        for number, result in enumerate(results):
            if self.view:
                note_view(self, result, first)
                if result.view_kind == 0:
                    result.view_kind = MULTIPLE_OUTPUT_VIEW
            if node is not None:
                which = self.differentiable
                if which is None or number in which:
                    result.requires = True
                    result.node = node
                    result.index = number
            if switches.special != 0:
                mark_inference(result)
        if node is not None and node.storages is not None:
            own: list[Any] = []
            for storage in node.storages:
                if storage is node:
                    own += [r.get_storage() for r in results]
                else:
                    own.append(storage)
            node.storages = tuple(own)
        return tuple(results)

    def _record(
        self, operands: list[Any], arrays: list[Any], out: Any, settings: Any, mask: int
    ) -> Node | None:
        plan = self.plan_for(mask)
        if not plan.calls:
            return None
        edges: list[Any] = []
        indices: list[int] = []
        any_index = False
        for number, arg in enumerate(operands):
            if isinstance(arg, Value) and mask >> number & 1:
                edges.append(arg.edge())
                indices.append(arg.index)
                if arg.index != 0:
                    any_index = True
            else:
                edges.append(None)
                indices.append(0)
        clock.now += 1
        node = Node(plan, clock.now, tuple(edges))
        if any_index:
            node.indices = tuple(indices)
        if self.elementwise:
            self._note_shapes(node, operands, arrays, out)
        if plan.saves:
            self._save(node, plan, operands, arrays, out, settings, mask)
        return node

    def _note_shapes(self, node: Node, operands: list[Any], arrays: list[Any], out: Any) -> None:
        shape = out.shape
        shapes: list[Any] = []
        differs = False
        for number in range(len(operands)):
            target = None
            if node.edges[number] is not None:
                have = arrays[number].shape
                if have != shape:
                    target = have
                    differs = True
            shapes.append(target)
        if differs:
            node.shapes = tuple(shapes)

    def _save(
        self,
        node: Node,
        plan: Plan,
        operands: list[Any],
        arrays: list[Any],
        out: Any,
        settings: Any,
        mask: int,
    ) -> None:
        saved: list[Any] = []
        storages: list[Any] = []
        last = len(self.operands) - 1
        for need in plan.saves:
            kind = need.kind
            at = need.position
            rest = self.variadic and at == last
            if kind == ARRAY:
                if rest:
                    saved.append(tuple(arrays[at:]))
                    for arg in operands[at:]:
                        storages.append(arg.get_storage() if isinstance(arg, Value) else None)
                else:
                    saved.append(arrays[at] if at < len(arrays) else None)
                    arg = operands[at] if at < len(operands) else None
                    storages.append(arg.get_storage() if isinstance(arg, Value) else None)
            elif kind == RESULT:
                saved.append(out)
                storages.append(node)  # replaced by the result's storage in `node_out`
            elif kind == SHAPE:
                if rest:
                    saved.append(tuple([a.shape for a in arrays[at:]]))
                else:
                    saved.append(np.shape(arrays[at]) if at < len(arrays) else None)
            elif kind == DTYPE:
                if rest:
                    saved.append(tuple([a.dtype for a in arrays[at:]]))
                else:
                    saved.append(getattr(arrays[at], "dtype", None))
            elif kind == SETTING:
                saved.append(settings.get(need.name, self.defaults_of(need.name)))
            elif kind == OUT_SHAPE:
                saved.append(tuple([a.shape for a in out]) if isinstance(out, tuple) else out.shape)
            else:
                saved.append(tuple([bool(mask >> n & 1) for n in range(len(arrays))]))
        node.saved = tuple(saved)
        if plan.saves_arrays:
            node.storages = tuple(storages)
            node.site = here()
        if switches.special != 0:
            pack_saved(node)

    def defaults_of(self, setting: str) -> Any:
        """Return the default of a keyword setting of the kernel."""
        return (self.function.__kwdefaults__ or {}).get(setting)


def weak_scalar(number: Any, dtype: Any) -> Any:
    """Return a Python number as an array of the dtype that its operation runs in."""
    return np.asarray(number).astype(dtype)


def as_dtype(array: Any, dtype: Any) -> Any:
    """Return an array in another dtype."""
    return array.astype(dtype)


# -- shared steps of the gates ------------------------------------------------------------------


def node_out(node: Node, result: Value, op: Op) -> None:
    """Make `node` the node of `result`."""
    result.requires = True
    result.node = node
    storages = node.storages
    if storages is not None:
        for storage in storages:
            if storage is node:
                own = result.get_storage()
                node.storages = tuple([own if s is node else s for s in storages])
                break


def refresh(x: Value) -> None:
    """Bring the node of a view up to date with writes made through its base."""
    storage = x.storage
    if storage is not None and storage.written > x.view_seen:
        late.refresh_view(x)
    elif x.node is None:
        base: Any = x.base
        if x.requires != base.requires:
            late.refresh_view(x)


def cast(x: Value, dtype: Any) -> Value:
    """Return `x` in another dtype, recorded when `x` is."""
    found: Value = late.cast(x, dtype)
    return found


def note_view(op: Op, result: Value, source: Value) -> None:
    """Let a result that shares its source's buffer share its version counter and base."""
    if source.inference:
        result.inference = True
    elif op.view or np.may_share_memory(result.array, source.array):
        storage = source.get_storage()
        result.storage = storage
        result.view_seen = clock.now
        base = source.base
        result.base = source if base is None else base
        if switches.special != 0 and not thread_modes().grad:
            result.view_kind = INFERENCE_VIEW if thread_modes().inference else NO_GRAD_VIEW
        if source.view_kind != 0:
            result.view_kind = source.view_kind


def mark_inference(result: Value) -> None:
    """Mark a result made in inference mode."""
    if thread_modes().inference and result.base is None:
        result.inference = True


def pack_saved(node: Node) -> None:
    """Hand what was just saved to the thread's saved-value hooks, when there are any."""
    modes = thread_modes()
    if modes.anomaly and node.site is None:
        node.site = here()
    if modes.pack is not None:
        late.pack(node, modes)


def failed(op: Op, arrays: Any, settings: Any, error: Exception) -> Exception:
    """Return the error to raise for a kernel that failed: what, which call, what was found."""
    if isinstance(error, (RuntimeError, NotImplementedError)) and not isinstance(
        error, OperationError
    ):
        call = describe_call(op.name, op.operands, arrays, settings)
        return with_note(error, f"while computing {call}")
    if op.refuse is not None and isinstance(error, TypeError):
        try:
            op.refuse(*arrays)
        except RuntimeError as refused:
            return refused
    call = describe_call(op.name, op.operands, arrays, settings)
    text = str(error)
    if isinstance(error, IndexError):
        return IndexError(f"{text}\nwhile computing {call}")
    if isinstance(error, ValueError) and op.elementwise and len(arrays) > 1:
        shape = np.shape(arrays[0])
        for array in arrays[1:]:
            words = broadcast_error(shape, np.shape(array))
            if words is not None:
                text = words
                break
            shape = np.broadcast_shapes(shape, np.shape(array))
    if isinstance(error, TypeError):
        return OperationTypeError(f"{text}\nwhile computing {call}")
    return OperationError(f"{text}\nwhile computing {call}")


# -- definition ---------------------------------------------------------------------------------


def op(
    function: Any = None,
    *,
    numpy: Any = None,
    name: str = "",
    node: str = "",
    promote: int = KEEP,
    elementwise: bool = False,
    view: bool = False,
    linear: bool = False,
    differentiable: tuple[int, ...] | None = None,
    torch: str = "",
    method: bool = True,
    inplace: bool = False,
    aliases: tuple[str, ...] = (),
) -> Any:
    """Define an operation from its kernel.

    Parameters
    ----------
    numpy : callable or tuple of callables, optional
        The NumPy functions that mean this operation: ``np.tanh(tensor)`` arrives here.  A kernel
        whose body is only a docstring *is* the (first) NumPy function.
    node : str, optional
        PyTorch's name of the node, ``TanhBackward0``.
    promote : KEEP, PROMOTE or FLOAT
        How operands are brought to one dtype.
    elementwise : bool
        The result has the operands' broadcast shape.
    view : bool
        The result shares its first operand's buffer.
    linear : bool
        The operation is linear in its operands together.
    differentiable : tuple of int, optional
        Which of several outputs have gradients; all by default.
    torch : str, optional
        PyTorch's name, when calling the operation *is* the public function: ``torch.tanh``.  A
        dotted name (``special.erfcx``) goes to that namespace.
    method, inplace : bool
        Whether tensors have it as a method, and as an in-place method (``tanh_``).
    aliases : tuple of str
        Other public names.
    """

    def define(function: Any) -> Op:
        code = function.__code__
        count = code.co_argcount
        operands = code.co_varnames[:count]
        total = count + code.co_kwonlyargcount
        settings = code.co_varnames[count:total]
        variadic = bool(code.co_flags & 0x04)
        if variadic:
            operands = (*operands, code.co_varnames[total])
        names = numpy if isinstance(numpy, tuple) else (numpy,) if numpy is not None else ()
        kernel = function
        bare = function.__doc__ is not None and code.co_code == BARE_CODE
        if bare and not names:
            raise TypeError(f"op {function.__name__} has neither a body nor a NumPy function")
        if bare:
            kernel = names[0]
        made = Op(name or function.__name__, kernel, operands, settings, variadic)
        made.function = function
        made.numpy = names
        made.promote = promote
        made.elementwise = elementwise
        made.view = view
        made.linear = linear
        made.differentiable = differentiable
        made.ufunc = isinstance(kernel, np.ufunc)
        made.keeps_dtype = made.ufunc and elementwise and "f->f" in "".join(kernel.types)
        made.keeps_dtype = made.keeps_dtype and promote != KEEP
        made.torch = torch
        made.method = method
        made.inplace = inplace
        made.aliases = aliases
        if node:
            made.node_name = node
        if made.name in registry:
            raise TypeError(f"op {made.name} is defined twice")
        registry[made.name] = made
        return made

    return define if function is None else define(function)
