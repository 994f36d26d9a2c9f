"""Polynomials: exp, log, tanh, erf, sin, ... as straight code that a compiler turns into vectors.

A call of a library's function inside a loop keeps the loop from being vectorised: tanh of four
million numbers takes 43 ms by `math.tanh` and 1.3 ms by a polynomial.  Each function here is text,
written once for float32 and float64, without a branch and without a table.

Bounds, tested against mpmath: at most 2 units in the last place, for denormal results too; nan,
infinities, -0.0 and overflow as NumPy has them.  `sin` and `cos` hold up to `FAR`; beyond it
a kernel says so and the caller computes by NumPy instead.

Coefficients are near-minimax fits (weighted least squares on Chebyshev nodes, 40 digits); the
reductions are the usual ones: Cody and Waite (1980) for exp, sin and cos; for log the series in
s = f / (2 + f) of FreeBSD's msun; erf as x + x P(x^2) below 1, as 1 - exp(h(x) - x^2) above it.

Note [Contraction].  Only these functions may be contracted (a * b + c rounded once).  The rest of a
kernel computes each operation as NumPy does, so that a fused sum or product is NumPy's bit for bit.
"""

from __future__ import annotations

import re

import numpy as np

# The largest argument of sin and cos that the reduction holds for.
FAR = {32: 1e8, 64: 1e6}

_NUMBERS: dict[int, dict[str, str]] = {
    32: {
        "F": "float32", "I": "int32", "SHIFT": "23", "MAGIC": "12582912.0",
        "MAGIC_BITS": "1262485504", "BIASED": "12583039.0", "EXP_LOW": "-104.0", "EXP_HIGH": "89.0",
        "LN2_HIGH": "0.693359375", "LN2_LOW": "-2.12194440e-4", "EXPM1_LOW": "-20.0",
        "TINY": "2e-8", "TANH_HIGH": "10.0", "NORMAL": "1.1754943508222875e-38",
        "UP": "33554432.0", "UP_BITS": "25.0", "ROOT_BITS": "1060439283", "ERF_HIGH": "4.0",
        "ERF_MIDDLE": "2.5", "ERF_SCALE": "0.66666666666666667", "MAGIC_DECAY": "12583103.0",
    },
    64: {
        "F": "float64", "I": "int64", "SHIFT": "52", "MAGIC": "6755399441055744.0",
        "MAGIC_BITS": "4843621399236968448", "BIASED": "6755399441056767.0",
        "EXP_LOW": "-746.0", "EXP_HIGH": "710.0", "LN2_HIGH": "6.93147180369123816490e-01",
        "LN2_LOW": "1.90821492927058770002e-10", "EXPM1_LOW": "-40.0", "TINY": "1e-17",
        "TANH_HIGH": "22.0", "NORMAL": "2.2250738585072014e-308", "UP": "18014398509481984.0",
        "UP_BITS": "54.0", "ROOT_BITS": "4604544271217802189", "ERF_HIGH": "6.0",
        "ERF_MIDDLE": "3.5", "ERF_SCALE": "0.4", "MAGIC_DECAY": "6755399441057279.0",
    },
}  # fmt: skip

