"""Sequences of different lengths in one batch: padded to one length, or packed without padding."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from ..._core.broadcast import broadcast_error
from ..._core.public import expect_tensor
from ..._core.tracing import constant, run
from ..._core.value import Value
from ...creation import as_tensor
from ...dtypes import int64
from ...ops._axes import axis_of
from ...ops.copying import cast
from ...ops.joining import concatenate, expect_tensors
from ...ops.lookup import index_select
from ...ops.packing import packed_rows, padded_rows, steps_mask
from ...tensor import Tensor, wrap

__all__ = [
    "PackedSequence",
    "invert_permutation",
    "pack_padded_sequence",
    "pack_sequence",
    "pad_packed_sequence",
    "pad_sequence",
    "unpack_sequence",
    "unpad_sequence",
]

class PackedSequence_(NamedTuple):
    """The fields of a packed sequence."""

    data: Any
    batch_sizes: Any = None
    sorted_indices: Any = None
    unsorted_indices: Any = None


class PackedSequence(PackedSequence_):
    """A batch of sequences of different lengths, packed; made by `pack_padded_sequence`.

    Attributes
    ----------
    data : Tensor, (rows, *S)
        The first elements of all sequences, longest sequence first, then the second elements of
        those that have one, and so on.
    batch_sizes : Tensor, (T,)
        How many sequences go on to each step.
    sorted_indices, unsorted_indices : Tensor or None
        The order of the sequences by length, and the way back.
    """

    def __new__(
        cls,
        data: Any,
        batch_sizes: Any = None,
        sorted_indices: Any = None,
        unsorted_indices: Any = None,
    ) -> Any:
        if batch_sizes is None:
            if not isinstance(data, (list, tuple)) or len(data) != 2:
                raise AssertionError("Expected data to be a list or tuple of length 2")
            data, batch_sizes = data
        elif batch_sizes.device.type != "cpu":
            raise ValueError(
                "batch_sizes should always be on CPU. Instances of PackedSequence should never be "
                "created manually. They should be instantiated by functions like pack_sequence "
                "and pack_padded_sequences in nn.utils.rnn. "
                "https://pytorch.org/docs/stable/nn.html#torch.nn.utils.rnn.pack_sequence"
            )
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _with_data(self, data: Any) -> Any:
        if data is self.data:
            return self
        return type(self)(data, self.batch_sizes, self.sorted_indices, self.unsorted_indices)

    def pin_memory(self) -> Any:
        """Return a sequence whose data is in pinned memory: here, where it is."""
        return self._with_data(self.data.pin_memory())

    def to(self, *args: Any, **kwargs: Any) -> Any:
        """Convert the data, as `Tensor.to` does; the sequence itself where nothing changes."""
        if "copy" in kwargs:
            raise RuntimeError(".to() does not accept copy argument")
        return self._with_data(self.data.to(*args, **kwargs))

    def cuda(self, *args: Any, **kwargs: Any) -> Any:
        """Move to a GPU."""
        return self._with_data(self.data.cuda(*args, **kwargs))

    def cpu(self, *args: Any, **kwargs: Any) -> Any:
        """Move to the CPU."""
        return self.to(*args, device="cpu", **kwargs)

    def double(self) -> Any:
        """Convert the data to float64."""
        return self._with_data(self.data.double())

    def float(self) -> Any:
        """Convert the data to float32."""
        return self._with_data(self.data.float())

    def half(self) -> Any:
        """Convert the data to float16."""
        return self._with_data(self.data.half())

    def long(self) -> Any:
        """Convert the data to int64."""
        return self._with_data(self.data.long())

    def int(self) -> Any:
        """Convert the data to int32."""
        return self._with_data(self.data.int())

    def short(self) -> Any:
        """Convert the data to int16."""
        return self._with_data(self.data.short())

    def char(self) -> Any:
        """Convert the data to int8."""
        return self._with_data(self.data.char())

    def byte(self) -> Any:
        """Convert the data to uint8."""
        return self._with_data(self.data.byte())

    @property
    def is_cuda(self) -> bool:
        """Whether the data is on a GPU."""
        return bool(self.data.is_cuda)

    def is_pinned(self) -> bool:
        """Whether the data is in pinned memory."""
        return bool(self.data.is_pinned())


def invert_permutation(permutation: Any) -> Any:
    """Return the permutation that undoes another; None for None."""
    if permutation is None:
        return None
    return wrap(run(inverse_order, permutation.array))


def inverse_order(order: Any) -> Any:
    """Return the array that undoes a reordering by another."""
    inverse = np.empty_like(order)
    inverse[order] = np.arange(order.size, dtype=order.dtype)
    return inverse


# -- padded and packed --------------------------------------------------------------------------


def pack_padded_sequence(
    input: Tensor, lengths: Any, batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Pack a padded batch.

    Parameters
    ----------
    input : Tensor
        (T, B, *S), or (B, T, *S) with `batch_first`.
    lengths : Tensor or list of int
        The length of each sequence.
    enforce_sorted : bool
        Demand that the sequences come longest first; otherwise they are sorted here.

    Raises
    ------
    RuntimeError
        For lengths that are not sorted, not one for each sequence, below 1 or above T.

    Examples
    --------
    >>> import retrograd as torch
    >>> from retrograd.nn.utils.rnn import pack_padded_sequence
    >>> padded = torch.tensor([[1, 4], [2, 5], [3, 0]])
    >>> pack_padded_sequence(padded, [3, 2]).data
    tensor([1, 4, 2, 5, 3])
    """
    if not isinstance(lengths, Value):
        lengths = as_tensor(lengths, dtype=int64)
    sorted_indices = None
    if not enforce_sorted:
        lengths, sorted_indices = lengths.sort(descending=True)
        input = index_select(input, 0 if batch_first else 1, sorted_indices)
    expect_tensor("_pack_padded_sequence", input)
    shape = input.transpose(0, 1).shape if batch_first else input.shape
    if lengths.dim() != 1:
        raise RuntimeError(
            "'lengths' argument should be a 1D CPU int64 tensor, but got "
            f"{lengths.dim()}D cpu {lengths.dtype.type_name} tensor"
        )
    found = numbers_of(lengths)
    _expect_lengths(found, shape)
    sizes = np.add.reduce(np.arange(found[0])[:, None] < found, axis=1)
    places = constant(np.flatnonzero(steps_mask(sizes, shape[1])))
    data = packed_rows(input.transpose(0, 1) if batch_first else input, places=places)
    return PackedSequence(data, wrap(constant(sizes)), sorted_indices)


