"""PyTorch's dynamic autograd as a small library on NumPy.

>>> import retrograd as torch
>>> x = torch.tensor([2.0], requires_grad=True)
>>> (3 * x**2).backward()
>>> x.grad
tensor([12.])
"""

import numpy as _numpy

from . import ops as ops
from . import _methods as _methods
from . import _memory as _memory
from . import _objects as _objects
from . import _protocol as _protocol
from . import _numpy_answers as _numpy_answers
from . import dropouts as _dropouts
from ._core.library import library as _library
from ._core.public import functions as _functions
from ._legacy import BoolTensor as BoolTensor
from ._legacy import ByteTensor as ByteTensor
from ._legacy import CharTensor as CharTensor
from ._legacy import DoubleTensor as DoubleTensor
from ._legacy import FloatTensor as FloatTensor
from ._legacy import HalfTensor as HalfTensor
from ._legacy import IntTensor as IntTensor
from ._legacy import LongTensor as LongTensor
from ._legacy import ShortTensor as ShortTensor
from ._legacy import set_default_tensor_type as set_default_tensor_type
from ._format import set_printoptions as set_printoptions
from . import autograd as autograd
from .autograd import enable_grad as enable_grad
from .autograd import inference_mode as inference_mode
from .autograd import is_anomaly_enabled as is_anomaly_enabled
from .autograd import is_grad_enabled as is_grad_enabled
from .autograd import is_inference_mode_enabled as is_inference_mode_enabled
from .autograd import no_grad as no_grad
from .autograd import set_grad_enabled as set_grad_enabled
from .config import are_deterministic_algorithms_enabled as are_deterministic_algorithms_enabled
from .config import get_deterministic_debug_mode as get_deterministic_debug_mode
from .config import get_float32_matmul_precision as get_float32_matmul_precision
from .config import get_num_interop_threads as get_num_interop_threads
from .config import get_num_threads as get_num_threads
from .config import (
    is_deterministic_algorithms_warn_only_enabled as is_deterministic_algorithms_warn_only_enabled,
)
from .config import is_warn_always_enabled as is_warn_always_enabled
from .config import set_deterministic_debug_mode as set_deterministic_debug_mode
from .config import set_float32_matmul_precision as set_float32_matmul_precision
from .config import set_flush_denormal as set_flush_denormal
from .config import set_num_interop_threads as set_num_interop_threads
from .config import set_num_threads as set_num_threads
from .config import set_warn_always as set_warn_always
from .config import show_config as show_config
from .config import use_deterministic_algorithms as use_deterministic_algorithms
from .creation import arange as arange
from .creation import as_tensor as as_tensor
from .creation import asarray as asarray
from .creation import empty as empty
from .creation import empty_like as empty_like
from .creation import empty_permuted as empty_permuted
from .creation import empty_strided as empty_strided
from .creation import eye as eye
from .creation import from_dlpack as from_dlpack
from .creation import from_numpy as from_numpy
from .creation import frombuffer as frombuffer
from .creation import full as full
from .creation import full_like as full_like
from .creation import is_storage as is_storage
from .creation import is_tensor as is_tensor
from .creation import linspace as linspace
from .creation import logspace as logspace
from .creation import ones as ones
from .creation import ones_like as ones_like
from .creation import range_ as range
from .creation import scalar_tensor as scalar_tensor
from .creation import tensor as tensor
from .creation import tril_indices as tril_indices
from .creation import triu_indices as triu_indices
from .creation import typename as typename
from .creation import zeros as zeros
from .creation import zeros_like as zeros_like
from .device import device as device
from .device import get_default_device as get_default_device
from .device import set_default_device as set_default_device
from .dtypes import bool_ as bool
from .dtypes import can_cast as can_cast
from .dtypes import cdouble as cdouble
from .dtypes import cfloat as cfloat
from .dtypes import complex64 as complex64
from .dtypes import complex128 as complex128
from .dtypes import double as double
from .dtypes import dtype as dtype
from .dtypes import finfo as finfo
from .dtypes import float16 as float16
from .dtypes import float32 as float
from .dtypes import float32 as float32
from .dtypes import float64 as float64
from .dtypes import get_default_dtype as get_default_dtype
from .dtypes import half as half
from .dtypes import iinfo as iinfo
from .dtypes import int8 as int8
from .dtypes import int16 as int16
from .dtypes import int32 as int
from .dtypes import int32 as int32
from .dtypes import int64 as int64
from .dtypes import long as long
from .dtypes import promote_types as promote_types
from .dtypes import result_type as result_type
from .dtypes import set_default_dtype as set_default_dtype
from .dtypes import short as short
from .dtypes import uint8 as uint8
from .dtypes import uint16 as uint16
from .dtypes import uint32 as uint32
from .dtypes import uint64 as uint64
from .layouts import channels_last as channels_last
from .layouts import channels_last_3d as channels_last_3d
from .layouts import contiguous_format as contiguous_format
from .layouts import layout as layout
from .layouts import memory_format as memory_format
from .layouts import preserve_format as preserve_format
from .layouts import strided as strided
from .random import Generator as Generator
from .random import bernoulli as bernoulli
from .random import binomial as binomial
from .random import default_generator as default_generator
from .random import get_rng_state as get_rng_state
from .random import initial_seed as initial_seed
from .random import manual_seed as manual_seed
from .random import multinomial as multinomial
from .random import normal as normal
from .random import poisson as poisson
from .random import rand as rand
from .random import rand_like as rand_like
from .random import randint as randint
from .random import randint_like as randint_like
from .random import randn as randn
from .random import randn_like as randn_like
from .random import randperm as randperm
from .random import seed as seed
from .random import set_rng_state as set_rng_state
from .size import Size as Size
from .tensor import Tensor as Tensor

