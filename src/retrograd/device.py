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

    def __init__(self, type, index=None):
        if index is not None and not isinstance(index, int):
            raise TypeError(
                "device(): argument 'index' (position 2) must be int, not "
                f"{index.__class__.__name__}"
            )
        if isinstance(type, device):
            type, index = type.type, type.index if index is None else index
        elif isinstance(type, int):
            type, index = "cuda", type
        elif not isinstance(type, str):
            raise TypeError(
                f"device(): argument 'type' (position 1) must be str, not {type.__class__.__name__}"
            )
        elif ":" in type:
            type, index = self._parsed(type, index)
        if type == "":
            raise RuntimeError("Device string must not be empty")
        if type not in self._types:
            raise RuntimeError(
                f"Expected one of cpu, cuda, mps, xpu, meta device type at start of device "
                f"string: {type}"
            )
        self.type = type
        self.index = index

    @staticmethod
    def _parsed(text, index):
        if index is not None:
            raise RuntimeError(
                "type (string) must not include an index because index was passed explicitly: "
                f"{text}"
            )
        type, number = text.split(":", 1)
        if not number.isdigit() or (number[0] == "0" and number != "0"):
            raise RuntimeError(f"Invalid device string: '{text}'")
        return type, int(number)

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
    if not isinstance(given, (device, str, int)):
        raise TypeError(
            f"tensor(): argument 'device' must be torch.device, not {type(given).__name__}"
        )
    found = given if isinstance(given, device) else device(given)
    if found.type != "cpu":
        raise NotImplementedError(
            f"device '{found}' is not available: retrograd computes on the CPU so far; "
            "use device='cpu' or leave it out"
        )
    return found


def get_default_device():
    """Return the device of tensors that name none: the CPU."""
    return cpu


def set_default_device(device):
    """Set the device of tensors that name none; only the CPU is built so far."""
    check_device(device)
