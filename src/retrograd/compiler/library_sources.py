"""Library sources: the kernels that operations on large arrays use in eager mode.

Each is text for `numba.njit` by the convention of `numba_backend.build`, written once for float32
and float64: `F` is the dtype, `@` its width.  The first two numbers of every kernel are the first
row (or element) and the one after the last, so that rows can be shared between threads; no result
depends on how.

Note [Bounds].  exp, log and erf are within 2 units in the last place (`polynomials.py`).  Sums are
made in blocks of 2048 in several partial sums, and blocks are added in float64.  gelu of float32 is
x / (1 + exp(-2 h)) with the h of `ops/normal_gate.py`, as (1 + tanh(h)) / 2 is 1 / (1 + exp(-2 h)).
The updates of optimizers make NumPy's operations in NumPy's order: bit for bit the same.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ..ops.normal_gate import _HALF_ODDS
from . import polynomials

HEAD = """
import numba
import numpy as np

inlined = numba.njit(fastmath={"contract"}, forceinline=True, error_model="numpy")


@numba.njit(fastmath={"reassoc"}, forceinline=True)
def add(total, number):
    return total + number


@inlined
def order(x):
    x = F(np.nan) if x != x else x  # the largest of all
    bits = F(x).view(I)
    low = I(bits >> I(LAST)) & I(MASK)
    return I(bits ^ low)


@inlined
def disorder(k):
    low = I(k >> I(LAST)) & I(MASK)
    return I(k ^ low).view(F)
"""

GATE = {
    "f": """
@inlined
def gate(x):
    z = x * x
    p = F(C0)
    p = p * z + F(C1)
    p = p * z + F(C2)
    p = p * z + F(C3)
    p = p * z + F(C4)
    p = p * z + F(C5)
    p = p * z + F(C6)
    return F(1) / (F(1) + exp@(F(-2) * (p * x)))
""",
    "d": """
@inlined
def gate(x):
    return F(0.5) * (F(1) + erf@(x * F(0.7071067811865476)))
""",
}

INSIDE = """
@inlined
def inside(x):
    return F(0.7978845608028654) * (x + F(0.044715) * x * x * x)
"""


class Source(NamedTuple):
    """A kernel: its text, its parameters ("F/in" for an array of the dtype), the functions of
    `polynomials` and the helpers it calls, and how many numbers come first."""

    body: str
    parameters: tuple[str, ...]
    functions: tuple[str, ...] = ()
    helper: str = ""
    numbers: int = 2


def elementwise(expression: str, count: int, helper: str = "", *functions: str) -> Source:
    """Return the source of a kernel whose result is an expression of x, or of g and x."""
    names = ["x"] if count == 1 else ["g", "x"]
    taken = ", ".join(f"{name}[k]" for name in names)
    body = f"""
@inlined
def value({", ".join(names)}):
    return {expression}


def kernel(first, last, {", ".join(f"{n}" for n in names)}, out):
    for i in range(first, last):
        k = np.uint64(i)
        out[k] = value({taken})
    return np.int64(0)
"""
    return Source(body, ("F/in",) * count + ("F/out",), functions, helper)


def rows(text: str, *parameters: str, functions: tuple[str, ...] = (), numbers: int = 3) -> Source:
    """Return the source of a kernel over rows, whose sums `spelled` writes out."""
    return Source(spelled(text), parameters, functions, "", numbers)


def spelled(text: str) -> str:
    """Return a text with its sums over a row written out.

    ``SUM one, other: statement; term, term`` makes some sums in one loop.
    """

    def sums_of(match: re.Match[str]) -> str:
        indent, names = match[1], match[2].split(", ")
        *statements, terms = match[3].split("; ")
        inner = statements + [
            f"{name}_part = add({name}_part, {term})"
            for name, term in zip(names, terms.split(", "), strict=True)
        ]
        lines = [
            *[f"{name}_all = 0.0" for name in names],
            "for block in range(0, columns, 2048):",
            *[f"    {name}_part = F(0)" for name in names],
            "    for j in range(block, min(block + 2048, columns)):",
            "        k, c = np.uint64(at + j), np.uint64(j)",
            *[f"        {line}" for line in inner],
            *[f"    {name}_all += np.float64({name}_part)" for name in names],
            *[f"{name} = F({name}_all)" for name in names],
        ]
        return "\n".join([indent + line for line in lines])

    return re.sub(r"^( +)SUM ([\w, ]+): (.*)$", sums_of, text, flags=re.MULTILINE)


_TOP = """\
        top = I(LOWEST)
        for j in range(SEEN):
            key = order(x[np.uint64(at + j)])
            top = key if key > top else top
        top_x = disorder(top)
