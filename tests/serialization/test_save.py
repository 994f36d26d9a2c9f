"""save: what it writes, where, and that a file is whole or as it was."""

import collections
import enum
import io
import os
import pathlib
import pickle
import stat
import zipfile

import numpy as np
import pytest

import retrograd as rt
from retrograd.serialization import writing
from retrograd.tensor import wrap

from ..commands import run_python


def names_in(folder):
    return sorted(os.listdir(folder))


def test_paths_and_files(tmp_path):
    content = {"a": rt.arange(3.0), "n": 3}
    rt.save(content, str(tmp_path / "text.pt"))
    rt.save(content, tmp_path / "path.pt")
    with open(tmp_path / "file.pt", "wb") as file:
        rt.save(content, file)
    buffer = io.BytesIO()
    rt.save(content, buffer)
    (tmp_path / "buffer.pt").write_bytes(buffer.getvalue())
    for name in names_in(tmp_path):
        with open(tmp_path / name, "rb") as file:
            for given in (str(tmp_path / name), tmp_path / name, file):
                loaded = rt.load(given)
                assert loaded["a"].tolist() == [0.0, 1.0, 2.0]
                assert loaded["n"] == 3
    assert len(names_in(tmp_path)) == 4


def test_a_file_needs_only_write():
    class Sink:
        def __init__(self):
            self.pieces = []

        def write(self, data):
            self.pieces.append(bytes(data))

    sink = Sink()
    rt.save([1, rt.ones(2)], sink)
    assert rt.load(io.BytesIO(b"".join(sink.pieces)))[1].tolist() == [1.0, 1.0]


def test_a_file_that_only_reads():
    class Source:
        def __init__(self, data):
            self.file = io.BytesIO(data)

        def read(self, count=-1):
            return self.file.read(min(count, 7) if count > 0 else count)

        def seek(self, *place):
            self.file.seek(*place)

        def tell(self):
            return self.file.tell()

    file = io.BytesIO()
    rt.save({"a": rt.ones(100)}, file)
    assert rt.load(Source(file.getvalue()))["a"].sum().item() == 100


def test_records_are_aligned(tmp_path):
    rt.save({str(n): rt.ones(n) for n in range(20)}, tmp_path / "a.pt")
    data = (tmp_path / "a.pt").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.pt") as archive:
        assert archive.testzip() is None
        for entry in archive.infolist():
            head = entry.header_offset
            start = head + 30 + sum(np.frombuffer(data, "<u2", 2, head + 26).tolist())
            assert start % 64 == 0
            assert entry.compress_type == zipfile.ZIP_STORED
            assert entry.external_attr == 0
        assert archive.read("a/version") == b"3\n"
        assert archive.read("a/byteorder") in (b"little", b"big")
        assert len(archive.read("a/.data/serialization_id")) == 40


def test_the_same_object_gives_the_same_bytes():
    first, second = io.BytesIO(), io.BytesIO()
    for file in (first, second):
        rt.save({"a": rt.ones(3)}, file)
    assert first.getvalue() == second.getvalue()


def test_the_byte_order_may_be_left_out():
    file = io.BytesIO()
    rt.save(rt.ones(1), file, _disable_byteorder_record=True)
    assert "archive/byteorder" not in zipfile.ZipFile(file).namelist()
    assert rt.load(file.seek(0) or file).item() == 1.0


def test_only_a_tensors_own_memory_is_written():
    """States of an optimizer lie in one array; a single one of them is written without the rest."""
    flat = np.zeros(10_000, np.float32)
    alone, view = rt.from_numpy(flat[3:6]), rt.from_numpy(flat)[3:6]
    sizes = []
    for tensor in (alone, view):
        file = io.BytesIO()
        rt.save(tensor, file)
        sizes.append(len(file.getvalue()))
    assert sizes[0] < 2000 < 40_000 < sizes[1]  # a view of a tensor takes all of it along


def test_arrays_of_any_strides():
    base = np.arange(24, dtype=np.int32).reshape(2, 3, 4)
    for array in (base.T, base[1:, :, ::2], base[:, ::2].T, base[::2, ::2, ::3]):
        for tensor in (rt.from_numpy(array), rt.from_numpy(base)[::1].as_strided((2, 2), (1, 7))):
            file = io.BytesIO()
            rt.save(tensor, file)
            loaded = rt.load(file.seek(0) or file)
            assert loaded.tolist() == tensor.tolist()
            assert loaded.stride() == tensor.stride()
    # Memory that no storage can describe (NumPy alone makes it) is copied.
    for array in (base[::-1], base[:, ::-1], np.zeros(4, "i4,i2")["f0"], base.astype(">i4")):
        file = io.BytesIO()
        rt.save(wrap(array), file)
        assert rt.load(file.seek(0) or file).tolist() == array.tolist()


