"""Variable: the name tensors had before PyTorch 0.4."""

from __future__ import annotations

from ..tensor import Tensor


class _VariableMeta(type):
    def __instancecheck__(cls, value):
        return isinstance(value, Tensor)


class Variable(metaclass=_VariableMeta):
    """Calling it returns a tensor of the same memory: ``Variable(t, requires_grad=True)``."""

    def __new__(cls, data, requires_grad=False):
        made = data.detach()
        return made.requires_grad_() if requires_grad else made
