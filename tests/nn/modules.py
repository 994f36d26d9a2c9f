"""Cases: a module and inputs, tried in both libraries on the same weights.

A family's test file has a list of cases and one test:

    CASES = [Case("Conv1d", 3, 4, 2, inputs=[(2, 3, 7)]), ...]

    @every(CASES)
    def test_like_torch(case, dtype, mode):
        check_module(case, dtype, mode)
"""

from __future__ import annotations

import copy
import re
import warnings

import numpy as np
import pytest

import retrograd

TOLERANCE = {"float32": 2e-5, "float64": 1e-10}
MODES = ("train", "eval")


class Case:
    """One module, and what it is called with.

    Parameters
    ----------
    name : str
        The class in ``torch.nn``.
    *args, **settings
        Its arguments.
    inputs : list
        What it is called with: a shape gives a random tensor of the case's dtype that requires
        grad, an array a tensor as it is (an integer array for indices), and a callable
        ``f(library, dtype)`` anything else.
    keywords : dict
        Keyword arguments of the call, in the same forms.
    note : str
        Tells apart cases with the same arguments.
    tolerance : float, optional
        Relative tolerance in float32, where the usual one does not apply; say why beside it.
    calls : int
        How often it is called before the last call is compared: more than one for running
        statistics.
    make : callable, optional
        ``make(library)`` returns the module, for those that the arguments cannot say.
    """

    def __init__(
        self, name, *args, inputs, keywords=None, note="", tolerance=None, calls=1, make=None,
        **settings,
    ):  # fmt: skip
        self.name = name
        self.args = args
        self.settings = settings
        self.inputs = inputs
        self.keywords = keywords or {}
        self.note = note
        self.tolerance = tolerance
        self.calls = calls
        self.make = make

    def __repr__(self):
        parts = [plain(one) for one in self.args]
        parts += [f"{name}={plain(value)}" for name, value in self.settings.items()]
        shapes = ", ".join(str(one) if isinstance(one, tuple) else "..." for one in self.inputs)
        return f"{self.name}({', '.join(parts)})({shapes}){self.note and ' ' + self.note}"

    def module(self, library, dtype):
        """Return the module in a dtype, its initial values drawn from seed 0."""
        library.manual_seed(0)
        made = self.make(library) if self.make else self._made(library)
        return made.to(getattr(library, dtype))

    def _made(self, library):
        return getattr(library.nn, self.name)(*self.args, **self.settings)

    def arguments(self, library, dtype):
        """Return the call's arguments, and the leaves among them."""
        random = np.random.default_rng(len(repr(self)))
        leaves = []

        def convert(given):
            if isinstance(given, tuple):
                values = random.standard_normal(given).astype(dtype)
                leaves.append(library.from_numpy(values).requires_grad_())
                return leaves[-1]
            if isinstance(given, np.ndarray):
                return library.from_numpy(given.copy())
            return given(library, getattr(library, dtype)) if callable(given) else given

        args = [convert(one) for one in self.inputs]
        return args, {name: convert(one) for name, one in self.keywords.items()}, leaves


def plain(value):
    """Return the text of a value, the same in every process."""
    return getattr(value, "__name__", None) or re.sub(r" at 0x\w+", "", repr(value))


def every(cases):
    """Make a test of each case, in both dtypes, training and evaluating."""

    def make_test(function):
        for name, values in (("case", cases), ("dtype", tuple(TOLERANCE)), ("mode", MODES)):
            function = pytest.mark.parametrize(name, values, ids=repr if name == "case" else str)(
                function
            )
        return function

    return make_test


def check_module(case, dtype, mode):
    """Compare text, state, initial values, results, every gradient and the state afterwards."""
    torch = pytest.importorskip("torch")
    ours, theirs = case.module(retrograd, dtype), case.module(torch, dtype)
    assert repr(ours) == repr(theirs)
    tolerance = TOLERANCE[dtype] if case.tolerance is None else case.tolerance
    # From the same seed, float32 normal numbers are within a unit in the last place.
    compare_states(ours.state_dict(), theirs.state_dict(), 1e-6)
    share(ours, theirs)
    ours_seen, theirs_seen = run(case, retrograd, ours, dtype, mode), run(
        case, torch, theirs, dtype, mode
    )
    compare_lists(ours_seen, theirs_seen, tolerance)
    compare_states(ours.state_dict(), theirs.state_dict(), tolerance)


