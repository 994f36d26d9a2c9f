"""L-BFGS, with a line search for the strong Wolfe conditions.

The numbers are tensors, 0-d ones where PyTorch has them, so that comparisons in float32 come out
as in PyTorch and the state is interchangeable with PyTorch's.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ..autograd import enable_grad, no_grad
from ..creation import zeros
from ..ops.complex import view_as_complex, view_as_real
from ..ops.joining import cat
from ..tensor import Tensor
from .optimizer import Optimizer
from .settings import check_not_negative, check_one_element

# What is kept from step to step, beside the counts, under PyTorch's names: the direction, the
# step along it, and for some past steps how the gradient changed, how the parameters moved, and
# the inverse of both vectors' product.
REMEMBERED = ("d", "t", "old_dirs", "old_stps", "ro", "H_diag", "prev_flat_grad", "prev_loss")


class LBFGS(Optimizer):
    """Limited-memory BFGS, a quasi-Newton method for losses without noise.

    Parameters
    ----------
    params : iterable
        Tensors or ``(name, tensor)`` pairs; one group only.
    lr : float or Tensor
        The first step of the line search, or the step where there is none.
    max_iter : int
        Iterations in each `step`.
    max_eval : int, optional
        Evaluations in each `step`; ``max_iter * 1.25`` by default.
    tolerance_grad : float
        Stop when no number of the gradient is larger.
    tolerance_change : float
        Stop when the loss or the parameters change less.
    history_size : int
        How many past steps the curvature is taken from.
    line_search_fn : {None, "strong_wolfe"}

    Examples
    --------
    >>> import retrograd as torch
    >>> w = torch.tensor([-1.5, 2.0], requires_grad=True)
    >>> optimizer = torch.optim.LBFGS([w], line_search_fn="strong_wolfe")
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = 100 * (w[1] - w[0] ** 2) ** 2 + (1 - w[0]) ** 2
    ...     loss.backward()
    ...     return loss
    >>> for _ in range(3):
    ...     loss = optimizer.step(closure)
    >>> w
    tensor([1.0000, 1.0000], requires_grad=True)

    References
    ----------
    Nocedal and Wright, "Numerical optimization", 2006, sections 3.5 and 7.2.
    """

    def __init__(
        self,
        params: Any,
        lr: Any = 1,
        max_iter: int = 20,
        max_eval: int | None = None,
        tolerance_grad: float = 1e-7,
        tolerance_change: float = 1e-9,
        history_size: int = 100,
        line_search_fn: str | None = None,
    ) -> None:
        check_one_element(lr)
        check_not_negative(lr=lr)
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        defaults = {
            "lr": lr,
            "max_iter": max_iter,
            "max_eval": max_eval,
            "tolerance_grad": tolerance_grad,
            "tolerance_change": tolerance_change,
            "history_size": history_size,
            "line_search_fn": line_search_fn,
        }
        super().__init__(params, defaults)
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")

    @property
    def _params(self) -> list[Any]:
        params: list[Any] = self.param_groups[0]["params"]
        return params

    # -- the parameters as one vector -----------------------------------------------------------

    def _gradient(self) -> Any:
        """Return the gradients of all parameters as one vector of real numbers."""
        pieces = []
        for param in self._params:
            grad = param.grad
            if grad is None:
                grad = zeros(param.shape, dtype=param.dtype)
            if grad.is_complex():
                grad = view_as_real(grad)
            pieces.append(grad.reshape(-1))
        return cat(pieces, 0)

    def _move(self, step: Any, direction: Any) -> None:
        """Add ``step * direction`` to the parameters."""
        step = float(step)
        start = 0
        for param in self._params:
            stop = start + param.numel() * (2 if param.is_complex() else 1)
            piece = direction[start:stop]
            if param.is_complex():
                piece = view_as_complex(piece.reshape(-1, 2))
            param.add_(piece.view_as(param), alpha=step)
            start = stop

    # -- the step ---------------------------------------------------------------------------------

    def step(self, closure: Any) -> Any:  # type: ignore[override]
        """Make up to `max_iter` iterations.

        Parameters
        ----------
        closure : callable
            Clears the gradients, computes the loss, calls ``backward`` and returns the loss.

        Returns
        -------
        The loss at the start.
        """
        if len(self.param_groups) != 1:
            raise AssertionError(
                f"Expected exactly one param_group, but got {len(self.param_groups)}"
            )
        with no_grad():
            return self._iterate(closure)

    def _iterate(self, closure: Any) -> Any:
        group = self.param_groups[0]
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        with enable_grad():
            first_loss = closure()
        loss: Any = float(first_loss)
        evaluations = 1
        state["func_evals"] += 1
        grad = self._gradient()
        if is_flat(grad, group["tolerance_grad"]):
            return first_loss
        memory = {name: state.get(name) for name in REMEMBERED}
        lr = group["lr"].squeeze() if isinstance(group["lr"], Tensor) else group["lr"]
        for iteration in range(1, group["max_iter"] + 1):
            state["n_iter"] += 1
            started = state["n_iter"] == 1
            if started:
                memory.update(d=-grad, old_dirs=[], old_stps=[], ro=[], H_diag=1)
            else:
                remember_curvature(memory, grad, group["history_size"])
                alphas = state.setdefault("al", [None] * group["history_size"])
                memory["d"] = quasi_newton_direction(memory, grad, alphas)
            direction = memory["d"]
            if memory["prev_flat_grad"] is None:
                memory["prev_flat_grad"] = grad.clone()
            else:
                memory["prev_flat_grad"].copy_(grad)
            last_loss = memory["prev_loss"] = loss
            memory["t"] = min(1.0, 1.0 / grad.abs().sum()) * lr if started else lr
            slope = grad.dot(direction)
            if slope > -group["tolerance_change"]:
                break
            made = 0
            if group["line_search_fn"] is not None:
                if group["line_search_fn"] != "strong_wolfe":
                    raise RuntimeError("only 'strong_wolfe' is supported")
                found, made = strong_wolfe(
                    Line(self, closure, direction).evaluate,
                    Point(0, loss, grad, slope),
                    direction,
                    memory["t"],
                    group["max_eval"] - evaluations,
                    group["tolerance_change"],
                )
                memory["t"], loss, grad, _ = found
                self._move(memory["t"], direction)
            else:
                self._move(memory["t"], direction)
                if iteration != group["max_iter"]:
                    with enable_grad():
                        loss = float(closure())
                    grad = self._gradient()
                    made = 1
            evaluations += made
            state["func_evals"] += made
            if (
                evaluations >= group["max_eval"]
                or is_flat(grad, group["tolerance_grad"])
                or is_flat(direction * memory["t"], group["tolerance_change"])
                or abs(loss - last_loss) < group["tolerance_change"]
            ):
                break
        state.update(memory)
        return first_loss


def is_flat(vector: Any, tolerance: float) -> bool:
    """Say whether no number of the vector is larger than the tolerance."""
    return bool(vector.abs().max() <= tolerance)


def remember_curvature(memory: dict[str, Any], grad: Any, history_size: int) -> None:
    """Add the last step, and how the gradient changed along it, where the loss curves upward."""
    change = grad - memory["prev_flat_grad"]
    moved = memory["d"] * memory["t"]
    curvature = change.dot(moved)
    if not curvature > 1e-10:
        return
    if len(memory["old_dirs"]) == history_size:
        for name in ("old_dirs", "old_stps", "ro"):
            memory[name].pop(0)
    memory["old_dirs"].append(change)
    memory["old_stps"].append(moved)
    memory["ro"].append(1.0 / curvature)
    memory["H_diag"] = curvature / change.dot(change)


def quasi_newton_direction(memory: dict[str, Any], grad: Any, alphas: list[Any]) -> Any:
    """Return minus the approximate inverse Hessian times the gradient, by two loops.

    `alphas` is a list to work in, of the length of the history.
    """
    changes, moves, weights = memory["old_dirs"], memory["old_stps"], memory["ro"]
    rest = -grad
    for i in reversed(range(len(changes))):
        alphas[i] = moves[i].dot(rest) * weights[i]
        rest.add_(changes[i], alpha=-float(alphas[i]))
    direction = rest * memory["H_diag"]
    for i, change in enumerate(changes):
        beta = change.dot(direction) * weights[i]
        direction.add_(moves[i], alpha=float(alphas[i] - beta))
    return direction


class Point(NamedTuple):
    """A place on a line: how far along, the loss, the gradient, and the slope along the line."""

    step: Any
    loss: float
    grad: Any
    slope: Any


class Line:
    """The loss along a direction from where the parameters are."""

    def __init__(self, optimizer: LBFGS, closure: Any, direction: Any) -> None:
        self.optimizer = optimizer
        self.closure = closure
        self.direction = direction
        self.start = [param.clone() for param in optimizer._params]

    def evaluate(self, step: Any) -> Point:
        """Return the point at `step`; the parameters are put back."""
        optimizer = self.optimizer
        optimizer._move(step, self.direction)
        with enable_grad():
            loss = float(self.closure())
        grad = optimizer._gradient()
        for param, value in zip(optimizer._params, self.start, strict=True):
            param.copy_(value)
        return Point(step, loss, grad, grad.dot(self.direction))


def cubic_minimum(one: Point, other: Point, bounds: Any = None) -> Any:
    """Return where the cubic through two points with their slopes is least, within bounds."""
    if one.step <= other.step:
        left, right = one, other
    else:
        left, right = other, one
    lowest, highest = bounds if bounds is not None else (left.step, right.step)
    d1 = one.slope + other.slope - 3 * (one.loss - other.loss) / (one.step - other.step)
    square = d1**2 - one.slope * other.slope
    if not square >= 0:
        return (lowest + highest) / 2.0
    d2 = square.sqrt()
    fraction = (right.slope + d2 - d1) / (right.slope - left.slope + 2 * d2)
    place = right.step - (right.step - left.step) * fraction
    return min(max(place, lowest), highest)


def strong_wolfe(
    evaluate: Any,
    start: Point,
    direction: Any,
    step: Any,
    allowed: int,
    tolerance_change: float,
    c1: float = 1e-4,
    c2: float = 0.9,
) -> tuple[Point, int]:
    """Search a line for a point that satisfies the strong Wolfe conditions.

    Parameters
    ----------
    evaluate : callable
        ``evaluate(step)`` returns a `Point`.
    start : Point
    direction : Tensor
    step : float or Tensor
        Where to try first.
    allowed : int
        After how many further evaluations to give up and return the best point.
    tolerance_change : float
        At what size of the bracket to give up.
    c1, c2 : float
        The loss must fall by at least ``c1`` of what the first slope promises, and the slope to
        ``c2`` of the first.

    Returns
    -------
    point : Point
    evaluations : int

    References
    ----------
    Nocedal and Wright, "Numerical optimization", 2006, algorithms 3.5 and 3.6.
    """

    def is_high(point: Point) -> bool:
        return bool(point.loss > start.loss + c1 * point.step * start.slope)

    def is_level(point: Point) -> bool:
        return bool(abs(point.slope) <= -c2 * start.slope)

    # First go forward until a minimum is bracketed.
    before = start
    point = evaluate(step)
    tries = 0
    bracket = None
    while tries < allowed:
        if is_high(point) or (tries > 1 and point.loss >= before.loss):
            bracket = [before, point]
            break
        if is_level(point):
            return point, tries + 1
        if point.slope >= 0:
            bracket = [before, point]
            break
        bounds = (point.step + 0.01 * (point.step - before.step), point.step * 10)
        ahead = cubic_minimum(before, point, bounds)
        before, point = point, evaluate(ahead)
        tries += 1
    if bracket is None:
        ends = [start, point]
        return ends[_order(ends)[0]], tries + 1

    # Then make the bracket smaller.
    largest = direction.abs().max()
    stuck = False
    low, high = _order(bracket)
    while tries < allowed:
        steps = [end.step for end in bracket]
        nearest, farthest = min(steps), max(steps)
        if abs(steps[1] - steps[0]) * largest < tolerance_change:
            break
        step = cubic_minimum(bracket[0], bracket[1])
        # Stay a tenth away from the ends, unless progress was good so far.
        margin = 0.1 * (farthest - nearest)
        if min(farthest - step, step - nearest) < margin:
            if stuck or step >= farthest or step <= nearest:
                if abs(step - farthest) < abs(step - nearest):
                    step = farthest - margin
                else:
                    step = nearest + margin
                stuck = False
            else:
                stuck = True
        else:
            stuck = False
        point = evaluate(step)
        tries += 1
        if is_high(point) or point.loss >= bracket[low].loss:
            bracket[high] = point
            low, high = _order(bracket)
            continue
        done = is_level(point)
        if not done and point.slope * (bracket[high].step - bracket[low].step) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = point
        if done:
            break
    return bracket[low], tries + 1


def _order(bracket: list[Point]) -> tuple[int, int]:
    """Return which end of the bracket has the lower loss, and which the higher."""
    return (0, 1) if bracket[0].loss <= bracket[1].loss else (1, 0)
