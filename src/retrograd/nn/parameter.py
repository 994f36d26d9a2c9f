"""Parameter and Buffer: tensors that a module registers when they are assigned to it."""

from __future__ import annotations

import copyreg
from collections import OrderedDict
from typing import Any

from ..tensor import Tensor


class Parameter(Tensor):
    """A tensor that a module registers as one of its parameters.

    Parameters
    ----------
    data : Tensor, optional
        The parameter shares its memory; without it the parameter is empty.
    requires_grad : bool

    Examples
    --------
    >>> import retrograd as torch
    >>> torch.nn.Parameter(torch.ones(2))
    Parameter containing:
    tensor([1., 1.], requires_grad=True)
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> Parameter:
        found = memo.get(id(self))
        if found is None:
            found = type(self)(self.detach().clone(), self.requires_grad)
            memo[id(self)] = found
        result: Parameter = found
        return result

    def __repr__(self, *, tensor_contents: Any = None) -> str:
        return "Parameter containing:\n" + super().__repr__()
