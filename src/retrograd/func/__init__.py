"""`torch.func`: calling modules with other parameters."""

from .modules import functional_call as functional_call

__all__ = ["functional_call"]
