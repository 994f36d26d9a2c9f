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
from ..autograd import enable_grad, set_grad_enabled
from .optimizer import Optimizer
from .recorded import record_update
from .settings import scalar_dtype

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
        self.checks: list[tuple[Any, str, Any]] = []
        total = sum([param.array.size for param in params])
        param_buffer = np.empty(total, self.dtype)
        grad_buffer = np.empty(total, self.dtype)
        buffers = [np.empty(total, self.dtype) for _ in names]
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
        """Add one to every step and return it, or None where the parameters' scalars differ."""
        if not self.scalars:
            return 0.0
        for column in self.scalars[1:]:
            if not is_constant(column.tolist()):
                return None
        steps = self.scalars[0]
        steps += 1
        values: list[float] = steps.tolist()
        if is_constant(values):
            return values[0]
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

    # The state's scalar tensors; those after "step" are the business of `prepare`.
    scalars: tuple[str, ...] = ("step",)
    # What PyTorch wants on an accelerator when ``capturable=True``, as it says it.
    capturable_what = "params and state_steps"
    capturable_where = ("cuda", "xpu", "hpu", "privateuseone", "xla")

    def state_names(self, group: dict[str, Any]) -> tuple[str, ...]:
        """Return the names of the state arrays shaped like the parameter."""
        raise NotImplementedError

    def prepare(self, group: dict[str, Any], step: float, others: list[Any]) -> Any:
        """Return the settings of step number `step` in the form that `update` wants.

        `others` are arrays, each of one value throughout: the scalars after ``"step"``, to be
        read and brought up to date in place.
        """
        raise NotImplementedError

    def update(self, settings: Any, param: Any, grad: Any, states: Any, scratch: Any) -> None:
        """Update `param` and `states` in place; `grad` must not be written.

        All are one-dimensional real arrays of one size; `scratch` is three more to write in.
        """
        raise NotImplementedError

    def new_state(
        self, group: dict[str, Any], param: Any, names: tuple[str, ...]
    ) -> dict[str, Any]:
        """Return the state of a parameter before its first step."""
        entry: dict[str, Any] = {}
        for name in self.scalars:
            entry[name] = param.make(np.zeros((), scalar_dtype()))
        for name in names:
            entry[name] = param.make(np.zeros_like(param.array))
        return entry

    def prepare_first(self, group: dict[str, Any], param: Any, entry: Any) -> Any:
        """Make the state arrays that `entry` lacks, and return the settings of that step.

        Only for optimizers whose first step is unlike the others; there the state that
        `new_state` returns lacks arrays.
        """
        raise KeyError(*[n for n in self.state_names(group) if entry.get(n) is None])

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
        with set_grad_enabled(self.defaults["differentiable"]):
            self._update_all()
        return loss

    def _update_all(self) -> None:
        for plan, group in zip(self._plans(), self.param_groups):
            for param in plan.idle:
                if param.grad is not None:
                    self._gather_idle(group, plan)
                    break
            for flat in plan.flats:
                self._update_flat(group, plan, flat)
            for param in plan.single:
                self._update_one(group, param, plan.names)

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
        settings = self.prepare(group, step, flat.scalars[1:])
        self.update(settings, flat.param, flat.grad, flat.states, flat.scratch)
        flat.scatter(self._writer())

    def _update_one(self, group: dict[str, Any], param: Any, names: tuple[str, ...]) -> None:
        """Update one parameter where it is, block by block."""
        grad = param.grad
        if grad is None:
            return
        step = 0.0
        others: list[Any] = []
        entry: Any = None
        if names or self.scalars:
            entry = self._entry(group, param, names)
            if self.scalars:
                count, *others = [entry[name].array for name in self.scalars]
                count[...] += 1
                step = float(count)
        if has_all(entry, names):
            settings = self.prepare(group, step, others)
        else:
            settings = self.prepare_first(group, param, entry)
        states = [entry[name] for name in names]
        if group["differentiable"]:
            record_update(self.update, settings, param, grad, states)
            return
        self._update_arrays(settings, param.array, grad.array, [s.array for s in states])
        param._bump_version(self._writer())

    def _writer(self) -> str:
        return type(self).__name__ + ".step"

    def _entry(self, group: dict[str, Any], param: Any, names: tuple[str, ...]) -> Any:
        entry = self.state[param]
        if not entry:
            entry.update(self.new_state(group, param, names))
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

    def _gather_idle(self, group: dict[str, Any], plan: GroupPlan) -> None:
        """Sort the parameters that now have a gradient into gathered and single ones."""
        active = [param for param in plan.idle if param.grad is not None]
        self._check_supported(group, active)
        plan.idle = [param for param in plan.idle if param.grad is None]
        distinct = len({id(param) for param in plan.params}) == len(plan.params)
        alike: dict[Any, list[Any]] = {}
        for param in active:
            stateless = not plan.names and not self.scalars
            entry = None if stateless else self._entry(group, param, plan.names)
            if not distinct or param.array.size > SMALL or group["differentiable"]:
                plan.single.append(param)
                continue
            key: Any = param.array.dtype
            if entry is not None:
                if not has_all(entry, plan.names):
                    plan.single.append(param)
                    plan.stale = True  # gathered at the next step, when it has its state
                    continue
                key = (key, *[float(entry[name].array) for name in self.scalars])
            alike.setdefault(key, []).append(param)
        for params in alike.values():
            self._gather(plan, params)

    def _check_supported(self, group: dict[str, Any], params: list[Any]) -> None:
        """Refuse what PyTorch refuses on a CPU, at the first step with a gradient."""
        if group.get("capturable"):
            raise AssertionError(
                f"If capturable=True, {self.capturable_what} must be on supported devices: "
                f"{list(self.capturable_where)}."
            )
        if group["differentiable"] and group["foreach"] and self.scalars:
            raise AssertionError("_foreach ops don't support autograd")
        for param in params:
            if group.get("fused") and not param.is_floating_point():
                raise RuntimeError(
                    "`fused=True` requires all the params to be floating point Tensors of "
                    "supported devices: ['mps', 'cuda', 'xpu', 'hpu', 'cpu', 'mtia', "
                    f"'privateuseone'] but {param.dtype} and {param.device}"
                )

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
        stateless = not plan.names and not self.scalars
        entries = [{} if stateless else self.state[param] for param in params]
        flat = Flat(params, entries, plan.names, self.scalars)
        flat.scratch = self.__dict__["_workspace"].scratch(flat.param)
        plan.flats.append(flat)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.pop("_group_plans", None)


def is_constant(values: list[Any]) -> bool:
    """Say whether all the values are equal."""
    return values.count(values[0]) == len(values)


def has_all(entry: Any, names: tuple[str, ...]) -> bool:
    """Say whether a state entry has all the named arrays."""
    return not names or all(entry.get(name) is not None for name in names)
