"""Random programs for compile: training steps with branches, loops, writes, draws, backwards.

A program is source text: ``make(torch)`` returns its state and a function ``step(x, n)``.  It is
made from a seed, so a failure is repeated by its number.  `running` compares eager and compiled.
"""

from __future__ import annotations

import random

import numpy as np

HEAD = '''
def make(torch):
    F = torch.nn.functional
    torch.manual_seed({seed})
    p = torch.nn.Parameter(torch.randn(3, 4))
    q = torch.nn.Parameter(torch.randn(4, 4) * 0.5)
    buffer = torch.zeros(3, 4)
    layer = {layer}
    optimizer = {optimizer}
    def helper(a, b):
        if a.sum() > b.sum():
            return a * b
        return a - b
    def deep(a, depth):
        if depth == 0 or a.abs().max() < 0.5:
            return a.tanh()
        return deep(a * 0.5, depth - 1) + a
    def step(x, n):
'''
OPTIMIZERS = [
    "torch.optim.SGD([p, q, *layer.parameters()], lr=0.01)",
    "torch.optim.SGD([p, q, *layer.parameters()], lr=0.01, momentum=0.9, nesterov=True)",
    "torch.optim.Adam([p, q, *layer.parameters()], lr=0.01)",
    "torch.optim.AdamW([p, q, *layer.parameters()], lr=0.01, amsgrad=True)",
    "torch.optim.RMSprop([p, q, *layer.parameters()], lr=0.01, momentum=0.5)",
    "torch.optim.Adagrad([p, q, *layer.parameters()], lr=0.01)",
    "torch.optim.Adam([p, q, *layer.parameters()], lr=0.01, foreach=False)",
]
LAYERS = [
    "torch.nn.Linear(4, 4)",
    "torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.Tanh(), torch.nn.Linear(5, 4))",
    "torch.nn.Sequential(torch.nn.Linear(4, 4), torch.nn.BatchNorm1d(4), torch.nn.ReLU())",
    "torch.nn.Sequential(torch.nn.LayerNorm(4), torch.nn.Dropout(0.3))",
    "torch.nn.Sequential(torch.nn.Linear(4, 4, bias=False), torch.nn.GELU(), torch.nn.RMSNorm(4))",
]
UNARY = [
    "{a}.tanh()", "{a}.sigmoid()", "F.relu({a})", "{a}.sin()", "{a}.abs()", "F.gelu({a})",
    "{a}.softmax(1)", "F.layer_norm({a}, (4,))", "{a}.t().t()", "{a}.detach()", "{a}.clone()",
    "F.dropout({a}, 0.5)", "{a}.flip(0)", "{a}.reshape(4, 3).t().contiguous()", "{a}.cumsum(1)",
    "{a} @ q", "layer({a})", "{a}.clamp(-1, 1)", "{a} ** 2", "-{a}", "{a}.exp().log1p()",
    "deep({a}, 2)", "{a}.view(-1).view(3, 4)", "{a}.roll(1, 0)", "{a}[torch.randperm(3)]",
    "{a}.sort(1).values", "{a}.mean(0, keepdim=True).expand(3, 4)", "F.log_softmax({a}, 0)",
    "{a}.chunk(2, 1)[0].repeat(1, 2)", "torch.cat([{a}[:, 2:], {a}[:, :2]], 1)",
    "{a}.logsumexp(1, keepdim=True) + {a}",
    "{a}.double().float()", "torch.stack(list({a}.unbind(0)))", "{a}.masked_fill({a} > 1, 0.5)",
]  # fmt: skip
BINARY = [
    "{a} + {b}", "{a} - {b}", "{a} * {b}", "{a} / ({b}.abs() + 1)",
    "torch.where({a} > 0, {a}, {b})",
    "torch.maximum({a}, {b})", "helper({a}, {b})", "torch.lerp({a}, {b}, 0.3)",
    "torch.addcmul({a}, {a}, {b}, value=0.5)", "F.mse_loss({a}, {b}, reduction='none')",
    "torch.stack([{a}, {b}]).sum(0)", "({a} @ {b}.t()) @ {a}", "torch.atan2({a}, {b}.abs() + 1)",
]  # fmt: skip
DRAWS = [
    "torch.randn(3, 4)", "torch.rand_like({a})", "torch.bernoulli(torch.full((3, 4), 0.5))",
    "torch.normal(0.0, 1.0, (3, 4))", "torch.randint(0, 5, (3, 4)).float()", "torch.ones(3, 4)",
    "torch.arange(12.0).reshape(3, 4)", "torch.zeros_like({a})",
    "torch.tensor([[1.0, 2.0, 3.0, 4.0]] * 3)",
    "torch.empty(3, 4).uniform_(-1, 1)", "torch.empty(3, 4).normal_()",
]  # fmt: skip
WRITES = [
    "{v}.add_({a}, alpha=0.5)", "{v}.mul_(0.9)", "{v}[0] = {a}[1]", "{v}[:, 1:3] += {a}[:, :2]",
    "{v}.zero_()", "{v}.clamp_(-2, 2)", "{v}.view(-1)[3] = 0.25", "{v}[1].mul_(2)",
    "{v}.narrow(1, 0, 2).copy_({a}[:, 2:])", "{v}[{a} > 0.5] = 0.1", "{v} += {a}", "{v}.sub_({a})",
    "{v}.t()[0] = 1.0", "{v}.select(0, 2).add_(1)", "{v}.diagonal().fill_(0.5)",
    "{v}[-1, ::2] = {a}[0, ::2]",
    "{v}.copy_({a})", "{v}.index_add_(0, torch.tensor([0, 2]), {a}[:2])", "{v}.tanh_()",
]  # fmt: skip
CONDITIONS = [
    "{a}.sum() > {c}", "{a}.mean().item() < {c}", "({a} > 0).any()", "float({a}[0, 0]) > {c}",
    "int({a}.abs().sum()) % 2 == 0", "{a}.abs().max() > {c} and {b}.sum() < 1", "n > 2",
    "not {a}.sum() > 0", "{a}[{a} > 0].shape[0] > 5", "torch.nonzero({a} > {c}).size(0) > 4",
    "{a}.argmax().item() == 3", "p.grad is None", "{a}.requires_grad", "len({a}[{a} < 0]) > 3",
    "bool({a}.sum() > {b}.sum())", "{a}.sum() == 0", "round({a}.mean().item(), 1) > {c}",
    "torch.equal({a}, {b})", "torch.allclose({a}, {b})",
    "{a}.sum().item() * 2 + 1 > {b}.sum().item()",
]  # fmt: skip