def test_tensors_of_a_class_of_ones_own_are_pickled():
    again = pickle.loads(pickle.dumps(Sub([1.0, 2.0])))
    assert type(again) is Sub
    assert again.tolist() == [1.0, 2.0]


# -- what is refused ----------------------------------------------------------------------------


class Mine:
    def __init__(self):
        self.a = 1


class Colour(enum.Enum):
    RED = 1


class Sub(rt.Tensor):
    pass


Pair = collections.namedtuple("Pair", "a b")

REFUSED = {
    "module": (lambda: rt.nn.Linear(2, 3), r"obj is a \S*Linear, .*save its state_dict\(\)"),
    "optimizer": (
        lambda: {"o": [rt.optim.SGD([rt.nn.Parameter(rt.ones(1))])]},
        r"obj\['o'\]\[0\] is a \S*SGD, .*state_dict",
    ),
    "object": (lambda: [1, {"x": Mine()}], r"obj\[1\]\['x'\] is a \S*Mine, .*vars\(it\)"),
    "function": (lambda: {"f": len}, r"obj\['f'\] is a \S*builtin_function_or_method, .*name"),
    "lambda": (lambda: {"f": lambda x: x}, "classes and functions are never loaded"),
    "class": (lambda: {"f": Mine}, "classes and functions are never loaded"),
    "enum": (lambda: Colour.RED, r"Colour, .*vars\(it\)"),
    "named tuple": (lambda: Pair(1, 2), "save it as a plain tuple"),
    "path": (lambda: {"p": pathlib.PurePosixPath("a")}, r"save it as text: str\(path\)"),
    "subclass": (lambda: Sub([1.0, 2.0]), r"obj is a \S*Sub"),
    "objects": (lambda: np.array([None]), r"obj is a numpy.ndarray"),
    "texts": (lambda: np.array(["a"]), r"obj is a numpy.ndarray"),
    "generator": (lambda: rt.Generator(), r"Generator"),
    "factory": (
        lambda: {"d": collections.defaultdict(lambda: 0)}, r"obj\['d'\]\['default_factory'\]",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_could_not_be_loaded_is_not_saved(name, tmp_path):
    make, words = REFUSED[name]
    path = tmp_path / "a.pt"
    path.write_bytes(b"before")
    with pytest.raises(pickle.PicklingError, match=words):
        rt.save(make(), path)
    assert names_in(tmp_path) == ["a.pt"]
    assert path.read_bytes() == b"before"


def test_complaints_about_the_target(tmp_path):
    with pytest.raises(RuntimeError, match=r"Parent directory \S*none does not exist\."):
        rt.save(1, tmp_path / "none" / "a.pt")
    with pytest.raises(AttributeError, match="file-like object with a 'write' attribute"):
        rt.save(1, 3)
    with pytest.raises(IsADirectoryError, match="is a folder, not a file to write"):
        rt.save(1, tmp_path)
    with pytest.raises(ValueError, match="pickle protocol must be <= 5"):
        rt.save(1, io.BytesIO(), pickle_protocol=9)
    with pytest.raises(TypeError):
        rt.save(1, io.StringIO())
    assert names_in(tmp_path) == []


def test_deep_nesting_is_an_error_not_a_crash(tmp_path):
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(RecursionError):
        rt.save(deep, tmp_path / "a.pt")
    assert names_in(tmp_path) == []
    while deep:
        deep = deep[0]


# -- whole or not at all ------------------------------------------------------------------------


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_an_error_leaves_the_old_file(error, tmp_path, monkeypatch):
    path = tmp_path / "a.pt"
    rt.save({"old": 1}, path)

    def fail(archive):
        raise error

    monkeypatch.setattr(writing, "identity", fail)
    with pytest.raises(type(error)):
        rt.save({"new": rt.ones(1000)}, path)
    assert rt.load(path) == {"old": 1}
    assert names_in(tmp_path) == ["a.pt"]


def test_a_killed_process_leaves_the_old_file(tmp_path):
    rt.save({"old": 1}, tmp_path / "a.pt")
    code = (
        "import os, retrograd as rt\n"
        "from retrograd.serialization import writing\n"
        "writing.identity = lambda archive: os._exit(7)\n"
        "rt.save({'new': rt.ones(100000)}, 'a.pt')\n"
    )
    assert run_python("-c", code, folder=tmp_path).returncode == 7
    assert rt.load(tmp_path / "a.pt") == {"old": 1}


def test_what_is_read_while_it_is_replaced_stays(tmp_path):
    rt.save(rt.zeros(1000), tmp_path / "a.pt")
    mapped = rt.load(tmp_path / "a.pt", mmap=True)
    rt.save(rt.ones(1000), tmp_path / "a.pt")
    assert mapped.sum().item() == 0
    assert rt.load(tmp_path / "a.pt").sum().item() == 1000


@pytest.mark.skipif(os.name != "posix", reason="permissions and links as on Unix")
def test_permissions_and_links_stay(tmp_path):
    real, link = tmp_path / "real.pt", tmp_path / "link.pt"
    before = os.umask(0o027)
    try:
        rt.save(1, real)
    finally:
        os.umask(before)
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    real.chmod(0o600)
    link.symlink_to(real)
    rt.save(2, link)
    assert link.is_symlink()
    assert rt.load(real) == 2
    assert stat.S_IMODE(real.stat().st_mode) == 0o600
    assert names_in(tmp_path) == ["link.pt", "real.pt"]


@pytest.mark.skipif(os.name != "posix", reason="pipes as on Unix")
def test_a_device_is_written_into():
    rt.save(rt.ones(1), "/dev/null")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


# -- load's arguments ---------------------------------------------------------------------------


@pytest.fixture
def file(tmp_path):
    rt.save({"a": rt.arange(4.0)}, tmp_path / "a.pt")
    return tmp_path / "a.pt"


LOCATIONS = {
    "text": "cpu",
    "device": rt.device("cpu"),
    "dict": {"cuda:0": "cpu"},
    "function": lambda storage, location: storage,
    "function to the CPU": lambda storage, location: storage.cpu(),
    "function of nothing": lambda storage, location: None,
}


@pytest.mark.parametrize("name", LOCATIONS)
def test_map_location(name, file):
    assert rt.load(file, map_location=LOCATIONS[name])["a"].tolist() == [0, 1, 2, 3]


@pytest.mark.parametrize("saved_on", ["cuda:0", "cuda:3"])
def test_tensors_saved_on_a_gpu(saved_on, file, tmp_path):
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(tmp_path / "gpu.pt", "w") as new:
        for name in old.namelist():
            text = b"X\x06\0\0\0" + saved_on.encode()
            new.writestr(name, old.read(name).replace(b"X\x03\0\0\0cpu", text))
    words = r"Attempting to deserialize .* on a CUDA device .*map_location=torch.device\('cpu'\)"
    for location in (None, "cuda", rt.device("cuda:1"), {"cpu": "cpu"}):
        with pytest.raises(RuntimeError, match=words):
            rt.load(tmp_path / "gpu.pt", map_location=location)
    for location in ("cpu", rt.device("cpu"), {saved_on: "cpu"}, lambda storage, place: storage):
        loaded = rt.load(tmp_path / "gpu.pt", map_location=location)
        assert loaded["a"].device == rt.device("cpu")


def test_complaints_of_load(file):
    with pytest.raises(RuntimeError, match="explicit pickle_module is specified"):
        rt.load(file, pickle_module=pickle, weights_only=True)
    assert rt.load(file, pickle_module=pickle)["a"].numel() == 4
    with pytest.raises(ValueError, match="f must be a file path in order to use the mmap arg"):
        rt.load(io.BytesIO(file.read_bytes()), mmap=True)
    with pytest.raises(AttributeError, match=r"'int' object has no attribute 'seek'\. You can on"):
        rt.load(3)
    with pytest.raises(RuntimeError, match=r"don't know how to restore data location of"):
        rt.load(file, map_location="nonsense")
    with pytest.raises(TypeError, match="'int' object is not callable"):
        rt.load(file, map_location=3)
    with pytest.raises(RuntimeError, match="CUDA device"):
        rt.load(file, map_location=lambda storage, location: storage.cuda(1))
    rt.save(rt.ones(1), file, _use_new_zipfile_serialization=False)
    with pytest.raises(RuntimeError, match=r"mmap can only be used with files saved with `torch"):
        rt.load(file, mmap=True)


def test_mapped_tensors_are_copied_when_written(file):
    before = file.read_bytes()
    loaded = rt.load(file, mmap=True)
    loaded["a"].mul_(2)
    assert loaded["a"].tolist() == [0, 2, 4, 6]
    assert file.read_bytes() == before
    assert rt.load(file)["a"].tolist() == [0, 1, 2, 3]


def test_mapping_reads_only_what_is_looked_at(tmp_path):
    """64 MB that nobody looks at: measured by the process's own peak memory."""
    rt.save({"big": rt.zeros(2**24), "small": rt.ones(3)}, tmp_path / "a.pt")
    code = (
        "import resource, retrograd as rt\n"
        "rt.load('a.pt', mmap=True)['small'].sum()\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "found = rt.load('a.pt', mmap=True)\n"
        "assert found['small'].tolist() == [1, 1, 1]\n"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )
    done = run_python("-c", code, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 8 * 1024  # KiB on Linux, bytes on macOS
