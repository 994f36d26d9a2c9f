"""One step of a recurrent network: RNNCell, LSTMCell, GRUCell."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .._core.tracing import constant
from ..creation import empty
from ..tensor import Tensor, wrap
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter

__all__ = ["GRUCell", "LSTMCell", "RNNCell", "RNNCellBase"]


class RNNCellBase(Module):
    """Base of the cells: their parameters, and what they check.

    Parameters
    ----------
    input_size, hidden_size : int
    bias : bool
    num_chunks : int
        How many gates there are.

    Attributes
    ----------
    weight_ih, weight_hh : Parameter
        (num_chunks * hidden_size, features), even in ±1/sqrt(hidden_size) like all parameters.
    bias_ih, bias_hh : Parameter or None
        (num_chunks * hidden_size,)
    """

    __constants__ = ["input_size", "hidden_size", "bias"]

    bias_ih: Tensor | None
    bias_hh: Tensor | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        self.weight_ih = Parameter(empty((rows, input_size), device=device, dtype=dtype))
        self.weight_hh = Parameter(empty((rows, hidden_size), device=device, dtype=dtype))
        if bias:
            self.bias_ih = Parameter(empty(rows, device=device, dtype=dtype))
            self.bias_hh = Parameter(empty(rows, device=device, dtype=dtype))
        else:
            self.register_parameter("bias_ih", None)
            self.register_parameter("bias_hh", None)
        self.reset_parameters()

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.bias is not True:
            text += f", bias={self.bias}"
        nonlinearity = getattr(self, "nonlinearity", "tanh")
        if nonlinearity != "tanh":
            text += f", nonlinearity={nonlinearity}"
        return text

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    # -- steps ------------------------------------------------------------------------------------

    def _expect_dims(self, name: str, value: Tensor) -> None:
        if value.dim() not in (1, 2):
            raise ValueError(
                f"{self._get_name()}: Expected {name} to be 1D or 2D, got {value.dim()}D instead"
            )

    def _zeros(self, input: Tensor) -> Tensor:
        return wrap(constant(np.zeros((input.size(0), self.hidden_size), input.get_dtype())))

    def _expect_sizes(self, input: Tensor, *states: Tensor) -> None:
        """Refuse (batch, features) of other sizes, with PyTorch's words."""
        if input.size(1) != self.weight_ih.size(1):
            raise RuntimeError(
                f"input has inconsistent input_size: got {input.size(1)} "
                f"expected {self.weight_ih.size(1)}"
            )
        for number, state in enumerate(states):
            if state.size(0) != input.size(0):
                raise RuntimeError(
                    f"Input batch size {input.size(0)} doesn't match "
                    f"hidden{number} batch size {state.size(0)}"
                )
            if state.size(1) != self.hidden_size:
                raise RuntimeError(
                    f"hidden{number} has inconsistent hidden_size: got {state.size(1)}, "
                    f"expected {self.hidden_size}"
                )

    def _gates(self, input: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
        """Return what the input and what the state contribute to the gates."""
        return (
            F.linear(input, self.weight_ih, self.bias_ih),
            F.linear(hidden, self.weight_hh, self.bias_hh),
        )

    def _hidden_step(self, input: Tensor, hx: Tensor | None) -> Tensor:
        """Run one step of a cell that has one state."""
        self._expect_dims("input", input)
        if hx is not None:
            self._expect_dims("hidden", hx)
        batched = input.dim() == 2
        if not batched:
            input = input.unsqueeze(0)
        if hx is None:
            hx = self._zeros(input)
        elif not batched:
            hx = hx.unsqueeze(0)
        self._expect_sizes(input, hx)
        result = self._step(input, hx)
        return result if batched else result.squeeze(0)

    def _step(self, input: Tensor, hidden: Tensor) -> Any:
        raise NotImplementedError


class RNNCell(RNNCellBase):
    """One step of an `RNN`.  (B, input_size), (B, hidden_size) -> (B, hidden_size)

    Parameters
    ----------
    input_size, hidden_size : int
    bias : bool
    nonlinearity : {"tanh", "relu"}
    """

    __constants__ = ["input_size", "hidden_size", "bias", "nonlinearity"]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device=device, dtype=dtype)
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Return the next state."""
        return self._hidden_step(input, hx)

    def _step(self, input: Tensor, hidden: Tensor) -> Any:
        if self.nonlinearity not in ("tanh", "relu"):
            raise RuntimeError(f"Unknown nonlinearity: {self.nonlinearity}")
        from_input, from_state = self._gates(input, hidden)
        inside = from_input + from_state
        return inside.tanh() if self.nonlinearity == "tanh" else inside.relu()


class LSTMCell(RNNCellBase):
    """One step of an `LSTM`.  (B, input_size), (B, hidden_size) twice -> (B, hidden_size) twice

    Parameters
    ----------
    input_size, hidden_size : int
    bias : bool

    Examples
    --------
    >>> import retrograd as torch
    >>> hidden, cell = torch.nn.LSTMCell(3, 5)(torch.zeros(2, 3))
    >>> hidden.shape
    torch.Size([2, 5])
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device=device, dtype=dtype)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Return the next states (hidden, cell)."""
        self._expect_dims("input", input)
        if isinstance(hx, Tensor):
            raise TypeError(
                "lstm_cell(): argument 'hx' (position 2) must be tuple of Tensors, not Tensor"
            )
        if hx is not None:
            for number, value in enumerate(hx):
                self._expect_dims(f"hx[{number}]", value)
        batched = input.dim() == 2
        if not batched:
            input = input.unsqueeze(0)
        if hx is None:
            hidden = cell = self._zeros(input)
        else:
            hidden, cell = hx if batched else (hx[0].unsqueeze(0), hx[1].unsqueeze(0))
        self._expect_sizes(input, hidden, cell)
        from_input, from_state = self._gates(input, hidden)
        i, f, g, o = (from_state + from_input).unsafe_split(self.hidden_size, 1)
        cell = f.sigmoid() * cell + i.sigmoid() * g.tanh()
        hidden = o.sigmoid() * cell.tanh()
        return (hidden, cell) if batched else (hidden.squeeze(0), cell.squeeze(0))


class GRUCell(RNNCellBase):
    """One step of a `GRU`.  (B, input_size), (B, hidden_size) -> (B, hidden_size)

    Parameters
    ----------
    input_size, hidden_size : int
    bias : bool
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device=device, dtype=dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Return the next state."""
        return self._hidden_step(input, hx)

    def _step(self, input: Tensor, hidden: Tensor) -> Any:
        from_input, from_state = self._gates(input, hidden)
        input_r, input_z, input_n = from_input.unsafe_split(self.hidden_size, 1)
        state_r, state_z, state_n = from_state.unsafe_split(self.hidden_size, 1)
        r = (state_r + input_r).sigmoid()
        z = (state_z + input_z).sigmoid()
        n = (input_n + state_n * r).tanh()
        return (hidden - n) * z + n
