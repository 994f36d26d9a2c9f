"""class Tensor: an array that records what is done to it.

Operators and what every program touches in its loops are in the class body, which is compiled;
the rest of the methods are declared by the operations and attached in `_methods.py`.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from ._core.gates import call1, call2, call2_scalar
from ._core.gradients import backward as run_backward
from ._core.hooks import RemovableHandle, add_hook
from ._core.modes import inference_enabled, switches
from ._core.native import mypyc_attr, under_own_name
from ._core.node import CLOSED, OPEN, Unconnected
from ._core.op import Op, as_dtype, late, refresh
from ._core.site import here
from ._core.storage import tick
from ._core.tracing import note_birth, note_grad, note_history, observed, run, tracing
from ._core.value import Value, asarray
from .device import cpu
from .dtypes import of
from .ops import arithmetic, powers
from .size import Size


class Raw:
    """Type of the mark that says "this argument is the array itself"."""


raw: Final = Raw()


class Attached:
    """What files above this one provide to the class: filled in once, at import."""

    def __init__(self) -> None:
        self.legacy: Any = None  # torch.Tensor(2, 3), torch.Tensor([1, 2])
        self.repr: Any = None
        self.format: Any = None
        self.get_item: Any = None
        self.set_item: Any = None
        self.in_place: dict[str, Any] = {}
        self.warn_non_leaf: Any = None


attached: Final = Attached()

_add: Final[Op] = arithmetic.add
_subtract: Final[Op] = arithmetic.subtract
_multiply: Final[Op] = arithmetic.multiply
_divide: Final[Op] = arithmetic.divide
_negative: Final[Op] = arithmetic.negative
# PyTorch's other forms: a number minus a tensor, and a number by a tensor.
_reverse_subtract: Final[Op] = arithmetic.reverse_subtract
_reciprocal: Final[Op] = powers.reciprocal


@mypyc_attr(allow_interpreted_subclasses=True)
class Tensor(Value):
    """An n-dimensional array that records the operations on it.

    Make one with :func:`tensor`, :func:`zeros` and their like.  ``Tensor(2, 3)`` and
    ``Tensor([1, 2])`` work as PyTorch's old constructor does.

    Examples
    --------
    >>> import retrograd
    >>> x = retrograd.tensor([2.0], requires_grad=True)
    >>> (3 * x**2).backward()
    >>> x.grad
    tensor([12.])
    """

    def __init__(
        self,
        data: Any = None,
        size1: Any = None,
        size2: Any = None,
        size3: Any = None,
        size4: Any = None,
        size5: Any = None,
    ) -> None:
        if size1 is raw:
            self.array = data
        else:
            self.array = attached.legacy(data, size1, size2, size3, size4, size5)
        if tracing.count != 0:
            note_birth(self)

    def make(self, array: Any) -> Value:
        return Tensor(array, raw)

    # -- arithmetic ---------------------------------------------------------------------------

    def __add__(self, other: object) -> Any:
        return call2(_add, self, other)

    def __radd__(self, other: object) -> Any:
        return call2_scalar(_add, self, other, True)

    def __sub__(self, other: object) -> Any:
        return call2(_subtract, self, other)

    def __rsub__(self, other: object) -> Any:
        return call2(_reverse_subtract, self, other)

    def __mul__(self, other: object) -> Any:
        return call2(_multiply, self, other)

    def __rmul__(self, other: object) -> Any:
        return call2_scalar(_multiply, self, other, True)

    def __truediv__(self, other: object) -> Any:
        return call2(_divide, self, other)

    def __rtruediv__(self, other: object) -> Any:
        return call2(_multiply, call1(_reciprocal, self), other)

    def __neg__(self) -> Any:
        return call1(_negative, self)

    def __getitem__(self, index: Any) -> Any:
        return attached.get_item(self, index)

    def __setitem__(self, index: Any, value: Any) -> None:
        attached.set_item(self, index, value)

    # -- what a tensor is ---------------------------------------------------------------------

    @property
    def shape(self) -> Any:
        """The size along each axis, a ``torch.Size``."""
        return tuple.__new__(Size, self.get_shape())

    @property
    def dtype(self) -> Any:
        """The element type, a ``torch.dtype``."""
        return of(self.get_dtype())

    @property
    def device(self) -> Any:
        """Where the elements are."""
        return cpu

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.get_shape())

    def dim(self) -> int:
        """Return the number of axes."""
        return len(self.get_shape())

    def ndimension(self) -> int:
        """Return the number of axes."""
        return len(self.get_shape())

    def numel(self) -> int:
        """Return the number of elements."""
        return int(self.array.size)

    def nelement(self) -> int:
        """Return the number of elements."""
        return int(self.array.size)

    def size(self, dim: Any = None) -> Any:
        """Return the shape, or the size along one axis."""
        shape = self.get_shape()
        if dim is None:
            return tuple.__new__(Size, shape)
        n = len(shape)
        if not -n <= dim < n:
            if n == 0:
                raise IndexError(f"Dimension specified as {dim} but tensor has no dimensions")
            low = -n
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{low}, {max(n - 1, 0)}], "
                f"but got {dim})"
            )
        return shape[dim]

    def __len__(self) -> int:
        shape = self.get_shape()
        if len(shape) == 0:
            raise TypeError("len() of a 0-d tensor")
        return int(shape[0])

    # -- gradients ----------------------------------------------------------------------------

    @property
    def requires_grad(self) -> bool:
        """Whether operations on this tensor are recorded."""
        base = self.base
        if base is None:
            return self.requires
        return base.requires or (self.requires and not isinstance(self.leaf, Unconnected))

    @requires_grad.setter
    def requires_grad(self, value: Any) -> None:
        if value and self.get_dtype().kind not in "fcV":
            raise RuntimeError(
                "only Tensors of floating point and complex dtype can require gradients"
            )
        self.requires_grad_(bool(value))

    def requires_grad_(self, requires_grad: bool = True) -> Any:
        """Switch recording on or off for a leaf, and return this tensor."""
        if requires_grad:
            if self.get_dtype().kind not in "fcV":
                raise RuntimeError("only Tensors of floating point dtype can require gradients")
            if self.inference and not inference_enabled():
                raise RuntimeError(
                    "Setting requires_grad=True on inference tensor outside InferenceMode is not "
                    "allowed."
                )
        elif self.node is not None:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables. If you want to use a "
                "computed variable in a subgraph that doesn't require differentiation use "
                "var_no_grad = var.detach()."
            )
        leaf = self.leaf
        if leaf is not None:
            if isinstance(leaf, Unconnected):
                self.leaf = None
            else:
                leaf.state = OPEN if requires_grad else CLOSED
        self.requires = requires_grad
        return self

    @property
    def is_leaf(self) -> bool:
        """Whether no recorded operation made this tensor."""
        if self.base is not None:
            refresh(self)
        return self.node is None

    @property
    def grad_fn(self) -> Any:
        """The node that made this tensor, None for leaves."""
        if self.base is not None:
            refresh(self)
        if tracing.count != 0:
            note_history()
        node = self.node
        return None if node is None else under_own_name(node)

    @property
    def output_nr(self) -> int:
        """Which output of its node this tensor is."""
        return self.index

    @property
    def grad(self) -> Any:
        """The accumulated gradient, None before backward."""
        if tracing.count != 0:
            note_grad(self, self.get_cell(), False)
        cell = self.cell
        if cell is not None and cell.grad is not None:
            return cell.grad
        if self.node is not None and self.requires and not self.retains_grad:
            attached.warn_non_leaf()
        return None

    @grad.setter
    def grad(self, value: Any) -> None:
        if value is None:
            if self.cell is not None:
                self.cell.grad = None
            if tracing.count != 0:
                note_grad(self, self.get_cell(), True)
            return
        if not isinstance(value, Value):
            raise TypeError(
                "assigned grad expected to be a Tensor or None but got grad of type "
                f"{type(value).__name__}"
            )
        if value is self:
            raise RuntimeError("can't assign Variable as its own grad")
        if value.get_shape() != self.get_shape():
            raise RuntimeError(
                f"attempting to assign a gradient of size '{list(value.get_shape())}' to a tensor "
                f"of size '{list(self.get_shape())}'. Please ensure that the gradient and the "
                "tensor are the same size"
            )
        if value.get_dtype() != self.get_dtype():
            raise RuntimeError(
                f"attempting to assign a gradient with dtype '{of(value.get_dtype())}' to a tensor "
                f"with grad_dtype '{of(self.get_dtype())}'. The gradient must match the tensor's "
                "grad_dtype (defaults to the tensor's dtype)."
            )
        self.get_cell().grad = value
        if tracing.count != 0:
            note_grad(self, self.get_cell(), True)

    @property
    def retains_grad(self) -> bool:
        """Whether `retain_grad` was called on this non-leaf."""
        node = self.node
        if node is None or self.cell is None:
            return False
        hooks = node.hooks
        return hooks is not None and self.index in hooks.retained

    def retain_grad(self) -> None:
        """Keep the gradient of this non-leaf in `.grad` at backward."""
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        node = self.node
        if node is not None:
            node.node_hooks().retained[self.index] = self.get_cell()

    def register_hook(self, hook: Any) -> RemovableHandle:
        """Call ``hook(grad)`` when this tensor's gradient is known; it may return another."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        node = self.node
        target: Any = self.sink() if node is None else node
        tables = target.node_hooks().tensor
        if self.index not in tables:
            tables[self.index] = {}
        return add_hook(tables[self.index], hook)

    def register_post_accumulate_grad_hook(self, hook: Any) -> RemovableHandle:
        """Call ``hook(tensor)`` after a gradient was added to this leaf's `.grad`."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self.node is not None:
            raise RuntimeError(
                "post accumulate grad hooks cannot be registered on non-leaf tensors"
            )
        sink = self.sink()
        sink.keep = self
        return add_hook(sink.node_hooks().accumulated, hook)

    def backward(
        self,
        gradient: Any = None,
        retain_graph: Any = None,
        create_graph: bool = False,
        inputs: Any = None,
    ) -> None:
        """Accumulate the gradient of this tensor into the leaves it was computed from.

        Parameters
        ----------
        gradient : Tensor, optional
            The gradient of this tensor, of its shape; needed unless it has one element.
        retain_graph : bool, optional
            Keep the saved values for another backward; `create_graph` by default.
        create_graph : bool
            Record the backward itself, so that it can be differentiated.
        inputs : sequence of Tensor, optional
            Accumulate into these tensors only.

        Raises
        ------
        RuntimeError
            When nothing was recorded, the gradient is missing or has another shape, the graph was
            freed, or a saved value was changed in place.
        """
        keep = create_graph if retain_graph is None else bool(retain_graph)
        if inputs is not None:
            if isinstance(inputs, Value):
                inputs = [inputs]
            inputs = list(inputs)
            if len(inputs) == 0:
                raise RuntimeError("'inputs' argument to backward() cannot be empty.")
        seed = root_gradient(self, gradient, create_graph)
        run_backward([self], [seed], keep, create_graph, inputs)

    @property
    def data(self) -> Any:
        """The same memory without history; writes through it are not checked."""
        result = Tensor(self.array, raw)
        result.inference = self.inference
        return result

    @data.setter
    def data(self, value: Any) -> None:
        if not isinstance(value, Value):
            raise TypeError(
                f"Variable data has to be a tensor, but got {type(value).__name__}"
            )
        self.set_array(value.array)

    def detach(self) -> Any:
        """Return a tensor of the same memory that is not recorded."""
        result = Tensor(self.array, raw)
        if self.inference:
            result.inference = True
        else:
            result.storage = self.get_storage()
        result.known_shape = self.known_shape
        result.known_dtype = self.known_dtype
        return result

    @property
    def _version(self) -> int:
        """How often this memory was written in place."""
        if self.inference:
            raise RuntimeError("Inference tensors do not track version counter.")
        storage = self.storage
        return 0 if storage is None else storage.version

    def _bump_version(self, name: str = "an in-place write") -> None:
        """Note a write made into the array directly."""
        self.get_storage().write(tick(), name, here())

    @property
    def _base(self) -> Any:
        """The tensor this one is a view of, or None."""
        return self.base

    def _is_view(self) -> bool:
        return self.base is not None

    def is_inference(self) -> bool:
        """Say whether this tensor was made in inference mode."""
        return self.inference

    # -- conversion ---------------------------------------------------------------------------

    def item(self) -> Any:
        """Return the one element as a Python number."""
        array = self.array
        if array.size != 1:
            raise RuntimeError(
                f"a Tensor with {array.size} elements cannot be converted to Scalar"
            )
        if tracing.count != 0:
            return observed(self, "item", array.item())
        return array.item()

    def tolist(self) -> Any:
        """Return the elements as nested lists of Python numbers."""
        if tracing.count != 0:
            return observed(self, "tolist", self.array.tolist())
        return self.array.tolist()

    def numpy(self, *, force: bool = False) -> Any:
        """Return the NumPy array that shares this tensor's memory."""
        if self.requires and not force:
            raise RuntimeError(
                "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() "
                "instead."
            )
        if tracing.count != 0:
            return observed(self, "numpy", self.array)
        return self.array

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        array = self.numpy()
        if dtype is not None and array.dtype != dtype:
            return array.astype(dtype)
        return array.copy() if copy or type(array) is not np.ndarray else array

    def __bool__(self) -> bool:
        array = self.array
        if array.size != 1:
            if array.size == 0:
                raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
            raise RuntimeError(
                "Boolean value of Tensor with more than one value is ambiguous"
            )
        if tracing.count != 0:
            found: bool = observed(self, "bool", bool(array.item()))
            return found
        return bool(array.item())

    def __float__(self) -> float:
        return float(self._number("double"))

    def __int__(self) -> int:
        return int(self._number("int64_t"))

    def _number(self, wanted: str) -> Any:
        array = self.array
        if array.size != 1:
            raise ValueError("only one element tensors can be converted to Python scalars")
        number = array.item()
        if tracing.count != 0:
            number = observed(self, "number", number)
        if isinstance(number, complex):
            if wanted != "complex" and number.imag != 0:
                raise RuntimeError(f"value cannot be converted to type {wanted} without overflow")
            if wanted != "complex":
                return number.real
        return number

    def __complex__(self) -> complex:
        return complex(self._number("complex"))

    def __hash__(self) -> int:
        return id(self)

    def __repr__(self) -> str:
        if tracing.count != 0:
            observed(self, "text", None)
        text: str = attached.repr(self)
        return text

    def __str__(self) -> str:
        if tracing.count != 0:
            observed(self, "text", None)
        text: str = attached.repr(self)
        return text

    def __format__(self, spec: str) -> str:
        if tracing.count != 0:
            observed(self, "text", None)
        text: str = attached.format(self, spec)
        return text


