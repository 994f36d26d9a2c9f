from __future__ import annotations
from typing import Any
import numpy as np
from ._core.native import mypyc_attr
from ._core.op import Op, call1, call2, call2_scalar
from ._core.value import Value
from ._core.engine import backward
from .ops import arithmetic, trigonometric
from typing import Final
_add: Final[Op] = arithmetic.add
_mul: Final[Op] = arithmetic.multiply
_tanh: Final[Op] = trigonometric.tanh

@mypyc_attr(allow_interpreted_subclasses=True)
class Tensor(Value):
    def make(self, array: Any) -> Value:
        return Tensor(array)
    def __add__(self, other: object) -> Any:
        return call2(_add, self, other)
    def __radd__(self, other: object) -> Any:
        return call2_scalar(_add, self, other, True)
    def __mul__(self, other: object) -> Any:
        return call2(_mul, self, other)
    def __rmul__(self, other: object) -> Any:
        return call2_scalar(_mul, self, other, True)
    def tanh(self) -> Any:
        return call1(_tanh, self)
    def backward(self) -> None:
        backward([self], [np.ones_like(self.array)], False, False, None)
