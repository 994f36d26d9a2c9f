"""Small programs that compiled calls once got wrong, or never replayed."""

from __future__ import annotations

import warnings

import pytest

import retrograd as torch
import retrograd.nn as nn
import retrograd.nn.functional as F
from retrograd.compiler import CompiledFunction, explain, warming

from .running import plain


def seen_of(make, compiled):
    """Return what can be seen of some calls, and the compiled function."""
    torch.manual_seed(0)
    function, data, see = make()
    called = CompiledFunction(function) if compiled else function
    seen = []
    for number in range(8):
        torch.manual_seed(number % 4)
        args = data()
        result = called(*args)
        for one in result if isinstance(result, tuple) else (result,):
            if isinstance(one, torch.Tensor) and one.requires_grad and one.node is not None:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    try:
                        one.sum().backward()
                    except RuntimeError as error:
                        seen.append(str(error).partition("\nThe values")[0])
        grads = [one.grad for one in args if isinstance(one, torch.Tensor) and one.is_leaf]
        seen.append(plain([result, grads, see(), torch.get_rng_state()]))
    return seen, called


def agree(make, eager=False, lowered=False, monkeypatch=None):
    """Compare a program's calls with eager ones; return the compiled function."""
    if lowered:
        monkeypatch.setattr(warming, "PATIENCE", 0)
    wanted, _ = seen_of(make, False)
    found, compiled = seen_of(make, True)
    assert found == wanted
    assert bool(explain(compiled).eager) == eager, explain(compiled).eager
    return compiled


@pytest.mark.parametrize("lowered", [False, True])
class TestPrograms:
    def test_leaf_made_inside(self, lowered, monkeypatch):
        def make():
            def f(x):
                net = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 1))
                return net(x).sum(), net[1].running_mean

            return f, lambda: (torch.randn(4, 3),), list

        agree(make, lowered=lowered, monkeypatch=monkeypatch)

    def test_tensor_of_computed_numbers(self, lowered, monkeypatch):
        def make():
            def f(x):
                numbers = [one.item() for one in x]
                return (
                    torch.tensor(numbers), torch.tensor([[x.sum(), 1.0], [2, numbers[0] / 3]]),
                    torch.tensor(x.mean().item()), torch.tensor([x.argmax(), 4]),
                    torch.tensor([x.double()[0], 1.0]), torch.FloatTensor(numbers),
                    torch.tensor((numbers[0], x[1]), dtype=torch.float64),
                )  # fmt: skip

            return f, lambda: (torch.randn(3),), list

        compiled = agree(make, lowered=lowered, monkeypatch=monkeypatch)
        assert explain(compiled).segments == 1

    def test_user_function(self, lowered, monkeypatch):
        class Cube(torch.autograd.Function):
            scale = 3

            @staticmethod
            def forward(ctx, x):
                ctx.save_for_backward(x)
                return x**3

            @staticmethod
            def backward(ctx, g):
                (x,) = ctx.saved_tensors
                return g * Cube.scale * x**2

        def make():
            return (
                lambda x: Cube.apply(x).sum(), lambda: (torch.randn(3, requires_grad=True),), list
            )  # fmt: skip

        compiled = agree(make, lowered=lowered, monkeypatch=monkeypatch)
        assert explain(compiled).segments == 1
        Cube.scale = 4
        x = torch.ones(2, requires_grad=True)
        compiled(x).backward()
        assert x.grad.tolist() == [4, 4]

    def test_freed_results(self, lowered, monkeypatch):
        def make():
            lin = nn.Linear(3, 3)

            def step(x, hidden):
                hidden = torch.tanh(lin(x) + hidden)
                out = hidden.exp()
                loss = out.square().mean()
                loss.backward()
                return loss, out, hidden

            def data():
                return torch.randn(2, 3), torch.zeros(2, 3)

            return step, data, lambda: [p.grad for p in lin.parameters()]

        agree(make, lowered=lowered, monkeypatch=monkeypatch)

    def test_flag_that_stays(self, lowered, monkeypatch):
        def make():
            def f(x):
                x.requires_grad_()
                return torch.autograd.grad(x.square().sum(), x)[0]

            return f, lambda: (torch.randn(3, requires_grad=True),), list

        agree(make, lowered=lowered, monkeypatch=monkeypatch)


