"""The rest of class Tensor: methods that operations declare, and those only a tensor has."""

from __future__ import annotations

import sys
import warnings

import numpy as np

from . import inplace
from ._core.gates import is_operand
from ._core.promotion import category
from ._core.public import collect, expect_tensor, functions, inplace_methods, methods
from ._core.value import Value
from ._format import format_scalar, tensor_text
from ._legacy import named_dtype, tensortype
from .device import check_device, device
from .dtypes import (
    bool_,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    get_default_dtype,
    int8,
    int16,
    int32,
    int64,
    of,
    to_numpy,
    uint8,
)
from .dtypes import dtype as dtype_class
from .layouts import preserve_format, strided
from .ops.copying import cast
from .ops.copying import copy as copy_op
from .ops.indexing import getitem
from .tensor import Tensor, attached


def tensor_repr(self):
    """Return what PyTorch prints for a tensor."""
    name = None
    node = self.grad_fn
    if node is not None:
        name = node.name()
        if name.startswith("torch::autograd::"):
            name = name[17:]
    kind = type(self)
    prefix = "tensor(" if kind is Tensor or kind.__name__ == "Parameter" else f"{kind.__name__}("
    return tensor_text(
        self.array,
        prefix=prefix,
        dtype=repr(self.dtype),
        default_dtype=repr(get_default_dtype()),
        requires_grad=self.requires and node is None,
        grad_fn=name,
    )


def tensor_format(self, spec):
    """Format one number as Python would; any other tensor takes no specification."""
    if type(self) is Tensor and self.array.ndim == 0:
        return format_scalar(self.array, spec)
    return object.__format__(self, spec)


def warn_non_leaf():
    """Warn about reading `.grad` of a tensor that does not keep it."""
    depth = 1
    frame = sys._getframe(1)
    while frame is not None and frame.f_globals.get("__name__", "").startswith("retrograd."):
        frame = frame.f_back
        depth += 1
    warnings.warn(
        "The .grad attribute of a Tensor that is not a leaf Tensor is being accessed. Its .grad "
        "attribute won't be populated during autograd.backward(). If you indeed want the .grad "
        "field to be populated for a non-leaf Tensor, use .retain_grad() on the non-leaf Tensor. "
        "If you access the non-leaf Tensor by mistake, make sure you access the leaf Tensor "
        "instead.",
        UserWarning,
        stacklevel=depth + 1,
    )


attached.repr = tensor_repr
attached.format = tensor_format
attached.warn_non_leaf = warn_non_leaf
attached.get_item = getitem
attached.set_item = inplace.set_item


def method(function):
    """Attach a function to Tensor under its own name (``type_of`` becomes ``type``)."""
    name = "type" if function.__name__ == "type_of" else function.__name__
    function.__qualname__ = f"Tensor.{name}"
    setattr(Tensor, name, function)
    return function


def attach_declared():
    """Attach the methods that operations declare, and their in-place forms."""
    collect()
    for name, function in methods.items():
        if name not in Tensor.__dict__:
            setattr(Tensor, name, function)
    for name, function in inplace_methods.items():
        if name not in Tensor.__dict__:
            op = functions.get(name[:-1])
            made = inplace.in_place(function, name)
            direct = getattr(op, "op", None)
            if direct is not None and direct.ufunc:
                made = inplace.in_place(_with_op(function, direct), name)
            setattr(Tensor, name, made)
    for operator, name in _OPERATORS.items():
        found = methods.get(name)
        if found is not None:
            made = found if operator in _UNARY else _operator(found)
            setattr(Tensor, operator, made if operator != "__matmul__" else _matrix_operator(found))
    for operator, name in _REFLECTED.items():
        found = functions.get(name)
        if found is not None:
            setattr(Tensor, operator, _reflected(found))
    for operator, name in _IN_PLACE.items():
        found = Tensor.__dict__.get(name)
        if found is not None:
            setattr(Tensor, operator, found)
    Tensor.__invert__ = _invert
    for alias, name in _ALIASES.items():
        setattr(Tensor, alias, Tensor.__dict__[name])


def _with_op(function, op):
    def front(self, *args, **settings):
        return function(self, *args, **settings)

    front.kernel_op = op
    return front


