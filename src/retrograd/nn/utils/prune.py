"""Pruning: parameters whose less important elements are held at zero by a mask.

A pruned parameter ``weight`` is computed from ``weight_orig``, which is learned, and
``weight_mask``, a buffer, before each call.  Pruning it again multiplies the masks, in a
`PruningContainer`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np

from ...creation import ones_like, zeros_like
from ...linalg import norm, vector_norm
from ...ops.joining import cat
from ...random import rand, rand_like
from ...tensor import Tensor, wrap
from ..module import Module
from ..parameter import Parameter


class BasePruningMethod(ABC):
    """A way to choose what is pruned: subclasses define `compute_mask` and ``PRUNING_TYPE``.

    ``PRUNING_TYPE`` is "unstructured", "structured" or "global".
    """

    _tensor_name: str

    def __call__(self, module: Module, inputs: Any) -> None:
        """Put the masked tensor in its place: this is a forward pre-hook."""
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return a mask for scores `t`, zero where `default_mask` is, and elsewhere as chosen."""

    def apply_mask(self, module: Module) -> Tensor:
        """Return the original tensor times the mask."""
        name = self._tensor_name
        if name is None:
            raise AssertionError(f"Module {module} has to be pruned")
        mask = getattr(module, name + "_mask")
        original = getattr(module, name + "_orig")
        result: Tensor = mask.to(dtype=original.dtype) * original
        return result

    @classmethod
    def apply(
        cls, module: Module, name: str, *args: Any, importance_scores: Any = None, **kwargs: Any
    ) -> Any:
        """Prune a parameter, further if it is pruned already, and return the method."""
        method: Any = cls(*args, **kwargs)
        method._tensor_name = name
        before = _hook_of(module, name)
        if before is not None:
            key, hook = before
            del module._forward_pre_hooks[key]
            container = PruningContainer(hook)
            if isinstance(hook, PruningContainer):
                container = hook
            container.add_pruning_method(method)
            method = container
        parameter = getattr(module, name)
        scores = parameter if importance_scores is None else importance_scores
        if importance_scores is not None and scores.shape != parameter.shape:
            raise AssertionError(
                "importance_scores should have the same shape as parameter "
                f"{name} of {module}, got {scores.shape} vs {parameter.shape}"
            )
        if before is None:
            module.register_parameter(name + "_orig", _forget(module, name))
            default = ones_like(parameter.detach())
        else:
            default = getattr(module, name + "_mask").detach().clone()
        try:
            mask = method.compute_mask(scores.detach(), default_mask=default)
        except Exception:
            if before is None:
                module.register_parameter(name, _forget(module, name + "_orig"))
            raise
        module.register_buffer(name + "_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(
        self, t: Tensor, default_mask: Tensor | None = None, importance_scores: Any = None
    ) -> Tensor:
        """Return a tensor with what this method chooses set to zero."""
        scores = t if importance_scores is None else importance_scores
        if scores.shape != t.shape:
            raise AssertionError("importance_scores should have the same shape as tensor t")
        default = ones_like(t) if default_mask is None else default_mask
        result: Tensor = t * self.compute_mask(scores, default_mask=default)
        return result

    def remove(self, module: Module) -> None:
        """Make the masked value a parameter; the mask and the original go."""
        name = self._tensor_name
        if name is None:
            raise AssertionError(f"Module {module} has to be pruned before pruning can be removed")
        weight = self.apply_mask(module)
        if hasattr(module, name):
            delattr(module, name)
        original = module._parameters[name + "_orig"]
        original.data = weight.data
        del module._parameters[name + "_orig"]
        del module._buffers[name + "_mask"]
        setattr(module, name, original)


def _forget(module: Module, name: str) -> Parameter:
    parameter: Parameter = module._parameters[name]
    del module._parameters[name]
    return parameter


