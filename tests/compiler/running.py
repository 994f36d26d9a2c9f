"""Running a program eagerly and compiled, and comparing all that can be seen of it."""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from unittest import mock

import numpy as np

import retrograd as rg
from retrograd.compiler import CompiledFunction, numba_backend
from retrograd.compiler import function as compiler_function


def plain(given):
    """Return what can be compared of a result or a state, without tensors."""
    if isinstance(given, rg.Tensor):
        try:
            given.is_leaf  # noqa: B018
        except RuntimeError as error:  # a view that a write has made invalid
            return complaint(error)
        held = given.detach().numpy().copy()
        about = (type(given).__name__, given.requires_grad, given.is_leaf, given.stride())
        return ("tensor", held.shape, held.dtype.str, bits(held), *about)
    if isinstance(given, (list, tuple)):
        return [type(given).__name__, *map(plain, given)]
    if isinstance(given, dict):
        return {key: plain(value) for key, value in given.items()}
    return (type(given).__name__, repr(given))


def bits(array):
    """Return the bytes of an array; one nan is as good as another."""
    if array.dtype.kind in "fc":
        array = np.where(array != array, np.array(np.nan, array.dtype), array)
    return array.tobytes()


def tensors(given):
    """Return the tensors in nested results."""
    if isinstance(given, rg.Tensor):
        return [given]
    if isinstance(given, dict):
        given = list(given.values())
    if isinstance(given, (list, tuple)):
        return [tensor for one in given for tensor in tensors(one)]
    return []


def aliasing(values):
    """Return which tensors are the same object, and how those that share memory lie in it."""
    found = []
    for number, one in enumerate(values):
        for other in values[:number]:
            a, b = one.detach().numpy(), other.detach().numpy()
            if one is other:
                found.append((number, "is"))
            elif a.size and b.size and np.may_share_memory(a, b):
                found.append((number, a.ctypes.data - b.ctypes.data))
            else:
                found.append((number, None))
    return found


class Trial:
    """One run of a program for all its calls.

    Parameters
    ----------
    space : dict
        What the program's ``make`` returned.
    wrap : callable
        Makes of the step what is called.
    """

    def __init__(self, space, wrap, settle):
        self.space = space
        self.settle = settle
        self.function = wrap(space["step"])
        self.seen = []
        self.said = set()  # warnings of the library's
        self.kept = []
        self.results = []

    def call(self, number, args, settings):
        """Call the step, look at everything, then use its results."""
        space, seen = self.space, self.seen
        space["between"](number)
        printed = io.StringIO()
        with warnings.catch_warnings(record=True) as told, contextlib.redirect_stdout(printed):
            warnings.simplefilter("always")
            result = None
            try:
                result = self.function(*args, **settings)
                seen.append(plain(result))
            except Exception as error:
                seen.append(complaint(error))
        said = {str(one.message) for one in told}
        self.said |= {text for text in said if not text.startswith("compile")}
        self.look(result, args)
        seen.append(printed.getvalue())
        differentiable = [one for one in tensors(result) if one.requires_grad and one.node]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for place, one in enumerate(differentiable):
                try:
                    (one.real * (place + 0.5)).sum().backward(retain_graph=True)
                except Exception as error:
                    seen.append(complaint(error))
            self.look(result, args)
            if number % 3 == 2:  # what the caller does to results is no affair of later calls
                for one in tensors(result):
                    try:
                        if number == 2:
                            one.add_(1)
                        with rg.no_grad():
                            one.mul_(1.5)
                    except Exception as error:
                        seen.append(complaint(error))
        self.results.append((result, args))
        seen.append(rg.rand(1).item() if number % 2 else None)
        self.settle(self.function)

    def look(self, result, args):
        space = self.space
        state = [*space["parameters"], *space["buffers"]]
        grads = [one.grad for one in space["parameters"] if one.grad is not None]
        x = args[0]
        if x.is_leaf and x.grad is not None:
            grads.append(x.grad)
        everything = [*tensors(result), *tensors(args), *state[:6], *grads[:3]]
        self.seen.append([
            plain(args), plain(state), plain([one.grad for one in space["parameters"]]),
            plain(grads), aliasing(everything), [one._version for one in (*tensors(args), *state)],
            plain(space["optimizer"].state_dict()), rg.get_rng_state().numpy().tobytes(),
            plain(space["more"]() if "more" in space else None), rg.is_grad_enabled(),
        ])  # fmt: skip
        self.kept.append(grads)

    def finish(self):
        """Look at old results once more, and go back through them."""
        self.seen.append(plain([result for result, _ in self.results]))
        self.seen.append(plain(self.kept))
        for result, _ in self.results:
            for one in tensors(result):
                if one.requires_grad and one.node is not None:
                    try:
                        one.real.sum().backward()
                        self.seen.append(plain([p.grad for p in self.space["parameters"]]))
                    except Exception as error:
                        self.seen.append(complaint(error))
        self.seen.append(sorted(self.said))
        return self.seen