_plain_operands = frozenset((Tensor, int, float))


def _operator(front):
    """Return an operator: `front`, leaving its turn to types that are no operands."""

    def method(self, other):
        if type(other) in _plain_operands:
            return front(self, other)
        if not is_operand(other):
            return NotImplemented
        if isinstance(other, np.ndarray):
            other = self.make(other)
        return front(self, other)

    return method


def _matrix_operator(front):
    """Return ``@``, which no number takes part in."""

    def method(self, other):
        if type(other) is Tensor:
            return front(self, other)
        if not isinstance(other, (Value, np.ndarray)):
            return NotImplemented
        return front(self, self.make(other) if isinstance(other, np.ndarray) else other)

    return method


def _reflected(function):
    def method(self, other):
        if not is_operand(other):
            return NotImplemented
        if isinstance(other, np.ndarray):
            other = self.make(other)
        return function(other, self)

    return method


def _invert(self):
    if self.get_dtype().kind not in "biu":
        raise TypeError(
            "~ (operator.invert) is only implemented on integer and Boolean-type tensors"
        )
    return methods["bitwise_not"](self)


_UNARY = ("__abs__", "__pos__")


_OPERATORS = {
    "__pow__": "pow", "__matmul__": "matmul", "__mod__": "remainder",
    "__floordiv__": "floor_divide", "__abs__": "abs", "__pos__": "positive",
    "__eq__": "eq", "__ne__": "ne", "__lt__": "lt", "__le__": "le", "__gt__": "gt",
    "__ge__": "ge", "__and__": "bitwise_and", "__or__": "bitwise_or", "__xor__": "bitwise_xor",
    "__lshift__": "bitwise_left_shift",
    "__rshift__": "bitwise_right_shift",
}  # fmt: skip
_REFLECTED = {
    "__rpow__": "pow", "__rmatmul__": "matmul", "__rmod__": "remainder",
    "__rfloordiv__": "floor_divide", "__rand__": "bitwise_and", "__ror__": "bitwise_or",
    "__rxor__": "bitwise_xor", "__rlshift__": "bitwise_left_shift",
    "__rrshift__": "bitwise_right_shift",
}  # fmt: skip
_IN_PLACE = {
    "__iadd__": "add_", "__isub__": "sub_", "__imul__": "mul_", "__itruediv__": "div_",
    "__ipow__": "pow_", "__imod__": "remainder_", "__ifloordiv__": "floor_divide_",
    "__iand__": "bitwise_and_", "__ior__": "bitwise_or_", "__ixor__": "bitwise_xor_",
    "__ilshift__": "bitwise_left_shift_", "__irshift__": "bitwise_right_shift_",
}  # fmt: skip
_ALIASES = {"__div__": "__truediv__", "__rdiv__": "__rtruediv__"}


# -- copies, dtypes and devices -----------------------------------------------------------------


@method
def clone(self, *, memory_format=None):
    """Return a copy in memory of its own, recorded."""
    return copy_op(self)


@method
def to(self, *args, dtype=None, device=None, non_blocking=False, copy=False, memory_format=None,
       other=None):  # fmt: skip
    """Return this tensor with another dtype or device; itself when nothing changes.

    Takes ``to(dtype)``, ``to(device)``, ``to(device, dtype)`` and ``to(other)``, each followed by
    `non_blocking` and `copy`.
    """
    flags = []
    for arg in args if other is None else (other, *args):
        if isinstance(arg, dtype_class):
            dtype = arg
        elif isinstance(arg, bool):
            flags.append(arg)
        elif isinstance(arg, Value):
            dtype = of(arg.get_dtype())
        elif isinstance(arg, (str, int, device_class)):
            device = arg
        elif any(arg is kind for kind in _python_dtypes):
            dtype = arg
        elif arg is not None:
            raise TypeError(
                "to() received an invalid combination of arguments - got "
                f"({', '.join(type(a).__name__ for a in args)}), but expected (torch.dtype), "
                "(torch.device, torch.dtype) or (Tensor other)"
            )
    if len(flags) > 1:
        copy = flags[1]
    check_device(device)
    target = self.get_dtype() if dtype is None else to_numpy(dtype, "to")
    if memory_format is not None and memory_format is not preserve_format:
        return self.to(of(target)).contiguous(memory_format=memory_format)
    if target == self.get_dtype():
        return copy_op(self) if copy else self
    return cast(self, dtype=target)


