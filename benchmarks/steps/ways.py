"""The ways to run a training step: a library, and what is done to the step first."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..workload import Step


@dataclass(frozen=True)
class Way:
    """One way to run a step.

    Attributes
    ----------
    name : as it is given on the command line and in the JSON file
    label : as it is drawn
    library : the name by which ``libraries`` knows it
    color, line : how it is drawn
    backend : of ``torch.compile``; None for a step that is run as it is
    needs : another module that has to be installed
    own : retrograd's ways, which are measured more often
    longer : so many times as long a process is given, where the speed changes later: when what is
        made in the background is ready
    costly : measured once, since its first steps take longer than all the others' curves
    """

    name: str
    label: str
    library: str
    color: str
    line: float = 1.3
    backend: str | None = None
    needs: str | None = None
    own: bool = False
    longer: int = 1
    costly: bool = False

    def applied(self, torch: Any, step: Step) -> Step:
        """The step as this way runs it."""
        if self.backend is None:
            return step
        made: Step = torch.compile(step, backend=self.backend)
        return made


WAYS = (
    Way("eager", "retrograd", "retrograd", "#5aaee0", 2.0, own=True),
    Way("replay", "retrograd compile", "retrograd", "#0b62b8", 2.4, "replay", own=True),
    Way(
        "kernels", "retrograd compile, Numba", "retrograd", "#0a2f6b", 2.0, "numba", "numba",
        own=True, longer=3,
    ),
    Way("torch", "PyTorch", "torch", "#d55e00"),
    Way("torch-compile", "torch.compile", "torch", "#e9a13b", backend="inductor", costly=True),
    Way("jax-jit", "jax.jit", "jax-jit", "#8f4a8f"),
    Way("jax", "JAX, eager", "jax", "#c79ac7", costly=True),
    Way("autograd", "autograd", "autograd", "#6e6e6e"),
    Way("mygrad", "MyGrad", "mygrad", "#ababab"),
)  # fmt: skip
BY_NAME = {way.name: way for way in WAYS}
