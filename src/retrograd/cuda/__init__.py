"""`torch.cuda` on a machine without a GPU: what programs ask at their top, answered honestly.

Questions have the answers of PyTorch's build for CPUs (`is_available()` is False, seeding and
emptying caches do nothing), and whatever needs a GPU raises its error.
"""

from __future__ import annotations

from collections import OrderedDict
from types import TracebackType
from typing import Any, NoReturn

from .._missing import missing_name as _missing_name

ABSENT = "Torch not compiled with CUDA enabled"


def is_available() -> bool:
    """Return False: there is no GPU."""
    return False


def device_count() -> int:
    """Return 0."""
    return 0


def is_initialized() -> bool:
    """Return False."""
    return False


def is_bf16_supported(including_emulation: bool = True) -> bool:
    """Return False."""
    return False


def get_arch_list() -> list[str]:
    """Return an empty list."""
    return []


def get_rng_state_all() -> list[Any]:
    """Return an empty list: one state for each GPU."""
    return []


def memory_stats(device: Any = None) -> OrderedDict[str, Any]:
    """Return an empty dictionary."""
    return OrderedDict()


def _nothing(name: str) -> Any:
    def do_nothing(*args: Any, **kwargs: Any) -> None:
        """Do nothing: there is no GPU."""

    do_nothing.__name__ = do_nothing.__qualname__ = name
    return do_nothing


def _zero(name: str) -> Any:
    def zero(device: Any = None) -> int:
        """Return 0: there is no GPU."""
        return 0

    zero.__name__ = zero.__qualname__ = name
    return zero


def _error(name: str) -> Any:
    def fail(*args: Any, **kwargs: Any) -> NoReturn:
        """Raise AssertionError: there is no GPU."""
        raise AssertionError(ABSENT)

    fail.__name__ = fail.__qualname__ = name
    return fail


manual_seed = _nothing("manual_seed")
manual_seed_all = _nothing("manual_seed_all")
seed = _nothing("seed")
seed_all = _nothing("seed_all")
empty_cache = _nothing("empty_cache")
set_rng_state = _nothing("set_rng_state")
set_rng_state_all = _nothing("set_rng_state_all")

memory_allocated = _zero("memory_allocated")
max_memory_allocated = _zero("max_memory_allocated")
memory_reserved = _zero("memory_reserved")
max_memory_reserved = _zero("max_memory_reserved")

current_device = _error("current_device")
current_stream = _error("current_stream")
get_device_capability = _error("get_device_capability")
get_device_name = _error("get_device_name")
get_device_properties = _error("get_device_properties")
get_rng_state = _error("get_rng_state")
init = _error("init")
initial_seed = _error("initial_seed")
ipc_collect = _error("ipc_collect")
mem_get_info = _error("mem_get_info")
reset_peak_memory_stats = _error("reset_peak_memory_stats")
set_device = _error("set_device")
synchronize = _error("synchronize")


class Event:
    """A point in a GPU's work: there is none, so making one is an error."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError("Tried to instantiate dummy base class Event")


class Stream:
    """A queue of a GPU's work: there is none, so making one is an error."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        raise RuntimeError("torch.cuda.Stream requires CUDA support")


class device:
    """A context that selects a GPU: does nothing, since PyTorch's has nothing to select."""

    def __init__(self, device: Any) -> None:
        self.idx = device

    def __enter__(self) -> None:
        return None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        return False


class OutOfMemoryError(RuntimeError):
    """Raised by PyTorch when a GPU's memory is full; never here."""


def _tensor_type(name: str) -> type:
    def __new__(cls: type, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(f"type torch.cuda.{name} not available. {ABSENT}.")

    text = f"`torch.cuda.{name}`: a name to compare with; making one is an error."
    return type(name, (), {"__new__": __new__, "__module__": "torch.cuda", "__doc__": text})


for _kind in ("Bool", "Byte", "Char", "Double", "Float", "Half", "Int", "Long", "Short"):
    globals()[f"{_kind}Tensor"] = _tensor_type(f"{_kind}Tensor")
del _kind

from . import amp as amp  # noqa: E402


def __getattr__(name: str) -> Any:
    raise _missing_name(__name__, name)
