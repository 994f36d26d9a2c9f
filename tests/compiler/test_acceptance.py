"""Programs as people write them, unmodified: Newton, ODE steps, RNNs, trees, beam search, and more.

Each is called with the same inputs twice over: the results, gradients and everything else are
eager's, and in the second round nothing is recorded any more.
"""

from __future__ import annotations

import pytest

import retrograd as torch
import retrograd.nn as nn
import retrograd.nn.functional as F
from retrograd.compiler import CompiledFunction

from .running import plain

# -- Newton's method ------------------------------------------------------------------------------


def newton_with_numbers():
    def newton(a, x0):
        x = x0.clone().requires_grad_(True)
        err = float("inf")
        count = 0
        while err > 1e-6 and count < 50:
            f = (x**2 - a).sum()
            (g,) = torch.autograd.grad(f, x)
            with torch.no_grad():
                step = (x**2 - a) / g
                x -= step
            err = step.abs().max().item()
            count += 1
        return x.detach(), count, err

    return newton, lambda k: (torch.rand(4) * 10 + 0.1, torch.ones(4) * (1 + k)), []


def newton_through_the_iterations():
    def solve(a):
        x = torch.ones_like(a)
        for _ in range(100):
            new = 0.5 * (x + a / x)
            if torch.allclose(new, x, rtol=1e-10, atol=0):
                break
            x = new
        return x

    def data(k):
        return ((torch.rand(3, dtype=torch.float64) * 100 + 0.5).requires_grad_(),)

    return solve, data, []


class NewtonSolver:
    def __init__(self, tol=1e-5, max_iter=25):
        self.tol = tol
        self.max_iter = max_iter

    def residual(self, x, c):
        return torch.stack([x[0] ** 2 + x[1] ** 2 - c[0], x[0] * x[1] - c[1]])

    def __call__(self, c):
        x = torch.tensor([2.0, 1.0], dtype=torch.float64)
        for _ in range(self.max_iter):
            x = x.detach().requires_grad_()
            r = self.residual(x, c)
            if r.norm() < self.tol:
                return x.detach()
            jacobian = [torch.autograd.grad(ri, x, retain_graph=True)[0] for ri in r]
            x = x - torch.linalg.solve(torch.stack(jacobian), r)
        return x.detach()


def newton_class():
    return NewtonSolver(), lambda k: (torch.tensor([4 + k / 10, 1.0], dtype=torch.float64),), []


def line_search():
    x = torch.tensor([-1.2, 1.0], requires_grad=True)

    def rosenbrock(v):
        return (1 - v[0]) ** 2 + 100 * (v[1] - v[0] ** 2) ** 2

    def step(start):
        x.grad = None
        with torch.no_grad():
            x.copy_(start)
        f = rosenbrock(x)
        f.backward()
        g = x.grad
        t = 1.0
        with torch.no_grad():
            while rosenbrock(x - t * g) > f - 1e-4 * t * g.dot(g):
                t *= 0.5
                if t < 1e-10:
                    break
            x.add_(g, alpha=-t)
        return f.item(), t

    return step, lambda k: (torch.tensor([-1.2 + 0.3 * k, 1.0]),), [x]


# -- adaptive steps of an ODE ---------------------------------------------------------------------


def heun_with_numbers():
    net = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 2))

    def integrate(y, end=1.0, tol=1e-3):
        t, h = 0.0, 0.1
        while t < end - 1e-9:
            h = min(h, end - t)
            k1 = net(y**3)
            k2 = net((y + h * k1) ** 3)
            err = (h / 2 * (k2 - k1)).abs().max().item()
            if err < tol:
                y = y + h / 2 * (k1 + k2)
                t += h
            h = h * min(2.0, max(0.3, 0.9 * (tol / (err + 1e-12)) ** 0.5))
        return y

    return integrate, lambda k: (torch.randn(4, 2) * 0.5,), list(net.parameters())


def heun_with_tensors():
    w = nn.Parameter(torch.tensor([[-0.1, 2.0], [-2.0, -0.1]]))

    def integrate(y0):
        t, h, y = torch.tensor(0.0), torch.tensor(0.05), y0
        while t < 1.0:
            k1 = y @ w
            k2 = (y + h * k1) @ w
            err = (h * (k2 - k1) / 2).norm()
            if err <= 1e-1:
                y = y + h * (k1 + k2) / 2
                t = t + h
            h = torch.clamp(0.9 * h * torch.sqrt(1e-1 / (err + 1e-10)), 0.01, 0.5)
        return y

    return integrate, lambda k: (torch.randn(3, 2),), [w]


