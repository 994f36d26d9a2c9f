"""Load thousands of damaged and hostile checkpoints; each must be refused or give the right data.

    python tools/fuzz_checkpoints.py --count 10000 --seed 0

Files are made from good ones by changing bytes, fields of the zip file, instructions of the pickle
inside (with right checksums), and by attacks that are known.  While a file is loaded an audit hook
watches the interpreter: an import, a compilation, an opened file or a started program is a failure
of this test, and so are a crash, a wrong result, ten seconds without an end, or much memory.

Prints what happened and exits with status 1 after a failure; `--keep FOLDER` writes the files that
failed there.
"""

import argparse
import io
import pickle
import runpy
import signal
import sys
import tempfile
import time
import warnings
import zipfile
from collections import Counter, OrderedDict, defaultdict
from pathlib import Path

import numpy as np

import retrograd as rt

ROOT = Path(__file__).resolve().parent.parent
CONTENTS = runpy.run_path(str(ROOT / "tests" / "serialization" / "contents.py"))
SECONDS = 10
MEGABYTES = 300

# What loading a file may never do.  That it opens a file given by its path is looked at below.
FORBIDDEN = (
    "import", "exec", "compile", "open", "os.", "subprocess.", "ctypes.", "socket.", "marshal.",
    "pickle.", "shutil.", "code.", "builtins.input", "sys.", "tempfile.", "glob.", "webbrowser.",
    "urllib.", "http.", "ftplib.", "smtplib.", "sqlite3.", "signal.", "cpython.run", "mmap.",
)  # fmt: skip


class Watch:
    """Notes what the interpreter does while a file is loaded."""

    on = False
    path = None  # of the file being loaded, when it is given by its path
    seen: list = []


def audit(event, arguments):
    """Note an event that no loading may cause."""
    if Watch.on and event.startswith(FORBIDDEN):
        if Watch.path is not None and (event, arguments[0]) == ("open", Watch.path):
            return
        if Watch.path is not None and event == "mmap.__new__":
            return
        Watch.seen.append(f"{event} {arguments!r:.200}")


class TooLongError(BaseException):
    """A file took longer than SECONDS."""


def stop(number, frame):
    """End a loading that takes too long."""
    raise TooLongError


# -- good files ---------------------------------------------------------------------------------


def small(t):
    """A little of everything, small so that single changes meet something."""
    return {
        "w": t.arange(6.0).reshape(2, 3).t(),
        "p": t.nn.Parameter(t.ones(2)),
        "b": t.nn.Buffer(t.ones(1)),
        "n": [1, 2.5, "text", None, True, b"bytes", 2**70, (1, (2,))],
        "o": OrderedDict([("k", t.tensor([True, False]))]),
        "s": {1, "two"},
        "d": t.float16,
        "z": t.Size([2]),
        "a": np.arange(3),
        "c": Counter("ab"),
        "x": t.zeros(0, 2),
        "i": t.tensor(7, dtype=t.uint16),
    }


def saved(content, **settings):
    """Return a file's bytes."""
    file = io.BytesIO()
    rt.save(content, file, **settings)
    return file.getvalue()


def good_files():
    """Return (bytes, what loading gives) for some contents."""
    makers = [small, small, *(f for n, f in CONTENTS["CONTENTS"].items() if n != "containers")]
    return [(saved(make(rt)), make(rt)) for make in makers]


def zipped(records, method=zipfile.ZIP_STORED):
    """Return a zip file of (name, bytes), names twice allowed."""
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w", method) as archive:
        warnings.simplefilter("ignore")
        for name, data in records:
            archive.writestr(zipfile.ZipInfo(name), data, method)
    return file.getvalue()


