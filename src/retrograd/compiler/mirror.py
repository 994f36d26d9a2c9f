"""Mirror: runs a kernel or rule on arrays that write down every NumPy call made of them.

Note [The same route].  Kernels choose by `type(x) is np.ndarray`, write in place where they may,
and call helpers that cache.  So a kernel is not given foreign arrays and asked to cope: it is run
with another view of its globals, in which `np` records and `np.ndarray` is `Traced`, and it takes
the route that it takes on arrays.  Helpers of the library are followed likewise; one that is given
no traced array runs as it is, and what it returns is a constant.
"""

from __future__ import annotations

import functools
import inspect
import operator
import types
from typing import Any

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from .._core.op import Op
from ..ops._sizes import out_of_range
from .trace import CALL, WRITE, Ref, Step, getitem, into_out, owner_of, setitem, transposed


class Unfollowed(BaseException):
    """What was done to a traced array cannot be written down; the step stays whole.

    No kernel catches it: it is no `Exception`.
    """


# NumPy functions whose result's shape depends on values, or that are not functions of arrays.
_REFUSED = {
    "nonzero", "flatnonzero", "argwhere", "unique", "compress", "extract", "trim_zeros",
    "save", "savez", "load", "fromfile", "array2string", "array_repr", "array_str",
    "set_printoptions",
    "errstate", "seterr", "vectorize", "apply_along_axis", "apply_over_axes", "piecewise",
    "frompyfunc", "fromfunction", "nditer", "ndenumerate", "allclose", "array_equal",
    "may_share_memory", "shares_memory", "setdiff1d", "intersect1d", "union1d",
    "array_equiv", "iscomplexobj", "isrealobj",
}  # fmt: skip
# NumPy functions that write into their first argument.
# What may return the very array that it is given.
_RETURNING = {
    "asarray", "asanyarray", "ascontiguousarray", "asfortranarray", "require", "atleast_1d",
    "atleast_2d", "atleast_3d", "broadcast_to", "astype", "real", "real_if_close", "getitem",
}  # fmt: skip
_WRITING = {"copyto", "put", "put_along_axis", "place", "putmask", "fill_diagonal"}
# NumPy functions that only look at shapes and dtypes.
_ABOUT = {
    "shape", "ndim", "size", "result_type", "broadcast_shapes", "can_cast", "issubdtype",
    "iscomplexobj", "isrealobj", "min_scalar_type", "isscalar", "isfortran", "promote_types",
    "dtype", "finfo", "iinfo", "common_type",
}  # fmt: skip
_METHODS = {
    "reshape", "dot", "astype", "sum", "transpose", "copy", "ravel", "flatten", "view", "take",
    "argmax", "argmin", "max", "min", "mean", "prod", "cumsum", "cumprod", "conj", "conjugate",
    "swapaxes", "squeeze", "repeat", "clip", "all", "any", "argsort", "diagonal", "trace", "round",
    "var", "std", "argpartition", "choose", "searchsorted", "byteswap",
}  # fmt: skip
_WRITING_METHODS = {"fill", "sort", "partition"}
_PLAIN = (
    "shape", "ndim", "dtype", "size", "strides", "itemsize", "nbytes",
)  # fmt: skip


@functools.cache
def place_of_out(function: Any) -> int:
    """Return which argument of a NumPy function is the array to write into."""
    try:
        names = list(inspect.signature(function).parameters)
    except ValueError:  # of C, without a signature
        return 2 if function in (np.dot, np.concatenate) else MANY
    return names.index("out") if "out" in names else MANY


MANY = 1000


class Flags:
    """The flags of an example: they may be read."""

    __slots__ = ("_real",)

    def __init__(self, real: Any) -> None:
        object.__setattr__(self, "_real", real)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def __getitem__(self, name: str) -> Any:
        return self._real[name]

    def __setattr__(self, name: str, value: Any) -> None:
        raise Unfollowed("it sets a flag")


