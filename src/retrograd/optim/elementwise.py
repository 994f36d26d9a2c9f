"""Optimizers that treat every number alike: SGD, Adam and their kin, run on flat buffers.

Note [Flat groups].  An elementwise update is one sequence of NumPy calls per parameter, and for
small parameters NumPy's cost per call is all there is.  So small parameters are gathered:
parameters and gradients are copied into two flat buffers, the state *lives* in flat buffers
(``state[p]["exp_avg"]`` is a view of one), the update runs once on everything, and the new values
are copied back.  Parameters keep their own arrays, so nobody else's view of them breaks.  A copy
costs 0.1 us for each parameter and direction; the calls that it saves cost 0.3 us each or more.
Large parameters are updated where they are, block by block, so that a block stays in the cache
for all the calls of the update.

What is gathered together got its gradients together and is at the same step.  A gathered update
is trusted only after its state entries were compared, at each step, with the views handed out;
whoever replaces, loads or clears state finds it used.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from .._core.site import here
from .._core.storage import tick
from ..autograd import enable_grad
from ..tensor import Tensor
from .optimizer import Optimizer

# Numbers, not bytes.  Up to SMALL, gathering beats NumPy's cost per call; BLOCK numbers of each
# array an update touches fit a level-2 cache; FLAT bounds what one gathered update runs over.
SMALL = 8192
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
    counted : bool
        Whether entries have a ``"step"``.
    """

    def __init__(
        self, params: list[Any], entries: list[Any], names: tuple[str, ...], counted: bool
    ) -> None:
        self.params = params
        self.entries = entries
        self.dtype = params[0].array.dtype
        self.misses = 0
        self.scratch: Any = None
        self.views: list[tuple[Any, Any, Any]] = []
        self.checks: list[tuple[Any, str, Any]] = []
        total = sum([param.array.size for param in params])
        param_buffer = np.empty(total, self.dtype)
        grad_buffer = np.empty(total, self.dtype)
        buffers = [np.empty(total, self.dtype) for _ in names]
        self.steps: Any = np.empty(len(params), np.float32) if counted else None
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
            if counted:
                scalar = self.steps[number : number + 1].reshape(())
                self._move(param, entries[number], "step", scalar)
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
        self.checks.append((entry, name, view))

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
        if self.checks:
            try:
                for entry, name, view in self.checks:
                    if entry[name].array is not view:
                        return CHANGED
            except (KeyError, AttributeError):
                return CHANGED
            for param, entry in zip(self.params, self.entries):
                if state[param] is not entry:
                    return CHANGED
        self.misses = 0
        return READY

    def _count_grads(self) -> int:
        if all(param.grad is None for param in self.params):
            return NO_GRADS
        self.misses += 1
        return SOME_GRADS

    def advance(self) -> float | None:
        """Add one to every step and return it, or None where the parameters' steps differ."""
        steps = self.steps
        if steps is None:
            return 0.0
        steps += 1
        values = steps.tolist()
        first: float = values[0]
        if values.count(first) == len(values):
            return first
        steps -= 1
        return None

    def scatter(self, writer: str) -> None:
        """Copy the updated parameters back to their own arrays, and note the write."""
        when = tick()
        site = here()
        for param, param_view, _ in self.views:
            param.array[...] = param_view
            param.get_storage().write(when, writer, site)


class GroupPlan:
    """How the parameters of one group are updated: together, one by one, or not yet."""

    def __init__(self, params: Any, names: tuple[str, ...]) -> None:
        self.params = params
        self.count = len(params)
        self.names = names
        self.flats: list[Flat] = []
        self.single: list[Any] = []
        self.idle: list[Any] = list(params)  # had no gradient so far
        self.stale = False

    def fits(self, params: Any, names: tuple[str, ...]) -> bool:
        """Say whether this plan is still one for these parameters and state arrays."""
        return (
            not self.stale
            and self.params is params
            and self.count == len(params)
            and self.names == names
        )


