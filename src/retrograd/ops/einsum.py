"""Einstein summation: pairs of operands become one batched matrix product each.

Every operand is first brought to a plain form: repeated subscripts become diagonals, subscripts
that nobody else has are summed away.  Then a pair is contracted by `contract`, whose rules are
contractions again.
"""

from __future__ import annotations

from functools import lru_cache
from math import prod as product_of

import numpy as np

from .._core.op import op
from .._core.public import public
from .._core.value import Value
from ._arguments import scalar_name
from .diagonals import diagonal
from .linear_algebra import conjugate_of, times
from .permuting import transpose_axes
from .reduction import sum as sum_over
from .shape import reshaped

# -- contracting a pair -------------------------------------------------------------------------


@lru_cache(maxsize=1024)
def pair_plan(x_subs, y_subs, out_subs):
    """Return how to contract two operands: which subscripts are of which kind, and orders.

    Every subscript of an operand is in the other one or in the result.
    """
    batch = [s for s in x_subs if s in y_subs and s in out_subs]
    summed = [s for s in x_subs if s in y_subs and s not in out_subs]
    left = [s for s in x_subs if s not in y_subs]
    right = [s for s in y_subs if s not in x_subs]
    x_order = tuple(x_subs.index(s) for s in batch + left + summed)
    y_order = tuple(y_subs.index(s) for s in batch + summed + right)
    made = batch + left + right
    out_order = tuple(made.index(s) for s in out_subs)
    return len(batch), len(summed), x_order, y_order, out_order


@lru_cache(maxsize=1024)
def spread_plan(subs, out_subs):
    """Return the order of an operand's axes, and where the result has axes that it lacks."""
    order = tuple(subs.index(s) for s in out_subs if s in subs)
    return order, tuple(s in subs for s in out_subs)


def in_order(x, order):
    """Return an array with its axes in an order; as it is when they are already."""
    return x if order == tuple(range(len(order))) else np.transpose(x, order)


def multiply_spread(x, y, x_subs, y_subs, out_subs):
    """Multiply two operands when nothing is summed."""
    parts = []
    for array, subs in ((x, x_subs), (y, y_subs)):
        order, there = spread_plan(subs, out_subs)
        array = in_order(array, order)
        sizes = iter(array.shape)
        parts.append(np.reshape(array, tuple([next(sizes) if has else 1 for has in there])))
    return parts[0] * parts[1]


@op(node="BmmBackward0")
def contract(x, y, *, x_subs, y_subs, out_subs):
    """Sum products over the subscripts that the result lacks.  (*S), (*T) -> (*U)"""
    batches, sums, x_order, y_order, out_order = pair_plan(x_subs, y_subs, out_subs)
    if sums == 0:
        return multiply_spread(x, y, x_subs, y_subs, out_subs)
    x = in_order(x, x_order)
    y = in_order(y, y_order)
    batch = x.shape[:batches]
    left = x.shape[batches : len(x.shape) - sums]
    right = y.shape[batches + sums :]
    inner = product_of(y.shape[batches : batches + sums])
    rows = np.reshape(x, (*batch, product_of(left), inner))
    columns = np.reshape(y, (*batch, inner, product_of(right)))
    product = np.matmul(rows, columns) if batches else times(rows, columns)
    return in_order(np.reshape(product, (*batch, *left, *right)), out_order)


@contract.grad("x")
def contract_dx(g, y, x_subs, y_subs, out_subs):
    return contract(g, conjugate_of(y), x_subs=out_subs, y_subs=y_subs, out_subs=x_subs)


@contract.grad("y")
def contract_dy(g, x, x_subs, y_subs, out_subs):
    return contract(conjugate_of(x), g, x_subs=x_subs, y_subs=out_subs, out_subs=y_subs)


# -- reading the equation -----------------------------------------------------------------------

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# Axes under an ellipsis get subscripts of their own, counted from the last.
_ELLIPSIS = [chr(code) for code in range(0x100, 0x180)]


@lru_cache(maxsize=512)
def read_equation(equation):
    """Return the subscripts of the operands and of the result, None when it is not given.

    An ellipsis is one entry, ``"..."``.
    """
    parts = [[]]
    output = None
    current = parts[0]
    at = 0
    while at < len(equation):
        letter = equation[at]
        if letter == " ":
            pass
        elif letter == ".":
            where = "the output" if output is not None else f"operand {len(parts) - 1}"
            if equation[at : at + 3] != "...":
                name = "output" if output is not None else where
                raise RuntimeError(
                    f"einsum(): found '.' for {name} that is not part of any ellipsis (...)"
                )
            if "..." in current:
                name = "output" if output is not None else where
                raise RuntimeError(
                    f"einsum(): found '.' for {name} for which an ellipsis was already found"
                )
            current.append("...")
            at += 2
        elif letter == "," and output is None:
            parts.append([])
            current = parts[-1]
        elif letter == "-" and output is None:
            if equation[at : at + 2] != "->":
                raise RuntimeError(
                    "einsum(): found '-' that is not part of the arrow (->) in the equation"
                )
            output = []
            current = output
            at += 1
        elif letter in _LETTERS:
            current.append(letter)
        else:
            raise RuntimeError(
                f"einsum(): invalid subscript given at index {at} in the equation string, "
                "subscripts must be in [a-zA-Z]"
            )
        at += 1
    return tuple([tuple(p) for p in parts]), None if output is None else tuple(output)