class ArrayKind(type(NDArrayOperatorsMixin)):  # type: ignore[misc]
    """Makes `Traced` callable as `numpy.ndarray` is: a new array on the memory of another."""

    def __call__(cls, *args: Any, **settings: Any) -> Any:
        if args and isinstance(args[0], Tape):
            return super().__call__(*args)
        for one in operands_in((args, settings)):
            return one.tape.call(np.ndarray, args, settings)
        raise Unfollowed("numpy.ndarray")


class Traced(NDArrayOperatorsMixin, metaclass=ArrayKind):
    """An array of a kernel that is being opened: a concrete example, and its slot.

    Attributes
    ----------
    tape : Tape
        Where calls are written down.
    held : ndarray or NumPy scalar
        What the call gave on the example.
    number : int or None
        Its slot; negative for what lies inside a step, None for a constant.
    viewed : bool
        Whether something may share its memory.
    """

    __slots__ = ("held", "number", "tape", "viewed")

    def __init__(self, tape: Any, held: Any, number: int | None) -> None:
        self.tape = tape
        self.held = held
        self.number = number
        self.viewed = False

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **settings: Any) -> Any:
        return self.tape.ufunc(ufunc, method, inputs, settings)

    def __array_function__(self, function: Any, kinds: Any, args: Any, settings: Any) -> Any:
        return self.tape.function(function, args, settings)

    def __pow__(self, other: Any) -> Any:  # the operator has short cuts that the ufunc has not
        return self.tape.call(operator.pow, (self, other), {})

    def __getattr__(self, name: str) -> Any:
        held = self.held
        if name in _PLAIN:
            return getattr(held, name)
        if name == "flags":
            return Flags(held.flags)
        if name in ("T", "mT", "real", "imag"):
            return self.tape.call(_ATTRIBUTES[name], (self,), {})
        if isinstance(held, np.ndarray):
            if name in _METHODS:
                method = getattr(np.ndarray, name)
                return lambda *args, **settings: self.tape.method_of_array(
                    method, (self, *args), settings
                )
            if name in _WRITING_METHODS:
                method = getattr(np.ndarray, name)
                return lambda *args, **settings: self.tape.write(method, (self, *args), settings)
        elif name in _METHODS:
            return lambda *args, **settings: self.tape.method(name, self, args, settings)
        if not hasattr(np.ndarray, name):
            raise AttributeError(name)
        raise Unfollowed(f"the attribute {name}")

    def __getitem__(self, key: Any) -> Any:
        if holds_mask(key):
            raise Unfollowed("selection by a mask")
        return self.tape.call(getitem, (self, key), {})

    def __setitem__(self, key: Any, value: Any) -> None:
        self.tape.write(setitem, (self, key, value), {})

    def __len__(self) -> int:
        return len(self.held)

    def __iter__(self) -> Any:
        if len(self.held) > 64:
            raise Unfollowed("a loop over a long array")
        return (self[number] for number in range(len(self.held)))

    def _looked(self, *args: Any, **settings: Any) -> Any:
        raise Unfollowed("its values are looked at")

    def __bool__(self) -> bool:
        held = self.held
        if getattr(held, "size", 0) != 1 or held.ndim > 0:
            raise Unfollowed("its values are looked at")
        return self.tape.expect(self, bool(held))

    __int__ = __float__ = __complex__ = __index__ = _looked
    __array__ = __hash__ = __contains__ = __str__ = __repr__ = _looked  # type: ignore[assignment]


def turned_matrices(array: Any) -> Any:
    """Return ``array.mT``."""
    return array.mT


def real_part(array: Any) -> Any:
    """Return ``array.real``."""
    return array.real


def imaginary_part(array: Any) -> Any:
    """Return ``array.imag``."""
    return array.imag


_ATTRIBUTES = {
    "T": transposed,
    "mT": turned_matrices,
    "real": real_part,
    "imag": imaginary_part,
}