def root_gradient(root: Value, gradient: Any, create_graph: bool, number: int = 0) -> Any:
    """Return the gradient to start a backward with: an array, or a tensor to be recorded.

    Raises
    ------
    RuntimeError
        When the root was not recorded, a gradient is needed and missing, or has another shape.
    """
    if root.base is not None:
        refresh(root)
    if not root.requires:
        raise RuntimeError(
            f"element {number} of tensors does not require grad and does not have a grad_fn"
        )
    array = root.array
    if gradient is None:
        if array.size != 1:
            raise RuntimeError("grad can be implicitly created only for scalar outputs")
        if array.dtype.kind == "c":
            raise RuntimeError(
                "grad can be implicitly created only for real scalar outputs but got "
                f"{of(array.dtype)}"
            )
        ones = run(np.ones_like, array)
        return root.make(ones) if create_graph else ones
    if not isinstance(gradient, Value):
        raise TypeError(
            f"gradients can be either Tensors or None, but got {type(gradient).__name__}"
        )
    if gradient.get_shape() != root.get_shape():
        raise RuntimeError(
            f"Mismatch in shape: grad_output[{number}] has a shape of "
            f"{Size(gradient.get_shape())} and "
            f"output[{number}] has a shape of {Size(root.get_shape())}."
        )
    found: Any = gradient
    if gradient.get_dtype() != root.get_dtype():
        if (gradient.get_dtype().kind == "c") != (root.get_dtype().kind == "c"):
            raise RuntimeError(
                "For complex Tensors, both grad_output and output are required to have the same "
                f"dtype. Mismatch in dtype: grad_output[0] has a dtype of "
                f"{of(gradient.get_dtype())} and output[0] has a dtype of {of(root.get_dtype())}."
            )
        found = gradient.make(run(as_dtype, gradient.array, root.get_dtype()))
    return found if create_graph else found.array


def wrap(array: Any) -> Tensor:
    """Return a tensor around an array, sharing its memory."""
    made = Tensor(asarray(array), raw)
    if switches.special != 0 and inference_enabled():
        made.inference = True
    return made


def detach(value: Value) -> Any:
    """Return a tensor of the same memory that is not recorded."""
    tensor: Any = value
    return tensor.detach()


late.detach = detach
