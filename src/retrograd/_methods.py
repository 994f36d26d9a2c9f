"""The rest of class Tensor: methods that operations declare, and those only a tensor has."""

from __future__ import annotations

import copy
import sys
import warnings

import numpy as np

from . import inplace
from ._core.modes import inference_enabled
from ._core.promotion import category, defaults
from ._core.public import collect, functions, inplace_methods, methods
from ._core.value import Value
from ._format import format_scalar, tensor_text
from .device import check_device, device
from .dtypes import dtype as dtype_class
from .dtypes import float16, float32, float64, get_default_dtype, int8, int16, int32, int64, of
from .dtypes import all_dtypes, bool_, complex64, complex128, to_numpy, uint8
from .ops.copying import cast
from .ops.copying import copy as copy_op
from .ops.indexing import getitem
from .tensor import Tensor, attached, wrap


def legacy_array(data, *sizes):
    """Return the array of PyTorch's old constructor ``Tensor(...)``, always of the default dtype."""
    floating = defaults.floating
    if isinstance(data, int) and not isinstance(data, bool):
        shape = [data, *[size for size in sizes if size is not None]]
        return np.empty(shape, floating)
    if data is None:
        return np.empty(0, floating)
    if isinstance(data, Value):
        return data.array
    if isinstance(data, tuple) and type(data).__name__ == "Size":
        return np.empty(data, floating)
    if isinstance(data, np.ndarray):
        return data.astype(floating, copy=data.dtype != floating)
    if isinstance(data, (list, tuple, range)):
        return np.array(data, floating)
    raise TypeError(
        f"new(): data must be a sequence (got {type(data).__name__}); use torch.tensor(data)"
    )


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


attached.legacy = legacy_array
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
            setattr(Tensor, operator, found)
    for operator, name in _REFLECTED.items():
        found = functions.get(name)
        if found is not None:
            setattr(Tensor, operator, _reflected(found))
    for operator, name in _IN_PLACE.items():
        found = Tensor.__dict__.get(name)
        if found is not None:
            setattr(Tensor, operator, found)
    for alias, name in _ALIASES.items():
        setattr(Tensor, alias, Tensor.__dict__[name])


def _with_op(function, op):
    def front(self, *args, **settings):
        return function(self, *args, **settings)

    front.kernel_op = op
    return front


def _reflected(function):
    def method(self, other):
        return function(self.make(np.asarray(other)) if isinstance(other, np.ndarray) else other, self)

    return method


