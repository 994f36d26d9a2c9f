"""Modules, compiled."""

from __future__ import annotations

from typing import Any

from ..nn.module import Module
from .function import CompiledFunction


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
        self.training = module.training

    def train(self, mode: bool = True) -> Any:
        self._orig_mod.train(mode)
        return super().train(mode)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self._modules["_orig_mod"], name)

    def __len__(self) -> int:
        return len(self._orig_mod)