def complaint(error):
    """Return what can be compared of an error.

    Where the replay of a step has written is told by eager alone; so is which node made a result.
    Where a node was recorded is not known to eager's quickest ways.
    """
    words = re.sub(r" \(recorded at .*?\)(?= were freed)", "", str(error))
    words = re.sub(r"^Output \d+ of \w+ is a view", "Output of a node is a view", words)
    words = re.sub(r"(was changed by [\w.]+)( at [^`;]*(`[^`]*`)?)?;", r"\1;", words)
    return (type(error).__name__, words)


def run(source, seed, calls, wrap, settle):
    """Run a program; return all that was seen, and what was called."""
    space: dict = {"__name__": f"program_{seed}"}
    exec(compile(source, f"<program {seed}>", "exec", dont_inherit=True), space)
    trial = Trial(space["make"](rg), wrap, settle)
    for number, (args, settings) in enumerate(calls(seed, rg)):
        with rg.set_grad_enabled(True):  # which a program that raises may leave off
            trial.call(number, args, settings)
    return trial.finish(), trial.function


def compare_runs(source, seed, calls, tier="replay"):
    """Run a program eagerly and compiled; return the first difference, and the function."""
    eager, _ = run(source, seed, calls, lambda step: step, lambda step: None)
    fuses = tier == "numba"
    settle = (lambda step: numba_backend.finish()) if fuses else (lambda step: None)
    with mock.patch.object(compiler_function, "own_slots", own_slots):
        ours, function = run(
            source, seed, calls, lambda s: CompiledFunction(s, fuses=fuses), settle
        )
    same = close if fuses else equal
    for place, (one, other) in enumerate(zip(eager, ours, strict=False)):
        if not same(one, other):
            return f"entry {place}: {difference(one, other, same)}", function
    if len(eager) != len(ours):
        return f"{len(eager)} entries, compiled {len(ours)}", function
    return "", function


_own_slots = compiler_function.own_slots


def own_slots(segment, slots, tensors, error):
    """Refuse what a replay raises by a mistake of its own.

    The function would raise it again itself, or run without it: the mistake would only make it
    slow.
    """
    if isinstance(error, (NameError, AttributeError, TypeError, AssertionError)):
        raise SystemError(f"the replay itself failed: {error!r}") from error
    return _own_slots(segment, slots, tensors, error)


def equal(one, other):
    return one == other


def close(one, other):
    """Say whether two things are equal, numbers of tensors to the bound of kernels."""
    if type(one) is not type(other):
        return False
    if isinstance(one, (list, tuple)):
        if len(one) != len(other):
            return False
        if len(one) == 8 and one[0] == "tensor" and other[0] == "tensor":
            return one[1:3] == other[1:3] and one[4:] == other[4:] and near(one, other)
        if len(one) == 2 and one[0] == "float" and other[0] == "float":
            return bool(np.isclose(float(one[1]), float(other[1]), 1e-4, 1e-4, equal_nan=True))
        return all(close(a, b) for a, b in zip(one, other, strict=True))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(close(v, other[k]) for k, v in one.items())
    if isinstance(one, float):
        return bool(np.isclose(one, other, 1e-4, 1e-4, equal_nan=True))
    return one == other


def near(one, other):
    """Compare two arrays: 1e-4 of the largest magnitude, as the steps of a program add up.

    What is 0 but for roundings of double precision counts as 0.
    """
    a, b = np.frombuffer(one[3], one[2]), np.frombuffer(other[3], one[2])
    if a.dtype.kind not in "fc":
        return bool(np.array_equal(a, b))
    finite = np.abs(a[np.isfinite(a)])
    scale = float(finite.max()) if finite.size else 0.0
    floor = 1e-9 if a.dtype == np.float64 else 0.0
    return bool(np.allclose(a, b, rtol=1e-4, atol=max(1e-4 * scale, floor), equal_nan=True))


def difference(one, other, same):
    """Return the innermost parts that differ."""
    if isinstance(one, tuple) and one[:1] == ("tensor",) and one[1:3] == other[1:3]:
        shown = [np.frombuffer(given[3], given[2]) for given in (one, other)]
        return f"\n eager    {repr(shown[0])[:900]}\n compiled {repr(shown[1])[:900]}"
    rows = (list, tuple)
    if isinstance(one, rows) and isinstance(other, rows) and len(one) == len(other):
        for place, (a, b) in enumerate(zip(one, other, strict=True)):
            if not same(a, b):
                return f"[{place}]{difference(a, b, same)}"
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        for key, value in one.items():
            if not same(value, other[key]):
                return f"[{key!r}]{difference(value, other[key], same)}"
    raw = isinstance(one, bytes) and isinstance(other, bytes)
    if raw and len(one) == len(other) < 400 and len(one) % 4 == 0:
        one, other = np.frombuffer(one, np.float32), np.frombuffer(other, np.float32)
    return f"\n eager    {repr(one)[:900]}\n compiled {repr(other)[:900]}"


def kernels(compiled):
    """Return the sources of the kernels that a compiled function uses."""
    return [text for segment in compiled.segments() for text in segment.kernels]
