"""The graph, the report and the log of a compiled function."""

from __future__ import annotations

import numpy as np
import pytest

import retrograd as torch
from retrograd.compiler import CompiledFunction, explain, lower_next


def product(x, w):
    return torch.tanh(x @ w) * 2


def recorded(*args):
    compiled = CompiledFunction(product)
    compiled(*args)
    return compiled


def test_entries_say_what_goes_in_and_out():
    compiled = recorded(torch.randn(4, 3), torch.randn(3, 2))
    first = next(iter(compiled.graph))
    assert (first.kind, first.name, first.part) == ("call", "mm", "forward")
    assert [one.shape for one in first.inputs] == [(4, 3), (3, 2)]
    assert [one.dtype for one in first.outputs] == [np.float32]
    assert first.bytes == 4 * 2 * 4
    assert str(first) == "s2: float32[4, 2] = mm(s0, s1)"
    assert len(compiled.graph) == 3


def test_lowered_entries_have_flops():
    compiled = recorded(torch.randn(4, 3), torch.randn(3, 2))
    lower_next(compiled)
    compiled(torch.randn(4, 3), torch.randn(3, 2))
    entries = list(compiled.graph)
    assert [entry.name for entry in entries] == ["dot", "tanh", "multiply"]
    assert [entry.flops for entry in entries] == [2 * 4 * 3 * 2, 8 * 15, 8]
    assert compiled.graph.flops == sum(entry.flops for entry in entries)
    assert "s3: float32[4, 2] = tanh(s2)" in str(compiled.graph)


def test_backward_entries_come_after_forward():
    compiled = recorded(torch.randn(4, 3), torch.randn(3, 2, requires_grad=True))
    parts = [entry.part for entry in compiled.graph]
    assert parts == sorted(parts, reverse=True)
    assert "its backward" in str(compiled.graph)


def test_the_report_counts():
    compiled = recorded(torch.randn(4, 3), torch.randn(3, 2))
    report = explain(compiled)
    assert (report.segments, report.branches, report.lowered) == (1, 0, 0)
    assert report.recorded == report.calls == 3
    assert report.guards[0].startswith("the arguments")
    assert "product: 1 segments, 0 branches" in str(report)


def test_the_report_says_what_stays_whole():
    torch.linalg.matrix_exp(torch.eye(3))  # loads what it needs
    compiled = CompiledFunction(torch.linalg.matrix_exp)
    x = torch.randn(3, 3)
    compiled(x)
    lower_next(compiled)
    compiled(x)
    assert list(explain(compiled).whole) == ["matrix_exp"]


def test_modules_are_explained():
    module = torch.compile(torch.nn.Linear(2, 2))
    module(torch.randn(1, 2))
    assert explain(module).segments == 1
    with pytest.raises(TypeError, match="explain: expected a compiled function, got int"):
        explain(3)


def test_new_traces_are_told(monkeypatch, capsys):
    factor = 2.0

    def scaled(x, y=1):
        return x * factor * y

    compiled = CompiledFunction(scaled)
    compiled(torch.ones(3))
    compiled(torch.ones(4))
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("RETROGRAD_LOGS", "recompiles")
    compiled(torch.ones(5))
    factor = 3.0
    compiled(torch.ones(5))
    compiled(torch.ones(5, dtype=torch.float64))
    compiled(torch.ones(5, dtype=torch.float64), 2)
    with torch.no_grad():
        compiled(torch.ones(5))
    told = capsys.readouterr().err.splitlines()
    assert told == [
        "compile: scaled is recorded anew: shape of argument 0 was (4,), is (5,)",
        "compile: scaled is recorded anew: a closure's variable was 2.0, is 3.0",
        "compile: scaled is recorded anew: strides of argument 0 was (4,), is (8,)",
        "compile: scaled is recorded anew: the number of arguments differs",
        "compile: scaled is recorded anew: a mode (grad, inference, anomaly) differs",
    ]


def test_variables_that_count_as_arguments_are_not_told(monkeypatch, capsys):
    """Nor does it disturb the call that a variable is gone."""
    factor, held = torch.ones(2), [1]

    def scaled(x):
        return x * factor * held[0]

    compiled = CompiledFunction(scaled)
    x = torch.ones(2)
    for _ in range(3):
        compiled(x)
        factor = torch.ones(2)
    monkeypatch.setenv("RETROGRAD_LOGS", "recompiles")
    held[0] = 2
    compiled(x)
    assert capsys.readouterr().err == "compile: scaled is recorded anew: a list was changed\n"
    gone = None
    other = CompiledFunction(lambda x: x if gone is None else x * 2)  # noqa: F821
    other(x)
    del gone
    with pytest.raises(NameError):
        other(x)
    assert capsys.readouterr().err.startswith("compile: <lambda> is recorded anew: a closure's")
