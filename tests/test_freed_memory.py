"""Memory that is freed is kept for the next arrays."""

import platform
import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
if "retrograd" in sys.argv:
    import retrograd
import numpy as np
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for round in range(3):
    a, b = np.ones(1 << 18), np.ones(1 << 18)
    del a, b
before = faults()
for round in range(50):
    a, b = np.ones(1 << 18), np.ones(1 << 18)
    del a, b
print((faults() - before) / 50)
"""


def faults_each_round(*arguments):
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=True
    )
    return float(ran.stdout)


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="how glibc keeps memory")
def test_arrays_of_the_same_size_need_no_fresh_pages():
    # Two arrays of 2 MiB are 1024 pages of 4 KiB; without the import all of them are fresh.
    assert faults_each_round("retrograd") < 100