def halving_by_recursion():
    w = nn.Parameter(torch.randn(3, 3) * 0.5)

    def f(y):
        return torch.tanh(y @ w)

    def integrate(y, h, depth=0):
        full = y + h * f(y)
        half = y + h / 2 * f(y)
        two = half + h / 2 * f(half)
        if depth < 6 and (two - full).abs().max() > 0.02:
            return integrate(integrate(y, h / 2, depth + 1), h / 2, depth + 1)
        return two

    return (lambda y: integrate(y, 0.5)), lambda k: (torch.randn(2, 3) * (1 + k),), [w]


# -- recurrent nets of varying length -------------------------------------------------------------


class RNN(nn.Module):
    """PyTorch's tutorial: names, letter by letter."""

    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.hidden_size = hidden
        self.i2h = nn.Linear(inputs + hidden, hidden)
        self.h2o = nn.Linear(hidden, outputs)
        self.softmax = nn.LogSoftmax(dim=1)

    def forward(self, letter, hidden):
        hidden = torch.tanh(self.i2h(torch.cat((letter, hidden), 1)))
        return self.softmax(self.h2o(hidden)), hidden

    def start(self):
        return torch.zeros(1, self.hidden_size)


def names():
    rnn = RNN(10, 16, 4)
    criterion = nn.NLLLoss()

    def train(category, line):
        hidden = rnn.start()
        rnn.zero_grad()
        for i in range(line.size()[0]):
            output, hidden = rnn(line[i], hidden)
        loss = criterion(output, category)
        loss.backward()
        for p in rnn.parameters():
            p.data.add_(p.grad.data, alpha=-0.005)
        return output, loss.item()

    def data(k):
        letters = torch.randint(0, 10, (3 + k, 1))
        return torch.tensor([k % 4]), F.one_hot(letters, 10).float()

    return train, data, list(rnn.parameters())


def sequences_in_a_list():
    cell = nn.LSTMCell(3, 4)
    out = nn.Linear(4, 1)
    optimizer = torch.optim.Adam([*cell.parameters(), *out.parameters()], lr=0.01)

    def step(sequences, targets):
        optimizer.zero_grad()
        total = 0.0
        for sequence, target in zip(sequences, targets):
            h = c = torch.zeros(1, 4)
            for x in sequence:
                h, c = cell(x.unsqueeze(0), (h, c))
            total = total + (out(h).squeeze() - target) ** 2
        loss = total / len(sequences)
        loss.backward()
        nn.utils.clip_grad_norm_(cell.parameters(), 0.5)
        optimizer.step()
        return loss.item()

    def data(k):
        return [torch.randn(2 + (k + i) % 3, 3) for i in range(3)], torch.randn(3)

    return step, data, list(cell.parameters())


def lengths_in_a_tensor():
    cell = nn.GRUCell(4, 6)
    head = nn.Linear(6, 2)

    def run(x, lengths, y):
        h = torch.zeros(x.size(0), 6)
        for t in range(int(lengths.max())):
            h = torch.where((lengths > t)[:, None], cell(x[:, t], h), h)
        return F.cross_entropy(head(h), y)

    def data(k):
        lengths = torch.tensor([8 - k, 3, 1 + k % 2])
        return torch.randn(3, 8, 4), lengths, torch.randint(0, 2, (3,))

    return run, data, [*cell.parameters(), *head.parameters()]


def truncated_backpropagation():
    rnn = nn.LSTM(3, 6)
    optimizer = torch.optim.SGD(rnn.parameters(), lr=0.1)

    def epoch(x, hidden):
        losses = []
        for i in range(0, x.size(0), 4):
            hidden = tuple(h.detach() for h in hidden)
            optimizer.zero_grad()
            out, hidden = rnn(x[i : i + 4], hidden)
            loss = (out**2).mean()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        return sum(losses) / len(losses), tuple(h.detach() for h in hidden)

    def data(k):
        return torch.randn(11, 2, 3), (torch.zeros(1, 2, 6), torch.zeros(1, 2, 6))

    return epoch, data, list(rnn.parameters())


# -- trees ----------------------------------------------------------------------------------------


class Node:
    def __init__(self, value=None, left=None, right=None):
        self.value, self.left, self.right = value, left, right


SHAPES = [(0, 0), ((0, 0), 0), (0, (0, 0)), ((0, 0), (0, 0))]


def nodes(shape):
    return Node(torch.randn(4)) if shape == 0 else Node(None, nodes(shape[0]), nodes(shape[1]))


class TreeLSTM(nn.Module):
    def __init__(self, size):
        super().__init__()
        self.leaf = nn.Linear(size, 2 * size)
        self.comb = nn.Linear(2 * size, 5 * size)

    def forward(self, node):
        if node.left is None:
            h, c = self.leaf(node.value).chunk(2)
            return h, c
        lh, lc = self.forward(node.left)
        rh, rc = self.forward(node.right)
        i, fl, fr, o, u = self.comb(torch.cat([lh, rh])).chunk(5)
        c = i.sigmoid() * u.tanh() + fl.sigmoid() * lc + fr.sigmoid() * rc
        return o.sigmoid() * c.tanh(), c


