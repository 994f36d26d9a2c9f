"""Answer `import torch` with retrograd, in this process, on request.

    import retrograd.torch_compat
    retrograd.torch_compat.install()

    import torch                                # retrograd
    from torch.nn import functional as F        # retrograd.nn.functional

`retrograd run SCRIPT` does this before it runs the script.  Nothing else ever does.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

from ._missing import PACKAGE, describe_missing, missing_name, public_modules, stands_for_torch

__all__ = ["install", "is_installed", "uninstall"]


class TorchLoader:
    """Hands the import system a module that is loaded already."""

    def __init__(self, module: ModuleType) -> None:
        self.module = module
        self.own_spec = module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self.module

    def exec_module(self, module: ModuleType) -> None:
        # The import system has written the spec of the name `torch...` into the module.
        module.__spec__ = self.own_spec


class TorchFinder:
    """Finds `torch` and `torch.*` in retrograd, and nothing else."""

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        if fullname != "torch" and not fullname.startswith("torch."):
            return None
        module = find_module(PACKAGE + fullname.removeprefix("torch"))
        explain_missing_names(module)
        is_package = hasattr(module, "__path__")
        # Not a subclass of importlib.abc.Loader: that import takes 20 ms.
        loader = TorchLoader(module)
        return ModuleSpec(fullname, loader, is_package=is_package)  # type: ignore[arg-type]


finder = TorchFinder()
explained: list[ModuleType] = []


def install() -> None:
    """Answer `import torch` and `import torch.*` with retrograd's modules from now on.

    `sys.modules["torch.nn"]` is `sys.modules["retrograd.nn"]`, and so on: there is one set of
    modules under two names.  A second call does nothing.

    Raises
    ------
    RuntimeError
        If PyTorch itself is imported already: a program with both would mix their tensors.
    """
    if is_installed():
        return
    present = sys.modules.get("torch")
    if isinstance(present, ModuleType):
        version = getattr(present, "__version__", "of unknown version")
        place = getattr(present, "__file__", None) or "an unknown place"
        raise RuntimeError(
            f"torch_compat.install: the real torch {version} is already imported, from {place}; "
            "call install() in a fresh Python, before anything imports torch"
        )
    for module in public_modules().values():
        explain_missing_names(module)
    sys.meta_path.insert(0, finder)


def uninstall() -> None:
    """Undo `install()`: later imports of `torch` find PyTorch, or nothing.

    What a program has imported in between keeps working; it is retrograd's.
    """
    if not is_installed():
        return
    sys.meta_path.remove(finder)
    for name in [name for name in sys.modules if name == "torch" or name.startswith("torch.")]:
        del sys.modules[name]
    while explained:
        del explained.pop().__getattr__


def is_installed() -> bool:
    """Whether `import torch` is answered by retrograd."""
    return finder in sys.meta_path


def find_module(own_name: str) -> ModuleType:
    """The module of retrograd's that stands for one of PyTorch's, imported if need be."""
    parent_name, _, child = own_name.rpartition(".")
    present: object = None
    if parent_name:
        present = vars(importlib.import_module(parent_name)).get(child)
        if present is not None and not isinstance(present, ModuleType):
            # The file of the same name stays hidden: importing it would cover the function.
            raise not_a_module(own_name, present)
    if not stands_for_torch(own_name):
        raise missing_module(own_name)
    if isinstance(present, ModuleType):
        return present
    try:
        return importlib.import_module(own_name)
    except ModuleNotFoundError as error:
        if error.name != own_name:  # something that the module itself imports
            raise
        raise missing_module(own_name) from None


def missing_module(own_name: str) -> ModuleNotFoundError:
    parent_name, _, child = own_name.rpartition(".")
    text = describe_missing(parent_name, child)
    return ModuleNotFoundError(text, name="torch" + own_name.removeprefix(PACKAGE))


def not_a_module(own_name: str, present: object) -> ModuleNotFoundError:
    torch_name = "torch" + own_name.removeprefix(PACKAGE)
    kind = "class" if isinstance(present, type) else "function"
    text = f"`{torch_name}` is a {kind} in retrograd, not a module; `import torch` gives it"
    return ModuleNotFoundError(text, name=torch_name)


def explain_missing_names(module: ModuleType) -> None:
    """Let a module that has no `__getattr__` say which of PyTorch's names it lacks."""
    if "__getattr__" in vars(module):
        return
    module_name = module.__name__

    def __getattr__(name: str) -> object:
        raise missing_name(module_name, name)

    module.__getattr__ = __getattr__  # type: ignore[method-assign]
    explained.append(module)