device_class = device
_python_dtypes = (float, int, bool, complex)


@method
def type_of(self, dtype=None, non_blocking=False):
    """Return the type's name, or this tensor in another dtype."""
    if dtype is None:
        return f"torch.{self.dtype.type_name}Tensor"
    if isinstance(dtype, str):
        dtype = named_dtype(dtype)
    elif isinstance(dtype, tensortype):
        dtype = dtype.dtype
    elif not isinstance(dtype, dtype_class):
        raise ValueError(f"invalid type: '{getattr(dtype, '__name__', dtype)}'")
    return self.to(dtype)


@method
def type_as(self, other):
    """Return this tensor in the dtype of another."""
    return self.to(other.dtype)


def _converter(name, target):
    def convert(self, memory_format=None):
        return self if self.get_dtype() == target.numpy else cast(self, dtype=target.numpy)

    convert.__name__ = name
    convert.__doc__ = f"Return this tensor as ``{target}``; itself when it is."
    return convert


for _name, _target in (
    ("float", float32), ("double", float64), ("half", float16), ("int", int32), ("long", int64),
    ("short", int16), ("char", int8), ("byte", uint8), ("bool", bool_), ("cfloat", complex64),
    ("cdouble", complex128),
):  # fmt: skip
    method(_converter(_name, _target))


@method
def cpu(self, memory_format=None):
    """Return this tensor in the CPU's memory."""
    return self


@method
def cuda(self, device=None, non_blocking=False, memory_format=None):
    """Move to a GPU; not built yet."""
    return check_device("cuda") and self


@method
def get_device(self):
    """Return -1: the CPU has no index."""
    return -1


@method
def pin_memory(self, device=None):
    """Return this tensor; the CPU's memory needs no pinning."""
    return self


@method
def share_memory_(self):
    """Return this tensor; accepted for compatibility."""
    return self


@method
def detach_(self):
    """Take this tensor out of its graph, and return it."""
    if self.base is not None:
        raise RuntimeError(
            "Can't detach views in-place. Use detach() instead. If you are using DistributedData"
            "Parallel (DDP) for training, and gradient_as_bucket_view is set as True, gradients "
            "are views of DDP buckets, and hence detach_() cannot be called on these gradients. To "
            "fix this error, please refer to the Optimizer.zero_grad() function in "
            "torch/optim/optimizer.py as the solution."
        )
    self.node = None
    self.index = 0
    self.requires_grad_(False)
    return self


@method
def receive(self, result):
    """Take over a result: what ``out=`` does."""
    if self.requires or (isinstance(result, Value) and result.requires):
        raise RuntimeError(
            "functions with out=... arguments don't support automatic differentiation, but one of "
            "the arguments requires grad."
        )
    array = result.array
    if category(array.dtype) > category(self.array.dtype):
        raise RuntimeError(
            f"result type {of(array.dtype).type_name} can't be cast to the desired output type "
            f"{of(self.array.dtype).type_name}"
        )
    if self.array.shape != array.shape:
        self.set_array(np.empty(array.shape, self.array.dtype))
    np.copyto(self.array, array, casting="unsafe")
    self._bump_version("out=")


for _function in (inplace.copy_, inplace.fill_, inplace.zero_):
    method(_function)


# -- properties ---------------------------------------------------------------------------------


def _property(name, get, doc, put=None):
    setattr(Tensor, name, property(get, put, doc=doc))