"""

SOFTMAX = f"""
def kernel(first, last, columns, x, out):
    for i in range(first, last):
        at = i * columns
{_TOP.replace("SEEN", "columns")}
        SUM total: e = exp@(x[k] - top_x); out[k] = e; e
        for j in range(columns):
            k = np.uint64(at + j)
            out[k] = out[k] / total
    return np.int64(0)
"""

ATTENTION = """
def kernel(first, last, columns, queries, blind, x):
    for i in range(first, last):
        at = i * columns
        seen = columns if queries == 0 else min(i % queries + 1, columns)
        TOP
        top_x = F(0) if top_x == F(-np.inf) else top_x
        whole = 0.0
        for block in range(0, seen, 2048):
            part = F(0)
            for j in range(block, min(block + 2048, seen)):
                k = np.uint64(at + j)
                x[k] = exp@(x[k] - top_x)
                part = add(part, x[k])
            whole += np.float64(part)
        nothing = whole == 0.0
        scale = F(1) / F(1.0 if nothing else whole)
        for j in range(seen):
            k = np.uint64(at + j)
            x[k] = F(blind) if nothing else x[k] * scale
        for j in range(seen, columns):
            x[np.uint64(at + j)] = F(blind) if nothing else F(0)
    return np.int64(0)
""".replace("        TOP\n", _TOP.replace("SEEN", "seen"))

LOG_SOFTMAX = f"""
def kernel(first, last, columns, x, out):
    for i in range(first, last):
        at = i * columns
{_TOP.replace("SEEN", "columns")}
        SUM total: exp@(x[k] - top_x)
        total = log@(total)
        for j in range(columns):
            k = np.uint64(at + j)
            out[k] = (x[k] - top_x) - total
    return np.int64(0)
"""

SOFTMAX_ADJOINT = """
def kernel(first, last, columns, g, p, out):
    for i in range(first, last):
        at = i * columns
        SUM total: g[k] * p[k]
        for j in range(columns):
            k = np.uint64(at + j)
            out[k] = g[k] * p[k] - p[k] * total
    return np.int64(0)
"""

LOG_SOFTMAX_DX = """
def kernel(first, last, columns, g, y, out):
    for i in range(first, last):
        at = i * columns
        SUM total: g[k]
        for j in range(columns):
            k = np.uint64(at + j)
            out[k] = g[k] - exp@(y[k]) * total
    return np.int64(0)
"""

ROW_MOMENTS = """
def kernel(first, last, columns, x, mean, variance):
    for i in range(first, last):
        at = i * columns
        SUM total: x[k]
        centre = F(total_all / columns)
        SUM spread: (x[k] - centre) * (x[k] - centre)
        mean[np.uint64(i)] = centre
        variance[np.uint64(i)] = F(spread_all / columns)
    return np.int64(0)
"""

ROW_SQUARES = """
def kernel(first, last, columns, x, squares):
    for i in range(first, last):
        at = i * columns
        SUM total: x[k] * x[k]
        squares[np.uint64(i)] = F(total_all / columns)
    return np.int64(0)
"""

NORMALISE_ROWS = """
def kernel(first, last, columns, x, w, b, mean, rstd, out):
    for i in range(first, last):
        at = i * columns
        centre, scale = mean[np.uint64(i)], rstd[np.uint64(i)]
        for j in range(columns):
            k, c = np.uint64(at + j), np.uint64(j)
            out[k] = (x[k] - centre) * scale * w[c] + b[c]
    return np.int64(0)
"""

# The gradients of w and b are sums over rows: blocks of 64 in their dtype, blocks in float64.
ROWS_BACKWARD = """
def kernel(first, last, columns, centred, g, x, w, mean, rstd, dx, dw, db, pw, pb):
    for j in range(columns):
        pw[np.uint64(j)] = F(0)
        pb[np.uint64(j)] = F(0)
    for i in range(first, last):
        at = i * columns
        centre, scale = mean[np.uint64(i)], rstd[np.uint64(i)]
        SUM level, slope: gw = g[k] * w[c]; gw, gw * (x[k] - centre)
        slope = F(slope_all / columns) * scale * scale * scale
        level = F(level_all / columns) * scale if centred else F(0)
        for j in range(columns):
            k, c = np.uint64(at + j), np.uint64(j)
            d = x[k] - centre
            dx[k] = g[k] * w[c] * scale - level - d * slope
            pw[c] = pw[c] + g[k] * (d * scale)
            pb[c] = pb[c] + g[k]
        if (i - first) % 64 == 63 or i == last - 1:
            for j in range(columns):
                c = np.uint64(j)
                dw[c] += np.float64(pw[c])
                db[c] += np.float64(pb[c])
                pw[c] = F(0)
                pb[c] = F(0)
    return np.int64(0)
