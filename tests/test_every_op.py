"""Every public operation, on every sample: value, gradients, forms, errors.

The samples stand in the test modules of the families (see `tests.sampling`).  PyTorch is the
oracle where it is installed; finite differences and the checks of the forms run without it.
"""

from __future__ import annotations

import inspect
import warnings

import numpy as np
import pytest

import retrograd
from retrograd._core import public
from retrograd._core.errors import OperationError

from .sampling import collect, find

try:
    import torch
except ImportError:
    torch = None
else:
    torch.set_num_threads(1)

SAMPLES, BROKEN = collect()

# Public names without samples, and why.
WITHOUT_SAMPLES: dict[str, str] = {
    "chain_matmul": "warns that it is deprecated: tests/ops/test_tensor_products.py",
    "dropout": "random, and made of other operations: tests/test_dropouts.py",
    "feature_dropout": "as dropout",
    "alpha_dropout": "as dropout",
    "feature_alpha_dropout": "as dropout",
    "rrelu": "random: tests/test_dropouts.py",
    "dropout_": "as dropout",
    "feature_dropout_": "as dropout",
    "alpha_dropout_": "as dropout",
    "feature_alpha_dropout_": "as dropout",
    "rrelu_": "as rrelu",
    "cholesky": "warns that it is deprecated, as in PyTorch; linalg.cholesky is sampled",
}

_RELATIVE = {"float16": 2e-3, "float32": 2e-5, "complex64": 2e-5}
_ABSOLUTE = {"float16": 2e-3, "float32": 2e-6, "complex64": 2e-6}
_STEP = 1e-5

needs_torch = pytest.mark.skipif(torch is None, reason="PyTorch is not installed")


# -- which calls ------------------------------------------------------------------------------


def _front(function):
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return getattr(function, "op", function)


def _registered():
    """Return every public name and the function behind it; methods where no function is."""
    names = {name: _front(function) for name, function in public.functions.items()}
    for name, method in public.methods.items():
        names.setdefault(name, _front(method))
    return names


def _in_place_functions():
    """Return the functions, like ``torch.exp_``, that are in-place forms of other names."""
    return [name for name in public.functions if name.endswith("_") and name[:-1] in CALLS]


def _in_place_methods():
    """Return those of the in-place functions that are methods too (``torch.celu_`` is not)."""
    return [name for name in _in_place_functions() if hasattr(retrograd.Tensor, name)]


def _with_aliases():
    """Return the samples, and those of the first name for every other name of a function."""
    names = _registered()
    sampled = {id(front): name for name, front in names.items() if name in SAMPLES}
    calls = dict(SAMPLES)
    for name, front in names.items():
        if name not in calls and id(front) in sampled:
            calls[name] = [s for s in SAMPLES[sampled[id(front)]] if s.raises is None][:2]
    return calls


CALLS = _with_aliases()


def each(check, suits):
    """Make a check of one call a test of a public name: of all its samples that suit.

    A test a sample would be a clearer report and take twice the time (there are thousands); so
    the error names every sample that failed, and shows where the first one did.
    """
    chosen = {}
    for name, samples in sorted(CALLS.items()):
        numbered = [
            (number, sample)
            for number, sample in enumerate(samples)
            if check not in sample.skip and suits(sample)
        ]
        if numbered:
            chosen[name] = numbered

    def make_test(function):
        @pytest.mark.parametrize("name", chosen)
        def test(name):
            failed = []
            skipped = 0
            for number, sample in chosen[name]:
                try:
                    function(name, sample)
                except Inapplicable:
                    skipped += 1
                except Exception as error:
                    failed.append((number, sample, error))
            if failed:
                lines = [f"  sample {n}, {name}{s}: {in_short(e)}" for n, s, e in failed]
                raise AssertionError("\n".join(["", *lines])) from failed[0][2]
            if skipped == len(chosen[name]):
                pytest.skip("applies to no sample")

        test.__doc__ = function.__doc__
        return test

    return make_test


class Inapplicable(Exception):
    """A check finds that it says nothing about a sample."""


def works(sample):
    return sample.raises is None


def works_like_torch(sample):
    return sample.raises is None and "torch" not in sample.skip


def moves(sample):
    return sample.raises is None and sample.differentiable


def moves_like_torch(sample):
    return moves(sample) and "torch" not in sample.skip


def moves_in_doubles(sample):
    return moves(sample) and all(
        sample.arrays[place].dtype in (np.float64, np.complex128) for place in sample.moving()
    )


def starts_with_array(sample):
    return works(sample) and bool(sample.args) and isinstance(sample.args[0], np.ndarray)


