"""The zip file around a checkpoint: reading that believes nothing, writing as PyTorch lays it out.

Reading checks every number of the file against the file's true size before it allocates, refuses
names that could leave a folder, doubled and overlapping entries, and checks each entry's CRC.
"""

from __future__ import annotations

import struct
import zlib

import numpy as np

ALIGNMENT = 64  # of each entry's first byte, so that mapped tensors are aligned
FAILED = "PytorchStreamReader failed reading zip archive: "

# Entries that are compressed (PyTorch compresses none; other tools may) must not grow to more
# than this many bytes, or this many times the file, whichever is larger.
EXPANDED_BYTES = 64 * 2**20
EXPANDED_TIMES = 8

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_LOCATOR = struct.Struct("<4sIQI")
_END64 = struct.Struct("<4sQ2H2I4Q")
_LONGEST_COMMENT = 2**16 - 1
_NO16, _NO32 = 2**16 - 1, 2**32 - 1
_STORED, _DEFLATED = 0, 8


def corrupt(what):
    """Return the error for a zip file that is damaged or lies."""
    return RuntimeError(
        f"{FAILED}{what}. The file is incomplete, was changed after it was saved, or is no "
        "checkpoint; save or download it again."
    )


# -- where the bytes come from ------------------------------------------------------------------


class FileBytes:
    """The bytes of a seekable file, read when asked for."""

    mapped = False

    def __init__(self, file):
        self.file = file
        self.size = file.seek(0, 2)
        if not isinstance(self.size, int):  # objects whose `seek` returns nothing
            self.size = file.tell()

    def read(self, start, count):
        """Return `count` bytes from `start` as a uint8 array of its own."""
        if start < 0 or count < 0 or start + count > self.size:
            raise corrupt(
                f"it asks for bytes {start} to {start + count}, and the file has {self.size}"
            )
        out = np.empty(count, np.uint8)
        self.file.seek(start)
        view, filled = memoryview(out), 0
        fill = getattr(self.file, "readinto", None)
        while filled < count:
            if fill is not None:
                got = fill(view[filled:])
            else:
                piece = self.file.read(count - filled)
                got = len(piece)
                view[filled : filled + got] = piece
            if not got:
                raise corrupt(f"it ends at byte {start + filled} although its size is {self.size}")
            filled += got
        return out


class MappedBytes:
    """The bytes of a file mapped into memory: a page is read when it is looked at.

    Writing into what `read` returns changes this process's copy alone, never the file.
    """

    mapped = True

    def __init__(self, file):
        import mmap  # here: only mapping needs it

        self.map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY)
        self.size = len(self.map)

    def read(self, start, count):
        """Return `count` bytes from `start` as a uint8 array in the mapped memory."""
        if start < 0 or count < 0 or start + count > self.size:
            raise corrupt(
                f"it asks for bytes {start} to {start + count}, and the file has {self.size}"
            )
        if not count:
            return np.empty(0, np.uint8)
        return np.frombuffer(self.map, np.uint8, count, start)


# -- reading ------------------------------------------------------------------------------------


class Entry:
    """One entry of the archive: where its bytes are, how many, and their CRC."""

    __slots__ = ("crc", "method", "name", "offset", "packed", "size", "start")

    def __init__(self, name, method, crc, packed, size, offset):
        self.name = name
        self.method = method
        self.crc = crc
        self.packed = packed  # bytes in the file
        self.size = size  # bytes when unpacked
        self.offset = offset  # of the local header
        self.start = 0  # of the data, known after the local header was read


