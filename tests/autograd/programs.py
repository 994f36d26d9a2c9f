"""Random programs of views, in-place writes and backward calls, run on two libraries at once.

Left out, because the two differ there and retrograd computes what is meant: ``prod`` and ``1 / x``
(PyTorch saves other values than their rules read here, so other writes are refused).
"""

from __future__ import annotations

import random
import warnings

import numpy as np

SHAPES = ((3,), (2, 3), (1,), (), (3, 2), (2, 1, 3))


class Difference(AssertionError):
    """The two libraries did not do the same."""


class Program:
    """One random program: every step is done by both libraries and compared.

    Parameters
    ----------
    left, right : module
        The libraries: retrograd and torch.
    seed : int
        What the program is drawn from.
    """

    def __init__(self, left, right, seed):
        self.random = random.Random(seed)
        self.numbers = np.random.default_rng(seed)
        self.libraries = (left, right)
        self.pairs = []
        self.names = []
        self.text = []
        self.over = False

    # -- steps ------------------------------------------------------------------------------

    def run(self, steps):
        """Draw and run `steps` steps."""
        for _ in range(self.random.choice((1, 2, 2, 3))):
            self.leaf()
        for _ in range(steps):
            if self.over:
                return
            kind = self.random.choices(
                (self.leaf, self.view, self.views, self.out_of_place, self.in_place, self.assign,
                 self.detach, self.flag, self.backward, self.grad, self.clear, self.retain),
                (3, 16, 4, 20, 18, 6, 4, 2, 5, 3, 1, 3),
            )[0]  # fmt: skip
            kind()
        if not self.over:
            self.backward(final=True)

    def do(self, text, function, *, name=None, fatal=False):
        """Run a step on both libraries and compare what came of it."""
        mode = self.random.random() < 0.08
        if mode:
            text = f"with torch.no_grad(): {text}"
        self.text.append(text)
        found = []
        for side in (0, 1):
            library = self.libraries[side]
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    if mode:
                        with library.no_grad():
                            result = function(library, side)
                    else:
                        result = function(library, side)
                found.append((result, None))
            except Exception as error:
                found.append((None, error))
        (a, e), (b, f) = found
        if (e is None) != (f is None):
            raise Difference(self.report(f"left: {e!r}\nright: {f!r}"))
        if e is not None:
            if first_words(e) != first_words(f):
                raise Difference(self.report(f"left: {e!r}\nright: {f!r}"))
            if fatal:
                self.over = True
                return
        elif name is not None:
            if isinstance(a, (list, tuple)):
                for number, pair in enumerate(zip(a, b)):
                    self.add(f"{name}[{number}]", pair)
            else:
                self.add(name, (a, b))
        elif fatal and a is not None:
            for one, other in zip(a, b):
                if (one is None) != (other is None):
                    raise Difference(self.report(f"{one} and {other}"))
                if one is not None:
                    self.check_values("result", value_of(one), value_of(other))
        self.compare()

    def add(self, name, pair):
        self.names.append(name)
        self.pairs.append(pair)

    def pick(self):
        return self.random.randrange(len(self.pairs))

    def like(self, number):
        """Return the number of a tensor whose shape fits into another's."""
        shape = tuple(self.pairs[number][1].shape)
        fits = [
            n for n, pair in enumerate(self.pairs)
            if broadcastable(tuple(pair[1].shape), shape)
        ]  # fmt: skip
        return self.random.choice(fits) if fits else number

    # -- kinds of steps ---------------------------------------------------------------------

    def leaf(self):
        shape = self.random.choice(SHAPES)
        data = self.numbers.uniform(0.5, 1.5, shape)
        needs = self.random.random() < 0.6
        name = f"t{len(self.pairs)}"
        text = f"{name} = torch.tensor(..., shape {shape}, requires_grad={needs})"

        def step(torch, side):
            return torch.tensor(data.tolist(), dtype=torch.float64, requires_grad=needs)

        self.do(text, step, name=name)

    def view(self):
        at = self.pick()
        shape = tuple(self.pairs[at][1].shape)
        ways = ["t.view_as(t)", "t.reshape(-1)", "t.unsqueeze(0)", "t[...]", "t.detach()"]
        if shape:
            ways += ["t[0]", "t[-1:]", "t[:1]", "t.transpose(0, -1)", "t.squeeze(0)",
                     "t.narrow(0, 0, 1)", "t.select(0, 0)"]  # fmt: skip
        if len(shape) > 1:
            ways += ["t[:, 0]", "t.T", "t.flatten()", "t[:, 1:]", "t.diagonal()"]
        if len(shape) == 2:
            ways += ["t.permute(1, 0)"]
        if len(shape) < 3:
            ways += [f"t.expand(2, {', '.join(['-1'] * len(shape)) or '1'})"]
        way = self.random.choice(ways)
        if way == "t.detach()" and self.random.random() < 0.7:
            return
        name = f"t{len(self.pairs)}"
        self.do(
            f"{name} = {way.replace('t', self.names[at], 1)}",
            lambda torch, side: eval(way, {"t": self.pairs[at][side]}),
            name=name,
        )

    def views(self):
        at = self.pick()
        if not tuple(self.pairs[at][1].shape):
            return
        way = self.random.choice(("t.unbind(0)", "t.split(1)", "t.chunk(2)"))
        name = f"t{len(self.pairs)}"
        self.do(
            f"{name} = {way.replace('t', self.names[at], 1)}",
            lambda torch, side: eval(way, {"t": self.pairs[at][side]}),
            name=name,
        )

    def out_of_place(self):
        at = self.pick()
        other = self.like(at)
        way = self.random.choice((
            "a * b", "a + b", "a - b", "a / b", "a * 2", "2 - a", "a + 1", "a.exp()", "a.tanh()",
            "a.sin()", "a ** 2", "a.sum()", "a.clone()", "a.sqrt()", "-a", "a.cumsum(0)",
            "a.sigmoid()", "a.relu()", "torch.stack([a, a])", "a.mean()", "a.abs()", "a.log()",
            "torch.maximum(a, b)", "a.masked_fill(a > 1, 0.5)", "a.contiguous()", "a ** b",
            "torch.cat([a.reshape(-1), b.reshape(-1)])", "torch.where(a > 1, a, b)",
        ))  # fmt: skip
        name = f"t{len(self.pairs)}"
        self.do(
            f"{name} = {way}  # a={self.names[at]}, b={self.names[other]}",
            lambda torch, side: eval(
                way, {"a": self.pairs[at][side], "b": self.pairs[other][side], "torch": torch}
            ),
            name=name,
        )

    def in_place(self):
        at = self.pick()
        other = self.like(at)
        way = self.random.choice((
            "a.add_(b)", "a.mul_(b)", "a.copy_(b)", "a.zero_()", "a.masked_fill_(a > 1, 0.5)",
            "a.mul_(2)", "a.sub_(1)", "a.tanh_()", "a.exp_()", "a.fill_(0.5)", "a.clamp_(0.2, 1.2)",
            "a.add_(b, alpha=0.5)", "a.div_(b)", "a.sigmoid_()", "a.relu_()", "a.sqrt_()",
            "a.pow_(2)", "a.neg_()", "a.addcmul_(b, b)", "a.abs_()", "a.sin_()",
        ))  # fmt: skip
        self.do(
            f"{way}  # a={self.names[at]}, b={self.names[other]}",
            lambda torch, side: eval(
                way, {"a": self.pairs[at][side], "b": self.pairs[other][side]}
            ),
        )

    def assign(self):
        at = self.pick()
        shape = tuple(self.pairs[at][1].shape)
        ways = ["a[...] = s", "a[...] = 0.25"]
        if shape:
            ways += ["a[a > 1] = 0.5", "a[0] = s", "a[-1] = 0.3", "a[:1] += s", "a[0] *= 2",
                     "a[:1] = s", "a[[0]] = s", "a[torch.tensor([0])] = s"]  # fmt: skip
        if len(shape) > 1:
            ways += ["a[:, 0] = s", "a[0, :1] *= s", "a[..., -1] += s"]
        way = self.random.choice(ways)
        scalars = [n for n, pair in enumerate(self.pairs) if pair[1].numel() == 1]
        if not scalars:
            return
        other = self.random.choice(scalars)

        def step(torch, side):
            pairs = self.pairs
            names = {"a": pairs[at][side], "s": pairs[other][side].reshape(()), "torch": torch}
            exec(way, names)

        self.do(f"{way}  # a={self.names[at]}, s={self.names[other]}.reshape(())", step)

    def detach(self):
        at = self.pick()
        way = self.random.choice(("detach", "detach_", "data", "detach"))
        name = f"t{len(self.pairs)}"

        def step(torch, side):
            tensor = self.pairs[at][side]
            return tensor.data if way == "data" else getattr(tensor, way)()

        if way == "detach_":
            self.do(f"{self.names[at]}.detach_()", step)
        else:
            self.do(f"{name} = {self.names[at]}.{way}", step, name=name)

    def flag(self):
        at = self.pick()
        value = self.random.random() < 0.6
        self.do(
            f"{self.names[at]}.requires_grad_({value})",
            lambda torch, side: self.pairs[at][side].requires_grad_(value) and None,
        )

    def retain(self):
        at = self.pick()
        self.do(
            f"{self.names[at]}.retain_grad()",
            lambda torch, side: self.pairs[at][side].retain_grad(),
        )

    def clear(self):
        at = self.pick()

        def step(torch, side):
            self.pairs[at][side].grad = None

        self.do(f"{self.names[at]}.grad = None", step)

    def backward(self, final=False):
        count = 1 if self.random.random() < 0.7 else 2
        at = [self.pick() for _ in range(count)]
        keep = self.random.random() < 0.6
        create = self.random.random() < 0.25
        text = " + ".join(f"({self.names[n]} ** 2).sum()" for n in at)
        settings = f"retain_graph={keep}" + (", create_graph=True" if create else "")
        text = f"({text}).backward({settings})"
        if final:
            keep = False

        def step(torch, side):
            total = sum((self.pairs[n][side] * self.pairs[n][side]).sum() for n in at)
            total.backward(retain_graph=keep, create_graph=create)

        self.do(text, step, fatal=True)

    def grad(self):
        at = self.pick()
        other = self.pick()
        create = self.random.random() < 0.5

        def step(torch, side):
            root = (self.pairs[at][side] * 3).sum()
            inputs = [self.pairs[other][side]]
            return torch.autograd.grad(
                root, inputs, allow_unused=True, create_graph=create, retain_graph=True
            )

        root = f"({self.names[at]} * 3).sum()"
        text = f"torch.autograd.grad({root}, {self.names[other]}, create_graph={create})"
        self.do(text, step, fatal=True)

    # -- comparing --------------------------------------------------------------------------

    def compare(self):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for name, (a, b) in zip(self.names, self.pairs):
                for fact in ("requires_grad", "is_leaf", "_version", "retains_grad"):
                    left, right = fact_of(a, fact), fact_of(b, fact)
                    if left != right:
                        raise Difference(self.report(f"{name}.{fact}: {left} and {right}"))
                    if isinstance(left, tuple):
                        self.over = True
                        return
                if (a._base is None) != (b._base is None):
                    raise Difference(self.report(f"{name}._base: {a._base} and {b._base}"))
                self.check_values(name, value_of(a), value_of(b))
                if (a.grad is None) != (b.grad is None):
                    raise Difference(self.report(f"{name}.grad: {a.grad} and {b.grad}"))
                if a.grad is not None:
                    self.check_values(name + ".grad", value_of(a.grad), value_of(b.grad))
                    left, right = a.grad.requires_grad, b.grad.requires_grad
                    if left != right:
                        words = f"{name}.grad.requires_grad: {left} and {right}"
                        raise Difference(self.report(words))

    def check_values(self, name, a, b):
        if a.shape != b.shape or not np.allclose(a, b, rtol=1e-8, atol=1e-10, equal_nan=True):
            raise Difference(self.report(f"{name}:\n{a}\n{b}"))

    def report(self, what):
        return "\n".join([*self.text, what])


def fact_of(tensor, name):
    try:
        return getattr(tensor, name)
    except RuntimeError as error:
        return first_words(error)


def value_of(tensor):
    return np.asarray(tensor.detach().numpy())


def broadcastable(small, large):
    if len(small) > len(large):
        return False
    return all(a in (1, b) for a, b in zip(reversed(small), reversed(large)))


def first_words(error):
    return type_name(error), " ".join(str(error).split()[:5])


def type_name(error):
    for kind in (IndexError, TypeError, RuntimeError, ValueError):
        if isinstance(error, kind):
            return kind.__name__
    return type(error).__name__
