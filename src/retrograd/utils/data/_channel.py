"""Objects through a pipe between processes, with the memory of large arrays beside the pickle.

An object is pickled by protocol 5. Memory of 32 KiB and more is left out of the pickle and
written as it is, and read straight into the memory that the array will own.
"""

# Note [Pipes, not shared memory]
# Time from request to summed array, in microseconds (medians; Linux, two cores):
#
#     bytes                  10^3  10^4  10^5  10^6   10^7   4*10^7
#     this                     18    23    58   430   5060    22500
#     Connection.send_bytes    21    27    67  1536   6866    62700
#     memfd, fd sent along     56    64   137   909  10496    40400
#     memfd, mapped            84   100   211  1338  15677    56600
#
# Fresh pages cost more than the copy through the pipe, on both sides. And a pipe leaves nothing
# behind when a process is killed.

from __future__ import annotations

import os
import pickle

import numpy as np

_LARGE = 32 * 1024
_direct = hasattr(os, "readv")


def send(connection, value):
    """Write an object.

    Raises
    ------
    OSError
        When nobody reads it.
    """
    send_packed(connection, pack(value))


def pack(value):
    """Return an object as pickle and large buffers, to be sent by `send_packed`."""
    buffers = []

    def aside(buffer):
        raw = buffer.raw()
        if raw.nbytes < _LARGE:
            return True
        buffers.append(raw)
        return False

    return pickle.dumps(value, protocol=5, buffer_callback=aside), buffers


def send_packed(connection, packed):
    """Write what `pack` returned: the pickle and the buffers' sizes, then the buffers."""
    body, buffers = packed
    head = np.array([len(buffers), *[one.nbytes for one in buffers]], np.int64).tobytes()
    connection.send_bytes(head + body)
    for buffer in buffers:
        if not _direct:
            connection.send_bytes(buffer)
            continue
        left = buffer
        while left.nbytes:
            left = left[os.write(connection.fileno(), left) :]


def receive(connection):
    """Read an object.

    Raises
    ------
    EOFError
        When the other side is gone.
    """
    message = memoryview(connection.recv_bytes())
    count = int(np.frombuffer(message, np.int64, 1)[0])
    sizes = np.frombuffer(message, np.int64, count, 8).tolist()
    buffers = [_read(connection, size) for size in sizes]
    return pickle.loads(message[8 * (count + 1) :], buffers=buffers)


def _read(connection, size):
    memory = np.empty(size, np.uint8)
    if not _direct:
        connection.recv_bytes_into(memory)
        return memory
    left = memoryview(memory)
    while left.nbytes:
        count = os.readv(connection.fileno(), [left])
        if count == 0:
            raise EOFError
        left = left[count:]
    return memory
