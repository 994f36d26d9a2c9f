"""Arrays of a training step reuse memory: see Note [Memory stays] in the package."""

import platform
import sys

import pytest

from .commands import run_python

PROGRAM = """
import resource
import retrograd as torch

def step():
    x = torch.ones(300_000, requires_grad=True)  # 1.2 MB
    ((x * 2).tanh() * x).sum().backward()

for _ in range(10):
    step()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    step()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(
    sys.platform != "linux" or platform.libc_ver()[0] != "glibc",
    reason="other allocators have other rules",
)
def test_a_step_asks_the_kernel_for_no_new_memory():
    ran = run_python("-c", PROGRAM)
    assert ran.returncode == 0, ran.stderr
    # Without the note's line it was 22,800: each array's pages, at every step.
    assert int(ran.stdout) < 2000
