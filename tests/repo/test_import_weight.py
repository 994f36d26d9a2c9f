"""`import retrograd` loads NumPy and next to nothing else."""

import json

from ..commands import run_python

# What may be loaded beyond NumPy's own import.  All of it is small; NumPy's later versions load
# most of it themselves.
ALLOWED = {"__future__", "copy", "threading", "weakref"}

LIST = """
import json, sys
import numpy
before = set(sys.modules)
import retrograd
print(json.dumps(sorted(set(sys.modules) - before)))
"""

# One import a line would be a fact about NumPy; these say what must not come back.
HEAVY = [
    "argparse",
    "ast",
    "asyncio",
    "concurrent",
    "cupy",
    "dataclasses",
    "multiprocessing",
    "numba",
    "retrograd.distributions",
    "retrograd.nn",
    "retrograd.optim",
    "retrograd.utils",
    "scipy",
    "torch",
    "unittest",
]


def loaded_beyond_numpy():
    done = run_python("-c", LIST)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_nothing_but_numpy():
    extras = {
        name
        for name in loaded_beyond_numpy()
        if name.partition(".")[0] != "retrograd" and not name.endswith("__mypyc")
    }
    assert extras <= ALLOWED


def test_nothing_heavy():
    loaded = loaded_beyond_numpy()
    assert [name for name in loaded if name in HEAVY or name.partition(".")[0] in HEAVY] == []
    assert "retrograd.tensor" in loaded


def test_names_are_there_without_being_loaded():
    code = (
        "import retrograd as torch, sys; "
        "assert 'retrograd.nn' not in sys.modules; "
        "torch.nn.Linear(2, 3); torch.optim.SGD; torch.utils; torch.distributions.Normal; "
        "assert 'scipy' not in sys.modules"
    )
    done = run_python("-c", code)
    assert done.returncode == 0, done.stderr
