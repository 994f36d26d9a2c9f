"""The libraries that can be timed, and how each is loaded inside a worker process."""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .workload import Step

# name on the command line -> the module it needs
MODULES = {
    "retrograd": "retrograd",
    "torch": "torch",
    "jax": "jax",
    "jax-jit": "jax",
    "autograd": "autograd",
    "mygrad": "mygrad",
}
TORCH_STYLE = ("retrograd", "torch")


def installed(library: str) -> bool:
    """Whether the library could be imported here; it is not imported to find out."""
    return found(MODULES[library])


def found(module: str) -> bool:
    return importlib.util.find_spec(module) is not None


def while_loop(goes_on: Callable[[Any], Any], body: Callable[[Any], Any], state: Any) -> Any:
    while goes_on(state):
        state = body(state)
    return state


def fold(body: Callable[[Any, Any], Any], state: Any, rows: Any) -> Any:
    for row in rows:
        state = body(state, row)
    return state


@dataclass(frozen=True)
class Functional:
    """One face for libraries whose programs are functions of NumPy-like arrays.

    Attributes
    ----------
    numpy : the namespace that differentiable functions are written with
    arrays : the namespace for arithmetic that is not differentiated (optimiser updates)
    differentiate : ``(f, count) -> (*arrays) -> (value, gradients of the first count arguments)``
    compile : makes a function fast for good, where the library can
    wait : returns its argument once it has been computed
    loop : ``(goes on, body, state) -> state``, a while loop
    fold : ``(body, state, rows) -> state``, a for loop of ``state = body(state, row)``
    convolve : ``(images, weights) -> images`` in two dimensions, where the library can
    pool : the largest of each 2x2
    """

    numpy: Any
    arrays: Any
    differentiate: Callable[[Callable[..., Any], int], Callable[..., Any]]
    compile: Callable[[Callable[..., Any]], Callable[..., Any]]
    wait: Callable[[Any], Any]
    loop: Callable[..., Any] = while_loop
    fold: Callable[..., Any] = fold
    convolve: Callable[[Any, Any], Any] | None = None
    pool: Callable[[Any], Any] | None = None

    def gradient_step(
        self, f: Callable[..., Any], *inputs: Any, fixed: tuple[Any, ...] = ()
    ) -> Step:
        """A step that differentiates ``f`` at ``inputs``; it returns the first gradient.

        ``f`` is given ``fixed`` after them.
        """
        run = self.compile(self.differentiate(f, len(inputs)))
        wait = self.wait
        given = tuple(self.arrays.asarray(value) for value in inputs + fixed)
        return lambda: wait(run(*given))[1][0]


def same(value: Any) -> Any:
    return value


def load_autograd() -> Functional:
    import autograd
    import autograd.numpy
    import numpy

    def differentiate(f: Callable[..., Any], count: int) -> Any:
        return autograd.value_and_grad(f, argnum=tuple(range(count)))

    return Functional(autograd.numpy, numpy, differentiate, same, same)


def load_jax(jit: bool) -> Functional:
    import jax
    import jax.numpy

    def differentiate(f: Callable[..., Any], count: int) -> Any:
        return jax.value_and_grad(f, argnums=tuple(range(count)))

    def convolve(images: Any, weights: Any) -> Any:
        return jax.lax.conv_general_dilated(images, weights, (1, 1), "VALID")

    def pool(images: Any) -> Any:
        by = (1, 1, 2, 2)
        return jax.lax.reduce_window(images, -jax.numpy.inf, jax.lax.max, by, by, "VALID")

    def scanned(body: Callable[[Any, Any], Any], state: Any, rows: Any) -> Any:
        return jax.lax.scan(lambda held, row: (body(held, row), None), state, rows)[0]

    own: dict[str, Any] = {"convolve": convolve, "pool": pool}
    if jit:
        own |= {"loop": jax.lax.while_loop, "fold": scanned}
    compiler = jax.jit if jit else same
    arrays = jax.numpy
    return Functional(arrays, arrays, differentiate, compiler, jax.block_until_ready, **own)


def load_mygrad() -> Functional:
    import mygrad
    import numpy
    from mygrad.nnet import layers

    def differentiate(f: Callable[..., Any], count: int) -> Callable[..., Any]:
        def run(*inputs: Any) -> tuple[Any, tuple[Any, ...]]:
            tensors = [mygrad.tensor(value) for value in inputs[:count]]
            value = f(*tensors, *inputs[count:])
            value.backward()
            return value.data, tuple(tensor.grad for tensor in tensors)

        return run

    def convolve(images: Any, weights: Any) -> Any:
        return layers.conv_nd(images, weights, stride=1)

    def pool(images: Any) -> Any:
        return layers.max_pool(images, (2, 2), 2)

    return Functional(mygrad, numpy, differentiate, same, same, convolve=convolve, pool=pool)


def load(library: str) -> Any:
    """The module itself for PyTorch's style, a `Functional` for the others."""
    if library in TORCH_STYLE:
        return importlib.import_module(MODULES[library])
    if library == "autograd":
        return load_autograd()
    if library == "mygrad":
        return load_mygrad()
    return load_jax(jit=library == "jax-jit")


def describe(library: str) -> dict[str, Any]:
    """Versions, and for retrograd which build of its core is loaded, and whether it has Numba."""
    module = importlib.import_module(MODULES[library])
    version = getattr(module, "__version__", None) or importlib.metadata.version(module.__name__)
    numpy_version = sys.modules["numpy"].__version__
    facts: dict[str, Any] = {"library": library, "version": version, "numpy": numpy_version}
    if library == "retrograd":
        facts["compiled"] = bool(importlib.import_module("retrograd._core").compiled)
        if found("numba"):
            facts["numba"] = importlib.metadata.version("numba")
    return facts