class Archive:
    """A checkpoint's zip file, open for reading.

    Parameters
    ----------
    source : FileBytes or MappedBytes

    Raises
    ------
    RuntimeError
        When the file is truncated, damaged, or built to mislead.
    """

    def __init__(self, source):
        self.source = source
        count, start, size, limit = self._directory()
        self.entries = {}
        self._read_directory(count, source.read(start, size).tobytes(), start)
        self._check_expansion()
        self._place(limit)
        self.folder = self._find_folder()

    def _directory(self):
        """Return (entries, offset, size) of the central directory, and where it must end."""
        source = self.source
        tail_start = max(0, source.size - _END.size - _LONGEST_COMMENT)
        tail = source.read(tail_start, source.size - tail_start).tobytes()
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or len(tail) - at < _END.size:
            raise corrupt("failed finding central directory")
        _, disk, first, here, count, size, start, comment = _END.unpack_from(tail, at)
        if len(tail) - at != _END.size + comment:
            raise corrupt("bytes follow its end")
        end = tail_start + at
        if _NO16 in (count, here) or _NO32 in (size, start):
            return self._directory64(end)
        if disk or first or here != count:
            raise corrupt("it is one of several parts")
        self._expect_directory(count, start, size, end)
        return count, start, size, end

    def _directory64(self, end):
        place = end - _LOCATOR.size
        if place < 0:
            raise corrupt("its 64-bit directory is missing")
        magic, _, start, _ = _LOCATOR.unpack(self.source.read(place, _LOCATOR.size).tobytes())
        if magic != b"PK\x06\x07" or start + _END64.size > place:
            raise corrupt("its 64-bit directory is missing")
        found = _END64.unpack(self.source.read(start, _END64.size).tobytes())
        magic, _, _, _, disk, first, here, count, size, offset = found
        if magic != b"PK\x06\x06" or disk or first or here != count:
            raise corrupt("its 64-bit directory is damaged")
        self._expect_directory(count, offset, size, start)
        return count, offset, size, start

    def _expect_directory(self, count, start, size, end):
        if start + size > end:
            raise corrupt(
                f"its directory of {size} bytes at byte {start} does not fit in the file"
            )
        if count * _CENTRAL.size > size:
            raise corrupt(f"its directory of {size} bytes cannot hold {count} entries")

    def _read_directory(self, count, data, start):
        at = 0
        for _ in range(count):
            if len(data) - at < _CENTRAL.size:
                raise corrupt("its directory ends within an entry")
            (
                magic, _, _, flags, method, _, _, crc, packed, size,
                name_size, extra_size, comment_size, disk, _, _, offset,
            ) = _CENTRAL.unpack_from(data, at)  # fmt: skip
            at += _CENTRAL.size
            after = at + name_size + extra_size + comment_size
            if magic != b"PK\x01\x02" or after > len(data):
                raise corrupt("its directory is damaged")
            name = entry_name(data[at : at + name_size])
            if _NO32 in (packed, size, offset):
                extra = data[at + name_size : at + name_size + extra_size]
                packed, size, offset = wide_numbers(extra, packed, size, offset, name)
            at = after
            if flags & 1:
                raise corrupt(f"entry {name!r} is encrypted")
            if disk:
                raise corrupt("it is one of several parts")
            if method not in (_STORED, _DEFLATED):
                raise corrupt(f"entry {name!r} is compressed by method {method}, which is not read")
            if method == _STORED and packed != size:
                raise corrupt(f"entry {name!r} has {packed} bytes and says that it has {size}")
            if offset + packed > start:
                raise corrupt(
                    f"entry {name!r} of {packed} bytes at byte {offset} does not fit in the file"
                )
            if name in self.entries:
                raise corrupt(f"entry {name!r} is there twice")
            self.entries[name] = Entry(name, method, crc, packed, size, offset)
        if at != len(data):
            raise corrupt("its directory holds more than its entries")

    def _check_expansion(self):
        expanded = sum(e.size for e in self.entries.values() if e.method == _DEFLATED)
        limit = max(EXPANDED_BYTES, EXPANDED_TIMES * self.source.size)
        if expanded > limit:
            raise corrupt(
                f"its compressed entries say that they grow to {expanded} bytes, {limit} at most "
                f"are unpacked from a file of {self.source.size}; if that is right, unpack the "
                "file and zip it again without compression"
            )

    def _place(self, limit):
        """Find where each entry's data starts; entries must not share bytes."""
        end = 0
        for entry in sorted(self.entries.values(), key=lambda e: e.offset):
            if entry.offset < end:
                raise corrupt(f"entry {entry.name!r} lies over another one")
            head = self.source.read(entry.offset, _LOCAL.size).tobytes()
            magic, _, _, method, *_, name_size, extra_size = _LOCAL.unpack(head)
            name = self.source.read(entry.offset + _LOCAL.size, name_size).tobytes()
            if magic != b"PK\x03\x04" or method != entry.method:
                raise corrupt(f"entry {entry.name!r} is damaged where its data should start")
            if name != entry.name.encode():
                raise corrupt(f"entry {entry.name!r} has another name where its data starts")
            entry.start = entry.offset + _LOCAL.size + name_size + extra_size
            end = entry.start + entry.packed
            if end > limit:
                raise corrupt(f"entry {entry.name!r} does not fit in the file")

    def _find_folder(self):
        found = [name for name in self.entries if name.endswith("/data.pkl")]
        found = [name for name in found if name.count("/") == 1]
        if len(found) == 1:
            return found[0].removesuffix("data.pkl")
        shown = ", ".join(repr(name) for name in list(self.entries)[:5]) or "nothing"
        raise RuntimeError(
            "this zip file is no PyTorch checkpoint: one folder with a data.pkl is expected, and "
            f"{len(found)} are there; it holds {shown}"
        )

    def has(self, name):
        """Say whether the checkpoint has a record."""
        return self.folder + name in self.entries

    def size_of(self, name):
        """Return the bytes of a record.

        Raises
        ------
        RuntimeError
            When it is missing.
        """
        entry = self.entries.get(self.folder + name)
        if entry is None:
            raise corrupt(f"the record {name!r} is missing")
        return entry.size

    def read(self, name, check=True):
        """Return a record as a uint8 array, its CRC checked unless told not to."""
        self.size_of(name)
        entry = self.entries[self.folder + name]
        data = self.source.read(entry.start, entry.packed)
        if entry.method == _DEFLATED:
            data = unpacked(data, entry)
        if check and zlib.crc32(data) != entry.crc:
            raise corrupt(f"the bytes of entry {entry.name!r} are not those saved (CRC-32 differs)")
        return data