def first_line(error):
    return str(error).split("\n")[0]


def in_short(error):
    """Return the type of an exception and the first words of its message, on one line."""
    words = [line.strip() for line in str(error).split("\n") if line.strip()]
    return f"{type(error).__name__}: {' | '.join(words[:4])}"


# -- one call ---------------------------------------------------------------------------------


def called(library, name, sample, arrays=None, grad=True):
    """Call a public name; return its result and the tensors it was given."""
    args, settings, tensors = sample.build(library, arrays, grad)
    library.manual_seed(0)
    with warnings.catch_warnings():
        if library is torch:
            warnings.simplefilter("ignore")
        return find(library, name)(*args, **settings), tensors


def flat(result):
    """Return the leaves of a nested result."""
    if isinstance(result, (tuple, list)):
        return [leaf for one in result for leaf in flat(one)]
    return [result]


def is_tensor(thing):
    return isinstance(thing, retrograd.Tensor) or (
        torch is not None and isinstance(thing, torch.Tensor)
    )


def as_array(tensor):
    if isinstance(tensor, retrograd.Tensor):
        return tensor.detach().numpy()
    return tensor.numpy(force=True)


def differentiable(result):
    return [one for one in flat(result) if is_tensor(one) and one.requires_grad]


def fixed_noise(like, salt):
    """Return reproducible random arrays in the shapes and dtypes of some tensors."""
    random = np.random.default_rng(salt)
    drawn = []
    for tensor in like:
        dtype = as_array(tensor).dtype
        values = random.standard_normal(tuple(tensor.shape))
        if dtype.kind == "c":
            values = values + 1j * random.standard_normal(tuple(tensor.shape))
        drawn.append(np.asarray(values).astype(dtype))
    return drawn


def zeros_for_none(grads, tensors):
    return [
        np.zeros(tuple(t.shape)) if g is None else as_array(g) for g, t in zip(grads, tensors)
    ]


def backward_of(library, result, tensors, cotangents):
    """Return the gradients of a result, as arrays; None when nothing is differentiable."""
    outputs = differentiable(result)
    inputs = [t for t in tensors if t.requires_grad]
    if not outputs:
        return None
    given = [library.from_numpy(np.array(c)) for c in cotangents]
    grads = library.autograd.grad(outputs, inputs, given, allow_unused=True)
    return zeros_for_none(grads, inputs)


def second_of(library, result, tensors, cotangents, weights):
    """Return first gradients and the gradients of their weighted sum, as arrays.

    The cotangent is an input too, so that linear operations are checked as well.
    """
    outputs = differentiable(result)
    inputs = [t for t in tensors if t.requires_grad]
    given = [library.from_numpy(np.array(c)).requires_grad_(True) for c in cotangents]
    first = library.autograd.grad(
        outputs, inputs, given, create_graph=True, allow_unused=True
    )
    recorded = [(g, w) for g, w in zip(first, weights) if g is not None and g.requires_grad]
    values = zeros_for_none(first, inputs)
    sources = [*inputs, *given]
    if not recorded:
        return values, [np.zeros(tuple(t.shape)) for t in sources]
    second = library.autograd.grad(
        [g for g, _ in recorded],
        sources,
        [library.from_numpy(np.array(w)) for _, w in recorded],
        allow_unused=True,
    )
    return values, zeros_for_none(second, sources)


# -- comparisons --------------------------------------------------------------------------------


def check_close(ours, theirs, what, sample=None):
    """Compare two arrays within what their dtype, and the sample's, can hold."""
    assert ours.shape == theirs.shape, f"{what}: shape {ours.shape}, expected {theirs.shape}"
    if theirs.dtype.kind in "biu":
        np.testing.assert_array_equal(ours, theirs, err_msg=what)
        return
    names = [theirs.dtype.name]
    tolerance = None
    if sample is not None:
        names += [one.dtype.name for one in sample.arrays]
        tolerance = sample.tolerance
    np.testing.assert_allclose(
        ours,
        theirs,
        rtol=tolerance or max(_RELATIVE.get(name, 1e-10) for name in names),
        atol=tolerance or max(_ABSOLUTE.get(name, 1e-12) for name in names),
        err_msg=what,
    )


