"""`import torch` answered by retrograd, and what it says about names that are missing."""

import importlib
import importlib.util
import pkgutil
import sys
from types import ModuleType

import pytest

import retrograd
from retrograd import torch_compat
from retrograd._missing import TORCH_MODULES, missing_name

from .commands import run_python


def take_torch_out() -> dict[str, ModuleType]:
    taken = {}
    for name in list(sys.modules):
        if name == "torch" or name.startswith("torch."):
            taken[name] = sys.modules.pop(name)
    return taken


@pytest.fixture
def no_torch():
    """Forget any imported PyTorch for a while; the parity tests share this process."""
    taken = take_torch_out()
    yield
    torch_compat.uninstall()
    take_torch_out()
    sys.modules.update(taken)


@pytest.fixture
def installed(no_torch):
    torch_compat.install()


def names_of(source):
    names = {}
    exec(source, names)
    return names


def message_of(source):
    with pytest.raises((ImportError, AttributeError)) as caught:
        exec(source, {"torch": retrograd})
    return str(caught.value)


def test_every_form_of_import_gives_the_same_modules(installed):
    names = names_of(
        "import torch\n"
        "import torch.nn\n"
        "import torch.nn as nn\n"
        "import torch.nn.functional as F\n"
        "from torch import nn as nn_again, optim, Tensor\n"
        "from torch.nn import functional as F_again, Linear\n"
        "from torch.autograd import Function\n"
        "import torch.optim\n"
    )
    assert names["torch"] is retrograd
    assert names["nn"] is names["nn_again"] is retrograd.nn
    assert names["F"] is names["F_again"] is retrograd.nn.functional
    assert names["optim"] is retrograd.optim
    assert names["Tensor"] is retrograd.Tensor
    assert names["Linear"] is retrograd.nn.Linear
    assert names["Function"] is retrograd.autograd.Function


def test_modules_are_the_same_objects_and_keep_their_own_names(installed):
    import torch.autograd
    import torch.nn.functional
    import torch.optim  # noqa: F401

    answered = [name for name in sys.modules if name == "torch" or name.startswith("torch.")]
    assert {"torch", "torch.nn", "torch.nn.functional", "torch.optim"} <= set(answered)
    for name in answered:
        own_name = "retrograd" + name.removeprefix("torch")
        module = sys.modules[name]
        assert module is sys.modules[own_name]
        assert module.__name__ == module.__spec__.name == own_name
    assert importlib.reload(retrograd.nn.functional) is sys.modules["torch.nn.functional"]


def test_other_imports_are_left_alone(installed):
    assert torch_compat.finder.find_spec("torchlike") is None
    assert torch_compat.finder.find_spec("numpy.torch") is None
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'torchlike'$"):
        import torchlike  # noqa: F401


def test_a_missing_name_says_so_and_lists_near_ones(installed):
    text = message_of("torch.rellu")
    assert text.startswith("retrograd does not have `torch.rellu` (yet); near names: torch.relu")
    text = message_of("torch.nn.Liner")
    assert text.startswith("retrograd does not have `torch.nn.Liner` (yet); near names: torch.nn.")
    assert "torch.nn.Linear" in text
    text = message_of("torch.nn.functional.cross_entropi")
    assert "`torch.nn.functional.cross_entropi`" in text
    assert "torch.nn.functional.cross_entropy" in text
    assert message_of("torch.qqqqqqqqqqqq") == "retrograd does not have `torch.qqqqqqqqqqqq` (yet)"


def test_a_name_in_another_module_is_proposed_first(installed):
    text = message_of("torch.cross_entropy")
    assert "near names: torch.nn.functional.cross_entropy" in text
    assert "torch.Linear" not in text
    assert "near names: torch.nn.Linear" in message_of("torch.Linear")


def test_from_imports_say_the_same(installed):
    for source, near in (
        ("from torch import rellu", "torch.relu"),
        ("from torch.nn import Liner", "torch.nn.Linear"),
        ("from torch.nn.functional import cross_entropi", "torch.nn.functional.cross_entropy"),
        ("from torch.nn import (Linear, Liner as L)", "torch.nn.Linear"),
        ("import torch.optin", "torch.optim"),
        ("import torch.optin.more as more", "torch.optim"),
        ("from torch.optin import Adam", "torch.optim"),
    ):
        with pytest.raises(ImportError) as caught:
            exec(source, {})
        assert "retrograd does not have `torch." in str(caught.value), source
        assert near in str(caught.value), source


