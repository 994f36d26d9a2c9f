"""Modules, compiled."""

from __future__ import annotations

from typing import Any

from ..nn.module import Module
from .function import CompiledFunction

OWN = frozenset(("_orig_mod", "forward", "_compiled_call_impl"))


class OptimizedModule(Module):
    """A module whose call is compiled; parameters, names and modes are the module's own.

    Parameters
    ----------
    module : Module
        Kept as ``_orig_mod``, which prefixes the names in the `state_dict`, as in PyTorch.
    fullgraph, fuses, eager : optional
        As in `CompiledFunction`.
    """

    def __init__(
        self, module: Module, fullgraph: bool = False, fuses: str = "", eager: str = ""
    ) -> None:
        super().__init__()
        self._orig_mod = module
        self.forward = CompiledFunction(module, fullgraph, fuses, eager)

    @property
    def training(self) -> bool:  # type: ignore[override]
        return bool(self._orig_mod.training)

    def train(self, mode: bool = True) -> Any:
        self._orig_mod.train(mode)
        return self

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self._modules["_orig_mod"], name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "training":
            self._orig_mod.training = value
        elif name in OWN or "_orig_mod" not in self.__dict__.get("_modules", ()):
            super().__setattr__(name, value)
        else:  # what the module's own `forward` reads
            setattr(self._orig_mod, name, value)

    def __delattr__(self, name: str) -> None:
        if name in OWN or name in self.__dict__:
            super().__delattr__(name)
        else:
            delattr(self._orig_mod, name)

    def __dir__(self) -> list[str]:
        return sorted({*dir(self._orig_mod), *super().__dir__()})

    def __len__(self) -> int:
        return len(self._orig_mod)
