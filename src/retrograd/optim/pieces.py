"""What an update runs over: small parameters gathered into flat buffers, or one large one.

See Note [Flat groups] in elementwise.py.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.site import here
from .._core.storage import tick
from .._core.value import hold_arrays

# Numbers, not bytes.  Up to SMALL, gathering beats NumPy's cost per call; BLOCK numbers of each
# array an update touches fit a level-2 cache; FLAT bounds what one gathered update runs over.
SMALL = 16384
BLOCK = 65536
FLAT = 65536

# What `Flat.gather` found.
READY = 0
NO_GRADS = 1
SOME_GRADS = 2
CHANGED = 3


def as_flat(array: Any) -> Any:
    """Return a contiguous array as one-dimensional and real, sharing memory."""
    flat = array.reshape(-1)
    return flat.view(flat.real.dtype) if flat.dtype.kind == "c" else flat


def is_constant(values: list[Any]) -> bool:
    """Say whether all the values are equal."""
    return values.count(values[0]) == len(values)


class Workspace:
    """Arrays to write intermediate results in, shared by every update of one dtype."""

    def __init__(self) -> None:
        self._arrays: dict[Any, list[Any]] = {}

    def scratch(self, like: Any) -> list[Any]:
        """Return three arrays of the size and dtype of the flat array `like`."""
        whole = self._arrays.get(like.dtype)
        if whole is None:
            whole = [np.empty(max(BLOCK, FLAT), like.dtype) for _ in range(3)]
            self._arrays[like.dtype] = whole
        size = like.size
        return [array[:size] for array in whole]


class Flat:
    """Small parameters of one dtype, gathered.

    Parameters
    ----------
    params : list of Tensor
    entries : list of dict
        The state entries of the parameters; their tensors become views of flat buffers here.
    names : tuple of str
        The state arrays shaped like their parameter.
    scalars : tuple of str
        The state scalars; the first is ``"step"``.
    """

    def __init__(
        self,
        params: list[Any],
        entries: list[Any],
        names: tuple[str, ...],
        scalars: tuple[str, ...],
    ) -> None:
        self.params = params
        self.entries = entries
        self.dtype = params[0].array.dtype
        self.misses = 0
        self.scratch: Any = None
        self.views: list[tuple[Any, Any, Any]] = []
        # Where each state array is to be found: by its entry, its name, and itself.
        self.tables: list[Any] = []
        self.names: list[str] = []
        self.arrays: list[Any] = []
        total = sum([param.array.size for param in params])
        param_buffer = np.empty(total, self.dtype)
        grad_buffer = np.empty(total, self.dtype)
        buffers = [np.empty(total, self.dtype) for _ in names]
        self.one = np.ones((), entries[0]["step"].array.dtype) if scalars else None
        self.scalars = [np.empty(len(params), entries[0][name].array.dtype) for name in scalars]
        start = 0
        for number, param in enumerate(params):
            shape = param.array.shape
            here = slice(start, start + param.array.size)
            start = here.stop
            self.views.append(
                (param, param_buffer[here].reshape(shape), grad_buffer[here].reshape(shape))
            )
            for name, buffer in zip(names, buffers, strict=True):
                self._move(param, entries[number], name, buffer[here].reshape(shape))
            for name, column in zip(scalars, self.scalars, strict=True):
                scalar = column[number : number + 1].reshape(())
                self._move(param, entries[number], name, scalar)
        self.param = as_flat(param_buffer)
        self.grad = as_flat(grad_buffer)
        self.states = [as_flat(buffer) for buffer in buffers]

    def _move(self, param: Any, entry: Any, name: str, view: Any) -> None:
        """Make a state tensor a view of a flat buffer; its value and identity stay."""
        tensor = entry[name]
        view[...] = tensor.array
        if tensor.base is None:
            tensor.set_array(view)
        else:
            entry[name] = param.make(view)
        self.tables.append(entry)
        self.names.append(name)
        self.arrays.append(view)

    def gather(self, state: Any) -> int:
        """Copy parameters and gradients in; say whether everything is as it was."""
        for param, param_view, grad_view in self.views:
            grad = param.grad
            if grad is None:
                return self._count_grads()
            array = param.array
            if array.dtype is not self.dtype:
                return CHANGED
            param_view[...] = array
            grad_view[...] = grad.array
        if not self.holds(state):
            return CHANGED
        self.misses = 0
        return READY

    def holds(self, state: Any) -> bool:
        """Say whether the state is the one that was gathered."""
        try:
            if not hold_arrays(self.tables, self.names, self.arrays):
                return False
        except AttributeError:
            return False
        if self.arrays:
            for param, entry in zip(self.params, self.entries):
                if state.get(param) is not entry:
                    return False
        return True

    def is_level(self) -> bool:
        """Say whether all parameters are at the same step, their other scalars the same too."""
        return all(is_constant(column.tolist()) for column in self.scalars)

    def _count_grads(self) -> int:
        if all(param.grad is None for param in self.params):
            return NO_GRADS
        self.misses += 1
        return SOME_GRADS

    def advance(self) -> float | None:
        """Add one to every step and return it, or None where the parameters' scalars differ."""
        if not self.scalars:
            return 0.0
        if not self.is_level():
            return None
        steps = self.scalars[0]
        np.add(steps, self.one, steps)
        step: float = steps.item(0)
        return step

    def scatter(self, writer: str) -> None:
        """Copy the updated parameters back to their own arrays, and note the write."""
        when = tick()
        site = here()
        for param, param_view, _ in self.views:
            param.array[...] = param_view
            param.get_storage().write(when, writer, site)


class Single:
    """A parameter that is updated where it is, block by block, and what its blocks are.

    Nothing is remembered of a parameter that is not contiguous.
    """

    def __init__(self, param: Any) -> None:
        self.param = param
        self.entry: Any = None
        self.array: Any = None
        self.checks: list[tuple[str, Any]] = []
        self.scalars: list[Any] = []
        self.flat: list[Any] = []
        self.blocks: list[tuple[slice, Any, list[Any], list[Any]]] = []

    def remember(
        self, entry: Any, names: tuple[str, ...], scalars: tuple[str, ...], workspace: Workspace
    ) -> None:
        """Keep views of what was just updated, for the next step."""
        array = self.param.array
        arrays = [array, *[entry[name].array for name in names]]
        self.array = None
        if not all(one.flags.c_contiguous and one.shape == array.shape for one in arrays):
            return
        self.entry = entry
        self.array = array
        self.scalars = [entry[name].array for name in scalars]
        self.checks = list(zip((*scalars, *names), (*self.scalars, *arrays[1:])))
        self.flat = flat = [as_flat(one) for one in arrays]
        self.blocks = []
        for start in range(0, flat[0].size, BLOCK):
            where = slice(start, start + BLOCK)
            param, *states = [one[where] for one in flat]
            self.blocks.append((where, param, states, workspace.scratch(param)))

    def is_known(self, state: Any, grad: Any) -> bool:
        """Say whether everything is as it was, and the gradient fits."""
        array = self.array
        if array is None or grad.dtype is not array.dtype or not grad.flags.c_contiguous:
            return False
        return self.holds(state)

    def holds(self, state: Any) -> bool:
        """Say whether the parameter's array and its state are those that are remembered."""
        param = self.param
        if param.array is not self.array:
            return False
        if not self.checks:
            return True
        entry = self.entry
        try:
            for name, known in self.checks:
                if entry[name].array is not known:
                    return False
        except (KeyError, AttributeError):
            return False
        return state.get(param) is entry