def test_missing_modules_are_named_by_torch_names(installed):
    with pytest.raises(ModuleNotFoundError) as caught:
        importlib.import_module("torch.qqqqqqqqqqqq")
    assert caught.value.name == "torch.qqqqqqqqqqqq"
    assert str(caught.value) == "retrograd does not have `torch.qqqqqqqqqqqq` (yet)"


def test_a_function_is_not_covered_by_the_file_that_defines_it(installed):
    function = retrograd.tensor
    with pytest.raises(ModuleNotFoundError) as caught:
        importlib.import_module("torch.tensor")
    assert str(caught.value) == (
        "`torch.tensor` is a function in retrograd, not a module; `import torch` gives it"
    )
    assert retrograd.tensor is function


@pytest.mark.parametrize("name", ["_core", "cli", "creation", "ops", "torch_compat", "_missing"])
def test_own_modules_do_not_stand_for_torch(installed, name):
    importlib.import_module(f"retrograd.{name}")
    with pytest.raises(ModuleNotFoundError, match=rf"retrograd does not have `torch\.{name}`"):
        importlib.import_module(f"torch.{name}")


def test_modules_that_may_stand_for_torch_are_pytorchs():
    torch = pytest.importorskip("torch")
    found = {module.name for module in pkgutil.iter_modules(torch.__path__)}
    assert {name for name in found if not name.startswith("_")} == TORCH_MODULES


def test_probing_for_names_costs_no_search(installed):
    ran = run_python(
        "-c",
        "import sys, retrograd, retrograd.torch_compat as compat\n"
        "compat.install()\n"
        "import torch.nn\n"
        "assert not hasattr(torch, 'rellu') and getattr(torch.nn, 'rellu', 3) == 3\n"
        "assert 'difflib' not in sys.modules and 'pkgutil' not in sys.modules\n"
        "try: torch.rellu\n"
        "except AttributeError as error: print(error)\n",
    )
    assert ran.returncode == 0, ran.stderr
    assert "torch.relu" in ran.stdout


def test_dunder_names_get_pythons_words():
    error = missing_name("retrograd", "__wrapped__")
    assert type(error) is AttributeError
    assert str(error) == "module 'retrograd' has no attribute '__wrapped__'"


def test_nothing_is_installed_by_an_import():
    ran = run_python(
        "-c",
        "import sys\n"
        "before = list(sys.meta_path)\n"
        "import retrograd, retrograd.torch_compat, retrograd.cli\n"
        "assert sys.meta_path == before and 'torch' not in sys.modules\n"
        "assert not retrograd.torch_compat.is_installed()\n",
    )
    assert ran.returncode == 0, ran.stderr


def test_install_twice_and_uninstall(no_torch):
    before = list(sys.meta_path)
    had_getattr = "__getattr__" in vars(retrograd.nn.functional)
    torch_compat.install()
    torch_compat.install()
    assert torch_compat.is_installed()
    assert sys.meta_path[1:] == before
    import torch.nn.functional  # noqa: F401

    torch_compat.uninstall()
    torch_compat.uninstall()
    assert not torch_compat.is_installed()
    assert sys.meta_path == before
    assert not [name for name in sys.modules if name.split(".")[0] == "torch"]
    assert ("__getattr__" in vars(retrograd.nn.functional)) == had_getattr
    assert retrograd.nn.functional is sys.modules["retrograd.nn.functional"]


def test_refuses_beside_the_real_torch(no_torch):
    real = ModuleType("torch")
    real.__version__ = "2.13.0"
    real.__file__ = "site-packages/torch/__init__.py"
    sys.modules["torch"] = real
    with pytest.raises(RuntimeError) as caught:
        torch_compat.install()
    assert str(caught.value) == (
        "torch_compat.install: the real torch 2.13.0 is already imported, from "
        "site-packages/torch/__init__.py; call install() in a fresh Python, before anything "
        "imports torch"
    )
    assert not torch_compat.is_installed()
    assert sys.modules["torch"] is real


def test_a_module_that_fails_on_an_import_of_its_own_is_not_called_missing(installed, monkeypatch):
    def fail(name):
        if name == "retrograd":
            return retrograd
        raise ModuleNotFoundError("No module named 'numba'", name="numba")

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(ModuleNotFoundError, match=r"^No module named 'numba'$"):
        torch_compat.finder.find_spec("torch.nativert")
