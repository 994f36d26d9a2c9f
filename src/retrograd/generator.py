"""`Generator`: the stream of random words which every draw on the CPU comes from.

PyTorch's CPU generator is a 32-bit Mersenne Twister seeded as `numpy.random.RandomState` seeds
one from an integer, so NumPy's bit generator produces its words. This file holds the words, the
uniform numbers made of them, the normal number which a pair leaves over, and the state in
PyTorch's own byte layout. `streams.py` makes distributions of them.
"""

from __future__ import annotations

import os
import struct

import numpy as np

from .device import check_device

DEFAULT_SEED = 67280421310721
STATE_BYTES = 5056

# Numbers made from words at a time, so that the temporaries of one piece stay in the cache.
PIECE = 16384

# Up to so many pairs of words, drawing words and joining them is sooner done.
_FEW = 1024
_LAST_LONG = 2**64 - 1

# Ufuncs take 0-d arrays sooner than Python numbers: 0.26 against 0.45 us on eight numbers.
_MASK24 = np.asarray(2**24 - 1, dtype=np.uint64)
_MASK53 = np.asarray(2**53 - 1, dtype=np.uint64)
_WORD_BITS = np.asarray(32, dtype=np.uint64)
_SCALE24 = np.asarray(2.0**-24, dtype=np.float32)
_SCALE53 = np.asarray(2.0**-53, dtype=np.float64)

# Note [The state's layout]
# Little-endian: the seed (8 bytes), `left` (4), `seeded` (4), `next` (8), 624 words of 8 bytes,
# three doubles of which the middle one is the left-over normal number, its flag (4) and padding
# (4), then a left-over float32 normal number (4), its flag (1) and padding (3). `next` is the
# place of the next word and `left` = 625 - next; a twister that was seeded and not yet read has
# left = 1, next = 0. NumPy's `pos` is `next`, and 624 where `left` is 1.
_TWISTER_WORDS = 624
_HEAD = struct.Struct("<QiiQ")
_TAIL = struct.Struct("<dddi4xfB3x")
_WORDS_END = _HEAD.size + 8 * _TWISTER_WORDS