def check_same(ours, theirs, sample=None):
    """Compare two results: structure, dtypes, shapes, values, requires_grad."""
    ours, theirs = flat(ours), flat(theirs)
    assert len(ours) == len(theirs), f"{len(ours)} results, expected {len(theirs)}"
    for number, (mine, other) in enumerate(zip(ours, theirs)):
        what = f"result {number}"
        assert is_tensor(mine) == is_tensor(other), f"{what}: {mine!r}, expected {other!r}"
        if not is_tensor(other):
            if isinstance(other, (bool, int, str, float, complex)):
                assert type(mine) is type(other), f"{what}: {mine!r}, expected {other!r}"
                check_close(np.asarray(mine), np.asarray(other), what, sample)
            else:
                assert str(mine) == str(other), what
            continue
        assert str(mine.dtype) == str(other.dtype), f"{what}: {mine.dtype}, not {other.dtype}"
        check_close(as_array(mine), as_array(other), what, sample)
        assert mine.requires_grad == other.requires_grad, (
            f"{what}: requires_grad is {mine.requires_grad}, expected {other.requires_grad}"
        )


def check_same_error(ours, theirs):
    """Compare two exceptions: the type, and the first line of PyTorch's words."""
    assert isinstance(ours, type(theirs)), (
        f"{type(ours).__name__}: {ours}\nexpected {type(theirs).__name__}: {theirs}"
    )
    assert first_line(theirs) in str(ours), f"{ours}\nexpected the words\n{theirs}"