def _from_sublists(args):
    """Read ``einsum(x, [0, 1], y, [1, 2], [0, 2])``."""
    tensors = []
    parts = []
    at = 0
    while at + 1 < len(args):
        tensors.append(args[at])
        parts.append(_subscripts_of(args[at + 1]))
        at += 2
    output = _subscripts_of(args[at]) if at < len(args) else None
    return tensors, tuple(parts), output


def _subscripts_of(numbers):
    found = []
    for number in numbers:
        if number is Ellipsis:
            found.append("...")
        elif 0 <= number < 52:
            found.append(_LETTERS[number])
        else:
            raise ValueError(f"einsum(): subscript {number} is not within the valid range [0, 52)")
    return tuple(found)


def plain_subscripts(parts, output, shapes):
    """Put subscripts in the place of every ellipsis, and make the output explicit.

    Returns
    -------
    list of str, str
    """
    widest = 0
    for number, (part, shape) in enumerate(zip(parts, shapes)):
        named = len(part) - ("..." in part)
        if "..." not in part and named != len(shape):
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({named}) does not match "
                f"the number of dimensions ({len(shape)}) for operand {number} and no ellipsis "
                "was given"
            )
        if named > len(shape):
            raise RuntimeError(
                f"einsum(): the number of subscripts in the equation ({named}) is more than "
                f"the number of dimensions ({len(shape)}) for operand {number}"
            )
        if "..." in part:
            widest = max(widest, len(shape) - named)
    plain = []
    for part, shape in zip(parts, shapes):
        width = len(shape) - (len(part) - 1)
        under = "".join(_ELLIPSIS[:widest][widest - width :]) if "..." in part else ""
        plain.append("".join([under if s == "..." else s for s in part]))
    everything = "".join(_ELLIPSIS[:widest])
    if output is None:
        letters = "".join(plain)
        once = [s for s in sorted(set(letters)) if letters.count(s) == 1 and s in _LETTERS]
        return plain, everything + "".join(once)
    out = "".join([everything if s == "..." else s for s in output])
    for s in out:
        if out.count(s) > 1:
            raise RuntimeError(
                f"einsum(): output subscript {s} appears more than once in the output"
            )
        if not any(s in part for part in plain) and s in _LETTERS:
            raise RuntimeError(
                f"einsum(): output subscript {s} does not appear in the equation for any input "
                "operand"
            )
    return plain, out


def sizes_of_subscripts(plain, shapes):
    """Return the size of every subscript; 1 gives way to any other."""
    sizes = {}
    for number, (subs, shape) in enumerate(zip(plain, shapes)):
        own = {}
        for s, size in zip(subs, shape):
            if s in own and own[s] != size:
                raise RuntimeError(
                    f"einsum(): subscript {s} is repeated for operand {number} but the sizes "
                    f"don't match, {size} != {own[s]}"
                )
            own[s] = size
            if sizes.get(s, 1) == 1:
                sizes[s] = size
            elif size not in (1, sizes[s]):
                raise RuntimeError(
                    f"einsum(): subscript {s} has size {size} for operand {number} which does "
                    f"not broadcast with previously seen size {sizes[s]}"
                )
    return sizes


# -- the public function ------------------------------------------------------------------------


def without_repeats(x, subs):
    """Take diagonals until no subscript is there twice."""
    for s in subs:
        while subs.count(s) > 1:
            first = subs.index(s)
            second = subs.index(s, first + 1)
            x = diagonal(x, offset=0, axis1=first, axis2=second)
            subs = subs[:first] + subs[first + 1 : second] + subs[second + 1 :] + s
    return x, subs


def sum_away(x, subs, keep):
    """Sum over the subscripts that are not to be kept."""
    axes = tuple([n for n, s in enumerate(subs) if s not in keep])
    if not axes:
        return x, subs
    return sum_over(x, axis=axes), "".join([s for s in subs if s in keep])


def without_ones(x, subs, sizes):
    """Drop the axes of size 1 whose subscript has another size elsewhere."""
    shape = x.get_shape()
    kept = [n for n, s in enumerate(subs) if not (shape[n] == 1 and sizes[s] != 1)]
    if len(kept) == len(subs):
        return x, subs
    return reshaped(x, tuple([shape[n] for n in kept])), "".join([subs[n] for n in kept])


