"""Files that ask for more than data, or lie: each is refused, with a text that says what it is."""

import io
import pickle
import struct
import zipfile
import zlib

import numpy as np
import pytest

import retrograd as rt
from retrograd.serialization import opcodes


def checkpoint(pickled, records=None, folder="archive", compression=zipfile.ZIP_STORED):
    """Return the bytes of a checkpoint around a pickle, with a storage of two ones."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        archive.writestr(f"{folder}/data.pkl", pickled)
        for name, data in (records or {"data/0": np.ones(2, "f4").tobytes()}).items():
            archive.writestr(f"{folder}/{name}", data)
        archive.writestr(f"{folder}/version", b"3\n")
    return file.getvalue()


def load(data, **settings):
    return rt.load(io.BytesIO(data), **settings)


def saved(obj):
    file = io.BytesIO()
    rt.save(obj, file)
    return file.getvalue()


def call(name, *arguments):
    """Return a pickle that calls a name, as an attacker's would."""
    module, _, last = name.rpartition(".")
    inner = b"".join(pickle.dumps(argument, 2)[2:-1] for argument in arguments)
    return b"\x80\x02c" + f"{module}\n{last}\n(".encode() + inner + b"tR."


def tensor(kind="FloatStorage", key="0", location="cpu", count=2, offset=0, size=(2,), stride=(1,)):
    """Return a pickle of one tensor, right or wrong."""
    storage = b"(X\x07\0\0\0storagectorch\n" + kind.encode() + b"\n"
    for value in (key, location, count):
        storage += pickle.dumps(value, 2)[2:-1]
    rest = b"".join(pickle.dumps(value, 2)[2:-1] for value in (offset, size, stride, False, None))
    return b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"tQ" + rest + b"tR."


def test_the_builders_of_these_tests_are_right():
    assert load(checkpoint(tensor())).tolist() == [1.0, 1.0]
    assert load(checkpoint(call("_codecs.encode", "ab", "latin1"))) == b"ab"


CALLS = {
    "os.system": ("echo",), "posix.system": ("echo",), "builtins.eval": ("1",),
    "builtins.exec": ("1",), "__builtin__.eval": ("1",), "builtins.getattr": ("a", "b"),
    "builtins.open": ("/dev/null",), "builtins.__import__": ("os",), "subprocess.Popen": ("ls",),
    "runpy.run_path": ("x",), "torch.load": ("x",), "torch.hub.load": ("x",),
    "torch.jit.load": ("x",), "numpy.load": ("x",), "numpy.core.multiarray.fromfile": ("x",),
    "pickle.loads": (b"x",), "_pickle.loads": (b"x",), "importlib.import_module": ("os",),
    "retrograd.save": ("x",), "retrograd.serialization.load": ("x",), "operator.attrgetter": ("a",),
    "builtins.type": ("A",), "builtins.object": (), "functools.partial": ("x",),
    "torch.nn.modules.linear.Linear": (2, 3), "__main__.Net": (), "collections.namedtuple": ("a",),
    "torch._utils._rebuild_qtensor": (), "torch._utils._rebuild_sparse_tensor": (),
    "torch._tensor._rebuild_from_type_v2.__globals__": (), "_codecs.decode": (b"x", "rot13"),
    "datetime.datetime": (b"x",), "fractions.Fraction": (1,), "argparse.Namespace": (),
}  # fmt: skip


@pytest.mark.parametrize("weights_only", [True, False, None])
@pytest.mark.parametrize("name", CALLS)
def test_no_other_name_is_called(name, weights_only):
    shown = name.replace("__builtin__", "builtins")
    words = rf"Unsupported global: GLOBAL {shown} was not an allowed global by default"
    for data in (
        checkpoint(call(name, *CALLS[name])),
        checkpoint(call(name, *CALLS[name])[:-2] + b"\x81."),  # NEWOBJ
        checkpoint(b"\x80\x02c" + "\n".join(name.rsplit(".", 1)).encode() + b"\n."),
    ):
        with pytest.raises(pickle.UnpicklingError, match=words):
            load(data, weights_only=weights_only)


def test_a_name_by_the_stack_is_the_same():
    data = b"\x80\x04\x8c\x05posix\x8c\x06system\x93."
    with pytest.raises(pickle.UnpicklingError, match=r"posix.system.*may be an attack"):
        load(checkpoint(data))


def test_a_whole_module_is_refused_with_advice():
    data = call("torch.nn.modules.linear.Linear")
    with pytest.raises(pickle.UnpicklingError, match=r"save `model.state_dict\(\)` in place of"):
        load(checkpoint(data), weights_only=False)


