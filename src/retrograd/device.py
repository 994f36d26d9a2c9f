"""Devices: which memory a tensor's array is in."""

from __future__ import annotations


class device:
    """A device by type and index: ``device("cpu")``.

    Raises
    ------
    RuntimeError
        For a type that does not exist.
    """

    __slots__ = ("index", "type")
    _types = ("cpu", "cuda", "meta", "mps", "xpu")

    def __init__(self, type="cpu", index=None):
        if isinstance(type, device):
            type, index = type.type, type.index if index is None else index
        elif isinstance(type, int):
            type, index = "cuda", type
        elif not isinstance(type, str):
            raise TypeError(f"device(): argument 'type' must be str, not {type.__class__.__name__}")
        elif ":" in type:
            type, number = type.split(":", 1)
            if not number.isdigit():
                raise RuntimeError(f"Invalid device string: '{type}:{number}'")
            index = int(number)
        if type not in self._types:
            raise RuntimeError(
                f"Expected one of cpu, cuda, mps, xpu, meta device type at start of device "
                f"string: {type}"
            )
        self.type = type
        self.index = index

    def __repr__(self):
        if self.index is None:
            return f"device(type='{self.type}')"
        return f"device(type='{self.type}', index={self.index})"

    def __str__(self):
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __eq__(self, other):
        return isinstance(other, device) and (self.type, self.index) == (other.type, other.index)

    def __hash__(self):
        return hash((self.type, self.index))

    def __reduce__(self):
        return (device, (self.type, self.index))


cpu = device("cpu")


def check_device(given):
    """Return the device meant by `given`; only the CPU is built so far.

    Raises
    ------
    NotImplementedError
        For any device but the CPU.
    """
    if given is None or given is cpu:
        return cpu
    found = given if isinstance(given, device) else device(given)
    if found.type != "cpu":
        raise NotImplementedError(
            f"device '{found}' is not available: retrograd computes on the CPU so far; "
            "use device='cpu' or leave it out"
        )
    return found