def tree_of_objects():
    model = TreeLSTM(4)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)

    def step(tree):
        optimizer.zero_grad()
        h, _ = model(tree)
        loss = (h**2).sum()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step, lambda k: (nodes(SHAPES[k]),), list(model.parameters())


def tree_of_tuples():
    w = nn.Parameter(torch.randn(4, 8) * 0.3)

    def encode(t):
        if isinstance(t, tuple):
            return torch.tanh(w @ torch.cat([encode(t[0]), encode(t[1])]))
        return t

    def tree(shape):
        return torch.randn(4) if shape == 0 else (tree(shape[0]), tree(shape[1]))

    return (lambda t: encode(t).sum()), lambda k: (tree(SHAPES[k]),), [w]


def shift_and_reduce():
    emb, red, head = nn.Embedding(10, 4), nn.Linear(8, 4), nn.Linear(4, 2)

    def run(tokens, transitions, y):
        buffer = list(emb(tokens).unbind(0))[::-1]
        stack = []
        for t in transitions.tolist():
            if t == 0:
                stack.append(buffer.pop())
            else:
                right, left = stack.pop(), stack.pop()
                stack.append(torch.tanh(red(torch.cat((left, right)))))
        return F.cross_entropy(head(stack[0])[None], y)

    transitions = [[0, 0, 1, 0, 1], [0, 0, 0, 1, 1]]

    def data(k):
        return torch.randint(0, 10, (3,)), torch.tensor(transitions[k % 2]), torch.tensor([k % 2])

    return run, data, [emb.weight, red.weight]


# -- searches -------------------------------------------------------------------------------------


class Language(nn.Module):
    def __init__(self, words=9, size=8):
        super().__init__()
        self.emb = nn.Embedding(words, size)
        self.rnn = nn.GRUCell(size, size)
        self.out = nn.Linear(size, words)

    def forward(self, word, h):
        h = self.rnn(self.emb(word), h)
        return F.log_softmax(self.out(h) * 3, -1), h


@torch.no_grad()
def search(model, h0, k=3, steps=4, end=0):
    beams, done = [([1], 0.0, h0)], []
    for _ in range(steps):
        found = []
        for words, score, h in beams:
            lp, new = model(torch.tensor([words[-1]]), h)
            values, indices = lp[0].topk(k)
            for v, i in zip(values.tolist(), indices.tolist()):
                found.append(([*words, i], score + v, new))
        found.sort(key=lambda one: one[1], reverse=True)
        beams = []
        for one in found:
            (done if one[0][-1] == end else beams).append(one)
            if len(beams) == k:
                break
        if not beams:
            break
    best = max(done + beams, key=lambda one: one[1] / len(one[0]))
    return best[0], best[1]


def beam_search():
    model = Language()
    return (lambda h: search(model, h)), lambda k: (torch.randn(1, 8),), []


def beam_search_in_tensors():
    model = Language()

    def run(h):
        with torch.no_grad():
            words, scores = torch.ones(1, 1, dtype=torch.long), torch.zeros(1)
            for _ in range(5):
                lp, h = model(words[:, -1], h)
                scores, best = (scores[:, None] + lp).view(-1).topk(3)
                parent = best // 9
                words = torch.cat([words[parent], (best % 9)[:, None]], 1)
                h = h[parent]
                if bool((words == 0).any(1).all()):
                    break
            return words, scores

    return run, lambda k: (torch.randn(1, 8),), []


def viterbi():
    transitions = nn.Parameter(torch.randn(4, 4))

    def run(emissions):
        score, back = emissions[0], []
        for t in range(1, emissions.size(0)):
            m = score[:, None] + transitions + emissions[t][None]
            score, pointer = m.max(0)
            back.append(pointer)
        best = int(score.argmax())
        path = [best]
        for pointer in reversed(back):
            best = pointer[best].item()
            path.append(best)
        path.reverse()
        return path, score.max()

    return run, lambda k: (torch.randn(4, 4),), []


def tagged_by_tensors():
    transitions = nn.Parameter(torch.randn(3, 3))

    def loss(emissions, tags):
        alpha = emissions[0]
        for one in emissions[1:]:
            alpha = torch.logsumexp(alpha[:, None] + transitions, 0) + one
        gold = emissions[0, tags[0]]
        for i in range(1, len(tags)):
            gold = gold + transitions[tags[i - 1], tags[i]] + emissions[i, tags[i]]
        return torch.logsumexp(alpha, 0) - gold

    return loss, lambda k: (torch.randn(3, 3), torch.randint(0, 3, (3,))), [transitions]


# -- sampling and training ------------------------------------------------------------------------