def outcome(function):
    """Return the result of a function, or the exception it raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return function()
        except Exception as error:
            return error


# -- the checks ---------------------------------------------------------------------------------


def test_sample_modules_import():
    assert not BROKEN, BROKEN


def test_every_public_name_has_samples():
    known = {*CALLS, *WITHOUT_SAMPLES, *_in_place_functions()}
    missing = [name for name in _registered() if name not in known]
    assert not missing, f"{len(missing)} public names without samples: {sorted(missing)}"


def test_the_exceptions_are_still_needed():
    assert not [name for name in WITHOUT_SAMPLES if name in CALLS]


@each("value", works)
def test_inputs_unchanged(name, sample):
    if name.endswith("_"):
        raise Inapplicable("in-place: the first input is the result")
    before = [one.copy() for one in sample.arrays]
    result, tensors = called(retrograd, name, sample)
    if differentiable(result) and "gradient" not in sample.skip:
        backward_of(retrograd, result, tensors, fixed_noise(differentiable(result), 1))
    for old, new, tensor in zip(before, sample.arrays, tensors):
        np.testing.assert_array_equal(new, old)
        np.testing.assert_array_equal(as_array(tensor), old)


@needs_torch
@each("value", works_like_torch)
def test_value(name, sample):
    ours, _ = called(retrograd, name, sample)
    theirs, _ = called(torch, name, sample)
    check_same(ours, theirs, sample)


@needs_torch
@each("gradient", moves_like_torch)
def test_gradient(name, sample):
    theirs, their_tensors = called(torch, name, sample)
    if not differentiable(theirs):
        raise Inapplicable("not differentiable in PyTorch")
    ours, our_tensors = called(retrograd, name, sample)
    cotangents = fixed_noise(differentiable(theirs), 1)
    expected = outcome(lambda: backward_of(torch, theirs, their_tensors, cotangents))
    if isinstance(expected, RuntimeError):
        raise Inapplicable("PyTorch has no gradient")
    found = backward_of(retrograd, ours, our_tensors, cotangents)
    for number, (mine, other) in enumerate(zip(found, expected)):
        check_close(mine, other, f"gradient {number}", sample)


@needs_torch
@each("second", moves_like_torch)
def test_second_gradient(name, sample):
    theirs, their_tensors = called(torch, name, sample)
    if not differentiable(theirs):
        raise Inapplicable("not differentiable in PyTorch")
    ours, our_tensors = called(retrograd, name, sample)
    cotangents = fixed_noise(differentiable(theirs), 1)
    weights = fixed_noise([t for t in their_tensors if t.requires_grad], 2)
    expected = outcome(lambda: second_of(torch, theirs, their_tensors, cotangents, weights))
    if isinstance(expected, Exception):
        raise Inapplicable("PyTorch has no second gradient")
    found = second_of(retrograd, ours, our_tensors, cotangents, weights)
    for order, mine, other in zip(("first", "second"), found, expected):
        for number, (a, b) in enumerate(zip(mine, other)):
            check_close(a, b, f"{order} gradient {number}", sample)


@needs_torch
@each("node", moves_like_torch)
def test_node_names(name, sample):
    theirs, _ = called(torch, name, sample)
    ours, _ = called(retrograd, name, sample)
    for mine, other in zip(differentiable(ours), differentiable(theirs)):
        if other.grad_fn is not None:
            assert mine.grad_fn.name() == other.grad_fn.name()


def in_doubles(result):
    dtypes = [as_array(one).dtype for one in differentiable(result)]
    return bool(dtypes) and all(dtype in (np.float64, np.complex128) for dtype in dtypes)


def dot(a, b):
    return sum(float(np.vdot(x, y).real) for x, y in zip(a, b))


def shifted(arrays, directions, step):
    moved = [a if d is None else a + step * d for a, d in zip(arrays, directions)]
    return [np.asarray(one) for one in moved]


@each("finite", moves_in_doubles)
def test_finite_differences(name, sample):
    result, tensors = called(retrograd, name, sample)
    if not in_doubles(result):
        raise Inapplicable("not differentiable in doubles")
    cotangents = fixed_noise(differentiable(result), 1)
    grads = backward_of(retrograd, result, tensors, cotangents)
    kept = [n for n, one in enumerate(flat(result)) if is_tensor(one) and one.requires_grad]
    directions = fixed_noise([t for t in tensors if t.requires_grad], 3)
    along = [None] * len(tensors)
    for place, direction in zip(sample.moving(), directions):
        along[place] = direction

    def at(step):
        moved, _ = called(retrograd, name, sample, shifted(sample.arrays, along, step))
        leaves = flat(moved)
        return [as_array(leaves[n]) for n in kept]

    above, below = at(_STEP), at(-_STEP)
    slopes = [(a - b) / (2 * _STEP) for a, b in zip(above, below)]
    if not all(np.isfinite(s).all() for s in slopes):
        raise Inapplicable("not finite")
    size = sum(float(np.abs(c * s).sum()) for c, s in zip(cotangents, slopes))
    np.testing.assert_allclose(
        dot(grads, directions), dot(cotangents, slopes), rtol=0, atol=1e-6 * (1 + size)
    )


@each("second", lambda sample: moves_in_doubles(sample) and "finite" not in sample.skip)
def test_second_finite_differences(name, sample):
    result, tensors = called(retrograd, name, sample)
    outputs = differentiable(result)
    if not in_doubles(result):
        raise Inapplicable("not differentiable in doubles")
    cotangents = fixed_noise(outputs, 1)
    inputs = [t for t in tensors if t.requires_grad]
    weights = fixed_noise(inputs, 2)
    _, second = second_of(retrograd, result, tensors, cotangents, weights)
    directions = [*fixed_noise(inputs, 3), *fixed_noise(outputs, 4)]
    along = [None] * len(tensors)
    for place, direction in zip(sample.moving(), directions):
        along[place] = direction

    def at(step):
        moved, leaves = called(retrograd, name, sample, shifted(sample.arrays, along, step))
        turned = shifted(cotangents, directions[len(inputs) :], step)
        return backward_of(retrograd, moved, leaves, turned)

    above, below = at(_STEP), at(-_STEP)
    slopes = [(a - b) / (2 * _STEP) for a, b in zip(above, below)]
    if not all(np.isfinite(s).all() for s in slopes):
        raise Inapplicable("not finite")
    size = sum(float(np.abs(w * s).sum()) for w, s in zip(weights, slopes))
    np.testing.assert_allclose(
        dot(second, directions), dot(weights, slopes), rtol=0, atol=1e-6 * (1 + size)
    )


_SINGLE = {np.dtype(np.float64): np.float32, np.dtype(np.complex128): np.complex64}


def in_single(sample):
    return [a.astype(_SINGLE.get(a.dtype, a.dtype)) for a in sample.arrays]


def has_doubles(sample):
    return works(sample) and any(a.dtype == np.float64 for a in sample.arrays)


@each("float32", has_doubles)
def test_single_precision_stays(name, sample):
    double, _ = called(retrograd, name, sample)
    single, tensors = called(retrograd, name, sample, in_single(sample))
    for wide, narrow in zip(flat(double), flat(single)):
        if is_tensor(wide):
            wanted = as_array(wide).dtype
            assert as_array(narrow).dtype == _SINGLE.get(wanted, wanted)
            if narrow.grad_fn is not None:
                cotangents = fixed_noise(differentiable(single), 1)
                grads = retrograd.autograd.grad(
                    differentiable(single),
                    [t for t in tensors if t.requires_grad],
                    [retrograd.from_numpy(c) for c in cotangents],
                    allow_unused=True,
                    retain_graph=True,
                )
                for grad in grads:
                    assert grad is None or as_array(grad).dtype in (np.float32, np.complex64)


def is_method(name):
    last = name.rsplit(".", 1)[-1]
    return (
        name in public.functions
        and last in public.methods
        and _front(public.methods[last]) is _front(public.functions[name])
    )


@each("method", starts_with_array)
def test_method_is_the_function(name, sample):
    last = name.rsplit(".", 1)[-1]
    if name not in public.functions or last not in public.methods:
        raise Inapplicable("only a function, or only a method")
    if torch is not None and not hasattr(torch.Tensor, last):
        raise AssertionError(f"PyTorch's tensors have no method {last}")
    if "." in name and not is_method(name):
        raise Inapplicable("the method of this name belongs to another function")
    by_function, _ = called(retrograd, name, sample)
    args, settings, _ = sample.build(retrograd)
    retrograd.manual_seed(0)
    by_method = getattr(args[0], last)(*args[1:], **settings)
    check_same(by_method, by_function)


def written(library, name, sample):
    """Call the in-place form on a clone; return the clone and the gradients."""
    args, settings, tensors = sample.build(library)
    target = args[0].clone()
    library.manual_seed(0)
    result = getattr(target, name + "_")(*args[1:], **settings)
    assert result is target
    grads = None
    if target.requires_grad and "gradient" not in sample.skip:
        grads = backward_of(library, target, tensors, fixed_noise([target], 1))
    return target, grads


@needs_torch
@each("inplace", lambda sample: starts_with_array(sample) and "torch" not in sample.skip)
def test_in_place(name, sample):
    ours_has = name + "_" in public.inplace_methods
    if "." in name or not hasattr(torch.Tensor, name + "_"):
        assert "." in name or not ours_has, f"PyTorch has no {name}_"
        raise Inapplicable("no in-place form")
    assert ours_has or hasattr(retrograd.Tensor, name + "_"), f"{name}_ is missing"
    theirs = outcome(lambda: written(torch, name, sample))
    if "the derivative for 'inplace version" in str(theirs) or "INTERNAL ASSERT" in str(theirs):
        raise Inapplicable("PyTorch has no gradient of the in-place form")
    if isinstance(theirs, Exception):
        ours = outcome(lambda: written(retrograd, name, sample))
        assert isinstance(ours, Exception), f"no error; PyTorch: {theirs}"
        check_same_error(ours, theirs)
        return
    result, grads = written(retrograd, name, sample)
    check_same(result, theirs[0], sample)
    if theirs[1] is not None:
        for number, (mine, other) in enumerate(zip(grads, theirs[1])):
            check_close(mine, other, f"gradient {number}", sample)


@pytest.mark.parametrize("name", _in_place_methods())
def test_in_place_functions(name):
    """``torch.exp_(x)`` is ``x.exp_()``."""
    assert torch is None or hasattr(torch, name)
    tried = 0
    for sample in CALLS[name[:-1]]:
        if starts_with_array(sample) and "inplace" not in sample.skip:
            expected = outcome(lambda s=sample: written(retrograd, name[:-1], s)[0])
            args, settings, _ = sample.build(retrograd)
            target = args[0].clone()
            retrograd.manual_seed(0)
            found = outcome(
                lambda t=target, a=args, s=settings: getattr(retrograd, name)(t, *a[1:], **s)
            )
            if isinstance(expected, Exception):
                continue  # the method's errors are compared above
            tried += 1
            assert found is target
            check_same(found, expected)
    assert tried


def takes_out(name):
    function = public.functions.get(name)
    if function is None:
        return False
    return "out" in inspect.signature(function, follow_wrapped=False).parameters


def delivered(library, name, sample):
    """Call with `out=` and return what was written."""
    result, _ = called(library, name, sample, grad=False)
    targets = [library.empty_like(one) for one in flat(result)]
    out = targets[0] if is_tensor(result) else tuple(targets)
    args, settings, _ = sample.build(library, grad=False)
    library.manual_seed(0)
    given = find(library, name)(*args, **settings, out=out)
    assert all(one is target for one, target in zip(flat(given), targets))
    return result, given


@each("out", works)
def test_out(name, sample):
    theirs = None
    if torch is not None and "torch" not in sample.skip:
        theirs = outcome(lambda: delivered(torch, name, sample))
    if not takes_out(name):
        refused = theirs is None or isinstance(theirs, Exception)
        assert refused, f"PyTorch's {name} takes out="
        raise Inapplicable("no out=")
    expected, given = delivered(retrograd, name, sample)
    check_same(given, expected)


@each("raises", lambda sample: sample.raises is not None)
def test_errors(name, sample):
    with pytest.raises(sample.raises) as caught:
        called(retrograd, name, sample)
    assert sample.match in str(caught.value)
    if torch is not None and "torch" not in sample.skip:
        with pytest.raises(sample.raises) as their_own:
            called(torch, name, sample)
        assert sample.match in str(their_own.value)
    assert not isinstance(caught.value, OperationError) or "while computing" in str(caught.value)