def test_allowed_lists_change_nothing():
    class Mine:
        pass

    with rt.serialization.safe_globals([Mine]):
        assert rt.serialization.get_safe_globals() == [Mine]
        with pytest.raises(pickle.UnpicklingError, match="add_safe_globals read no more"):
            load(checkpoint(call(f"{__name__}.Mine")))
    rt.serialization.add_safe_globals([Mine, Mine])
    assert rt.serialization.get_safe_globals() == [Mine]
    rt.serialization.clear_safe_globals()
    assert rt.serialization.get_safe_globals() == []


def test_names_can_be_listed(tmp_path):
    path = tmp_path / "a.pt"
    path.write_bytes(checkpoint(call("os.system", "echo")))
    assert rt.serialization.get_unsafe_globals_in_checkpoint(path) == ["os.system"]
    path.write_bytes(saved({"a": rt.nn.Parameter(rt.ones(1)), "b": {1}}))
    assert rt.serialization.get_unsafe_globals_in_checkpoint(path) == []


# What is allowed in a pickle is allowed only in its place.
PICKLES = {
    "a name as a value": (b"]ctorch\nTensor\na.", "GLOBAL torch.Tensor was not"),
    "a builder as a value": (b"}X\1\0\0\0actorch._utils\n_rebuild_tensor_v2\ns.", "_rebuild_te"),
    "a name at the end": (b"ctorch\nFloatStorage\n.", "torch.FloatStorage"),
    "a name in a tuple": (b"(ctorch\nFloatStorage\nK\1t.", "a tuple of a class or storage"),
    "a name in a tuple in a list": (b"](ctorch\nFloatStorage\nt\x85a.", "a tuple of a class"),
    "a name as a key": (b"}ctorch\nFloatStorage\nK\1s.", "torch.FloatStorage"),
    "a name in a set": (b"\x8f(ctorch\nFloatStorage\n\x90.", "torch.FloatStorage"),
    "a storage as a value": (
        b"](X\x07\0\0\0storagectorch\nFloatStorage\nX\1\0\0\0" b"0X\3\0\0\0cpuK\2tQa.",
        "a storage without a tensor",
    ),
    "a value called": (b"K\1)R.", "Trying to call reduce for unrecognized function 'int'"),
    "a dtype called": (b"ctorch\nfloat32\n)R.", "unrecognized function"),
    "a type called": (b"ctorch\nTensor\n)R.", "unrecognized function torch.Tensor"),
    "no tuple of arguments": (b"c__builtin__\nset\n]R.", "arguments are no tuple"),
    "attributes of a dict": (b"}}b.", "Can only build OrderedDict and NumPy arrays, but got dict"),
    "attributes of a builder": (b"ccollections\nOrderedDict\n}b.", "but got collections.Ordered"),
    "no attributes": (b"ccollections\nOrderedDict\n)RK\1b.", "attributes are no dictionary"),
    "a class as an attribute": (
        b"ccollections\nOrderedDict\n)R}X\x09\0\0\0__class__K\1sb.",
        "sets the attribute '__class__'",
    ),
    "append to a tuple": (b")K\1a.", "Can only extend lists, but got tuple"),
    "append to a set": (b"\x8fK\1a.", "Can only extend lists, but got set"),
    "items of a list": (b"]K\1K\1s.", "Can only SETITEMS for dict"),
    "a list as a key": (b"}]K\1s.", "unhashable type: 'list'"),
    "a list in a set": (b"c__builtin__\nset\n]]a\x85R.", "unhashable type: 'list'"),
    "no mark": (b"K\1t.", "could not find MARK"),
    "an empty stack": (b".", "takes more than it has put"),
    "below the mark": (b"K\1(\x85.", "takes more than it has put"),
    "no memo": (b"h\x07.", "Memo value not found at index 7"),
    "no end": (b"K\1", "the pickle has no end"),
    "a long text": (b"X\xff\xff\xff\x7f.", "2147483647 bytes are asked for and 1 are left"),
    "negative length": (b"\x8b\xff\xff\xff\xff.", "-1 bytes are asked for"),
    "very long bytes": (b"\x8e" + b"\xff" * 8 + b".", "18446744073709551615 bytes are asked"),
    "an extension": (b"\x82\1.", "Unsupported operand 130"),
    "an old instance": (b"(ios\nsystem\n.", "Unsupported operand 105"),
    "an object": (b"(cos\nsystem\no.", "GLOBAL os.system"),
    "a persistent id of text": (b"P0\n.", "Unsupported operand 80"),
    "an unknown code": (b"\xfe.", "Unsupported operand 254"),
    "protocol 9": (b"\x80\x09N.", "unsupported pickle protocol: 9"),
    "another persistent id": (b"K\1Q.", "a persistent id is no storage's: int"),
    "bytes of no latin": (
        b"c_codecs\nencode\nX\1\0\0\0aX\4\0\0\0zlib\x86R.", "written as no latin-1",
    ),
    "a factory": (b"ccollections\ndefaultdict\nctorch\nTensor\n\x85R.", "GLOBAL torch.Tensor"),
    "a range of texts": (b"c__builtin__\nxrange\nX\1\0\0\0a\x85R.", "a range is made of no int"),
    "a slice of lists": (b"c__builtin__\nslice\n]]N\x87R.", "a slice is made of no integers"),
    "a size of texts": (b"ctorch\nSize\nX\1\0\0\0a\x85\x85R.", "a torch.Size is made of no"),
    "a strange device": (b"ctorch\ndevice\nX\3\0\0\0abc\x85R.", "Expected one of cpu"),
    "an object dtype": (b"cnumpy\ndtype\nX\2\0\0\0O8\x89\x88\x87R.", "'O8', which is no number's"),
    "bfloat16": (b"ctorch\nbfloat16\n.", "torch.bfloat16, a dtype that retrograd does not have"),
    "quantised": (b"ctorch\nQInt8Storage\n.", "torch.QInt8Storage, a dtype that retrograd does"),
}  # fmt: skip


