"""What is saved and loaded in the tests: made with retrograd or with PyTorch, whichever is given.

`tools/make_checkpoints.py` saves each with PyTorch into `tests/data/checkpoints`.
"""

import collections

import numpy as np

DTYPES = (
    "bool", "uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64",
    "float16", "float32", "float64", "complex64", "complex128",
)  # fmt: skip


def dtypes(t):
    numbers = np.array([[0, 1, 2], [3, 100, 5]])
    return {name: t.from_numpy(numbers.astype(name)) for name in DTYPES}


def shapes(t):
    x = t.arange(24.0).reshape(2, 3, 4)
    return {
        "0-d": t.tensor(3),
        "empty": t.empty(0, 3),
        "no columns": t.empty(3, 0, dtype=t.float64),
        "whole": x,
        "transposed": x.transpose(0, 2),
        "middle": x[:, 1:, ::2],
        "row": x[1, 2],
        "one element": x[1, 2, 3],
        "expanded": t.ones(1).expand(3, 4),
        "column": t.ones(3, 1),
        "channels last": t.arange(16.0).reshape(1, 2, 2, 4).permute(0, 3, 1, 2),
    }


def containers(t):
    ordered = collections.OrderedDict([("b", 1), ("a", t.ones(1))])
    ordered._metadata = collections.OrderedDict([("", {"version": 1})])
    shared = [1, 2]
    cycle = ["before"]
    cycle.append(cycle)
    return {
        "list": [1, [2.5, "three"], [], None],
        "many": list(range(2500)),
        "many keys": {str(i): i for i in range(1001)},
        "tuple": (1, (2, 3), (), (4, 5, 6, 7)),
        "dict": {1: "int", 2.5: "float", None: "none", (1, "a"): "tuple", b"b": 0},
        "set": {1, 2, 3},
        "ordered": ordered,
        "counter": collections.Counter("aabbb"),
        "size": t.Size([2, 3]),
        "shared": (shared, shared),
        "cycle": cycle,
    }


def numbers(t):
    return {
        "integers": [0, 1, 255, 256, 65535, 65536, 2**31 - 1, 2**31, -1, -129, -(2**31), 2**63],
        "wide": [2**100, -(2**100), -(2**63), -128 * 2**40, -(2**39)],
        "floats": [0.5, -0.0, 1e300, float("inf"), 5e-324],
        "complex": 1 - 2j,
        "bools": [True, False, None],
        "text": ["", "abc", "é€😀", "line\nend", "x" * 300],
        "bytes": [b"abc\xff\x00", bytes(range(256)), bytearray(b"xyz"), bytearray()],
    }


def torchs_objects(t):
    return {
        "dtypes": [t.float32, t.int64, t.bool, t.complex128, t.float32, t.uint16],
        "devices": [t.device("cpu"), t.device("cuda", 1)],
        "layout": t.strided,
        "requires": t.ones(2, requires_grad=True),
        "parameter": t.nn.Parameter(t.arange(3.0)),
        "frozen": t.nn.Parameter(t.arange(3), requires_grad=False),
        "buffer": t.nn.Buffer(t.arange(2.0)),
        "named": _with_attribute(t.nn.Parameter(t.ones(1))),
    }


def _with_attribute(parameter):
    parameter.note = "mine"
    return parameter


def views_of_one_memory(t):
    x = t.arange(12.0)
    half = t.arange(4, dtype=t.int64)
    return {"whole": x, "square": x[2:11].view(3, 3).t(), "one": x[5], "two": (half, half[1:])}


def training(t):
    t.manual_seed(3)
    model = t.nn.Sequential(t.nn.Linear(3, 4), t.nn.Tanh(), t.nn.Linear(4, 1))
    optimizer = t.optim.Adam(model.parameters(), lr=0.01)
    for parameter in model.parameters():
        parameter.grad = t.zeros_like(parameter)  # a step of no length has the same bits anywhere
    optimizer.step()
    return {
        "epoch": 3,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "random": t.get_rng_state(),
    }


def plain_tensor(t):
    return t.tensor([1.5, -2.0])


# What PyTorch itself loads only with weights_only=False.


def beyond_weights_only(t):
    return {
        "widest": [2**2100, -(2**2100)],
        "slice": slice(1, None, 2),
        "range": range(3, 10, 2),
        "frozenset": frozenset((1, 2)),
        "default": collections.defaultdict(list, {"a": [1]}),
        "no factory": collections.defaultdict(None, {"a": 1}),
        "array": np.arange(6, dtype=np.int16).reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "swapped": np.arange(3, dtype=">f4"),
        "empty array": np.zeros((0, 2)),
        "number": np.float64(2.5),
        "half": np.float16(2.5),
        "flag": np.bool_(True),
        "numpy dtype": np.dtype("int32"),
    }


CONTENTS = {
    function.__name__: function
    for function in (
        dtypes, shapes, containers, numbers, torchs_objects, views_of_one_memory, training,
        plain_tensor, beyond_weights_only,
    )
}  # fmt: skip


def difference(one, two, where="obj", seen=()):
    """Return the first difference between two values as a text, None when there is none.

    Tensors of either library are compared by dtype, size, stride, elements and what they require.
    """
    if (id(one), id(two)) in seen:
        return None
    seen = (*seen, (id(one), id(two)))
    if type(one).__name__ != type(two).__name__:
        return f"{where}: {type(one)} and {type(two)}"
    if hasattr(one, "requires_grad") and hasattr(one, "stride"):
        return _tensor_difference(one, two, where)
    if isinstance(one, dict):
        if list(one) != list(two):
            return f"{where}: keys {list(one)} and {list(two)}"
        pairs = [(one[k], two[k], f"{where}[{k!r}]") for k in one]
        pairs.append((getattr(one, "__dict__", None), getattr(two, "__dict__", None), where))
        if getattr(one, "default_factory", None) is not getattr(two, "default_factory", None):
            return f"{where}: other factories"
    elif isinstance(one, (list, tuple)):
        if len(one) != len(two):
            return f"{where}: lengths {len(one)} and {len(two)}"
        pairs = [(a, b, f"{where}[{i}]") for i, (a, b) in enumerate(zip(one, two))]
    elif isinstance(one, (np.ndarray, np.generic)):
        # Reading a pickle, NumPy itself gives arrays this machine's byte order.
        facts = [(a.dtype.newbyteorder("="), a.shape, a.tolist()) for a in (one, two)]
        same = facts[0] == facts[1]
        return None if same else f"{where}: {one!r} and {two!r}"
    else:
        # Two libraries' objects (dtypes, devices) are equal when they read the same.
        same = one == two or repr(one) == repr(two)
        return None if same else f"{where}: {one!r} and {two!r}"
    found = (difference(a, b, place, seen) for a, b, place in pairs)
    return next((text for text in found if text), None)


def _tensor_difference(one, two, where):
    facts = [
        {
            "dtype": str(tensor.dtype),
            "size": tuple(tensor.shape),
            "stride": tuple(tensor.stride()),
            "requires_grad": tensor.requires_grad,
            "elements": tensor.detach().numpy().tobytes(),
            "note": getattr(tensor, "note", None),
            "persistent": getattr(tensor, "persistent", None),
        }
        for tensor in (one, two)
    ]
    for name in facts[0]:
        if facts[0][name] != facts[1][name]:
            return f"{where}: {name} {facts[0][name]!r} and {facts[1][name]!r}"
    return None
