"""Version counters, and the error for a saved value that was changed in place."""

import numpy as np
import pytest


def leaf(torch, *values):
    return torch.tensor(list(values), requires_grad=True)


def test_every_in_place_operation_counts(torch):
    x = torch.ones(3)
    assert x._version == 0
    x.add_(1)
    assert x._version == 1
    x[0] = 5
    assert x._version == 2
    x.zero_()
    x.mul_(torch.ones(3))
    x.copy_(torch.ones(3))
    assert x._version == 5


def test_views_share_the_counter_of_their_base(torch):
    x = torch.ones(2, 3)
    v = x[0]
    w = v[1:]
    w.add_(1)
    assert (x._version, v._version, w._version) == (1, 1, 1)
    x.mul_(2)
    assert w._version == 2
    assert x[1]._version == 2


def test_detach_shares_it_and_data_does_not(torch):
    x = torch.ones(3)
    d, e = x.detach(), x.data
    d.add_(1)
    assert (x._version, d._version, e._version) == (1, 1, 0)
    e.add_(1)
    assert (x._version, e._version) == (1, 1)
    assert x.tolist() == [3.0, 3.0, 3.0]


def test_copies_have_their_own(torch):
    x = torch.ones(3)
    x.add_(1)
    assert x.clone()._version == 0
    assert (x + 1)._version == 0


def test_no_grad_does_not_hide_a_write(torch):
    x = leaf(torch, 1.0)
    y = x.exp()
    with torch.no_grad():
        y.add_(1)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


@pytest.mark.parametrize(
    ("build", "write"),
    [
        (lambda z: z * z, lambda z, y: z.mul_(2)),
        (lambda z: z.exp(), lambda z, y: y.add_(1)),
        (lambda z: z.sin(), lambda z, y: z[0].zero_()),
        (lambda z: z.tanh(), lambda z, y: y[:1].fill_(3)),
        (lambda z: z**2, lambda z, y: z.detach().add_(1)),
        (lambda z: z[:1].exp(), lambda z, y: y.unsqueeze(0).add_(1)),
        (lambda z: z[:1] * z[1:], lambda z, y: z.copy_(z.detach() * 2)),
        (lambda z: z.sigmoid(), lambda z, y: y.requires_grad and y.masked_fill_(y > 0, 0)),
        (lambda z: z / z, lambda z, y: z.__setitem__(0, 3.0)),
    ],
)
def test_a_saved_value_that_changed(torch, build, write):
    z = leaf(torch, 1.0, 2.0) * 1
    y = build(z)
    y * 1  # nothing else is recorded for it
    write(z, y)
    with pytest.raises(RuntimeError, match="one of the variables needed for gradient computation"):
        y.sum().backward()


@pytest.mark.parametrize(
    ("build", "write"),
    [
        (lambda z: z + 1, lambda z, y: (z.mul_(2), y.mul_(2))),
        (lambda z: z * 3, lambda z, y: (z.mul_(2), y.mul_(2))),
        (lambda z: z.exp(), lambda z, y: z.mul_(2)),
        (lambda z: z.sin(), lambda z, y: y.mul_(2)),
        (lambda z: z.reshape(2, 1), lambda z, y: z.add_(2)),
        (lambda z: z.sum(), lambda z, y: (z.mul_(2), y.mul_(2))),
        (lambda z: z * z, lambda z, y: z.data.mul_(2)),
    ],
)
def test_a_value_that_was_not_saved_may_change(torch, build, write):
    z = leaf(torch, 1.0, 2.0) * 1
    y = build(z)
    write(z, y)
    y.sum().backward()


def test_optimizers_write_between_forward_and_backward(torch):
    w = leaf(torch, 2.0)
    y = w * w
    with torch.no_grad():
        w -= 0.1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()


# -- what the error says: operation, change and both lines (retrograd only) --


def square(x):
    return x * x  # the saving line


def shift(x):
    x.add_(1)  # the changing line


def message():
    import retrograd as torch

    x = leaf(torch, 1.0, 2.0) * 1
    y = square(x)
    shift(x)
    with pytest.raises(RuntimeError) as error:
        y.sum().backward()
    return str(error.value)


def test_the_error_names_both_operations_and_both_lines():
    text = message()
    assert "[float32[2]]" in text
    assert "MulBackward0" in text
    assert "in square: `return x * x  # the saving line`" in text
    assert "changed by add_" in text
    assert "in shift: `x.add_(1)  # the changing line`" in text
    assert "version 1" in text


def test_the_error_at_module_level(tmp_path):
    import runpy

    script = tmp_path / "script.py"
    script.write_text(
        "import retrograd as torch\n"
        "x = torch.ones(2, requires_grad=True)\n"
        "y = x.exp()\n"
        "y[0] = 3\n"
        "y.sum().backward()\n"
    )
    with pytest.raises(RuntimeError) as error:
        runpy.run_path(str(script))
    text = str(error.value)
    assert f"ExpBackward0 at {script}:3 in <module>: `y = x.exp()`" in text
    assert f"{script}:4 in <module>: `y[0] = 3`" in text


def test_an_array_written_from_outside_is_not_seen():
    import retrograd as torch

    a = np.ones(2, dtype=np.float32)
    x = torch.from_numpy(a)
    a[0] = 5
    assert x.tolist() == [5.0, 1.0]
    assert x._version == 0


def test_increment_version(torch):
    from importlib import import_module

    graph = import_module(f"{torch.__name__}.autograd.graph")
    x = leaf(torch, 1.0) * 1
    y = x * x
    graph.increment_version(x)
    assert x._version == 1
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        y.backward()