def holds_mask(key: Any) -> bool:
    """Say whether an index selects as many elements as a mask has true ones."""
    if isinstance(key, tuple):
        return any(holds_mask(one) for one in key)
    held = key.held if isinstance(key, Traced) else key
    return isinstance(held, (np.ndarray, np.generic)) and held.dtype == bool and held.ndim > 0


def holds_traced(given: Any) -> bool:
    """Say whether there is a traced array in an argument."""
    if isinstance(given, Traced):
        return True
    if isinstance(given, (list, tuple)):
        return any(holds_traced(one) for one in given)
    if isinstance(given, dict):
        return any(holds_traced(one) for one in given.values())
    if isinstance(given, slice):
        return holds_traced((given.start, given.stop, given.step))
    return False


class Tape:
    """The finer steps of what is being opened.

    Parameters
    ----------
    free : int
        The first free slot number; numbers go down from there.
    instead : dict, optional
        Functions of `ops` -> those that are followed in their place where `uses` is set.

    Attributes
    ----------
    uses : bool
        Whether functions may be followed that give a result with other roundings.
    met : bool
        Whether one was met that others could take the place of.
    """

    def __init__(self, free: int = -1, instead: dict[Any, Any] | None = None) -> None:
        self.free = free
        self.instead = instead or {}
        self.uses = False
        self.met = False
        self.steps: list[Step] = []
        self.held: dict[int, Any] = {}  # the example of each inner slot
        self.by_id: dict[int, Traced] = {}
        self.mirror = Mirror(self)
        self.fuses = False  # whether kernels of the library are left out
        self.place = 0  # of the step that is being opened

    # -- arguments ----------------------------------------------------------------------------

    def operand(self, held: Any, number: int) -> Traced:
        """Return the traced array of a slot from outside."""
        made = Traced(self, held, number)
        self.by_id[id(held)] = made
        return made

    def plain(self, given: Any) -> Any:
        """Return an argument with examples in it."""
        if isinstance(given, Traced):
            if given.tape is not self:
                raise Unfollowed("an array of another kernel")
            return given.held
        if isinstance(given, Call):
            return given.real
        if type(given) in (list, tuple):
            return type(given)([self.plain(one) for one in given])
        if type(given) is dict:
            return {key: self.plain(one) for key, one in given.items()}
        if isinstance(given, slice) and holds_traced(given):
            raise Unfollowed("a slice whose ends are computed")
        if given is Traced:
            return np.ndarray
        return given

    def refs(self, given: Any) -> Any:
        """Return an argument with slots in it."""
        if isinstance(given, Traced):
            return given.held if given.number is None else Ref(given.number)
        if given is Traced:
            return np.ndarray
        if isinstance(given, Call):
            return given.real
        if type(given) in (list, tuple):
            return type(given)([self.refs(one) for one in given])
        if type(given) is dict:
            return {key: self.refs(one) for key, one in given.items()}
        return given

    # -- calls ----------------------------------------------------------------------------------

    def ufunc(self, ufunc: Any, method: str, inputs: Any, settings: Any) -> Any:
        out = settings.get("out")
        if isinstance(out, tuple):
            settings = dict(settings)
            if len(out) != 1:
                raise Unfollowed("several out arrays")
            settings["out"] = out = out[0]
        if method == "at":
            return self.write(ufunc.at, inputs, settings)
        function = ufunc if method == "__call__" else getattr(ufunc, method)
        if method == "__call__" and out is None and len(inputs) > ufunc.nin:
            out, inputs = inputs[ufunc.nin], inputs[: ufunc.nin]
        if out is not None:
            settings = {key: one for key, one in settings.items() if key != "out"}
            return self.into(function, inputs, settings, out)
        return self.call(function, inputs, settings)

    def into(self, function: Any, inputs: Any, settings: Any, out: Any) -> Any:
        """Write down a call that puts its result into an array.

        When nothing else can see that array, the result is simply a new one.
        """
        if not isinstance(out, Traced):
            raise Unfollowed("it writes into an array from outside")
        if out.number is None or out.number >= 0:
            raise Unfollowed("it writes into an operand")
        held = function(*self.plain(list(inputs)), **self.plain(settings))
        now = out.held
        if (
            not out.viewed
            and isinstance(held, np.ndarray)
            and (held.shape, held.dtype, held.strides) == (now.shape, now.dtype, now.strides)
        ):
            step = Step(CALL, function, self.refs(tuple(inputs)), self.refs(settings))
            step.name = name_of(function)
            out.number = step.outs = self.number(held)
            out.held = held
            self.by_id[id(held)] = out
            self.steps.append(step)
            return out
        self.write(function, (*inputs, out), settings, out)
        return out

    def write(self, function: Any, args: Any, settings: Any, target: Any = None) -> None:
        """Write down a call that writes into an array that a finer step made."""
        into = target is not None  # a ufunc's out, which comes last
        target = target if into else args[0]
        if not isinstance(target, Traced) or target.number is None or target.number >= 0:
            raise Unfollowed("it writes into an array from outside")
        if not self.is_own(target.held):
            raise Unfollowed("it writes into a view of an operand")
        plain = self.plain(list(args))
        if into:
            function(*plain[:-1], out=plain[-1], **self.plain(settings))
            step = Step(WRITE, into_out, (Ref(target.number), function, *self.refs(args[:-1])),
                        self.refs(settings))  # fmt: skip
        else:
            function(*plain, **self.plain(settings))
            step = Step(WRITE, function, self.refs(tuple(args)), self.refs(settings))
        step.name = name_of(function)
        self.steps.append(step)

    def is_own(self, held: Any) -> bool:
        """Say whether the memory of an array was made by the step that is being opened."""
        base = owner_of(held)
        for one in self.by_id.values():
            if (one.number is None or one.number >= 0) and owner_of(one.held) is base:
                return False
        return True

    def function(self, function: Any, args: Any, settings: Any) -> Any:
        name = getattr(function, "__name__", "")
        if name in _ABOUT:
            return function(*self.plain(list(args)), **self.plain(settings))
        if name in _REFUSED or (name == "where" and len(args) == 1):
            raise Unfollowed(f"numpy.{name}")
        if name in _WRITING:
            return self.write(function, args, settings)
        out = settings.get("out")
        place = place_of_out(function)
        if len(args) > place:
            if len(args) > place + 1:
                raise Unfollowed(f"numpy.{name} with arguments behind its out")
            out, args = args[place], args[:place]
        if out is not None:
            settings = {key: one for key, one in settings.items() if key != "out"}
            return self.into(function, args, settings, out)
        return self.call(function, args, settings)

    def call(self, function: Any, args: Any, settings: Any) -> Any:
        """Write down a call without effects."""
        if name_of(function) == "repeat" and operands_in((args[1:], settings)):
            raise Unfollowed("repeat by an array")
        out = function(*self.plain(list(args)), **self.plain(settings))
        step = Step(CALL, function, self.refs(tuple(args)), self.refs(settings))
        step.name = name_of(function)
        if isinstance(out, (tuple, list)):
            made = [self.result(one) for one in out]
            step.outs = tuple(one.number if isinstance(one, Traced) else None for one in made)
            self.steps.append(step)
            for one in made:
                one.viewed = True
            self.see(args)
            return type(out)(made) if type(out) in (tuple, list) else tuple(made)
        if isinstance(out, np.ndarray):
            known = self.by_id.get(id(out))
            if known is not None and known.held is out:
                if name_of(function) not in _RETURNING:
                    raise Unfollowed(f"{name_of(function)} writes into what it is given")
                return known
        made = self.result(out)
        step.outs = made.number
        self.steps.append(step)
        if isinstance(out, np.ndarray):
            owner = owner_of(out)
            for one in operands_in((args, settings)):
                if owner_of(one.held) is owner:
                    one.viewed = made.viewed = True
        return made

    def method_of_array(self, method: Any, args: Any, settings: Any) -> Any:
        """Write down a method of an array."""
        if "out" in settings or (method is np.ndarray.dot and len(args) > 2):
            raise Unfollowed("a method that writes into an array")
        return self.call(method, args, settings)

    def method(self, name: str, scalar: Traced, args: Any, settings: Any) -> Any:
        """Write down a method of a NumPy scalar."""
        return self.call(operator.methodcaller(name, *args, **settings), (scalar,), {})

    def constant(self, made: Any) -> Any:
        """Return what a helper gave without looking at operands, arrays in it as constants."""
        if isinstance(made, np.ndarray):
            return self.by_id.setdefault(id(made), Traced(self, made, None))
        if type(made) in (list, tuple):
            return type(made)([self.constant(one) for one in made])
        return made

    def expect(self, truth: Traced, value: bool) -> bool:
        """Write down that the kernel went on because of a value."""
        if truth.number is not None:
            step = Step(CALL, expect, (Ref(truth.number), value, self.place), name="expect")
            self.steps.append(step)
        return value

    def require(self, check: Any, array: Traced, *args: Any) -> None:
        """Write down a check of an array that raises `Unforeseen` where it does not hold."""
        try:
            check(array.held, *args)
        except Unforeseen:
            raise Unfollowed("a check does not hold") from None
        if array.number is not None:
            given = (Ref(array.number), *args)
            self.steps.append(Step(CALL, check, given, name=name_of(check)))

    def see(self, args: Any) -> None:
        for one in operands_in(args):
            one.viewed = True

    def result(self, out: Any) -> Any:
        if isinstance(out, (np.ndarray, np.generic)):
            if out.dtype.hasobject:
                raise Unfollowed("an array of objects")
            made = Traced(self, out, self.number(out))
            self.by_id[id(out)] = made
            return made
        raise Unfollowed(f"a NumPy call returns a {type(out).__name__}")

    def number(self, held: Any) -> int:
        number = self.free
        self.free -= 1
        self.held[number] = held
        return number


