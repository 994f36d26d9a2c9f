"""What programs say at their top about GPUs and libraries: answered as on a machine without one."""

import warnings

import pytest

import retrograd as rg

from .commands import run_command
from .nn.modules import check_complaint

QUESTIONS = """
cuda.is_available() cuda.device_count() cuda.is_initialized() cuda.is_bf16_supported()
cuda.get_arch_list() cuda.get_rng_state_all() cuda.memory_stats() cuda.memory_allocated()
cuda.max_memory_allocated() cuda.memory_reserved() cuda.max_memory_reserved()
cuda.manual_seed(0) cuda.manual_seed_all(0) cuda.seed() cuda.seed_all() cuda.empty_cache()
cuda.set_rng_state_all([]) mps.is_available() mps.device_count() mps.manual_seed(0)
xpu.is_available() xpu.device_count()
xpu.manual_seed(0) xpu.manual_seed_all(0) xpu.empty_cache()
accelerator.is_available() accelerator.device_count() accelerator.current_accelerator()
backends.cudnn.is_available() backends.cudnn.version() backends.cudnn.enabled
backends.cudnn.benchmark backends.cudnn.deterministic backends.cudnn.allow_tf32
backends.cuda.is_built() backends.cuda.matmul.allow_tf32 backends.cuda.flash_sdp_enabled()
backends.cuda.math_sdp_enabled() backends.cuda.mem_efficient_sdp_enabled()
backends.mps.is_available() backends.mps.is_built()
version.cuda version.hip version.debug distributed.is_initialized()
is_autocast_enabled() amp.is_autocast_available("cpu") amp.is_autocast_available("cuda")
is_warn_always_enabled() get_deterministic_debug_mode()
is_deterministic_algorithms_warn_only_enabled() multiprocessing.get_all_sharing_strategies()
multiprocessing.get_sharing_strategy()
""".split()  # noqa: SIM905


@pytest.mark.parametrize("question", QUESTIONS)
def test_answers_are_those_of_pytorch_without_a_gpu(question):
    torch = pytest.importorskip("torch")
    assert eval(f"library.{question}", {"library": rg}) == eval(
        f"library.{question}", {"library": torch}
    )


def _refused(text):
    return lambda library: eval(text, {"lib": library})


REFUSED = [
    "lib.cuda.current_device()",
    "lib.cuda.get_device_name(0)",
    "lib.cuda.get_device_properties(0)",
    "lib.cuda.synchronize()",
    "lib.cuda.mem_get_info()",
    "lib.cuda.initial_seed()",
    "lib.cuda.Event(enable_timing=True)",
    "lib.cuda.Stream()",
    "lib.cuda.FloatTensor(3)",
    "lib.autocast(3)",
    "lib.nn.attention.sdpa_kernel('MATH').__enter__()",
    "lib.random.fork_rng(devices=[0]).__enter__()",
    "lib.set_deterministic_debug_mode(3)",
    "lib.set_deterministic_debug_mode('often')",
    "lib.set_deterministic_debug_mode(1.5)",
]


@pytest.mark.parametrize("text", REFUSED)
def test_what_needs_a_gpu_has_the_error_of_pytorch(text):
    check_complaint(_refused(text))


TOP = """
import random
import torch
import torch.backends.cudnn as cudnn
import torch.multiprocessing as mp
import torch.nn as nn
import torch.nn.parallel
from torch.cuda.amp import GradScaler, autocast
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.types import Device, Number

cudnn.benchmark = True
cudnn.deterministic = True
torch.backends.cuda.matmul.allow_tf32 = True
torch.backends.cuda.enable_flash_sdp(True)
torch.use_deterministic_algorithms(True, warn_only=True)
torch.set_warn_always(False)
torch.set_num_threads(1)
mp.set_sharing_strategy("file_system")
if torch.cuda.is_available():
    torch.cuda.manual_seed_all(1)
device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
Kind = torch.cuda.FloatTensor if torch.cuda.is_available() else torch.FloatTensor
print(device, Kind is torch.FloatTensor)
net = nn.DataParallel(nn.Linear(2, 2)).to(device)
print(net)
with sdpa_kernel(SDPBackend.MATH):
    print(list(net(torch.ones(2, 2, device=device)).shape))
"""


def test_the_top_of_a_program_runs(tmp_path):
    (tmp_path / "program.py").write_text(TOP, encoding="utf-8")
    done = run_command("run", "program.py", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "cpu True",
        "DataParallel(",
        "  (module): Linear(in_features=2, out_features=2, bias=True)",
        ")",
        "[2, 2]",
    ]


def test_deterministic_modes():
    try:
        for mode in (1, "error", 0, "warn", "default"):
            rg.set_deterministic_debug_mode(mode)
            assert rg.get_deterministic_debug_mode() in (mode, {"error": 2, "warn": 1}.get(mode, 0))
        rg.use_deterministic_algorithms(True, warn_only=True)
        assert rg.is_deterministic_algorithms_warn_only_enabled()
    finally:
        rg.use_deterministic_algorithms(False)


def test_fork_rng_brings_the_stream_back():
    rg.manual_seed(3)
    with rg.random.fork_rng():
        inside = rg.rand(2)
    assert rg.equal(inside, rg.rand(2))
    with rg.random.fork_rng(enabled=False):
        inside = rg.rand(2)
    assert not rg.equal(inside, rg.rand(2))


def test_autocast_is_off_or_an_error():
    with rg.autocast("cpu", enabled=False):
        assert rg.ones(2).dtype is rg.float32
    assert rg.autocast("cpu", enabled=False)(lambda: 5)() == 5
    with pytest.warns(UserWarning, match="CUDA is not available"), rg.autocast("cuda"):
        pass
    with pytest.warns(UserWarning, match="target dtype is not supported"):
        rg.autocast("cpu", dtype=rg.float32).__enter__()
    with pytest.raises(NotImplementedError, match="enabled=False"), rg.autocast("cpu"):
        pass
    with pytest.warns(FutureWarning, match="deprecated"), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "CUDA is not available")
        rg.cuda.amp.autocast()


def test_decorators_of_functions_change_nothing():
    class Double(rg.autograd.Function):
        @staticmethod
        @rg.amp.custom_fwd(device_type="cuda")
        def forward(ctx, x):
            return 2 * x

        @staticmethod
        @rg.amp.custom_bwd(device_type="cuda")
        def backward(ctx, g):
            return 2 * g

    x = rg.ones(2, requires_grad=True)
    Double.apply(x).sum().backward()
    assert x.grad.tolist() == [2.0, 2.0]


def test_data_parallel_passes_through():
    layer = rg.nn.Linear(2, 2)
    net = rg.nn.DataParallel(layer, device_ids=None)
    assert list(net.state_dict()) == ["module.weight", "module.bias"]
    x = rg.ones(3, 2)
    assert rg.equal(net(x), layer(x))
    assert rg.equal(rg.nn.parallel.data_parallel(layer, x), layer(x))
    assert rg.equal(rg.nn.parallel.data_parallel(layer, None, module_kwargs={"input": x}), layer(x))
    assert net.module is layer
    assert net.device_ids == []


def test_is_compiling_can_be_asked():
    rg.compile(lambda x: x + 1)(rg.ones(2))
    assert rg.compiler.is_compiling() is False