def metropolis():
    def logp(x):
        return -(x**2).sum() / 2 - (x[0] * x[1]) ** 2

    def chain(x):
        lp, accepted = logp(x), 0
        for _ in range(2):
            proposed = x + 0.5 * torch.randn(2)
            new = logp(proposed)
            if torch.rand(()).log() < new - lp:
                x, lp = proposed, new
                accepted += 1
        return x, accepted / 2

    return chain, lambda k: (torch.randn(2),), []


def gan():
    generator = nn.Sequential(nn.Linear(2, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 2))
    critic = nn.Sequential(nn.Linear(2, 8), nn.LeakyReLU(0.2), nn.Linear(8, 1), nn.Sigmoid())
    own = torch.optim.Adam(generator.parameters(), lr=2e-3, betas=(0.5, 0.999))
    other = torch.optim.Adam(critic.parameters(), lr=2e-3, betas=(0.5, 0.999))
    criterion = nn.BCELoss()

    def step(real):
        critic.zero_grad()
        label = torch.full((real.size(0),), 1.0)
        first = criterion(critic(real).view(-1), label)
        first.backward()
        fake = generator(torch.randn(real.size(0), 2))
        label.fill_(0.0)
        second = criterion(critic(fake.detach()).view(-1), label)
        second.backward()
        other.step()
        generator.zero_grad()
        label.fill_(1.0)
        third = criterion(critic(fake).view(-1), label)
        third.backward()
        own.step()
        return (first + second).item(), third.item()

    state = [*generator.parameters(), *critic.parameters(), *generator.buffers()]
    return step, lambda k: (torch.randn(6, 2) + 2,), state


def gradient_penalty():
    critic = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Linear(8, 1))
    optimizer = torch.optim.RMSprop(critic.parameters(), 1e-3)

    def step(real, skip):
        real = real.clone().requires_grad_(True)
        d = critic(real)
        (g,) = torch.autograd.grad(d, real, torch.ones_like(d), create_graph=True)
        loss = d.mean() + 10 * ((g.norm(2, dim=1) - 1) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        if not skip:
            optimizer.step()
        return loss.item()

    return step, lambda k: (torch.randn(5, 2), k == 2), list(critic.parameters())


def skipped_steps():
    net = nn.Linear(4, 2)
    optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)

    def step(x, y):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(x), y)
        loss.backward()
        total = nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        if torch.isfinite(total):
            optimizer.step()
        return loss.item(), total.item()

    def data(k):
        x = torch.randn(5, 4)
        if k == 3:
            x[0, 0] = float("nan")
        return x, torch.randint(0, 2, (5,))

    return step, data, list(net.parameters())


PROGRAMS = [
    newton_with_numbers, newton_through_the_iterations, newton_class, line_search,
    heun_with_numbers, heun_with_tensors, halving_by_recursion, names, sequences_in_a_list,
    lengths_in_a_tensor, truncated_backpropagation, tree_of_objects, tree_of_tuples,
    shift_and_reduce, beam_search, beam_search_in_tensors, viterbi, tagged_by_tensors, metropolis,
    gan, gradient_penalty, skipped_steps,
]  # fmt: skip
INPUTS = 4


def run(make, compiled, monkeypatch):
    """Run the rounds; return what can be seen after each call, and how often it was recorded."""
    recorded = [0]
    usual = CompiledFunction.run

    def counting(self, *args):
        recorded[0] += 1
        return usual(self, *args)

    monkeypatch.setattr(CompiledFunction, "run", counting)
    torch.manual_seed(0)
    function, data, state = make()
    torch.manual_seed(1)
    inputs = [data(k) for k in range(INPUTS)]
    if compiled:
        function = CompiledFunction(function)
    seen, counts = [], []
    for _ in range(3):
        for k, given in enumerate(inputs):
            torch.manual_seed(k)
            args = [one.detach().clone().requires_grad_(one.requires_grad)
                    if isinstance(one, torch.Tensor) else one for one in given]  # fmt: skip
            before = recorded[0]
            result = function(*args)
            counts.append(recorded[0] - before)
            if isinstance(result, torch.Tensor) and result.requires_grad:
                result.sum().backward()
            leaves = [*state, *[one for one in args if isinstance(one, torch.Tensor)]]
            seen.append(plain([result, state, [one.grad for one in leaves]]))
    monkeypatch.setattr(CompiledFunction, "run", usual)
    return seen, counts, function


@pytest.mark.parametrize("make", PROGRAMS, ids=lambda make: make.__name__)
def test_programs(make, monkeypatch):
    wanted, _, _ = run(make, False, monkeypatch)
    found, counts, compiled = run(make, True, monkeypatch)
    assert found == wanted
    assert not any(segment.eager for segment in compiled.segments()), compiled.source[:2000]
    assert sum(counts[2 * INPUTS :]) == 0, counts
