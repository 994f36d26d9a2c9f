"""The ledger of PyTorch's names: each is there, or listed in tests/data/names_missing.txt."""

import runpy

import pytest

from .places import ROOT

TOOL = ROOT / "tools" / "list_missing_names.py"


@pytest.fixture(scope="module")
def tool():
    return runpy.run_path(str(TOOL))


def test_every_name_is_there_or_listed(tool):
    added, lost = tool["differences"](tool["read"](tool["MISSING"]), tool["missing_names"]())
    assert not added, f"listed in names_missing.txt, but there: {added}; {tool['HINT']}"
    assert not lost, f"missing, but not listed in names_missing.txt: {lost}; {tool['HINT']}"


def test_the_list_is_a_part_of_the_names(tool):
    names, listed = tool["read"](tool["NAMES"]), tool["read"](tool["MISSING"])
    assert len(set(names)) == len(names) > 1700
    assert set(listed) <= set(names)
    assert len(set(listed)) == len(listed)


def test_presence_is_told_apart_from_absence(tool):
    is_present = tool["is_present"]
    assert is_present("torch.Tensor.backward")
    assert is_present("torch.nn.functional.relu")
    assert is_present("torch.Tensor.__hash__")
    assert not is_present("torch.Tensor.__init_subclass__")  # every class has that
    assert not is_present("torch.nn.no_such_layer")
    assert not is_present("torch.no_such_package.name")
    assert tool["differences"](["a", "b"], ["b", "c"]) == (["a"], ["c"])