"""

# Channels: x is (count, channels, run); `together` neighbouring channels share their moments.
CHANNEL_MOMENTS = """
def kernel(first, last, count, channels, run, together, x, mean, variance):
    columns = together * run
    for q in range(first, last):
        whole = 0.0
        for n in range(count):
            at = (n * channels + q * together) * run
            SUM total: x[k]
            whole += total_all
        centre = F(whole / (count * columns))
        whole = 0.0
        for n in range(count):
            at = (n * channels + q * together) * run
            SUM spread: (x[k] - centre) * (x[k] - centre)
            whole += spread_all
        mean[np.uint64(q)] = centre
        variance[np.uint64(q)] = F(whole / (count * columns))
    return np.int64(0)
"""

NORMALISE_CHANNELS = """
def kernel(first, last, channels, run, x, scale, shift, out):
    for i in range(first, last):
        at = i * run
        q = np.uint64(i % channels)
        a, b = scale[q], shift[q]
        for j in range(run):
            k = np.uint64(at + j)
            out[k] = x[k] * a + b
    return np.int64(0)
"""

CHANNEL_SUMS = """
def kernel(first, last, count, channels, columns, g, x, mean, sums, slopes):
    for q in range(first, last):
        centre = mean[np.uint64(q)]
        whole, wide = 0.0, 0.0
        for n in range(count):
            at = (n * channels + q) * columns
            SUM total, slope: g[k], g[k] * (x[k] - centre)
            whole += total_all
            wide += slope_all
        sums[np.uint64(q)] = F(whole)
        slopes[np.uint64(q)] = F(wide)
    return np.int64(0)
"""

CHANNELS_BACKWARD = """
def kernel(first, last, channels, run, g, x, factor, slope, shift, dx):
    for i in range(first, last):
        at = i * run
        q = np.uint64(i % channels)
        a, b, d = factor[q], slope[q], shift[q]
        for j in range(run):
            k = np.uint64(at + j)
            dx[k] = g[k] * a - x[k] * b + d
    return np.int64(0)
"""

# The updates of optimizers: what `update` of Adam and SGD does, call by call, for one number.
ADAM = """
def kernel(first, last, decays, maximize, shrinks, near,
           size, factor, beta, rest, eps, decay, shrink, param, grad, mean, square):
    for i in range(first, last):
        k = np.uint64(i)
        g, p, m = grad[k], param[k], mean[k]
        g = -g if maximize else g
        g = g + p * F(decay) if decays else g
        p = p * F(shrink) if shrinks else p
        part = (g - m) * F(factor)
        m = m + part if near else g - part
        v = square[k] * F(beta) + g * F(rest) * g
        param[k] = p - m / (np.sqrt(v) + F(eps)) * F(size)
        mean[k] = m
        square[k] = v
    return np.int64(0)
"""

MOMENTUM = """
def kernel(first, last, decays, maximize, dampens, nesterov, start,
           lr, momentum, rest, decay, param, grad, buffer):
    for i in range(first, last):
        k = np.uint64(i)
        g, p = grad[k], param[k]
        g = -g if maximize else g
        g = g + p * F(decay) if decays else g
        b = buffer[k] * F(momentum) + (g * F(rest) if dampens else g)
        b = g if start else b
        g = g + b * F(momentum) if nesterov else b
        param[k] = p - g * F(lr)
        buffer[k] = b
    return np.int64(0)
"""

DESCENT = """
def kernel(first, last, decays, maximize, lr, decay, param, grad):
    for i in range(first, last):
        k = np.uint64(i)
        g, p = grad[k], param[k]
        g = -g if maximize else g
        g = g + p * F(decay) if decays else g
        param[k] = p - g * F(lr)
    return np.int64(0)
