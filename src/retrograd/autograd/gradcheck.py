"""gradcheck: rules against finite differences."""

from __future__ import annotations

import numpy as np

from .._core.value import Value
from ..tensor import wrap
from .backward import grad
from .modes import enable_grad, no_grad


class GradcheckError(RuntimeError):
    """A gradient differs from its finite difference."""


def _tuple(value):
    return tuple(value) if isinstance(value, (tuple, list)) else (value,)


def _outputs(func, inputs):
    found = _tuple(func(*inputs))
    return [o for o in found if isinstance(o, Value) and o.get_dtype().kind in "fc"]


def _numerical(func, inputs, target, eps):
    """Return, for each output, the Jacobian (elements of `target`, elements of the output)."""
    array = target.array
    flat = array.reshape(-1)
    if not np.shares_memory(flat, array):
        raise ValueError("gradcheck: an input has overlapping or non-contiguous memory; clone() it")
    columns = []
    steps = (eps, 1j * eps) if array.dtype.kind == "c" else (eps,)
    for place in range(flat.size):
        kept = flat[place]
        parts = []
        for step in steps:
            with no_grad():
                flat[place] = kept + step
                plus = [np.array(o.array) for o in _outputs(func, inputs)]
                flat[place] = kept - step
                minus = [np.array(o.array) for o in _outputs(func, inputs)]
                flat[place] = kept
            parts.append([(p - m) / (2 * eps) for p, m in zip(plus, minus)])
        if len(parts) == 1:
            columns.append(parts[0])
        else:
            # PyTorch's convention: the gradient of a real loss by a complex number.
            columns.append([a - 1j * b for a, b in zip(*parts)])
    count = len(columns[0]) if columns else 0
    return [np.array([c[o].reshape(-1) for c in columns]) for o in range(count)]


def _analytical(output, target):
    """Return the Jacobian (elements of `target`, elements of `output`) by one backward each."""
    rows = []
    for place in range(output.array.size):
        seed = np.zeros_like(output.array)
        seed.reshape(-1)[place] = 1
        found = grad(
            output, target, wrap(seed), retain_graph=True, allow_unused=True
        )[0]
        rows.append(
            np.zeros(target.array.size, target.array.dtype)
            if found is None
            else np.conj(found.array).reshape(-1)
            if found.array.dtype.kind == "c"
            else found.array.reshape(-1)
        )
    return np.array(rows).reshape(output.array.size, target.array.size).T


def gradcheck(
    func,
    inputs,
    *,
    eps=1e-6,
    atol=1e-5,
    rtol=1e-3,
    raise_exception=True,
    nondet_tol=0.0,
    check_undefined_grad=True,
    check_grad_dtypes=False,
    check_batched_grad=False,
    check_batched_forward_grad=False,
    check_forward_ad=False,
    check_backward_ad=True,
    fast_mode=False,
    masked=None,
):
    """Compare gradients by the rules with central differences.

    Parameters
    ----------
    func : callable
        Takes the inputs, returns a tensor or several.
    inputs : Tensor or sequence
        Those that require grad are varied; double precision is needed for the default tolerances.
    eps, atol, rtol : float
        The step, and the tolerances of the comparison.
    raise_exception : bool
        Raise on a mismatch, or return False.

    Returns
    -------
    bool

    Raises
    ------
    GradcheckError
        When a Jacobian differs, with both printed.
    ValueError
        When no input requires grad.

    Examples
    --------
    >>> import retrograd as torch
    >>> x = torch.linspace(-1, 1, 3, dtype=torch.float64, requires_grad=True)
    >>> gradcheck(torch.tanh, x)
    True
    """
    try:
        _check(func, _tuple(inputs), eps, atol, rtol, nondet_tol)
    except GradcheckError:
        if raise_exception:
            raise
        return False
    return True


def _check(func, inputs, eps, atol, rtol, nondet_tol):
    varied = [i for i in inputs if isinstance(i, Value) and i.requires]
    if not varied:
        raise ValueError(
            "gradcheck expects at least one input tensor to require gradient, but none of the them "
            "have requires_grad=True."
        )
    outputs = _outputs(func, inputs)
    for target in varied:
        number = next(n for n, i in enumerate(inputs) if i is target)
        numerical = _numerical(func, inputs, target, eps)
        for place, output in enumerate(outputs):
            if not output.requires:
                analytical = np.zeros((target.array.size, output.array.size))
            else:
                analytical = _analytical(output, target)
                again = _analytical(output, target)
                if not np.allclose(analytical, again, rtol=0, atol=nondet_tol, equal_nan=True):
                    raise GradcheckError(
                        "Backward is not reentrant, i.e., running backward with same input and "
                        "grad_output multiple times gives different values, although analytical "
                        "gradient matches numerical gradient."
                    )
            if not np.allclose(analytical, numerical[place], rtol=rtol, atol=atol, equal_nan=True):
                raise GradcheckError(
                    f"Jacobian mismatch for output {place} with respect to input {number},\n"
                    f"numerical:{wrap(numerical[place])!r}\n"
                    f"analytical:{wrap(np.ascontiguousarray(analytical))!r}\n"
                )


def gradgradcheck(
    func,
    inputs,
    grad_outputs=None,
    *,
    eps=1e-6,
    atol=1e-5,
    rtol=1e-3,
    gen_non_contig_grad_outputs=False,
    raise_exception=True,
    nondet_tol=0.0,
    check_undefined_grad=True,
    check_grad_dtypes=False,
    check_batched_grad=False,
    check_fwd_over_rev=False,
    check_rev_over_rev=True,
    fast_mode=False,
    masked=False,
):
    """Compare second derivatives with central differences of the first ones."""
    inputs = _tuple(inputs)
    outputs = _outputs(func, inputs)
    if grad_outputs is None:
        draws = np.random.RandomState(0)
        grad_outputs = [
            wrap(draws.standard_normal(o.array.shape).astype(o.get_dtype())) for o in outputs
        ]
        for seed in grad_outputs:
            seed.requires = True
    grad_outputs = list(_tuple(grad_outputs))
    count = len(inputs)

    def first(*given):
        values, seeds = given[:count], given[count:]
        varied = [v for v in values if isinstance(v, Value) and v.requires]
        outs = _outputs(func, values)
        pairs = [(o, s) for o, s in zip(outs, seeds) if o.requires]
        return grad(
            [o for o, _ in pairs], varied, [s for _, s in pairs], create_graph=True,
            allow_unused=True, materialize_grads=True,
        )  # fmt: skip

    return gradcheck(
        _with_grad(first), (*inputs, *grad_outputs), eps=eps, atol=atol, rtol=rtol,
        raise_exception=raise_exception, nondet_tol=nondet_tol,
    )  # fmt: skip


def _with_grad(function):
    """Run a function that needs the graph even where gradcheck only wants its values."""
    return enable_grad()(function)