def records_of(data):
    """Return the (name, bytes) of a checkpoint."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [(name, archive.read(name)) for name in archive.namelist()]


def resealed(data, change):
    """Return a checkpoint whose pickle was changed, its checksums right."""
    records = records_of(data)
    return zipped([(n, change(d) if n.endswith("data.pkl") else d) for n, d in records])


# -- changes ------------------------------------------------------------------------------------
#
# Each takes (random, bytes) and returns bytes.


def flip_bits(random, data):
    changed = bytearray(data)
    for _ in range(random.integers(1, 9)):
        changed[random.integers(len(data))] ^= 1 << random.integers(8)
    return bytes(changed)


def set_bytes(random, data):
    changed = bytearray(data)
    for _ in range(random.integers(1, 5)):
        changed[random.integers(len(data))] = random.choice([0, 1, 0x7F, 0x80, 0xFF])
    return bytes(changed)


def truncate(random, data):
    return data[: random.integers(len(data))]


def cut_out(random, data):
    start, end = sorted(random.integers(0, len(data), 2))
    return data[:start] + data[min(end, start + 64) :]


def insert(random, data):
    place = random.integers(len(data))
    return data[:place] + random.bytes(int(random.integers(1, 40))) + data[place:]


def repeat(random, data):
    start = random.integers(len(data))
    piece = data[start : start + random.integers(1, 200)]
    place = random.integers(len(data))
    return data[:place] + piece * int(random.integers(1, 4)) + data[place:]


def overwrite(random, data):
    start, place = random.integers(0, len(data), 2)
    piece = data[start : start + random.integers(1, 100)]
    return data[:place] + piece + data[place + len(piece) :]


def append(random, data):
    return data + random.bytes(int(random.integers(1, 100)))


BYTES = (flip_bits, set_bytes, truncate, cut_out, insert, repeat, overwrite, append)
EXTREMES = (0, 1, 2, 7, 30, 64, 127, 255, 256, 65535, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1)


def change_zip_field(random, data):
    """A field of a header or of the directory gets another value."""
    marks = (b"PK\x01\x02", b"PK\x03\x04", b"PK\x05\x06", b"PK\x06\x06", b"PK\x06\x07")
    places = []
    for mark in marks:
        at = data.find(mark)
        while at >= 0:
            places.append(at)
            at = data.find(mark, at + 4)
    at = int(random.choice(places)) + int(random.integers(4, 46))
    size = int(random.choice([2, 4, 8]))
    value = int(random.choice(EXTREMES)) + int(random.integers(0, 3))
    if random.random() < 0.2:
        value = len(data) + int(random.integers(-50, 50))
    return data[:at] + (value % 2 ** (8 * size)).to_bytes(size, "little") + data[at + size :]


NAMES = (
    "../evil", "/etc/passwd", "archive/../../evil", "archive\\..\\evil", "C:/evil", "archive//x",
    "archive/./x", "archive/data.pkl", "archive/data/0", "other/data.pkl", "archive/constants.pkl",
    "archive/data/0/", "", "archive/\0", "archive/byteorder", "a" * 300,
)  # fmt: skip


def trick_names(random, data):
    """Entries get names that lead elsewhere, or that are there twice."""
    records = records_of(data)
    name = NAMES[random.integers(len(NAMES))]
    contents = (b"", b"big", b"x" * 8, b"\x80\x02cos\nsystem\nX\4\0\0\0echo\x85R.", records[0][1])
    extra = (name, contents[random.integers(len(contents))])
    place = int(random.integers(len(records)))
    if random.random() < 0.5:
        return zipped([*records[:place], extra, *records[place:]])
    return zipped([*records[:place], (name, records[place][1]), *records[place + 1 :]])


def compress(random, data):
    """Entries are compressed; some grow, or say other sizes than they have."""
    records = records_of(data)
    if random.random() < 0.5:
        records.append(("archive/data/99", bytes(int(random.choice([2**10, 2**20, 2**24])))))
    packed = zipped(records, zipfile.ZIP_DEFLATED)
    return change_zip_field(random, packed) if random.random() < 0.7 else packed


def change_storage(random, data):
    """A storage has another length, or another one's."""
    records = records_of(data)
    places = [n for n, (name, _) in enumerate(records) if "/data/" in name]
    if not places:
        return truncate(random, data)
    place = int(random.choice(places))
    name, content = records[place]
    length = int(random.choice([0, 1, len(content) // 2, len(content) + 1, 2 * len(content)]))
    records[place] = (name, (content * 2)[:length])
    if random.random() < 0.3:
        del records[place]
    return zipped(records)


ATTACKS = (
    b"cos\nsystem\nX\x04\0\0\0echo\x85R", b"cposix\nsystem\nX\x04\0\0\0echo\x85R",
    b"c__builtin__\neval\nX\x01\0\0\x001\x85R", b"c__builtin__\nexec\nX\x01\0\0\x001\x85R",
    b"\x8c\x05posix\x8c\x06system\x93\x8c\x04echo\x85R", b"(ios\nsystem\n", b"(cos\nsystem\no",
    b"cos\nsystem\n)\x81", b"cos\nsystem\n)}\x92", b"\x82\x01", b"\x83\x01\x00", b"\x84\1\0\0\0",
    b"crunpy\nrun_path\nX\x01\0\0\0x\x85R", b"ctorch\nload\nX\x01\0\0\0x\x85R",
    b"cretrograd.serialization\nload\nX\x01\0\0\0x\x85R", b"c__main__\nstop\nK\1K\1\x86R",
    b"csubprocess\nPopen\n]X\x02\0\0\0lsa\x85R", b"cwebbrowser\nopen\nX\x01\0\0\0x\x85R",
    b"ccollections\nOrderedDict\n)R}X\x0a\0\0\0__reduce__K\1sb", b"P0\n", b"S'a'\n", b"I1\n",
    b"ctorch\nTensor\n", b"ctorch._utils\n_rebuild_tensor_v2\n", b"ctorch\nFloatStorage\n)R",
    b"X\xff\xff\xff\x7f", b"\x8b\xff\xff\xff\xff", b"\x8b\xff\xff\xff\x7f", b"\x8e" + b"\xff" * 8,
    b"\x95" + b"\xff" * 8, b"]" * 3000, b"(" * 3000, b"\x85" * 3000, b"}\x94" * 500,
    b"K\1\x85q\xc8" + b"0h\xc8h\xc8\x86q\xc8" * 60 + b"}h\xc8K\1s",
    b"cnumpy\nndarray\n)R", b"cnumpy\nfromfile\nX\x01\0\0\0x\x85R", b"\x97", b"\x98",
    b"cbuiltins\ngetattr\n", b"cbuiltins\n__import__\nX\x02\0\0\0os\x85R", b"Q", b"b", b"R",
    b"\x81", b"(K\1X\1\0\0\0ad", b"(((((lllll", b"\x8f(K\1\x90", b"(K\1\x91", b"\x80\x05",
    b"\x80\xff",
)  # fmt: skip


def attack_pickle(random, data):
    """An instruction of another kind, or an attack, stands somewhere in the pickle."""
    piece = ATTACKS[random.integers(len(ATTACKS))]

    def change(pickled):
        starts = boundaries(pickled)
        place = int(random.choice(starts))
        end = place if random.random() < 0.6 else int(random.choice(starts))
        end = end if end >= place else place
        return pickled[:place] + piece + pickled[min(end, place + 100) :]

    return resealed(data, change)


def boundaries(pickled):
    """Return where the instructions of a pickle start."""
    import pickletools

    return [at for _, _, at in pickletools.genops(pickled)]


def instructions(pickled):
    """Return the instructions of a pickle, each with its argument."""
    starts = boundaries(pickled)
    return [pickled[a:b] for a, b in zip(starts, [*starts[1:], len(pickled)])]


def change_instructions(random, data):
    """Instructions are dropped, doubled, swapped, or replaced by others of the same pickle."""

    def change(pickled):
        codes = instructions(pickled)
        for _ in range(random.integers(1, 4)):
            one, two = random.integers(0, len(codes), 2)
            kind = random.integers(4)
            if kind == 0:
                del codes[one]
            elif kind == 1:
                codes.insert(one, codes[two])
            elif kind == 2:
                codes[one], codes[two] = codes[two], codes[one]
            else:
                codes[one] = codes[two]
        return b"".join(codes)

    return resealed(data, change)


def change_numbers(random, data):
    """Sizes, strides, offsets, counts and lengths get other values."""

    def change(pickled):
        codes = instructions(pickled)
        places = [n for n, code in enumerate(codes) if code[:1] in b"KMJ\x8aGX"]
        for _ in range(random.integers(1, 4)):
            value = int(random.choice(EXTREMES)) - int(random.choice([0, 0, 1, 2**31]))
            if random.random() < 0.2:
                value *= 2**40
            codes[int(random.choice(places))] = pickle.dumps(value, 2)[2:-1]
        return b"".join(codes)

    return resealed(data, change)


def change_pickle_bytes(random, data):
    """Bytes of the pickle are changed, its checksum is right."""
    change = BYTES[random.integers(len(BYTES))]
    return resealed(data, lambda pickled: change(random, pickled))


def random_program(random, data):
    """A pickle of instructions drawn at random."""
    known = bytes(range(0x80, 0x96)) + b"(0.12BCGJKMNQRXbehjlqrstu]})"
    parts = []
    for _ in range(random.integers(1, 300)):
        parts.append(bytes([known[random.integers(len(known))]]))
        if random.random() < 0.5:
            parts.append(bytes(random.integers(0, 4, int(random.integers(0, 9)), np.uint8)))
        if random.random() < 0.1:
            parts.append(ATTACKS[random.integers(len(ATTACKS))])
    return resealed(data, lambda pickled: b"\x80\x02" + b"".join(parts) + b".")


RESEALED = (
    attack_pickle, change_instructions, change_numbers, change_pickle_bytes, random_program,
)  # fmt: skip
ZIPS = (change_zip_field, trick_names, compress, change_storage)


def mutant(random, files, older):
    """Return (description, bytes, what to expect): a changed file.

    Where the checksums were not made right again, a file that loads must give what was saved
    (`expected`); else any plain data will do (None).
    """
    kind = random.random()
    if kind < 0.1:
        change = BYTES[random.integers(len(BYTES))]
        data, _ = older[random.integers(len(older))]
        return f"older format, {change.__name__}", change(random, data), None
    data, expected = files[random.integers(len(files))]
    if kind < 0.4:
        change = BYTES[random.integers(len(BYTES))]
        return change.__name__, change(random, data), expected
    if kind < 0.6:
        change = ZIPS[random.integers(len(ZIPS))]
        right = expected if change is change_zip_field else None
        return change.__name__, change(random, data), right
    change = RESEALED[random.integers(len(RESEALED))]
    return change.__name__, change(random, data), None


# -- what may come out --------------------------------------------------------------------------

PLAIN = (
    type(None), bool, int, float, complex, str, bytes, bytearray, slice, range, np.ndarray,
    rt.Size, rt.dtype, rt.device, type(rt.strided),
)  # fmt: skip


def problem_of(value):
    """Return what is wrong with a loaded value, None when it is plain data."""
    waiting, seen = [value], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        kind = type(one)
        if kind in (list, tuple, set, frozenset):
            waiting += one
        elif kind in (dict, OrderedDict, Counter, defaultdict):
            waiting += [*one.keys(), *one.values(), getattr(one, "__dict__", None)]
            factory = getattr(one, "default_factory", None)
            if factory not in (None, bool, complex, dict, float, int, list, set, str, tuple):
                return f"a factory {factory!r}"
        elif kind in (rt.Tensor, rt.nn.Parameter):
            if one.array.size and not inside(one.array):
                return f"a tensor that leads out of its memory: {one.shape} {one.stride()}"
        elif not (isinstance(one, (np.generic, np.dtype)) or kind in PLAIN):
            return f"a {kind!r}"
    return None


def inside(array):
    """Say whether an array lies in the memory that it is a view of."""
    root = array
    while isinstance(root.base, np.ndarray):
        root = root.base
    start = root.__array_interface__["data"][0]
    place = array.__array_interface__["data"][0]
    reach = sum((n - 1) * step for n, step in zip(array.shape, array.strides))
    return start <= place and place + reach + array.itemsize <= start + root.nbytes


def load(data, path=None):
    """Load a file under watch, mapped when a path to write it to is given.

    Returns (value, error).
    """
    file = io.BytesIO(data)
    if path is not None:
        Path(path).write_bytes(data)
    Watch.path = path
    Watch.on = True
    try:
        return rt.load(file) if path is None else rt.load(path, mmap=True), None
    except Exception as error:
        return None, error
    finally:
        Watch.on = False


# Errors that tell a user something; anything else was not foreseen.
TELLING = (RuntimeError, pickle.UnpicklingError, EOFError)


def fuzz(count, seed, path, keep=None):
    """Load `count` changed files; return the failures, a count of what happened, and a time.

    Some are written to `path` and mapped, the others are loaded from memory.
    """
    random = np.random.default_rng(seed)
    files = good_files()
    older = [
        (saved(make(rt), _use_new_zipfile_serialization=False), None)
        for make in (small, CONTENTS["CONTENTS"]["views_of_one_memory"])
    ]
    for data, expected in files:  # loads all that is loaded when it is first needed
        value, error = load(data)
        assert error is None and CONTENTS["difference"](value, expected) is None, error
        assert load(data, path)[1] is None
    for data, _ in older:
        assert load(data)[1] is None
    Watch.seen.clear()
    Watch.on = True
    compile("1", "the watch sees this", "eval")
    Watch.on = False
    assert len(Watch.seen) == 1, "the audit hook is not at work"
    Watch.seen.clear()
    failures, happened, slowest = [], Counter(), 0.0
    for number in range(count):
        name, data, expected = mutant(random, files, older)
        start = time.perf_counter()
        try:
            if hasattr(signal, "alarm"):
                signal.alarm(SECONDS)
            # Of a mapped file only the structure has its checksums looked at.
            mapped = number % 8 == 0
            value, error = load(data, path if mapped else None)
            wrong = judge(value, error, None if mapped else expected)
        except TooLongError:
            value, error, wrong = None, None, f"no end after {SECONDS} s"
        finally:
            if hasattr(signal, "alarm"):
                signal.alarm(0)
        slowest = max(slowest, time.perf_counter() - start)
        if Watch.seen:
            wrong = f"it did: {Watch.seen}"
            Watch.seen = []
        happened["loaded" if error is None else type(error).__name__] += 1
        if wrong is not None:
            failures.append(f"file {number} ({name}): {wrong}")
            if keep is not None:
                keep.mkdir(parents=True, exist_ok=True)
                (keep / f"{seed}_{number}.pt").write_bytes(data)
    return failures, happened, slowest


def judge(value, error, expected):
    """Return what is wrong with the outcome of one file, None when it is right."""
    if error is not None:
        if isinstance(error, TELLING) and str(error):
            return None
        return f"{type(error).__name__}: {error}"
    wrong = problem_of(value)
    if wrong is None and expected is not None:
        wrong = CONTENTS["difference"](value, expected)
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="where to write files that failed")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    sys.addaudithook(audit)
    if hasattr(signal, "alarm"):
        signal.signal(signal.SIGALRM, stop)
    before = peak_megabytes()
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "changed.pt")
        failures, happened, slowest = fuzz(options.count, options.seed, path, options.keep)
    seconds = time.perf_counter() - start
    grown = peak_megabytes() - before
    if grown > MEGABYTES:
        failures.append(f"the process grew by {grown:.0f} MB, {MEGABYTES} at most are right")
    for failure in failures[:20]:
        print(failure)
    counts = ", ".join(f"{name} {n}" for name, n in happened.most_common())
    print(f"{options.count} files in {seconds:.1f} s, slowest {1000 * slowest:.0f} ms: {counts}")
    print(f"memory grew by {grown:.0f} MB; {len(failures)} failures")
    return 1 if failures else 0


def peak_megabytes():
    """Return the most memory that this process has had, 0 where the system does not say."""
    try:
        import resource  # not on Windows
    except ImportError:
        return 0.0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


if __name__ == "__main__":
    sys.exit(main())
