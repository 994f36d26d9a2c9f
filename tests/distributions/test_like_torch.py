"""Every distribution against PyTorch's: text, samples from the same seed, values, gradients."""

from __future__ import annotations

import numpy as np
import pytest

import retrograd

from ..nn.parity import compare, plain
from .cases import CASES

# PyTorch's lgamma and digamma have errors of 1e-9 in float64.
TOLERANCE = {"float32": 2e-5, "float64": 1e-8}
# PyTorch approximates the derivative of gamma and beta numbers, to 1e-4 of its value and, for
# small concentrations, 1e-3: tests/ops/test_pathwise.py holds ours to the exact ones.
APPROXIMATE = {
    "Beta": 2e-3, "Beta_numbers": 2e-3, "Chi2": 2e-3, "Dirichlet": 2e-3, "Dirichlet_batch": 2e-3,
    "FisherSnedecor": 2e-3, "Gamma": 2e-3, "Gamma_numbers": 2e-3, "InverseGamma": 2e-3,
    "StudentT": 2e-3, "StudentT_number": 2e-3,
}  # fmt: skip


def told(library, make, dtype):
    """Return (what, result or error) pairs of everything that a distribution answers."""
    library.manual_seed(0)
    leaves = []

    def parameter(values):
        leaves.append(library.tensor(values, dtype=getattr(library, dtype), requires_grad=True))
        return leaves[-1]

    made = make(parameter, library.distributions)
    seen = []

    def ask(what, call):
        try:
            result = call()
        except Exception as error:
            seen.append((what, f"{type(error).__name__}: {error}".partition("\nwhile")[0]))
            return None
        if isinstance(result, library.Tensor):
            value = result.detach()
            seen.append((what, [str(value.dtype), plain(value, library)]))
            if result.requires_grad and leaves:
                ask(f"gradient of {what}", lambda: gradients(library, result, leaves))
            return value
        seen.append((what, plain(result, library)))
        return None

    ask("text", lambda: repr(made))
    ask("shapes", lambda: [made.batch_shape, made.event_shape])
    ask("support", lambda: [made.support, made.support.event_dim, made.support.is_discrete])
    ask("constraints", lambda: str(made.arg_constraints))
    ask("abilities", lambda: [made.has_rsample, made.has_enumerate_support])
    drawn = ask("sample", made.sample)
    several = ask("samples", lambda: made.sample((3, 2)))
    ask("rsample", made.rsample)
    ask("rsamples", lambda: made.rsample((4,)))
    for name in ("mean", "mode", "variance", "stddev"):
        ask(name, lambda name=name: getattr(made, name))
    ask("log_prob", lambda: made.log_prob(drawn))
    ask("log_probs", lambda: made.log_prob(several))
    if not made.support.is_discrete:
        ask("log_prob gradient", lambda: moved(library, made, drawn))
    ask("cdf", lambda: made.cdf(several))
    ask("icdf", lambda: made.icdf(library.rand(made.batch_shape + made.event_shape).to(drawn)))
    ask("entropy", made.entropy)
    ask("perplexity", made.perplexity)
    ask("values", made.enumerate_support)
    ask("values unexpanded", lambda: made.enumerate_support(expand=False))
    larger = (2, *made.batch_shape)
    ask("expanded", lambda: repr(made.expand(larger)))
    ask("expanded sample", lambda: made.expand(larger).sample((2,)))
    ask("expanded log_prob", lambda: made.expand(larger).log_prob(drawn))
    ask("text afterwards", lambda: repr(made))
    ask("stream", lambda: library.rand(2))
    return seen


def gradients(library, result, leaves):
    """Return the gradients of a weighted sum of a result with respect to the parameters."""
    weights = library.arange(1.0, result.numel() + 1, dtype=result.dtype)
    total = (result * weights.reshape(result.shape)).sum()
    found = library.autograd.grad(total, leaves, allow_unused=True, retain_graph=True)
    return [one if one is None else one.detach() for one in found]


def moved(library, made, value):
    """Return the gradient of the log-density with respect to the value."""
    value = value.clone().requires_grad_()
    (found,) = library.autograd.grad(made.log_prob(value).sum(), value)
    return found.detach()


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", CASES)
def test_like_torch(name, dtype):
    torch = pytest.importorskip("torch")
    theirs = told(torch, CASES[name], dtype)
    ours = told(retrograd, CASES[name], dtype)
    ours, theirs = dict(ours), dict(theirs)
    failed = [f"only one has {what}" for what in ours.keys() ^ theirs.keys()]
    for what in ours.keys() & theirs.keys():
        found, wanted = ours[what], theirs[what]
        # Distributions of numbers have the default dtype.
        tolerance = TOLERANCE["float32" if "float32" in str(wanted) else dtype]
        if "of rsample" in what:
            tolerance = max(tolerance, APPROXIMATE.get(name, 0))
        if isinstance(wanted, str) and "retrograd" not in wanted:
            wanted = wanted.replace("torch.", "retrograd.") if "<class" in wanted else wanted
        try:
            with np.errstate(all="ignore"):
                compare(found, wanted, tolerance)
        except AssertionError as error:
            failed.append(f"{what}: {error}")
    assert not failed, "\n".join(failed)
