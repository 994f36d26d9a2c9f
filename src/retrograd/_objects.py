"""Tensors as Python objects: iteration, copies, pickles, buffers shared with other libraries."""

from __future__ import annotations

import copy

import numpy as np

from ._core.storage import Storage
from ._core.tracing import observed
from ._core.value import Value
from ._methods import method
from .ops.strides import memory_of
from .tensor import Tensor, raw, wrap


@method
def __iter__(self):
    if self.dim() == 0:
        raise TypeError("iteration over a 0-d tensor")
    return iter(self.unbind(0))


@method
def __reversed__(self):
    return self if self.dim() == 0 else self.flip(0)


@method
def __index__(self):  # here: a compiled class would not give it to `operator.index`
    if self.get_dtype().kind not in "biu" or self.array.size != 1:
        raise TypeError("only integer tensors of a single element can be converted to an index")
    return int(self)


@method
def __contains__(self, element):
    if isinstance(element, (Value, int, float, complex)):
        return bool((self == element).any())
    raise RuntimeError(
        "Tensor.__contains__ only supports Tensor or scalar, but you passed in a "
        f"{element.__class__}."
    )


# -- copies and pickles -------------------------------------------------------------------------


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
    made = self.make(_copied_memory(self, memo))
    made.storage = _copied_storage(self, memo)
    made.requires = self.requires
    memo[id(self)] = made
    if self.cell is not None and self.cell.grad is not None:
        made.grad = copy.deepcopy(self.cell.grad, memo)
    made.__dict__.update(copy.deepcopy(own_attributes(self), memo))
    return made


# In the pure-Python build a tensor's fields are in its `__dict__` too.
TENSOR_FIELDS = {"array", *getattr(Value, "__annotations__", ())}


def own_attributes(tensor):
    """Return the attributes that the user gave a tensor."""
    return {name: value for name, value in tensor.__dict__.items() if name not in TENSOR_FIELDS}


def _copied_memory(tensor, memo):
    """Return a copy of a tensor's array; tensors that shared memory do so again."""
    array = tensor.array
    if type(array) is not np.ndarray:
        return array.copy()
    flat, start = memory_of(array)
    address = flat.__array_interface__["data"][0]
    place = array.__array_interface__["data"][0]
    if array.size == 0 or not address <= place < address + max(flat.nbytes, 1):
        return np.array(array)
    key = ("memory", address, flat.nbytes)
    copied = memo.get(key)
    if copied is None:
        memo[key] = copied = flat.copy()
    return np.ndarray(array.shape, array.dtype, copied, start * array.itemsize, array.strides)


def _copied_storage(tensor, memo):
    storage = tensor.storage
    if storage is None:
        return None
    key = ("storage", id(storage))
    if key not in memo:
        memo[key] = Storage()
    return memo[key]


def rebuild(kind, array, requires_grad, attributes):
    """Return the tensor that was pickled as these parts."""
    if kind is Tensor:
        made = wrap(array)
    else:
        made = kind.__new__(kind)
        Tensor.__init__(made, array, raw)
    made.requires = requires_grad
    made.__dict__.update(attributes)
    return made


@method
def __copy__(self):
    made = rebuild(type(self), self.array, self.requires, own_attributes(self))
    made.storage = self.get_storage()
    return made


@method
def __reduce_ex__(self, protocol):
    return (rebuild, (type(self), self.array, self.requires, own_attributes(self)))


@method
def __setstate__(self, state):
    self.__dict__.update(state)


# -- other libraries' buffers -------------------------------------------------------------------


@method
def __array_wrap__(self, array, context=None, return_scalar=False):
    return wrap(array)


@method
def apply_(self, callable):
    """Replace every element by ``callable(element)``."""
    if self.requires:
        raise RuntimeError(
            "Can't call apply_() on Variable that requires grad. Use var.detach().apply_() instead."
        )
    observed(self, "numpy", None)
    for place in np.ndindex(self.array.shape):
        self.array[place] = callable(self.array[place].item())
    self._bump_version("apply_")
    return self


@method
def __dlpack__(self, **settings):
    return self.__array__().__dlpack__(**settings)


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
    return bool(self)


@method
def is_pinned(self, device=None):
    """Return False."""
    return False


@method
def is_shared(self):
    """Return False."""
    return False