AS_IT_IS = object()  # in the place of a function that is one call, and not followed


class Unforeseen(Exception):
    """A value for which a kernel takes another way than the one that was written down.

    Its argument is the place of the kernel's step in the segment.
    """


def expect(truth: Any, value: bool, place: int) -> None:
    """Raise where a kernel would take another way than on the example."""
    if bool(truth) is not value:
        raise Unforeseen(place)


def in_classes(target: Any, classes: int) -> None:
    """Raise where a target is no class: some may be ignored then, which goes another way."""
    if out_of_range(target, classes):
        raise Unforeseen


def name_of(function: Any) -> str:
    """Return a name for people."""
    owner = getattr(function, "__self__", None)
    name = getattr(function, "__name__", repr(function))
    return f"{owner.__name__}.{name}" if isinstance(owner, np.ufunc) else name


def operands_in(given: Any) -> list[Traced]:
    """Return the traced arrays in an argument."""
    if isinstance(given, Traced):
        return [given]
    if isinstance(given, (list, tuple)):
        return [found for one in given for found in operands_in(one)]
    if isinstance(given, dict):
        return [found for one in given.values() for found in operands_in(one)]
    return []


class Call:
    """A NumPy function in the mirrored world.

    Parameters
    ----------
    tape : Tape
    real : callable
    """

    def __init__(self, tape: Tape, real: Any) -> None:
        self.tape = tape
        self.real = real

    def __call__(self, *args: Any, **settings: Any) -> Any:
        real = self.real
        if isinstance(real, np.ufunc):
            if not (holds_traced(args) or holds_traced(settings)):
                return self.tape.constant(real(*args, **settings))
            return self.tape.ufunc(real, "__call__", args, settings)
        owner = getattr(real, "__self__", None)
        if isinstance(owner, np.ufunc):
            return self.tape.ufunc(owner, real.__name__, args, settings)
        return self.tape.function(real, args, settings)

    @property
    def kernel(self) -> Any:
        """What an operation whose kernel is a NumPy function calls."""
        return self

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.real, name)
        if isinstance(self.real, np.ufunc) and callable(found):
            return Call(self.tape, found)
        return found

    def __eq__(self, other: object) -> bool:
        return self.real is (other.real if isinstance(other, Call) else other)

    def __hash__(self) -> int:
        return hash(self.real)


