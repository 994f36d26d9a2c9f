"""The public names: which function answers to ``torch.<name>`` and to ``tensor.<name>()``.

Operations name themselves (``@op(torch="tanh")``); where PyTorch's signature is not the
operation's own, a front function brings the arguments to the operation's one plain form and is
registered with `@public`.
"""

from __future__ import annotations

from .gates import call1, call2
from .op import registry
from .value import Value

functions: dict[str, object] = {}
methods: dict[str, object] = {}
inplace_methods: dict[str, object] = {}


def public(
    name="",
    *,
    method=True,
    function=True,
    inplace=False,
    out=False,
    aliases=(),
    namespace="",
):
    """Register a front function under PyTorch's name.

    Parameters
    ----------
    name : str
        The public name; the function's own name by default.
    method, function : bool
        Whether it is a tensor method, and a function of the namespace.
    inplace : bool
        Whether an in-place method ``name_`` is derived from it.
    out : bool
        Whether the function takes PyTorch's ``out=``; the front function itself does not see it.
    aliases : tuple of str
        Other public names.
    namespace : str
        ``""`` for ``torch``, else ``"linalg"``, ``"special"``, ``"nn.functional"`` and so on.
    """

    def register(front):
        for given in (name or front.__name__, *aliases):
            key = f"{namespace}.{given}" if namespace else given
            if function:
                functions[key] = with_out(front) if out else front
            if method:
                methods[given] = front
            if inplace:
                inplace_methods[given + "_"] = front
        return front

    return register


def with_out(front):
    """Return `front` with PyTorch's ``out=`` added."""

    def function(*args, out=None, **settings):
        result = front(*args, **settings)
        return result if out is None else deliver(result, out)

    function.__name__ = front.__name__
    function.__qualname__ = front.__qualname__
    function.__doc__ = front.__doc__
    function.__wrapped__ = front
    return function


def deliver(result, out):
    """Write a result into the tensors given as ``out=`` and return those."""
    if isinstance(result, tuple):
        for target, one in zip(out, result):
            deliver(one, target)
        return type(result)(out) if type(result) is tuple else type(result)(*out)
    if not isinstance(out, Value):
        raise TypeError(f"argument 'out' must be Tensor, not {type(out).__name__}")
    out.receive(result)
    return out


def expect_tensor(function, value, argument="input", position=1):
    """Return `value`, or raise PyTorch's TypeError when it is not a tensor."""
    if not isinstance(value, Value):
        raise TypeError(
            f"{function}(): argument '{argument}' (position {position}) must be Tensor, "
            f"not {type(value).__name__}"
        )
    return value


def unary_function(op):
    """Return the public function of a one-operand operation."""

    def function(input, *, out=None):
        if not isinstance(input, Value):
            expect_tensor(op.torch, input)
        result = call1(op, input)
        return result if out is None else deliver(result, out)

    def method(self):
        return call1(op, self)

    return function, method


def binary_function(op):
    """Return the public function of a two-operand operation; one operand may be a scalar."""

    def function(input, other, *, out=None):
        if isinstance(input, Value):
            result = call2(op, input, other)
        elif isinstance(other, Value):
            result = op(input, other)
        else:
            expect_tensor(op.torch, input)
        return result if out is None else deliver(result, out)

    def method(self, other):
        return call2(op, self, other)

    return function, method


def collect():
    """Register every operation that is a public function itself."""
    for op in registry.values():
        if not op.torch:
            continue
        make = unary_function if len(op.operands) == 1 else binary_function
        function, method = make(op)
        last = op.torch.rsplit(".", 1)[-1]
        for made in (function, method):
            made.__name__ = made.__qualname__ = last
            made.__doc__ = op.function.__doc__
        function.op = op
        prefix = op.torch[: -len(last)]
        for given in (last, *op.aliases):
            functions[prefix + given] = function
            if op.method:
                methods[given] = method
            if op.inplace:
                inplace_methods[given + "_"] = method
