"""Wide programs: modules, hooks, errors, Python state and odd tensors, for compile.

A program is source text whose ``make(torch)`` returns a step, what happens between its calls, and
the state to compare.  It is made from a seed, so a failure is repeated by its number.
"""

from __future__ import annotations

import random

import numpy as np

from . import wide_tables as tables

SPICE = ["effect", "error", "hook", "attribute", "inplace_leaf", "argument"]


class Wide:
    """Writes one program."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.lines: list[str] = []
        self.fresh = 0
        choose = self.random.choice
        self.second = choose(tables.SECOND)
        # What makes programs run eagerly, or raise, is in some of them only.
        self.spice = [one for one in SPICE if self.random.random() < 0.12]
        names = ["x", "p", "buffer"]
        for _ in range(self.random.randint(3, 9)):
            self.statement(names, 3, 0)
        if self.random.random() < 0.7:
            self.train(names, 3)
        if self.random.random() < 0.3:
            self.statement(names, 3, 0)
        self.put(3, "return " + self.filled(choose(tables.RESULTS), names))
        between = [f"        if k % {self.random.randint(1, 4)} == 0: {choose(tables.BETWEEN)}"
                   for _ in range(self.random.choice([0, 0, 1, 1, 2, 3]))]  # fmt: skip
        head = tables.HEAD % {
            "seed": seed, "layer": choose(tables.LAYERS), "second": self.second,
            "optimizer": choose(tables.OPTIMIZERS), "scheduler": choose(tables.SCHEDULERS),
        }  # fmt: skip
        tail = tables.TAIL % {"between": "\n".join(between) or "        pass"}
        self.source = head + "\n".join("    " + one for one in self.lines) + tail

    def put(self, indent: int, line: str) -> None:
        self.lines.append("    " * (indent - 1) + line)

    def name(self) -> str:
        self.fresh += 1
        return f"v{self.fresh}"

    def operand(self, names: list[str], depth: int = 0) -> str:
        """Return the name of a tensor, or an expression in its place."""
        if depth < 2 and self.random.random() < 0.2:
            return f"({self.expression(names, depth + 1)})"
        # Later ones are likelier, so that programs hang together.
        return self.random.choice(names[-4:] if self.random.random() < 0.6 else names)

    def filled(self, text: str, names: list[str], depth: int = 1, **more: str) -> str:
        for mark, value in more.items():
            text = text.replace("$" + mark, value)
        while "$a" in text or "$b" in text:
            mark = "$a" if "$a" in text else "$b"
            text = text.replace(mark, self.operand(names, depth))
        return text.replace("$c", f"{self.random.uniform(-1.5, 1.5):.2f}").replace("$y", "y")

    def expression(self, names: list[str], depth: int = 0) -> str:
        choose = self.random.choice
        kind = self.random.random()
        if kind < 0.06:
            use = next((v for k, v in tables.USES.items() if k in self.second), "other($a)")
            return self.filled(use, names, depth)
        if kind < 0.5:
            return self.filled(choose(tables.UNARY), names, depth)
        if kind < 0.82:
            return self.filled(choose(tables.BINARY), names, depth)
        return self.filled(choose(tables.DRAWS), names, depth)

    def statement(self, names: list[str], indent: int, depth: int) -> None:
        kinds = ["plain"] * 9 + ["write"] * 3 + ["number", "number", "gather", "no_grad", "update"]
        kinds += ["view", "object", "closure", *self.spice]
        if depth < 3:
            kinds += ["if", "if", "while", "for", "train", "grad", "caught", "rows"]
        getattr(self, "put_" + self.random.choice(kinds))(names, indent, depth)

    def inner(self, names: list[str], indent: int, depth: int, most: int = 2) -> list[str]:
        inside = list(names)
        for _ in range(self.random.randint(1, most)):
            self.statement(inside, indent, depth)
        return inside

    # -- statements -------------------------------------------------------------------------------

    def put_plain(self, names: list[str], indent: int, depth: int) -> None:
        made = self.name()
        self.put(indent, f"{made} = {self.expression(names)}")
        names.append(made)

    def put_write(self, names: list[str], indent: int, depth: int) -> None:
        made = self.name()
        self.put(indent, f"{made} = {self.operand(names, 2)}.clone()")
        for _ in range(self.random.randint(1, 2)):
            self.put(indent, self.filled(self.random.choice(tables.WRITES), names, 2, v=made))
        names.append(made)

    def put_view(self, names: list[str], indent: int, depth: int) -> None:
        choose = self.random.choice
        made, base = self.name(), self.name()
        self.put(indent, f"{base} = {self.operand(names)} * 1.5")
        view = choose(tables.VIEWS)
        more = choose(["", "[0]", ".unsqueeze(0)", ".flip(0)", "[..., :1]"])
        self.put(indent, f"{made} = {base}{view}{more}")
        write = choose(tables.VIEW_WRITES)
        self.put(indent, write.replace("$v", made).replace("$w", base))
        self.put(indent, f"{base} = {base} + {made}.sum()")
        names.append(base)

    def put_number(self, names: list[str], indent: int, depth: int) -> None:
        made = self.name()
        look = self.random.choice([".mean().item()", ".sum().tolist()", "[0, 0].item()",
                                   ".max().nan_to_num(0, 0, 0).item()"])  # fmt: skip
        self.put(indent, f"r{made} = {self.operand(names)}{look}")
        form = self.random.choice(tables.NUMBERS).replace("rX", "r" + made)
        self.put(indent, f"{made} = {self.filled(form, names)}")
        names.append(made)

    def put_gather(self, names: list[str], indent: int, depth: int) -> None:
        made = self.name()
        form = self.random.choice(tables.GATHERS)
        self.put(indent, f"{made} = {self.filled(form, names)}")
        names.append(made)

    def put_object(self, names: list[str], indent: int, depth: int) -> None:
        made = self.name()
        self.put(indent, f"o{made} = Counter()")
        self.put(indent, f"for i in range({self.random.choice(['2', 'n'])}):")
        self.put(indent + 1, f"o{made}.add({self.filled('$a', names)} * i).extra = i")
        self.put(indent, f"{made} = torch.stack(o{made}.seen).sum(0) + o{made}.total")
        names.append(made)

    def put_closure(self, names: list[str], indent: int, depth: int) -> None:
        made = self.name()
        self.put(indent, f"def f{made}(t, k=n):")
        condition = self.random.choice(tables.CONDITIONS)
        self.put(indent + 1, f"if {self.filled(condition, [*names, 't'])}:")
        self.put(indent + 2, "return t * k")
        self.put(indent + 1, f"return t + {self.filled('$a', names)}")
        self.put(indent, f"{made} = f{made}({self.filled('$a', names)})")
        names.append(made)

    def put_no_grad(self, names: list[str], indent: int, depth: int) -> None:
        made = self.name()
        self.put(indent, f"with {self.random.choice(tables.SCOPES)}:")
        self.put(indent + 1, f"{made} = {self.expression(names)}")
        names.append(made)

    def put_update(self, names: list[str], indent: int, depth: int) -> None:
        self.put(indent, self.filled(self.random.choice(tables.UPDATES), names))

    def put_if(self, names: list[str], indent: int, depth: int) -> None:
        choose = self.random.choice
        made = self.name()
        self.put(indent, f"if {self.filled(choose(tables.CONDITIONS), names)}:")
        self.put(indent + 1, f"{made} = {self.inner(names, indent + 1, depth + 1)[-1]}")
        if self.random.random() < 0.3:
            self.put(indent, f"elif {self.filled(choose(tables.CONDITIONS), names)}:")
            self.put(indent + 1, f"{made} = {self.inner(names, indent + 1, depth + 1)[-1]}")
        self.put(indent, "else:")
        inside = self.inner(names, indent + 1, depth + 1) if self.random.random() < 0.5 else names
        self.put(indent + 1, f"{made} = {choose(inside)}")
        names.append(made)

    def put_while(self, names: list[str], indent: int, depth: int) -> None:
        made = self.name()
        limit = self.filled(self.random.choice([
            "$v.abs().sum() > 6", "$v.abs().max().item() > 1.0", "float($v.norm()) > 2",
            "not ($v.abs() < 1).all()",
        ]), names, v=made)  # fmt: skip
        self.put(indent, f"{made} = {self.operand(names)} * 2")
        self.put(indent, f"k{made} = 0")
        self.put(indent, f"while k{made} < 5 and {limit}:")
        self.inner([*names, made], indent + 1, depth + 2, 1)
        self.put(indent + 1, f"{made} = {made} * 0.5")
        self.put(indent + 1, f"k{made} += 1")
        if self.random.random() < 0.3:
            self.put(indent + 1, f"if {made}.sum() < 0: break")
        names.append(made)

    def put_for(self, names: list[str], indent: int, depth: int) -> None:
        made = self.name()
        over = self.random.choice(tables.LOOPS)
        self.put(indent, f"{made} = {self.operand(names)}")
        self.put(indent, f"for {over}:")
        inside = self.inner([*names, made], indent + 1, depth + 2, 1)
        self.put(indent + 1, f"{made} = {made} * 0.5 + {inside[-1]} * 0.1")
        names.append(made)

    def put_rows(self, names: list[str], indent: int, depth: int) -> None:
        made = self.name()
        self.put(indent, f"h{made} = torch.zeros(4)")
        self.put(indent, f"for row in {self.operand(names)}:")
        self.put(indent + 1, f"if row.sum() < {self.random.uniform(-2, 1):.2f}: break")
        self.put(indent + 1, f"h{made} = (row @ q + h{made}).tanh()")
        self.put(indent, f"{made} = h{made} + {self.operand(names)}")
        names.append(made)

    def put_caught(self, names: list[str], indent: int, depth: int) -> None:
        made = self.name()
        self.put(indent, "try:")
        self.put(indent + 1, f"{made} = {self.expression(names)}")
        self.put(indent + 1, self.filled(self.random.choice(tables.ERRORS), names))
        self.put(indent, "except (RuntimeError, IndexError, ValueError, AssertionError) as error:")
        self.put(indent + 1, f"{made} = {self.operand(names)} * (2 + ('index' in str(error)))")
        names.append(made)

    def put_grad(self, names: list[str], indent: int, depth: int) -> None:
        choose = self.random.choice
        made = self.name()
        loss = self.filled("($a * p).sum() + ($b @ q).tanh().mean() + (w * w).sum()", names)
        extra = choose(["", ", create_graph=True", ", create_graph=True", ", retain_graph=True"])
        what = choose(["[p, q]", "[p, q, w]", "(p,)", "[p, q]"])
        self.put(indent, f"g{made} = torch.autograd.grad({loss}, {what}{extra})")
        self.put(indent, f"{made} = g{made}[0] * 0.1")
        if "create" in extra and self.random.random() < 0.5:
            square = f"(g{made}[0] ** 2).sum()"
            kept = "allow_unused=True, materialize_grads=True"
            again = f"{made} = {made} + torch.autograd.grad({square}, p, {kept})[0]"
            self.put(indent, choose([f"{square}.backward()", again]))
        names.append(made)

    def put_train(self, names: list[str], indent: int, depth: int) -> None:
        self.train(names, indent)

    def train(self, names: list[str], indent: int) -> None:
        choose = self.random.choice
        made = self.name()
        loss = choose(tables.LOSSES)
        self.put(indent, f"{made} = {self.filled(loss, names)}")
        before = choose([
            "", "optimizer.zero_grad()", "p.grad = None", "optimizer.zero_grad(set_to_none=False)",
            "block.zero_grad()", "optimizer.zero_grad()",
        ])  # fmt: skip
        if before:
            self.put(indent, before)
        if self.random.random() < 0.15:
            self.put(indent, f"{made}.retain_grad()")
        kind = self.random.random()
        if kind < 0.2:
            self.put(indent, f"{made}.backward(retain_graph=True)")
        if kind < 0.08:
            self.put(indent, f"{made}.backward(torch.tensor(0.5), retain_graph=True)")
        if kind < 0.85:
            self.put(indent, f"{made}.backward()")
        else:
            self.put(indent, choose([
                f"torch.autograd.backward([{made}, {made} * 2])",
                f"{made}.backward(inputs=[p, q])", f"({made} * 0.1).backward()",
            ]))  # fmt: skip
        if self.random.random() < 0.3:
            self.put(indent, choose(tables.CLIPS))
        if self.random.random() < 0.75:
            self.put(indent, "optimizer.step()")

    # -- what only some programs have -------------------------------------------------------------

    def put_effect(self, names: list[str], indent: int, depth: int) -> None:
        self.put(indent, self.filled(self.random.choice(tables.EFFECTS), names))

    def put_error(self, names: list[str], indent: int, depth: int) -> None:
        self.put(indent, self.filled(self.random.choice(tables.ERRORS), names))

    def put_hook(self, names: list[str], indent: int, depth: int) -> None:
        made = self.name()
        self.put(indent, f"{made} = {self.operand(names)} * p")
        self.put(indent, self.random.choice(tables.HOOKS).replace("$v", made))
        names.append(made)

    def put_attribute(self, names: list[str], indent: int, depth: int) -> None:
        made = self.name()
        self.put(indent, f"{made} = torch.zeros(3, 4, requires_grad=True)")
        self.put(indent, f"({made} * {self.operand(names)}).sum().backward()")
        self.put(indent, f"{made} = {made}.grad * 0.1")
        names.append(made)

    def put_inplace_leaf(self, names: list[str], indent: int, depth: int) -> None:
        self.put(indent, self.filled(self.random.choice(tables.LEAF_WRITES), names))

    def put_argument(self, names: list[str], indent: int, depth: int) -> None:
        self.put(indent, self.filled(self.random.choice(tables.ARGUMENT_WRITES), names))


def calls(seed: int, torch) -> list[tuple[tuple, dict]]:
    """Return the arguments of each call: other values, now and then other kinds."""
    draw = np.random.default_rng(seed)
    chance = random.Random(seed)
    kind = chance.choice(["plain", "plain", "leaf", "node", "view", "strided", "mixed"])
    odd = chance.choice(["row", "row", "scalar", "empty", "wide", "bool", "mixed"])
    found: list[tuple[tuple, dict]] = []
    for number, scale in enumerate([1.0, 1.0, -1.0, 0.2, 3.0, 1.0, 0.0]):
        array = (draw.standard_normal((3, 4)) * scale).astype(np.float32)
        how = chance.choice(["plain", "leaf", "node", "strided"]) if kind == "mixed" else kind
        x = torch.tensor(array)
        if how == "strided":
            x = torch.tensor(np.ascontiguousarray(array.T)).t()
        elif how == "view":
            x = torch.tensor(np.stack([array, array]))[1]
        elif how != "plain":
            x.requires_grad_(True)
        if how == "node":
            x = x * 1
        which = chance.choice(["row", "scalar", "empty", "wide", "bool"]) if odd == "mixed" else odd
        y = torch.tensor({
            "row": draw.standard_normal(4).astype(np.float32), "scalar": np.float32(scale),
            "empty": np.zeros((0, 2), np.float32), "wide": draw.standard_normal((2, 3)),
            "bool": draw.random(5) > 0.5,
        }[which])  # fmt: skip
        settings = {"flag": False} if seed % 5 == 0 and number % 3 == 0 else {}
        if seed % 7 == 0 and number == 4:
            settings["extra"] = "more"
        found.append(((x, y, 2 + (number == 4)), settings))
    return found
