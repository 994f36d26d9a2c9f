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

from .._core.library import library
from .._core.tracing import host_recorder, tracing
from ..autograd import enable_grad, set_grad_enabled
from .capture import update_recorded
from .optimizer import Optimizer, has_step_hooks
from .pieces import (
    BLOCK,
    FLAT,
    NO_GRADS,
    READY,
    SMALL,
    SOME_GRADS,
    Flat,
    Single,
    Workspace,
    as_flat,
)
from .recorded import record_update
from .settings import scalar_dtype


class GroupPlan:
    """How the parameters of one group are updated: together, one by one, or not yet."""

    def __init__(self, params: Any, names: tuple[str, ...], differentiable: bool) -> None:
        self.params = params
        self.differentiable = differentiable
        self.count = len(params)
        self.names = names
        self.flats: list[Flat] = []
        self.singles: list[Single] = []
        self.idle: list[Any] = list(params)  # had no gradient so far
        self.stale = False

    def fits(self, params: Any, names: tuple[str, ...], differentiable: bool) -> bool:
        """Say whether this plan is still one for these parameters and state arrays."""
        return (
            not self.stale
            and self.params is params
            and self.count == len(params)
            and self.names == names
            and self.differentiable == differentiable
        )


class ElementwiseOptimizer(Optimizer):
    """Base of the optimizers whose update is the same for every number.

    A subclass says which arrays it remembers (`state_names`), what its settings come to at a
    step (`prepare`), and how one flat piece is updated in place (`update`).
    """

    # The library's kernels by the number of arrays that are written, and for which "update".
    kernels: dict[Any, Any] = {}
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

        They are two tuples: switches, which decide what calls an update makes, and numbers,
        which are only computed with.  What is computed of numbers alone is computed here: a
        trace of `update` is replayed with other numbers as long as the switches are the same.

        `others` are arrays, each of one value throughout: the scalars after ``"step"``, to be
        read and brought up to date in place.
        """
        raise NotImplementedError

    def update(
        self, switches: Any, numbers: Any, param: Any, grad: Any, states: Any, scratch: Any
    ) -> None:
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

    def _opens_steps(self) -> bool:
        return type(self).step is ElementwiseOptimizer.step and not has_step_hooks(self)

    def _update_all(self) -> None:
        if tracing.count != 0:
            found = host_recorder()
            if found is not None and update_recorded(self, found):
                return
        for plan, group in zip(self._plans(), self.param_groups):
            for param in plan.idle:
                if param.grad is not None:
                    self._gather_idle(group, plan)
                    break
            for flat in plan.flats:
                self._update_flat(group, plan, flat)
            for single in plan.singles:
                self._update_single(group, single, plan.names)

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
            differentiable = group["differentiable"]
            if number == len(plans):
                plans.append(GroupPlan(params, names, differentiable))
            elif not plans[number].fits(params, names, differentiable):
                plans[number] = GroupPlan(params, names, differentiable)
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
        self.update(*settings, flat.param, flat.grad, flat.states, flat.scratch)
        flat.scatter(self._writer())

    def _update_single(
        self, group: dict[str, Any], single: Single, names: tuple[str, ...]
    ) -> None:
        param = single.param
        if param.grad is None:
            return
        grad = param.grad.array
        if not single.is_known(self.state, grad):
            self._update_one(group, param, names)
            if not group["differentiable"]:
                entry = self.state[param] if names or self.scalars else {}
                single.remember(entry, names, self.scalars, self.__dict__["_workspace"])
            return
        step = 0.0
        others: list[Any] = []
        if single.scalars:
            count, *others = single.scalars
            count += 1
            step = count.item()
        settings = self.prepare(group, step, others)
        grad = as_flat(grad)
        if grad.size < library.least or not self._update_by_kernel(settings, single, grad):
            for where, values, states, scratch in single.blocks:
                self.update(*settings, values, grad[where], states, scratch)
        param._bump_version(self._writer())

    def _update_by_kernel(self, settings: Any, single: Single, grad: Any) -> bool:
        """Update a large parameter by a kernel that gives `update`'s every bit, if there is one."""
        kind = type(self)
        name = kind.kernels.get(len(single.flat))
        # A subclass may update in another way.
        if name is None or kind.update is not kind.kernels["update"]:
            return False
        param, *states = single.flat
        return library.run(name, param, grad, states, *settings) is not None

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
            self.update(*settings, block[0], block[1], block[2:], scratch)
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
                plan.singles.append(Single(param))
                continue
            key: Any = param.array.dtype
            if entry is not None:
                if not has_all(entry, plan.names):
                    plan.singles.append(Single(param))
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
            plan.singles.append(Single(params[0]))
            return
        stateless = not plan.names and not self.scalars
        entries = [{} if stateless else self.state[param] for param in params]
        flat = Flat(params, entries, plan.names, self.scalars)
        flat.scratch = self.__dict__["_workspace"].scratch(flat.param)
        plan.flats.append(flat)

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.__dict__.pop("_group_plans", None)
        self.__dict__.pop("_captures", None)


def has_all(entry: Any, names: tuple[str, ...]) -> bool:
    """Say whether a state entry has all the named arrays."""
    return not names or all(entry.get(name) is not None for name in names)
