"""Cells, one step of a recurrent network at a time: results, gradients, text and complaints."""

import pytest

import retrograd
from retrograd import nn

from .modules import Case, check_complaint, check_module, every


def two(shape):
    return lambda library, dtype: tuple(
        library.full(shape, value, dtype=dtype, requires_grad=True) for value in (0.3, -0.7)
    )


CASES = []
for name in ("RNNCell", "GRUCell", "LSTMCell"):
    CASES += [
        Case(name, 3, 4, inputs=[(2, 3)]),
        Case(name, 3, 4, inputs=[(3,)]),
        Case(name, 3, 4, False, inputs=[(5, 3)]),
        Case(name, 3, 4, inputs=[(0, 3)]),
        Case(name, 1, 1, inputs=[(1, 1)]),
    ]
CASES += [
    Case("RNNCell", 3, 4, inputs=[(2, 3), (2, 4)]),
    Case("RNNCell", 3, 4, nonlinearity="relu", inputs=[(3,), (4,)]),
    Case("GRUCell", 3, 4, inputs=[(2, 3), (2, 4)]),
    Case("GRUCell", 3, 4, inputs=[(3,), (4,)]),
    Case("LSTMCell", 3, 4, inputs=[(2, 3), two((2, 4))]),
    Case("LSTMCell", 3, 4, inputs=[(3,), two((4,))]),
]


@every(CASES)
def test_like_torch(case, dtype, mode):
    check_module(case, dtype, mode)


CELLS = ("RNNCell", "GRUCell", "LSTMCell")
COMPLAINTS = {
    "three dimensions": lambda t, cell: cell(t.zeros(2, 2, 3)),
    "another input size": lambda t, cell: cell(t.zeros(2, 5)),
    "another input size, unbatched": lambda t, cell: cell(t.zeros(5)),
    "another dtype": lambda t, cell: cell(t.zeros(2, 3, dtype=t.float64)),
    "a list": lambda t, cell: cell([1]),
    "another batch": lambda t, cell: cell(t.zeros(2, 3), states(cell, t.zeros(3, 4))),
    "another hidden size": lambda t, cell: cell(t.zeros(2, 3), states(cell, t.zeros(2, 5))),
    "a state of three dimensions": lambda t, cell: cell(
        t.zeros(2, 3), states(cell, t.zeros(1, 2, 4))
    ),
    "a state with a batch": lambda t, cell: cell(t.zeros(3), states(cell, t.zeros(2, 4))),
}


def states(cell, state):
    return (state, state) if "LSTM" in type(cell).__name__ else state


@pytest.mark.parametrize("name", COMPLAINTS)
@pytest.mark.parametrize("kind", CELLS)
def test_complaints(kind, name):
    check_complaint(lambda library: COMPLAINTS[name](library, getattr(library.nn, kind)(3, 4)))


def test_complaints_of_one_cell():
    check_complaint(lambda t: t.nn.RNNCell(3, 4, nonlinearity="abc")(t.zeros(2, 3)))
    check_complaint(lambda t: t.nn.LSTMCell(3, 4)(t.zeros(2, 3), t.zeros(2, 4)))


def test_second_state_is_checked():
    check_complaint(
        lambda t: t.nn.LSTMCell(3, 4)(t.zeros(2, 3), (t.zeros(2, 4), t.zeros(2, 5)))
    )


@pytest.mark.parametrize("name", ["RNN", "GRU", "LSTM"])
def test_a_cell_step_by_step_is_the_layer(name):
    layer = getattr(nn, name)(3, 4, dtype=retrograd.float64)
    cell = getattr(nn, name + "Cell")(3, 4, dtype=retrograd.float64)
    cell.load_state_dict({key[:-3]: value for key, value in layer.state_dict().items()})
    x = retrograd.randn(5, 2, 3, dtype=retrograd.float64)
    state = None
    for number in range(5):
        state = cell(x[number], state)
    hidden = state[0] if name == "LSTM" else state
    assert retrograd.allclose(layer(x)[0][-1], hidden)