def numbers_of(lengths: Tensor) -> Any:
    """Return the whole numbers that shapes depend on; a trace branches on them."""
    return np.array(lengths.tolist(), np.int64)


def _expect_lengths(found: Any, shape: Any) -> None:
    """Refuse lengths that do not go with a batch of shape (T, B, *S)."""
    steps, batch = shape[0], shape[axis_of(1, len(shape))]
    if 0 in shape:
        raise RuntimeError("Cannot pack empty tensors.")
    if found.size != batch:
        raise RuntimeError(
            f"Expected `len(lengths)` to be equal to batch_size, but got {found.size} "
            f"(batch_size={batch})"
        )
    if found.min() <= 0:
        raise RuntimeError(
            "Length of all samples has to be greater than 0, but found an element in 'lengths' "
            "that is <= 0"
        )
    if (found[1:] > found[:-1]).any():
        raise RuntimeError(
            "`lengths` array must be sorted in decreasing order when `enforce_sorted` is True. You "
            "can pass `enforce_sorted=False` to pack_padded_sequence and/or pack_sequence to "
            "sidestep this requirement if you do not need ONNX exportability."
        )
    if found[0] > steps:
        raise RuntimeError(
            f"pack_padded_sequence: a length of {found[0]}, but the sequences have {steps} steps"
        )


