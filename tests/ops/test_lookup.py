"""Looking up by integer tensors."""

import numpy as np

from ..sampling import Sample, array

I = np.array([2, 0, 2])
LONG = "Expected a long tensor for index, but got Int"

SAMPLES = {
    "index_select": [
        Sample(array(3, 4), 0, I),
        Sample(array(2, 3, 4), 1, I),
        Sample(array(2, 3), dim=-1, index=I),
        Sample(array(3, 4), 0, I.astype("int32")),
        Sample(array(3, 4), 0, np.array(1)),
        Sample(array(), 0, np.array(0)),
        Sample(array(3, 4), 0, np.zeros(0, "int64")),
        Sample(array(4, 3).T, 0, I),
        Sample(array(3, dtype="bool"), 0, I),
        Sample(array(300, 64), 0, np.arange(200) * 7 % 300),
        Sample(array(3, 4), 0, I + 1, raises=IndexError, match="index out of range in self"),
        Sample(array(3, 4), 0, I - 1, raises=IndexError, match="index out of range in self"),
        Sample(
            array(3, 4),
            0,
            I.astype("int16"),
            raises=RuntimeError,
            match="index_select(): Expected dtype int32 or int64 for index",
        ),
        Sample(
            array(3, 4),
            0,
            I[None],
            raises=IndexError,
            match="index_select(): Index is supposed to be a vector",
        ),
        Sample(array(3, 4), 2, I, raises=IndexError, match="Dimension out of range"),
    ],
    "take": [
        Sample(array(3, 4), I),
        Sample(array(3, 4), np.array([[-1, 11], [0, 0]])),
        Sample(array(4, 3).T, I),
        Sample(array(), np.array([0, 0])),
        Sample(array(3), np.array(1)),
        Sample(array(0), np.zeros(0, "int64")),
        Sample(array(3), I + 1, raises=IndexError, match="out of range: tried to access index 3 o"),
        Sample(array(3), I.astype("int32"), raises=RuntimeError, match="take(): " + LONG),
        Sample(array(0), I, raises=IndexError, match="take(): tried to take from an empty tensor"),
    ],
    "put": [
        Sample(array(3, 4), np.array([2, 0, 11]), array(3)),
        Sample(array(3, 4), np.array([[2, -1]]), array(2)),
        Sample(array(3, 4), I, array(3), accumulate=True),
        Sample(array(3, 4), I, array(3), True),
        Sample(array(3), I, array(2), raises=IndexError, match="put_(): Expected source and index"),
        Sample(array(3), I + 1, array(3), raises=IndexError, match="out of range: tried to access"),
        Sample(
            array(3),
            I,
            array(3, dtype="float32"),
            raises=RuntimeError,
            match="put_(): self and source expected to have the same dtype, but got self.dtype = D",
        ),
    ],
    "nonzero": [
        Sample(array(3, 4, dtype="bool")),
        Sample(array(5, dtype="int64")),
        Sample(np.array(1.0)),
        Sample(np.array(0.0)),
        Sample(array(0, 3)),
        Sample(array(3, 4, dtype="bool"), as_tuple=True),
        Sample(np.array(2), as_tuple=True),
    ],
    "argwhere": [Sample(array(3, 4, dtype="bool")), Sample(np.array(1.0))],
    "nonzero_static": [
        Sample(np.array([0, 1, 0, 2.0]), size=4),
        Sample(np.array([[0, 1], [1, 1]]), size=2, fill_value=7),
    ],
    "unravel_index": [
        Sample(np.array([5, 7]), (2, 3, 4)),
        Sample(np.array(23), [2, 3, 4]),
        Sample(np.array([[1, 2]]), 24),
        Sample(array(2), (2, 3), raises=TypeError, match="expected 'indices' to be integer dtype"),
    ],
    "nn.functional.embedding": [
        Sample(I, array(3, 4)),
        Sample(I[None], array(3, 4)),
        Sample(np.array(1), array(3, 4)),
        # With these settings the gradient is not the derivative, by design; and of the division
        # by how often a row was looked up PyTorch's second derivative knows nothing.
        Sample(I.astype("int32"), array(3, 4), 0, skip="finite"),
        Sample(I, array(3, 4), padding_idx=-1, skip="finite"),
        Sample(I, array(3, 4), scale_grad_by_freq=True, skip=("finite", "second")),
        Sample(I, array(3, 4), 0, scale_grad_by_freq=True, skip=("finite", "second")),
        Sample(np.arange(200) % 37, array(50, 8)),
        Sample(I, array(3, 4), max_norm=1.0, constant=(1,), skip="value"),  # writes into the table
        Sample(I + 1, array(3, 4), raises=IndexError, match="index out of range in self"),
        Sample(I, array(3), raises=RuntimeError, match="'weight' must be 2-D"),
        Sample(I, array(3, 4), 3, raises=AssertionError, match="Padding_idx must be within num_em"),
        Sample(array(2), array(3, 4), raises=RuntimeError, match="to have one of the following"),
    ],
    "embedding": [
        Sample(array(3, 4), I),
        Sample(array(3, 4), I, 2, True, skip=("finite", "second")),
    ],
    "nn.functional.one_hot": [
        Sample(I),
        Sample(I, 5),
        Sample(I[None], num_classes=3),
        Sample(np.array(1)),
        Sample(np.zeros(0, "int64"), 3),
        Sample(I, 2, raises=RuntimeError, match="Class values must be smaller than num_classes."),
        Sample(-I, raises=RuntimeError, match="Class values must be non-negative."),
        Sample(np.zeros(0, "int64"), raises=RuntimeError, match="Can not infer total number of cl"),
        Sample(I.astype("int32"), raises=RuntimeError, match="only applicable to index tensor of "),
    ],
}


def test_embedding_renormalizes_the_rows_it_reads(torch_or_retrograd):
    lib = torch_or_retrograd
    table = lib.tensor([[3.0, 4.0], [0.3, 0.4], [6.0, 8.0]])
    rows = lib.nn.functional.embedding(lib.tensor([0, 1]), table, max_norm=1.0)
    np.testing.assert_allclose(rows.numpy(), [[0.6, 0.8], [0.3, 0.4]], rtol=1e-6)
    np.testing.assert_allclose(table.numpy(), [[0.6, 0.8], [0.3, 0.4], [6, 8]], rtol=1e-6)


def test_an_index_changed_before_backward_is_refused(torch_or_retrograd):
    lib = torch_or_retrograd
    x = lib.zeros(3, requires_grad=True)
    index = lib.tensor([0, 1])
    y = x.index_select(0, index)
    index += 1
    try:
        y.sum().backward()
    except RuntimeError as error:
        assert "modified by an inplace operation" in str(error) or "in place" in str(error)
    else:
        raise AssertionError("no error")