@lru_cache(maxsize=256)
def order_of_pairs(plain, out, sizes):
    """Return which two operands to contract, again and again; the cheapest next one each time."""
    subs = list(plain)
    size = dict(sizes)
    steps = []
    while len(subs) > 2:
        best = None
        for i in range(len(subs)):
            for j in range(i + 1, len(subs)):
                rest = set(out).union(*[subs[k] for k in range(len(subs)) if k not in (i, j)])
                both = set(subs[i]) | set(subs[j])
                work = product_of([size[s] for s in both])
                made = product_of([size[s] for s in both & rest])
                gain = made - product_of([size[s] for s in subs[i]])
                gain -= product_of([size[s] for s in subs[j]])
                if best is None or (gain, work) < best[0]:
                    best = ((gain, work), i, j)
        _, i, j = best
        steps.append((i, j))
        rest = set(out).union(*[subs[k] for k in range(len(subs)) if k not in (i, j)])
        made = "".join(sorted((set(subs[i]) | set(subs[j])) & rest))
        subs = [s for k, s in enumerate(subs) if k not in (i, j)] + [made]
    if len(subs) == 2:
        steps.append((0, 1))
    return steps


@public("einsum", method=False)
def einsum(*args):
    """Sum products of the operands over the subscripts that the result lacks.

    Parameters
    ----------
    equation : str
        ``"ij,jk->ik"``; without an arrow the result has, in alphabetical order, the subscripts
        that are there once.  ``...`` stands for any more dimensions, which broadcast.
    *operands : Tensor
        Or one list of them.  The sublist form ``einsum(x, [0, 1], y, [1, 2], [0, 2])`` works too.

    Examples
    --------
    >>> import retrograd as torch
    >>> torch.einsum("ij,j->i", torch.ones(2, 3), torch.ones(3))
    tensor([3., 3.])
    """
    if len(args) < 2:
        raise ValueError(
            "einsum(): must specify the equation string and at least one operand, or at least "
            "one operand and its subscripts list"
        )
    if isinstance(args[0], Value):
        tensors, parts, output = _from_sublists(args)
    else:
        tensors = args[1:]
        if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
            tensors = tensors[0]
        parts, output = read_equation(args[0])
    for number, one in enumerate(tensors):
        if not isinstance(one, Value):
            raise TypeError(
                f"einsum(): argument 'operands' (position {number + 2}) must be Tensor, "
                f"not {type(one).__name__}"
            )
    if len(parts) != len(tensors):
        word = "more" if len(tensors) > len(parts) else "fewer"
        raise RuntimeError(
            f"einsum(): {word} operands were provided than specified in the equation"
        )
    _expect_one_dtype(tensors)
    return _einsum(list(tensors), parts, output)


def _expect_one_dtype(tensors):
    first = tensors[0].get_dtype()
    for one in tensors[1:]:
        if one.get_dtype() != first:
            raise RuntimeError(
                f"expected scalar type {scalar_name(first)} but found "
                f"{scalar_name(one.get_dtype())}"
            )


def _einsum(tensors, parts, output):
    shapes = [one.get_shape() for one in tensors]
    plain, out = plain_subscripts(parts, output, shapes)
    sizes = sizes_of_subscripts(plain, shapes)
    for number, subs in enumerate(plain):
        x, subs = without_repeats(tensors[number], subs)
        x, subs = without_ones(x, subs, sizes)
        tensors[number], plain[number] = x, subs
    for number, subs in enumerate(plain):
        others = set(out).union(*[s for n, s in enumerate(plain) if n != number])
        tensors[number], plain[number] = sum_away(tensors[number], subs, others)
    for i, j in order_of_pairs(tuple(plain), out, tuple(sizes.items())):
        x, y = tensors[i], tensors[j]
        x_subs, y_subs = plain[i], plain[j]
        tensors = [one for k, one in enumerate(tensors) if k not in (i, j)]
        plain = [subs for k, subs in enumerate(plain) if k not in (i, j)]
        rest = set(out).union(*plain)
        made = "".join([s for s in x_subs + y_subs if s in rest])
        made = "".join(dict.fromkeys(made))
        if not tensors:
            made = "".join([s for s in out if s in made])
        tensors.append(contract(x, y, x_subs=x_subs, y_subs=y_subs, out_subs=made))
        plain.append(made)
    return _arranged(tensors[0], plain[0], out)


def _arranged(x, subs, out):
    """Return the last operand in the order of the output, with sizes 1 that were dropped."""
    there = [s for s in out if s in subs]
    order = tuple([subs.index(s) for s in there])
    if order != tuple(range(len(order))):
        x = transpose_axes(x, axes=order)
    if len(there) != len(out):
        sizes = iter(x.get_shape())
        x = reshaped(x, tuple([next(sizes) if s in subs else 1 for s in out]))
    return x
