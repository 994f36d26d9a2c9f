"""Complex numbers: parts, conjugates, angles, and how they are made of real ones."""

from __future__ import annotations

import subprocess
import sys
import warnings

import numpy as np
import pytest

from ..sampling import Sample, array, one_operand

Z = array(3, 4, dtype="complex128")

SAMPLES = {
    "real": [Sample(Z), Sample(array(3)), Sample(array(3, dtype="int64")),
             Sample(array(3, dtype="complex64"))],
    "imag": [
        Sample(Z),
        Sample(array(3, dtype="complex64")),
        Sample(array(3), raises=RuntimeError,
               match="imag is not implemented for tensors with non-complex dtypes."),
    ],
    "conj": [Sample(Z), Sample(array(3)), Sample(array(3, dtype="complex64")), Sample(Z.T)],
    "conj_physical": [Sample(Z), Sample(array(3)), Sample(array(3, dtype="complex64"))],
    "resolve_conj": [Sample(Z), Sample(array(3))],
    "resolve_neg": [Sample(Z), Sample(array(3))],
    # PyTorch's conjugates are marks, ours are numbers.
    "is_conj": [Sample(Z), Sample(array(3))],
    "is_neg": [Sample(Z), Sample(array(3))],
    "angle": [
        *one_operand(array, complexes=True),
        Sample(np.array([-1.0, 0.0, -0.0, 1.0, np.nan]), skip="finite"),  # jumps at 0
        Sample(np.zeros(2, "complex128"), skip="finite second"),
    ],
    "complex": [
        Sample(array(3, 4), array(3, 4)),
        Sample(array(3, 4), array(4)),
        Sample(array(3, dtype="float32"), array(3, dtype="float32")),
        Sample(array(3, dtype="int64"), array(3, dtype="int64"), raises=RuntimeError,
               match="Expected both inputs to be Half, Float or Double tensors but got Long and"),
        Sample(array(3), array(3, dtype="float32"), raises=RuntimeError,
               match="Expected object of scalar type Double but got scalar type Float"),
    ],
    # For negative absolute values PyTorch's gradient has the wrong sign.
    "polar": [
        Sample(array(3, 4, low=0), array(3, 4)),
        Sample(array(3, 4, low=0), array(4)),
        Sample(array(3, dtype="float32", low=0), array(3, dtype="float32")),
    ],
    "view_as_real": [
        Sample(Z),
        Sample(array(dtype="complex64")),
        Sample(array(3), raises=RuntimeError,
               match="view_as_real is only supported for complex tensors"),
    ],
    "view_as_complex": [
        Sample(array(3, 2)),
        Sample(array(2, dtype="float32")),
        Sample(array(3, 3), raises=RuntimeError,
               match="Tensor must have a last dimension of size 2"),
        Sample(array(), raises=RuntimeError,
               match="Input tensor must have one or more dimensions"),
        Sample(array(3, 2, dtype="int64"), raises=RuntimeError,
               match="view_as_complex is only supported for half, float and double tensors"),
    ],
}  # fmt: skip


# The first complex gradient of a process switches the conjugating rules on, so each way that one
# can come up is tried in a process of its own.
FIRST_GRADIENTS = {
    "the gradient given to backward": "y.backward(torch.tensor([1 + 0j, 2j]))",
    "abs": "y.abs().sum().backward()",
    "real": "torch.real(y).sum().backward()",
    "imag": "torch.imag(y).sum().backward()",
    "angle": "y.angle().sum().backward()",
    "view_as_real": "torch.view_as_real(y).sum().backward()",
    "a cast to real numbers": "y.to(torch.float32).sum().backward()",
    "norm": "y.norm().backward()",
}
PROGRAM = """
import warnings
import {library} as torch
warnings.simplefilter("ignore")
x = torch.tensor([1 + 2j, 3 - 1j], requires_grad=True)
y = (x * torch.tensor([2 - 1j, 1 + 1j])).exp() * 0.1
{backward}
print([complex(round(z.real, 4), round(z.imag, 4)) for z in x.grad.tolist()])
"""


@pytest.mark.parametrize("way", FIRST_GRADIENTS)
def test_first_complex_gradient_of_a_process(way, capsys):
    pytest.importorskip("torch")
    program = PROGRAM.format(library="torch", backward=FIRST_GRADIENTS[way])
    with warnings.catch_warnings():
        exec(program, {})
    expected = capsys.readouterr().out
    ours = program.replace("import torch", "import retrograd")
    done = subprocess.run([sys.executable, "-c", ours], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout == expected
