"""Lazy modules: layers that learn the size of their input from the first one they see."""

from __future__ import annotations

from typing import Any

from .module import Module
from .parameter import is_lazy


class LazyModuleMixin:
    """Base, before the ordinary module, of one that sets its parameters up in its first call.

    A subclass makes an `UninitializedParameter` or `UninitializedBuffer` of what it cannot know
    yet, defines `initialize_parameters` with the arguments of `forward`, and names in
    `cls_to_become` the class that it is from then on.

    Loading a state_dict gives the members their shapes too; the class changes in the first call
    after that.

    Examples
    --------
    >>> import retrograd as torch
    >>> layer = torch.nn.LazyLinear(3)
    >>> layer
    LazyLinear(in_features=0, out_features=3, bias=True)
    >>> layer(torch.ones(2, 4)).shape
    torch.Size([2, 3])
    >>> layer
    Linear(in_features=4, out_features=3, bias=True)
    """

    cls_to_become: type[Module] | None = None
    _parameters: dict[str, Any]
    _buffers: dict[str, Any]
    _non_persistent_buffers_set: set[str]

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._load_hook = self._register_load_state_dict_pre_hook(self._lazy_load_hook)
        self._initialize_hook = self.register_forward_pre_hook(
            self._infer_parameters, with_kwargs=True
        )

    def initialize_parameters(self: Any, *args: Any, **kwargs: Any) -> None:
        """Give the uninitialized members their shapes and values.  Subclasses define it.

        It gets the arguments of the first call.
        """
        raise NotImplementedError(
            f"initialize_parameters is not implemented for {self.__class__.__name__}"
        )

    def has_uninitialized_params(self) -> bool:
        """Say whether some parameter or buffer of this module has no shape yet."""
        members = (*self._parameters.values(), *self._buffers.values())
        return any(is_lazy(member) for member in members)

    def _infer_parameters(self: Any, module: Any, args: Any, kwargs: Any = None) -> None:
        """Initialize before the first call, and become the ordinary module."""
        module.initialize_parameters(*args, **(kwargs or {}))
        if module.has_uninitialized_params():
            raise RuntimeError(f"module {self._get_name()} has not been fully initialized")
        module._initialize_hook.remove()
        module._load_hook.remove()
        del module._initialize_hook, module._load_hook
        if module.cls_to_become is not None:
            module.__class__ = module.cls_to_become

    def _save_to_state_dict(self, destination: Any, prefix: str, keep_vars: bool) -> None:
        # An uninitialized member has nothing to detach: it is saved itself.
        for table in (self._parameters, self._buffers):
            for name, member in table.items():
                if member is None or name in self._non_persistent_buffers_set:
                    continue
                keep = keep_vars or is_lazy(member)
                destination[prefix + name] = member if keep else member.detach()

    def _lazy_load_hook(self, state_dict: Any, prefix: str, *rest: Any) -> None:
        """Take the shapes of what is about to be loaded."""
        for table in (self._parameters, self._buffers):
            for name, member in table.items():
                given = state_dict.get(prefix + name)
                if given is not None and is_lazy(member) and not is_lazy(given):
                    member.materialize(given.shape)