# Coefficients, the lowest first: of float32 and of float64.
_SERIES: dict[str, tuple[str, str]] = {
    "EXP": (
        "0.5000000078 0.1666666681 0.04166626927 0.008333274965 0.001394612606 0.0001991264708",
        "0.5 0.16666666666666684 0.041666666666666719 0.0083333333333168134 0.0013888888888860606 "
        "0.0001984126989697602 2.4801587369943549e-5 2.7557234245378176e-6 2.7557236344701007e-7 "
        "2.5112256771716308e-8 2.0926077683517419e-9",
    ),
    "LOG": (
        "0.6666666655 0.4000012645 0.2855031798 0.2334374725",
        "0.66666666666666666 0.40000000000000952 0.28571428570759171 0.22222222401604035 "
        "0.18181794599362198 0.15386295545323969 0.13267295991324084 0.13101899906508478",
    ),
    "ERF_SMALL": (
        "0.1283791659 -0.3761262709 0.1128359999 -0.02685443916 0.005189525083 -0.0008020747199 "
        "7.888809846e-5",
        "0.12837916709551257 -0.37612638903183748 0.11283791670954884 -0.026866170645077844 "
        "0.0052239776248281447 -0.00085483269814097324 0.00012055331132399161 "
        "-1.4925595759245254e-5 1.6461008276900962e-6 -1.6350394158744888e-7 "
        "1.4660315255104095e-8 -1.1374905194266237e-9 5.9606022629302893e-11",
    ),
    "ERF_LARGE": (
        "-1.556815651 -0.5290259318 0.1262256952 -0.03663592358 0.01104918844 -0.003102453816 "
        "0.0008396476205 -0.0003312998064",
        "-1.8624374021449638 -0.66524897075110015 0.20779340944595279 -0.081650911663520702 "
        "0.034128301946470016 -0.014385203716586279 0.0059523959345136016 -0.0023712227598060555 "
        "0.00091556847173026398 -0.0002543028529073357 0.00014536935435951646 "
        "-4.1798320128431049e-5 -0.00013684905782811051 -0.00014863876196805084 "
        "-4.3549198373774961e-5 8.0318497271706172e-5 9.3178698917832653e-5 "
        "4.4789815702159373e-5 8.126102930253752e-6",
    ),
    "TANH": (
        "-0.3333333159 0.1333323841 -0.05395107675 0.02172560322 -0.008242240232 0.002205432284",
        "-0.33333333333333333 0.1333333333333325 -0.053968253968188939 0.021869488533626151 "
        "-0.0088632354722114362 0.0035921271926448374 -0.0014558260447265445 "
        "0.00058996999746551229 -0.0002388494849741042 9.5951602892868844e-5 "
        "-3.6954499627669872e-5 1.2108254782747397e-5 -2.4038440354441738e-6",
    ),
    "SIN": (
        "-0.1666666664 0.00833332937 -0.0001983932939 2.718256692e-6",
        "-0.16666666666666667 0.0083333333333333229 -0.00019841269841255158 "
        "2.7557319214222922e-6 -2.5052104917265046e-8 1.6058367076259497e-10 "
        "-7.578709347364165e-13",
    ),
    "COS": (
        "0.04166666662 -0.001388888387 2.479954398e-5 -2.721187794e-7",
        "0.041666666666666667 -0.0013888888888888879 2.4801587301574863e-5 "
        "-2.7557319216637198e-7 2.0876754618333011e-9 -1.1470319012985764e-11 "
        "4.739165166393127e-14",
    ),
}  # fmt: skip
# exp itself, times 2 ** -64 and 2 ** -512: see `decay`.
_SERIES["DECAY"] = (
    " ".join(repr(float(one) * 2.0**-64) for one in ("1 1 " + _SERIES["EXP"][0]).split()),
    " ".join(repr(float(one) * 2.0**-512) for one in ("1 1 " + _SERIES["EXP"][1]).split()),
)

