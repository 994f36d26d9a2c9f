"""Recurrent layers: RNN, LSTM, GRU."""

from __future__ import annotations

import math
import numbers
import warnings
from typing import Any

import numpy as np

from .._core.promotion import FLOAT32, FLOAT64
from .._core.tracing import constant
from ..creation import empty
from ..ops._arguments import scalar_name
from ..ops.copying import cast
from ..ops.elman import elman_dense, elman_packed
from ..ops.gru import gru_dense, gru_packed
from ..ops.joining import concatenate, stack
from ..ops.lookup import index_select
from ..ops.lstm import lstm_dense, lstm_packed, lstm_stepwise
from ..ops.packing import exchanged_rows, turned_round
from ..ops.permuting import flip
from ..tensor import Tensor
from . import functional as F
from . import init
from .module import Module
from .parameter import Parameter
from .utils.rnn import PackedSequence

__all__ = ["GRU", "LSTM", "RNN", "RNNBase"]

# How many gates each mode has.
_GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}


class RNNBase(Module):
    """Base of the recurrent layers: their parameters, and what they check.

    Parameters
    ----------
    mode : {"LSTM", "GRU", "RNN_TANH", "RNN_RELU"}
    input_size, hidden_size : int
        Features of the input and of the state.
    num_layers : int
        Layers, each of which reads the results of the one before.
    bias : bool
        Whether there are the parameters ``bias_ih_l*`` and ``bias_hh_l*``.
    batch_first : bool
        Whether inputs and results are (B, T, features) instead of (T, B, features).
    dropout : float
        The probability with which results of all layers but the last are dropped in training.
    bidirectional : bool
        Whether a second half of each layer reads backward; its parameters end in ``_reverse``.
    proj_size : int
        For an LSTM, the size of the results where it is not that of the cell; 0 for none.

    Attributes
    ----------
    weight_ih_l[k], weight_hh_l[k] : Parameter
        (gates * hidden_size, features), even in ±1/sqrt(hidden_size) like all parameters.
    bias_ih_l[k], bias_hh_l[k] : Parameter
        (gates * hidden_size,)
    weight_hr_l[k] : Parameter
        (proj_size, hidden_size), with a projection.
    """

    __constants__ = [
        "mode",
        "input_size",
        "hidden_size",
        "num_layers",
        "bias",
        "batch_first",
        "dropout",
        "bidirectional",
        "proj_size",
    ]

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._expect_settings(dropout)
        if mode not in _GATES:
            raise ValueError(f"Unrecognized RNN mode: {mode}")
        rows = _GATES[mode] * hidden_size
        result = proj_size or hidden_size
        self._flat_weights_names: list[str] = []
        self._all_weights: list[list[str]] = []
        for layer in range(num_layers):
            for suffix in ("", "_reverse") if bidirectional else ("",):
                columns = input_size if layer == 0 else result * (2 if bidirectional else 1)
                shapes: dict[str, Any] = {
                    "weight_ih": (rows, columns),
                    "weight_hh": (rows, result),
                }
                if bias:
                    shapes["bias_ih"] = shapes["bias_hh"] = (rows,)
                if proj_size:
                    shapes["weight_hr"] = (proj_size, hidden_size)
                names = [f"{name}_l{layer}{suffix}" for name in shapes]
                for name, shape in zip(names, shapes.values()):
                    setattr(self, name, Parameter(empty(shape, device=device, dtype=dtype)))
                self._flat_weights_names += names
                self._all_weights.append(names)
        self.reset_parameters()

    def _expect_settings(self, dropout: Any) -> None:
        """Refuse settings of other types or out of range, with PyTorch's words."""
        if (
            not isinstance(dropout, numbers.Number)
            or isinstance(dropout, bool)
            or not 0 <= self.dropout <= 1
        ):
            raise ValueError(
                "dropout should be a number in range [0, 1] representing the probability of an "
                "element being zeroed"
            )
        if self.dropout > 0 and self.num_layers == 1:
            warnings.warn(
                "dropout option adds dropout after all but last recurrent layer, so non-zero "
                f"dropout expects num_layers greater than 1, but got dropout={self.dropout} and "
                f"num_layers={self.num_layers}",
                stacklevel=4,
            )
        for name, kind in (
            ("bias", bool),
            ("batch_first", bool),
            ("bidirectional", bool),
            ("input_size", int),
            ("hidden_size", int),
        ):
            value = getattr(self, name)
            if not isinstance(value, kind):
                raise TypeError(
                    f"{name} should be of type {kind.__name__}, got: {type(value).__name__}"
                )
        for name in ("input_size", "hidden_size", "num_layers"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be greater than zero")
        if self.proj_size < 0:
            raise ValueError(
                "proj_size should be a positive integer or zero to disable projections"
            )
        if self.proj_size >= self.hidden_size:
            raise ValueError("proj_size has to be smaller than hidden_size")

    # -- parameters -------------------------------------------------------------------------------

    @property
    def _flat_weights(self) -> list[Any]:
        return [getattr(self, name) for name in self._flat_weights_names]

    @property
    def all_weights(self) -> list[list[Any]]:
        """The parameters of each layer and direction."""
        return [[getattr(self, name) for name in names] for names in self._all_weights]

    def flatten_parameters(self) -> None:
        """Do nothing: a call for PyTorch's GPU libraries."""

    def reset_parameters(self) -> None:
        """Draw new initial values."""
        bound = 1.0 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0
        for weight in self.parameters():
            init.uniform_(weight, -bound, bound)

    def extra_repr(self) -> str:
        text = f"{self.input_size}, {self.hidden_size}"
        if self.proj_size != 0:
            text += f", proj_size={self.proj_size}"
        if self.num_layers != 1:
            text += f", num_layers={self.num_layers}"
        for name, usual in (
            ("bias", True),
            ("batch_first", False),
            ("dropout", 0),
            ("bidirectional", False),
        ):
            value = getattr(self, name)
            if value != usual:
                text += f", {name}={value}"
        return text

    # -- checks -----------------------------------------------------------------------------------

    def check_input(self, input: Tensor, batch_sizes: Any) -> None:
        """Refuse an input of the wrong dtype or shape."""
        dtype = getattr(self, self._flat_weights_names[0]).dtype
        if input.dtype != dtype:
            raise ValueError(
                f"RNN input dtype ({input.dtype}) does not match weight dtype ({dtype}). "
                f"Convert input: input.to({dtype}), or convert model: model.to({input.dtype})"
            )
        wanted = 3 if batch_sizes is None else 2
        if input.dim() != wanted:
            raise RuntimeError(f"input must have {wanted} dimensions, got {input.dim()}")
        if input.size(-1) != self.input_size:
            raise RuntimeError(
                "input.size(-1) must be equal to input_size. "
                f"Expected {self.input_size}, got {input.size(-1)}"
            )

    def _state_shape(self, input: Tensor, batch_sizes: Any, features: int) -> tuple[int, int, int]:
        if batch_sizes is not None:
            batch = int(batch_sizes[0])
        else:
            batch = input.size(0 if self.batch_first else 1)
        return self.num_layers * (2 if self.bidirectional else 1), batch, features

    def get_expected_hidden_size(self, input: Tensor, batch_sizes: Any) -> tuple[int, int, int]:
        """Return the shape of the hidden state for an input."""
        return self._state_shape(input, batch_sizes, self.proj_size or self.hidden_size)

    def check_hidden_size(
        self, hx: Tensor, expected_hidden_size: Any, msg: str = "Expected hidden size {}, got {}"
    ) -> None:
        """Refuse a state of the wrong shape."""
        if hx.shape != tuple(expected_hidden_size):
            raise RuntimeError(msg.format(tuple(expected_hidden_size), list(hx.shape)))

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Any) -> None:
        """Refuse an input and a state that do not go together."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(hidden, self.get_expected_hidden_size(input, batch_sizes))

    def permute_hidden(self, hx: Any, permutation: Any) -> Any:
        """Return the state with its sequences in another order; None is no change."""
        return hx if permutation is None else index_select(hx, 1, permutation)

    # -- calls ------------------------------------------------------------------------------------

    def _call(self, input: Any, hx: Any) -> tuple[Any, list[Any]]:
        """Run all layers; return the results and the list of final states."""
        if isinstance(input, PackedSequence):
            data, batch_sizes, order, back = input
            if hx is not None:
                hx = self.permute_hidden(hx, order)
                self.check_forward_args(data, hx, batch_sizes)
            else:
                self.check_input(data, batch_sizes)
            sizes = tuple(batch_sizes.tolist())
            out, finals = self._layers(data, self._states(hx), sizes)
            finals = [RNNBase.permute_hidden(self, one, back) for one in finals]
            return PackedSequence(out, batch_sizes, order, back), finals
        ndim = input.dim()
        if ndim not in (2, 3):
            self._refuse_dimensions(ndim)
        if ndim == 2:
            input = input.unsqueeze(0 if self.batch_first else 1)
        if hx is not None:
            hx = self._batched(hx, ndim)
            self.check_forward_args(input, hx, None)
        else:
            self.check_input(input, None)
        if self.batch_first:
            input = input.transpose(0, 1)
        if input.size(0) == 0:
            raise RuntimeError("Expected sequence length to be larger than 0 in RNN")
        out, finals = self._layers(input, self._states(hx), None)
        if self.batch_first:
            out = out.transpose(0, 1)
        if ndim == 2:
            out = out.squeeze(0 if self.batch_first else 1)
            finals = [one.squeeze(1) for one in finals]
        return out, finals

    def _refuse_dimensions(self, ndim: int) -> None:
        raise ValueError(
            f"{self._get_name()}: Expected input to be 2D or 3D, got {ndim}D instead"
        )

    def _batched(self, hx: Any, ndim: int) -> Any:
        """Return the given state with a batch dimension."""
        if hx.dim() != ndim:
            kind = "unbatched 2-D" if ndim == 2 else "batched 3-D"
            raise RuntimeError(
                f"For {kind} input, hx should also be {ndim}-D but got {hx.dim()}-D tensor"
            )
        return hx.unsqueeze(1) if ndim == 2 else hx

    def _states(self, hx: Any) -> list[Any]:
        """Return the given states as a list: the hidden state, then that of the cells."""
        return [hx]

    def _layers(self, x: Any, states: list[Any], sizes: Any) -> tuple[Any, list[Any]]:
        """Run all layers on (T, B, features), or on packed rows; both directions of each."""
        dtype = x.get_dtype()
        for state in states:
            if state is not None and state.get_dtype() != dtype:
                raise RuntimeError(
                    "mat1 and mat2 must have the same dtype, but got "
                    f"{scalar_name(state.get_dtype())} and {scalar_name(dtype)}"
                )
        half = dtype is not FLOAT32 and dtype is not FLOAT64 and dtype.itemsize == 2
        if half:  # BLAS knows no half precision
            x = x.float()
            states = [state if state is None else state.float() for state in states]
        batch = x.get_shape()[1] if sizes is None else sizes[0]
        if states[0] is None:
            zeros = constant(
                np.zeros((batch, self.proj_size or self.hidden_size), x.get_dtype())
            )
            cells = zeros
            if self.proj_size:
                cells = constant(np.zeros((batch, self.hidden_size), x.get_dtype()))
        turn = None
        if self.bidirectional and sizes is not None:
            turn = constant(turned_round(sizes))
        finals: list[list[Any]] = []
        number = 0
        for layer in range(self.num_layers):
            outs = []
            for backward in (False, True) if self.bidirectional else (False,):
                weights = [getattr(self, name) for name in self._all_weights[number]]
                if half:
                    weights = [weight.float() for weight in weights]
                if states[0] is None:
                    own = [zeros, cells][: len(states)]
                else:
                    own = [state[number] for state in states]
                given = _turned(x, turn) if backward else x
                out, *ends = self._one(given, own, weights, sizes)
                outs.append(_turned(out, turn) if backward else out)
                finals.append(ends)
                number += 1
            x = outs[0] if len(outs) == 1 else concatenate(*outs, axis=-1)
            if self.dropout and self.training and layer < self.num_layers - 1:
                x = F.dropout(x, self.dropout, True)
        ended = [stack(*ends, axis=0) for ends in zip(*finals)]
        if half:
            return cast(x, dtype=dtype), [cast(one, dtype=dtype) for one in ended]
        return x, ended

    def _one(self, x: Any, states: list[Any], weights: list[Any], sizes: Any) -> Any:
        """Run one direction of one layer; return the results and the final states."""
        raise NotImplementedError


def _turned(x: Any, turn: Any) -> Any:
    """Return sequences turned round in time, packed ones each within its own length."""
    return flip(x, axis=0) if turn is None else exchanged_rows(x, places=turn)


class RNN(RNNBase):
    """Recurrent layers of tanh or relu.  (T, B, input_size) -> (T, B, hidden_size)

    ``h' = tanh(x W_ih^T + b_ih + h W_hh^T + b_hh)``

    Parameters
    ----------
    input_size, hidden_size, num_layers : int
    nonlinearity : {"tanh", "relu"}
    bias, batch_first, dropout, bidirectional, device, dtype
        See `RNNBase`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        if len(args) > 3:
            self.nonlinearity = args[3]
            args = args[:3] + args[4:]
        else:
            self.nonlinearity = kwargs.pop("nonlinearity", "tanh")
        if self.nonlinearity not in ("tanh", "relu"):
            raise ValueError(
                f"Unknown nonlinearity '{self.nonlinearity}'. Select from 'tanh' or 'relu'."
            )
        super().__init__(f"RNN_{self.nonlinearity.upper()}", *args, **kwargs)

    def _refuse_dimensions(self, ndim: int) -> None:
        raise ValueError(f"RNN: Expected input to be 2D or 3D, got {ndim}D tensor instead")

    def _one(self, x: Any, states: list[Any], weights: list[Any], sizes: Any) -> Any:
        if not self.bias:
            weights += [None, None]
        run = elman_dense if sizes is None else elman_packed
        return run(x, *states, *weights, rectified=self.mode == "RNN_RELU", sizes=sizes)

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """Return the results of the last layer, and the final state of each layer."""
        out, (hidden,) = self._call(input, hx)
        return out, hidden


