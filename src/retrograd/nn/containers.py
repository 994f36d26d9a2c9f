"""Modules that hold modules: Sequential, ModuleList, ModuleDict."""

from __future__ import annotations

import operator
from collections import OrderedDict
from collections.abc import ItemsView, Iterable, Iterator, KeysView, Mapping, ValuesView
from typing import Any

from .module import Module


def place(index: Any, size: int) -> int:
    """Return an index as a place between 0 and `size`; negative ones count from the end."""
    index = operator.index(index)
    if not -size <= index < size:
        raise IndexError(f"index {index} is out of range")
    return index + size if index < 0 else index


class Sequential(Module):
    """Modules called one after the other, each on the result of the last.

    Parameters
    ----------
    *args : Module, or one OrderedDict of modules
        Given in a dictionary they are named by its keys, else by their numbers.

    Examples
    --------
    >>> from retrograd import nn
    >>> nn.Sequential(nn.Linear(2, 3), nn.ReLU())
    Sequential(
      (0): Linear(in_features=2, out_features=3, bias=True)
      (1): ReLU()
    )
    """

    def __init__(self, *args: Any) -> None:
        super().__init__()
        named: Iterable[tuple[str, Any]]
        if len(args) == 1 and isinstance(args[0], Mapping) and type(args[0]) is not dict:
            named = args[0].items()
        else:
            named = [(str(number), module) for number, module in enumerate(args)]
        for name, module in named:
            self.add_module(name, module)

    def forward(self, input: Any) -> Any:
        for module in self._modules.values():
            input = module(input)
        return input

    def _name_at(self, index: Any) -> str:
        return list(self._modules)[place(index, len(self))]

    def _rename(self, modules: Iterable[Any]) -> None:
        """Hold just these modules, named by their numbers."""
        modules = list(modules)
        self._modules.clear()
        for number, module in enumerate(modules):
            self._modules[str(number)] = module

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self.__class__(OrderedDict(list(self._modules.items())[index]))
        return self._modules[self._name_at(index)]

    def __setitem__(self, index: Any, module: Module) -> None:
        setattr(self, self._name_at(index), module)

    def __delitem__(self, index: Any) -> None:
        if isinstance(index, slice):
            for name in list(self._modules)[index]:
                delattr(self, name)
        else:
            delattr(self, self._name_at(index))
        self._rename(self._modules.values())

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __add__(self, other: Any) -> Sequential:
        result = Sequential()
        for module in [*self, *_modules_of(other)]:
            result.append(module)
        return result

    def __iadd__(self, other: Any) -> Sequential:
        for module in _modules_of(other):
            self.append(module)
        return self

    def __mul__(self, other: int) -> Sequential:
        self._check_factor(other)
        result = Sequential()
        for module in list(self) * other:
            result.append(module)
        return result

    def __rmul__(self, other: int) -> Sequential:
        return self * other

    def __imul__(self, other: int) -> Sequential:
        self._check_factor(other)
        for module in list(self) * (other - 1):
            self.append(module)
        return self

    def _check_factor(self, factor: Any) -> None:
        if not isinstance(factor, int):
            raise TypeError(f"unsupported operand type(s) for *: {type(self)} and {type(factor)}")
        if factor <= 0:
            raise ValueError(f"Non-positive multiplication factor {factor} for {type(self)}")

    def append(self, module: Module) -> Sequential:
        """Put a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, sequential: Iterable[Module]) -> Sequential:
        """Put modules at the end."""
        for module in list(sequential):
            self.append(module)
        return self

    def insert(self, index: int, module: Module) -> Sequential:
        """Put a module before the one at `index`."""
        if not isinstance(module, Module):
            raise AssertionError(f"module should be of type: {Module}")
        size = len(self)
        if not -size <= index <= size:
            raise IndexError(f"Index out of range: {index}")
        modules = list(self)
        modules.insert(index, module)
        self._rename(modules)
        return self

    def pop(self, key: Any) -> Any:
        """Remove and return the module at `key`."""
        found = self[key]
        del self[key]
        return found


def _modules_of(other: Any) -> list[Any]:
    if not isinstance(other, Sequential):
        raise ValueError(
            f"add operator supports only objects of Sequential class, but {type(other)} is given."
        )
    return list(other)


class ModuleList(Module):
    """A list of modules that are registered as children.

    Examples
    --------
    >>> from retrograd import nn
    >>> nn.ModuleList([nn.ReLU(), nn.ReLU(), nn.Tanh()])
    ModuleList(
      (0-1): 2 x ReLU()
      (2): Tanh()
    )
    """

    def __init__(self, modules: Iterable[Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self += modules

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            return self.__class__(list(self)[index])
        return self._modules[str(place(index, len(self)))]

    def __setitem__(self, index: int, module: Module) -> None:
        setattr(self, str(place(index, len(self))), module)

    def __delitem__(self, index: Any) -> None:
        modules = list(self)
        if isinstance(index, slice):
            del modules[index]
        else:
            del modules[place(index, len(self))]
        self._replace(modules)

    def _replace(self, modules: list[Any]) -> None:
        self._modules.clear()
        for number, module in enumerate(modules):
            self._modules[str(number)] = module

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._modules.values())

    def __iadd__(self, modules: Iterable[Module]) -> ModuleList:
        return self.extend(modules)

    def __add__(self, other: Iterable[Module]) -> ModuleList:
        combined = ModuleList()
        for number, module in enumerate([*self, *other]):
            combined.add_module(str(number), module)
        return combined

    def append(self, module: Module) -> ModuleList:
        """Put a module at the end."""
        self.add_module(str(len(self)), module)
        return self

    def extend(self, modules: Iterable[Module]) -> ModuleList:
        """Put modules at the end."""
        if not isinstance(modules, Iterable):
            raise TypeError(
                "ModuleList.extend should be called with an iterable, but got "
                + type(modules).__name__
            )
        for number, module in enumerate(list(modules), start=len(self)):
            self.add_module(str(number), module)
        return self

    def insert(self, index: int, module: Module) -> None:
        """Put a module before the one at `index`."""
        modules = list(self)
        modules.insert(index, module)
        self._replace(modules)

    def pop(self, key: Any) -> Any:
        """Remove and return the module at `key`."""
        found = self[key]
        del self[key]
        return found

    def __repr__(self) -> str:
        texts = [repr(module) for module in self]
        if not texts:
            return f"{self._get_name()}()"
        # Runs of modules that print alike are printed once.
        runs: list[list[Any]] = []
        for number, text in enumerate(texts):
            if runs and runs[-1][2] == text:
                runs[-1][1] = number
            else:
                runs.append([number, number, text])
        lines = []
        for first, last, text in runs:
            label = f"({first}): {text}"
            if first != last:
                label = f"({first}-{last}): {last - first + 1} x {text}"
            lines.append(label.replace("\n", "\n  "))
        inside = "\n  ".join(lines)
        return f"{self._get_name()}(\n  {inside}\n)"


class ModuleDict(Module):
    """A dictionary of modules that are registered as children."""

    def __init__(self, modules: Mapping[str, Module] | None = None) -> None:
        super().__init__()
        if modules is not None:
            self.update(modules)

    def __getitem__(self, key: str) -> Any:
        return self._modules[key]

    def __setitem__(self, key: str, module: Module) -> None:
        self.add_module(key, module)

    def __delitem__(self, key: str) -> None:
        del self._modules[key]

    def __len__(self) -> int:
        return len(self._modules)

    def __iter__(self) -> Iterator[str]:
        return iter(self._modules)

    def __contains__(self, key: object) -> bool:
        return key in self._modules

    def clear(self) -> None:
        """Remove every module."""
        self._modules.clear()

    def pop(self, key: str) -> Any:
        """Remove and return a module."""
        found = self[key]
        del self[key]
        return found

    def keys(self) -> KeysView[str]:
        """Return the names."""
        return self._modules.keys()

    def items(self) -> ItemsView[str, Any]:
        """Return the pairs of name and module."""
        return self._modules.items()

    def values(self) -> ValuesView[Any]:
        """Return the modules."""
        return self._modules.values()

    def update(self, modules: Any) -> None:
        """Put in the modules of a mapping, or of an iterable of pairs."""
        for name, module in pairs_of("ModuleDict", "ModuleDict", modules):
            self[name] = module


def pairs_of(name: str, spelled: str, entries: Any) -> list[tuple[str, Any]]:
    """Return the (key, value) pairs of a mapping or an iterable of pairs."""
    if not isinstance(entries, Iterable):
        raise TypeError(
            f"{spelled}.update should be called with an iterable of key/value pairs, but got "
            + type(entries).__name__
        )
    if hasattr(entries, "keys") and hasattr(entries, "items"):
        return list(entries.items())
    pairs = []
    for number, entry in enumerate(entries):
        if not isinstance(entry, Iterable):
            raise TypeError(
                f"{name} update sequence element #{number} should be Iterable; is"
                + type(entry).__name__
            )
        pair: Any = tuple(entry)
        if len(pair) != 2:
            raise ValueError(
                f"{name} update sequence element #{number} has length {len(pair)}; 2 is required"
            )
        pairs.append(pair)
    return pairs