def pad_packed_sequence(
    sequence: PackedSequence,
    batch_first: bool = False,
    padding_value: float = 0.0,
    total_length: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Pad what was packed: the inverse of `pack_padded_sequence`.

    Parameters
    ----------
    total_length : int, optional
        How many steps the result has; those of the longest sequence by default.

    Returns
    -------
    padded : Tensor, (T, B, *S), or (B, T, *S) with `batch_first`
    lengths : Tensor, (B,)
    """
    sizes = numbers_of(sequence.batch_sizes)
    steps = sizes.size
    if total_length is not None:
        if total_length < steps:
            raise ValueError(
                "Expected total_length to be at least the length of the longest sequence in "
                f"input, but got total_length={total_length} and max sequence length being {steps}"
            )
        steps = total_length
    batch = int(sizes[0])
    going = steps_mask(sizes, batch)
    places = constant(np.flatnonzero(going))
    padded = padded_rows(sequence.data, places=places, lead=(steps, batch), value=padding_value)
    lengths = wrap(constant(np.add.reduce(going, axis=0)))
    if batch_first:
        padded = padded.transpose(0, 1)
    order = sequence.unsorted_indices
    if order is not None:
        return index_select(padded, 0 if batch_first else 1, order), lengths[order]
    return padded, lengths


# -- lists of sequences -------------------------------------------------------------------------


def pad_sequence(
    sequences: Any,
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Pad sequences of different lengths to one.

    Parameters
    ----------
    sequences : iterable of Tensor, each (length, *S)
    padding_side : {"right", "left"}
        Whether the number goes behind or before the sequences.

    Returns
    -------
    Tensor
        (T, B, *S), or (B, T, *S) with `batch_first`, in the dtype of the first.

    Examples
    --------
    >>> import retrograd as torch
    >>> from retrograd.nn.utils.rnn import pad_sequence
    >>> pad_sequence([torch.tensor([1, 2, 3]), torch.tensor([4])], batch_first=True)
    tensor([[1, 2, 3],
            [4, 0, 0]])
    """
    if not isinstance(sequences, Iterable):
        raise RuntimeError(
            "pad_sequence: Expected iterable for input sequences, but got arg of type: "
            f"{type(sequences)}"
        )
    sequences = list(sequences)
    if not sequences:
        raise RuntimeError("received an empty list of sequences")
    expect_tensors("pad_sequence", sequences, RuntimeError)
    if padding_side not in ("left", "right"):
        raise RuntimeError(
            f"Expected padding_side to be one of left or right, but got {padding_side}."
        )
    first = sequences[0]
    if first.dim() == 0:
        raise RuntimeError("ArrayRef: invalid slice, N = 1; size = 0")
    sequences = [_alike(one, first) for one in sequences]
    lengths = [one.shape[0] for one in sequences]
    batch, steps = len(lengths), max(lengths)
    starts = [steps - n if padding_side == "left" else 0 for n in lengths]
    times = [np.arange(start, start + n) for start, n in zip(starts, lengths)]
    if batch_first:
        places = [number * steps + time for number, time in enumerate(times)]
        lead = (batch, steps)
    else:
        places = [time * batch + number for number, time in enumerate(times)]
        lead = (steps, batch)
    rows = concatenate(*sequences, axis=0)
    found = constant(np.concatenate(places))
    return padded_rows(rows, places=found, lead=lead, value=padding_value)


def _alike(sequence: Any, first: Any) -> Any:
    """Return a sequence in the dtype and with the features of the first one."""
    wanted, have = first.shape, sequence.shape
    if have[1:] != wanted[1:]:
        words = broadcast_error((have[0], *wanted[1:]), have)
        raise RuntimeError(words or f"pad_sequence: features of shape {tuple(have[1:])}")
    dtype = first.get_dtype()
    return sequence if sequence.get_dtype() == dtype else cast(sequence, dtype=dtype)


def unpad_sequence(padded_sequences: Tensor, lengths: Tensor, batch_first: bool = False) -> Any:
    """Return the sequences of a padded batch, each with its own length."""
    limit = lengths.to(padded_sequences.device).tolist()
    if not batch_first:
        padded_sequences = padded_sequences.transpose(0, 1)
    steps = padded_sequences.shape[1]
    return [
        sequence[wrap(constant(np.arange(min(int(length), steps))))]
        for sequence, length in zip(padded_sequences, limit)
    ]


def pack_sequence(sequences: Any, enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences of different lengths.

    Parameters
    ----------
    sequences : list of Tensor, each (length, *S)
    enforce_sorted : bool
        Demand that they come longest first.
    """
    lengths = as_tensor([one.size(0) for one in sequences])
    return pack_padded_sequence(pad_sequence(sequences), lengths, enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> Any:
    """Return the sequences that were packed."""
    padded, lengths = pad_packed_sequence(packed_sequences, batch_first=True)
    return unpad_sequence(padded, lengths, batch_first=True)