class GRU(RNNBase):
    """Gated recurrent layers.  (T, B, input_size) -> (T, B, hidden_size)

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype
        See `RNNBase`.  The gates are r, z, n.

    Examples
    --------
    >>> import retrograd as torch
    >>> layer = torch.nn.GRU(3, 5, batch_first=True)
    >>> results, state = layer(torch.zeros(2, 7, 3))
    >>> results.shape, state.shape
    (torch.Size([2, 7, 5]), torch.Size([1, 2, 5]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ValueError("proj_size argument is only supported for LSTM, not RNN or GRU")
        super().__init__("GRU", *args, **kwargs)

    def _one(self, x: Any, states: list[Any], weights: list[Any], sizes: Any) -> Any:
        if not self.bias:
            weights += [None, None]
        run = gru_dense if sizes is None else gru_packed
        return run(x, *states, *weights, sizes=sizes)[:2]

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, Any]:
        """Return the results of the last layer, and the final state of each layer."""
        out, (hidden,) = self._call(input, hx)
        return out, hidden


class LSTM(RNNBase):
    """Long short-term memory layers.  (T, B, input_size) -> (T, B, hidden_size)

    Parameters
    ----------
    input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, proj_size, \
device, dtype
        See `RNNBase`.  The gates are i, f, g, o.

    Examples
    --------
    >>> import retrograd as torch
    >>> layer = torch.nn.LSTM(3, 5, num_layers=2)
    >>> results, (hidden, cell) = layer(torch.zeros(7, 2, 3))
    >>> results.shape, hidden.shape, cell.shape
    (torch.Size([7, 2, 5]), torch.Size([2, 2, 5]), torch.Size([2, 2, 5]))
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def get_expected_cell_size(self, input: Tensor, batch_sizes: Any) -> tuple[int, int, int]:
        """Return the shape of the cell state for an input."""
        return self._state_shape(input, batch_sizes, self.hidden_size)

    def check_forward_args(self, input: Tensor, hidden: Any, batch_sizes: Any) -> None:
        """Refuse an input and states that do not go together."""
        self.check_input(input, batch_sizes)
        self.check_hidden_size(
            hidden[0],
            self.get_expected_hidden_size(input, batch_sizes),
            "Expected hidden[0] size {}, got {}",
        )
        self.check_hidden_size(
            hidden[1],
            self.get_expected_cell_size(input, batch_sizes),
            "Expected hidden[1] size {}, got {}",
        )

    def permute_hidden(self, hx: Any, permutation: Any) -> Any:
        """Return both states with their sequences in another order; None is no change."""
        if permutation is None:
            return hx
        return index_select(hx[0], 1, permutation), index_select(hx[1], 1, permutation)

    def _batched(self, hx: Any, ndim: int) -> Any:
        if hx[0].dim() != ndim or hx[1].dim() != ndim:
            kind = "unbatched 2-D" if ndim == 2 else "batched 3-D"
            raise RuntimeError(
                f"For {kind} input, hx and cx should also be {ndim}-D but got "
                f"({hx[0].dim()}-D, {hx[1].dim()}-D) tensors"
            )
        return (hx[0].unsqueeze(1), hx[1].unsqueeze(1)) if ndim == 2 else hx

    def _states(self, hx: Any) -> list[Any]:
        return [None, None] if hx is None else [hx[0], hx[1]]

    def _one(self, x: Any, states: list[Any], weights: list[Any], sizes: Any) -> Any:
        if not self.bias:
            weights[2:2] = [None, None]
        if not self.proj_size:
            weights.append(None)
        if sizes is not None:
            run = lstm_packed
        elif self.proj_size or x.get_dtype() is not FLOAT32 or x.array.size == 0:
            run = lstm_stepwise
        else:
            run = lstm_dense
        return run(x, *states, *weights, sizes=sizes)[:3]

    def forward(self, input: Any, hx: Any = None) -> tuple[Any, tuple[Any, Any]]:
        """Return the results of the last layer, and the final states (hidden, cell)."""
        out, (hidden, cell) = self._call(input, hx)
        return out, (hidden, cell)