_property("is_cuda", lambda self: False, "Whether the tensor is on a GPU.")
_property("is_cpu", lambda self: True, "Whether the tensor is in the CPU's memory.")
_property("is_sparse", lambda self: False, "Always False: tensors are dense.")
_property("is_quantized", lambda self: False, "Always False.")
_property("is_meta", lambda self: False, "Always False.")
_property("is_mkldnn", lambda self: False, "Always False.")
_property("is_nested", lambda self: False, "Always False.")
_property("itemsize", lambda self: self.array.itemsize, "Bytes of one element.")
_property("nbytes", lambda self: self.array.nbytes, "Bytes of all elements.")
_property("layout", lambda self: strided, "``torch.strided``: tensors are dense.")
_property("T", lambda self: _reversed_axes(self), "The axes in reverse order.")
_property("mT", lambda self: _matrix_transpose(self, "mT"), "The last two axes swapped.")
_property("H", lambda self: _adjoint(self), "The conjugate transpose of a matrix.")
_property("mH", lambda self: _conjugate(_matrix_transpose(self, "mH")), "`mT`, conjugated.")


def _reversed_axes(self):
    ndim = self.dim()
    if ndim == 0:
        _warn_reversed(
            "Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases."
        )
    elif ndim != 2:
        _warn_reversed(
            "The use of `x.T` on tensors of dimension other than 2 to reverse their shape is "
            "deprecated and it will throw an error in a future release. Consider `x.mT` to "
            "transpose batches of matrices or `x.permute(*torch.arange(x.ndim - 1, -1, -1))` to "
            "reverse the dimensions of a tensor."
        )
    return self.permute(tuple(range(ndim - 1, -1, -1)))


def _warn_reversed(words):
    warnings.warn(words, UserWarning, stacklevel=4)


def _matrix_transpose(self, name):
    if self.dim() < 2:
        raise RuntimeError(
            f"tensor.{name} is only supported on matrices or batches of matrices. Got "
            f"{self.dim()}-D tensor."
        )
    return self.transpose(-2, -1)


def _adjoint(self):
    ndim = self.dim()
    if ndim not in (0, 2):
        advice = " For batches of matrices, consider using tensor.mH" if ndim > 2 else ""
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {ndim}-D tensor.{advice}"
        )
    return _conjugate(_reversed_axes(self))


def _conjugate(x):
    return x.conj() if x.get_dtype().kind == "c" else x


def _part(name):
    """Attach ``x.real`` or ``x.imag``: a view that may be assigned to."""
    front = functions[name]

    def put(self, value):
        part = front(self)
        if isinstance(value, Value):
            part.copy_(value)
        else:
            part.fill_(value)

    _property(name, front, f"The {name} part, a view.", put)


def attach_functions():
    """Register the functions that are methods: ``torch.clone(x)``, ``torch.exp_(x)``."""
    for name in _METHODS_AS_FUNCTIONS:
        functions.setdefault(name, _as_function(name))
    for name in inplace_methods:
        # PyTorch has the in-place functions of the unary operations and a few others.
        front = functions.get(name[:-1])
        unary = getattr(front, "op", None) is not None and len(front.op.operands) == 1
        if (unary or name in _IN_PLACE_FUNCTIONS) and name not in _METHODS_ONLY:
            functions.setdefault(name, _as_function(name))
    for name in _IN_PLACE_WITHOUT_METHOD:
        functions[name] = inplace.in_place(functions[name[:-1]], name)


def _as_function(name):
    method = Tensor.__dict__[name]

    def function(input, *args, **settings):
        expect_tensor(name, input)
        return method(input, *args, **settings)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = method.__doc__
    return function


# In-place methods that PyTorch has no function for.
_METHODS_ONLY = (
    "absolute_", "bitwise_not_", "digamma_", "erfinv_", "lgamma_", "logical_not_", "sgn_", "sign_",
)  # fmt: skip
_METHODS_AS_FUNCTIONS = (
    "clone", "detach", "detach_", "fill_", "zero_", "is_complex", "is_conj", "is_neg",
    "is_floating_point", "is_inference", "is_nonzero", "is_signed", "numel", "resolve_conj",
    "resolve_neg",
)  # fmt: skip
_IN_PLACE_FUNCTIONS = (
    "addmv_", "clamp_", "clamp_max_", "clamp_min_", "clip_", "fill_", "gcd_", "index_put_",
    "lcm_", "ldexp_", "logit_", "nan_to_num_", "relu_", "round_", "xlogy_", "as_strided_",
)  # fmt: skip
_IN_PLACE_WITHOUT_METHOD = ("celu_", "selu_", "threshold_")


attach_declared()
attach_functions()
_part("real")
_part("imag")