def run(case, library, module, dtype, mode):
    """Return (name, array) pairs: results, gradients of the inputs and of the parameters."""
    module.train(mode == "train")
    library.manual_seed(1)
    args, keywords, leaves = case.arguments(library, dtype)
    with warnings.catch_warnings():
        if library is not retrograd:
            warnings.simplefilter("ignore")
        for _ in range(case.calls):
            results = flat(module(*args, **keywords), library)
    pairs = [(f"result {place}", one) for place, one in enumerate(results)]
    total = 0
    for one in results:
        if one.requires_grad:
            weights = library.arange(1.0, one.numel() + 1, dtype=one.dtype).reshape(one.shape)
            total = total + (one * (weights / (one.numel() + 1))).sum()
    if isinstance(total, library.Tensor):
        total.backward()
    pairs += [(f"gradient of input {place}", leaf.grad) for place, leaf in enumerate(leaves)]
    pairs += [(f"gradient of {name}", one.grad) for name, one in module.named_parameters()]
    return [(name, None if one is None else one.detach().numpy()) for name, one in pairs]


def flat(result, library):
    """Return the tensors of a nested result."""
    if isinstance(result, library.Tensor):
        return [result]
    if isinstance(result, (tuple, list)):
        return [tensor for one in result for tensor in flat(one, library)]
    return []


def share(ours, theirs):
    """Give the module of retrograd exactly PyTorch's weights and buffers."""
    state = {
        name: retrograd.from_numpy(np.array(value.detach().numpy()))
        for name, value in theirs.state_dict().items()
    }
    ours.load_state_dict(copy.copy(state))


def compare_states(ours, theirs, tolerance):
    """Compare two state_dicts: keys in order, shapes, dtypes, values."""
    assert list(ours) == list(theirs)
    for name, value in theirs.items():
        found = ours[name]
        assert tuple(found.shape) == tuple(value.shape), name
        assert str(found.dtype).rpartition(".")[2] == str(value.dtype).rpartition(".")[2], name
    compare_lists(
        [(name, one.detach().numpy()) for name, one in ours.items()],
        [(name, one.detach().numpy()) for name, one in theirs.items()],
        tolerance,
    )


def compare_lists(ours, theirs, tolerance):
    """Compare (name, array) pairs: equal shapes and dtypes, and values relative to the largest."""
    assert [name for name, _ in ours] == [name for name, _ in theirs]
    for (name, found), (_, wanted) in zip(ours, theirs, strict=True):
        assert (found is None) == (wanted is None), f"{name}: {found}, but PyTorch has {wanted}"
        if wanted is None:
            continue
        assert found.shape == wanted.shape, f"{name}: {found.shape}, not {wanted.shape}"
        assert found.dtype == wanted.dtype, f"{name}: {found.dtype}, not {wanted.dtype}"
        if wanted.dtype.kind in "biu" or not wanted.size:
            np.testing.assert_array_equal(found, wanted, err_msg=name)
            continue
        finite = np.abs(wanted[np.isfinite(wanted)])
        scale = max(1.0, float(finite.max())) if finite.size else 1.0
        np.testing.assert_allclose(
            found, wanted, rtol=tolerance, atol=tolerance * scale, err_msg=name
        )


def complaint(call, library):
    """Return what a call raises, in plain form: ``call(library)``."""
    library.manual_seed(0)
    try:
        call(library)
    except Exception as error:
        # An OperationError is a RuntimeError with a note on the call.
        kind = type(error).__name__.replace("OperationError", "RuntimeError")
        text = re.sub(r"\nwhile computing .*", "", f"{kind}: {error}")
        return re.sub(r"(torch|retrograd)(\.\w+)*\.(?=\w+[>' ])", "", text)
    return None


def check_complaint(call):
    """Compare what a call raises in both libraries, word for word."""
    torch = pytest.importorskip("torch")
    wanted = complaint(call, torch)
    assert wanted is not None, "PyTorch does not complain"
    assert complaint(call, retrograd) == wanted