_OPERATORS = {
    "__pow__": "pow", "__matmul__": "matmul", "__mod__": "remainder",
    "__floordiv__": "floor_divide", "__abs__": "abs", "__pos__": "positive",
    "__eq__": "eq", "__ne__": "ne", "__lt__": "lt", "__le__": "le", "__gt__": "gt",
    "__ge__": "ge", "__and__": "bitwise_and", "__or__": "bitwise_or", "__xor__": "bitwise_xor",
    "__invert__": "bitwise_not", "__lshift__": "bitwise_left_shift",
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
def to(self, *args, dtype=None, device=None, non_blocking=False, copy=False, memory_format=None):
    """Return this tensor with another dtype or device; itself when nothing changes.

    Takes ``to(dtype)``, ``to(device)``, ``to(device, dtype)`` and ``to(other)``.
    """
    for arg in args:
        if isinstance(arg, dtype_class):
            dtype = arg
        elif isinstance(arg, Value):
            dtype = arg.dtype
        elif isinstance(arg, (str, int, _device)) and not isinstance(arg, bool):
            device = arg
    check_device(device)
    if dtype is None or to_numpy(dtype, "to") == self.get_dtype():
        return copy_op(self) if copy else self
    return cast(self, dtype=to_numpy(dtype, "to"))


_device = device


@method
def type_of(self, dtype=None, non_blocking=False):
    """Return the type's name, or this tensor in another dtype."""
    if dtype is None:
        return f"torch.{self.dtype.type_name}Tensor"
    if isinstance(dtype, str):
        name = dtype.rsplit(".", 1)[-1].removesuffix("Tensor")
        dtype = next(d for d in all_dtypes if d.type_name == name)
    return self.to(getattr(dtype, "dtype", dtype))


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
    self.requires = False
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


# -- memory -------------------------------------------------------------------------------------


@method
def stride(self, dim=None):
    """Return the steps, in elements, from one element to the next along each axis."""
    array = self.array
    size = array.itemsize
    steps = [step // size for step in array.strides]
    if array.size == 0 or any(n == 1 for n in array.shape):
        steps = _canonical_strides(array.shape, steps)
    return tuple(steps) if dim is None else steps[dim]


def _canonical_strides(shape, steps):
    """Give axes of one element the stride that a contiguous layout has there, as PyTorch does."""
    fixed = list(steps)
    expected = 1
    for axis in range(len(shape) - 1, -1, -1):
        if shape[axis] == 1 and steps[axis] in (0, expected):
            fixed[axis] = expected
        if 0 in shape:
            fixed[axis] = expected
        expected = max(shape[axis], 1) * fixed[axis]
    return fixed


@method
def storage_offset(self):
    """Return how many elements lie before this view in its base's memory."""
    if self.base is None:
        return 0
    place = self.array.__array_interface__["data"][0]
    return (place - self.base.array.__array_interface__["data"][0]) // self.array.itemsize


@method
def data_ptr(self):
    """Return the address of the first element."""
    return self.array.__array_interface__["data"][0]


@method
def element_size(self):
    """Return the bytes of one element."""
    return self.array.itemsize


@method
def is_contiguous(self, memory_format=None):
    """Say whether the elements lie in C order without gaps."""
    return bool(self.array.flags.c_contiguous)


@method
def is_set_to(self, tensor):
    """Say whether another tensor is the same view of the same memory."""
    mine, other = self.array, tensor.array
    return (
        mine.__array_interface__["data"][0] == other.__array_interface__["data"][0]
        and mine.shape == other.shape
        and mine.strides == other.strides
    )


def _metadata_in_place(name, front):
    """Return an in-place method that changes the shape, not the elements."""

    def change(self, *args, **settings):
        inplace.check_writable(self, name)
        result = front(self, *args, **settings)
        self.set_array(result.array)
        if result.requires:
            inplace.adopt(self, result.node, result.index)
        storage = self.get_storage()
        storage.write(inplace.tick(), name, inplace.here())
        self.view_seen = storage.written
        return self

    change.__name__ = name
    change.__doc__ = f"In-place form of :meth:`{name[:-1]}`."
    return change


def attach_metadata_methods():
    """Attach `squeeze_` and its like."""
    for name in ("squeeze", "unsqueeze", "transpose", "t", "swapaxes", "swapdims"):
        front = methods.get(name)
        if front is not None:
            method(_metadata_in_place(name + "_", front))


def _property(name, get, doc):
    setattr(Tensor, name, property(get, doc=doc))


_property("is_cuda", lambda self: False, "Whether the tensor is on a GPU.")
_property("is_cpu", lambda self: True, "Whether the tensor is in the CPU's memory.")
_property("is_sparse", lambda self: False, "Always False: tensors are dense.")
_property("is_quantized", lambda self: False, "Always False.")
_property("is_meta", lambda self: False, "Always False.")
_property("is_mkldnn", lambda self: False, "Always False.")
_property("is_nested", lambda self: False, "Always False.")
_property("itemsize", lambda self: self.array.itemsize, "Bytes of one element.")
_property("nbytes", lambda self: self.array.nbytes, "Bytes of all elements.")
_property("names", lambda self: (None,) * self.array.ndim, "Axes have no names.")
_property("T", lambda self: _reversed_axes(self), "The axes in reverse order.")
_property("mT", lambda self: _matrix_transpose(self, "mT"), "The last two axes swapped.")
_property("H", lambda self: _conjugate(_reversed_axes(self)), "The conjugate transpose.")
_property("mH", lambda self: _conjugate(_matrix_transpose(self, "mH")), "`mT`, conjugated.")


def _reversed_axes(self):
    ndim = self.dim()
    if ndim == 0:
        _warn_reversed("Tensor.T is deprecated on 0-D tensors. This function is the identity in these cases.")
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


def _conjugate(x):
    return x.conj() if x.get_dtype().kind == "c" else x


# -- new tensors like this one ------------------------------------------------------------------


@method
def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False):
    """Return a tensor of `data` with this tensor's dtype."""
    found = np.array(data.array if isinstance(data, Value) else data)
    made = wrap(found.astype(self.get_dtype() if dtype is None else to_numpy(dtype)))
    return made.requires_grad_(requires_grad)


def _new_like(name, fill):
    def new(self, *size, dtype=None, device=None, requires_grad=False, layout=None,
            pin_memory=False, **given):  # fmt: skip
        values = dict(given)
        if name == "new_full":
            if len(size) == 2:
                values["fill_value"] = size[1]
                size = (size[0],)
        shape = values.pop("size", None) or size
        if len(shape) == 1 and not isinstance(shape[0], int):
            shape = tuple(shape[0])
        array = fill(tuple(shape), self.get_dtype() if dtype is None else to_numpy(dtype), values)
        return wrap(array).requires_grad_(requires_grad)

    new.__name__ = name
    new.__doc__ = f"Return a tensor of another shape with this tensor's dtype (``{name}``)."
    return new


method(_new_like("new_zeros", lambda shape, d, values: np.zeros(shape, d)))
method(_new_like("new_ones", lambda shape, d, values: np.ones(shape, d)))
method(_new_like("new_empty", lambda shape, d, values: np.empty(shape, d)))
method(_new_like("new_full", lambda shape, d, values: np.full(shape, values["fill_value"], d)))


@method
def new(self, *args):
    """Return a tensor of this one's dtype by the old constructor."""
    return wrap(legacy_array(*args or (None,)).astype(self.get_dtype()))


# -- Python's protocols -------------------------------------------------------------------------


@method
def __iter__(self):
    if self.dim() == 0:
        raise TypeError("iteration over a 0-d tensor")
    return iter(self.unbind(0))


@method
def __reversed__(self):
    return self if self.dim() == 0 else self.flip(0)


@method
def __contains__(self, element):
    if isinstance(element, (Value, int, float, complex)):
        found = element.array if isinstance(element, Value) else element
        return bool(np.any(self.array == found))
    raise RuntimeError(
        "Tensor.__contains__ only supports Tensor or scalar, but you passed in a "
        f"{element.__class__}."
    )


@method
def __deepcopy__(self, memo):
    if self.node is not None:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment.  If you were attempting to deepcopy a module, this may be "
            "because of a torch.nn.utils.weight_norm usage, see "
            "https://github.com/pytorch/pytorch/pull/103001"
        )
    found = memo.get(id(self))
    if found is not None:
        return found
    made = wrap(np.array(self.array))
    made.requires = self.requires
    memo[id(self)] = made
    if self.cell is not None and self.cell.grad is not None:
        made.grad = copy.deepcopy(self.cell.grad, memo)
    made.__dict__.update(copy.deepcopy(self.__dict__, memo))
    return made


