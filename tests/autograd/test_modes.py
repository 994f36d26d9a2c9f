"""no_grad, enable_grad, set_grad_enabled, inference_mode, detect_anomaly."""

import threading

import pytest


def leaf(torch, *values):
    return torch.tensor(list(values), requires_grad=True)


def test_no_grad_records_nothing(torch):
    x = leaf(torch, 1.0)
    with torch.no_grad():
        y = x * 2
        assert not torch.is_grad_enabled()
    assert not y.requires_grad
    assert y.is_leaf
    assert y.grad_fn is None
    assert torch.is_grad_enabled()


def test_modes_nest(torch):
    x = leaf(torch, 1.0)
    seen = []
    with torch.no_grad():
        seen.append((x * 2).requires_grad)
        with torch.enable_grad():
            seen.append((x * 2).requires_grad)
            with torch.set_grad_enabled(False):
                seen.append((x * 2).requires_grad)
            seen.append((x * 2).requires_grad)
        seen.append((x * 2).requires_grad)
    assert seen == [False, True, False, True, False]


def test_an_exception_restores_the_mode(torch):
    with pytest.raises(ValueError, match="inside"), torch.no_grad():
        raise ValueError("inside")
    assert torch.is_grad_enabled()


def test_one_switch_can_be_entered_again(torch):
    switch = torch.no_grad()
    with switch:
        pass
    with switch:
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()


def test_decorators(torch):
    @torch.no_grad()
    def called(x):
        """Docstring."""
        return x * 2

    @torch.no_grad
    def bare(x):
        return x * 2

    @torch.enable_grad()
    def recorded(x):
        return x * 2

    @torch.set_grad_enabled(False)
    def switched(x):
        return x * 2

    x = leaf(torch, 1.0)
    assert torch.is_grad_enabled()
    assert called.__name__ == "called" and called.__doc__ == "Docstring."
    assert not called(x).requires_grad
    assert not bare(x).requires_grad
    assert not switched(x).requires_grad
    with torch.no_grad():
        assert recorded(x).requires_grad
    assert torch.is_grad_enabled()


def test_a_decorated_recursive_function(torch):
    @torch.no_grad()
    def count(n):
        assert not torch.is_grad_enabled()
        return 0 if n == 0 else 1 + count(n - 1)

    assert count(5) == 5
    assert torch.is_grad_enabled()


def test_a_decorated_generator(torch):
    @torch.no_grad()
    def generator():
        got = []
        for number in range(3):
            assert not torch.is_grad_enabled()
            try:
                got.append((yield number))
            except KeyError:
                got.append("thrown")
        return got

    steps = generator()
    assert next(steps) == 0
    assert torch.is_grad_enabled()
    assert steps.send("sent") == 1
    assert steps.throw(KeyError()) == 2
    assert torch.is_grad_enabled()
    with pytest.raises(StopIteration) as end:
        steps.send("last")
    assert end.value.value == ["sent", "thrown", "last"]


def test_closing_a_decorated_generator(torch):
    closed = []

    @torch.no_grad()
    def generator():
        try:
            yield 1
        finally:
            closed.append(torch.is_grad_enabled())

    steps = generator()
    next(steps)
    steps.close()
    assert closed == [False]
    assert torch.is_grad_enabled()


def test_set_grad_enabled_as_a_function(torch):
    torch.set_grad_enabled(False)
    try:
        assert not (leaf(torch, 1.0) * 2).requires_grad
    finally:
        torch.set_grad_enabled(True)
    assert torch.is_grad_enabled()


def test_modes_belong_to_a_thread(torch):
    seen = []
    with torch.no_grad():
        thread = threading.Thread(target=lambda: seen.append(torch.is_grad_enabled()))
        thread.start()
        thread.join()
    assert seen == [True]


def test_factories_ignore_no_grad(torch):
    with torch.no_grad():
        x = torch.ones(1, requires_grad=True)
    assert x.requires_grad


# -- inference mode --


def inference_tensor(torch):
    with torch.inference_mode():
        return torch.ones(3)