def test_gradient_through_results_in_turn():
    """A cell that is compiled, and fed with its own second result."""
    cell = nn.GRUCell(3, 4)
    head = nn.Linear(4, 2)

    def one(x, h):
        h = cell(x, h)
        return head(h), h

    def train(call):
        x = torch.arange(9.0).view(3, 1, 3)
        h = torch.zeros(1, 4)
        cell.zero_grad()
        loss = 0
        for step in x:
            out, h = call(step, h)
            loss = loss + out.square().sum()
        loss.backward()
        return plain([loss, [p.grad for p in cell.parameters()]])

    compiled = CompiledFunction(one)
    wanted = train(one)
    for _ in range(3):
        assert train(compiled) == wanted


def test_only_the_result_that_is_used():
    """Of two parts of one tensor, one leads to the result."""
    halves = CompiledFunction(lambda x: x.chunk(2))
    double = CompiledFunction(lambda a, b: (a * 2, b * 3))
    for _ in range(3):
        x = torch.ones(4, requires_grad=True)
        a, _ = double(*halves(x * 1))
        a.sum().backward()
        assert x.grad.tolist() == [2, 2, 0, 0]


def test_constraints_are_made_anew():
    """A sampler that goes on by what it drew; the distribution makes its support at each call."""
    lin = nn.Linear(2, 2)

    def make():
        def f(state):
            total = 0
            for _ in range(4):
                d = torch.distributions.Categorical(F.softmax(lin(state), -1))
                action = d.sample()
                total = total - d.log_prob(action)
                state = torch.sin(state + action)
                if action.item() == 0:
                    break
            return total

        return f, lambda: (torch.randn(2),), list

    agree(make)


def test_optimizer_made_inside():
    """Its steps are counted from the start in every call."""

    def make():
        def f(start):
            x = start.clone().requires_grad_(True)
            optimizer = torch.optim.Adam([x], lr=0.1)
            for _ in range(3):
                optimizer.zero_grad()
                ((x - 1) ** 2).sum().backward()
                optimizer.step()
            return x.detach()

        return f, lambda: (torch.randn(2),), list

    compiled = agree(make, eager=True)
    assert "makes an optimizer (Adam)" in explain(compiled).eager[0]


class Slotted:
    __slots__ = ("last",)


@pytest.mark.parametrize("kind", [nn.Module, Slotted])
def test_numbers_left_in_objects(kind):
    """They are Python's own, though the trace had noted them."""
    thing = kind()
    thing.last = 0.0

    def f(x):
        thing.last = x.sum().item()
        return x * 2

    compiled = CompiledFunction(f)
    with pytest.warns(UserWarning, match="runs eagerly"):
        compiled(torch.ones(3))
    assert type(thing.last) is float
    compiled(torch.ones(2))
    assert thing.last == 2
    assert explain(compiled).branches == 0


def test_class_methods_are_guarded():
    class Scale:
        by = 2.0

        @classmethod
        def apply(cls, x):
            return x * cls.by

    compiled = CompiledFunction(lambda x: Scale.apply(x))
    for _ in range(3):
        assert compiled(torch.ones(1)).item() == 2
    assert explain(compiled).segments == 1
    Scale.by = 5.0
    assert compiled(torch.ones(1)).item() == 5
    Scale.apply = classmethod(lambda cls, x: x - cls.by)
    assert compiled(torch.ones(1)).item() == -4


def test_one_step_stays_whole(monkeypatch):
    """Batch norm looks at its moments: only that step is not opened where they vary."""
    monkeypatch.setattr(warming, "PATIENCE", 0)
    norm = nn.BatchNorm1d(4)
    compiled = CompiledFunction(lambda x: F.relu(norm(x)).sum())
    for number in range(16):
        x = torch.randn(8, 4)
        compiled(x if number % 2 else x * 1e-3 + 5)
    (segment,) = compiled.segments()
    assert sum(segment.surprises.values()) == 3
    assert segment.plan is not None


def test_full_graph_of_a_step_with_data():
    """Clipping and `torch.tensor` look at no value."""
    net = nn.Linear(3, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

    def step(x):
        optimizer.zero_grad()
        loss = (net(x) * torch.tensor([1.0, 2.0]) + torch.tensor(0.5)).square().mean()
        loss.backward()
        norm = nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        return loss, norm

    compiled = CompiledFunction(step, fullgraph=True)
    for _ in range(3):
        compiled(torch.ones(2, 3))
    assert explain(compiled).segments == 1


def test_train_that_changes_nothing():
    """The way tutorials begin a step."""
    net = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5))

    def step(x):
        net.train()
        return net(x)

    compiled = CompiledFunction(step)
    for _ in range(3):
        compiled(torch.ones(2, 3))
    assert explain(compiled).eager == []
    net[1].eval()  # one of them: now it changes something
    with pytest.warns(UserWarning, match=r"train\(\) is called"):
        compiled(torch.ones(2, 3))
    assert net[1].training