# `name@` is a function of the same width; `#number` a number of it; `$SERIES(z)` a polynomial.
_TEXTS = {
    "exp": """
def exp@(x):
    x = #EXP_HIGH if x > #EXP_HIGH else x
    x = #EXP_LOW if x < #EXP_LOW else x
    n = (x * #1.4426950408889634 + #MAGIC) - #MAGIC
    r = (x - n * #LN2_HIGH) - n * #LN2_LOW
    y = #1.0 + (r + r * r * $EXP(r))
    half = n * #0.5 + #BIASED  # two factors: 2 ** n alone would overflow or be denormal
    rest = (n - (half - #BIASED)) + #BIASED
    one = I(F(half).view(I) << I(SHIFT)).view(F)
    other = I(F(rest).view(I) << I(SHIFT)).view(F)
    return y * one * other
""",
    # exp of what is not above 0.  The bias of the exponent, and 64 or 512 more, are in the rounding
    # constant; the series is that much smaller.  So one factor does also for denormal results.
    "decay": """
def decay@(x):
    x = #EXP_LOW if x < #EXP_LOW else x
    t = x * #1.4426950408889634 + #MAGIC_DECAY
    n = t - #MAGIC_DECAY
    r = (x - n * #LN2_HIGH) - n * #LN2_LOW
    return $DECAY(r) * I(F(t).view(I) << I(SHIFT)).view(F)
""",
    "expm1": """
def expm1@(x):
    given = x
    x = #EXP_HIGH if x > #EXP_HIGH else x
    x = #EXPM1_LOW if x < #EXPM1_LOW else x
    n = (x * #1.4426950408889634 + #MAGIC) - #MAGIC
    high = x - n * #LN2_HIGH
    r = high - n * #LN2_LOW
    lost = (high - r) - n * #LN2_LOW
    p = r + (r * r * $EXP(r) + lost)
    scale = I(F((n - #1.0) + #BIASED).view(I) << I(SHIFT)).view(F)
    y = #2.0 * (scale * p + (scale - #0.5))
    return given if abs(given) < #TINY else y
""",
    "tanh": """
def tanh@(x):
    a = abs(x)
    z = a * a
    small = x + x * z * $TANH(z)
    e = expm1@(#2.0 * (#TANH_HIGH if a > #TANH_HIGH else a))
    y = e / (e + #2.0)
    y = -y if x < #0.0 else y
    small = x if a < #TINY else small  # keeps -0.0
    return small if a < #0.6 else y
""",
    "log": """
def log@(x):
    small = x < #NORMAL
    scaled = x * #UP if small else x
    bits = F(scaled).view(I)
    e = I(I(bits - I(ROOT_BITS)) >> I(SHIFT))
    f = I(bits - I(e << I(SHIFT))).view(F) - #1.0
    k = I(e + I(MAGIC_BITS)).view(F) - #MAGIC
    k = k - #UP_BITS if small else k
    s = f / (#2.0 + f)
    z = s * s
    h = #0.5 * f * f
    y = k * #LN2_HIGH - ((h - (s * (h + z * $LOG(z)) + k * #LN2_LOW)) - f)
    y = y if x < #inf else x
    y = #nan if x < #0.0 else y
    return -#inf if x == #0.0 else y
""",
    "log1p": """
def log1p@(x):
    u = #1.0 + x
    c = #1.0 - (u - x) if x >= #1.0 else x - (u - #1.0)
    y = log@(u) + c / u
    y = y if x < #inf else x
    y = -#inf if x == #-1.0 else y
    return x if abs(x) < #TINY else y
""",
    "logaddexp": """
def logaddexp@(x, y):
    top = x if x > y else y
    sum = top + log1p@(exp@(-abs(x - y)))
    return x + #0.6931471805599453 if x == y else sum
""",
    "erf": """
def erf@(x):
    a = abs(x)
    a = #ERF_HIGH if a > #ERF_HIGH else a
    z = a * a
    small = x + x * $ERF_SMALL(z)
    t = (a - #ERF_MIDDLE) * #ERF_SCALE
    large = #1.0 - exp@($ERF_LARGE(t) - z)
    large = -large if x < #0.0 else large
    return small if a < #1.0 else large
""",
    "turns": """
def turns@(x):
    w = np.float64(x)
    n = (w * 0.6366197723675814 + 6755399441055744.0) - 6755399441055744.0
    high = w - n * 1.57079632673412561417
    part = high - n * 6.07710050630396597660e-11
    lost = ((high - part) - n * 6.07710050630396597660e-11) - n * 2.02226624879595063154e-21
    r = part + lost
    lost = lost - (r - part)
    return F(r), F(lost), np.float64(n + 6755399441055744.0).view(np.int64)
""",
    "sin": """
def sin@(x):
    r, lost, n = turns@(x)
    z = r * r
    s = r + (r * z * $SIN(z) + lost)
    c = #1.0 + ((z * z * $COS(z) - r * lost) - #0.5 * z)
    y = c if n & 1 else s
    y = -y if n & 2 else y
    return x if abs(x) < #TINY else y
""",
    "cos": """
def cos@(x):
    r, lost, n = turns@(x)
    z = r * r
    s = r + (r * z * $SIN(z) + lost)
    c = #1.0 + ((z * z * $COS(z) - r * lost) - #0.5 * z)
    y = s if n & 1 else c
    return -y if (n + 1) & 2 else y
""",
}
_NEEDS = {
    "tanh": ("expm1",),
    "log1p": ("log",),
    "logaddexp": ("exp", "log", "log1p"),
    "erf": ("exp",),
    "sin": ("turns",),
    "cos": ("turns",),
}
NAMES = tuple(name for name in _TEXTS if name != "turns")


def horner(variable: str, series: str) -> str:
    """Return a polynomial by Horner's rule, as an expression."""
    coefficients = series.split()
    text = f"#{coefficients[-1]}"
    for one in coefficients[-2::-1]:
        text = f"(#{one} + {variable} * {text})"
    return text


def source(names: set[str], width: int) -> str:
    """Return the source of functions and of those they call, for `numba.njit`.

    Parameters
    ----------
    names : set of str
        Of `NAMES`.
    width : int
        32 or 64; function `exp` is called ``exp32`` or ``exp64``.
    """
    wanted = set(names)
    for name in names:
        wanted.update(_NEEDS.get(name, ()))
    numbers = _NUMBERS[width]
    column = 0 if width == 32 else 1
    parts = []
    for name in _TEXTS:
        if name not in wanted:
            continue
        text = _TEXTS[name]
        text = re.sub(
            r"\$([A-Z_]+)\((\w)\)", lambda m: horner(m[2], _SERIES[m[1]][column]), text
        )
        text = text.replace("@", str(width))
        text = re.sub(r"#([A-Z_0-9]+[A-Z_][A-Z_0-9]*)", lambda m: "#" + numbers[m[1]], text)
        text = re.sub(r"#([-+.0-9a-z]+)", r"F(\1)", text)
        for short in ("SHIFT", "MAGIC_BITS", "ROOT_BITS"):
            text = text.replace(f"I({short})", f"I({numbers[short]})")
        text = re.sub(r"\bF\b", f"np.{numbers['F']}", text)
        text = re.sub(r"\bI\b", f"np.{numbers['I']}", text)
        text = text.replace("(inf)", "(np.inf)").replace("(nan)", "(np.nan)")
        parts.append("@inlined" + text)
    return "\n\n".join(parts)


def width_of(dtype: np.dtype) -> int:
    """Return 32 or 64 for a float dtype that the functions are written for, else 0."""
    return {"float32": 32, "float64": 64}.get(dtype.name, 0)