@pytest.mark.parametrize("name", PICKLES)
def test_damaged_and_hostile_pickles(name):
    data, words = PICKLES[name]
    with pytest.raises((pickle.UnpicklingError, RuntimeError)) as raised:
        load(checkpoint(b"\x80\x02" * (data[:1] != b"\x80") + data))
    assert words in str(raised.value)


TENSORS = {
    "beyond the end": ({"size": (3,)}, "needs 3 elements of a storage of 2"),
    "beyond by stride": ({"stride": (2,)}, "needs 3 elements of a storage of 2"),
    "beyond by offset": ({"offset": 1}, "needs 3 elements of a storage of 2"),
    "negative stride": ({"stride": (-1,)}, "a tensor has size (2,), stride (-1,)"),
    "negative size": ({"size": (-1,)}, "a tensor has size (-1,)"),
    "negative offset": ({"offset": -1}, "offset -1"),
    "size of floats": ({"size": (2.0,)}, "a tensor has size (2.0,)"),
    "more sizes": ({"size": (2, 1)}, "a tensor has size (2, 1), stride (1,)"),
    "many axes": ({"size": (1,) * 65, "stride": (1,) * 65}, "65 axes, 64 at most"),
    "too many elements": ({"size": (2**62, 2**62), "stride": (0, 0)}, "ValueError"),
    "wide numbers": ({"size": (2**70,), "stride": (0,)}, "a tensor has size"),
    "other dtype": ({"kind": "DoubleStorage"}, "record size (8 bytes) does not match expected"),
    "other count": ({"count": 2**40}, "record size (8 bytes) does not match expected size"),
    "negative count": ({"count": -1}, "size is none"),
    "missing storage": ({"key": "7"}, "the record 'data/7' is missing"),
    "a path as key": ({"key": "../data.pkl"}, "the record 'data/../data.pkl' is missing"),
    "no text as key": ({"key": 0}, "key, location or size is none"),
    "on a GPU": ({"location": "cuda:0"}, "Attempting to deserialize object on a CUDA device"),
    "elsewhere": ({"location": "moon"}, "don't know how to restore data location of torch.stor"),
}


@pytest.mark.parametrize("name", TENSORS)
def test_tensors_that_do_not_fit_their_storage(name):
    settings, words = TENSORS[name]
    with pytest.raises((pickle.UnpicklingError, RuntimeError)) as raised:
        load(checkpoint(tensor(**settings)))
    assert words in str(raised.value)


def test_gradients_are_for_floats():
    data = tensor(kind="IntStorage").replace(b"\x89N", b"\x88N")
    with pytest.raises(RuntimeError, match="floating point"):
        load(checkpoint(data))


def test_booleans_are_booleans():
    data = checkpoint(tensor(kind="BoolStorage", count=2), {"data/0": b"\x02\x00"})
    assert load(data).numpy().view(np.uint8).tolist() == [1, 0]


