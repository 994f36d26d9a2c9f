"""`retrograd convert`: checkpoints, safetensors and .npz files into each other."""

import json
import sys

import numpy as np
import pytest

import retrograd as rt
from retrograd import cli
from retrograd.serialization.conversion import ConversionError, convert

from .contents import DTYPES, difference, dtypes


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def weights():
    rt.manual_seed(0)
    return rt.nn.Sequential(rt.nn.Linear(3, 2), rt.nn.Linear(2, 1)).state_dict()


def test_to_npz_and_back(folder):
    rt.save(weights(), "a.pt")
    assert convert("a.pt", "b.npz") == "wrote b.npz: 4 tensors, 0.0 MB"
    with np.load("b.npz") as archive:
        assert archive.files == ["0.weight", "0.bias", "1.weight", "1.bias"]
    convert("b.npz", "c.pth")
    assert difference(dict(rt.load("c.pth")), dict(weights())) is None
    assert sorted(path.name for path in folder.iterdir()) == ["a.pt", "b.npz", "c.pth"]


def test_to_safetensors_and_back(folder):
    pytest.importorskip("safetensors")
    content = {**dtypes(rt), "0-d": rt.tensor(2.5), "empty": rt.zeros(0, 3)}
    del content["complex128"]
    content["turned"] = content["float32"].t()
    rt.save(content, "a.pt")
    said = convert("a.pt", "b.safetensors")
    assert said == "wrote b.safetensors: 16 tensors, 0.0 MB; 2 of them share memory and are " \
        "written one by one"
    convert("b.safetensors", "c.pt")
    loaded = rt.load("c.pt")
    assert set(loaded) == set(content)
    for name, tensor in content.items():
        assert loaded[name].dtype is tensor.dtype
        assert loaded[name].tolist() == tensor.tolist()
    assert loaded["turned"].is_contiguous()


def test_torchs_own_files_are_converted(folder):
    torch = pytest.importorskip("torch")
    files = pytest.importorskip("safetensors.torch")
    thirds = torch.ones(3, dtype=torch.bfloat16) / 3
    files.save_file({"a": torch.ones(2, 2), "b": thirds}, "a.safetensors")
    convert("a.safetensors", "b.pt")
    loaded = rt.load("b.pt")
    assert loaded["b"].dtype is rt.float32
    assert loaded["b"].tolist() == thirds.tolist()
    torch.save({"a": torch.arange(4.0).view(2, 2).t()}, "c.pt")
    convert("c.pt", "d.safetensors")
    assert files.load_file("d.safetensors")["a"].tolist() == [[0.0, 2.0], [1.0, 3.0]]


def test_the_tensors_may_be_in_a_dictionary_of_the_file(folder):
    rt.save({"epoch": 3, "net": {"model": weights(), "step": rt.tensor(1)}}, "a.pt")
    convert("a.pt", "b.npz", key="net.model")
    with np.load("b.npz") as archive:
        assert len(archive.files) == 4
    with pytest.raises(ConversionError, match=r"a.pt has no \['nut'\]; it holds 'epoch' \(an int"):
        convert("a.pt", "b.npz", key="nut")
    words = (
        r"a.pt holds more than named tensors: 'epoch' \(an int\), 'net' \(a dict\); save the ten"
    )
    with pytest.raises(ConversionError, match=words):
        convert("a.pt", "b.npz")
    words = r"a.pt\['net'\] holds more .*: 'model' \(an OrderedDict\); .* by --key net.model$"
    with pytest.raises(ConversionError, match=words):
        convert("a.pt", "b.npz", key="net")


COMPLAINTS = {
    "no file": ("none.pt", "b.npz", "none.pt: No such file or directory"),
    "no format": ("a.pt", "b.txt", "'b.txt' names no format; the endings known are .pt, .pth"),
    "no ending": ("a", "b.npz", "'a' names no format"),
    "damaged": ("damaged.pt", "b.npz", "damaged.pt: PytorchStreamReader failed reading zip arch"),
    "no checkpoint": ("text.pt", "b.npz", "text.pt: Invalid magic number; corrupt file?"),
    "one tensor": ("tensor.pt", "b.npz", "tensor.pt is a Tensor, not a dictionary of named tens"),
    "objects": ("objects.npz", "b.pt", "objects.npz: Object arrays cannot be loaded when allow_"),
    "texts": ("texts.npz", "b.pt", "texts.npz: 'a' is of dtype <U1, which no tensor has"),
    "no arrays": ("text.npz", "b.pt", "text.npz is no .npz file: it is not a zip file of arrays"),
    "no folder": ("a.pt", "none/b.npz", "the folder none does not exist"),
}


@pytest.mark.parametrize("name", COMPLAINTS)
def test_complaints(name, folder, capsys):
    rt.save(weights(), "a.pt")
    (folder / "damaged.pt").write_bytes((folder / "a.pt").read_bytes()[:-30])
    (folder / "text.pt").write_text("hello")
    (folder / "text.npz").write_text("hello")
    rt.save(rt.ones(1), "tensor.pt")
    np.savez("objects.npz", a=np.array([None]))
    np.savez("texts.npz", a=np.array(["a"]))
    before = sorted(path.name for path in folder.iterdir())
    source, target, words = COMPLAINTS[name]
    assert cli.main(["convert", source, target]) == 2
    assert capsys.readouterr().err.startswith(f"retrograd convert: {words}")
    assert sorted(path.name for path in folder.iterdir()) == before


def test_the_command(folder, capsys):
    rt.save({"model": weights(), "epoch": 1}, "a.pt")
    assert cli.main(["convert", "a.pt", "b.npz", "--key", "model"]) == 0
    assert capsys.readouterr().out == "wrote b.npz: 4 tensors, 0.0 MB\n"
    with np.load("b.npz") as archive:
        assert json.dumps(archive["0.bias"].tolist()) == json.dumps(weights()["0.bias"].tolist())


def test_without_the_package(folder, monkeypatch):
    rt.save(weights(), "a.pt")
    for name in ("safetensors", "safetensors.numpy"):
        monkeypatch.setitem(sys.modules, name, None)
    words = r"need the package safetensors: pip install 'retrograd\[safetensors\]'"
    with pytest.raises(ConversionError, match=words):
        convert("a.pt", "b.safetensors")
    (folder / "c.safetensors").write_bytes(b"")
    with pytest.raises(ConversionError, match=words):
        convert("c.safetensors", "b.pt")


def test_damaged_safetensors(folder):
    pytest.importorskip("safetensors")
    (folder / "a.safetensors").write_bytes(b"12345678 and so on")
    with pytest.raises(ConversionError, match="no safetensors file, or is damaged"):
        convert("a.safetensors", "b.pt")
    rt.save({"a": rt.ones(1, dtype=rt.complex128)}, "a.pt")
    with pytest.raises(ConversionError, match="no dtype for 'a', which is complex128"):
        convert("a.pt", "b.safetensors")
    assert len(DTYPES) == 14