def rebuild(array, requires_grad, attributes):
    """Return the tensor that was pickled as these parts."""
    made = wrap(array)
    made.requires = requires_grad
    made.__dict__.update(attributes)
    return made


@method
def __reduce_ex__(self, protocol):
    if self.node is not None:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) can be pickled; call "
            "detach() first"
        )
    return (rebuild, (np.ascontiguousarray(self.array).reshape(self.array.shape), self.requires,
                      dict(self.__dict__)))  # fmt: skip


@method
def apply_(self, callable):
    """Replace every element by ``callable(element)``."""
    if self.requires:
        raise RuntimeError("Can't call apply_() on Variable that requires grad. Use var.detach().apply_() instead.")
    for place in np.ndindex(self.array.shape):
        self.array[place] = callable(self.array[place].item())
    self._bump_version("apply_")
    return self


@method
def __dlpack__(self, **settings):
    return self.numpy().__dlpack__(**settings)


@method
def __dlpack_device__(self):
    return self.array.__dlpack_device__()


@method
def is_floating_point(self):
    """Say whether the elements are floating numbers."""
    return self.get_dtype().kind in "fV"


@method
def is_complex(self):
    """Say whether the elements are complex."""
    return self.get_dtype().kind == "c"


@method
def is_signed(self):
    """Say whether the elements can be negative."""
    return self.dtype.is_signed


@method
def is_conj(self):
    """Say whether conjugation is pending; it never is."""
    return False


@method
def is_neg(self):
    """Say whether negation is pending; it never is."""
    return False


@method
def resolve_conj(self):
    """Return this tensor: conjugation is never pending."""
    return self


@method
def resolve_neg(self):
    """Return this tensor: negation is never pending."""
    return self


@method
def is_nonzero(self):
    """Say whether the one element is not zero."""
    if self.array.size != 1:
        raise RuntimeError(
            "Boolean value of Tensor with no values is ambiguous"
            if self.array.size == 0
            else "Boolean value of Tensor with more than one value is ambiguous"
        )
    return bool(self.array.item())


@method
def is_pinned(self, device=None):
    """Return False."""
    return False


@method
def is_shared(self):
    """Return False."""
    return False


attach_declared()
attach_metadata_methods()