def test_attributes_cannot_hide_a_tensors_own():
    rebuild = tensor()[2:-1].replace(b"(", b"(", 1)
    function, arguments = rebuild.split(b"(", 1)
    for name in ("array", "requires", "sum", "grad", "__class__", "a b"):
        state = b"}" + pickle.dumps(name, 2)[2:-1] + b"K\1s"
        data = (
            b"\x80\x02ctorch._tensor\n_rebuild_from_type_v2\n(" + function + b"ctorch\nTensor\n("
            + arguments[:-1] + state + b"tR."
        )  # fmt: skip
        with pytest.raises(pickle.UnpicklingError, match="attribute"):
            load(checkpoint(data))


# -- what a small file may cost -----------------------------------------------------------------


def test_shared_tuples_as_keys_do_not_hang():
    bomb = b"\x80\x02}K\1\x85q\0" + b"0h\0h\0\x86q\0" * 60 + b"K\1s."
    with pytest.raises(pickle.UnpicklingError, match="makes far more data than it has bytes"):
        load(checkpoint(bomb))


def test_a_text_encoded_again_and_again_does_not_fill_the_memory():
    text = b"X" + struct.pack("<I", 100_000) + b"a" * 100_000
    again = b"h\0h\1h\2\x86R"
    bomb = b"\x80\x02(c_codecs\nencode\nq\0" + text + b"q\1X\6\0\0\0latin1q\2" + again * 50_000
    with pytest.raises(pickle.UnpicklingError, match="makes far more data than it has bytes"):
        load(checkpoint(bomb + b"l."))


def test_the_state_of_a_dtype_changes_no_other_dtype():
    dtype = b"cnumpy\ndtype\nX\2\0\0\0f4\x89\x88\x87R(K\3X\1\0\0\0"
    state = b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb."
    assert load(checkpoint(b"\x80\x02" + dtype + b">" + state)).str == ">f4"
    assert np.dtype("f4").isnative
    for order, rest in ((b"x", state), (b">", state.replace(b"NNN", b"]NN"))):
        with pytest.raises(pickle.UnpicklingError, match="no number's"):
            load(checkpoint(b"\x80\x02" + dtype + order + rest))


def test_nesting_is_bounded():
    levels = 3000
    for data in (
        b"(" * levels + b"t" * levels,
        b")" + b"\x85" * levels,
        b")" + b"q\x000(h\x00\x91" * levels,
    ):
        with pytest.raises(pickle.UnpicklingError, match=r"in each other|far more"):
            load(checkpoint(b"\x80\x02" + data + b"."))
    deep = load(checkpoint(b"\x80\x02" + b"]" * levels + b"a" * (levels - 1) + b"."))
    for _ in range(levels - 1):
        (deep,) = deep
    assert deep == []


def test_keys_whose_hashes_collide_are_few():
    prime = 2**61 - 1
    keys = b"".join(pickle.dumps(n * prime, 2)[2:-1] + b"N" for n in range(10, 20_010))
    with pytest.raises(pickle.UnpicklingError, match="10000 dictionary keys that are neither"):
        load(checkpoint(b"\x80\x02}(" + keys + b"u."))


def test_conjugates_of_one_storage_are_few():
    one = tensor("ComplexFloatStorage", count=1, size=(1000,), stride=(0,))
    data = one.replace(b"NtR.", b"N}X\4\0\0\0conj\x88stR.")
    with pytest.raises(pickle.UnpicklingError, match="8000 bytes of tensors from a storage of 8"):
        load(checkpoint(data))


def test_a_long_pickle_is_refused(monkeypatch):
    monkeypatch.setattr(opcodes, "LARGEST", 10)
    with pytest.raises(pickle.UnpicklingError, match="10 at most are read"):
        load(checkpoint(tensor()))


def test_a_billion_elements_of_stride_zero_cost_nothing():
    loaded = load(checkpoint(tensor(size=(10**6, 10**6), stride=(0, 0))))
    assert loaded.shape == (10**6, 10**6)
    assert loaded[5, 7].item() == 1.0


# -- the zip file -------------------------------------------------------------------------------


def test_every_truncation_is_an_error():
    data = saved({"a": rt.arange(5.0), "b": [1, "two"]})
    for size in range(len(data)):
        with pytest.raises((RuntimeError, EOFError, pickle.UnpicklingError)):
            load(data[:size])


