"""map_location: where the tensors of a file are to be. Here that is the CPU, or an error."""

from __future__ import annotations

from ..device import device

NO_CUDA = (
    "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If "
    "you are running on a CPU-only machine, please use torch.load with "
    "map_location=torch.device('cpu') to map your storages to the CPU."
)


class MovedStorage:
    """What a `map_location` function is given: a storage that can be asked to move."""

    def __init__(self, location):
        self.location = location
        self.device = device("cpu")

    def cpu(self):
        """Return this storage, on the CPU."""
        return MovedStorage("cpu")

    def cuda(self, device=None, non_blocking=False):
        """Raise RuntimeError: there is no GPU."""
        raise RuntimeError(NO_CUDA)


def expect_cpu(location):
    """Refuse any place for tensors but the CPU.

    Raises
    ------
    RuntimeError
        In PyTorch's words.
    """
    if location == "cpu":
        return
    if location.partition(":")[0] == "cuda":
        raise RuntimeError(NO_CUDA)
    raise RuntimeError(
        "don't know how to restore data location of torch.storage.UntypedStorage (tagged with "
        f"{location}); use map_location='cpu'"
    )


def placer(map_location):
    """Return a function that checks where a storage's location is mapped to.

    Parameters
    ----------
    map_location : None, str, device, dict or callable
    """
    if map_location is None:
        return expect_cpu
    if isinstance(map_location, dict):
        return lambda location: expect_cpu(str(map_location.get(location, location)))
    if isinstance(map_location, (str, device)):
        expect_place = str(map_location)
        return lambda location: expect_cpu(expect_place)
    if not callable(map_location):
        raise TypeError(f"'{type(map_location).__name__}' object is not callable")

    def place(location):
        moved = map_location(MovedStorage(location), location)
        expect_cpu(location if moved is None else "cpu")

    return place
