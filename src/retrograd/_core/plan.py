"""What a set of rules needs saved, worked out once from the rules' own parameter names."""

from __future__ import annotations

from typing import Any, Final

# What one entry of a node's saved tuple is.
ARRAY: Final = 0  # the array of operand `position`
RESULT: Final = 1  # the result
SHAPE: Final = 2  # the shape of operand `position`
DTYPE: Final = 3  # the NumPy dtype of operand `position`
SETTING: Final = 4  # the keyword setting `name`
OUT_SHAPE: Final = 5  # the shape of the result
NEEDS: Final = 6  # which operands need a gradient, as a tuple of bools


class Need:
    """One thing a rule asks for by a parameter name."""

    def __init__(self, name: str, kind: int, position: int) -> None:
        self.name = name
        self.kind = kind
        self.position = position


class Rule:
    """One derivative rule: which operands it serves and what it needs."""

    def __init__(
        self, function: Any, targets: tuple[int, ...], needs: list[Need], separate: bool
    ) -> None:
        self.function = function
        self.targets = targets  # operand positions
        self.needs = needs
        self.separate = separate  # returns one gradient for each target, not one for all


class RuleCall:
    """A rule made ready for one mask of operands that need a gradient."""

    def __init__(
        self, function: Any, targets: tuple[int, ...], sources: tuple[int, ...], separate: bool
    ) -> None:
        self.function = function
        self.targets = targets  # the operands served, as positions; all of them when separate
        self.sources = sources  # indices into the saved tuple
        self.arity: int = len(sources)
        self.source: int = sources[0] if sources else 0
        self.first: int = targets[0]
        self.only: bool = len(targets) == 1 and not separate
        self.separate = separate


class Plan:
    """How to run an op's rules for one mask of operands that need a gradient.

    Attributes
    ----------
    name : str
        The node's name, ``MulBackward0``.
    saves : list of Need
        What the node saves, in order.
    calls : list of RuleCall
        The rules to run at backward.
    """

    def __init__(self, name: str, operands: int, mask: int, rules: list[Rule]) -> None:
        self.name = name
        self.operands = operands
        self.mask = mask
        self.saves: list[Need] = []
        self.calls: list[RuleCall] = []
        self.saves_arrays: bool = False
        # The common case of the specialised gates: nothing but these arrays is saved.
        self.plain: bool = True
        self.save_x: bool = False
        self.save_y: bool = False
        self.save_out: bool = False
        for rule in rules:
            self._add(rule)
        self._find_plain()
        self.only_call: RuleCall | None = self.calls[0] if len(self.calls) == 1 else None

    def _add(self, rule: Rule) -> None:
        wanted = [t for t in rule.targets if t >= self.operands or self.mask >> t & 1]
        if not wanted:
            return
        sources = tuple([self._slot(need) for need in rule.needs])
        targets = rule.targets if rule.separate else tuple(wanted)
        self.calls.append(RuleCall(rule.function, targets, sources, rule.separate))

    def _slot(self, need: Need) -> int:
        for number, have in enumerate(self.saves):
            if have.kind == need.kind and have.name == need.name:
                return number
        self.saves.append(need)
        if need.kind == ARRAY or need.kind == RESULT:
            self.saves_arrays = True
        return len(self.saves) - 1

    def _find_plain(self) -> None:
        # Plain plans save in the order x, y, out; put the entries so and renumber the sources.
        if any(need.kind > RESULT or need.position > 1 for need in self.saves):
            self.plain = False
            return
        order = sorted(
            range(len(self.saves)),
            key=lambda n: 2 if self.saves[n].kind == RESULT else self.saves[n].position,
        )
        renumber = {old: new for new, old in enumerate(order)}
        self.saves = [self.saves[n] for n in order]
        for call in self.calls:
            call.sources = tuple([renumber[s] for s in call.sources])
            call.source = call.sources[0] if call.sources else 0
        for need in self.saves:
            if need.kind == RESULT:
                self.save_out = True
            elif need.position == 0:
                self.save_x = True
            else:
                self.save_y = True
