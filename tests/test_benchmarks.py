"""The benchmark command runs; nothing here depends on how fast."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.skipif(
    not (ROOT / "benchmarks").is_dir(), reason="benchmarks/ is only in the repository"
)


def run(*words):
    command = [sys.executable, "-m", "benchmarks", *words]
    return subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False
    )


def test_two_workloads_alone(tmp_path):
    pytest.importorskip("retrograd")
    file = tmp_path / "results.json"
    done = run("chain", "mlp-tiny", "--quick", "--peers", "", "--json", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads(file.read_text())
    assert [row["name"] for row in results["rows"]] == ["chain", "mlp-tiny"]
    for row in results["rows"]:
        assert row["result"]["problem"] is None
        assert all(seconds > 0 for seconds in row["result"]["subject"])
        assert isinstance(row["result"]["facts"]["subject"]["compiled"], bool)
    # the gradient and the first loss, as PyTorch 2.13 computes them
    checks = [row["result"]["facts"]["subject"]["check"] for row in results["rows"]]
    assert checks == pytest.approx([0.2218166, 1.1081824], rel=1e-5)


def test_unknown_names_are_refused():
    done = run("chian")
    assert done.returncode == 2
    assert "unknown: chian; there are chain-forward" in done.stderr


def test_a_part_of_a_table_is_not_written():
    done = run("chain", "--write")
    assert done.returncode == 2
    assert "--write records whole tables only: core, compile" in done.stderr


def test_a_compiled_step_and_jax(tmp_path):
    """Lowered before it is timed; both libraries on two threads, as many as it asks for."""
    pytest.importorskip("retrograd")
    file = tmp_path / "results.json"
    done = run("replay-mlp-tiny", "--quick", "--peers", "jax-jit", "--json", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    row = json.loads(file.read_text())["rows"][0]
    assert row["threads"] == 2
    assert row["table"] == "compile"
    assert row["result"]["facts"]["subject"]["check"] == pytest.approx(1.1081824, rel=1e-5)


def test_tables_are_written_where_they_belong(tmp_path):
    from benchmarks import report
    from benchmarks.turns import Comparison
    from benchmarks.workloads import WORKLOADS

    facts = {
        "subject": {"library": "retrograd", "version": "1", "numpy": "2", "compiled": True},
        "peer": {"library": "jax-jit", "version": "3", "numpy": "2"},
    }
    result = Comparison([1.0, 1.0], [2.0, 2.0], [0.5, 0.5], facts)
    compiled = report.judged(WORKLOADS["replay-mlp-tiny"], "jax-jit", result, 2)
    core = report.judged(WORKLOADS["mlp-tiny"], "jax-jit", result)
    readme = tmp_path / "README.md"
    marks = [
        f"<!-- {name}: begin -->\nold\n<!-- {name}: end -->\n"
        for name in ("compiled build", "compile", "pure build")
    ]
    readme.write_text("".join(marks))
    assert report.write([core, compiled], readme) == ["compiled build", "compile"]
    text = readme.read_text()
    assert text.count("old") == 1  # the pure build's
    assert (
        "| MLP 2-16-16-1, batch 32, SGD step: replay | 0.50 (0.50-0.50) | jax-jit <= 0.7: met |"
        in text
    )
    assert "threads: 2;" in text
    assert "jax 3" in text


def test_the_steps_of_the_first_kernel_are_workloads():
    from benchmarks import first_kernel
    from benchmarks.workloads import WORKLOADS

    assert set(first_kernel.STEPS.values()) <= set(WORKLOADS)
    assert set(first_kernel.TARGETS) <= set(first_kernel.STEPS)