class Program:
    """Writes one program."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines: list[str] = []
        self.fresh = 0
        choose = self.random.choice
        self.head = HEAD.format(seed=seed, layer=choose(LAYERS), optimizer=choose(OPTIMIZERS))
        names = ["x", "p", "buffer"]
        self.block(names, 3, self.random.randint(3, 9))
        if self.random.random() < 0.7:
            self.train(names, 3)
        self.result(names)

    def put(self, indent: int, line: str) -> None:
        self.lines.append("    " * (indent - 1) + line)

    def name(self) -> str:
        self.fresh += 1
        return f"v{self.fresh}"

    def filled(self, text: str, names: list[str], **more: str) -> str:
        choose = self.random.choice
        constant = f"{self.random.uniform(-1.5, 1.5):.2f}"
        return text.format(a=choose(names), b=choose(names), c=constant, **more)

    def block(self, names: list[str], indent: int, count: int, depth: int = 0) -> None:
        for _ in range(count):
            self.statement(names, indent, depth)

    def statement(self, names: list[str], indent: int, depth: int) -> None:
        choose = self.random.choice
        kinds = ["unary"] * 5 + ["binary"] * 4 + ["draw", "write", "write", "number"]
        kinds += ["list", "dict", "no_grad", "buffer", "local", "view"]
        if depth < 3:
            kinds += ["if", "if", "while", "for", "train", "grad"]
        kind = choose(kinds)
        if kind in ("unary", "binary", "draw"):
            table = {"unary": UNARY, "binary": BINARY, "draw": DRAWS}[kind]
            made = self.name()
            self.put(indent, f"{made} = {self.filled(choose(table), names)}")
            names.append(made)
        elif kind == "write":
            target = choose([one for one in names if one not in ("p", "x")])
            if target != "buffer" and self.random.random() < 0.6:
                made = self.name()
                self.put(indent, f"{made} = {target}.clone()")
                names.append(made)
                target = made
            if target == "buffer":
                self.put(indent, "with torch.no_grad():")
                indent += 1
            self.put(indent, self.filled(choose(WRITES), names, v=target))
        elif kind == "number":
            made = self.name()
            source = choose(names)
            self.put(indent, f"r{made} = {source}.mean().item()")
            form = choose([
                "{a} * rX", "{a} + (rX * 2 - 1)", "{a} / (abs(rX) + 1)",
                "torch.full((3, 4), rX) + {a}",
                "{a}.clamp(max=max(rX, 0.5))", "{a} * round(rX, 1)",
                "torch.add({a}, {b}, alpha=rX)",
                "{a} - rX ** 2", "{a} * float(f'{{rX:.1f}}')", "rX * {a}", "{a} * int(rX * 3)",
            ])  # fmt: skip
            self.put(indent, f"{made} = {self.filled(form.replace('rX', 'r' + made), names)}")
            names.append(made)
        elif kind == "list":
            made = self.name()
            form = choose([
                "sum([t * 0.5 for t in ({a}, {b})])", "torch.stack([{a}, {b}, {a}]).mean(0)",
                "torch.cat([row[None] for row in {a}])", "[{a}, {b}][int({a}.sum() > 0)]",
                "torch.tensor({a}.tolist())",
            ])  # fmt: skip
            self.put(indent, f"{made} = {self.filled(form, names)}")
            self.put(indent, f"list_{made} = []")
            self.put(indent, f"for i in range(2): list_{made}.append({made} * i)")
            self.put(indent, f"{made} = torch.stack(list_{made}).sum(0)")
            names.append(made)
        elif kind == "dict":
            made = self.name()
            self.put(indent, self.filled(f"d{made} = {{{{'a': {{a}}}}}}", names))
            self.put(indent, self.filled(f"d{made}['b'] = {{a}} * 0.5", names))
            self.put(indent, f"{made} = d{made}['a'] + d{made}['b']")
            names.append(made)
        elif kind == "no_grad":
            made = self.name()
            self.put(indent, "with torch.no_grad():")
            self.put(indent + 1, f"{made} = {self.filled(choose(UNARY + BINARY), names)}")
            names.append(made)
        elif kind == "buffer":
            self.put(indent, self.filled("buffer.mul_(0.9).add_({a}.detach(), alpha=0.1)", names))
        elif kind == "local":
            made = self.name()
            self.put(indent, f"{made} = torch.zeros(3, 4)")
            self.put(indent, self.filled(f"{made}[1] = {{a}}[0]", names))
            self.put(indent, self.filled(f"{made}[:, 2] += {{a}}[:, 1]", names))
            names.append(made)
        elif kind == "view":
            made = self.name()
            base = self.name()
            self.put(indent, self.filled(f"{base} = {{a}} * 1.5", names))
            self.put(indent, f"{made} = {base}[1:]")
            self.put(indent, choose([f"{made}.mul_(3)", f"{base}.add_(1)", f"{made}[0] = 2.0"]))
            self.put(indent, f"{base} = {base} + {made}.sum()")
            names.append(base)
        elif kind == "if":
            self.put(indent, f"if {self.filled(choose(CONDITIONS), names)}:")
            inner = list(names)
            made = self.name()
            self.block(inner, indent + 1, self.random.randint(1, 2), depth + 1)
            self.put(indent + 1, f"{made} = {inner[-1]}")
            self.put(indent, "else:")
            inner = list(names)
            if self.random.random() < 0.5:
                self.block(inner, indent + 1, self.random.randint(1, 2), depth + 1)
            self.put(indent + 1, f"{made} = {choose(inner)}")
            names.append(made)
        elif kind == "while":
            made = self.name()
            self.put(indent, f"{made} = {choose(names)} * 2")
            self.put(indent, f"k{made} = 0")
            limit = self.filled(choose([
                "{v}.abs().sum() > 6", "{v}.abs().max().item() > 1.0", "float({v}.norm()) > 2",
            ]), names, v=made)  # fmt: skip
            self.put(indent, f"while k{made} < 5 and {limit}:")
            inner = [*names, made]
            self.block(inner, indent + 1, 1, depth + 2)
            self.put(indent + 1, f"{made} = {made} * 0.5")
            self.put(indent + 1, f"k{made} += 1")
            names.append(made)
        elif kind == "for":
            made = self.name()
            self.put(indent, f"{made} = {choose(names)}")
            self.put(indent, f"for i in range({choose(['n', '2'])}):")
            inner = [*names, made]
            self.block(inner, indent + 1, 1, depth + 2)
            self.put(indent + 1, f"{made} = {made} * 0.5 + {inner[-1]} * 0.1")
            names.append(made)
        elif kind == "train":
            self.train(names, indent)
        else:
            made = self.name()
            loss = self.filled(f"({{a}} * p).sum() + ({choose(names)} @ q).tanh().mean()", names)
            extra = choose(["", ", create_graph=True", ", retain_graph=True"])
            self.put(indent, f"g{made} = torch.autograd.grad({loss}, [p, q]{extra})")
            self.put(indent, f"{made} = g{made}[0] * 0.1")
            names.append(made)

    def train(self, names: list[str], indent: int) -> None:
        choose = self.random.choice
        made = self.name()
        loss = self.filled("((layer({a}) + p * {b}) ** 2).mean() + ({a} @ q).tanh().sum()", names)
        self.put(indent, f"{made} = {loss}")
        before = choose([
            "", "optimizer.zero_grad()", "p.grad = None", "optimizer.zero_grad(set_to_none=False)",
        ])  # fmt: skip
        if before:
            self.put(indent, before)
        if self.random.random() < 0.3:
            self.put(indent, f"{made}.backward(retain_graph=True)")
        self.put(indent, f"{made}.backward()")
        if self.random.random() < 0.2:
            self.put(indent, "torch.nn.utils.clip_grad_norm_([p, q], 1.0)")
        if self.random.random() < 0.2:
            self.put(indent, "p.grad.mul_(0.5)")
        if self.random.random() < 0.7:
            self.put(indent, "optimizer.step()")

    def result(self, names: list[str]) -> None:
        choose = self.random.choice
        one = self.filled(choose(["{a}", "{a}.sum()", "({a}, {b} * 1)", "{a}.mean().item()",
            "[{a} * 1, {a}.sum().item(), n]", "{{'a': {a} * 2, 'b': None}}", "{a}.argmax().item()",
            "buffer", "{a}.shape", "({a} * 1)[0]"]), names)  # fmt: skip
        self.put(3, f"return {one}")

    @property
    def source(self) -> str:
        state = "    return dict(step=step, between=lambda k: None, optimizer=optimizer, "
        state += "parameters=[p, q, *layer.parameters()], buffers=[buffer, *layer.buffers()])\n"
        return self.head + "\n".join("    " + line for line in self.lines) + "\n" + state


def calls(seed: int, torch) -> list[tuple[tuple, dict]]:
    """Return the arguments of each call: other values, some of another sign or scale."""
    draw = np.random.default_rng(seed)
    scales = [1.0, 1.0, -1.0, 0.2, 3.0, 1.0, 0.0]
    found = []
    for number, scale in enumerate(scales):
        x = torch.tensor((draw.standard_normal((3, 4)) * scale).astype(np.float32))
        found.append(((x, 2 + (number == 4)), {}))
    return found