def test_inference_mode(torch):
    x = leaf(torch, 1.0)
    assert not torch.is_inference_mode_enabled()
    with torch.inference_mode():
        assert torch.is_inference_mode_enabled()
        assert not torch.is_grad_enabled()
        y = x * 2
        with torch.enable_grad():
            assert torch.is_grad_enabled()
            assert not (x * 2).requires_grad
    assert y.is_inference() and not y.requires_grad
    assert not x.is_inference()
    assert torch.is_grad_enabled()


def test_inference_mode_off_inside(torch):
    with torch.inference_mode(), torch.inference_mode(False):
        assert not torch.ones(1).is_inference()
        assert (leaf(torch, 1.0) * 2).requires_grad


def test_inference_mode_as_a_decorator(torch):
    @torch.inference_mode()
    def called():
        return torch.ones(1)

    @torch.inference_mode
    def bare():
        return torch.ones(1)

    assert called().is_inference()
    assert bare().is_inference()


def test_views_of_normal_tensors_are_normal(torch):
    x = torch.ones(2, 3)
    with torch.inference_mode():
        v = x[0]
        x.mul_(2)
    assert not v.is_inference()
    assert v._base is x
    assert x._version == 1


def test_what_stays_inference(torch):
    i = inference_tensor(torch)
    assert i[0].is_inference()
    assert i.detach().is_inference()
    assert not i.clone().is_inference()
    assert not (i * 2).is_inference()


def test_inference_tensors_cannot_be_saved(torch):
    i, w = inference_tensor(torch), torch.ones(3, requires_grad=True)
    for record in (lambda: i * w, lambda: w * i, lambda: w / i, lambda: (w * 1).mul_(i)):
        with pytest.raises(RuntimeError, match="Inference tensors cannot be saved for backward"):
            record()
    (w + i).sum().backward()
    assert w.grad.tolist() == [1.0, 1.0, 1.0]
    with torch.no_grad():
        assert (w * i).tolist() == [1.0, 1.0, 1.0]


def test_inference_tensors_cannot_be_written_outside(torch):
    i = inference_tensor(torch)
    words = "Inplace update to inference tensor outside InferenceMode is not allowed"
    for write in (lambda: i.add_(1), lambda: i.zero_(), lambda: i.__setitem__(0, 1.0)):
        with pytest.raises(RuntimeError, match=words):
            write()
    with torch.no_grad(), pytest.raises(RuntimeError, match=words):
        i.add_(1)
    i = inference_tensor(torch)
    with torch.inference_mode():
        i.add_(1)
    assert i.tolist() == [2.0, 2.0, 2.0]


def test_inference_tensors_have_no_version_and_no_gradient(torch):
    i = inference_tensor(torch)
    with pytest.raises(RuntimeError, match="Inference tensors do not track version counter"):
        _ = i._version
    with pytest.raises(RuntimeError, match="Setting requires_grad=True on inference tensor"):
        i.requires_grad_()


def test_a_view_made_in_inference_mode(torch):
    x, w = torch.ones(2, 3), torch.ones(3, requires_grad=True)
    with torch.inference_mode():
        v = x[0]
    with pytest.raises(RuntimeError, match="A view was created in inference mode and is being mod"):
        v.mul_(w)
    v.mul_(2)
    assert x.tolist() == [[2.0, 2.0, 2.0], [1.0, 1.0, 1.0]]


# -- anomaly mode --


@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled", "ignore:Error detected")
def test_anomaly_mode_names_the_operation(torch):
    x = leaf(torch, -1.0)
    words = "Function 'SqrtBackward0' returned nan values in its 0th output."
    with torch.autograd.detect_anomaly(), pytest.raises(RuntimeError, match=words):
        y = x.sqrt()
        y.backward()
    with torch.autograd.detect_anomaly(check_nan=False):
        x.sqrt().backward()
    x.sqrt().backward()


@pytest.mark.filterwarnings("ignore:Anomaly Detection has been enabled", "ignore:Error detected")
def test_anomaly_mode_names_the_line():
    import retrograd as torch

    x = leaf(torch, 0.0)
    with torch.autograd.detect_anomaly(), pytest.raises(RuntimeError) as error:
        y = (x / x) * 0
        (y + x.reshape(1)).backward()  # 0 * nan
    assert "y = (x / x) * 0" in str(error.value)
    assert not torch.autograd.is_anomaly_enabled()