class ElementwiseOptimizer(Optimizer):
    """Base of the optimizers whose update is the same for every number.

    A subclass says which arrays it remembers (`state_names`), what its settings come to at a
    step (`prepare`), and how one flat piece is updated in place (`update`).
    """

    counted = True  # whether the state has "step", a float32 scalar tensor

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Return the names of the state arrays shaped like the parameter."""
        raise NotImplementedError

    def prepare(self, group: dict[str, Any], step: float) -> Any:
        """Return the settings of step number `step` in the form that `update` wants."""
        raise NotImplementedError

    def update(self, settings: Any, param: Any, grad: Any, states: Any, scratch: Any) -> None:
        """Update `param` and `states` in place; `grad` must not be written.

        All are one-dimensional real arrays of one size; `scratch` is three more to write in.
        """
        raise NotImplementedError

    def new_state(self, param: Any, names: tuple[str, ...]) -> dict[str, Any]:
        """Return the state of a parameter before its first step."""
        entry: dict[str, Any] = {}
        if self.counted:
            entry["step"] = param.make(np.zeros((), np.float32))
        for name in names:
            entry[name] = param.make(np.zeros_like(param.array))
        return entry

    def update_first(self, group: dict[str, Any], param: Any, entry: Any) -> None:
        """Update a parameter whose state lacks arrays, and make them.

        Only for optimizers whose first step is unlike the others; there the state that
        `new_state` returns lacks them.
        """
        raise NotImplementedError

    # -- the step -----------------------------------------------------------------------------

    def step(self, closure: Any = None) -> Any:
        """Update the parameters once.

        Parameters
        ----------
        closure : callable, optional
            Reevaluates the model and returns the loss; it runs with gradients enabled.

        Returns
        -------
        What `closure` returned, or None.
        """
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for plan, group in zip(self._plans(), self.param_groups):
            for param in plan.idle:
                if param.grad is not None:
                    self._gather_idle(plan)
                    break
            for flat in plan.flats:
                self._update_flat(group, plan, flat)
            for param in plan.single:
                self._update_one(group, param, plan.names)
        return loss

    def _plans(self) -> list[GroupPlan]:
        """Return one plan for each group, new where the old one no longer fits."""
        memory = self.__dict__
        plans: list[GroupPlan] | None = memory.get("_group_plans")
        if plans is None:
            plans = memory["_group_plans"] = []
            memory["_workspace"] = Workspace()
        groups = self.param_groups
        if len(plans) > len(groups):
            del plans[len(groups) :]
        for number, group in enumerate(groups):
            params = group["params"]
            names = self.state_names(group)
            if number == len(plans):
                plans.append(GroupPlan(params, names))
            elif not plans[number].fits(params, names):
                plans[number] = GroupPlan(params, names)
        return plans

    def _update_flat(self, group: dict[str, Any], plan: GroupPlan, flat: Flat) -> None:
        found = flat.gather(self.state)
        if found == NO_GRADS:
            return
        step = flat.advance() if found == READY else None
        if step is None:
            plan.stale = found != SOME_GRADS or flat.misses > 3
            for param in flat.params:
                self._update_one(group, param, plan.names)
            return
        settings = self.prepare(group, step)
        self.update(settings, flat.param, flat.grad, flat.states, flat.scratch)
        flat.scatter(self._writer())

    def _update_one(self, group: dict[str, Any], param: Any, names: tuple[str, ...]) -> None:
        """Update one parameter where it is, block by block."""
        grad = param.grad
        if grad is None:
            return
        step = 0.0
        states: list[Any] = []
        if names or self.counted:
            entry = self._entry(param, names)
            if not has_all(entry, names):
                self.update_first(group, param, entry)
                param._bump_version(self._writer())
                return
            if self.counted:
                entry["step"].array[...] += 1
                step = float(entry["step"].array)
            states = [entry[name].array for name in names]
        self._update_arrays(self.prepare(group, step), param.array, grad.array, states)
        param._bump_version(self._writer())

    def _writer(self) -> str:
        return type(self).__name__ + ".step"

    def _entry(self, param: Any, names: tuple[str, ...]) -> Any:
        entry = self.state[param]
        if not entry:
            entry.update(self.new_state(param, names))
        return entry

    def _update_arrays(self, settings: Any, param: Any, grad: Any, states: list[Any]) -> None:
        given = [param, grad, *states]
        # A transposed parameter, say, is worked on as a contiguous copy that is written back.
        used = [a if a.flags.c_contiguous else np.ascontiguousarray(a) for a in given]
        flat = [as_flat(a) for a in used]
        workspace = self.__dict__["_workspace"]
        for start in range(0, flat[0].size, BLOCK):
            block = [piece[start : start + BLOCK] for piece in flat]
            scratch = workspace.scratch(block[0])
            self.update(settings, block[0], block[1], block[2:], scratch)
        for array, copied in zip(given, used, strict=True):
            if copied is not array and array is not grad:
                array[...] = copied

    # -- planning -------------------------------------------------------------------------------

    def _gather_idle(self, plan: GroupPlan) -> None:
        """Sort the parameters that now have a gradient into gathered and single ones."""
        active = [param for param in plan.idle if param.grad is not None]
        plan.idle = [param for param in plan.idle if param.grad is None]
        distinct = len({id(param) for param in plan.params}) == len(plan.params)
        alike: dict[Any, list[Any]] = {}
        for param in active:
            entry = self._entry(param, plan.names) if plan.names or self.counted else None
            if not distinct or param.array.size > SMALL:
                plan.single.append(param)
                continue
            key: Any = param.array.dtype
            if entry is not None:
                if not has_all(entry, plan.names):
                    plan.single.append(param)
                    plan.stale = True  # gathered at the next step, when it has its state
                    continue
                if self.counted:
                    key = (key, float(entry["step"].array))
            alike.setdefault(key, []).append(param)
        for params in alike.values():
            self._gather(plan, params)

    def _gather(self, plan: GroupPlan, params: list[Any]) -> None:
        """Gather parameters that are alike, at most FLAT numbers at a time."""
        chosen: list[Any] = []
        size = 0
        for param in params:
            if chosen and size + param.array.size > FLAT:
                self._add_flat(plan, chosen)
                chosen = []
                size = 0
            chosen.append(param)
            size += param.array.size
        self._add_flat(plan, chosen)

    def _add_flat(self, plan: GroupPlan, params: list[Any]) -> None:
        if len(params) == 1:
            plan.single += params
            return
        stateless = not plan.names and not self.counted
        entries = [{} if stateless else self.state[param] for param in params]
        flat = Flat(params, entries, plan.names, self.counted)
        flat.scratch = self.__dict__["_workspace"].scratch(flat.param)
        plan.flats.append(flat)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.pop("_group_plans", None)


def has_all(entry: Any, names: tuple[str, ...]) -> bool:
    """Say whether a state entry has all the named arrays."""
    return all(entry.get(name) is not None for name in names)


def as_number(value: Any) -> float:
    """Return a setting as a plain float, be it a number or a one-element tensor."""
    return value if type(value) is float else float(value)


def check_flags(optimizer: Tensor | Any, settings: dict[str, Any]) -> None:
    """Refuse combinations of the implementation flags that PyTorch refuses.

    `foreach`, `fused` and `capturable` choose between PyTorch's implementations; here there is
    one, so they change nothing.
    """
    if settings["fused"]:
        if settings["differentiable"]:
            raise RuntimeError("`fused` does not support `differentiable`")
        if settings["foreach"]:
            raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
    if settings["differentiable"]:
        raise NotImplementedError(
            f"{type(optimizer).__name__}(differentiable=True): the update works on arrays and "
            "records nothing; write the update with tensor operations to differentiate it"
        )


def check_learning_rate(lr: Any, settings: dict[str, Any]) -> None:
    """Refuse a learning rate that PyTorch refuses."""
    if isinstance(lr, Tensor):
        if settings["foreach"] and not settings.get("capturable", False):
            raise ValueError(
                "lr as a Tensor is not supported for capturable=False and foreach=True"
            )
        if lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
    if lr < 0.0:
        raise ValueError(f"Invalid learning rate: {lr}")
