"""Errors for names that PyTorch has and retrograd has not (yet), with the near names it does have.

A public module ends with

    def __getattr__(name):
        raise missing_name(__name__, name)

`torch_compat` gives the same to modules that have no `__getattr__` of their own.
"""

from __future__ import annotations

import sys
from types import FrameType, ModuleType

PACKAGE = __name__.partition(".")[0]

# The modules that PyTorch 2.13 has at its top.  Others of retrograd's (`creation`, `cli`) are of
# its own making: `import torch.creation` is not answered by them and no error proposes them.
TORCH_MODULES = frozenset(
    """
    accelerator amp ao autograd backends compiler contrib cpu cuda distributed distributions
    export fft func functional futures fx hub jit library linalg masked monitor mps mtia
    multiprocessing nativert nested nn numa onnx optim overrides package profiler
    quantization quasirandom random return_types serialization signal sparse special storage
    testing torch_version types utils version xpu
    """.split()  # noqa: SIM905
)
MOST_PROPOSED = 6


class MissingText:
    """The message of an error about a missing name, made when someone reads it.

    Programs probe for names (`hasattr(torch, "compile")`); looking for near ones would cost each
    probe some milliseconds.
    """

    def __init__(self, module_name: str, name: str) -> None:
        self.module_name = module_name
        self.name = name

    def __str__(self) -> str:
        return describe_missing(self.module_name, self.name)

    def __repr__(self) -> str:
        return repr(str(self))


def missing_name(module_name: str, name: str) -> AttributeError | ImportError:
    """The error that a module's `__getattr__` raises for `name`.

    To be called from that `__getattr__` itself: where the program asked by `from module import
    name`, Python replaces an AttributeError by a sentence of its own, without the near names, so
    it gets an ImportError.
    """
    if name.startswith("__"):
        return AttributeError(f"module {module_name!r} has no attribute {name!r}")
    if imports_from(sys._getframe(2)):
        return ImportError(describe_missing(module_name, name), name=module_name)
    # With the module as `obj`, Python would add a guess of its own after ours.
    return AttributeError(MissingText(module_name, name), name=name, obj=None)


def imports_from(frame: FrameType) -> bool:
    """Whether the frame is at the second half of a `from ... import ...` statement."""
    from opcode import opmap  # here: only errors need it

    at = frame.f_lasti
    return 0 <= at < len(frame.f_code.co_code) and frame.f_code.co_code[at] == opmap["IMPORT_FROM"]


def describe_missing(module_name: str, name: str) -> str:
    """The message: what is missing, and the names that come near."""
    text = f"retrograd does not have `{torch_name(module_name)}.{name}` (yet)"
    near = near_names(module_name, name)
    if near:
        text += "; near names: " + ", ".join(near)
    return text


def torch_name(module_name: str) -> str:
    """`retrograd.nn` as a PyTorch program writes it: `torch.nn`."""
    first, dot, rest = module_name.partition(".")
    return "torch" + dot + rest if first == PACKAGE else module_name


def near_names(module_name: str, name: str) -> list[str]:
    """Full names alike: the same name in other modules first, then near ones in this module."""
    from difflib import get_close_matches  # here: only errors need it

    found = [
        f"{torch_name(other)}.{name}"
        for other, module in sorted(public_modules().items())
        if other != module_name and name in vars(module)
    ]
    module = sys.modules.get(module_name)
    if module is not None:
        spellings: dict[str, list[str]] = {}
        for own in public_names(module):
            spellings.setdefault(own.lower(), []).append(own)
        for match in get_close_matches(name.lower(), spellings, n=MOST_PROPOSED, cutoff=0.6):
            near = [own for own in spellings[match] if own != name]
            found.extend(f"{torch_name(module_name)}.{own}" for own in near)
    return found[:MOST_PROPOSED]


def public_names(module: ModuleType) -> list[str]:
    """What a user may ask the module for: its names, and its submodules whether loaded or not."""
    loaded = {name: vars(module).get(name) for name in dir(module) if not name.startswith("_")}
    modules = {name for name, value in loaded.items() if isinstance(value, ModuleType)}
    names = loaded.keys() - modules
    folders = getattr(module, "__path__", None)
    if folders is not None:
        from pkgutil import iter_modules  # here: only errors need it

        modules.update(found.name for found in iter_modules(folders) if found.name[0] != "_")
    # The file of `Linear` is `linear`: what is meant is the class.
    covered = {name.lower() for name in names}
    for name in modules:
        if name not in covered and stands_for_torch(f"{module.__name__}.{name}"):
            names.add(name)
    return sorted(names)


def public_modules() -> dict[str, ModuleType]:
    """The loaded modules that answer for a PyTorch module, by their own names."""
    found = {}
    for name, module in list(sys.modules.items()):
        if isinstance(module, ModuleType) and stands_for_torch(name):
            parent, _, child = name.rpartition(".")
            # A function of the same name may cover the module: `retrograd.tensor`.
            if not parent or vars(sys.modules[parent]).get(child) is module:
                found[name] = module
    return found


def stands_for_torch(module_name: str) -> bool:
    """Whether `retrograd.x.y` may be had as `torch.x.y`."""
    parts = module_name.split(".")
    if parts[0] != PACKAGE or any(part.startswith("_") for part in parts):
        return False
    return len(parts) == 1 or parts[1] in TORCH_MODULES
