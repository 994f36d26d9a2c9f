"""Switches as context managers and decorators: no_grad, enable_grad, inference_mode, anomaly."""

from __future__ import annotations

import functools

from .._core import modes


class _Switch:
    """A context manager that is a decorator too; generator functions resume inside it."""

    def __call__(self, function):
        if isinstance(function, type):
            function.__init__ = self(function.__init__)
            return function
        if function.__code__.co_flags & 0x20 if hasattr(function, "__code__") else False:
            return _around_generator(self, function)

        @functools.wraps(function)
        def inside(*args, **settings):
            with self.fresh():
                return function(*args, **settings)

        return inside

    def fresh(self):
        """Return a switch of the same setting, since one may be entered while it is in use."""
        return type(self)()


def _around_generator(switch, function):
    @functools.wraps(function)
    def inside(*args, **settings):
        generator = function(*args, **settings)
        resume, given = generator.send, None
        while True:
            try:
                with switch.fresh():
                    found = resume(given)
            except StopIteration as end:
                return end.value
            try:
                given = yield found
                resume = generator.send
            except GeneratorExit:
                with switch.fresh():
                    generator.close()
                raise
            except BaseException as error:
                resume, given = generator.throw, error

    return inside


class no_grad(_Switch):
    """Record nothing inside.

    Examples
    --------
    >>> import retrograd
    >>> x = retrograd.ones(2, requires_grad=True)
    >>> with no_grad():
    ...     (2 * x).requires_grad
    False
    """

    def __new__(cls, function=None):
        made = object.__new__(cls)
        if function is None:
            return made
        return made(function)

    def __init__(self, function=None):
        self.previous = True

    def __enter__(self):
        self.previous = modes.set_grad(False)

    def __exit__(self, *exc):
        modes.set_grad(self.previous)


class enable_grad(_Switch):
    """Record inside, whatever is outside."""

    def __new__(cls, function=None):
        made = object.__new__(cls)
        if function is None:
            return made
        return made(function)

    def __init__(self, function=None):
        self.previous = True

    def __enter__(self):
        self.previous = modes.set_grad(True)

    def __exit__(self, *exc):
        modes.set_grad(self.previous)


class set_grad_enabled(_Switch):
    """Switch recording on or off: at once as a function, inside as a context manager."""

    def __init__(self, mode):
        self.mode = bool(mode)
        self.previous = modes.set_grad(self.mode)

    def __call__(self, function):
        modes.set_grad(self.previous)
        return super().__call__(function)

    def __enter__(self):
        modes.set_grad(self.mode)

    def __exit__(self, *exc):
        modes.set_grad(self.previous)

    def fresh(self):
        return set_grad_enabled(self.mode)


class inference_mode(_Switch):
    """Record nothing inside, and make tensors that can never be recorded."""

    def __new__(cls, mode=True):
        if isinstance(mode, bool):
            return object.__new__(cls)
        made = object.__new__(cls)
        made.__init__(True)
        return made(mode)

    def __init__(self, mode=True):
        self.mode = mode

    def __enter__(self):
        self.previous = (modes.set_grad(not self.mode), modes.set_inference(self.mode))

    def __exit__(self, *exc):
        grad, inference = self.previous
        modes.set_grad(grad)
        modes.set_inference(inference)

    def fresh(self):
        return inference_mode(self.mode)


class set_detect_anomaly:
    """Switch anomaly detection on or off: backward raises at the first nan, naming the line."""

    def __init__(self, mode, check_nan=True):
        self.previous = modes.set_anomaly(bool(mode), check_nan)

    def __enter__(self):
        return None

    def __exit__(self, *exc):
        modes.set_anomaly(*self.previous)


class detect_anomaly(set_detect_anomaly):
    """Detect anomalies inside."""

    def __init__(self, check_nan=True):
        super().__init__(True, check_nan)


def is_grad_enabled():
    """Say whether operations are recorded in this thread (outside inference mode)."""
    return modes.switches.special == 0 or modes.thread_modes().asked


def is_inference_mode_enabled():
    """Say whether inference mode is on in this thread."""
    return modes.inference_enabled()


def is_anomaly_enabled():
    """Say whether anomaly detection is on in this thread."""
    return modes.thread_modes().anomaly
