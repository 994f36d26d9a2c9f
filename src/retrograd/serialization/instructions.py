"""What each opcode of a pickle does with the reader's stack; see `opcodes.py`.

Opcodes that are not here import or call (INST, OBJ, EXT1, NEWOBJ_EX), are text of protocol 0, or
need buffers from outside; no checkpoint has them, and meeting one is an error.
"""

from __future__ import annotations

import pickle
from struct import Struct

DEEPEST = 2000  # levels of marks and of tuples in tuples; pickle's own writer stops at 1000

_BYTE, _INT2, _INT4 = Struct("<B"), Struct("<H"), Struct("<i")
_UINT4, _UINT8 = Struct("<I"), Struct("<Q")
_FLOAT = Struct(">d")


def _proto(reader):
    version = reader.take(1)[0]
    if version > pickle.HIGHEST_PROTOCOL:
        raise pickle.UnpicklingError(f"unsupported pickle protocol: {version}")


def _mark(reader):
    if len(reader.marks) >= DEEPEST:
        raise pickle.UnpicklingError(f"more than {DEEPEST} containers are in each other")
    reader.marks.append(len(reader.stack))


def _text(form):
    def act(reader):
        raw = reader.take(reader.number(form))
        reader.stack.append(raw.decode("utf-8", "surrogatepass"))

    return act


def _bytes(form):
    def act(reader):
        reader.stack.append(reader.take(reader.number(form)))

    return act


def _python2_text(form):
    def act(reader):
        raw = reader.take(reader.number(form))
        reader.stack.append(raw.decode("utf-8"))

    return act


def _long(form):
    def act(reader):
        raw = reader.take(reader.number(form))
        reader.stack.append(int.from_bytes(raw, "little", signed=True))

    return act


def _constant(value):
    return lambda reader: reader.stack.append(value)


def _number(form):
    return lambda reader: reader.stack.append(reader.number(form))


def _short_tuple(count):
    def act(reader):
        items = [reader.pop() for _ in range(count)]
        items.reverse()
        reader.push_tuple(items)

    return act


def _append(reader):
    item = reader.pop()
    reader.extend_list((item,))


def _set_item(reader):
    value, key = reader.pop(), reader.pop()
    reader.fill_dict((key, value))


def _dict_of_marked(reader):
    items = reader.above_mark()
    reader.stack.append({})
    reader.fill_dict(items)


def _list_of_marked(reader):
    items = reader.above_mark()
    reader.stack.append([])
    reader.extend_list(items)


def _add_items(reader):
    items = reader.above_mark()
    target = reader.top()
    if type(target) is not set:
        raise pickle.UnpicklingError(f"Can only add to sets, but got {type(target).__name__}")
    target.update(reader.make_set(items, list))


def _global(reader):
    module = reader.line()
    reader.push_global(module, reader.line())


def _stack_global(reader):
    name, module = reader.pop(), reader.pop()
    if type(name) is not str or type(module) is not str:
        raise pickle.UnpicklingError("the pickle is damaged: a name is no text")
    reader.push_global(module, name)


def _reduce(reader):
    arguments, function = reader.pop(), reader.pop()
    reader.stack.append(reader.call(function, arguments))


def _build(reader):
    state = reader.pop()
    reader.build(reader.top(), state)


def _persistent(reader):
    reader.stack.append(reader.storage(reader, reader.pop()))


def _pop(reader):
    if reader.marks and reader.marks[-1] == len(reader.stack):
        reader.marks.pop()
    else:
        reader.pop()


def _frame(reader):
    reader.number(_UINT8)  # a hint for readers of streams


STOP = pickle.STOP[0]
ACTIONS = [None] * 256
NAMES = {
    code[0]: name
    for name, code in vars(pickle).items()
    if name.isupper() and isinstance(code, bytes) and len(code) == 1
}
for _code, _act in {
    pickle.PROTO: _proto,
    pickle.FRAME: _frame,
    pickle.MARK: _mark,
    pickle.POP: _pop,
    pickle.POP_MARK: lambda reader: reader.above_mark() and None,
    pickle.DUP: lambda reader: reader.stack.append(reader.top()),
    pickle.NONE: _constant(None),
    pickle.NEWTRUE: _constant(True),
    pickle.NEWFALSE: _constant(False),
    pickle.BININT: _number(_INT4),
    pickle.BININT1: _number(_BYTE),
    pickle.BININT2: _number(_INT2),
    pickle.LONG1: _long(_BYTE),
    pickle.LONG4: _long(_INT4),
    pickle.BINFLOAT: _number(_FLOAT),
    pickle.BINUNICODE: _text(_UINT4),
    pickle.SHORT_BINUNICODE: _text(_BYTE),
    pickle.BINUNICODE8: _text(_UINT8),
    pickle.BINSTRING: _python2_text(_INT4),
    pickle.SHORT_BINSTRING: _python2_text(_BYTE),
    pickle.BINBYTES: _bytes(_UINT4),
    pickle.SHORT_BINBYTES: _bytes(_BYTE),
    pickle.BINBYTES8: _bytes(_UINT8),
    pickle.BYTEARRAY8: lambda reader: reader.stack.append(
        bytearray(reader.take(reader.number(_UINT8)))
    ),
    pickle.EMPTY_LIST: lambda reader: reader.stack.append([]),
    pickle.EMPTY_DICT: lambda reader: reader.stack.append({}),
    pickle.EMPTY_SET: lambda reader: reader.stack.append(set()),
    pickle.EMPTY_TUPLE: _constant(()),
    pickle.TUPLE: lambda reader: reader.push_tuple(reader.above_mark()),
    pickle.TUPLE1: _short_tuple(1),
    pickle.TUPLE2: _short_tuple(2),
    pickle.TUPLE3: _short_tuple(3),
    pickle.LIST: _list_of_marked,
    pickle.DICT: _dict_of_marked,
    pickle.APPEND: _append,
    pickle.APPENDS: lambda reader: reader.extend_list(reader.above_mark()),
    pickle.SETITEM: _set_item,
    pickle.SETITEMS: lambda reader: reader.fill_dict(reader.above_mark()),
    pickle.ADDITEMS: _add_items,
    pickle.FROZENSET: lambda reader: reader.stack.append(
        reader.make_set(reader.above_mark(), frozenset)
    ),
    pickle.GLOBAL: _global,
    pickle.STACK_GLOBAL: _stack_global,
    pickle.REDUCE: _reduce,
    pickle.NEWOBJ: _reduce,
    pickle.BUILD: _build,
    pickle.BINPERSID: _persistent,
    pickle.BINPUT: lambda reader: reader.remember(reader.number(_BYTE)),
    pickle.LONG_BINPUT: lambda reader: reader.remember(reader.number(_UINT4)),
    pickle.MEMOIZE: lambda reader: reader.remember(len(reader.memo)),
    pickle.BINGET: lambda reader: reader.recall(reader.number(_BYTE)),
    pickle.LONG_BINGET: lambda reader: reader.recall(reader.number(_UINT4)),
}.items():
    ACTIONS[_code[0]] = _act