def test_flipped_bytes_are_found_or_harmless():
    data = saved({"a": rt.arange(5.0)})
    names = {"a": [0.0, 1.0, 2.0, 3.0, 4.0]}
    for place in range(len(data)):
        changed = bytearray(data)
        changed[place] ^= 0x11
        try:
            loaded = load(bytes(changed))
        except (RuntimeError, pickle.UnpicklingError):
            continue
        assert {key: value.tolist() for key, value in loaded.items()} == names


def test_an_empty_file_and_other_files(tmp_path):
    with pytest.raises(EOFError, match="the file is empty"):
        load(b"")
    with pytest.raises(RuntimeError, match=r"This is no PyTorch checkpoint.*hello"):
        load(b"hello world")
    with pytest.raises(RuntimeError, match=r"Invalid magic number; corrupt file"):
        load(pickle.dumps({"a": 1}, 2))
    with pytest.raises(RuntimeError, match=r"no PyTorch checkpoint.*data.pkl.*holds 'a/b'"):
        load(zipped({"a/b": b"x"}))
    with pytest.raises(RuntimeError, match=r"one folder with a data.pkl is expected, and 2"):
        load(zipped({"a/data.pkl": b"N.", "b/data.pkl": b"N."}))
    with pytest.raises(RuntimeError, match="TorchScript"):
        load(zipped({"a/data.pkl": b"N.", "a/constants.pkl": b"N."}))
    with pytest.raises(FileNotFoundError):
        rt.load(tmp_path / "none.pt")
    with pytest.raises(IsADirectoryError):
        rt.load(tmp_path)
    tar = bytearray(512)
    tar[257:262] = b"ustar"
    with pytest.raises(RuntimeError, match="tar file"):
        load(bytes(tar))


def zipped(records, **settings):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", **settings) as archive:
        for name, data in records.items():
            archive.writestr(name, data)
    return file.getvalue()


@pytest.mark.parametrize(
    "name", ["../a", "/a", "a/../../b", "a//b", "a\\b", "C:/a", "./a", "a/./b", "a\0b"]
)
def test_names_that_leave_the_folder_are_refused(name):
    # zipfile mends some of these: write a name of the same length and change it.
    stand_in = "x" * len(name)
    data = zipped({"archive/data.pkl": b"N.", stand_in: b""})
    data = data.replace(stand_in.encode(), name.encode())
    with pytest.raises(RuntimeError, match="has a name that no checkpoint has"):
        load(data)


def test_names_twice_are_refused():
    data = zipped({"a/data.pkl": b"N.", "b/data.pkl": b"I1\n."})
    with pytest.raises(RuntimeError, match=r"entry 'a/data.pkl' is there twice"):
        load(data.replace(b"b/data.pkl", b"a/data.pkl"))


def test_a_name_that_differs_in_the_two_places_is_refused():
    data = zipped({"a/data.pkl": b"N."})
    with pytest.raises(RuntimeError, match="another name where its data starts"):
        load(data.replace(b"a/data.pkl", b"b/data.pkl", 1))


def directory_change(data, field, value, entry=0):
    """Return a zip file with a 32-bit field of a directory entry changed."""
    at = data.index(b"PK\x01\x02")
    for _ in range(entry):
        at = data.index(b"PK\x01\x02", at + 4)
    return data[: at + field] + struct.pack("<I", value) + data[at + field + 4 :]


CRC, PACKED, SIZE, OFFSET = 16, 20, 24, 42


def test_lying_sizes_are_refused():
    data = zipped({"a/data.pkl": b"N.", "a/data/0": b"12345678"})
    for changed, words in (
        (directory_change(data, CRC, 5), "CRC-32 differs"),
        (directory_change(data, SIZE, 10**9), "has 2 bytes and says that it has 1000000000"),
        (directory_change(data, PACKED, 10**9), "bytes and says"),
        (directory_change(directory_change(data, PACKED, 10**9), SIZE, 10**9), "does not fit"),
        (directory_change(data, OFFSET, 10**9), "does not fit in the file"),
        (directory_change(data, OFFSET, 1), "is damaged where its data should start"),
        (directory_change(data, OFFSET, 0, entry=1), "over another one"),
        (directory_change(data, 8, 1), "is encrypted"),
        (directory_change(data, 8, 12 << 16), "compressed by method 12"),
    ):
        with pytest.raises(RuntimeError, match=words):
            load(changed)


