"""Einstein summation."""

import pytest

from ..sampling import Sample, array

_X = array(3, 4)
_Y = array(4, 5)

# The nodes are other ones here: a pair of operands is one product.
_PLAIN = [
    ("ij,jk->ik", (3, 4), (4, 5)),
    ("ij,jk", (3, 4), (4, 5)),
    ("ij,kj->ki", (3, 4), (5, 4)),
    ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)),
    ("bij,bjk->ikb", (2, 3, 4), (2, 4, 5)),
    ("i,i->", (4,), (4,)),
    ("i,j->ij", (3,), (4,)),
    ("ij,ij->ij", (3, 4), (3, 4)),
    ("ij,ij->", (3, 4), (3, 4)),
    ("ij->", (3, 4)),
    ("ij->j", (3, 4)),
    ("ji", (3, 4)),
    ("ij->ji", (3, 4)),
    ("ii->i", (3, 3)),
    ("ii", (3, 3)),
    ("iij->j", (3, 3, 4)),
    ("iji->j", (3, 4, 3)),
    ("ij,jk,kl->il", (2, 3), (3, 4), (4, 5)),
    ("ij,jk,kl,lm->mi", (2, 3), (3, 4), (4, 5), (5, 2)),
    ("i,j,k->kij", (2,), (3,), (4,)),
    ("ij,ik,il->jkl", (2, 3), (2, 4), (2, 5)),
    ("bn,anm,bm->ba", (2, 3), (5, 3, 4), (2, 4)),
    ("...j,j", (2, 3, 4), (4,)),
    ("...ij,...jk->...ik", (2, 3, 4), (4, 5)),
    ("...ij,...jk->...ik", (2, 1, 3, 4), (6, 4, 5)),
    ("i...->...", (2, 3, 4)),
    ("...->...", (2, 3)),
    ("b...i,i->...b", (2, 3, 4), (4,)),
    ("ij,ij->ij", (3, 4), (1, 4)),
    ("ij,jk->ik", (3, 1), (4, 5)),
    ("ij,ij->i", (1, 4), (3, 4)),
    ("ij,j->i", (3, 1), (1,)),
    ("ij,kj->", (3, 4), (5, 4)),
    ("ij,k->ik", (3, 4), (5,)),
    ("aB,Bc->ca", (3, 4), (4, 5)),
    ("", ()),
    ("->", ()),
    (",ij->ij", (), (3, 4)),
    ("ij, jk -> ik", (3, 4), (4, 5)),
    ("ij,jk->ik", (0, 4), (4, 5)),
    ("ij,jk->ik", (3, 0), (0, 5)),
]


def _refused(equation, *shapes, match, raises=RuntimeError):
    arrays = [array(*shape) for shape in shapes]
    return Sample(equation, *arrays, raises=raises, match=match)


SAMPLES = {
    "einsum": [
        *[
            Sample(equation, *[array(*shape) for shape in shapes], skip="node")
            for equation, *shapes in _PLAIN
        ],
        Sample("ij,jk", [_X, _Y], skip="node"),
        Sample(_X, [0, 1], _Y, [1, 2], [0, 2], skip="node"),
        Sample(_X, [0, 1], _Y, [1, 2], skip="node"),
        Sample(array(2, 3, 4), [..., 0], [0, ...], skip="node"),
        Sample(
            "ij,jk->ik",
            array(3, 4, dtype="complex128"),
            array(4, 5, dtype="complex128"),
            skip="node",
        ),
        _refused("ij,jk", (3, 4), (3, 4), match="subscript j has size 3 for operand 1 which"),
        _refused("ij->k", (3, 4), match="output subscript k does not appear in the equation"),
        _refused("ij", (3, 4), (3, 4), match="more operands were provided than specified"),
        _refused("i,j", (4,), match="fewer operands were provided than specified"),
        _refused("ijk", (3, 4), match="the number of subscripts in the equation (3) does not"),
        _refused("ii", (3, 4), match="subscript i is repeated for operand 0 but the sizes"),
        _refused("ij->ii", (3, 4), match="output subscript i appears more than once"),
        _refused("i$->i", (3, 4), match="invalid subscript given at index 1 in the equation"),
        _refused("ij->j.i", (3, 4), match="found '.' for output that is not part of any ellip"),
        Sample(
            "ij,jk",
            array(3, 4, dtype="float32"),
            _Y,
            raises=RuntimeError,
            match="expected scalar type Float but found Double",
        ),
        Sample("ij->", raises=ValueError, match="must specify the equation string and at least"),
    ],
}


@pytest.mark.parametrize("equation, order", [("ab,bc,cd->ad", 2), ("ab,ac,ad->bcd", 3)])
def test_third_derivatives_close(equation, order):
    import retrograd as torch

    torch.manual_seed(0)
    x = torch.rand(2, 2, dtype=torch.float64, requires_grad=True)
    out = torch.einsum(equation, x, x, x).sum()
    for _ in range(order):
        (grad,) = torch.autograd.grad(out, x, create_graph=True)
        out = (grad * grad.detach()).sum()
    assert torch.isfinite(out)