class Generator:
    """A stream of random numbers, the same as PyTorch's on the CPU.

    Parameters
    ----------
    device : str or device, optional
        Only the CPU has a stream.

    Attributes
    ----------
    device : device
    raw : callable
        ``raw(n)`` draws `n` words of 32 bits as a uint64 array, ``raw()`` one as a Python int.
    next_normal : float or None
        The second normal number of a pair, kept for the next scalar draw.

    Examples
    --------
    >>> Generator().manual_seed(0).floats(3)
    array([0.4962566 , 0.7682218 , 0.08847743], dtype=float32)
    """

    __slots__ = (
        "__weakref__",
        "_next_float_normal",
        "_pairs",
        "_seed",
        "_twister",
        "device",
        "next_normal",
        "raw",
    )

    def __init__(self, device="cpu"):
        self.device = check_device(device)
        self._seed = DEFAULT_SEED
        self._twister = None
        self._restart()

    def _restart(self):
        self.next_normal = None
        self._next_float_normal = None
        if self._twister is None:
            # Loading numpy.random takes 15 ms: it waits for the first draw.
            self.raw = self._start_and_draw
        else:
            self._seed_twister()

    def _start(self):
        from numpy import random  # here: not loaded by NumPy itself, 15 ms

        self._twister = random.MT19937(0)
        self._pairs = random.Generator(self._twister)
        self._seed_twister()
        self.raw = self._twister.random_raw

    def _start_and_draw(self, size=None):
        if self._twister is None:
            self._start()
        return self.raw(size)

    def _seed_twister(self):
        from numpy.random import RandomState  # here: as in _start

        RandomState(self._twister).seed(self._seed & 0xFFFFFFFF)

    # Seeds

    def manual_seed(self, seed):
        """Start the stream of `seed` and return the generator.

        Only the low 32 bits choose the stream, as in PyTorch; the whole seed is remembered.

        Parameters
        ----------
        seed : int
            From ``-2**63`` to ``2**64 - 1``; a negative one means itself plus ``2**64``.

        Raises
        ------
        RuntimeError
            When `seed` is no integer.
        ValueError
            When it is out of range.
        """
        if type(seed) is not int and not isinstance(seed, np.integer):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        if not -(2**63) <= seed < 2**64:
            raise ValueError("Overflow when unpacking long long")
        self._seed = int(seed) % 2**64
        self._restart()
        return self

    def seed(self):
        """Start the stream of a seed taken from the operating system and return that seed."""
        self.manual_seed(int.from_bytes(os.urandom(8), "little"))
        return self._seed

    def initial_seed(self):
        """Return the seed which the stream was started from."""
        return self._seed

    # Uniform numbers

    def floats(self, n):
        """Draw `n` numbers of [0, 1) with 24 bits, one word each.  -> float32 (n,)"""
        if n <= PIECE:
            words = self.raw(n)
            words &= _MASK24
            out = words.astype(np.float32)
            out *= _SCALE24
            return out
        out = np.empty(n, dtype=np.float32)
        for start in range(0, n, PIECE):
            piece = out[start : start + PIECE]
            words = self.raw(piece.size)
            words &= _MASK24
            # Without AVX-512 processors convert signed integers faster than unsigned ones.
            piece[...] = words.view(np.int64)
            piece *= _SCALE24
        return out

    def doubles(self, n):
        """Draw `n` numbers of [0, 1) with 53 bits, two words each.  -> float64 (n,)"""
        out = np.empty(n, dtype=np.float64)
        for start in range(0, n, PIECE):
            piece = out[start : start + PIECE]
            longs = self.longs(piece.size)
            longs &= _MASK53
            piece[...] = longs.view(np.int64)
            piece *= _SCALE53
        return out

    def double(self):
        """Draw one number as `doubles` does.  -> float"""
        raw = self.raw
        high = raw()
        return ((high << 32 | raw()) & 0x1FFFFFFFFFFFFF) * 2.0**-53

    def longs(self, n):
        """Draw `n` words of 64 bits, each from two words, the high one first.  -> uint64 (n,)"""
        if n > _FEW:
            # NumPy's own pairs come in this order too: 527 us for 131072 of them, not 818.
            if self._twister is None:
                self._start()
            return self._pairs.integers(0, _LAST_LONG, n, np.uint64, endpoint=True)
        words = self.raw(2 * n)
        out = words[::2] << _WORD_BITS
        out |= words[1::2]
        return out

    # The state

    def get_state_bytes(self):
        """Return the state in PyTorch's layout: 5056 bytes."""
        if self._twister is None:
            self._start()
        twister = self._twister.state["state"]
        words = twister["key"]
        position = int(twister["pos"])
        left = 625 - position
        if position == _TWISTER_WORDS and words[0] == self._seed & 0xFFFFFFFF:
            # Seeded and never read: the first word is still the seed.
            position = 0
        head = _HEAD.pack(self._seed, left, 1, position)
        normal, float_normal = self.next_normal, self._next_float_normal
        tail = _TAIL.pack(
            0.0,
            0.0 if normal is None else normal,
            0.0,
            normal is not None,
            0.0 if float_normal is None else float_normal,
            float_normal is not None,
        )
        return head + words.astype("<u8").tobytes() + tail

    def set_state_bytes(self, state):
        """Go on from a state written by `get_state_bytes` or by PyTorch.

        Parameters
        ----------
        state : bytes-like
            5056 bytes.

        Raises
        ------
        RuntimeError
            When the length is another or the bytes are no generator's state.
        """
        state = bytes(state)
        if len(state) != STATE_BYTES:
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {STATE_BYTES} but found the input RNG "
                f"state size to be {len(state)}"
            )
        seed, left, seeded, position = _HEAD.unpack_from(state)
        if seeded != 1 or not 0 < left <= _TWISTER_WORDS or position > _TWISTER_WORDS:
            raise RuntimeError("Invalid mt19937 state")
        words = np.frombuffer(state, dtype="<u8", count=_TWISTER_WORDS, offset=_HEAD.size)
        _, normal, _, has_normal, float_normal, has_float_normal = _TAIL.unpack_from(
            state, _WORDS_END
        )
        if self._twister is None:
            self._start()
        self._twister.state = {
            "bit_generator": "MT19937",
            "state": {
                "key": words.astype(np.uint32),
                "pos": _TWISTER_WORDS if left == 1 else position,
            },
        }
        self._seed = seed
        self.next_normal = normal if has_normal else None
        self._next_float_normal = float_normal if has_float_normal else None

    def clone_state(self):
        """Return a generator of its own which will draw the same numbers."""
        other = type(self)(self.device)
        other.set_state_bytes(self.get_state_bytes())
        return other

    def __getstate__(self):
        return self.device, self.get_state_bytes()

    def __setstate__(self, saved):
        device, state = saved
        Generator.__init__(self, device)
        self.set_state_bytes(state)

    # PyTorch's CPU generators have no offset, only those of GPUs have one.

    def get_offset(self):
        """Raise RuntimeError: a CPU generator has no offset."""
        raise RuntimeError("CPU Generator does not use offset")

    def set_offset(self, offset):
        """Raise RuntimeError: a CPU generator has no offset."""
        raise RuntimeError("CPU Generator does not use offset")