def test_the_end_of_the_zip_file_is_checked():
    data = zipped({"a/data.pkl": b"N."})
    end = data.index(b"PK\x05\x06")

    def change(field, form, value):
        return data[: end + field] + struct.pack(form, value) + data[end + field + len(
            struct.pack(form, value)
        ) :]  # fmt: skip

    for changed, words in (
        (change(10, "<H", 2), "one of several parts"),
        (change(8, "<I", 2 | 2 << 16), "cannot hold 2 entries|ends within"),
        (change(12, "<I", 10**6), "does not fit in the file"),
        (change(16, "<I", 10**6), "does not fit in the file"),
        (change(12, "<I", 0xFFFFFFFF), "64-bit directory is missing"),
        (data + b"more", "bytes follow its end"),
        (data[:end], "failed finding central directory"),
    ):
        with pytest.raises(RuntimeError, match=words):
            load(changed)


def test_compressed_entries_are_read_within_bounds():
    data = checkpoint(tensor(), compression=zipfile.ZIP_DEFLATED)
    assert load(data).tolist() == [1.0, 1.0]
    bomb = zipped(
        {"a/data.pkl": b"N.", "a/data/0": bytes(2**27)}, compression=zipfile.ZIP_DEFLATED
    )
    assert len(bomb) < 2**18
    with pytest.raises(RuntimeError, match="compressed entries say that they grow to 1342177"):
        load(bomb)
    # An entry that unpacks to more than it says is found when it does, not after.
    lying = directory_change(bomb, SIZE, 100, entry=1)
    assert load(lying) is None  # nothing asks for that entry
    lying = checkpoint(tensor(), {"data/0": bytes(2**20)}, compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(RuntimeError, match="does not unpack to the 8 bytes it says"):
        load(directory_change(lying, SIZE, 8, entry=1))


def test_a_zip_file_made_anew_is_read():
    """Unpacked and packed again by another program: other order, folders as entries, no padding."""
    old = zipfile.ZipFile(io.BytesIO(saved({"a": rt.ones(3)})))
    records = {name: old.read(name) for name in reversed(old.namelist())}
    data = zipped({"archive/": b"", "archive/data/": b"", **records})
    assert load(data)["a"].tolist() == [1.0, 1.0, 1.0]


def test_directories_of_64_bits_are_read():
    data = saved([1, 2])
    end = data.rindex(b"PK\x05\x06")
    changed = bytearray(data)
    changed[end + 8 : end + 20] = b"\xff" * 12
    assert load(bytes(changed)) == [1, 2]
    changed[end - 20 : end - 16] = b"xxxx"
    with pytest.raises(RuntimeError, match="64-bit directory is missing"):
        load(bytes(changed))


def test_another_byte_order_is_turned():
    numbers = np.array([1.5, -2.0], ">f4").tobytes()
    records = {"data/0": numbers, "byteorder": b"big"}
    assert load(checkpoint(tensor(), records)).tolist() == [1.5, -2.0]
    with pytest.raises(RuntimeError, match="Invalid load endianness type"):
        load(checkpoint(tensor(), {**records, "byteorder": b"middle"}))


# -- the older format ---------------------------------------------------------------------------


def legacy(obj):
    file = io.BytesIO()
    rt.save(obj, file, _use_new_zipfile_serialization=False)
    return file.getvalue()


def test_truncated_files_of_the_older_format():
    data = legacy({"a": rt.arange(3.0)})
    for size in range(1, len(data)):
        with pytest.raises((RuntimeError, pickle.UnpicklingError)):
            load(data[:size])


def test_lies_of_the_older_format():
    data = legacy({"a": rt.arange(3.0)})
    # The number of elements in the pickle, and before the elements themselves.
    with pytest.raises(pickle.UnpicklingError, match="bytes together, the file"):
        load(data.replace(b"K\x03Nt", b"J\xff\xff\xff\x7fNt"))
    with pytest.raises(pickle.UnpicklingError, match="has 4 elements in place of 12 bytes"):
        load(data[:-20] + struct.pack("<q", 4) + data[-12:])
    for name in ("os.system", "builtins.eval"):
        module, last = name.split(".")
        changed = data.replace(
            b"ctorch._utils\n_rebuild_tensor_v2\n", f"c{module}\n{last}\n".encode()
        )
        with pytest.raises(pickle.UnpicklingError, match=f"GLOBAL {name}"):
            load(changed, weights_only=False)


def test_the_crc_is_that_of_zip():
    entry = zipfile.ZipFile(io.BytesIO(saved(rt.ones(2)))).getinfo("archive/data/0")
    assert zlib.crc32(np.ones(2, "f4").tobytes()) == entry.CRC
