"""A weight as length and direction, recomputed before each call (the former, hook form)."""

from __future__ import annotations

import warnings
from typing import Any, TypeVar

from ...ops.norms import norm_except_dim, weight_of
from ..module import Module
from ..parameter import Parameter

M = TypeVar("M", bound=Module)


class WeightNorm:
    """The hook that computes a parameter from length ``<name>_g`` and direction ``<name>_v``."""

    def __init__(self, name: str, dim: int | None) -> None:
        self.name = name
        self.dim = -1 if dim is None else dim

    def compute_weight(self, module: Module) -> Any:
        """Return the weight of the module's present length and direction."""
        length = getattr(module, self.name + "_g")
        direction = getattr(module, self.name + "_v")
        return weight_of(direction, length, self.dim)

    @staticmethod
    def apply(module: Module, name: str, dim: int | None) -> WeightNorm:
        """Take a parameter apart and register the hook."""
        for hook in module._forward_pre_hooks.values():
            if isinstance(hook, WeightNorm) and hook.name == name:
                raise RuntimeError(
                    f"Cannot register two weight_norm hooks on the same parameter {name}"
                )
        made = WeightNorm(name, dim)
        weight = getattr(module, name)
        del module._parameters[name]
        length = norm_except_dim(weight, 2, made.dim)
        module.register_parameter(name + "_g", Parameter(length.detach()))
        module.register_parameter(name + "_v", Parameter(weight.detach()))
        setattr(module, name, made.compute_weight(module))
        module.register_forward_pre_hook(made)
        return made

    def remove(self, module: Module) -> None:
        """Put the present weight back as a parameter."""
        weight = self.compute_weight(module)
        delattr(module, self.name)
        del module._parameters[self.name + "_g"]
        del module._parameters[self.name + "_v"]
        setattr(module, self.name, Parameter(weight.detach()))

    def __call__(self, module: Module, inputs: Any) -> None:
        setattr(module, self.name, self.compute_weight(module))


def weight_norm(module: M, name: str = "weight", dim: int | None = 0) -> M:
    """Take a parameter apart into length and direction (Salimans and Kingma, 2016).

    Parameters
    ----------
    module : Module
    name : str
    dim : int, optional
        The dimension whose slices have a length each; None for one length of all.

    Returns
    -------
    Module
        The module, with parameters ``<name>_g`` and ``<name>_v``.
    """
    warnings.warn(
        "`torch.nn.utils.weight_norm` is deprecated in favor of "
        "`torch.nn.utils.parametrizations.weight_norm`.",
        FutureWarning,
        stacklevel=2,
    )
    WeightNorm.apply(module, name, dim)
    return module


def remove_weight_norm(module: M, name: str = "weight") -> M:
    """Make the parameter one again."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, WeightNorm) and hook.name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(f"weight_norm of '{name}' not found in {module}")