"""

_IN, _OUT, _BOTH, _NUMBER = "F/in", "F/out", "F/inout", "float64"
SOURCES = {
    "gelu": elementwise("x * gate(x)", 1, "gate", "exp", "erf"),
    "gelu_dx": elementwise(
        "g * (gate(x) + x * (exp@(x * x * F(-0.5)) * F(0.3989422804014327)))",
        2, "gate", "exp", "erf",
    ),
    "gelu_tanh": elementwise("x / (F(1) + exp@(F(-2) * inside(x)))", 1, "inside", "exp"),
    "gelu_tanh_dx": elementwise("g * tanh_slope(x)", 2, "tanh_slope", "exp"),
    "silu": elementwise("x / (F(1) + exp@(-x))", 1, "", "exp"),
    "silu_dx": elementwise("g * silu_slope(x)", 2, "silu_slope", "exp"),
    "softmax": rows(SOFTMAX, _IN, _OUT, functions=("exp",)),
    "attention": rows(ATTENTION, "float64", "F/inout", functions=("exp",), numbers=4),
    "log_softmax": rows(LOG_SOFTMAX, _IN, _OUT, functions=("exp", "log")),
    "softmax_adjoint": rows(SOFTMAX_ADJOINT, _IN, _IN, _OUT),
    "log_softmax_dx": rows(LOG_SOFTMAX_DX, _IN, _IN, _OUT, functions=("exp",)),
    "row_moments": rows(ROW_MOMENTS, _IN, _OUT, _OUT),
    "row_squares": rows(ROW_SQUARES, _IN, _OUT),
    "normalise_rows": rows(NORMALISE_ROWS, _IN, _IN, _IN, _IN, _IN, _OUT),
    "rows_backward": rows(
        ROWS_BACKWARD, _IN, _IN, _IN, _IN, _IN, _OUT, "float64/out", "float64/out",
        "F/scratch", "F/scratch", numbers=4,
    ),
    "channel_moments": rows(CHANNEL_MOMENTS, _IN, _OUT, _OUT, numbers=6),
    "normalise_channels": rows(NORMALISE_CHANNELS, _IN, _IN, _IN, _OUT, numbers=4),
    "channel_sums": rows(CHANNEL_SUMS, _IN, _IN, _IN, _OUT, _OUT, numbers=5),
    "channels_backward": rows(CHANNELS_BACKWARD, _IN, _IN, _IN, _IN, _IN, _OUT, numbers=4),
    "adam": rows(ADAM, *(_NUMBER,) * 7, _BOTH, _IN, _BOTH, _BOTH, numbers=6),
    "sgd": rows(DESCENT, _NUMBER, _NUMBER, _BOTH, _IN, numbers=4),
    "sgd_momentum": rows(MOMENTUM, *(_NUMBER,) * 4, _BOTH, _IN, _BOTH, numbers=7),
}  # fmt: skip

HELPERS = {
    "": "",
    "inside": INSIDE,
    # With e = exp(-|v|), s(v) (1 - s(v)) is e / (1 + e)^2 to the last places on both sides of 0.
    "tanh_slope": INSIDE
    + """

@inlined
def tanh_slope(x):
    v = F(2) * inside(x)
    e = exp@(-abs(v))
    r = F(1) / (F(1) + e)
    slope = F(1.5957691216057308) * (F(1) + F(0.134145) * x * x)
    return (r if v >= F(0) else e * r) + x * (e * r * r) * slope
""",
    "silu_slope": """
@inlined
def silu_slope(x):
    e = exp@(-abs(x))
    r = F(1) / (F(1) + e)
    return (r if x >= F(0) else e * r) + x * (e * r * r)
""",
}


def source_of(name: str, kind: str) -> tuple[str, tuple[str, ...], int]:
    """Return a kernel's text, its signature, and how many numbers come first.

    Parameters
    ----------
    name : str
        Of `SOURCES`.
    kind : str
        "f" for float32, "d" for float64.
    """
    made = SOURCES[name]
    width = 32 if kind == "f" else 64
    dtype = f"float{width}"
    functions = {one for one in made.functions if not (one == "erf" and kind == "f")}
    helper = GATE[kind] if made.helper == "gate" else HELPERS[made.helper]
    text = helper + made.body
    for place, number in enumerate(_HALF_ODDS):
        text = re.sub(rf"\bC{place}\b", repr(float(number)), text)
    parts = [HEAD, polynomials.source(functions, width) if functions else "", text]
    text = "\n\n".join(part.strip("\n") for part in parts if part) + "\n"
    text = text.replace("@(", f"{width}(").replace("erf@", f"erf{width}")
    for short, long in (
        ("F", f"np.{dtype}"), ("I", f"np.int{width}"), ("LAST", str(width - 1)),
        ("MASK", str((1 << (width - 1)) - 1)), ("LOWEST", str(-(1 << (width - 1)))),
    ):  # fmt: skip
        text = re.sub(rf"\b{short}\b", long, text)
    signature = tuple(re.sub(r"^F\b", dtype, one) for one in made.parameters)
    return text, signature, made.numbers
