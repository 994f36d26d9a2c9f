"""Stateful programs for compile: wide ones that keep state, as training scripts do.

Weights averaged under no_grad, hidden states in dicts and dataclasses, several optimizers, closures
of theirs, parameters frozen, state dicts taken and put back, views of parameters written into,
errors caught midway, numbers of tensors that decide loops, other dtypes.  A maker of
its own, so that the seeds of the wide programs stay what they are.
"""

from __future__ import annotations

from . import wide
from .wide_tables import listed

# What is there before the step, and outlives it.
STATE = '''
    @dataclasses.dataclass
    class Record:
        hidden: object
        count: int = 0
        def put(self, t):
            self.hidden = t.detach()
            self.count += 1
    class Scaled:
        def __init__(self, t):
            self.inside = t
        def __mul__(self, k):
            return Scaled(self.inside * k)
        def __call__(self, t):
            return self.inside * t
    memory = {"hidden": torch.zeros(3, 4), "list": [torch.zeros(4), torch.ones(4)], "sum": 0.0}
    record = Record(torch.ones(3, 4))
    norm = torch.nn.BatchNorm1d(4)
    cell = torch.nn.RNNCell(4, 4)
    ema = [one.detach().clone() for one in block.parameters()]
    twin = copy.deepcopy(block)
    saved = {k: v.clone() for k, v in block.state_dict().items()}
    second = torch.optim.%(second_optimizer)s
    drawn = torch.Generator().manual_seed(3)
    recent = collections.deque(maxlen=3)
    mask = torch.tensor([True, False, True])
    doubled = functools.partial(torch.mul, other=2.0)
    @torch.no_grad()
    def average(rate=0.1):
        for e, one in zip(ema, block.parameters()):
            e.lerp_(one, rate)
    def pairs(a, b):
        total = a * 0
        for u, v in zip(a, b):
            if u.sum() > v.sum():
                continue
            total = total + u * v
            yield total
        yield total * 0.5
    def counted():
        seen = 0
        def bump(t):
            nonlocal seen
            seen += 1
            return t * seen
        return bump
    def step('''