def entry_name(raw):
    """Return an entry's name as text; names that could leave the folder are refused."""
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise corrupt(f"an entry's name is no UTF-8: {raw[:40]!r}") from None
    parts = name.removesuffix("/").split("/")
    if "\\" in name or "\0" in name or ":" in parts[0] or not {"", ".", ".."}.isdisjoint(parts):
        raise corrupt(f"entry {name[:80]!r} has a name that no checkpoint has")
    return name


def wide_numbers(extra, packed, size, offset, name):
    """Return the sizes and the offset of an entry that needs more than 32 bits for one."""
    at = 0
    while at + 4 <= len(extra):
        tag, length = struct.unpack_from("<HH", extra, at)
        field = extra[at + 4 : at + 4 + length]
        at += 4 + length
        if tag != 1 or len(field) != length:
            continue
        wide = iter(struct.unpack(f"<{length // 8}Q", field[: length // 8 * 8]))
        try:
            size = next(wide) if size == _NO32 else size
            packed = next(wide) if packed == _NO32 else packed
            offset = next(wide) if offset == _NO32 else offset
        except StopIteration:
            break
        return packed, size, offset
    raise corrupt(f"entry {name!r} lacks its 64-bit sizes")


def unpacked(data, entry):
    """Return a compressed entry's bytes; never more of them than the entry says."""
    machine = zlib.decompressobj(-15)
    try:
        out = machine.decompress(data, entry.size + 1)
    except zlib.error as error:
        raise corrupt(f"entry {entry.name!r} cannot be unpacked ({error})") from None
    if len(out) != entry.size or not machine.eof:
        raise corrupt(f"entry {entry.name!r} does not unpack to the {entry.size} bytes it says")
    return np.frombuffer(bytearray(out), np.uint8)


# -- writing ------------------------------------------------------------------------------------


class ArchiveWriter:
    """Writes records into a zip file, each aligned to 64 bytes and not compressed.

    Parameters
    ----------
    write : callable
        Takes bytes; nothing else is asked of the file.
    folder : str
        The folder that every record is in.
    """

    def __init__(self, write, folder):
        self.write_bytes = write
        self.folder = folder
        self.place = 0
        self.directory = []
        self.checks = []

    def _put(self, data):
        self.write_bytes(data)
        self.place += len(data)

    def write(self, name, data):
        """Write one record; `data` is bytes or a flat uint8 array."""
        encoded = f"{self.folder}/{name}".encode()
        size, crc, offset = len(data), zlib.crc32(data), self.place
        extra = struct.pack("<HHQQ", 1, 16, size, size) if size >= _NO32 else b""
        shown = min(size, _NO32)
        start = offset + _LOCAL.size + len(encoded) + len(extra) + 4
        padding = -start % ALIGNMENT
        extra += struct.pack("<2sH", b"FB", padding) + b"Z" * padding
        version = 45 if size >= _NO32 else 0
        fields = (version, 0x0800, _STORED, 0, 0, crc, shown, shown, len(encoded), len(extra))
        self._put(_LOCAL.pack(b"PK\x03\x04", *fields) + encoded + extra)
        self._put(data)
        self.directory.append((encoded, crc, size, offset))
        self.checks.append(crc)

    def finish(self):
        """Write the directory; the file is complete then."""
        start = self.place
        for name, crc, size, offset in self.directory:
            wide = [size, size] if size >= _NO32 else []
            wide += [offset] if offset >= _NO32 else []
            extra = struct.pack(f"<HH{len(wide)}Q", 1, 8 * len(wide), *wide) if wide else b""
            shown, version = min(size, _NO32), 45 if wide else 0
            fields = (version, version, 0x0800, _STORED, 0, 0, crc, shown, shown, len(name))
            rest = (len(extra), 0, 0, 0, 0, min(offset, _NO32))
            self._put(_CENTRAL.pack(b"PK\x01\x02", *fields, *rest) + name + extra)
        size, count, end = self.place - start, len(self.directory), self.place
        self._put(_END64.pack(b"PK\x06\x06", 44, 45, 45, 0, 0, count, count, size, start))
        self._put(_LOCATOR.pack(b"PK\x06\x07", 0, end, 1))
        short = min(count, _NO16)
        fields = (0, 0, short, short, min(size, _NO32), min(start, _NO32), 0)
        self._put(_END.pack(b"PK\x05\x06", *fields))