class Facade:
    """A module in the mirrored world."""

    def __init__(self, mirror: Any, module: Any) -> None:
        self._mirror = mirror
        self._module = module

    def __getattr__(self, name: str) -> Any:
        return self._mirror.convert(getattr(self._module, name))


class Globals(dict):  # type: ignore[type-arg]
    """The globals of a module, seen in the mirror."""

    def __init__(self, mirror: Any, real: dict[str, Any]) -> None:
        super().__init__(__builtins__=real["__builtins__"], __name__=real["__name__"])
        self.mirror = mirror
        self.real = real

    def __missing__(self, name: str) -> Any:
        return self.mirror.convert(self.real[name])


class Mirror:
    """Another view of functions: NumPy records, the library's helpers are followed."""

    def __init__(self, tape: Tape) -> None:
        self.tape = tape
        self.spaces: dict[int, Globals] = {}
        self.functions: dict[int, Any] = {}
        self.kept: list[Any] = []

    def convert(self, thing: Any) -> Any:
        """Return what stands for a thing in the mirrored world."""
        if thing is np.ndarray:
            return Traced
        if isinstance(thing, types.ModuleType):
            if thing.__name__.split(".")[0] in ("numpy", "retrograd"):
                return Facade(self, thing)
            return thing
        if isinstance(thing, np.ufunc):
            return Call(self.tape, thing)
        if isinstance(thing, Op):
            return self.convert(thing.kernel)
        if isinstance(thing, types.FunctionType):
            module = thing.__module__ or ""
            other = self.tape.instead.get(thing)
            if other is not None:
                self.tape.met = True
                if self.tape.uses:
                    return Call(self.tape, thing) if other is AS_IT_IS else self.follow(other)
            if module.startswith("retrograd.ops"):
                return self.follow(thing)
            if module.startswith("numpy"):
                return Call(self.tape, thing)
            return thing
        if isinstance(thing, types.BuiltinFunctionType) and is_numpy(thing):
            return Call(self.tape, thing)
        if type(thing).__name__ == "_ArrayFunctionDispatcher":
            return Call(self.tape, thing)
        return thing

    def follow(self, function: Any) -> Any:
        """Return a function that runs in the mirrored world where it is given traced arrays."""
        found = self.functions.get(id(function))
        if found is not None:
            return found
        space = self.spaces.get(id(function.__globals__))
        if space is None:
            space = self.spaces[id(function.__globals__)] = Globals(self, function.__globals__)
        cells = function.__closure__
        if cells is not None:
            cells = tuple(types.CellType(self.convert(cell.cell_contents)) for cell in cells)
        inner = types.FunctionType(
            function.__code__, space, function.__name__, function.__defaults__, cells
        )
        inner.__kwdefaults__ = function.__kwdefaults__

        def followed(*args: Any, **settings: Any) -> Any:
            if holds_traced(args) or holds_traced(settings):
                return inner(*args, **settings)
            return self.tape.constant(function(*args, **settings))

        followed.kernel = followed  # type: ignore[attr-defined]
        self.kept.append(function)
        self.functions[id(function)] = followed
        return followed


def is_numpy(function: Any) -> bool:
    module = getattr(function, "__module__", None) or ""
    owner = getattr(function, "__self__", None)
    return module.startswith("numpy") or isinstance(owner, np.ufunc)