MORE = """, more=lambda: [
        memory, record.hidden, record.count, list(norm.buffers()), ema, list(recent),
        second.state_dict(), [one.requires_grad for one in block.parameters()],
        [one.grad for one in (*norm.parameters(), *cell.parameters())], block.training,
        list(twin.state_dict().values())])
"""
SECOND_OPTIMIZERS = listed("""
    SGD([*norm.parameters(), *cell.parameters()], lr=0.1)
    Adam([*norm.parameters(), *cell.parameters()], lr=0.01)
    SGD([*cell.parameters()], lr=0.1, momentum=0.9)
    LBFGS([*norm.parameters(), *cell.parameters()], max_iter=2)
    Adagrad([*norm.parameters(), *cell.parameters()])
""")
VALUES = listed("""
    norm($a) | cell($a, memory['hidden']) | cell($a, record.hidden) | $a + ema[0] | twin($a)
    $a + memory['list'][0] | $a * (1 + memory['sum']) | doubled($a) | Scaled($a)($b)
    (Scaled($a) * 2)(w) | list(pairs($a, $b))[-1] | counted()($a) | $a[mask].sum(0) + $b
    p[0] * $a | p.view(-1)[:4] * $a | p.t()[1:].sum() + $a | q.diagonal() + $a | q[1:] .sum(0) * $a
    F.linear($a, block.lin.weight) | F.linear($a, block.lin.weight.t(), block.scale)
    torch.rand(3, 4, generator=drawn) + $a | $a.double().mul(0.1).float() | fit($a.half() * 2)
    ($a.double() @ q.double()).float() | fit($a.type(torch.int32)) | ($a > $b) * $a
    torch.where($a > $b, $a, torch.zeros(())) | torch.where(mask[:, None], $a, $b)
    fit($a[torch.nonzero($a > $b, as_tuple=True)]) | torch.take_along_dim($a, $b.argsort(1), 1)
    $a[torch.arange(3), $b.argmax(1)][:, None] + $a | $a[:, mask.nonzero().flatten()].sum() + $b
    torch.func.functional_call(twin, dict(block.named_parameters()), ($a,))
    torch.nn.utils.parameters_to_vector([p, w])[:12].view(3, 4) * $a
    copy.deepcopy($a.detach()) + $b | copy.copy($a) | functools.reduce(torch.add, [$a, $b, p])
    operator.mul($a, $b) | $a + len(memory['list']) | $a * len(recent) | $a + record.count
    torch.stack(memory['list']).sum(0) + $a | $a.clone().detach().requires_grad_() * 2
    sum(t.mean() for t in memory['list']) + $a | $a.add(1).sub_(0.5).mul_(p)
    torch.cat([$a, memory['hidden']])[1:4] | $a.masked_fill(~mask[:, None], -1.0)
    F.dropout($a, 0.3, training=block.training) | F.batch_norm($a, None, None, training=True)
    F.batch_norm($a, norm.running_mean, norm.running_var, norm.weight, norm.bias, True)
    $a.index_put((torch.tensor([0, 2]),), $b[:2]) | $a.new_tensor($b.tolist()) + $a
    torch.tensor([float(r.sum()) for r in $a])[:, None] + $b | $a.expand_as($b).contiguous()
    $a.to($b) | $a.type_as($b.double()).float() | $a.to(dtype=torch.float64).sum().float() + $b
    $a.view(torch.int32).bitwise_and(255).float() * 0.01 | torch.as_strided($a, (3, 4), (0, 1))
    torch.split($a, [1, 2])[1].sum(0) * $b | $a.unflatten(1, (2, 2)).flatten(1) | $a.ravel()[:4] * w
""")
CHANGES = listed("""
    average() | average(0.5) | memory['hidden'] = $a.detach() | memory['hidden'].copy_($a.detach())
    record.put($a) | record.hidden = $a.detach() | memory['list'].append($a[0].detach())
    memory['list'][0] = $a[1].detach() | memory['list'][1].add_($a[0].detach())
    memory['sum'] += $a.mean().item() * 0.01 | recent.append($a.sum().item())
    recent.append($a.detach()[0].clone()) | memory.update(hidden=$a.detach() * 0.5)
    twin.load_state_dict(block.state_dict()) | block.load_state_dict(saved)
    saved['lin.weight'].copy_(block.lin.weight.detach()) | norm.reset_running_stats()
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict())) | scheduler.step()
    optimizer.param_groups[0]['lr'] = 0.01 * n | optimizer.param_groups[-1]['lr'] *= 0.9
    with torch.no_grad(): p[0].mul_(0.9) | with torch.no_grad(): p.view(-1)[2:5] = 0.1
    with torch.no_grad(): p.t()[1].add_($a[:, 0]) | with torch.no_grad(): q.diagonal().mul_(0.5)
    p.data = p.data - 0.01 * $a.detach() | p.data.copy_($a.detach()) | q.data[0] = 0.25
    with torch.no_grad(): block.scale.lerp_(twin.scale, 0.5) | norm.momentum = 0.2
    for one, other_one in zip(twin.parameters(), block.parameters()): one.data.copy_(other_one.data)
    block.lin.weight.requires_grad_(False) | for one in block.parameters(): one.requires_grad_(True)
    if p.grad is not None: p.grad.zero_() | if p.grad is not None: p.grad.data.clamp_(-0.1, 0.1)
    if p.grad is not None: p.grad.detach_() | q.grad = None
    for one in (p, q, w): one.grad = torch.zeros_like(one)
    total_norm = torch.nn.utils.clip_grad_norm_([p, q, w], 0.5) if p.grad is not None else 0
    torch.nn.utils.vector_to_parameters(torch.nn.utils.parameters_to_vector([p, w]) * 0.99, [p, w])
    block.scale = torch.nn.Parameter(block.scale.detach() * 1.0) | block.count.fill_(0)
    block.register_buffer('late', $a.detach()) | setattr(block, 'mode', 'sum') | block.count += 2
    buffer.data = $a.detach().clone() | del memory['list'][2:]
    memory['hidden'] = torch.where($a.detach() > 0, memory['hidden'], $a.detach())
    memory['list'] = [t * 0.9 for t in memory['list']] | buffer.mul_(0.5).add_(memory['hidden'])
""")
MODES = listed("""
    torch.no_grad() | torch.inference_mode() | torch.enable_grad() | torch.set_grad_enabled(n > 2)
    contextlib.suppress(IndexError) | contextlib.nullcontext()
""")
PENALTIES = listed("""
    ($g[0] ** 2).sum() | ($g[0].norm() - 1) ** 2 | ($g[0] * $a).sum() | $g[0].abs().mean()
""")
PROGRESS = listed("""
    f'{$l.item():.3f}' | {'loss': $l.item(), 'n': n} | $l.detach() | ($l.detach(), $a.detach())
    {'loss': $l.detach(), 'norm': p.norm().item()} | float($l) | [$l.item(), $a.mean().item()]
    (memory['hidden'], $l.item()) | round($l.item(), 2) | $l | ($l, $a) | block(x).detach()
""")