def _hook_of(module: Module, name: str) -> tuple[int, BasePruningMethod] | None:
    """Return the hook that prunes a parameter, and its key among the hooks."""
    found = [
        (key, hook)
        for key, hook in module._forward_pre_hooks.items()
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name
    ]
    if len(found) > 1:
        raise AssertionError(
            f"Avoid adding multiple pruning hooks to the same tensor {name} of module {module}. "
            "Use a PruningContainer."
        )
    return found[0] if found else None


class PruningContainer(BasePruningMethod):
    """Methods that prune one parameter one after the other."""

    def __init__(self, *args: Any) -> None:
        self._pruning_methods: tuple[BasePruningMethod, ...] = ()
        if not isinstance(args, Iterable):
            self._tensor_name = args._tensor_name
            self.add_pruning_method(args)
        elif len(args) == 1:
            self._tensor_name = args[0]._tensor_name
            self.add_pruning_method(args[0])
        else:
            for method in args:
                self.add_pruning_method(method)

    def add_pruning_method(self, method: Any) -> None:
        """Add a method for the same parameter."""
        if not isinstance(method, BasePruningMethod) and method is not None:
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method is not None and self._tensor_name != method._tensor_name:
            raise ValueError(
                "Can only add pruning methods acting on the parameter named "
                f"'{self._tensor_name}' to PruningContainer {self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Iterator[BasePruningMethod]:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: int) -> BasePruningMethod:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """Return the mask with what the newest method chooses among what is left."""
        method: Any = self._pruning_methods[-1]
        mask = default_mask.to(dtype=t.dtype)
        if method.PRUNING_TYPE == "unstructured":
            chosen: Any = mask.array == 1
        elif method.PRUNING_TYPE == "structured":
            if not hasattr(method, "dim"):
                raise AttributeError(
                    "Pruning methods of PRUNING_TYPE "
                    '"structured" need to have the attribute `dim` defined.'
                )
            dim = method.dim % t.dim()
            others = tuple([axis for axis in range(t.dim()) if axis != dim])
            left = np.add.reduce(mask.array, axis=others) != 0
            chosen = (slice(None),) * dim + (left,)
        elif method.PRUNING_TYPE == "global":
            chosen = tuple([slice(None)] * t.dim())
        else:
            raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
        index = wrap(chosen) if isinstance(chosen, np.ndarray) else tuple(
            [wrap(one) if isinstance(one, np.ndarray) else one for one in chosen]
        )
        part = method.compute_mask(t[index], default_mask=mask[index])
        new: Tensor = mask.clone()
        new[index] = part.to(dtype=mask.dtype)
        return new


class Identity(BasePruningMethod):
    """Prunes nothing, and makes the parameter a masked one."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        return default_mask

    @classmethod
    def apply(cls, module: Module, name: str) -> Any:  # type: ignore[override]
        """Mask a parameter with ones."""
        return super().apply(module, name)


# -- how much --------------------------------------------------------------------------------------


def _check_amount(amount: Any) -> None:
    """Raise unless `amount` is a share or a count."""
    if not isinstance(amount, Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    whole = isinstance(amount, Integral)
    if (whole and amount < 0) or (not whole and not 0.0 <= float(amount) <= 1.0):
        raise ValueError(
            f"amount={amount} should either be a float in the range [0, 1] or a non-negative "
            "integer"
        )


def _how_many(amount: Any, size: int) -> int:
    """Return a count for a share or count of `size` things."""
    if isinstance(amount, Integral):
        if amount > size:
            raise ValueError(
                f"amount={amount} should be smaller than the number of parameters to prune={size}"
            )
        return int(amount)
    return round(amount * size)


def _expect_structure(t: Tensor) -> None:
    if t.dim() <= 1:
        raise ValueError(
            "Structured pruning can only be applied to multidimensional tensors. Found tensor of "
            f"shape {t.shape} with {t.dim()} dims"
        )


def _check_dim(t: Tensor, dim: int) -> None:
    if dim >= t.dim():
        raise IndexError(f"Invalid index {dim} for tensor of size {t.shape}")


class RandomUnstructured(BasePruningMethod):
    """Prunes elements at random; `amount` is their share (float) or number (int)."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: float) -> None:
        _check_amount(amount)
        self.amount = amount

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        count = _how_many(self.amount, t.nelement())
        mask = default_mask.clone()
        if count:
            chances: Any = rand_like(t)
            mask.view(-1)[chances.view(-1).topk(count).indices] = 0
        return mask

    @classmethod
    def apply(cls, module: Module, name: str, amount: float) -> Any:  # type: ignore[override]
        """Prune a parameter."""
        return super().apply(module, name, amount=amount)


class L1Unstructured(BasePruningMethod):
    """Prunes the elements of least absolute value."""

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: float) -> None:
        _check_amount(amount)
        self.amount = amount

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        count = _how_many(self.amount, t.nelement())
        mask = default_mask.clone()
        if count:
            sizes = t.abs().reshape(-1)
            mask.view(-1)[sizes.topk(count, largest=False).indices] = 0
        return mask

    @classmethod
    def apply(  # type: ignore[override]
        cls, module: Module, name: str, amount: float, importance_scores: Any = None
    ) -> Any:
        """Prune a parameter, by other scores than its own values if given."""
        return super().apply(module, name, amount=amount, importance_scores=importance_scores)


class RandomStructured(BasePruningMethod):
    """Prunes slices along `dim` at random."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, dim: int = -1) -> None:
        _check_amount(amount)
        self.amount = amount
        self.dim = dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        _expect_structure(t)
        _check_dim(t, self.dim)
        size = t.shape[self.dim]
        count = _how_many(self.amount, size)
        if not count:
            return default_mask
        chances = rand(size)
        smallest: Any = chances.kthvalue(count).values
        return _kept_slices(default_mask, chances > smallest, self.dim)

    @classmethod
    def apply(  # type: ignore[override]
        cls, module: Module, name: str, amount: float, dim: int = -1
    ) -> Any:
        """Prune a parameter."""
        return super().apply(module, name, amount=amount, dim=dim)


def _kept_slices(mask: Tensor, kept: Tensor, dim: int) -> Tensor:
    """Return a mask with only some of its slices along `dim` left."""
    shape = [1] * mask.dim()
    shape[dim] = -1
    result: Tensor = mask * kept.to(mask.dtype).reshape(shape)
    return result


class LnStructured(BasePruningMethod):
    """Prunes the slices along `dim` of least norm of order `n`."""

    PRUNING_TYPE = "structured"

    def __init__(self, amount: float, n: Any, dim: int = -1) -> None:
        _check_amount(amount)
        self.amount = amount
        self.n = n
        self.dim = dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        _expect_structure(t)
        _check_dim(t, self.dim)
        count = _how_many(self.amount, t.shape[self.dim])
        if not count:
            return default_mask
        sizes = _slice_norms(t, self.n, self.dim)
        most = sizes.topk(sizes.numel() - count).indices
        kept = zeros_like(sizes)
        kept[most] = 1
        return _kept_slices(default_mask, kept, self.dim)

    @classmethod
    def apply(  # type: ignore[override]
        cls,
        module: Module,
        name: str,
        amount: float,
        n: Any,
        dim: int,
        importance_scores: Any = None,
    ) -> Any:
        """Prune a parameter, by other scores than its own values if given."""
        return super().apply(
            module, name, amount=amount, n=n, dim=dim, importance_scores=importance_scores
        )


def _slice_norms(t: Tensor, n: Any, dim: int) -> Any:
    """Return the norm of each slice along `dim`; words ("fro", "nuc") are norms of matrices."""
    others = [axis for axis in range(t.dim()) if axis != dim % t.dim()]
    if isinstance(n, str) and (n != "fro" or len(others) == 2):
        return norm(t, n, dim=tuple(others))
    return vector_norm(t, 2 if isinstance(n, str) else n, dim=tuple(others))


class CustomFromMask(BasePruningMethod):
    """Prunes by a mask that is given."""

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        if default_mask.shape != self.mask.shape:
            raise AssertionError(
                f"default_mask shape {default_mask.shape} must match self.mask shape "
                f"{self.mask.shape}"
            )
        result: Tensor = default_mask * self.mask.to(dtype=default_mask.dtype)
        return result

    @classmethod
    def apply(cls, module: Module, name: str, mask: Tensor) -> Any:  # type: ignore[override]
        """Prune a parameter."""
        return super().apply(module, name, mask=mask)


# -- functions -------------------------------------------------------------------------------------


def identity(module: Module, name: str) -> Module:
    """Mask a parameter with ones, and return the module."""
    Identity.apply(module, name)
    return module


def random_unstructured(module: Module, name: str, amount: float) -> Module:
    """Prune elements of a parameter at random, and return the module."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(
    module: Module, name: str, amount: float, importance_scores: Any = None
) -> Module:
    """Prune the elements of a parameter that have the least absolute values.

    Parameters
    ----------
    module : Module
    name : str
        The parameter, which becomes ``<name>_orig`` with a buffer ``<name>_mask``.
    amount : float or int
        The share or the number of elements to prune.
    importance_scores : Tensor, optional
        To go by instead of the values.

    Examples
    --------
    >>> import retrograd as torch
    >>> from retrograd.nn.utils import prune
    >>> layer = prune.l1_unstructured(torch.nn.Linear(4, 3), "weight", amount=0.5)
    >>> int((layer.weight == 0).sum())
    6
    """
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module: Module, name: str, amount: float, dim: int) -> Module:
    """Prune slices of a parameter along `dim` at random, and return the module."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(
    module: Module, name: str, amount: float, n: Any, dim: int, importance_scores: Any = None
) -> Module:
    """Prune the slices of a parameter along `dim` that have the least norms of order `n`."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def custom_from_mask(module: Module, name: str, mask: Tensor) -> Module:
    """Prune a parameter by a mask, and return the module."""
    CustomFromMask.apply(module, name, mask)
    return module


def global_unstructured(
    parameters: Any, pruning_method: Any, importance_scores: Any = None, **kwargs: Any
) -> None:
    """Prune several parameters together, by one comparison of all their elements.

    Parameters
    ----------
    parameters : iterable of (Module, str)
    pruning_method : type
        Of ``PRUNING_TYPE`` "unstructured".
    importance_scores : dict of (Module, str) to Tensor, optional
        To go by instead of the values.
    **kwargs
        The method's arguments.
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    scores = {} if importance_scores is None else importance_scores
    if not isinstance(scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    places = [(module, name) for module, name in parameters]
    relevant: Any = cat(
        [
            scores.get((module, name), getattr(module, name)).detach().reshape(-1)
            for module, name in places
        ]
    )
    default = cat(
        [
            getattr(module, name + "_mask", ones_like(getattr(module, name))).detach().reshape(-1)
            for module, name in places
        ]
    )
    container = PruningContainer()
    container._tensor_name = "temp"
    method = pruning_method(**kwargs)
    method._tensor_name = "temp"
    container.add_pruning_method(method)
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
            f"{pruning_method} of type {method.PRUNING_TYPE}"
        )
    final = container.compute_mask(relevant, default)
    start = 0
    for module, name in places:
        parameter = getattr(module, name)
        mask = final[start : start + parameter.numel()].view_as(parameter)
        custom_from_mask(module, name, mask=mask)
        start += parameter.numel()


def remove(module: Module, name: str) -> Module:
    """Make a pruned parameter an ordinary one, zeros and all."""
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(
        f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed"
    )


def is_pruned(module: Module) -> bool:
    """Say whether a module, or one inside it, has a pruned parameter."""
    return any(
        isinstance(hook, BasePruningMethod)
        for part in module.modules()
        for hook in part._forward_pre_hooks.values()
    )