def test_modes_in_turn():
    """Each call has its record, whatever was switched in between."""
    net = nn.Sequential(nn.Linear(3, 4), nn.Dropout(0.5), nn.BatchNorm1d(4))
    compiled = CompiledFunction(lambda x: net(x))
    x = torch.ones(2, 3)
    wanted = []
    for number in range(12):
        torch.manual_seed(number)
        net.train(number % 3 == 0)
        net[1].training = number % 2 == 0
        wanted.append(net(x).tolist())
    net[2].reset_running_stats()
    found = []
    for number in range(12):
        torch.manual_seed(number)
        net.train(number % 3 == 0)
        net[1].training = number % 2 == 0
        found.append(compiled(x).tolist())
    assert found == wanted
    assert explain(compiled).segments == 4


def test_hook_removed():
    net = nn.Linear(2, 2)
    handle = net.register_forward_hook(lambda module, args, out: out * 10)
    compiled = CompiledFunction(lambda x: net(x))
    x = torch.ones(1, 2)
    for _ in range(3):
        assert compiled(x).tolist() == (net(x)).tolist()
    handle.remove()
    assert compiled(x).tolist() == net(x).tolist()


def test_effects_are_looked_for_seldom(capsys):
    """A function that is known to run eagerly is looked at again, but not at each call."""

    def f(x):
        print("called")
        return x * 2

    compiled = CompiledFunction(f)
    with pytest.warns(UserWarning, match="print"):
        compiled(torch.ones(2))
    for _ in range(200):
        compiled(torch.ones(2))
    assert capsys.readouterr().out == "called\n" * 201
    assert compiled.account.rests
    (why,) = explain(compiled).eager
    assert "print() is called" in why


def test_freed_in_turn():
    """Two results of one call, after a backward through one of them freed what both need."""
    w = nn.Parameter(torch.ones(3))
    f = CompiledFunction(lambda x: (w * x).chunk(3))
    g = CompiledFunction(lambda a, b: (a * b, a.exp() * b))
    for _ in range(3):
        a, b, _ = f(torch.ones(3))
        p, q = g(a, b)
        p.sum().backward()
        for one in (p, q, p):
            with pytest.raises(RuntimeError, match="backward through the graph a second time"):
                one.sum().backward()


@pytest.mark.parametrize("lowered", [False, True])
def test_packed_sequences(lowered, monkeypatch):
    """A recurrent net of sequences whose lengths are in a tensor: a record for each set of them."""
    monkeypatch.setattr(warming, "PATIENCE", 0 if lowered else warming.PATIENCE)
    lengths = [[4, 1, 2], [2, 4, 1], [3, 3, 1], [1, 3, 3]]

    def run(wrap):
        torch.manual_seed(0)
        net = nn.LSTM(2, 3, 2, bidirectional=True, batch_first=True)
        optimizer = torch.optim.SGD(net.parameters(), lr=0.1)

        def step(x, n):
            packed = nn.utils.rnn.pack_padded_sequence(
                x, n, batch_first=True, enforce_sorted=False
            )
            out, (h, _) = net(packed)
            out, found = nn.utils.rnn.pad_packed_sequence(out, batch_first=True)
            rows = nn.utils.rnn.unpad_sequence(out, found, batch_first=True)
            joined = nn.utils.rnn.pad_sequence(rows, padding_value=2.0)
            optimizer.zero_grad()
            loss = out.square().mean() + h.sum() + joined.mean()
            loss.backward()
            optimizer.step()
            return loss.detach(), found

        function = wrap(step)
        seen = []
        for number in range(16):
            result = function(torch.randn(3, 4, 2), torch.tensor(lengths[number % 4]))
            seen.append(plain([result, list(net.parameters())]))
        return seen, function

    wanted, _ = run(lambda step: step)
    found, compiled = run(CompiledFunction)
    assert found == wanted
    assert explain(compiled).eager == []