class Stateful(wide.Wide):
    """Writes one program."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        chosen = {"second_optimizer": self.random.choice(SECOND_OPTIMIZERS)}
        more = "import copy, dataclasses, functools, operator\nimport collections,"
        source = self.source.replace("import collections,", more)
        source = source.replace("\n    def step(", STATE % chosen, 1)
        self.source = source.rstrip().removesuffix(")") + MORE

    def statement(self, names: list[str], indent: int, depth: int) -> None:
        kinds = ["value"] * 6 + ["change"] * 2 + ["view_chain", "mode"]
        if depth < 3:
            kinds += ["midway", "penalty", "second", "closure_step", "frozen", "looped", "restored"]
        if self.random.random() < 0.5:
            super().statement(names, indent, depth)
        else:
            getattr(self, "put_" + self.random.choice(kinds))(names, indent, depth)

    def put_value(self, names: list[str], indent: int, depth: int) -> None:
        made = self.name()
        self.put(indent, f"{made} = {self.filled(self.random.choice(VALUES), names)}")
        names.append(made)

    def put_change(self, names: list[str], indent: int, depth: int) -> None:
        self.put(indent, self.filled(self.random.choice(CHANGES), names))

    def put_view_chain(self, names: list[str], indent: int, depth: int) -> None:
        """Write in place through views of what has a history, then go back through it."""
        choose = self.random.choice
        made = self.name()
        self.put(indent, f"{made} = {self.operand(names)} * w")
        for _ in range(self.random.randint(1, 3)):
            view = choose(["[0]", "[1:]", ".t()[1]", ".view(-1)[3:7]", ".diagonal()", "[:, ::2]",
                           "[mask]", "[..., None]", ".unbind(1)[0]", "[2, ::3]"])  # fmt: skip
            write = choose([".mul_(2)", ".add_(1)", ".sigmoid_()", ".copy_(torch.ones(()))",
                            ".sub_($a.mean())", ".zero_()", ".clamp_(-1, 1)"])  # fmt: skip
            self.put(indent, f"{made}{view}{self.filled(write, names)}")
        if self.random.random() < 0.5:
            self.put(indent, f"({made} * p).sum().backward(retain_graph=True)")
        names.append(made)

    def put_mode(self, names: list[str], indent: int, depth: int) -> None:
        made = self.name()
        self.put(indent, f"{made} = {self.operand(names)} * 1")
        self.put(indent, f"with {self.random.choice(MODES)}:")
        inside = self.inner([*names, made], indent + 1, depth + 2, 2)
        self.put(indent + 1, f"{made} = {inside[-1]} * 1")
        names.append(made)

    def put_midway(self, names: list[str], indent: int, depth: int) -> None:
        """Fail between changes, and go on."""
        choose = self.random.choice
        made = self.name()
        self.put(indent, f"{made} = {self.operand(names)}")
        self.put(indent, "try:")
        self.inner(names, indent + 1, depth + 1)
        self.put(indent + 1, self.filled(choose([
            "buffer.add_(1)", "memory['hidden'].mul_(0.5)", "block.count += 1", "torch.rand(2)",
            "(p * $a).sum().backward()", "recent.append(n)", "optimizer.step()",
        ]), names))  # fmt: skip
        self.put(indent + 1, self.filled(choose([
            "if $a.sum() > $c: raise KeyError(n)", "$a.view(5)", "$a @ $b", "torch.zeros(3)[n + 1]",
            "{}['no']", "if n > 2: raise StopIteration", "assert $a.mean() < $c",
        ]), names))  # fmt: skip
        self.put(indent + 1, f"{made} = {made} + 1")
        error = choose(["Exception", "(RuntimeError, LookupError, AssertionError)"])
        self.put(indent, f"except {error} as error:")
        self.put(indent + 1, f"{made} = {made} * (2 + len(type(error).__name__) % 3)")
        if self.random.random() < 0.5:
            self.put(indent, choose(["else:", "finally:"]))
            self.put(indent + 1, f"{made} = {made} - 0.5")
        names.append(made)

    def put_penalty(self, names: list[str], indent: int, depth: int) -> None:
        """Punish the gradient towards an input, as adversarial training does."""
        choose = self.random.choice
        made = self.name()
        self.put(indent, f"i{made} = {self.operand(names)}.detach().requires_grad_()")
        self.put(indent, self.filled(
            f"g{made} = torch.autograd.grad((block(i{made}) * p + $a).tanh().sum(), i{made}, "
            "create_graph=True)", names))  # fmt: skip
        penalty = self.filled(choose(PENALTIES), names, g="g" + made)
        self.put(indent, f"{made} = {penalty} + i{made}")
        self.put(indent, choose([f"{made}.sum().backward()", f"({made} ** 2).mean().backward()",
                                 f"{made} = {made}.detach()"]))  # fmt: skip
        self.put(indent, f"{made} = {made}.detach()")
        self.put(indent, f"if i{made}.grad is not None: {made} = {made} + i{made}.grad")
        names.append(made)

    def put_second(self, names: list[str], indent: int, depth: int) -> None:
        """Take a step of another optimizer."""
        choose = self.random.choice
        made = self.name()
        self.put(indent, self.filled(
            f"{made} = ((norm($a) + cell($b, memory['hidden'])) ** 2).mean()", names))  # fmt: skip
        if self.random.random() < 0.3:
            self.put(indent, f"for _ in range({choose(['n', '2'])}): "
                             f"{made}.backward(retain_graph=True)")  # fmt: skip
        self.put(indent, choose(["second.zero_grad()", "second.zero_grad(set_to_none=False)",
                                 "norm.zero_grad()", "pass"]))  # fmt: skip
        self.put(indent, f"{made}.backward()")
        self.put(indent, "second.step(lambda: 0.0)")

    def put_closure_step(self, names: list[str], indent: int, depth: int) -> None:
        """Let an optimizer call for its loss."""
        made = self.name()
        which = self.random.choice(["second", "optimizer"])
        self.put(indent, f"def c{made}():")
        self.put(indent + 1, f"{which}.zero_grad()")
        loss = self.filled("(cell(norm($a)) * p + block($b)).pow(2).mean()", names)
        self.put(indent + 1, f"loss = {loss}")
        self.put(indent + 1, "loss.backward()")
        self.put(indent + 1, "return loss")
        self.put(indent, f"{made} = {which}.step(c{made}).detach() + {self.operand(names)}")
        names.append(made)

    def put_frozen(self, names: list[str], indent: int, depth: int) -> None:
        """Do something while parameters are frozen, or a module is in the other mode."""
        before, after = self.random.choice([
            ("for one in block.parameters(): one.requires_grad_(False)",
             "for one in block.parameters(): one.requires_grad_(True)"),
            ("block.eval()", "block.train()"), ("norm.eval()", "norm.train()"),
            ("before = torch.is_grad_enabled(); torch.set_grad_enabled(False)",
             "torch.set_grad_enabled(before)"),
            ("before = torch.get_rng_state()", "torch.set_rng_state(before)"),
        ])  # fmt: skip
        made = self.name()
        self.put(indent, before)
        self.put(indent, f"{made} = {self.expression(names)}")
        names.append(made)
        self.put_value(names, indent, depth)
        self.put(indent, after)

    def put_looped(self, names: list[str], indent: int, depth: int) -> None:
        """Loop as often as tensors say, with state that goes round."""
        choose = self.random.choice
        made = self.name()
        self.put(indent, f"{made} = {self.operand(names)}")
        self.put(indent, f"all{made} = []")
        over = self.filled(choose([
            "for i in range(int($a.abs().sum().nan_to_num(0, 0, 0).clamp(max=4)))",
            "for i, row in enumerate($a)", "for i, row in zip(range(n), $a.unbind(0))",
            "for i in reversed(range(2))", "for i in torch.arange(n).tolist()",
            "for i, (row, flag) in enumerate(zip($a, mask.tolist()))",
            "for i in sorted({1, 2, n})", "for i in [int(k) for k in $a.argmax(1)]",
        ]), names)  # fmt: skip
        self.put(indent, f"{over}:")
        inside = self.inner([*names, made], indent + 1, depth + 2, 1)
        self.put(indent + 1, choose([
            f"{made} = cell({made}, {inside[-1]})", f"{made} = {made} * 0.5 + {inside[-1]} * i",
            f"{made} = torch.where({inside[-1]} > 0, {made}, {made} * 0.5)",
            f"{made} = ({made} @ q).tanh()", f"{made} = {made}.detach() * 0.9",
        ]))  # fmt: skip
        part = choose(["", ".sum()", ".detach()", "[0]"])
        self.put(indent + 1, f"all{made}.append({made}{part})")
        if self.random.random() < 0.3:
            self.put(indent + 1, self.filled(f"if {made}.sum() > $c: continue", names))
            self.put(indent + 1, f"{made} = {made} + 0.1")
        self.put(indent, f"if all{made}: {made} = {made} + torch.stack(all{made}).mean()")
        names.append(made)

    def put_restored(self, names: list[str], indent: int, depth: int) -> None:
        """Take a state, train on, and go back to it."""
        made = self.name()
        self.put(indent, f"s{made} = {{k: v.clone() for k, v in block.state_dict().items()}}")
        self.inner(names, indent, depth + 1)
        self.put(indent, f"{made} = block({self.operand(names)}).detach()")
        self.put(indent, f"block.load_state_dict(s{made})")
        names.append(made)

    def put_train(self, names: list[str], indent: int, depth: int) -> None:
        super().put_train(names, indent, depth)
        if self.random.random() < 0.3:
            after = ["average()", "scheduler.step()", "second.step(lambda: 0.0)"]
            self.put(indent, self.random.choice(after))
        if indent == 3 and depth == 0 and self.random.random() < 0.2:
            loss = f"({self.operand(names)} * p).mean()"
            form = self.filled(self.random.choice(PROGRESS), names, l=loss)
            self.put(indent, f"if n > 2: return {form}")


calls = wide.calls
