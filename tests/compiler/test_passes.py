"""Passes: what each leaves out, and what it must not."""

from __future__ import annotations

import numpy as np

import retrograd as rg
from retrograd.compiler import CompiledFunction
from retrograd.compiler.lowering import lower
from retrograd.compiler.passes import prepare
from retrograd.compiler.trace import CALL, WRITE, Argument, OutTensor, Ref, Segment, Slot, Step

X = np.arange(6.0).reshape(2, 3)


def fill(target, value):
    target[...] = value


def prepared(steps, outputs, given=(X,)):
    """Return the names of the steps that are left, and the program."""
    segment = Segment(0, None)
    values = list(given)
    for place, array in enumerate(given):
        segment.slots.append(Slot(Argument(place), array.shape, array.dtype))
    for step in steps:
        args = [values[one.number] if isinstance(one, Ref) else one for one in step.args]
        out = step.function(*args, **step.settings)
        if step.kind == CALL:
            step.outs = len(values)
            values.append(np.asarray(out))
            segment.slots.append(Slot(None, values[-1].shape, values[-1].dtype))
    segment.steps = steps
    segment.outputs = [OutTensor(number) for number in outputs]
    program = prepare(lower(segment, values))
    return [step.name for step in program.steps], program


def call(function, *args, **settings):
    return Step(CALL, function, args, settings, name=function.__name__)


def test_dead_steps_are_left_out():
    names, _ = prepared([call(np.exp, Ref(0)), call(np.tanh, Ref(0))], [2])
    assert names == ["tanh"]


def test_equal_steps_are_computed_once():
    steps = [call(np.exp, Ref(0)), call(np.exp, Ref(0)), call(np.add, Ref(1), Ref(2))]
    names, program = prepared(steps, [3])
    assert names == ["exp", "add"]
    assert program.steps[1].args == (Ref(1), Ref(1))


def test_results_that_leave_keep_memory_of_their_own():
    names, _ = prepared([call(np.exp, Ref(0)), call(np.exp, Ref(0))], [1, 2])
    assert names == ["exp", "exp"]


def test_a_write_in_between_keeps_both():
    steps = [
        call(np.exp, Ref(0)), Step(WRITE, fill, (Ref(0), 1.0), name="fill"), call(np.exp, Ref(0)),
        call(np.add, Ref(1), Ref(2)),
    ]  # fmt: skip
    names, _ = prepared(steps, [3], (X.copy(),))
    assert names == ["exp", "fill", "exp", "add"]


def test_constants_are_folded():
    steps = [call(np.ones, (2, 3)), call(np.multiply, Ref(1), 2.0), call(np.add, Ref(0), Ref(2))]
    names, program = prepared(steps, [3])
    assert names == ["add"]
    assert np.array_equal(program.steps[0].args[1], np.full((2, 3), 2.0))


def test_likes_are_constants_whatever_they_are_like():
    names, _ = prepared([call(np.ones_like, Ref(0)), call(np.add, Ref(0), Ref(1))], [2])
    assert names == ["add"]


def test_constants_that_are_written_or_leave_are_not_folded():
    steps = [call(np.zeros, (2, 3)), Step(WRITE, fill, (Ref(1), 1.0), name="fill"),
             call(np.add, Ref(0), Ref(1))]  # fmt: skip
    assert prepared(steps, [2])[0] == ["zeros", "fill", "add"]
    assert prepared([call(np.zeros, (2, 3))], [1])[0] == ["zeros"]


def test_numbers_become_arrays_of_the_dtype_of_the_loop():
    x = X.astype(np.float32)
    _, program = prepared([call(np.multiply, Ref(0), 0.1)], [1], (x,))
    number = program.steps[0].args[1]
    assert number.dtype == np.float32
    assert number.shape == ()
    assert np.array_equal(np.multiply(x, number), x * 0.1)
    _, program = prepared([call(np.multiply, Ref(0), 0.5)], [1], (np.arange(3),))
    assert program.steps[0].args[1] in (0.5,)  # the result is float64 either way
    assert np.multiply(np.arange(3), program.steps[0].args[1]).dtype == np.float64


def test_arrays_of_the_program_are_read_anew():
    names, _ = prepared([call(np.asarray, np.ones((2, 3))), call(np.add, Ref(0), Ref(1))], [2])
    assert names == ["asarray", "add"]


def test_recorded_steps_stay_what_they_were():
    """What answers a call after lowering is compared with the program's calls."""

    def drawn(x):
        noise = rg.randn_like(x.t())
        return noise * 2 if x.sum() > 0 else noise - 1

    compiled = CompiledFunction(drawn)
    for value in (1, 1, 1, -1):
        rg.compiler.lower_next(compiled)
        rg.manual_seed(0)
        found = compiled(rg.full((2, 3), float(value)))
        rg.manual_seed(0)
        assert rg.equal(found, drawn(rg.full((2, 3), float(value))))
