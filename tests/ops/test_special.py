"""Special functions: the error function, gamma and its relatives, Bessel functions, zeta."""

from __future__ import annotations

import numpy as np

from ..sampling import Sample, array, one_operand, two_operands
from .test_exponential import positive, unit
from .test_trigonometric import inside

ALL = np.array([0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan])


def no_complex(kernel):
    return Sample(
        array(3, dtype="complex64"), raises=NotImplementedError,
        match=f"\"{kernel}\" not implemented for 'ComplexFloat'",
    )  # fmt: skip


# PyTorch's trigamma and its like are exact to nine digits only.
NINE_DIGITS = 3e-9


def roughly(samples):
    """Return samples whose derivatives PyTorch computes roughly."""
    for sample in samples:
        if sample.raises is None and all(a.dtype == np.float64 for a in sample.arrays):
            sample.tolerance = NINE_DIGITS
    return samples


SAMPLES = {
    "erf": [*one_operand(array), Sample(ALL), no_complex("erf_vml_cpu")],
    "erfc": [*one_operand(array), Sample(ALL), no_complex("erfc_vml_cpu")],
    "erfinv": [*one_operand(inside), Sample(np.array([-2.0, -1.0, 1.0, 0.0]))],
    "special.erfcx": [*one_operand(array, halves=False)],
    "special.ndtr": [*one_operand(array), Sample(ALL)],
    "special.log_ndtr": [*one_operand(array, halves=False), Sample(np.array([-30.0, 30.0]))],
    "special.ndtri": [*one_operand(unit, halves=False)],
    # PyTorch's gradient at 0 is inf, and nan below.
    "special.entr": [*one_operand(positive), Sample(np.array([-1.0, 0.0, 1.0]), skip="finite")],
    "lgamma": [
        *roughly(one_operand(positive)),
        Sample(np.array([0.0, -1.0, -0.5, -1.7, 30.0, np.inf]), skip="finite second gradient"),
        Sample(np.array([-0.5, -1.7, 30.0]), tolerance=NINE_DIGITS),
        no_complex("lgamma_vml_cpu"),
    ],
    "digamma": [
        *roughly(one_operand(positive)),
        Sample(np.array([0.0, -0.0, -1.0, -0.5, 30.0]), skip="finite second gradient"),
        Sample(np.array([-0.5, -1.7, 30.0]), tolerance=NINE_DIGITS),
    ],
    "polygamma": [
        *roughly([
            Sample(0, positive(3)),
            Sample(1, positive(3, 4)),
            Sample(2, positive(3)),
            Sample(3, positive()),
        ]),
        Sample(1, positive(3, dtype="float32")),
        Sample(1, positive(3, dtype="int64")),
        Sample(1, positive(0, 3)),
        Sample(-1, positive(3), raises=RuntimeError,
               match="polygamma(n, x) does not support negative n."),
    ],
    "mvlgamma": [
        *roughly([
            Sample(positive(3) + 2, 1),
            Sample(positive(3, 4) + 2, 2),
            Sample(positive(3) + 2, p=3),
        ]),
        Sample(positive(3, dtype="float32") + 2, 2),
        Sample(positive(3), 0, raises=RuntimeError, match="p has to be greater than or equal to 1"),
    ],
    # PyTorch has no gradient of the first operand.
    "igamma": [
        Sample(positive(3), positive(3), constant=(0,)),
        Sample(positive(3, 1), positive(4), constant=(0,)),
        Sample(positive(3, dtype="float32"), positive(3, dtype="float32"), constant=(0,)),
        Sample(positive(3), positive(3), skip="gradient second finite float32"),
        Sample(positive(3, dtype="int64"), positive(3, dtype="int64"), raises=NotImplementedError,
               match="\"igamma_cpu\" not implemented for 'Long'", skip="torch"),
    ],
    "igammac": [
        Sample(positive(3), positive(3), constant=(0,)),
        Sample(positive(3, 1), positive(4), constant=(0,)),
        Sample(positive(3), positive(3), skip="gradient second finite float32"),
    ],
    "special.gammainc": [Sample(positive(3), positive(3), constant=(0,))],
    "special.gammaincc": [Sample(positive(3), positive(3), constant=(0,))],
    "special.gammaln": roughly([Sample(positive(3))]),
    "special.digamma": roughly([Sample(positive(3))]),
    "special.psi": roughly([Sample(positive(3))]),
    "special.polygamma": roughly([Sample(1, positive(3))]),
    "special.multigammaln": roughly([Sample(positive(3) + 2, 2)]),
    "special.zeta": [
        Sample(positive(3) + 2, positive(3), constant=(0,)),
        Sample(positive(3, 1) + 2, positive(4), constant=(0,)),
        Sample(3, positive(3)),
        Sample(positive(3) + 2, 2.0, skip="gradient second finite float32"),
        Sample(positive(3) + 2, positive(3), skip="gradient second finite float32"),
        Sample(positive(3, dtype="int64") + 2, positive(3, dtype="int64")),
    ],
    "i0": [*one_operand(array), Sample(np.array([0.0, -3.0, 30.0]))],
    "special.i0": [Sample(array(3))],
    "special.i0e": [*one_operand(array), Sample(np.array([-3.0, 30.0]))],
    "special.i1": [*one_operand(array), Sample(np.array([-3.0, 30.0])),
                   Sample(np.array([0.0, 1.0]), skip="second")],
    "special.i1e": [*one_operand(array), Sample(np.array([-3.0, 30.0])),
                    Sample(np.array([0.0, 1.0]), skip="second finite")],  # a kink of the slope
    "special.bessel_j0": [*one_operand(array, halves=False)],
    "special.bessel_j1": [*one_operand(array, halves=False)],
    "special.bessel_y0": [*one_operand(positive, halves=False)],
    "special.bessel_y1": [*one_operand(positive, halves=False)],
    "special.modified_bessel_i0": [*one_operand(array, halves=False)],
    "special.modified_bessel_i1": [*one_operand(array, halves=False)],
    "special.modified_bessel_k0": [*one_operand(positive, halves=False)],
    "special.modified_bessel_k1": [*one_operand(positive, halves=False)],
    "special.scaled_modified_bessel_k0": [*one_operand(positive, halves=False)],
    "special.scaled_modified_bessel_k1": [*one_operand(positive, halves=False)],
    "sinc": [
        *one_operand(array, complexes=True),
        Sample(np.array([0.0, 1.0, -2.0]), skip="second"),
    ],
    "special.sinc": [Sample(array(3))],
    "special.erf": [Sample(array(3))],
    "special.erfc": [Sample(array(3))],
    "special.erfinv": [Sample(inside(3))],
    "special.xlog1py": [
        *two_operands(positive),
        Sample(positive(3), 2.5),
        Sample(2.5, positive(3)),
        Sample(np.array([0.0, 0.0, 1.0]), np.array([-1.0, np.nan, 3.0]), skip="finite second"),
    ],
}  # fmt: skip