# PyTorch's arithmetic is silent about division by zero, overflow and nan, and a context manager
# around every operation would cost as much as the operation: docs/design/0002.
_numpy.seterr(all="ignore")

# Freed memory is kept for the next array.  glibc maps arrays that are larger than any freed so
# far, up to 32 MiB, and takes their pages away again at once; a training step that makes the same
# arrays over and over then waits for fresh pages.  To free one of 32 MiB, never touched, is what
# tells glibc to keep them (at most 64 MiB unused): 49 -> 38 ms for a transformer's step.
_numpy.empty((1 << 25) - (1 << 16), _numpy.uint8)

globals().update({name: f for name, f in _functions.items() if "." not in name})

from . import linalg as linalg  # noqa: E402
from . import special as special  # noqa: E402
from math import e as e, inf as inf, nan as nan, pi as pi  # noqa: E402
from ._missing import missing_name as _missing_name  # noqa: E402

newaxis = None
__version__ = "0.1.0"




def _library_kernels(key):
    from .compiler.library import provide

    return provide(key)


_library.provide = _library_kernels


# Loaded when first used: `import retrograd` stays light.
_lazy = (
    "_dynamo", "_higher_order_ops", "accelerator", "amp", "backends", "compiler", "cuda",
    "distributed", "distributions", "func", "jit", "mps", "multiprocessing", "nn", "optim",
    "serialization", "static", "types", "utils", "version", "xpu",
)  # fmt: skip
_lazy_names = {
    "GradScaler": "amp.grad_scaler",
    "autocast": "amp.autocast_mode",
    "compile": "compiler",
    "cond": "static",
    "is_autocast_enabled": "amp.autocast_mode",
    "load": "serialization",
    "save": "serialization",
    "while_loop": "_higher_order_ops",
}


def __getattr__(name):
    if name in _lazy or name in _lazy_names:
        import gc
        from importlib import import_module

        # Nothing that is imported becomes garbage: looking for it is a tenth of the time.
        collecting = gc.isenabled()
        gc.disable()
        try:
            module = import_module(f"{__name__}.{_lazy_names.get(name, name)}")
        finally:
            if collecting:
                gc.collect(0)  # the youngest alone: enabling might start with everything
                gc.enable()
        if name in _lazy:
            return module
        globals()[name] = found = getattr(module, name)
        return found
    raise _missing_name(__name__, name)
